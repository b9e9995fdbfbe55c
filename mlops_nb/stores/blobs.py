"""Bytes kept under the hash of what they are: written once, whole, and verified when read."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.stores.disk import disk_errors
from mlops_nb.stores.leases import fate, lease_of
from mlops_nb.stores.spool import Lease

PIECE = 1 << 20  # bytes read at once: files of any size take this much memory
_HASH = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class BlobStore:
    """A folder of blobs.

    Examples
    --------
    >>> import tempfile
    >>> blobs = BlobStore(Path(tempfile.mkdtemp()))
    >>> blobs.get(blobs.put(b"notebook"))
    b'notebook'
    """

    folder: Path

    def put(self, data: bytes) -> str:
        """Keep bytes and return their hash; the same bytes are kept once, and mended if damaged."""
        name = f"sha256:{hashlib.sha256(data).hexdigest()}"
        path = self._path(name)
        if not path.is_file() or path.read_bytes() != data:
            with self.unfinished() as made:
                with disk_errors(path):
                    made.write_bytes(data)
                self._take(made, name)
        return name

    def get(self, name: str) -> bytes:
        """Return the bytes of a hash.

        Raises
        ------
        NotFoundError
            If there are none.
        UnavailableError
            If they have changed on the disk.
        """
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError:
            raise NotFoundError(f"there is no blob {name}") from None
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != name:
            raise _damaged(name)
        return data

    def put_file(self, path: Path) -> str:
        """Keep what a file holds, read in pieces, and return its hash; what `put` says holds here.

        Raises
        ------
        NotFoundError
            If there is no such file.
        UnavailableError
            If it may not be read, or the blobs can't be written.
        """
        name = hash_file(path)
        if self._path(name).is_file() and hash_file(self._path(name)) == name:
            return name
        with self.unfinished() as copy:
            name = copy_file(path, copy)  # by now another one, where the file is being written to
            self._take(copy, name)
        return name

    def get_file(self, name: str, to: Path) -> None:
        """Write the bytes of a hash to a new file, which appears whole.

        Raises
        ------
        InputError
            If there is something at that path already.
        NotFoundError
            If there is no such blob.
        UnavailableError
            If it has changed on the disk, or the file can't be written.
        """
        with _beside(to) as copy:
            if copy_file(self.file(name), copy) != name:
                raise _damaged(name)
            place(copy, to)

    def file(self, name: str) -> Path:
        """Return the file that holds the bytes of a hash, verified, to be read only.

        Raises
        ------
        NotFoundError
            If there is no such blob.
        UnavailableError
            If it has changed on the disk.
        """
        path = self._path(name)
        if not path.is_file():
            raise NotFoundError(f"there is no blob {name}")
        if hash_file(path) != name:
            raise _damaged(name)
        return path

    @contextmanager
    def unfinished(self) -> Iterator[Path]:
        """Give a name for a file to be made, which is gone when the block ends.

        Raises
        ------
        UnavailableError
            If the folder can't be written.
        """
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        lease = lease_of(os.getpid())
        maker = f"{lease.pid}~{lease.process_started}~{lease.boot_id}~{lease.host}"
        made = self.folder / f".{secrets.token_hex(4)}~{maker}"
        try:
            yield made
        except (OSError, UnavailableError):
            made.unlink(missing_ok=True)
            with suppress(OSError):  # where it holds something, it stays
                self.folder.rmdir()
            raise
        finally:
            made.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove the unfinished files of processes that were killed."""
        for path in self.folder.glob(".*~*"):
            try:
                _, pid, started, boot_id, host = path.name.split("~", 4)
                lease = Lease(host, boot_id, int(pid), float(started))
                heard_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except (ValueError, FileNotFoundError):
                continue  # none of ours, or finished meanwhile
            if fate(lease, heard_at) is not None:
                path.unlink(missing_ok=True)

    def _take(self, made: Path, name: str) -> None:
        target = self._path(name)
        with disk_errors(target):
            target.parent.mkdir(exist_ok=True)
            made.replace(target)

    def _path(self, name: str) -> Path:
        if not _HASH.fullmatch(name):
            raise NotFoundError(f"{name!r:.80} is no blob's hash")
        digest = name.removeprefix("sha256:")
        return self.folder / digest[:2] / digest[2:]


def hash_file(path: Path, algorithm: str = "sha256") -> str:
    """Return the hash of what a file holds, read in pieces: ``sha256:…``.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "empty")
    >>> path.touch()
    >>> hash_file(path, "md5")
    'md5:d41d8cd98f00b204e9800998ecf8427e'
    """
    known = hashlib.new(algorithm, usedforsecurity=False)
    for piece in _pieces(path):
        known.update(piece)
    return f"{algorithm}:{known.hexdigest()}"


def copy_file(path: Path, to: Path) -> str:
    """Copy a file and return the hash of what was copied, whoever writes to it meanwhile."""
    sha = hashlib.sha256()
    with disk_errors(to), to.open("xb") as copy:
        for piece in _pieces(path):
            sha.update(piece)
            copy.write(piece)
    return f"sha256:{sha.hexdigest()}"


def place(made: Path, to: Path) -> None:
    """Give a finished file its name, where no file has it.

    Raises
    ------
    InputError
        If one has.
    """
    taken = InputError(f"{to} is there already", hint="name a path that is not")
    try:
        # Unlike a rename, a link never takes the place of what another process put there.
        os.link(made, to)
    except FileExistsError:
        raise taken from None
    except OSError:  # a file system without links
        if os.path.lexists(to):
            raise taken from None
        with disk_errors(to):
            made.replace(to)


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        opened = path.open("rb")
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}") from None
    except PermissionError:
        raise UnavailableError(f"{path} may not be read", hint="check its permissions") from None
    with opened:
        while piece := opened.read(PIECE):
            yield piece


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """Give a name for an unfinished file, which is gone when the block ends."""
    copy = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _damaged(name: str) -> UnavailableError:
    return UnavailableError(f"blob {name} is damaged on disk")
