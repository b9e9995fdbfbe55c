"""Drift of one column: its type, the method that fits, the score and the verdict.

Type, method, threshold and score are those of Evidently 0.7.23's ``DataDriftPreset`` with its
defaults (its source: ``infer_column_type`` in ``evidently/core/datasets.py`` and
``_get_default_stattest`` in ``evidently/legacy/calculations/stattests/registry.py``). Where
Evidently raises, the column gets an *insufficient* finding whose note says why; a type that it
passes over is judged all the same where its values are plain numbers, booleans or text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_choices import KINDS, Choices
from mlops_nb.checks.drift_evidence import interval
from mlops_nb.checks.drift_methods import Comparison, compare
from mlops_nb.checks.drift_samples import (
    Column,
    Levels,
    Numbers,
    Sample,
    StoredColumn,
    UnjudgeableError,
)
from mlops_nb.checks.drift_text import compare_texts
from mlops_nb.checks.drift_words import histogram, sentence
from mlops_nb.core.errors import MlopsError
from mlops_nb.core.records import Finding
from mlops_nb.core.words import number, percent, quoted, shortened, written

if TYPE_CHECKING:
    import pandas as pd

FEW = 1000  # values that answer for most columns, at a thousandth of the cost
MUCH_MISSING = 0.05  # change in the share of missing values that is told, as in `quality`
FEW_INTEGERS = 10  # whole numbers with no more distinct values than this are categories
NO_CHOICES = Choices()


def judge(
    name: str,
    reference: pd.Series[Any] | StoredColumn | None,
    current: pd.Series[Any] | None,
    *,
    choices: Choices = NO_CHOICES,
    confidence: float = 0.0,
    names: tuple[str, str] = ("reference", "current"),
) -> Finding:
    """Compare one column of two frames.

    Parameters
    ----------
    name : str
        The column's name, for the finding.
    reference, current : pandas.Series or None
        Of any type and length; None where the frame lacks the column. The reference may be a
        column of a profile.
    choices : Choices
        Its method, threshold and type, where they are not Evidently's defaults.
    confidence : float
        Of the interval of its distance; 0: none is made.
    names : (str, str)
        What the two frames are called in notes.

    Returns
    -------
    Finding
        Value, limit and status of a judged column; *insufficient* without a value where it can't
        be judged; *pass* without value and limit where its type is passed over. `evidence` has
        ``method``, ``drifted`` (None where not judged), ``threshold``, ``type``, ``counted``
        (whether Evidently counts the column in its share), ``n_reference`` and ``n_current``
        (values compared), ``missing_reference``, ``missing_current``, ``sentence``, ``histogram``
        and, where there is something to know, ``note``.

    Raises
    ------
    InputError
        If the method that was chosen is not for columns of this type.

    Examples
    --------
    >>> import pandas as pd
    >>> found = judge("age", pd.Series(range(50)), pd.Series(range(30, 80)))
    >>> found.status, found.evidence["method"], found.evidence["drifted"]
    ('fail', 'K-S p_value', True)
    """
    if current is None or reference is None:
        lacking = names[1] if current is None else names[0]
        return unjudged(name, f"{lacking} has no such column", reference, current)
    try:
        given = Column(current, len(current), names[1])
        kind = choices.types.get(name) or _type_of(given)
        new = _plain_column(given)
        read_as = kind if kind in KINDS else _type_of(new)
        if read_as not in KINDS:
            if current.isna().all():
                return unjudged(name, f"{names[1]} has no value in it", reference, current)
            return passed_over(name, kind, type_name_of(current), reference, current)
        method, limit = choices.method(name, read_as), choices.threshold(name, read_as)
        old = _reference_column(reference, names[0])
        if read_as == "text":
            found = compare_texts(old, new, method, limit)
        else:
            found = compare(read_as, old, new, method, limit)
    except UnjudgeableError as error:
        return unjudged(name, str(error), reference, current)
    except MlopsError:
        raise
    except Exception as error:
        if not is_of_values(error, reference, current):
            raise
        note = f"its values can't be compared: {shortened(written(error))}"
        return unjudged(name, note, reference, current)
    behind = interval(found, confidence) if confidence else {}
    return judged(name, kind, read_as, found, current, behind)


def is_of_values(error: Exception, *columns: pd.Series[Any] | StoredColumn | None) -> bool:
    """Tell whether an error may come from the values of these columns, and not from our code.

    Numbers may be too large for a float; values of a user's own type may raise anything.
    """
    if isinstance(error, TypeError | ValueError | ArithmeticError):
        return True
    return any(str(getattr(column, "dtype", "")) == "object" for column in columns)


def _reference_column(
    reference: pd.Series[Any] | StoredColumn, frame: str
) -> Column | StoredColumn:
    if isinstance(reference, StoredColumn):
        return replace(reference, frame=frame)
    return _plain_column(Column(reference, len(reference), frame))


def _plain_column(column: Column) -> Column:
    if "counted" in column.__dict__ and _are_texts(column.counted.index):
        return column  # as a look at each of its rows would tell
    series = plain(column.series)
    return column if series is column.series else replace(column, series=series)


def _are_texts(levels: pd.Index[Any]) -> bool:
    from pandas.api import types

    return levels.dtype.name == "object" and types.infer_dtype(levels) == "string"


def column_type(series: pd.Series[Any]) -> str:
    """Return the type that Evidently infers: num, cat, text, datetime, list or unknown.

    A copy of its rules, its reading of type names by their beginnings included.

    Examples
    --------
    >>> import pandas as pd
    >>> column_type(pd.Series([1, 2, 3])), column_type(pd.Series([0.5]))
    ('cat', 'num')
    """
    return _type_of(Column(series, len(series), ""))


def _type_of(column: Column) -> str:
    dtype = column.series.dtype.name
    if dtype.startswith("float"):
        return "num"
    if dtype.startswith("int"):
        return "cat" if _few_distinct(column.series) else "num"
    if dtype in ("string", "str"):
        return _text_or_category(column)
    if dtype == "object":
        return _object_type(column)
    if dtype in ("bool", "category"):
        return "cat"
    return "datetime" if dtype.startswith("datetime") else "unknown"


def _object_type(column: Column) -> str:
    ends = _ends(column.series)
    if not ends:
        return "unknown"
    if all(isinstance(value, str) for value in ends):
        return _text_or_category(column)
    return "list" if all(isinstance(value, list | tuple) for value in ends) else "unknown"


def _ends(series: pd.Series[Any]) -> list[Any]:
    """Return the first and the last value that is not missing; nothing where there is none."""
    from pandas import notna

    ends, values = [], series.to_numpy()
    for part, place in ((values[:FEW], 0), (values[-FEW:], -1)):
        kept = part[notna(part)]
        if not len(kept):
            kept = values[notna(values)]
        if not len(kept):
            return []
        ends.append(kept[place])
    return ends


def _few_distinct(series: pd.Series[Any]) -> bool:
    return series.iloc[:FEW].nunique() <= FEW_INTEGERS and series.nunique() <= FEW_INTEGERS


def _text_or_category(column: Column) -> str:
    return "text" if len(column.counted) > column.counted.sum() * 0.5 else "cat"


def plain(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column in the type that comes nearest to it among those that Evidently compares.

    Nullable, unsigned, sparse and pyarrow-backed numbers and booleans, and objects that are all
    numbers or all booleans, become numpy's, and pyarrow's strings become objects, their missing
    values left out. Dates, times and durations become days, as floats (of dates since 1970, in
    UTC); whole numbers beyond 64 bits are floats, too. A column that is plain already, or has no
    such type, is returned as it is.

    Examples
    --------
    >>> import pandas as pd
    >>> plain(pd.Series([1, None], dtype="Int64")).dtype, plain(pd.Series([True, None])).dtype
    (dtype('int64'), dtype('bool'))
    """
    values = _kind_of_values(series)
    if values in _TIMES:
        return _days(series.dropna())
    wanted = _plain_type(series, values)
    if wanted is None:
        return series
    kept = series.dropna()
    if wanted == "int64" and _is_too_large(kept):
        wanted = "float64"
    try:
        return kept.astype(wanted)
    except OverflowError:  # whole numbers beyond 64 bits
        return kept.astype("float64")


