"""Verb `scheduler`: run due jobs, in the foreground, until stopped.

Each due run is a process of its own, which claims its due time before it does anything else. So the
scheduler may be killed at any moment, or started twice: no run is lost or doubled, and none ends
with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mlops_nb.core.errors import InputError, LockedError, MlopsError
from mlops_nb.core.records import Job, JobRun, Notice, now
from mlops_nb.flows import starting
from mlops_nb.flows.context import Context
from mlops_nb.jobs import calendar
from mlops_nb.project import Project
from mlops_nb.stores.jobs import run_id_of
from mlops_nb.stores.locks import locked

PAUSE_S = 1.0
PATIENCE_S = 20.0
LOCK = "scheduler.lock"


def scheduler(context: Context) -> Notice:
    """Run due jobs until interrupted; then wait for those that run, or end them if asked again.

    Raises
    ------
    LockedError
        If the project has a scheduler already.
    """
    with _only_one(context.project.ensure()):
        return _Scheduler(context).serve()


@contextmanager
def _only_one(project: Project) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            # A second for those who only look whether there is one.
            stack.enter_context(locked(project.state / LOCK, timeout_s=1, what="the scheduler"))
        except LockedError:
            raise LockedError(
                f"a scheduler of {project.name} is running already", hint="one is enough"
            ) from None
        yield


def is_running(project: Project) -> bool:
    """Tell whether the project has a scheduler."""
    path = project.state / LOCK
    if not path.exists():
        return False
    try:
        with locked(path, timeout_s=0, what="the scheduler"):
            return False
    except LockedError:
        return True


@dataclass(slots=True)
class _Due:
    """A due run, and the process that was started for it."""

    job: str
    due_at: datetime
    child: starting.Child
    told: bool = False


@dataclass(slots=True)
class _Scheduler:
    context: Context
    children: list[_Due] = field(default_factory=list)
    # Up to when each job's times were looked at, and what is wrong with it.
    seen: dict[str, datetime] = field(default_factory=dict)
    trouble: str | None = None

    def serve(self) -> Notice:
        self._greet()
        try:
            while True:
                self._turn()
                time.sleep(PAUSE_S)
        except KeyboardInterrupt:
            self._stop()
        return Notice("the scheduler has stopped")

    def _turn(self) -> None:
        """Start what is due, and tell what has ended; what can't be read is tried again."""
        try:
            self._reap()
            self.context.project.jobs.reconcile()
            for job in self.context.project.jobs.all():
                at = now()
                for due_at in self._due(job, at):
                    self._start(job, due_at)
                self.seen[job.name] = at
        except MlopsError as error:
            self._complain(str(error))
        else:
            self.trouble = None

    def _due(self, job: Job, at: datetime) -> list[datetime]:
        if job.cron is None or job.paused:
            return []
        settings = self.context.project.config.jobs
        stored = self.context.project.jobs.due_after(job.name)
        after = max(stored, self.seen.get(job.name, stored))
        return calendar.due(
            job.cron,
            job.timezone,
            after=after,
            at=at,
            misfire=settings.misfire,
            window=timedelta(seconds=settings.misfire_window_s),
        )

    def _start(self, job: Job, due_at: datetime) -> None:
        child = starting.start(self.context.project, job.name, due_at, "schedule")
        self.children.append(_Due(job.name, due_at, child))

    def _reap(self) -> None:
        for due in list(self.children):
            is_over = due.child.is_over
            run = self.context.project.jobs.find(run_id_of(due.job, due.due_at))
            if is_over and run is None:
                why = f"its process could not start: {due.child.last_words()}"
                run = self.context.project.jobs.give_up(due.job, due.due_at, "schedule", why)
            if run is not None and not due.told:
                due.told = True
                self._say(f"{due.job}: started" if run.status == "RUNNING" else f"{due.job}: due")
            if is_over:
                self.children.remove(due)
                due.child.leave()
                if run is not None:
                    self._say(f"{due.job}: {_outcome(run)}")

    def _stop(self) -> None:
        """Wait for what goes on; interrupted again, end it in good order."""
        count = len(self.children)
        if not count:
            return
        runs = "1 run goes on" if count == 1 else f"{count} runs go on"
        self._say(f"stopping when it is done: {runs} (interrupt again to end it)")
        try:
            while self.children:
                self._reap()
                time.sleep(PAUSE_S / 4)
        except KeyboardInterrupt:
            for due in self.children:
                due.child.interrupt()
            deadline = time.monotonic() + PATIENCE_S
            while self.children and time.monotonic() < deadline:
                self._reap()
                time.sleep(PAUSE_S / 4)

    def _greet(self) -> None:
        project = self.context.project
        if project.config.jobs.misfire not in calendar.MISFIRE:
            raise InputError(
                f"[jobs] misfire is {project.config.jobs.misfire!r}",
                hint=f"it is one of {', '.join(calendar.MISFIRE)}",
            )
        found = [job for job in project.jobs.all() if job.cron is not None and not job.paused]
        count = "1 job" if len(found) == 1 else f"{len(found)} jobs"
        self._say(f"scheduler of {project.name}: {count}; Ctrl-C stops it")
        for job in found:
            times = calendar.upcoming(str(job.cron), job.timezone, after=now(), count=1)
            when = calendar.on_clocks(times[0], job.timezone) if times else "never"
            self._say(f"{job.name}: next {when}")

    def _complain(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._say(trouble)

    def _say(self, line: str) -> None:
        self.context.watch.log(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}  {line}")


def _outcome(run: JobRun) -> str:
    """Say in one line what became of a run."""
    said: str = run.status
    if run.gate is not None:
        said += f", gate {run.gate}"
    if run.model is not None and run.model.alias is not None:
        said += f", {run.model.name} {run.model.version} is {run.model.alias}"
    return said if run.reason is None else f"{said}: {run.reason}"
