"""Starting a job's run in a process of its own, which outlives whoever started it.

Run as ``python -m mlops_nb.flows.starting ROOT JOB DUE_AT TRIGGER``; its first act is to claim the
due time, and where that is taken it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import IO

from mlops_nb.core.errors import MlopsError, UnavailableError
from mlops_nb.core.records import Trigger
from mlops_nb.core.strict_json import instant, parse_instant
from mlops_nb.project import Project

# What belongs to a headless run that we may be in; a job's run is none of its children.
_THEIRS = (
    "MLOPS_RUN_ID",
    "MLOPS_EXECUTION",
    "MLOPS_NOTEBOOK",
    "MLOPS_SNAPSHOT",
    "MLOPS_REPLAY",
    "MLOPS_CODE_ROOT",
)


class Child:
    """The process of one job's run."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def failed(self) -> bool:
        """Whether it ended with an error, be it before it could claim its run."""
        return self._process.poll() not in (0, None)

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; tell whether it came."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def interrupt(self) -> None:
        """Ask it to end in good order."""
        self._process.send_signal(signal.SIGTERM)

    def last_words(self) -> str:
        """Return the last line that it wrote to standard error, or how it ended."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with code {self._process.returncode}"

    def leave(self) -> None:
        """Leave it to itself, without a zombie when it ends."""
        self._errors.close()
        if not self.is_over:
            threading.Thread(target=self._process.wait, daemon=True).start()


def start(project: Project, job: str, due_at: datetime, trigger: Trigger) -> Child:
    """Start the process that claims a due run and sees it through.

    Raises
    ------
    UnavailableError
        If the system has no process, no memory or no file left for it.
    """
    # -P: a file in the project's folder must not shadow a library.
    command = [sys.executable, "-P", "-m", "mlops_nb.flows.starting"]
    with ExitStack() as stack:
        try:
            errors = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen(
                [*command, str(project.root), job, instant(due_at), trigger],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                # In a session of its own: it is not ended with the terminal or the server.
                start_new_session=True,
                cwd=project.root,
                env={name: value for name, value in os.environ.items() if name not in _THEIRS},
            )
        except OSError as error:
            raise UnavailableError(f"job {job!r} can't be started: {error}") from None
        # It is the child's from here on.
        stack.pop_all()
    return Child(process, errors)


def main(root: str, job: str, due_at: str, trigger: Trigger) -> None:
    """Be that process."""
    from mlops_nb.flows import retraining
    from mlops_nb.flows.context import Context

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        project = Project.at(Path(root))
        retraining.fire(Context(project, project.root), job, parse_instant(due_at), trigger)
    except MlopsError as error:
        # One line, for who waits for the claim.
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
