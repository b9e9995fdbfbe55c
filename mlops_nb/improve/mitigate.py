"""Repairing a model for fairness: Fairlearn's algorithms behind one table.

Each takes the user's own kind of model and training data, and gives back an ordinary model. Whether
it is fairer, and what that costs, is for the checks to say, on data it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError, StoppedError
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.improve.fair_model import (
    Cut,
    Decorrelated,
    FairModel,
    GroupCuts,
    Mixture,
    Rule,
    Thresholds,
    classifier_tags,
    group_indicators,
    positive_score,
)

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

# Of each group's rate from the overall rate, in training. Fairlearn's default, 0.01, is a tenth of
# all positives where one case in ten is predicted positive, too wide to reach a ratio of 0.8.
DIFFERENCE_BOUND = 0.002
# The exponentiated gradient stops by itself after 6 to 10 rounds; each fits the model 2 to 8 times.
MAX_ROUNDS = 15
GRID_SIZE = 15


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


@dataclass(frozen=True)
class Method:
    """One way to repair a model."""

    fit: Callable[[Task], Rule]
    constraints: tuple[str, ...]
    by_group: bool
    note: str


def fit(
    model: Any,
    train: pd.DataFrame,
    *,
    label: str,
    sensitive: Sequence[str],
    method: str = "exponentiated_gradient",
    constraint: str = "demographic_parity",
    features: Sequence[str] | None = None,
    positive: Any = None,
    watch: Watch | None = None,
    seed: int = 0,
) -> FairModel:
    """Fit a fairer model of the same kind.

    Parameters
    ----------
    model : scikit-learn classifier or pipeline
        The model to repair. `threshold_optimizer` keeps it as it is (and fits a copy if it isn't
        fitted); the others fit copies of it.
    train : DataFrame
        The training data, with the label and the sensitive columns. Rows without label are left
        out, and the watch is told.
    label : str
    sensitive : sequence of str
        The columns that make the groups, as in the fairness check.
    method : str
        A name of `METHODS`.
    constraint : str
        A name of `CONSTRAINTS`.
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
    FairModel

    Raises
    ------
    NotFoundError
        If the method, the constraint or a column doesn't exist.
    InputError
        If the method can't be used with the model, the constraint or the data.
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
    if method not in METHODS:
        raise NotFoundError.among("mitigation method", method, METHODS)
    if constraint not in CONSTRAINTS:
        raise NotFoundError.among("fairness constraint", constraint, CONSTRAINTS)
    chosen = METHODS[method]
    if constraint not in chosen.constraints:
        able = [name for name, each in METHODS.items() if constraint in each.constraints]
        raise InputError(f"{method} can't aim at {constraint}", hint=f"use {', '.join(able)}")
    task = _prepare(
        model,
        train,
        label=label,
        sensitive=(sensitive,) if isinstance(sensitive, str) else tuple(sensitive),
        features=features,
        positive=positive,
        constraint=constraint,
        watch=watch or Silent(),
    )
    rule = chosen.fit(task)
    by_group = task.sensitive if chosen.by_group else ()
    needed = list(dict.fromkeys([*task.features, *by_group]))
    return FairModel(rule, features=needed, classes=task.classes, seed=seed)


def _prepare(
    model: Any,
    train: pd.DataFrame,
    *,
    label: str,
    sensitive: tuple[str, ...],
    features: Sequence[str] | None,
    positive: Any,
    constraint: str,
    watch: Watch,
) -> Task:
    """Check and read the training data."""
    from mlops_nb.stats.groups import Grouping

    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise InputError(f"mitigation needs a scikit-learn classifier, not {type(model).__name__}")
    if not sensitive:
        raise InputError("no sensitive column is given", hint="name one, as in sensitive=['sex']")
    own = getattr(model, "feature_names_in_", None)
    chosen = features if features is not None else own
    names = [each for each in train.columns if each != label] if chosen is None else list(chosen)
    for name in (label, *sensitive, *names):
        if name not in train.columns:
            raise NotFoundError.among("column", str(name), [str(each) for each in train.columns])
    kept = train[train[label].notna()]
    if len(kept) < len(train):
        watch.log(f"{len(train) - len(kept):,} rows lack {label} and are left out")
    negative, positive = _classes(kept[label], positive)
    grouping, groups = Grouping.learn(kept, sensitive)
    if len(grouping.groups) < 2:
        raise InputError(f"{' × '.join(sensitive)} has one group only: there is nothing to balance")
    return Task(
        model=model,
        inputs=kept[list(dict.fromkeys([*names, *sensitive]))],
        truth=(kept[label] == positive).to_numpy().astype(int),
        classes=(negative, positive),
        features=tuple(names),
        sensitive=sensitive,
        grouping=grouping,
        groups=groups,
        constraint=constraint,
        watch=watch,
    )


