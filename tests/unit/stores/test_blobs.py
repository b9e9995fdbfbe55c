"""Blobs: kept once under their hash, verified when read."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.core.errors import NotFoundError, UnavailableError
from mlops_nb.stores.blobs import BlobStore


def test_the_same_bytes_are_kept_once_and_read_back(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    name = blobs.put(b"a notebook")
    assert blobs.put(b"a notebook") == name
    assert blobs.put(b"another") != name
    assert blobs.get(name) == b"a notebook"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2


def test_bytes_that_changed_on_disk_are_not_given_out(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path)
    name = blobs.put(b"a notebook")
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(b"a n0tebook")
    with pytest.raises(UnavailableError, match="damaged on disk"):
        blobs.get(name)


@pytest.mark.parametrize(
    "name", ["sha256:" + "0" * 64, "sha256:../../../etc/passwd", "", "sha256:" + "0" * 63 + "\n"]
)
def test_a_blob_that_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError):
        BlobStore(tmp_path).get(name)
