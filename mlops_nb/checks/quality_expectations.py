"""What is expected of data: a table of checks, one small function each.

An expectation is a table of `mlops.toml`::

    [[quality.expect]]
    column = "AGE"
    check = "range"
    min = 18
    max = 110
    max_share = 0.01     # of rows that may fail; 0 unless given
    severity = "error"   # or "warning"

Checks of single rows pass over missing values, which are `not_null`'s business. `CHECKS` is the
table: each check with its settings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import quality_settings as settings_of
from mlops_nb.checks.quality_columns import (
    EXAMPLES,
    failing_rows,
    hashable,
    kind,
    named,
)
from mlops_nb.checks.quality_expression import Expression, evaluate
from mlops_nb.checks.quality_findings import finding
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.nearest import suggest
from mlops_nb.core.records import Finding, now
from mlops_nb.core.words import number, percent, quoted, shortened, written

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SEVERITIES = ("error", "warning")
COMMON = ("column", "check", "severity")
REPEATED = "occur more than once"
NO_DATE = "there is no date in it"
Settings = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says: the value found, its limit, whether it fails, and a sentence."""

    value: Any
    limit: Any
    failed: bool
    note: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    what: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table: what is run, and the settings it has with their readers.

    `judge` gets the column, or the frame where the check is `of_frame`, and the settings. Of the
    settings in `one_of`, at least one must be given.
    """

    judge: Callable[[Any, Settings], Verdict]
    settings: Mapping[str, Callable[[Any], Any]]
    one_of: tuple[str, ...] = ()
    of_frame: bool = False


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation that was read: its check, its column, and its settings."""

    name: str
    check: Check
    column: str | None
    severity: str
    settings: Settings
    given: Mapping[str, Any]


def read(given: Mapping[str, Any]) -> Expectation:
    """Read one expectation, and refuse what its check doesn't know.

    Raises
    ------
    InputError
        If the check or a setting is unknown, missing, or of the wrong kind.

    Examples
    --------
    >>> read({"column": "age", "check": "rnage", "min": 18})
    Traceback (most recent call last):
    ...
    mlops_nb.core.errors.NotFoundError: unknown check 'rnage'; did you mean 'range'?
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("check"), str):
        hint = f"there is {', '.join(CHECKS)}"
        raise InputError(f"an expectation must be a table with a check, not {given!r}", hint=hint)
    name = given["check"]
    if name not in CHECKS:
        raise NotFoundError.among("check", name, CHECKS)
    check, where = CHECKS[name], f"expectation {name!r}"
    known = (*COMMON, *check.settings)
    for key in given:
        if key not in known:
            raise InputError(f"unknown setting {key!r} of {where}", hint=suggest(str(key), known))
    severity = given.get("severity", "error")
    if severity not in SEVERITIES:
        raise InputError(f"severity of {where} must be error or warning, not {severity!r}")
    if "column" not in given and not check.of_frame:
        raise InputError(f"{where} needs a column")
    if check.one_of and not set(check.one_of) & set(given):
        raise InputError(f"{where} needs {' or '.join(check.one_of)}")
    settings = {
        key: settings_of.read_setting(reader, given[key], f"{key} of {where}")
        for key, reader in check.settings.items()
        if key in given
    }
    _refuse_crossed(settings, where)
    column = None if given.get("column") is None else str(given["column"])
    asked = {key: value for key, value in given.items() if key not in COMMON}
    return Expectation(name, check, column, severity, settings, asked)


def _refuse_crossed(settings: Settings, where: str) -> None:
    low, high = settings.get("min"), settings.get("max")
    if low is None or high is None:
        return
    try:
        crossed = low > high
    except TypeError:
        raise InputError(
            f"min and max of {where} must be of one type, not {low!r} and {high!r}"
        ) from None
    if crossed:
        raise InputError(f"min of {where} must be at most its max of {high!r}, not {low!r}")


def judge(data: pd.DataFrame, expectation: Expectation) -> Finding:
    """Hold a frame against one expectation.

    What the data lack, or what can't be compared in them, is a failed finding and no error.
    """
    column = expectation.column
    if (lacking := no_column([name for name, _ in named(data)], expectation)) is not None:
        return lacking
    check = expectation.check
    subject: Any = data if check.of_frame else dict(named(data))[str(column)]
    try:
        verdict = check.judge(subject, expectation.settings)
    except Exception as error:  # noqa: BLE001 - values compare by their own code
        verdict = not_checked(expectation, error)
    return found(expectation, verdict)


def not_checked(expectation: Expectation, error: Exception) -> Verdict:
    """Return the verdict on what can't be compared."""
    what = quoted(expectation.column) if expectation.column else "the expression"
    note = f"{what} can't be checked: {shortened(written(error), 120)}"
    return Verdict(None, None, failed=True, note=note)


