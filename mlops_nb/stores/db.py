"""The project's own SQLite file: reports, the audit trail, jobs and their runs.

A connection lives as long as one call, so there is nothing that a thread or a forked child could
share by mistake. The file is made at the first write; reading a missing one finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_nb.core.errors import UnavailableError
from mlops_nb.core.records import AuditEntry, Report, now
from mlops_nb.core.strict_json import dumps, instant, parse_instant
from mlops_nb.stores.disk import disk_errors, on_read_only_disk
from mlops_nb.stores.locks import locked
from mlops_nb.stores.sqlite_errors import sqlite_errors

if TYPE_CHECKING:
    import sqlite3

# One entry a schema version, each a tuple of statements that bring the version before it forward.
# Entries that were released are never edited.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE REPORTS (
            id INTEGER PRIMARY KEY,
            run_id TEXT,
            kind TEXT NOT NULL,
            status TEXT NOT NULL,
            body TEXT NOT NULL,
            created_at TEXT NOT NULL
        )""",
        "CREATE INDEX REPORTS_BY_RUN ON REPORTS (run_id, created_at)",
        """CREATE TABLE AUDIT (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            body TEXT NOT NULL
        )""",
        "CREATE INDEX AUDIT_BY_SUBJECT ON AUDIT (subject, id)",
        # What was done stays on record, whoever opens the file.
        """CREATE TRIGGER AUDIT_KEEPS BEFORE UPDATE ON AUDIT
            BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END""",
        """CREATE TRIGGER AUDIT_STAYS BEFORE DELETE ON AUDIT
            BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END""",
    ),
    (
        """CREATE TABLE JOBS (
            name TEXT PRIMARY KEY,
            body TEXT NOT NULL,
            paused INTEGER NOT NULL DEFAULT 0,
            due_after TEXT NOT NULL,
            created_at TEXT NOT NULL
        )""",
        """CREATE TABLE JOB_RUNS (
            id TEXT PRIMARY KEY,
            job TEXT NOT NULL,
            due_at TEXT NOT NULL,
            trigger TEXT NOT NULL,
            status TEXT NOT NULL,
            lease TEXT,
            body TEXT NOT NULL,
            UNIQUE (job, due_at)
        )""",
        "CREATE INDEX JOB_RUNS_OPEN ON JOB_RUNS (job) WHERE status = 'RUNNING'",
    ),
    # A job's runs in the order in which they began: an index holds the rowid behind its columns.
    ("CREATE INDEX JOB_RUNS_BEGUN ON JOB_RUNS (job)",),
    (
        """CREATE TABLE DATA_VERSIONS (
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            hash TEXT NOT NULL,
            body TEXT NOT NULL,
            created_at TEXT NOT NULL,
            PRIMARY KEY (name, version),
            UNIQUE (name, hash)
        )""",
    ),
)


