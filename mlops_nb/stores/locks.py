"""One process at a time: an advisory lock on a file, released by the system if its holder dies."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_nb.core.errors import LockedError
from mlops_nb.stores.disk import disk_errors

POLL_S = 0.01


@contextmanager
def locked(path: Path, *, timeout_s: float = 10.0, what: str = "") -> Iterator[None]:
    """Hold the lock on `path` (made where it is missing, left there) while the block runs.

    Threads of one process exclude each other too. The lock is not reentrant.

    Parameters
    ----------
    path : Path
        The lock's own file, never the file that it protects.
    timeout_s : float
        How long to wait, in seconds; 0 tries once.
    what : str
        What is locked, for the error.

    Raises
    ------
    LockedError
        If another process holds it until the time is up.
    UnavailableError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.lock")
    >>> with locked(path, what="the letter a"):
    ...     path.exists()
    True
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait(descriptor, path, timeout_s, what or path.name)
        try:
            yield
        finally:
            # Closing is not enough where the process was forked meanwhile: the child has it open.
            _release(descriptor)
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path, timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            waited = f" for {timeout_s:g} s" if timeout_s else ""
            raise LockedError(
                f"{what} is locked by another process{waited} ({path})",
                hint="try again when it has finished",
            )
        time.sleep(POLL_S)


if sys.platform == "win32":

    def _try(descriptor: int) -> bool:
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _release(descriptor: int) -> None:
        import msvcrt

        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _try(descriptor: int) -> bool:
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _release(descriptor: int) -> None:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_UN)
