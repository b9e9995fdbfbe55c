"""Verb `run`: one headless, tracked, parameterised execution of a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Run, RunStatus
from mlops_nb.flows import delivery, tracking
from mlops_nb.flows.context import Context
from mlops_nb.jobs import runner
from mlops_nb.project import Project
from mlops_nb.tracking.provenance import FoundNotebook

DELIVERY_S = 20.0


def run(
    context: Context,
    notebook: str | Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    name: str | None = None,
    experiment: str | None = None,
    cwd: str | Path | None = None,
    kernel: str | None = None,
    timeout_s: float | None = None,
    cell_timeout_s: float | None = None,
) -> Run:
    """Execute a notebook and return its run, whatever became of it.

    The notebook is never written to; its executed copy and log lie in a folder of their own.

    Raises
    ------
    InputError
        If there is no such notebook, or a parameter that it does not have.
    UnavailableError
        If the kernel is missing, or the disk can't be written.
    """
    source = context.path(notebook)
    project = context.project
    settings = project.config.run
    given = dict(parameters or {})
    # All that can be refused is refused before a run is opened.
    declared = runner.check(source, parameters=given, kernel=kernel or settings.kernel or None)
    folder = _folder(context.path(cwd)) if cwd else source.parent
    limits = {
        "timeout_s": _limit("--timeout", settings.timeout_s, timeout_s),
        "cell_timeout_s": _limit("--cell-timeout", settings.cell_timeout_s, cell_timeout_s),
    }
    top = replace(context, run_id=None, folder=source.parent)
    opened = tracking.open_run(
        top, name=name, notebook=FoundNotebook(source, "runner"), experiment=experiment
    )
    tracking.record_parameters(top, opened.run_id, declared)
    delivery.start_writer(project)
    kept = project.executions(opened.run_id)
    status: RunStatus = "KILLED"
    reason: str | None = "the runner was interrupted"
    try:
        done = runner.execute(
            source,
            kept / source.name,
            parameters=given,
            cwd=folder,
            kernel=kernel or settings.kernel or None,
            **limits,
            environment=_environment(project, opened.run_id, source, kept),
            watch=context.watch,
            log=kept / "log.txt",
        )
        status, reason = done.status, done.reason
    except Exception as error:
        status, reason = "FAILED", str(error) or type(error).__name__
        raise
    finally:
        try:
            _keep_copy(project, opened.run_id, kept / source.name)
        finally:
            tracking.close_run(top, opened.run_id, status, reason)
    delivery.start_writer(project)
    if not delivery.wait_delivered(project, opened.run_id, timeout_s=DELIVERY_S):
        why = delivery.trouble(project) or f"it takes longer than {DELIVERY_S:g} s"
        context.watch.log(f"run {opened.run_id} is not in MLflow yet: {why}")
    return project.runs.get(opened.run_id)


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise InputError(f"there is no folder {path} to run in")
    return path


def _limit(option: str, default: float, given: float | None) -> float:
    value = default if given is None else given
    if not value >= 0:
        raise InputError(f"{option} must be 0 or more seconds, not {value:g}")
    return value


def _environment(project: Project, run_id: str, source: Path, folder: Path) -> dict[str, str]:
    """Return what the kernel is told, so that `track` in it joins this run."""
    return {
        "MLOPS_PROJECT": str(project.root),
        "MLOPS_RUN_ID": run_id,
        "MLOPS_NOTEBOOK": str(source),
        "MLOPS_OUTPUT_DIR": str(folder),
    }


def _keep_copy(project: Project, run_id: str, copy: Path) -> None:
    if copy.is_file():
        project.spool.append(run_id, "notebook", path=str(copy))
        project.spool.keep(run_id, f"notebook/{copy.name}", copy.read_bytes())
