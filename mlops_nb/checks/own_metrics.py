"""Metrics of one's own: any function of true and predicted values, as sklearn's are.

Nothing is known of such a function but what it returns, so its interval takes the slow path: it is
called once for the rows, and once a draw for as many of them drawn anew with replacement (Efron
1979), at most `DRAWS` times. The arrays that it is given are copies, which it may change.

Whether more of it is better decides if a limit is a floor or a cap, and is never guessed. A
function says so itself (``cost.greater_is_better = False``, sklearn's and MLflow's word), or by its
name, as scikit-learn has it: ``_score`` is to be high, ``_error``, ``_loss`` and ``_deviance`` low
(User Guide 3.4, "Metrics and scoring").
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from numbers import Real
from types import MethodType
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError
from mlops_nb.core.words import shortened, written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Function = Callable[..., Any]
Named = str | Function

DRAWS = 100
_ENDINGS: Mapping[str, bool] = {
    "_score": True,
    "_error": False,
    "_loss": False,
    "_deviance": False,
}


@dataclass(frozen=True)
class Values:
    """What a function is called with.

    Parameters
    ----------
    truth, predicted : array, shape (rows,)
        Amounts, classes, or of two classes 1 for the positive and 0 for the other one; where
        nothing was predicted but a score, that.
    weights : array of float, shape (rows,), optional
        How much each row counts, for ``sample_weight``.
    """

    truth: NDArray[Any]
    predicted: NDArray[Any]
    weights: Floats | None = None


def called(metric: Named) -> str:
    """Return the name of a metric; of a function that has none, of what it is made from.

    Examples
    --------
    >>> called("f1"), called(max), called(partial(max, key=abs))
    ('f1', 'max', 'max')
    """
    if isinstance(metric, str):
        return metric
    name = getattr(metric, "__name__", None)
    if isinstance(name, str):
        return name
    return called(metric.func) if isinstance(metric, partial) else type(metric).__name__


def is_same(one: Function, other: Function) -> bool:
    """Tell whether two functions are one; a method is another object each time it is looked up.

    Examples
    --------
    >>> from fractions import Fraction
    >>> half = Fraction(1, 2)
    >>> half.limit_denominator is half.limit_denominator
    False
    >>> is_same(half.limit_denominator, half.limit_denominator)
    True
    """
    return one is other or (isinstance(one, MethodType) and one == other)


def gather(
    functions: Mapping[str, Function],
    asked: Iterable[Named],
    taken: Collection[str],
    *,
    weighted: bool = False,
) -> dict[str, Function]:
    """Return the functions by name: those that have one already, and those among what is asked.

    Parameters
    ----------
    functions : mapping of str to callable
    asked : iterable of str or callable
    taken : collection of str
        What a function can't be called, since a metric is.
    weighted : bool
        Whether they must take ``sample_weight``.

    Raises
    ------
    InputError
        If two have one name or one has a known metric's, or if it can't be called as a metric is.

    Examples
    --------
    >>> gather({}, ["f1", max], ["f1"])
    {'max': <built-in function max>}
    """
    found = dict(functions)
    for each in asked:
        if isinstance(each, str):
            continue
        if not callable(each):
            raise InputError(f"a metric is a name or a function, not {written(each, repr):.60}")
        if not is_same(found.setdefault(called(each), each), each):
            raise two_called(called(each))
    for name, function in found.items():
        if name in taken:
            raise InputError(
                f"the function {name!r} is called like a metric that there is",
                hint="ask for that metric by its name, or set another as the function's __name__",
            )
        _refuse_uncallable(name, function, weighted=weighted)
    return found


def two_called(name: str) -> InputError:
    """Return the error of two functions that have one name."""
    return InputError(
        f"two metrics are called {shortened(name)!r}", hint="set the __name__ of one to another"
    )


def higher_is_better(name: str, function: Function) -> bool | None:
    """Tell whether more of a function is better; None where nothing says so, or both.

    Raises
    ------
    InputError
        If its ``greater_is_better`` is neither True nor False.

    Examples
    --------
    >>> higher_is_better("waiting_loss", max), higher_is_better("waiting", max)
    (False, None)
    """
    import numpy as np

    whole: Any = function
    while whole is not None:
        stated = getattr(whole, "greater_is_better", None)
        if isinstance(stated, bool | np.bool_):
            return bool(stated)
        if stated is not None:
            raise InputError(
                f"greater_is_better of {shortened(name)!r} must be True or False, "
                f"not {written(stated, repr):.60}"
            )
        whole = whole.func if isinstance(whole, partial) else None
    told = {
        is_high
        for text in (name, called(function))
        for ending, is_high in _ENDINGS.items()
        if text.endswith(ending)
    }
    return told.pop() if len(told) == 1 else None


def require_direction(name: str, function: Function) -> None:
    """Refuse a limit of a function that may be better high or low.

    Raises
    ------
    InputError
    """
    if higher_is_better(name, function) is None:
        raise InputError(
            f"nothing says whether {shortened(name)!r} is better high or low, and so if its limit "
            "is a floor or a cap",
            hint="set its attribute greater_is_better to True or False, or let its name end in "
            "_score, _error or _loss",
        )


def draw(
    name: str,
    function: Function,
    values: Values,
    parts: Sequence[NDArray[np.intp]],
    draws: int,
    seed: int,
    *,
    of: str = "",
) -> tuple[Floats, Floats]:
    """Call a function on each part of the rows, and on as many of its rows drawn anew.

    Parameters
    ----------
    parts : sequence of array of int
        The rows of each part, by their places.
    draws : int
        `DRAWS` are made at most.
    of : str
        What a part is, for the message where the function raises, as in ``" for a group"``.

    Returns
    -------
    values : array of shape (parts,)
        NaN for a part without rows.
    draws : array of shape (draws, parts)

    Raises
    ------
    InputError
        If the function raises, or returns what is no number.
    """
    import numpy as np

    rng = np.random.default_rng(seed)

    def value(rows: NDArray[np.intp]) -> float:
        return _value(name, function, values, rows, of) if len(rows) else float("nan")

    whole = np.array([value(rows) for rows in parts])
    with warnings.catch_warnings():
        # It has warned of the rows as they are; those drawn are not the user's.
        warnings.simplefilter("ignore")
        drawn = [
            [value(rng.choice(rows, len(rows)) if len(rows) else rows) for rows in parts]
            for _ in range(min(draws, DRAWS))
        ]
    return whole, np.array(drawn).reshape(-1, len(parts))


def doubts(values: Floats, draws: Floats, *, in_ratio: bool) -> dict[int, str]:
    """Say of which parts the values can't be held against a limit, and why.

    Parameters
    ----------
    values, draws : array
        As `draw` returns them.
    in_ratio : bool
        Whether the parts are held against each other by their ratio.

    Examples
    --------
    >>> import numpy as np
    >>> doubts(np.array([1, 2]), np.array([[1, np.nan]]), in_ratio=True)
    {1: 'draws without a finite value'}
    """
    import numpy as np

    every = np.vstack([values, draws])
    odd = ~np.isfinite(every).all(axis=0)
    below = np.flatnonzero((every < 0).any(axis=0)) if in_ratio else ()
    found = {int(at): "values below 0, of no ratio" for at in below}
    return found | {int(at): "draws without a finite value" for at in np.flatnonzero(odd)}


def method(name: str, draws: int, each: str) -> str:
    """Say how a function is drawn.

    Examples
    --------
    >>> method("cost", 1000, "draw of the rows")
    'slow: cost called for each draw of the rows, 100 draws'
    """
    return f"slow: {name} called for each {each}, {min(draws, DRAWS)} draws"


def names_of(codes: NDArray[np.intp], classes: Sequence[Any]) -> NDArray[Any]:
    """Return classes as they are called, in the place of their codes.

    Examples
    --------
    >>> import numpy as np
    >>> names_of(np.array([2, 0]), (1, 3, 5)).tolist()
    [5, 1]
    """
    import pandas as pd

    found: NDArray[Any] = pd.Series(list(classes)).to_numpy()[codes]
    return found


def _value(name: str, function: Function, values: Values, rows: NDArray[np.intp], of: str) -> float:
    weights = {} if values.weights is None else {"sample_weight": values.weights[rows]}
    try:
        found = function(values.truth[rows], values.predicted[rows], **weights)
        number = _number(found)
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}{of}: {shortened(written(error), 200)}"
        raise InputError(f"the metric {shortened(name)} raised {said}") from error
    if number is None:
        raise InputError(
            f"the metric {shortened(name)} must return a number, not {_described(found)}"
        )
    return number


def _number(found: Any) -> float | None:
    """Return what a function returned as a number; None where it is none."""
    import numpy as np

    if found is np.ma.masked:
        return float("nan")  # it would be 0
    if isinstance(found, np.ndarray) and found.ndim == 0:
        found = found.item()
    is_number = isinstance(found, Real | Decimal | np.bool_)
    return float(found) if is_number else None


def _described(found: Any) -> str:
    if inspect.iscoroutine(found):
        found.close()
    if found is None or isinstance(found, str):
        return shortened(repr(found))
    shape = getattr(found, "shape", None)
    of_shape = f" of shape {shape}" if isinstance(shape, tuple) else ""
    return f"{type(found).__name__}{of_shape}"


def _refuse_uncallable(name: str, function: Function, *, weighted: bool) -> None:
    """Refuse a function that can't be called with true and predicted values alone."""
    if inspect.iscoroutinefunction(function):
        raise InputError(f"the metric {shortened(name)} is async; it must return a number at once")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # some built-in functions have none
    if weighted and _binds(signature, sample_weight=None) is None:
        return
    problem = _binds(signature)
    if problem is not None and hasattr(function, "_score_func"):
        raise InputError(
            f"the metric {shortened(name)} is a scorer, which predicts by itself",
            hint=f"give the function that it is made of, {called(function._score_func)}",
        )
    if problem is not None:
        raise InputError(
            f"the metric {shortened(name)} can't be called with true and predicted values: "
            f"{problem}",
            hint=f"it takes {shortened(written(signature))}",
        )
    if weighted:
        raise InputError(
            f"the metric {shortened(name)} takes no sample_weight, and the rows have weights",
            hint="give it a parameter sample_weight, or leave the weights out",
        )


def _binds(signature: inspect.Signature, **more: None) -> TypeError | None:
    """Return why a function can't be called with two arguments and `more`; None if it can."""
    try:
        signature.bind(None, None, **more)
    except TypeError as error:
        return error
    return None
