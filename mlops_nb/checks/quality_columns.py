"""What is looked at in any data, with nothing configured, alone and against a reference."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import quality_findings as say
from mlops_nb.checks.quality_findings import finding
from mlops_nb.core.records import Finding
from mlops_nb.core.words import quoted, shortened, written

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

EXAMPLES = 5  # values shown of those that fail
FEW_ROWS = 100  # in which values may all differ and be no identifier
HEAD = 1000  # rows that tell most columns from constant and from unique ones
IDENTIFIER = 0.99  # share of distinct values from which a column looks like an identifier
FREE_TEXT = 0.5  # share of distinct values from which unseen ones are no surprise


def look(data: pd.DataFrame) -> Iterator[Finding]:
    """Yield what is found in a frame on its own."""
    from concurrent.futures import ThreadPoolExecutor

    rows, empty = len(data), data.size == 0
    yield say.size(rows, data.shape[1])
    yield from duplicate_names([name for name, _ in named(data)])
    if empty:
        return
    yield from _guarded(None, data.dtypes, _duplicate_rows(data))
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:

        def found_in(pair: tuple[str, pd.Series[Any]]) -> list[Finding]:
            name, column = pair
            return list(_guarded(name, [column.dtype], _column(name, column)))

        for found in pool.map(found_in, named(data)):
            yield from found


def compare(data: pd.DataFrame, reference: pd.DataFrame, reference_name: str) -> Iterator[Finding]:
    """Yield what is different from a reference: columns, types, levels and ranges."""
    present, known = dict(named(data)), dict(named(reference))
    yield from say.columns_changed(present, known, reference_name)
    if data.size and not len(reference):
        yield say.no_rows(reference_name)
    for name, column in present.items():
        if name not in known:
            yield say.extra_column(name, reference_name)
        elif data.size and len(reference):
            both = [column.dtype, known[name].dtype]
            against = _against(name, column, known[name], reference_name)
            yield from _guarded(name, both, against)


def _guarded(
    name: str | None, dtypes: Iterable[Any], findings: Iterator[Finding]
) -> Iterator[Finding]:
    """Yield findings, and one that says so where values of a user's own type end it."""
    try:
        yield from findings
    except Exception as error:
        if not any(dtype.name == "object" for dtype in dtypes):
            raise
        what = "the rows" if name is None else quoted(name)
        note = f"{what} can't be compared: {shortened(written(error), 120)}"
        yield finding("unreadable", name, None, None, failed=True, note=note)


def named(frame: pd.DataFrame) -> Iterator[tuple[str, pd.Series[Any]]]:
    """Yield each column under its name as text, whatever it is called in pandas."""
    for position, label in enumerate(frame.columns):
        yield str(label), frame.iloc[:, position]


def kind(column: pd.Series[Any]) -> str:
    """Return what a column holds: number, text, boolean, datetime, ... or "" where nothing.

    The kind is of the values, not of their storage: text is text as object, string or category.

    Examples
    --------
    >>> import pandas as pd
    >>> kind(pd.Series(["a", None])), kind(pd.Series([1, 2], dtype="category"))
    ('text', 'number')
    """
    import pandas as pd
    from pandas.api import types

    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return kind(dtype.categories.to_series())
    for is_kind, word in (
        (types.is_bool_dtype, "boolean"),
        (types.is_complex_dtype, "complex"),
        (types.is_numeric_dtype, "number"),
        (types.is_datetime64_any_dtype, "datetime"),
    ):
        if dtype.name != "object" and is_kind(dtype):
            return word if column.notna().any() else ""
    inferred = types.infer_dtype(column, skipna=True)
    return _KINDS.get(inferred, inferred)


_KINDS = {
    "empty": "",
    "string": "text",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "date": "datetime",
    "datetime64": "datetime",
}


