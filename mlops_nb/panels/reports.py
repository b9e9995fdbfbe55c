"""Panels of the checks' reports: drift, quality, gate, and any kind without one of its own.

`judgements` draws those of fairness and performance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops_nb.core.records import Finding, Report
from mlops_nb.core.strict_json import plain
from mlops_nb.panels import charts, drift_intervals, words
from mlops_nb.panels.blocks import (
    Badge,
    Block,
    Cell,
    Column,
    Content,
    Fold,
    Head,
    Link,
    Paragraph,
    Table,
    without_empty_columns,
)

_ORDER = {"fail": 0, "insufficient": 1, "pass": 2}
_TITLES = {"quality": "Data quality"}
_WHOLE, _CLASSIFIER = "share_of_drifted_columns", "domain_classifier_auc"
_MOST_FACTS = 10
# What a subject holds that a reader doesn't look for: it is said elsewhere, or only repeats it.
_UNTOLD = frozenset(
    {"notes", "confidence", "draws", "seed", "evidently_report", "evidently_address"}
)
_LABELS = {"name": "data"}


def report(record: Report, rows: int) -> list[Block]:
    """Draw one report: its verdict and sentence, then what they rest on."""
    from mlops_nb.panels import judgements

    bodies: Mapping[str, Callable[[Report, int], list[Block]]] = {
        "drift": drift,
        "quality": quality,
        "gate": gate,
        "fairness": judgements.fairness,
        "performance": judgements.performance,
    }
    body = bodies.get(record.kind, plainly)
    return [_head(record), *_notes(record), *_full_report(record), *body(record, rows)]


def reports(records: Sequence[Report], rows: int) -> list[Block]:
    """Draw a list of reports, a line each."""
    columns = [
        Column("verdict", "badge"),
        Column("check", "name"),
        Column("what it says", "sentence"),
        Column("made (UTC)", "short"),
    ]
    lines = [
        (Badge(r.status), title(r), in_words(r), words.utc(r.created_at)) for r in records[:rows]
    ]
    return [Table("Checks", columns, lines, more=beyond(len(records), rows, "check"))]


def title(record: Report) -> str:
    """Return the kind of a report as a title."""
    kind = words.name(record.kind).replace("_", " ")
    return _TITLES.get(record.kind, kind[:1].upper() + kind[1:])


def in_words(record: Report) -> str:
    """Return what a report says: its summary, or a count where it has none."""
    if record.summary:
        return words.shorten(record.summary, 2 * words.TEXT_LENGTH)
    blocking = [words.name(f.label) for f in record.findings if f.status != "pass"]
    if blocking:
        return f"Not passed: {words.listed(blocking)}."
    return f"{words.plural(len(record.findings), 'finding')}, nothing against it."


def evidence(finding: Finding) -> dict[str, Any]:
    """Return a finding's evidence as plain values (numpy's become Python's)."""
    known = plain(finding.evidence)
    return known if isinstance(known, dict) else {}


def verdict(finding: Finding) -> Content:
    """Return a finding's badge; none for one that was not held against a limit."""
    informative = finding.limit is None and finding.status == "pass"
    return "" if informative else Badge(finding.status)


def named(text: Any, note: str = "") -> Cell:
    """Return a name as a cell: short to read, longer when pointed at."""
    whole = words.shorten(text)
    short = words.name(text)
    return Cell(short, note, title="" if short == whole else whole)


def run_id(text: str | None) -> Cell:
    """Return the cell that names a run: a column of them is wide enough for one of our ids."""
    return Cell(words.shorten(text or "", 17), title=words.name(text or ""), code=True)


def noted(known: Mapping[str, Any], *keys: str) -> str:
    """Join the sentences that stand in the evidence under `keys`; none is said twice."""
    said = ""
    for key in keys:
        text = known.get(key)
        if isinstance(text, str) and text and words.shorten(text) not in said:
            between = " " if said.endswith((".", "!", "?", ":", ";")) else "; "
            said = f"{said}{between}{words.shorten(text)}" if said else words.shorten(text)
    return said


