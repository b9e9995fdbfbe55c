"""The local append-only record of runs that MLflow does not hold whole yet.

Each run has a folder ``<spool>/<run_id>/`` with ``events.jsonl`` (one JSON event a line, each
written by one ``write`` to a file opened for appending, so that two processes may write to one
run), ``files/`` (bytes that events refer to) and ``delivered.json`` (how far MLflow has it). A
run's state is the fold of its events. When all is delivered, the folder goes away.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import NotFoundError, UnavailableError
from mlops_nb.core.records import CellRecord, Run, now
from mlops_nb.core.strict_json import dumps, instant, number, parse_instant
from mlops_nb.stores.disk import disk_errors, write_whole

RUN_ID = re.compile(r"[0-9a-f]{16}")
_EVENTS = "events.jsonl"


def new_run_id() -> str:
    """Make a run id: the time in its first half, so that ids sort by age, chance in the other.

    Examples
    --------
    >>> len(new_run_id())
    16
    """
    return f"{int(now().timestamp()):08x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a run's record: when, what kind, and its body."""

    at: datetime
    kind: str
    body: Mapping[str, Any]

    def to_line(self) -> bytes:
        """Return the event as one line of JSON."""
        line = dumps({"at": instant(self.at), "kind": self.kind, **self.body}) + "\n"
        # What Unicode can't write (half a surrogate pair in a cell's source) becomes "?".
        return line.encode("utf-8", "replace")

    @classmethod
    def from_line(cls, line: bytes) -> Event:
        """Read a line that `to_line` wrote."""
        body = json.loads(line)
        return cls(parse_instant(body.pop("at")), body.pop("kind"), body)


@dataclass(frozen=True, slots=True)
class Delivered:
    """How far a run has been delivered: its MLflow id, and the bytes of its events."""

    mlflow_run_id: str | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Lease:
    """Which process holds a run open, so that another can tell whether it still lives."""

    host: str
    boot_id: str
    pid: int
    process_started: float


