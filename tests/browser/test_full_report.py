"""Evidently's full report in a tab of JupyterLab: opened by the kernel, a link, and the sidebar."""

from __future__ import annotations

import re
from contextlib import suppress

import nbformat
from playwright.sync_api import Error, FrameLocator, Locator, Page, expect

from tests.browser.lab import Lab
from tests.browser.test_sidebar import CHANGE_THEME, accessible, open_by_mouse
from tests.notebooks import wait_for

code = nbformat.v4.new_code_cell

FRAMES = """%load_ext mlops_nb
import pandas as pd
old = pd.DataFrame({"<b>age": [20.5 + i for i in range(60)], "sex": ["f", "m"] * 30})
new = old.assign(**{"<b>age": old["<b>age"] + 40})"""
TO_FILE = '%mlops drift old new --report "größe 1.html" --open'
IN_RUN = "%mlops track\n%mlops drift old new --report"

# What a script in the frame can reach of the page around it, and of the server.
REACHES = """async () => {
    const reached = [location.origin];
    try { reached.push(parent.document.title) } catch (error) { reached.push(error.name) }
    try { reached.push((await fetch('/api/contents')).status) }
    catch (error) { reached.push(error.name) }
    return reached;
}"""
BACKGROUND = "getComputedStyle(document.querySelector('.MuiPaper-root')).backgroundColor"


def frame(page: Page) -> FrameLocator:
    """The frame of the report in front."""
    return page.frame_locator(".mlops-Report:visible iframe")


def rendered(page: Page) -> Locator:
    """What Evidently's own scripts have drawn in it."""
    return frame(page).get_by_text("Drift is detected for 50.0% of columns (1 out of 2)")


def background(page: Page) -> str | None:
    """Return the report's own colour; None while it is being drawn anew."""
    page.wait_for_timeout(50)  # the page's events are heard meanwhile
    for shown in page.frames:
        if shown.parent_frame:
            with suppress(Error):
                return str(shown.evaluate(BACKGROUND))
    return None


def tabs(page: Page) -> Locator:
    return page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="Evidently: Drift")


def test_the_report_is_opened_by_its_kernel_its_link_and_its_run(lab: Lab, page: Page) -> None:
    lab.write("müde Bären/age.ipynb", code(FRAMES), code(TO_FILE), code(IN_RUN))
    (lab.folder / "müde Bären" / "mlops.toml").write_text('[project]\nname = "bears"\n')
    lab.open(page, "müde%20Bären/age.ipynb")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    # The kernel opens it.
    lab.command(page, "notebook:run-all-cells")
    expect(rendered(page)).to_be_visible()
    expect(tabs(page)).to_have_count(1)
    expect(tabs(page)).to_contain_text("Drift, old → new")
    expect(frame(page).get_by_text("＜b>age").first).to_be_visible()
    shown = next(f for f in page.frames if f.parent_frame)
    assert shown.evaluate(REACHES) == ["null", "SecurityError", "TypeError"]

    # It is dark where JupyterLab is.
    light = shown.evaluate(BACKGROUND)
    page.evaluate(CHANGE_THEME, "JupyterLab Dark")
    wait_for(lambda: background(page) not in (None, light))
    expect(rendered(page)).to_be_visible()
    page.evaluate(CHANGE_THEME, "JupyterLab Light")

    # A link in each panel leads to it, also by keyboard: the same tab for the same report.
    page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="age.ipynb").click()
    links = page.get_by_role("link", name="Evidently's full report")
    expect(links).to_have_count(2)
    links.first.focus()
    page.keyboard.press("Enter")
    expect(rendered(page)).to_be_visible()
    expect(tabs(page)).to_have_count(1)
    page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="age.ipynb").click()
    links.last.click()
    expect(tabs(page)).to_have_count(2)
    expect(rendered(page)).to_be_visible()

    # So does the row of the run that keeps it.
    sidebar = open_by_mouse(page)
    button = sidebar.get_by_role("button", name=re.compile("^Open Evidently.s report of age"))
    expect(button).to_be_visible()
    accessible(page, "#mlops-sidebar")
    page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text="age.ipynb").click()
    expect(rendered(page)).to_have_count(0)
    button.click()
    expect(rendered(page)).to_be_visible()

    # A reload brings both back.
    lab.reload(page, "mlops-report", 2)
    expect(tabs(page)).to_have_count(2)
    expect(rendered(page)).to_be_visible()
    foreign = [url for url in asked if f"127.0.0.1:{lab.port}/" not in url]
    assert [url for url in foreign if not url.startswith(("data:", "blob:", "about:"))] == []
