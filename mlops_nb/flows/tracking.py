"""Verbs `track` and `log`: open, name, fill and close runs. Every write is a local append."""

from __future__ import annotations

import operator
import os
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from mlops_nb.core.data_records import DATA_TAG, SKETCHES
from mlops_nb.core.errors import InputError
from mlops_nb.core.latest import latest, worst
from mlops_nb.core.records import CellRecord, Report, Run, RunStatus
from mlops_nb.core.strict_json import dumps
from mlops_nb.core.words import shortened
from mlops_nb.flows.context import Context
from mlops_nb.flows.environments import keep_wheel
from mlops_nb.project import Project
from mlops_nb.stores import mlflow_join
from mlops_nb.stores.leases import lease_of, reconcile
from mlops_nb.stores.spool import new_run_id
from mlops_nb.tracking.environment import Interpreter
from mlops_nb.tracking.hidden_state import ARTIFACT as OUTLINE
from mlops_nb.tracking.hidden_state import read_outline, to_bytes
from mlops_nb.tracking.inputs import data_key
from mlops_nb.tracking.outputs import kept
from mlops_nb.tracking.parameters import assigned, is_parameters, tagged_sources
from mlops_nb.tracking.provenance import FoundNotebook, find_notebook, snapshot
from mlops_nb.tracking.values import check_name as check_metric_name
from mlops_nb.tracking.values import sort_values


def notebook_here(namespace: Mapping[str, Any]) -> FoundNotebook:
    """Find the notebook that this process runs."""
    return find_notebook(os.environ, namespace)


def parameter_sources(notebook: FoundNotebook) -> frozenset[str]:
    """Return the sources of a notebook's cells that are tagged as parameters."""
    return tagged_sources(notebook.file)


def script_sources(notebook: FoundNotebook) -> list[tuple[None, str]]:
    """Return what runs where it is a script: its text, as one cell."""
    if notebook.script is None:
        return []
    try:
        return [(None, notebook.script.read_text("utf-8", "replace"))]
    except OSError:
        return []


