"""Drift over time: the current data in batches, each held against the same reference.

The reference is sorted and counted once, as a profile, for all batches. Each column is read as the
type that it has in the current data as a whole, so that a batch is read like its neighbours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift
from mlops_nb.checks.drift_choices import KINDS, together
from mlops_nb.checks.drift_profile import Profile, profile
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.words import percent, quoted, shortened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PERIODS = {"day": "D", "week": "W", "month": "M"}
MOST = 400  # batches: more can't be told apart in a chart
WORST = 3  # columns of a batch that are named


def check(
    reference: pd.DataFrame | Profile,
    current: pd.DataFrame,
    *,
    by: str | None = None,
    every: str | int | None = None,
    **options: Any,
) -> Report:
    """Compare all current data with the reference, and each batch of them.

    Parameters
    ----------
    reference : pandas.DataFrame or Profile
    current : pandas.DataFrame
    by : str, optional
        The column that makes the batches; it is not compared. Dates make one a day, week or
        month, other values one each: numbers in their order, others as they first appear.
    every : {"day", "week", "month"} or int, optional
        How long a batch is; a number is of rows, in the order of `by` where that is given.
        By default dates are taken by day up to three weeks, by week up to four months.
    **options
        What `drift.check` takes.

    Returns
    -------
    Report
        That of `drift.check` on all current data. The evidence of `share_of_drifted_columns` has
        ``over_time``, one mapping a batch: ``batch`` its label, ``rows``, ``share`` of drifted
        columns (None where none could be judged), ``status``, ``n_drifted``, ``n_columns`` and
        ``worst``, column and value of those that drifted most.

    Raises
    ------
    InputError
        If there is no such column, no such period, or too many batches.

    Examples
    --------
    >>> import pandas as pd
    >>> old = pd.DataFrame({"age": range(100)})
    >>> new = pd.DataFrame({"age": [*range(100), *range(60, 160)], "batch": [1] * 100 + [2] * 100})
    >>> report = check(old, new, by="batch")
    >>> [(b["batch"], b["status"]) for b in report.findings[0].evidence["over_time"]]
    [('1', 'pass'), ('2', 'fail')]
    """
    batches, missing = _batches(current, by, every)
    if by is not None:
        options["exclude"] = [*options.get("exclude", ()), by]
    report = drift.check(reference, current, **options)
    kept = reference if isinstance(reference, Profile) else profile(reference)
    # What was chosen for a column stays chosen; the roles of columns are told for the whole.
    types = together(_types(report), options.get("types"))
    one = {**options, "types": types, "target": None, "prediction": None}
    told = [_told(label, drift.check(kept, current.iloc[rows], **one)) for label, rows in batches]
    return _with_batches(report, told, by, missing)


def _batches(
    current: pd.DataFrame, by: str | None, every: str | int | None
) -> tuple[list[tuple[str, np.ndarray[Any, np.dtype[np.intp]]]], int]:
    """Return label and row numbers of each batch in order, and how many rows belong to none."""
    import numpy as np

    size = _size(every)
    values = None if by is None else _column(current, by)
    if size is None and values is None:
        raise InputError(f"every {every} needs dates", hint="--by COLUMN names them")
    if size is not None:
        order = np.arange(len(current)) if values is None else _in_order(values)
        starts = range(0, len(order), size)
        found = [
            (f"rows {at + 1:,} to {min(at + size, len(order)):,}", order[at : at + size])
            for at in starts[: MOST + 1]
        ]
        hint = f"--every {-(-len(order) // MOST)} makes fewer"
        return _refuse_many(found, len(starts), hint), len(current) - len(order)
    assert values is not None  # noqa: S101 - said above
    return _by_value(values, str(by), None if every is None else str(every))


def _size(every: str | int | None) -> int | None:
    """Return how many rows a batch has; None where it is a period, or not said."""
    if every is None or every in PERIODS:
        return None
    try:
        size = int(every)
    except ValueError:
        raise NotFoundError.among("period", str(every), [*PERIODS, "1000"]) from None
    if size < 1:
        raise InputError(f"a batch must have 1 row at least, not {size}")
    return size


def _column(current: pd.DataFrame, by: str) -> pd.Series[Any]:
    places = [at for at, label in enumerate(current.columns) if str(label) == by]
    if not places:
        raise NotFoundError.among("column to go by", by, map(str, current.columns))
    if len(places) > 1:
        raise InputError(f"the current data have {len(places)} columns called {by!r}")
    return current.iloc[:, places[0]]


def _in_order(values: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Return the rows that have a value, in the order of these."""
    import numpy as np

    present = np.flatnonzero(values.notna().to_numpy())
    try:
        order = values.iloc[present].argsort(kind="stable").to_numpy()
    except TypeError:
        raise InputError(f"{quoted(str(values.name))} can't be put in order") from None
    return present[order]


