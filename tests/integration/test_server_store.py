"""A project on a real MLflow server, by one setting: away at first, then there and shared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.core.records import Run
from mlops_nb.flows import projects
from mlops_nb.flows.context import Context
from mlops_nb.flows.delivery import deliver_open
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import client
from tests.marks import imports_mlflow
from tests.notebooks import PATIENCE_S, mlops, wait_for, wait_until_delivered, write_notebook
from tests.serving import free_port

pytestmark = imports_mlflow


@contextmanager
def server(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/x.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    process = subprocess.Popen(
        command,
        env={
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: answers(port) or process.poll() is not None)
        assert process.poll() is None
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60).close()
    except OSError:
        return False
    return True


def test_a_server_that_is_away_at_first_and_then_shared(tmp_path: Path) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    folder = tmp_path / "it's a project"
    folder.mkdir()
    (folder / "mlops.toml").write_text(f"[project]\nname = \"it's\"\ntracking_uri = '{uri}'\n")
    project = Project.at(folder, {})
    write_notebook(folder / "b.ipynb", "%load_ext mlops_nb\n%mlops track tuned", "1")

    # Away: the notebook's outcome is the command's, soon, and one line tells the rest.
    began = time.monotonic()
    done = mlops("run", "b.ipynb", "--experiment", "tuning", "--json", cwd=folder)
    # MLflow's own patience is four minutes.
    assert time.monotonic() - began < 150
    first = json.loads(done.stdout)
    assert (done.returncode, first["status"], first["mlflow_run_id"]) == (0, "FINISHED", None)
    assert done.stderr.count("does not answer") == 1
    assert "delivered when it is back" in done.stderr
    with pytest.raises(UnavailableError, match="does not answer"):
        project.runs.search()
    assert project.runs.get(first["run_id"]).name == "tuned"
    told = projects.status(Context(project, folder))
    assert (told.latest and told.latest.run_id, told.undelivered) == (first["run_id"], 1)
    assert "does not answer" in told.attention[0]

    with server(tmp_path / "server", port):
        someone_elses(uri)
        # Back: the next verb starts the delivery; a failing notebook and a model come after it.
        write_notebook(
            folder / "c.ipynb",
            "%load_ext mlops_nb\n%mlops track back\n%mlops log auc=0.5 loss={float('inf')}",
            "%%mlops track child\nimport mlflow\nmlflow.log_metric('direct', 1)\n"
            "mlflow.log_text('words', 'notes/a b.txt')",
            "from sklearn.linear_model import LogisticRegression\n"
            "small = LogisticRegression().fit([[0.0], [1.0]], [0, 1])\n%mlops register small tiny",
            "raise ValueError('at the end')",
        )
        failed = mlops("run", "c.ipynb", "--json", cwd=folder)
        assert failed.returncode == 1
        run = json.loads(failed.stdout)
        assert "ValueError: at the end" in run["reason"]
        wait_until_delivered(project)

        # In this process from here on: the client takes seconds to import.
        runs: list[Run] = project.runs.search(children=True)
        # Its own, also from another experiment; not what others keep on the server.
        assert [found.name for found in runs] == ["child", "back", "tuned"]
        assert {found.experiment for found in runs} == {"it's", "tuning"}
        child, back, tuned = runs
        assert (tuned.run_id, tuned.status) == (first["run_id"], "FINISHED")
        assert (back.status, back.metrics) == ("FAILED", {"auc": 0.5, "loss": float("inf")})
        assert (child.metrics, child.parent_id) == ({"direct": 1.0}, back.run_id)
        assert back.to_dict() == run
        assert [c.outcome for c in project.runs.cells(back)] == ["ok", "ok", "ok", "error"]
        assert "notes/a b.txt" in project.runs.artifacts(child)
        kept = project.runs.artifact(child, "notes/a b.txt")
        assert kept is not None
        assert kept.read_text() == "words"
        assert project.runs.experiments() == ["Default", "it's", "others", "tuning"]
        assert [found.name for found in project.runs.search(experiment="others")] == ["theirs"]
        (version,) = project.models.versions()
        assert (version.name, version.aliases, version.run_id) == (
            "tiny",
            ("challenger",),
            back.run_id,
        )


def test_the_ui_shows_the_projects_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    project = Project.at(tmp_path, {}).ensure()
    project.spool.begin("1" * 16, name="refused", experiment="e")
    client(project.tracking_uri).delete_run(deliver_open(project, "1" * 16))
    for run_id in ("1" * 16, "2" * 16):
        if run_id[0] == "2":
            project.spool.begin(run_id, name="shown", experiment="e")
        project.spool.append(run_id, "params", values={"a": 1})
        project.spool.append(run_id, "ended", status="FINISHED")
    port = free_port()
    ui = subprocess.Popen(
        [sys.executable, "-m", "mlops_nb", "ui", "--no-browser", "--port", str(port)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: answers(port) or ui.poll() is not None)
    assert ui.poll() is None
    family = psutil.Process(ui.pid).children(recursive=True)
    commands = [command_of(process) for process in family]
    assert any("mlflow" in command for command in commands)
    assert not any("mlflow.db" in command for command in commands)
    served = client(f"http://127.0.0.1:{port}")
    (experiment,) = [e for e in served.search_experiments() if e.name == "e"]
    assert [r.info.run_name for r in served.search_runs([experiment.experiment_id])] == ["shown"]
    ui.send_signal(signal.SIGINT)
    said, beside = ui.communicate(timeout=PATIENCE_S)
    assert (ui.returncode, "has ended" in said) == (0, True), beside
    assert "run 1111111111111111 can't be delivered" in beside
    assert not answers(port)
    _, left = psutil.wait_procs(family, timeout=PATIENCE_S)
    assert left == []


def command_of(process: psutil.Process) -> str:
    """Return a process's command line; nothing of one that has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


RESTARTING = """
import signal, sys, time
from pathlib import Path
from types import SimpleNamespace
from mlops_nb.flows import serving

def sleep(seconds):
    print("waits", flush=True)
    time.sleep(600)

signal.siginterrupt(signal.SIGINT, False)
serving.time = SimpleNamespace(sleep=sleep)
command = [sys.executable, "-c", "import time; time.sleep(600)"]
with serving.started(command, Path(), {}, output=sys.stdout) as server:
    told = serving.wait(server)
print("told" if told is None else told)
"""


def test_ctrl_c_is_heard_where_a_library_has_system_calls_go_on_after_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RESTARTING], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waits\n"
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, said) == (0, "told\n")


def someone_elses(uri: str) -> None:
    """Keep a run of another team's on the same server, of a project with a name much like ours."""
    theirs = client(uri)
    tags = {"mlops.project": "it_s"}
    run = theirs.create_run(theirs.create_experiment("others"), run_name="theirs", tags=tags)
    theirs.set_terminated(run.info.run_id)
