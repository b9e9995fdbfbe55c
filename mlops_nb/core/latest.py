"""Which of several reports count: the latest of each check, and of those the worst.

A check that is made again takes the place of what it said before; one of other data, columns or
groups stands beside it, and a pass of the one hides no failure of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from mlops_nb.core.records import Report, Status
from mlops_nb.core.strict_json import dumps

# What of a report's subject makes it another check; counts, notes and the bootstrap do not.
_WHAT = ("name", "data", "reference", "current", "label", "prediction", "score", "positive")
_WHOSE = ("sensitive", "control", "weights", "model", "version")


def check_of(report: Report) -> Hashable:
    """Return what makes a report that of one check: its kind, data, columns, groups and metrics.

    Examples
    --------
    >>> by_sex = Report("fairness", "fail", subject={"name": "holdout", "sensitive": ["SEX"]})
    >>> by_age = Report("fairness", "pass", subject={"name": "holdout", "sensitive": ["AGE"]})
    >>> check_of(by_sex) == check_of(by_age)
    False
    """
    subject = {key: _called(report.subject.get(key)) for key in (*_WHAT, *_WHOSE)}
    # What quality and the gate find depends on what is there, not on what was asked.
    depends = report.kind in ("quality", "gate")
    asked = () if depends else tuple(sorted({finding.name for finding in report.findings}))
    return report.kind, dumps(subject), asked


def groups_of(report: Report) -> tuple[str, tuple[str, ...]]:
    """Return a report's kind, and the sensitive features that it is about.

    Examples
    --------
    >>> groups_of(Report("fairness", "pass", subject={"sensitive": ["SEX", "AGE"]}))
    ('fairness', ('SEX', 'AGE'))
    """
    features = report.subject.get("sensitive") or ()
    names = (features,) if isinstance(features, str) else tuple(map(str, features))
    return report.kind, names


def latest(reports: Iterable[Report], of: Callable[[Report], Hashable] = check_of) -> list[Report]:
    """Return the latest report of each check, the latest first.

    Of two that were made in the same millisecond the first counts, as stores list the newest first.

    Examples
    --------
    >>> failed, passed = Report("quality", "fail"), Report("quality", "pass")
    >>> [report.status for report in latest([passed, failed])]
    ['pass']
    """
    found: dict[Hashable, Report] = {}
    for report in sorted(reports, key=lambda report: report.created_at, reverse=True):
        found.setdefault(of(report), report)
    return list(found.values())


def worst(statuses: Iterable[Status]) -> Status:
    """Return *fail* if there is one, else *insufficient* if there is one, else *pass*.

    Examples
    --------
    >>> worst(["pass", "insufficient"])
    'insufficient'
    """
    found = set(statuses)
    return "fail" if "fail" in found else "insufficient" if "insufficient" in found else "pass"


def _called(value: Any) -> Any:
    return value.get("name") if isinstance(value, Mapping) else value
