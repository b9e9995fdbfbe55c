"""The environment of a run, made anew from the lock that it recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Run
from mlops_nb.core.watch import Watch
from mlops_nb.jobs import environments
from mlops_nb.jobs.environments import Wanted
from mlops_nb.project import Project
from mlops_nb.tracking.environment import Lock
from mlops_nb.tracking.wheel import own_wheel, wheel_name

LOCK = "mlops/requirements.txt"
WHEEL = "mlops.wheel"
FOLDER = "environments"


@dataclass(frozen=True, slots=True)
class Fresh:
    """An environment made from a lock; `left_out` is what could not be installed anywhere else."""

    python: Path
    left_out: tuple[str, ...]


def keep_wheel(project: Project) -> dict[str, str]:
    """Keep this package as it runs now, and return the tag that says under which hash."""
    return {WHEEL: project.blobs.put(own_wheel())}


def fresh(project: Project, run: Run, watch: Watch) -> Fresh:
    """Return an environment like the run's, made now unless one was made before.

    Raises
    ------
    InputError
        If the run has recorded no lock, or nothing of this package.
    NotFoundError
        If what it recorded is gone.
    UnavailableError
        If that Python or a package can't be had, or the disk can't be written.
    """
    path = project.runs.artifact(run, LOCK)
    if path is None or not path.is_file():
        raise InputError(
            f"run {run.run_id} has recorded no {LOCK}", hint="replay it with --env same"
        )
    lock = Lock.read(path.read_text("utf-8"))
    wheel = _wheel(project, run)
    wanted = Wanted(lock.python, lock.implementation, lock.requirements, wheel_name(wheel), wheel)
    folder = project.ensure().state / FOLDER
    python = environments.made(folder, wanted, watch, project=project.root)
    return Fresh(python, tuple(f"{name} {version}" for name, version in lock.local.items()))


def inside(python: Path) -> dict[str, str]:
    """Return what a kernel in such an environment is told."""
    return environments.variables(python)


def _wheel(project: Project, run: Run) -> bytes:
    told = run.tags.get(WHEEL)
    if told is None:
        raise InputError(
            f"run {run.run_id} has not recorded the mlops_nb that it ran with",
            hint="replay it with --env same",
        )
    try:
        return project.blobs.get(told)
    except NotFoundError:
        raise NotFoundError(
            f"the mlops_nb that run {run.run_id} ran with is gone from {project.blobs.folder}",
            hint="replay it with --env same",
        ) from None
