"""What SQLite refuses, told in one line with a way out: damaged, locked, read-only, full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.core.errors import InputError, UnavailableError

if TYPE_CHECKING:
    import sqlite3

# SQLite's primary result codes (https://www.sqlite.org/rescode.html).
_PERM, _BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT = 3, 5, 6, 8, 10, 11
_FULL, _CANTOPEN, _NOTADB = 13, 14, 26

# SQLite needs 32 kB for its index of the write-ahead log, and some for the log.
_TOO_LITTLE_BYTES = 65_536


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite refuses on `path` into an error that says what and what to do.

    Errors in a statement, and refused duplicates, are passed on as they are.

    Raises
    ------
    InputError
        If a text holds what no encoding can write: half a surrogate pair.
    UnavailableError
        If the file is damaged, locked, read-only or can't be opened, or the disk is full.

    Examples
    --------
    >>> import sqlite3, tempfile
    >>> from contextlib import closing
    >>> path = Path(tempfile.mkdtemp(), "a.db")
    >>> _ = path.write_bytes(b"not a database" * 100)
    >>> try:
    ...     with sqlite_errors(path), closing(sqlite3.connect(path)) as connection:
    ...         _ = connection.execute("SELECT * FROM sqlite_master")
    ... except UnavailableError as error:
    ...     error.message.endswith("is damaged (file is not a database)")
    True
    """
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        told = unavailable(error, path)
        if told is None:
            raise
        raise told from error
    except UnicodeEncodeError as error:
        # What was no UTF-8 on the command line comes as such.
        raise InputError(f"{error.object!r:.80} is not valid text") from None


def unavailable(error: sqlite3.Error, path: Path) -> UnavailableError | None:
    """Return the error to raise for an SQLite error; None where it is a fault of the statement."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (_CORRUPT, _NOTADB):
        return UnavailableError(
            f"{path} is damaged ({error})",
            hint="put a backup in its place, or move it aside with its -wal and -shm files and"
            " start an empty one; nothing was deleted",
        )
    if code in (_BUSY, _LOCKED):
        return UnavailableError(
            f"{path} is locked by another process",
            hint="try again, or end the process that holds it",
        )
    if code in (_PERM, _READONLY) or (code == _CANTOPEN and not _writable(path)):
        return UnavailableError(
            f"can't write {path}: it or its folder is read-only",
            hint="choose a project folder that can be written",
        )
    if code == _FULL or (code in (_IOERR, _CANTOPEN) and _disk_is_full(path)):
        return UnavailableError(
            f"can't write {path}: the disk is full", hint="free some room and try again"
        )
    if code in (_IOERR, _CANTOPEN):
        return UnavailableError(f"can't open {path}: {error}")
    return None


def _disk_is_full(path: Path) -> bool:
    import shutil

    return shutil.disk_usage(_existing(path)).free < _TOO_LITTLE_BYTES


def _writable(path: Path) -> bool:
    import os

    return os.access(_existing(path), os.W_OK) and os.access(_existing(path.parent), os.W_OK)


def _existing(path: Path) -> Path:
    """Return the path itself, else its nearest parent that exists."""
    return next(place for place in (path, *path.parents) if place.exists())
