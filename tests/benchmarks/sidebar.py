"""How soon the sidebar shows what is there: ``python -m tests.benchmarks.sidebar``.

In a real JupyterLab: its first paint, counted from the moment at which JupyterLab is ready (its
layout restored), and the time from the end of a run to its row, for a run of the notebook's kernel
and of another process. The limit of the latter is the server, which looks for changes once a
second.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Page, expect, sync_playwright

from mlops_nb import __file__ as package
from tests.browser.conftest import FLAGS
from tests.browser.lab import Lab, running_lab
from tests.chromium import HOW_TO_INSTALL, find_chromium
from tests.notebooks import mlops

TIMES = 5

# Notes when JupyterLab is ready, and when an element is there for the first time.
NOTE = """() => {
    window.noted = {};
    const note = name => { window.noted[name] ??= performance.now(); };
    const look = setInterval(() => {
        if (window.jupyterapp) {
            clearInterval(look);
            window.jupyterapp.restored.then(() => note('ready'));
        }
    }, 1);
    new MutationObserver(() => {
        if (document.querySelector('#mlops-sidebar .mlops-Header')) note('header');
        if (document.querySelector('#mlops-sidebar .mlops-Row')) note('row');
    }).observe(document, { childList: true, subtree: true });
}"""

# Ends the run of the notebook in front, and waits until its row says so: in milliseconds.
END_AND_SEE = """async () => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const row = () => document.querySelector('#mlops-sidebar .mlops-Row').textContent;
    await kernel.requestExecute({ code: '%mlops track stop' }).done;
    const ended = performance.now();
    while (!row().includes('Finished')) await new Promise(done => setTimeout(done, 5));
    return performance.now() - ended;
}"""


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        raise SystemExit(f"no Chromium was found: {HOW_TO_INSTALL}")
    bundle = Path(package).parent / "labextension" / "static"
    sizes = [path.stat().st_size for path in bundle.glob("*.js")]
    print(f"bundle: {sum(sizes) / 1000:.0f} kB in {len(sizes)} files")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as lab,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        cell = nbformat.v4.new_code_cell("%load_ext mlops_nb\n%mlops track\n%mlops log auc=0.8")
        project = lab.write("loop/train.ipynb", cell).parent
        (project / "mlops.toml").touch()
        lab.open(page, "loop/train.ipynb")
        lab.command(page, "mlops:open-sidebar")
        report("run's end to its row, this kernel", [ended_here(lab, page) for _ in range(TIMES)])
        report("run's end to its row, elsewhere", [ended_elsewhere(page, project)])
        page.wait_for_timeout(2000)  # JupyterLab saves its layout with a delay
        page.add_init_script(f"({NOTE})()")
        noted = [reloaded(page) for _ in range(TIMES)]
        report("JupyterLab ready to first paint", [n["header"] - n["ready"] for n in noted])
        report("JupyterLab ready to first row", [n["row"] - n["ready"] for n in noted])
        browser.close()


def report(what: str, milliseconds: list[float]) -> None:
    middle, most = statistics.median(milliseconds), max(milliseconds)
    print(f"{what}: median {middle:.0f} ms, most {most:.0f} ms, of {len(milliseconds)}")


def ended_here(lab: Lab, page: Page) -> float:
    """Track the notebook in front, end its run, and return how long its row took."""
    lab.run_all(page)
    expect(page.locator("#mlops-sidebar .mlops-Row").first).to_contain_text("Running")
    milliseconds: float = page.evaluate(END_AND_SEE)
    return milliseconds


def ended_elsewhere(page: Page, project: Path) -> float:
    """Run the notebook in a terminal, and return how long after its end its row was there."""
    rows = page.locator("#mlops-sidebar .mlops-Row", has_text="terminal")
    done = mlops("run", "train.ipynb", "--name", "terminal", cwd=project)
    ended = time.perf_counter()
    assert done.returncode == 0, done.stderr
    expect(rows).to_contain_text("Finished")
    return 1000 * (time.perf_counter() - ended)


def reloaded(page: Page) -> dict[str, Any]:
    """Load the page again, and return what was noted."""
    page.reload()
    page.wait_for_function("() => window.noted?.row && window.noted?.ready", timeout=60_000)
    noted: dict[str, Any] = page.evaluate("() => window.noted")
    return noted


if __name__ == "__main__":
    main()
