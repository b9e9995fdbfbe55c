"""When a fairness metric misleads, and which can't be had together; each with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.core.words import measured, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NOTHING = "No row has both a label and a prediction."
_BASE_RATES = (
    "Where the groups truly differ in how many are positive, a perfect model has a gap, too, and "
    "closing it costs accuracy (Hardt, Price and Srebro 2016)."
)
_MARGINS = (
    "It takes the label for the truth, bias included; and one threshold for all gives unequal "
    "rates where risks are spread differently (Corbett-Davies and Goel 2018)."
)
_RIGHT = (
    "Where one class is rare, always predicting the other is nearly always right, and more so in "
    "the group where it is rarer."
)
MISLEADS: Mapping[str, str] = {
    "demographic_parity": _BASE_RATES,
    "selection_rate": _BASE_RATES,
    "equalized_odds": _MARGINS,
    "equal_opportunity": "It says nothing of the negatives: all false alarms may fall on one "
    f"group (Hardt, Price and Srebro 2016). {_MARGINS}",
    "true_positive_rate": _MARGINS,
    "false_positive_rate": _MARGINS,
    "true_negative_rate": _MARGINS,
    "false_negative_rate": _MARGINS,
    "recall_score": _MARGINS,
    "accuracy_score": _RIGHT,
    "zero_one_loss": _RIGHT,
    "precision_score": "It follows how many of the group are positive: equal precision with "
    "unequal base rates means unequal error rates (Chouldechova 2017).",
    "roc_auc_score": "It is about the order within each group: a group whose scores are all too "
    "low can have the same (Borkan et al. 2019).",
    "log_loss": "It is low for a group of which hardly any or nearly all are positive, however "
    "good the model is.",
    "mean_absolute_error": "It grows with the amounts of a group, however good the model is.",
    "mean_squared_error": "It grows with the amounts of a group, and a few large errors decide it.",
    "mean_error": "Errors upwards and downwards cancel: a group whose predictions are all far off "
    "can have none.",
    "mean_prediction": "Where the groups truly differ in the label, so do right predictions.",
    "r2_score": "It is relative to the group's own spread: where amounts hardly differ, small "
    "errors make it low.",
}
RATIO_NOTE = (
    "A ratio of rates near 0 swings widely: 1 % and 2 % make 0.5. The limit of 0.8 is the "
    "four-fifths rule, made for selection rates (US Uniform Guidelines on Employee Selection "
    "Procedures 1978)."
)


def together(
    labels: Sequence[str], positives: NDArray[np.int64], rows: NDArray[np.int64], least: int
) -> str:
    """Say what can't be had together, if the groups differ in how many are positive.

    Examples
    --------
    >>> import numpy as np
    >>> said = together(["f", "m"], np.array([20, 60]), np.array([100, 200]), 30)
    >>> said.split(" no ")[0]
    'Of the groups 20.0 % (f) to 30.0 % (m) are positive:'
    """
    import numpy as np

    firm = (rows >= least).nonzero()[0]
    if len(firm) < 2:
        return ""
    rates = positives[firm] / np.maximum(rows[firm], 1)
    low, high = int(rates.argmin()), int(rates.argmax())
    if rates[low] == rates[high]:
        return ""
    ends = [f"{100 * rates[i]:.1f} % ({shortened(labels[firm[i]])})" for i in (low, high)]
    return (
        f"Of the groups {ends[0]} to {ends[1]} are positive: no model that errs can then be "
        "calibrated in every group and have equal error rates (Kleinberg, Mullainathan and "
        "Raghavan 2016; Chouldechova 2017). Which gap matters is a choice, not a computation."
    )


def one(of: str) -> str:
    """Name one of what is counted: "1 row of the rarest class", "1 selected"."""
    first, _, rest = of.partition(" ")
    return f"{first.removesuffix('s')} {rest}".strip()


def few(below: Mapping[str, str], least: int) -> str:
    """Say which groups can't be judged, and why.

    Examples
    --------
    >>> few({"f": "12 rows"}, 30)
    'Not counting what is too little to judge by (30 are needed): f has 12 rows.'
    """
    shown = [f"{shortened(group)} has {why}" for group, why in list(below.items())[:3]]
    more = f", and so on for {len(below) - 3} more groups" if len(below) > 3 else ""
    return (
        f"Not counting what is too little to judge by ({least} are needed): "
        f"{', '.join(shown)}{more}."
    )


def spread(extreme: Mapping[str, Any]) -> str:
    """Say between which groups a measure lies, and at what values."""
    high, low = extreme["highest"], extreme["lowest"]
    words = shortened(extreme["rate"].replace("_", " "))
    if high["value"] == low["value"]:
        return f"The {words} is {measured(high['value'])} in all groups."
    return (
        f"The {words} goes from {measured(low['value'])} ({shortened(low['group'])}) "
        f"to {measured(high['value'])} ({shortened(high['group'])})."
    )
