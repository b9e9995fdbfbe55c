"""The panel of a replay: the verdict, the first cell and the inputs that differ, the metrics."""

from __future__ import annotations

from mlops_nb.core.replay_records import DifferingCell, Replay
from mlops_nb.panels import words
from mlops_nb.panels.blocks import Badge, Block, Cell, Column, Content, Head, Paragraph, Table
from mlops_nb.panels.reports import beyond, named

_TEXT = 300
_INPUT = 40


def replay(record: Replay, rows: int) -> list[Block]:
    """Draw a replay."""
    is_same = record.status == "REPRODUCED"
    badge = Badge("pass" if is_same else "fail", "reproduced" if is_same else "differs")
    facts = [
        ("run", f"`{words.name(record.run_id)}`"),
        ("replay", f"`{words.name(record.replay_id)}`, {words.name(record.run_status).lower()}"),
        ("environment", "made from the run's lock" if record.env == "fresh" else "the present one"),
        ("tolerance", f"{record.tolerance:g}"),
    ]
    blocks: list[Block] = [Head("Replay", badge, words.shorten(record.summary, 500), facts)]
    if record.cell is not None:
        blocks.append(_cell(record.cell))
    if record.inputs:
        blocks.append(_inputs(record, rows))
    if record.metrics:
        blocks.append(_metrics(record, rows))
    return [*blocks, *(Paragraph(words.shorten(note, 500), quiet=True) for note in record.notes)]


def _cell(cell: DifferingCell) -> Table:
    columns = [Column("", "name"), Column("")]
    lines: list[list[Content]] = [
        ["cell", Cell(words.shorten(cell.source, _TEXT), code=True)],
        ["showed", Cell(words.shorten(cell.before or "nothing", _TEXT), code=True)],
        ["shows now", Cell(words.shorten(cell.after or "nothing", _TEXT), code=True)],
    ]
    return Table(f"First cell that differs: {cell.position}", columns, lines)


def _inputs(record: Replay, rows: int) -> Table:
    columns = [
        Column("input", "name"),
        Column("kind"),
        Column("in the run"),
        Column("in the replay"),
    ]
    lines: list[list[Content]] = [
        [
            named(changed.name),
            changed.kind,
            words.shorten(changed.before or "–", _INPUT),
            words.shorten(changed.after or "–", _INPUT),
        ]
        for changed in record.inputs[:rows]
    ]
    more = beyond(len(record.inputs), rows, "input")
    return Table("Inputs that differ", columns, lines, more)


def _metrics(record: Replay, rows: int) -> Table:
    columns = [
        Column("metric", "name"),
        Column("in the run", "number"),
        Column("in the replay", "number"),
        Column("", "badge"),
    ]
    lines: list[list[Content]] = [
        [
            named(metric.name),
            words.score(metric.before),
            words.score(metric.after),
            _judged(metric.same) if metric.judged else Badge("info", "a duration"),
        ]
        for metric in record.metrics[:rows]
    ]
    return Table("Metrics", columns, lines, beyond(len(record.metrics), rows, "metric"))


def _judged(same: bool) -> Badge:
    return Badge("pass", "same") if same else Badge("fail", "differs")
