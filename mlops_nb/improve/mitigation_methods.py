"""Fairlearn's algorithms behind one table: what each fits, how strict it can be, what it can't.

Each gives the rule that its strength asks for and, where more points are wanted, those of weaker
strengths: a curve of models that the method itself has fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mlops_nb.improve.mitigation_by_group import WHOLLY, correlation_remover, threshold_optimizer
from mlops_nb.improve.mitigation_reductions import GRID_SIZE, exponentiated_gradient, grid_search
from mlops_nb.improve.mitigation_strength import (
    ALPHA,
    CONSTRAINT_WEIGHT,
    DIFFERENCE_BOUND,
    TOLERANCE,
    UPPER_BOUND,
    WEIGHT_OF_WORST,
    Candidate,
    Strength,
)
from mlops_nb.improve.mitigation_task import Problem, Task


@dataclass(frozen=True)
class Aim:
    """What a method can do for one kind of problem.

    Parameters
    ----------
    constraints : tuple of str
        What it can aim at; the first by default.
    strength : Strength
    points : int
        How many the curve has unless told: none where each costs as much as the repair itself.
    """

    constraints: tuple[str, ...]
    strength: Strength
    points: int


@dataclass(frozen=True)
class Method:
    """One way to repair a model.

    Parameters
    ----------
    fit : callable
        Takes a task, a strength (None: what the data has) and a number of points; returns the
        candidate of that strength, and further ones for the curve, from the weakest to the
        strictest.
    aims : mapping of Problem to Aim
    unrelaxed : tuple of str
        Of its constraints those that are kept wholly or not at all.
    by_group : bool
        Whether the repaired model must be told the group of each case.
    note : str
    """

    fit: Callable[[Task, float | None, int], tuple[Candidate, Sequence[Candidate]]]
    aims: Mapping[Problem, Aim]
    by_group: bool
    note: str
    unrelaxed: tuple[str, ...] = ()


RATES = ("demographic_parity", "equalized_odds", "equal_opportunity")
LOSSES = ("bounded_square_loss", "bounded_absolute_loss")
PARITY = ("demographic_parity",)

# The first that is for a problem and a constraint is the default.
METHODS: Mapping[str, Method] = {
    "threshold_optimizer": Method(
        threshold_optimizer,
        {"binary": Aim(RATES, TOLERANCE, points=5)},
        by_group=True,
        note="The same model with thresholds of each group (Hardt et al. 2016); it must be told "
        "the group of every case it decides.",
        unrelaxed=WHOLLY,
    ),
    "exponentiated_gradient": Method(
        exponentiated_gradient,
        {
            "binary": Aim(RATES, DIFFERENCE_BOUND, points=0),
            "regression": Aim(LOSSES, UPPER_BOUND, points=0),
        },
        by_group=False,
        note="A lottery of a few models, fitted to reweighted data (Agarwal et al. 2018); of "
        "regressions their mean (Agarwal, Dudik and Wu 2019).",
    ),
    "grid_search": Method(
        grid_search,
        {
            "binary": Aim(RATES, CONSTRAINT_WEIGHT, GRID_SIZE),
            "regression": Aim(LOSSES, WEIGHT_OF_WORST, GRID_SIZE),
        },
        by_group=False,
        note="The best single model over a grid of reweightings (Agarwal et al. 2018).",
    ),
    "correlation_remover": Method(
        correlation_remover,
        {
            "binary": Aim(PARITY, ALPHA, points=4),
            "multiclass": Aim(PARITY, ALPHA, points=4),
            "regression": Aim(PARITY, ALPHA, points=4),
        },
        by_group=True,
        note="The same kind of model on numbers that have lost their correlation with the group; "
        "for linear models, others may find their way around it.",
    ),
}
