"""Fairlearn's algorithms behind one table: what each fits, how strict it can be, what it can't.

Each gives the rule that its strength asks for and, where more points are wanted, those of weaker
strengths: a curve of models that the method itself has fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError
from mlops_nb.improve.fair_model import (
    Cut,
    Decorrelated,
    GroupCuts,
    Mixture,
    Rule,
    Thresholds,
    group_indicators,
    positive_score,
)
from mlops_nb.improve.mitigation_fits import (
    Refit,
    Refits,
    Scores,
    fitted,
    one_line,
    stop_where_asked,
    unwrapped,
)
from mlops_nb.improve.mitigation_task import CONSTRAINTS, Task, listed_shortly

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# The exponentiated gradient stops by itself after 6 to 10 rounds; each fits the model 2 to 8 times.
MAX_ROUNDS = 15
_FITS_EACH = 20
GRID_SIZE = 15


@dataclass(frozen=True)
class Strength:
    """What a method calls how strictly it keeps its constraint, and from where to where it goes."""

    name: str
    default: float
    meaning: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Candidate:
    """A rule that a method fitted; its strength is None where none would choose it."""

    strength: float | None
    rule: Rule


@dataclass(frozen=True)
class Method:
    """One way to repair a model.

    Parameters
    ----------
    fit : callable
        Takes a task, a strength and a number of points; returns the candidate of that strength,
        and further ones for the curve, from the weakest to the strictest.
    constraints : tuple of str
        What it can aim at.
    strength : Strength
    unrelaxed : tuple of str
        Of its constraints those that are kept wholly or not at all.
    points : int
        How many the curve has unless told: none where each costs as much as the repair itself.
    by_group : bool
        Whether the repaired model must be told the group of each case.
    note : str
    """

    fit: Callable[[Task, float, int], tuple[Candidate, Sequence[Candidate]]]
    constraints: tuple[str, ...]
    strength: Strength
    points: int
    by_group: bool
    note: str
    unrelaxed: tuple[str, ...] = ()


def _exponentiated_gradient(
    task: Task, strength: float, points: int
) -> tuple[Candidate, list[Candidate]]:
    ladder = []
    if points:
        widest = max(gap for gap, _ in _own_gaps(task))
        ladder = _ladder(widest, METHODS["exponentiated_gradient"].strength.default, points)
    refits = Refits(task, about=_FITS_EACH * len({strength, *ladder}))
    found = {}
    for bound in dict.fromkeys([strength, *ladder]):
        refits.step = f"difference_bound {bound:g}: " if ladder else ""
        found[bound] = Candidate(bound, _lottery(task, refits, bound))
    return found[strength], [found[bound] for bound in sorted(found, reverse=True)]


def _lottery(task: Task, refits: Refits, bound: float) -> Mixture:
    from fairlearn.reductions import ExponentiatedGradient

    reduction = ExponentiatedGradient(
        Refit(refits),
        _moment(task.constraint, bound),
        max_iter=MAX_ROUNDS,
        sample_weight_name="sample_weight",
    )
    with one_line():
        reduction.fit(task.row_numbers, task.truth, sensitive_features=task.groups)
    used = [index for index, share in reduction.weights_.items() if share > 0]
    shares = [float(reduction.weights_[index]) for index in used]
    return Mixture(
        models=tuple(unwrapped(reduction.predictors_[index]) for index in used),
        shares=tuple(share / sum(shares) for share in shares),
    )


def _grid_search(task: Task, strength: float, points: int) -> tuple[Candidate, list[Candidate]]:
    import numpy as np
    from fairlearn.reductions import GridSearch

    size = max(points, 2) if points else GRID_SIZE  # Fairlearn makes no grid of one
    _tell_of_coarse_grids(task, size)
    search = GridSearch(
        Refit(Refits(task, about=size)),
        _moment(task.constraint, None),
        constraint_weight=strength,
        grid_size=size,
        sample_weight_name="sample_weight",
    )
    with one_line():
        search.fit(task.row_numbers, task.truth, sensitive_features=task.groups)
    errors, gaps = np.asarray(search.objectives_), search.gammas_.max().to_numpy()
    weights = _weights_that_choose(errors, gaps)
    weights[search.best_idx_] = strength
    found = [
        Candidate(weights.get(place), Mixture((unwrapped(predictor),), (1.0,)))
        for place, predictor in enumerate(search.predictors_)
    ]
    along = np.lexsort((errors, -gaps))
    return found[search.best_idx_], [found[place] for place in along] if points else []


def _weights_that_choose(
    errors: NDArray[np.float64], gaps: NDArray[np.float64]
) -> dict[int, float]:
    """Return for each predictor a weight of the constraint by which Fairlearn's rule takes it."""
    import numpy as np

    weights = np.linspace(0, 1, 1001)
    best = np.argmin(np.outer(1 - weights, errors) + np.outer(weights, gaps), axis=1)
    return {
        int(place): float(np.round(np.median(weights[best == place]), 3))
        for place in np.unique(best)
    }