def failing_rows(column: pd.Series[Any], failing: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Return the evidence of rows that fail: their count, share, and some values as text."""
    count = int(failing.sum())
    shown = dict.fromkeys(shortened(written(value)) for value in column[failing].head(HEAD))
    return {
        "count": count,
        "share": count / len(failing) if len(failing) else 0.0,
        "examples": list(shown)[:EXAMPLES],
    }


def hashable(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the column with its values as text if they can't be counted as they are."""
    try:
        column.head(HEAD).nunique()
        if column.dtype.name == "object":
            column.nunique()
    except Exception:  # noqa: BLE001 - values compare by their own code, which may raise anything
        return _as_text(column)
    return column


def _as_text(column: pd.Series[Any]) -> pd.Series[Any]:
    return column.map(lambda value: written(value, repr), na_action="ignore")


def duplicate_names(names: list[str]) -> Iterator[Finding]:
    """Say which names several columns have."""
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        note = f"{names.count(name)} columns are called {quoted(name)}"
        yield finding(
            "duplicate_name", name, names.count(name), 1, failed=True, severity="error", note=note
        )


def _duplicate_rows(data: pd.DataFrame) -> Iterator[Finding]:
    duplicated = _duplicated(data)
    count = int(duplicated.sum())
    rows = [f"row {position}" for position in duplicated.nonzero()[0][:EXAMPLES]]
    yield say.duplicate_rows(count, len(data), rows)


def _duplicated(data: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell which rows repeat an earlier one.

    Rows are hashed column by column, those that tell most rows apart first: what is alone by then
    repeats nothing, and is looked at no more. What is left at the end is compared exactly.
    """
    import numpy as np
    import pandas as pd

    columns = [column for _, column in named(data)]
    columns.sort(key=lambda column: -hashable(column.head(HEAD)).nunique())
    suspects = np.arange(len(data))
    hashes: Any = np.zeros(len(data), dtype=np.uint64)
    for column in columns:
        some = countable(column if len(suspects) == len(data) else column.iloc[suspects])
        hashes = hashes * np.uint64(31) + pd.util.hash_pandas_object(some, index=False).to_numpy()
        again = pd.Series(hashes).duplicated(keep=False).to_numpy()
        suspects, hashes = suspects[again], hashes[again]
        if not len(suspects):
            break
    duplicated = np.zeros(len(data), dtype=bool)
    rows = [countable(column.iloc[suspects]) for column in columns]
    plain = pd.DataFrame({place: row.reset_index(drop=True) for place, row in enumerate(rows)})
    duplicated[suspects] = plain.duplicated().to_numpy()
    return duplicated


def countable(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column with its values as they can be hashed and compared."""
    if column.dtype.name in ("float64", "float32"):
        return column + 0.0  # 0 and -0 are one number, and have one hash then
    # Objects that are no text may not be hashable, or be numbers that are too large for hashing.
    is_odd = column.dtype.name == "object" and kind(column) != "text"
    return _as_text(column) if is_odd else column


def _column(name: str, column: pd.Series[Any]) -> Iterator[Finding]:
    missing = column.isna().to_numpy()
    count, share = int(missing.sum()), float(missing.mean())
    yield say.missing(name, count, share)
    if count == len(column):
        yield say.all_missing(name)
        return
    # Text and numbers can be counted as they are; the rest is tried.
    word = kind(column)
    values = column[~missing] if count else column
    values = values if word in ("number", "text") else hashable(values)
    yield from _constant(name, values)
    yield from _mixed_types(name, values, word)
    yield from _infinite(name, column)
    yield from _near_unique(name, values, word)


def _constant(name: str, values: pd.Series[Any]) -> Iterator[Finding]:
    if len(values) > 1 and values.head(HEAD).nunique() == 1 and values.nunique() == 1:
        yield say.constant(name, say.shown(values.iloc[0]))


def _mixed_types(name: str, values: pd.Series[Any], word: str) -> Iterator[Finding]:
    if values.dtype.name != "object" or not word.startswith("mixed"):
        return
    types = values.map(lambda value: type(value).__name__).value_counts()
    shown = {str(word): int(n) for word, n in types.items()}
    yield say.mixed_types(name, shown)


def _infinite(name: str, column: pd.Series[Any]) -> Iterator[Finding]:
    import numpy as np
    from pandas.api import types

    if column.dtype.name == "object" or not types.is_float_dtype(column.dtype):
        return
    infinite = np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan))
    if infinite.any():
        yield say.infinite(name, failing_rows(column, infinite))


