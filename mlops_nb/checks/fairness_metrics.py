"""The fairness metrics: what each one compares, what it means, and Fairlearn's value of it.

A *measure* is a number of one group (its selection rate, its AUC), under Fairlearn's or sklearn's
name. A *metric* puts the groups' measures together, under Fairlearn's name: ``_difference``,
``_ratio``, ``_group_min`` and ``_group_max``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.checks.fairness_sample import (
    Sample,
    divided,
    error_means,
    log_loss,
    mean_error,
    r2,
    roc_auc,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[Any]  # of rows, or of their weights
    Floats = NDArray[np.float64]

Kind = Literal["difference", "ratio", "group_min", "group_max"]
Method = Literal["between_groups", "to_overall"]
Agg = Literal["worst_case", "mean"]
Needs = Literal["binary", "classes", "amounts", "score", "probability"]
KINDS: tuple[Kind, ...] = ("difference", "ratio", "group_min", "group_max")
METHODS: tuple[Method, ...] = ("between_groups", "to_overall")
AGGS: tuple[Agg, ...] = ("worst_case", "mean")


@dataclass(frozen=True)
class Measure:
    """A number of each group.

    Parameters
    ----------
    value : callable
        Takes a `Sample`, returns the value of each group, shape (groups,).
    trials : callable
        Takes counts of shape (groups, truth, prediction), returns how many rows of the kind that
        it is made from each group has.
    of : str
        What the trials are called.
    needs : Needs
        What it is made from.
    hits : callable or None
        For a rate, which of the trials it counts.
    higher_is_better : bool
    low, high : float
        The least and the most it can be.
    """

    value: Callable[[Sample], Floats]
    trials: Callable[[Counts], Counts]
    of: str
    needs: Needs = "binary"
    hits: Callable[[Counts], Counts] | None = None
    higher_is_better: bool = True
    low: float = 0.0
    high: float = 1.0

    def rows(self, sample: Sample) -> Counts:
        """Return how many rows each group has of the kind that the measure is made from."""
        return sample.rows if self.trials is rows_of else self.trials(sample.counts)


@dataclass(frozen=True)
class Family:
    """What the metrics of one name compare, and what they mean."""

    measures: tuple[str, ...]
    note: str
    kinds: tuple[Kind, ...] = KINDS


def rows_of(counts: Counts) -> Counts:
    """Return the number of rows of each group."""
    rows: Counts = counts.sum(axis=(1, 2))
    return rows


def positives_of(counts: Counts) -> Counts:
    """Return the number of rows of each group whose true class is the positive one."""
    positives: Counts = counts[:, -1].sum(axis=1)
    return positives


def negatives_of(counts: Counts) -> Counts:
    """Return the number of rows of each group whose true class is another one."""
    return rows_of(counts) - positives_of(counts)


def selected_of(counts: Counts) -> Counts:
    """Return the number of rows of each group that are predicted positive."""
    selected: Counts = counts[:, :, -1].sum(axis=1)
    return selected


def _right(counts: Counts) -> Counts:
    right: Counts = counts.trace(axis1=1, axis2=2)
    return right


def _fewest(counts: Counts) -> Counts:
    """Return the rows of the rarest true class that a group has."""
    import numpy as np

    of_class = counts.sum(axis=2)
    fewest: Counts = np.where(of_class > 0, of_class, counts.sum() + 1).min(axis=1)
    return np.where(rows_of(counts) > 0, fewest, 0)


def _rarer(counts: Counts) -> Counts:
    import numpy as np

    return np.minimum(positives_of(counts), negatives_of(counts))


def _rate(
    hits: Callable[[Counts], Counts],
    trials: Callable[[Counts], Counts],
    of: str,
    needs: Needs = "binary",
    *,
    higher_is_better: bool = True,
) -> Measure:
    # Fairlearn and sklearn say 0 for a rate without trials.
    def value(sample: Sample) -> Floats:
        return divided(hits(sample.table), trials(sample.table), empty=0.0)

    return Measure(value, trials, of, needs, hits, higher_is_better=higher_is_better)


def _balanced_accuracy(sample: Sample) -> Floats:
    import numpy as np

    recalls = divided(np.diagonal(sample.table, axis1=1, axis2=2), sample.table.sum(axis=2))
    present = ~np.isnan(recalls)
    return divided(np.where(present, recalls, 0.0).sum(axis=1), present.sum(axis=1).astype(float))


def _f1(sample: Sample) -> Floats:
    table = sample.table
    found = 2 * table[:, 1, 1]
    return divided(found, found + table[:, 0, 1] + table[:, 1, 0], empty=0.0)


def _mean_prediction(sample: Sample) -> Floats:
    if sample.amounts is None:
        raise ValueError("the sample has no amounts")
    return sample.mean(sample.amounts[:, 1])


MEASURES: Mapping[str, Measure] = {
    "selection_rate": _rate(selected_of, rows_of, "rows", "classes"),
    "true_positive_rate": _rate(lambda c: c[:, 1, 1], positives_of, "positives"),
    "false_positive_rate": _rate(
        lambda c: c[:, 0, 1], negatives_of, "negatives", higher_is_better=False
    ),
    "true_negative_rate": _rate(lambda c: c[:, 0, 0], negatives_of, "negatives"),
    "false_negative_rate": _rate(
        lambda c: c[:, 1, 0], positives_of, "positives", higher_is_better=False
    ),
    "accuracy_score": _rate(_right, rows_of, "rows", "classes"),
    "zero_one_loss": _rate(
        lambda c: rows_of(c) - _right(c), rows_of, "rows", "classes", higher_is_better=False
    ),
    "precision_score": _rate(lambda c: c[:, 1, 1], selected_of, "selected"),
    "recall_score": _rate(lambda c: c[:, 1, 1], positives_of, "positives"),
    "balanced_accuracy_score": Measure(
        _balanced_accuracy, _fewest, "rows of the rarest class", "classes"
    ),
    "f1_score": Measure(_f1, positives_of, "positives"),
    "roc_auc_score": Measure(roc_auc, _rarer, "rows of the rarer class", "score"),
    "log_loss": Measure(
        log_loss, rows_of, "rows", "probability", higher_is_better=False, high=float("inf")
    ),
    "mean_absolute_error": Measure(
        lambda sample: error_means(sample)[0],
        rows_of,
        "rows",
        "amounts",
        higher_is_better=False,
        high=float("inf"),
    ),
    "mean_squared_error": Measure(
        lambda sample: error_means(sample)[1],
        rows_of,
        "rows",
        "amounts",
        higher_is_better=False,
        high=float("inf"),
    ),
    "r2_score": Measure(r2, rows_of, "rows", "amounts", low=float("-inf")),
    "mean_prediction": Measure(
        _mean_prediction, rows_of, "rows", "amounts", low=float("-inf"), high=float("inf")
    ),
    "mean_error": Measure(
        mean_error, rows_of, "rows", "amounts", low=float("-inf"), high=float("inf")
    ),
}

_BOTH: tuple[Kind, ...] = ("difference", "ratio")
FAMILIES: Mapping[str, Family] = {
    "demographic_parity": Family(
        ("selection_rate",),
        "Do all groups get the positive prediction equally often, whatever the truth is?",
        _BOTH,
    ),
    "equalized_odds": Family(
        ("true_positive_rate", "false_positive_rate"),
        "Is the model as often right, and as often wrong, about the positives and about the "
        "negatives of every group?",
        _BOTH,
    ),
    "equal_opportunity": Family(
        ("true_positive_rate",), "Are the true positives of every group found equally often?", _BOTH
    ),
    "selection_rate": Family(
        ("selection_rate",), "How often is a member of the group predicted positive?"
    ),
    "true_positive_rate": Family(
        ("true_positive_rate",), "How often is a positive of the group predicted positive?"
    ),
    "false_positive_rate": Family(
        ("false_positive_rate",), "How often is a negative of the group predicted positive?"
    ),
    "true_negative_rate": Family(
        ("true_negative_rate",), "How often is a negative of the group predicted negative?"
    ),
    "false_negative_rate": Family(
        ("false_negative_rate",), "How often is a positive of the group predicted negative?"
    ),
    "accuracy_score": Family(("accuracy_score",), "How often is the group predicted right?"),
    "zero_one_loss": Family(("zero_one_loss",), "How often is the group predicted wrong?"),
    "precision_score": Family(
        ("precision_score",), "How often is one of the group who is predicted positive positive?"
    ),
    "recall_score": Family(
        ("recall_score",), "How often is a positive of the group predicted positive?"
    ),
    "balanced_accuracy_score": Family(
        ("balanced_accuracy_score",),
        "How often is the group predicted right, on average over the true classes?",
    ),
    "f1_score": Family(
        ("f1_score",), "What is the harmonic mean of the group's precision and recall?"
    ),
    "roc_auc_score": Family(
        ("roc_auc_score",), "How often does a positive of the group score above a negative of it?"
    ),
    "log_loss": Family(
        ("log_loss",), "How surprised are the probabilities by what is true in the group?"
    ),
    "mean_absolute_error": Family(
        ("mean_absolute_error",), "How far off are the group's predictions on average?"
    ),
    "mean_squared_error": Family(
        ("mean_squared_error",), "How far off are the group's predictions, squared, on average?"
    ),
    "r2_score": Family(
        ("r2_score",),
        "How much of the label's variance within the group is explained?",
        ("difference", "group_min", "group_max"),
    ),
    "mean_prediction": Family(
        ("mean_prediction",),
        "What is predicted for the group on average?",
        ("difference", "group_min", "group_max"),
    ),
    "mean_error": Family(
        ("mean_error",),
        "How much too much is predicted for the group on average?",
        ("difference", "group_min", "group_max"),
    ),
}

METRICS = tuple(f"{family}_{kind}" for family, each in FAMILIES.items() for kind in each.kinds)
DEFAULT_METRICS = METRICS[:6]


def kind_of(metric: str) -> Kind:
    """Tell how a metric puts the groups together.

    Examples
    --------
    >>> kind_of("equalized_odds_ratio"), kind_of("roc_auc_score_group_min")
    ('ratio', 'group_min')
    """
    return next((kind for kind in KINDS if metric.endswith(f"_{kind}")), "difference")


def family_of(metric: str) -> Family:
    """Return what a metric compares."""
    return FAMILIES[metric.removesuffix(f"_{kind_of(metric)}")]


def group_values(sample: Sample, measure: str) -> Floats:
    """Return a measure of each group as Fairlearn has it; NaN for a group without rows."""
    import numpy as np

    return np.where(sample.rows > 0, MEASURES[measure].value(sample), np.nan)


def aggregate(
    values: Floats, overall: float, kind: Kind, method: Method = "between_groups"
) -> float:
    """Put the groups' values together as Fairlearn's `MetricFrame` does.

    Parameters
    ----------
    values : array of shape (groups,)
        NaN is passed over.
    overall : float
        The value of all rows together, for the method ``to_overall``.
    kind, method
        As the methods of `MetricFrame` are called.

    Returns
    -------
    float
        NaN where there is no value, and for the ratio 0 / 0.

    Examples
    --------
    >>> import numpy as np
    >>> aggregate(np.array([0.4, 0.5, np.nan]), 0.45, "ratio")
    0.8
    """
    import numpy as np

    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "difference":
            base = known.min() if method == "between_groups" else overall
            return float(np.abs(known - base).max())
        if kind == "ratio" and method == "between_groups":
            return float(known.min() / known.max())
        if kind == "ratio":
            ratios = known / overall
            ratios = np.where(ratios > 1, 1 / ratios, ratios)
            return float(np.nanmin(ratios)) if not np.isnan(ratios).all() else float("nan")
    return float(known.min() if kind == "group_min" else known.max())


def combine(values: Sequence[float], kind: Kind, agg: Agg) -> float:
    """Put the gaps of a family's measures together: the worst of them, or their mean.

    Examples
    --------
    >>> combine([0.1, 0.3], "difference", "worst_case")
    0.3
    """
    if len(values) == 1:
        return values[0]
    if agg == "mean":
        known = [value for value in values if not isnan(value)]
        return sum(known) / len(known) if known else float("nan")
    # Python's min and max keep the first of a number and a NaN, and so does Fairlearn.
    return min(values) if kind in ("ratio", "group_min") else max(values)


def fairlearn_value(
    sample: Sample,
    metric: str,
    *,
    method: Method = "between_groups",
    agg: Agg = "worst_case",
) -> float:
    """Return Fairlearn's value of a metric; NaN for 0 / 0.

    Examples
    --------
    >>> import numpy as np
    >>> group, truth = np.repeat([0, 1], 80), np.tile([0, 1], 80)
    >>> always = np.ones(160, dtype=int)
    >>> fairlearn_value(Sample(group, 2, truth, always * group), "equal_opportunity_difference")
    1.0
    """
    family, kind = family_of(metric), kind_of(metric)
    gaps = []
    for measure in family.measures:
        overall = float(group_values(sample.whole, measure)[0]) if method == "to_overall" else 0.0
        gaps.append(aggregate(group_values(sample, measure), overall, kind, method))
    return combine(gaps, kind, agg)
