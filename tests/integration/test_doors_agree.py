"""One notebook through each door: what is recorded of where a run came from is the same."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.core.records import Run
from mlops_nb.project import Project
from tests.marks import imports_mlflow
from tests.notebooks import PATIENCE_S, mlops, python, wait_until_delivered, write_notebook
from tests.serving import free_port, stop

pytestmark = imports_mlflow

CELLS = (
    "%load_ext mlops_nb\n%mlops track spring",
    "import random\nimport features\nimport pandas as pd\nrandom.seed(7)",
    'frame = pd.read_csv("data.csv")',
    "%mlops log total={features.scale(int(frame.a.sum())) * months}",
)


def write(folder: Path) -> None:
    """Write the notebook as JupyterLab saves it, with its language, and what it works on."""
    path = write_notebook(folder / "train.ipynb", *CELLS, parameters="months = 2")
    whole = json.loads(path.read_text())
    whole["metadata"]["language_info"] = {"name": "python", "nbconvert_exporter": "python"}
    path.write_text(json.dumps(whole))
    (folder / "mlops.toml").write_text("[project]\nname = 'spring'\n")
    (folder / "features.py").write_text("def scale(x):\n    return x * 10\n")
    (folder / "data.csv").write_text("a,b\n1,2\n3,4\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    (folder / "features.py").write_text("def scale(x):\n    return x * 20\n")


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Path:
    """Give a project in git, with a change that is not committed."""
    monkeypatch.setenv("PYTHONPATH", str(root))
    folder = tmp_path / "project"
    write(folder)
    return folder


def runner(folder: Path) -> None:
    done = mlops("run", "train.ipynb", cwd=folder)
    assert done.returncode == 0, done.stderr


def papermill(folder: Path) -> None:
    done = python("-m", "papermill", "train.ipynb", str(folder.parent / "out.ipynb"), cwd=folder)
    assert done.returncode == 0, done.stderr


def nbconvert(folder: Path) -> None:
    words = ("--to", "notebook", "--execute", "--output-dir", str(folder.parent), "train.ipynb")
    done = python("-m", "nbconvert", *words, cwd=folder)
    assert done.returncode == 0, done.stderr


def script(folder: Path) -> None:
    made = python("-m", "nbconvert", "--to", "script", "train.ipynb", cwd=folder)
    assert made.returncode == 0, made.stderr
    done = python("-m", "IPython", "train.py", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def jupyter(folder: Path) -> None:
    """Run the cells as a front end does: in a session of a real Jupyter Server."""
    from jupyter_client.blocking.client import BlockingKernelClient

    port, token = free_port(), secrets.token_hex(8)
    runtime = folder.parent / "runtime"
    words = ["--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}", "--port", str(port)]
    words += ["--ip=127.0.0.1", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    # A kernel that ends in good order, but slowly, is not killed meanwhile.
    words.append(f"--KernelManager.shutdown_wait_time={PATIENCE_S}")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", *words],
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def ask(method: str, route: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/{route}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    try:
        wait(lambda: ask("GET", "status"))
        kernel = {"name": "python3"}
        body = {"path": "train.ipynb", "name": "train.ipynb", "type": "notebook", "kernel": kernel}
        session = ask("POST", "sessions", body)
        file = runtime / f"kernel-{session['kernel']['id']}.json"
        client = BlockingKernelClient(connection_file=str(file))
        client.load_connection_file()
        # No heartbeat: it takes a kernel that answers late on a busy machine for a dead one.
        client.start_channels(hb=False)
        client.wait_for_ready(timeout=PATIENCE_S)
        for source in ("months = 2", *CELLS):
            reply = client.execute_interactive(
                source, timeout=PATIENCE_S, output_hook=lambda _: None
            )
            assert reply["content"]["status"] == "ok", reply
        client.stop_channels()
        ask("DELETE", f"sessions/{session['id']}")
    finally:
        stop(server)


def wait(done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            done()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


# What differs between any two runs, or says which door it was.
OWN = {
    "mlflow.runName",
    "mlflow.source.git.commit",
    "mlflow.source.name",
    "mlflow.source.type",
    "mlflow.user",
    "mlops.notebook_found_by",
    "mlops.output_notebook",
    "mlops.run_id",
    "mlops.seeds",
    "mlops.status",
}
DELIVERED = {"mlops/events.jsonl", "notebook/train.ipynb"}


def facts(project: Project, run: Run) -> dict[str, Any]:
    """Return what is recorded of where a run came from, without what is a run's own."""
    assert run.status == "FINISHED", run.reason
    files = {}
    for name in set(project.runs.artifacts(run)) - DELIVERED:
        path = project.runs.artifact(run, name)
        assert path is not None
        files[name] = path.read_bytes()
    return {
        "tags": {key: value for key, value in run.tags.items() if key not in OWN},
        "params": dict(run.params),
        "metrics": dict(run.metrics),
        "cells": [cell.source for cell in project.runs.cells(run)],
        "files": files,
    }


def test_provenance_is_the_same_through_each_door(folder: Path) -> None:
    project, made = Project.at(folder, {}), {}
    for door in (runner, papermill, nbconvert, jupyter, script):
        door(folder)
        made[door.__name__] = project.runs.get("latest").run_id
    # One that is delivered while it is read would be read half here, half there.
    wait_until_delivered(project)
    runs = {door: project.runs.get(run_id) for door, run_id in made.items()}
    found_by = {door: run.tags["mlops.notebook_found_by"] for door, run in runs.items()}
    recorded = {door: facts(project, run) for door, run in runs.items()}
    assert found_by == {
        "runner": "runner",
        "papermill": "parent command",
        "nbconvert": "parent command",
        "jupyter": "jupyter session",
        "script": "unknown",
    }
    first = recorded.pop("runner")
    assert first["params"] == {"months": 2}
    assert first["metrics"] == {"total": 160.0}
    assert first["tags"]["mlops.dirty"] == "true"
    assert first["tags"]["mlops.data.file.data.csv"].startswith("sha256:")
    assert {"mlops/dirty.diff", "mlops/modules/features.py"} <= set(first["files"])
    text = (folder / "train.py").read_text()
    # What a script does not know: that it was a notebook, which cells it had, its parameters.
    exported = recorded.pop("script")
    assert (exported.pop("cells"), exported.pop("params")) == ([text], {})
    assert exported["tags"].pop("mlops.script") == str(folder / "train.py")
    assert exported["tags"].pop("mlops.script_hash").startswith("sha256:")
    own = {"mlops.notebook", "mlops.notebook_hash"}
    known = {key: value for key, value in first["tags"].items() if key not in own}
    files = {name: data for name, data in first["files"].items() if name != "mlops/outline.json"}
    assert exported == {"metrics": first["metrics"], "files": files, "tags": known}
    for name, found in recorded.items():
        assert found == first, name
