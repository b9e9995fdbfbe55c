"""How drift is scored: reading a column, choosing the method, and the score.

Methods, thresholds and the choice among them are those of Evidently 0.7.23 (its source:
``_get_default_stattest`` in ``evidently/legacy/calculations/stattests/registry.py``).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

FEW_ROWS = 1000  # references up to here are tested for a p-value, larger ones get a distance
FAR_TAILS = 10  # how many times the spread of its middle half makes a deviation doubtful
FEW_VALUES = 5  # numbers with no more distinct values than this are compared level by level


class UnjudgeableError(Exception):
    """A column can't be compared; the message is the note that says why."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score drift: Evidently's name of it, its default threshold, and when it alarms."""

    name: str
    threshold: float
    alarms: Callable[[float, float], bool]

    @property
    def is_p_value(self) -> bool:
        """Whether it is small scores that mean drift."""
        return self.alarms in (operator.lt, operator.le)


KS = Method("K-S p_value", 0.05, operator.le)
CHI_SQUARE = Method("chi-square p_value", 0.05, operator.lt)
Z_TEST = Method("Z-test p_value", 0.05, operator.lt)
WASSERSTEIN = Method("Wasserstein distance (normed)", 0.1, operator.ge)
JENSEN_SHANNON = Method("Jensen-Shannon distance", 0.1, operator.ge)
TEXT_PERCENTILE = Method("Percentile text content drift", 0.95, operator.gt)
TEXT_ABSOLUTE = Method("Absolute text content drift", 0.55, operator.gt)

_ALL = (KS, CHI_SQUARE, Z_TEST, WASSERSTEIN, JENSEN_SHANNON, TEXT_PERCENTILE, TEXT_ABSOLUTE)
METHODS = {method.name: method for method in _ALL}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one frame: its values, how many rows it had, and what the frame is called."""

    series: pd.Series[Any]
    rows: int
    frame: str


@dataclass(frozen=True, slots=True)
class Sample:
    """How many values of a column are left once missing and infinite ones are dropped."""

    frame: str
    rows: int
    n: int
    infinite: int

    @property
    def missing(self) -> int:
        """How many rows have no value."""
        return self.rows - self.n - self.infinite


