"""Distributions of numbers that are read piece by piece, and rigorous bounds on their distances.

Numbers are counted in cells between fixed edges, with the least, the greatest and the sum of each.
At the ends of a cell both distribution functions F and G are known exactly. Within it ∫F and ∫G
follow from count and sum, so ∫(F - G) is exact; ∫|F - G| is the same wherever the two can't cross,
and elsewhere lies between |∫(F - G)| and what the masses of the cell allow. A cell with one value
in it has no width, and no error. What rounding of sums may do is added to the bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.generic]
Bounds = tuple[float, float]

EPSILON = float(np.finfo(np.float64).eps)
TOLD_APART = 2.0**53  # whole numbers from here on may be one float


class Tally:
    """How often each number occurs, as long as no more than `most` of them are different.

    Examples
    --------
    >>> tally = Tally(most=2)
    >>> tally.add(np.array([1, 1, 2]))
    >>> tally.add(np.array([2]))
    >>> tally.values, tally.counts, tally.whole
    (array([1, 2]), array([2, 2]), True)
    >>> tally.add(np.array([3]))
    >>> tally.whole
    False
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.whole = True
        self.values: Numbers = np.empty(0)
        self.counts: Ints = np.empty(0, dtype=np.int64)

    def add(self, ordered: Numbers) -> None:
        """Count sorted numbers."""
        if not self.whole or not len(ordered):
            return
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        if len(starts) > self.most:
            self._give_up()
            return
        values, counts = ordered[starts], np.diff(starts, append=len(ordered))
        if len(self.values):
            values = np.concatenate([self.values, values])
            counts = np.concatenate([self.counts, counts])
            order = np.argsort(values, kind="stable")
            values, counts = values[order], counts[order]
            starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
            values, counts = values[starts], np.add.reduceat(counts, starts)
        if len(values) > self.most:
            self._give_up()
        else:
            self.values, self.counts = values, counts.astype(np.int64)

    def _give_up(self) -> None:
        self.whole = False
        self.values, self.counts = self.values[:0], self.counts[:0]


