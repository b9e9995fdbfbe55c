"""Fairlearn's constraints on a task, and how far its models are from them in training.

A regression is weighted and never relabelled, so Fairlearn needs its losses only. They are shares
of the label's range (squared for a square loss), clipped to it as Fairlearn has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.improve.mitigation_fits import fitted, one_line
from mlops_nb.improve.mitigation_task import Task

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.improve.fair_model import Predictor


def moment(task: Task, bound: float | None) -> Any:
    """Return Fairlearn's constraint with a bound: of a rate's gap, or of a loss in its own unit."""
    return (_of_losses if task.problem == "regression" else _of_rates)(task, bound)


def _of_losses(task: Task, bound: float | None) -> Any:
    from fairlearn.reductions import AbsoluteLoss, BoundedGroupLoss, MeanLoss, SquareLoss

    class Weighting:
        """Weights the rows of each group alike; Fairlearn's own looks at them one by one."""

        index: Any
        prob_attr: Any
        tags: Any

        def signed_weights(self, lambda_vec: Any = None) -> Any:
            given = 1.0 if lambda_vec is None else lambda_vec / self.prob_attr
            return self.tags["group_id"].map(given + 0 * self.prob_attr)

    class Mean(Weighting, MeanLoss):  # type: ignore[misc]
        pass

    class Bounded(Weighting, BoundedGroupLoss):  # type: ignore[misc]
        def default_objective(self) -> Any:
            return Mean(self.reduction_loss)

    loss = (SquareLoss if _is_squared(task) else AbsoluteLoss)(0, 1)
    return Bounded(loss, upper_bound=None if bound is None else bound / _unit(task))


def _of_rates(task: Task, bound: float | None) -> Any:
    from fairlearn.reductions import DemographicParity, EqualizedOdds, TruePositiveRateParity

    moments = {
        "demographic_parity": DemographicParity,
        "equalized_odds": EqualizedOdds,
        "equal_opportunity": TruePositiveRateParity,
    }
    return moments[task.constraint](difference_bound=bound)


def own_gaps(task: Task, predicted: NDArray[Any] | None = None) -> list[tuple[float, float]]:
    """Measure the plain model on its training data, by each rate that the constraint is about.

    Returns
    -------
    list of (float, float)
        How far a group's rate is from the overall rate at most, and the groups' from each other.
    """
    if predicted is None:
        inputs = task.inputs[list(task.features)]
        predicted = fitted(task).predict(inputs) == task.classes[1]
    measure = moment(task, None)
    with one_line():
        measure.load_data(task.row_numbers, task.truth, sensitive_features=task.groups)
    away: pd.Series[float] = measure.gamma(lambda _: predicted * 1)
    above, below = (away.xs(sign, level="sign").groupby("event").max() for sign in "+-")
    return [
        (float(max(above[event], below[event])), float(above[event] + below[event]))
        for event in above.index
    ]


def losses(task: Task, rule: Predictor | None = None) -> tuple[float, float]:
    """Return what a rule (else the plain model) loses in training, in the label's unit.

    Returns
    -------
    worst, overall : float
        The mean loss of the group that has the largest, and that of all rows.
    """
    predicted = (rule or fitted(task)).predict(task.inputs[list(task.features)])
    measure = moment(task, None)
    with one_line():
        measure.load_data(task.row_numbers, task.shown_truth, sensitive_features=task.groups)
        by_group = measure.gamma(lambda _: task.scale and task.scale.share(predicted))
    unit = _unit(task)
    return float(by_group.max() * unit), float((by_group * measure.prob_attr).sum() * unit)


def _is_squared(task: Task) -> bool:
    return task.constraint == "bounded_square_loss"


def _unit(task: Task) -> float:
    """Return how much a whole loss is, in the label's unit."""
    if task.scale is None:
        raise ValueError("the task is no regression")
    return task.scale.width ** (2 if _is_squared(task) else 1)