def _classes(label: pd.Series[Any], positive: Any) -> tuple[Any, Any]:
    """Return the negative and the positive class."""
    values = sorted(label.unique().tolist(), key=lambda value: (str(type(value)), value))
    if len(values) != 2:
        raise InputError(f"{label.name!r} has {len(values)} classes, and mitigation needs two")
    if positive is None:
        return values[0], values[1]
    for negative, other in (values, values[::-1]):
        if positive == other or str(positive) == str(other):
            return negative, other
    raise NotFoundError.among("positive class", str(positive), [str(value) for value in values])


def _exponentiated_gradient(task: Task) -> Rule:
    from fairlearn.reductions import ExponentiatedGradient

    counted = _Counted(task, about=25)
    reduction = ExponentiatedGradient(
        counted, _moment(task.constraint), max_iter=MAX_ROUNDS, sample_weight_name="sample_weight"
    )
    with _one_line():
        reduction.fit(task.row_numbers, task.truth, sensitive_features=task.groups)
    used = [index for index, share in reduction.weights_.items() if share > 0]
    shares = [float(reduction.weights_[index]) for index in used]
    return Mixture(
        models=tuple(_unwrap(reduction.predictors_[index]) for index in used),
        shares=tuple(share / sum(shares) for share in shares),
    )


def _grid_search(task: Task) -> Rule:
    from fairlearn.reductions import GridSearch

    counted = _Counted(task, about=GRID_SIZE)
    search = GridSearch(
        counted, _moment(task.constraint), grid_size=GRID_SIZE, sample_weight_name="sample_weight"
    )
    with _one_line():
        search.fit(task.row_numbers, task.truth, sensitive_features=task.groups)
    return Mixture(models=(_unwrap(search.predictors_[search.best_idx_]),), shares=(1.0,))


def _threshold_optimizer(task: Task) -> Rule:
    from fairlearn.postprocessing import ThresholdOptimizer

    inputs = task.inputs[list(task.features)]
    model = _fitted(task, inputs)
    task.watch.progress(0, 1, "choosing thresholds")
    optimizer = ThresholdOptimizer(
        estimator=_Scores(positive_score(model, inputs, task.classes[1])),
        constraints={"equal_opportunity": "true_positive_rate_parity"}.get(
            task.constraint, task.constraint
        ),
        prefit=True,
        predict_method="predict_proba",
    )
    with _one_line():
        optimizer.fit(task.row_numbers, task.truth, sensitive_features=task.groups)
    task.watch.progress(1, 1, "chose thresholds")
    found = optimizer.interpolated_thresholder_.interpolation_dict
    return Thresholds(
        model=model,
        positive=task.classes[1],
        features=task.features,
        grouping=task.grouping,
        by_group={int(group): _cuts(found[group]) for group in found},
    )


