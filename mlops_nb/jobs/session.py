"""One execution as two threads share it: one works, the other attends.

The working thread runs the notebook. The one that asked for the execution attends: it reports to
the watch, keeps the time limits, takes Ctrl-C, and stops the kernel when one of them says so.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlops_nb.core.watch import Watch
from mlops_nb.jobs.kernels import Kernel
from mlops_nb.jobs.recording import Recorder, Running

POLL_S = 0.2
# For a cell to heed an interrupt: to clean up, and to render its traceback on a busy machine.
HEED_S = 10.0
Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be executed, where, and within which limits (seconds; 0: none).

    `python` is what the kernel `python3` runs in, where it is not this process's.
    """

    source: Path
    output: Path
    folder: Path
    parameters: Mapping[str, Any]
    environment: Mapping[str, str]
    timeout_s: float
    cell_timeout_s: float
    python: Path | None = None

    def passed(self, elapsed: float, running: Running | None) -> str | None:
        """Say which limit was passed, if one was."""
        in_cell = time.monotonic() - running.since if running else 0.0
        if running and self.cell_timeout_s and in_cell > self.cell_timeout_s:
            return f"cell {running.number} timed out after {self.cell_timeout_s:g} s"
        if self.timeout_s and elapsed > self.timeout_s:
            where = f" in cell {running.number}" if running else ""
            return f"timed out after {self.timeout_s:g} s{where}"
        return None


class Session:
    """One execution.

    Attributes
    ----------
    events : queue of (cells done, cells, what runs), or None at the end
    recorder, kernel : set by the working thread, as soon as there are any
    death : str or None
        How the kernel died by itself.
    over : bool
        Whether the cells are: what happens while the kernel shuts down changes no outcome.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.events: queue.SimpleQueue[tuple[int, int, str] | None] = queue.SimpleQueue()
        self.recorder: Recorder | None = None
        self.kernel: Kernel | None = None
        self.death: str | None = None
        self.over = False
        self.stopped: str | None = None
        self._interrupted = False
        self._began = time.monotonic()
        self._kill_at = float("inf")

    def attend(self, work: Callable[[], Recorder], watch: Watch) -> Recorder:
        """Do the work in another thread, attend to it until its end, and return its result.

        Raises
        ------
        Exception
            What the work raised, or what the watch did (the work is stopped first).
        """
        with ThreadPoolExecutor(1, "mlops-notebook") as threads:
            working = threads.submit(work)
            working.add_done_callback(lambda _: self.events.put(None))
            try:
                self._report(watch)
            except KeyboardInterrupt:
                self.stop("interrupted")
            except BaseException as error:
                self.stop(f"stopped by {type(error).__name__} in the program that ran it")
                raise
            finally:
                self._wait(working)
        return working.result()

    def stop(self, reason: str) -> None:
        """Interrupt the running cell, and let no other start. The first reason counts."""
        if self.stopped is None and not self.over:
            self.stopped = reason
            self._kill_at = time.monotonic() + HEED_S
            self._interrupt()

    def outcome(self, recorder: Recorder) -> tuple[Status, str | None]:
        """Say how the work ended, and why in one line where not every cell was done."""
        if recorder.complete:
            ended = recorder.ended_by
            return "FINISHED", None if ended is None else f"cell {ended} ended the notebook"
        if self.stopped is not None:
            return "KILLED", self.stopped
        if self.death is not None:
            where = f" in cell {recorder.running.number}" if recorder.running else ""
            return "KILLED", self.death + where
        if recorder.failure is not None:
            return "FAILED", recorder.failure.reason
        raise RuntimeError("the notebook ended before its last cell, and nothing says why")

    def _report(self, watch: Watch) -> None:
        while True:
            try:
                event = self.events.get(timeout=POLL_S)
            except queue.Empty:
                pass
            else:
                if event is None:
                    return
                watch.progress(*event)
            if watch.cancelled():
                self.stop("cancelled")
            self._enforce()

    def _wait(self, working: Future[Recorder]) -> None:
        while not working.done():
            try:
                wait([working], timeout=POLL_S)
                self._enforce()
            except KeyboardInterrupt:
                # The second one: whoever pressed it doesn't want to wait.
                self._kill()

    def _enforce(self) -> None:
        """Stop what passed a limit, and kill a kernel that doesn't heed an interrupt."""
        running = self.recorder.running if self.recorder else None
        late = self.plan.passed(time.monotonic() - self._began, running)
        if late is not None:
            self.stop(late)
        if self.stopped is not None:
            self._interrupt()
        if time.monotonic() > self._kill_at and self._busy():
            self._kill()

    def _interrupt(self) -> None:
        """Interrupt once, when it is heard: a kernel to which a cell is on its way ignores it."""
        recorder = self.recorder
        if self.kernel is None or recorder is None or self._interrupted or self.over:
            return
        if recorder.started_at is None or (recorder.running is not None and recorder.is_heard):
            self._interrupted = True
            self.kernel.interrupt()

    def _kill(self) -> None:
        if self.kernel is not None:
            self.kernel.kill()

    def _busy(self) -> bool:
        """Tell whether a cell runs or the kernel starts: its shutdown has a time of its own."""
        recorder = self.recorder
        return recorder is not None and (
            recorder.started_at is None or recorder.running is not None
        )
