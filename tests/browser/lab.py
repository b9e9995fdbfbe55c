"""A real JupyterLab in folders of its own, and what one does in it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page

from tests.notebooks import PATIENCE_S
from tests.serving import free_port, stop

# A dialog about news or updates would lie over what a test clicks, and would call home.
SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
    }
}

KERNEL_IS_THERE = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return Boolean(context?.isReady && context.session?.kernel);
}"""

KERNEL_INFO = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info"

SOURCES = """() => window.jupyterapp.shell.currentWidget.content.model
    .sharedModel.cells.map(cell => cell.getSource())"""

ALL_HAVE_RUN = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code')
    .every(({ model }) => model.executionCount !== null && model.executionState !== 'running')"""


# How many widgets of a kind are in the layout that JupyterLab has saved.
SAVED = """async ([kind, count]) => {
    const [, id] = window.location.pathname.match(/workspaces\\/([^/]+)/);
    const { data } = await window.jupyterapp.serviceManager.workspaces.fetch(id);
    const layout = JSON.stringify(data['layout-restorer:data']?.main?.dock ?? {});
    return layout.split(`"${kind}:`).length === count + 1;
}"""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: where it listens, and the folder that it shows."""

    port: int
    token: str
    folder: Path

    def write(self, name: str, *cells: nbformat.NotebookNode) -> Path:
        """Write a Python notebook into the folder."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(cells=list(cells), metadata={"kernelspec": kernel})
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def open(self, page: Page, name: str) -> None:
        """Open a notebook, alone in a fresh workspace, and wait until its kernel answers."""
        workspace = secrets.token_hex(4)
        path = f"/lab/workspaces/{workspace}/tree/{name}?token={self.token}"
        page.goto(f"http://127.0.0.1:{self.port}{path}")
        page.wait_for_function(KERNEL_IS_THERE, timeout=PATIENCE_S * 1000)
        page.evaluate(KERNEL_INFO)

    def command(self, page: Page, command: str) -> None:
        """Start a command of JupyterLab. It is not waited for: it may ask something first."""
        page.evaluate("id => void window.jupyterapp.commands.execute(id)", command)

    def sources(self, page: Page) -> list[str]:
        """Return the cells of the notebook in front, as its model holds them."""
        return page.evaluate(SOURCES)

    def reload(self, page: Page, kind: str, count: int) -> None:
        """Reload the page, when its layout with so many widgets of a kind is saved."""
        page.wait_for_timeout(1500)  # JupyterLab saves it, and what is told of each, with a delay
        page.wait_for_function(SAVED, arg=[kind, count], polling=200)
        page.reload()

    def run_all(self, page: Page, timeout_s: float = PATIENCE_S) -> None:
        """Run every cell and wait until the last one is done."""
        self.command(page, "notebook:run-all-cells")
        page.wait_for_function(ALL_HAVE_RUN, timeout=timeout_s * 1000)


@contextmanager
def running_lab(base: Path) -> Iterator[Lab]:
    """Start a JupyterLab whose folders are all under `base`, and end all that it started."""
    folder, configuration, log = base / "notebooks", base / "config", base / "server.log"
    folder.mkdir()
    (configuration / "labconfig").mkdir(parents=True)
    overrides = configuration / "labconfig" / "default_setting_overrides.json"
    overrides.write_text(json.dumps(SETTINGS))
    lab = Lab(free_port(), secrets.token_hex(16), folder)
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={lab.port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={lab.token}",
        "--LabApp.expose_app_in_browser=True",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=folder,
            env={**os.environ, "JUPYTER_CONFIG_DIR": str(configuration)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_up(lab, process, log)
        yield lab
    finally:
        stop(process)


def wait_until_up(lab: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", lab.port, timeout=60)
        try:
            connection.request(
                "GET", "/api/status", headers={"Authorization": f"token {lab.token}"}
            )
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