def beyond(total: int, rows: int, noun: str, order: str = "first") -> str:
    """Say that only some rows are shown, and where the others are; "" where all are."""
    if total <= rows:
        return ""
    return f"These are the {order} {rows} of {words.plural(total, noun)}; `--json` has all."


def drift(record: Report, rows: int) -> list[Block]:
    """Draw a drift report: the columns, those that moved most first."""
    from mlops_nb.panels.domain_classifier import domain_classifier
    from mlops_nb.panels.drift_over_time import over_time

    columns = _drift_columns(record)
    if not columns:
        return [Paragraph("No column was compared.")]
    whole = next((f for f in record.findings if f.name == _WHOLE), Finding(_WHOLE))
    classifiers = [f for f in record.findings if f.name == _CLASSIFIER and f.column is None]
    told_apart = [block for found in classifiers for block in domain_classifier(found)]
    ranked = sorted(columns, key=_drift_rank)
    shown = ranked[:rows]
    table = Table(
        "Columns",
        [
            Column("verdict", "badge"),
            Column("column", "name"),
            Column("reference → current", "picture"),
            Column("score", "number"),
            Column("drawn", "picture"),
            Column(drift_intervals.title(shown), "number"),
            Column("allowed", "number"),
            Column("method", "short"),
        ],
        [_drift_row(finding, len(shown)) for finding in shown],
        more=beyond(len(ranked), rows, "column", "worst"),
        legend=[
            ("reference", charts.GREY),
            ("current", charts.BLUE),
            *drift_intervals.legend(shown),
        ],
    )
    return [*over_time(whole, columns, rows), *told_apart, without_empty_columns(table)]


def _drift_columns(record: Report) -> list[Finding]:
    of_all = (_WHOLE, _CLASSIFIER)
    return [f for f in record.findings if f.column is not None or f.name not in of_all]


def _drift_row(finding: Finding, rows: int) -> list[Content]:
    known = evidence(finding)
    drawn = drift_intervals.drawn(finding, known) if rows <= drift_intervals.MOST else None
    name = finding.column or finding.name
    return [
        _drift_badge(finding),
        named(name, _drift_words(finding, known, name)),
        charts.histogram(known.get("histogram")) or "",
        words.score(finding.value, beside=finding.limit),
        drawn or "",
        words.interval(known.get("interval")),
        _drift_allows(finding, known),
        words.name(known.get("method") or ""),
    ]


def _drift_badge(finding: Finding) -> Badge:
    if finding.value is None and finding.status == "pass":
        return Badge("info", "not judged")
    # A column that moved is no fault by itself: the report's own verdict says what follows.
    return Badge(finding.status, "drifted" if finding.status == "fail" else "")


def _drift_words(finding: Finding, known: Mapping[str, Any], name: str) -> str:
    """Say what moved, without the name it begins with; if it passed, only what is odd."""
    told = noted(known, *(("sentence", "note") if finding.status != "pass" else ("note",)))
    said = [
        told.removeprefix(f"`{name}` ").removeprefix(f"`{name}`: "),
        drift_intervals.told(known),
    ]
    return "; ".join(part for part in said if part)


def _drift_allows(finding: Finding, known: Mapping[str, Any]) -> str:
    limit = words.finite(finding.limit)
    if limit is None:
        return words.NOTHING
    return f"{'<' if _is_distance(finding, known, limit) else '≥'} {words.number(limit)}"


def _is_distance(finding: Finding, known: Mapping[str, Any], limit: float) -> bool:
    # A distance drifts at or above its threshold, a p-value below it; which of the two this is
    # shows in the verdict, so no list of methods has to be kept.
    score = words.finite(finding.value)
    drifted = known.get("drifted", finding.status == "fail")
    if drifted is None:  # a score so close to its limit that it has no verdict
        return not str(known.get("method")).endswith(("p_value", "t_test"))
    return score is None or bool(drifted) == (score >= limit)


