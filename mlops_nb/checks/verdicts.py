"""From intervals to verdicts, the same for every check that judges by evidence."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_nb.core.latest import worst
from mlops_nb.core.records import Finding, Status


def against(limit: float | None, low: float, high: float, *, higher_is_better: bool) -> Status:
    """Hold an interval against a limit: a floor where higher is better, else a cap.

    An interval that touches the limit decides nothing. Without a limit there is nothing to fail.

    Examples
    --------
    >>> against(0.1, 0.02, 0.08, higher_is_better=False)
    'pass'
    >>> against(0.1, 0.02, 0.12, higher_is_better=False)
    'insufficient'
    """
    if limit is None:
        return "pass"
    above, below = low > limit, high < limit
    good, bad = (above, below) if higher_is_better else (below, above)
    return "pass" if good else "fail" if bad else "insufficient"


def overall(findings: Sequence[Finding]) -> Status:
    """Return *fail* if any finding fails, else *insufficient* if any is, else *pass*.

    Examples
    --------
    >>> overall([Finding("a"), Finding("b", status="insufficient")])
    'insufficient'
    """
    return worst(finding.status for finding in findings)
