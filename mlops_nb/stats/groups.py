"""Sorting rows into groups by the values of some columns, and counting outcomes by group.

One pass over the rows makes a small table of counts (group × truth × prediction); every rate, gap
and bootstrap draw is then made from the counts, at a cost that doesn't depend on the rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

MISSING = "(missing)"
OTHER = "(other)"
MAX_GROUPS = 50
MAX_NUMBERS = 20
QUARTILES = (0.25, 0.5, 0.75)

Key = tuple[str, ...]
Cut = tuple[Any, ...]


@dataclass(frozen=True)
class Grouping:
    """How rows are sorted into groups, learned once and applied to any frame with those columns.

    Parameters
    ----------
    columns : tuple of str
        The columns whose values, together, make a group (an intersection where there are several).
    groups : tuple of tuple of str
        The groups, each as its values' texts, in the order of `columns`.
    edges : mapping of str to tuple of float, datetime64 or timedelta64
        The quartiles of each column that was cut into four: numbers, dates or durations with more
        than `MAX_NUMBERS` values. Of dates and durations these are values that occur.
    merged : int
        How many small groups were put together as ``(other)``, where there were more than
        `MAX_GROUPS`.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"sex": ["f", "m", None], "age": [1, 2, 2]})
    >>> grouping, codes = Grouping.learn(frame, ["sex", "age"])
    >>> grouping.groups
    (('f', '1'), ('m', '2'), ('(missing)', '2'))
    >>> codes.tolist()
    [0, 1, 2]
    >>> grouping.codes(frame[1:]).tolist()
    [1, 2]
    """

    columns: tuple[str, ...]
    groups: tuple[Key, ...]
    edges: Mapping[str, Cut]
    merged: int = 0

    @classmethod
    def learn(
        cls, frame: pd.DataFrame, columns: Sequence[str]
    ) -> tuple[Grouping, NDArray[np.intp]]:
        """Find the groups that `frame` has, and each row's index among them.

        Missing values make a group of their own. Numbers, dates and durations with more than
        `MAX_NUMBERS` values are cut at their quartiles; of more than `MAX_GROUPS` groups the
        largest are kept and the rest becomes one.
        """
        edges = {}
        for column in columns:
            cut = _quartiles(frame[column])
            if cut:
                edges[column] = cut
        codes, keys = _joint(frame, columns, edges)
        merged = 0
        if len(keys) > MAX_GROUPS:
            sizes = np.bincount(codes, minlength=len(keys))
            largest = np.sort(np.argsort(-sizes, kind="stable")[: MAX_GROUPS - 1])
            merged = len(keys) - len(largest)
            place = np.full(len(keys), len(largest), dtype=np.intp)
            place[largest] = np.arange(len(largest))
            codes = place[codes]
            keys = [*(keys[i] for i in largest), _other(columns)]
        return cls(tuple(columns), tuple(keys), edges, merged), codes

    def codes(self, frame: pd.DataFrame) -> NDArray[np.intp]:
        """Return each row's index in `groups`; -1 where its group was not there when learned."""
        codes, keys = _joint(frame, self.columns, self.edges)
        known = {key: index for index, key in enumerate(self.groups)}
        unknown = known.get(_other(self.columns), -1)
        table = np.array([known.get(key, unknown) for key in keys], dtype=np.intp)
        return table[codes] if len(keys) else np.empty(0, dtype=np.intp)

    def merging(self, labels: Iterable[str]) -> Grouping:
        """Return the same with the groups of some labels put together as ``(other)``."""
        other, gone = _other(self.columns), set(labels)
        named = zip(self.groups, self.labels, strict=True)
        kept = [key for key, label in named if label not in gone and key != other]
        merged = self.merged + len(self.groups) - len(kept)
        return replace(self, groups=(*kept, other), merged=merged)

    @property
    def labels(self) -> tuple[str, ...]:
        """Each group's name: its values, joined by commas."""
        return tuple(", ".join(key) for key in self.groups)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each thing that was done to the values before grouping."""
        said = [
            f"{column} has more than {MAX_NUMBERS} different {_noun(cut[0])} and was cut at its "
            f"quartiles ({', '.join(map(_edge, cut))})."
            for column, cut in self.edges.items()
        ]
        if self.merged:
            said.append(
                f"There are more than {MAX_GROUPS} groups: the {self.merged:,} smallest were put "
                f"together as {OTHER}."
            )
        return tuple(said)


def confusion_counts(
    groups: NDArray[np.intp],
    truth: NDArray[Any],
    prediction: NDArray[Any],
    *,
    n_groups: int,
    n_classes: int = 2,
) -> NDArray[np.int64]:
    """Count the rows of each group by truth and prediction, in one pass.

    Parameters
    ----------
    groups, truth, prediction : integer arrays of shape (rows,)
        Group, true class and predicted class of each row, each from 0.

    Returns
    -------
    array of shape (n_groups, n_classes, n_classes)
        ``counts[g, t, p]``: rows of group `g` with truth `t` that were predicted `p`.

    Examples
    --------
    >>> confusion_counts(np.array([0, 0]), np.array([1, 1]), np.array([1, 0]), n_groups=1)[0]
    array([[0, 0],
           [1, 1]])
    """
    cell = (groups * n_classes + truth) * n_classes + prediction
    counts = np.bincount(cell, minlength=n_groups * n_classes * n_classes)
    return counts.reshape(n_groups, n_classes, n_classes).astype(np.int64)


def _joint(
    frame: pd.DataFrame, columns: Sequence[str], edges: Mapping[str, Cut]
) -> tuple[NDArray[np.intp], list[Key]]:
    """Return each row's index among the combinations that occur, and these, in order."""
    import pandas as pd

    parts = [_levels(frame[column], edges.get(column)) for column in columns]
    sizes = [max(len(texts), 1) for _, texts in parts]
    joined = np.zeros(len(frame), dtype=np.int64)
    for (codes, _), size in zip(parts, sizes, strict=True):
        joined = joined * size + codes
    rows, found = pd.factorize(joined, sort=True)
    keys = [
        tuple(texts[i] for i, (_, texts) in zip(index, parts, strict=True))
        for index in zip(*np.unravel_index(found, sizes), strict=True)
    ]
    return rows, keys


