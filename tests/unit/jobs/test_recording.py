"""The executed copy: what it says of each cell, whoever tells it, and when it is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mlops_nb.core.errors import UnavailableError
from mlops_nb.jobs import recording
from mlops_nb.jobs.recording import Log, Recorder, Stopped

REPLY: dict[str, Any] = {"content": {"status": "ok", "payload": []}}


class Told:
    """A recorder with what it told, and whether it may go on."""

    def __init__(self, output: Path, *cells: NotebookNode) -> None:
        self.may_go_on = True
        self.progress: list[tuple[int, int, str]] = []
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.notebook = new_notebook(cells=list(cells), metadata={"papermill": {}})
        self.recorder = Recorder(
            self.notebook,
            output,
            proceed=lambda: self.may_go_on,
            progress=lambda *event: self.progress.append(event),
            later=lambda *put_off: self.later.append(put_off),
            printed=Log(None),
        )

    def run(self, index: int, *, answered: bool = True) -> None:
        cell = self.notebook.cells[index]
        self.recorder.cell_start(cell, index)
        if answered:
            self.recorder.cell_answered(cell, index, REPLY)
        self.recorder.cell_complete(cell, index)

    def raises(self, index: int, name: str, value: str) -> None:
        cell = self.notebook.cells[index]
        self.recorder.cell_start(cell, index)
        self.recorder.cell_answered(cell, index, REPLY)
        self.recorder.cell_exception(cell, index, CellExecutionError("", name, value))
        self.recorder.cell_complete(cell, index)

    @property
    def statuses(self) -> list[str]:
        return [cell.metadata.papermill.status for cell in self.notebook.cells]


def test_cells_are_named_and_numbered_as_the_notebook_shows_them(tmp_path: Path) -> None:
    told = Told(
        tmp_path / "a.ipynb",
        new_code_cell("\n%load_ext mlops_nb\n1"),
        new_code_cell("  "),
        new_markdown_cell("Text.\n## Train the *model* ##\n"),
        new_code_cell("fit()", metadata={"tags": ["skip-execution"]}),
        new_code_cell("fit()"),
    )
    told.recorder.notebook_start()
    for index in range(5):
        told.run(index)
    assert told.progress == [
        (0, 2, "load_ext mlops_nb"),
        (1, 2, "load_ext mlops_nb"),
        (1, 2, "Train the *model*"),
        (2, 2, "Train the *model*"),
    ]
    assert told.recorder.complete
    assert told.statuses == ["completed"] * 5


def test_a_cell_without_an_answer_was_cut_off(tmp_path: Path) -> None:
    told = Told(tmp_path / "a.ipynb", *(new_code_cell("1") for _ in range(3)))
    told.recorder.notebook_start()
    told.run(0)
    told.run(1, answered=False)
    assert told.statuses == ["completed", "running", "pending"]
    told.recorder.finish("the kernel died", killed=True)
    written = json.loads((tmp_path / "a.ipynb").read_text("utf-8"))
    facts = [cell["metadata"]["papermill"] for cell in written["cells"]]
    assert [fact["status"] for fact in facts] == ["completed", "failed", "pending"]
    assert [fact["exception"] for fact in facts] == [False, True, None]
    assert written["metadata"]["papermill"]["exception"] is True
    assert written["cells"][1]["outputs"][0]["evalue"] == "the kernel died"
    assert told.recorder.stopped_at == 2
    assert told.recorder.error() == "the kernel died"


def test_no_cell_starts_after_a_stop(tmp_path: Path) -> None:
    told = Told(tmp_path / "a.ipynb", new_code_cell("1"), new_code_cell("2"))
    told.recorder.notebook_start()
    told.run(0)
    told.may_go_on = False
    with pytest.raises(Stopped):
        told.run(1)
    told.recorder.finish("cancelled", killed=True)
    assert told.statuses == ["completed", "pending"]
    assert told.recorder.stopped_at is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ValueError", "no\nmore", "cell 1 raised ValueError: no"),
        ("KeyError", "", "cell 1 raised KeyError"),
        ("SystemExit", "3", "cell 1 exited with code 3"),
        ("SystemExit", "bye", "cell 1 exited saying bye"),
    ],
)
def test_the_reason_is_one_line(tmp_path: Path, name: str, value: str, reason: str) -> None:
    told = Told(tmp_path / "a.ipynb", new_code_cell("1"), new_code_cell("2"))
    told.recorder.notebook_start()
    told.raises(0, name, value)
    assert told.recorder.failure is not None
    assert told.recorder.failure.reason == reason
    assert told.recorder.error() == f"{name}: {value}"
    assert told.statuses == ["failed", "pending"]
    assert not told.recorder.complete


@pytest.mark.parametrize("code", ["", "0", "None"])
def test_a_good_exit_ends_the_notebook_well(tmp_path: Path, code: str) -> None:
    told = Told(tmp_path / "a.ipynb", new_code_cell("1"), new_code_cell("2"))
    told.recorder.notebook_start()
    told.raises(0, "SystemExit", code)
    assert told.recorder.complete
    assert (told.recorder.done, told.recorder.ended_by) == (1, 1)
    with pytest.raises(Stopped):
        told.run(1)
    assert told.statuses == ["completed", "pending"]


def test_only_the_last_state_must_be_written(tmp_path: Path) -> None:
    told = Told(tmp_path / "gone" / "a.ipynb", new_code_cell("1"))
    told.recorder.notebook_start()
    told.run(0)
    with pytest.raises(UnavailableError, match=r"can't write .*a.ipynb: No such file"):
        told.recorder.finish(None, killed=False)


def test_what_a_slow_disk_puts_off_is_written_while_the_cell_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written() -> list[str]:
        cells = json.loads((tmp_path / "a.ipynb").read_text("utf-8"))["cells"]
        return [cell["metadata"]["papermill"]["status"] for cell in cells]

    told = Told(tmp_path / "a.ipynb", *(new_code_cell("1") for _ in range(3)))
    told.recorder.notebook_start()
    monkeypatch.setattr(recording, "SAVING_SHARE", 1e-9)
    told.run(0)
    told.recorder.cell_start(told.notebook.cells[1], 1)
    assert written() == ["pending"] * 3
    ((wait, catch_up),) = told.later
    assert wait > 1
    monkeypatch.setattr(recording, "SAVING_SHARE", float("inf"))
    catch_up()
    assert written() == ["completed", "running", "pending"]
    # Once: what has been written since is not written again.
    (tmp_path / "a.ipynb").unlink()
    catch_up()
    assert not (tmp_path / "a.ipynb").exists()
