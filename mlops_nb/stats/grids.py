"""A sample put into the cells of a grid: the way to sort it fast, or to compare it unsorted.

Of samples up to `MOST_SORTED_BY_CELL` one is sorted by cell, and then in place. Longer ones are
only counted. Two samples on one grid: in most cells, one distribution function is above the other
from end to end, and the area between them follows from counts and means. Only the values of the
other cells, and of the tails beyond the grid, are put in order. The result is exact, to the
rounding of floats. One pass takes a fraction of what sorting does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Numbers = NDArray[Any]

FEW = 2048  # values that are sorted as fast as put into cells
MOST_SORTED_BY_CELL = 2**16  # values that are sorted by cell as fast as they are counted
MOST_CELLS = 2**15
MOST_CELLS_SORTED = 2**16 - 2  # the more, the fewer values share one; their numbers have 16 bits
ROWS_A_CELL = 4
TAIL = 0.001  # of the values on each side that need not be on the grid
MOST_SORTED = 0.3  # of the values, beyond which all of them might as well be sorted
TIES = 0.5  # of neighbours that are equal: such a column repeats few values, which cells don't part
BLOCK = 2**17  # values that are counted at once: they stay in the processor's cache
LARGEST = 1e150  # values whose differences can be multiplied


@dataclass(frozen=True, slots=True)
class Grid:
    """Equal cells, `scale` of them in a unit of the values, the first beginning at `low`.

    Cell 0 is all that lies below, cell ``cells + 1`` all that lies above.
    """

    low: float
    scale: float
    cells: int

    def place(self, values: Numbers) -> Floats:
        """Return where values lie, in cells from the beginning."""
        with np.errstate(over="ignore"):  # what is too far away is beyond the last cell
            places: Floats = np.subtract(values, self.low, dtype=np.float64)
            places *= self.scale
        return places

    def cell(self, places: Floats) -> NDArray[np.uint16]:
        """Return the cell of each place."""
        near = np.clip(places, -1.0, self.cells)
        near += 1.0
        return near.astype(np.uint16)


def grid_for(ordered: Numbers) -> Grid | None:
    """Return a grid on which a sorted sample is spread; None where sorting is the faster way.

    Examples
    --------
    >>> grid_for(np.arange(10_000))
    Grid(low=0.0, scale=1.0, cells=10000)
    """
    n = len(ordered)
    if n <= FEW or not max(abs(float(ordered[0])), abs(float(ordered[-1]))) < LARGEST:
        return None
    if ordered.dtype.kind in "iu" and int(ordered[-1]) - int(ordered[0]) < MOST_CELLS:
        # A value a cell: there is nothing to be sorted in it.
        return Grid(float(ordered[0]), 1.0, int(ordered[-1]) - int(ordered[0]) + 1)
    low, high = float(ordered[int(TAIL * n)]), float(ordered[int((1 - TAIL) * (n - 1))])
    some = np.linspace(0, n - 2, 512).astype(np.intp)
    if not high > low or np.mean(ordered[some] == ordered[some + 1]) > TIES:
        return None
    cells = min(MOST_CELLS, n // ROWS_A_CELL)
    scale = cells / (high - low)
    return Grid(low, scale, cells) if np.isfinite(scale) else None


def sorted_like(values: Numbers, ordered: Numbers) -> Numbers:
    """Return finite numbers sorted, fast where they lie about as a sorted sample does.

    A radix sort puts them in the order of their cells, of about a value each. What is nearly in
    order takes a stable sort little more than one pass, and the result is exact on any grid.

    Examples
    --------
    >>> sorted_like(np.array([2.5, 0.5, 9.0]), np.arange(3.0))
    array([0.5, 2.5, 9. ])
    """
    grid = _middle_of(ordered) if FEW < len(values) <= MOST_SORTED_BY_CELL else None
    if grid is None:
        return np.sort(values)
    by_cell = grid.cell(grid.place(values)).argsort(kind="stable")
    nearly = values[by_cell]
    nearly.sort(kind="stable")
    return nearly


def _middle_of(ordered: Numbers) -> Grid | None:
    """Return a grid over a sorted sample, without what lies far beyond its quartiles."""
    first, third = (float(ordered[len(ordered) * part // 4]) for part in (1, 3))
    reach = 2 * (third - first)
    low, high = max(float(ordered[0]), first - reach), min(float(ordered[-1]), third + reach)
    if not 1 / LARGEST < high - low < LARGEST:
        return None
    return Grid(low, MOST_CELLS_SORTED / (high - low), MOST_CELLS_SORTED)


@dataclass(frozen=True)
class Celled:
    """A sample on a grid: how many values are in each cell, and how far in, all together.

    `values` are sorted where `of_value`, the cell of each value, is None.
    """

    grid: Grid
    values: Numbers
    counts: Integers
    depths: Floats
    of_value: NDArray[np.uint16] | None = None

    @cached_property
    def ends(self) -> Integers:
        """How many values are in the cells up to each one."""
        return np.cumsum(self.counts)

    def inside(self, wanted: NDArray[np.bool_]) -> Numbers:
        """Return the values of the cells that are wanted, sorted."""
        if self.of_value is not None:
            # Places are read faster than they are masked, where they are few.
            found: Numbers = np.sort(self.values[np.flatnonzero(wanted[self.of_value])])
            return found
        starts = self.ends - self.counts
        # Neighbouring cells are one slice.
        at = np.flatnonzero(wanted)
        first = np.append(True, np.diff(at) > 1)
        last = np.append(first[1:], True)
        slices = zip(starts[at[first]].tolist(), self.ends[at[last]].tolist(), strict=True)
        pieces = [self.values[start:end] for start, end in slices]
        return np.concatenate(pieces)

    def at_rank(self, rank: int) -> Any:
        """Return the value that has this place, from 0, in the sorted sample."""
        cell = int(np.searchsorted(self.ends, rank, side="right"))
        start = int(self.ends[cell] - self.counts[cell])
        if self.of_value is None:
            return self.values[rank]
        here = self.values[np.flatnonzero(self.of_value == cell)]
        return np.partition(here, rank - start)[rank - start]

    def below(self, edges: Floats) -> Integers:
        """Return how many values are less than each edge."""
        cells = self.grid.cell(self.grid.place(edges))
        wanted = np.zeros(len(self.counts), dtype=bool)
        wanted[cells] = True
        chosen = np.where(wanted, self.counts, 0)
        before = np.cumsum(chosen) - chosen
        here = np.searchsorted(self.inside(wanted), edges, side="left") - before[cells]
        return np.asarray(self.ends[cells] - self.counts[cells] + here, dtype=np.int64)


def counted(values: Numbers, grid: Grid, *, ordered: bool = False) -> Celled:
    """Count a sample of finite numbers by the cells of a grid.

    Examples
    --------
    >>> sample = counted(np.array([2.5, 0.5, 9.0, 0.25]), Grid(0.0, 1.0, 3))
    >>> sample.counts, sample.at_rank(1), sample.below(np.array([0.5, 3.0]))
    (array([0, 2, 0, 1, 1]), np.float64(0.5), array([1, 3]))
    """
    size = grid.cells + 2
    counts, depths = np.zeros(size, dtype=np.int64), np.zeros(size)
    of_value = None if ordered else np.empty(len(values), dtype=np.uint16)
    for start in range(0, len(values), BLOCK):
        places = grid.place(values[start : start + BLOCK])
        cells = grid.cell(places)
        wide = cells.astype(np.intp)
        places -= wide
        counts += np.bincount(wide, minlength=size)
        depths += np.bincount(wide, places, minlength=size)
        if of_value is not None:
            of_value[start : start + BLOCK] = cells
    return Celled(grid, values, counts, depths + counts, of_value)


def wasserstein(old: Celled, new: Celled) -> float | None:
    """Return the Wasserstein distance of two samples on one grid, in the values' own unit.

    It is the area between the two distribution functions, ∫|F − G|.

    Returns
    -------
    float or None
        None where so many values would have to be sorted that it is faster to sort all, or where
        some are too far away to be placed.

    Examples
    --------
    >>> grid = Grid(0.0, 1.0, 10)
    >>> wasserstein(*(counted(np.arange(10.0) + shift, grid) for shift in (0.0, 2.5)))
    2.5
    """
    n, m = len(old.values), len(new.values)
    # F − G in units of 1/(n·m), whole numbers, at the beginning and at the end of each cell.
    rises, falls = m * old.counts.astype(np.float64), n * new.counts.astype(np.float64)
    after = np.cumsum(rises - falls)
    before = after - rises + falls
    crosses = (before - falls < 0) & (before + rises > 0) & (old.depths + new.depths > 0)
    crosses[[0, -1]] = True
    if new.counts[crosses].sum() > MOST_SORTED * m:
        return None
    x, y = (sample.grid.place(sample.inside(crosses)) for sample in (old, new))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    at, plain = np.flatnonzero(crosses), ~crosses
    area = float(np.abs(after - m * old.depths + n * new.depths)[plain].sum())
    places = np.concatenate([x, y, np.maximum(at - 1, 0), np.minimum(at, old.grid.cells)])
    steps = [np.full(len(x), m), np.full(len(y), -n), before[at], -after[at]]
    order = np.argsort(places, kind="stable")
    heights = np.cumsum(np.concatenate(steps)[order])
    area += float((np.abs(heights[:-1]) * np.diff(places[order])).sum())
    return area / n / m / old.grid.scale