class Cells:
    """Counts, least and greatest values and sums of numbers between fixed edges.

    Parameters
    ----------
    edges : array of shape (cells - 1,), ascending
        A cell begins with its edge; the first one is open below.
    center : float
        Sums are of differences from here, which keeps their digits.
    """

    def __init__(self, edges: Floats, center: float) -> None:
        n = len(edges) + 1
        self.edges, self.center = edges, center
        self.counts: Ints = np.zeros(n, dtype=np.int64)
        self.first: Floats = np.full(n, np.inf)
        self.last: Floats = np.full(n, -np.inf)
        self.sums: Floats = np.zeros(n)
        self._mean = self._squares = 0.0
        self.merging = False  # whether whole numbers may have become one float

    def add(self, ordered: Numbers) -> None:
        """Count sorted, finite numbers."""
        if not len(ordered):
            return
        if ordered.dtype.kind in "iu":
            largest = max(abs(float(ordered[0])), abs(float(ordered[-1])))
            self.merging = self.merging or largest >= TOLD_APART
        values = ordered.astype(np.float64, copy=False)
        ends = np.append(values.searchsorted(self.edges), len(values))
        counts = np.diff(ends, prepend=0)
        filled = np.flatnonzero(counts)
        stops = ends[filled]
        starts = stops - counts[filled]
        self.counts += counts
        self.first[filled] = np.minimum(self.first[filled], values[starts])
        self.last[filled] = np.maximum(self.last[filled], values[stops - 1])
        with np.errstate(over="ignore", invalid="ignore"):
            self.sums[filled] += np.add.reduceat(values - self.center, starts)
            self._add_moments(values, int(self.counts.sum()))

    def _add_moments(self, values: Floats, total: int) -> None:
        """Add a batch to mean and squares (Chan, Golub, LeVeque 1983), which keeps their digits."""
        mean, m = float(values.mean()), len(values)
        apart = values - mean
        shift = mean - self._mean
        self._mean += shift * m / total
        self._squares += float(np.dot(apart, apart)) + shift * shift * (total - m) * m / total

    @property
    def n(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Their mean."""
        return self._mean

    @property
    def deviation(self) -> float:
        """The population's standard deviation."""
        if self.least == self.greatest:
            return 0.0
        return math.sqrt(self._squares / self.n)

    @property
    def least(self) -> float:
        """The least of them."""
        return float(self.first.min())

    @property
    def greatest(self) -> float:
        """The greatest of them."""
        return float(self.last.max())

    def quantiles(self, count: int) -> Floats:
        """Return about as many numbers as stand for all: at even ranks, both ends among them.

        Within a cell they lie evenly between its least and its greatest value.
        """
        filled = np.flatnonzero(self.counts)
        upto = np.cumsum(self.counts[filled])
        ranks = np.linspace(0, upto[-1] - 1, min(count, int(upto[-1])))
        at = upto.searchsorted(ranks, side="right").clip(max=len(filled) - 1)
        cell = filled[at]
        into = ranks - (upto[at] - self.counts[cell])
        share = into / np.maximum(self.counts[cell] - 1, 1)
        share = share.clip(0, 1)
        between = self.first[cell] * (1 - share) + self.last[cell] * share
        # Rounding must not take them out of their cell, nor out of order.
        return np.asarray(between.clip(self.first[cell], self.last[cell]), dtype=np.float64)


def edges_of(reference: Numbers, current: Numbers, cells: int) -> Floats:
    """Choose edges by samples of two distributions: three quarters by rank, the rest evenly spread.

    Parameters
    ----------
    reference, current : sorted arrays of finite numbers, which may be empty
    cells : int
        About how many cells there are to be.

    Examples
    --------
    >>> edges_of(np.array([1.0, 2.0]), np.array([3.0]), 8).tolist()
    [1.0, 2.0, 3.0]
    """
    chosen = []
    for sample in (reference, current):
        if len(sample):
            values = sample.astype(np.float64)
            ranks = np.linspace(0, len(values) - 1, min(len(values), cells * 3 // 8))
            chosen.append(values[ranks.astype(np.intp)])
    if not chosen:
        return np.empty(0)
    edges = np.unique(np.concatenate(chosen))
    # The widest range of floats is no float, of which numpy would warn.
    if len(edges) > cells // 4 and math.isfinite(float(edges[-1]) - float(edges[0])):
        edges = np.union1d(edges, np.linspace(edges[0], edges[-1], cells // 4))
    return edges


@dataclass(frozen=True, slots=True)
class Pair:
    """Two distributions in the same cells, those left out in which neither has a value.

    `f0` and `f1` are the reference's distribution function before and after each cell, `f` its
    integral over the cell, `g0`, `g1` and `g` the current one's; `width` is between the least and
    the greatest value of a cell, `gap` from there to the next cell, `rounding` what rounding may
    have done to an integral.
    """

    n: int
    m: int
    low: Floats
    high: Floats
    width: Floats
    gap: Floats
    f0: Floats
    f1: Floats
    g0: Floats
    g1: Floats
    f: Floats
    g: Floats
    single: NDArray[np.bool_]
    rounding: Floats


def pair(reference: Cells, current: Cells) -> Pair:
    """Put two distributions side by side."""
    kept = (reference.counts + current.counts) > 0
    low = np.minimum(reference.first, current.first)[kept]
    high = np.maximum(reference.last, current.last)[kept]
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        gap = np.append(low[1:] - high[:-1], 0.0)
        sides = [_side(cells, kept, high, width) for cells in (reference, current)]
    (f0, f1, f, one), (g0, g1, g, other) = sides
    single = (width == 0) & (not (reference.merging or current.merging))
    return Pair(
        reference.n, current.n, low, high, width, gap, f0, f1, g0, g1, f, g, single, one + other
    )


def _side(
    cells: Cells, kept: NDArray[np.bool_], high: Floats, width: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    counts, sums, n = cells.counts[kept], cells.sums[kept], cells.n
    upto = np.cumsum(counts)
    before, after = (upto - counts) / n, upto / n
    top = high - cells.center
    below = np.where(width > 0, (counts * top - sums) / n, 0.0)
    within = np.clip(below, 0.0, width * (counts / n))
    largest = np.maximum(np.abs(top), np.abs(top - width))
    rounding = np.where(width > 0, EPSILON * (counts + 64.0) * counts / n * largest, 0.0)
    return before, after, width * before + within, rounding


def wasserstein(sides: Pair) -> tuple[Floats, Floats]:
    """Return the least and the most that each cell, with the gap after it, can add to ∫|F - G|."""
    p = sides
    with np.errstate(over="ignore", invalid="ignore"):
        least = np.abs(p.f - p.g)
        apart = (p.f0 >= p.g1) | (p.g0 >= p.f1)
        most = np.minimum.reduce(
            [
                (p.f - p.width * p.f0) + (p.g - p.width * p.g0) + p.width * np.abs(p.f0 - p.g0),
                (p.width * p.f1 - p.f) + (p.width * p.g1 - p.g) + p.width * np.abs(p.f1 - p.g1),
                p.width * np.maximum(p.f1 - p.g0, p.g1 - p.f0),
            ]
        )
        most = np.where(apart, least, np.maximum(most, least))
        after = p.gap * np.abs(p.f1 - p.g1)
        return np.maximum(least - p.rounding, 0.0) + after, most + p.rounding + after


def energy(sides: Pair) -> tuple[Floats, Floats]:
    """Return the least and the most that each cell, with the gap after it, can add to ∫(F - G)²."""
    p = sides
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        total = np.maximum(np.abs(p.f - p.g) - p.rounding, 0.0)
        nearest = np.maximum(np.maximum(p.f0 - p.g1, p.g0 - p.f1), 0.0)
        farthest = np.maximum(np.maximum(p.f1 - p.g0, p.g1 - p.f0), 0.0)
        by_mean = np.where(p.width > 0, total * (total / np.where(p.width > 0, p.width, 1.0)), 0.0)
        # A sum may be too large for a float where the numbers themselves are not.
        by_mean = np.where(np.isfinite(by_mean), by_mean, 0.0)
        least = np.maximum(p.width * nearest**2, by_mean)
        after = p.gap * (p.f1 - p.g1) ** 2
        return least + after, np.maximum(p.width * farthest**2, least) + after


def kolmogorov_smirnov(sides: Pair) -> Bounds:
    """Return bounds on the largest difference of the two distribution functions."""
    least = float(np.abs(sides.f1 - sides.g1).max())
    within = np.maximum(sides.f1 - sides.g0, sides.g1 - sides.f0)[~sides.single]
    return least, min(1.0, max(least, float(within.max()) if len(within) else 0.0))


def finer(edges: Floats, sides: Pair, error: Floats, more: int) -> Floats:
    """Return edges with about `more` new ones, spread evenly within the cells of most error.

    Parameters
    ----------
    edges : array of shape (cells - 1,)
    sides : Pair
    error : array of shape (len(sides.low),)
        How far apart the bounds of each cell are.
    more : int
    """
    total = float(error.sum())
    if not total > 0 or not math.isfinite(total):
        return edges
    pieces = np.ceil(error / total * more).astype(np.int64)
    split = np.flatnonzero((pieces > 0) & (sides.width > 0))
    new = []
    for at in split:
        inner = np.linspace(sides.low[at], sides.high[at], int(pieces[at]) + 1)
        # Just above the least and at the greatest value: what is left between gets narrower.
        new.append(np.append(inner[1:], np.nextafter(sides.low[at], np.inf)))
    return np.union1d(edges, np.concatenate(new)) if new else edges


def grid(reference: Cells, current: Cells, cells: int) -> tuple[Floats, Floats, Floats]:
    """Return counts of both in about as many cells of about equally many rows, and their means."""
    total = reference.counts + current.counts
    kept = np.flatnonzero(total)
    upto = np.cumsum(total[kept])
    group = ((upto - total[kept]) * cells) // upto[-1]
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    before, after, sums = (
        np.add.reduceat(values[kept].astype(np.float64), starts)
        for values in (
            reference.counts,
            current.counts,
            reference.sums
            + reference.center * reference.counts
            + current.sums
            + current.center * current.counts,
        )
    )
    return before, after, sums / (before + after)