@dataclass(frozen=True, slots=True)
class Numbers(Sample):
    """A sample of numbers: the finite `values`, sorted."""

    values: np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Levels(Sample):
    """A sample that is compared level by level: how often each of them occurs."""

    counts: Mapping[Hashable, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The score of one column, the limit it is held against, and the samples behind it."""

    method: Method
    score: float
    limit: float
    drifted: bool
    reference: Sample
    current: Sample
    notes: tuple[str, ...] = ()


def compare_numbers(reference: Column, current: Column, threshold: float | None) -> Comparison:
    """Score two columns of numbers; those with few distinct values level by level.

    Raises
    ------
    UnjudgeableError
        If one of them holds no numbers.
    """
    from mlops_nb.stats import distances

    old, new = read_numbers(reference), read_numbers(current)
    old_levels, new_levels = _few_levels(old), _few_levels(new)
    if old_levels and new_levels and len({*old_levels.counts, *new_levels.counts}) <= FEW_VALUES:
        return _compare_levels(old_levels, new_levels, threshold)
    if old.n <= FEW_ROWS:
        return concluded(KS, distances.ks_2samp_p(old.values, new.values), threshold, old, new)
    score = distances.wasserstein_normed(old.values, new.values)
    return concluded(WASSERSTEIN, score, threshold, old, new, *_blind_spots(old, new))


def compare_categories(reference: Column, current: Column, threshold: float | None) -> Comparison:
    """Score two columns level by level.

    Raises
    ------
    UnjudgeableError
        If one of them holds nothing.
    """
    return _compare_levels(read_levels(reference), read_levels(current), threshold)


def concluded(
    method: Method,
    score: float,
    threshold: float | None,
    reference: Sample,
    current: Sample,
    *notes: str,
) -> Comparison:
    """Hold a score against its limit, the method's own unless `threshold` is given."""
    limit = method.threshold if threshold is None else threshold
    left_out = tuple(
        f"infinite values of {sample.frame} were left out ({sample.infinite:,}), as Evidently does "
        "for the column, but not for its share"
        for sample in (reference, current)
        if sample.infinite
    )
    drifted = bool(method.alarms(score, limit))
    return Comparison(method, score, limit, drifted, reference, current, left_out + notes)


def _blind_spots(old: Numbers, new: Numbers) -> Iterator[str]:
    """Say where a normed Wasserstein distance may be small although something changed."""
    from mlops_nb.stats import distances

    spread = distances.deviation(old.values)
    if spread < distances.NORM_FLOOR:
        floor = distances.NORM_FLOOR
        yield f"its standard deviation is under {floor}, the least that the score is normed by"
    low, high = (float(old.values[int(share * (old.n - 1))]) for share in (0.25, 0.75))
    # 1.349 standard deviations lie between the quartiles of a normal distribution.
    if high > low and spread > FAR_TAILS * (high - low) / 1.349:
        yield (
            "a few extreme values make its standard deviation many times that of the middle half, "
            "and so the score small"
        )
    if max(abs(float(s.values[end])) for s in (old, new) for end in (0, -1)) >= 2**53 and all(
        s.values.dtype.kind in "iu" for s in (old, new)
    ):
        yield "whole numbers from 2^53 on are compared as floats, which can't tell neighbours apart"


def _compare_levels(old: Levels, new: Levels, threshold: float | None) -> Comparison:
    import numpy as np

    from mlops_nb.stats import distances

    levels = list({**old.counts, **new.counts})
    old_counts = np.array([old.counts.get(level, 0) for level in levels], dtype=np.float64)
    new_counts = np.array([new.counts.get(level, 0) for level in levels], dtype=np.float64)
    if old.n > FEW_ROWS:
        score = distances.jensen_shannon(old_counts, new_counts)
        return concluded(JENSEN_SHANNON, score, threshold, old, new)
    if len(levels) > 2:
        score = distances.chi_square_p(old_counts, new_counts)
        return concluded(CHI_SQUARE, score, threshold, old, new)
    score = distances.z_test_p(int(old_counts[0]), old.n, int(new_counts[0]), new.n)
    return concluded(Z_TEST, score, threshold, old, new, *_unordered(levels))


def _unordered(levels: list[Any]) -> Iterator[str]:
    try:
        sorted(levels)
    except TypeError:
        yield "its values are of different types: Evidently can't compare them, this is our score"


def read_numbers(column: Column) -> Numbers:
    """Sort a column's numbers, and count what is missing or infinite.

    Raises
    ------
    UnjudgeableError
        If it holds something else, or no finite number.
    """
    import numpy as np

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
    return Numbers(column.frame, column.rows, len(finite), present - len(finite), finite)


def read_levels(column: Column) -> Levels:
    """Count how often each value of a column occurs, and what is missing or infinite.

    Raises
    ------
    UnjudgeableError
        If it holds no finite value.
    TypeError
        If values of it can't be counted.
    """
    counted = column.series.value_counts(sort=False)
    counts = {
        level: n for level, n in zip(counted.index.tolist(), counted.tolist(), strict=True) if n
    }
    present = sum(counts.values())
    infinite = sum(counts.pop(level, 0) for level in (math.inf, -math.inf))
    _refuse_empty(column.frame, present - infinite, present)
    return Levels(column.frame, column.rows, present - infinite, infinite, counts)


def _refuse_empty(frame: str, n: int, present: int) -> None:
    if n == 0:
        found = "no finite value" if present else "no value"
        raise UnjudgeableError(f"{frame} has {found} in it")


def _few_levels(numbers: Numbers) -> Levels | None:
    """Return the counts of the distinct values, or None where there are more than a few."""
    import numpy as np

    counts: dict[Hashable, int] = {}
    start = 0
    while start < numbers.n:
        if len(counts) == FEW_VALUES:
            return None
        end = int(np.searchsorted(numbers.values, numbers.values[start], side="right"))
        counts[numbers.values[start].item()] = end - start
        start = end
    return Levels(numbers.frame, numbers.rows, numbers.n, numbers.infinite, counts)
