"""Samples on a grid give what the sorted samples give: distances, ranks and shares."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from mlops_nb.stats import grids

RNG = np.random.default_rng(6)
N, M = 20_000, 15_000
SAMPLES = {
    "normal": lambda n: RNG.normal(size=n),
    "heavy tails": lambda n: RNG.standard_cauchy(size=n),
    "lognormal": lambda n: RNG.lognormal(0, 2, n),
    "some equal": lambda n: np.where(RNG.random(n) < 0.3, 0.0, RNG.normal(size=n)),
    "two lumps": lambda n: RNG.normal(size=n) + 1e6 * (RNG.random(n) < 0.5),
    "far from zero": lambda n: RNG.normal(size=n) + 1e9,
    "tiny": lambda n: RNG.normal(size=n) * 1e-100,
    "few whole numbers": lambda n: RNG.integers(-5, 40, n),
    "large whole numbers": lambda n: RNG.integers(0, 2**60, n),
    "identifiers": RNG.permutation,
    "unsigned": lambda n: RNG.integers(0, 250, n).astype(np.uint8),
    "float32": lambda n: RNG.normal(size=n).astype(np.float32),
}


@pytest.mark.parametrize("shape", SAMPLES)
@pytest.mark.parametrize("moved", [0, 1, 3])
def test_a_sample_on_a_grid_gives_what_the_sorted_one_gives(shape: str, moved: int) -> None:
    old = np.sort(SAMPLES[shape](N))
    new = SAMPLES[shape](M) + np.asarray(moved * np.std(old) / 2).astype(old.dtype)
    grid = grids.grid_for(old)
    assert grid is not None
    on_grid = (grids.counted(old, grid, ordered=True), grids.counted(new, grid))
    found, expected = grids.wasserstein(*on_grid), scipy.stats.wasserstein_distance(old, new)
    assert found is None or abs(found - expected) <= 1e-11 * float(np.std(old.astype(float)))
    ordered, edges = np.sort(new), np.quantile(new.astype(float), [0, 0.1, 0.5, 0.9, 1])
    assert on_grid[1].below(edges).tolist() == np.searchsorted(ordered, edges).tolist()
    for rank in (0, M // 3, M - 1):
        assert on_grid[1].at_rank(rank) == ordered[rank]
    for rank in (0, N // 3, N - 1):
        assert on_grid[0].at_rank(rank) == old[rank]


def test_most_samples_are_compared_without_being_sorted() -> None:
    for shape in ("normal", "few whole numbers", "float32"):
        old, new = np.sort(SAMPLES[shape](N)), SAMPLES[shape](N)
        grid = grids.grid_for(old)
        assert grid is not None
        both = grids.counted(old, grid, ordered=True), grids.counted(new, grid)
        assert grids.wasserstein(*both) is not None


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(10_000),
        np.round(RNG.normal(size=10_000), 1),
        RNG.normal(size=1_000),
        RNG.normal(size=10_000) * 1e300,
        np.where(RNG.random(10_000) < 0.9999, 0.0, 1.0),
    ],
    ids=["constant", "rounded", "few", "beyond squares", "nearly constant"],
)
def test_what_is_sorted_faster_gets_no_grid(values: np.ndarray) -> None:
    assert grids.grid_for(np.sort(values)) is None


def test_what_is_too_far_away_is_left_to_sorting_and_counted_all_the_same() -> None:
    old = np.sort(RNG.normal(size=N))
    new = np.append(RNG.normal(size=M), [1.7e308, -1.7e308])
    grid = grids.grid_for(old)
    assert grid is not None
    counted = grids.counted(new, grid)
    assert grids.wasserstein(grids.counted(old, grid, ordered=True), counted) is None
    assert counted.below(np.array([-1e307, 0.0, 1.7e308])).tolist()[::2] == [1, M + 1]


ODD = {
    "constant": np.zeros(N),
    "beyond squares": RNG.normal(size=N) * 1e300,
    "too wide for a float": np.append(RNG.normal(size=N), [1.7e308, -1.7e308]),
    "a far lump": np.where(RNG.random(N) < 0.3, 1e12, RNG.normal(size=N)),
    "denormal": RNG.normal(size=N) * 1e-310,
    "neighbours beyond 2^53": 2**62 + RNG.integers(0, 1000, N),
    "one": np.ones(1),
    "few": RNG.normal(size=100),
}


@pytest.mark.parametrize("shape", [*SAMPLES, *ODD])
def test_a_sample_is_sorted_to_the_last_digit_whatever_it_is_sorted_like(shape: str) -> None:
    values = SAMPLES[shape](M) if shape in SAMPLES else ODD[shape]
    for like in (values, values[:5], RNG.normal(size=N), np.zeros(N), ODD["beyond squares"]):
        found = grids.sorted_like(values, np.sort(like))
        assert found.dtype == values.dtype
        assert found.tolist() == np.sort(values).tolist()


def test_an_ordinary_sample_is_sorted_by_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    values, ordered = RNG.normal(size=N), np.sort(RNG.normal(size=N))
    monkeypatch.delattr(np, "sort")
    assert (np.diff(grids.sorted_like(values, ordered)) >= 0).all()
