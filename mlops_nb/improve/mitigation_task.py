"""What is to be mitigated: a model, its training data and the groups in it, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.core.words import shortened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.stats.groups import Grouping

Problem = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Constraint:
    """What is to be equal, or bounded.

    Parameters
    ----------
    meaning : str
    gaps : mapping of Problem to str
        The fairness metric that it is about, for each kind of problem that has it.
    """

    meaning: str
    gaps: Mapping[Problem, str]


CONSTRAINTS: Mapping[str, Constraint] = {
    "demographic_parity": Constraint(
        "all groups get the positive prediction (each of several classes) equally often, or the "
        "same amount on average",
        {
            "binary": "demographic_parity_difference",
            "multiclass": "demographic_parity_difference",
            "regression": "mean_prediction_difference",
        },
    ),
    "equalized_odds": Constraint(
        "true and false positive rates are the same in all groups",
        {"binary": "equalized_odds_difference"},
    ),
    "equal_opportunity": Constraint(
        "the true positive rate is the same in all groups",
        {"binary": "equal_opportunity_difference"},
    ),
    "bounded_absolute_loss": Constraint(
        "the mean absolute error of no group is above a bound",
        {"regression": "mean_absolute_error_difference"},
    ),
    "bounded_square_loss": Constraint(
        "the mean squared error of no group is above a bound",
        {"regression": "mean_squared_error_difference"},
    ),
}
PREDICTS: Mapping[Problem, str] = {
    "binary": "two classes",
    "multiclass": "more than two classes",
    "regression": "amounts",
}

# A constraint on the rates of fewer rows is a constraint on noise; the fairness check has the same.
MINIMUM = 30
# More different numbers than these are amounts, not classes.
_MAX_CLASSES = 20
_NAMED = 5


@dataclass(frozen=True)
class Scale:
    """The range of a label, as a share of which Fairlearn sees amounts and losses.

    Its step is made for losses of about one, whatever the label's unit.
    """

    low: float
    high: float

    def share(self, amounts: Any) -> NDArray[np.float64]:
        """Return amounts as shares of the range; beyond it they are below 0 or above 1."""
        import numpy as np

        return (np.ravel(np.asarray(amounts, dtype=np.float64)) - self.low) / self.width

    @property
    def width(self) -> float:
        """How far it is from the lowest to the highest label."""
        return self.high - self.low


@dataclass(frozen=True)
class Task:
    """What is to be repaired, for whom, and on which data.

    Parameters
    ----------
    truth : array of shape (rows,)
        1 for the positive of two classes and else 0; amounts; or the classes themselves, where
        there are more.
    classes : tuple
        Of two the positive one is the last; of amounts there are none.
    """

    model: Any
    problem: Problem
    inputs: pd.DataFrame
    truth: NDArray[Any]
    classes: tuple[Any, ...]
    features: tuple[str, ...]
    sensitive: tuple[str, ...]
    grouping: Grouping
    groups: NDArray[np.intp]
    constraint: str = "demographic_parity"
    watch: Watch = field(default_factory=Silent)
    scale: Scale | None = None

    @property
    def labels(self) -> NDArray[Any]:
        """The truth in the user's own classes or amounts."""
        import numpy as np

        if self.problem != "binary":
            return self.truth
        return np.asarray(np.where(self.truth == 1, self.classes[1], self.classes[0]))

    @property
    def shown_truth(self) -> NDArray[Any]:
        """The truth as Fairlearn sees it."""
        return self.truth if self.scale is None else self.scale.share(self.truth)

    @property
    def gap(self) -> str:
        """The fairness metric that the constraint is about."""
        return CONSTRAINTS[self.constraint].gaps[self.problem]

    @property
    def row_numbers(self) -> NDArray[np.intp]:
        """The number of each row, shape (rows, 1)."""
        import numpy as np

        return np.arange(len(self.inputs))[:, None]

    def rows(self, kept: NDArray[np.bool_]) -> Task:
        """Return the task with some of its rows only."""
        return replace(
            self, inputs=self.inputs[kept], truth=self.truth[kept], groups=self.groups[kept]
        )


def read_task(
    model: Any,
    train: pd.DataFrame,
    *,
    label: str,
    sensitive: Sequence[str],
    features: Sequence[str] | None = None,
    positive: Any = None,
    watch: Watch | None = None,
) -> Task:
    """Check and read a model and its training data.

    Raises
    ------
    NotFoundError
        If a column or the positive class doesn't exist.
    InputError
        If model and label don't go together, or there is only one group.
    """
    watch = watch or Silent()
    groupers = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    _require_estimator(model)
    if not groupers:
        raise InputError("no sensitive column is given", hint="name one, as in sensitive=['sex']")
    require_names(train)
    own = getattr(model, "feature_names_in_", None)
    chosen = features if features is not None else own
    names = [each for each in train.columns if each != label] if chosen is None else list(chosen)
    for name in (label, *groupers, *names):
        if name not in train.columns:
            raise NotFoundError.among("column", str(name), [str(each) for each in train.columns])
    if label in names:
        raise InputError(f"the label {label!r} is among the model's features: it has seen it")
    kept = train[train[label].notna()]
    if len(kept) < len(train):
        watch.log(f"{len(train) - len(kept):,} rows lack {label} and are left out")
    read = _amounts if _predicts_amounts(model) else _classes
    truth = read(model, kept[label], positive)
    grouping, groups = _grouped(kept, groupers, watch)
    return Task(
        model=model,
        problem=truth.problem,
        inputs=kept[list(dict.fromkeys([*names, *groupers]))],
        truth=truth.values,
        classes=truth.classes,
        features=tuple(names),
        sensitive=groupers,
        grouping=grouping,
        groups=groups,
        watch=watch,
        scale=truth.scale,
    )


