"""The writer: a process of its own that brings the spool to MLflow while runs are open.

No kernel waits for MLflow: it appends to the spool, and the project's one writer delivers. The
writer ends by itself when no run is open and all is delivered, or MLflow stays away; the next verb
starts another. It also closes the runs whose process has died, so a killed kernel's run is closed
within seconds.

Run as ``python -m mlops_nb.flows.delivery ROOT``.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from mlops_nb.core.errors import LockedError, MlopsError, UnavailableError
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.stores.delivery import deliver, deliver_one
from mlops_nb.stores.disk import write_whole
from mlops_nb.stores.leases import reconcile
from mlops_nb.stores.locks import locked

_logger = logging.getLogger(__name__)

PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
TRIES_WITHOUT_RUNS = 3

# What belongs to a headless run and its kernel; a writer is of neither.
_THEIRS = ("MLOPS_RUN_ID", "MLOPS_EXECUTION")
_started: list[int] = []


def start_writer(project: Project) -> None:
    """Start the project's writer, unless one is at work; this returns at once.

    Raises
    ------
    UnavailableError
        If the project's folder can't be written.
    """
    if _at_work(project):
        return
    _trouble(project).unlink(missing_ok=True)
    _started[:] = [pid for pid in _started if not _has_ended(pid)]
    # -P: a file in the project's folder must not shadow a library of the writer's.
    _logger.info("starting the writer of project %s", project.root)
    command = [sys.executable, "-P", "-m", "mlops_nb.flows.delivery", str(project.root)]
    environ = {name: value for name, value in os.environ.items() if name not in _THEIRS}
    writer = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Out of the kernel's process group, which Jupyter kills as a whole.
        start_new_session=True,
        cwd=project.root,
        env=environ,
    )
    _started.append(writer.pid)
    # It may outlive us, and is waited for by its id: no warning when the object goes.
    writer.returncode = 0


def catch_up(context: Context) -> None:
    """Close the runs whose process is gone, and see that what is recorded gets delivered.

    Where the project can't be written (it is on a read-only disk, say) one line tells so, and who
    only wants to read reads on.
    """
    project = context.project
    try:
        reconcile(project.spool)
        if project.spool.waiting():
            start_writer(project)
    except UnavailableError as error:
        context.watch.log(str(error))


def deliver_now(project: Project) -> None:
    """Bring all that is recorded to MLflow, in this process."""
    reconcile(project.spool)
    deliver(project.spool, project.tracking_uri, project.artifacts)


def deliver_open(project: Project, run_id: str) -> str:
    """Make sure that MLflow knows an open run, and return its id there."""
    return deliver_one(project.spool, run_id, project.tracking_uri, project.artifacts)


def wait_delivered(project: Project, run_id: str, *, timeout_s: float) -> bool:
    """Wait until a run that has ended is delivered; tell whether it is.

    Where the writer has said that MLflow can't be used, there is nothing to wait for.
    """
    _logger.info("waiting up to %g s for run %s to arrive in MLflow", timeout_s, run_id)
    deadline = time.monotonic() + timeout_s
    while project.spool.events_path(run_id).exists():
        if time.monotonic() > deadline or trouble(project) is not None:
            return False
        time.sleep(0.05)
    return True


def trouble(project: Project) -> str | None:
    """Return why the writer could not deliver when it last tried; None where it could."""
    try:
        return _trouble(project).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None


def write(project: Project) -> None:
    """Deliver until no run is open and nothing is left, or MLflow stays away."""
    while project.spool.waiting():
        try:
            # A second for those who only look whether there is a writer.
            with locked(project.state / "writer.lock", timeout_s=1, what="the writer"):
                if not _deliver_while_open(project):
                    return
        except LockedError:
            # Another writer is at work; it takes what is there.
            return


def _deliver_while_open(project: Project) -> bool:
    """Deliver again and again while a run is open; tell whether all could be delivered."""
    pause, failures = PAUSE_S, 0
    while project.spool.folder.is_dir():
        try:
            deliver_now(project)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
            failures += 1
            pause = min(pause * 2, LONGEST_PAUSE_S)
            told = (
                str(error) if isinstance(error, MlopsError) else f"{type(error).__name__}: {error}"
            )
            _note(project, told)
        else:
            pause, failures = PAUSE_S, 0
            _trouble(project).unlink(missing_ok=True)
        is_open = any(not state.ended for state in project.spool.runs())
        if not is_open and (failures == 0 or failures >= TRIES_WITHOUT_RUNS):
            return failures == 0
        time.sleep(pause)
    return False


def _at_work(project: Project) -> bool:
    """Tell whether the project has a writer."""
    try:
        with locked(project.state / "writer.lock", timeout_s=0, what="the writer"):
            return False
    except LockedError:
        return True


def _has_ended(pid: int) -> bool:
    """Tell whether a writer that we started has ended, and let no zombie of it stay."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        # It is our parent's, from which we were forked.
        return True


def _trouble(project: Project) -> Path:
    return project.state / "undelivered.txt"


def _note(project: Project, line: str) -> None:
    # A full disk is often what it was about; then there is no room for the note either.
    with suppress(UnavailableError):
        write_whole(_trouble(project), line.encode())


if __name__ == "__main__":
    write(Project.at(Path(sys.argv[1])))
