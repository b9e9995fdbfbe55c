"""One headless execution of a notebook, through papermill, told truthfully.

papermill injects the parameters and its client runs the cells, on a kernel that can be stopped
(`jobs.kernels`), while the executed copy stays whole and true (`jobs.recording`). That happens in a
thread of its own; the thread that called `execute` attends to it (`jobs.session`).
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Record
from mlops_nb.core.strict_json import plain
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.jobs import kernels, notebooks
from mlops_nb.jobs.recording import Log, Recorder, Stopped
from mlops_nb.jobs.session import Plan, Session, Status
from mlops_nb.stores.disk import disk_errors, write_whole

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from papermill.clientwrap import PapermillNotebookClient

STARTUP_S = 60
STARTS = 4
OUTPUT_LAG_S = 300

_logger = logging.getLogger(__name__)
# Without a handler of the user's, warnings and errors would go to the terminal.
_logger.addHandler(logging.NullHandler())
logging.getLogger("papermill").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Execution(Record):
    """How one execution of a notebook went.

    Cells are code cells with something in them, numbered from 1 as the executed notebook shows
    them (``In [1]``, …); an injected parameters cell is one of them.

    Parameters
    ----------
    status : {"FINISHED", "FAILED", "KILLED"}
        FINISHED where the last cell was done, or a cell ended the notebook with ``sys.exit(0)`` or
        ``exit()``; FAILED where a cell raised; KILLED where the kernel died or was stopped.
    reason : str or None
        One line on why; None where every cell was done.
    notebook : str
        The executed copy's absolute path.
    cells_total, cells_done : int
    failed_cell : int or None
        The cell that raised, or that was running when it was stopped.
    error : str or None
        What the notebook shows of the error, without colours.
    seconds : float
        From the call to the end of the kernel.
    """

    status: Status
    reason: str | None
    notebook: str
    cells_total: int
    cells_done: int
    failed_cell: int | None
    error: str | None
    seconds: float


def check(
    source: Path, *, parameters: Mapping[str, Any] | None = None, kernel: str | None = None
) -> dict[str, Any]:
    """Refuse what could not be executed, before anything starts; return the parameters' values.

    They are the defaults that the notebook declares as plain values, and over them those given.

    Raises
    ------
    InputError
        If the source is no notebook, or a parameter is unknown or can't be passed.
    UnavailableError
        If the kernel is not installed.
    """
    notebook = notebooks.read(source)
    given = notebooks.accept_parameters(notebook, source, parameters or {})
    _use_kernel(notebook, kernel or notebooks.kernel_of(notebook))
    if notebooks.language_of(notebook) != "python":
        return given
    return {**notebooks.defaults(notebook, source), **given}


def execute(
    source: Path,
    output: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    cwd: Path | None = None,
    kernel: str | None = None,
    python: Path | None = None,
    timeout_s: float = 0,
    cell_timeout_s: float = 0,
    environment: Mapping[str, str] | None = None,
    watch: Watch | None = None,
    log: Path | None = None,
) -> Execution:
    """Execute a copy of a notebook and say how it went; a notebook that fails is no error here.

    The source is only read. The executed copy is written whole each time a cell starts and every
    few seconds while one prints, so what was executed is kept whatever happens. When this returns
    or raises, the kernel and everything it had started are gone.

    Parameters
    ----------
    source : Path
        The notebook.
    output : Path
        Where the executed copy goes: a file that doesn't exist yet.
    parameters : mapping, optional
        Values for names that the notebook's cell tagged `parameters` assigns.
    cwd : Path, optional
        The kernel's working folder; the source's own by default.
    kernel : str, optional
        The kernel to use instead of the notebook's own.
    python : Path, optional
        The Python that the kernel ``python3`` runs in; this one by default.
    timeout_s, cell_timeout_s : float
        Limits in seconds for the whole and for each cell; 0 sets none. What passes one is
        interrupted and, ten seconds later, killed.
    environment : mapping, optional
        Variables for the kernel, over this process's own.
    watch : Watch, optional
        Told of each cell; asked several times a second whether to stop.
    log : Path, optional
        A file that what the cells print is appended to as it comes.

    Raises
    ------
    InputError
        If the source is no notebook, a parameter is unknown or of a kind that can't be passed, the
        output exists, or a limit is negative.
    UnavailableError
        If the kernel is not installed or doesn't start, or the output can't be written.

    Notes
    -----
    Ctrl-C (KeyboardInterrupt) ends the execution as KILLED, *interrupted*; a second one doesn't
    wait for the kernel. Any other exception in this thread, such as one that a watch or a signal's
    handler raises, stops the execution and is passed on.

    Examples
    --------
    >>> import json, tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> cell = {"cell_type": "code", "metadata": {}, "source": "1 / 0", "outputs": []}
    >>> whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    >>> whole["cells"] = [{**cell, "execution_count": None}]
    >>> _ = (folder / "a.ipynb").write_text(json.dumps(whole))
    >>> execute(folder / "a.ipynb", folder / "out.ipynb").reason
    'cell 1 raised ZeroDivisionError: division by zero'
    """
    began = time.monotonic()
    source, output = source.absolute(), output.absolute()
    notebook = notebooks.read(source)
    plan = Plan(
        source,
        output,
        folder=_folder(cwd.absolute() if cwd else source.parent),
        parameters=notebooks.accept_parameters(notebook, source, parameters or {}),
        environment=environment or {},
        timeout_s=_limit("timeout_s", timeout_s),
        cell_timeout_s=_limit("cell_timeout_s", cell_timeout_s),
        python=python,
    )
    _use_kernel(notebook, kernel or notebooks.kernel_of(notebook))
    _claim(output, source.stat().st_size)
    watch = watch or Silent()
    session = Session(plan)
    with Log(log) as printed:
        recorder = session.attend(lambda: _work(session, notebook, printed), watch)
    for problem in (*printed.problems, *_sign(output)):
        watch.log(problem)
    status, reason = session.outcome(recorder)
    return Execution(
        status=status,
        reason=reason,
        notebook=str(output),
        cells_total=recorder.total,
        cells_done=recorder.done,
        failed_cell=recorder.stopped_at,
        error=recorder.error(),
        seconds=round(time.monotonic() - began, 3),
    )


def _work(session: Session, notebook: NotebookNode, printed: Log) -> Recorder:
    """Run a notebook from its first cell to the end of its kernel, in the working thread."""
    import asyncio

    from jupyter_core.utils import ensure_event_loop

    prepared = _prepare(notebook, session.plan)
    recorder = session.recorder = Recorder(
        prepared,
        session.plan.output,
        proceed=lambda: session.stopped is None,
        progress=lambda *event: session.events.put(event),
        later=lambda seconds, call: ensure_event_loop().call_later(seconds, call),
        printed=printed,
    )
    try:
        # jupyter_client runs on its thread's loop and never closes it; the Runner does.
        with asyncio.Runner(loop_factory=ensure_event_loop):
            if session.stopped is None:
                _run(session, recorder, printed)
    except BaseException as error:
        if recorder.started_at is not None:
            recorder.finish(f"stopped by {type(error).__name__}", killed=True)
        raise
    status, reason = session.outcome(recorder)
    recorder.finish(reason, killed=status == "KILLED")
    if reason is not None:
        printed.write(f"{reason}\n")
    return recorder


def _prepare(notebook: NotebookNode, plan: Plan) -> NotebookNode:
    """Return a copy of the notebook with its parameters injected, and papermill's metadata."""
    import papermill
    from papermill.exceptions import PapermillException

    kernelspec = notebook.metadata["kernelspec"]
    try:
        prepared: NotebookNode = papermill.execute_notebook(
            notebook,
            None,
            parameters=dict(plan.parameters),
            kernel_name=kernelspec["name"],
            language=kernelspec["language"],
            prepare_only=True,
        )
    except PapermillException as error:
        raise InputError(f"{plan.source.name} can't be given parameters: {error}") from None
    prepared.metadata.papermill.update(
        input_path=str(plan.source),
        output_path=str(plan.output),
        parameters=plain(plan.parameters),  # in JSON there is no NaN
    )
    return prepared


