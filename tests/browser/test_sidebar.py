"""The loop in the sidebar, by mouse and by keyboard alone: track, schedule, run, see, open."""

from __future__ import annotations

import re
import time
from pathlib import Path

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.lab import Lab
from tests.browser.test_track_command import choose_from_palette
from tests.notebooks import mlops

code = nbformat.v4.new_code_cell

CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
FOCUSED = """() => {
    const { activeElement } = document;
    return activeElement.getAttribute('aria-label') ?? activeElement.textContent;
}"""

SESSIONS = """async () => {
    const { sessions } = window.jupyterapp.serviceManager;
    await sessions.refreshRunning();
    return [...sessions.running()].length;
}"""

# What ends a transition, such as that of colours between two themes.
SETTLED = "() => !document.getAnimations().some(each => each instanceof CSSTransition)"
# The last cell goes on as long as there is such a file.
HOLD = "hold"


def write_project(lab: Lab, name: str) -> Path:
    """Write a project with a notebook to train, as its own folder in the lab."""
    parameters = code("months = 1", metadata={"tags": ["parameters"]})
    track = code("%load_ext mlops_nb\n%mlops track")
    work = code(
        "%mlops log auc=0.8123\nimport os, time\n"
        f"while os.path.exists('{HOLD}'): time.sleep(0.1)\nprint('trained on', months)"
    )
    notebook = lab.write(f"{name}/train.ipynb", parameters, track, work)
    (notebook.parent / "mlops.toml").write_text(f'[project]\nname = "{name}"\n')
    return notebook


def sidebar(page: Page) -> Locator:
    return page.locator("#mlops-sidebar")


def open_by_mouse(page: Page) -> Locator:
    page.locator(".lm-TabBar-tab[data-id='mlops-sidebar']").click()
    shown = sidebar(page)
    expect(shown).to_be_visible()
    return shown


def accessible(page: Page, where: str) -> None:
    """Fail with axe-core's report if a rule of WCAG 2.2 AA is broken in a part of the page."""
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, context={"include": [[where]]}, options=rules)
    assert found.violations_count == 0, found.generate_report()


def in_both_themes(page: Page, where: str) -> None:
    """Look for what is not accessible in a part of the page, in light and dark."""
    for is_light, theme in (("false", "JupyterLab Dark"), ("true", "JupyterLab Light")):
        page.evaluate(CHANGE_THEME, theme)
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", is_light)
        page.wait_for_timeout(300)  # colours begin to fade
        page.wait_for_function(SETTLED)
        accessible(page, where)


