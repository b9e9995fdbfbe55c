"""Reports over time to draw: a year by month, and more batches than a picture has room for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from mlops_nb.core.records import Finding, Report
from tests.unit.panels import report_samples

YEAR = [f"2026-{month:02}" for month in range(1, 13)]
DAYS = [f"batch {day}" for day in range(1, 401)]


def drift(labels: list[str] = YEAR, name: str = "AGE") -> Report:
    """A drift report whose columns went up until the middle and came back."""
    report = report_samples.drift()
    whole, *columns = report.findings
    heights = [math.sin(math.pi * at / len(labels)) for at in range(len(labels))]
    batches = [_drifted(label, height) for label, height in zip(labels, heights, strict=True)]
    columns[0] = replace(columns[0], name=name, column=name)
    told = [_with_course(c, labels, heights) for c in columns if c.value is not None]
    evidence = {
        **whole.evidence,
        "over_time": batches,
        "furthest": [column.name for column in told],
    }
    return replace(report, findings=(replace(whole, evidence=evidence), *told))


def hostile_drift() -> Report:
    """Four hundred batches and a column, all of names that are out to do harm."""
    return drift([f"{n}{report_samples.HOSTILE}" for n in range(400)], report_samples.HOSTILE)


def _drifted(label: str, height: float) -> dict[str, Any]:
    return {
        "batch": label,
        "rows": 1000,
        "share": height,
        "status": "fail" if height >= 0.5 else "pass",
        "worst": [{"column": "temp", "value": height}],
    }


def _with_course(column: Finding, labels: list[str], heights: list[float]) -> Finding:
    values = [height * float(column.value or 0) for height in heights]
    furthest = labels[values.index(max(values))]
    limit = float(column.limit or 0.1)
    course = {
        "values": values,
        "statuses": ["fail" if value >= limit else "pass" for value in values],
        "lower_is_further": False,
        "furthest": furthest,
        "value": max(values),
        "sentence": f"`{column.name}` was furthest from the reference in {furthest}: moved up by 9",
    }
    return replace(column, evidence={**column.evidence, "over_time": course})


def fairness(labels: list[str] = YEAR) -> Report:
    """A fairness report whose gaps widen, with a batch of too few rows in the middle."""
    report = report_samples.fairness()
    return replace(
        report, findings=tuple(_with_trend(finding, labels) for finding in report.findings)
    )


def performance() -> Report:
    """A performance report of scores that wear off, and a last batch of few rows."""
    report = report_samples.performance()
    findings = tuple(
        _worn(finding, 0.1 if finding.evidence["higher_is_better"] else -0.1)
        for finding in report.findings
    )
    return replace(report, findings=findings)


def _worn(finding: Finding, loss: float) -> Finding:
    batches = []
    for at, label in enumerate(YEAR):
        few = at == len(YEAR) - 1
        value, near = float(finding.value or 0) - loss * at / len(YEAR), 0.3 if few else 0.03
        judged = finding.limit is not None
        batches.append(
            {
                "batch": label,
                "rows": 12 if few else 4000,
                "value": value,
                "interval": [max(0.0, value - near), min(1.0, value + near)],
                "status": "insufficient" if judged and at > 4 else "pass",
            }
        )
    sentence = f"`{finding.name}`: of 12 batches 3 missed the limit; lowest in November 2026: 0.7"
    return replace(
        finding,
        evidence={**finding.evidence, "over_time": batches, "over_time_sentence": sentence},
    )


def _with_trend(finding: Finding, labels: list[str]) -> Finding:
    ratio = finding.name.endswith("_ratio")
    batches = []
    for at, label in enumerate(labels):
        gap = 0.2 * at / len(labels)
        value, few = (1 - gap if ratio else gap), at == len(labels) // 2
        low, high = (0.0, 1.0) if few else (max(0.0, value - 0.04), min(1.0, value + 0.04))
        bad, good = (high < 0.8, low > 0.8) if ratio else (low > 0.1, high < 0.1)
        batches.append(
            {
                "batch": label,
                "rows": 40 if few else 4000,
                "value": value,
                "bounds": [low, high],
                "status": "fail" if bad else "pass" if good else "insufficient",
                "below": ["a"] if few else [],
            }
        )
    sentence = f"`{finding.name}`: of {len(labels)} batches 3 missed the limit; highest in the last"
    return replace(
        finding,
        evidence={**finding.evidence, "over_time": batches, "over_time_sentence": sentence},
    )
