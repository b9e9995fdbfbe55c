"""Folders: kept whole and come back the same; nothing outside is read or written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.data import folders
from mlops_nb.data.folders import Entry
from mlops_nb.stores.blobs import BlobStore

HOSTILE = ["a b.csv", "naïve", "-rf", "new\nline", "\udcff", "'\"$(x)", "..a", "...", ".hidden"]


def blobs_in(path: Path) -> BlobStore:
    return BlobStore(path / ".mlops" / "blobs")


def tree(folder: Path) -> dict[str, bytes | None]:
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*")}
    return {name: p.read_bytes() if p.is_file() else None for name, p in found.items()}


NAMES = st.sampled_from(HOSTILE) | st.text("ab", min_size=1, max_size=2)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map(tuple),
    st.none() | st.binary(max_size=4),
    max_size=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREES)
def test_a_folder_comes_back_whole(
    tmp_path_factory: pytest.TempPathFactory, files: dict[tuple[str, ...], bytes | None]
) -> None:
    root = tmp_path_factory.mktemp("folders")
    source = root / "source"
    source.mkdir()
    for parts, content in files.items():
        path = source.joinpath(*parts)
        if any(parent.is_file() for parent in path.parents) or path.exists():
            continue
        (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_bytes(content)
    blobs = blobs_in(root)
    name, size = folders.keep(blobs, source)
    folders.restore(blobs, name, root / "again")
    assert tree(root / "again") == tree(source)
    assert size == sum(len(content) for content in tree(source).values() if content)
    assert folders.keep(blobs, root / "again") == (name, size)


def test_state_of_tools_is_left_out_and_hidden_files_are_not(tmp_path: Path) -> None:
    for name in (
        ".git/HEAD",
        ".mlops/mlops.db",
        "a/.ipynb_checkpoints/x",
        ".labels",
        "a/.DS_Store",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    blobs = blobs_in(tmp_path)
    name, _ = folders.keep(blobs, tmp_path)
    assert [entry.path for entry in folders.entries(blobs, name)] == [".labels", "a"]


def test_a_link_within_is_kept_as_its_file_and_others_are_refused(tmp_path: Path) -> None:
    source, outside = tmp_path / "source", tmp_path / "secret"
    (source / "sub").mkdir(parents=True)
    outside.write_text("secret")
    (source / "a").write_text("a")
    (source / "link").symlink_to("a")
    blobs = blobs_in(tmp_path)
    name, size = folders.keep(blobs, source)
    assert ([e.path for e in folders.entries(blobs, name)], size) == (["a", "link", "sub"], 2)
    for target, message in {
        str(outside): "link to outside",
        "..": "link to outside",
        "sub": "link to a folder",
        "nowhere": "link to nothing",
        "bad": "link to nothing",
    }.items():
        bad = source / "bad"
        bad.symlink_to(target)
        with pytest.raises(InputError, match=f"bad is a {message}"):
            folders.keep(blobs, source)
        bad.unlink()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "pipe")
    with pytest.raises(InputError, match="pipe is neither a file nor a folder"):
        folders.keep(blobs_in(tmp_path), source)


@pytest.mark.parametrize("path", ["../evil", "/evil", "a/../../evil", "", "."])
def test_a_list_that_names_a_path_outside_is_refused(tmp_path: Path, path: str) -> None:
    blobs = blobs_in(tmp_path)
    content = blobs.put(b"evil")
    name = blobs.put(json.dumps([{"path": path, "hash": content, "bytes": 4}]).encode())
    with pytest.raises(UnavailableError, match="names a path outside"):
        folders.restore(blobs, name, tmp_path / "again")
    assert not list(tmp_path.rglob("evil"))


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    source, blobs = tmp_path / "source", blobs_in(tmp_path)
    source.mkdir()
    (source / "a").write_text("a")
    (source / "b").write_text("b")
    name, _ = folders.keep(blobs, source)
    blobs.file(blobs.put(b"b")).unlink()
    with pytest.raises(InputError, match="no blob"):
        folders.restore(blobs, name, tmp_path / "again")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".mlops", "source"]
    with pytest.raises(InputError, match="is there already"):
        folders.restore(blobs, name, source)


def test_lists_are_compared_by_path() -> None:
    before = [Entry("a", "1"), Entry("b", "2"), Entry("c", None)]
    after = [Entry("a", "1"), Entry("b", "3"), Entry("d", None)]
    assert folders.compare(before, after) == {"b": "changed", "c": "removed", "d": "added"}