def test_the_loop_by_mouse(lab: Lab, page: Page) -> None:
    hold = write_project(lab, "mouse").with_name(HOLD)
    lab.open(page, "mouse/train.ipynb")
    shown = open_by_mouse(page)
    expect(shown.locator("h2")).to_have_text("mouse")
    expect(shown.get_by_text("No runs yet")).to_be_visible()
    in_both_themes(page, "#mlops-sidebar")

    # A tracked cell appears by itself, also its end.
    lab.run_all(page)
    row = shown.locator(".mlops-Row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("train")
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("0.8123")
    lab.command(page, "kernelmenu:shutdown")
    expect(row).to_contain_text("Finished")
    in_both_themes(page, "#mlops-sidebar")

    row.get_by_title("Open the details of train").click()
    details = page.locator(".mlops-Details:visible iframe")
    expect(details).to_have_attribute("sandbox", "")
    expect(details.content_frame.get_by_text("Cells").first).to_be_visible()

    # Schedule the notebook.
    page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text="train.ipynb").first.click()
    page.get_by_role("button", name="Schedule").click()
    page.get_by_role("button", name="Save and go on").click()
    form = page.locator(".jp-Dialog")
    expect(form.get_by_label("Job name")).to_have_value("train")
    expect(form.locator("time, li").filter(has_text=re.compile(r"20\d\d")).first).to_be_visible()
    in_both_themes(page, ".jp-Dialog")
    form.get_by_label("When").select_option("custom")
    form.get_by_label("Cron expression").fill("61 * * * *")
    expect(form.get_by_text("is no cron expression")).to_be_visible()
    form.get_by_label("Cron expression").fill("0 6 1 * *")
    expect(form.get_by_text("is no cron expression")).to_have_count(0)
    form.get_by_role("button", name="Schedule").click()
    expect(form).to_have_count(0)

    job = shown.locator(".mlops-Row", has_text="At 06:00")
    expect(job).to_contain_text("not yet")
    expect(shown.get_by_text("No scheduler is running")).to_be_visible()
    in_both_themes(page, "#mlops-sidebar")

    hold.touch()
    job.get_by_role("button", name="Run train now").click()
    expect(job).to_contain_text("Running")
    hold.unlink()
    expect(job).to_contain_text("Finished")
    in_both_themes(page, "#mlops-sidebar")

    # Open what it left; no kernel is started for that.
    sessions = page.evaluate(SESSIONS)
    job.get_by_role("button", name=re.compile("^Open the executed notebook")).first.click()
    executed = page.locator(".mlops-Executed:visible")
    expect(executed.get_by_text("trained on 1")).to_be_visible()
    read_only = "() => window.jupyterapp.shell.currentWidget.content.widgets.map(c => c.readOnly)"
    assert page.evaluate(read_only) == [True] * 3
    assert page.evaluate(SESSIONS) == sessions

    # All of that is there again after a reload.
    lab.reload(page, "mlops-executed", 1)
    expect(sidebar(page)).to_be_visible()
    expect(sidebar(page).get_by_role("tab", name="Jobs")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".mlops-Executed").get_by_text("trained on 1")).to_be_visible()

    sidebar(page).get_by_role("button", name="Pause train").click()
    expect(sidebar(page).locator(".mlops-Row")).to_contain_text("Paused")
    sidebar(page).get_by_role("button", name="Resume train").click()
    expect(sidebar(page).locator(".mlops-Row")).not_to_contain_text("Paused")
    sidebar(page).get_by_role("button", name="Remove train").click()
    page.locator(".jp-Dialog").get_by_role("button", name="Remove").click()
    expect(sidebar(page).get_by_text("No jobs yet")).to_be_visible()


def press_until(page: Page, key: str, label: str, most: int = 40) -> None:
    """Press a key until what is focused is called so, as one does who can't use a mouse."""
    passed = []
    for _ in range(most):
        passed.append(page.evaluate(FOCUSED) or "")
        if passed[-1].startswith(label):
            return
        page.keyboard.press(key)
    pytest.fail(f"{label!r} was not reached, but {[text[:40] for text in passed]}")


