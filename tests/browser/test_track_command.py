"""The palette's "Track this notebook", as someone at a keyboard uses it."""

from __future__ import annotations

import json
import subprocess
import sys

import nbformat
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab

TRACK = "%load_ext mlops_nb\n%mlops track"

code = nbformat.v4.new_code_cell


def choose_from_palette(page: Page, label: str) -> None:
    page.keyboard.press("Control+Shift+C")
    page.locator(".lm-CommandPalette-input").fill(label)
    expect(page.locator(".lm-CommandPalette-item.lm-mod-active")).to_contain_text(label)
    page.keyboard.press("Enter")


def test_the_cell_is_added_below_the_parameters_once_and_undone_at_once(
    lab: Lab, page: Page
) -> None:
    parameters = code("months = 1", metadata={"tags": ["parameters"]})
    lab.write("train.ipynb", nbformat.v4.new_markdown_cell("# Train"), parameters, code("6 * 7"))
    lab.open(page, "train.ipynb")

    choose_from_palette(page, "Track this notebook")
    cell = page.locator(".jp-Notebook .jp-Cell").nth(2)
    expect(cell).to_contain_text("%mlops track")
    assert lab.sources(page) == ["# Train", "months = 1", TRACK, "6 * 7"]
    expect(cell).to_contain_class("jp-mod-active")

    choose_from_palette(page, "Track this notebook")
    assert lab.sources(page) == ["# Train", "months = 1", TRACK, "6 * 7"]

    lab.command(page, "notebook:undo-cell-action")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)
    assert lab.sources(page) == ["# Train", "months = 1", "6 * 7"]


def test_the_command_is_off_while_no_notebook_is_in_front(lab: Lab, page: Page) -> None:
    lab.write("behind.ipynb", code("1"))
    lab.open(page, "behind.ipynb")
    is_enabled = "() => window.jupyterapp.commands.isEnabled('mlops:track')"
    assert page.evaluate(is_enabled) is True
    lab.command(page, "launcher:create")
    page.wait_for_function("() => !window.jupyterapp.commands.isEnabled('mlops:track')")


def test_a_notebook_that_was_made_tracked_leaves_a_run(lab: Lab, page: Page) -> None:
    notebook = lab.write("loop/train.ipynb", code("%mlops log depth=4"))
    notebook.with_name("mlops.toml").touch()
    lab.open(page, "loop/train.ipynb")
    choose_from_palette(page, "Track this notebook")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2)
    lab.run_all(page)
    expect(page.locator(".jp-OutputArea-output[data-mime-type*='stderr']")).to_have_count(0)

    done = subprocess.run(
        [sys.executable, "-m", "mlops_nb", "runs", "--json", "--project", notebook.parent],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)
    assert run["status"] == "RUNNING"
    assert run["metrics"]["depth"] == 4


def test_a_kernel_without_the_package_is_told_and_what_to_do(lab: Lab, page: Page) -> None:
    forget = (
        "import pathlib, sys\n"
        "sys.path[:] = [p for p in sys.path if not (pathlib.Path(p) / 'mlops_nb').exists()]"
    )
    lab.write("bare.ipynb", code(forget))
    lab.open(page, "bare.ipynb")
    lab.run_all(page)
    choose_from_palette(page, "Track this notebook")
    expect(page.get_by_text("has no mlops_nb. Run `%pip install mlops-nb`")).to_be_visible()
