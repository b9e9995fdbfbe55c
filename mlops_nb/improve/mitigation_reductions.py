"""Fairlearn's reductions: the user's model refitted to weights until a constraint is kept.

The exponentiated gradient mixes a few such models, the grid search takes the best one of a grid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.improve.fair_model import Average, Mixture
from mlops_nb.improve.mitigation_fits import Refit, Refits, one_line, unwrapped
from mlops_nb.improve.mitigation_moments import losses, moment, own_gaps
from mlops_nb.improve.mitigation_strength import (
    DIFFERENCE_BOUND,
    UPPER_BOUND,
    Candidate,
    bounds,
    given,
    short,
)
from mlops_nb.improve.mitigation_strength import ladder as ladder_to
from mlops_nb.improve.mitigation_task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The exponentiated gradient stops by itself after 6 to 10 rounds; each fits the model 2 to 8 times.
MAX_ROUNDS = 15
_FITS_EACH = 20
GRID_SIZE = 15


def exponentiated_gradient(
    task: Task, strength: float | None, points: int
) -> tuple[Candidate, list[Candidate]]:
    """Return the mixture of a bound, and those of the bounds of a curve."""
    if task.problem == "regression":
        return _bounded(task, strength, points)
    strength, ladder = given(strength), list[float]()
    if points:
        weakest = max(gap for gap, _ in own_gaps(task))
        ladder = ladder_to(weakest, given(DIFFERENCE_BOUND.default), points)
    refits = Refits(task, about=_FITS_EACH * len({strength, *ladder}))
    found: dict[float, Candidate] = {}
    for bound in dict.fromkeys([strength, *ladder]):
        refits.step = f"{DIFFERENCE_BOUND.name} {bound:g}: " if ladder else ""
        found[bound] = Candidate(bound, _lottery(task, refits, bound))
    return found[strength], [found[bound] for bound in sorted(found, reverse=True)]


def _bounded(task: Task, strength: float | None, points: int) -> tuple[Candidate, list[Candidate]]:
    """Return the mean of a bound on each group's loss, and those of the bounds of a curve."""
    worst, overall = losses(task)
    strictest = short(overall)
    strength = strictest if strength is None else strength
    refits = Refits(task, about=_FITS_EACH * (points + 1))
    found: dict[float, Candidate] = {}
    # The strictest is often more than any model can keep: the others are laid above what it does.
    wanted = [strictest, strength] if points else [strength]
    for bound in wanted:
        _add(task, refits, bound, found, many=points > 0)
    _tell_of_missed_bound(task, found[strength])
    if points:
        reached = max(losses(task, found[strictest].rule)[0], overall)
        for bound in bounds(worst, reached, points)[:-1]:
            _add(task, refits, bound, found, many=True)
    return found[strength], [found[bound] for bound in sorted(found, reverse=True)]


def _add(
    task: Task, refits: Refits, bound: float, found: dict[float, Candidate], *, many: bool
) -> None:
    if bound not in found:
        refits.step = f"{UPPER_BOUND.name} {bound:,.12g}: " if many else ""
        found[bound] = Candidate(bound, _lottery(task, refits, bound))


def _tell_of_missed_bound(task: Task, found: Candidate) -> None:
    """Say where no model was found that keeps the bound, by how much the best one misses it."""
    if found.strength is None:
        return
    worst, _ = losses(task, found.rule)
    if worst > 1.01 * found.strength:
        task.watch.log(
            f"no such model keeps to upper_bound {found.strength:,.12g}: of the fairest one "
            f"a group loses {short(worst):,.12g} in training"
        )


def _lottery(task: Task, refits: Refits, bound: float) -> Mixture | Average:
    from fairlearn.reductions import ExponentiatedGradient

    reduction = ExponentiatedGradient(
        Refit(refits),
        moment(task, bound),
        max_iter=MAX_ROUNDS,
        sample_weight_name="sample_weight",
    )
    with one_line():
        reduction.fit(task.row_numbers, task.shown_truth, sensitive_features=task.groups)
    used = [index for index, share in reduction.weights_.items() if share > 0]
    shares = [float(reduction.weights_[index]) for index in used]
    return _together(
        task,
        tuple(unwrapped(reduction.predictors_[index]) for index in used),
        tuple(share / sum(shares) for share in shares),
    )


def _together(task: Task, models: tuple[Any, ...], shares: tuple[float, ...]) -> Mixture | Average:
    return (Average if task.problem == "regression" else Mixture)(models, shares)


def grid_search(
    task: Task, strength: float | None, points: int
) -> tuple[Candidate, list[Candidate]]:
    """Return the model of a grid that a weight takes, and all of the grid."""
    import numpy as np
    from fairlearn.reductions import GridSearch

    size = max(points, 2) if points else GRID_SIZE  # Fairlearn makes no grid of one
    strength = given(strength)
    _tell_of_coarse_grids(task, size)
    search = GridSearch(
        Refit(Refits(task, about=size)),
        moment(task, None),
        constraint_weight=strength,
        grid_size=size,
        # Weights of amounts add up to the limit; at 1 a penalty in the model counts as it did.
        grid_limit=1.0 if task.problem == "regression" else 2.0,
        sample_weight_name="sample_weight",
    )
    with one_line():
        search.fit(task.row_numbers, task.shown_truth, sensitive_features=task.groups)
    errors, gaps = np.asarray(search.objectives_), search.gammas_.max().to_numpy()
    weights = _weights_that_choose(errors, gaps)
    weights[search.best_idx_] = strength
    found = [
        Candidate(weights.get(place), _together(task, (unwrapped(predictor),), (1.0,)))
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