def found(expectation: Expectation, verdict: Verdict) -> Finding:
    """Return the finding of a verdict."""
    column = expectation.column
    return finding(
        expectation.name, column, verdict.value, verdict.limit, failed=verdict.failed,
        severity=expectation.severity, note=verdict.note,
        expected=dict(expectation.given), **verdict.evidence,
    )  # fmt: skip


def columns_needed(expectation: Expectation) -> Iterator[str]:
    """Yield the columns that an expectation names."""
    if expectation.column is not None:
        yield expectation.column
    if "expression" in expectation.settings:
        yield from expectation.settings["expression"].columns


def no_column(names: list[str], expectation: Expectation) -> Finding | None:
    """Return the finding of an expectation on a column that isn't there once; else None."""
    for name in columns_needed(expectation):
        if names.count(name) != 1:
            return _no_column(names, expectation, name, names.count(name))
    return None


def _no_column(names: list[str], expectation: Expectation, name: str, n: int) -> Finding:
    hint = suggest(name, names)
    note = f"there is no column {shortened(name)!r}" + (f"; {hint}" if hint else "")
    return finding(
        expectation.name, expectation.column or name, None, None, failed=True, severity="error",
        note=f"{n} columns are called {quoted(name)}" if n else note,
        expected=dict(expectation.given),
    )  # fmt: skip


def _rows_fail(
    column: pd.Series[Any], failing: np.ndarray[Any, Any], settings: Settings, what: str
) -> Verdict:
    """Conclude from the rows that fail: they may be no more than `max_share` of all."""
    evidence = failing_rows(column, failing)
    return of_rows(str(column.name), len(failing), evidence, settings, what)


def of_rows(
    column: str, rows: int, evidence: Mapping[str, Any], settings: Settings, what: str
) -> Verdict:
    """Conclude from the evidence of rows that fail, `what` saying how."""
    limit = settings.get("max_share", 0.0)
    of = f"of {rows:,} values of {quoted(column)}"
    note = f"{evidence['count']:,} {of} ({percent(evidence['share'])}) {what}"
    return Verdict(evidence["share"], limit, evidence["share"] > limit, note, evidence, what)


def _where_present(
    column: pd.Series[Any], fails: Callable[[pd.Series[Any]], Any]
) -> np.ndarray[Any, Any]:
    """Return which rows fail, by a function that is given the values that are not missing."""
    import numpy as np

    present, failing = column.notna().to_numpy(), np.zeros(len(column), dtype=bool)
    failing[present] = np.asarray(fails(_dense(column[present])), dtype=bool)
    return failing


