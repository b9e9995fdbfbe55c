"""The frozen records about a run's cells taken together, and about a metric's steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mlops_nb.core.records import Record

# Letters of what a cell showed that its record has; of more, only the length and a hash.
OUTPUT_KEPT = 8_000

# What makes a notebook's result depend on more than what stands in it.
HiddenKind = Literal["edited", "deleted", "missing", "order", "again", "moved"]


@dataclass(frozen=True, slots=True)
class HiddenState(Record):
    """One way in which a run's result came from more than the notebook as it stands.

    Parameters
    ----------
    kind : str
        The cell that made a name was since *edited*, *deleted*, or is *missing* from the notebook
        (one of the two); the name came from another cell than in the notebook's *order*; the cell
        ran *again* on what it had left itself; or cells ran after one below them (*moved*).
    cell : int
        Index of the executed cell in which it shows; of several, the first.
    names : tuple of str
        The variables that it is about.
    other : int or None
        Index of the executed cell that made them.
    told : str
        The sentence to say.
    """

    kind: HiddenKind
    cell: int
    names: tuple[str, ...]
    other: int | None
    told: str


@dataclass(frozen=True, slots=True)
class OutlineCell(Record):
    """A code cell of a notebook's file: its id, if it has one, and its source's hash."""

    id: str | None
    hash: str


@dataclass(frozen=True, slots=True)
class Outline(Record):
    """The code cells of a notebook as its file had them, in order, and when that was written."""

    saved_at: datetime
    cells: tuple[OutlineCell, ...] = ()


@dataclass(frozen=True, slots=True)
class History(Record):
    """A metric over its steps.

    Where there are many, the lowest and the highest of each stretch of steps are kept; `count` is
    how many there were.
    """

    count: int
    steps: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