def _correlation_remover(task: Task) -> Rule:
    import numpy as np
    import pandas as pd
    from fairlearn.preprocessing import CorrelationRemover
    from sklearn.base import clone

    types = pd.api.types
    free = [name for name in task.features if name not in task.sensitive]
    numbers = [
        name
        for name in free
        if types.is_numeric_dtype(task.inputs[name]) and not types.is_bool_dtype(task.inputs[name])
    ]
    if not numbers:
        raise InputError(
            "correlation_remover changes numbers only, and no feature holds any",
            hint="use exponentiated_gradient or threshold_optimizer",
        )
    own = task.inputs[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
    indicators = group_indicators(task.groups, len(task.grouping.groups))
    remover = CorrelationRemover(sensitive_feature_ids=range(indicators.shape[1]))
    # A missing number says nothing of the slope; it stays missing when the slope is taken off.
    remover.fit(np.hstack([indicators, np.where(np.isnan(own), np.nanmean(own, axis=0), own)]))
    constants = {
        name: task.inputs[name].mode(dropna=False)[0]
        for name in task.features
        if name in task.sensitive
    }
    unfitted = Decorrelated(
        model=None,
        positive=task.classes[1],
        features=task.features,
        numbers=tuple(numbers),
        constants=constants,
        grouping=task.grouping,
        means=np.asarray(remover.sensitive_mean_),
        slopes=np.asarray(remover.beta_),
    )
    task.watch.progress(0, 1, "fitting")
    model = clone(task.model).fit(unfitted.transform(task.inputs), task.labels)
    task.watch.progress(1, 1, "fitted")
    return replace(unfitted, model=model)


METHODS: Mapping[str, Method] = {
    "exponentiated_gradient": Method(
        _exponentiated_gradient,
        tuple(CONSTRAINTS),
        by_group=False,
        note="A lottery of a few models, fitted to reweighted data (Agarwal et al. 2018).",
    ),
    "grid_search": Method(
        _grid_search,
        tuple(CONSTRAINTS),
        by_group=False,
        note="The best single model over a grid of reweightings (Agarwal et al. 2018).",
    ),
    "threshold_optimizer": Method(
        _threshold_optimizer,
        tuple(CONSTRAINTS),
        by_group=True,
        note="The same model with thresholds of each group (Hardt et al. 2016); it must be told "
        "the group of every case it decides.",
    ),
    "correlation_remover": Method(
        _correlation_remover,
        ("demographic_parity",),
        by_group=True,
        note="The same kind of model on numbers that have lost their correlation with the group; "
        "for linear models, others may find their way around it.",
    ),
}


class _Counted:
    """A copy of the user's model that Fairlearn refits: it counts its fits, and may be cancelled.

    Fairlearn sees row numbers instead of features, so that it has no say in what these may hold;
    and it hands over weights under one name, where pipelines want it with their last step's.
    """

    def __init__(self, task: Task, about: int) -> None:
        self.task = task
        self.inputs = task.inputs[list(task.features)]
        self.about = about
        self.done: list[int] = []
        self.model: Any = None
        self.weight_name = _weight_name(task.model)

    def __deepcopy__(self, memo: Any) -> _Counted:
        from sklearn.base import clone

        copied = object.__new__(_Counted)
        copied.__dict__.update(self.__dict__)
        copied.model = clone(self.task.model)
        return copied

    def fit(self, _: Any, truth: Any, sample_weight: Any) -> _Counted:
        """Fit the copy to all rows, and say so."""
        if self.task.watch.cancelled():
            raise StoppedError("mitigation was cancelled")
        self.model.fit(self.inputs, truth, **{self.weight_name: sample_weight})
        self.done.append(1)
        n = len(self.done)
        self.task.watch.progress(n, max(self.about, n + 1), f"fitted model {n}")
        return self

    def predict(self, _: Any) -> Any:
        """Return the copy's predictions for all rows."""
        return self.model.predict(self.inputs)


class _Scores:
    """The scores of a fitted model for all rows, as Fairlearn asks for them."""

    def __init__(self, score: NDArray[np.float64]) -> None:
        self.score = score

    def fit(self, *_: Any) -> _Scores:
        """Do nothing: it is fitted."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return classifier_tags()

    def predict_proba(self, _: Any) -> Any:
        """Return two columns, the second for the positive class."""
        import numpy as np

        return np.column_stack([1 - self.score, self.score])


def _moment(constraint: str) -> Any:
    from fairlearn.reductions import DemographicParity, EqualizedOdds, TruePositiveRateParity

    moments = {
        "demographic_parity": DemographicParity,
        "equalized_odds": EqualizedOdds,
        "equal_opportunity": TruePositiveRateParity,
    }
    return moments[constraint](difference_bound=DIFFERENCE_BOUND)


def _weight_name(model: Any) -> str:
    """Return the name under which the model takes weights.

    Raises
    ------
    InputError
        If it takes none.
    """
    from sklearn.utils.validation import has_fit_parameter

    steps = getattr(model, "steps", None)
    last = steps[-1][1] if steps else model
    inner = getattr(last, "estimator", last)  # a search passes weights on to its estimator
    if not (has_fit_parameter(last, "sample_weight") or has_fit_parameter(inner, "sample_weight")):
        raise InputError(
            f"{type(last).__name__} takes no sample_weight, which this method needs",
            hint="use threshold_optimizer or correlation_remover",
        )
    return f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"


def _fitted(task: Task, inputs: pd.DataFrame) -> Any:
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(task.model)
    except NotFittedError:
        return clone(task.model).fit(inputs, task.labels)
    return task.model


def _unwrap(predictor: Any) -> Any:
    # Where a reweighting leaves one class only, Fairlearn uses a constant classifier instead.
    return predictor.model if isinstance(predictor, _Counted) else predictor


def _cuts(found: Any) -> GroupCuts:
    """Read the thresholds that Fairlearn found for one group."""
    cuts = tuple(
        (float(share), Cut(operation.operator == ">", float(operation.threshold)))
        for share, operation in ((found.p0, found.operation0), (found.p1, found.operation1))
        if share > 0
    )
    ignore, constant = found.get("p_ignore", 0), found.get("prediction_constant", 0)
    return GroupCuts(cuts, float(ignore), float(constant))


@contextmanager
def _one_line() -> Iterator[None]:
    """Say in one line what Fairlearn, or the model in its hands, has against the data."""
    try:
        yield
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"this model and data can't be mitigated so: {reason}") from error
