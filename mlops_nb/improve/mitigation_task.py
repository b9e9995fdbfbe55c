"""What is to be mitigated: a model, its training data and the groups in it, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.core.words import shortened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.stats.groups import Grouping

CONSTRAINTS: Mapping[str, str] = {
    "demographic_parity": "all groups get the positive prediction equally often",
    "equalized_odds": "true and false positive rates are the same in all groups",
    "equal_opportunity": "the true positive rate is the same in all groups",
}

# A constraint on the rates of fewer rows is a constraint on noise; the fairness check has the same.
MINIMUM = 30
# More different numbers than these are amounts, not classes.
_MAX_CLASSES = 20
_NAMED = 5


@dataclass(frozen=True)
class Task:
    """What is to be repaired, for whom, and on which data."""

    model: Any
    inputs: pd.DataFrame
    truth: NDArray[np.intp]
    classes: tuple[Any, Any]
    features: tuple[str, ...]
    sensitive: tuple[str, ...]
    grouping: Grouping
    groups: NDArray[np.intp]
    constraint: str
    watch: Watch = field(default_factory=Silent)

    @property
    def labels(self) -> NDArray[Any]:
        """The truth in the user's own classes."""
        import numpy as np

        return np.asarray(np.where(self.truth == 1, self.classes[1], self.classes[0]))

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
    constraint: str,
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
        If it is no classifier, the label hasn't two classes, or there is only one group.
    """
    watch = watch or Silent()
    groupers = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    _require_classifier(model)
    if not groupers:
        raise InputError("no sensitive column is given", hint="name one, as in sensitive=['sex']")
    if not all(isinstance(each, str) for each in train.columns):
        raise InputError(
            "mitigation needs columns with names, and some of the training data's have numbers",
            hint="name them first, as in data.columns = ['age', 'sex', 'y']",
        )
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
    negative, positive = _classes(kept[label], positive)
    truth = (kept[label] == positive).to_numpy().astype(int)
    grouping, groups = _grouped(kept, groupers, watch)
    return Task(
        model=model,
        inputs=kept[list(dict.fromkeys([*names, *groupers]))],
        truth=truth,
        classes=(negative, positive),
        features=tuple(names),
        sensitive=groupers,
        grouping=grouping,
        groups=groups,
        constraint=constraint,
        watch=watch,
    )


def _require_classifier(model: Any) -> None:
    from sklearn.base import is_regressor

    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise InputError(f"mitigation needs a scikit-learn classifier, not {type(model).__name__}")
    if is_regressor(model):
        raise InputError(
            f"mitigation needs a classifier, and {type(model).__name__} predicts amounts"
        )


def _classes(label: pd.Series[Any], positive: Any) -> tuple[Any, Any]:
    """Return the negative and the positive class."""
    import pandas as pd

    values = sorted(label.unique().tolist(), key=lambda value: (str(type(value)), value))
    if len(values) > _MAX_CLASSES and pd.api.types.is_numeric_dtype(label):
        raise InputError(f"{label.name!r} holds amounts, and mitigation needs two classes")
    if len(values) != 2:
        told = "one class only" if len(values) == 1 else f"{len(values)} classes"
        rest = "hold one class against the rest, in a column of its own"
        raise InputError(
            f"{label.name!r} has {told}, and mitigation needs two",
            hint=rest if len(values) > 2 else "",
        )
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
