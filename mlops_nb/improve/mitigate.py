"""Repairing a model for fairness, at one strength of a method or along several.

Each method takes the user's own kind of model and training data, and gives back ordinary models.
Whether they are fairer, and what that costs, is for the checks to say, on data they have not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.improve.fair_model import FairClassifier, FairModel, FairRegressor
from mlops_nb.improve.mitigation_methods import METHODS, Aim, Method
from mlops_nb.improve.mitigation_strength import Candidate, Strength
from mlops_nb.improve.mitigation_task import CONSTRAINTS, PREDICTS, Task, read_task

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.core.watch import Watch

_MOST_POINTS = 50

Fair = FairModel | FairRegressor | FairClassifier


@dataclass(frozen=True)
class Fitted:
    """A model of one strength; None where no strength would choose it."""

    strength: float | None
    model: Fair
    chosen: bool = False


@dataclass(frozen=True)
class Sweep:
    """The models that a method fitted, from the weakest strength to the strictest.

    Parameters
    ----------
    strength : Strength or None
        What was varied; None where the method keeps the constraint wholly or not at all.
    fitted : tuple of Fitted
        One of them is the chosen one.
    """

    strength: Strength | None
    fitted: tuple[Fitted, ...]

    @property
    def chosen(self) -> Fitted:
        """The model of the strength that was asked for."""
        return next(each for each in self.fitted if each.chosen)


@dataclass(frozen=True)
class Plan:
    """A mitigation whose method, strength and data were found to be in order."""

    task: Task
    method_name: str
    strength: float | None
    points: int
    seed: int = 0

    @property
    def method(self) -> Method:
        """What is to be done."""
        return METHODS[self.method_name]

    def fit(self) -> Sweep:
        """Fit the models; this is what takes long."""
        best, along = self.method.fit(self.task, self.strength, self.points)
        relaxed = self.task.constraint not in self.method.unrelaxed
        return Sweep(
            self.method.aims[self.task.problem].strength if relaxed else None,
            tuple(
                Fitted(
                    each.strength if relaxed else None, self._as_model(each), chosen=each is best
                )
                for each in along or [best]
            ),
        )

    def _as_model(self, candidate: Candidate) -> Fair:
        by_group = self.task.sensitive if self.method.by_group else ()
        needed = list(dict.fromkeys([*self.task.features, *by_group]))
        if self.task.problem == "regression":
            return FairRegressor(candidate.rule, features=needed)
        if self.task.problem == "multiclass":
            return FairClassifier(candidate.rule, features=needed)
        return FairModel(candidate.rule, features=needed, classes=self.task.classes, seed=self.seed)


def fit(
    model: Any,
    train: pd.DataFrame,
    *,
    label: str,
    sensitive: Sequence[str],
    method: str | None = None,
    constraint: str | None = None,
    strength: float | None = None,
    features: Sequence[str] | None = None,
    positive: Any = None,
    watch: Watch | None = None,
    seed: int = 0,
) -> Fair:
    """Fit a fairer model of the same kind.

    Parameters
    ----------
    model : scikit-learn classifier, regressor or pipeline
        The model to repair. `threshold_optimizer` keeps it as it is (and fits a copy if it isn't
        fitted); the others fit copies of it.
    train : DataFrame
        The training data, with the label and the sensitive columns. Rows without label are left
        out, and the watch is told.
    label : str
    sensitive : sequence of str
        The columns that make the groups, as in the fairness check. Several groups of fewer than 30
        rows are held together as one, and the watch is told.
    method : str, optional
        A name of `METHODS`; default the first that is for such a model and constraint.
    constraint : str, optional
        A name of `CONSTRAINTS`; default the method's first.
    strength : float, optional
        How strictly the constraint is kept, in the method's own terms (`Aim.strength`).
    features : sequence of str, optional
        Default the model's ``feature_names_in_``, else all columns but the label.
    positive : object, optional
        The positive class; default 1 or True, else the larger of the two.
    watch : Watch, optional
        Told of each model fitted; may cancel.
    seed : int
        Of the decisions that the fair model leaves to chance.

    Returns
    -------
    FairModel, or FairRegressor of a model that predicts amounts, or FairClassifier of one that
        predicts more than two classes

    Raises
    ------
    NotFoundError
        If the method, the constraint or a column doesn't exist.
    InputError
        If the method can't be used with the model, the constraint, the strength or the data.
    StoppedError
        If the watch cancels.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> rows = {"x": [0, 1, 2, 3, 4, 5, 6, 7] * 9, "sex": (["f"] * 4 + ["m"] * 4) * 9}
    >>> data = pd.DataFrame({**rows, "y": [0, 1, 1, 0, 1, 0, 1, 1] * 9})
    >>> model = LogisticRegression().fit(data[["x"]], data["y"])
    >>> fair = fit(model, data, label="y", sensitive=["sex"], method="threshold_optimizer")
    >>> fair.feature_names_in_.tolist()
    ['x', 'sex']
    """
    planned = plan(
        model,
        train,
        label=label,
        sensitive=sensitive,
        method=method,
        constraint=constraint,
        strength=strength,
        points=0,
        features=features,
        positive=positive,
        watch=watch,
        seed=seed,
    )
    return planned.fit().chosen.model


def plan(
    model: Any,
    train: pd.DataFrame,
    *,
    label: str,
    sensitive: Sequence[str],
    method: str | None = None,
    constraint: str | None = None,
    strength: float | None = None,
    points: int | None = None,
    features: Sequence[str] | None = None,
    positive: Any = None,
    watch: Watch | None = None,
    seed: int = 0,
) -> Plan:
    """Check and read all that a mitigation needs; its `fit` then takes long.

    It fits fairer models along the strengths of the method, and chooses that of one strength.

    Parameters
    ----------
    points : int, optional
        How many strengths to fit beside the chosen one, from that which the plain model has
        already (left out) to the method's default; 0 fits the chosen one only. Default
        `Aim.points`. For `grid_search` the size of its grid.

    The others are those of `fit`, which says also what is raised.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> rows = {"x": [0, 1, 2, 3, 4, 5, 6, 7] * 9, "sex": (["f"] * 4 + ["m"] * 4) * 9}
    >>> data = pd.DataFrame({**rows, "y": [0, 1, 1, 0, 1, 0, 1, 1] * 9})
    >>> model = LogisticRegression().fit(data[["x"]], data["y"])
    >>> planned = plan(model, data, label="y", sensitive=["sex"], method="correlation_remover")
    >>> found = planned.fit()
    >>> found.strength.name, [each.strength for each in found.fitted]
    ('alpha', [0.25, 0.5, 0.75, 1.0])
    """
    if method is not None and method not in METHODS:
        raise NotFoundError.among("mitigation method", method, METHODS)
    if constraint is not None and constraint not in CONSTRAINTS:
        raise NotFoundError.among("fairness constraint", constraint, CONSTRAINTS)
    task = read_task(
        model,
        train,
        label=label,
        sensitive=sensitive,
        features=features,
        positive=positive,
        watch=watch,
    )
    method, constraint = _choose(task, method, constraint)
    aim = METHODS[method].aims[task.problem]
    value, number = _strength(method, aim, constraint, strength), _points(aim, points)
    return Plan(replace(task, constraint=constraint), method, value, number, seed)


def _choose(task: Task, method: str | None, constraint: str | None) -> tuple[str, str]:
    """Return the method and the constraint that are asked for, or else fit the problem.

    Raises
    ------
    InputError
        If they don't fit it, or each other.
    """
    predicts = f"{type(task.model).__name__} predicts {PREDICTS[task.problem]}"
    able = {
        name: each.aims[task.problem].constraints
        for name, each in METHODS.items()
        if task.problem in each.aims
    }
    if method is not None and method not in able:
        raise InputError(f"{method} can't repair this: {predicts}", hint=f"use {' or '.join(able)}")
    fitting = list(dict.fromkeys(each for known in able.values() for each in known))
    if constraint is not None and constraint not in fitting:
        raise InputError(
            f"{constraint} is no constraint for this: {predicts}",
            hint=f"use {' or '.join(fitting)}",
        )
    aiming = [name for name, known in able.items() if constraint is None or constraint in known]
    if method is None:
        method = aiming[0]
    elif method not in aiming:
        raise InputError(f"{method} can't aim at {constraint}", hint=f"use {', '.join(aiming)}")
    return method, constraint or able[method][0]


def _strength(name: str, aim: Aim, constraint: str, given: float | None) -> float | None:
    """Return the strength to fit at; None where the data has one.

    Raises
    ------
    InputError
        If there is none to choose, or it is out of range.
    """
    known, unrelaxed = aim.strength, METHODS[name].unrelaxed
    if given is None:
        return known.default
    if constraint in unrelaxed:
        able = [each for each in aim.constraints if each not in unrelaxed]
        raise InputError(
            f"{name} keeps {constraint} wholly: it has no strength",
            hint=f"its {known.name} is for {', '.join(able)}",
        )
    if not known.low <= given <= known.high or given == float("inf"):
        ends = f"from {known.low:g} to {known.high:g}"
        allowed = ends if known.high < float("inf") else f"a number of at least {known.low:g}"
        raise InputError(
            f"strength {given:g} is no {known.name} of {name}", hint=f"{allowed}: {known.meaning}"
        )
    return float(given)


def _points(aim: Aim, given: int | None) -> int:
    if given is None:
        return aim.points
    if not 0 <= given <= _MOST_POINTS:
        raise InputError(f"a curve has 0 to {_MOST_POINTS} points, not {given}")
    return given
