"""Datasets end to end: kept, listed, fetched, compared, and told to the runs that use them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb import panels
from mlops_nb.core.data_records import DataVersion
from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import Notice
from mlops_nb.data.fingerprint import fingerprint
from mlops_nb.flows import checks, datasets, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.project import Project
from tests.notebooks import python

CLIENTS = pd.DataFrame(
    {
        "age": np.arange(20, 320) % 60,
        "city": pd.Categorical(["Bern", "Oslo", "Rome"] * 100),
        "paid": np.linspace(0, 1, 300),
        "note": ["a", np.nan, "b"] * 100,
    },
    index=pd.Index(range(1000, 1300), name="client"),
)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Project.at(tmp_path, {}), tmp_path)


def blobs(context: Context) -> list[Path]:
    return [path for path in context.project.blobs.folder.rglob("*") if path.is_file()]


def fetched(context: Context, label: str) -> pd.DataFrame:
    frame = datasets.get(context, label)
    assert isinstance(frame, pd.DataFrame)
    return frame


def test_a_frame_comes_back_as_it_was_and_is_kept_once(context: Context) -> None:
    first = datasets.snapshot(context, "clients", Named("df", CLIENTS))
    assert (first.label, first.kind, first.rows, first.source) == ("clients@1", "frame", 300, "df")
    assert dict(first.schema) == fingerprint(CLIENTS)["schema"]
    assert first.hash == fingerprint(CLIENTS)["hash"]
    pd.testing.assert_frame_equal(fetched(context, "clients@1"), CLIENTS)
    again = datasets.snapshot(context, "clients", CLIENTS.copy())
    assert (again.label, again.known) == ("clients@1", True)
    assert "Nothing new was kept" in panels.text(again)
    moved = datasets.snapshot(context, "clients", CLIENTS.assign(age=1))
    other = datasets.snapshot(context, "people", CLIENTS)
    assert (moved.label, other.label, other.blob) == ("clients@2", "people@1", first.blob)
    assert len(blobs(context)) == 2
    assert [v.label for v in datasets.versions_of(context, "clients")] == ["clients@2", "clients@1"]
    assert len(datasets.versions_of(context)) == 3


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_a_file_is_kept_as_it_is_and_read_by_its_name(context: Context, name: str) -> None:
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    path = context.folder / name
    if name == "t.csv":
        table.to_csv(path, index=False)
    elif name == "t.parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    content = path.read_bytes()
    kept = datasets.snapshot(context, "t", name)
    assert (kept.kind, kept.rows, kept.bytes) == ("file", 2, len(content))
    assert dict(kept.schema) == {"a": "int64", "b": "object"}
    path.unlink()
    pd.testing.assert_frame_equal(fetched(context, "t@latest"), table)
    notice = datasets.get(context, "t@1", to=f"again-{name}")
    assert isinstance(notice, Notice)
    assert (context.folder / f"again-{name}").read_bytes() == content


def test_a_folder_is_kept_file_by_file(context: Context) -> None:
    source = context.folder / "parts"
    (source / "year=2026").mkdir(parents=True)
    (source / "empty").mkdir()
    CLIENTS.reset_index().to_parquet(source / "year=2026" / "p.parquet")
    (source / "README").write_text("about")
    first = datasets.snapshot(context, "parts", "parts")
    assert (first.kind, first.rows) == ("folder", None)
    assert fetched(context, "parts@1")["year"].eq(2026).all()
    count = len(blobs(context))
    (source / "README").write_text("about it")
    second = datasets.snapshot(context, "parts", "parts")
    assert (second.version, len(blobs(context))) == (2, count + 2)  # the file and the list
    found = datasets.diff(context, "parts@1", "parts@2")
    assert (found.same, found.files) == (False, {"README": "changed"})
    datasets.get(context, "parts@1", to="again")
    assert (context.folder / "again" / "README").read_text() == "about"
    assert (context.folder / "again" / "empty").is_dir()


def test_what_is_no_table_is_given_to_a_path_only(context: Context) -> None:
    (context.folder / "model.bin").write_bytes(b"\0\1")
    kept = datasets.snapshot(context, "model", "model.bin")
    assert (kept.rows, dict(kept.schema)) == (None, {})
    with pytest.raises(
        InputError, match=r"model@1 can't be read as a table.*data get model@1 --to"
    ):
        datasets.get(context, "model@1")
    datasets.get(context, "model@1", to="copy.bin")
    with pytest.raises(InputError, match="is there already"):
        datasets.get(context, "model@1", to="copy.bin")
    with pytest.raises(NotFoundError, match="no folder"):
        datasets.get(context, "model@1", to="none/copy.bin")


def test_a_frame_is_written_as_parquet_only(context: Context) -> None:
    datasets.snapshot(context, "clients", CLIENTS)
    with pytest.raises(InputError, match=r"did you mean 'x\.parquet'"):
        datasets.get(context, "clients@1", to="x.csv")
    datasets.get(context, "clients@1", to="x.parquet")
    back = pd.read_parquet(context.folder / "x.parquet")
    assert back.index.name == "client"


def test_a_damaged_version_is_not_given_out(context: Context) -> None:
    datasets.snapshot(context, "clients", CLIENTS)
    (blob,) = blobs(context)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    for to in (None, "x.parquet"):
        with pytest.raises(UnavailableError, match="damaged on disk"):
            datasets.get(context, "clients@1", to=to)
    assert not (context.folder / "x.parquet").exists()
    assert datasets.snapshot(context, "clients", CLIENTS).known
    pd.testing.assert_frame_equal(fetched(context, "clients@1"), CLIENTS)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("../x", CLIENTS, "can't be the name of a dataset"),
        ("x", "clients.csb", r"no file 'clients.csb' in .*did you mean 'clients.csv'\?"),
        ("x", "a\0b", "not a path"),
        ("x", 3, "must be a DataFrame, file or folder, not int"),
        ("x", pd.DataFrame({"odd": [1, "a"]}), "column 'odd'"),
    ],
)
def test_bad_input_gets_one_line_and_keeps_nothing(
    context: Context, name: str, source: Any, message: str
) -> None:
    (context.folder / "clients.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=message):
        datasets.snapshot(context, name, source)
    assert datasets.versions_of(context) == []
    assert blobs(context) == []


SNAPSHOT = """
import sys
from pathlib import Path
import pandas as pd
from mlops_nb.flows import datasets
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
root = Path(sys.argv[1])
context = Context(Project.at(root, {}), root)
for number in range(5):
    datasets.snapshot(context, "own", pd.DataFrame({"a": [sys.argv[2], str(number)]}))
    datasets.snapshot(context, "shared", pd.DataFrame({"a": [number]}))
