"""Take the README's pictures anew: ``python -m tests.pictures``.

It runs the demo in a temporary folder, opens the executed notebook in a real JupyterLab, and
photographs cells with their panels, and the sidebar, in both themes, into ``.github/pictures/``.
(``loop.svg``, which lies there too, is drawn by hand.)
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.lab import Lab, running_lab
from tests.chromium import HOW_TO_INSTALL, find_chromium
from tests.notebooks import mlops

FOLDER = Path(__file__).resolve().parents[1] / ".github" / "pictures"
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTH, SCALE = 1200, 1.25
MOST_BYTES = 200_000
PROJECT = "mlops-demo"

# Each picture: the notebook, the line by which its cell is known, and how tall it may get.
PICTURES = {
    "performance": ("demo.ipynb", "--model boosted", 830),
    "drift": ("demo.ipynb", "%mlops drift", 534),
    "fairness": ("demo.ipynb", "--sensitive SEX", 480),
    "mitigation": ("demo.ipynb", "%mlops mitigate", 616),
    "gate": ("held.ipynb", "%mlops gate", 600),
}

CHANGE_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
ONLY_THE_NOTEBOOK = """() => {
    const { shell } = window.jupyterapp;
    shell.mode = 'single-document';
    shell.collapseLeft();
    shell.currentWidget.content.activeCellIndex = 0;
}"""
# Where the pictures were taken is nobody's business.
RENAME = """(body, [from, to]) => {
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        walker.currentNode.data = walker.currentNode.data.replaceAll(from, to);
    }
}"""


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(f"no Chromium was found: {HOW_TO_INSTALL}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        os.environ["HOME"] = str(base)
        with running_lab(base) as lab, sync_playwright() as playwright:
            notebooks = executed(lab.folder)
            for name, notebook in notebooks.items():
                shutil.copyfile(notebook, lab.folder / name)
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            for name in notebooks:
                photograph(browser, lab, name)
            with scheduler(lab.folder / PROJECT):
                photograph_sidebar(browser, lab)
            browser.close()


def executed(folder: Path) -> dict[str, Path]:
    """Run the demo, its notebook with a change that the gate does not let through, and its job."""
    project = ask("demo", folder=folder)["project"]
    demo = ask("show", "latest", folder=project)
    held = ask("run", "credit_default.ipynb", "-p", "learning_rate", "0.1", folder=project)
    ask("jobs", "run", "monthly-retraining", folder=project)
    return {"demo.ipynb": Path(demo["notebook"]), "held.ipynb": Path(held["notebook"])}


def ask(*words: str, folder: str | Path) -> dict[str, str]:
    print("mlops", *words, flush=True)
    done = mlops(*words, "--json", cwd=Path(folder))
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"`mlops {words[0]}` ended with {done.returncode}:\n{done.stdout}")
    return dict(json.loads(done.stdout))


@contextmanager
def scheduler(project: Path) -> Iterator[None]:
    """Let a scheduler run: without one, the sidebar asks for it."""
    command = [sys.executable, "-m", "mlops_nb", "scheduler"]
    with subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        process.stderr.readline()  # it has begun
        try:
            yield
        finally:
            process.terminate()


def photograph(browser: Browser, lab: Lab, notebook: str) -> None:
    """Take all pictures of one notebook."""
    # So tall that every cell is drawn: JupyterLab leaves out what is far from view.
    page = browser.new_page(viewport={"width": WIDTH, "height": 12_000}, device_scale_factor=SCALE)
    lab.open(page, notebook)
    page.evaluate(ONLY_THE_NOTEBOOK)
    for theme, title in THEMES.items():
        page.evaluate(CHANGE_THEME, title)
        page.wait_for_timeout(1000)
        for name, (source, line, most) in PICTURES.items():
            if source == notebook:
                take(page, line, most, FOLDER / f"{name}-{theme}.png")
    page.close()


def photograph_sidebar(browser: Browser, lab: Lab) -> None:
    """Take the sidebar with its runs and a run's details, then with its jobs and an output."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 720})
    lab.open(page, f"{PROJECT}/credit_default.ipynb")
    lab.command(page, "mlops:open-sidebar")
    shown = page.locator("#mlops-sidebar")
    for name, button in (("runs", "Open the details of"), ("jobs", "Open the executed notebook")):
        shown.get_by_role("tab", name=name.capitalize()).click()
        first = shown.locator(".mlops-Row").first
        first.locator(f"button[title^='{button}'], button[aria-label^='{button}']").first.click()
        page.wait_for_timeout(3000)
        for theme, title in THEMES.items():
            page.evaluate(CHANGE_THEME, title)
            page.wait_for_timeout(1500)
            for frame in page.frames:
                frame.locator("body").evaluate(RENAME, [str(lab.folder), "/home/ada"])
            save(page, FOLDER / f"sidebar-{name}-{theme}.png")
    page.close()


def take(page: Page, line: str, most: int, path: Path) -> None:
    cell = page.locator(".jp-CodeCell").filter(has_text=line).first
    box = cell.bounding_box()
    if box is None:
        raise SystemExit(f"no cell with {line!r} is to be seen")
    save(page, path, {**box, "height": min(box["height"], most)})


def save(page: Page, path: Path, clip: FloatRect | None = None) -> None:
    page.screenshot(path=path, clip=clip)
    with Image.open(path) as picture:
        # Text on plain ground: so many colours are enough, in a third of the bytes.
        few = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.name:24} {size:8,} bytes", flush=True)
    if size > MOST_BYTES:
        raise SystemExit(f"{path.name} is larger than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
