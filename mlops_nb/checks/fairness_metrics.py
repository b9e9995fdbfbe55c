"""The fairness metrics: which rates each one compares, what it means, and Fairlearn's value of it.

Everything is made from counts of shape (groups, truth, prediction).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

Kind = Literal["difference", "ratio"]


@dataclass(frozen=True)
class Rate:
    """A rate that is compared between groups: which rows of those that it looks at it counts.

    `hits` and `trials` take counts of shape (groups, truth, prediction); `of` names the trials.
    """

    hits: Callable[[Counts], Counts]
    trials: Callable[[Counts], Counts]
    of: str


@dataclass(frozen=True)
class Family:
    """What the ``_difference`` and the ``_ratio`` of one name compare, and what they mean."""

    rates: tuple[str, ...]
    note: str


def rows_of(counts: Counts) -> Counts:
    """Return the number of rows of each group."""
    return positives_of(counts) + negatives_of(counts)


def positives_of(counts: Counts) -> Counts:
    """Return the number of true positives and false negatives of each group."""
    return counts[:, 1, 0] + counts[:, 1, 1]


def negatives_of(counts: Counts) -> Counts:
    """Return the number of true negatives and false positives of each group."""
    return counts[:, 0, 0] + counts[:, 0, 1]


RATES: Mapping[str, Rate] = {
    "selection_rate": Rate(lambda c: c[:, 0, 1] + c[:, 1, 1], rows_of, "rows"),
    "true_positive_rate": Rate(lambda c: c[:, 1, 1], positives_of, "positives"),
    "false_positive_rate": Rate(lambda c: c[:, 0, 1], negatives_of, "negatives"),
    "true_negative_rate": Rate(lambda c: c[:, 0, 0], negatives_of, "negatives"),
    "false_negative_rate": Rate(lambda c: c[:, 1, 0], positives_of, "positives"),
    "accuracy_score": Rate(lambda c: c[:, 0, 0] + c[:, 1, 1], rows_of, "rows"),
    "zero_one_loss": Rate(lambda c: c[:, 0, 1] + c[:, 1, 0], rows_of, "rows"),
}

FAMILIES: Mapping[str, Family] = {
    "demographic_parity": Family(
        ("selection_rate",),
        "Do all groups get the positive prediction equally often, whatever the truth is?",
    ),
    "equalized_odds": Family(
        ("true_positive_rate", "false_positive_rate"),
        "Is the model as often right, and as often wrong, about the positives and about the "
        "negatives of every group?",
    ),
    "equal_opportunity": Family(
        ("true_positive_rate",), "Are the true positives of every group found equally often?"
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
}

METRICS = tuple(f"{family}_{kind}" for family in FAMILIES for kind in ("difference", "ratio"))
DEFAULT_METRICS = METRICS[:6]


def kind_of(metric: str) -> Kind:
    """Tell whether a metric is a difference or a ratio.

    Examples
    --------
    >>> kind_of("equalized_odds_ratio")
    'ratio'
    """
    return "ratio" if metric.endswith("_ratio") else "difference"


def family_of(metric: str) -> Family:
    """Return what a metric compares."""
    return FAMILIES[metric.rsplit("_", 1)[0]]


def group_rates(counts: Counts, rate: str) -> Floats:
    """Return a rate of each group; 0 for a group without rows of that kind, as in Fairlearn."""
    import numpy as np

    return RATES[rate].hits(counts) / np.maximum(RATES[rate].trials(counts), 1)


def fairlearn_value(counts: Counts, metric: str) -> float:
    """Return Fairlearn's value of a metric: the worst of its rates' gaps; NaN for 0 / 0.

    Examples
    --------
    >>> import numpy as np
    >>> counts = np.array([[[30, 10], [10, 30]], [[20, 20], [20, 20]]])
    >>> fairlearn_value(counts, "equal_opportunity_difference")
    0.25
    """
    # Groups without any usable row are not there for Fairlearn.
    counts = counts[rows_of(counts) > 0]
    if not len(counts):
        return float("nan")
    values = [group_rates(counts, rate) for rate in family_of(metric).rates]
    if kind_of(metric) == "difference":
        return max(float(rates.max() - rates.min()) for rates in values)
    # Python's min keeps the first of a number and a NaN, and so does Fairlearn.
    return min(
        float(rates.min() / rates.max()) if rates.max() else float("nan") for rates in values
    )
