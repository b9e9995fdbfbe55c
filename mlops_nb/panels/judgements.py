"""Panels of what is judged with evidence: fairness by group, and a model's performance."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import ceil, floor
from typing import Any

from mlops_nb.core.records import Finding, Report
from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import (
    Bar,
    Beside,
    Block,
    Cell,
    Column,
    Content,
    Figure,
    Fold,
    Paragraph,
    Picture,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.class_rates import class_rates
from mlops_nb.panels.group_curves import group_curves
from mlops_nb.panels.reports import beyond, evidence, named, noted, verdict

_COLOURS = {"pass": charts.GREEN, "fail": charts.RED, "insufficient": charts.AMBER}
_RATES = {
    "selection_rate": "selection rate",
    "true_positive_rate": "true positive rate",
    "false_positive_rate": "false positive rate",
}
_COUNTS = {
    "n": "people",
    "positives": "positives",
    "negatives": "negatives",
    "selected": "selected",
}
_MOST_OTHERS = 3  # measures of a group without a column of their own above
# What a model gives to a group, and what it finds there.
_GIVEN = ("selected", "selection_rate", "true_positive_rate")


def fairness(record: Report, rows: int) -> list[Block]:
    """Draw a fairness report: the gaps against their limits, who is in the data, what is meant."""
    from mlops_nb.panels.metrics_over_time import over_time

    if not record.findings:
        return [Paragraph("No fairness metric was computed.")]
    known = [evidence(finding) for finding in record.findings]
    blocks: list[Block] = [_gaps(record, known, rows), *over_time(record.findings, rows)]
    groups = groups_of(record)
    if groups:
        blocks.append(_groups(groups, _few(record), rows))
    blocks += class_rates(record.findings, rows)
    for finding, e in zip(record.findings, known, strict=True):
        blocks += group_curves(e.get("drawn"), within=finding.column or "")
    explained: dict[str, list[str]] = {}
    for finding, e in zip(record.findings[:rows], known, strict=False):
        told = explained.setdefault(noted(e, "metric_note"), [])
        if f"`{words.name(finding.name)}`" not in told:
            told.append(f"`{words.name(finding.name)}`")
    warned = {noted(e, "metric_note"): noted(e, "misleads") for e in known}
    notes = [
        Paragraph(f"{', '.join(named)}: {note} {warned.get(note, '')}".strip())
        for note, named in explained.items()
        if note
    ]
    ratios = dict.fromkeys(noted(e, "ratio_note") for e in known)
    notes += [Paragraph(f"Ratios: {note}") for note in ratios if note]
    notes += _reading(record.findings[0]) if notes else []
    return [*blocks, Fold("What is this?", notes)] if notes else blocks


def _reading(finding: Finding) -> list[Paragraph]:
    """Say what can't be had together, how the bounds are to be read, and how they were made."""
    known = evidence(finding)
    told = [Paragraph(words.shorten(known["together"], 600))] if known.get("together") else []
    confidence = words.percent(words.finite(known.get("confidence")))
    made = [words.shorten(known[key]) for key in ("method", "correction") if known.get(key)]
    if "bounds" not in known or len(made) < 2:
        return told
    return [
        *told,
        Paragraph(
            f"Bounds: with {confidence} confidence the true value is not above the upper one, and "
            f"with {confidence} not below the lower one; a verdict needs one of them. Made by "
            f"{made[0]}; that a limit is missed is claimed for {made[1]}."
        ),
    ]


def groups_of(record: Report) -> list[dict[str, Any]]:
    """Return the groups that a fairness report counted, each with its counts and rates.

    Within control features each of their values has groups of its own, named with it.
    """
    found: dict[str | None, list[dict[str, Any]]] = {}
    for finding in record.findings:
        groups = evidence(finding).get("groups")
        if "class" in finding.evidence:  # `class_rates` draws these
            continue
        if finding.column not in found and isinstance(groups, list):
            found[finding.column] = [group for group in groups if isinstance(group, dict)]
    return [
        {**group, "group": f"{column}: {group_name(group.get('group'))}"} if column else group
        for column, groups in found.items()
        for group in groups
    ]


def _few(record: Report) -> set[str]:
    """Name the groups that are too small to judge some metric by."""
    return {
        f"{finding.column}: {name}" if finding.column else name
        for finding in record.findings
        for name in _too_few(evidence(finding))
    }


