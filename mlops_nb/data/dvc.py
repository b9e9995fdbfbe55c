"""Data that DVC keeps: referred to by DVC's own hash, and not copied a second time.

What is read are DVC 3's ``NAME.dvc`` beside the data, the working copy, and the cache in the
repository's ``.dvc/cache``; DVC itself is not needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.core.errors import UnavailableError
from mlops_nb.stores.blobs import hash_file

FOLDER = ".dir"
_FIELD = re.compile(r"^[-\s]\s+(\w+):\s+(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reference:
    """What DVC calls some data (``md5:…``, for a folder ``md5:….dir``), and its size in bytes."""

    hash: str
    bytes: int


def reference(source: Path) -> Reference | None:
    """Return what DVC calls a file or folder.

    Returns
    -------
    Reference or None
        None where DVC does not keep it, or not as it is now: it was changed since ``dvc add``.
    """
    note = source.with_name(f"{source.name}.dvc")
    if _repository(source) is None or not note.is_file():
        return None
    fields = dict(_FIELD.findall(note.read_text("utf-8", "replace")))
    if fields.get("hash") != "md5" or not re.fullmatch(r"[0-9a-f]{32}(\.dir)?", fields["md5"]):
        return None  # not one that DVC 3 wrote for data on this disk
    name = f"md5:{fields['md5']}"
    return Reference(name, int(fields.get("size", "0"))) if _hash(source) == name else None


def files(name: str, source: Path) -> dict[str, Path]:
    """Find the files that hold what a hash tells, verified: in the working copy, else the cache.

    Returns
    -------
    dict
        Path within the folder to file; of a single file, ``""`` to it.

    Raises
    ------
    UnavailableError
        If they are not on this disk.
    """
    if not name.endswith(FOLDER):
        return {"": _file(name, source, source)}
    listing = _listing(source) if source.is_dir() else b""
    if _folder_hash(listing) != name:
        cached = _cached(name, source)
        listing = cached.read_bytes() if cached is not None and cached.is_file() else b""
        if _folder_hash(listing) != name:
            raise _gone(source)
    return {
        entry["relpath"]: _file(f"md5:{entry['md5']}", source / entry["relpath"], source)
        for entry in json.loads(listing)
        if ".." not in Path(entry["relpath"]).parts and not Path(entry["relpath"]).is_absolute()
    }


def _file(name: str, working: Path, source: Path) -> Path:
    for path in (working, _cached(name, source)):
        if path is not None and path.is_file() and hash_file(path, "md5") == name:
            return path
    raise _gone(source)


def _cached(name: str, source: Path) -> Path | None:
    repository = _repository(source)
    digest = name.removeprefix("md5:")
    if repository is None:
        return None
    return repository / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]


def _repository(source: Path) -> Path | None:
    return next((folder for folder in source.parents if (folder / ".dvc").is_dir()), None)


def _hash(source: Path) -> str:
    return _folder_hash(_listing(source)) if source.is_dir() else hash_file(source, "md5")


def _folder_hash(listing: bytes) -> str:
    return f"md5:{hashlib.md5(listing, usedforsecurity=False).hexdigest()}{FOLDER}"


def _listing(folder: Path) -> bytes:
    """Return a folder's list of files as DVC writes it."""
    found = [
        (path.relative_to(folder).as_posix(), path)
        for parent, _, names in os.walk(folder)
        for path in (Path(parent, name) for name in names)
        if path.is_file()
    ]
    listed = [
        {"md5": hash_file(path, "md5").removeprefix("md5:"), "relpath": name}
        for name, path in sorted(found)
    ]
    return json.dumps(listed, sort_keys=True).encode()


def _gone(source: Path) -> UnavailableError:
    return UnavailableError(
        f"DVC keeps {source}, and it is not on this disk as it was",
        hint=f"`dvc pull` brings it, after `git checkout` of the {source.name}.dvc of that time",
    )
