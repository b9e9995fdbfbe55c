"""The executed copy of a notebook while it grows: whole on disk, and true of every cell.

papermill's own record calls a cell that killed its kernel, and those that never ran, *completed*,
and writes the file in place, where a reader may find half of it. This one doesn't; the metadata it
writes are papermill's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from mlops_nb.core.errors import UnavailableError
from mlops_nb.jobs.notebooks import encode, tags_of
from mlops_nb.stores.disk import disk_errors, write_whole

if TYPE_CHECKING:
    from nbclient.exceptions import CellExecutionError
    from nbformat import NotebookNode

AUTOSAVE_S = 5.0
SAVING_SHARE = 0.1
TITLE_LENGTH = 60
# What sys.exit(), sys.exit(0) and `raise SystemExit(None)` carry: the notebook ends, and well.
_GOOD_EXITS = ("", "0", "None")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)[#\s]*$", re.MULTILINE)


class Stopped(Exception):  # noqa: N818 - a signal to the loop over the cells, not an error
    """Raised where the next cell may not start."""


class Log:
    """What the cells print, appended to a file as it comes; nowhere where there is no file."""

    def __init__(self, path: Path | None) -> None:
        self.problems: list[str] = []
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            with disk_errors(self._path):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("ab", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, text: str) -> None:
        """Append some text; after a first failure, no more."""
        if self._file is None or self.problems:
            return
        try:
            self._file.write(text.encode("utf-8", "replace"))
        except OSError as error:
            # The notebook's work is worth more than its log.
            self.problems.append(f"the log {self._path} is cut short: {error.strerror}")

    def flush(self) -> None:
        """Nothing to do: nothing is held back."""


@dataclass(frozen=True, slots=True)
class Running:
    """The cell that is running: its number, itself, since when (monotonic seconds)."""

    number: int
    cell: NotebookNode
    since: float


@dataclass(frozen=True, slots=True)
class Failure:
    """The cell that raised, and what."""

    number: int
    cell: NotebookNode
    name: str
    value: str

    @property
    def reason(self) -> str:
        """One line on it."""
        first = next((line for line in self.value.splitlines() if line.strip()), "")
        if self.name == "SystemExit":
            by = f"with code {first}" if first.lstrip("-").isdigit() else f"saying {first}"
            return f"cell {self.number} exited {by}"
        return f"cell {self.number} raised {self.name}" + (f": {first}" if first else "")


class Recorder:
    """Keeps the executed copy. papermill's client tells it of every cell, by papermill's names.

    Parameters
    ----------
    notebook : NotebookNode
        What is executed, with its parameters injected.
    output : Path
        Where the copy is written.
    proceed : callable
        Asked before each cell whether it may start.
    progress : callable
        Told (cells done, cells, what runs).
    later : callable
        Given (seconds, what to call): has it called in this thread when they are over.
    printed : Log
        Told where each cell begins, and the errors.
    """

    def __init__(
        self,
        notebook: NotebookNode,
        output: Path,
        *,
        proceed: Callable[[], bool],
        progress: Callable[[int, int, str], None],
        later: Callable[[float, Callable[[], None]], object],
        printed: Log,
    ) -> None:
        self.nb = notebook
        self.started_at: datetime | None = None
        self.running: Running | None = None
        self.failure: Failure | None = None
        self.ended_by: int | None = None
        # Whether the kernel has said anything of the cell that runs: it works on it then.
        self.is_heard = False
        self.done = 0
        self._output = output
        self._proceed = proceed
        self._progress = progress
        self._later = later
        self._printed = printed
        self._titles = _titles(notebook)
        self._numbers = {index: number for number, index in enumerate(self._titles, 1)}
        self._answered = False
        self._saved_at = self._saving_took = 0.0
        self._is_behind = self._will_catch_up = False

    @property
    def total(self) -> int:
        """How many cells there are to run."""
        return len(self._numbers)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to run: all cells were done, or one ended the notebook."""
        return self.ended_by is not None or self.done == self.total

    @property
    def stopped_at(self) -> int | None:
        """The cell that raised, or that was cut off."""
        at = self.running or self.failure
        return at.number if at else None

    def notebook_start(self) -> None:
        """Empty the cells' outputs and call every cell pending."""
        self.started_at = datetime.now(UTC)
        self.nb.metadata.papermill.update(
            start_time=self.started_at.isoformat(), end_time=None, duration=None, exception=None
        )
        for cell in self.nb.cells:
            if cell.cell_type == "code":
                cell.execution_count, cell.outputs = None, []
            cell.metadata["papermill"] = type(cell)(
                exception=None, start_time=None, end_time=None, duration=None, status="pending"
            )
        self._save()

    def cell_start(self, cell: NotebookNode, cell_index: int) -> None:
        """Call a cell running.

        Raises
        ------
        Stopped
            If it may not start.
        """
        if self.ended_by is not None or not self._proceed():
            raise Stopped
        cell.metadata.papermill.update(
            start_time=datetime.now(UTC).isoformat(), status="running", exception=False
        )
        if cell_index in self._numbers:
            number, title = self._numbers[cell_index], self._titles[cell_index]
            self._answered = self.is_heard = False
            self.running = Running(number, cell, time.monotonic())
            self._progress(self.done, self.total, title)
            self._printed.write(f"[cell {number} of {self.total}] {title}\n")
            self._save()

    def cell_answered(
        self,
        cell: NotebookNode,  # noqa: ARG002 - nbclient's hook
        cell_index: int,
        execute_reply: Mapping[str, Any],
    ) -> None:
        """Note that the kernel answered: a cell without an answer was cut off."""
        self._answered = True
        payload = execute_reply["content"].get("payload", ())
        if any(item.get("source") == "ask_exit" for item in payload):
            self.ended_by = self._numbers[cell_index]

    def cell_exception(
        self, cell: NotebookNode, cell_index: int, exception: CellExecutionError
    ) -> None:
        """Call a cell failed, unless it only ended the notebook with a good exit code."""
        number = self._numbers[cell_index]
        if exception.ename == "SystemExit" and exception.evalue in _GOOD_EXITS:
            self.ended_by = number
            return
        self.failure = Failure(number, cell, exception.ename, exception.evalue)
        cell.metadata.papermill.update(status="failed", exception=True)

    def cell_complete(self, cell: NotebookNode, cell_index: int) -> None:
        """Close a cell, where it has really come to its end."""
        facts = cell.metadata.papermill
        counted = cell_index in self._numbers
        if facts.status == "pending" or (counted and not self._answered):
            return
        if facts.status == "running":
            facts.status = "completed"
            self.done += counted
        _close(facts)
        if counted:
            self.running = None
            self._progress(self.done, self.total, self._titles[cell_index])
            for output in cell.outputs:
                if output.output_type == "error":
                    self._printed.write("\n".join(output.traceback) + "\n")

    def autosave_cell(self) -> None:
        """Note that the kernel has said something; save what a long cell has printed so far."""
        self.is_heard = True
        if time.monotonic() - self._saved_at >= AUTOSAVE_S:
            self._save()

    def finish(self, reason: str | None, *, killed: bool) -> None:
        """Write the last state, whatever it is; `reason` is shown in the cell that was cut off.

        Raises
        ------
        UnavailableError
            If it can't be written.
        """
        if self.started_at is None:
            self.notebook_start()
        at = self.running or self.failure
        if killed and at is not None:
            said = {"ename": "Killed", "evalue": reason, "traceback": [reason]}
            at.cell.outputs.append(type(at.cell)(output_type="error", **said))
            at.cell.metadata.papermill.update(status="failed", exception=True)
            _close(at.cell.metadata.papermill)
        self.nb.metadata.papermill.exception = True if killed or self.failure else None
        _close(self.nb.metadata.papermill)
        self._write()

    def error(self) -> str | None:
        """Return what the notebook shows of the error, without colours; None where none is."""
        at = self.running or self.failure
        if at is None:
            return None
        shown = [
            "\n".join(output.traceback)
            for output in at.cell.outputs
            if output.output_type == "error" and output.traceback
        ]
        if not shown and isinstance(at, Failure):
            # IPython shows a UsageError as a line on standard error.
            shown = [f"{at.name}: {at.value}"]
        return _ANSI.sub("", "\n".join(shown)) or None

    def _save(self) -> None:
        """Write a state in between; where that takes long, less often, and not at once."""
        began = time.monotonic()
        wait = self._saved_at + self._saving_took / SAVING_SHARE - began
        if wait > 0:
            self._is_behind = True
            if not self._will_catch_up:
                self._will_catch_up = True
                self._later(wait, self._catch_up)
            return
        try:
            self._write()
        except UnavailableError as error:
            # The cells matter more; the last state is written once more, and there it counts.
            self._printed.write(f"{error}\n")
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - began
        self._is_behind = False

    def _catch_up(self) -> None:
        """Write what was put off: a cell may go on for hours without a word."""
        self._will_catch_up = False
        if self._is_behind:
            self._save()

    def _write(self) -> None:
        try:
            write_whole(self._output, encode(self.nb))
        except OSError as error:
            raise UnavailableError(f"can't write {self._output}: {error.strerror}") from None


def _close(facts: NotebookNode) -> None:
    ended_at = datetime.now(UTC)
    facts.end_time = ended_at.isoformat()
    if facts.start_time:
        started_at = datetime.fromisoformat(facts.start_time)
        facts.duration = (ended_at - started_at).total_seconds()


def _titles(notebook: NotebookNode) -> dict[int, str]:
    """Name each cell that will run, by its place: its section's heading, else its first line."""
    titles, heading = {}, ""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            heading = (_HEADING.findall(cell.source) or [heading])[-1]
        elif cell.cell_type == "code" and cell.source.strip() and not _skipped(cell):
            titles[index] = (heading or _first_line(cell.source))[:TITLE_LENGTH]
    return titles


def _first_line(source: str) -> str:
    return source.strip().splitlines()[0].lstrip("#% ").strip() or "…"


def _skipped(cell: NotebookNode) -> bool:
    return "skip-execution" in tags_of(cell)