"""


def test_two_processes_lose_and_double_nothing(context: Context) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SNAPSHOT, str(context.folder)]
    processes = [subprocess.Popen([*command, name], env=environ) for name in "ab"]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert sorted(v.version for v in datasets.versions_of(context, "own")) == list(range(1, 11))
    assert sorted(v.version for v in datasets.versions_of(context, "shared")) == [1, 2, 3, 4, 5]
    for version in datasets.versions_of(context):
        assert len(fetched(context, version.label)) == version.rows
    assert not list(context.project.blobs.folder.glob(".*"))


DIES_HALF_WAY = (
    """
import os, signal
from mlops_nb.stores import blobs

def half(path, to):
    to.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

blobs.copy_file = half
"""
    + SNAPSHOT
)


def test_a_snapshot_that_is_killed_half_way_leaves_nothing_to_the_next(context: Context) -> None:
    folder = context.project.ensure().blobs.folder
    done = python("-c", DIES_HALF_WAY, str(context.folder), "x", cwd=context.folder)
    assert done.returncode == -signal.SIGKILL
    left = sorted(folder.glob(".*"))
    assert [path.read_bytes()[:4] for path in left].count(b"half") == 1
    assert datasets.versions_of(context) == []
    # What another process is at work on stays.
    with context.project.blobs.unfinished() as mine:
        mine.write_bytes(b"mine")
        datasets.snapshot(context, "own", CLIENTS)
        assert list(folder.glob(".*")) == [mine]
    assert not list(folder.glob(".*"))
    assert len(fetched(context, "own@1")) == 300


def test_a_diff_names_what_differs_and_nothing_else(context: Context) -> None:
    changed = CLIENTS.assign(paid=CLIENTS["paid"] + 2, more=1).drop(columns="note")
    for frame in (CLIENTS, changed, CLIENTS.iloc[:200]):
        datasets.snapshot(context, "clients", frame)
    found = datasets.diff(context, "clients@1", "clients@2")
    assert (found.same, found.rows, found.changed) == (False, (300, 300), ("paid",))
    assert (found.added, found.removed) == ({"more": "int64"}, {"note": "object"})
    assert found.drift is not None
    assert [f.column for f in found.drift.findings if f.column] == ["paid"]
    assert found.drift.finding("paid").evidence["drifted"]
    fewer = datasets.diff(context, "clients@1", "clients@3")
    assert (fewer.rows, fewer.changed, fewer.retyped) == ((300, 200), (), {})
    same = datasets.diff(context, "clients@1", Named("df", CLIENTS))
    assert (same.same, same.drift, same.after) == (True, None, "df")
    assert datasets.diff(context, "clients@1", "clients@1").same
    for record in (found, fewer, same):
        assert panels.text(record)


def test_a_diff_uses_the_methods_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(
        '[drift.methods]\nnum = "psi"\ngone = "ks"\n[drift.types]\npaid = "num"\n'
    )
    context = Context(Project.at(tmp_path, {}), tmp_path)
    for frame in (CLIENTS, CLIENTS.assign(paid=CLIENTS["paid"] + 2)):
        datasets.snapshot(context, "clients", frame)
    found = datasets.diff(context, "clients@1", "clients@2")
    assert found.drift is not None
    assert found.drift.finding("paid").evidence["method"] == "PSI"


def test_a_run_records_the_versions_it_used(context: Context) -> None:
    old = datasets.snapshot(context, "clients", CLIENTS)
    new = datasets.snapshot(context, "clients", CLIENTS.assign(age=1))
    run = tracking.open_run(context, notebook=tracking.notebook_here({}))
    tracked = Context(context.project, context.folder, run.run_id)
    checks.drift(tracked, "clients@1", "clients@2")
    checks.quality(tracked, CLIENTS, strict=False)
    datasets.get(tracked, "clients@1")
    made = datasets.snapshot(tracked, "made", CLIENTS.assign(age=2))
    tags = context.project.spool.load(run.run_id).run.tags
    assert {key: value for key, value in tags.items() if key.startswith("mlops.data.")} == {
        "mlops.data.reference": f"clients@1 {old.hash}",
        "mlops.data.current": f"clients@2 {new.hash}",
        "mlops.data.data": fingerprint(CLIENTS)["hash"],
        "mlops.data.clients": f"clients@1 {old.hash}",
        "mlops.data.made": f"made@1 {made.hash}",
    }
    assert made.run_id == run.run_id
    tracking.close_run(tracked, run.run_id, "FINISHED")


def test_a_file_that_is_called_like_a_version_comes_first(context: Context) -> None:
    datasets.snapshot(context, "clients", CLIENTS)
    with pytest.raises(NotFoundError, match="unknown dataset 'client'; did you mean 'clients'"):
        checks.quality(context, "client@1")
    (context.folder / "clients@1").write_text("not a table")
    with pytest.raises(InputError, match="an ending that can't be read"):
        checks.quality(context, "clients@1")


def test_what_dvc_keeps_is_not_copied(context: Context) -> None:
    (context.folder / ".dvc").mkdir()
    table = context.folder / "t.csv"
    table.write_bytes(b"a,b\r\n1,2\r\n")
    note = (
        "outs:\n- md5: b202f333fba4fd38d4b8e5e693077aab\n  size: 10\n  hash: md5\n  path: t.csv\n"
    )
    (context.folder / "t.csv.dvc").write_text(note)
    kept = datasets.snapshot(context, "t", "t.csv")
    assert (kept.blob, kept.rows, kept.hash[:8]) == (None, 1, "md5:b202")
    assert blobs(context) == []
    assert fetched(context, "t@1").to_dict("list") == {"a": [1], "b": [2]}
    datasets.get(context, "t@1", to="again.csv")
    assert (context.folder / "again.csv").read_bytes() == table.read_bytes()
    table.write_bytes(b"a,b\r\n1,3\r\n")
    with pytest.raises(UnavailableError, match="dvc pull"):
        datasets.get(context, "t@1")
    assert datasets.snapshot(context, "t", "t.csv").blob is not None


def test_a_version_equals_what_is_read_back(context: Context) -> None:
    kept = datasets.snapshot(context, "clients", CLIENTS)
    assert DataVersion.from_dict(kept.to_dict()) == context.project.datasets.get("clients@1")
