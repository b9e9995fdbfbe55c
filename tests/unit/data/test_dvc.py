"""What DVC keeps is referred to: by the hashes that DVC 3 itself wrote for these files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.data import dvc

TABLE = "md5:b202f333fba4fd38d4b8e5e693077aab"
FOLDER = "md5:017483261ffa47fb86b0b7437f111956.dir"
LISTING = (
    b'[{"md5": "a8a78d0ff555c931f045b6f448129846", "relpath": "a.txt"}, '
    b'{"md5": "401b30e3b8b5d629635a5c613cdb7919", "relpath": "b.txt"}, '
    b'{"md5": "009520053b00386d1173f3988c55d192", "relpath": "sub/\\u00e9.txt"}]'
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder as ``dvc init`` and ``dvc add t.csv d`` leave it."""
    cache = tmp_path / ".dvc" / "cache" / "files" / "md5"
    contents = {
        "t.csv": ("b202f333fba4fd38d4b8e5e693077aab", b"a,b\r\n1,2\r\n"),
        "d/a.txt": ("a8a78d0ff555c931f045b6f448129846", b"z\n"),
        "d/b.txt": ("401b30e3b8b5d629635a5c613cdb7919", b"x\n"),
        "d/sub/é.txt": ("009520053b00386d1173f3988c55d192", b"y\n"),
        "": ("017483261ffa47fb86b0b7437f111956.dir", LISTING),
    }
    for name, (digest, content) in contents.items():
        cached = cache / digest[:2] / digest[2:]
        for path in (cached, tmp_path / name) if name else (cached,):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for name, size in (("t.csv", 10), ("d", 6)):
        digest = {"t.csv": TABLE, "d": FOLDER}[name].removeprefix("md5:")
        note = f"outs:\n- md5: {digest}\n  size: {size}\n  hash: md5\n  path: {name}\n"
        (tmp_path / f"{name}.dvc").write_text(note)
    return tmp_path


def test_a_file_and_a_folder_are_known_by_the_hash_that_dvc_gave(repository: Path) -> None:
    assert dvc.reference(repository / "t.csv") == dvc.Reference(TABLE, 10)
    assert dvc.reference(repository / "d") == dvc.Reference(FOLDER, 6)


def test_what_was_changed_since_or_is_not_dvcs_is_none_of_its(repository: Path) -> None:
    (repository / "t.csv").write_bytes(b"a,b\r\n1,3\r\n")
    (repository / "d" / "c.txt").write_bytes(b"new")
    (repository / "free.csv").write_bytes(b"a\n")
    for name in ("t.csv", "d", "free.csv"):
        assert dvc.reference(repository / name) is None
    (repository / "t.csv.dvc").write_text("outs: [not one of ours")
    assert dvc.reference(repository / "t.csv") is None


def test_outside_a_repository_there_is_no_dvc(repository: Path, tmp_path: Path) -> None:
    (repository / ".dvc").rename(tmp_path / "dvc")
    assert dvc.reference(repository / "t.csv") is None


def test_the_files_are_found_in_the_working_copy_or_the_cache(repository: Path) -> None:
    table = repository / "t.csv"
    assert dvc.files(TABLE, table) == {"": table}
    table.write_bytes(b"changed")
    assert dvc.files(TABLE, table)[""].read_bytes() == b"a,b\r\n1,2\r\n"
    folder = repository / "d"
    (folder / "b.txt").write_bytes(b"changed")
    found = dvc.files(FOLDER, folder)
    assert {name: path.read_bytes() for name, path in found.items()} == {
        "a.txt": b"z\n",
        "b.txt": b"x\n",
        "sub/é.txt": b"y\n",
    }


@pytest.mark.parametrize(("name", "hash_"), [("t.csv", TABLE), ("d", FOLDER)])
def test_what_is_nowhere_has_to_be_pulled(repository: Path, name: str, hash_: str) -> None:
    for cached in (repository / ".dvc" / "cache").rglob("*"):
        if cached.is_file():
            cached.write_bytes(b"damaged")
    path = repository / name
    (path / "a.txt" if path.is_dir() else path).write_bytes(b"changed")
    with pytest.raises(UnavailableError, match=r"DVC keeps .*dvc pull.*\.dvc"):
        dvc.files(hash_, path)
