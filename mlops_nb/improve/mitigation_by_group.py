"""Repairs that are told the group: thresholds of each group, and numbers without its trace."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError
from mlops_nb.improve.fair_model import (
    Cut,
    Decorrelated,
    GroupCuts,
    Thresholds,
    group_indicators,
    positive_score,
)
from mlops_nb.improve.mitigation_fits import Scores, fitted, one_line, stop_where_asked
from mlops_nb.improve.mitigation_moments import own_gaps
from mlops_nb.improve.mitigation_strength import Candidate, given
from mlops_nb.improve.mitigation_strength import ladder as ladder_to
from mlops_nb.improve.mitigation_task import Task, listed_shortly

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What thresholds keep wholly or not at all.
WHOLLY = ("equalized_odds",)
_UNCHANGED = {
    "binary": "use exponentiated_gradient or threshold_optimizer",
    "regression": "use exponentiated_gradient or grid_search",
}


def threshold_optimizer(
    task: Task, strength: float | None, points: int
) -> tuple[Candidate, list[Candidate]]:
    """Return the thresholds of a tolerance, and those of a curve."""
    strength = given(strength)
    able = _with_both_classes(task)
    seen = task.rows(able)
    inputs = seen.inputs[list(task.features)]
    model = fitted(task)
    score = positive_score(model, inputs, task.classes[1])
    ladder = [0.0]
    if points and task.constraint not in WHOLLY:
        ladder = ladder_to(max(gap for _, gap in own_gaps(seen, score > 0.5)), 0.0, points)
    found: dict[float, Candidate] = {}
    for tolerance in dict.fromkeys([strength, *ladder]) if points else [strength]:
        stop_where_asked(task)
        task.watch.progress(len(found), len({strength, *ladder}), "choosing thresholds")
        found[tolerance] = Candidate(tolerance, _thresholds(seen, model, score, tolerance))
    task.watch.progress(len(found), len(found), "chose thresholds")
    return found[strength], [found[tolerance] for tolerance in sorted(found, reverse=True)]


def _with_both_classes(task: Task) -> NDArray[np.bool_]:
    """Return which rows are of groups that have thresholds: those of both classes."""
    import numpy as np

    size = len(task.grouping.groups)
    positives = np.bincount(task.groups, weights=task.truth, minlength=size)
    rows = np.bincount(task.groups, minlength=size)
    able = (positives > 0) & (positives < rows)
    lacking = [label for label, each in zip(task.grouping.labels, able, strict=True) if not each]
    if able.sum() < 2:
        raise InputError(
            f"threshold_optimizer needs two groups with both classes; {listed_shortly(lacking)} "
            f"{'have' if len(lacking) > 1 else 'has'} one only"
        )
    if lacking:
        task.watch.log(
            f"groups of one class only have no thresholds, and keep the model's own prediction: "
            f"{listed_shortly(lacking)}"
        )
    return np.asarray(able[task.groups])


def _thresholds(task: Task, model: Any, score: NDArray[np.float64], tolerance: float) -> Thresholds:
    from fairlearn.postprocessing import ThresholdOptimizer

    optimizer = ThresholdOptimizer(
        estimator=Scores(score),
        constraints={"equal_opportunity": "true_positive_rate_parity"}.get(
            task.constraint, task.constraint
        ),
        prefit=True,
        predict_method="predict_proba",
        tol=tolerance or None,
    )
    with one_line():
        optimizer.fit(task.row_numbers, task.truth, sensitive_features=task.groups)
    found = optimizer.interpolated_thresholder_.interpolation_dict
    return Thresholds(
        model=model,
        positive=task.classes[1],
        features=task.features,
        grouping=task.grouping,
        by_group={int(group): _cuts(found[group]) for group in found},
    )


def _cuts(found: Any) -> GroupCuts:
    """Read the thresholds that Fairlearn found for one group."""
    cuts = tuple(
        (float(share), Cut(operation.operator == ">", float(operation.threshold)))
        for share, operation in ((found.p0, found.operation0), (found.p1, found.operation1))
        if share > 0
    )
    ignore, constant = found.get("p_ignore", 0), found.get("prediction_constant", 0)
    return GroupCuts(cuts, float(ignore), float(constant))


def correlation_remover(
    task: Task, strength: float | None, points: int
) -> tuple[Candidate, list[Candidate]]:
    """Return the model of an alpha, and those of a curve."""
    import numpy as np
    from sklearn.base import clone

    strength = given(strength)
    whole = _decorrelated(task)
    ladder = np.linspace(0, 1, points + 1)[1:].round(2).tolist()
    found: dict[float, Candidate] = {}
    for alpha in dict.fromkeys([strength, *ladder]):
        stop_where_asked(task)
        task.watch.progress(len(found), len({strength, *ladder}), f"fitting for alpha {alpha:g}")
        unfitted = replace(whole, slopes=alpha * whole.slopes)
        with one_line():
            model = clone(task.model).fit(unfitted.transform(task.inputs), task.labels)
        found[alpha] = Candidate(alpha, replace(unfitted, model=model))
    task.watch.progress(len(found), len(found), "fitted")
    return found[strength], [found[alpha] for alpha in sorted(found)]


def _decorrelated(task: Task) -> Decorrelated:
    """Learn what the groups predict of each number; the model is still to be fitted."""
    import numpy as np
    from fairlearn.preprocessing import CorrelationRemover

    numbers = _numbers(task)
    own = task.inputs[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    indicators = group_indicators(task.groups, len(task.grouping.groups))
    remover = CorrelationRemover(sensitive_feature_ids=range(indicators.shape[1]))
    # A missing number says nothing of the slope; it stays missing when the slope is taken off.
    known = np.where(np.isnan(own), np.nanmean(own, axis=0), own)
    with one_line():
        remover.fit(np.hstack([indicators, known]))
    return Decorrelated(
        model=None,
        positive=task.classes[1] if task.problem == "binary" else None,
        features=task.features,
        numbers=tuple(numbers),
        constants={
            name: task.inputs[name].mode(dropna=False)[0]
            for name in task.features
            if name in task.sensitive
        },
        grouping=task.grouping,
        means=np.asarray(remover.sensitive_mean_),
        slopes=np.asarray(remover.beta_),
    )


def _numbers(task: Task) -> list[str]:
    """Return the features that hold numbers, of which there must be some."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    free = task.inputs[[name for name in task.features if name not in task.sensitive]]
    numbers = [
        str(name)
        for name, column in free.items()
        if is_numeric_dtype(column) and not is_bool_dtype(column) and column.notna().any()
    ]
    if not numbers:
        raise InputError(
            "correlation_remover changes numbers only, and no feature holds any",
            hint=_UNCHANGED.get(task.problem, ""),
        )
    return numbers
