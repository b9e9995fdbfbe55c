"""The user's model in Fairlearn's hands: refitted to its weights, watched, and never twice alike.

Fairlearn sees row numbers instead of features, so that it has no say in what these may hold; and
it hands over weights under one name, where pipelines want it with their last step's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, StoppedError
from mlops_nb.improve.fair_model import classifier_tags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlops_nb.improve.mitigation_task import Task


class Refits:
    """The copies of a task's model that were fitted: counted, cancelled, and kept by their weights.

    A search asks for the same fit again and again: first of all for that without a constraint, at
    every strength, and four times over wherever a constraint is slack.
    """

    def __init__(self, task: Task, about: int) -> None:
        self.task = task
        self.inputs = task.inputs[list(task.features)]
        self.about = about
        self.step = ""
        self._weight_name = _weight_name(task)
        self._fitted: dict[bytes, tuple[Any, NDArray[Any]]] = {}

    def fit(self, truth: Any, weights: Any) -> tuple[Any, NDArray[Any]]:
        """Return the model fitted to such a truth, and what it predicts for all rows.

        Raises
        ------
        StoppedError
            If the watch cancels.
        """
        import numpy as np
        from sklearn.base import clone

        stop_where_asked(self.task)
        if self.task.scale is not None:  # amounts are never relabelled, only weighted
            truth = self.task.truth
        truth, weights = np.ascontiguousarray(truth), np.ascontiguousarray(weights)
        key = blake2b(truth.tobytes() + weights.tobytes()).digest()
        if key not in self._fitted:
            model = clone(self.task.model).fit(self.inputs, truth, **{self._weight_name: weights})
            self._fitted[key] = model, self._as_fairlearn_sees(model.predict(self.inputs))
            done = len(self._fitted)
            text = f"{self.step}fitted model {done}"
            self.task.watch.progress(done, max(self.about, done + 1), text)
        return self._fitted[key]

    def _as_fairlearn_sees(self, predicted: Any) -> Any:
        scale = self.task.scale
        return predicted if scale is None else scale.share(predicted)


class Refit:
    """One of these copies, as Fairlearn asks for it."""

    def __init__(self, refits: Refits) -> None:
        self.refits = refits
        self.model: Any = None
        self.predicted: Any = None

    def __deepcopy__(self, memo: Any) -> Refit:
        return Refit(self.refits)

    def fit(self, _: Any, truth: Any, sample_weight: Any) -> Refit:
        """Fit the copy to all rows."""
        self.model, self.predicted = self.refits.fit(truth, sample_weight)
        return self

    def predict(self, _: Any) -> Any:
        """Return the copy's predictions for all rows."""
        return self.predicted


class Scores:
    """The scores of a fitted model for all rows, as Fairlearn asks for them."""

    def __init__(self, score: NDArray[np.float64]) -> None:
        self.score = score

    def fit(self, *_: Any) -> Scores:
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


def unwrapped(predictor: Any) -> Any:
    """Return the user's model out of what Fairlearn fitted.

    Where a reweighting leaves one class only, Fairlearn uses a constant classifier instead.
    """
    return predictor.model if isinstance(predictor, Refit) else predictor


def stop_where_asked(task: Task) -> None:
    """Stop between two fits.

    Raises
    ------
    StoppedError
        If the watch cancels.
    """
    if task.watch.cancelled():
        raise StoppedError("mitigation was cancelled")


def fitted(task: Task) -> Any:
    """Return the task's model, or a fitted copy of it where it is none."""
    from sklearn.base import clone
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(task.model)
    except NotFittedError:
        with one_line():
            return clone(task.model).fit(task.inputs[list(task.features)], task.labels)
    return task.model


@contextmanager
def one_line() -> Iterator[None]:
    """Say in one line what Fairlearn, or the model in its hands, has against the data."""
    import logging

    log = logging.getLogger("fairlearn")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    except (ValueError, TypeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"this model and data can't be mitigated so: {reason}") from error
    finally:
        log.setLevel(before)


def _weight_name(task: Task) -> str:
    """Return the name under which the model takes weights.

    Raises
    ------
    InputError
        If it takes none.
    """
    from sklearn.utils.validation import has_fit_parameter

    model = task.model
    steps = getattr(model, "steps", None)
    last = steps[-1][1] if steps else model
    inner = getattr(last, "estimator", last)  # a search passes weights on to its estimator
    if not (has_fit_parameter(last, "sample_weight") or has_fit_parameter(inner, "sample_weight")):
        unweighted = ["threshold_optimizer"] if task.problem == "binary" else []
        unweighted.append("correlation_remover")
        raise InputError(
            f"{type(last).__name__} takes no sample_weight, which this method needs",
            hint=f"use {' or '.join(unweighted)}",
        )
    return f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"
