"""What a version of a dataset holds: kept from a frame, a file or a folder, and brought back."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.core.data_records import DataVersion
from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.data import dvc, folders, parquet
from mlops_nb.data.fingerprint import schema
from mlops_nb.data.frames import missing, read_frame
from mlops_nb.stores.blobs import BlobStore, copy_file, hash_file, place
from mlops_nb.stores.disk import disk_errors

if TYPE_CHECKING:
    import pandas as pd

READ_WHOLE = 50_000_000  # bytes of a file up to which its columns are found out by reading it


def content_of(frame: pd.DataFrame) -> str:
    """Return the hash that a version of a frame would have, without keeping it."""
    return parquet.identity(frame)


def is_whole(blobs: BlobStore, version: DataVersion) -> bool:
    """Tell whether the bytes of a version are there, and what they were."""
    try:
        blobs.file(_blob(version))
    except (NotFoundError, UnavailableError):
        return False
    return True


def keep_frame(blobs: BlobStore, frame: pd.DataFrame, name: str, source: str) -> DataVersion:
    """Keep a frame as Parquet, and return its version, not numbered yet.

    Raises
    ------
    InputError
        If Parquet can't hold it; it names the column.
    UnavailableError
        If the blobs can't be written.
    """
    blobs.clean()
    with blobs.unfinished() as made:
        with disk_errors(made):
            known = parquet.write(frame, made)
            size = made.stat().st_size
        blob = blobs.put_file(made)
    return DataVersion(
        name, 0, known["hash"], "frame", size, known["rows"], known["schema"], source, blob=blob
    )


def keep_path(blobs: BlobStore, path: Path, name: str) -> DataVersion:
    """Keep a file or a folder as it is, and return its version, not numbered yet.

    What DVC keeps is referred to, and not copied.

    Raises
    ------
    NotFoundError
        If there is nothing at that path.
    InputError
        If it is neither, or a folder with a link to outside.
    UnavailableError
        If it may not be read, or the blobs can't be written.
    """
    if not path.exists():
        raise missing(path)
    blobs.clean()
    found = dvc.reference(path)
    if path.is_dir():
        if found is not None:
            return DataVersion(name, 0, found.hash, "folder", found.bytes, source=str(path))
        listing, size = folders.keep(blobs, path)
        return DataVersion(name, 0, listing, "folder", size, source=str(path), blob=listing)
    if not path.is_file():
        raise InputError(f"{path} is neither a file nor a folder")
    if found is not None:
        rows, columns = _table(path)
        return DataVersion(name, 0, found.hash, "file", found.bytes, rows, columns, str(path))
    blob = blobs.put_file(path)
    rows, columns = _table(path)
    size = path.stat().st_size
    return DataVersion(name, 0, blob, "file", size, rows, columns, str(path), blob=blob)


def load(blobs: BlobStore, version: DataVersion) -> pd.DataFrame:
    """Return a version as a table, verified.

    Raises
    ------
    InputError
        If it is no table.
    NotFoundError, UnavailableError
        If what it holds is gone or damaged.
    """
    if version.kind == "frame":
        return parquet.read(blobs.file(_blob(version)))
    try:
        with _laid_out(blobs, version) as path:
            return read_frame(path)
    except InputError as error:
        reason = str(error).partition(": ")[2] or "its files are none"
        raise InputError(
            f"{version.label} can't be read as a table: {reason}",
            hint=f"`data get {version.label} --to PATH` gives it as it is",
        ) from None


def restore(blobs: BlobStore, version: DataVersion, to: Path) -> None:
    """Write what a version holds to a path that is not there yet; it appears whole.

    Raises
    ------
    InputError
        If there is something at that path already, or a frame is to be something else than
        Parquet.
    NotFoundError, UnavailableError
        If what it holds is gone or damaged, or the path can't be written.
    """
    if not to.parent.is_dir():
        raise NotFoundError(f"there is no folder {to.parent} to write {to.name!r} into")
    if to.exists() or to.is_symlink():
        raise InputError(f"{to} is there already", hint="name a path that is not")
    if version.kind == "frame" and to.suffix not in (".parquet", ".pq"):
        raise InputError(
            f"{version.label} is a frame, which is kept as Parquet: {to.name!r} is no name for it",
            hint=f"did you mean '{to.stem}.parquet'?",
        )
    if version.blob is None:
        _restore_from_dvc(version, to)
    elif version.kind == "folder":
        folders.restore(blobs, version.blob, to)
    else:
        blobs.get_file(version.blob, to)


def listing(blobs: BlobStore, version: DataVersion) -> list[folders.Entry]:
    """Return the files of a version that is a folder."""
    if version.blob is not None:
        return folders.entries(blobs, version.blob)
    found = dvc.files(version.hash, Path(version.source))
    return [folders.Entry(name, hash_file(path)) for name, path in sorted(found.items())]


def _table(path: Path) -> tuple[int | None, dict[str, str]]:
    """Return rows and columns of a file that is a table; of others, and of large texts, nothing."""
    import pyarrow as pa

    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return parquet.schema(path)
        if path.stat().st_size <= READ_WHOLE:
            frame = read_frame(path)
            return len(frame), schema(frame)
    except (InputError, pa.ArrowException):
        pass  # No table, or a damaged one: it is kept as it is all the same.
    return None, {}


@contextmanager
def _laid_out(blobs: BlobStore, version: DataVersion) -> Iterator[Path]:
    """Lay a version's files out under their names, for the time of the block, to be read."""
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, Path(version.source).name or version.name)
        if version.blob is None:
            for name, file in dvc.files(version.hash, Path(version.source)).items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                (path / name if name else path).symlink_to(file.resolve())
        elif version.kind == "folder":
            folders.restore(blobs, version.blob, path, link=True)
        else:
            path.symlink_to(blobs.file(version.blob).resolve())
        yield path


def _restore_from_dvc(version: DataVersion, to: Path) -> None:
    found = dvc.files(version.hash, Path(version.source))
    made = to.with_name(f".{to.name[:200]}.{secrets.token_hex(4)}")
    try:
        with disk_errors(to):
            if version.kind == "file":
                copy_file(found[""], made)
                place(made, to)
                return
            made.mkdir()
            for name, file in found.items():
                (made / name).parent.mkdir(parents=True, exist_ok=True)
                copy_file(file, made / name)
            made.rename(to)
    finally:
        shutil.rmtree(made, ignore_errors=True)
        made.unlink(missing_ok=True)


def _blob(version: DataVersion) -> str:
    if version.blob is None:
        raise UnavailableError(f"{version.label} has no bytes of its own")
    return version.blob
