"""The one session of this process: its project and the runs that are open in it.

A session knows neither IPython nor the command line; the doors tell it what was typed and what
was executed.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, MlopsError, NotFoundError, UnavailableError
from mlops_nb.core.records import CellRecord, Run, RunStatus, now
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.flows import delivery, tracking
from mlops_nb.flows.context import Context, working_folder
from mlops_nb.flows.evidence import Evidence
from mlops_nb.project import Project

if TYPE_CHECKING:
    from mlops_nb.interfaces.outputs import Shown
    from mlops_nb.tracking.provenance import FoundNotebook


@dataclass(slots=True)
class Cell:
    """The cell that is running now."""

    source: str
    started_at: datetime
    clock: float
    memory: int
    cell_id: str | None
    run_id: str | None = None


class Session:
    """What is open in this process.

    Attributes
    ----------
    open : list of str
        The runs that are open here, each a child of the one before it.
    joined : bool
        Whether the first of them is a runner's, who ends it.
    """

    def __init__(self) -> None:
        self.open: list[str] = []
        self.joined = False
        self.project: Project | None = None
        self.cell: Cell | None = None
        self.cells = 0
        self.last_error: str | None = None
        self.known_parameters: set[str] = set()
        self.tagged: frozenset[str] = frozenset()
        self.unclosed: dict[str, tuple[RunStatus, str | None]] = {}
        self.told = False
        self.evidence: Evidence | None = None
        self.notebook: FoundNotebook | None = None
        self.pid = os.getpid()
        self._join_runner()

    @property
    def run_id(self) -> str | None:
        """The run that takes what is logged now: the innermost open one."""
        return self.open[-1] if self.open else None

    def context(self, watch: Watch | None = None, *, project: str | None = None) -> Context:
        """Return where a verb that is called now stands: in the open run's project, or a named one.

        Raises
        ------
        InputError
            If the project's settings are wrong.
        NotFoundError
            If the project that is named does not exist.
        UnavailableError
            If the working folder is gone.
        """
        folder = working_folder()
        watch = watch or Silent()
        if project is not None or not self.open:
            found = Project.find(folder, explicit=project)
            if not self.open or found.root != self._project.root:
                return Context(found, folder, None, watch)
        # Settings are read again: the user may have edited them since.
        now_set = Project.at(self._project.root)
        if now_set.config != self._project.config:
            self.project = now_set
        return Context(self._project, folder, self.run_id, watch)

    def logging(self) -> Context:
        """Return where what is logged goes: a point costs microseconds, and reads no settings."""
        return self._here() if self.open else self.context()

    def track(
        self,
        name: str | None = None,
        *,
        experiment: str | None = None,
        project: str | None = None,
        namespace: Mapping[str, Any] | None = None,
        history: Iterable[tuple[int | None, str]] = (),
    ) -> Run:
        """Open this process's run, or join and name the one that is open."""
        self._let_go()
        if self.open:
            self._refuse_to_move(experiment, project)
            return tracking.join_run(self._here(), self.open[0], name)
        notebook = tracking.notebook_here(namespace or {})
        context = self._context_of(notebook, project)
        run = tracking.open_run(context, name=name, notebook=notebook, experiment=experiment)
        self._opened(run, context.project, notebook)
        self.before(tracking.script_sources(notebook) or history, namespace or {})
        delivery.start_writer(context.project)
        return run

    def stop(self) -> Run:
        """End the run that is open; in a headless run, its runner ends it."""
        if not self.open:
            raise InputError("no run is open", hint="open one with `track`")
        in_cell = self.cell is not None and self.cell.run_id in self.open
        if in_cell or len(self.open) > 1:
            raise InputError(
                f"a tracked {'cell' if in_cell else 'block'} is running; its own run ends with it",
                hint="use `track stop` in a cell of its own",
            )
        if self.joined:
            return self._run()
        return self._close(self.open[0], "FINISHED")

    def begin_child(self, name: str | None, namespace: Mapping[str, Any] | None = None) -> Run:
        """Open a run in the one that is open, or a top-level one where none is."""
        self._let_go()
        notebook = tracking.notebook_here(namespace or {})
        if not self.open:
            context = self._context_of(notebook)
            run = tracking.open_run(context, name=name, notebook=notebook)
            self._opened(run, context.project, notebook)
        else:
            context, parent = self.context(), self._run()
            run = tracking.open_run(
                context, name=name, notebook=notebook, experiment=parent.experiment
            )
            self.open.append(run.run_id)
            tracking.record_parameters(context, run.run_id, parent.params)
            tracking.rejoin_mlflow()
        if not self.joined:
            delivery.start_writer(context.project)
        return run

    def begin_cell(self, name: str | None, namespace: Mapping[str, Any] | None = None) -> Run:
        """Open a run for the cell that is running; it ends with the cell."""
        if self.cell is not None and self.cell.run_id is not None:
            raise InputError("this cell has a run already")
        run = self.begin_child(name, namespace)
        if self.cell is not None:
            self.cell.run_id = run.run_id
        return run

    def cell_started(
        self,
        source: str,
        *,
        at: datetime | None = None,
        clock: float | None = None,
        cell_id: str | None = None,
    ) -> None:
        """Note that a cell begins, or began; `clock` is then what `time.monotonic` said."""
        clock = time.monotonic() if clock is None else clock
        self.cell = Cell(source, at or now(), clock, _peak_memory(), cell_id)

    def cell_ended(
        self,
        error: BaseException | None,
        namespace: Mapping[str, Any],
        *,
        shown: Shown | None = None,
        execution_count: int | None = None,
    ) -> None:
        """Record the cell that was running and what it showed, and close its run if it has one.

        Raises
        ------
        UnavailableError
            If it can't be written. A run that could not be closed is tried again later.
        NotFoundError
            If the run's record is gone, which is said once: the run is not open any more then.
        """
        cell, self.cell = self.cell, None
        if cell is None:
            return
        error = None if _good_exit(error) else error
        self.last_error = None if error is None else _words(error)
        if not self.open:
            return
        try:
            self._close_late()
            self._record(self._ended(cell, error, shown, execution_count), namespace)
        except NotFoundError:
            self._let_go()
            raise
        finally:
            if cell.run_id is not None:
                self.end_child(cell.run_id, error)

    def end_child(self, run_id: str, error: BaseException | None) -> None:
        """Close a run that `begin_child` opened, and those that were left open in it."""
        while run_id in self.open:
            self._close(self.open[-1], *_end_of(error))

    def end(self, *, restarted: bool = False) -> None:
        """Close what is open as the process ends in good order: one append a run."""
        # A forked child inherits this object, but not the runs.
        if os.getpid() != self.pid:
            return
        self._close_late()
        for run_id in self.open[:0:-1] if self.joined else self.open[::-1]:
            if restarted:
                self._close(run_id, "KILLED", "restarted")
            elif self.last_error is not None:
                self._close(run_id, "FAILED", self.last_error)
            else:
                self._close(run_id, *_end_of(_unhandled()))
        if self.joined and self.open:
            self._at_the_end()

    def _at_the_end(self) -> None:
        """Keep what is only known when the notebook's run ends."""
        if self.evidence is not None:
            self.evidence.end()
        if self.notebook is not None:
            tracking.record_outline(self._here(), self.open[0], self.notebook)

    def trouble(self) -> str | None:
        """Say, once, why what is recorded does not reach MLflow; None where it does."""
        if self.told or self.joined or self.project is None:
            return None
        why = delivery.trouble(self.project)
        self.told = why is not None
        return why

    @property
    def _project(self) -> Project:
        if self.project is None:
            raise RuntimeError("no run was opened in this process")
        return self.project

    def _here(self) -> Context:
        """Return the context of the open run, as it was opened: its settings are not read again."""
        return Context(self._project, self._project.root, self.run_id)

    def _join_runner(self) -> None:
        """Join the run that `mlops run` opened for this kernel, if it is still there."""
        run_id, root = os.environ.get("MLOPS_RUN_ID"), os.environ.get("MLOPS_PROJECT")
        if not run_id or not root:
            return
        project = Project.at(Path(root))
        state = project.spool.find(run_id)
        if state is None or state.ended:
            return
        self.joined = True
        self.known_parameters = set(state.run.params)
        self._opened(state.run, project, tracking.notebook_here({}))

    def _refuse_to_move(self, experiment: str | None, project: str | None) -> None:
        wanted = self.context(project=project).project.root
        if wanted != self._project.root:
            where, other = f"project {str(self._project.root)!r}", repr(str(wanted))
        elif experiment is not None and experiment != self._run().experiment:
            where, other = f"experiment {self._run().experiment!r}", repr(experiment)
        else:
            return
        raise InputError(
            f"a run is open in {where}; it can't move to {other}",
            hint="end it with `track stop` first",
        )

    def _opened(self, run: Run, project: Project, notebook: FoundNotebook) -> None:
        self.open = [run.run_id]
        self.project = project
        self.notebook = notebook
        self.tagged = tracking.parameter_sources(notebook)
        self.cells = 0
        self.evidence = Evidence(project, run, working_folder())
        tracking.join_mlflow(project, self._mlflow_run)

    def _close(self, run_id: str, status: RunStatus, reason: str | None = None) -> Run:
        try:
            if run_id == self.open[0]:
                self._at_the_end()
            run = tracking.close_run(self._here(), run_id, status, reason)
        except NotFoundError:
            self._let_go()
            raise
        except UnavailableError:
            if run_id != self.open[0]:
                # A full disk, say. What is logged next must not land in a run that is over.
                self.open.remove(run_id)
                self.unclosed[run_id] = (status, reason)
            raise
        self._forget(run_id)
        if not self.open:
            delivery.start_writer(self._project)
        return run

    def _forget(self, run_id: str) -> None:
        self.open.remove(run_id)
        if self.open:
            tracking.rejoin_mlflow()
        else:
            tracking.leave_mlflow()
            self.evidence = None
            self.known_parameters = set()

    def _let_go(self) -> None:
        """Forget the runs whose record is gone, or closed by who took this process for dead.

        The project's memory was deleted, say. Nothing can be added to such a run or end it.
        """
        for run_id in self.open[::-1]:
            state = self._project.spool.find(run_id)
            if state is None or state.ended:
                self._forget(run_id)

    def _close_late(self) -> None:
        """Close the runs that could not be closed in time."""
        for run_id, (status, reason) in list(self.unclosed.items()):
            # What has no record any more needs no end.
            with suppress(NotFoundError):
                tracking.close_run(self._here(), run_id, status, reason)
            del self.unclosed[run_id]

    def _mlflow_run(self) -> str:
        """Return the MLflow id of the innermost open run, delivered now if need be."""
        return delivery.deliver_open(self._project, self.open[-1])

    def _context_of(self, notebook: FoundNotebook, project: str | None = None) -> Context:
        working = working_folder()
        folder = notebook.path.parent if notebook.path else working
        return Context(Project.find(folder, explicit=project), working)

    def _run(self) -> Run:
        return self._project.spool.load(self.open[0]).run

    def before(
        self, history: Iterable[tuple[int | None, str]], namespace: Mapping[str, Any]
    ) -> None:
        """Record the cells that ran before tracking began, where a run is open.

        They are given with the numbers that the notebook shows beside them; a script has none.
        """
        for count, source in history if self.open else ():
            self._append(
                CellRecord(self.cells, source, None, None, "before", execution_count=count)
            )
            self._parameters(source, namespace)
            if self.evidence is not None:
                self.evidence.after_cell(source, namespace)

    def _ended(
        self,
        cell: Cell,
        error: BaseException | None,
        shown: Shown | None,
        execution_count: int | None,
    ) -> CellRecord:
        return CellRecord(
            index=self.cells,
            source=cell.source,
            started_at=cell.started_at,
            # By the clock that nobody sets.
            duration_s=time.monotonic() - cell.clock,
            outcome=_outcome(error),
            error=self.last_error,
            execution_count=execution_count,
            memory_growth_bytes=max(_peak_memory() - cell.memory, 0),
            cell_id=cell.cell_id,
            run_id=cell.run_id,
            output=shown.text if shown else None,
            output_length=shown.length if shown else None,
            output_hash=shown.hash if shown else None,
        )

    def _record(self, record: CellRecord, namespace: Mapping[str, Any]) -> None:
        self._append(record)
        self._parameters(record.source, namespace)
        if self.evidence is not None:
            self.evidence.after_cell(record.source, namespace)
        if record.run_id is not None and record.run_id != self.open[0]:
            tracking.record_cell(self._here(), record.run_id, record)

    def _append(self, record: CellRecord) -> None:
        self.cells += 1
        tracking.record_cell(self._here(), self.open[0], record)

    def _parameters(self, source: str, namespace: Mapping[str, Any]) -> None:
        values = tracking.parameters_in(source, self.tagged, namespace)
        new = {k: v for k, v in values.items() if k not in self.known_parameters}
        self.known_parameters |= set(new)
        tracking.record_parameters(self._here(), self.open[0], new)