def _is_too_large(kept: pd.Series[Any]) -> bool:
    """Tell whether unsigned numbers go beyond what has a sign in 64 bits, where they would wrap."""
    from pandas.api import types

    return types.is_unsigned_integer_dtype(kept.dtype) and len(kept) > 0 and kept.max() >= 2**63


def is_time(series: pd.Series[Any]) -> bool:
    """Tell whether a column holds dates, times or durations."""
    return _kind_of_values(series) in _TIMES


def is_date(series: pd.Series[Any]) -> bool:
    """Tell whether a column holds dates or times, and no durations."""
    return is_time(series) and not _kind_of_values(series).startswith("timedelta")


def _kind_of_values(series: pd.Series[Any]) -> str:
    """Return what pandas calls the values of objects; else the name of the type of one."""
    from pandas.api import types

    dtype: Any = series.dtype
    if dtype.name == "object":
        return str(types.infer_dtype(series, skipna=True))
    if dtype.kind in "mM":
        return "timedelta" if dtype.kind == "m" else "datetime"
    return str(getattr(dtype, "type", object).__name__)


def _days(kept: pd.Series[Any]) -> pd.Series[Any]:
    """Return dates as days since 1970, and durations as days."""
    import pandas as pd

    start = pd.Timestamp(0, tz="UTC")
    dtype: Any = kept.dtype
    if isinstance(dtype, pd.PeriodDtype):
        kept = kept.dt.to_timestamp()
    lasts = dtype.kind == "m" or (
        dtype.name == "object" and pd.api.types.infer_dtype(kept) == "timedelta"
    )
    since = pd.to_timedelta(kept) if lasts else pd.to_datetime(kept, utc=True) - start
    return (since / pd.Timedelta(days=1)).astype("float64")


