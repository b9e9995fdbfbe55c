"""Jobs and their runs, in the project's SQLite file.

A due run is claimed by inserting its row: job and due time are unique together, so of two
processes that fire the same time one loses at the insert. Whether a run that is open still lives is
told by its lease.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import Job, JobRun, Trigger, now
from mlops_nb.core.strict_json import dumps, instant, parse_instant
from mlops_nb.stores.db import Database, row_limit
from mlops_nb.stores.leases import fate, lease_of
from mlops_nb.stores.spool import Lease

if TYPE_CHECKING:
    import sqlite3

NO_JOBS = "there are no jobs yet: `jobs add` makes one"


def run_id_of(job: str, due_at: datetime) -> str:
    """Return the id of a job's run: its name and the due time.

    Examples
    --------
    >>> from datetime import UTC
    >>> run_id_of("retrain", datetime(2026, 12, 1, 5, tzinfo=UTC))
    'retrain@2026-12-01T05:00:00.000Z'
    """
    return f"{job}@{instant(due_at)}"


@dataclass(frozen=True, slots=True)
class JobStore:
    """The jobs of one project.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> jobs = JobStore(Database(Path(tempfile.mkdtemp(), "mlops.db")))
    >>> jobs.add(Job("retrain", "train.ipynb", "sha256:0"))
    >>> due = now()
    >>> jobs.claim("retrain", due, "manual").status, jobs.claim("retrain", due, "manual")
    ('RUNNING', None)
    """

    database: Database

    def add(self, job: Job) -> None:
        """Keep a new job.

        Raises
        ------
        InputError
            If there is one of that name.
        """
        import sqlite3

        at = instant(job.created_at)
        with self.database.writing() as connection:
            try:
                connection.execute(
                    "INSERT INTO JOBS (name, body, due_after, created_at) VALUES (?, ?, ?, ?)",
                    (job.name, dumps(job), at, at),
                )
            except sqlite3.IntegrityError:
                raise InputError(
                    f"there is a job {job.name!r} already",
                    hint=f"choose another name, or `jobs remove {job.name}` first",
                ) from None

    def all(self) -> list[Job]:
        """List the jobs, newest first, each with the run of it that goes on, else its last."""
        if not self.database.path.exists():
            return []
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT j.body, j.paused, coalesce("
                "(SELECT body FROM JOB_RUNS WHERE job = j.name AND status = 'RUNNING'),"
                " (SELECT body FROM JOB_RUNS WHERE job = j.name ORDER BY rowid DESC LIMIT 1))"
                " FROM JOBS j ORDER BY j.created_at DESC, j.name"
            )
            return [
                replace(
                    Job.from_dict(json.loads(body)),
                    paused=bool(paused),
                    last=None if last is None else JobRun.from_dict(json.loads(last)),
                )
                for body, paused, last in rows
            ]

    def get(self, name: str) -> Job:
        """Return the job of that name.

        Raises
        ------
        NotFoundError
            Naming the nearest.
        """
        jobs = {job.name: job for job in self.all()}
        if name not in jobs:
            raise _unknown(name, jobs)
        return jobs[name]

    def pause(self, name: str) -> None:
        """Let a job come due no more.

        Raises
        ------
        NotFoundError
            If there is no such job; `resume` and `remove` raise it too.
        """
        with self._changing(name) as connection:
            connection.execute("UPDATE JOBS SET paused = 1 WHERE name = ?", (name,))

    def resume(self, name: str) -> None:
        """Let a paused job come due again, from now on."""
        with self._changing(name) as connection:
            connection.execute(
                "UPDATE JOBS SET paused = 0, due_after = ? WHERE name = ? AND paused",
                (instant(now()), name),
            )

    def remove(self, name: str) -> None:
        """Forget a job; its runs stay on record."""
        with self._changing(name) as connection:
            connection.execute("DELETE FROM JOBS WHERE name = ?", (name,))

    @contextmanager
    def _changing(self, name: str) -> Iterator[sqlite3.Connection]:
        """Give a connection to change a job, which nobody removes meanwhile."""
        if not self.database.path.exists():
            raise _unknown(name, ())
        with self.database.writing() as connection:
            known = [row[0] for row in connection.execute("SELECT name FROM JOBS")]
            if name not in known:
                raise _unknown(name, known)
            yield connection

    def due_after(self, name: str, at: datetime) -> datetime | None:
        """Return the last instant before `at` up to which a job's times were taken care of.

        What lies after `at` was written while the clock was ahead, and says nothing; None where
        there is nothing else.

        Raises
        ------
        NotFoundError
            If there is no such job (any more).
        """
        with self.database.reading() as connection:
            found = connection.execute(
                "SELECT iif(due_after <= :at, due_after, NULL), (SELECT due_at FROM JOB_RUNS"
                " WHERE job = name AND due_at <= :at AND trigger = 'schedule'"
                " ORDER BY due_at DESC LIMIT 1)"
                " FROM JOBS WHERE name = :name",
                {"name": name, "at": instant(at)},
            ).fetchone()
        if found is None:
            raise NotFoundError(f"job {name!r} is gone")
        return max((parse_instant(time) for time in found if time is not None), default=None)

    def runs(self, job: str | None = None, *, limit: int | None = None) -> list[JobRun]:
        """List runs of one job, or of all; the one that began last is the first."""
        if not self.database.path.exists():
            return []
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT body FROM JOB_RUNS WHERE :job IS NULL OR job = :job"
                " ORDER BY rowid DESC LIMIT :limit",
                {"job": job, "limit": row_limit(limit)},
            )
            return [JobRun.from_dict(json.loads(body)) for (body,) in rows]

    def find(self, run_id: str) -> JobRun | None:
        """Return the run of that id; None where there is none."""
        if not self.database.path.exists():
            return None
        with self.database.reading() as connection:
            row = connection.execute("SELECT body FROM JOB_RUNS WHERE id = ?", (run_id,)).fetchone()
        return None if row is None else JobRun.from_dict(json.loads(row[0]))

    def claim(self, job: str, due_at: datetime, trigger: Trigger) -> JobRun | None:
        """Claim a due run for this process; None where it was claimed before.

        Where the run before still goes on, it is claimed as SKIPPED.
        """

        def claimed(run: JobRun, before: str | None) -> JobRun:
            if before is None:
                return run
            reason = f"the run before ({before}) still goes on"
            return replace(run, status="SKIPPED", reason=reason, ended_at=now())

        return self._begin(job, due_at, trigger, claimed)

    def give_up(self, job: str, due_at: datetime, trigger: Trigger, reason: str) -> JobRun | None:
        """Record that a due run could not be started; None where it was claimed all the same."""

        def failed(run: JobRun, before: str | None) -> JobRun:  # noqa: ARG001 - it is over
            return replace(run, status="FAILED", reason=reason, ended_at=now())

        return self._begin(job, due_at, trigger, failed)

    def _begin(
        self,
        job: str,
        due_at: datetime,
        trigger: Trigger,
        settled: Callable[[JobRun, str | None], JobRun],
    ) -> JobRun | None:
        lease = dumps(asdict(lease_of(os.getpid())))
        claimed = JobRun(run_id_of(job, due_at), job, due_at, trigger, "RUNNING", started_at=now())
        with self.database.writing() as connection:
            _close_dead(connection)
            claimed = settled(claimed, _open_run(connection, job))
            added = connection.execute(
                "INSERT OR IGNORE INTO JOB_RUNS (id, job, due_at, trigger, status, lease, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    claimed.id,
                    job,
                    instant(due_at),
                    trigger,
                    claimed.status,
                    lease,
                    dumps(claimed),
                ),
            )
            return claimed if added.rowcount else None

    def record(self, run: JobRun) -> JobRun:
        """Write down what became of a run that this process has claimed.

        Raises
        ------
        UnavailableError
            If it is not on record: its project was moved, or its database taken away.
        """
        with self.database.writing() as connection:
            if not _write(connection, run):
                raise UnavailableError(f"{run.id} is not on record in {self.database.path}")
        return run

    def reconcile(self) -> list[JobRun]:
        """Close the runs whose process is gone; return them."""
        if not self.database.path.exists():
            return []
        with self.database.reading() as connection:
            if not _dead(connection):
                return []
        with self.database.writing() as connection:
            return _close_dead(connection)


def _unknown(name: str, known: Collection[str]) -> NotFoundError:
    return NotFoundError.among("job", name, known, hint="" if known else NO_JOBS)


def _open_run(connection: sqlite3.Connection, job: str) -> str | None:
    row = connection.execute(
        "SELECT id FROM JOB_RUNS WHERE job = ? AND status = 'RUNNING'", (job,)
    ).fetchone()
    return None if row is None else str(row[0])


def _dead(connection: sqlite3.Connection) -> list[JobRun]:
    """List the open runs whose process is gone, as they are to be recorded."""
    dead = []
    rows = connection.execute("SELECT lease, body FROM JOB_RUNS WHERE status = 'RUNNING'")
    for lease, body in rows:
        run = JobRun.from_dict(json.loads(body))
        found = fate(Lease(**json.loads(lease)) if lease else None, run.started_at or run.due_at)
        if found is not None:
            status, reason = found
            closed = replace(run, status=status, reason=reason, ended_at=now())  # type: ignore[arg-type]
            dead.append(closed)
    return dead


def _close_dead(connection: sqlite3.Connection) -> list[JobRun]:
    closed = _dead(connection)
    for run in closed:
        _write(connection, run)
    return closed


def _write(connection: sqlite3.Connection, run: JobRun) -> bool:
    written = connection.execute(
        "UPDATE JOB_RUNS SET status = ?, body = ? WHERE id = ?", (run.status, dumps(run), run.id)
    )
    return written.rowcount == 1
