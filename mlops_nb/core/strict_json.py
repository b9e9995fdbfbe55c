"""JSON without surprises: NaN and infinities are strings, values keep their types."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Any

_PLAIN = frozenset({bool, str, int, type(None)})
# Made once: `json.dumps` would make one a call.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def plain(value: Any) -> Any:
    """Turn a value into what strict JSON can hold, without losing its type.

    Objects with ``to_dict`` become that; instants become ISO 8601 in UTC; NaN and infinities
    become ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``; numpy scalars and arrays become plain
    numbers and lists; anything else becomes its text.

    Examples
    --------
    >>> plain({"score": float("nan"), "n": 3, "at": None})
    {'score': 'NaN', 'n': 3, 'at': None}
    """
    # The usual ones first, by their very type: each logged point comes through here.
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else _plain_float(value)
    if kind is dict:
        return {str(key): plain(item) for key, item in value.items()}
    return _plain_object(value)


def _plain_object(value: Any) -> Any:
    if isinstance(value, bool | str | int):
        # A subclass (an enum, numpy.str_) is brought down to the plain type.
        return _plain_subclass(value)
    if isinstance(value, float):
        return _plain_float(float(value))
    if hasattr(value, "to_dict") and not hasattr(value, "columns"):
        return plain(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date | PurePath):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if hasattr(value, "item"):
        return plain(value.item())
    return str(value)


def _plain_subclass(value: Any) -> Any:
    for kind in (bool, int, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _plain_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def number(value: Any) -> float:
    """Read a number back, the strings ``"NaN"`` and ``"±Infinity"`` included.

    Examples
    --------
    >>> number("-Infinity")
    -inf
    """
    return float(value)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Write `value` as one strict JSON text.

    Examples
    --------
    >>> dumps({"limit": float("inf")})
    '{"limit": "Infinity"}'
    """
    if indent is None:
        return _encode(plain(value))
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, indent=indent)


def instant(value: datetime) -> str:
    """Write an instant as ISO 8601 in UTC with milliseconds.

    Examples
    --------
    >>> instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000Z'
    """
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: str) -> datetime:
    """Read an instant that `instant` wrote.

    Examples
    --------
    >>> parse_instant("2026-01-02T03:04:05.000Z").year
    2026
    """
    return datetime.fromisoformat(text)
