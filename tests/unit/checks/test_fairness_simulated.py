"""Verdicts on 1,000 simulated samples each: equal groups pass, a planted gap fails.

Verdicts follow the gap that is seen, so of the 1,000 only those go through the check that are
nearest to another verdict: with the widest gaps of equal groups, the narrowest of unequal ones.
``python -m tests.benchmarks.fairness_evidence`` sends all of 4,000.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from mlops_nb.checks.fairness import check
from tests.benchmarks.fairness_evidence import AT_THE_LIMIT, ROWS, VERDICTS, Rates

SIMULATIONS = 1000
NEAREST = 60

Counts = NDArray[np.int64]


def simulated(rates: Rates, seed: int = 0) -> Counts:
    """Draw rows by simulation, group, truth and prediction, half of them positive."""
    rng = np.random.default_rng(seed)
    size = (SIMULATIONS, len(rates))
    positives = rng.binomial(ROWS, 0.5, size)
    trials = np.stack([ROWS - positives, positives], axis=2)
    selected = rng.binomial(trials, np.array(rates)[:, ::-1])
    return np.stack([trials - selected, selected], axis=3)


def gaps(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the difference of demographic parity, and that of equalized odds."""
    selection = counts[..., 1].sum(axis=2) / ROWS
    odds = counts[..., 1] / counts.sum(axis=3)
    return np.ptp(selection, axis=1), np.ptp(odds, axis=1).max(axis=1)


def verdicts(counts: Counts, metrics: Sequence[str] | None = None) -> list[str]:
    return [
        check(
            rows_of(each), label="y", prediction="p", sensitive=["g"], metrics=metrics, seed=seed
        ).status
        for seed, each in enumerate(counts)
    ]


def rows_of(counts: Counts) -> pd.DataFrame:
    cells = pd.DataFrame(list(product(*map(range, counts.shape))), columns=["g", "y", "p"])
    return cells.loc[cells.index.repeat(counts.ravel())]


@pytest.mark.parametrize(
    "rates",
    ["equal, TPR 0.7 and FPR 0.3", "equal, TPR 0.8 and FPR 0.2", "equal, TPR 0.9 and FPR 0.1"],
)
def test_two_equal_groups_pass_in_990_of_1000_by_all_default_metrics(rates: str) -> None:
    counts = simulated(VERDICTS[rates])
    parity, odds = (np.argsort(-each)[:NEAREST] for each in gaps(counts))
    found = verdicts(counts[np.union1d(parity[: NEAREST // 2], odds)])
    assert found.count("pass") >= len(found) - 0.01 * SIMULATIONS
    assert found.count("fail") == 0


@pytest.mark.parametrize(
    "rates", ["selected 30 % and 50 %", "TPR 0.5 and 0.7, FPR 0.3", "TPR 0.8, FPR 0.1 and 0.3"]
)
def test_a_planted_gap_of_a_fifth_fails_in_990_of_1000(rates: str) -> None:
    counts = simulated(VERDICTS[rates])
    found = verdicts(counts[np.argsort(gaps(counts)[1])[:NEAREST]])
    assert found.count("fail") >= len(found) - 0.01 * SIMULATIONS
    assert found.count("pass") == 0


@pytest.mark.parametrize(
    ("metric", "which"), [("demographic_parity_difference", 0), ("equalized_odds_difference", 1)]
)
def test_a_gap_at_its_limit_passes_as_seldom_as_the_confidence_says(
    metric: str, which: int
) -> None:
    counts = simulated(AT_THE_LIMIT[metric])
    nearest = np.argsort(gaps(counts)[which])
    found = verdicts(counts[nearest[: 2 * NEAREST]], [metric])
    allowed = 0.05 * SIMULATIONS
    assert allowed / 2 < found.count("pass") <= allowed + 2 * (0.95 * allowed) ** 0.5
    assert "pass" not in found[-NEAREST // 2 :]


def test_a_perfect_classifier_with_a_group_of_ten_without_positives_is_insufficient() -> None:
    rng = np.random.default_rng(0)
    for seed in range(20):
        truth = (rng.random(2 * ROWS) < 0.5).astype(int)
        few = pd.DataFrame({"g": "few", "y": 0, "p": 0}, index=range(10))
        data = pd.DataFrame({"g": np.repeat(["a", "b"], ROWS), "y": truth, "p": truth})
        report = check(
            pd.concat([data, few]), label="y", prediction="p", sensitive=["g"], seed=seed
        )
        assert report.status == "insufficient"
        assert report.finding("equalized_odds_difference").value == 1.0  # Fairlearn's
