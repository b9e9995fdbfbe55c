"""A column of one table, read batch by batch, as drift is scored from it.

Levels are counted, as long as they are not too many. Numbers are counted one by one as long as few
are different, and in cells beside, from which scores follow with rigorous bounds (`stats.cells`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_columns import FEW_INTEGERS, plain
from mlops_nb.checks.drift_samples import (
    Levels,
    Numbers,
    StoredColumn,
    UnjudgeableError,
    refuse_empty,
)
from mlops_nb.checks.drift_scores import BINNED_FROM

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.stats.cells import Bounds, Cells, Pair, Tally

    Floats = NDArray[np.float64]

MOST_LEVELS = 100_000  # of one column that are counted
MOST_VALUES = 32_768  # different numbers that are counted one by one
CELLS = 32_768  # about, that other numbers are counted in
FINER = 3  # times as many beside a profile, whose ranks are known and which is counted at once
ROWS_IN_MEMORY = 200_000  # of numbers that are few enough to be judged as those of a frame
STAND_INS = 20_000  # numbers that stand for all in pictures and quartiles
ORDERED = 64  # different numbers up to which the order is kept in which they came

BINNED = ("jensenshannon", "kl_div", "psi")  # of numbers: exact counts over Evidently's own bins


class LevelReader:
    """How often each level of a column occurs; of one with a `problem` only how many there are."""

    def __init__(self, frame: str, problem: str = "") -> None:
        self.frame = frame
        self.rows = self.present = 0
        self.counts: dict[Hashable, int] = {}
        self.overflown = False
        self.problem = problem

    def add(self, series: pd.Series[Any]) -> None:
        """Count a batch."""
        self.rows += len(series)
        self.present += int(series.notna().sum())
        if self.overflown or self.problem:
            return
        try:
            counted = plain(series).value_counts(sort=False)
            for level, n in zip(counted.index.tolist(), counted.tolist(), strict=True):
                if n:
                    self.counts[level] = self.counts.get(level, 0) + n
        except TypeError as error:
            self.problem = f"has values in it that can't be counted ({error})"
            return
        if len(self.counts) > MOST_LEVELS:
            self.overflown, self.counts = True, {}

    @property
    def distinct(self) -> int | None:
        """How many levels there are, where they were counted."""
        return None if self.overflown else len(self.counts)

    def levels(self) -> Levels:
        """Return the counts.

        Raises
        ------
        UnjudgeableError
            If there is no finite value, or there are too many levels.
        """
        if self.problem:
            raise UnjudgeableError(f"{self.frame} {self.problem}")
        if self.overflown:
            raise too_many_levels(self.frame)
        counts = dict(self.counts)
        infinite = sum(counts.pop(level, 0) for level in (math.inf, -math.inf))
        refuse_empty(self.frame, self.present - infinite, self.present)
        n = self.present - infinite
        return Levels(self.frame, self.rows, n, infinite, None, counts)


class NumberReader:
    """The numbers of a column: a tally as long as few are different, cells, and Sturges' bins.

    What it has read last is found in `cells`; the rest is counted in the first pass only.
    """

    def __init__(self, frame: str, cells: Cells) -> None:
        from mlops_nb.stats.cells import Tally

        self.frame, self.cells = frame, cells
        self.rows = self.n = self.infinite = 0
        self.tally: Tally = Tally(MOST_VALUES)
        self.order: list[Any] = []
        self.ends: tuple[Any, Any] | None = None
        self.bins: Floats | None = None

    @property
    def present(self) -> int:
        """How many rows have a value."""
        return self.n + self.infinite

    def add(self, series: pd.Series[Any]) -> None:
        """Count a batch in the first pass."""
        self.rows += len(series)
        values, ordered, infinite = _sorted(series)
        self.infinite += infinite
        self.n += len(ordered)
        if not len(ordered):
            return
        low, high = ordered[0], ordered[-1]
        self.ends = (low, high) if self.ends is None else _wider(self.ends, (low, high))
        known = len(self.tally.values)
        self.tally.add(ordered)
        if known < len(self.tally.values) <= ORDERED:
            self._note_order(values)
        self.cells.add(ordered)

    def add_finer(self, series: pd.Series[Any]) -> None:
        """Count a batch in cells alone."""
        self.cells.add(_sorted(series)[1])

    def bin_by(self, edges: NDArray[Any]) -> Callable[[pd.Series[Any]], None]:
        """Return what counts a batch in bins."""
        import numpy as np

        from mlops_nb.stats.binning import bin_counts

        bins = self.bins = np.zeros(len(edges) - 1)

        def add(series: pd.Series[Any]) -> None:
            np.add(bins, bin_counts(_sorted(series)[1], edges), out=bins)

        return add

    def _note_order(self, values: NDArray[Any]) -> None:
        import numpy as np
        import pandas as pd

        known = set(self.order)
        news = pd.unique(values[np.isfinite(values)]).tolist()
        self.order += [value for value in news if value not in known]

    def levels(self) -> Levels:
        """Return the counts of each number, in the order in which they came where they are few."""
        if not self.tally.whole:
            raise too_many_levels(self.frame, MOST_VALUES)
        refuse_empty(self.frame, self.n, self.present)
        counts = dict(zip(self.tally.values.tolist(), self.tally.counts.tolist(), strict=True))
        if len(counts) <= len(self.order):
            counts = {value: counts[value] for value in self.order}
        return Levels(self.frame, self.rows, self.n, self.infinite, None, counts)

    def numbers(self) -> Numbers:
        """Return the numbers: themselves where they are few, else a sketch of them."""
        import numpy as np

        refuse_empty(self.frame, self.n, self.present)
        if not self.tally.whole or self.n > ROWS_IN_MEMORY:
            return self.sketch()
        values = np.repeat(self.tally.values, self.tally.counts)
        return Numbers(self.frame, self.rows, self.n, self.infinite, None, values)

    def sketch(self) -> Sketch:
        """Return a sketch of the numbers."""
        import numpy as np

        assert self.ends is not None  # noqa: S101 - there are numbers
        low = self.ends[0]
        values: NDArray[Any] = self.cells.quantiles(STAND_INS)
        if all(end.dtype.kind in "iu" for end in self.ends):
            # The float next to the largest whole number of 64 bits is one too large for it.
            values = np.minimum(np.rint(values), np.nextafter(2.0**63, 0)).astype(low.dtype)
        spread = self.cells.deviation
        if low.dtype.kind == "f" and low.itemsize < 8:  # as pandas rounds it
            spread = float(low.dtype.type(spread))
        sketch = Sketch(
            *(self.frame, self.rows, self.n, self.infinite, None, values, self.bins),
            cells=self.cells,
            tally=self.tally,
        )
        known = {"values": values, "ends": self.ends}
        sketch.__dict__.update(known, deviation=spread, mean=self.cells.mean)
        return sketch


Reader = LevelReader | NumberReader


@dataclass(frozen=True, kw_only=True)
class Sketch(Numbers):
    """Numbers that were counted in cells; `values` are some that stand for all of them."""

    cells: Cells
    tally: Tally

    def grid_with(self, other: Numbers) -> tuple[Any, Any, Any]:
        """Return counts of both in a few hundred cells, and the cells' means."""
        from mlops_nb.stats import cells, distance_intervals

        if not isinstance(other, Sketch):
            raise TypeError(f"a sketch is compared with another, not {type(other).__name__}")
        return cells.grid(self.cells, other.cells, distance_intervals.CELLS)