_current: Session | None = None
_making = threading.Lock()


def current() -> Session:
    """Return this process's session, made when it is first asked for."""
    global _current  # noqa: PLW0603 - a process has one session, as it has one kernel
    if _current is None:
        with _making:
            if _current is None:
                _current = Session()
                atexit.register(end)
    return _current


def made() -> bool:
    """Tell whether the session has been asked for."""
    return _current is not None


def close() -> None:
    """End the session and what is open in it; MLflow is left as it was before."""
    global _current  # noqa: PLW0603
    end()
    tracking.leave_mlflow(restore=True)
    atexit.unregister(end)
    _current = None


def end(*, restarted: bool = False) -> None:
    """Close what is open as the process ends in good order."""
    if _current is None:
        return
    try:
        _current.end(restarted=restarted)
    except (MlopsError, OSError) as error:
        # Nobody is left to raise to; the next start closes the run as KILLED.
        sys.stderr.write(f"mlops_nb: the run could not be closed: {error}\n")


def _unhandled() -> BaseException | None:
    """Return the error that ends a script; at a prompt, the last one was shown and forgiven."""
    return None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)


def _good_exit(error: BaseException | None) -> bool:
    """Tell whether a cell only ended the notebook, and well: ``sys.exit(0)``."""
    return isinstance(error, SystemExit) and error.code in (None, 0)


def _is_interrupt(error: BaseException) -> bool:
    # A cell with `await` is cancelled; asyncio is not imported for the sake of its error. That of a
    # cancelled future has the same name, and is an ordinary error.
    cancelled = type(error).__name__ == "CancelledError" and not isinstance(error, Exception)
    return cancelled or isinstance(error, KeyboardInterrupt)


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    return "interrupted" if _is_interrupt(error) else "error"


def _end_of(error: BaseException | None) -> tuple[RunStatus, str | None]:
    if error is None or _good_exit(error):
        return "FINISHED", None
    if _is_interrupt(error):
        return "KILLED", "interrupted"
    return "FAILED", _words(error)


def _words(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - a user's error may have no text; its run fails all the same
        lines = []
    return f"{type(error).__name__}: {lines[0]}"[:500] if lines else type(error).__name__


def _peak_memory() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
