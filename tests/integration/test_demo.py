"""`mlops demo`: into which folders, alone, and again. The notebook here is a small one."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from mlops_nb.core.errors import InputError, LockedError
from mlops_nb.core.records import DemoResult
from mlops_nb.flows import demo
from mlops_nb.flows.context import Context
from mlops_nb.interfaces.cli import exit_code
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from tests.notebooks import PATIENCE_S, write_notebook
from tests.serving import free_port

CELLS = (
    "%load_ext mlops_nb\n%mlops track demo\n%mlops log auc=0.5",
    "import os\nopen('ran', 'a').write(os.environ['MLOPS_RUN_ID'] + ' ')",
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small notebook in the place of the demo's."""
    folder = tmp_path / "source"
    for name in demo.FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("# nothing\n")
    write_notebook(folder / demo.NOTEBOOK, *CELLS)
    monkeypatch.setattr(demo, "source_folder", lambda: folder)
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Context:
    folder = tmp_path / "here"
    folder.mkdir()
    return Context(Project.at(folder, {}), folder)


def test_it_makes_its_folder_runs_there_and_runs_again(source: Path, here: Context) -> None:
    (here.folder / "mlops-demo").mkdir()
    first = demo.demo(here)
    root = here.folder / "mlops-demo-2"
    assert (first.status, first.project, first.metrics) == ("FINISHED", str(root), {"auc": 0.5})
    assert Path(first.notebook).is_relative_to(root / ".mlops" / "executions" / first.run_id)
    assert {name for name in demo.FILES if (root / name).is_file()} == set(demo.FILES)
    # Nothing was promoted, which for a demo is a failure.
    assert (first.gate, first.model, exit_code(first)) == (None, None, 1)

    # Once more in the same place: what the user changed stays, what she lost comes back.
    changed = (root / demo.NOTEBOOK).read_text().replace("auc=0.5", "auc=0.75")
    (root / demo.NOTEBOOK).write_text(changed)
    (root / "data" / "README.md").unlink()
    second = demo.demo(here, into="mlops-demo-2")
    assert second.metrics == {"auc": 0.75}
    assert (root / "ran").read_text().split() == [first.run_id, second.run_id]
    assert (root / "data" / "README.md").is_file()
    assert json.loads(json.dumps(second.to_dict())).keys() >= {
        "status",
        "run_id",
        "project",
        "notebook",
        "metrics",
        "reports",
        "gate",
        "model",
    }


def test_a_folder_with_something_else_in_it_is_left_alone(source: Path, here: Context) -> None:
    foreign = here.folder / "foreign"
    (foreign / "data").mkdir(parents=True)
    with pytest.raises(InputError, match="is not empty and not a demo project"):
        demo.demo(here, into="foreign")
    assert list(foreign.rglob("*")) == [foreign / "data"]
    (here.folder / "file").touch()
    with pytest.raises(InputError, match="--into must be a folder"):
        demo.demo(here, into="file")


def test_two_at_once_in_one_folder_one_of_them_waits_for_another_day(
    source: Path, here: Context
) -> None:
    results: list[DemoResult | Exception] = []

    def run() -> None:
        try:
            results.append(demo.demo(here, into="both"))
        except LockedError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (refused,) = [result for result in results if isinstance(result, Exception)]
    assert "another `mlops demo` is running in" in str(refused)
    (done,) = [result for result in results if isinstance(result, DemoResult)]
    assert (here.folder / "both" / "ran").read_text().split() == [done.run_id]
    # A demo that is just beginning to fill its folder is not taken for something foreign.
    begun = here.folder / "begun"
    begun.mkdir()
    with (
        locked(Project.at(begun, {}).ensure().state / demo.LOCK),
        pytest.raises(LockedError, match="wait for it, or give another --into"),
    ):
        demo.demo(here, into="begun")


def processes_on(root: Path) -> list[str]:
    """List the command lines that name a project's folder, without that folder's own name.

    It is named after the test, and so would hold the words that the test looks for.
    """
    found = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    return [line.replace(str(root), "ROOT") for line in found if str(root) in line]


def status_of(url: str) -> int | None:
    """Return what a server answers; None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - of this machine
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


@pytest.mark.parametrize("cell", ["1", "import time; time.sleep(600)"], ids=["done", "running"])
def test_in_jupyterlab_it_goes_on_until_it_is_interrupted(tmp_path: Path, cell: str) -> None:
    # What is there is the user's: a notebook that takes no time, or for ever.
    root, port = tmp_path / "demo", free_port()
    write_notebook(root / demo.NOTEBOOK, f"open('begun', 'w').close()\n{cell}")
    (root / "mlops.toml").touch()
    words = ["demo", "--lab", "--no-browser", "--into", str(root), "--port", str(port), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_nb", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        awaited = "JupyterLab goes on" if cell == "1" else "JupyterLab: "
        told = ""
        while awaited not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        (url,) = re.findall(r"JupyterLab: (\S+)", told)
        deadline = time.monotonic() + PATIENCE_S
        while status_of(url) != 200 or not (root / "begun").exists():
            assert time.monotonic() < deadline, (root / ".mlops" / "lab.log").read_text()
            time.sleep(0.2)
        token = url.rpartition("token=")[2]
        assert status_of(f"http://127.0.0.1:{port}/mlops/status?token={token}") == 200
        assert status_of(f"http://127.0.0.1:{port}/mlops/status") == 403
        # Only what is no secret is in the process list.
        shown = processes_on(root)
        assert any("jupyterlab" in line for line in shown)
        assert not any(token in line for line in shown)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    # Nothing was promoted, which for a demo is a failure.
    assert process.returncode == 1
    assert json.loads(out)["status"] == ("FINISHED" if cell == "1" else "KILLED")
    # What delivers the run to MLflow ends by itself.
    deadline = time.monotonic() + PATIENCE_S
    while left := processes_on(root):
        assert time.monotonic() < deadline, left
        assert not any("jupyter" in line or "ipykernel" in line for line in left)
        time.sleep(0.2)


def test_a_port_that_can_not_be_had_is_told_before_anything_is_made(here: Context) -> None:
    with pytest.raises(InputError, match="--port must be from 1 to 65535, not 70000"):
        demo.demo(here, lab=True, port=70000)
    assert list(here.folder.iterdir()) == []
