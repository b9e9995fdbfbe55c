"""The distances equal what scipy computes, over many kinds of samples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.spatial.distance
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mlops_nb.stats import distances

RNG = np.random.default_rng(5)
SAMPLES = {
    "normal": lambda n: RNG.normal(size=n),
    "ties": lambda n: np.round(RNG.normal(size=n), 1),
    "heavy tails": lambda n: RNG.standard_cauchy(size=n),
    "constant": lambda n: np.full(n, 2.5),
    "far from zero": lambda n: RNG.normal(size=n) + 1e9,
    "whole": lambda n: RNG.integers(-5, 40, n),
    "float32": lambda n: RNG.normal(size=n).astype(np.float32),
}


@pytest.mark.parametrize("shape", SAMPLES)
@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 7), (1000, 1000), (1000, 999), (3, 1000)])
def test_wasserstein_is_scipys(shape: str, n: int, m: int) -> None:
    u, v = np.sort(SAMPLES[shape](n)), np.sort(SAMPLES["normal"](m))
    expected = scipy.stats.wasserstein_distance(u, v)
    assert distances.wasserstein(u, v) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    assert distances.wasserstein(v, u) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    norm = max(float(np.std(pd.Series(u))), 0.001)
    assert distances.wasserstein_normed(u, v) == pytest.approx(expected / norm, rel=1e-12)


finite = st.floats(-1e6, 1e6, width=32)


@settings(max_examples=100, deadline=None)
@given(arrays(float, st.integers(1, 30), elements=finite), st.data())
def test_wasserstein_is_scipys_for_any_numbers(u: np.ndarray, data: st.DataObject) -> None:
    v = data.draw(arrays(float, st.integers(1, 30), elements=finite))
    expected = scipy.stats.wasserstein_distance(u, v)
    assert distances.wasserstein(np.sort(u), np.sort(v)) == pytest.approx(expected, abs=1e-8)


def test_a_deviation_is_rounded_to_the_columns_own_type() -> None:
    values = RNG.normal(size=5000).astype(np.float32) * 1000
    assert distances.deviation(values) == float(np.std(pd.Series(values)))
    assert distances.deviation(values) != float(np.std(values.astype(np.float64)))


def test_numbers_too_large_to_subtract_give_no_finite_score() -> None:
    huge = np.array([-1.7e308, 0.0, 1.7e308])
    assert not math.isfinite(distances.wasserstein_normed(huge, huge[::-1].copy()))
    assert not math.isfinite(distances.wasserstein_normed(huge, huge))


@pytest.mark.parametrize(
    ("old", "new"),
    [([10, 20, 30], [12, 18, 30]), ([10, 20, 30], [120, 180, 290]), ([5, 0, 3], [1, 2, 3])],
)
def test_chi_square_is_scipys(old: list[int], new: list[int]) -> None:
    reference, current = np.array(old, dtype=float), np.array(new, dtype=float)
    expected = reference * current.sum() / reference.sum()
    with np.errstate(divide="ignore"):
        theirs = scipy.stats.chisquare(current, expected).pvalue
    assert distances.chi_square_p(reference, current) == pytest.approx(theirs, abs=1e-14)


@pytest.mark.parametrize(("hits", "n"), [(5, 60), (59, 60), (0, 60), (20, 400)])
def test_the_z_test_is_the_textbooks(hits: int, n: int) -> None:
    pooled = (30 + hits) / (100 + n)
    z = (0.3 - hits / n) / math.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / n))
    expected = 2 * scipy.stats.norm.sf(abs(z))
    assert distances.z_test_p(30, 100, hits, n) == pytest.approx(expected, rel=1e-9)


def test_two_samples_without_a_difference_have_z_test_p_1() -> None:
    assert distances.z_test_p(0, 10, 0, 20) == 1.0
    assert distances.z_test_p(10, 10, 20, 20) == 1.0


@pytest.mark.parametrize(
    ("old", "new"), [([1, 2, 3], [3, 2, 1]), ([1, 0, 9], [0, 5, 5]), ([1, 0], [0, 1])]
)
def test_jensen_shannon_is_scipys(old: list[int], new: list[int]) -> None:
    reference, current = np.array(old, dtype=float), np.array(new, dtype=float)
    expected = scipy.spatial.distance.jensenshannon(reference, current)
    assert distances.jensen_shannon(reference, current) == pytest.approx(expected, abs=1e-14)


def test_equal_distributions_are_at_distance_0_never_nan() -> None:
    for _ in range(200):
        counts = RNG.integers(1, 1000, 7).astype(float)
        distance = distances.jensen_shannon(counts, counts * 3)
        assert distance == pytest.approx(0.0, abs=1e-7)
