"""The magics in a shell of this process: what is shown, what is recorded, what stays behind.

The project's writer is kept away by holding its lock, so that the spool can be read at leisure.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

from mlops_nb.core.records import CellRecord, Run
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from tests.notebooks import shell_in_process

Cell = Callable[[str], CapturedIO]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops.toml").write_text("[project]\nname = 'p'\n")
    made = Project.at(tmp_path, {}).ensure()
    with locked(made.state / "writer.lock"):
        yield made


@pytest.fixture
def shell(project: Project) -> Iterator[InteractiveShell]:
    with shell_in_process() as made:
        yield made


@pytest.fixture
def cell(shell: Any) -> Cell:
    """Run a cell as a notebook does, and return what it showed; `shell.failed` says with what."""

    def run(source: str) -> CapturedIO:
        with capture_output() as shown:
            result = shell.run_cell(source, store_history=True)
        shell.failed = result.error_before_exec or result.error_in_exec
        return shown

    run("%load_ext mlops_nb")
    return run


def runs(project: Project) -> dict[str, Run]:
    """Return the runs by name, oldest first."""
    found = [state.run for state in project.spool.runs()]
    return {run.name: run for run in sorted(found, key=lambda run: run.started_at)}


def cells(project: Project, name: str) -> list[CellRecord]:
    found = next(state for state in project.spool.runs() if state.run.name == name)
    return list(found.cells)


def times_shown(shown: CapturedIO) -> int:
    text = "No runs yet"
    rich = sum(text in output.data["text/plain"] for output in shown.outputs if output.data)
    return int(shown.stdout.count(text) + rich)


@pytest.mark.parametrize(
    ("source", "times"),
    [
        ("%mlops runs", 1),
        ("%mlops runs\n1", 1),
        ("%mlops runs\n%mlops runs", 2),
        ("if True:\n    %mlops runs\nx = 1", 1),
        ("for _ in range(3):\n    %mlops runs", 3),
        ("def f():\n    %mlops runs\nf()", 1),
        ("import asyncio\n%mlops runs\nawait asyncio.sleep(0)", 1),
        ("x = %mlops runs", 0),
        ("x = %mlops runs\nx", 1),
        ("%mlops runs;", 0),
        ("%mlops runs;\n1", 0),
        ("%time %mlops runs", 1),
    ],
)
def test_a_result_is_shown_once_wherever_the_magic_stands(
    source: str, times: int, cell: Cell, shell: Any
) -> None:
    assert times_shown(cell(source)) == times
    assert shell.failed is None


def test_help_and_json_go_to_the_cells_output_and_nothing_else(cell: Cell) -> None:
    assert cell("%mlops").stdout == cell("%mlops --help").stdout == cell("%mlops help").stdout
    assert "usage: %mlops drift" in cell("%mlops drift --help").stdout
    assert cell("%mlops --help drift").stdout == cell("%mlops drift -h").stdout
    assert cell("%mlops runs --json").stdout == "[]\n"
    shown = cell("%%mlops track --help\nprint('ran')")
    assert "usage: %mlops track" in shown.stdout
    assert "ran" not in shown.stdout


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("%mlops drfit a b", "unknown verb 'drfit'; did you mean 'drift'?"),
        ("%mlops runs --sttus F", "unknown option of runs '--sttus'; did you mean '--status'?"),
        ("%mlops --projct x runs", "unknown option '--projct'; did you mean '--project'?"),
        ("%mlops runs --project /nowhere", "the project folder '/nowhere' does not exist"),
        ("%mlops runs --experiment nope", "unknown experiment 'nope'; there are no runs yet"),
        ("%mlops show nope", "unknown run 'nope'; there are no runs yet"),
        ("%mlops log a=1", "no run is open to log to; open one with `track`"),
        ("%mlops track stop", "no run is open; open one with `track`"),
        ("%mlops track 'a", "the quote ' is not closed in: track 'a"),
        ("%mlops ui", "`ui` needs a terminal; type `mlops ui` there"),
        ("frames = 1\n%mlops drift frame x", "no DataFrame or file is called 'frame'"),
        ("%mlops register forst m", "no model is called 'forst'"),
        ("%%mlops\n1", "%%mlops has no form for cells; there is 'track'"),
        ("%%mlops trakc\n1", "%%mlops trakc has no form for cells; did you mean 'track'?"),
        ("%%mlops track stop\n1", "`track stop` needs no cell; type `%mlops track stop`"),
        ("%%mlops track a b\n1", "track: 'b' is one argument too many"),
    ],
)
def test_bad_input_is_a_usage_error_of_one_line(
    source: str, told: str, cell: Cell, shell: Any, project: Project
) -> None:
    shown = cell(source)
    assert type(shell.failed).__name__ == "UsageError"
    assert str(shell.failed).startswith(told)
    assert "Traceback" not in shown.stdout + shown.stderr
    assert runs(project) == {}


@pytest.mark.filterwarnings("ignore:To exit")  # IPython's, on sys.exit()
def test_each_tracked_cell_is_a_run_that_ends_as_its_cell_did(
    cell: Cell, shell: Any, project: Project
) -> None:
    cell("%mlops track 'top \"one\"' --experiment trees")
    cell("%%mlops track empty")
    cell("# why\n\n%%mlops track commented\nx = 1")
    cell("%%mlops track timed\n%%time\nx = 2")
    shown = cell("%%mlops track captured\n%%capture out\nprint('inside')\n%mlops log inner=1")
    assert "inside" not in shown.stdout
    cell("")
    cell("%%mlops track raised\n1 / 0")
    assert isinstance(shell.failed, ZeroDivisionError)
    cell("%%mlops track unparsed\nx = = 1")
    cell("%%mlops track left\nimport sys\nsys.exit(0)")
    cell("%%mlops track 'left badly'\nsys.exit('no data')")
    cell("%%mlops track interrupted\nraise KeyboardInterrupt")
    cell("%%mlops track cancelled\nimport asyncio\nraise asyncio.CancelledError")
    cell("%%mlops track stopping\n%mlops track stop")
    assert "its own run ends with it" in str(shell.failed)
    cell("%%mlops track two\n%mlops track renamed\nget_ipython().run_line_magic('mlops', 'runs')")
    top, *children = runs(project).values()
    assert (top.name, top.status, top.experiment) == ("renamed", "RUNNING", "trees")
    assert {child.parent_id for child in children} == {top.run_id}
    assert {child.experiment for child in children} == {"trees"}
    assert [(child.name, child.status, child.reason) for child in children] == [
        ("empty", "FINISHED", None),
        ("commented", "FINISHED", None),
        ("timed", "FINISHED", None),
        ("captured", "FINISHED", None),
        ("raised", "FAILED", "ZeroDivisionError: division by zero"),
        ("left", "FINISHED", None),
        ("left badly", "FAILED", "SystemExit: no data"),
        ("interrupted", "KILLED", "interrupted"),
        ("cancelled", "KILLED", "interrupted"),
        ("stopping", "FAILED", str(runs(project)["stopping"].reason)),
        ("two", "FINISHED", None),
    ]
    assert runs(project)["captured"].metrics == {"inner": 1.0}
    # Every cell once, also the one that ran another, and the one that was no Python.
    recorded = cells(project, "renamed")
    assert [c.index for c in recorded] == list(range(len(recorded)))
    assert [c.outcome for c in recorded][:2] == ["before", "ok"]
    assert sum("captured" in c.source for c in recorded) == 1
    assert next(c for c in recorded if "unparsed" in c.source).outcome == "error"
    assert [c.source for c in cells(project, "captured")] == [recorded[5].source]


def test_blocks_are_children_too_and_end_with_their_block(
    cell: Cell, shell: Any, project: Project
) -> None:
    cell("%mlops track top\nimport mlops_nb")
    cell(
        "for n in range(2):\n"
        "    with mlops_nb.child(f'block {n}') as run:\n"
        "        mlops_nb.log(n=n)\n"
        "with mlops_nb.track() as joined:\n"
        "    mlops_nb.log(outer=1)\n"
        "%mlops log after=1"
    )
    assert shell.failed is None
    cell("%%mlops track 'a cell'\nwith mlops_nb.child('in it'):\n    raise ValueError('no')")
    found = runs(project)
    assert found["block 1"].metrics == {"n": 1.0}
    assert found["top"].metrics == {"outer": 1.0, "after": 1.0}
    assert found["in it"].parent_id == found["a cell"].run_id
    assert {name: run.status for name, run in found.items()} == {
        "top": "RUNNING",
        "block 0": "FINISHED",
        "block 1": "FINISHED",
        "a cell": "FAILED",
        "in it": "FAILED",
    }


def test_logged_values_and_names_with_quotes_braces_and_semicolons(
    cell: Cell, shell: Any, project: Project
) -> None:
    cell("%mlops track\nimport math\nloss = math.nan\nwide = {'a': 1}")
    cell("%mlops log loss={loss} best=$loss cost=$5 note=\"a; 'b' = {1 + 1}\" wide=wide;")
    cell('%mlops log config={"a": [1, {"b": "{x}"}]} text=größe 🌲=no')
    assert "can't be the name" in str(shell.failed)
    cell('%mlops log config={"a": [1, {"b": "{x}"}]} text=größe')
    (run,) = runs(project).values()
    assert math.isnan(run.metrics["loss"])
    assert math.isnan(run.metrics["best"])
    assert run.params == {
        "cost": "$5",
        "note": "a; 'b' = 2",
        "wide": {"a": 1},
        "config": {"a": [1, {"b": "{x}"}]},
        "text": "größe",
    }


def test_tracking_again_goes_on_and_stopping_begins_anew(
    cell: Cell, shell: Any, project: Project, tmp_path: Path
) -> None:
    assert "tracking this notebook as 'a'" in cell("%mlops track a").stdout
    assert "still tracking this notebook as 'b'" in cell("%mlops track b").stdout
    cell("%mlops track --experiment other")
    assert "it can't move to 'other'; end it with `track stop` first" in str(shell.failed)
    (tmp_path / "elsewhere").mkdir()
    cell(f"%mlops track --project {tmp_path / 'elsewhere'}")
    assert "it can't move to" in str(shell.failed)
    assert times_shown(cell(f"%mlops runs --project {tmp_path / 'elsewhere'}")) == 1
    assert "run 'b' is FINISHED" in cell("%mlops track stop").stdout
    cell("1 / 0")
    cell("%mlops track c")
    assert {run.name: run.status for run in runs(project).values()} == {
        "b": "FINISHED",
        "c": "RUNNING",
    }
    # What ran before counts, whoever tracked it then.
    assert "1 / 0" in [c.source for c in cells(project, "c") if c.outcome == "before"]


def test_loading_in_the_middle_twice_and_unloading_leave_no_trace(
    shell: InteractiveShell, project: Project
) -> None:
    before = traces(shell)
    for number in range(2):
        with capture_output():
            shell.run_cell(f"%load_ext mlops_nb\n%load_ext mlops_nb\n%mlops track r{number}")
            shell.run_cell("%reload_ext mlops_nb")
        assert len(traces(shell)["transformers"]) == len(before["transformers"]) + 1
        assert "mlops" in shell.magics_manager.magics["line"]
        shell.run_line_magic("unload_ext", "mlops_nb")
        assert traces(shell) == before
    # The first `reload` has ended the run: what it was joined to is gone.
    assert {run.status for run in runs(project).values()} == {"FINISHED"}


def traces(shell: Any) -> dict[str, Any]:
    formatters = shell.display_formatter.formatters
    return {
        "transformers": list(shell.input_transformers_cleanup),
        "events": {name: len(found) for name, found in shell.events.callbacks.items()},
        "matchers": len(shell.Completer.custom_matchers),
        "line": sorted(shell.magics_manager.magics["line"]),
        "cell": sorted(shell.magics_manager.magics["cell"]),
        "html": sorted(map(str, formatters["text/html"].deferred_printers)),
        "plain": sorted(map(str, formatters["text/plain"].deferred_printers)),
        "environ": {k: v for k, v in os.environ.items() if k.startswith(("MLOPS", "MLFLOW"))},
        "finders": list(sys.meta_path),
    }


class UnspeakableError(Exception):
    """An error whose text can't be had; users' own are sometimes so."""

    def __str__(self) -> str:
        raise AttributeError("no text")


def test_an_error_without_a_text_fails_its_run_too(
    cell: Cell, shell: Any, project: Project
) -> None:
    shell.user_ns["UnspeakableError"] = UnspeakableError
    cell("import mlops_nb\n%mlops track top")
    cell("with mlops_nb.child('speechless'): raise UnspeakableError")
    run = runs(project)["speechless"]
    assert (run.status, run.reason) == ("FAILED", "UnspeakableError")


def test_a_cancelled_future_is_no_interrupt(cell: Cell, project: Project) -> None:
    cell("%%mlops track future\nimport concurrent.futures as c\nraise c.CancelledError")
    assert runs(project)["future"].status == "FAILED"


def test_a_run_whose_record_was_deleted_is_let_go(cell: Cell, shell: Any, project: Project) -> None:
    cell("%mlops track first")
    shutil.rmtree(project.state / "spool")
    assert "is gone" in cell("1").stderr
    cell("%mlops track second\n%mlops log a=1")
    assert shell.failed is None
    cell("%mlops track stop")
    assert {run.name: run.status for run in runs(project).values()} == {"second": "FINISHED"}


def test_a_store_that_is_no_address_opens_no_run(
    cell: Cell, shell: Any, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_TRACKING_URI", "localhost:5000")
    cell("%mlops track far")
    assert "is no address of an MLflow store" in str(shell.failed)
    assert runs(project) == {}
    monkeypatch.delenv("MLOPS_TRACKING_URI")
    assert "tracking this notebook" in cell("%mlops track near").stdout


@pytest.mark.parametrize("step", ["'x'", "1.5", str(2**63)])
def test_a_step_is_a_whole_number(step: str, cell: Cell, shell: Any, project: Project) -> None:
    cell(f"%mlops track\nimport mlops_nb\nmlops_nb.log(a=1, step={step})")
    assert "step must be a whole number" in str(shell.failed)
    (run,) = runs(project).values()
    assert run.metrics == {}
