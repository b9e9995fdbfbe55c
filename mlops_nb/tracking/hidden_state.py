"""Hidden state: where what a run came to rests on more than its notebook, run from the top, has.

Told from the sources as they were executed, and from the cells of the notebook's file, where that
was saved late enough to say anything. What isn't certain is not called out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from mlops_nb.core.cell_records import HiddenKind, HiddenState, Outline, OutlineCell
from mlops_nb.core.records import CellRecord
from mlops_nb.core.strict_json import dumps, parse_instant
from mlops_nb.tracking.names import LARGEST, UNREADABLE, Names, names_of
from mlops_nb.tracking.parameters import INJECTED

ARTIFACT = "mlops/outline.json"
# Larger files take too long to read while a kernel shuts down, larger sources while one waits.
_LARGEST_FILE = 20_000_000
_LETTERS_READ = 5_000_000
_LISTED = 6
_BELOW = "that cell stands below it"
_DELETED = "that cell was deleted afterwards"
_ORPHAN = f"{_DELETED}, and no other makes {{them}}"


def read_outline(notebook: Path | None) -> Outline | None:
    """Return the code cells of a notebook's file; None where there is no such file, or a huge one.

    Examples
    --------
    >>> read_outline(Path("/nowhere.ipynb")) is None
    True
    """
    if notebook is None:
        return None
    try:
        facts = notebook.stat()
        if facts.st_size > _LARGEST_FILE:
            return None
        found = json.loads(notebook.read_text("utf-8"))["cells"]
        cells = tuple(
            OutlineCell(cell.get("id"), source_hash("".join(cell.get("source", ""))))
            for cell in found
            if cell.get("cell_type") == "code"
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        # Half written, gone or no notebook (any more): nothing is known of its cells.
        return None
    return Outline(datetime.fromtimestamp(facts.st_mtime, UTC), cells)


def to_bytes(outline: Outline) -> bytes:
    """Write an outline, for `from_bytes` to read."""
    return dumps(outline).encode()


def from_bytes(data: bytes) -> Outline:
    """Read an outline that `to_bytes` wrote."""
    read = json.loads(data)
    cells = tuple(OutlineCell(cell["id"], cell["hash"]) for cell in read["cells"])
    return Outline(parse_instant(read["saved_at"]), cells)


def source_hash(source: str) -> str:
    r"""Hash what a source does: blank lines, comments' lines and ends of lines don't count.

    Examples
    --------
    >>> source_hash("x = 1\n") == source_hash("# one\n\nx = 1  ")
    True
    """
    kept = source.strip()
    if len(source) <= LARGEST:
        lines = (line.rstrip() for line in kept.splitlines())
        kept = "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))
    return hashlib.sha256(kept.encode("utf-8", "replace")).hexdigest()[:32]


def label(cell: CellRecord) -> str:
    """Return what a cell is called: the number that its notebook shows beside it.

    Examples
    --------
    >>> label(CellRecord(2, "x", None, None, "ok", execution_count=3))
    '[3]'
    """
    return f"[{cell.index if cell.execution_count is None else cell.execution_count}]"


def hidden_state(
    cells: Sequence[CellRecord], outline: Outline | None = None
) -> tuple[HiddenState, ...]:
    """Say where a run's result rests on more than its notebook has.

    Only the last execution of a cell is looked at: what it came to replaced what came before.

    Parameters
    ----------
    cells : sequence of CellRecord
        As they were executed, in order.
    outline : Outline, optional
        The notebook's cells at the end of the run.

    Examples
    --------
    >>> at = datetime(2026, 1, 2, tzinfo=UTC)
    >>> run = [
    ...     CellRecord(0, "x = 1", at, 0.1, "ok", execution_count=1, cell_id="a"),
    ...     CellRecord(1, "y = x", at, 0.1, "ok", execution_count=2, cell_id="b"),
    ...     CellRecord(2, "x = 2", at, 0.1, "ok", execution_count=3, cell_id="a"),
    ... ]
    >>> hidden_state(run)[0].told
    'Cell [2] used `x` as cell [1] had made it; that cell was changed afterwards.'
    """
    traced = _Traced(cells, outline)
    found = [hidden for user in traced.live for hidden in traced.hidden(user)]
    told = {hidden.cell for hidden in found if hidden.kind == "order"}
    moved = [e for e in _moved(traced.live) if e.cell.index not in told]
    return (*found, *([_all_moved(moved)] if moved else []))


def placed(cells: Sequence[CellRecord], outline: Outline | None) -> tuple[CellRecord, ...]:
    """Return executed cells with their places in the notebook, where those are known.

    Out of order is each that ran after one that stands below it.
    """
    if outline is None:
        return tuple(cells)
    notebook = _Notebook(cells, outline)
    made, furthest = [], -1
    for cell in cells:
        position = notebook.position(cell, source_hash(cell.source))
        is_behind = position is not None and position < furthest
        furthest = max(furthest, -1 if position is None else position)
        made.append(replace(cell, position=position, out_of_order=is_behind))
    return tuple(made)


class _Notebook:
    """The cells of a notebook's file, found by their ids or sources."""

    def __init__(self, cells: Sequence[CellRecord], outline: Outline | None) -> None:
        self.saved_at = outline.saved_at if outline else None
        self.ids: list[str | None] = []
        self._by_id: dict[str, int] = {}
        self._by_hash: dict[str, list[int]] = {}
        for position, cell in enumerate(outline.cells if outline else ()):
            self.ids.append(cell.id)
            self._by_hash.setdefault(cell.hash, []).append(position)
            if cell.id is not None:
                self._by_id[cell.id] = position
        # Some front ends tell the kernel ids of their own, which are in no file.
        self._has_ids = any(cell.cell_id in self._by_id for cell in cells)

    def position(self, cell: CellRecord, hashed: str) -> int | None:
        """Say the how-manieth a cell is; None where it isn't there, or could be several."""
        if cell.cell_id is not None and cell.cell_id in self._by_id:
            return self._by_id[cell.cell_id]
        found = self._by_hash.get(hashed, [])
        return found[0] if len(found) == 1 else None

    def standing(self, cell: CellRecord, hashed: str, last: datetime | None) -> str:
        """Say what became of a cell: "there", "edited", "deleted", "missing" or "unknown".

        Parameters
        ----------
        last : datetime or None
            When it was executed last. A file that is older knows nothing of what ran then.
        """
        if self.saved_at is None or last is None or self.saved_at <= last:
            return "unknown"
        if hashed in self._by_hash:
            return "there"
        if cell.cell_id is None or not self._has_ids:
            return "missing"
        return "edited" if cell.cell_id in self._by_id else "deleted"

    def key(self, cell: CellRecord, hashed: str) -> object:
        """Return what is the same for two executions of one cell."""
        if cell.cell_id is not None:
            return cell.cell_id
        position = self.position(cell, hashed)
        if position is None:
            # Without an id, two equal sources may be one cell or two.
            return ("index", cell.index)
        return self.ids[position] or ("at", position)