def _dense(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return the values of a category themselves, which can be ordered and computed with."""
    if column.dtype.name != "category":
        return column
    return column.astype(object).infer_objects()


def _range(column: pd.Series[Any], settings: Settings) -> Verdict:
    def beyond(values: pd.Series[Any]) -> Any:
        low, high = (_as_in(values, settings.get(key)) for key in ("min", "max"))
        for limit in (low, high):
            _refuse_other_type(values, limit)
        if low is None:
            return values > high
        return values < low if high is None else (values < low) | (values > high)

    failing = _where_present(column, beyond)
    return _rows_fail(column, failing, settings, f"are not {_span(settings)}")


def _refuse_other_type(values: pd.Series[Any], limit: Any) -> None:
    holds = kind(values)
    if (isinstance(limit, str) and holds == "number") or (
        isinstance(limit, int | float) and holds == "text"
    ):
        raise TypeError(f"it holds {holds} values, and {limit!r} is a {type(limit).__name__}")


def _as_in(values: pd.Series[Any], limit: Any) -> Any:
    """Return a limit for dates as an instant, in the column's own time zone where it has one."""
    import pandas as pd
    from pandas.api.types import is_datetime64_any_dtype

    if limit is None or not is_datetime64_any_dtype(values.dtype):
        return limit
    if not isinstance(limit, str | date):
        raise TypeError(f"dates can't be compared with {limit!r}")
    instant, zone = pd.Timestamp(limit), values.dt.tz
    if zone is None:
        return instant if instant.tz is None else instant.tz_convert("UTC").tz_localize(None)
    return instant.tz_localize(zone) if instant.tz is None else instant


def _span(settings: Settings) -> str:
    low, high = (
        number(limit) if isinstance(limit, int | float) else limit
        for limit in (settings.get("min"), settings.get("max"))
    )
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"from {low} to {high}"


def _not_null(column: pd.Series[Any], settings: Settings) -> Verdict:
    return _rows_fail(column, column.isna().to_numpy(), settings, "are missing")


def _unique(column: pd.Series[Any], settings: Settings) -> Verdict:
    failing = _where_present(column, lambda values: hashable(values).duplicated(keep=False))
    return _rows_fail(column, failing, settings, REPEATED)


def _in_set(column: pd.Series[Any], settings: Settings) -> Verdict:
    known = settings["values"]
    failing = _where_present(column, lambda values: ~values.isin(known))
    what = f"are none of {shortened(', '.join(map(str, known)), 80)}"
    return _rows_fail(column, failing, settings, what)


def _regex(column: pd.Series[Any], settings: Settings) -> Verdict:
    pattern: re.Pattern[str] = settings["pattern"]

    def differs(values: pd.Series[Any]) -> Any:
        # Each distinct value once: patterns are slow, and columns repeat themselves.
        kept = hashable(values)
        fits = {v: isinstance(v, str) and bool(pattern.fullmatch(v)) for v in kept.unique()}
        return ~kept.map(fits).astype(bool)

    failing = _where_present(column, differs)
    return _rows_fail(column, failing, settings, f"are no text like {shortened(pattern.pattern)}")


def _type(column: pd.Series[Any], settings: Settings) -> Verdict:
    expected, found = settings["type"], str(column.dtype)
    is_type = settings_of.TYPES.get(expected)
    # Where every value is missing, that is what is wrong, and `not_null` says so.
    fits = not kind(column) or is_type(column) if is_type else found == expected
    note = f"{quoted(str(column.name))} has the type {found}, expected is {expected}"
    return Verdict(found, expected, not fits, note)


def _row_count(data: pd.DataFrame, settings: Settings) -> Verdict:
    rows = len(data)
    failed = not settings.get("min", 0) <= rows <= settings.get("max", rows)
    span = _span(settings)
    return Verdict(rows, span, failed, f"there are {rows:,} rows, expected are {span}")


def _freshness(column: pd.Series[Any], settings: Settings) -> Verdict:
    import pandas as pd

    if kind(column) not in ("datetime", "text"):
        raise TypeError(f"its type is {column.dtype}, not dates")
    dates = pd.to_datetime(_dense(column), errors="coerce", utc=True, format="ISO8601")
    newest = dates.max()
    if pd.isna(newest):
        raise ValueError(NO_DATE)
    return of_newest(str(column.name), newest, settings)


def of_newest(column: str, newest: pd.Timestamp, settings: Settings) -> Verdict:
    """Conclude from the newest date."""
    age, allowed = (now() - newest).total_seconds(), settings["max_age"]
    note = f"the newest {quoted(column)} is {_long(age)} old, allowed are {_long(allowed)}"
    return Verdict(age, allowed, age > allowed, note, {"newest": newest.isoformat(), "unit": "s"})


def _long(seconds: float) -> str:
    for length, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if abs(seconds) >= 2 * length:
            return f"{number(seconds / length)} {unit}"
    return f"{number(seconds)} seconds"


def _expression(data: pd.DataFrame, settings: Settings) -> Verdict:
    """Judge the rows that have all the columns named, as a CHECK of SQL does."""
    import numpy as np

    expression: Expression = settings["expression"]
    columns = {name: column for name, column in named(data) if name in expression.columns}
    complete = np.logical_and.reduce([column.notna().to_numpy() for column in columns.values()])
    kept = {name: _dense(column[complete]) for name, column in columns.items()}
    failing = np.zeros(len(data), dtype=bool)
    failing[complete] = ~evaluate(expression, kept).to_numpy()
    examples = [
        shortened(", ".join(f"{name}={column.iloc[row]}" for name, column in columns.items()))
        for row in failing.nonzero()[0][:EXAMPLES]
    ]
    evidence = {
        "count": int(failing.sum()),
        "examples": examples,
        "not_judged": int((~complete).sum()),
    }
    return of_breaking(len(data), evidence, settings)


def of_breaking(rows: int, evidence: Mapping[str, Any], settings: Settings) -> Verdict:
    """Conclude from the evidence of rows that break an expression."""
    count, limit = evidence["count"], settings.get("max_share", 0.0)
    share = count / rows if rows else 0.0
    note = f"{count:,} of {rows:,} rows ({percent(share)}) break "
    note += shortened(settings["expression"].text, 80)
    told = {"count": count, "share": share, **evidence}
    return Verdict(share, limit, share > limit, note, told)


_SHARE = {"max_share": settings_of.share}

CHECKS: dict[str, Check] = {
    "range": Check(
        _range,
        {"min": settings_of.bound, "max": settings_of.bound, **_SHARE},
        one_of=("min", "max"),
    ),
    "not_null": Check(_not_null, _SHARE),
    "unique": Check(_unique, _SHARE),
    "in_set": Check(_in_set, {"values": settings_of.values, **_SHARE}, one_of=("values",)),
    "regex": Check(_regex, {"pattern": settings_of.pattern, **_SHARE}, one_of=("pattern",)),
    "type": Check(_type, {"type": settings_of.type_name}, one_of=("type",)),
    "row_count": Check(
        _row_count,
        {"min": settings_of.count, "max": settings_of.count},
        one_of=("min", "max"),
        of_frame=True,
    ),
    "freshness": Check(_freshness, {"max_age": settings_of.age}, one_of=("max_age",)),
    "expression": Check(
        _expression,
        {"expression": settings_of.expression, **_SHARE},
        one_of=("expression",),
        of_frame=True,
    ),
}
