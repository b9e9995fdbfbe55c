"""Panels of the project as a whole: its status, a notice, and what the demo came to."""

from __future__ import annotations

from mlops_nb.core.records import DemoResult, ModelVersion, Notice, ProjectStatus, Run
from mlops_nb.core.strict_json import plain
from mlops_nb.panels import jobs, models, reports, runs, words
from mlops_nb.panels.blocks import Badge, Block, Cell, Column, Content, Head, Paragraph, Table


def status(record: ProjectStatus, rows: int) -> list[Block]:
    """Draw what a project holds; what needs attention comes first."""
    facts = [
        ("folder", words.shorten(record.root)),
        ("runs", words.number(record.runs)),
        ("experiment", words.name(record.experiment)),
        ("tracking", words.shorten(record.tracking_uri)),
    ]
    if record.undelivered:
        facts.append(("not yet in MLflow", words.plural(record.undelivered, "run")))
    count = len(record.attention)
    badge = Badge("warning", f"{count} to look at") if count else Badge("pass", "in order")
    blocks: list[Block] = [Head(words.name(record.project), badge, "", facts)]
    if count:
        lines = [(Cell(words.shorten(item)),) for item in record.attention[:rows]]
        columns = [Column("", "name")]
        more = reports.beyond(count, rows, "item")
        blocks.append(Table("Needs attention", columns, lines, more))
    if record.running:
        blocks += _captioned("Running now", list(record.running), rows)
    if record.latest:
        blocks += _captioned("Latest run", [record.latest], rows)
    if record.models:
        blocks += models.versions(record.models, rows)
    if record.jobs:
        blocks += jobs.jobs(record.jobs, rows)
    if not record.runs:
        blocks.append(Paragraph("No runs yet: type `%mlops track` in a notebook, or `mlops demo`."))
    return blocks


def notice(record: Notice, rows: int) -> list[Block]:
    """Draw one thing that was done, and what may come next."""
    blocks: list[Block] = [
        Paragraph(words.shorten(line, 2000)) for line in record.message.splitlines()[:rows] if line
    ]
    details = list(plain(dict(record.details)).items())
    if details:
        lines: list[tuple[Content, Content]] = [
            (reports.named(key), Cell(words.shorten(words.number(value), 200)))
            for key, value in details[:rows]
        ]
        columns = [Column("", "name"), Column("")]
        more = reports.beyond(len(details), rows, "entry")
        blocks.append(Table("", columns, lines, more))
    if record.hint:
        blocks.append(Paragraph(f"→ {words.shorten(record.hint, 2000)}"))
    return blocks


def demo(record: DemoResult, rows: int) -> list[Block]:
    """Draw what the demo came to: verdicts, metrics, the model, and what to type next."""
    facts = [
        ("run", f"`{words.name(record.run_id)}`"),
        ("took", words.duration(record.seconds)),
        ("project", words.shorten(record.project)),
        ("executed notebook", words.shorten(record.notebook)),
    ]
    blocks: list[Block] = [Head("Demo", runs.status(record.status), _outcome(record.model), facts)]
    if record.metrics:
        blocks.append(runs.metrics_table(record.metrics, rows))
    if record.reports:
        blocks += reports.reports(record.reports, rows)
    if record.gate:
        blocks.append(Head("Gate", Badge(record.gate)))
    return [*blocks, _next_steps(record)]


def _outcome(model: ModelVersion | None) -> str:
    if model is None:
        return "No model was registered."
    version = f"{words.name(model.name)} {model.version}"
    if not model.aliases:
        return f"{version} was registered, and not promoted."
    return f"{version} is now {words.listed([words.name(alias) for alias in model.aliases])}."


def _next_steps(record: DemoResult) -> Block:
    from shlex import quote

    source = record.source_notebook.removeprefix(f"{record.project}/")
    steps = [
        (f"cd {quote(record.project)}", "go to the project"),
        (f"mlops show {record.run_id}", "look at the run"),
        ("mlops models", "see the versions and their aliases"),
    ]
    if source:
        steps.append((f"jupyter lab {quote(source)}", "open the notebook"))
    lines: list[tuple[Content, Content]] = [
        (Cell(words.shorten(command), code=True), use) for command, use in steps
    ]
    return Table("What to type next", [Column("command", "name"), Column("to", "short")], lines)


def _captioned(caption: str, records: list[Run], rows: int) -> list[Block]:
    return [
        block._replace(caption=caption) if isinstance(block, Table) else block
        for block in runs.runs(records, rows)
    ]
