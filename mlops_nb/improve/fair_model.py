"""The model that mitigation gives back: an ordinary classifier or regressor, which decides fairly.

It holds fitted scikit-learn estimators and a few numbers, and nothing of Fairlearn. It can be
pickled, tracked and served like any model, by a process that has mlops_nb installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.core.errors import NotFoundError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.stats.groups import Grouping

    Floats = NDArray[np.float64]


class UnknownGroupWarning(UserWarning):
    """Rows are of groups that a rule was not fitted for."""


class Rule(Protocol):
    """How a fair model decides."""

    def chance(self, data: pd.DataFrame) -> Floats:
        """Return each row's probability of being predicted positive, mostly 0 or 1."""

    def score(self, data: pd.DataFrame) -> Floats:
        """Return how likely each row is positive, from 0 to 1."""


class Predictor(Protocol):
    """What a fair model predicts where nothing is left to chance."""

    def predict(self, data: pd.DataFrame) -> NDArray[Any]:
        """Return what is predicted for each row."""


class _Repaired:
    """What all repaired models have: the columns that they need, and that they are fitted."""

    def __init__(self, features: Sequence[str]) -> None:
        import numpy as np

        self.feature_names_in_ = np.array(features, dtype=object)
        self.n_features_in_ = len(features)

    def _inputs(self, data: pd.DataFrame) -> pd.DataFrame:
        for name in self.feature_names_in_:
            if name not in data.columns:
                raise NotFoundError.among("column", name, [str(each) for each in data.columns])
        return data[list(self.feature_names_in_)]

    def __sklearn_is_fitted__(self) -> bool:
        return True


class FairModel(_Repaired):
    """A binary classifier repaired for fairness.

    Parameters
    ----------
    rule : Rule
        How it decides.
    features : sequence of str
        The columns it needs: those of the model, and the sensitive ones if it decides by group.
    classes : (negative, positive)
    seed : int
        Of the decisions that are left to chance.

    Notes
    -----
    Fair classifiers decide some cases by lot. The lot is drawn from the row's own values, so the
    same case always gets the same answer, whatever rows come with it.

    ``predict_proba`` is for ranking: fair decisions are *not* its cut at one half. Where the
    repaired model has no probabilities, it is the chance of being predicted positive.
    """

    def __init__(
        self, rule: Rule, *, features: Sequence[str], classes: tuple[Any, Any], seed: int = 0
    ) -> None:
        import numpy as np

        super().__init__(features)
        self.rule = rule
        self.seed = seed
        self.negative, self.positive = classes
        self.classes_ = np.array(sorted(classes))

    def predict(self, data: pd.DataFrame) -> NDArray[Any]:
        """Return the class of each row.

        Raises
        ------
        NotFoundError
            If a column is missing.
        """
        import numpy as np

        inputs = self._inputs(data)
        chosen = self.rule.chance(inputs) > draw_lots(inputs, self.seed)
        decided: NDArray[Any] = np.where(chosen, self.positive, self.negative)
        return decided

    def predict_proba(self, data: pd.DataFrame) -> Floats:
        """Return the score of each class in `classes_` for each row, shape (rows, 2)."""
        import numpy as np

        score = self.rule.score(self._inputs(data))
        columns = {self.positive: score, self.negative: 1 - score}
        return np.column_stack([columns[name] for name in self.classes_.tolist()])

    def __sklearn_tags__(self) -> Any:
        return classifier_tags()


class FairRegressor(_Repaired):
    """A regressor repaired for fairness.

    Parameters
    ----------
    rule : Predictor
        What it predicts.
    features : sequence of str
        The columns it needs.
    """

    def __init__(self, rule: Predictor, *, features: Sequence[str]) -> None:
        super().__init__(features)
        self.rule = rule

    def predict(self, data: pd.DataFrame) -> Floats:
        """Return the amount of each row.

        Raises
        ------
        NotFoundError
            If a column is missing.
        """
        import numpy as np

        return np.asarray(self.rule.predict(self._inputs(data)), dtype=np.float64)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=False),
            regressor_tags=RegressorTags(),
        )


