"""Blobs: kept once under their hash, verified when read."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
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
    # Kept again, it is whole again.
    assert blobs.put(b"a notebook") == name
    assert blobs.get(name) == b"a notebook"


@pytest.mark.parametrize(
    "name", ["sha256:" + "0" * 64, "sha256:../../../etc/passwd", "", "sha256:" + "0" * 63 + "\n"]
)
def test_a_blob_that_is_not_there_is_not_found(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError):
        BlobStore(tmp_path).get(name)


def test_a_file_is_kept_in_pieces_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_nb.stores.blobs.PIECE", 7)
    source, blobs = tmp_path / "data.csv", BlobStore(tmp_path / "blobs")
    source.write_bytes(b"0123456789" * 5)
    name = blobs.put_file(source)
    assert name == blobs.put(source.read_bytes())
    blobs.get_file(name, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == source.read_bytes()
    assert blobs.file(name).read_bytes() == source.read_bytes()
    # Nothing unfinished is left behind.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.csv", "blobs", "data.csv"]
    assert len([p for p in blobs.folder.rglob("*") if p.is_file()]) == 1


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    source, blobs = tmp_path / "large", BlobStore(tmp_path / "blobs")
    with source.open("wb") as file:
        file.truncate(100_000_000)  # a hole: it takes no room on the disk
    tracemalloc.start()
    try:
        name = blobs.put_file(source)
        blobs.get_file(name, tmp_path / "again")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert (tmp_path / "again").stat().st_size == 100_000_000


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    blobs, taken = BlobStore(tmp_path / "blobs"), tmp_path / "taken"
    name = blobs.put(b"new")
    taken.write_bytes(b"old")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for path in (taken, tmp_path / "dangling"):
        with pytest.raises(InputError, match="is there already"):
            blobs.get_file(name, path)
    assert taken.read_bytes() == b"old"
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_blob_is_not_given_out_and_is_mended(tmp_path: Path) -> None:
    blobs, source = BlobStore(tmp_path / "blobs"), tmp_path / "source"
    source.write_bytes(b"a data set")
    name = blobs.put_file(source)
    blobs.file(name).write_bytes(b"a d4ta set")
    with pytest.raises(UnavailableError, match="damaged on disk"):
        blobs.get_file(name, tmp_path / "copy")
    with pytest.raises(UnavailableError, match="damaged on disk"):
        blobs.file(name)
    assert not (tmp_path / "copy").exists()
    assert blobs.put_file(source) == name
    assert blobs.get(name) == b"a data set"


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    with pytest.raises(NotFoundError, match="there is no file"):
        blobs.put_file(tmp_path / "none")
    with pytest.raises(NotFoundError, match="no blob"):
        blobs.get_file("sha256:" + "0" * 64, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []
