"""Readers of an expectation's settings: each returns what to work with, or says what is needed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from math import isnan
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.quality_columns import kind
from mlops_nb.checks.quality_expression import Expression, parse
from mlops_nb.core.errors import InputError
from mlops_nb.core.nearest import suggest

if TYPE_CHECKING:
    import pandas as pd


def read_setting(reader: Callable[[Any], Any], value: Any, where: str) -> Any:
    """Read one setting.

    Raises
    ------
    InputError
        If the value is not what the reader needs; `where` says which setting it is.

    Examples
    --------
    >>> read_setting(share, 1.5, "max_share of expectation 'range'")
    Traceback (most recent call last):
    ...
    mlops_nb.core.errors.InputError: max_share of expectation 'range' must be a number from 0 to 1, not 1.5
    """  # noqa: E501 - the error's one line
    try:
        return reader(value)
    except ValueError as error:
        raise InputError(f"{where} must be {error}, not {value!r}") from None


def bound(value: Any) -> Any:
    """Read the least or the greatest value allowed."""
    if not (_is_number(value) or isinstance(value, str | date)):
        raise ValueError("a number, a text or a date")
    return value


def count(value: Any) -> int:
    """Read a number of rows."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a whole number from 0")
    return value


def share(value: Any) -> float:
    """Read a share of rows."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def values(value: Any) -> list[Any]:
    """Read the list of values allowed."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("a list of values")
    return list(value)


def pattern(value: Any) -> re.Pattern[str]:
    """Read a regular expression of Python's."""
    try:
        return re.compile(value)
    except (TypeError, re.error) as error:
        raise ValueError(f"a regular expression ({error})") from None


def age(value: Any) -> float:
    """Read a length of time, and return it in seconds."""
    import pandas as pd

    try:
        seconds = float(value) if _is_number(value) else pd.Timedelta(value).total_seconds()
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError("a length of time such as '7 days', '36h' or a number of seconds")
    return seconds


def expression(value: Any) -> Expression:
    """Read an expression over columns."""
    if not isinstance(value, str):
        raise ValueError("an expression such as 'PAID <= LIMIT'")
    return parse(value)


def type_name(value: Any) -> str:
    """Read a type: one of `TYPES`, or what pandas calls a type."""
    from pandas.api.types import pandas_dtype

    try:
        return str(value) if value in TYPES else str(pandas_dtype(value))
    except TypeError:
        raise InputError(f"unknown type {value!r}", hint=suggest(str(value), TYPES)) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not isnan(value)


def _is_integer(column: pd.Series[Any]) -> bool:
    from pandas.api import types

    if column.dtype.name == "object":
        return types.infer_dtype(column, skipna=True) == "integer"
    return types.is_integer_dtype(column.dtype)


def _is_category(column: pd.Series[Any]) -> bool:
    return column.dtype.name == "category"


TYPES: dict[str, Callable[[pd.Series[Any]], bool]] = {
    "number": lambda column: kind(column) == "number",
    "integer": _is_integer,
    "float": lambda column: kind(column) == "number" and not _is_integer(column),
    "text": lambda column: kind(column) == "text",
    "boolean": lambda column: kind(column) == "boolean",
    "datetime": lambda column: kind(column) == "datetime",
    "category": _is_category,
}
