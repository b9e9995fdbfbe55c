"""One notebook through each tool that runs notebooks: the same run, and a failure that fails."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.core.errors import InputError, MlopsError
from mlops_nb.flows.delivery import deliver_now, deliver_open
from mlops_nb.project import Project
from mlops_nb.stores import runs as run_store
from mlops_nb.stores.leases import lease_of, reconcile
from mlops_nb.stores.mlflow_client import client
from tests.marks import imports_mlflow
from tests.notebooks import (
    mlops,
    outputs,
    python,
    text_of,
    wait_until_delivered,
    write_notebook,
)

pytestmark = imports_mlflow

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
    made = project(tmp_path)
    write_notebook(
        tmp_path / "a.ipynb",
        "import mlflow\nfrom mlflow import start_run\n%load_ext mlops_nb\n%mlops track 'ours'",
        # Bound before we came: MLflow's own, which finds our run open and says so.
        "try:\n    start_run()\nexcept Exception as error:\n    print(error)",
        "import threading\nmlflow.log_metric('direct', 1.5)",
        "with mlflow.start_run(None, None, 'theirs', description='why', tags={'t': 1}) as run:\n"
        "    mlflow.log_param('q', 3)\nmlflow.log_metric('after', 1)\n"
        "with mlflow.start_run(run_id=run.info.run_id): pass\nmlflow.end_run()",
        "with mlflow.start_run(nested=True, run_name='nested'):\n    mlflow.log_metric('n', 1)",
        "%%mlops track 'child'\nmlflow.log_metric('inner', 2)",
        # Another experiment for what she starts next; what is open stays open.
        "mlflow.set_experiment('theirs')\nmlflow.log_metric('still', 1)\n"
        "with mlflow.start_run(nested=True, run_name='elsewhere'): pass",
        "def log(): mlflow.log_metric('threaded', 1)\n"
        "threads = [threading.Thread(target=log) for _ in range(4)]\n"
        "for thread in threads: thread.start()\nfor thread in threads: thread.join()",
        "import mlflow.sklearn\nfrom sklearn.linear_model import LogisticRegression\n"
        "mlflow.sklearn.autolog(log_models=False, log_datasets=False, silent=True)\n"
        "LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])",
        "raise ValueError('at the end')",
    )
    done = papermill_plain(tmp_path)
    assert done.returncode == 1
    assert "is already active" in text_of(outputs(tmp_path / "out.ipynb")[1])
    wait_until_delivered(made)
    found = {run["name"]: run for run in runs(tmp_path)}
    assert found.keys() == {"ours", "nested", "child", "elsewhere"}
    top = found["ours"]
    assert (top["status"], top["reason"]) == ("FAILED", "ValueError: at the end")
    logged = {"direct", "after", "still", "threaded", "training_accuracy_score"}
    assert top["metrics"].keys() >= logged
    assert top["params"].keys() >= {"q", "solver"}
    assert (top["tags"]["t"], top["tags"]["mlflow.note.content"]) == ("1", "why")
    assert found["child"]["metrics"] == {"inner": 2.0}
    assert found["nested"]["parent_id"] == found["elsewhere"]["parent_id"] == top["run_id"]
    experiments = {run.name: run.experiment for run in made.runs.search(children=True)}
    assert experiments == {
        "ours": "spring",
        "child": "spring",
        "nested": "spring",
        "elsewhere": "theirs",
    }


LOOKS_FIRST = """
import importlib.util, mlops_nb
mlops_nb.track("ours")
assert importlib.util.find_spec("mlflow") is not None
import mlflow
mlflow.log_metric("direct", 1)
"""


def test_who_looks_whether_there_is_an_mlflow_changes_nothing(tmp_path: Path) -> None:
    made = project(tmp_path)
    done = python("-c", LOOKS_FIRST, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    wait_until_delivered(made)
    (run,) = made.runs.search(children=True)
    assert (run.name, run.metrics, run.status) == ("ours", {"direct": 1.0}, "FINISHED")


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
    wait_until_delivered(made)
    (in_mlflow,) = runs(tmp_path)
    assert in_mlflow["mlflow_run_id"] is not None
    assert in_mlflow["status"] == "KILLED"


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


DELIVERY = """
import os, sys
from pathlib import Path
import mlflow.store.tracking.sqlalchemy_store as module
from mlops_nb.flows.delivery import deliver_now, deliver_open
from mlops_nb.project import Project

store, left = module.SqlAlchemyStore, [0]

