"""Rows sorted into groups, and the sums by group that every metric is made from.

Each sum is taken once, in one pass over the rows, however many metrics are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Sample:
    """Rows in groups, with what was true and what was predicted.

    Parameters
    ----------
    groups : array of int, shape (rows,)
        The group of each row, from 0.
    n_groups : int
    truth, prediction : array of int, shape (rows,), optional
        True and predicted class of each row; the last class is the positive one. Where there are
        scores only, there is no prediction, and `counts` are of the truth.
    n_classes : int
    amounts : array of shape (rows, 2), optional
        True and predicted amount.
    score : array of shape (rows,), optional
        Score of the positive class, or its probability.
    weights : array of shape (rows,), optional
        How much each row counts; default 1.

    Examples
    --------
    >>> import numpy as np
    >>> zero, one = np.array([0, 0, 1]), np.array([0, 1, 1])
    >>> Sample(zero, 2, one, one).counts.tolist()
    [[[1, 0], [0, 1]], [[0, 0], [0, 1]]]
    """

    groups: NDArray[np.intp]
    n_groups: int
    truth: NDArray[np.intp] | None = None
    prediction: NDArray[np.intp] | None = None
    n_classes: int = 2
    amounts: Floats | None = None
    score: Floats | None = None
    weights: Floats | None = None

    @cached_property
    def rows(self) -> Counts:
        """Rows of each group."""
        import numpy as np

        if self.truth is not None:
            return np.asarray(self.counts.sum(axis=(1, 2)))
        return np.bincount(self.groups, minlength=self.n_groups).astype(np.int64)

    @cached_property
    def counts(self) -> Counts:
        """Rows by group, true class and predicted class."""
        from mlops_nb.stats.groups import confusion_counts

        truth, prediction = self._classes
        return confusion_counts(
            self.groups, truth, prediction, n_groups=self.n_groups, n_classes=self.n_classes
        )

    @cached_property
    def table(self) -> Floats:
        """The weight of the rows of each cell of `counts`."""
        return self._weighed(self.weights)

    @cached_property
    def squares(self) -> Floats:
        """The sum of the squared weights of the rows of each cell of `counts`."""
        return self._weighed(None if self.weights is None else self.weights**2)

    @cached_property
    def total(self) -> Floats:
        """The weight of each group."""
        import numpy as np

        if self.weights is None:
            return self.rows.astype(np.float64)
        return self.sum(np.ones(len(self.groups)))

    def sum(self, values: Floats) -> Floats:
        """Add up the values of each group's rows, each times its weight."""
        import numpy as np

        weighted = values if self.weights is None else values * self.weights
        sums = np.bincount(self.groups, weights=weighted, minlength=self.n_groups)
        return np.asarray(sums, dtype=np.float64)

    def mean(self, values: Floats) -> Floats:
        """Return each group's weighted mean, NaN without any weight."""
        return divided(self.sum(values), self.total)

    def of_class(self, index: int) -> Sample:
        """Return the same rows with one class as the positive one, and all others as the other."""
        import numpy as np

        truth, prediction = ((codes == index).astype(np.intp) for codes in self._classes)
        return replace(self, truth=truth, prediction=prediction, n_classes=2, score=None)

    @cached_property
    def whole(self) -> Sample:
        """All rows as one group."""
        import numpy as np

        one = replace(self, groups=np.zeros(len(self.groups), dtype=np.intp), n_groups=1)
        # What was added up by group needn't be added up again by row.
        for name in {"counts", "table", "squares", "total", "rows"} & set(self.__dict__):
            one.__dict__[name] = self.__dict__[name].sum(axis=0, keepdims=True)
        return one

    def take(
        self, chosen: NDArray[np.intp] | None, *, n_groups: int, groups: NDArray[np.intp]
    ) -> Sample:
        """Return some of the rows, or all, in groups of their own."""
        if chosen is None:
            return replace(self, groups=groups, n_groups=n_groups)
        kept: dict[str, Any] = {
            name: each[chosen]
            for name in ("truth", "prediction", "amounts", "score", "weights")
            if (each := getattr(self, name)) is not None
        }
        return replace(self, groups=groups, n_groups=n_groups, **kept)

    @cached_property
    def by_group(self) -> list[NDArray[np.intp]]:
        """The indices of each group's rows."""
        import numpy as np

        order = np.argsort(self.groups, kind="stable")
        return np.split(order, np.cumsum(self.rows)[:-1])

    @property
    def _classes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        if self.truth is None:
            raise ValueError("the sample has no classes")
        return self.truth, self.truth if self.prediction is None else self.prediction

    def _weighed(self, weights: Floats | None) -> Floats:
        import numpy as np

        if weights is None:
            return self.counts.astype(np.float64)
        truth, prediction = self._classes
        k = self.n_classes
        cell = (self.groups * k + truth) * k + prediction
        sums = np.bincount(cell, weights=weights, minlength=self.n_groups * k * k)
        return np.asarray(sums, dtype=np.float64).reshape(self.n_groups, k, k)


