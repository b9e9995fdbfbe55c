"""The `jobs` verbs: notebooks that retrain by themselves, from a snapshot that the job keeps."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import (
    DueTime,
    Job,
    JobDetails,
    JobRun,
    Notice,
    now,
)
from mlops_nb.flows import frames, retraining, starting
from mlops_nb.flows.context import Context
from mlops_nb.flows.tracking import check_name
from mlops_nb.jobs import calendar, runner
from mlops_nb.project import Project
from mlops_nb.stores.jobs import run_id_of

START_S = 60.0
SHOWN_TIMES = 5
SHOWN_RUNS = 20
MOST_TIMES = 1000


def add(
    context: Context,
    name: str,
    notebook: str | Path,
    *,
    cron: str | None = None,
    timezone: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    quality: str | None = None,
    model: str | None = None,
    data: str | None = None,
    label: str | None = None,
    sensitive: Sequence[str] = (),
) -> Job:
    """Make a job of a notebook; without `cron` it runs when it is told to.

    The job runs the notebook as it is now, in the notebook's folder, whatever becomes of the file.

    Raises
    ------
    InputError
        If the name is taken, the notebook or a parameter can't be used, or the schedule is none.
    """
    project = context.project
    check_name(name, "job")
    source = context.path(notebook)
    given = dict(parameters or {})
    runner.check(source, parameters=given, kernel=project.config.run.kernel or None)
    zone = timezone or project.config.jobs.timezone or calendar.here()
    calendar.zone(zone)
    if cron is not None:
        calendar.check(cron, zone)
    if (label or sensitive) and not data:
        raise InputError("a label and sensitive features are columns of --data, which is missing")
    if data and not label:
        raise InputError("--data needs --label, the column of the true values")
    job = Job(
        name,
        _kept(project, source),
        snapshot="",
        cron=None if cron is None else " ".join(cron.split()),
        timezone=zone,
        parameters=given,
        quality=_kept_data(context, quality),
        model=model,
        data=_kept_data(context, data),
        label=label,
        sensitive=tuple(sensitive),
    )
    # Nothing is written before all that could be refused has been.
    snapshot = project.ensure().blobs.put(source.read_bytes())
    project.jobs.add(replace(job, snapshot=snapshot))
    return _found(project, name)


def jobs(context: Context) -> list[Job]:
    """List jobs, newest first."""
    project = _caught_up(context)
    return [_completed(project, job) for job in project.jobs.all()]


def show(context: Context, job: str) -> JobDetails:
    """Open a job: what it runs, when next, and its last runs.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    project = _caught_up(context)
    found = _found(project, job)
    times: list[datetime] = []
    if found.cron is not None and not found.paused:
        times = calendar.upcoming(found.cron, found.timezone, after=now(), count=SHOWN_TIMES)
    return JobDetails(found, tuple(times), tuple(project.jobs.runs(job, limit=SHOWN_RUNS)))


def upcoming(
    context: Context,
    job: str | None = None,
    *,
    cron: str | None = None,
    timezone: str | None = None,
    count: int = 5,
) -> list[DueTime]:
    """Say when jobs are due next, earliest first; or, with `cron`, when a new schedule would be.

    Raises
    ------
    InputError
        If the schedule is none, or both a job and a schedule are given.
    """
    if not 1 <= count <= MOST_TIMES:
        raise InputError(f"--count must be 1 to {MOST_TIMES}, not {count}")
    project = context.project
    if cron is not None:
        if job is not None:
            raise InputError("name a job or give --cron, not both")
        zone = timezone or project.config.jobs.timezone or calendar.here()
        calendar.check(cron, zone)
        return _times(None, cron, zone, count)
    if timezone is not None:
        raise InputError("--tz goes with --cron; a job has its own time zone")
    asked = [project.jobs.get(job)] if job is not None else project.jobs.all()
    found = [
        time
        for one in asked
        if one.cron is not None and not one.paused
        for time in _times(one.name, one.cron, one.timezone, count)
    ]
    return sorted(found, key=lambda time: time.due_at)[:count]