class FairClassifier(_Repaired):
    """A classifier of more than two classes, repaired for fairness.

    Parameters
    ----------
    rule : Decorrelated
        What it predicts.
    features : sequence of str
        The columns it needs.

    Notes
    -----
    It has ``predict_proba`` where the model that was repaired has.
    """

    def __init__(self, rule: Decorrelated, *, features: Sequence[str]) -> None:
        super().__init__(features)
        self.rule = rule
        self.classes_ = rule.model.classes_

    def predict(self, data: pd.DataFrame) -> NDArray[Any]:
        """Return the class of each row.

        Raises
        ------
        NotFoundError
            If a column is missing.
        """
        return self.rule.predict(self._inputs(data))

    @property
    def predict_proba(self) -> Callable[[pd.DataFrame], Floats]:
        """Take data, and return the probability of each class in `classes_`.

        Raises
        ------
        AttributeError
            If the model has none.
        """
        own = self.rule.model.predict_proba
        return lambda data: own(self.rule.transform(self._inputs(data)))

    def __sklearn_tags__(self) -> Any:
        return classifier_tags(several=True)


@dataclass(frozen=True)
class Mixture:
    """Decide by several models, each for its share of the cases."""

    models: tuple[Any, ...]
    shares: tuple[float, ...]

    def chance(self, data: pd.DataFrame) -> Floats:
        """Return the share of the models that predict 1."""
        return self._mean([(model.predict(data) == 1) * 1.0 for model in self.models])

    def score(self, data: pd.DataFrame) -> Floats:
        """Return the mean of the models' probabilities."""
        return self._mean([positive_score(model, data, 1) for model in self.models])

    def _mean(self, values: Sequence[Floats]) -> Floats:
        import numpy as np

        # Rounded, so that shares that sum to one give exactly 0 and 1.
        return np.round(sum(s * v for s, v in zip(self.shares, values, strict=True)), 12)


@dataclass(frozen=True)
class Average:
    """Predict the mean of several models' amounts, each counted by its share.

    Fairlearn draws one of them for each case. Their mean errs no more in any group, by a square or
    an absolute loss (Jensen's inequality, since both are convex), and gives everyone like them the
    same answer.
    """

    models: tuple[Any, ...]
    shares: tuple[float, ...]

    def predict(self, data: pd.DataFrame) -> Floats:
        """Return the weighted mean of the models' predictions."""
        import numpy as np

        told = [np.ravel(model.predict(data)) for model in self.models]
        return np.average(np.asarray(told, dtype=np.float64), axis=0, weights=self.shares)


@dataclass(frozen=True)
class Cut:
    """One threshold: predicted positive is what lies above (or below) it."""

    above: bool
    threshold: float

    def __call__(self, score: Floats) -> Floats:
        """Return 1.0 for the scores that are on its side."""
        chosen = score > self.threshold if self.above else score < self.threshold
        return chosen.astype("float64")


@dataclass(frozen=True)
class GroupCuts:
    """Decide by thresholds of the row's own group: a lot between two cuts, or a constant chance.

    `constant` is the chance that replaces the cuts' decision with probability `ignore`.
    """

    cuts: tuple[tuple[float, Cut], ...]
    ignore: float = 0.0
    constant: float = 0.0

    def chance(self, score: Floats) -> Floats:
        """Return the probability of being predicted positive."""
        import numpy as np

        decided = np.zeros(len(score))
        for share, cut in self.cuts:
            decided = decided + share * cut(score)
        return self.ignore * self.constant + (1 - self.ignore) * decided


@dataclass(frozen=True)
class Thresholds:
    """Decide by one model's score, with thresholds of each group.

    Rows of a group that was not there in fitting keep the model's own prediction, with a warning.
    """

    model: Any
    positive: Any
    features: tuple[str, ...]
    grouping: Grouping
    by_group: Mapping[int, GroupCuts]

    def chance(self, data: pd.DataFrame) -> Floats:
        """Return each row's chance under its group's thresholds."""
        import numpy as np

        groups, score = self.grouping.codes(data), self.score(data)
        chance = np.full(len(data), np.nan)
        for group, cuts in self.by_group.items():
            rows = groups == group
            chance[rows] = cuts.chance(score[rows])
        unknown = np.isnan(chance)
        if unknown.any():
            self._warn(int(unknown.sum()))
            own = self.model.predict(data.loc[unknown, list(self.features)])
            chance[unknown] = (own == self.positive) * 1.0
        return np.round(chance, 12)

    def score(self, data: pd.DataFrame) -> Floats:
        """Return the model's own score."""
        return positive_score(self.model, data[list(self.features)], self.positive)

    def _warn(self, rows: int) -> None:
        import warnings

        warnings.warn(
            f"{rows} rows are of groups that the thresholds were not fitted for; "
            "they keep the model's own prediction",
            UnknownGroupWarning,
            stacklevel=5,
        )