def parameters_in(
    source: str, tagged: frozenset[str], namespace: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters that an executed cell set; none where it is an ordinary cell."""
    return assigned(source, namespace) if is_parameters(source, tagged) else {}


def join_mlflow(project: Project, run: Callable[[], str]) -> None:
    """Make MLflow's active run the open one; `run` says which that is, by MLflow's id."""
    mlflow_join.join(run, project.tracking_uri, project.artifacts)


def open_run(
    context: Context,
    *,
    name: str | None = None,
    notebook: FoundNotebook,
    experiment: str | None = None,
    run_id: str | None = None,
    tags: Mapping[str, str] | None = None,
    interpreter: Interpreter | None = None,
) -> Run:
    """Open a run, a child where one is open already, with its provenance and further tags.

    `interpreter` is what its notebook runs in, where that is another than this process's.

    Raises
    ------
    InputError
        If the name or the experiment's can't be shown on a line, or the store's address is none.
    UnavailableError
        If the project's folder can't be written.
    """
    project = context.project
    # It is worked out here, so that a wrong one is told before anything is written.
    _ = project.tracking_uri
    default_name = (notebook.path.stem if notebook.path else context.folder.name) or project.name
    name = check_name(name or default_name[:250], "run")
    experiment = check_name(experiment or project.experiment, "experiment")
    project.ensure()
    if context.run_id is None:
        reconcile(project.spool)
    run_id = run_id or new_run_id()
    taken = snapshot(notebook, context.folder, interpreter)
    project.spool.begin(
        run_id,
        files=taken.files,
        name=name,
        parent_id=context.run_id,
        experiment=experiment,
        notebook=None if notebook.path is None else str(notebook.path),
        lease=asdict(lease_of(os.getpid())),
        tags={
            **taken.tags,
            **keep_wheel(project),
            "mlops.project": project.name,
            "mlops.root": str(project.root),
            "mlops.folder": str(context.folder),
            **(tags or {}),
        },
    )
    return project.spool.load(run_id).run


def join_run(context: Context, run_id: str, name: str | None) -> Run:
    """Name the run that is open already, and return it."""
    spool = context.project.spool
    if name is not None:
        spool.append(run_id, "named", name=check_name(name, "run"))
    return spool.load(run_id).run


def rejoin_mlflow() -> None:
    """Say to MLflow that another run is the innermost open one now."""
    mlflow_join.changed()


def leave_mlflow(*, restore: bool = False) -> None:
    """Part MLflow from our runs; `restore` leaves it as it was before the first."""
    if restore:
        mlflow_join.restore()
    else:
        mlflow_join.leave()


def close_run(context: Context, run_id: str, status: RunStatus, reason: str | None = None) -> Run:
    """Close a run: one append. Delivery follows by itself."""
    spool = context.project.spool
    spool.append(run_id, "ended", status=status, reason=reason)
    return spool.load(run_id).run


def record_cell(context: Context, run_id: str, cell: CellRecord) -> None:
    """Append one executed cell to a run; of what it showed, nothing that looks like a secret."""
    if cell.output:
        cell = replace(cell, output=kept(cell.output, cell.output_length or 0))
    context.project.spool.append(run_id, "cell", **cell.to_dict())


def record_outline(context: Context, run_id: str, notebook: FoundNotebook) -> None:
    """Keep which cells the notebook has, in order, as its file has them now."""
    outline = read_outline(notebook.file)
    if outline is not None:
        context.project.spool.keep(run_id, OUTLINE, to_bytes(outline))


def record_parameters(context: Context, run_id: str, values: Mapping[str, Any]) -> None:
    """Append parameters to a run. The first value of each counts, as MLflow has it."""
    if values:
        context.project.spool.append(run_id, "params", values=dict(values))


def record_report(context: Context, report: Report, html: str) -> None:
    """Keep a report: in the project's database and, where a run is open, with the run.

    Nothing is written without an open run. Its tag is the worst of the checks of this kind, each as
    it was made last.
    """
    if context.run_id is None:
        return
    project, run_id = context.project, context.run_id
    project.database.add_report(report, run_id)
    stem = _stem(report)
    project.spool.keep(run_id, f"{stem}.json", dumps(report, indent=1).encode())
    project.spool.keep(run_id, f"{stem}.html", html.encode())
    # Of several checks of a kind none hides another.
    made = latest(project.database.reports(run_id, kind=report.kind))
    status = worst(each.status for each in made)
    project.spool.append(run_id, "tags", values={f"mlops.check.{report.kind}": status})


def record_beside(context: Context, report: Report, suffix: str, data: bytes) -> str:
    """Keep a file that belongs to a report with the open run, and return its artifact's path."""
    path = f"{_stem(report)}-{suffix}"
    context.project.spool.keep(str(context.run_id), path, data)
    return path


def _stem(report: Report) -> str:
    return f"mlops/reports/{report.kind}-{report.created_at.strftime('%H%M%S%f')[:9]}"


def record_data(
    context: Context, name: str, content: str, sketch: Mapping[str, Any] | None = None
) -> None:
    """Record with the open run that data went into it, and what described them.

    A second frame of a name is ``name-2``. Nothing is written without an open run.
    """
    if context.run_id is None:
        return
    spool, run_id = context.project.spool, context.run_id
    tags = spool.load(run_id).run.tags
    key = data_key(name, content, tags)
    if tags.get(f"{DATA_TAG}{key}") == content:
        return
    if sketch is not None:
        spool.keep(run_id, f"{SKETCHES}{key}.json", dumps(sketch).encode())
    spool.append(run_id, "tags", values={f"{DATA_TAG}{key}": content})


def log(
    context: Context,
    values: Mapping[str, Any],
    *,
    kind: str | None = None,
    step: int | None = None,
) -> None:
    """Log named values to the open run: numbers as metrics, the rest by their type.

    Raises
    ------
    InputError
        If no run is open, a name or the step is refused, or a parameter would change its value.
    """
    if context.run_id is None:
        raise InputError("no run is open to log to", hint="open one with `track`")
    if not values:
        raise InputError("nothing to log", hint="give name=value")
    spool, run_id = context.project.spool, context.run_id
    logged = sort_values(values, kind=kind)
    step = None if step is None else _whole(step)
    if logged.params:
        _refuse_changed(spool.load(run_id).run.params, logged.params)
    if logged.metrics:
        items = [
            {"key": key, "value": value, "step": step} for key, value in logged.metrics.items()
        ]
        spool.append(run_id, "metrics", values=items)
    if logged.params:
        spool.append(run_id, "params", values=dict(logged.params))
    if logged.tags:
        spool.append(run_id, "tags", values=dict(logged.tags))
    for path, data in logged.files.items():
        spool.keep(run_id, path, data)


def require_loggable(context: Context, functions: Iterable[str]) -> None:
    """Refuse functions whose values the open run, if one is, could not log as its metrics.

    Raises
    ------
    InputError
        If one has a name that MLflow would refuse, as a lambda's is.
    """
    for name in functions if context.run_id is not None else ():
        try:
            check_metric_name(name)
        except InputError as error:
            raise InputError(
                f"the open run can't log a metric called {shortened(name)!r}",
                hint=f"give the function a name with def, or as its __name__: {error.hint}",
            ) from None


def check_name(name: str, noun: str) -> str:
    """Return the name of a run or an experiment, or refuse one that can't be shown on a line.

    Raises
    ------
    InputError
        If it is empty, has a line break or another control character, or is longer than 250.
    """
    controls = any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name)
    if not name.strip() or controls or len(name) > 250:
        raise InputError(
            f"{name!r:.60} can't be the name of a{'n' if noun[0] in 'aeiou' else ''} {noun}",
            hint="use one line of 1 to 250 characters",
        )
    return name


def _whole(step: Any) -> int:
    # 64 bits are what MLflow's tables have for it.
    number = operator.index(step) if hasattr(step, "__index__") else None
    if number is not None and -(2**63) <= number < 2**63:
        return number
    raise InputError(f"step must be a whole number, not {step!r:.60}")


def _refuse_changed(known: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    for name, value in new.items():
        if name in known and dumps(known[name]) != dumps(value):
            raise InputError(
                f"parameter {name!r} is {known[name]!r} in this run and can't become {value!r:.60}",
                hint="log it as a metric or a tag, or start a new run",
            )