def _tell_of_coarse_grids(task: Task, size: int) -> None:
    rates = 2 if task.constraint == "equalized_odds" else 1
    dimensions = rates * (len(task.grouping.groups) - 1)
    if size < 2**dimensions:
        task.watch.log(
            f"a grid of {size} is coarse for {len(task.grouping.groups)} groups (2^{dimensions} "
            "points would reach every corner): exponentiated_gradient suits many groups better"
        )


def _threshold_optimizer(
    task: Task, strength: float, points: int
) -> tuple[Candidate, list[Candidate]]:
    able = _with_both_classes(task)
    seen = task.rows(able)
    inputs = seen.inputs[list(task.features)]
    model = fitted(task)
    score = positive_score(model, inputs, task.classes[1])
    ladder = [0.0]
    if points and task.constraint not in METHODS["threshold_optimizer"].unrelaxed:
        ladder = _ladder(max(gap for _, gap in _own_gaps(seen, score > 0.5)), 0.0, points)
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


def _correlation_remover(
    task: Task, strength: float, points: int
) -> tuple[Candidate, list[Candidate]]:
    import numpy as np
    from sklearn.base import clone

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
        positive=task.classes[1],
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
            hint="use exponentiated_gradient or threshold_optimizer",
        )
    return numbers


def _moment(constraint: str, bound: float | None) -> Any:
    from fairlearn.reductions import DemographicParity, EqualizedOdds, TruePositiveRateParity

    moments = {
        "demographic_parity": DemographicParity,
        "equalized_odds": EqualizedOdds,
        "equal_opportunity": TruePositiveRateParity,
    }
    return moments[constraint](difference_bound=bound)


def _own_gaps(task: Task, predicted: NDArray[Any] | None = None) -> list[tuple[float, float]]:
    """Measure the plain model on its training data, by each rate that the constraint is about.

    Returns
    -------
    list of (float, float)
        How far a group's rate is from the overall rate at most, and the groups' from each other.
    """
    if predicted is None:
        inputs = task.inputs[list(task.features)]
        predicted = fitted(task).predict(inputs) == task.classes[1]
    moment = _moment(task.constraint, None)
    with one_line():
        moment.load_data(task.row_numbers, task.truth, sensitive_features=task.groups)
    away: pd.Series[float] = moment.gamma(lambda _: predicted * 1)
    above, below = (away.xs(sign, level="sign").groupby("event").max() for sign in "+-")
    return [
        (float(max(above[event], below[event])), float(above[event] + below[event]))
        for event in above.index
    ]


def _ladder(weakest: float, strictest: float, points: int) -> list[float]:
    """Return strengths that are easy to type, from the weakest (left out) to the strictest.

    Each is the same share of the one before, down to a sixteenth of the first where the strictest
    is nothing at all.

    Examples
    --------
    >>> _ladder(0.032, 0.002, 4), _ladder(0.032, 0.0, 4)
    ([0.016, 0.008, 0.004, 0.002], [0.013, 0.005, 0.002, 0.0])
    """
    import numpy as np

    if weakest <= strictest:
        return [strictest]
    last = strictest or weakest / 16
    steps = np.geomspace(weakest, last, points + 1 if strictest else points)[1:].tolist()
    return list(dict.fromkeys([*(float(f"{step:.2g}") for step in steps), strictest]))


METHODS: Mapping[str, Method] = {
    "exponentiated_gradient": Method(
        _exponentiated_gradient,
        tuple(CONSTRAINTS),
        # Fairlearn's default, 0.01, is a tenth of all positives where one case in ten is predicted
        # positive, too wide to reach a ratio of 0.8.
        Strength(
            "difference_bound",
            0.002,
            "how far a group's rate may be from the overall rate, in training",
        ),
        points=0,
        by_group=False,
        note="A lottery of a few models, fitted to reweighted data (Agarwal et al. 2018).",
    ),
    "grid_search": Method(
        _grid_search,
        tuple(CONSTRAINTS),
        Strength(
            "constraint_weight",
            0.5,
            "how much a gap counts against an error when one model of the grid is chosen",
        ),
        points=GRID_SIZE,
        by_group=False,
        note="The best single model over a grid of reweightings (Agarwal et al. 2018).",
    ),
    "threshold_optimizer": Method(
        _threshold_optimizer,
        tuple(CONSTRAINTS),
        Strength("tol", 0.0, "how far the groups' rates may be apart, in training"),
        points=5,
        by_group=True,
        note="The same model with thresholds of each group (Hardt et al. 2016); it must be told "
        "the group of every case it decides.",
        unrelaxed=("equalized_odds",),
    ),
    "correlation_remover": Method(
        _correlation_remover,
        ("demographic_parity",),
        Strength("alpha", 1.0, "how much of the correlation with the group is taken off"),
        points=4,
        by_group=True,
        note="The same kind of model on numbers that have lost their correlation with the group; "
        "for linear models, others may find their way around it.",
    ),
}
