"""What the checks of predictions are given beside columns: arrays, put together to one frame.

Arrays go by position. Where the indexes of several Series say which rows belong together, they are
put in one order; where they can't be told to, that is an error and not a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_NO_ARRAY = (str, bytes, Mapping, set, frozenset, type)


@dataclass(frozen=True)
class Array:
    """Values, one a row, and what they are called; several columns where they are a table."""

    name: str
    values: Any


@dataclass(frozen=True)
class Gathered:
    """A frame, and the columns of it that each role has.

    `notes` say what was done to bring the rows together.
    """

    frame: pd.DataFrame
    columns: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def one(self, role: str) -> str | None:
        """Return the column of a role that has but one; None where it has none."""
        return next(iter(self.columns.get(role, ())), None)


def is_array(value: Any) -> bool:
    """Tell whether a value may hold one value a row (or, a table, several).

    Examples
    --------
    >>> is_array([0, 1]), is_array("SEX"), is_array(range(3))
    (True, False, True)
    """
    if isinstance(value, _NO_ARRAY) or not hasattr(value, "__len__"):
        return False
    return bool(getattr(value, "ndim", 1))


def table(values: Any) -> pd.DataFrame:
    """Return a frame of an array with two axes, its columns numbered; a frame as it is.

    Raises
    ------
    InputError
        If it has another number of axes.
    """
    import pandas as pd

    if isinstance(values, pd.DataFrame):
        return values
    if getattr(values, "ndim", 0) != 2:
        raise InputError(
            f"data must be a DataFrame, a file or an array with two axes, not "
            f"{type(values).__name__}"
        )
    return pd.DataFrame(values)


def gather(
    data: pd.DataFrame | None,
    one: Mapping[str, Any],
    several: Mapping[str, Any] | None = None,
) -> Gathered:
    """Put arrays beside the columns of `data`, or together where there is no data.

    Parameters
    ----------
    data : DataFrame, optional
        Columns that are numbered, as those of an array are, are called by the numbers' texts.
    one : mapping of str to object
        What was given for each role that has one column: its name, an `Array`, or values.
    several : mapping of str to object, optional
        What was given for each role that may have several: also a table, or a list of these.

    Raises
    ------
    InputError
        If lengths differ, or indexes contradict each other, or a name has no data to be of.

    Examples
    --------
    >>> found = gather(None, {"label": [0, 1]}, {"sensitive": [["f", "m"], ["a", "b"]]})
    >>> found.columns
    {'label': ('label',), 'sensitive': ('sensitive_0', 'sensitive_1')}
    """
    data = data if data is None else _called_by_text(data)
    columns = () if data is None else tuple(data.columns)
    size = None if data is None else len(data)
    parts = {role: _parts(role, given, columns, size, many=False) for role, given in one.items()}
    more = (several or {}).items()
    parts |= {role: _parts(role, given, columns, size, many=True) for role, given in more}
    if data is None:
        _refuse_names(parts)
    return _put_together(data, parts)


def _called_by_text(data: pd.DataFrame) -> pd.DataFrame:
    if all(isinstance(column, str) for column in data.columns):
        return data
    return data.set_axis([str(column) for column in data.columns], axis=1)


def _parts(
    role: str, given: Any, columns: Sequence[Any], size: int | None, *, many: bool
) -> list[str | Array]:
    """Return the names and the single columns that a role was given."""
    if given is None or (many and isinstance(given, list | tuple) and not given):
        return []
    name, values = (given.name, given.values) if isinstance(given, Array) else ("", given)
    if isinstance(values, str) or (name and name in columns):
        return [name or values]
    if _numbers_column(values, columns):
        return [str(values)]
    if not is_array(values):
        raise InputError(
            f"{name or role} must be a column or an array, not {type(values).__name__}"
        )
    if many and isinstance(values, list | tuple) and _lists_parts(values, columns, size):
        called = name or role
        return [
            part
            for index, each in enumerate(values)
            for part in _parts(_numbered(called, index, values), each, columns, size, many=True)
        ]
    own = getattr(values, "name", None)
    single = _columns_of(name or str(role if own is None else own), values)
    if len(single) != 1 and not many:
        hint = "of the probabilities of two classes, take the positive one's: proba[:, 1]"
        raise InputError(
            f"{name or role} has {len(single)} columns, not one",
            hint=hint if role in ("prediction", "score") else "",
        )
    return [*single]


def _lists_parts(values: Sequence[Any], columns: Sequence[Any], size: int | None) -> bool:
    """Tell a list of features from a list of one feature's values."""
    if all(_numbers_column(each, columns) for each in values):
        return len(values) != size
    if all(isinstance(each, str) for each in values):
        return size is not None and (len(values) != size or set(values) <= set(columns))
    return any(isinstance(each, Array) or is_array(each) for each in values)


def _numbers_column(value: Any, columns: Sequence[Any]) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and str(value) in columns


def _numbered(name: str, index: int, values: Sequence[Any]) -> str:
    return name if len(values) == 1 else f"{name}_{index}"


