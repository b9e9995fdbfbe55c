"""Cells: bounds hold whatever the data and the edges, and are tight where they can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.stats import cells, distances
from mlops_nb.stats.cells import Cells, Tally

NUMBERS = st.lists(
    st.floats(-1e6, 1e6, allow_subnormal=False) | st.integers(-3, 3).map(float),
    min_size=1,
    max_size=40,
)


def counted(values: list[float], edges: list[float], pieces: int = 3) -> Cells:
    found = Cells(np.unique(np.array(edges, dtype=float)), 0.5)
    for piece in np.array_split(np.array(values), pieces):
        found.add(np.sort(piece))
    return found


@settings(deadline=None, max_examples=300)
@given(NUMBERS, NUMBERS, st.lists(st.floats(-1e6, 1e6), max_size=8))
def test_bounds_hold(old: list[float], new: list[float], edges: list[float]) -> None:
    x, y = np.sort(np.array(old)), np.sort(np.array(new))
    sides = cells.pair(counted(old, edges), counted(new, edges))
    least, most = (float(each.sum()) for each in cells.wasserstein(sides))
    exact = distances.wasserstein(x, y)
    assert least - 1e-6 <= exact <= most + 1e-6
    least, most = ((2 * float(each.sum())) ** 0.5 for each in cells.energy(sides))
    assert least * (1 - 1e-9) - 1e-6 <= distances.energy(x, y) <= most * (1 + 1e-9) + 1e-6
    both = np.union1d(x, y)
    gaps = np.abs(x.searchsorted(both, "right") / len(x) - y.searchsorted(both, "right") / len(y))
    least, most = cells.kolmogorov_smirnov(sides)
    assert least - 1e-12 <= gaps.max() <= most + 1e-12


def test_what_is_known_of_all_numbers_is_exact() -> None:
    values = np.random.default_rng(0).normal(1e6, 2, 5000)
    found = counted(values.tolist(), [1e6, 1e6 + 1])
    assert (found.n, found.least, found.greatest) == (5000, values.min(), values.max())
    assert found.mean == pytest.approx(values.mean(), rel=1e-14)
    assert found.deviation == pytest.approx(values.std(), rel=1e-12)


def test_an_edge_for_each_value_leaves_no_error() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.integers(0, 50, 1000) * 0.1, rng.integers(0, 55, 900) * 0.1
    edges = np.union1d(old, new).tolist()
    sides = cells.pair(counted(old.tolist(), edges), counted(new.tolist(), edges))
    least, most = (float(each.sum()) for each in cells.wasserstein(sides))
    exact = distances.wasserstein(np.sort(old), np.sort(new))
    assert (least, most) == (pytest.approx(exact, abs=1e-12), pytest.approx(exact, abs=1e-12))
    assert len(set(cells.kolmogorov_smirnov(sides))) == 1


def test_finer_cells_bring_the_bounds_together() -> None:
    rng = np.random.default_rng(0)
    old, new = rng.normal(size=20_000).tolist(), rng.normal(size=20_000).tolist()
    edges = np.array([0.0])
    widths = []
    for _ in range(3):
        sides = cells.pair(counted(old, edges.tolist()), counted(new, edges.tolist()))
        least, most = cells.wasserstein(sides)
        widths.append(float((most - least).sum()))
        edges = cells.finer(edges, sides, most - least, 200)
    assert widths[0] > 10 * widths[1] > 20 * widths[2]


def test_whole_numbers_that_floats_merge_are_no_single_value() -> None:
    old, new = np.arange(2**60, 2**60 + 4), np.arange(2**60 + 4, 2**60 + 8)
    found = []
    for values in (old, new):
        one = Cells(np.array([2.0**60]), 2.0**60)
        one.add(values)
        found.append(one)
    assert cells.kolmogorov_smirnov(cells.pair(found[0], found[1])) == (0.0, 1.0)


def test_a_tally_gives_up_when_there_are_too_many() -> None:
    tally = Tally(most=3)
    tally.add(np.array([1, 1, 5]))
    tally.add(np.array([0, 5]))
    assert (tally.values.tolist(), tally.counts.tolist()) == ([0, 1, 5], [1, 2, 2])
    tally.add(np.array([7]))
    assert (tally.whole, len(tally.values)) == (False, 0)


def test_quantiles_stand_for_all() -> None:
    values = np.random.default_rng(0).exponential(size=50_000)
    found = counted(values.tolist(), np.quantile(values, np.linspace(0, 1, 500)).tolist())
    some = found.quantiles(1000)
    assert (some[0], some[-1]) == (values.min(), values.max())
    assert np.quantile(some, 0.9) == pytest.approx(np.quantile(values, 0.9), rel=0.01)
