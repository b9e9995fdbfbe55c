"""How a column, a value, a number or a share is written in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def quoted(name: str) -> str:
    """Return a column's name as it stands in a sentence."""
    return f"`{shortened(name)}`"


def shortened(text: str, width: int = 60) -> str:
    r"""Return `text` on one line and of bounded length.

    Examples
    --------
    >>> shortened("two\nlines"), len(shortened("x" * 10_000))
    ('two lines', 60)
    """
    line = " ".join(text[: 10 * width].split())
    return line if len(line) <= width else line[: width - 1] + "…"


def written(value: Any, write: Callable[[Any], str] = str) -> str:
    """Return a value as text, also where its own code for that raises or gives no text.

    Parameters
    ----------
    value : object
    write : callable
        What makes the text, `str` or `repr`.

    Examples
    --------
    >>> class Odd:
    ...     def __repr__(self):
    ...         raise RuntimeError("I have no text")
    >>> written(1.5), written(Odd()).split(" object at ")[0].rpartition(".")[2]
    ('1.5', 'Odd')
    """
    try:
        return write(value)
    except Exception:  # noqa: BLE001 - a value's own code runs here, and may raise anything
        return object.__repr__(value)


def number(value: float) -> str:
    """Return a number as one says it: three digits, thousands with commas.

    Examples
    --------
    >>> number(0.12345), number(28_394.7)
    ('0.123', '28,395')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.3g}"


def measured(value: float) -> str:
    """Return what was measured of a model: a rate with three decimals, an amount as one says it.

    Examples
    --------
    >>> measured(0.5), measured(804_812.352), measured(0.000123)
    ('0.500', '804,812', '0.000123')
    """
    if abs(value) >= 100:
        return number(value) if abs(value) >= 1000 else f"{value:,.4g}"
    return f"{value:.3g}" if 1e-12 < abs(value) < 0.0005 else f"{value:z.3f}"


def percent(share: float) -> str:
    """Return a share in per cent.

    Examples
    --------
    >>> percent(0.5), percent(0.0123), percent(0.00001)
    ('50 %', '1.2 %', '0.001 %')

    What is not exactly all gets the digits to say so:

    >>> percent(0.997), percent(0.99996), percent(1 - 1e-9), percent(1.0)
    ('99.7 %', '99.996 %', '> 99.999 %', '100 %')
    """
    if share < 0.0995 and share != 0:
        return f"{100 * share:.2g} %"
    if not 0.995 <= share < 1:
        return f"{100 * share:.0f} %"
    tight = (f"{100 * share:.{digits}f}" for digits in (1, 2, 3))
    shown = next((text for text in tight if not text.startswith("100")), "> 99.999")
    return f"{shown} %"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> plural(1, "column"), plural(23, "column"), plural(2, "category"), plural(3, "class")
    ('1 column', '23 columns', '2 categories', '3 classes')
    """
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("ory"):
        return f"{count:,} {noun[:-1]}ies"
    return f"{count:,} {noun}{'es' if noun.endswith(('ch', 'ss')) else 's'}"