def _levels(column: pd.Series[Any], cut: Cut | None) -> tuple[NDArray[np.intp], list[str]]:
    """Return each row's index among the column's values, and their texts; missing comes last."""
    import pandas as pd

    if cut:
        values = _like(cut, column)
        codes = np.searchsorted(np.array(cut), values, side="left")
        texts = _interval_texts(cut)
        missing = np.isnan(values) if values.dtype.kind == "f" else np.isnat(values)
    else:
        codes, found = pd.factorize(column)
        order = _order(found)
        place = np.empty(len(order) + 1, dtype=np.intp)
        place[order] = np.arange(len(order))
        texts = [_text(found[i]) for i in order]
        missing = codes < 0
        codes = place[codes]
    if missing.any():
        codes = np.where(missing, len(texts), codes)
        texts.append(MISSING)
    return codes.astype(np.intp), texts


def _order(values: Iterable[Any]) -> list[int]:
    items = list(values)
    try:
        return sorted(range(len(items)), key=items.__getitem__)
    except TypeError:  # of mixed types
        return sorted(range(len(items)), key=lambda i: str(items[i]))


def _quartiles(column: pd.Series[Any]) -> Cut | None:
    """Return where to cut a column of many numbers or dates; None where it stays as it is."""
    import pandas as pd

    values = _continuous(column)
    if values is None:
        return None
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        if len(pd.unique(finite)) <= MAX_NUMBERS:
            return None
        return tuple(float(edge) for edge in np.unique(np.quantile(finite, QUARTILES)))
    known = np.sort(values[~np.isnat(values)])
    if len(pd.unique(known)) <= MAX_NUMBERS:
        return None
    # A mean of two dates is none that occurs; the nearest below cuts the same rows apart.
    return tuple(np.unique(known[[int(share * (len(known) - 1)) for share in QUARTILES]]))


def _continuous(column: pd.Series[Any]) -> NDArray[Any] | None:
    """Return a column of numbers, dates or durations as an array; None of another.

    Dates with a time zone are taken as its clocks show them.
    """
    import pandas as pd

    types = pd.api.types
    if types.is_bool_dtype(column) or isinstance(column.dtype, pd.CategoricalDtype):
        return None
    if types.is_numeric_dtype(column):
        return _numbers(column)
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    kind = types.infer_dtype(column, skipna=True)
    if kind == "decimal":
        return _numbers(column.astype(object))
    if kind in ("timedelta", "timedelta64"):
        return pd.to_timedelta(column).to_numpy(dtype="timedelta64[us]")
    if kind not in ("date", "datetime", "datetime64"):
        return None
    if types.is_datetime64_any_dtype(column):
        clock: NDArray[Any] = column.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
        return clock
    # Not by pandas, for which 9999-12-31, which stands for "no end", may be too far.
    objects = column.astype(object)
    clocks = [d.replace(tzinfo=None) if hasattr(d, "tzinfo") else d for d in objects.dropna()]
    dates = np.full(len(column), "NaT", dtype="datetime64[us]")
    dates[column.notna().to_numpy()] = np.array(clocks, dtype="datetime64[us]")
    return dates


def _like(cut: Cut, column: pd.Series[Any]) -> NDArray[Any]:
    """Return a column as an array of what it was cut by, also one without a value."""
    import pandas as pd

    if _noun(cut[0]) == "numbers":
        return _numbers(column)
    values = _continuous(column)
    if values is None:
        read = pd.to_datetime if _noun(cut[0]) == "dates" else pd.to_timedelta
        values = read(column).to_numpy(dtype=cut[0].dtype)
    return values


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _noun(edge: Any) -> str:
    if isinstance(edge, np.datetime64):
        return "dates"
    return "durations" if isinstance(edge, np.timedelta64) else "numbers"


def _edge(edge: Any) -> str:
    if isinstance(edge, np.datetime64):
        return str(np.datetime_as_string(edge, unit="auto")).replace("T", " ")
    if isinstance(edge, np.timedelta64):
        return str(edge.item()).removesuffix(", 0:00:00")
    return f"{edge:g}"


def _interval_texts(cut: Cut) -> list[str]:
    shown = [_edge(edge) for edge in cut]
    between = [f"over {low} to {high}" for low, high in itertools.pairwise(shown)]
    return [f"to {shown[0]}", *between, f"over {shown[-1]}"]


def _text(value: Any) -> str:
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def _other(columns: Sequence[str]) -> Key:
    return (OTHER,) * len(columns)
