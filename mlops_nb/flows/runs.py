"""Verbs `runs` and `show`."""

from __future__ import annotations

from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Run, RunDetails
from mlops_nb.flows import delivery
from mlops_nb.flows.context import Context


def runs(
    context: Context,
    *,
    experiment: str | None = None,
    status: str | None = None,
    children: bool = False,
    limit: int = 20,
) -> list[Run]:
    """List runs, newest first; `limit` 0 lists all.

    Raises
    ------
    InputError
        If `limit` is negative.
    NotFoundError
        If there is no such experiment.
    """
    if limit < 0:
        raise InputError(f"--limit must be 0 or more, not {limit}")
    delivery.catch_up(context)
    return context.project.runs.search(
        experiment=experiment, status=status, children=children, limit=limit or None
    )


def show(context: Context, run: str) -> RunDetails:
    """Open a run: its cells, reports, children and artifacts.

    Raises
    ------
    NotFoundError
        If there is no such run.
    """
    project = context.project
    delivery.catch_up(context)
    found = project.runs.get(run)
    children = project.runs.children(found)
    return RunDetails(
        found,
        cells=project.runs.cells(found),
        reports=tuple(project.database.reports(run_id=found.run_id)),
        children=tuple(children),
        artifacts=project.runs.artifacts(found),
    )