def require_names(data: pd.DataFrame) -> None:
    """Check that the columns have names, by which a repaired model knows them.

    Raises
    ------
    InputError
        If one has a number.
    """
    if not all(isinstance(each, str) for each in data.columns):
        raise InputError(
            "mitigation needs columns with names, and some of the training data's have numbers",
            hint="name them first, as in data.columns = ['age', 'sex', 'y']",
        )


class _Truth(NamedTuple):
    problem: Problem
    values: NDArray[Any]
    classes: tuple[Any, ...] = ()
    scale: Scale | None = None


def _require_estimator(model: Any) -> None:
    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise InputError(
            f"mitigation needs a scikit-learn classifier or regressor, not {type(model).__name__}"
        )


def _predicts_amounts(model: Any) -> bool:
    from sklearn.base import is_regressor

    return bool(is_regressor(model))


def _amounts(model: Any, label: pd.Series[Any], positive: Any) -> _Truth:
    """Read the label of a regression."""
    import numpy as np
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    predicts = f"{type(model).__name__} predicts amounts"
    if positive is not None:
        raise InputError(f"{predicts}: there is no positive class")
    if not is_numeric_dtype(label) or is_bool_dtype(label):
        raise InputError(f"{predicts}, and {label.name!r} holds none", hint="mitigate a classifier")
    values = label.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{label.name!r} holds infinities, which have no error to compare")
    known = np.unique(values)
    if len(known) < 2:
        raise InputError(f"{label.name!r} has one value only: there is nothing to predict")
    if set(known) <= {0, 1}:
        raise InputError(
            f"{predicts}, and {label.name!r} holds two classes", hint="mitigate a classifier"
        )
    return _Truth("regression", values, scale=Scale(float(known[0]), float(known[-1])))


def _classes(model: Any, label: pd.Series[Any], positive: Any) -> _Truth:
    """Read the label of a classifier; of two classes the positive one is the last."""
    import pandas as pd

    values = sorted(label.unique().tolist(), key=lambda value: (str(type(value)), value))
    if len(values) > _MAX_CLASSES and pd.api.types.is_numeric_dtype(label):
        raise InputError(
            f"{label.name!r} holds amounts, and {type(model).__name__} predicts classes",
            hint="mitigate a regressor",
        )
    if len(values) < 2:
        raise InputError(f"{label.name!r} has one class only, and mitigation needs two")
    if len(values) > 2:
        if positive is not None:
            raise InputError(
                f"{label.name!r} has {len(values)} classes, and a positive one is of two",
                hint="hold one class against the rest, in a column of its own",
            )
        return _Truth("multiclass", label.to_numpy(), tuple(values))
    pair = _positive_last(values, positive)
    return _Truth("binary", (label == pair[1]).to_numpy().astype(int), pair)


def _positive_last(values: Sequence[Any], positive: Any) -> tuple[Any, Any]:
    if positive is None:
        return values[0], values[1]
    for negative, other in (values, values[::-1]):
        if positive == other or str(positive) == str(other):
            return negative, other
    raise NotFoundError.among("positive class", str(positive), [str(value) for value in values])


def _grouped(
    data: pd.DataFrame, sensitive: tuple[str, ...], watch: Watch
) -> tuple[Grouping, NDArray[np.intp]]:
    """Return the groups that constraints are about: very small ones are put together."""
    from mlops_nb.stats.groups import Grouping

    grouping, groups = Grouping.learn(data, sensitive)
    small = [
        label
        for label, rows in zip(grouping.labels, _sizes(grouping, groups), strict=True)
        if rows < MINIMUM
    ]
    if len(small) > 1:
        grouping = grouping.merging(small)
        groups = grouping.codes(data)
        watch.log(
            f"{len(small)} groups of fewer than {MINIMUM} rows are held together as one: "
            f"{listed_shortly(small)}"
        )
    if len(grouping.groups) < 2:
        raise InputError(f"{' × '.join(sensitive)} has one group only: there is nothing to balance")
    return grouping, groups


def _sizes(grouping: Grouping, groups: NDArray[np.intp]) -> list[int]:
    import numpy as np

    sizes: list[int] = np.bincount(groups, minlength=len(grouping.groups)).tolist()
    return sizes


def listed_shortly(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are.

    Examples
    --------
    >>> listed_shortly(["a", "b", "c", "d", "e", "f", "g"])
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    shown = ", ".join(repr(shortened(name)) for name in names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
