"""The frozen record of what differs between two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mlops_nb.core.data_records import DataDiff
from mlops_nb.core.records import Record
from mlops_nb.core.replay_records import DifferingCell

What = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change(Record):
    """One named thing that the second run has, has not, or has otherwise.

    `before` is None where it was added, `after` where it was removed.
    """

    name: str
    what: What
    before: Any = None
    after: Any = None


@dataclass(frozen=True, slots=True)
class MetricChange(Record):
    """A metric whose value is another.

    `difference` is after less before, `relative` that over the size of before; None where one of
    the two is missing, or has no such number.
    """

    name: str
    before: float | None
    after: float | None
    difference: float | None = None
    relative: float | None = None


@dataclass(frozen=True, slots=True)
class CellChange(Record):
    """An executed cell whose source is another: its index in each run, and the lines that differ.

    A line begins with "+" where the second run has it, with "-" where the first.
    """

    what: What
    before: int | None
    after: int | None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunDiff(Record):
    """What differs between two runs, with the likely causes first.

    Parameters
    ----------
    before, after : str
        The ids of the two runs.
    names : pair of str
        What they are called.
    same : bool
        Whether nothing differs. Ids, times, doors and paths are no differences.
    summary : str
        The sentence that a colleague would say.
    causes : tuple of str
        What may have moved the metrics: code, parameters, data, packages, commit, environment.
    metrics : tuple of MetricChange
    parameters, data, packages, commit, environment : tuple of Change
    cells : tuple of CellChange
    datasets : mapping
        Of the data that is kept in versions, what differs between the two.
    checks : tuple of Change
        Reports and findings whose status is another.
    outcome : tuple of Change
        The runs' status and its reason.
    output : DifferingCell or None
        The first cell of equal code that showed something else; its position is its index.
    notes : tuple of str
        What could not be compared.
    """

    before: str
    after: str
    names: tuple[str, str]
    same: bool
    summary: str = ""
    causes: tuple[str, ...] = ()
    metrics: tuple[MetricChange, ...] = ()
    parameters: tuple[Change, ...] = ()
    cells: tuple[CellChange, ...] = ()
    data: tuple[Change, ...] = ()
    datasets: Mapping[str, DataDiff] = field(default_factory=dict)
    packages: tuple[Change, ...] = ()
    commit: tuple[Change, ...] = ()
    environment: tuple[Change, ...] = ()
    checks: tuple[Change, ...] = ()
    outcome: tuple[Change, ...] = ()
    output: DifferingCell | None = None
    notes: tuple[str, ...] = ()