def _near_unique(name: str, values: pd.Series[Any], word: str) -> Iterator[Finding]:
    from pandas.api import types

    # Measurements and instants differ in every row and are no identifiers.
    if len(values) < FEW_ROWS or types.is_float_dtype(values.dtype):
        return
    if word not in ("number", "text"):
        return
    head = values.head(HEAD)
    if head.nunique() < IDENTIFIER * len(head):
        return
    share = values.nunique() / len(values)
    if share >= IDENTIFIER:
        yield say.near_unique(name, share)


def _against(
    name: str, column: pd.Series[Any], known: pd.Series[Any], reference_name: str
) -> Iterator[Finding]:
    more, before = float(column.isna().mean()), float(known.isna().mean())
    yield from say.more_missing(name, more, before, reference_name)
    found, expected = kind(column), kind(known)
    if not found or not expected:
        return
    types = (str(column.dtype), str(known.dtype))
    if found != expected:
        words = (f"{found} values", expected)
        yield say.type_changed(name, words, types, reference_name, "error")
        return
    if found == "number":
        yield from number_changed(name, column, known, reference_name)
        yield from _out_of_range(name, column, known, reference_name)
    elif found in ("text", "boolean"):
        yield from _unseen_values(name, column, known, reference_name)
    elif found == "datetime":
        aware = (has_zone(column), has_zone(known))
        yield from say.zones_changed(name, aware, types, reference_name)


def has_zone(column: pd.Series[Any]) -> bool:
    """Tell whether dates have a time zone; of objects, the first says it for all."""
    first = column.dropna().head(1)
    return any(getattr(value, "tzinfo", None) is not None for value in first)


def number_changed(
    name: str, column: pd.Series[Any], known: pd.Series[Any], reference_name: str
) -> Iterator[Finding]:
    """Say whether whole numbers became fractions, or the other way round."""
    from pandas.api.types import is_integer_dtype

    def word(series: pd.Series[Any]) -> str:
        return "whole numbers" if is_integer_dtype(series.dtype) else "fractions"

    if word(column) != word(known):
        types = (str(column.dtype), str(known.dtype))
        yield say.type_changed(name, (word(column), word(known)), types, reference_name, "warning")


def _out_of_range(
    name: str, column: pd.Series[Any], known: pd.Series[Any], reference_name: str
) -> Iterator[Finding]:
    import numpy as np

    try:
        values, seen = finite_or_nan(column), finite_or_nan(known)
    except OverflowError:  # whole numbers beyond any float have no range that we could tell
        return
    if np.isnan(seen).all():
        return
    low, high = float(np.nanmin(seen)), float(np.nanmax(seen))
    beyond = (values < low) | (values > high)
    if not beyond.any():
        return
    yield say.out_of_range(name, failing_rows(column, beyond), low, high, reference_name)


def finite_or_nan(column: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column's numbers as floats, with NaN where one is missing or infinite."""
    import numpy as np

    values = column.astype(object) if column.dtype.name == "category" else column
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(floats), floats, np.nan)


def _unseen_values(
    name: str, column: pd.Series[Any], known: pd.Series[Any], reference_name: str
) -> Iterator[Finding]:
    levels = known.dropna().unique()
    if len(levels) > FREE_TEXT * known.notna().sum():
        return
    unseen = (~column.isin(list(levels)) & column.notna()).to_numpy(dtype=bool)
    if not unseen.any():
        return
    yield say.unseen_values(name, failing_rows(column, unseen), reference_name)
