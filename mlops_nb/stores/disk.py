"""Writing files whole, and naming what a disk refuses."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_nb.core.errors import UnavailableError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some room and try again"),
    errno.EDQUOT: ("the disk quota is used up", "free some room and try again"),
    errno.EROFS: ("the file system is read-only", "choose a project folder that can be written"),
    errno.EACCES: ("no permission to write", "choose a project folder that can be written"),
    errno.EPERM: ("no permission to write", "choose a project folder that can be written"),
}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a disk refuses into an error that says what and where.

    Raises
    ------
    UnavailableError
        On a full disk, a read-only file system or a folder without write permission.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        reason, hint = _REASONS[error.errno]
        raise UnavailableError(f"can't write {error.filename or path}: {reason}", hint=hint) from (
            None
        )


def on_read_only_disk(folder: Path) -> bool:
    """Tell whether a folder is on a file system that nobody can write to.

    Examples
    --------
    >>> import tempfile
    >>> on_read_only_disk(Path(tempfile.gettempdir()))
    False
    """
    return hasattr(os, "statvfs") and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.txt")
    >>> write_whole(path, b"whole")
    >>> path.read_bytes()
    b'whole'
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with disk_errors(path):
        try:
            beside.write_bytes(data)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