def _drift_rank(finding: Finding) -> tuple[int, bool, float]:
    known = evidence(finding)
    score, limit = words.finite(finding.value), words.finite(finding.limit)
    if score is None or limit is None:
        return _ORDER[finding.status], True, 0.0
    if _is_distance(finding, known, limit):
        return _ORDER[finding.status], False, -score / limit if limit else -score
    return _ORDER[finding.status], False, score / limit if limit else score


def quality(record: Report, rows: int) -> list[Block]:
    """Draw a quality report: what failed, errors before warnings; the rest folds away."""
    wrong = sorted((f for f in record.findings if f.status != "pass"), key=_quality_rank)
    right = [f for f in record.findings if f.status == "pass"]
    blocks: list[Block] = []
    if wrong:
        more = beyond(len(wrong), rows, "failed check", "worst")
        blocks.append(_quality_table("What is wrong", wrong[:rows], more))
    if right:
        more = beyond(len(right), rows, "passed check")
        table = _quality_table("What passed", right[:rows], more)
        blocks.append(Fold(f"{words.plural(len(right), 'check')} passed", [table]))
    return blocks or [Paragraph("Nothing was checked.")]


def _quality_table(caption: str, findings: Sequence[Finding], more: str) -> Table:
    columns = [
        Column("verdict", "badge"),
        Column("check", "name"),
        Column("column"),
        Column("found", "number"),
        Column("allowed", "number"),
        Column("rows", "number"),
    ]
    return without_empty_columns(
        Table(caption, columns, [_quality_row(finding) for finding in findings], more)
    )


def _quality_row(finding: Finding) -> list[Content]:
    known = evidence(finding)
    mild = finding.status == "fail" and known.get("severity") == "warning"
    share = words.finite(known.get("share"))
    of_rows = share is not None and share == words.finite(finding.value)
    return [
        Badge("warning") if mild else Badge(finding.status),
        named(finding.name, _quality_words(finding, known)),
        named(finding.column or ""),
        words.percent(share) if of_rows else _value(finding.value, finding.limit),
        words.percent(finding.limit) if of_rows else _limit(finding.limit),
        words.number(known["count"]) if of_rows and "count" in known else _count(known),
    ]


def _quality_words(finding: Finding, known: Mapping[str, Any]) -> str:
    """Say what is wrong, with examples; of what passed, only what there is to know."""
    if finding.status == "pass" and (finding.limit is not None or not finding.value):
        return ""
    note, examples = noted(known, "note"), known.get("examples")
    if not isinstance(examples, list) or not examples:
        return note
    shown = f"For example: {words.listed([words.name(words.number(e)) for e in examples])}."
    return shown if not note else f"{note.rstrip('.')}. {shown}"


def _quality_rank(finding: Finding) -> tuple[bool, int, float]:
    known = evidence(finding)
    share = words.finite(known.get("share"))
    return known.get("severity") == "warning", _ORDER[finding.status], -(share or 0.0)


def _count(known: Mapping[str, Any]) -> str:
    count, share = known.get("count"), words.finite(known.get("share"))
    if count is None:
        return "" if share is None else words.percent(share)
    said = words.number(count)
    return f"{said} ({words.percent(share)})" if share else said


def _value(value: Any, limit: Any) -> str:
    return _limit(value) if words.finite(value) is None else words.score(value, beside=limit)


