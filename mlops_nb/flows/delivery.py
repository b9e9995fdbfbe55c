"""The writer: a process of its own that brings the spool to MLflow while runs are open.

No kernel waits for MLflow: it appends to the spool, and the project's one writer delivers. The
writer ends by itself when no run is open and all is delivered. It also closes the runs whose
process has died, so a killed kernel's run is closed within seconds.

Run as ``python -m mlops_nb.flows.delivery ROOT``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from mlops_nb.core.errors import LockedError, MlopsError
from mlops_nb.core.records import now
from mlops_nb.core.strict_json import instant
from mlops_nb.project import Project
from mlops_nb.stores.delivery import deliver, deliver_one
from mlops_nb.stores.leases import reconcile
from mlops_nb.stores.locks import locked

PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
TRIES_WITHOUT_RUNS = 3


def start_writer(project: Project) -> None:
    """Start the project's writer, unless one is at work; this returns at once."""
    # -P: a file in the project's folder must not shadow a library of the writer's.
    command = [sys.executable, "-P", "-m", "mlops_nb.flows.delivery", str(project.root)]
    environ = {name: value for name, value in os.environ.items() if name != "MLOPS_RUN_ID"}
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Out of the kernel's process group, which Jupyter kills as a whole.
        start_new_session=True,
        cwd=project.root,
        env=environ,
    )


def deliver_now(project: Project) -> None:
    """Bring all that is recorded to MLflow, in this process."""
    reconcile(project.spool)
    deliver(project.spool, project.tracking_uri, project.artifacts)


def deliver_open(project: Project, run_id: str) -> str:
    """Make sure that MLflow knows an open run, and return its id there."""
    return deliver_one(project.spool, run_id, project.tracking_uri, project.artifacts)


def wait_delivered(project: Project, run_id: str, *, timeout_s: float) -> bool:
    """Wait until the writer has delivered a run that has ended; tell whether it has."""
    deadline = time.monotonic() + timeout_s
    while project.spool.events_path(run_id).exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def write(project: Project) -> None:
    """Deliver until no run is open and nothing is left, or MLflow stays away."""
    while _work_left(project):
        try:
            with locked(project.state / "writer.lock", timeout_s=0, what="the writer"):
                _deliver_while_open(project)
        except LockedError:
            # Another writer is at work; it takes what is there.
            return


def _deliver_while_open(project: Project) -> None:
    pause, failures = PAUSE_S, 0
    while project.spool.folder.is_dir():
        try:
            deliver_now(project)
        except MlopsError as error:
            _note(project, str(error))
            failures += 1
            pause = min(pause * 2, LONGEST_PAUSE_S)
        else:
            pause, failures = PAUSE_S, 0
        is_open = any(not state.ended for state in project.spool.runs())
        if not is_open and (failures == 0 or failures >= TRIES_WITHOUT_RUNS):
            return
        time.sleep(pause)


def _work_left(project: Project) -> bool:
    return any(project.spool.pending(run_id) for run_id in project.spool.run_ids())


def _note(project: Project, line: str) -> None:
    with (project.state / "writer.log").open("a", encoding="utf-8") as log:
        log.write(f"{instant(now())} {line}\n")


if __name__ == "__main__":
    write(Project.at(Path(sys.argv[1])))
