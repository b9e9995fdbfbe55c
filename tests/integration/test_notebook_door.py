"""A real kernel, driven as a front end does it: completion, interrupts, restarts, its end."""

from __future__ import annotations

import time
from pathlib import Path

from mlops_nb.core.records import Run
from mlops_nb.project import Project
from tests.marks import imports_mlflow
from tests.notebooks import PATIENCE_S, LiveKernel, live_kernels, python, wait_until_delivered

pytestmark = imports_mlflow

# From within the cell: on a busy machine a signal from outside may come before it runs.
INTERRUPTED = (
    "import os, signal, threading, time\n"
    "threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    "time.sleep(60)"
)


def project(folder: Path, **environ: str) -> Project:
    (folder / "mlops.toml").write_text("[project]\nname = 'spring'\n")
    return Project.at(folder, environ)


def ended(made: Project) -> dict[str, tuple[str, str | None]]:
    return {run.name: (run.status, run.reason) for run in found(made)}


def found(made: Project) -> list[Run]:
    return made.runs.search(children=True)[::-1]


def test_a_notebooks_life_in_one_kernel(tmp_path: Path) -> None:
    made = project(tmp_path)
    with live_kernels(tmp_path) as (kernel,):
        kernel.run("%load_ext mlops_nb")
        completes_what_is_valid_and_nothing_else(kernel)
        assert kernel.run("%mlops track first").status == "ok"
        kernel.run("import pandas as pd\nframe = pd.DataFrame({'a': [1]})")
        assert kernel.complete("%mlops drift ") == ["frame"]
        (run,) = found(made)
        assert kernel.complete("%mlops show ") == [run.run_id, "latest"]
        assert kernel.complete("frames = 1\n%mlops track --experiment ") == ["spring"]

        wrong = kernel.run("%mlops log auc")
        assert (wrong.status, wrong.error) == ("error", "")
        assert wrong.text == {
            "stderr": "UsageError: 'auc' is not name=value; write for example auc=0.78\n"
        }
        assert kernel.run(f"%%mlops track time\n{INTERRUPTED}").status == "error"
        kernel.restart()
        assert ended(made) == {
            "first": ("KILLED", "restarted"),
            "time": ("KILLED", "interrupted"),
        }
        # In the new kernel it begins anew; the last cell decides how it ends.
        kernel.run("%load_ext mlops_nb\n%mlops track second\nraise KeyError('a')")
        kernel.run("")
    assert ended(made)["second"] == ("FAILED", "KeyError: 'a'")
    wait_until_delivered(made)
    assert ended(made)["second"] == ("FAILED", "KeyError: 'a'")


def completes_what_is_valid_and_nothing_else(kernel: LiveKernel) -> None:
    complete = kernel.complete
    assert complete("%mlops dr") == ["drift"]
    assert complete("x = %mlops ru") == ["run", "runs"]
    assert complete("%%mlops tr") == ["track"]
    assert complete("%mlops runs --st") == ["--status"]
    assert complete("%mlops runs --status F") == ["FAILED", "FINISHED"]
    # Where nothing is valid nothing is offered: no keyword, no other magic, no file.
    assert complete("%mlops drift ") == []
    assert complete("%mlops nope ") == []
    assert complete("%%mlops track ") == []
    assert "print" in complete("prin")


def test_two_kernels_of_one_project_and_a_users_own_mlflow(tmp_path: Path) -> None:
    made = project(tmp_path)
    with live_kernels(tmp_path, 2) as (one, other):
        for name, kernel in (("one", one), ("other", other)):
            kernel.run(f"import mlflow\n%load_ext mlops_nb\n%mlops track {name}")
        for name, kernel in (("one", one), ("other", other)):
            kernel.send(f"for i in range(20): mlflow.log_metric('{name}', i)")
        other.run("1")
        one.run("%mlops track stop")
        after = one.run("mlflow.log_metric('after', 1)\nmlflow.end_run()")
        assert after.status == "ok", after
    wait_until_delivered(made)
    listed = {run.name: run for run in found(made)}
    assert listed.pop("one").metrics == {"one": 19.0}
    assert listed.pop("other").metrics == {"other": 19.0}
    # What she logs when nothing is tracked is a run of its own in the same place.
    (own,) = listed.values()
    assert (own.metrics, own.experiment) == ({"after": 1.0}, "spring")


def test_a_server_that_is_away_is_told_once_and_waited_for_by_nobody(tmp_path: Path) -> None:
    away = {"MLOPS_TRACKING_URI": "http://127.0.0.1:9"}
    made = project(tmp_path, **away)
    with live_kernels(tmp_path, **away) as (kernel,):
        began = time.monotonic()
        said = kernel.run("%load_ext mlops_nb\n%mlops track far").shown
        said += kernel.run("%mlops log auc=0.5").shown
        # MLflow's own patience is minutes.
        assert time.monotonic() - began < 60
        while "does not answer" not in said:
            assert time.monotonic() - began < PATIENCE_S
            time.sleep(0.2)
            said += kernel.run("1").text.get("stderr", "")
        said += kernel.run("2").shown
        assert said.count("does not answer") == 1
        direct = kernel.run("import mlflow\nmlflow.log_metric('a', 1)")
        assert direct.error == "UnavailableError"
    (state,) = made.spool.runs()
    assert (state.run.status, state.run.metrics) == ("FAILED", {"auc": 0.5})


def test_plain_ipython_has_the_same_magics(tmp_path: Path) -> None:
    project(tmp_path)
    code = "%load_ext mlops_nb\n%mlops track plain\n%mlops log a=1\n%mlops runs\n%mlops track stop"
    done = python("-m", "IPython", "--no-banner", "-c", code, cwd=tmp_path, TERM="dumb")
    assert done.returncode == 0, done.stderr
    assert "▸ running  plain" in done.stdout
    assert "run 'plain' is FINISHED" in done.stdout
    assert done.stderr == ""
