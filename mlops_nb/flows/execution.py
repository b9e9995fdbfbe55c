"""Verb `run`: one headless, tracked, parameterised execution of a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Run, RunStatus
from mlops_nb.flows import delivery, evidence, tracking
from mlops_nb.flows.context import Context
from mlops_nb.jobs import kernels, notebooks, runner
from mlops_nb.project import Project
from mlops_nb.stores.disk import disk_errors, write_whole
from mlops_nb.stores.spool import new_run_id
from mlops_nb.tracking.environment import Interpreter, interpreter_at
from mlops_nb.tracking.provenance import FoundNotebook

# For the writer to start, and to make MLflow's database, on a busy machine. Where MLflow can't be
# used the writer says so, and nobody waits.
DELIVERY_S = 60.0


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
    return execute(
        context,
        Order(
            context.path(notebook),
            parameters=dict(parameters or {}),
            name=name,
            experiment=experiment,
            folder=_folder(context.path(cwd)) if cwd else None,
            kernel=kernel,
            timeout_s=timeout_s,
            cell_timeout_s=cell_timeout_s,
        ),
    )


@dataclass(frozen=True, slots=True)
class Order:
    """One execution that is asked for.

    Parameters
    ----------
    notebook : Path
        The source notebook; its folder is where it runs, unless `folder` is given.
    code : bytes or None
        What is executed in place of the notebook's present content: a job's snapshot of it.
    run_id, tags
        The id and further tags of the run that is opened.
    environment
        Further variables for its kernel.
    python : Path or None
        The Python that it runs in, where that is another than this process's.
    """

    notebook: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    experiment: str | None = None
    folder: Path | None = None
    kernel: str | None = None
    timeout_s: float | None = None
    cell_timeout_s: float | None = None
    code: bytes | None = None
    run_id: str = field(default_factory=new_run_id)
    tags: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    python: Path | None = None


def execute(context: Context, order: Order) -> Run:
    """Do what `run` does, for an order."""
    project = context.project
    settings = project.config.run
    source = order.notebook
    kept = project.executions(order.run_id)
    kernel = order.kernel or settings.kernel or None
    limits = {
        "timeout_s": _limit("--timeout", settings.timeout_s, order.timeout_s),
        "cell_timeout_s": _limit("--cell-timeout", settings.cell_timeout_s, order.cell_timeout_s),
    }
    executed = source if order.code is None else _snapshot(project, order.code, kept, source.name)
    # All that can be refused is refused before a run is opened.
    declared = runner.check(executed, parameters=order.parameters, kernel=kernel)
    top = replace(context, run_id=None, folder=source.parent)
    interpreter = _interpreter(executed, kernel, order.python)
    opened = tracking.open_run(
        top,
        name=order.name,
        notebook=FoundNotebook(source, "runner", None if executed == source else executed),
        experiment=order.experiment,
        run_id=order.run_id,
        tags={"mlops.folder": str(order.folder or source.parent), **order.tags},
        interpreter=interpreter,
    )
    tracking.record_parameters(top, opened.run_id, declared)
    delivery.start_writer(project)
    status: RunStatus = "KILLED"
    reason: str | None = "the runner was interrupted"
    try:
        done = runner.execute(
            executed,
            kept / source.name,
            parameters=order.parameters,
            cwd=order.folder or source.parent,
            kernel=kernel,
            python=order.python,
            **limits,
            environment={
                **_environment(project, opened.run_id, source, executed),
                **order.environment,
            },
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
            _note_files(project, opened, order, executed)
        finally:
            tracking.close_run(top, opened.run_id, status, reason)
    delivery.start_writer(project)
    if not delivery.wait_delivered(project, opened.run_id, timeout_s=DELIVERY_S):
        why = delivery.trouble(project) or f"it takes longer than {DELIVERY_S:g} s"
        context.watch.log(f"run {opened.run_id} is not in MLflow yet: {why}")
    return project.runs.get(opened.run_id)


def _snapshot(project: Project, code: bytes, kept: Path, name: str) -> Path:
    """Write the snapshot that a job runs as a file of its own, beside what comes of it."""
    project.ensure()
    path = kept / "snapshot" / name
    with disk_errors(path):
        path.parent.mkdir(parents=True)
    write_whole(path, code)
    return path


def _interpreter(notebook: Path, kernel: str | None, python: Path | None) -> Interpreter | None:
    """Return what the notebook runs in, where it is not this process's."""
    if python is not None:
        return interpreter_at(python, isolated=True)
    other = kernels.other_python(kernel or notebooks.kernel_of(notebooks.read(notebook)))
    # One that can't be asked either starts, whatever it is, or the kernel's start says why not.
    with suppress(UnavailableError):
        return None if other is None else interpreter_at(other)
    return None


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise InputError(f"there is no folder {path} to run in")
    return path


def _limit(option: str, default: float, given: float | None) -> float:
    value = default if given is None else given
    if not value >= 0:
        raise InputError(f"{option} must be 0 or more seconds, not {value:g}")
    return value


def _environment(project: Project, run_id: str, source: Path, executed: Path) -> dict[str, str]:
    """Return what the kernel is told, so that `track` in it joins this run."""
    return {
        "MLOPS_PROJECT": str(project.root),
        "MLOPS_RUN_ID": run_id,
        "MLOPS_NOTEBOOK": str(source),
        # Empty rather than absent: we may be in a job's notebook ourselves.
        "MLOPS_SNAPSHOT": "" if executed == source else str(executed),
        "MLOPS_OUTPUT_DIR": str(project.executions(run_id)),
    }


def _keep_copy(project: Project, run_id: str, copy: Path) -> None:
    if copy.is_file():
        project.spool.append(run_id, "notebook", path=str(copy))
        project.spool.keep(run_id, f"notebook/{copy.name}", copy.read_bytes())


def _note_files(project: Project, opened: Run, order: Order, executed: Path) -> None:
    """Write down the files that went in, where no session of ours in the kernel has done so."""
    if "mlops.modules" in project.spool.load(opened.run_id).run.tags:
        return
    folder = order.folder or order.notebook.parent
    told = order.environment.get(evidence.CODE_ROOT)
    root = Path(told) if told else evidence.code_root(project, folder)
    sources = notebooks.sources(executed)
    tags = evidence.file_tags(root, sources, folder, opened.started_at)
    if tags:
        project.spool.append(opened.run_id, "tags", values=tags)
