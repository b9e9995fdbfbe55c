"""The interval of a column's drift, drawn against what is allowed.

All columns share one scale, the threshold: the picture's left end is 0, its right end `TIMES` times
what is allowed, and what lies beyond is drawn at that end; the numbers stand beside it. A p-value
has no interval; there it is that of the plain distance which stands beside it, against the least
that a test may miss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.core.records import Finding
from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import Picture

TIMES = 3
WIDE = 90  # pixels
MOST = 30  # columns up to which intervals are drawn; of more they are told, to keep the panel small
_COLOURS = {"pass": charts.GREEN, "fail": charts.RED, "insufficient": charts.AMBER}


def drawn(finding: Finding, known: Mapping[str, Any]) -> Picture | None:
    """Draw a column's distance and its interval; None where it has none.

    Parameters
    ----------
    finding : Finding
    known : mapping
        Its evidence as plain values: ``interval``, ``confidence``, and of a p-value
        ``interval_of``, ``distance`` and ``distance_limit``.
    """
    ends, is_p_value = known.get("interval"), "interval_of" in known
    value, limit = (
        words.finite(number)
        for number in (
            (known.get("distance"), known.get("distance_limit"))
            if is_p_value
            else (finding.value, finding.limit)
        )
    )
    if words.interval(ends) == words.NOTHING or limit is None or limit <= 0:
        return None
    measure = words.name(known["interval_of"]) if is_p_value else "score"
    alt = (
        f"{words.name(finding.label)}: {measure} {words.score(value)}, interval "
        f"{words.interval(ends)}, {'may be missed' if is_p_value else 'allowed'} < "
        f"{words.number(limit)}"
    )
    mark = (value, ends, _COLOURS[finding.status])
    return charts.whiskers([mark], (0.0, TIMES * limit), limit, wide=WIDE, alt=alt)


def told(known: Mapping[str, Any]) -> str:
    """Say what an interval is of where that is not the score; "" elsewhere."""
    if words.interval(known.get("interval")) == words.NOTHING or "interval_of" not in known:
        return ""
    return f"the interval is of the {words.name(known['interval_of'])}"


def title(findings: Sequence[Finding]) -> str:
    """Return the heading of the column of intervals, with their confidence."""
    for finding in findings:
        confidence = words.finite(finding.evidence.get("confidence"))
        if confidence is not None:
            return f"{words.percent(confidence)} interval"
    return "interval"


def legend(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Say how intervals are drawn; nothing where there are none."""
    if len(findings) > MOST or not any("interval" in finding.evidence for finding in findings):
        return []
    return [(f"intervals: from 0 to {TIMES} times the threshold, tinted beyond it", "")]
