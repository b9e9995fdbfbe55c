"""Verbs `runs` and `show`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mlops_nb.core.cell_records import Outline
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Run, RunDetails
from mlops_nb.flows import delivery
from mlops_nb.flows.context import Context
from mlops_nb.stores.metric_histories import histories
from mlops_nb.stores.run_query import Condition, Query
from mlops_nb.tracking.hidden_state import (
    ARTIFACT,
    from_bytes,
    hidden_state,
    placed,
    read_outline,
)


def runs(
    context: Context,
    *,
    experiment: str | None = None,
    status: str | None = None,
    children: bool = False,
    where: str | Sequence[str] = (),
    sort: str = "started",
    reverse: bool = False,
    limit: int = 20,
    offset: int = 0,
) -> list[Run]:
    """List runs, newest first unless sorted otherwise.

    Parameters
    ----------
    context : Context
    experiment, status : str, optional
        Only these.
    children : bool
        Child runs too.
    where : str or sequence of str
        Conditions ``NAME OP VALUE`` on a metric, parameter or tag, such as ``"auc > 0.8"``; all
        must hold. OP is one of = != < <= > >=.
    sort : str
        "started" (newest first), "duration" (longest first), "name" (a to z), or the name of a
        metric (highest first). Runs that have no such value come last.
    reverse : bool
        The other way round.
    limit : int
        How many; 0 lists all.
    offset : int
        How many of the first to pass over.

    Raises
    ------
    InputError
        If `limit` or `offset` is negative, or a condition is none.
    NotFoundError
        If there is no such experiment, or no run has a value of that name.
    """
    for name, number in (("limit", limit), ("offset", offset)):
        if number < 0:
            raise InputError(f"--{name} must be 0 or more, not {number}")
    query = Query(
        experiment,
        status,
        children,
        tuple(Condition.parse(text) for text in ([where] if isinstance(where, str) else where)),
        sort,
        reverse,
        offset,
        limit or None,
    )
    delivery.catch_up(context)
    found = context.project.runs.select(query)
    return [_told(run, query) for run in found]


def _told(run: Run, query: Query) -> Run:
    """Put the metrics that were asked for first: a list of runs shows the first few."""
    asked = {name: run.metrics[name] for name in sorted(query.names) if name in run.metrics}
    return replace(run, metrics={**asked, **run.metrics}) if asked else run


def show(context: Context, run: str) -> RunDetails:
    """Open a run: its cells and their hidden state, reports, children, artifacts, histories.

    Raises
    ------
    NotFoundError
        If there is no such run.
    """
    project = context.project
    delivery.catch_up(context)
    found = project.runs.get(run)
    cells, notebook = project.runs.cells(found), outline(context, found)
    return RunDetails(
        found,
        cells=placed(cells, notebook),
        reports=tuple(project.database.reports(run_id=found.run_id)),
        children=tuple(project.runs.children(found)),
        artifacts=project.runs.artifacts(found),
        hidden_state=hidden_state(cells, notebook),
        histories=histories(project.spool, project.tracking_uri, found),
    )


def outline(context: Context, run: Run) -> Outline | None:
    """Return the cells of a run's notebook: as it ended, or as they are while it runs."""
    kept = context.project.runs.artifact(run, ARTIFACT)
    if kept is not None:
        return from_bytes(kept.read_bytes())
    notebook = run.tags.get("mlops.notebook")
    return read_outline(Path(notebook)) if notebook and run.status == "RUNNING" else None
