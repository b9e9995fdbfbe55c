"""How scores rank and fit each group, and how errors spread: evidence that is drawn, not judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_sample import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUPS = 12
ROC_POINTS = 40
CALIBRATION_BINS = 8
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def describe(
    sample: Sample, labels: Sequence[str], minimum: int, confidence: float
) -> dict[str, Any]:
    """Return what a panel draws of the groups' scores and errors.

    Parameters
    ----------
    sample : Sample
    labels : sequence of str
        What the groups are called.
    minimum : int
        Rows (of a ranking: of each class) that a group must have to be drawn.
    confidence : float
        Of the AUC's interval.

    Returns
    -------
    dict
        ``scores`` where there are scores: for each of the `GROUPS` largest groups `group`, `n`,
        `roc_auc` with its `interval`, `roc` (`fpr`, `tpr`), and for probabilities `calibration`
        (`predicted`, `observed`, `n`) and the means `predicted` and `observed`. ``errors`` where
        there are amounts: `group`, `n`, `mean` and `quantiles` of what was predicted too much.
        All but `n`, which counts rows, is by the sample's weights.
    """
    import numpy as np

    largest = np.argsort(-sample.rows, kind="stable")[:GROUPS]
    members = [(labels[group], sample.by_group[group]) for group in largest]
    said: dict[str, Any] = {}
    if sample.score is not None and sample.truth is not None:
        drawn = [_scores(sample, name, rows, minimum, confidence) for name, rows in members]
        said["scores"] = [each for each in drawn if each is not None]
    if sample.amounts is not None:
        error = sample.amounts[:, 1] - sample.amounts[:, 0]
        enough = [(name, rows) for name, rows in members if len(rows) >= minimum]
        told = [_errors(error, sample.weights, name, rows) for name, rows in enough]
        said["errors"] = [each for each in told if each is not None]
    return {key: each for key, each in said.items() if each}


def _scores(
    sample: Sample, name: str, rows: NDArray[np.intp], minimum: int, confidence: float
) -> dict[str, Any] | None:
    """Describe the scores of one group; None where a class has too few rows, or no weight."""
    import numpy as np

    from mlops_nb.stats.ranking import Ranking, auc_interval, calibration

    if sample.truth is None or sample.score is None:
        raise ValueError("the sample has no scores")
    truth, score = sample.truth[rows], sample.score[rows]
    positives = int(truth.sum())
    if min(positives, len(rows) - positives) < minimum:
        return None
    weights = None if sample.weights is None else sample.weights[rows]
    if weights is not None and not all(weights[truth == each].any() for each in (0, 1)):
        return None
    fpr, tpr = Ranking(truth, score).roc(ROC_POINTS, weights)
    auc, low, high = auc_interval(truth, score, confidence, weights)
    said: dict[str, Any] = {
        "group": name,
        "n": len(rows),
        "roc_auc": auc,
        "interval": [low, high],
        "roc": {"fpr": _short(fpr), "tpr": _short(tpr)},
    }
    if bool(((score >= 0) & (score <= 1)).all()):
        predicted, observed, n = calibration(truth, score, CALIBRATION_BINS, weights)
        told = {"predicted": _short(predicted), "observed": _short(observed), "n": n.tolist()}
        means = (float(np.average(each, weights=weights)) for each in (score, truth))
        said |= {"calibration": told, **dict(zip(("predicted", "observed"), means, strict=True))}
    return said


def _errors(
    error: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
    name: str,
    rows: NDArray[np.intp],
) -> dict[str, Any] | None:
    """Describe the errors of one group, by weights where there are any; None without weight."""
    import numpy as np

    own = error[rows]
    each = None if weights is None else weights[rows]
    if each is not None and not each.any():
        return None
    quantiles = (
        np.quantile(own, QUANTILES)
        if each is None
        else np.quantile(own, QUANTILES, weights=each, method="inverted_cdf")
    )
    return {
        "group": name,
        "n": len(rows),
        "mean": float(np.average(own, weights=each)),
        "quantiles": dict(zip((f"{q:g}" for q in QUANTILES), quantiles.tolist(), strict=True)),
    }


def _short(values: NDArray[np.float64]) -> list[float]:
    rounded: list[float] = values.round(4).tolist()
    return rounded