@dataclass(slots=True)
class _Execution:
    """One executed cell: which cell of the notebook that is, and what became of it.

    `uses` has the places of the executions that had made the names that it used.
    """

    place: int
    cell: CellRecord
    key: object
    hashed: str
    names: Names
    position: int | None
    standing: str
    uses: dict[str, int] = field(default_factory=dict)


def _executions(cells: Sequence[CellRecord], notebook: _Notebook) -> list[_Execution]:
    known: dict[str, tuple[str, Names]] = {}
    letters = 0
    for cell in cells:
        if cell.source not in known:
            letters += len(cell.source)
            names = names_of(cell.source) if letters <= _LETTERS_READ else UNREADABLE
            known[cell.source] = (source_hash(cell.source), names)
    # What ran before tracking began has no time of its own, and ran before what has.
    began = next((cell.started_at for cell in cells if cell.started_at), None)
    keys = [notebook.key(cell, known[cell.source][0]) for cell in cells]
    last = {key: cell.started_at or began for key, cell in zip(keys, cells, strict=True)}
    made = []
    for place, (key, cell) in enumerate(zip(keys, cells, strict=True)):
        hashed, names = known[cell.source]
        position = notebook.position(cell, hashed)
        standing = notebook.standing(cell, hashed, last[key])
        if cell.source.lstrip().startswith(f"{INJECTED}\n"):
            # A runner put it in: it stands in no notebook, and never did.
            standing, position = "unknown", None
        made.append(_Execution(place, cell, key, hashed, names, position, standing))
    return made


