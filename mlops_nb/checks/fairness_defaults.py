"""Which fairness metrics are reported where none are asked for: those of the kind of problem.

The limits are those that the field uses. 0.1 for the difference of two rates is the fair range of
AIF360 (Bellamy et al. 2018, "AI Fairness 360"); 0.8 for a ratio is the four-fifths rule (US Uniform
Guidelines on Employee Selection Procedures 1978), taken here also as the relative limit of errors.
The four-fifths rule was made for selection rates. A ratio of error rates can fail it, and pass it,
where there is evidence; but of 1,000 negatives with 20 % false alarms each, even two equal groups
have ratios below 0.8 too often for anything to be sure. Its difference is judged in any case, so
there such a ratio is shown without a verdict, unless it was asked for by name or given a limit.

A difference of errors has the unit of the label, and there is no limit that fits all units: it is
shown with its interval and not judged until a limit is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.checks.fairness_metrics import DEFAULT_METRICS, MEASURES, Needs, family_of
from mlops_nb.checks.inputs import read_numbers
from mlops_nb.checks.rows import find_task
from mlops_nb.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Problem = Literal["binary", "multiclass", "regression", "scores"]

OF_ERROR_RATES = ("equalized_odds_ratio", "equal_opportunity_ratio")
OF_CLASSES = ("accuracy_score_difference", "balanced_accuracy_score_difference")
OF_EACH_CLASS = ("demographic_parity_difference",)
OF_AMOUNTS = (
    "mean_absolute_error_ratio",
    "mean_absolute_error_difference",
    "mean_error_difference",
    "mean_prediction_difference",
)
OF_SCORES = ("roc_auc_score_difference", "roc_auc_score_group_min")
OF_PROBABILITIES = ("log_loss_difference",)
NO_PROBABILITY = " They are not probabilities: log_loss doesn't apply."
MOST_CLASSES = 20
SUITING: Mapping[Problem, frozenset[Needs]] = {
    "binary": frozenset({"binary", "classes", "score", "probability"}),
    "multiclass": frozenset({"classes"}),
    "regression": frozenset({"amounts"}),
    "scores": frozenset({"score", "probability"}),
}


@dataclass(frozen=True)
class Defaults:
    """What is reported of a problem.

    Parameters
    ----------
    problem : Problem
    metrics : tuple of str
    of_each_class : tuple of str
        Metrics of each class against all others.
    may_be_shown_only : tuple of str
        Metrics without a verdict where there are too few rows for one.
    note : str
        What the problem was taken for, and what follows.
    """

    problem: Problem
    metrics: tuple[str, ...]
    of_each_class: tuple[str, ...] = ()
    may_be_shown_only: tuple[str, ...] = ()
    note: str = ""


def defaults(
    data: pd.DataFrame,
    label: str,
    prediction: str | None,
    score: str | None,
    positive: Any = None,
) -> Defaults:
    """Find the kind of problem that the columns hold, and its metrics.

    Who names the `positive` class means two classes.

    Raises
    ------
    InputError
        If there is neither a prediction nor a score, or they don't fit the label.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"y": [1.5, 2.5], "p": [1.0, 3.0]})
    >>> defaults(data, "y", "p", None).problem
    'regression'
    """
    if prediction is None:
        return _of_scores(data, score)
    task = find_task(data, label, prediction, score, None)
    both = f"{label} and {prediction}"
    if task == "regression":
        return Defaults(
            task,
            OF_AMOUNTS,
            note=f"{both} hold amounts: their errors are compared. A difference of errors has "
            "the unit of the label and no usual limit, so it is shown and not judged; give it one "
            "with --limit METRIC VALUE (in Python limits={...}).",
        )
    if task == "multiclass" and positive is None:
        return Defaults(
            task,
            OF_CLASSES,
            OF_EACH_CLASS,
            note=f"{both} hold more than two classes: what is right is compared over all of them, "
            "and how often each is predicted, one finding a class.",
        )
    return Defaults("binary", DEFAULT_METRICS, may_be_shown_only=OF_ERROR_RATES)


def suits(metric: str, problem: Problem, *, numbers: bool) -> bool:
    """Tell whether a metric says something of a kind of problem.

    Numbers of few different values are taken for classes, and may be amounts all the same.

    Examples
    --------
    >>> suits("equalized_odds_ratio", "multiclass", numbers=True)
    False
    """
    needs = {MEASURES[name].needs for name in family_of(metric).measures}
    return needs <= SUITING[problem] or (
        problem == "multiclass" and numbers and needs <= SUITING["regression"]
    )


def _of_scores(data: pd.DataFrame, score: str | None) -> Defaults:
    if score is None:
        raise InputError("nothing says what was predicted", hint="name the prediction or a score")
    numbers = read_numbers(data, score)
    outside = bool(((numbers < 0) | (numbers > 1)).any())
    more: Sequence[str] = () if outside else OF_PROBABILITIES
    note = (
        "There are scores and no predictions: it is compared how they rank and fit each group, and "
        "not what follows from them."
    )
    return Defaults("scores", (*OF_SCORES, *more), note=note + (NO_PROBABILITY if outside else ""))
