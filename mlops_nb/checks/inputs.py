"""What the checks of predictions read: columns, classes and settings, checked once for all.

Missing values are never dropped silently: each check counts them in its report's subject.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from numbers import Real
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

MIN_DRAWS = 100
MAX_CLASSES = 100


@dataclass(frozen=True)
class Classes:
    """Columns of class names as codes.

    `names` are the classes in order; `codes` has one array a column, -1 where it is missing.
    """

    names: tuple[Any, ...]
    codes: tuple[NDArray[np.intp], ...]

    def binary(self, positive: Any, described: str) -> tuple[Any, tuple[NDArray[np.intp], ...]]:
        """Return the positive class, and the codes with it as 1, the other as 0, missing as -1.

        Parameters
        ----------
        positive : object
            The positive class; None for 1 or True, else for the larger of the two.
        described : str
            The columns, for the message if they don't fit.

        Raises
        ------
        InputError
            If there are more than two classes, or `positive` is not one of them, or it is not
            given and can't be told from the one class there is.
        """
        import numpy as np

        if len(self.names) > 2:
            raise InputError(
                f"{described} hold {len(self.names)} classes ({_some(self.names)}), not two",
                hint="compare with the class of interest first, as in data['label'] == 'yes'",
            )
        chosen = _positive(self.names, positive, described)
        index = self.names.index(chosen) if chosen in self.names else -2
        return chosen, tuple(
            np.where(codes < 0, -1, (codes == index).astype(np.intp)) for codes in self.codes
        )


def require_columns(data: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse a column that isn't there, or is there twice.

    Raises
    ------
    NotFoundError, InputError
    """
    columns = list(data.columns)
    for name in names:
        if name not in columns:
            raise NotFoundError.among("column", str(name), [str(column) for column in columns])
        if columns.count(name) > 1:
            raise InputError(f"there are {columns.count(name)} columns called {name!r}, not one")


def unhashable(data: pd.DataFrame, columns: Iterable[str]) -> InputError | None:
    """Return the error for a column of lists or of other values that make no group and no class."""
    for column in columns:
        odd = next((v for v in data[column] if getattr(v, "__hash__", None) is None), None)
        if odd is not None:
            return InputError(
                f"{column!r} holds values of type {type(odd).__name__}, which name no group and "
                "no class",
                hint="take one text or number of each row, or convert with .astype(str)",
            )
    return None


def read_classes(data: pd.DataFrame, columns: Sequence[str]) -> Classes:
    """Read columns of class names, which share one set of classes.

    Raises
    ------
    InputError
        If they can't be ordered together (text and numbers), or there are too many of them.
    """
    import numpy as np
    import pandas as pd

    try:
        factored = [pd.factorize(data[column]) for column in columns]
    except TypeError as error:
        raise unhashable(data, columns) or error from None
    values = {_scalar(value) for _, uniques in factored for value in uniques}
    if len(values) > MAX_CLASSES:
        raise InputError(
            f"{_and(columns)} hold {len(values):,} different values, too many to be classes "
            f"(at most {MAX_CLASSES})",
            hint="if they are amounts, the task is 'regression'; of one, fairness compares metrics "
            "such as mean_absolute_error_ratio",
        )
    try:
        names = tuple(sorted(values))
    except TypeError:
        kinds = sorted({type(value).__name__ for value in values})
        raise InputError(
            f"{_and(columns)} mix values of types {_and(kinds)}; they must name the same classes",
            hint="convert one of them, as with .astype(str)",
        ) from None
    place = {name: index for index, name in enumerate(names)}
    tables = [
        np.array([*(place[_scalar(value)] for value in uniques), -1], dtype=np.intp)
        for _, uniques in factored
    ]
    codes = (table[rows] for table, (rows, _) in zip(tables, factored, strict=True))
    return Classes(names, tuple(codes))


def read_numbers(data: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Read a column of numbers, NaN where they are missing.

    Raises
    ------
    InputError
        If it doesn't hold numbers.
    """
    import numpy as np
    import pandas as pd

    try:
        numbers = pd.to_numeric(data[column])
    except (TypeError, ValueError):
        odd = next(value for value in data[column] if not _is_number(value))
        raise InputError(f"{column!r} must hold numbers, but has {odd!r}") from None
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def check_weights(weights: pd.Series[Any]) -> NDArray[np.float64]:
    """Return weights as numbers; NaN where they are missing.

    Raises
    ------
    InputError
        If one is negative or infinite, or none is positive.
    """
    import numpy as np

    numbers = read_numbers(weights.to_frame(), str(weights.name))
    odd = numbers[(numbers < 0) | np.isinf(numbers)]
    if len(odd):
        raise InputError(f"{weights.name!r} must hold weights of at least 0, but has {odd[0]:g}")
    if len(numbers) and not np.nansum(numbers) > 0:
        raise InputError(f"{weights.name!r} must hold weights, but none is more than 0")
    return numbers


def check_settings(confidence: Any, draws: int) -> None:
    """Refuse a confidence or a number of draws that no interval can be made with.

    Raises
    ------
    InputError
    """
    if not _is_real(confidence) or not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, not {confidence!r}")
    if draws < MIN_DRAWS:
        raise InputError(f"draws must be at least {MIN_DRAWS}, not {draws!r}")


def check_limits(limits: Mapping[str, Any]) -> None:
    """Refuse a limit that nothing can be held against.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_limits({"accuracy": "high"})
    Traceback (most recent call last):
    ...
    mlops_nb.core.errors.InputError: the limit of accuracy must be a number, not 'high'
    """
    for name, limit in limits.items():
        if not _is_real(limit) or isnan(limit):
            raise InputError(f"the limit of {name} must be a number, not {limit!r}")


def _is_real(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real)


def choose_metrics(
    asked: Sequence[str] | None,
    limits: Mapping[str, float],
    *,
    default: Sequence[str],
    known: Iterable[str],
) -> tuple[str, ...]:
    """Return the metrics to report, each once: those asked for, and those that have a limit.

    Raises
    ------
    NotFoundError
        If one of them is unknown.
    """
    names = list(known)
    chosen = tuple(dict.fromkeys([*(asked or default), *limits]))
    for name in chosen:
        if name not in names:
            raise NotFoundError.among("metric", name, names)
    return chosen


def _positive(names: Sequence[Any], positive: Any, described: str) -> Any:
    if positive is None:
        if set(names) <= {0, 1} or set(names) <= {-1, 1}:
            return 1
        if len(names) == 2:
            return names[1]
        raise InputError(
            f"{described} hold only {names[0]!r}, which may be the positive class or not",
            hint="say which class is, with positive=...",
        )
    if positive in names:
        return names[names.index(positive)]
    # The command line hands over text.
    same_text = [name for name in names if str(name) == str(positive)]
    if same_text:
        return same_text[0]
    if len(names) < 2:
        return positive
    raise NotFoundError.among("positive class", str(positive), [str(name) for name in names])


def _scalar(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _some(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(value) for value in values[:5])
    return f"{shown}, …" if len(values) > 5 else shown


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