class _Traced:
    """The executions of a run, with who made the names that each of them used."""

    def __init__(self, cells: Sequence[CellRecord], outline: Outline | None) -> None:
        self.all = _executions(cells, _Notebook(cells, outline))
        _trace(self.all)
        self._of_cell: dict[object, list[_Execution]] = {}
        for execution in self.all:
            self._of_cell.setdefault(execution.key, []).append(execution)
        gone = ("deleted", "missing")
        last = sorted((found[-1] for found in self._of_cell.values()), key=lambda e: e.place)
        self.live = [execution for execution in last if execution.standing not in gone]
        self._makers: dict[str, list[_Execution]] = {}
        for execution in self.live:
            for name in execution.names.binds:
                self._makers.setdefault(name, []).append(execution)
        self._is_readable = all(execution.names.readable for execution in self.live)

    def hidden(self, user: _Execution) -> Iterator[HiddenState]:
        """Name the hidden state that an execution used, once for all names of one kind."""
        found: dict[tuple[HiddenKind, int, str], list[str]] = {}
        for name in sorted(user.uses):
            maker = self.all[user.uses[name]]
            kind, why = self._why(user, name, maker)
            if kind is not None:
                found.setdefault((kind, maker.place, why), []).append(name)
        for (kind, place, why), names in found.items():
            maker, them = self.all[place], "them" if len(names) > 1 else "it"
            quoted = _listed([f"`{name}`" for name in names])
            told = f"Cell {label(user.cell)} used {quoted} as cell {label(maker.cell)} had made"
            told = f"{told} {them}; {why.format(them=them)}."
            if kind == "again":
                told = f"Cell {label(user.cell)} changed {quoted} once more: {why}."
            yield HiddenState(kind, user.cell.index, tuple(names), maker.cell.index, told)

    def _why(self, user: _Execution, name: str, maker: _Execution) -> tuple[HiddenKind | None, str]:
        if maker.key == user.key:
            if name not in user.names.changes:
                return None, ""
            return "again", f"it began with what cell {label(maker.cell)}, its last execution, left"
        kind, why = self._since(name, maker)
        kind, why = (kind, why) if kind else self._in_order(user, name, maker)
        # A module is the same wherever it is imported, as long as it is.
        is_same = name in maker.names.imports and why not in (_ORPHAN, _BELOW)
        return (None, "") if is_same else (kind, why)

    def _since(self, name: str, maker: _Execution) -> tuple[HiddenKind | None, str]:
        """Say what became of the cell that made a name."""
        last = self._of_cell[maker.key][-1]
        if last.hashed != maker.hashed or maker.standing == "edited":
            return "edited", "that cell was changed afterwards"
        if maker.standing == "deleted":
            return "deleted", _DELETED if self._makers.get(name) else _ORPHAN
        if maker.standing == "missing":
            return "missing", "the notebook has no such cell"
        return None, ""

    def _in_order(
        self, user: _Execution, name: str, maker: _Execution
    ) -> tuple[HiddenKind | None, str]:
        """Say whether a run from the top would have had a name from another cell."""
        makers = [e for e in self._makers.get(name, ()) if e.key != user.key]
        positions = [e.position for e in (user, maker, *makers)]
        if None in positions or not self._is_readable:
            return None, ""
        above = [e for e in makers if _at(e) < _at(user)]
        nearest = max(above, key=_at, default=None)
        if nearest is None:
            return "order", _BELOW
        if nearest.key == maker.key:
            return None, ""
        return (
            "order",
            f"run from the top, it would be cell {label(nearest.cell)} that makes {{them}}",
        )


def _trace(executions: Sequence[_Execution]) -> None:
    """Find out which execution had made each name that another used."""
    makers: dict[str, int] = {}
    for execution in executions:
        names = execution.names
        if not names.readable:
            # It may have made any name anew.
            makers.clear()
            continue
        needed = set(names.needs)
        waiting = list(needed)
        while waiting:
            name = waiting.pop()
            maker = makers.get(name)
            if maker is None:
                continue
            execution.uses[name] = maker
            new = executions[maker].names.later.get(name, frozenset()) - needed - names.binds
            needed |= new
            waiting += new
        failed = execution.cell.outcome in ("error", "interrupted")
        for name in (*names.deletes, *(names.binds if failed else ())):
            # A cell that failed may have come so far, or not.
            makers.pop(name, None)
        if not failed:
            makers |= dict.fromkeys(names.binds, execution.place)


def _at(execution: _Execution) -> int:
    return -1 if execution.position is None else execution.position


def _moved(live: Sequence[_Execution]) -> Iterator[_Execution]:
    """Name the cells that ran after one that stands below them."""
    furthest = -1
    for execution in live:
        if execution.position is not None and execution.position < furthest:
            yield execution
        furthest = max(furthest, _at(execution))


def _all_moved(moved: Sequence[_Execution]) -> HiddenState:
    which = f"Cell{'s' if len(moved) > 1 else ''} {_listed([label(e.cell) for e in moved])}"
    them = "them" if len(moved) > 1 else "it"
    told = f"{which} ran after a cell that stands below {them}."
    return HiddenState("moved", moved[0].cell.index, (), None, told)


def _listed(items: Sequence[str]) -> str:
    more = [f"{len(items) - _LISTED} more"] if len(items) > _LISTED else []
    *most, last = [*items[:_LISTED], *more]
    return f"{', '.join(most)} and {last}" if most else last
