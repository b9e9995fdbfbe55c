"""Bootstrap draws are those of the rows they stand for, and their intervals cover."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from mlops_nb.stats.bootstrap import (
    lowest,
    percentile_interval,
    rate_draws,
    share_draws,
    weighted_draws,
    widest_gap,
)


def bound(
    successes: NDArray[np.int64], trials: NDArray[np.int64], rng: np.random.Generator
) -> tuple[float, float]:
    firm = np.ones(len(trials), dtype=bool)
    return widest_gap([rate_draws(successes, trials, 400, rng)], [firm], 0.95)


def test_rates_vary_as_those_of_resampled_rows() -> None:
    rng = np.random.default_rng(0)
    rows = np.repeat([1, 0], [120, 280])
    resampled = rng.choice(rows, size=(4000, 400)).mean(axis=1)
    drawn = rate_draws([120], [400], 4000, rng)[:, 0]
    assert drawn.mean() == pytest.approx(0.3, abs=0.003)
    assert drawn.std() == pytest.approx(resampled.std(), rel=0.06)


def test_none_and_all_of_ten_leave_something_open() -> None:
    drawn = rate_draws([0, 10, 0], [10, 10, 0], 4000, np.random.default_rng(0))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    assert 0.15 < high[0] < 0.3
    assert 0.7 < low[1] < 0.85
    assert low[2] < 0.01
    assert high[2] > 0.99


def test_shares_sum_to_one_and_vary_as_counts_do() -> None:
    counts = np.array([[700, 100], [50, 150]])
    drawn = share_draws(counts, 4000, np.random.default_rng(0))
    assert drawn.shape == (4000, 2, 2)
    assert drawn.sum(axis=(1, 2)) == pytest.approx(1)
    assert drawn[:, 0, 0].std() == pytest.approx((0.7 * 0.3 / 1000) ** 0.5, rel=0.06)


def test_weighted_draws_vary_as_a_mean_does_and_stay_small() -> None:
    values = np.random.default_rng(0).normal(size=20_000)
    tracemalloc.start()
    drawn = weighted_draws(
        lambda weights: weights @ values / weights.sum(axis=1),
        len(values),
        600,
        np.random.default_rng(1),
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert drawn.std() == pytest.approx(values.std() / len(values) ** 0.5, rel=0.1)
    assert peak < 60_000_000  # all weights together would take 48 MB as float32 and 96 as float64


def test_the_same_seed_draws_the_same() -> None:
    first, second = (rate_draws([3], [9], 50, np.random.default_rng(5)) for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, (0.25, 0.75)), (0.1, (0.1, 0.75)), (0.9, (0.25, 0.9))]
)
def test_an_interval_contains_its_value(value: float, expected: tuple[float, float]) -> None:
    assert percentile_interval(np.linspace(0, 1, 101), 0.5, value=value) == expected


def test_an_interval_keeps_to_the_range() -> None:
    draws = np.linspace(-1, 2, 301)
    assert percentile_interval(draws, 0.9, value=0.5, low=0, high=1) == (0, 1)


@pytest.mark.parametrize(
    ("trials", "rates"),
    [
        ([2000, 2000], [0.3, 0.3]),
        ([2000, 2000], [0.3, 0.5]),
        ([40, 400], [0.5, 0.3]),
        ([500] * 8, [0.3] * 8),
        ([500] * 4, [0.2, 0.3, 0.3, 0.4]),
        ([20, 20], [0.1, 0.6]),
    ],
)
@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_the_widest_gap_is_covered(trials: list[int], rates: list[float], scale: str) -> None:
    """At 95 % asked, below 89 % of 150 simulations would happen once in a thousand times."""
    rng = np.random.default_rng(11)
    sizes, truth = np.array(trials), np.array(rates)
    transform = np.log if scale == "ratio" else lambda draws: draws
    wide = transform(truth.max()) - transform(truth.min())
    covered = 0
    for _ in range(150):
        draws = transform(rate_draws(rng.binomial(sizes, truth), sizes, 400, rng))
        low, high = widest_gap([draws], [np.ones(len(sizes), dtype=bool)], 0.95)
        covered += low <= wide <= high
    assert covered >= 0.89 * 150


def test_many_equal_groups_are_not_taken_for_unequal_by_luck() -> None:
    """The bootstrapped maximum itself would put its lower end above zero nearly always."""
    rng = np.random.default_rng(2)
    sizes = np.full(20, 300)
    above = sum(bound(rng.binomial(sizes, 0.4), sizes, rng)[0] > 0 for _ in range(60))
    assert above <= 9


def test_groups_that_are_not_firm_widen_the_gap_but_never_prove_it() -> None:
    draws = rate_draws([300, 300, 0], [1000, 1000, 40], 1000, np.random.default_rng(0))
    low, high = widest_gap([draws], [np.array([True, True, False])], 0.95)
    assert low == 0
    assert high > 0.3
    assert widest_gap([draws], [np.array([True, False, False])], 0.95)[0] == 0
    assert widest_gap([draws], [np.array([True, True, True])], 0.95)[0] > 0.1


def test_the_widest_of_several_rates_counts() -> None:
    rng = np.random.default_rng(0)
    narrow, wide = (rate_draws(k, [2000, 2000], 1000, rng) for k in ([600, 610], [600, 1000]))
    both = np.array([True, True])
    low, high = widest_gap([narrow, wide], [both, both], 0.95)
    assert low < 0.2 < high
    assert low > 0.14


def test_each_end_holds_at_the_confidence_by_itself() -> None:
    rng = np.random.default_rng(4)
    sizes, firm = np.full(2, 2000), [np.ones(2, dtype=bool)]
    above = below = 0
    for _ in range(300):
        draws = [rate_draws(rng.binomial(sizes, [0.3, 0.4]), sizes, 400, rng)]
        low, high = widest_gap(draws, firm, 0.95, each_end=True)
        above, below = above + (low <= 0.1), below + (high >= 0.1)
    assert 0.92 * 300 < below < 0.99 * 300
    assert above > 0.95 * 300


def test_a_gap_to_all_is_narrower_than_between_two() -> None:
    rng = np.random.default_rng(0)
    rates = rate_draws([600, 1000], [2000, 2000], 1000, rng)
    firm = [np.array([True, True])]
    low, high = widest_gap([rates], firm, 0.95, overall=[rates.mean(axis=1)])
    assert low < 0.1 < high < 0.15


def test_the_lowest_of_many_is_covered() -> None:
    rng = np.random.default_rng(6)
    sizes, truth, covered = np.full(6, 300), np.array([0.3, 0.3, 0.3, 0.4, 0.5, 0.6]), 0
    for _ in range(150):
        draws = rate_draws(rng.binomial(sizes, truth), sizes, 400, rng)
        low, high = lowest(draws, np.ones(6, dtype=bool), 0.95)
        covered += low <= 0.3 <= high
    assert covered >= 0.89 * 150


def test_one_group_has_no_gap() -> None:
    draws = rate_draws([3], [9], 100, np.random.default_rng(0))
    assert widest_gap([draws], [np.array([True])], 0.95) == (0, 0)