def as_date(days: float) -> str:
    """Return days since 1970 as the date, with its time where that isn't midnight, in UTC.

    Examples
    --------
    >>> as_date(18262.0), as_date(18262.5)
    ('2020-01-01', '2020-01-01 12:00')
    """
    import pandas as pd

    moment = pd.Timestamp(0) + pd.Timedelta(days=days)
    if moment == moment.normalize():
        return str(moment.date())
    return moment.round("s").isoformat(" ").removesuffix(":00")


def as_days(days: float) -> str:
    """Return a duration in days.

    Examples
    --------
    >>> as_days(1.0)
    '1 days'
    """
    return f"{number(days)} days"


_TIMES = ("datetime", "datetime64", "date", "timedelta", "timedelta64", "Period")


def _plain_type(series: pd.Series[Any], values: str) -> Any:
    import numpy as np
    import pandas as pd
    from pandas.api import types

    dtype: Any = series.dtype
    if dtype.name == "object":
        return _PLAIN_OBJECTS.get(values)
    if isinstance(dtype, np.dtype):
        return "int64" if dtype.kind == "u" else None
    if isinstance(dtype, pd.CategoricalDtype | pd.StringDtype):
        return None
    for is_type, wanted in (
        (types.is_bool_dtype, "bool"),
        (types.is_integer_dtype, "int64"),
        (types.is_float_dtype, "float64"),
    ):
        if is_type(dtype):
            return wanted
    if isinstance(dtype, pd.ArrowDtype) and dtype.type is pd.CategoricalDtype.type:
        return "object"
    return {"Decimal": "float64", "str": "object"}.get(dtype.type.__name__)


_PLAIN_OBJECTS = {
    "boolean": "bool",
    "integer": "int64",
    "floating": "float64",
    "mixed-integer-float": "float64",
    "decimal": "float64",
}


def judged(
    name: str,
    kind: str,
    read_as: str,
    found: Comparison,
    current: pd.Series[Any],
    behind: dict[str, Any],
) -> Finding:
    """Return the finding of a column that was compared, with what is `behind` its score."""
    notes, unit = list(found.notes), ""
    level: Callable[[Any], str] = written
    if kind != read_as:
        if is_time(current):
            unit, level = " days", as_date if is_date(current) else as_days
        passed = f"Evidently passes over columns of type {type_name_of(current)}"
        notes.append(f"{passed}; this is our own judgement")
        if _is_whole(current) and any(map(_is_rounded, (found.reference, found.current))):
            notes.append("whole numbers beyond 64 bits are compared as floats, which round them")
    notes += _of_missing(found.reference, found.current)
    return Finding(
        name,
        name,
        found.score,
        found.limit,
        "fail" if found.drifted else "pass",
        {
            "method": found.method.name,
            "drifted": found.drifted,
            "threshold": found.limit,
            "type": read_as,
            "counted": kind in KINDS,
            "n_reference": found.reference.n,
            "n_current": found.current.n,
            "missing_reference": found.reference.missing,
            "missing_current": found.current.missing,
            "sentence": sentence(name, found, unit, level),
            "histogram": histogram(found, level),
            **behind,
            **({"note": "; ".join(notes)} if notes else {}),
        },
    )


