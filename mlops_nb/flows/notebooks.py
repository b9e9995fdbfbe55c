"""The executed notebook of a run, to be looked at."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_nb.core.errors import NotFoundError
from mlops_nb.core.records import Run
from mlops_nb.flows.context import Context
from mlops_nb.jobs import notebooks
from mlops_nb.project import Project

if TYPE_CHECKING:
    from nbformat import NotebookNode


def executed(context: Context, run: str) -> tuple[Path, NotebookNode]:
    """Return a run's executed notebook: its file, and what it holds.

    Raises
    ------
    NotFoundError
        If there is no such run, or no notebook was kept of it.
    InputError
        If the file is no notebook (any more).
    """
    found = context.project.runs.get(run)
    path = _copy(context.project, found) or _artifact(context.project, found)
    if path is None:
        raise NotFoundError(
            f"run {found.name!r} has no executed notebook",
            hint="`mlops run NOTEBOOK` and jobs keep one; what was run by hand is in its own file",
        )
    return path, notebooks.read(path)


def _copy(project: Project, run: Run) -> Path | None:
    """Return the copy where it was made; a tag that names another place is not followed."""
    named = run.tags.get("mlops.output_notebook")
    path = Path(named).resolve() if named else None
    inside = path is not None and path.is_relative_to(project.state.resolve())
    return path if path is not None and inside and path.is_file() else None


def _artifact(project: Project, run: Run) -> Path | None:
    for name in project.runs.artifacts(run):
        if PurePosixPath(name).match("notebook/*.ipynb"):
            return project.runs.artifact(run, name)
    return None
