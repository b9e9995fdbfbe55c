"""The cells of an interactive notebook: how they stood, what they showed, their metrics."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlops_nb import panels
from mlops_nb.flows import comparison, delivery
from mlops_nb.flows import runs as flows
from mlops_nb.flows.context import Context
from mlops_nb.flows.histories import log_steps
from mlops_nb.flows.tracking import log
from mlops_nb.project import Project
from mlops_nb.stores.leases import lease_of
from mlops_nb.stores.metric_histories import KEPT
from mlops_nb.stores.spool import new_run_id
from tests.marks import imports_mlflow
from tests.notebooks import LiveKernel, live_kernels, write_notebook

pytestmark = imports_mlflow

CELLS = (
    "%mlops track first",
    "n = 1",
    "n += 1",
    "import sys\nprint('\\033[31mn\\033[0m', n)\nprint('progress', file=sys.stderr)\ndisplay(n)\nn",
    "%mlops log n=n",
)


def run_cells(kernel: LiveKernel, *places: int, sources: tuple[str, ...] = CELLS) -> list[Any]:
    return [kernel.run(sources[place], f"cell-{place}") for place in places]


def later(notebook: Path) -> None:
    """Have a notebook's file be younger than what ran, however coarse its file system's clock."""
    at = time.time() + 60
    os.utime(notebook, (at, at))


def test_a_notebook_that_is_worked_on(tmp_path: Path) -> None:
    made = Project.at(tmp_path, {}).ensure()
    context = Context(made, tmp_path)
    notebook = write_notebook(tmp_path / "work.ipynb", *CELLS)
    with live_kernels(tmp_path, JPY_SESSION_NAME=str(notebook)) as (kernel,):
        kernel.run("%load_ext mlops_nb")
        *_, answer, _ = run_cells(kernel, 0, 1, 2, 3, 4)
        once = flows.show(context, "latest")
        assert once.hidden_state == ()
        assert [cell.position for cell in once.cells] == [None, 0, 1, 2, 3, 4]
        shown = once.cells[4]
        assert shown.output == "\x1b[31mn\x1b[0m 2\n2\n2\n"
        assert answer.text["stdout"] + answer.text["display_data"] in shown.output
        assert (once.cells[2].output, once.cells[2].output_length) == ("", 0)
        assert "tracking this notebook as 'first'" in str(once.cells[1].output)
        kernel.run("%mlops track stop", "cell-9")

        kernel.restart()
        kernel.run("%load_ext mlops_nb")
        kernel.run("%mlops track second", "cell-8")
        run_cells(kernel, 1, 2, 2, 3, 4)
        # She thinks better of it; JupyterLab saves what she wrote, and it is not run any more.
        write_notebook(notebook, CELLS[0], "n = 100", *CELLS[2:])
        later(notebook)
        kernel.run("%mlops track stop", "cell-9")
    delivery.deliver_now(made)
    details = flows.show(context, "latest")
    assert [(hidden.kind, hidden.names) for hidden in details.hidden_state] == [("again", ("n",))]
    again = "Cell [5] changed `n` once more: it began with what cell [4], its last execution"
    assert details.hidden_state[0].told.startswith(again)
    told = panels.text(details)
    assert "Hidden state" in told
    assert json.loads(json.dumps(details.to_dict()))["hidden_state"][0]["kind"] == "again"

    first = made.runs.search()[-1].run_id
    found = comparison.diff(context, first, details.run.run_id)
    assert found.output is not None
    assert found.output.source == CELLS[3]
    assert (found.output.before, found.output.after) == ("n 2\n2\n2", "n 3\n3\n3")
    assert any(
        cause.startswith("Hidden state in the second run: cell [5]") for cause in found.causes
    )
    assert "The first cell of equal code that showed something else" in panels.text(found)


def test_a_cell_that_was_edited_is_called_out_while_the_run_goes_on(tmp_path: Path) -> None:
    made = Project.at(tmp_path, {}).ensure()
    notebook = write_notebook(tmp_path / "work.ipynb", CELLS[0], "n = 1", "m = n")
    with live_kernels(tmp_path, JPY_SESSION_NAME=str(notebook)) as (kernel,):
        kernel.run("%load_ext mlops_nb")
        run_cells(kernel, 0, 1, 2, sources=(CELLS[0], "n = 1", "m = n"))
        write_notebook(notebook, CELLS[0], "n = 2", "m = n")
        later(notebook)
        (found,) = flows.show(Context(made, tmp_path), "latest").hidden_state
    told = "Cell [4] used `n` as cell [3] had made it; that cell was changed afterwards."
    assert (found.kind, found.told) == ("edited", told)


def test_histories_are_read_from_mlflow_and_from_what_waits_for_it(tmp_path: Path) -> None:
    project, run_id = Project.at(tmp_path, {}).ensure(), new_run_id()
    project.spool.begin(run_id, name="run", experiment="e", lease=asdict(lease_of(os.getpid())))
    context = Context(project, tmp_path, run_id)
    loss = [1 / (step + 1) for step in range(5000)]
    loss[2500] = -7.0
    log_steps(context, {"loss": loss, "odd": [1.0, float("nan"), float("inf"), 2.0]})
    log(context, {"once": 1.0})

    def check() -> None:
        found = flows.show(context, run_id)
        assert list(found.histories) == ["loss", "odd"]
        history = found.histories["loss"]
        assert (history.count, len(history.values) <= KEPT) == (5000, True)
        assert (history.steps[0], history.steps[-1], min(history.values)) == (0, 4999, -7.0)
        assert str(found.histories["odd"].values) == "(1.0, nan, inf, 2.0)"
        told = panels.text(found)
        assert "5,000" in told
        assert "the lowest and highest of each stretch" in told

    check()
    delivery.deliver_now(project)
    check()
    log(context, {"once": 2.0}, step=1)
    assert flows.show(context, run_id).histories["once"].values == (1.0, 2.0)
    project.spool.append(run_id, "ended", status="FINISHED")
    delivery.deliver_now(project)
    assert project.spool.run_ids() == []
    check_after = flows.show(context, run_id)
    assert check_after.histories["once"].count == 2
