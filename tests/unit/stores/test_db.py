"""The project's SQLite file: what it keeps, how it moves forward, what it says when it can't."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.core.records import Finding, Report, now
from mlops_nb.stores import db
from mlops_nb.stores.db import Database

WRITE = """
import sys
from pathlib import Path
from mlops_nb.stores.db import Database
database = Database(Path(sys.argv[1]), timeout_s=200)
for number in range(10):
    database.add_audit("counted", "all", sys.argv[2], {"number": number})
"""

DIE = """
import os, sys
from pathlib import Path
from mlops_nb.stores.db import Database
with Database(Path(sys.argv[1])).writing() as connection:
    connection.execute("INSERT INTO AUDIT VALUES (7, 'at', 'actor', 'action', 'subject', '{}')")
    os._exit(9)
"""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "mlops.db", timeout_s=0.2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 512 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk is not allowed here")
    yield disk
    subprocess.run(["umount", disk], check=True)


def python(code: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environ)


def test_reports_come_back_equal_and_newest_first(database: Database) -> None:
    start = now()
    kept = [
        Report(
            kind,
            "fail",
            (Finding("ks", "naïve <b>", float("inf"), 0.1, "fail", {"interval": [0, 1]}),),
            created_at=start + timedelta(seconds=second),
            subject={"rows": 3},
        )
        for second, kind in ((2, "drift"), (0, "quality"), (1, "drift"))
    ]
    for number, (report, run_id) in enumerate(zip(kept, ("a", "b", None), strict=True), start=1):
        assert database.add_report(report, run_id) == number

    def kinds(**query: object) -> list[tuple[str, int]]:
        found = database.reports(**query)  # type: ignore[arg-type]
        return [(r.kind, round((r.created_at - start).total_seconds())) for r in found]

    assert kinds() == [("drift", 2), ("drift", 1), ("quality", 0)]
    assert kinds(limit=1) == [("drift", 2)]
    assert kinds(kind="drift") == [("drift", 2), ("drift", 1)]
    assert kinds(run_id="b") == [("quality", 0)]
    assert kinds(run_id=["a", "b"]) == [("drift", 2), ("quality", 0)]
    assert kinds(run_id=["a", "b"], kind="quality") == [("quality", 0)]
    assert kinds(run_id=[]) == []
    # An infinity is a string in JSON, and stays one.
    assert database.reports("a")[0].to_dict() == kept[0].to_dict()


def test_reading_what_was_never_written_makes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "none" / "mlops.db")
    assert database.reports() == []
    assert database.audit() == []
    assert not database.path.parent.exists()


def test_the_audit_trail_is_only_added_to(database: Database) -> None:
    first = database.add_audit("promote", "credit", "ada", {"version": 3})
    second = database.add_audit("paused", "monthly", "bob")
    assert [entry.id for entry in database.audit()] == [second, first]
    (entry,) = database.audit("credit")
    assert (entry.actor, entry.action, entry.body) == ("ada", "promote", {"version": 3})
    assert now() - entry.at < timedelta(minutes=1)
    for statement in ("DELETE FROM AUDIT", "UPDATE AUDIT SET actor = 'eve'"):
        with (
            pytest.raises(sqlite3.IntegrityError, match="only added to"),
            database.writing() as connection,
        ):
            connection.execute(statement)
    assert len(database.audit()) == 2
    assert len(database.audit(limit=1)) == 1


def test_a_block_is_written_whole_or_not_at_all(database: Database) -> None:
    database.add_report(Report("drift", "pass"))
    with pytest.raises(sqlite3.OperationalError), database.writing() as connection:
        connection.executemany("DELETE FROM REPORTS WHERE id = ?", [(1,)]).execute("NOT SQL")
    assert len(database.reports()) == 1


def test_a_process_that_dies_while_writing_leaves_nothing_half_done(database: Database) -> None:
    database.add_audit("a", "b", "c")
    assert python(DIE, database.path).wait() == 9
    assert len(database.audit()) == 1
    database.add_audit("a", "b", "c")


def test_first_writers_at_the_same_time_all_succeed(tmp_path: Path) -> None:
    database = Database(tmp_path / "mlops.db", timeout_s=200)
    processes = [python(WRITE, database.path, str(number)) for number in range(3)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: database.add_audit("counted", "all", "here"), range(10)))
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(database.audit()) == 40
    with database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_migration_is_one_more_entry(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.add_report(Report("drift", "pass"))
    more = ("CREATE TABLE NOTES (name TEXT PRIMARY KEY)", "INSERT INTO NOTES VALUES ('monthly')")
    monkeypatch.setattr(db, "MIGRATIONS", (*db.MIGRATIONS, more))
    assert len(database.reports()) == 1
    with database.reading() as connection:
        assert connection.execute("SELECT name FROM NOTES").fetchall() == [("monthly",)]


def test_a_migration_that_fails_changes_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.add_report(Report("drift", "pass"))
    released = db.MIGRATIONS
    monkeypatch.setattr(db, "MIGRATIONS", (*released, ("CREATE TABLE NOTES (a)", "NOT SQL")))
    with pytest.raises(sqlite3.OperationalError):
        database.reports()
    monkeypatch.setattr(db, "MIGRATIONS", released)
    assert len(database.reports()) == 1
    with database.reading() as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'NOTES'")
        assert tables.fetchall() == []


def test_a_newer_schema_is_refused(database: Database) -> None:
    database.add_report(Report("drift", "pass"))
    with closing(sqlite3.connect(database.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(UnavailableError, match=r"schema version 99.*upgrade mlops-nb"):
        database.reports()


@pytest.mark.parametrize("torn", ["not a database", "cut off"])
def test_a_damaged_file_is_named_with_a_way_out(database: Database, torn: str) -> None:
    database.add_report(Report("drift", "pass", summary="x" * 30_000))
    data = database.path.read_bytes()
    damaged = b"\0broken" * 2000 if torn == "not a database" else data[:4096] + b"\7" * 20000
    database.path.write_bytes(damaged)
    with pytest.raises(UnavailableError, match=r"mlops\.db is damaged.*move it aside"):
        database.reports()
    assert database.path.read_bytes() == damaged


def test_a_locked_file_says_so(database: Database) -> None:
    database.add_audit("a", "b", "c")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="is locked by another process"):
            database.add_audit("a", "b", "c")
        # Readers don't wait for a writer.
        assert len(database.audit()) == 1


@pytest.mark.parametrize("existing", [True, False])
def test_a_read_only_folder_says_so(small_disk: Path, existing: bool) -> None:
    database = Database(small_disk / "state" / "mlops.db")
    if existing:
        database.add_audit("a", "b", "c")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert len(database.audit()) == existing
    with pytest.raises(UnavailableError, match=r"can't write .*read-only"):
        database.add_audit("a", "b", "c")


@pytest.mark.parametrize("existing", [True, False])
def test_a_full_disk_says_so_and_keeps_what_was_there(small_disk: Path, existing: bool) -> None:
    database = Database(small_disk / "mlops.db")
    if existing:
        database.add_audit("a", "b", "c")
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"):
        filler.write_bytes(b"x" * 600_000)
    with pytest.raises(UnavailableError, match=r"can't write .*the disk is full"):
        database.add_audit("a", "b", "c", {"long": "x" * 10_000})
    filler.unlink()
    database.add_audit("a", "b", "c")
    assert len(database.audit()) == 1 + existing


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlops.db").mkdir()
    with pytest.raises(UnavailableError, match=r"can't open .*mlops\.db"):
        Database(tmp_path / "mlops.db").add_audit("a", "b", "c")
