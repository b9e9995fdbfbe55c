"""The nearest right name to a wrong one, for error messages."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(value: str, known: Iterable[str]) -> str | None:
    """Return the known name nearest to `value`, or None where nothing is near.

    Case is ignored; the one name that `value` is the beginning of is the nearest.

    Examples
    --------
    >>> nearest("drfit", ["drift", "quality"])
    'drift'
    >>> nearest("parity_dif", ["parity_ratio", "parity_difference"])
    'parity_difference'
    >>> nearest("xyz", ["drift", "quality"]) is None
    True
    """
    import difflib

    by_folded = {name.casefold(): name for name in known}
    folded = value.casefold()
    longer = sorted(name for name in by_folded if folded and name.startswith(folded))
    if len(longer) == 1:
        return by_folded[longer[0]]
    close = difflib.get_close_matches(folded, by_folded, n=1, cutoff=0.6)
    if close:
        return by_folded[close[0]]
    return by_folded[longer[0]] if longer else None


def suggest(value: str, known: Iterable[str]) -> str:
    """Return the hint for an unknown name: the nearest, else the few there are, else "".

    Examples
    --------
    >>> suggest("drfit", ["drift", "quality"])
    "did you mean 'drift'?"
    >>> suggest("xyz", ["drift", "quality"])
    "there is 'drift', 'quality'"
    """
    names = list(known)
    found = nearest(value, names)
    if found is not None:
        return f"did you mean {found!r}?"
    if not names:
        return ""
    shown = ", ".join(repr(name) for name in names[:8])
    return f"there is {shown}" + (f" and {len(names) - 8} more" if names[8:] else "")
