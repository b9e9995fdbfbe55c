"""Panels of jobs: the list, one job with its next times and last runs, and runs of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mlops_nb.core.records import DueTime, Job, JobDetails, JobRun
from mlops_nb.panels import words
from mlops_nb.panels.blocks import (
    Badge,
    Beside,
    Block,
    Cell,
    Column,
    Content,
    Head,
    Paragraph,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.reports import beyond, named, run_id
from mlops_nb.panels.runs import status

_SOURCE_NAMED = 60


def jobs(records: Sequence[Job], rows: int) -> list[Block]:
    """Draw a list of jobs, with when they are due next and what became of the last run."""
    columns = [
        Column("job", "name"),
        Column("schedule"),
        Column("next", "short"),
        Column("last run", "badge"),
        Column("gate", "badge"),
        Column("at (UTC)", "short"),
    ]
    lines = [_line(record) for record in records[:rows]]
    more = beyond(len(records), rows, "job")
    return [without_empty_columns(Table("Jobs", columns, lines, more))]


def job(record: Job, rows: int) -> list[Block]:
    """Draw one job: what it runs, and when."""
    return [_head(record), *_parameters(record, rows), *_last(record)]


def details(record: JobDetails, rows: int) -> list[Block]:
    """Draw a job with its next times and its last runs."""
    blocks: list[Block] = [_head(record.job), *_parameters(record.job, rows)]
    if record.next:
        lines = [(_local(time, record.job.timezone), words.utc(time)) for time in record.next]
        columns = [Column(f"in {words.name(record.job.timezone)}", "name"), Column("UTC", "short")]
        blocks.append(Table("Next times", columns, lines))
    if record.runs:
        return [*blocks, _runs(record.runs, rows, "Last runs", named_job=False)]
    return [*blocks, Paragraph(f"No run yet: `mlops jobs run {words.name(record.job.name)}`.")]


def runs(records: Sequence[JobRun], rows: int) -> list[Block]:
    """Draw runs of jobs."""
    return [_runs(records, rows, "Runs of jobs", named_job=True)]


def run(record: JobRun, rows: int) -> list[Block]:  # noqa: ARG001 - all panels are called alike
    """Draw one run of a job: what became of it, and what the gate made of its model."""
    facts = [("due", words.instant(record.due_at)), ("started by", _trigger(record))]
    if record.started_at is not None and record.ended_at is not None:
        seconds = (record.ended_at - record.started_at).total_seconds()
        facts.append(("took", words.duration(seconds)))
    if record.run_id is not None:
        facts.append(("run", f"`{words.name(record.run_id)}`"))
    if record.model is not None:
        facts.append(("model", _model(record)))
    reason = f"Reason: {words.shorten(record.reason)}" if record.reason else ""
    blocks: list[Block] = [
        Head(words.shorten(record.job, 120), status(record.status), reason, facts)
    ]
    if record.gate is not None:
        blocks.append(Head("Gate", Badge(record.gate)))
    return blocks


def due_times(records: Sequence[DueTime], rows: int) -> list[Block]:
    """Draw the times at which jobs are due."""
    columns = [Column("job", "name"), Column("due", "short"), Column("UTC", "short")]
    lines: list[tuple[Content, ...]] = [
        (named(record.job or words.NOTHING), words.name(record.local), words.utc(record.due_at))
        for record in records[:rows]
    ]
    more = beyond(len(records), rows, "time")
    return [without_empty_columns(Table("Next times", columns, lines, more))]


def _line(record: Job) -> list[Content]:
    last = record.last
    schedule = record.schedule or words.NOTHING
    return [
        Cell(words.name(record.name), "" if record.model is None else words.name(record.model)),
        Cell(words.shorten(schedule, 80), words.name(record.timezone) if record.cron else ""),
        "paused" if record.paused else _next(record),
        words.NOTHING if last is None else status(last.status),
        words.NOTHING if last is None or last.gate is None else Badge(last.gate),
        words.NOTHING if last is None else words.utc(last.due_at),
    ]


def _head(record: Job) -> Head:
    facts = [("notebook", words.shorten(record.notebook, _SOURCE_NAMED))]
    facts.append(("snapshot", f"`{words.shorten(record.snapshot.removeprefix('sha256:'), 12)}`"))
    if record.cron is not None:
        facts += [("cron", f"`{words.name(record.cron)}`"), ("in", words.name(record.timezone))]
    if record.next_at is not None:
        facts.append(("next", _next(record)))
    for label, value in (
        ("retrains", record.model),
        ("checks before", record.quality),
        ("judged on", record.data),
        ("label", record.label),
        ("sensitive", ", ".join(record.sensitive)),
    ):
        if value:
            facts.append((label, words.shorten(value, _SOURCE_NAMED)))
    badge = Badge("warning", "paused") if record.paused else Badge("info", "active")
    return Head(words.shorten(record.name, 120), badge, words.shorten(record.schedule), facts)


def _parameters(record: Job, rows: int) -> list[Block]:
    if not record.parameters:
        return []
    items = list(record.parameters.items())
    lines = [(named(key), named(words.number(value))) for key, value in items[:rows]]
    columns = [Column("parameter", "name"), Column("value")]
    more = beyond(len(items), rows, "parameter")
    return [Beside([Table("Parameters", columns, lines, more)])]


def _last(record: Job) -> list[Block]:
    if record.last is None:
        return []
    return [_runs([record.last], 1, "Last run", named_job=False)]


def _runs(records: Sequence[JobRun], rows: int, caption: str, *, named_job: bool) -> Table:
    columns = [
        Column("status", "badge"),
        *([Column("job", "name")] if named_job else []),
        Column("due (UTC)", "short"),
        Column("by", "short"),
        Column("gate", "badge"),
        Column("model"),
        Column("run", "short"),
        Column("reason", "sentence"),
    ]
    lines = [_run_line(record, named_job=named_job) for record in records[:rows]]
    more = beyond(len(records), rows, "run")
    return without_empty_columns(Table(caption, columns, lines, more))


def _run_line(record: JobRun, *, named_job: bool) -> list[Content]:
    return [
        status(record.status),
        *([named(record.job)] if named_job else []),
        words.utc(record.due_at),
        _trigger(record),
        words.NOTHING if record.gate is None else Badge(record.gate),
        _model(record),
        words.NOTHING if record.run_id is None else run_id(record.run_id),
        words.shorten(record.reason or words.NOTHING, 160),
    ]


def _model(record: JobRun) -> str:
    if record.model is None:
        return words.NOTHING
    alias = f" ({words.name(record.model.alias)})" if record.model.alias else ""
    return f"{words.name(record.model.name)} {record.model.version}{alias}"


def _trigger(record: JobRun) -> str:
    return "hand" if record.trigger == "manual" else words.name(record.trigger)


def _next(record: Job) -> str:
    return words.NOTHING if record.next_at is None else _local(record.next_at, record.timezone)


def _local(time: datetime, timezone: str) -> str:
    try:
        return time.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M %Z")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return words.instant(time)
