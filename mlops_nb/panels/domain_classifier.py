"""What a drift report shows of its domain classifier: how well it does, and by which columns."""

from __future__ import annotations

from mlops_nb.core.records import Finding
from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import Badge, Bar, Block, Column, Content, Table, without_empty_columns
from mlops_nb.panels.reports import beyond, evidence, named, noted

_MOST = 6


def domain_classifier(finding: Finding) -> list[Block]:
    """Draw its AUC against the limit, and how much of it each of the first columns makes."""
    known = evidence(finding)
    ends, limit = known.get("interval"), words.finite(finding.limit)
    picture = charts.whiskers(
        [(finding.value, ends, charts.BLUE)],
        (0.5, 1.0),
        limit,
        alt=f"AUC {words.score(finding.value)}, from {words.interval(ends)}, "
        f"limit {words.number(limit)}",
    )
    unsaid = "" if finding.value is not None else noted(known, "sentence")
    row: list[Content] = [
        Badge(finding.status, "drifted" if finding.status == "fail" else ""),
        named("AUC", unsaid),
        words.score(finding.value, beside=limit),
        words.interval(ends),
        picture or "",
        words.NOTHING if limit is None else f"≤ {words.number(limit)}",
    ]
    columns = [
        Column("verdict", "badge"),
        Column("measure", "name"),
        Column("value", "number"),
        Column("interval", "number"),
        Column("a guess → certainty", "picture"),
        Column("allowed", "number"),
    ]
    table = Table("All columns together", columns, [row])
    return [without_empty_columns(table), *_importances(known.get("importances"))]


def _importances(listed: object) -> list[Block]:
    items = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    drops = [words.finite(each.get("drop")) for each in items]
    largest = max((drop for drop in drops if drop is not None), default=0.0)
    if largest <= 0:
        return []
    lines: list[list[Content]] = [
        [
            named(each.get("column")),
            Bar(words.score(drop), None if drop is None else max(drop, 0.0) / largest),
        ]
        for each, drop in list(zip(items, drops, strict=True))[:_MOST]
    ]
    columns = [Column("column", "name"), Column("drop in AUC", "number")]
    more = beyond(len(items), _MOST, "column", "most telling")
    return [Table("What gives it away", columns, lines, more)]
