"""Panels of models: versions, promotions, and a mitigation before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.core.records import Finding, ModelVersion, Promotion, Report
from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import (
    Badge,
    Block,
    Cell,
    Column,
    Content,
    Fold,
    Head,
    Paragraph,
    Picture,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.judgements import (
    allowed,
    at_most,
    axes_of,
    decisive,
    groups_compared,
    interval_title,
)
from mlops_nb.panels.reports import beyond, gate, in_words, named, run_id, verdict
from mlops_nb.panels.runs import metrics_table
from mlops_nb.panels.trade_off import apart, strength, trade_off

_METRICS_LISTED = 3


def version(record: ModelVersion, rows: int) -> list[Block]:
    """Draw one version of a model: its aliases, metrics and origin."""
    facts = [("aliases", words.listed([words.name(alias) for alias in record.aliases]))]
    facts = facts if record.aliases else []
    if record.run_id:
        facts.append(("run", f"`{words.name(record.run_id)}`"))
    if record.created_at:
        facts.append(("registered", words.instant(record.created_at)))
    if record.source:
        facts.append(("source", words.shorten(record.source)))
    head = Head(_named_version(record), None, words.shorten(record.description), facts)
    blocks: list[Block] = [head]
    if record.metrics:
        blocks.append(metrics_table(record.metrics, rows))
    if record.tags:
        columns = [Column("tag", "name"), Column("value")]
        pairs = list(record.tags.items())
        lines = [(named(key), Cell(words.shorten(value, 120))) for key, value in pairs[:rows]]
        table = Table("Tags", columns, lines, beyond(len(pairs), rows, "tag"))
        blocks.append(Fold(words.plural(len(pairs), "tag"), [table]))
    return blocks


def versions(records: Sequence[ModelVersion], rows: int) -> list[Block]:
    """Draw a list of versions, in the order given."""
    counted = Counter(metric for record in records for metric in record.metrics)
    listed = [metric for metric, _ in counted.most_common(_METRICS_LISTED)]
    columns = [
        Column("model", "name"),
        Column("version", "number"),
        Column("aliases", "badge"),
        *(Column(words.name(metric), "number") for metric in listed),
        Column("registered (UTC)", "short"),
        Column("run", "short"),
    ]
    lines: list[list[Content]] = [
        [
            named(record.name, words.shorten(record.description, 120)),
            words.number(record.version),
            _aliases(record),
            *(words.score(record.metrics.get(metric)) for metric in listed),
            words.utc(record.created_at),
            run_id(record.run_id),
        ]
        for record in records[:rows]
    ]
    more = beyond(len(records), rows, "version")
    return [without_empty_columns(Table("Models", columns, lines, more))]


def promotion(record: Promotion, rows: int) -> list[Block]:
    """Draw an alias that was moved, and the gate's judgement behind it."""
    facts = [("by", words.name(record.actor)), ("at", words.instant(record.created_at))]
    if record.reason:
        facts.append(("reason", words.shorten(record.reason)))
    title = f"{words.name(record.name)} {record.version} is now {words.name(record.alias)}"
    head = Head(title, Badge("pass", "moved"), _before(record), facts)
    if record.gate is None:
        return [head, Paragraph("No gate was asked.", quiet=True)]
    judged = Head("Gate", Badge(record.gate.status), in_words(record.gate))
    return [head, judged, *gate(record.gate, rows)]


def promotions(records: Sequence[Promotion], rows: int) -> list[Block]:
    """Draw the list of moved aliases, in the order given."""
    columns = [
        Column("model", "name"),
        Column("alias"),
        Column("from", "number"),
        Column("to", "number"),
        Column("gate", "badge"),
        Column("by"),
        Column("at (UTC)", "short"),
    ]
    lines: list[list[Content]] = [
        [
            named(record.name, words.shorten(record.reason)),
            words.name(record.alias),
            words.number(record.previous_version),
            words.number(record.version),
            Badge(record.gate.status) if record.gate else "",
            words.name(record.actor),
            words.utc(record.created_at),
        ]
        for record in records[:rows]
    ]
    more = beyond(len(records), rows, "promotion")
    return [without_empty_columns(Table("Promotions", columns, lines, more))]


