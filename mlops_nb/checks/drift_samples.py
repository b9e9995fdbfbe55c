"""A column of one frame as drift is scored from it: numbers, or counts of levels."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_nb.stats.grids import Celled

FIRST = 128
FEW_VALUES = 5  # numbers with no more distinct values than this are compared level by level


class UnjudgeableError(Exception):
    """A column can't be compared; the message is the note that says why."""


@dataclass(frozen=True)
class Column:
    """One column of one frame: its values, how many rows it had, and what the frame is called."""

    series: pd.Series[Any]
    rows: int
    frame: str

    @cached_property
    def counted(self) -> pd.Series[Any]:
        """How often each value occurs; missing ones are not counted."""
        return self.series.value_counts(sort=False)


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
    """A sample of numbers: the `finite` ones, in any order, sorted only if somebody asks.

    `bins` are counts over bins that both samples share, where they were counted beforehand; `like`
    is a sample that they may resemble.
    """

    finite: np.ndarray[Any, np.dtype[Any]]
    bins: np.ndarray[Any, np.dtype[Any]] | None = None
    like: Numbers | None = None

    @classmethod
    def stored(
        cls, rows: int, infinite: int, ordered: np.ndarray[Any, np.dtype[Any]], **known: Any
    ) -> Numbers:
        """Return a reference's numbers that are sorted already, with what is known of them."""
        made = cls("reference", rows, len(ordered), infinite, None, ordered)
        made.__dict__.update({"values": ordered, **known})
        return made

    def called(self, frame: str) -> Numbers:
        """Return the same sample, of a frame that is called so, with all that is known of it."""
        made = replace(self, frame=frame)
        made.__dict__.update(self.__dict__)
        return made

    @cached_property
    def values(self) -> np.ndarray[Any, np.dtype[Any]]:
        """The finite values, sorted."""
        import numpy as np

        from mlops_nb.stats import grids

        if self.like is None:
            return np.sort(self.finite)
        return grids.sorted_like(self.finite, self.like.values)

    @cached_property
    def deviation(self) -> float:
        """The standard deviation, worked out once: score, notes and sentence are in its terms."""
        from mlops_nb.stats import distances

        return distances.deviation(self.finite)

    @cached_property
    def mean(self) -> float:
        """The mean."""
        import numpy as np

        with np.errstate(over="ignore", invalid="ignore"):
            return float(np.mean(self.finite, dtype=float))

    @cached_property
    def ends(self) -> tuple[Any, Any]:
        """The least and the greatest value."""
        if self.is_sorted:
            return self.values[0], self.values[-1]
        return self.finite.min(), self.finite.max()

    @property
    def is_sorted(self) -> bool:
        """Whether somebody has asked for the sorted values."""
        return "values" in self.__dict__

    @cached_property
    def celled(self) -> Celled | None:
        """The sample on a grid of its own; None where sorting is the faster way to compare it."""
        from mlops_nb.stats import grids

        grid = grids.grid_for(self.values)
        return None if grid is None else grids.counted(self.values, grid, ordered=True)

    def beside(self, reference: Numbers) -> Celled | None:
        """Return the sample on the reference's grid; None where it is sorted, or had better be."""
        from mlops_nb.stats import grids

        are_short = max(self.n, reference.n) <= grids.MOST_SORTED_BY_CELL
        if self.is_sorted or self.n <= grids.FEW or are_short or reference.celled is None:
            return None
        if "counted" not in self.__dict__:
            self.__dict__["counted"] = grids.counted(self.finite, reference.celled.grid)
        found: Celled = self.__dict__["counted"]
        return found

    def at_rank(self, rank: int) -> Any:
        """Return the value that has this place, from 0, among the sorted ones."""
        known: Celled | None = None if self.is_sorted else self.__dict__.get("counted")
        return self.values[rank] if known is None else known.at_rank(rank)

    def below(self, edges: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return how many values are less than each edge."""
        known: Celled | None = None if self.is_sorted else self.__dict__.get("counted")
        return self.values.searchsorted(edges) if known is None else known.below(edges)

    def grid_with(self, other: Numbers) -> tuple[Any, Any, Any]:
        """Return counts of both in a few hundred cells, and the cells' means."""
        from mlops_nb.stats.distance_intervals import grid

        return grid(self.values, other.values)


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


def read_numbers(column: Column | StoredColumn, like: Numbers | None = None) -> Numbers:
    """Read a column's numbers, and count what is missing or infinite.

    They are sorted faster where they are `like` a sample that is sorted already.

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
        return column.numbers.called(column.frame)
    values = column.series.to_numpy()
    if values.dtype.kind not in "biuf":
        kind = column.series.dtype
        raise UnjudgeableError(f"{column.frame} has values of type {kind} in it, not numbers")
    # One column of many lies in strides, which each pass over it would pay for.
    values = np.ascontiguousarray(values.astype(np.uint8) if values.dtype.kind == "b" else values)
    finite, infinite = values, 0
    if values.dtype.kind == "f":
        is_finite = np.isfinite(values)
        if not is_finite.all():
            finite, infinite = values[is_finite], int(np.isinf(values).sum())
    refuse_empty(column.frame, len(finite), len(finite) + infinite)
    return Numbers(column.frame, column.rows, len(finite), infinite, column, finite, like=like)


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
    counted = column.counted
    counts = {
        level: n for level, n in zip(counted.index.tolist(), counted.tolist(), strict=True) if n
    }
    present = sum(counts.values())
    infinite = sum(counts.pop(level, 0) for level in (math.inf, -math.inf))
    refuse_empty(column.frame, present - infinite, present)
    return Levels(column.frame, column.rows, present - infinite, infinite, column, counts)


def _stored_levels(column: StoredColumn) -> Levels:
    if column.levels is not None:
        return replace(column.levels, frame=column.frame)
    return _levels_of(read_numbers(column))


def few_levels(numbers: Numbers) -> Levels | None:
    """Return the counts of the distinct values, or None where there are more than a few."""
    from mlops_nb.stats import binning

    # A few values answer for most columns, without sorting the rest.
    if len(set(numbers.finite[:FIRST].tolist())) > FEW_VALUES:
        return None
    return None if binning.has_more_values(numbers.values, FEW_VALUES) else _levels_of(numbers)


def _levels_of(numbers: Numbers) -> Levels:
    from mlops_nb.stats import binning

    values = binning.distinct(numbers.values).tolist()
    counts = dict(zip(values, map(int, binning.tie_sizes(numbers.values)), strict=True))
    return Levels(numbers.frame, numbers.rows, numbers.n, numbers.infinite, numbers.column, counts)


def refuse_empty(frame: str, n: int, present: int) -> None:
    """Refuse a column of no finite value.

    Raises
    ------
    UnjudgeableError
    """
    if n == 0:
        found = "no finite value" if present else "no value"
        raise UnjudgeableError(f"{frame} has {found} in it")
