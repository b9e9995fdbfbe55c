"""The performance metrics: what each one says, and how it is computed, under sklearn's definitions.

Some need only a table of counts (truth × prediction), some the ranking of the scores, some a mean
over the rows. Each kind is computed for many bootstrap draws at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Weights = NDArray[np.floating[Any]]
    Measure = Callable[[Weights, Floats | None], Mapping[str, Floats]]

Task = Literal["binary", "multiclass", "regression"]
TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Metric:
    """What there is to know about a metric.

    Parameters
    ----------
    tasks : tuple of Task
    needs : {"counts", "scores", "probabilities", "amounts"}
        What it is made from: the table of classes, a score, a score that is a probability, or the
        numbers themselves.
    note : str
        What it means, in one sentence.
    higher_is_better : bool
    low, high : float
        Its range.
    """

    tasks: tuple[Task, ...]
    needs: Literal["counts", "scores", "probabilities", "amounts"]
    note: str
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 1.0


INFINITY = float("inf")

METRICS: Mapping[str, Metric] = {
    "roc_auc": Metric(
        ("binary",),
        "scores",
        "How often a positive scores higher than a negative; 0.5 is chance.",
    ),
    "average_precision": Metric(
        ("binary",),
        "scores",
        "The precision, averaged over the recall; chance is the share of positives.",
    ),
    "accuracy": Metric(
        ("binary", "multiclass"),
        "counts",
        "The share of right predictions; high by itself where one class is rare.",
    ),
    "balanced_accuracy": Metric(
        ("binary", "multiclass"),
        "counts",
        "The share of right predictions in each class, averaged over the classes.",
    ),
    "precision": Metric(("binary",), "counts", "The share of predicted positives that are true."),
    "recall": Metric(("binary",), "counts", "The share of true positives that are found."),
    "f1": Metric(("binary",), "counts", "The harmonic mean of precision and recall."),
    "f1_macro": Metric(("multiclass",), "counts", "The F1 of each class, averaged over classes."),
    "log_loss": Metric(
        ("binary",),
        "probabilities",
        "How surprised the probabilities are by the truth; sure and wrong costs most.",
        higher_is_better=False,
        high=INFINITY,
    ),
    "brier": Metric(
        ("binary",),
        "probabilities",
        "The mean squared distance of the probability from the truth.",
        higher_is_better=False,
    ),
    "mae": Metric(
        ("regression",),
        "amounts",
        "How far off a prediction is on average.",
        higher_is_better=False,
        high=INFINITY,
    ),
    "rmse": Metric(
        ("regression",),
        "amounts",
        "How far off predictions are, large errors counting more.",
        higher_is_better=False,
        high=INFINITY,
    ),
    "r2": Metric(
        ("regression",),
        "amounts",
        "The share of the label's variance that is explained; 0 is no better than its mean.",
        low=-INFINITY,
    ),
}


def metrics_of(task: Task) -> list[str]:
    """Return the names of a task's metrics.

    Examples
    --------
    >>> metrics_of("regression")
    ['mae', 'rmse', 'r2']
    """
    return [name for name, metric in METRICS.items() if task in metric.tasks]


def of_counts(tables: Floats, present: Sequence[int] | NDArray[np.intp]) -> dict[str, Floats]:
    """Compute the metrics that need only counts.

    Parameters
    ----------
    tables : array of shape (..., classes, classes)
        Counts or shares by truth and prediction; of two classes the second is the positive one.
    present : sequence of int
        The classes that occur in the truth, over which `balanced_accuracy` averages.

    Returns
    -------
    dict of str to array of shape (...)
        As in sklearn with its default for 0 / 0, which is 0.

    Examples
    --------
    >>> import numpy as np
    >>> float(of_counts(np.array([[8.0, 2.0], [1.0, 9.0]]), [0, 1])["accuracy"])
    0.85
    """
    import numpy as np

    right = np.diagonal(tables, axis1=-2, axis2=-1)
    true, predicted = tables.sum(axis=-1), tables.sum(axis=-2)
    recall, precision = _ratio(right, true), _ratio(right, predicted)
    f1 = _ratio(2 * right, true + predicted)
    shown = list(present)
    return {
        "accuracy": _ratio(right.sum(axis=-1), true.sum(axis=-1)),
        "balanced_accuracy": recall[..., shown].mean(axis=-1) if shown else recall[..., 0] * np.nan,
        "precision": precision[..., -1],
        "recall": recall[..., -1],
        "f1": f1[..., -1],
        "f1_macro": f1.mean(axis=-1),
    }


def of_scores(truth: NDArray[Any], score: Floats, wanted: Collection[str]) -> Measure:
    """Prepare the wanted metrics of scored rows of two classes.

    Parameters
    ----------
    truth : array of 0 and 1, shape (rows,)
    score : array of shape (rows,)
    wanted : collection of str
        Names of metrics; those that need no score are passed over.

    Returns
    -------
    callable
        Takes weights of shape (weightings, rows) and the `ends` of `Ranking.measure`, and returns
        the metrics as arrays of shape (weightings,).
    """
    import numpy as np

    from mlops_nb.stats.ranking import Ranking

    ranks = ("roc_auc", "average_precision")
    ranking = Ranking(truth, score) if set(ranks) & set(wanted) else None
    tiny = np.finfo(score.dtype).eps
    of_truth = np.clip(np.where(truth == 1, score, 1 - score), tiny, 1 - tiny)
    losses = {"log_loss": -np.log(of_truth), "brier": (truth - score) ** 2}
    losses = {name: loss for name, loss in losses.items() if name in wanted}

    def measure(weights: Weights, ends: Floats | None = None) -> dict[str, Floats]:
        measured = {}
        if ranking is not None:
            both = zip(ranks, ranking.measure(weights, ends), strict=True)
            measured = {name: values for name, values in both if name in wanted}
        if losses:
            means = _means(weights, np.stack(list(losses.values()), axis=1))
            measured |= dict(zip(losses, means.T, strict=True))
        return measured

    return measure


def of_amounts(truth: Floats, prediction: Floats, own: Floats | None = None) -> Measure:
    """Prepare the metrics of predicted amounts.

    Parameters
    ----------
    truth, prediction : array of shape (rows,)
    own : array of shape (rows,), optional
        The rows' own weights, which those that the metrics are computed for are multiples of.

    Returns
    -------
    callable
        Takes weights of shape (weightings, rows), and returns arrays of shape (weightings,).
    """
    import numpy as np

    counted = truth if own is None or not own.any() else truth[own > 0]
    varies = bool((counted != counted[:1]).any())
    error = truth - prediction
    # Around the mean, so that little is lost when its square is taken off.
    centred = truth - (truth.mean() if counted is truth else np.average(truth, weights=own))
    columns = np.stack([np.abs(error), error**2, centred, centred**2], axis=1)

    def measure(weights: Weights, ends: Floats | None = None) -> dict[str, Floats]:  # noqa: ARG001
        absolute, squared, first, second = _means(weights, columns).T
        variance = second - first**2
        explained = 1 - squared / variance
        # Of a label that doesn't vary, sklearn says 1 if it is predicted exactly and else 0.
        constant = np.where(squared == 0, 1.0, 0.0)
        r2 = np.where(variance > 0, explained, constant) if varies else constant
        return {
            "mae": absolute,
            "rmse": np.sqrt(squared),
            "r2": r2 if len(truth) > 1 else np.full_like(r2, np.nan),
        }

    return measure


def _means(weights: Weights, columns: Floats) -> Floats:
    """Return the weighted mean of each column, shape (weightings, columns)."""
    import numpy as np

    total = weights.sum(axis=1, dtype=np.float64)[:, None]
    # Scaled, so that float32 weights can neither overflow nor lose small columns.
    scale = np.abs(columns).max(axis=0, initial=0.0)
    scale[(scale == 0) | ~np.isfinite(scale)] = 1.0
    sums = weights @ (columns / scale).astype(weights.dtype)
    means: Floats = sums.astype(np.float64) / total * scale
    return means


def _ratio(part: Floats, whole: Floats) -> Floats:
    import numpy as np

    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)