def _columns_of(name: str, values: Any) -> list[Array]:
    """Return the columns of what has one or two axes."""
    if hasattr(values, "columns") and hasattr(values, "iloc"):
        return [Array(str(key), values.iloc[:, at]) for at, key in enumerate(values.columns)]
    axes = getattr(values, "ndim", 1)
    if axes > 2:
        raise InputError(f"{name} has {axes} axes, not one")
    if axes == 2:
        width = values.shape[1]
        return [Array(name if width == 1 else f"{name}_{i}", values[:, i]) for i in range(width)]
    return [Array(name, values)]


def _refuse_names(parts: Mapping[str, Sequence[str | Array]]) -> None:
    for role, given in parts.items():
        for part in given:
            if isinstance(part, str):
                raise InputError(
                    f"{role} {part!r} is a name, and no data is given with such a column",
                    hint="name the data first; arrays are given in a notebook or in Python",
                )


def _put_together(
    data: pd.DataFrame | None, parts: Mapping[str, Sequence[str | Array]]
) -> Gathered:
    import pandas as pd

    taken = {} if data is None else dict.fromkeys(data.columns)
    added: dict[str, Array] = {}
    columns: dict[str, tuple[str, ...]] = {}
    for role, given in parts.items():
        named = []
        for part in given:
            if isinstance(part, Array):
                name = _free(part, role, taken, added)
                added[name] = part
                named.append(name)
            else:
                named.append(part)
        columns[role] = tuple(named)
    if data is not None and not added:
        return Gathered(data, columns)
    whole = {} if data is None else {_DATA: data}
    _check_lengths({**whole, **{name: each.values for name, each in added.items()}})
    placed: dict[str, Any] = {**whole, **{name: _series(each) for name, each in added.items()}}
    indexes = {name: each.index for name, each in placed.items() if _is_indexed(name, added)}
    order, notes = _order(indexes, all_have=len(indexes) == len(placed))
    if order is not None:
        placed = {name: each.reindex(order) for name, each in placed.items()}
    bare = {name: each.reset_index(drop=True) for name, each in placed.items()}
    first = [bare.pop(_DATA)] if data is not None else []
    return Gathered(pd.concat([*first, pd.DataFrame(bare)], axis=1), columns, notes)


_DATA = "the data"


def _is_indexed(name: str, added: Mapping[str, Array]) -> bool:
    import pandas as pd

    return name not in added or isinstance(added[name].values, pd.Series)


def _series(array: Array) -> pd.Series[Any]:
    """Return the values as a Series, with their own index where they have one."""
    import pandas as pd

    if isinstance(array.values, pd.Series):
        return array.values
    values = array.values if isinstance(array.values, list | tuple) else _as_array(array.values)
    if isinstance(values, list | tuple) and any(is_array(each) for each in values):
        raise InputError(f"{array.name} holds lists, not one value a row")
    return pd.Series(list(values) if isinstance(values, tuple) else values)


def _as_array(values: Any) -> Any:
    """Return what pandas reads: its own arrays as they are, others (torch, polars) by numpy."""
    import numpy as np
    from pandas.api.extensions import ExtensionArray

    return values if isinstance(values, ExtensionArray) else np.asarray(values)


def _free(part: Array, role: str, taken: Mapping[Any, None], added: Mapping[str, Array]) -> str:
    """Return a name that no other column has; the same values keep theirs."""
    name = part.name
    while name in taken or (name in added and added[name].values is not part.values):
        name = f"{name} ({role})"
    return name


def _check_lengths(columns: Mapping[str, Any]) -> None:
    (first, known), *rest = columns.items()
    for name, values in rest:
        if len(values) != len(known):
            raise InputError(f"{name} has {len(values):,} rows, and {first} {len(known):,}")


def _order(
    indexes: Mapping[str, pd.Index[Any]], *, all_have: bool
) -> tuple[pd.Index[Any] | None, tuple[str, ...]]:
    """Return the index that all are to be put in the order of; None to go by position.

    An index that only numbers the rows from 0 says nothing, unless another has the same numbers in
    another order.
    """
    import pandas as pd

    speaking = {
        name: index
        for name, index in indexes.items()
        if not index.equals(pd.RangeIndex(len(index)))
    }
    if not speaking:
        return None, ()
    (first, index), *_ = speaking.items()
    others = [(name, each) for name, each in indexes.items() if not each.equals(index)]
    alike = [name for name, each in others if _same_set(each, index)]
    if not alike and not any(name in speaking for name, _ in others):
        return None, ()
    if len(alike) < len([name for name, _ in others if name in speaking]):
        name = next(n for n, _ in others if n in speaking and n not in alike)
        raise InputError(
            f"{name} and {first} have different indexes, which don't say what belongs together",
            hint="give them one index, or go by position with .to_numpy()",
        )
    if not all_have or any(name not in speaking for name, _ in others):
        raise InputError(
            f"{alike[0]} and {first} have the same index in different orders: it can't be told "
            "whether their rows belong together by index or by position",
            hint="give everything the same index, or go by position with .to_numpy()",
        )
    return index, (f"{', '.join([*alike, first])} were put in one order by their index.",)


def _same_set(one: pd.Index[Any], other: pd.Index[Any]) -> bool:
    return one.is_unique and other.is_unique and len(one.difference(other)) == 0
