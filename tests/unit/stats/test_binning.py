"""Bins and counts of sorted samples are numpy's own, whatever the type of the numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mlops_nb.stats import binning, distance_intervals, distances, rank_tests
from mlops_nb.stats.distances import wasserstein_normed

RNG = np.random.default_rng(8)


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=500),
        RNG.normal(size=77).astype("float32"),
        RNG.normal(size=77).astype("float16"),
        RNG.integers(-100, 100, 90).astype("int8"),
        RNG.integers(0, 250, 90).astype("uint8"),
        RNG.integers(0, 3, 900),
        RNG.integers(0, 99, 90) * 4 + 2**53,
        np.full(9, 2.5),
        np.full(9, 7),
    ],
)
def test_edges_and_counts_are_numpys(values: np.ndarray) -> None:
    theirs = np.histogram_bin_edges(values, "sturges")
    ordered = np.sort(values)
    ours = binning.sturges_edges(ordered[0], ordered[-1], len(values))
    assert ours.dtype == theirs.dtype
    assert ours.tolist() == theirs.tolist()
    assert binning.bin_counts(ordered, ours).tolist() == np.histogram(values, theirs)[0].tolist()


def test_distinct_values_and_ties_are_counted() -> None:
    values = np.sort(RNG.integers(0, 30, 200))
    once, ties = np.unique(values, return_counts=True)
    assert binning.distinct(values).tolist() == once.tolist()
    assert binning.tie_sizes(values).tolist() == ties.tolist()
    assert binning.has_more_values(values, len(once) - 1)
    assert not binning.has_more_values(values, len(once))


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_tests_of_ranks_are_scipys(digits: int) -> None:
    for n, m in ((9, 40), (21, 5), (300, 280)):
        x = np.sort(RNG.normal(size=n).round(digits))
        y = np.sort(RNG.normal(0.3, 1, m).round(digits))
        theirs = stats.mannwhitneyu(x, y, alternative="less").pvalue
        assert rank_tests.mann_whitney_p(x, y) == pytest.approx(theirs, abs=1e-12)
        theirs = stats.cramervonmises_2samp(x, y).pvalue
        assert rank_tests.cramer_von_mises_p(x, y) == pytest.approx(theirs, abs=1e-12)
        assert distances.energy(x, y) == pytest.approx(stats.energy_distance(x, y), abs=1e-12)


def test_a_grid_keeps_the_distance_nearly() -> None:
    x, y = np.sort(RNG.normal(size=3000)), np.sort(RNG.normal(0.2, 1, 2000))
    before, after, means = distance_intervals.grid(x, y)
    assert (before.sum(), after.sum()) == (3000, 2000)
    over = distance_intervals.wasserstein_over(means)
    found = float(over(before / 3000, after / 2000))
    assert found == pytest.approx(wasserstein_normed(x, y), rel=0.02)