def stored(reader: Reader | None) -> StoredColumn | None:
    """Return the counts of a column's rows, for the finding of one that can't be judged."""
    return None if reader is None else StoredColumn(reader.rows, reader.present)


def sorted_levels(reader: Reader) -> Levels:
    """Return the counts of numbers, the least first."""
    levels = reader.levels()
    return replace(levels, counts=dict(sorted(levels.counts.items())))


def stand_in(reader: Reader | None, witness: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of a witness's type whose values are few, or many, as the whole one's are.

    What `drift_columns.column_type` says of it, it would say of the whole column.
    """
    import pandas as pd

    if isinstance(reader, NumberReader):
        tally = reader.tally
        if plain(witness).dtype.kind not in "iu" or tally.values.dtype.kind not in "iu":
            return witness
        many = FEW_INTEGERS + 1
        different = min(len(tally.values), many) if tally.whole else many
        return pd.Series(range(different), dtype=witness.dtype)
    if not isinstance(reader, LevelReader) or not _is_text(reader, witness):
        return witness
    # More than half of free texts are different. Of too many levels that isn't known.
    different = reader.distinct is None or reader.distinct > 0.5 * reader.present
    return pd.Series(["a"] if different else ["a", "a"], dtype=witness.dtype)


def _is_text(reader: LevelReader, witness: pd.Series[Any]) -> bool:
    if witness.dtype.name in ("string", "str"):
        return True
    if witness.dtype.name != "object":
        return False
    values = witness.dropna().tolist()
    ends = [values[0], values[-1]] if values else list(reader.counts)[:2]
    return bool(ends) and all(isinstance(value, str) for value in ends)


def ordered_numbers(series: pd.Series[Any]) -> NDArray[Any]:
    """Return the finite numbers of a column, sorted."""
    return _sorted(series)[1]


def too_many_levels(frame: str, most: int | None = None) -> UnjudgeableError:
    """Return what is wrong with a column of more levels than are counted."""
    return UnjudgeableError(
        f"{frame} has more than {most or MOST_LEVELS:,} levels in it, the most that are counted "
        "when data are read as a stream"
    )


def bounds_of(method: str, old: Sketch, new: Sketch) -> Bounds:
    """Return the least and the most that a score can be.

    Raises
    ------
    UnjudgeableError
        If the method needs more than counts.
    """
    import numpy as np

    from mlops_nb.stats import cells

    with np.errstate(all="ignore"):  # what overflows is no finite score, which is told
        sides = cells.pair(old.cells, new.cells)
        return BOUNDED[method](old, new, sides)


def errors(method: str, sides: Pair) -> Floats:
    """Return how far apart the bounds of each cell are, by which cells are made finer."""
    from mlops_nb.stats import cells

    if method == "ks":
        import numpy as np

        within = np.maximum(sides.f1 - sides.g0, sides.g1 - sides.f0)
        least = cells.kolmogorov_smirnov(sides)[0]
        return np.where(sides.single, 0.0, np.maximum(within - least, 0.0))
    least_each, most_each = (cells.energy if method == "ed" else cells.wasserstein)(sides)
    return most_each - least_each


def _wasserstein(old: Sketch, _new: Sketch, sides: Pair) -> Bounds:
    from mlops_nb.stats import cells, distances

    norm = max(old.deviation, distances.NORM_FLOOR)
    if not math.isfinite(norm):
        return math.nan, math.nan
    least, most = (float(total.sum()) / norm for total in cells.wasserstein(sides))
    # What rounding does to the deviation, here and in a frame.
    off = _rounding(old) / norm
    slack = most * (1e-12 + off * off)
    if old.ends[0].itemsize == 4 and old.ends[0].dtype.kind == "f":
        slack += most * 1e-6
    return max(0.0, least - slack), most + slack


def _energy(_old: Sketch, _new: Sketch, sides: Pair) -> Bounds:
    from mlops_nb.stats import cells

    least, most = (math.sqrt(2 * float(total.sum())) for total in cells.energy(sides))
    return least * (1 - 1e-10), most * (1 + 1e-10)


def _kolmogorov_smirnov(old: Sketch, new: Sketch, sides: Pair) -> Bounds:
    from mlops_nb.stats import cells, distances

    least, most = cells.kolmogorov_smirnov(sides)
    p_values = [distances.ks_p_of(distance, old.n, new.n) for distance in (most, least)]
    return p_values[0], p_values[1]


def _t_test(old: Sketch, new: Sketch, _sides: Pair) -> Bounds:
    from mlops_nb.stats import rank_tests

    apart = new.cells.mean - old.cells.mean
    # A frame adds its numbers up in another order: the means may be off by so much.
    off = _rounding(old) + _rounding(new)
    parts = [_rounding_of_32_bits(side) for side in (old, new)]
    means = [math.hypot(side.cells.mean, side.cells.deviation) for side in (old, new)]
    off += sum(part * mean for part, mean in zip(parts, means, strict=True))
    off += 2 * max(parts) * abs(apart)  # of the deviations
    p_values = [
        rank_tests.t_test_p_of((0.0, old.cells.deviation, old.n), (gap, new.cells.deviation, new.n))
        for gap in (abs(apart) + off, max(abs(apart) - off, 0.0))
    ]
    return p_values[0] * (1 - 1e-9), min(1.0, p_values[1] * (1 + 1e-9))


def _rounding(side: Sketch) -> float:
    """Return how far rounding may move a mean that is summed in pairs, as numpy does."""
    from mlops_nb.stats import cells

    return 4 * cells.EPSILON * max(abs(side.cells.least), abs(side.cells.greatest))


def _rounding_of_32_bits(side: Sketch) -> float:
    """Return what part of a sum of 32-bit numbers is lost where these are added in pairs.

    numpy adds 128 numbers in eight rows, and pairs of such blocks (Higham 1993 has the bound).
    """
    import numpy as np

    kind = side.ends[0].dtype
    if kind.kind != "f" or kind.itemsize == 8:
        return 0.0
    steps = 19 + math.log2(max(side.n / 128, 1.0))
    return float(np.finfo(np.float32).eps) / 2 * steps


BOUNDED: Mapping[str, Callable[[Sketch, Sketch, Pair], Bounds]] = {
    "wasserstein": _wasserstein,
    "ed": _energy,
    "ks": _kolmogorov_smirnov,
    "t_test": _t_test,
}
STREAMED = (*BOUNDED, *BINNED)  # methods of numbers; those of levels need counts alone


def bin_edges(old: Sketch, new: Sketch) -> NDArray[Any] | None:
    """Return the edges that a binned method counts by; None where it takes single values.

    Raises
    ------
    UnjudgeableError
        If these are too many to be counted one by one.
    """
    import numpy as np

    from mlops_nb.stats import binning

    if old.tally.whole and len(old.tally.values) <= BINNED_FROM:
        if not new.tally.whole:
            raise UnjudgeableError(
                f"{old.frame} has few different values and is compared value by value, and "
                f"{new.frame} has more than {MOST_VALUES:,}, the most that are counted in a stream"
            )
        return None
    both = np.result_type(old.ends[0], new.ends[0])
    low, high = _wider(old.ends, new.ends)
    try:
        with np.errstate(all="ignore"):
            return binning.sturges_edges(both.type(low), both.type(high), old.n + new.n)
    except ValueError as error:  # numbers too close to each other
        raise UnjudgeableError(str(error)) from None
    except ArithmeticError as error:  # or too far
        raise UnjudgeableError(f"its values can't be compared: {error}") from None


def by_value(old: Sketch, new: Sketch) -> tuple[Sketch, Sketch]:
    """Return the samples with the counts of each single value as their bins."""
    import numpy as np

    values = np.unique(np.concatenate([old.tally.values, new.tally.values]))

    def counted(side: Sketch) -> Sketch:
        bins = np.zeros(len(values))
        bins[values.searchsorted(side.tally.values)] = side.tally.counts
        made = replace(side, bins=bins)
        made.__dict__.update({**side.__dict__, "bins": bins})
        return made

    return counted(old), counted(new)


def _sorted(series: pd.Series[Any]) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Return a batch's numbers, the finite ones sorted, and how many are infinite."""
    import numpy as np

    values = plain(series).to_numpy()
    if values.dtype.kind not in "biuf":
        values = values[:0].astype(np.float64)  # a batch of objects without a value
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    # A profile's numbers come in order already.
    ordered = values if (values[1:] >= values[:-1]).all() else np.sort(values)
    if ordered.dtype.kind != "f":
        return values, ordered, 0
    first = int(np.searchsorted(ordered, -np.inf, side="right"))
    end = int(np.searchsorted(ordered, np.inf, side="left"))
    present = int(np.searchsorted(ordered, np.nan, side="left"))
    return values, ordered[first:end], present - (end - first)


def _wider(one: tuple[Any, Any], other: tuple[Any, Any]) -> tuple[Any, Any]:
    return min(one[0], other[0]), max(one[1], other[1])
