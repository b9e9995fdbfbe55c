"""Verbs `init` and `status`."""

from __future__ import annotations

import os
from pathlib import Path

from mlops_nb.core.config import FILE_NAME, settings
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Notice, ProjectStatus, Run
from mlops_nb.core.strict_json import dumps
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.release import registry
from mlops_nb.stores.disk import disk_errors, write_whole
from mlops_nb.stores.leases import reconcile

_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "lustre", "glusterfs"}


def init(context: Context, folder: str | None = None, *, name: str | None = None) -> Notice:
    """Make a project: an `mlops.toml` that names every setting, and the `.mlops` folder.

    Raises
    ------
    InputError
        If there is a project already.
    UnavailableError
        If the folder can't be written.
    """
    root = context.path(folder) if folder else context.folder
    path = root / FILE_NAME
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
    """Say what the project holds, and what needs attention."""
    project = context.project
    reconcile(project.spool)
    runs = project.runs.search()
    running = tuple(run for run in runs if run.status == "RUNNING")
    waiting = [run_id for run_id in project.spool.run_ids() if project.spool.pending(run_id)]
    models = tuple(project.models.versions())
    for name in {version.name for version in models}:
        # A promotion that a crash cut off is finished or given up, and told.
        registry.settle(project.models, project.database, name)
    return ProjectStatus(
        project=project.name,
        root=str(project.root),
        tracking_uri=project.tracking_uri,
        experiment=project.experiment,
        runs=len(runs),
        running=running,
        latest=runs[0] if runs else None,
        models=models,
        undelivered=len(waiting),
        attention=tuple(_attention(project, runs, waiting)),
    )


def _attention(project: Project, runs: list[Run], waiting: list[str]) -> list[str]:
    lines = []
    latest = runs[0] if runs else None
    if latest is not None and latest.status in ("FAILED", "KILLED", "LOST"):
        reason = f": {latest.reason}" if latest.reason else ""
        lines.append(f"the latest run, {latest.name!r}, is {latest.status}{reason}")
    running = [run for run in runs if run.status == "RUNNING"]
    if len(waiting) > len(running):
        lines.append(f"{len(waiting)} runs are not delivered to MLflow yet (see .mlops/writer.log)")
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
    if elsewhere and elsewhere != project.tracking_uri:
        lines.append(
            f"MLFLOW_TRACKING_URI is {elsewhere!r}, but this project keeps its runs in "
            f"{project.tracking_uri!r}; set tracking_uri in {FILE_NAME} to use the former"
        )
    if _on_network(project.root):
        lines.append("the project is on a network file system, where SQLite's locks don't hold")
    return lines


def _on_network(root: Path) -> bool:
    """Tell whether a folder is on a network file system, as far as Linux says."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return False
    best, kind = "", ""
    for line in mounts.read_text("utf-8", "replace").splitlines():
        _, where, what, *_ = line.split(" ")
        inside = str(root) == where or str(root).startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, kind = where, what
    return kind in _NETWORK