def test_the_loop_by_keyboard_alone(lab: Lab, page: Page) -> None:
    write_project(lab, "keys")
    lab.open(page, "keys/train.ipynb")
    choose_from_palette(page, "Run All Cells")
    choose_from_palette(page, "Open the MLOps sidebar")
    shown = sidebar(page)
    expect(shown.locator(".mlops-Row")).to_contain_text("0.8123")

    expect(shown.get_by_role("tab", name="Runs")).to_be_focused()
    press_until(page, "Tab", "train")
    page.keyboard.press("Enter")
    expect(page.locator(".mlops-Details:visible")).to_be_visible()

    # Back to the notebook, and schedule it.
    choose_from_palette(page, "Activate Previous Tab")
    choose_from_palette(page, "Schedule this notebook")
    page.keyboard.press("Enter")  # save and go on
    form = page.locator(".jp-Dialog")
    expect(form.get_by_label("Job name")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("nightly")
    press_until(page, "Tab", "Schedule")
    page.keyboard.press("Enter")
    expect(form).to_have_count(0)

    choose_from_palette(page, "Open the MLOps sidebar")
    expect(shown.get_by_role("tab", name="Jobs")).to_have_attribute("aria-selected", "true")
    press_until(page, "Tab", "Jobs")
    press_until(page, "Tab", "nightly")
    press_until(page, "ArrowRight", "Run nightly now")
    page.keyboard.press("Enter")
    row = shown.locator(".mlops-Row", has_text="nightly")
    expect(row).to_contain_text("Finished")
    press_until(page, "ArrowRight", "Open the executed notebook")
    page.keyboard.press("Enter")
    expect(page.locator(".mlops-Executed:visible").get_by_text("trained on 1")).to_be_visible()


def test_what_a_terminal_does_is_seen_without_a_reload(lab: Lab, page: Page) -> None:
    notebook = write_project(lab, "elsewhere")
    lab.open(page, "elsewhere/train.ipynb")
    shown = open_by_mouse(page)
    expect(shown.get_by_text("No runs yet")).to_be_visible()
    done = mlops("run", "train.ipynb", "--name", "by hand", cwd=notebook.parent)
    ended = time.monotonic()
    assert done.returncode == 0, done.stderr
    expect(shown.locator(".mlops-Row")).to_contain_text("Finished")
    print(f"from the run's end to its row: {time.monotonic() - ended:.2f} s")
    shown.get_by_role("tab", name="Jobs").click()
    expect(shown.get_by_text("No jobs yet")).to_be_visible()
    cron = ("--cron", "0 3 * * 1", "--tz", "Europe/Berlin")
    assert mlops("jobs", "add", "weekly", "train.ipynb", *cron, cwd=notebook.parent).returncode == 0
    expect(shown.locator(".mlops-Row")).to_contain_text("weekly")


def test_a_project_that_vanishes_and_a_server_that_is_away_are_told(lab: Lab, page: Page) -> None:
    notebook = write_project(lab, "vanishing")
    lab.open(page, "vanishing/train.ipynb")
    shown = open_by_mouse(page)
    expect(shown.get_by_text("No runs yet")).to_be_visible()

    page.route("**/mlops/**", lambda route: route.abort())
    shown.get_by_role("button", name="Refresh").click()
    expect(shown.get_by_text("Offline")).to_be_visible()
    in_both_themes(page, "#mlops-sidebar")
    page.unroute("**/mlops/**")
    expect(shown.get_by_text("Offline")).to_have_count(0)

    # JupyterLab's file browser may tell of it too, in a dialog over the page.
    dialog = page.get_by_role("dialog").filter(has_text="Directory not found")
    page.add_locator_handler(dialog, lambda found: found.get_by_role("button").first.click())
    notebook.parent.rename(notebook.parent.with_name("moved"))
    shown.get_by_role("button", name="Refresh").click()
    expect(shown.get_by_role("button", name=re.compile("again|Retry"))).to_be_visible()
    in_both_themes(page, "#mlops-sidebar")
    notebook.parent.with_name("moved").rename(notebook.parent)
    shown.get_by_role("button", name=re.compile("again|Retry")).click()
    expect(shown.get_by_text("No runs yet")).to_be_visible()


def test_a_server_without_the_extension_says_how_to_switch_it_on(lab: Lab, page: Page) -> None:
    write_project(lab, "without")
    page.route("**/mlops/**", lambda route: route.fulfill(status=404, body="<h1>404</h1>"))
    lab.open(page, "without/train.ipynb")
    shown = open_by_mouse(page)
    expect(shown).to_contain_text("jupyter server extension enable mlops_nb")
    in_both_themes(page, "#mlops-sidebar")


def test_a_slow_server_is_waited_for_in_sight(lab: Lab, page: Page) -> None:
    write_project(lab, "slow")
    waiting: list[Route] = []
    is_slow = True

    def hold(route: Route) -> None:
        if is_slow:
            waiting.append(route)
        else:
            route.continue_()

    page.route("**/mlops/**", hold)
    lab.open(page, "slow/train.ipynb")
    shown = open_by_mouse(page)
    expect(shown.get_by_text("Loading")).to_be_visible()
    in_both_themes(page, "#mlops-sidebar")
    # First: what is asked meanwhile would be held for ever.
    is_slow = False
    for route in waiting:
        route.continue_()
    expect(shown.get_by_text("No runs yet")).to_be_visible()