@dataclass(frozen=True)
class Decorrelated:
    """Decide by a model that sees no linear trace of the group in its numbers.

    Each number has the part taken off that the groups predict (`slopes`, of shape (groups - 1,
    numbers), times the centred group indicators); sensitive features are replaced by a constant.
    """

    model: Any
    positive: Any
    features: tuple[str, ...]
    numbers: tuple[str, ...]
    constants: Mapping[str, Any]
    grouping: Grouping
    means: Floats
    slopes: Floats

    def chance(self, data: pd.DataFrame) -> Floats:
        """Return the model's prediction as 0 and 1."""
        import numpy as np

        chosen = self.model.predict(self.transform(data)) == self.positive
        return np.asarray(chosen, dtype=np.float64)

    def score(self, data: pd.DataFrame) -> Floats:
        """Return the model's score."""
        return positive_score(self.model, self.transform(data), self.positive)

    def predict(self, data: pd.DataFrame) -> NDArray[Any]:
        """Return what the model itself predicts."""
        import numpy as np

        return np.ravel(self.model.predict(self.transform(data)))

    def transform(self, data: pd.DataFrame) -> pd.DataFrame:
        """Return the features as the model is shown them."""
        import numpy as np

        changed = data[list(self.features)].copy()
        codes = self.grouping.codes(data)
        indicators = group_indicators(codes, len(self.grouping.groups))
        centred = np.where(codes[:, None] < 0, 0.0, indicators - self.means)
        numbers = list(self.numbers)
        own = changed[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
        changed[numbers] = own - centred @ self.slopes
        return changed.assign(**self.constants)


def classifier_tags(*, several: bool = False) -> Any:
    """Return what scikit-learn asks of a classifier that doesn't inherit from its own."""
    from sklearn.utils import ClassifierTags, Tags, TargetTags

    return Tags(
        estimator_type="classifier",
        target_tags=TargetTags(required=False),
        classifier_tags=ClassifierTags(multi_class=several),
    )


def group_indicators(codes: NDArray[np.intp], groups: int) -> Floats:
    """Return one column of 0 and 1 for each group but the first, shape (rows, groups - 1)."""
    import numpy as np

    return np.asarray(codes[:, None] == np.arange(1, groups), dtype=np.float64)


def positive_score(model: Any, data: pd.DataFrame, positive: Any) -> Floats:
    """Return the probability of the positive class; 0 or 1 by prediction where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> model = DummyClassifier(strategy="prior").fit([[0], [0], [0], [0]], [0, 0, 0, 1])
    >>> positive_score(model, pd.DataFrame({"x": [1]}), 1)
    array([0.25])
    """
    import numpy as np

    if not hasattr(model, "predict_proba"):
        return np.asarray(model.predict(data) == positive, dtype=np.float64)
    classes = list(model.classes_)
    if positive not in classes:
        return np.zeros(len(data))
    return np.asarray(model.predict_proba(data), dtype=np.float64)[:, classes.index(positive)]


def draw_lots(data: pd.DataFrame, seed: int) -> Floats:
    """Draw a number from [0, 1) for each row, from its values and the seed alone.

    Numbers count by value, whatever their type, so that a case gets the same lot from a file, a
    frame or a request.

    Examples
    --------
    >>> import pandas as pd
    >>> whole, real = pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [2.0, 1.0]})
    >>> (draw_lots(whole, 7) == draw_lots(real, 7)[::-1]).all()
    np.True_
    """
    import numpy as np
    import pandas as pd

    plain = {}
    for place, name in enumerate(data.columns):
        column = data[name]
        if pd.api.types.is_numeric_dtype(column):
            # Adding zero makes -0.0 and 0.0 one value.
            plain[place] = column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0
        else:
            plain[place] = column.astype(str).to_numpy(dtype=object)
    frame = pd.DataFrame(plain, index=range(len(data)))
    lots = pd.util.hash_pandas_object(frame, index=False).to_numpy(dtype=np.uint64)
    # Mixed with the seed by splitmix64 (Steele, Lea and Flood 2014).
    lots = lots + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
    lots = (lots ^ (lots >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    lots = (lots ^ (lots >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    lots = lots ^ (lots >> np.uint64(31))
    return (lots >> np.uint64(11)).astype(np.float64) / 2.0**53
