"""Columns of two frames as a classifier reads them: one number a row, or a few.

Trees ask only for the order of numbers, so each becomes its rank among those of both frames, by
which infinities and whole numbers beyond 2^53 keep their place. Levels become codes. Dates are read
by weekday and time of day, and by the day itself only where both frames cover about the same time:
later data are later, which is no drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_columns import is_date, is_time, plain
from mlops_nb.checks.drift_samples import Pair, UnjudgeableError
from mlops_nb.core.words import quoted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVELS = 254  # told apart; a tree of scikit-learn's has bins for one more, which the rest share
SAME_TIME = 0.5  # share of the current dates within the reference's, from which days are compared


@dataclass(frozen=True, slots=True)
class Feature:
    """One number a row, made from a column: of shape (rows of both frames,), NaN where missing."""

    column: str
    values: Floats
    is_levels: bool = False


def read_features(pair: Pair, kind: str) -> tuple[list[Feature], str]:
    """Read a column of both frames, the reference's rows first.

    Parameters
    ----------
    pair : Pair
    kind : str
        The type that the column is read as: num, cat, text, …

    Returns
    -------
    features : list of Feature
        Empty where all rows are alike.
    note : str
        What a reader should know of how it was read.

    Raises
    ------
    UnjudgeableError
        If a classifier can't read it, or should not.

    Examples
    --------
    >>> import pandas as pd
    >>> ages = Pair("age", pd.Series([31.0, None]), pd.Series([float("inf"), 25.0]))
    >>> read_features(ages, "num")[0][0].values
    array([ 1., nan,  2.,  0.])
    """
    import numpy as np

    if pair.problem:
        raise UnjudgeableError(pair.problem)
    if kind == "text":
        raise UnjudgeableError("free text")
    rows = [0 if series is None else len(series) for series in pair.sides]
    sides = [_present(series) for series in pair.sides]
    filled = [side for side in sides if len(side)]
    if any(series is None for series in pair.sides):
        raise UnjudgeableError("only one of the frames has it")
    if not filled:
        raise UnjudgeableError("it has no value")
    places = np.concatenate([sides[0].index, sides[1].index + rows[0]])

    def spread(values: NDArray[Any]) -> Floats:
        out: Floats = np.full(sum(rows), np.nan)
        out[places] = values
        return out

    made, note = _made(pair, kind, sides, filled)
    features = [
        Feature(pair.name, spread(values), is_levels=is_levels) for values, is_levels in made
    ]
    return [feature for feature in features if _differs(feature.values)], note


def _present(series: Any) -> pd.Series[Any]:
    """Return the values there are, in plain types, indexed by the number of their row."""
    import pandas as pd

    if series is None:
        return pd.Series(dtype="float64")
    return plain(series.reset_index(drop=True)).dropna()


def _made(
    pair: Pair, kind: str, sides: list[pd.Series[Any]], filled: list[pd.Series[Any]]
) -> tuple[list[tuple[NDArray[Any], bool]], str]:
    """Return arrays of the values there are, each with whether they are codes; and a note."""
    import numpy as np

    times = {is_time(series) for series, side in zip(pair.sides, sides, strict=True) if len(side)}
    numeric = {_is_numeric(side) for side in filled}
    if len(times) == 2 or len(numeric) == 2:
        raise UnjudgeableError("its values are of different types in the two frames")
    if kind == "cat" or numeric == {False}:
        return _levels(pair.name, np.concatenate([side.astype(object) for side in sides]))
    values = np.concatenate([side.to_numpy() for side in filled])
    if any(is_date(series) for series in pair.sides):
        return _dates(pair.name, values, len(sides[0]))
    return [(_ranks(values), False)], ""


def _is_numeric(series: pd.Series[Any]) -> bool:
    import numpy as np

    return isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf"


def _ranks(values: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    ranks: NDArray[Any] = np.unique(values, return_inverse=True)[1]
    return ranks


def _levels(name: str, values: NDArray[Any]) -> tuple[list[tuple[NDArray[Any], bool]], str]:
    """Return codes by frequency, the most frequent level first; what is rare shares the last."""
    import numpy as np
    import pandas as pd

    try:
        codes, found = pd.factorize(values)
    except TypeError:
        raise UnjudgeableError(
            "its values are nested, or of a type that can't be counted"
        ) from None
    rank = np.empty(len(found), dtype=np.intp)
    rank[np.argsort(-np.bincount(codes, minlength=len(found)), kind="stable")] = range(len(found))
    note = ""
    if len(found) > LEVELS + 1:
        note = f"of {quoted(name)} the {LEVELS} most frequent levels are told apart"
    return [(np.minimum(rank[codes], LEVELS), True)], note


def _dates(
    name: str, days: Floats, n_reference: int
) -> tuple[list[tuple[NDArray[Any], bool]], str]:
    """Return weekday and time of day of days since 1970, and their ranks where times overlap."""
    import numpy as np

    weekday, time_of_day = np.floor(days) % 7, np.round(days % 1, 9)
    made: list[tuple[NDArray[Any], bool]] = [(weekday, False), (time_of_day, False)]
    old, new = days[:n_reference], days[n_reference:]
    if len(old) and len(new):
        inside = float(((new >= old.min()) & (new <= old.max())).mean())
        if inside < SAME_TIME:
            return made, f"{quoted(name)} moves on, and is read by weekday and time of day alone"
    return [*made, (_ranks(days), False)], ""


def _differs(values: Floats) -> bool:
    import numpy as np

    missing = np.isnan(values)
    known = values[~missing]
    return bool(missing.any()) or bool((known != known[0]).any())
