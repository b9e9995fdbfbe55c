"""One run of a job, from its claim to its end.

It goes the same way each time: claim the due time, check the fresh data, execute the snapshot as
`run` does, judge the version that it registered, and let the gate move the alias or hold it. What
became of it is one `JobRun`, whatever happens on the way.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from mlops_nb.core.errors import InputError, MlopsError, NotFoundError, UnavailableError
from mlops_nb.core.records import Job, JobModel, JobRun, ModelVersion, Run, Trigger, now
from mlops_nb.flows import checks, execution, model_checks, release
from mlops_nb.flows.context import Context
from mlops_nb.flows.execution import Order
from mlops_nb.project import Project
from mlops_nb.stores.spool import new_run_id

# How long the end of a run is tried to be written down, where the database is locked or full.
RECORD_S = 120.0
LONGEST_REASON = 300


def fire(context: Context, job: str, due_at: datetime, trigger: Trigger) -> JobRun | None:
    """Claim a due run and see it through; None where another process has claimed it.

    Nothing that goes wrong in it is raised, but for an interruption: it is on record. Of a job
    that was paused or removed since it came due, nothing is claimed: None.

    Raises
    ------
    NotFoundError
        If there is no such job to be started by hand.
    UnavailableError
        If the end can't be written down.
    """
    project = context.project
    if trigger == "schedule" and not _is_scheduled(project, job):
        return None
    wanted = project.jobs.get(job)
    claimed = project.jobs.claim(job, due_at, trigger)
    if claimed is None or claimed.status != "RUNNING":
        return claimed
    begun = replace(claimed, run_id=new_run_id())
    try:
        done = _see_through(context, wanted, begun)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason on record
        done = replace(begun, status="FAILED", reason=_told(error))
    except BaseException:
        _record_end(project, replace(begun, status="KILLED", reason="interrupted"))
        raise
    return _record_end(project, done)


def _is_scheduled(project: Project, name: str) -> bool:
    """Tell whether there still is such a job, and it is not paused."""
    return any(job.name == name and not job.paused for job in project.jobs.all())


def _told(error: Exception) -> str:
    """Return one line on an error: the reason on record."""
    said = str(error) if isinstance(error, MlopsError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())[:LONGEST_REASON].removesuffix(":")


def _record_end(project: Project, run: JobRun) -> JobRun:
    """Write down how a run ended; what is true now must not be lost to a lock of some seconds."""
    ended = _ended(project, run)
    deadline = time.monotonic() + RECORD_S
    while True:
        try:
            return project.jobs.record(ended)
        except UnavailableError:
            if time.monotonic() > deadline or not project.state.is_dir():
                raise
            time.sleep(1)


def _see_through(context: Context, job: Job, begun: JobRun) -> JobRun:
    project = context.project
    if job.quality is not None:
        verdict = checks.quality(_inside(context), job.quality, strict=False)
        is_fit = verdict.status == "pass"
        # Evidence for the gate, where there will be a run.
        project.database.add_report(verdict, begun.run_id if is_fit else None)
        if not is_fit:
            why = verdict.summary or verdict.status
            return replace(begun, status="FAILED", reason=f"the data is not fit: {why}")
    project.jobs.record(begun)
    run = execution.execute(
        context,
        Order(
            project.root / job.notebook,
            parameters=job.parameters,
            name=job.name,
            code=_snapshot(project, job),
            run_id=begun.run_id or new_run_id(),
            tags={"mlops.job": job.name, "mlops.job_run": begun.id},
        ),
    )
    if run.status != "FINISHED":
        return replace(begun, status=run.status, reason=run.reason)
    return _release(context, job, run, replace(begun, status="FINISHED"))


def _snapshot(project: Project, job: Job) -> bytes:
    try:
        return project.blobs.get(job.snapshot)
    except (NotFoundError, UnavailableError) as error:
        why = f"the snapshot of {job.notebook} can't be used: {error.message}"
        hint = f"`jobs remove {job.name}` and add it again"
        raise UnavailableError(why, hint=hint) from None


def _release(context: Context, job: Job, run: Run, done: JobRun) -> JobRun:
    """Judge the version that a run made, and move the alias if the gate lets it through."""
    project = context.project
    version = _made(project, job, run)
    if version is None:
        if job.model is None:
            return done
        missing = f"the notebook registered no version of {job.model!r}"
        return replace(done, status="FAILED", reason=missing)
    inside = _inside(context)
    alias = project.config.gate.champion_alias
    live = alias in version.aliases
    gate = release.newest_gate(project, version)
    if gate is None and live:
        model = JobModel(version.name, version.version, alias)
        return replace(done, model=model, reason="the notebook promoted it by force")
    if gate is None:
        _add_evidence(inside, job, version)
        gate = release.gate(inside, version.name, version.version, data=job.data, label=job.label)
    reason = None if gate.status == "pass" else gate.summary
    if gate.status == "pass" and not live:
        release.promote(inside, version.name, version.version, reason=f"job {job.name}")
        live = True
    model = JobModel(version.name, version.version, alias if live else None)
    return replace(done, gate=gate.status, model=model, reason=reason)


def _made(project: Project, job: Job, run: Run) -> ModelVersion | None:
    """Return the version that a run registered: the one that is live, else the newest.

    Raises
    ------
    InputError
        If there are versions of several models, and the job does not say which one it retrains.
    """
    inside = {run.run_id, *(child.run_id for child in project.runs.children(run))}
    versions = [
        version
        for version in project.models.versions(job.model)
        if version.run_id in inside and job.model in (None, version.name)
    ]
    names = sorted({version.name for version in versions})
    if len(names) > 1:
        raise InputError(
            f"the notebook registered several models: {', '.join(names)}",
            hint="say with `jobs add --model` which one the gate is to judge",
        )
    alias = project.config.gate.champion_alias
    live = [version for version in versions if alias in version.aliases]
    newest = sorted(versions, key=lambda version: version.version, reverse=True)
    return next(iter([*live, *newest]), None)


def _add_evidence(inside: Context, job: Job, version: ModelVersion) -> None:
    """Make the checks that the gate requires and the notebook did not make, on the job's data."""
    project = inside.project
    known = {report.kind for report in release.evidence(project, version)}
    missing = [kind for kind in project.config.gate.require if kind not in known]
    if job.data is None or job.label is None:
        return
    model = f"{version.name}@{version.version}"
    made = []
    if "quality" in missing:
        made.append(checks.quality(inside, job.data, strict=False))
    if "performance" in missing:
        made.append(model_checks.performance(inside, job.data, label=job.label, model=model))
    if "fairness" in missing and job.sensitive:
        made.append(
            model_checks.fairness(
                inside, job.data, label=job.label, sensitive=job.sensitive, model=model
            )
        )
    for report in made:
        project.database.add_report(report, version.run_id)


def _ended(project: Project, run: JobRun) -> JobRun:
    """Return a job's run as ended now, without the id of a run that was never opened."""
    opened = run.run_id is not None and project.executions(run.run_id).exists()
    return replace(run, ended_at=now(), run_id=run.run_id if opened else None)


def _inside(context: Context) -> Context:
    """Return the context in which a job's own paths are read: of the project, in no run."""
    return replace(context, folder=context.project.root, run_id=None)
