"""The panel of what differs between two runs: likely causes first, then each kind of thing."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_nb.core.diff_records import CellChange, Change, MetricChange, RunDiff
from mlops_nb.core.replay_records import DifferingCell
from mlops_nb.panels import datasets, words
from mlops_nb.panels.blocks import (
    Badge,
    Block,
    Cell,
    Column,
    Content,
    Fold,
    Head,
    Paragraph,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.reports import beyond, named

_LINES_SHOWN = 12


def difference(record: RunDiff, rows: int) -> list[Block]:
    """Draw what differs between two runs."""
    badge = Badge("pass", "no difference") if record.same else Badge("info", "different")
    title = f"{words.name(record.names[0])} → {words.name(record.names[1])}"
    facts = [
        ("before", f"`{words.name(record.before)}`"),
        ("after", f"`{words.name(record.after)}`"),
    ]
    blocks: list[Block] = [Head(title, badge, words.shorten(record.summary), facts)]
    if record.causes:
        caption = "Likely causes" if record.metrics else "What differs"
        lines: list[list[Content]] = [[words.shorten(told)] for told in record.causes[:rows]]
        more = beyond(len(record.causes), rows, "cause")
        blocks.append(Table(caption, [Column("", "sentence")], lines, more))
    blocks += _metrics(record.metrics, rows)
    blocks += _changes("Parameters", "parameter", record.parameters, rows)
    blocks += _cells(record.cells, rows)
    blocks += _output(record.output)
    blocks += _changes("Data", "input", record.data, rows)
    for name, found in record.datasets.items():
        inside = datasets.difference(found, rows)
        blocks.append(Fold(f"What differs in {words.name(name)}", inside))
    blocks += _changes("Packages", "package", record.packages, rows)
    blocks += _changes("Code version", "what", record.commit, rows)
    blocks += _changes("Environment", "what", record.environment, rows)
    blocks += _changes("Checks", "check", record.checks, rows)
    blocks += _changes("Outcome", "what", record.outcome, rows)
    return blocks + [Paragraph(words.shorten(note), quiet=True) for note in record.notes]


def _metrics(metrics: Sequence[MetricChange], rows: int) -> list[Block]:
    columns = [
        Column("metric", "name"),
        Column("before", "number"),
        Column("after", "number"),
        Column("difference", "number"),
        Column("relative", "number"),
    ]
    lines: list[list[Content]] = [
        [
            named(m.name),
            words.score(m.before, beside=m.after),
            words.score(m.after, beside=m.before),
            words.NOTHING if m.difference is None else _signed(words.score(m.difference)),
            words.NOTHING if m.relative is None else _signed(words.percent(m.relative)),
        ]
        for m in metrics[:rows]
    ]
    return _table("Metrics", columns, lines, beyond(len(metrics), rows, "metric"))


def _signed(text: str) -> str:
    return text if text.startswith(("-", "−")) else f"+{text}"


def _changes(caption: str, noun: str, changes: Sequence[Change], rows: int) -> list[Block]:
    columns = [Column(noun, "name"), Column(""), Column("before"), Column("after")]
    lines: list[list[Content]] = [
        [
            named(change.name),
            change.what if change.what != "changed" else "",
            words.NOTHING if change.before is None else words.shorten(change.before, 120),
            words.NOTHING if change.after is None else words.shorten(change.after, 120),
        ]
        for change in changes[:rows]
    ]
    return _table(caption, columns, lines, beyond(len(changes), rows, "line"))


def _cells(cells: Sequence[CellChange], rows: int) -> list[Block]:
    columns = [
        Column("before", "number"),
        Column("after", "number"),
        Column("", "short"),
        Column("code", "name"),
    ]
    lines: list[list[Content]] = []
    for cell in cells[:rows]:
        shown = cell.lines[:_LINES_SHOWN]
        more = len(cell.lines) - len(shown)
        places = [words.number(cell.before), words.number(cell.after), cell.what]
        for place, line in enumerate(shown):
            # The place of a cell stands once, at its first line.
            lines.append([*(places if place == 0 else ["", "", ""]), Cell(_line(line), code=True)])
        if more > 0:
            lines.append(["", "", "", Cell(f"and {words.plural(more, 'more line')}")])
    return _table("Cells", columns, lines, beyond(len(cells), rows, "cell"))


def _output(found: DifferingCell | None) -> list[Block]:
    if found is None:
        return []
    columns = [Column("", "short"), Column("", "name")]
    lines: list[list[Content]] = [
        [which if place == 0 else "", Cell(_line(line), code=True)]
        for which, told in (("before", found.before), ("after", found.after))
        for place, line in enumerate((told or "(nothing)").splitlines()[:_LINES_SHOWN])
    ]
    first = words.shorten(found.source.split("\n", 1)[0], 60)
    caption = f"The first cell of equal code that showed something else: {found.position}, {first}"
    return [Table(caption, columns, lines)]


def _line(text: str) -> str:
    return words.shorten(text.replace("\t", "    "), 90)


def _table(
    caption: str, columns: list[Column], lines: list[list[Content]], more: str
) -> list[Block]:
    return [without_empty_columns(Table(caption, columns, lines, more))] if lines else []
