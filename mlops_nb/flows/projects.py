"""Verbs `init` and `status`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mlops_nb.core.config import FILE_NAME, settings
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Job, ModelVersion, Notice, ProjectStatus, Run
from mlops_nb.core.strict_json import dumps
from mlops_nb.flows import delivery, scheduler
from mlops_nb.flows import jobs as job_flows
from mlops_nb.flows.context import Context
from mlops_nb.flows.tracking import check_name
from mlops_nb.project import Project
from mlops_nb.release import registry
from mlops_nb.stores.disk import disk_errors, write_whole
from mlops_nb.stores.mlflow_client import without_password

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "lustre", "glusterfs"}


def init(context: Context, folder: str | None = None, *, name: str | None = None) -> Notice:
    """Make a project: an `mlops.toml` that names every setting, and the `.mlops` folder.

    Raises
    ------
    InputError
        If there is a project already, or the name can't be shown on a line.
    UnavailableError
        If the folder can't be written.
    """
    root = context.path(folder) if folder else context.folder
    path = root / FILE_NAME
    if name is not None:
        check_name(name, "project")
    if path.exists():
        raise InputError(f"{path} is there already", hint="edit it, or choose another folder")
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is not a folder")
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
    project = Project.at(root).ensure()
    write_whole(path, template(name or "").encode())
    return Notice(
        f"project {Project.at(root).name!r} is ready in {root}",
        hint="type `%mlops track` in a notebook, or `mlops run NOTEBOOK`",
        details={"root": str(root), "config": str(path), "state": str(project.state)},
    )


def template(name: str) -> str:
    """Return an `mlops.toml` with every setting, its help and its default, commented out."""
    lines = ["# Settings of this project. What is commented out is the default."]
    section = ""
    for part, key, default, help_text in settings():
        if part != section:
            section = part
            lines += ["", f"[{part}]"]
        if part == "project" and key == "name" and name:
            lines.append(f"name = {dumps(name)}  # {help_text}")
        elif isinstance(default, dict):
            lines.append(f"# {key} = {{}}  # {help_text}")
        else:
            lines.append(f"# {key} = {dumps(default)}  # {help_text}")
    return "\n".join(lines) + "\n"


def status(context: Context) -> ProjectStatus:
    """Say what the project holds, and what needs attention, also where MLflow can't be used."""
    project = context.project
    delivery.catch_up(context)
    waiting = project.spool.waiting()
    broken: list[str] = []
    models: tuple[ModelVersion, ...] = ()
    try:
        runs = project.runs.search()
        models = tuple(project.models.versions())
    except UnavailableError as error:
        broken.append(str(error))
        runs = [run for run in project.runs.undelivered() if run.parent_id is None]
    jobs: list[Job] = []
    try:
        jobs = job_flows.jobs(context)
        for name in {version.name for version in models}:
            # A promotion that a crash cut off is finished or given up, and told.
            registry.settle(project.models, project.database, name)
    except UnavailableError as error:
        broken.append(str(error))
    return ProjectStatus(
        project=project.name,
        root=str(project.root),
        tracking_uri=without_password(project.tracking_uri),
        experiment=project.experiment,
        runs=len(runs),
        running=tuple(run for run in runs if run.status == "RUNNING"),
        latest=runs[0] if runs else None,
        models=models,
        jobs=tuple(jobs),
        scheduler=scheduler.is_running(project),
        undelivered=len(waiting),
        attention=(*_attention(project, runs, waiting, broken), *_of_jobs(project, jobs)),
    )


def _attention(
    project: Project, runs: list[Run], waiting: list[str], broken: list[str]
) -> Iterator[str]:
    yield from broken
    latest = runs[0] if runs else None
    if latest is not None and latest.status in ("FAILED", "KILLED", "LOST"):
        reason = f": {latest.reason}" if latest.reason else ""
        yield f"the latest run, {latest.name!r}, is {latest.status}{reason}"
    why = delivery.trouble(project)
    if waiting and (why or broken):
        count = "1 run is" if len(waiting) == 1 else f"{len(waiting)} runs are"
        yield f"{count} not in MLflow yet" + (f": {why}" if why and not broken else "")
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
    if elsewhere and elsewhere != project.tracking_uri:
        yield (
            f"MLFLOW_TRACKING_URI is {without_password(elsewhere)!r}, but this project keeps its"
            f" runs in {without_password(project.tracking_uri)!r}; set tracking_uri in {FILE_NAME}"
            " to use the former"
        )
    if _on_network(project.root):
        yield "the project is on a network file system, where SQLite's locks don't hold"


def _of_jobs(project: Project, jobs: list[Job]) -> Iterator[str]:
    for job in jobs:
        last = job.last
        if last is not None and last.status not in ("RUNNING", "FINISHED"):
            reason = f": {last.reason}" if last.reason else ""
            yield f"the last run of job {job.name!r} is {last.status}{reason}"
        elif last is not None and last.gate in ("fail", "insufficient"):
            yield f"the gate held the model of job {job.name!r}: {last.reason}"
    waits = [job.name for job in jobs if job.next_at is not None]
    if waits and not scheduler.is_running(project):
        noun = f"job {waits[0]!r} is" if len(waits) == 1 else f"{len(waits)} jobs are"
        yield f"{noun} scheduled, and no scheduler is running: start `mlops scheduler`"


def _on_network(root: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Tell whether a folder is on a network file system, as far as Linux says."""
    if not mounts.exists():
        return False
    best, kind = "", ""
    for line in mounts.read_text("utf-8", "replace").splitlines():
        _, escaped, what, *_ = line.split(" ")
        # A blank in a folder's name is written as \040.
        where = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), escaped)
        inside = str(root) == where or str(root).startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, kind = where, what
    return kind in _NETWORK
