"""Verb `scheduler`: run due jobs, in the foreground, until stopped.

Each due run is a process of its own, which claims its due time before it does anything else. So the
scheduler may be killed at any moment, or started twice: no run is lost or doubled, and none ends
with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mlops_nb.core.errors import InputError, LockedError, MlopsError, UnavailableError
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
LONGEST_WINDOW = timedelta(days=366)


def scheduler(context: Context) -> Notice:
    """Run due jobs until interrupted; then wait for those that run, or end them if asked again.

    Raises
    ------
    InputError
        If a setting of `[jobs]` can't be used.
    LockedError
        If the project has a scheduler already.
    UnavailableError
        If the project is moved or deleted meanwhile.
    """
    settings = context.project.config.jobs
    if settings.misfire not in calendar.MISFIRE:
        raise InputError(
            f"[jobs] misfire is {settings.misfire!r}",
            hint=f"it is one of {', '.join(calendar.MISFIRE)}",
        )
    if not 0 <= settings.misfire_window_s <= LONGEST_WINDOW.total_seconds():
        raise InputError(
            f"[jobs] misfire_window_s is {settings.misfire_window_s:g}",
            hint=f"it is a number of seconds, at most {LONGEST_WINDOW.days} days",
        )
    window = timedelta(seconds=settings.misfire_window_s)
    with _only_one(context.project.ensure()):
        return _Scheduler(context, window).serve()


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
    window: timedelta
    children: list[_Due] = field(default_factory=list)
    # The last time of each job that was started: its process may not have claimed it yet.
    seen: dict[str, datetime] = field(default_factory=dict)
    # What could not be done at the last turn.
    troubles: set[str] = field(default_factory=set)

    def serve(self) -> Notice:
        self._greet()
        try:
            while True:
                self._refuse_gone()
                self._turn()
                time.sleep(PAUSE_S)
        except KeyboardInterrupt:
            self._stop()
        return Notice("the scheduler has stopped")

    def _refuse_gone(self) -> None:
        # Our lock went with it, so that another scheduler may run where the project is by now.
        project = self.context.project
        if not (project.state / LOCK).exists():
            raise UnavailableError(
                f"the project {project.name!r} was moved or deleted: {project.state} is gone",
                hint="start the scheduler where it is now",
            )

    def _turn(self) -> None:
        """Start what is due, and tell what has ended; what can't be done is tried again."""
        troubles: set[str] = set()
        jobs: list[Job] = []
        with _noted(troubles):
            self._reap()
        with _noted(troubles):
            self.context.project.jobs.reconcile()
            jobs = self.context.project.jobs.all()
            self.seen = {job.name: self.seen[job.name] for job in jobs if job.name in self.seen}
        for job in jobs:
            # One that can't be started keeps no other from it.
            with _noted(troubles):
                for due_at in self._due(job, now()):
                    self._start(job, due_at)
                    self.seen[job.name] = due_at
        for trouble in sorted(troubles - self.troubles):
            self._say(trouble)
        self.troubles = troubles

    def _due(self, job: Job, at: datetime) -> list[datetime]:
        """Return the times of a job that are to be started now."""
        if job.cron is None or job.paused:
            return []
        misfire = self.context.project.config.jobs.misfire
        looked = (self.context.project.jobs.due_after(job.name, at), self.seen.get(job.name))
        # What lies ahead was seen before the clock was set back. Is it all, we begin now.
        after = max((time for time in looked if time is not None and time <= at), default=None)
        if after is None:
            self.seen[job.name] = at
            return []
        found = calendar.due(
            job.cron, job.timezone, after=after, at=at, misfire=misfire, window=self.window
        )
        if misfire == "all":
            # One after another: of those that start together all but one would be skipped.
            return [] if self._goes_on(job) else found[:1]
        return found

    def _goes_on(self, job: Job) -> bool:
        running = job.last is not None and job.last.status == "RUNNING"
        return running or any(due.job == job.name for due in self.children)

    def _start(self, job: Job, due_at: datetime) -> None:
        child = starting.start(self.context.project, job.name, due_at, "schedule")
        self.children.append(_Due(job.name, due_at, child))

    def _reap(self) -> None:
        for due in list(self.children):
            is_over = due.child.is_over
            if is_over:
                # It may have been killed.
                self.context.project.jobs.reconcile()
            run = self.context.project.jobs.find(run_id_of(due.job, due.due_at))
            if run is None and due.child.failed:
                why = f"its process could not start: {due.child.last_words()}"
                run = self.context.project.jobs.give_up(due.job, due.due_at, "schedule", why)
            if run is not None and not due.told:
                due.told = True
                self._say(f"{due.job}: started" if run.status == "RUNNING" else f"{due.job}: due")
            if is_over:
                outcome = "is paused or removed" if run is None else _outcome(run)
                self._say(f"{due.job}: {outcome}")
                # Last: an interrupt between the two may have it said twice, but never not at all.
                self.children.remove(due)
                due.child.leave()

    def _stop(self) -> None:
        """Wait for what goes on; interrupted again, end it in good order."""
        if not self.children:
            return
        self._say(f"stopping when it is done: {self._count()} (interrupt again to end it)")
        try:
            self._wait(float("inf"))
        except KeyboardInterrupt:
            for due in self.children:
                due.child.interrupt()
            self._wait(PATIENCE_S)
        if self.children:
            self._say(f"not ended within {PATIENCE_S:g} s: {self._count()} by itself")

    def _wait(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while self.children and time.monotonic() < deadline:
            # What can't be read now may be a second later.
            with suppress(MlopsError):
                self._reap()
            time.sleep(PAUSE_S / 4)

    def _count(self) -> str:
        count = len(self.children)
        return "1 run goes on" if count == 1 else f"{count} runs go on"

    def _greet(self) -> None:
        project = self.context.project
        found = [job for job in project.jobs.all() if job.cron is not None and not job.paused]
        count = "1 job" if len(found) == 1 else f"{len(found)} jobs"
        self._say(f"scheduler of {project.name}: {count}; Ctrl-C stops it")
        for job in found:
            # What is wrong with a job is told by the first turn.
            with suppress(MlopsError):
                times = calendar.upcoming(str(job.cron), job.timezone, after=now(), count=1)
                when = calendar.on_clocks(times[0], job.timezone) if times else "never"
                self._say(f"{job.name}: next {when}")

    def _say(self, line: str) -> None:
        self.context.watch.log(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}  {line}")


@contextmanager
def _noted(troubles: set[str]) -> Iterator[None]:
    """Do what may fail now and be tried again, and note why."""
    try:
        yield
    except MlopsError as error:
        troubles.add(str(error))


def _outcome(run: JobRun) -> str:
    """Say in one line what became of a run."""
    said: str = run.status
    if run.gate is not None:
        said += f", gate {run.gate}"
    if run.model is not None and run.model.alias is not None:
        said += f", {run.model.name} {run.model.version} is {run.model.alias}"
    return said if run.reason is None else f"{said}: {run.reason}"