def run(context: Context, job: str) -> JobRun:
    """Run a job now, and wait for its end.

    Raises
    ------
    NotFoundError
        If there is no such job.
    InputError
        If a run of it still goes on.
    """
    project = _caught_up(context)
    _refuse_second(project.jobs.get(job))
    done = retraining.fire(context, job, now(), "manual")
    if done is None:
        raise UnavailableError(f"a run of job {job!r} began at this very moment already")
    return done


def start(context: Context, job: str) -> JobRun:
    """Start a run of a job in a process of its own, and return it as it begins.

    Raises
    ------
    NotFoundError
        If there is no such job.
    InputError
        If a run of it still goes on.
    UnavailableError
        If the process could not start.
    """
    project = _caught_up(context)
    _refuse_second(project.jobs.get(job))
    due_at = now()
    child = starting.start(project, job, due_at, "manual")
    try:
        return _claimed_by(child, project, run_id_of(job, due_at))
    finally:
        child.leave()


def history(context: Context, job: str | None = None, *, limit: int = 20) -> list[JobRun]:
    """List runs of one job or of all, newest first; `limit` 0 lists all.

    Raises
    ------
    InputError
        If `limit` is negative.
    NotFoundError
        If there is no such job, and never was.
    """
    if limit < 0:
        raise InputError(f"--limit must be 0 or more, not {limit}")
    project = _caught_up(context)
    found = project.jobs.runs(job, limit=limit or None)
    if job is not None and not found:
        project.jobs.get(job)
    return found


def pause(context: Context, job: str) -> Job:
    """Let a job come due no more; a run that goes on goes on.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    project = context.project
    project.jobs.pause(job)
    return _found(project, job)


def resume(context: Context, job: str) -> Job:
    """Let a paused job come due again, from now on.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    project = context.project
    project.jobs.resume(job)
    return _found(project, job)


def remove(context: Context, job: str) -> Notice:
    """Forget a job; its runs stay on record, and one that goes on goes on.

    Raises
    ------
    NotFoundError
        If there is no such job.
    """
    context.project.jobs.remove(job)
    return Notice(
        f"job {job!r} is removed",
        hint=f"`jobs history {job}` still lists its runs",
        details={"job": job},
    )


def _claimed_by(child: starting.Child, project: Project, job_run_id: str) -> JobRun:
    """Wait for a process to claim its run, which is its first act."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        is_over = child.wait(0.05)
        claimed = project.jobs.find(job_run_id)
        if claimed is not None:
            return claimed
        if is_over:
            raise UnavailableError(f"{job_run_id} could not start: {child.last_words()}")
    raise UnavailableError(f"{job_run_id} did not start within {START_S:g} s")


def _caught_up(context: Context) -> Project:
    """Close the runs whose process is gone; one that only reads reads on where that can't be."""
    try:
        context.project.jobs.reconcile()
    except UnavailableError as error:
        context.watch.log(str(error))
    return context.project


def _found(project: Project, name: str) -> Job:
    return _completed(project, project.jobs.get(name))


def _completed(project: Project, job: Job) -> Job:
    """Return a job with what is found out anew each time."""
    notebook = str(project.root / job.notebook)
    if job.cron is None:
        return replace(job, notebook=notebook, schedule="when told to")
    schedule = calendar.in_words(job.cron)
    times = calendar.upcoming(job.cron, job.timezone, after=now(), count=0 if job.paused else 1)
    return replace(job, notebook=notebook, schedule=schedule, next_at=times[0] if times else None)


def _times(job: str | None, cron: str, zone: str, count: int) -> list[DueTime]:
    times = calendar.upcoming(cron, zone, after=now(), count=count)
    return [DueTime(job, time, calendar.on_clocks(time, zone)) for time in times]


def _refuse_second(job: Job) -> None:
    if job.last is not None and job.last.status == "RUNNING":
        raise InputError(
            f"a run of job {job.name!r} still goes on, since {job.last.started_at:%H:%M:%S} UTC",
            hint="wait for its end",
        )


def _kept(project: Project, path: Path) -> str:
    """Return a path as it is kept: one inside the project stays true when the project moves."""
    inside = path.is_relative_to(project.root)
    return path.relative_to(project.root).as_posix() if inside else str(path)


def _kept_data(context: Context, given: str | None) -> str | None:
    if given is None or frames.version_named(context, given):
        return given
    path = context.path(given)
    if not path.is_file():
        raise InputError(f"there is no data file {path}")
    return _kept(context.project, path)