class _PortTakenError(Exception):
    """A port that was free when it was chosen is not any more."""


def _run(session: Session, recorder: Recorder, printed: Log) -> None:
    """Run the cells on a kernel, started again where another process took a port of it."""
    session.events.put((0, recorder.total, "starting the kernel"))
    for _ in range(STARTS):
        session.over = False
        with suppress(_PortTakenError):
            _run_on_kernel(session, recorder, printed)
            return
    raise UnavailableError(
        f"kernel {recorder.nb.metadata['kernelspec']['name']!r} did not start: others took its "
        f"ports {STARTS} times",
        hint="try again when fewer kernels are being started",
    )


def _run_on_kernel(session: Session, recorder: Recorder, printed: Log) -> None:
    """Start a kernel, run the cells on it, and see it gone."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    plan, name = session.plan, recorder.nb.metadata["kernelspec"]["name"]
    # The notebook is found by these; inherited ones would name the notebook that called.
    told = {"MLOPS_NOTEBOOK": str(plan.source), "JPY_SESSION_NAME": str(plan.source)}
    kernel = session.kernel = kernels.start(
        name,
        cwd=plan.folder,
        environment={**told, **plan.environment},
        python=plan.python,
    )
    client = _client(kernel, recorder, printed)
    try:
        client.execute()
    except Stopped:
        pass
    except DeadKernelError:
        session.death = kernel.death()
        printed.write(kernel.last_words())
    except CellTimeoutError:
        session.death = f"the kernel's output did not arrive within {OUTPUT_LAG_S} s"
    except RuntimeError as error:
        if recorder.started_at is not None:
            raise
        if session.stopped is None:
            if os.strerror(errno.EADDRINUSE) in kernel.last_words():
                raise _PortTakenError from None
            raise _startup_error(kernel, printed, str(error)) from None
    finally:
        session.over = True
        client.set_widgets_metadata()
        strays = kernel.end(client.kc)
        session.kernel = None
        if strays:
            printed.write(f"ended what was left running: {', '.join(strays)}\n")


def _client(kernel: kernels.Kernel, recorder: Recorder, printed: Log) -> PapermillNotebookClient:
    from papermill.clientwrap import PapermillNotebookClient

    return PapermillNotebookClient(
        recorder,
        km=kernel.manager,
        kernel_name=kernel.manager.kernel_name,
        log=_logger,
        stdout_file=printed,
        stderr_file=printed,
        on_notebook_start=lambda notebook: recorder.notebook_start(),  # noqa: ARG005
        on_cell_executed=recorder.cell_answered,
        startup_timeout=STARTUP_S,
        # With nbclient's four seconds a cell that prints much "times out" after its end.
        iopub_timeout=OUTPUT_LAG_S,
        shell_timeout_interval=1,
    )


def _startup_error(kernel: kernels.Kernel, printed: Log, why: str) -> UnavailableError:
    said = kernel.last_words()
    printed.write(said)
    if said.strip():
        why = said.strip().splitlines()[-1]
    return UnavailableError(
        f"kernel {kernel.manager.kernel_name!r} did not start: {why}",
        hint="install ipykernel in its environment, or choose another with --kernel",
    )


def _limit(name: str, value: float) -> float:
    if not value >= 0:
        raise InputError(f"{name} must be 0 or more seconds, not {value!r}")
    return value


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise InputError(f"there is no folder {path} to run in")
    return path


def _use_kernel(notebook: NotebookNode, name: str) -> None:
    """Write the kernel that will run it into a notebook's metadata, where readers look for it."""
    spec = kernels.find(name)
    notebook.metadata["kernelspec"] = {
        "name": name,
        "display_name": spec.display_name,
        "language": spec.language,
    }


def _claim(output: Path, size: int) -> None:
    """See that the output can be written, before anything runs."""
    if output.exists():
        raise InputError(f"{output} exists already", hint="every execution has a file of its own")
    try:
        with disk_errors(output):
            output.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError(f"{output.parent} is not a folder") from None
    probe = output.with_name(f".{output.name}.probe")
    write_whole(probe, bytes(size))
    probe.unlink()


def _sign(output: Path) -> list[str]:
    try:
        notebooks.sign(output)
    except (OSError, sqlite3.Error) as error:
        return [f"the executed copy is not signed, so JupyterLab won't trust it: {error}"]
    return []
