"""How well scores rank and fit two classes, for many weightings of the same rows at once."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.floating[Any]]
Classes = tuple[tuple[Floats, Floats], tuple[Floats, Floats]]  # scores and weights of both

# An AUC nearer than this to 0 or 1 is one of classes that the scores separate wholly.
SEPARATED = 1e-12


class Ranking:
    """Rows of two classes in the order of their scores.

    Parameters
    ----------
    truth : array of 0 and 1, shape (rows,)
    score : array of shape (rows,)
        Higher for what is more likely 1. Equal scores are ties, and count half.

    Examples
    --------
    >>> ranking = Ranking(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]))
    >>> auc, precision = ranking.measure(np.ones((1, 4)))
    >>> auc, precision.round(3)
    (array([0.75]), array([0.833]))
    """

    def __init__(self, truth: NDArray[Any], score: Floats) -> None:
        descending = np.argsort(-score, kind="stable")
        is_positive = truth[descending] == 1
        self.positives = descending[is_positive]
        self.negatives = descending[~is_positive]
        at, against = -score[self.positives], -score[self.negatives]
        # For each positive: how many negatives, or positives, come before it or tie with it.
        self.before = np.searchsorted(against, at, side="left")
        self.until = np.searchsorted(against, at, side="right")
        self.own_before = np.searchsorted(at, at, side="left")
        self.own_until = np.searchsorted(at, at, side="right")

    def measure(self, weights: Weights, ends: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the area under the ROC curve and the average precision for each weighting.

        Parameters
        ----------
        weights : array of shape (weightings, rows)
        ends : array of shape (weightings, 4), optional
            Weights of four further rows: a positive and a negative below, and a positive and a
            negative above all others. Drawn at random, they leave something open where the scores
            separate the classes perfectly.

        Returns
        -------
        auc, average_precision : arrays of shape (weightings,)
            The first is NaN if a class is missing, the second 0 if there are no positives.
        """
        if ends is None:
            ends = np.zeros((len(weights), 4))
        of_positives = weights[:, _slice(self.positives)]
        negatives_to = _running(weights[:, _slice(self.negatives)])
        false = negatives_to[:, self.until]
        tied = negatives_to[:, self.before] + false
        found = np.cumsum(of_positives, axis=1)[:, _slice(self.own_until - 1)]
        positive = of_positives.sum(axis=1, dtype=np.float64)
        negative = negatives_to[:, -1].astype(np.float64)
        auc = _auc(positive, negative, _dot(of_positives, tied), ends)
        return auc, _average_precision(of_positives, found, false, negative, ends)

    def roc(self, points: int, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Return false and true positive rates along the ROC curve, at most `points` of each.

        `weights`, of shape (rows,), say how much each row counts; default 1.
        """
        each = np.ones(len(self.positives) + len(self.negatives)) if weights is None else weights
        false, true = (_shares(each[rows]) for rows in (self.negatives, self.positives))
        # Corners of the curve: before and after each group of ties that holds a positive.
        across = np.concatenate([false[self.before], false[self.until]])
        up = np.concatenate([true[self.own_before], true[self.own_until]])
        corners = np.unique(np.stack([across, up]), axis=1)
        curve = np.hstack([[[0.0], [0.0]], corners, [[1.0], [1.0]]])
        kept = np.unique(np.linspace(0, curve.shape[1] - 1, points).round().astype(int))
        return curve[0, kept], curve[1, kept]


def auc_interval(
    truth: NDArray[Any], score: Floats, confidence: float, weights: Floats | None = None
) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its interval, from one sort.

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988), of weighted means where there
    are `weights`, taken to the logit scale, so that the interval stays within 0 and 1. Where the
    classes are separated wholly it would be nothing: there a row of each class at each end leaves
    something open.

    Examples
    --------
    >>> truth, score = np.array([0, 0, 1, 1] * 20), np.arange(80.0) % 4
    >>> auc, low, high = auc_interval(truth, score, 0.95)
    >>> print(f"{auc:.2f}, {low:.2f} to {high:.2f}")
    1.00, 0.87 to 1.00
    """
    each = np.ones(len(truth)) if weights is None else weights
    return _mean_interval([_classes(truth, score, each)], confidence)


def cross_validated_auc(
    truth: NDArray[Any], score: Floats, fold: NDArray[np.intp], confidence: float
) -> tuple[float, float, float]:
    """Return the mean over folds of the area under the ROC curve, and its interval.

    Scores of different folds come from different models, and are not compared. The variance is
    that of LeDell, Petersen and van der Laan (2015, "Computationally efficient confidence intervals
    for cross-validated area under the ROC curve estimates"), DeLong's within each fold, widened as
    Nadeau and Bengio (2003, "Inference for the generalization error") do, since rows that one model
    is judged by are those that the others learned from. The interval is made as `auc_interval`
    makes it.

    Parameters
    ----------
    truth : array of 0 and 1, shape (rows,)
    score : array of shape (rows,)
        Of the model that did not learn from the row.
    fold : array of shape (rows,)
        Number of the fold that a row was held out in, from 0; each needs two rows of both classes.
    confidence : float

    Examples
    --------
    >>> truth, score = np.array([0, 1] * 40), np.array([0.0, 1.0] * 20 + [7.0, 9.0] * 20)
    >>> auc, low, high = cross_validated_auc(truth, score, np.repeat([0, 1], 40), 0.95)
    >>> print(f"{auc:.2f}, {low:.2f} to {high:.2f}")
    1.00, 0.78 to 1.00
    """
    each = np.ones(len(truth))
    held_out = [fold == one for one in range(int(fold.max()) + 1)]
    folds = [_classes(truth[rows], score[rows], each[rows]) for rows in held_out]
    return _mean_interval(folds, confidence)


def _classes(truth: NDArray[Any], score: Floats, weights: Floats) -> Classes:
    positive, negative = truth == 1, truth == 0
    return (score[positive], weights[positive]), (score[negative], weights[negative])


def _mean_interval(folds: list[Classes], confidence: float) -> tuple[float, float, float]:
    auc, variance = _mean_delong(folds)
    centre = auc
    if not SEPARATED < auc < 1 - SEPARATED:
        centre, variance = _mean_delong([_with_ends(fold) for fold in folds])
    at = np.log(centre / (1 - centre))
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * np.sqrt(variance) / (centre * (1 - centre))
    low, high = 1 / (1 + np.exp(-(at - reach))), 1 / (1 + np.exp(-(at + reach)))
    return auc, min(float(low), auc), max(float(high), auc)


def _with_ends(fold: Classes) -> Classes:
    """Add a row of each class at each end."""
    scores = np.concatenate([values for values, _ in fold])
    ends = [scores.min(), scores.max()]
    positive, negative = (
        (np.append(values, ends), np.append(own, [own.mean()] * 2)) for values, own in fold
    )
    return positive, negative


def _mean_delong(folds: list[Classes]) -> tuple[float, float]:
    areas, variances = zip(*(_delong(*fold) for fold in folds), strict=True)
    k = len(folds)
    widened = 1 + k / (k - 1) if k > 1 else 1.0  # rows held out to rows learned from: 1 to k - 1
    return float(np.mean(areas)), widened * float(np.sum(variances)) / k**2


def _delong(
    positive: tuple[Floats, Floats], negative: tuple[Floats, Floats]
) -> tuple[float, float]:
    """Return the AUC of both classes' scores and weights, and its variance."""
    below, above = (
        (_won(own[0], others), own[1])
        for own, others in ((positive, negative), (negative, positive))
    )
    auc = float(np.average(below[0], weights=below[1]))
    return auc, sum(_variance_of_mean(*each) for each in (below, above))


def _won(own: Floats, others: tuple[Floats, Floats]) -> Floats:
    """Return for each score the share of the others that it is above, ties half."""
    order = np.argsort(others[0], kind="stable")
    values, share = others[0][order], _shares(others[1][order])
    below, until = (share[np.searchsorted(values, own, side)] for side in ("left", "right"))
    won: Floats = (below + until) / 2
    return won


def _variance_of_mean(values: Floats, weights: Floats) -> float:
    rows, mean = len(values), np.average(values, weights=weights)
    spread = np.sum((weights * (values - mean)) ** 2) / np.sum(weights) ** 2
    return float(spread * rows / max(rows - 1, 1))


def _shares(weights: Floats) -> Floats:
    """Return what part of the weight the first 0, 1, 2, … have."""
    sums = _running(weights[None])[0]
    shares: Floats = np.divide(sums, sums[-1], out=np.zeros_like(sums), where=sums[-1] > 0)
    return shares


def calibration(
    truth: NDArray[Any], score: Floats, bins: int, weights: Floats | None = None
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Compare scores with what came true, in bins of about equally many rows.

    Returns
    -------
    predicted, observed, n : arrays of shape (at most bins,)
        The mean score and the share of positives, both by `weights` where there are any, and the
        rows of each bin that has any (of some weight).

    Examples
    --------
    >>> truth, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.7, 0.9])
    >>> predicted, observed, n = calibration(truth, score, 2)
    >>> predicted.round(1), observed, n
    (array([0.2, 0.8]), array([0., 1.]), array([2, 2]))
    """
    each = np.ones(len(score)) if weights is None else weights
    cuts = np.unique(np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.searchsorted(cuts, score, side="left")
    n = np.bincount(bin_of, minlength=len(cuts) + 1)
    total = np.bincount(bin_of, weights=each, minlength=len(n))
    filled = total > 0
    predicted, observed = (
        np.bincount(bin_of, weights=each * values, minlength=len(n))[filled] / total[filled]
        for values in (score, truth)
    )
    return predicted, observed, n[filled]


def _auc(positive: Floats, negative: Floats, tied: Floats, ends: Floats) -> Floats:
    low_positive, low_negative, high_positive, high_negative = ends.T
    won = positive * negative - tied / 2
    won += positive * low_negative + low_positive * low_negative / 2
    won += high_positive * (negative + low_negative + high_negative / 2)
    pairs = (positive + low_positive + high_positive) * (negative + low_negative + high_negative)
    auc: Floats = np.divide(won, pairs, out=np.full(len(won), np.nan), where=pairs > 0)
    return auc


def _average_precision(
    of_positives: Weights, found: Weights, false: Weights, negative: Floats, ends: Floats
) -> Floats:
    low_positive, low_negative, high_positive, high_negative = ends.T
    at_top = high_positive + high_negative
    if at_top.any():
        found = found + high_positive[:, None].astype(found.dtype)
        false = false + high_negative[:, None].astype(found.dtype)
    # Where the first rows have no weight, nothing is found of nothing, and nothing rests on it.
    predicted = np.maximum(found + false, np.finfo(found.dtype).tiny)
    total = _dot(of_positives, found / predicted)
    positive = of_positives.sum(axis=1, dtype=np.float64) + low_positive + high_positive
    total += _ratio(high_positive**2, at_top)
    total += low_positive * _ratio(positive, positive + negative + low_negative + high_negative)
    return np.minimum(_ratio(total, positive), 1.0)  # rounding can take it beyond


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return the ratio, 0 for 0 / 0."""
    ratio: Floats = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return ratio


def _dot(weights: Weights, values: Weights) -> Floats:
    products: Floats = np.einsum("ij,ij->i", weights, values).astype(np.float64)
    return products


def _running(weights: Weights) -> Weights:
    """Return running sums that start with zero."""
    sums = np.zeros((len(weights), weights.shape[1] + 1), dtype=weights.dtype)
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def _slice(index: NDArray[np.intp]) -> NDArray[np.intp] | slice:
    """Return an unbroken run of indices as a slice, which is read without a copy."""
    if not len(index):
        return slice(0, 0)
    unbroken = index[-1] - index[0] == len(index) - 1 and bool((np.diff(index) == 1).all())
    return slice(int(index[0]), int(index[-1]) + 1) if unbroken else index