def mitigation(record: Mitigation, rows: int) -> list[Block]:
    """Draw a model before and after its repair: the gaps, and what that cost."""
    facts = [
        ("method", f"`{words.name(record.method)}`"),
        ("constraint", f"`{words.name(record.constraint)}`"),
        ("sensitive", words.listed([words.name(feature) for feature in record.sensitive])),
    ]
    if record.strength:
        facts.insert(1, ("strength", strength(record.strength)))
    after = record.fairness_after
    head = Head("Mitigation", Badge(after.status, f"{after.status} after"), _told(record), facts)
    return [
        head,
        _compared("Fairness", record.fairness_before, record.fairness_after, rows),
        *apart(record),
        *groups_compared(record.fairness_before, record.fairness_after, rows),
        _compared("Performance", record.performance_before, record.performance_after, rows),
        *trade_off(record, rows),
    ]


def _named_version(record: ModelVersion) -> str:
    return f"{words.name(record.name)} {record.version}"


def _aliases(record: ModelVersion) -> Content:
    if not record.aliases:
        return ""
    return Badge("alias", words.listed([words.name(alias) for alias in record.aliases]))


def _before(record: Promotion) -> str:
    if record.previous_version is None:
        return f"It is the first {words.name(record.alias)}."
    return f"It takes the place of version {record.previous_version}."


def _told(record: Mitigation) -> str:
    told = words.shorten(record.summary, 2 * words.TEXT_LENGTH)
    return f"{told} {in_words(record.fairness_after)}".strip()


def _compared(caption: str, before: Report, after: Report, rows: int) -> Block:
    pairs = [(_same(finding, before), finding) for finding in after.findings]
    if not pairs:
        return Paragraph(f"{caption}: nothing was measured.")
    measured = [finding for pair in pairs for finding in pair if finding]
    interval = interval_title(measured)
    columns = [
        Column("verdict", "badge"),
        Column("metric", "name"),
        Column("against the limit", "picture"),
        Column("before", "number"),
        Column(interval, "number"),
        Column("after", "number"),
        Column(interval, "number"),
        Column("allowed", "number"),
    ]
    nouns = ("differences", "ratios") if after.kind == "fairness" else ("errors", "scores")
    axes, scale = axes_of([[each for each in pair if each] for pair in pairs[:rows]], nouns)
    lines = [_compared_row(*pair, ends) for pair, ends in zip(pairs, axes, strict=False)]
    legend = [("before", charts.GREY), ("after", charts.BLUE), scale]
    more = beyond(len(pairs), rows, "metric")
    return without_empty_columns(Table(caption, columns, lines, more, legend))


def _compared_row(was: Finding | None, now: Finding, ends: tuple[float, float]) -> list[Content]:
    return [
        verdict(now),
        named(now.name, "; ".join(each for each in (_of(now), _change(was, now)) if each)),
        _drawn(was, now, ends) or "",
        words.score(was.value, beside=now.limit) if was else words.NOTHING,
        words.interval(decisive(was) if was else None),
        words.score(now.value, beside=now.limit),
        words.interval(decisive(now)),
        allowed(now),
    ]


def _of(finding: Finding) -> str:
    """Say of which class a finding is, where it is of one."""
    return "" if finding.column is None else words.shorten(finding.column)


def _change(was: Finding | None, now: Finding) -> str:
    if was is None or was.status == now.status or verdict(now) == "":
        return ""
    return f"before: {was.status}"


def _drawn(was: Finding | None, now: Finding, ends: tuple[float, float]) -> Picture | None:
    marks = [(now.value, decisive(now), charts.BLUE)]
    if was is not None:
        marks.insert(0, (was.value, decisive(was), charts.GREY))
    before = words.score(was.value) if was else "not measured"
    return charts.whiskers(
        marks,
        ends,
        now.limit,
        at_most=at_most(now),
        alt=f"{words.name(now.name)} before {before}, after {words.score(now.value)}",
    )


def _same(finding: Finding, report: Report) -> Finding | None:
    matching = (f for f in report.findings if (f.name, f.column) == (finding.name, finding.column))
    return next(matching, None)
