"""Metrics over time as a panel: each with its bounds from batch to batch, in words first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.core.records import Finding
from mlops_nb.core.words import number
from mlops_nb.panels import trends, words
from mlops_nb.panels.blocks import (
    SIGNS,
    Badge,
    Block,
    Column,
    Content,
    Fold,
    Picture,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.drift_over_time import listed_batches, span
from mlops_nb.panels.judgements import allowed, at_most, axis, axis_words
from mlops_nb.panels.reports import beyond, evidence, named

_STATUSES = ("fail", "insufficient", "pass")
_FEW = 30  # rows below which a batch does not stretch the axis
_BESIDE = 2  # metrics that fit beside each other

Batches = Sequence[Mapping[str, Any]]


def over_time(findings: Sequence[Finding], rows: int, *, apart: bool = False) -> list[Block]:
    """Draw each metric with its bounds in each batch, and tell the batches in a table.

    Gaps share an axis, and so do ratios; `apart` gives each metric an axis of its own, so that a
    score that hardly moves is seen to move.
    """
    every = [(finding, listed_batches(evidence(finding).get("over_time"))) for finding in findings]
    told = [(finding, batches) for finding, batches in every if batches]
    if not told:
        return []
    points = [_points(finding, batches) for finding, batches in told]
    whole = [point for some in points for point in some]
    ends = {
        lower: axis([point for point in whole if at_most(point) is lower])
        for lower in (True, False)
    }
    axes = [
        axis(some) if apart else ends[at_most(finding)]
        for (finding, _), some in zip(told, points, strict=True)
    ]
    headings = [
        Column("metric", "name"),
        Column("within"),
        Column(f"value and {_noun(findings)} over time", "picture"),
        Column("drawn"),
        Column("allowed", "number"),
        Column("failed", "number"),
        Column("insufficient", "number"),
    ]
    lines = [
        _row(finding, batches, drawn, apart=apart)
        for (finding, batches), drawn in list(zip(told, axes, strict=True))[:rows]
    ]
    drawn = "" if apart else f"; {axis_words(whole, ends[True], ends[False])[0]}"
    limit = "; dashed: the limit" if any(_is_judged(finding) for finding, _ in told) else ""
    legend = [(f"{span(told[0][1])}{drawn}{limit}", "")]
    more = beyond(len(told), rows, "metric")
    trend = without_empty_columns(Table("Over time", headings, lines, more, legend))
    n = words.plural(max(len(batches) for _, batches in told), "batch")
    beside = sorted(told, key=_decided, reverse=True)[:_BESIDE]
    batches = without_empty_columns(_told(beside, len(told), rows))
    return [trend, Fold(n, [batches])]


def _noun(findings: Sequence[Finding]) -> str:
    return "bounds" if any("bounds" in finding.evidence for finding in findings) else "interval"


def _points(finding: Finding, batches: Batches) -> list[Finding]:
    """Return what the axis must hold: all values, and the bounds of what is decided, if any.

    What a handful of rows came to would hide the rest; it is cut off at the axis' ends.
    """
    firm = [batch for batch in batches if (words.finite(batch.get("rows")) or 0) >= _FEW]
    undecided = not any(_is_decided(batch) for batch in firm)
    return [
        Finding(
            finding.name,
            None,
            batch.get("value"),
            finding.limit,
            evidence={
                "higher_is_better": not at_most(finding),
                **({"bounds": [*_bounds(batch)]} if undecided or _is_decided(batch) else {}),
            },
        )
        for batch in firm or batches
    ]


def _is_decided(batch: Mapping[str, Any]) -> bool:
    return batch.get("status") != "insufficient"


def _bounds(batch: Mapping[str, Any]) -> tuple[float | None, float | None]:
    ends = batch.get("bounds") or batch.get("interval")
    known = [words.finite(end) for end in ends] if isinstance(ends, list) else []
    drawn = [end for end in known if end is not None]
    return (drawn[0], drawn[1]) if len(drawn) == 2 else (None, None)


def _row(
    finding: Finding, batches: Batches, ends: tuple[float, float], *, apart: bool
) -> list[Content]:
    statuses = [batch.get("status") for batch in batches]
    # What comes before it stands in the other columns.
    told = words.shorten(evidence(finding).get("over_time_sentence") or "").partition("; ")[2]
    too_little = statuses.count("insufficient")
    return [
        named(finding.name, told),
        words.name(finding.column or ""),
        _trend(finding, batches, ends) or "",
        f"from {number(ends[0])} to {number(ends[1])}" if apart else "",
        allowed(finding) if _is_judged(finding) else "",
        f"{statuses.count('fail'):,} of {len(batches):,}" if _is_judged(finding) else "",
        f"{too_little:,} of {len(batches):,}" if too_little else "",
    ]


def _trend(finding: Finding, batches: Batches, ends: tuple[float, float]) -> Picture | None:
    judged = [
        trends.Judged(words.finite(batch.get("value")), *_bounds(batch), _status(batch))
        for batch in batches
    ]
    if all(each.low is None for each in judged):
        return None
    values = [words.score(batch.get("value")) for batch in batches]
    alt = (
        f"{words.name(finding.name)} in {words.plural(len(batches), 'batch')}, from {values[0]} to "
        f"{values[-1]}"
    )
    alt += f", allowed {allowed(finding)}" if _is_judged(finding) else ""
    return trends.bounds(judged, ends, finding.limit, at_most=at_most(finding), alt=alt)


def _status(batch: Mapping[str, Any]) -> str:
    status = str(batch.get("status"))
    return status if status in _STATUSES else "pass"


def _decided(told: tuple[Finding, Batches]) -> tuple[int, int, bool]:
    finding, batches = told
    statuses = [_status(batch) for batch in batches]
    return statuses.count("fail"), statuses.count("insufficient"), _is_judged(finding)


def _is_judged(finding: Finding) -> bool:
    return words.finite(finding.limit) is not None


def _told(told: Sequence[tuple[Finding, Batches]], metrics: int, rows: int) -> Table:
    """Tell the batches, a line each, with what each metric came to."""
    longest = max((batches for _, batches in told), key=len)
    headings = [
        Column("verdict", "badge"),
        Column("batch", "name"),
        Column("rows", "number"),
        *(Column(words.name(finding.label).replace("_", " "), "number") for finding, _ in told),
    ]
    lines: list[list[Content]] = []
    for at, batch in list(enumerate(longest))[-rows:]:
        beside = [
            (batches[at] if at < len(batches) else {}, _is_judged(finding))
            for finding, batches in told
        ]
        statuses = [_status(each) for each, judged in beside if judged]
        lines.append(
            [
                Badge(min(statuses, key=_STATUSES.index)) if statuses else "",
                named(batch.get("batch")),
                words.number(batch.get("rows")),
                *(_said(each, judged=judged) for each, judged in beside),
            ]
        )
    more = [
        beyond(len(longest), rows, "batch", "last"),
        beyond(metrics, len(told), "metric", "worst"),
    ]
    return Table("Batches", headings, lines, " ".join(filter(None, more)))


def _said(batch: Mapping[str, Any], *, judged: bool) -> str:
    value = words.score(batch.get("value"))
    return f"{value} {SIGNS[_status(batch)]}" if judged else value
