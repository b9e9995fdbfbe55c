"""The one session of this process: its project and the runs that are open in it.

A session knows neither IPython nor the command line; the doors tell it what was typed and what
was executed.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, MlopsError
from mlops_nb.core.records import CellRecord, Run, RunStatus, now
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.flows import delivery, tracking
from mlops_nb.flows.context import Context
from mlops_nb.project import Project

if TYPE_CHECKING:
    from mlops_nb.tracking.provenance import FoundNotebook


@dataclass(slots=True)
class Cell:
    """The cell that is running now."""

    source: str
    started_at: datetime
    memory: int
    execution_count: int | None
    cell_id: str | None
    run_id: str | None = None


class Session:
    """What is open in this process."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.joined = False
        self.project: Project | None = None
        self.explicit: str | None = None
        self.cell: Cell | None = None
        self.cells = 0
        self.last_error: str | None = None
        self.known_parameters: set[str] = set()
        self.tagged: frozenset[str] = frozenset()
        self.pid = os.getpid()
        self._join_runner()

    @property
    def run_id(self) -> str | None:
        """The run that takes what is logged now: the innermost open one."""
        return self.open[-1] if self.open else None

    def context(self, watch: Watch | None = None, *, project: str | None = None) -> Context:
        """Return where a verb that is called now stands."""
        folder = Path.cwd()
        if self.open and self.project is not None:
            found = Project.at(self.project.root)
        else:
            found = Project.find(folder, explicit=project or self.explicit)
        return Context(found, folder, self.run_id, watch or Silent())

    def track(
        self,
        name: str | None = None,
        *,
        experiment: str | None = None,
        namespace: Mapping[str, Any] | None = None,
        history: Iterable[str] = (),
    ) -> Run:
        """Open this process's run, or join and name the one that is open."""
        if name is not None:
            tracking.check_run_name(name)
        if self.open:
            if experiment is not None and experiment != self._run().experiment:
                raise InputError(
                    f"a run is open in experiment {self._run().experiment!r}; it can't move to "
                    f"{experiment!r}",
                    hint="end it with `track stop` first",
                )
            return tracking.join_run(self.context(), self.open[0], name)
        notebook = tracking.notebook_here(namespace or {})
        context = self._context_of(notebook)
        run = tracking.open_run(context, name=name, notebook=notebook, experiment=experiment)
        self._opened(run, context.project, notebook)
        self._before(history, namespace or {})
        delivery.start_writer(context.project)
        return run

    def stop(self) -> Run:
        """End the run that is open; in a headless run, its runner ends it."""
        if not self.open:
            raise InputError("no run is open", hint="open one with `track`")
        if len(self.open) > 1:
            raise InputError(
                "a tracked cell is running; its own run ends with it",
                hint="use `track stop` in a cell of its own",
            )
        run_id = self.open[0]
        if self.joined:
            return self._run()
        return self._close(run_id, "FINISHED")

    def begin_child(self, name: str | None, namespace: Mapping[str, Any] | None = None) -> Run:
        """Open a run for the cell that is running: a child where a run is open."""
        if self.cell is not None and self.cell.run_id is not None:
            raise InputError("this cell has a run already")
        notebook = tracking.notebook_here(namespace or {})
        context = self.context() if self.open else self._context_of(notebook)
        run = tracking.open_run(context, name=name, notebook=notebook)
        if self.open:
            self.open.append(run.run_id)
            tracking.rejoin_mlflow()
        else:
            self._opened(run, context.project, notebook)
        self._inherit(run)
        if self.cell is not None:
            self.cell.run_id = run.run_id
        if not self.joined:
            delivery.start_writer(context.project)
        return run

    def cell_started(
        self, source: str, *, execution_count: int | None = None, cell_id: str | None = None
    ) -> None:
        """Note that a cell begins."""
        self.cell = Cell(source, now(), _peak_memory(), execution_count, cell_id)

    def cell_ended(self, error: BaseException | None, namespace: Mapping[str, Any]) -> None:
        """Record the cell that was running, and close its run if it has one."""
        cell, self.cell = self.cell, None
        self.last_error = None if error is None else _words(error)
        if cell is None or not self.open:
            return
        context = self._here()
        record = CellRecord(
            index=self.cells,
            source=cell.source,
            started_at=cell.started_at,
            duration_s=(now() - cell.started_at).total_seconds(),
            outcome=_outcome(error),
            error=self.last_error,
            execution_count=cell.execution_count,
            memory_growth_bytes=max(_peak_memory() - cell.memory, 0),
            cell_id=cell.cell_id,
            run_id=cell.run_id,
        )
        self.cells += 1
        top = self.open[0]
        tracking.record_cell(context, top, record)
        self._parameters(cell.source, namespace)
        if cell.run_id is not None:
            if cell.run_id != top:
                tracking.record_cell(context, cell.run_id, record)
            self.end_child(error)

    def end_child(self, error: BaseException | None) -> Run:
        """Close the run that `begin_child` opened."""
        return self._close(self.open[-1], *_end_of(error))

    def end(self, *, restarted: bool = False) -> None:
        """Close what is open as the process ends in good order: one append a run."""
        # A forked child inherits this object, but not the runs.
        if os.getpid() != self.pid or self.joined:
            return
        for run_id in self.open[::-1]:
            if restarted:
                self._close(run_id, "KILLED", "restarted")
            elif self.last_error is not None:
                self._close(run_id, "FAILED", self.last_error)
            elif (error := _unhandled()) is not None:
                self._close(run_id, "FAILED", _words(error))
            else:
                self._close(run_id, "FINISHED")

    def _here(self) -> Context:
        """Return the context of the open run, as it was opened: its settings are not read again."""
        if self.project is None:
            return self.context()
        return Context(self.project, Path.cwd(), self.run_id)

    def _join_runner(self) -> None:
        """Join the run that `mlops run` opened for this kernel."""
        run_id, root = os.environ.get("MLOPS_RUN_ID"), os.environ.get("MLOPS_PROJECT")
        if not run_id or not root:
            return
        project = Project.at(Path(root))
        run = project.spool.load(run_id).run
        self.joined = True
        self.known_parameters = set(run.params)
        self._opened(run, project, tracking.notebook_here({}))

    def _opened(self, run: Run, project: Project, notebook: FoundNotebook) -> None:
        self.open = [run.run_id]
        self.project = project
        self.tagged = tracking.parameter_sources(notebook)
        self.cells = 0
        tracking.join_mlflow(project, self._mlflow_run)

    def _close(self, run_id: str, status: RunStatus, reason: str | None = None) -> Run:
        context = self._here()
        run = tracking.close_run(context, run_id, status, reason)
        self.open.remove(run_id)
        if self.open:
            tracking.rejoin_mlflow()
        else:
            tracking.leave_mlflow()
            self.known_parameters = set()
            delivery.start_writer(context.project)
        return run

    def _mlflow_run(self) -> str:
        """Return the MLflow id of the innermost open run, delivered now if need be."""
        return delivery.deliver_open(self._here().project, self.open[-1])

    def _context_of(self, notebook: FoundNotebook) -> Context:
        folder = notebook.path.parent if notebook.path else Path.cwd()
        return Context(Project.find(folder, explicit=self.explicit), Path.cwd())

    def _run(self) -> Run:
        return self._here().project.spool.load(self.open[0]).run

    def _before(self, history: Iterable[str], namespace: Mapping[str, Any]) -> None:
        context = self._here()
        for source in history:
            record = CellRecord(self.cells, source, None, None, "before")
            tracking.record_cell(context, self.open[0], record)
            self.cells += 1
            self._parameters(source, namespace)

    def _parameters(self, source: str, namespace: Mapping[str, Any]) -> None:
        values = tracking.parameters_in(source, self.tagged, namespace)
        new = {k: v for k, v in values.items() if k not in self.known_parameters}
        self.known_parameters |= set(new)
        tracking.record_parameters(self._here(), self.open[0], new)

    def _inherit(self, run: Run) -> None:
        """Give a child the parameters of the run that it is part of."""
        if run.parent_id is None:
            return
        context = self._here()
        parent = context.project.spool.load(run.parent_id).run
        tracking.record_parameters(context, run.run_id, parent.params)


