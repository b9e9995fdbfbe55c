"""Data in batches, over time or by a value: the same for every check that is made of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.words import quoted, shortened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Rows = NDArray[np.intp]

PERIODS = {"day": "D", "week": "W", "month": "M"}
MOST = 400  # batches: more can't be told apart in a chart
_DATES = ("datetime64", "datetime", "date")
# A time and its zone: "-02" at the end of a date alone is its month or its day.
_ZONE = r"([T ]\d\d(?::?\d\d)*(?:[.,]\d+)?)\s*(Z|[+-]\d\d(?::?\d\d)?)$"


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the rows, and how they are called.

    Parameters
    ----------
    label : str
        Such as "2013-07".
    when : str
        The same in a sentence, such as "in July 2013".
    rows : array of int, shape (rows of the batch,)
        Their numbers.
    """

    label: str
    when: str
    rows: Rows


@dataclass(frozen=True, slots=True)
class Batches:
    """All batches in their order, and what a reader must know of how they were made."""

    each: tuple[Batch, ...]
    notes: tuple[str, ...] = ()

    def codes(self, n: int) -> Rows:
        """Return the batch of each of `n` rows, from 0; -1 where it belongs to none."""
        import numpy as np

        codes = np.full(n, -1, dtype=np.intp)
        for place, batch in enumerate(self.each):
            codes[batch.rows] = place
        return codes


def split(data: pd.DataFrame, by: str | None, every: str | int | None) -> Batches:
    """Sort the rows of a frame into batches.

    Parameters
    ----------
    data : pandas.DataFrame
    by : str, optional
        The column that makes the batches. Dates make one a day, week or month, as the clock showed
        them; other values one each: numbers in their order, others as they first appear.
    every : {"day", "week", "month"} or int, optional
        How long a batch is; a number is of rows, in the order of `by` where that is given.
        By default dates are taken by day up to three weeks, by week up to four months.

    Raises
    ------
    InputError
        If there is no such column, no such period, or more than `MOST` batches.

    Examples
    --------
    >>> import pandas as pd
    >>> days = pd.to_datetime(["2026-01-31", "2026-02-01", None])
    >>> found = split(pd.DataFrame({"day": days}), "day", "month")
    >>> [(batch.label, batch.when, len(batch.rows)) for batch in found.each]
    [('2026-01', 'in January 2026', 1), ('2026-02', 'in February 2026', 1)]
    >>> found.notes
    ('1 row has no value in `day` and belongs to no batch.',)
    """
    size = _size(every)
    values = None if by is None else _column(data, by)
    if size is not None:
        return _by_rows(len(data), values, size)
    if values is None:
        raise InputError(f"every {every} needs dates", hint="--by COLUMN names them")
    return _by_value(values, str(by), None if every is None else str(every))


def _size(every: str | int | None) -> int | None:
    """Return how many rows a batch has; None where it is a period, or not said."""
    if every is None or every in PERIODS:
        return None
    try:
        size = int(str(every))
    except ValueError:
        raise NotFoundError.among("period", str(every), [*PERIODS, "1000"]) from None
    if size < 1:
        raise InputError(f"a batch must have 1 row at least, not {size}")
    return size


def _column(data: pd.DataFrame, by: str) -> pd.Series[Any]:
    places = [at for at, label in enumerate(data.columns) if str(label) == by]
    if not places:
        raise NotFoundError.among("column to go by", by, map(str, data.columns))
    if len(places) > 1:
        raise InputError(f"the data have {len(places)} columns called {by!r}")
    return data.iloc[:, places[0]]


def _by_rows(n: int, values: pd.Series[Any] | None, size: int) -> Batches:
    import numpy as np

    order = np.arange(n) if values is None else _in_order(values)
    starts = range(0, len(order), size)
    _refuse_none_or_many(len(starts), f"--every {-(-len(order) // MOST)} makes fewer")
    spans = [f"rows {at + 1:,} to {min(at + size, len(order)):,}" for at in starts]
    found = [
        Batch(span, f"in {span}", order[at : at + size])
        for span, at in zip(spans, starts, strict=True)
    ]
    missing = n - len(order)
    return Batches(tuple(found), _notes("" if values is None else str(values.name), missing))


def _in_order(values: pd.Series[Any]) -> Rows:
    """Return the rows that have a value, in the order of these."""
    import numpy as np

    present = np.flatnonzero(values.notna().to_numpy())
    try:
        order = values.iloc[present].argsort(kind="stable").to_numpy()
    except TypeError:
        raise InputError(f"{quoted(str(values.name))} can't be put in order") from None
    return present[order]