def _by_value(
    values: pd.Series[Any], by: str, every: str | None
) -> tuple[list[tuple[str, np.ndarray[Any, np.dtype[np.intp]]]], int]:
    import numpy as np
    import pandas as pd

    dates = _dates(values, by, every)
    if dates is not None:
        period = every or _fitting(dates)
        values = dates.dt.to_period(PERIODS[period]).dt.start_time
    try:
        codes, labels = pd.factorize(values)
    except TypeError:
        raise InputError(f"{quoted(by)} holds values that can't be told apart") from None
    hint = "" if dates is None else "--every month makes fewer"
    if len(labels) > MOST:
        _refuse_many([], len(labels), hint or "--every 1000 makes one of that many rows")
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes[codes >= 0], minlength=len(labels)))
    missing = int((codes < 0).sum())
    rows = np.split(order[missing:], ends[:-1]) if len(labels) else []
    places = range(len(labels))
    if dates is not None or pd.api.types.is_numeric_dtype(values.dtype):
        places = np.argsort(np.asarray(labels), kind="stable").tolist()
    names = [_label(label, period if dates is not None else None) for label in labels]
    return _refuse_many([(names[at], rows[at]) for at in places], len(labels)), missing


def _dates(values: pd.Series[Any], by: str, every: str | None) -> pd.Series[Any] | None:
    """Return dates as the clock showed them; None where a column holds none, nor has to."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in ("datetime64", "datetime", "date") and every is None:
        return None
    if kind not in ("datetime64", "datetime", "date", "string"):
        raise InputError(f"every {every} needs dates, and {quoted(by)} holds {kind} values")
    try:
        if not isinstance(values.dtype, pd.DatetimeTZDtype):
            values = values.astype(object)  # as numpy's dates, also those of Arrow
        written = "ISO8601" if kind == "string" else None
        return pd.to_datetime(values, format=written).dt.tz_localize(None)
    except (ValueError, AttributeError) as error:
        raise InputError(f"{quoted(by)} can't be read as dates: {shortened(str(error))}") from None


def _fitting(dates: pd.Series[Any]) -> str:
    days = (dates.max() - dates.min()).days if dates.notna().any() else 0
    return "day" if days <= 21 else "week" if days <= 120 else "month"


def _label(value: Any, period: str | None) -> str:
    if period is None:
        return shortened(str(value))
    return str(value.strftime("%Y-%m" if period == "month" else "%Y-%m-%d"))


def _refuse_many(found: list[Any], n: int, hint: str = "") -> list[Any]:
    if n > MOST:
        raise InputError(f"these are {n:,} batches, and {MOST} at most can be shown", hint=hint)
    if not n:
        raise InputError("there is no batch: no row has a value to go by")
    return found


def _types(report: Report) -> dict[str, Any]:
    return {
        f.name: f.evidence["type"]
        for f in report.findings[1:]
        if f.value is not None and f.evidence["counted"] and f.evidence["type"] in KINDS
    }


def _told(label: str, report: Report) -> dict[str, Any]:
    whole, columns = report.findings[0], report.findings[1:]
    return {
        "batch": label,
        "rows": report.subject["current"]["rows"],
        "share": whole.value,
        "status": whole.status,
        "n_drifted": whole.evidence["n_drifted"],
        "n_columns": whole.evidence["n_columns"],
        "worst": [
            {"column": f.name, "value": f.value}
            for f in columns
            if f.status == "fail" and f.evidence["counted"]
        ][:WORST],
    }


def _with_batches(
    report: Report, told: list[dict[str, Any]], by: str | None, missing: int
) -> Report:
    whole = report.findings[0]
    sentence = f"{report.summary}; {_sentence(told)}"
    notes = [f"{quoted(by)} makes the batches and is not compared"] if by is not None else []
    if missing:
        notes.append(f"{missing:,} rows have no value in it and belong to no batch")
    found: Finding = replace(
        whole, evidence={**whole.evidence, "over_time": told, "sentence": sentence}
    )
    subject = {**report.subject, "batches": len(told)}
    if notes:
        subject["notes"] = [*report.subject.get("notes", ()), "; ".join(notes) + "."]
    return replace(
        report, findings=(found, *report.findings[1:]), summary=sentence, subject=subject
    )


def _sentence(told: list[dict[str, Any]]) -> str:
    drifted = [batch for batch in told if batch["status"] == "fail"]
    text = f"{len(drifted):,} of {len(told):,} {'batch' if len(told) == 1 else 'batches'} drifted"
    if not drifted:
        return text
    worst = max(drifted, key=lambda batch: batch["share"] or 0.0)
    return f"{text}, most {quoted(worst['batch'])} ({percent(worst['share'] or 0.0)})"