def _is_whole(series: pd.Series[Any]) -> bool:
    from pandas.api.types import is_integer_dtype

    return is_integer_dtype(series.dtype) or _kind_of_values(series) == "integer"


def _is_rounded(sample: Sample) -> bool:
    """Tell whether whole numbers were made floats that can't tell them from their neighbours."""
    match sample:
        case Numbers():
            return sample.finite.dtype.kind == "f" and max(map(abs, sample.ends)) >= 2**53
        case Levels():
            return any(isinstance(level, float) and abs(level) >= 2**53 for level in sample.counts)
    return False


def _of_missing(old: Sample, new: Sample) -> Iterator[str]:
    """Say where many more, or fewer, values are missing: no score counts them."""
    before, after = (sample.missing / sample.rows for sample in (old, new))
    if abs(after - before) >= MUCH_MISSING:
        went = f"from {percent(before)} to {percent(after)} of rows"
        yield f"its missing values, which no score counts, went {went}"


def unjudged(
    name: str,
    note: str,
    reference: pd.Series[Any] | StoredColumn | None,
    current: pd.Series[Any] | StoredColumn | None,
    kind: str = "unknown",
) -> Finding:
    """Return the finding of a column that can't be compared, `note` saying why.

    Of a current column that is a series, the `kind` is that of its values.
    """
    # What only the reference has is no column to Evidently, which reads the current frame.
    if current is not None and not isinstance(current, StoredColumn):
        kind = type_or_unknown(current)
    evidence = {
        "counted": kind in KINDS,
        "sentence": f"{quoted(name)} can't be judged: {note}",
        "note": note,
    }
    evidence = _without_score(kind, reference, current) | evidence
    return Finding(name, name, status="insufficient", evidence=evidence)


def type_or_unknown(series: pd.Series[Any]) -> str:
    """Return the type that Evidently infers; unknown where values can't be counted."""
    try:
        return column_type(series)
    except Exception:  # noqa: BLE001 - values that can't be counted, such as lists among texts
        return "unknown"


def passed_over(
    name: str,
    kind: str,
    type_name: str,
    reference: pd.Series[Any] | StoredColumn | None,
    current: pd.Series[Any] | StoredColumn | None,
) -> Finding:
    """Return the finding of a column of a type that nobody compares."""
    note = f"Evidently passes over columns of type {type_name}, and so do we"
    evidence = {
        "counted": False,
        "sentence": f"{quoted(name)} was not compared: its type, {type_name}, is passed over",
        "note": note,
    }
    return Finding(name, name, evidence=_without_score(kind, reference, current) | evidence)


def type_name_of(series: pd.Series[Any]) -> str:
    """Return what pandas calls a column's type, and of objects their values'."""
    from pandas.api.types import infer_dtype

    name = str(series.dtype)
    return f"{name} ({infer_dtype(series, skipna=True)})" if name == "object" else name


def _without_score(
    kind: str,
    reference: pd.Series[Any] | StoredColumn | None,
    current: pd.Series[Any] | StoredColumn | None,
) -> dict[str, Any]:
    evidence: dict[str, Any] = {"method": None, "drifted": None, "threshold": None, "type": kind}
    for side, series in (("reference", reference), ("current", current)):
        if isinstance(series, StoredColumn):
            rows, present = series.rows, series.present
        else:
            rows = 0 if series is None else len(series)
            present = 0 if series is None else present_in(series)
        evidence[f"n_{side}"] = present
        evidence[f"missing_{side}"] = rows - present
    return evidence


def present_in(series: pd.Series[Any]) -> int:
    """Return how many values are not missing."""
    try:
        return int(series.notna().sum())
    except ArithmeticError:  # pandas can't ask a decimal's signalling NaN whether it is missing
        return len(series)
