"""Folders kept as a list of their files: each file a blob, so that what is the same is kept once.

Hidden files are kept, since a data set's labels may well be in one. Left out are the folders in
which tools keep their own state, and what an operating system leaves behind.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.stores.blobs import BlobStore
from mlops_nb.stores.disk import disk_errors

LEFT_OUT = frozenset(
    {".DS_Store", ".dvc", ".git", ".hg", ".ipynb_checkpoints", ".mlops", ".svn", "__pycache__"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a folder, or an empty folder in it (`hash` is None).

    `path` is relative, with slashes, on every system.
    """

    path: str
    hash: str | None
    bytes: int = 0


def keep(blobs: BlobStore, folder: Path) -> tuple[str, int]:
    """Keep a folder, and return the hash of its list and the size of its files.

    Links to files within the folder are kept as what they point to. Permissions and times are not
    kept.

    Raises
    ------
    InputError
        If there is a link to outside, to a folder or to nothing, or something that is no file.
    UnavailableError
        If a file may not be read, or the blobs can't be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt").write_text("a")
    >>> blobs = BlobStore(Path(tempfile.mkdtemp()))
    >>> name, size = keep(blobs, folder)
    >>> size, [entry.path for entry in entries(blobs, name)]
    (1, ['a.txt'])
    """
    # All is looked at before anything is copied.
    found = list(_walk(folder, folder.resolve(), PurePosixPath()))
    kept = [
        Entry(path, None) if file is None else Entry(path, blobs.put_file(file), _size(file))
        for path, file in found
    ]
    # Names that are no Unicode are written as escapes, which bring them back.
    listing = json.dumps([asdict(entry) for entry in kept], indent=0).encode()
    return blobs.put(listing), sum(entry.bytes for entry in kept)


def entries(blobs: BlobStore, name: str) -> list[Entry]:
    """Return what a folder's list says, by the hash of the list.

    Raises
    ------
    NotFoundError
        If there is no such list.
    UnavailableError
        If it is damaged, or names a path that is not below the folder.
    """
    found = [Entry(**entry) for entry in json.loads(blobs.get(name))]
    for entry in found:
        path = PurePosixPath(entry.path)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in entry.path * _WIN:
            raise UnavailableError(f"the list {name} names a path outside: {entry.path!r:.80}")
    return found


def restore(blobs: BlobStore, name: str, to: Path, *, link: bool = False) -> None:
    """Make the folder of a list, which appears whole.

    Parameters
    ----------
    blobs : BlobStore
    name : str
        The list's hash.
    to : Path
        What must not be there yet.
    link : bool
        Whether files may be the blobs themselves, for a folder that is only read.

    Raises
    ------
    InputError
        If there is something at that path already.
    NotFoundError, UnavailableError
        If a blob is gone or damaged, or the folder can't be written.
    """
    if os.path.lexists(to):
        raise InputError(f"{to} is there already", hint="name a path that is not")
    made = to.with_name(f".{to.name[:200]}.{secrets.token_hex(4)}")
    try:
        with disk_errors(to):
            made.mkdir()
            for entry in entries(blobs, name):
                _restore_one(blobs, entry, made / entry.path, link=link)
            made.rename(to)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def compare(before: list[Entry], after: list[Entry]) -> dict[str, str]:
    """Return what was "added", "removed" or "changed" from one list to another, by path."""
    old, new = ({entry.path: entry.hash for entry in listed} for listed in (before, after))
    found = {path: "removed" for path in old if path not in new}
    found |= {path: "added" for path in new if path not in old}
    found |= {path: "changed" for path in new if path in old and old[path] != new[path]}
    return dict(sorted(found.items()))


def _walk(folder: Path, root: Path, at: PurePosixPath) -> Iterator[tuple[str, Path | None]]:
    """Yield the files of a folder by relative path, in one order everywhere; None: empty folder."""
    try:
        names = sorted(os.listdir(folder), key=os.fsencode)  # noqa: PTH208 - names, not paths
    except PermissionError:
        raise UnavailableError(f"{folder} may not be read", hint="check its permissions") from None
    names = [name for name in names if name not in LEFT_OUT]
    if not names and at.parts:
        yield str(at), None
    for name in names:
        path = folder / name
        if path.is_symlink():
            _refuse_link(path, root)
        if path.is_dir():
            yield from _walk(path, root, at / name)
        elif path.is_file():
            yield str(at / name), path
        else:
            raise InputError(f"{path} is neither a file nor a folder", hint="move it elsewhere")


def _refuse_link(path: Path, root: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise InputError(f"{path} is a link to nothing", hint="remove it") from None
    if not target.is_relative_to(root) or LEFT_OUT.intersection(target.relative_to(root).parts):
        raise InputError(f"{path} is a link to outside: {target}", hint="copy what it points to")
    if target.is_dir():
        raise InputError(f"{path} is a link to a folder", hint="copy what it points to")


def _restore_one(blobs: BlobStore, entry: Entry, to: Path, *, link: bool) -> None:
    if entry.hash is None:
        to.mkdir(parents=True)
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    if link:
        to.symlink_to(blobs.file(entry.hash).resolve())
    else:
        blobs.get_file(entry.hash, to)


def _size(path: Path) -> int:
    return path.stat().st_size


_WIN = os.name == "nt"