def groups_compared(before: Report, after: Report, rows: int) -> list[Block]:
    """Draw what each group got before and gets after: who pays for what was gained."""
    was = {group_name(group.get("group")): group for group in groups_of(before)}
    now = groups_of(after)
    if not now:
        return []
    compared = {key: title for key, title in (_COUNTS | _RATES).items() if key in _GIVEN}
    if not any(key in group for group in now for key in compared):
        compared = _measures(now)
    lines: list[list[Content]] = []
    few = _few(before) | _few(after)
    for group in now[:rows]:
        called = group_name(group.get("group"))
        pairs = [(was.get(called, {}).get(key), group.get(key)) for key in compared]
        told = [f"{words.score(old)} → {words.score(new)}" for old, new in pairs]
        lines.append([_group_cell(called, few), words.number(group.get("n")), *told])
    columns = [
        Column("group", "name"),
        Column(_COUNTS["n"], "number"),
        *(Column(title, "number") for title in compared.values()),
    ]
    more = beyond(len(now), rows, "group")
    legend = [("before → after", "")]
    return [Table("What each group gets", columns, lines, more, legend)]


def _measures(groups: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the first measures that groups have beside counts and rates, and their titles."""
    present = {key for group in groups for key in group if words.finite(group[key]) is not None}
    others = sorted(present - {*_COUNTS, *_RATES})[: _MOST_OTHERS + 1]
    return {key: words.name(key).replace("_", " ") for key in others}


def at_most(finding: Finding) -> bool:
    """Tell whether a finding passes below its limit (a gap, an error) or above (a ratio, a score).

    Examples
    --------
    >>> at_most(Finding("selection_rate_ratio", None, 0.9, 0.8))
    False
    """
    better_high = finding.evidence.get("higher_is_better")
    if better_high is None:
        better_high = finding.name.endswith("_ratio")
    return not better_high


def allowed(finding: Finding) -> str:
    """Write a finding's limit with its direction.

    Examples
    --------
    >>> allowed(Finding("selection_rate_ratio", None, 0.9, 0.8))
    '≥ 0.8'
    """
    if words.finite(finding.limit) is None:
        return words.NOTHING
    return f"{'≤' if at_most(finding) else '≥'} {words.number(finding.limit)}"


def axis(findings: Sequence[Finding]) -> tuple[float, float]:
    """Return the ends of an axis that holds all values, intervals and limits, in round tenths.

    Differences start at 0 and ratios end at 1, where there is no gap; what lies outside
    0 to 1 gets an axis of its own size.

    Examples
    --------
    >>> axis([Finding("a_difference", None, 0.18, 0.1, evidence={"interval": [0.12, 0.24]})])
    (0.0, 0.3)
    """
    shown = [number for finding in findings for number in _numbers(finding)]
    if not shown:
        return 0.0, 1.0
    if min(shown) < 0 or max(shown) > 1:
        low, high = min(shown), max(shown)
        margin = 0.1 * (high - low) or 1.0
        return (low - margin if low < 0 else max(0.0, low - margin)), high + margin
    if all(at_most(finding) for finding in findings):
        return 0.0, min(1.0, max(0.2, ceil(10 * max(shown) + 0.5) / 10))
    return max(0.0, min(0.8, floor(10 * min(shown) - 0.5) / 10)), 1.0


def decisive(finding: Finding) -> Any:
    """Return the ends that decide a finding's verdict: its bounds, else its interval.

    Examples
    --------
    >>> decisive(Finding("a", evidence={"interval": [0.1, 0.4], "bounds": [0.2, 0.3]}))
    [0.2, 0.3]
    """
    known = evidence(finding)
    return known.get("bounds") or known.get("interval")


def whisker(finding: Finding, ends: tuple[float, float]) -> Picture | None:
    """Draw one finding's value and interval against its limit."""
    ends_, noun = decisive(finding), "bounds" if "bounds" in evidence(finding) else "interval"
    said = f"{words.score(finding.value)}, {noun} {words.interval(ends_)}"
    colour = charts.BLUE if verdict(finding) == "" else _COLOURS[finding.status]
    return charts.whiskers(
        [(finding.value, ends_, colour)],
        ends,
        finding.limit,
        at_most=at_most(finding),
        alt=f"{words.name(finding.name)} {said}, allowed {allowed(finding)}",
    )


def _numbers(finding: Finding) -> list[float]:
    ends = decisive(finding)
    numbers = [finding.value, finding.limit, *(ends if isinstance(ends, list) else ())]
    drawn = [words.finite(number) for number in numbers]
    return [number for number in drawn if number is not None]


def _gaps(record: Report, known: Sequence[Mapping[str, Any]], rows: int) -> Table:
    findings, notes = record.findings, _fresh_notes(record, known)
    axes, legend = axes_of([[finding] for finding in findings[:rows]])
    lines: list[list[Content]] = [
        [
            verdict(finding),
            named(finding.name, note),
            named(finding.column or ""),
            words.score(finding.value, beside=finding.limit),
            whisker(finding, ends) or "",
            words.interval(decisive(finding)),
            allowed(finding),
        ]
        for finding, note, ends in zip(findings, notes, axes, strict=False)
    ]
    return without_empty_columns(
        Table(
            "Gaps between the groups",
            [
                Column("verdict", "badge"),
                Column("metric", "name"),
                Column("within"),
                Column("value", "number"),
                Column(_drawn_title(findings), "picture"),
                Column(interval_title(findings), "number"),
                Column("allowed", "number"),
            ],
            lines,
            more=beyond(len(findings), rows, "metric"),
            legend=[legend],
        )
    )


def _fresh_notes(record: Report, known: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the notes of what did not pass, each sentence once, none that the summary has."""
    said, notes = record.summary, []
    for finding, e in zip(record.findings, known, strict=True):
        note = noted(e, "note") if finding.status != "pass" or "unjudged" in e else ""
        fresh = [part for part in re.split(r"(?<=\.) (?=[A-Z])", note) if part not in said]
        said = " ".join([said, *fresh])
        notes.append(" ".join(fresh))
    return notes


def _drawn_title(findings: Sequence[Finding]) -> str:
    limited = any(words.finite(finding.limit) is not None for finding in findings)
    return "against the limit" if limited else "drawn"


def axes_of(
    lines: Sequence[Sequence[Finding]], nouns: tuple[str, str] = ("differences", "ratios")
) -> tuple[list[tuple[float, float]], tuple[str, str]]:
    """Return the axis of each line of a table, whose findings are drawn together, and the legend.

    What lies between 0 and 1 shares an axis; what has a unit can't be drawn beside another unit.
    """
    shares = [line for line in lines if all(map(_is_share, line))]
    within = [finding for line in shares for finding in line]
    ends = {lower: axis([f for f in within if at_most(f) is lower]) for lower in (True, False)}
    axes = [ends[at_most(line[-1])] if line in shares else axis(line) for line in lines]
    said = axis_words(within, ends[True], ends[False], nouns)[0]
    own = f"{'the others ' if shares else ''}each on a scale of its own"
    return axes, (", ".join(filter(None, [said, own if len(shares) < len(lines) else ""])), "")


def _is_share(finding: Finding) -> bool:
    return all(0 <= number <= 1 for number in _numbers(finding))


def axis_words(
    findings: Sequence[Finding],
    low: tuple[float, float],
    high: tuple[float, float],
    nouns: tuple[str, str] = ("differences", "ratios"),
) -> tuple[str, str]:
    """Say as a legend from where to where the findings are drawn: `low` is better low."""
    said = [
        f"{noun} drawn from {words.number(ends[0])} to {words.number(ends[1])}"
        for noun, ends, lower in ((nouns[0], low, True), (nouns[1], high, False))
        if any(at_most(finding) is lower for finding in findings)
    ]
    return ", ".join(said), ""


def _too_few(known: Mapping[str, Any]) -> list[str]:
    """Return the groups that are too small to judge a metric by."""
    minimum = known.get("minimum")
    below = minimum.get("below") if isinstance(minimum, dict) else None
    return [name for name in below if isinstance(name, str)] if isinstance(below, list) else []


def _groups(groups: Sequence[Mapping[str, Any]], few: set[str], rows: int) -> Table:
    present = {key for group in groups for key in group}
    counts = [key for key in _COUNTS if key in present]
    others = [key for key in sorted(present) if key not in {*_COUNTS, *_RATES, "group"}]
    rates = [key for key in _RATES if key in present]
    others = [key for key in others if any(words.finite(g.get(key)) is not None for g in groups)]
    drawn = [words.finite(group.get(key)) for group in groups for key in rates]
    # All bars share one scale, on which the largest rate is seen whole.
    top = ceil(10 * max((rate for rate in drawn if rate is not None), default=1.0)) / 10 or 1.0
    ranked = sorted(groups, key=lambda group: -(words.finite(group.get("n")) or 0.0))
    columns = [
        Column("group", "name"),
        *(Column(_COUNTS[key], "number") for key in counts),
        *(Column(_RATES[key], "number") for key in rates),
        *(Column(words.name(key).replace("_", " "), "number") for key in others[:_MOST_OTHERS]),
    ]
    lines: list[list[Content]] = [
        [
            _group_cell(group_name(group.get("group")), few),
            *(words.number(group.get(key)) for key in counts),
            *(_rate(group.get(key), top) for key in rates),
            *(words.score(group.get(key)) for key in others[:_MOST_OTHERS]),
        ]
        for group in ranked[:rows]
    ]
    more = beyond(len(ranked), rows, "group", "largest")
    return without_empty_columns(
        Table("Who is in the data, and what each group gets", columns, lines, more)
    )


def _rate(value: Any, top: float) -> Bar:
    drawn = words.finite(value)
    return Bar(words.score(value), None if drawn is None else drawn / top)


def _group_cell(group: str, few: set[str]) -> Cell:
    return named(group, "too few to judge by" if group in few else "")


def group_name(group: Any) -> str:
    """Return how a group is called: by its values, joined where several features make it."""
    if isinstance(group, dict):
        return ", ".join(f"{key} = {words.number(value)}" for key, value in group.items())
    if isinstance(group, list):
        return " × ".join(words.number(value) for value in group)
    return group if isinstance(group, str) else words.number(group)


def performance(record: Report, rows: int) -> list[Block]:
    """Draw a performance report: the metrics with their intervals, ROC and calibration."""
    from mlops_nb.panels.metrics_over_time import over_time

    if not record.findings:
        return [Paragraph("No metric was computed.")]
    shown = record.findings[:rows]
    within = [finding for finding in shown if _is_share(finding)]
    lines: list[list[Content]] = []
    for finding in shown:
        known = evidence(finding)
        # Metrics between 0 and 1 share one axis; an error in a unit has one of its own.
        ends = (0.0, 1.0) if finding in within else axis([finding])
        lines.append(
            [
                verdict(finding),
                named(finding.name, noted(known, "note")),
                words.score(finding.value, beside=finding.limit),
                whisker(finding, ends) or "",
                words.interval(known.get("interval")),
                allowed(finding),
                words.number(known.get("n")),
            ]
        )
    columns = [
        Column("verdict", "badge"),
        Column("metric", "name"),
        Column("value", "number"),
        Column(_drawn_title(shown), "picture"),
        Column(interval_title(shown), "number"),
        Column("allowed", "number"),
        Column("rows", "number"),
    ]
    if {line[-1] for line in lines} == {words.number(record.subject.get("rows"))}:
        # The head says it already.
        columns, lines = columns[:-1], [line[:-1] for line in lines]
    legend = [("drawn from 0 to 1" if len(within) == len(shown) else "scales differ", "")]
    more = beyond(len(record.findings), rows, "metric")
    table = without_empty_columns(Table("Metrics", columns, lines, more, legend))
    blocks = [table, *over_time(record.findings, rows, apart=True)]
    figures = _curves(record.findings)
    return [*blocks, Beside(figures)] if figures else blocks


def interval_title(findings: Sequence[Finding]) -> str:
    """Return the heading of a column of intervals or bounds, with their confidence."""
    for finding in findings:
        confidence = words.finite(finding.evidence.get("confidence"))
        if confidence is not None:
            noun = "bounds" if "bounds" in finding.evidence else "interval"
            return f"{words.percent(confidence)} {noun}"
    return "interval"


def _curves(findings: Sequence[Finding]) -> list[Block]:
    known = [evidence(finding) for finding in findings]
    roc, calibration = _first(known, "roc"), _first(known, "calibration")
    drawn = [
        (
            _roc(_points(roc, "fpr", "tpr")),
            "ROC: share of the positives found, against false alarms; both from 0 to 1",
        ),
        (
            _calibration(_points(calibration, "predicted", "observed")),
            "Calibration: what was observed, against what was predicted; both from 0 to 1",
        ),
    ]
    return [Figure(picture, caption) for picture, caption in drawn if picture]


def _first(known: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    return next((e[key] for e in known if isinstance(e.get(key), dict)), {})


def _points(data: Mapping[str, Any], across: str, up: str) -> list[tuple[Any, Any]]:
    xs, ys = data.get(across), data.get(up)
    return list(zip(xs, ys, strict=False)) if isinstance(xs, list) and isinstance(ys, list) else []


def _roc(points: list[tuple[Any, Any]]) -> Picture | None:
    found = _height_at(points, 0.1)
    said = f": {words.percent(found)} of the positives found at 10 % false alarms" if found else ""
    return charts.curve(points, alt=f"ROC curve{said}.")


def _calibration(points: list[tuple[Any, Any]]) -> Picture | None:
    told = [
        f"{words.percent(x)} → {words.percent(y)}"
        for x, y in points
        if words.finite(x) is not None and words.finite(y) is not None
    ]
    return charts.curve(
        points, alt=f"Calibration, predicted → observed: {', '.join(told[:12])}.", dots=True
    )


def _height_at(points: list[tuple[Any, Any]], x: float) -> float | None:
    """Read the curve off at `x`, between the two points around it."""
    drawn = [(words.finite(a), words.finite(b)) for a, b in points]
    whole = [(a, b) for a, b in drawn if a is not None and b is not None]
    for (x1, y1), (x2, y2) in pairwise(whole):
        if x1 <= x <= x2:
            return max(y1, y2) if x1 == x2 else y1 + (y2 - y1) * (x - x1) / (x2 - x1)
    return None