_current: Session | None = None


def current() -> Session:
    """Return this process's session, made when it is first asked for."""
    global _current  # noqa: PLW0603 - a process has one session, as it has one kernel
    if _current is None:
        _current = Session()
        atexit.register(_end_at_exit)
    return _current


def made() -> bool:
    """Tell whether the session has been asked for."""
    return _current is not None


def close() -> None:
    """End the session and what is open in it; MLflow is left as it was before."""
    global _current  # noqa: PLW0603
    if _current is not None:
        _current.end()
        tracking.leave_mlflow(restore=True)
    atexit.unregister(_end_at_exit)
    _current = None


def _end_at_exit() -> None:
    if _current is None:
        return
    try:
        _current.end()
    except (MlopsError, OSError) as error:
        # Nobody is left to raise to; the next start closes the run as KILLED.
        sys.stderr.write(f"mlops_nb: the run could not be closed: {error}\n")


def _unhandled() -> BaseException | None:
    """Return the error that ends a script; at a prompt, the last one was shown and forgiven."""
    return None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "error"


def _end_of(error: BaseException | None) -> tuple[RunStatus, str | None]:
    if error is None:
        return "FINISHED", None
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "interrupted"
    return "FAILED", _words(error)


def _words(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:500] if lines else type(error).__name__


def _peak_memory() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