def _by_value(values: pd.Series[Any], by: str, every: str | None) -> Batches:
    import numpy as np
    import pandas as pd

    dates, notes = _dates(values, by, every)
    period = None
    if dates is not None:
        period = every or _fitting(dates)
        values = dates.dt.to_period(PERIODS[period]).dt.start_time
    try:
        codes, labels = pd.factorize(values)
    except TypeError:
        raise InputError(f"{quoted(by)} holds values that can't be told apart") from None
    _refuse_none_or_many(len(labels), _fewer(values, dates, period) if len(labels) > MOST else "")
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes[codes >= 0], minlength=len(labels)))
    missing = int((codes < 0).sum())
    rows = np.split(order[missing:], ends[:-1])
    places = range(len(labels))
    if dates is not None or pd.api.types.is_numeric_dtype(values.dtype):
        places = np.argsort(np.asarray(labels), kind="stable").tolist()
    found = [Batch(*_named(labels[at], period), rows[at]) for at in places]
    return Batches(tuple(found), (*notes, *_notes(by, missing)))


def _dates(
    values: pd.Series[Any], by: str, every: str | None
) -> tuple[pd.Series[Any] | None, Sequence[str]]:
    """Return dates as the clock showed them; None where a column holds none, nor has to."""
    import numpy as np
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in _DATES and every is None:
        return None, ()
    if kind not in (*_DATES, "string"):
        raise InputError(f"every {every} needs dates, and {quoted(by)} holds {kind} values")
    if isinstance(values.dtype, np.dtype | pd.DatetimeTZDtype) and values.dtype.kind == "M":
        return values.dt.tz_localize(None), ()
    held, is_text = values.astype(object), kind == "string"
    several = len(_zones(held, is_text=is_text)) > 1
    try:
        written = "ISO8601" if is_text else None
        dates = pd.to_datetime(_without_zones(held, is_text=is_text), format=written)
    except (ValueError, AttributeError) as error:
        raise InputError(f"{quoted(by)} can't be read as dates: {shortened(str(error))}") from None
    told = f"{quoted(by)} has several time zones: each date counts as its own clock showed it."
    return dates, ((told,) if several else ())


def _without_zones(values: pd.Series[Any], *, is_text: bool) -> pd.Series[Any]:
    if is_text:
        return values.str.replace(_ZONE, r"\1", regex=True)
    return values.map(
        lambda date: date.replace(tzinfo=None) if getattr(date, "tzinfo", None) else date
    )


def _zones(values: pd.Series[Any], *, is_text: bool) -> Sequence[str]:
    """Return the time zones that dates are written with, "" for none."""
    present = values.dropna()
    if is_text:
        return present.str.extract(_ZONE)[1].fillna("").unique().tolist()
    return present.map(lambda date: str(getattr(date, "tzinfo", None) or "")).unique().tolist()


def _fitting(dates: pd.Series[Any]) -> str:
    days = (dates.max() - dates.min()).days if dates.notna().any() else 0
    return "day" if days <= 21 else "week" if days <= 120 else "month"


def _fewer(values: pd.Series[Any], dates: pd.Series[Any] | None, period: str | None) -> str:
    """Say how there would be fewer batches."""
    import pandas as pd

    longer = list(PERIODS)[list(PERIODS).index(period) + 1 :] if period else []
    for each in longer:
        if dates is not None and dates.dt.to_period(PERIODS[each]).nunique() <= MOST:
            return f"--every {each} makes fewer"
    rows = f"--every {max(1000, -(-len(values) // MOST))} makes one of that many rows"
    are_texts = dates is None and pd.api.types.infer_dtype(values, skipna=True) == "string"
    return f"of dates --every month makes fewer, and {rows}" if are_texts else rows


def _named(value: Any, period: str | None) -> tuple[str, str]:
    """Return a batch's label, and the same in a sentence."""
    if period is None:
        return shortened(str(value)), f"in {quoted(str(value))}"
    if period == "month":
        return value.strftime("%Y-%m"), f"in {value.strftime('%B %Y')}"
    day = value.strftime("%Y-%m-%d")
    return day, f"on {day}" if period == "day" else f"in the week from {day}"


def _notes(by: str, missing: int) -> tuple[str, ...]:
    if not missing:
        return ()
    rows = "1 row has" if missing == 1 else f"{missing:,} rows have"
    belong = "belongs" if missing == 1 else "belong"
    return (f"{rows} no value in {quoted(by)} and {belong} to no batch.",)


def _refuse_none_or_many(n: int, hint: str) -> None:
    if n > MOST:
        raise InputError(f"these are {n:,} batches, and {MOST} at most can be shown", hint=hint)
    if not n:
        raise InputError("there is no batch: no row has a value to go by")
