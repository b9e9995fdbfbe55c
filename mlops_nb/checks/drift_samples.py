"""A column of one frame as drift is scored from it: sorted numbers, or counts of levels."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FEW_VALUES = 5  # numbers with no more distinct values than this are compared level by level


class UnjudgeableError(Exception):
    """A column can't be compared; the message is the note that says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one frame: its values, how many rows it had, and what the frame is called."""

    series: pd.Series[Any]
    rows: int
    frame: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One column of both frames, or what is wrong with it; a profile's reference is stored."""

    name: str
    reference: pd.Series[Any] | StoredColumn | None
    current: pd.Series[Any] | None
    problem: str = ""

    @property
    def sides(self) -> tuple[Any, Any]:
        """The reference's column and the current one."""
        return self.reference, self.current


@dataclass(frozen=True, slots=True)
class Sample:
    """How many values of a column are left once missing and infinite ones are dropped."""

    frame: str
    rows: int
    n: int
    infinite: int
    column: Column | None

    @property
    def missing(self) -> int:
        """How many rows have no value."""
        return self.rows - self.n - self.infinite

    def in_order(self) -> np.ndarray[Any, np.dtype[Any]] | None:
        """Return the values that are left, in the order of their rows; None if it is lost."""
        import numpy as np

        if self.column is None:
            return None
        series = self.column.series
        if series.dtype.kind == "f":
            values = series.to_numpy()
            return values if self.n == len(values) else values[np.isfinite(values)]
        values = series.dropna().to_numpy()
        is_number = isinstance(self, Numbers) and values.dtype.kind == "b"
        return values.astype(np.uint8) if is_number else values


@dataclass(frozen=True)
class Numbers(Sample):
    """A sample of numbers: the finite `values`, sorted."""

    values: np.ndarray[Any, np.dtype[Any]]

    @cached_property
    def deviation(self) -> float:
        """The standard deviation, worked out once: score, notes and sentence are in its terms."""
        from mlops_nb.stats import distances

        return distances.deviation(self.values)


@dataclass(frozen=True, slots=True)
class Levels(Sample):
    """A sample that is compared level by level: how often each of them occurs."""

    counts: Mapping[Hashable, int]


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One column of a profile: its numbers, its levels (of few numbers both), or its problem.

    `texts` are its values in the order of rows where they are free text.
    """

    rows: int
    present: int
    numbers: Numbers | None = None
    levels: Levels | None = None
    texts: tuple[str, ...] | None = None
    problem: str = ""
    frame: str = "reference"


def read_numbers(column: Column | StoredColumn) -> Numbers:
    """Sort a column's numbers, and count what is missing or infinite.

    Raises
    ------
    UnjudgeableError
        If it holds something else, or no finite number.
    """
    import numpy as np

    if isinstance(column, StoredColumn):
        if column.numbers is None:
            problem = column.problem or "has values in it that are not numbers"
            raise UnjudgeableError(f"{column.frame} {problem}")
        numbers = replace(column.numbers, frame=column.frame)
        numbers.__dict__["deviation"] = column.numbers.deviation
        return numbers
    values = column.series.to_numpy()
    if values.dtype.kind not in "biuf":
        kind = column.series.dtype
        raise UnjudgeableError(f"{column.frame} has values of type {kind} in it, not numbers")
    ordered = np.sort(values.astype(np.uint8) if values.dtype.kind == "b" else values)
    first, end, present = 0, len(ordered), len(ordered)
    if ordered.dtype.kind == "f":
        # Sorted, -inf comes first; +inf and then NaN come last.
        first = int(np.searchsorted(ordered, -np.inf, side="right"))
        end = int(np.searchsorted(ordered, np.inf, side="left"))
        present = int(np.searchsorted(ordered, np.nan, side="left"))
    finite = ordered[first:end]
    _refuse_empty(column.frame, len(finite), present)
    return Numbers(column.frame, column.rows, len(finite), present - len(finite), column, finite)


def read_levels(column: Column | StoredColumn) -> Levels:
    """Count how often each value of a column occurs, and what is missing or infinite.

    Raises
    ------
    UnjudgeableError
        If it holds no finite value.
    TypeError
        If values of it can't be counted.
    """
    if isinstance(column, StoredColumn):
        return _stored_levels(column)
    counted = column.series.value_counts(sort=False)
    counts = {
        level: n for level, n in zip(counted.index.tolist(), counted.tolist(), strict=True) if n
    }
    present = sum(counts.values())
    infinite = sum(counts.pop(level, 0) for level in (math.inf, -math.inf))
    _refuse_empty(column.frame, present - infinite, present)
    return Levels(column.frame, column.rows, present - infinite, infinite, column, counts)


def _stored_levels(column: StoredColumn) -> Levels:
    if column.levels is not None:
        return replace(column.levels, frame=column.frame)
    return _levels_of(read_numbers(column))


def few_levels(numbers: Numbers) -> Levels | None:
    """Return the counts of the distinct values, or None where there are more than a few."""
    from mlops_nb.stats import binning

    return None if binning.has_more_values(numbers.values, FEW_VALUES) else _levels_of(numbers)


def _levels_of(numbers: Numbers) -> Levels:
    from mlops_nb.stats import binning

    values = binning.distinct(numbers.values).tolist()
    counts = dict(zip(values, map(int, binning.tie_sizes(numbers.values)), strict=True))
    return Levels(numbers.frame, numbers.rows, numbers.n, numbers.infinite, numbers.column, counts)


def _refuse_empty(frame: str, n: int, present: int) -> None:
    if n == 0:
        found = "no finite value" if present else "no value"
        raise UnjudgeableError(f"{frame} has {found} in it")
