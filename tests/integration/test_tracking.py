"""One notebook through each tool that runs notebooks: the same run, and a failure that fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.project import Project
from mlops_nb.stores.leases import reconcile
from tests.notebooks import mlops, outputs, python, text_of, write_notebook

CELLS = (
    "%load_ext mlops_nb\nimport asyncio",
    '%mlops track "spring"',
    "%mlops log auc=0.5 note=hello cost=$5\nx = 3",
    (
        '%%mlops track "wider trees"\nawait asyncio.sleep(0.01)\n'
        '%mlops log m={x}\ndisplay("seen")\nx + 1'
    ),
)
FAILING = (*CELLS, '%%mlops track "bad one"\n1 / 0', "print('later')")


def project(tmp_path: Path) -> Project:
    (tmp_path / "mlops.toml").write_text("[project]\nname = 'spring'\n")
    return Project.at(tmp_path, {})


def runs(folder: Path) -> list[dict[str, Any]]:
    listed = mlops("runs", "--children", "--json", cwd=folder)
    assert listed.returncode == 0, listed.stderr
    found: list[dict[str, Any]] = json.loads(listed.stdout)
    return found[::-1]


def papermill(folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "papermill", "a.ipynb", "out.ipynb", "-p", "months", "2", cwd=folder)


def nbconvert(folder: Path) -> subprocess.CompletedProcess[str]:
    arguments = ("--to", "notebook", "--execute", "a.ipynb", "--output", "out.ipynb")
    return python("-m", "nbconvert", *arguments, cwd=folder)


def runner(folder: Path) -> subprocess.CompletedProcess[str]:
    return mlops("run", "a.ipynb", "-p", "months", "2", "--json", cwd=folder)


@pytest.mark.parametrize("tool", [papermill, nbconvert, runner])
def test_a_failing_tracked_cell_fails(tool: Any, tmp_path: Path) -> None:
    project(tmp_path)
    write_notebook(tmp_path / "a.ipynb", *FAILING, parameters="months = 1")
    source = (tmp_path / "a.ipynb").read_bytes()
    done = tool(tmp_path)
    assert done.returncode == 1, done.stderr
    assert (tmp_path / "a.ipynb").read_bytes() == source

    top, child, bad = runs(tmp_path)
    assert [run["status"] for run in (top, child, bad)] == ["FAILED", "FINISHED", "FAILED"]
    assert (top["name"], child["name"], bad["name"]) == ("spring", "wider trees", "bad one")
    assert "ZeroDivisionError" in top["reason"]
    assert child["parent_id"] == bad["parent_id"] == top["run_id"]
    assert top["metrics"] == {"auc": 0.5}
    assert child["metrics"] == {"m": 3.0}
    months = 1 if tool is nbconvert else 2
    assert top["params"] == {"months": months, "note": "hello", "cost": "$5"}
    assert child["params"] == top["params"]
    assert top["tags"]["mlops.notebook"] == str(tmp_path / "a.ipynb")
    assert child["tags"]["mlops.notebook_hash"] == top["tags"]["mlops.notebook_hash"]

    cells = json.loads(mlops("show", top["run_id"], "--json", cwd=tmp_path).stdout)["cells"]
    before = [cell["source"].strip() for cell in cells if cell["outcome"] == "before"]
    injected = [] if tool is nbconvert else ["# Parameters\nmonths = 2"]
    # The cell that loads the extension ran before `track` too, where no runner had begun the run.
    loading = [] if tool is runner else [CELLS[0]]
    assert before == ["months = 1", *injected, *loading]
    assert cells[-1]["outcome"] == "error"

    if tool is runner:
        copy = Path(json.loads(done.stdout)["notebook"])
        assert copy.parent == tmp_path / ".mlops" / "executions" / top["run_id"]
    else:
        copy = tmp_path / "out.ipynb"
    if tool is not nbconvert:
        cells = outputs(copy)
        failed = next(i for i, cell in enumerate(cells) if "ename" in str(cell))
        assert [o["output_type"] for o in cells[failed]].count("error") == 1
        assert cells[failed + 1] == []
        assert "seen" in text_of(cells[failed - 1])
        assert text_of(cells[failed - 1]).endswith("4")


def test_mlflows_own_calls_land_in_the_open_run(tmp_path: Path) -> None:
    project(tmp_path)
    write_notebook(
        tmp_path / "a.ipynb",
        "%load_ext mlops_nb\n%mlops track 'ours'",
        "import mlflow, threading\nmlflow.log_metric('direct', 1.5)",
        "with mlflow.start_run(run_name='theirs'):\n    mlflow.log_param('q', 3)\n"
        "mlflow.log_metric('after', 1)",
        "%%mlops track 'child'\nmlflow.log_metric('inner', 2)",
        "t = threading.Thread(target=mlflow.log_metric, args=('threaded', 1))\nt.start(); t.join()",
        "import mlflow.sklearn\nfrom sklearn.linear_model import LogisticRegression\n"
        "mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)\n"
        "LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])",
        "raise ValueError('at the end')",
    )
    done = papermill_plain(tmp_path)
    assert done.returncode == 1
    top, child = runs(tmp_path)
    assert top["status"] == "FAILED"
    assert top["metrics"].keys() >= {"direct", "after", "threaded", "training_accuracy_score"}
    assert top["params"]["q"] == 3
    assert top["params"]["solver"] == "lbfgs"
    assert child["metrics"] == {"inner": 2.0}


def papermill_plain(folder: Path) -> subprocess.CompletedProcess[str]:
    return python("-m", "papermill", "a.ipynb", "out.ipynb", cwd=folder)


def test_a_killed_process_leaves_no_run_running(tmp_path: Path) -> None:
    made = project(tmp_path)
    script = (
        "import mlops_nb, time\n"
        "mlops_nb.track('doomed')\n"
        "mlops_nb.log(auc=0.5)\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (run,) = runs(tmp_path)
    assert run["status"] == "KILLED"
    assert "ended without closing" in run["reason"]
    assert run["metrics"] == {"auc": 0.5}
    wait_until_delivered(made, run["run_id"])
    (in_mlflow,) = runs(tmp_path)
    assert in_mlflow["mlflow_run_id"] is not None
    assert in_mlflow["status"] == "KILLED"


def wait_until_delivered(made: Project, run_id: str) -> None:
    deadline = time.monotonic() + 60
    while made.spool.events_path(run_id).exists():
        assert time.monotonic() < deadline, "the run was not delivered"
        time.sleep(0.1)


def test_a_living_process_is_left_alone(tmp_path: Path) -> None:
    from mlops_nb.flows import tracking
    from mlops_nb.flows.context import Context
    from mlops_nb.tracking.provenance import FoundNotebook

    made = project(tmp_path)
    context = Context(made, tmp_path)
    run = tracking.open_run(context, name="alive", notebook=FoundNotebook(None, "unknown"))
    assert reconcile(made.spool) == []
    assert made.spool.load(run.run_id).run.status == "RUNNING"
    closed = tracking.close_run(context, run.run_id, "FINISHED")
    assert closed.status == "FINISHED"


def test_bad_input_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    project(tmp_path)
    write_notebook(tmp_path / "a.ipynb", "%load_ext mlops_nb", "%mlops drfit a b")
    done = mlops("run", "a.ipynb", "--json", cwd=tmp_path)
    assert done.returncode == 1
    run = json.loads(done.stdout)
    assert "did you mean 'drift'" in run["reason"]
    shown = [output for cell in outputs(Path(run["notebook"])) for output in cell]
    assert all(output["output_type"] != "error" for output in shown)


def test_loading_twice_and_unloading_leave_no_trace() -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    before = traces(shell)
    for _ in range(2):
        shell.run_line_magic("load_ext", "mlops_nb")
        shell.run_line_magic("reload_ext", "mlops_nb")
        loaded = traces(shell)
        assert loaded["transformers"] == before["transformers"] + 1
        assert "mlops" in shell.magics_manager.magics["line"]
        shell.run_line_magic("unload_ext", "mlops_nb")
        assert traces(shell) == before


def traces(shell: Any) -> dict[str, Any]:
    formatters = shell.display_formatter.formatters
    return {
        "transformers": len(shell.input_transformers_cleanup),
        "events": {name: len(found) for name, found in shell.events.callbacks.items()},
        "matchers": len(shell.Completer.custom_matchers),
        "line": sorted(shell.magics_manager.magics["line"]),
        "cell": sorted(shell.magics_manager.magics["cell"]),
        "html": sorted(map(str, formatters["text/html"].deferred_printers)),
        "plain": sorted(map(str, formatters["text/plain"].deferred_printers)),
        "environ": {k: v for k, v in os.environ.items() if k.startswith(("MLOPS", "MLFLOW"))},
        "finders": len(sys.meta_path),
    }