@dataclass(frozen=True, slots=True)
class SpooledRun:
    """A run as its events tell it."""

    run: Run
    lease: Lease | None = None
    cells: tuple[CellRecord, ...] = ()
    artifacts: Mapping[str, str] = field(default_factory=dict)
    last_event_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether an end has been recorded."""
        return self.run.status != "RUNNING"


class Spool:
    """The folder of undelivered runs of one project.

    Examples
    --------
    >>> import tempfile
    >>> spool = Spool(Path(tempfile.mkdtemp()))
    >>> run_id = new_run_id()
    >>> spool.begin(run_id, name="first")
    >>> spool.append(run_id, "ended", status="FINISHED")
    >>> spool.load(run_id).run.status
    'FINISHED'
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folded: dict[str, _Folded] = {}

    def append(self, run_id: str, kind: str, /, *, at: datetime | None = None, **body: Any) -> None:
        """Write one event to a run, in one write.

        Raises
        ------
        UnavailableError
            If the disk is full, or the folder can't be written.
        """
        self._write(run_id, Event(at or now(), kind, body).to_line())

    def _write(self, run_id: str, line: bytes) -> None:
        # Without O_CREAT: a run that was delivered and removed stays so.
        try:
            handle = os.open(f"{self.folder}/{run_id}/{_EVENTS}", os.O_WRONLY | os.O_APPEND)
            try:
                if os.write(handle, line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
            finally:
                os.close(handle)
        except FileNotFoundError:
            raise _over(run_id) from None
        except OSError as error:
            with disk_errors(self.folder):
                raise error

    def begin(self, run_id: str, *, files: Mapping[str, bytes] | None = None, **body: Any) -> None:
        """Write a run's first event and artifacts; they appear whole or not at all.

        Raises
        ------
        UnavailableError
            If the disk is full, or the folder can't be written.
        """
        path = self.events_path(run_id)
        with disk_errors(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                kept = (files or {}).items()
                events = [Event(now(), "opened", body)]
                events += [self._written(run_id, name, data) for name, data in kept]
                write_whole(path, b"".join(event.to_line() for event in events))
            except UnavailableError:
                shutil.rmtree(path.parent, ignore_errors=True)
                raise

    def keep(self, run_id: str, path: str, data: bytes) -> None:
        """Keep bytes as the run's artifact `path`, and record that they are there."""
        if not self.events_path(run_id).exists():
            raise _over(run_id)
        written = self._written(run_id, path, data)
        self.append(run_id, written.kind, at=written.at, **written.body)

    def _written(self, run_id: str, path: str, data: bytes) -> Event:
        """Write the bytes of an artifact, and return the event that says where they are."""
        name = f"{secrets.token_hex(4)}/{path.rpartition('/')[2]}"
        target = self.file_path(run_id, name)
        with disk_errors(self.folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data)
        return Event(now(), "artifact", {"path": path, "file": name})

    def run_ids(self) -> list[str]:
        """List the runs in the spool, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(p.name for p in self.folder.iterdir() if RUN_ID.fullmatch(p.name))

    def find(self, run_id: str) -> SpooledRun | None:
        """Return a run's state; None where the run is not (or no longer) in the spool.

        Only what was added since the last look is read.
        """
        known = self._folded.get(run_id, _Folded(0, None))
        try:
            data = self.read(run_id, known.offset)
        except FileNotFoundError:
            self._folded.pop(run_id, None)
            return None
        state = fold(run_id, read_events(data), known.state)
        self._folded[run_id] = _Folded(known.offset + whole_lines(data), state)
        if state is None:
            return None
        mlflow_run_id = self.delivered(run_id).mlflow_run_id
        return replace(state, run=replace(state.run, mlflow_run_id=mlflow_run_id))

    def load(self, run_id: str) -> SpooledRun:
        """Return a run's state.

        Raises
        ------
        NotFoundError
            If the run is not in the spool.
        """
        state = self.find(run_id)
        if state is None:
            raise NotFoundError(f"run {run_id!r} is not in the spool")
        return state

    def runs(self) -> list[SpooledRun]:
        """Return the state of every run in the spool, oldest first."""
        states = (self.find(run_id) for run_id in self.run_ids())
        return [state for state in states if state is not None]

    def size(self, run_id: str) -> int:
        """Return the bytes of the events that `find` or `load` last saw: whole lines."""
        return self._folded[run_id].offset

    def read(self, run_id: str, start: int = 0, stop: int | None = None) -> bytes:
        """Read a run's events from one byte to another; to the last unless told."""
        with self.events_path(run_id).open("rb") as file:
            file.seek(start)
            return file.read() if stop is None else file.read(stop - start)

    def delivered(self, run_id: str) -> Delivered:
        """Read how far a run has been delivered.

        Where that can't be read (the power went, say) all is delivered once more, to the same end.
        """
        try:
            data = json.loads((self.folder / run_id / "delivered.json").read_text("utf-8"))
        except (FileNotFoundError, ValueError):
            return Delivered()
        return Delivered(data["mlflow_run_id"], data["offset"])

    def mark_delivered(self, run_id: str, delivered: Delivered) -> None:
        """Write how far a run has been delivered."""
        body = {"mlflow_run_id": delivered.mlflow_run_id, "offset": delivered.offset}
        write_whole(self.folder / run_id / "delivered.json", dumps(body).encode())

    def pending(self, run_id: str) -> bool:
        """Tell whether a run has something that MLflow does not have, or only has to be removed."""
        state = self.find(run_id)
        return state is not None and (
            state.ended or self.size(run_id) > self.delivered(run_id).offset
        )

    def waiting(self) -> list[str]:
        """List the runs that have something to deliver, oldest first."""
        return [run_id for run_id in self.run_ids() if self.pending(run_id)]

    def remove(self, run_id: str) -> None:
        """Forget a run that was delivered whole, and what a removal that was killed has left."""
        # At once, under a name that is no run's: a reader that finds no run asks MLflow instead.
        with suppress(FileNotFoundError):
            (self.folder / run_id).rename(self.folder / f".gone-{run_id}")
        for gone in self.folder.glob(".gone-*"):
            shutil.rmtree(gone, ignore_errors=True)

    def events_path(self, run_id: str) -> Path:
        """Return the file of a run's events."""
        return self.folder / run_id / _EVENTS

    def file_path(self, run_id: str, name: str) -> Path:
        """Return a kept file of a run."""
        return self.folder / run_id / "files" / name


@dataclass(frozen=True, slots=True)
class _Folded:
    """A run's state as of the first `offset` bytes of its events."""

    offset: int
    state: SpooledRun | None


def _over(run_id: str) -> NotFoundError:
    return NotFoundError(f"run {run_id!r} has ended or is gone; nothing can be added")


def whole_lines(data: bytes) -> int:
    r"""Return how many bytes of an ``events.jsonl`` are whole lines.

    Examples
    --------
    >>> whole_lines(b"one\ntw")
    4
    """
    return data.rfind(b"\n") + 1


def read_events(data: bytes) -> Iterator[Event]:
    """Read events from the bytes of an ``events.jsonl``, whole lines only."""
    for line in data.split(b"\n")[:-1]:
        # A line that a full disk cut short runs into the next one, which is whole.
        for start in (0, max(line.rfind(b'{"at": "'), 0)):
            try:
                yield Event.from_line(line[start:])
            except (ValueError, KeyError):
                continue
            break


def points(event: Event) -> Iterator[tuple[str, float, datetime, int]]:
    """Yield the name, value, instant and step of each point in an event of metrics."""
    for item in event.body["values"] if event.kind == "metrics" else ():
        at = parse_instant(item["at"]) if "at" in item else event.at
        yield item["key"], number(item["value"]), at, int(item.get("step") or 0)


def fold(
    run_id: str, events: Iterable[Event], state: SpooledRun | None = None
) -> SpooledRun | None:
    """Fold events, in order, into a run's state, or onto the one that those before them made."""
    for event in events:
        state = _opened(run_id, event) if state is None else _apply(state, event)
        state = replace(state, last_event_at=event.at)
    return state


def _opened(run_id: str, first: Event) -> SpooledRun:
    body = first.body
    lease = body.get("lease")
    run = Run(
        run_id=run_id,
        parent_id=body.get("parent_id"),
        name=body.get("name", run_id),
        status="RUNNING",
        started_at=first.at,
        notebook=body.get("notebook"),
        experiment=body.get("experiment", ""),
        tags=dict(body.get("tags", {})),
    )
    return SpooledRun(run, lease=Lease(**lease) if lease else None)


def _apply(state: SpooledRun, event: Event) -> SpooledRun:
    run, body = state.run, event.body
    match event.kind:
        case "named":
            return replace(state, run=replace(run, name=body["name"]))
        case "notebook":
            return replace(state, run=replace(run, notebook=body["path"]))
        case "params":
            return replace(state, run=replace(run, params={**run.params, **body["values"]}))
        case "metrics":
            values = {item["key"]: number(item["value"]) for item in body["values"]}
            return replace(state, run=replace(run, metrics={**run.metrics, **values}))
        case "tags":
            return replace(state, run=replace(run, tags={**run.tags, **body["values"]}))
        case "cell":
            return replace(state, cells=(*state.cells, _cell(body)))
        case "artifact":
            return replace(state, artifacts={**state.artifacts, body["path"]: body["file"]})
        case "ended":
            # The first end counts: what comes to close a run again finds it closed.
            if state.ended:
                return state
            ended = replace(
                run, status=body["status"], reason=body.get("reason"), ended_at=event.at
            )
            return replace(state, run=ended)
        case _:
            return state


def _cell(body: Mapping[str, Any]) -> CellRecord:
    started = body.get("started_at")
    values: dict[str, Any] = {key: body.get(key) for key in CellRecord.__dataclass_fields__}
    values["started_at"] = parse_instant(started) if started else None
    return CellRecord(**values)
