"""Expectations proposed from data that are known to be good, for a person to edit.

What a reference is, new data must be: its columns with their types, no missing values where there
are none, no value twice where none occurs twice. What it merely looks like, new data should be:
the range of its numbers with a margin, its few levels, about as many rows. The former are errors,
the latter warnings. The reference itself keeps to all of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import quality_columns as columns
from mlops_nb.checks.quality_settings import TYPES

if TYPE_CHECKING:
    import pandas as pd

Expectation = dict[str, Any]
LEVELS = 20  # distinct values up to which a column is a list of levels
PLENTY = 100  # rows from which it means something that values are few, or all differ
MARGIN = 0.1  # of the range, by which new numbers may lie beyond it
MORE_MISSING = 2.0  # times as many missing values as in the reference are no surprise
FEWER_ROWS = 0.5


def infer(data: pd.DataFrame) -> list[Expectation]:
    """Propose expectations that data like these keep.

    Parameters
    ----------
    data : pandas.DataFrame
        Of columns with the same name nothing is proposed.

    Returns
    -------
    list of dict
        As `quality.check` takes them, and as they stand in a file.

    Examples
    --------
    >>> import pandas as pd
    >>> for expected in infer(pd.DataFrame({"age": [18.0, 44.0, 98.0]})):
    ...     print(expected)
    {'check': 'row_count', 'min': 1, 'severity': 'warning'}
    {'column': 'age', 'check': 'type', 'type': 'number'}
    {'column': 'age', 'check': 'not_null'}
    {'column': 'age', 'check': 'range', 'min': 10.0, 'max': 106.0, 'severity': 'warning'}
    """
    rows = max(1, math.floor(len(data) * FEWER_ROWS))
    found: list[Expectation] = [{"check": "row_count", "min": rows, "severity": "warning"}]
    names = [name for name, _ in columns.named(data)]
    for name, column in columns.named(data):
        if names.count(name) == 1:
            found += [{"column": name, **expected} for expected in _of_column(column)]
    return found if len(data) else found[1:]


def _of_column(column: pd.Series[Any]) -> Iterator[Expectation]:
    missing = float(column.isna().mean())
    kind = columns.kind(column)
    if not kind:
        return
    if kind in TYPES and TYPES[kind](column):
        # Whole numbers become floats as soon as one is missing: the kind is what is meant.
        yield {"check": "type", "type": kind}
    if not missing:
        yield {"check": "not_null"}
    elif missing <= 1 / MORE_MISSING:
        share = _rounded(missing * MORE_MISSING, math.ceil)
        yield {"check": "not_null", "max_share": min(share, 1.0), "severity": "warning"}
    present = column.dropna()
    if kind == "number":
        yield from _of_numbers(present)
    elif kind == "text":
        yield from _of_text(present)


def _of_numbers(values: pd.Series[Any]) -> Iterator[Expectation]:
    import numpy as np

    try:
        numbers = columns.finite_or_nan(values)
    except (OverflowError, TypeError, ValueError):
        return
    if np.isnan(numbers).any():  # an infinity: no range that it would keep
        return
    levels = np.unique(numbers)
    if len(levels) <= LEVELS and len(numbers) >= PLENTY and (levels == np.rint(levels)).all():
        known = [int(level) for level in levels]
        yield {"check": "in_set", "values": known, "severity": "warning"}
        return
    low, high = float(levels[0]), float(levels[-1])
    margin = MARGIN * (high - low)
    # What is never negative stays so.
    least = 0.0 if low >= 0 > low - margin else _rounded(low - margin, math.floor)
    most = 0.0 if high <= 0 < high + margin else _rounded(high + margin, math.ceil)
    if math.isfinite(least) and math.isfinite(most):
        yield {"check": "range", "min": least, "max": most, "severity": "warning"}


def _of_text(values: pd.Series[Any]) -> Iterator[Expectation]:
    if len(values) < PLENTY:
        return
    levels = values.unique()
    if len(levels) <= LEVELS:
        known = sorted(str(level) for level in levels)
        yield {"check": "in_set", "values": known, "severity": "warning"}
    elif len(levels) == len(values):
        yield {"check": "unique"}


def _rounded(value: float, direction: Any) -> float:
    """Return a value with three digits, rounded in one direction: itself at the nearest."""
    if not value or not math.isfinite(value):
        return value
    digits = 2 - math.floor(math.log10(abs(value)))
    if not -300 < digits < 300:
        return value
    # What is 290.00000000000006 as a product is 290.
    scaled = direction(round(value * 10.0**digits, 6)) / 10.0**digits
    return float(min(scaled, value) if direction is math.floor else max(scaled, value))
