"""Numbers, durations, instants and names as words, the same in every panel.

Everything that a panel shows passes through here, so that hostile text (control characters,
right-to-left overrides, ten thousand letters) and hostile numbers (NaN, infinities, None) have
one treatment.
"""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime
from typing import Any

from mlops_nb.core import words as of_core

NOTHING = "–"
NAME_LENGTH = 48
TEXT_LENGTH = 300
# How strict JSON spells what it has no number for.
_SPELLED = {"NaN": "NaN", "Infinity": "∞", "-Infinity": "−∞"}


def finite(value: Any) -> float | None:
    """Return `value` as a float that can be drawn, or None where it is none.

    Examples
    --------
    >>> finite(3), finite("NaN"), finite(float("inf")), finite(True)
    (3.0, None, None, None)
    """
    value = _python(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        drawn = float(value)
    except OverflowError:
        return None
    return drawn if math.isfinite(drawn) else None


def number(value: Any) -> str:
    """Write a number that somebody chose (a limit, a parameter, a count), as short as it is.

    Examples
    --------
    >>> number(30000), number(0.1), number(None), number(float("-inf"))
    ('30,000', '0.1', '–', '−∞')
    """
    value = _python(value)
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return _SPELLED.get(str(value)) or shorten(value)
    drawn = finite(value)
    if drawn is None:
        return _beyond(value)
    if drawn == int(drawn) and abs(drawn) < 1e15:
        return f"{int(drawn):,}"
    return f"{drawn:,.6g}" if abs(drawn) < 1e6 else f"{drawn:.4g}"


def score(value: Any, beside: Any = None) -> str:
    """Write a number that was measured, with four decimals, so that a column of them aligns.

    Where it would read the same as `beside`, its limit, though it differs, it gets the digits
    that tell them apart.

    Examples
    --------
    >>> score(0.41234), score(12.3456), score(3.2e-9), score(1.0)
    ('0.4123', '12.35', '3.2e-09', '1')
    >>> score(0.1000004, beside=0.1)
    '0.1000004'
    """
    value, drawn = _python(value), finite(value)
    if drawn is None or isinstance(value, int) or drawn in (0, 1) or abs(drawn) >= 1e7:
        return number(value)
    if abs(drawn) < 1e-4:
        return f"{drawn:.1e}"
    least = 1 if abs(drawn) >= 1000 else 2 if abs(drawn) >= 10 else 4
    limit = finite(beside)
    if limit is None or limit == drawn:
        return f"{drawn:,.{least}f}"
    for decimals in range(least, 13):
        text = f"{drawn:,.{decimals}f}"
        if text != f"{limit:,.{decimals}f}":
            return text
    return repr(drawn)


def interval(ends: Any) -> str:
    """Write an interval ``[low, high]``; a dash where there is none.

    Examples
    --------
    >>> interval([0.021, 0.0554]), interval(None)
    ('0.0210 to 0.0554', '–')
    """
    if not isinstance(ends, list | tuple) or len(ends) != 2 or None in ends:
        return NOTHING
    return f"{score(ends[0])} to {score(ends[1])}"


def percent(share: Any) -> str:
    """Write a share as a percentage of three digits.

    Examples
    --------
    >>> percent(0.3913), percent(1.0), percent(0.99996), percent(None)
    ('39.1 %', '100 %', '99.996 %', '–')
    """
    drawn = finite(share)
    if drawn is not None and 0.9995 <= drawn < 1:
        return of_core.percent(drawn)
    return number(share) if drawn is None else f"{100 * drawn:.3g} %"


def duration(seconds: Any) -> str:
    """Write a duration in the two units that matter.

    Examples
    --------
    >>> duration(0.0341), duration(12.44), duration(192), duration(7500), duration(None)
    ('34 ms', '12.4 s', '3 min 12 s', '2 h 05 min', '–')
    """
    drawn = finite(seconds)
    if drawn is None:
        return number(seconds)
    if drawn < 1:
        return f"{1000 * drawn:.0f} ms"
    if drawn < 59.95:
        return f"{drawn:.1f} s"
    whole = round(drawn)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def size(count: Any) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> size(1_250_000), size(-2048), size(None)
    ('1.2 MB', '-2.0 kB', '–')
    """
    drawn = finite(count)
    if drawn is None:
        return number(count)
    for unit, below in (("B", 1e3), ("kB", 1e6), ("MB", 1e9)):
        if abs(drawn) < below:
            scaled = drawn / (below / 1e3)
            return f"{scaled:.0f} B" if unit == "B" else f"{scaled:.1f} {unit}"
    return f"{drawn / 1e9:.1f} GB"


def instant(value: datetime | None) -> str:
    """Write an instant to the minute, in UTC (a saved panel can't know its reader's zone).

    Examples
    --------
    >>> instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02 03:04 UTC'
    """
    return NOTHING if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def utc(value: datetime | None) -> str:
    """Write an instant for a column whose title says that it is in UTC.

    Examples
    --------
    >>> utc(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02 03:04'
    """
    return instant(value).removesuffix(" UTC")


plural = of_core.plural


def listed(items: list[str], most: int = 5) -> str:
    """Join the first `most` items and say how many there are beyond.

    Examples
    --------
    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most:,} more" if len(items) > most else shown


def clean(text: str) -> str:
    r"""Make what can't be seen visible: line ends, control characters, text that turns round.

    A name with an escape sequence must not paint the terminal, one with a right-to-left override
    must not swap the cell beside it, and a lone surrogate must not stop the encoder.

    Examples
    --------
    >>> clean("a\nb"), clean("\x1b[31mred")
    ('a⏎b', '␛[31mred')
    """
    if text.isprintable():
        return text
    return "".join(_visible(letter) for letter in text.replace("\r\n", "\n"))


def shorten(text: Any, length: int = TEXT_LENGTH) -> str:
    """Return `text`, cleaned, in at most `length` letters; an ellipsis says that more was there.

    Examples
    --------
    >>> shorten("a" * 100, 10)
    'aaaaaaaaa…'
    """
    whole = text if isinstance(text, str) else str(text)
    kept = clean(whole[: length + 1])
    return kept if len(kept) <= length else kept[: length - 1].rstrip() + "…"


def name(text: Any) -> str:
    """Return a name (of a column, a group, a parameter) in the length that a table bears."""
    return shorten(text, NAME_LENGTH)


def unbroken(text: str) -> str:
    r"""Tie numbers to their units, so that no line ends between them.

    Examples
    --------
    >>> unbroken("5 % of 20 °F") == "5\u00a0% of 20\u00a0°F"
    True
    """
    return text.replace(" %", "\u00a0%").replace(" °", "\u00a0°")


def width(text: str) -> int:
    """Return the number of terminal columns that `text` takes.

    Examples
    --------
    >>> width("abc"), width("日本"), width("é")
    (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_width(letter) for letter in text)


def spark(shares: list[float], top: float | None = None) -> str:
    """Draw shares as a line of block letters, for a histogram in plain text.

    `top` is what fills a letter: the largest share unless given.

    Examples
    --------
    >>> spark([0.0, 0.1, 0.4, 0.2])
    '▁▃█▅'
    """
    top = max(shares, default=0.0) if top is None else top
    if top <= 0:
        return "▁" * len(shares)
    return "".join("▁▂▃▄▅▆▇█"[round(7 * share / top)] for share in shares)


def _python(value: Any) -> Any:
    """Return numpy's scalars as Python's numbers, all else as it is."""
    return value.item() if hasattr(value, "item") and not getattr(value, "shape", ()) else value


def _beyond(value: float) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return "∞" if value > 0 else "−∞"


def _visible(letter: str) -> str:
    if letter.isprintable() or letter in "\u200d\u200c\ufe0f":  # joiners hold an emoji together
        return letter
    if letter in "\n\u2028\u2029":
        return "⏎"
    if unicodedata.category(letter) == "Zs":
        return " "
    code = ord(letter)
    return "␡" if code == 0x7F else chr(0x2400 + code) if code < 0x20 else "\ufffd"


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or letter in "\u200d\u200c\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