def _limit(value: Any) -> str:
    if isinstance(value, Mapping):
        value = [f"{key}: {item}" for key, item in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return words.listed([words.name(words.number(item)) for item in value])
    return words.name(words.number(value))


def gate(record: Report, rows: int) -> list[Block]:
    """Draw a gate's judgement: each condition with its reason, in the policy's order."""
    columns = [
        Column("verdict", "badge"),
        Column("condition", "name"),
        Column("found", "number"),
        Column("interval", "number"),
        Column("required", "number"),
    ]
    lines: list[list[Content]] = []
    for finding in record.findings[:rows]:
        known = evidence(finding)
        lines.append(
            [
                Badge(finding.status),
                named(finding.label, noted(known, "note", "summary")),
                _value(finding.value, finding.limit),
                words.interval(known.get("interval")),
                _limit(finding.limit),
            ]
        )
    if not lines:
        return [Paragraph("The policy has no condition.")]
    more = beyond(len(record.findings), rows, "condition")
    return [without_empty_columns(Table("Conditions", columns, lines, more))]


def plainly(record: Report, rows: int) -> list[Block]:
    """Draw a report of a kind without a panel of its own, worst findings first."""
    if not record.findings:
        return [Paragraph("Nothing was found.")]
    ranked = sorted(record.findings, key=lambda finding: _ORDER[finding.status])
    columns = [
        Column("verdict", "badge"),
        Column("finding", "name"),
        Column("value", "number"),
        Column("interval", "number"),
        Column("limit", "number"),
    ]
    lines: list[list[Content]] = []
    for finding in ranked[:rows]:
        known = evidence(finding)
        lines.append(
            [
                verdict(finding),
                named(finding.label, noted(known, "sentence", "note")),
                _value(finding.value, finding.limit),
                words.interval(known.get("interval")),
                _limit(finding.limit),
            ]
        )
    more = beyond(len(ranked), rows, "finding", "worst")
    return [without_empty_columns(Table("Findings", columns, lines, more))]


def _head(record: Report) -> Head:
    facts = [*_drift_count(record), *_subject(record)]
    facts.append(("made", words.instant(record.created_at)))
    return Head(title(record), Badge(record.status), in_words(record), facts)


def _drift_count(record: Report) -> list[tuple[str, str]]:
    if record.kind != "drift" or record.summary:
        return []
    columns = _drift_columns(record)
    whole = next((f for f in record.findings if f.name == _WHOLE), Finding(_WHOLE))
    drifted = sum(bool(f.evidence.get("drifted", f.status == "fail")) for f in columns)
    count = (
        f"{words.number(whole.evidence.get('n_drifted', drifted))} of "
        f"{words.plural(whole.evidence.get('n_columns', len(columns)), 'column')}"
    )
    if words.finite(whole.value) is not None:
        count += f" ({words.percent(whole.value)}, fails from {words.percent(whole.limit)})"
    return [("drifted", count)]


def _notes(record: Report) -> list[Block]:
    notes = plain(record.subject.get("notes"))
    if not isinstance(notes, list):
        return []
    return [Paragraph(words.shorten(note), quiet=True) for note in notes[:_MOST_FACTS]]


def _full_report(record: Report) -> list[Block]:
    place, address = (record.subject.get(f"evidently_{key}") for key in ("report", "address"))
    if not isinstance(place, str) or not place:
        return []
    return [Link("Evidently's full report", _local(address), words.clean(place))]


def _local(address: Any) -> str:
    """Return a link that leads to a report beside the notebook, or of its project; no other."""
    known = isinstance(address, str) and "#mlops-report?" in address
    return address if known and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", address) else ""


def _subject(record: Report) -> list[tuple[str, str]]:
    facts = []
    for key, value in plain(dict(record.subject)).items():
        told = "" if key in _UNTOLD else _told(key, value)
        # A model's own columns are called "prediction" and "score": that says nothing.
        if told and told != key:
            facts.append((words.shorten(_LABELS.get(key, key), 24).replace("_", " "), told))
    return facts[:_MOST_FACTS]


def _told(key: str, value: Any) -> str:
    """Return what a subject's entry says, "" where it is too deep for a line."""
    if isinstance(value, dict):
        parts = []
        if "name" in value:
            parts.append(words.name(value["name"]))
        if "rows" in value:
            rows = value["rows"]
            parts.append(f"{words.number(rows)} {'row' if rows == 1 else 'rows'}")
        return ", ".join(parts)
    if isinstance(value, list):
        if key == "columns":
            return words.number(len(value))
        return words.listed([words.name(words.number(item)) for item in value])
    return "" if value is None else words.number(value)
