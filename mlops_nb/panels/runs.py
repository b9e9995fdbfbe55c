"""Panels of runs: the list, one run, and a run with its cells, checks, children and artifacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.core.cell_records import HiddenState, History
from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.records import CellRecord, Run, RunDetails
from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import (
    Badge,
    Beside,
    Block,
    Cell,
    Column,
    Content,
    Figure,
    Fold,
    Head,
    Paragraph,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.reports import beyond, named, reports

_KINDS = {
    "RUNNING": "running",
    "FINISHED": "pass",
    "FAILED": "fail",
    "KILLED": "fail",
    "LOST": "insufficient",
    "SKIPPED": "warning",
}
_OUTCOMES = {"ok": "pass", "error": "fail", "interrupted": "warning"}
_MAIN_TAGS = {
    "mlops.notebook": "source notebook",
    "mlops.commit": "commit",
    "mlops.branch": "branch",
    "mlops.dirty": "uncommitted changes",
    "mlops.door": "started by",
    "mlops.python": "Python",
}
_YES_NO = {"true": "yes", "false": "no"}
_SAID_ELSEWHERE = ("mlops.run_id", "mlops.parent_id", "mlops.status", "mlops.reason")
FILES = "file"
_HASH_SHOWN = 19
_METRICS_LISTED = 3
_OPEN_CELLS = 8
_CELLS_DRAWN = 300
_HIDDEN = {
    "edited": "edited since",
    "deleted": "deleted since",
    "missing": "not in the notebook",
    "order": "another cell's",
    "again": "run again",
    "moved": "out of order",
}


def runs(records: Sequence[Run], rows: int) -> list[Block]:
    """Draw a list of runs in the order given, but children below their parent."""
    return [_table("Runs", _families(records), rows)]


def _families(records: Sequence[Run]) -> list[Run]:
    listed = {record.run_id for record in records}
    children: dict[str | None, list[Run]] = {}
    for record in records:
        parent = record.parent_id if record.parent_id != record.run_id else None
        children.setdefault(parent if parent in listed else None, []).append(record)
    ordered, waiting = [], children.pop(None, [])[::-1]
    while waiting:
        ordered.append(waiting.pop())
        waiting += children.pop(ordered[-1].run_id, [])[::-1]
    # What is left says that it descends from itself.
    return ordered + [record for rest in children.values() for record in rest]


def run(record: Run, rows: int) -> list[Block]:
    """Draw one run: what it is, its metrics and parameters, where it came from."""
    return [_head(record), *_values(record, rows), *_tags(record, rows)]


def details(record: RunDetails, rows: int) -> list[Block]:
    """Draw a run with everything that belongs to it."""
    blocks = [_head(record.run), *_values(record.run, rows, record.histories)]
    if record.hidden_state:
        blocks.append(_hidden(record.hidden_state, min(rows, _OPEN_CELLS)))
    if record.cells:
        blocks += _cells(record.cells, rows)
    if record.reports:
        blocks += reports(record.reports, rows)
    if record.children:
        blocks.append(_table("Child runs", record.children, rows))
    if record.artifacts:
        blocks.append(_artifacts(record.artifacts, rows))
    return [*blocks, *_tags(record.run, rows)]


def status(value: str) -> Badge:
    """Return the badge of a run's status.

    Examples
    --------
    >>> status("LOST")
    Badge(kind='insufficient', word='lost')
    """
    return Badge(_KINDS.get(value, "info"), words.name(value).lower())


def metrics_table(
    metrics: Mapping[str, Any], rows: int, histories: Mapping[str, History] | None = None
) -> Table:
    """Return metrics as a table of names and values; of those with several, their lines too."""
    lines: list[list[Content]] = [
        [named(key), words.score(value), *_history((histories or {}).get(key))]
        for key, value in list(metrics.items())[:rows]
    ]
    columns = [Column("metric", "name"), Column("value", "number")]
    columns += [Column("values", "number"), Column("over its steps", "picture")]
    table = Table("Metrics", columns, lines, beyond(len(metrics), rows, "metric"))
    if not histories:
        return table._replace(columns=columns[:2], rows=[line[:2] for line in lines])
    if any(len(history.values) < history.count for history in histories.values()):
        note = "Of long histories the lowest and highest of each stretch of steps are drawn."
        table = table._replace(more=f"{table.more} {note}".strip())
    return table


def _history(history: History | None) -> tuple[Content, Content]:
    picture = charts.sparkline(history.values) if history else None
    return (f"{history.count:,}" if history else "", picture or "")


def _head(record: Run) -> Head:
    facts = [("run", f"`{words.name(record.run_id)}`")]
    if record.mlflow_run_id and record.mlflow_run_id != record.run_id:
        facts.append(("in MLflow", f"`{words.name(record.mlflow_run_id)}`"))
    if record.parent_id:
        facts.append(("child of", f"`{words.name(record.parent_id)}`"))
    if record.experiment:
        facts.append(("experiment", words.name(record.experiment)))
    facts.append(("started", words.instant(record.started_at)))
    if record.duration_s is not None:
        facts.append(("took", words.duration(record.duration_s)))
    if record.notebook:
        facts.append(("notebook", words.shorten(record.notebook)))
    return Head(
        words.shorten(record.name or "run", 120),
        status(record.status),
        f"Reason: {words.shorten(record.reason)}" if record.reason else "",
        facts,
    )


def _values(record: Run, rows: int, histories: Mapping[str, History] | None = None) -> list[Block]:
    tables: list[Block] = []
    if record.metrics:
        tables.append(metrics_table(record.metrics, rows, histories))
    if record.params:
        lines = [(named(k), named(words.number(v))) for k, v in list(record.params.items())[:rows]]
        columns = [Column("parameter", "name"), Column("value")]
        more = beyond(len(record.params), rows, "parameter")
        tables.append(Table("Parameters", columns, lines, more))
    if not tables:
        return [
            Paragraph("No parameter or metric yet: `%mlops log name=value` adds one.", quiet=True)
        ]
    return [Beside(tables)] if len(tables) > 1 else tables


def _tags(record: Run, rows: int) -> list[Block]:
    if not record.tags:
        return []
    main = [
        (label, _YES_NO.get(record.tags[key], record.tags[key]))
        for key, label in _MAIN_TAGS.items()
        if record.tags.get(key)
    ]
    data = {key: value for key, value in record.tags.items() if key.startswith(DATA_TAG)}
    told = {*_MAIN_TAGS, *_SAID_ELSEWHERE, *data}
    rest = [(key, value) for key, value in record.tags.items() if key not in told]
    columns = [Column("", "name"), Column("")]
    blocks: list[Block] = []
    if data:
        blocks.append(_data(data, rows))
    if main:
        blocks.append(Table("Where it came from", columns, [_pair(*pair) for pair in main]))
    if rest:
        columns = [Column("tag", "name"), Column("value")]
        lines = [_pair(*pair) for pair in rest[:rows]]
        table = Table("Tags", columns, lines, beyond(len(rest), rows, "tag"))
        blocks.append(Fold(words.plural(len(rest), "more tag" if main else "tag"), [table]))
    return blocks


def _data(tags: Mapping[str, str], rows: int) -> Table:
    lines: list[list[Content]] = []
    for tag, told in list(tags.items())[:rows]:
        name = tag.removeprefix(DATA_TAG)
        file = name.removeprefix(f"{FILES}.").removeprefix(":")
        version, _, content = told.rpartition(" ")
        lines.append(
            [
                named(name if file == name else file),
                "file" if file != name else words.shorten(version) or "frame",
                Cell(words.shorten(content, _HASH_SHOWN), title=words.shorten(content), code=True),
            ]
        )
    columns = [Column("data", "name"), Column("what"), Column("content", "short")]
    return Table("What went in", columns, lines, beyond(len(tags), rows, "line"))


def _pair(label: str, value: Any) -> tuple[Content, Content]:
    return named(label), Cell(words.shorten(value, 120))


def _table(caption: str, records: Sequence[Run], rows: int) -> Table:
    shown = records[:rows]
    listed = _main_metrics(shown)
    columns = [
        Column("status", "badge"),
        Column("name", "name"),
        Column("run", "short"),
        Column("started (UTC)", "short"),
        Column("took", "number"),
        *(Column(words.name(metric), "number") for metric in listed),
    ]
    lines = [_line(item, listed) for item in shown]
    more = beyond(len(records), rows, "run")
    return without_empty_columns(Table(caption, columns, lines, more))


def _line(record: Run, listed: Sequence[str]) -> list[Content]:
    child = "↳ " if record.parent_id else ""
    return [
        status(record.status),
        Cell(child + words.name(record.name), words.shorten(record.reason or "", 120)),
        Cell(words.shorten(record.run_id, 17), title=words.name(record.run_id), code=True),
        words.instant(record.started_at).removesuffix(" UTC"),
        words.duration(record.duration_s),
        *(words.score(record.metrics.get(metric)) for metric in listed),
    ]


def _main_metrics(records: Sequence[Run]) -> list[str]:
    """Return the few metrics that most of the runs have."""
    counted = Counter(metric for record in records for metric in record.metrics)
    return [metric for metric, _ in counted.most_common(_METRICS_LISTED)]


def _hidden(found: Sequence[HiddenState], rows: int) -> Table:
    lines: list[list[Content]] = [
        [Badge("warning", _HIDDEN[hidden.kind]), words.shorten(hidden.told)]
        for hidden in found[:rows]
    ]
    columns = [Column("", "badge"), Column("", "sentence")]
    caption = "Hidden state: run from the top, this notebook may come to something else"
    return Table(caption, columns, lines, beyond(len(found), rows, "sentence"))


def _cells(cells: Sequence[CellRecord], rows: int) -> list[Block]:
    # The last ones: a failure is among them.
    picture = charts.timeline(_laps(cells)[-_CELLS_DRAWN:])
    caption = "The cells as they ran, from left to right; as they stand, from top to bottom"
    if len(cells) > _CELLS_DRAWN:
        caption += f" (the last {_CELLS_DRAWN} of {len(cells):,})"
    if any(cell.out_of_order for cell in cells):
        caption += "; amber: out of order"
    if any(cell.outcome == "error" for cell in cells):
        caption += "; red, crossed: failed"
    blocks: list[Block] = [Figure(picture, caption)] if picture else []
    table = _cell_table(cells, rows)
    if len(cells) <= _OPEN_CELLS:
        return [*blocks, table]
    failed = [cell for cell in cells if cell.outcome == "error"]
    if failed:
        blocks.append(_cell_table(failed, rows, "Cells that failed"))
    return [*blocks, Fold(words.plural(len(cells), "cell"), [table])]


def _laps(cells: Sequence[CellRecord]) -> list[charts.Lap]:
    began = next((cell.started_at for cell in cells if cell.started_at), None)
    places: dict[str, int] = {}
    laps, row = [], 0
    for cell in cells:
        # Where the notebook is not known, a cell stands where it ran first.
        first = places.setdefault(cell.cell_id or cell.source, len(places))
        row = first if cell.position is None else cell.position
        after = (cell.started_at - began).total_seconds() if cell.started_at and began else None
        laps.append(charts.Lap(_label(cell), after, cell.duration_s, row, _kind(cell)))
    return laps


def _kind(cell: CellRecord) -> str:
    if cell.outcome in ("error", "before"):
        return "failed" if cell.outcome == "error" else "before"
    return "moved" if cell.out_of_order else "ok"


def _label(cell: CellRecord) -> str:
    """Return what the notebook shows beside a cell."""
    return f"[{cell.index if cell.execution_count is None else cell.execution_count}]"


def _cell_table(cells: Sequence[CellRecord], rows: int, caption: str = "Cells") -> Table:
    columns = [
        Column("cell", "number"),
        Column("outcome", "badge"),
        Column("first line", "name"),
        Column("took", "number"),
        Column("memory", "number"),
    ]
    lines: list[list[Content]] = [
        [
            _label(cell),
            Badge(_OUTCOMES.get(cell.outcome, "info"), _outcome(cell)),
            Cell(_first_line(cell.source), words.shorten(cell.error or ""), code=True),
            words.duration(cell.duration_s),
            _growth(cell.memory_growth_bytes),
        ]
        for cell in cells[:rows]
    ]
    more = beyond(len(cells), rows, "cell")
    return without_empty_columns(Table(caption, columns, lines, more))


def _outcome(cell: CellRecord) -> str:
    said = "before tracking" if cell.outcome == "before" else words.name(cell.outcome)
    return f"{said}, out of order" if cell.out_of_order else said


def _first_line(source: str) -> str:
    stripped = source.lstrip()
    return words.shorten(stripped[:500].split("\n", 1)[0], 60) if stripped else "(empty)"


def _growth(count: int | None) -> str:
    if count is None or abs(count) < 1e5:  # below what a process's memory is known to
        return words.NOTHING
    return f"{'+' if count > 0 else ''}{words.size(count)}"


def _artifacts(artifacts: Sequence[str], rows: int) -> Block:
    lines = [(Cell(words.shorten(path, 120)),) for path in artifacts[:rows]]
    more = beyond(len(artifacts), rows, "artifact")
    table = Table("Artifacts", [Column("", "name")], lines, more)
    if len(artifacts) <= _OPEN_CELLS:
        return table
    return Fold(words.plural(len(artifacts), "artifact"), [table])