class Database:
    """One project's database.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made at the first write.
    timeout_s : float
        How long a call waits for another process that writes, in seconds.

    Raises
    ------
    UnavailableError
        From every method: the file is damaged, locked, read-only or from a newer mlops_nb, or the
        disk is full.

    Examples
    --------
    >>> import tempfile
    >>> database = Database(Path(tempfile.mkdtemp(), "mlops.db"))
    >>> database.add_report(Report("drift", "pass"), run_id="r1")
    1
    >>> [report.kind for report in database.reports("r1")]
    ['drift']
    """

    def __init__(self, path: Path, *, timeout_s: float = 10.0) -> None:
        self.path = path
        self.timeout_s = timeout_s

    def add_report(self, report: Report, run_id: str | None = None) -> int:
        """Keep a report, of a run or of none, and return its number."""
        with self.writing() as connection:
            added = connection.execute(
                "INSERT INTO REPORTS (run_id, kind, status, body, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (run_id, report.kind, report.status, dumps(report), instant(report.created_at)),
            )
            return _number(added)

    def reports(
        self,
        run_id: str | Sequence[str] | None = None,
        *,
        kind: str | None = None,
        limit: int | None = None,
    ) -> list[Report]:
        """List the reports of one run, of several or of all, newest first."""
        if not self.path.exists():
            return []
        run_ids = None if run_id is None else dumps([run_id] if isinstance(run_id, str) else run_id)
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT body FROM REPORTS"
                " WHERE (:run_ids IS NULL OR run_id IN (SELECT value FROM json_each(:run_ids)))"
                " AND (:kind IS NULL OR kind = :kind)"
                " ORDER BY created_at DESC, id DESC LIMIT :limit",
                {"run_ids": run_ids, "kind": kind, "limit": row_limit(limit)},
            )
            return [Report.from_dict(_parsed(body)) for (body,) in rows]

    def add_audit(
        self, action: str, subject: str, actor: str, body: Mapping[str, Any] | None = None
    ) -> int:
        """Add to the audit trail that `actor` did `action` to `subject`; return its number."""
        with self.writing() as connection:
            added = connection.execute(
                "INSERT INTO AUDIT (at, actor, action, subject, body) VALUES (?, ?, ?, ?, ?)",
                (instant(now()), actor, action, subject, dumps(body or {})),
            )
            return _number(added)

    def audit(self, subject: str | None = None, *, limit: int | None = None) -> list[AuditEntry]:
        """List what was done, to one subject or at all, newest first."""
        if not self.path.exists():
            return []
        with self.reading() as connection:
            rows = connection.execute(
                "SELECT id, at, actor, action, subject, body FROM AUDIT"
                " WHERE :subject IS NULL OR subject = :subject ORDER BY id DESC LIMIT :limit",
                {"subject": subject, "limit": row_limit(limit)},
            )
            return [
                AuditEntry(number, parse_instant(at), actor, action, name, _parsed(body))
                for number, at, actor, action, name, body in rows
            ]

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that closes when the block ends."""
        with sqlite_errors(self.path), closing(self._open()) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in one transaction: all of the block is written, or nothing."""
        with self.reading() as connection:
            # Immediate: what the block reads can't be changed by another before it writes.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        import sqlite3

        folder = self.path.parent
        if not folder.parent.is_dir():
            # Moved or deleted: it must not come back with nothing in it.
            raise UnavailableError(f"the folder {folder.parent} is gone")
        with disk_errors(self.path):
            folder.mkdir(exist_ok=True)
        connection = sqlite3.connect(
            self._uri(), uri=True, timeout=self.timeout_s, isolation_level=None
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            if self._version(connection) != len(MIGRATIONS):
                self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _uri(self) -> str:
        # On a read-only disk the index of a write-ahead log can't be made. SQLite reads without one
        # where it is told that nothing changes.
        fixed = on_read_only_disk(self.path.parent)
        return f"file:{quote(str(self.path))}" + ("?immutable=1" if fixed else "")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        # The change to WAL does not wait for other connections by itself, hence the lock.
        lock = self.path.with_name(f"{self.path.name}.lock")
        with locked(lock, timeout_s=self.timeout_s, what=f"the migration of {self.path}"):
            connection.execute("PRAGMA journal_mode = WAL")
            for version in range(self._version(connection), len(MIGRATIONS)):
                connection.execute("BEGIN IMMEDIATE")
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version + 1}")
                connection.execute("COMMIT")

    def _version(self, connection: sqlite3.Connection) -> int:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise UnavailableError(
                f"{self.path} has schema version {version}, and this mlops_nb knows"
                f" {len(MIGRATIONS)}",
                hint="a newer mlops_nb made it: pip install --upgrade mlops-nb",
            )
        return version


def _number(added: sqlite3.Cursor) -> int:
    assert added.lastrowid is not None  # noqa: S101 - an INSERT was executed
    return added.lastrowid


def row_limit(limit: int | None) -> int:
    """Return how many rows SQLite is to give at most, as it wants to be told.

    Examples
    --------
    >>> row_limit(20), row_limit(None), row_limit(10**30)
    (20, -1, 9223372036854775807)
    """
    return -1 if limit is None else min(limit, 2**63 - 1)


def _parsed(body: str) -> Any:
    import json

    return json.loads(body)
