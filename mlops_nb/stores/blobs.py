"""Bytes kept under the hash of what they are: written once, whole, and verified when read."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.core.errors import NotFoundError, UnavailableError
from mlops_nb.stores.disk import disk_errors, write_whole

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
        """Keep bytes and return their hash; the same bytes are kept once."""
        name = f"sha256:{hashlib.sha256(data).hexdigest()}"
        path = self._path(name)
        if not path.exists():
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
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
            raise UnavailableError(f"blob {name} is damaged on disk")
        return data

    def _path(self, name: str) -> Path:
        if not _HASH.fullmatch(name):
            raise NotFoundError(f"{name!r:.80} is no blob's hash")
        digest = name.removeprefix("sha256:")
        return self.folder / digest[:2] / digest[2:]