def divided(part: NDArray[Any], whole: NDArray[Any], empty: float = float("nan")) -> Floats:
    """Divide, with a value of its own where there is nothing to divide by.

    Examples
    --------
    >>> import numpy as np
    >>> divided(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    array([0.5, nan])
    """
    import numpy as np

    out = np.full(np.broadcast_shapes(np.shape(part), np.shape(whole)), empty)
    quotient: Floats = np.divide(part, whole, out=out, where=whole > 0)
    return quotient


def error_means(sample: Sample) -> tuple[Floats, Floats]:
    """Return the mean absolute and the mean squared error of each group."""
    import numpy as np

    truth, predicted = amounts_of(sample)
    error = truth - predicted
    return sample.mean(np.abs(error)), sample.mean(error**2)


def mean_error(sample: Sample) -> Floats:
    """Return how much too much is predicted for each group on average."""
    truth, predicted = amounts_of(sample)
    return sample.mean(predicted - truth)


def r2(sample: Sample) -> Floats:
    """Return the explained share of each group's variance, as sklearn has it."""
    import numpy as np

    truth, predicted = amounts_of(sample)
    centred = truth - sample.mean(truth)[sample.groups]
    left, spread = sample.sum((truth - predicted) ** 2), sample.sum(centred**2)
    explained = 1 - divided(left, spread, empty=0.0)
    constant = np.where(left == 0, 1.0, 0.0)
    return np.where(sample.rows < 2, np.nan, np.where(spread > 0, explained, constant))


def log_loss(sample: Sample) -> Floats:
    """Return the mean log loss of each group, NaN where there is one class only."""
    import numpy as np

    truth, score = scores_of(sample)
    tiny = np.finfo(np.float64).eps
    given = np.clip(score, tiny, 1 - tiny)
    loss = -np.log(np.where(truth == 1, given, 1 - given))
    positives = np.bincount(sample.groups, weights=truth, minlength=sample.n_groups)
    both = (positives > 0) & (positives < sample.rows)
    return np.where(both, sample.mean(loss), np.nan)


def roc_auc(sample: Sample) -> Floats:
    """Return the area under each group's ROC curve, NaN where there is one class only.

    The share of the pairs of a positive and a negative that the score puts in order, ties half:
    one sort of all rows by group and score.
    """
    import numpy as np

    truth, score = scores_of(sample)
    weights = np.ones(len(truth)) if sample.weights is None else sample.weights
    order = np.lexsort((score, sample.groups))
    group, value = sample.groups[order], score[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (group[1:] != group[:-1]) | (value[1:] != value[:-1])
    ties = np.cumsum(starts) - 1
    positive = np.bincount(ties, weights=(weights * truth)[order])
    negative = np.bincount(ties, weights=(weights * (1 - truth))[order])
    of_group = group[starts]
    all_positive = np.bincount(of_group, weights=positive, minlength=sample.n_groups)
    all_negative = np.bincount(of_group, weights=negative, minlength=sample.n_groups)
    # Negatives of the same group below each tie: running sums, less what earlier groups had.
    running = np.cumsum(negative) - negative
    earlier = (np.cumsum(all_negative) - all_negative)[of_group]
    won = positive * (running - earlier + negative / 2)
    pairs = all_positive * all_negative
    return divided(np.bincount(of_group, weights=won, minlength=sample.n_groups), pairs)


def amounts_of(sample: Sample) -> tuple[Floats, Floats]:
    """Return true and predicted amounts."""
    if sample.amounts is None:
        raise ValueError("the sample has no amounts")
    return sample.amounts[:, 0], sample.amounts[:, 1]


def scores_of(sample: Sample) -> tuple[NDArray[np.intp], Floats]:
    """Return true classes and scores."""
    if sample.truth is None or sample.score is None:
        raise ValueError("the sample has no scores")
    return sample.truth, sample.score
