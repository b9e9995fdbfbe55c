"""Histograms that both samples can be seen on."""

from __future__ import annotations

import numpy as np
import pytest

from mlops_nb.stats import histograms
from mlops_nb.stats.histograms import middle, shares


def shared_edges(*samples: np.ndarray) -> np.ndarray:
    def span(values: np.ndarray) -> tuple[float, float, float, float]:
        low, high = middle(len(values))
        return float(values[0]), float(values[low]), float(values[high]), float(values[-1])

    whole = all(values.dtype.kind == "i" for values in samples)
    return histograms.shared_edges(*map(span, samples), whole=whole)


def fractions(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return shares(np.searchsorted(values, edges[1:-1]), len(values))


def sorted_normal(n: int, mean: float = 0.0) -> np.ndarray:
    return np.sort(np.random.default_rng(1).normal(mean, size=n))


def test_the_shares_are_numpys() -> None:
    old, new = sorted_normal(5000), sorted_normal(3000, mean=1.0)
    edges = shared_edges(old, new)
    assert len(edges) == 21
    assert fractions(old, edges) == pytest.approx(np.histogram(old, edges)[0] / 5000)
    assert fractions(new, edges) == pytest.approx(np.histogram(new, edges)[0] / 3000)


def test_an_outlier_is_counted_and_does_not_squeeze_the_rest() -> None:
    old = sorted_normal(5000)
    new = np.append(old, 1e6)
    edges = shared_edges(old, new)
    assert edges[-1] < 10
    assert fractions(new, edges).sum() == pytest.approx(1.0)
    assert (fractions(new, edges) > 0).sum() >= 15


@pytest.mark.parametrize(("low", "high"), [(0, 11), (-3, 3), (0, 1000), (2**50, 2**50 + 40)])
def test_whole_numbers_get_bins_of_whole_width(low: int, high: int) -> None:
    old = np.arange(low, high + 1)
    edges = shared_edges(old, old[: len(old) // 2])
    assert 1 < len(edges) <= 21
    assert set(np.diff(edges) % 1) == {0.0}
    assert edges[0] == low - 0.5
    assert edges[-1] > high


def test_one_value_and_the_widest_range_have_bins_too() -> None:
    assert shared_edges(np.full(9, 3.0), np.full(4, 3.0)).tolist() == [2.5, 3.5]
    widest = np.linspace(-1.7, 1.7, 50) * 1e308
    edges = shared_edges(widest, widest)
    assert np.isfinite(edges).all()
    assert fractions(widest, edges).sum() == pytest.approx(1.0)
