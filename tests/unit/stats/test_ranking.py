"""Ranking statistics equal sklearn's, weighted or not, and leave something open where perfect."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from mlops_nb.stats.bootstrap import weighted_draws
from mlops_nb.stats.ranking import Ranking, auc_interval, calibration, cross_validated_auc


def scored(seed: int, rows: int = 300) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, rows)
    return truth, np.round(truth + rng.normal(size=rows), seed % 3)  # with ties, or without


@pytest.mark.parametrize("seed", range(6))
def test_weighted_statistics_equal_sklearns(seed: int) -> None:
    truth, score = scored(seed)
    weights = np.random.default_rng(seed).exponential(size=(2, len(truth)))
    auc, precision = Ranking(truth, score).measure(weights)
    for i in range(2):
        assert auc[i] == pytest.approx(roc_auc_score(truth, score, sample_weight=weights[i]))
        assert precision[i] == pytest.approx(
            average_precision_score(truth, score, sample_weight=weights[i])
        )


@pytest.mark.parametrize("seed", range(6))
def test_weighted_curves_and_bins_equal_sklearns(seed: int) -> None:
    truth, score = scored(seed)
    weights = np.random.default_rng(seed).exponential(size=len(truth))
    weights[:20] = 0
    auc, low, high = auc_interval(truth, score, 0.95, weights)
    assert abs(auc - roc_auc_score(truth, score, sample_weight=weights)) <= 1e-12
    assert low < auc < high
    fpr, tpr = Ranking(truth, score).roc(10_000, weights)
    theirs = roc_curve(truth, score, sample_weight=weights, drop_intermediate=False)[:2]
    for x, y in zip(fpr, tpr, strict=True):
        assert min(np.abs(theirs[0] - x) + np.abs(theirs[1] - y)) <= 1e-12
    assert abs(np.trapezoid(tpr, fpr) - auc) <= 1e-12
    spread = 1 / (1 + np.exp(-score))
    predicted, observed, n = calibration(truth, spread, 5, weights)
    assert sum(n) == len(truth)
    cuts = np.unique(np.quantile(spread, [0.2, 0.4, 0.6, 0.8]))
    last = np.searchsorted(cuts, spread, side="left") == len(cuts)
    assert abs(predicted[-1] - np.average(spread[last], weights=weights[last])) <= 1e-12
    assert abs(observed[-1] - np.average(truth[last], weights=weights[last])) <= 1e-12


def test_equal_weights_change_nothing_and_unequal_ones_widen_the_auc() -> None:
    truth, score = scored(1, rows=2000)
    plain = auc_interval(truth, score, 0.95)
    assert auc_interval(truth, score, 0.95, np.full(2000, 3.0)) == pytest.approx(plain, abs=1e-12)
    weights = np.random.default_rng(0).exponential(size=2000) ** 3
    _, low, high = auc_interval(truth, score, 0.95, weights)
    assert high - low > 1.5 * (plain[2] - plain[1])


def test_the_weighted_interval_of_the_auc_covers() -> None:
    rng = np.random.default_rng(0)
    shift = 2**0.5 * NormalDist().inv_cdf(0.8)  # of an AUC of 0.8
    covered = 0
    for _ in range(400):
        truth = rng.integers(0, 2, 300)
        weights = rng.exponential(size=300)
        _, low, high = auc_interval(truth, rng.normal(shift * truth), 0.95, weights)
        covered += low <= 0.8 <= high
    assert covered >= 0.925 * 400


def test_rows_in_their_order_give_the_same_as_in_any_other() -> None:
    truth, score = scored(1)
    order = np.lexsort((-score, -truth))
    weights = np.ones((1, len(truth)))
    whole = Ranking(truth, score).measure(weights)
    assert np.allclose(whole, Ranking(truth[order], score[order]).measure(weights), atol=1e-12)


def test_the_further_rows_count_as_rows_at_the_ends() -> None:
    truth, score = scored(2)
    ends = np.array([[0.5, 1.5, 0.7, 0.2]])
    found = Ranking(truth, score).measure(np.ones((1, len(truth))), ends)
    all_truth = np.concatenate([truth, [1, 0, 1, 0]])
    all_score = np.concatenate([score, [-99, -99, 99, 99]])
    all_weights = np.concatenate([np.ones(len(truth)), ends[0]])
    assert found[0][0] == pytest.approx(
        roc_auc_score(all_truth, all_score, sample_weight=all_weights)
    )
    assert found[1][0] == pytest.approx(
        average_precision_score(all_truth, all_score, sample_weight=all_weights)
    )


def test_one_class_has_no_auc() -> None:
    ones, zeros = (Ranking(np.full(5, c), np.arange(5.0)) for c in (1, 0))
    weights = np.ones((1, 5))
    assert np.isnan(ones.measure(weights)[0][0])
    assert np.isnan(zeros.measure(weights)[0][0])
    assert ones.measure(weights)[1][0] == 1
    assert zeros.measure(weights)[1][0] == 0


def test_a_perfect_ranking_of_few_rows_is_not_certain() -> None:
    truth = np.repeat([0, 1], 10)
    rng = np.random.default_rng(0)
    ranking = Ranking(truth, truth * 1.0)
    drawn = weighted_draws(
        lambda weights: ranking.measure(weights, rng.standard_gamma(0.5, (len(weights), 4)))[0],
        20,
        1000,
        rng,
    )
    assert np.quantile(drawn, 0.025) < 0.85


def test_the_roc_curve_keeps_to_sklearns() -> None:
    truth, score = scored(3, rows=5000)
    fpr, tpr = Ranking(truth, score).roc(50)
    assert len(fpr) <= 50
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    all_fpr, all_tpr, _ = roc_curve(truth, score, drop_intermediate=False)
    corners = {(round(a, 9), round(b, 9)) for a, b in zip(all_fpr, all_tpr, strict=True)}
    assert {(round(a, 9), round(b, 9)) for a, b in zip(fpr, tpr, strict=True)} <= corners


def test_calibration_bins_hold_all_rows_also_where_scores_repeat() -> None:
    score = np.repeat([0.1, 0.4, 0.9], [80, 10, 10])
    truth = np.repeat([0, 1], [80, 20])
    predicted, observed, n = calibration(truth, score, 10)
    assert n.sum() == 100
    assert predicted.tolist() == pytest.approx(sorted(predicted))
    assert observed[0] == 0


@pytest.mark.parametrize(("shift", "rows"), [(1.0, 200), (0.0, 60), (2.0, 100)])
def test_the_interval_of_the_auc_covers(shift: float, rows: int) -> None:
    rng = np.random.default_rng(0)
    area, covered = NormalDist().cdf(shift / 2**0.5), 0
    for _ in range(300):
        truth = np.arange(rows) % 2
        auc, low, high = auc_interval(truth, rng.normal(shift * truth), 0.95)
        assert 0 <= low <= auc <= high <= 1
        covered += low <= area <= high
    assert covered > 0.91 * 300


def test_folds_are_judged_each_by_itself_and_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    truth, fold = np.arange(400) % 2, np.repeat([0, 1, 2, 3], 100)
    score = rng.normal(truth)
    one = auc_interval(truth, score, 0.95)
    same = cross_validated_auc(truth, score, np.zeros(400, dtype=np.intp), 0.95)
    assert same == one
    auc, low, high = cross_validated_auc(truth, score + 100 * fold, fold, 0.95)
    assert auc == pytest.approx(one[0], abs=0.02)
    # Nadeau and Bengio's factor for four folds, of the variance: 1 + 4 / 3.
    assert (high - low) / (one[2] - one[1]) == pytest.approx((7 / 3) ** 0.5, rel=0.05)


def test_classes_that_are_separated_leave_something_open() -> None:
    truth = np.repeat([0, 1], 30)
    for sign in (1, -1):
        auc, low, high = auc_interval(truth, sign * truth.astype(float), 0.95)
        assert auc in (0, 1)
        assert 0.02 < high - low < 0.3