def dying(method):
    def call(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        result = method(*args, **kwargs)
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
        return result
    return call

for name in ("create_run", "log_batch", "set_tag", "update_run_info"):
    setattr(store, name, dying(getattr(store, name)))
# Forked for each try, so that MLflow is imported once.
for number in range(1, 1000):
    child = os.fork()
    if child == 0:
        left[0] = number
        deliver_now(Project.at(Path.cwd(), {}))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(number)
"""


def test_a_delivery_that_is_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    made = project(tmp_path)
    spool = made.ensure().spool
    deliver_now(made)
    at = "2026-01-01T00:00:00.000Z"
    for run_id, parent in (("1" * 16, None), ("2" * 16, "1" * 16)):
        spool.begin(run_id, name=run_id[0], parent_id=parent, experiment="e", tags={"a": "b"})
        steps = [{"key": "loss", "value": 1 / (n + 1), "step": n, "at": at} for n in range(5)]
        spool.append(run_id, "metrics", values=steps)
        spool.append(run_id, "params", values={"depth": 3})
        spool.keep(run_id, "notes/a.txt", b"kept")
        spool.append(run_id, "ended", status="FAILED", reason="because")
    done = python("-c", DELIVERY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10
    assert spool.run_ids() == []
    child, parent_run = made.runs.search(children=True)
    assert child.parent_id == parent_run.run_id == "1" * 16
    for run in (child, parent_run):
        assert (run.status, run.reason, run.params) == ("FAILED", "because", {"depth": 3})
        assert run.metrics == {"loss": 0.2}
        assert made.runs.artifacts(run) == ("mlops/events.jsonl", "notes/a.txt")
    with closing(sqlite3.connect(made.state / "mlflow.db")) as connection:
        points = connection.execute("SELECT count(*) FROM metrics").fetchall()
        statuses = connection.execute("SELECT status FROM runs").fetchall()
    assert (points, statuses) == ([(10,)], [("FAILED",), ("FAILED",)])


def test_a_run_that_was_begun_in_another_store_arrives_whole_in_the_new_one(tmp_path: Path) -> None:
    made = project(tmp_path)
    spool = made.ensure().spool
    spool.begin("1" * 16, name="moved", experiment="e", lease=asdict(lease_of(os.getpid())))
    spool.append("1" * 16, "params", values={"early": 1})
    deliver_now(made)
    moved = Project.at(tmp_path, {"MLOPS_TRACKING_URI": "sqlite:///new.db"})
    spool.append("1" * 16, "params", values={"late": 2})
    spool.keep("1" * 16, "notes/a.txt", b"kept")
    spool.append("1" * 16, "ended", status="FINISHED")
    read_before = replace(moved.spool.load("1" * 16).run, mlflow_run_id=None)
    # It is told, and then put right.
    with pytest.raises(InputError, match="not found"):
        deliver_now(moved)
    deliver_now(moved)
    (run,) = moved.runs.search()
    assert (run.status, run.params) == ("FINISHED", {"early": 1, "late": 2})
    assert spool.run_ids() == []
    # Who read the run before it was delivered has its artifacts all the same.
    kept = moved.runs.artifact(read_before, "notes/a.txt")
    assert kept is not None
    assert kept.read_bytes() == b"kept"
    assert "notes/a.txt" in moved.runs.artifacts(read_before)


def test_a_record_that_is_damaged_holds_up_no_other(tmp_path: Path) -> None:
    made = project(tmp_path)
    spool = made.ensure().spool
    at = "2026-01-01T00:00:00.000Z"
    for run_id, step in (("1" * 16, "x"), ("2" * 16, 3)):
        spool.begin(run_id, name=run_id[0], experiment="e")
        spool.append(run_id, "metrics", values=[{"key": "a", "value": 1, "step": step, "at": at}])
        spool.append(run_id, "ended", status="FINISHED")
    with pytest.raises(MlopsError, match="run 1111111111111111 can't be delivered: ValueError"):
        deliver_now(made)
    assert spool.run_ids() == ["1" * 16]
    with closing(sqlite3.connect(made.state / "mlflow.db")) as connection:
        points = connection.execute("SELECT key, value, step FROM metrics").fetchall()
    assert points == [("a", 1.0, 3)]


def test_one_run_that_mlflow_refuses_holds_up_no_other(tmp_path: Path) -> None:
    made = project(tmp_path)
    spool = made.ensure().spool
    spool.begin("1" * 16, name="refused", experiment="e")
    mlflow_id = deliver_open(made, "1" * 16)
    client(made.tracking_uri).delete_run(mlflow_id)
    for run_id in ("1" * 16, "2" * 16):
        if run_id[0] == "2":
            spool.begin(run_id, name="good", experiment="e")
        spool.append(run_id, "params", values={"a": 1})
        spool.append(run_id, "ended", status="FINISHED")
    with pytest.raises(InputError, match="run 1111111111111111 can't be delivered"):
        deliver_now(made)
    assert spool.run_ids() == ["1" * 16]
    assert made.runs.get("2" * 16).status == "FINISHED"
    a_run_that_appears_while_runs_are_read_is_seen_whole_or_not_at_all(made)


def a_run_that_appears_while_runs_are_read_is_seen_whole_or_not_at_all(made: Project) -> None:
    path = made.state / "mlflow.db"

    class Racing:
        """A connection to MLflow's database that another process writes to after each query."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self.connection = connection
            self.queries = 0

        def execute(self, query: str, values: Any = ()) -> Any:
            rows = self.connection.execute(query, values).fetchall()
            self.queries += 1
            new = str(self.queries)
            other = sqlite3.connect(path, timeout=0, isolation_level=None)
            with closing(other), suppress(sqlite3.OperationalError):
                other.execute("UPDATE tags SET value = ? WHERE key = 'mlops.run_id'", [new])
                other.execute("UPDATE runs SET name = ?", [new])
            return rows

        def close(self) -> None:
            self.connection.close()

    read = run_store.open_readonly
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_store, "open_readonly", lambda uri: Racing(read(uri)))  # type: ignore[arg-type]
        (run,) = (run for run in made.runs.search() if run.run_id != "1" * 16)
    assert run.name == run.run_id
