"""Folders, disks, databases and ports that can't be used: each its own line, nothing half-done."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.flows import datasets, delivery
from mlops_nb.flows import projects as flows
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from mlops_nb.stores.mlflow_client import make_database
from mlops_nb.stores.mlflow_errors import calling
from mlops_nb.stores.mlflow_sqlite import open_readonly
from tests.marks import imports_mlflow
from tests.notebooks import live_kernels, mlops, write_notebook
from tests.terminal import Command

pytestmark = imports_mlflow

Refused = Callable[..., str]


@pytest.fixture
def refused(command: Command) -> Refused:
    """Run a command that something must refuse with exit code 4; return what it says."""

    def run(*words: str) -> str:
        done = command(*words, "--json")
        assert done.code == 4, done.out
        error = done.json["error"]
        assert error["type"] in ("UnavailableError", "LockedError")
        assert "\n" not in error["message"]
        return f"{error['message']}; {error['hint']}"

    return run


def add_run(project: Project, run_id: str, name: str) -> None:
    project.spool.begin(run_id, name=name, experiment="e")
    project.spool.append(run_id, "ended", status="FINISHED")


def test_databases_that_are_damaged_or_locked(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.at(tmp_path, {}).ensure()
    add_run(project, "0" * 16, "first")
    delivery.deliver_now(project)
    of_mlflow, ours = project.state / "mlflow.db", project.state / "mlops.db"
    good = of_mlflow.read_bytes()

    of_mlflow.write_bytes(b"no database" * 1000)
    for words in (("runs",), ("show", "latest"), ("models",), ("gate", "m")):
        said = refused(*words)
        assert said.startswith(f"{of_mlflow} is damaged")
        assert "nothing was deleted" in said
    # What was recorded meanwhile waits, and `status` tells both.
    add_run(project, "1" * 16, "meanwhile")
    delivery.write(project)
    assert f"{of_mlflow} is damaged" in str(delivery.trouble(project))
    told = flows.status(Context(project, tmp_path))
    assert (told.latest and told.latest.name, told.undelivered) == ("meanwhile", 1)
    assert [line.partition(" (")[0] for line in told.attention] == [
        f"{of_mlflow} is damaged",
        "1 run is not in MLflow yet",
    ]

    of_mlflow.write_bytes(good)
    monkeypatch.setitem(open_readonly.__kwdefaults__, "timeout_s", 0.1)
    with closing(sqlite3.connect(of_mlflow, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert refused("runs").startswith(f"{of_mlflow} is locked by another process; try again")
        holder.execute("ROLLBACK")
    delivery.write(project)
    assert delivery.trouble(project) is None
    assert {run.name for run in project.runs.search()} == {"first", "meanwhile"}

    ours.write_bytes(b"no database" * 1000)
    assert refused("show", "0" * 16).startswith(f"{ours} is damaged")
    assert flows.status(Context(project, tmp_path)).attention[0].startswith(f"{ours} is damaged")


def test_a_file_where_the_projects_folder_should_be(refused: Refused, tmp_path: Path) -> None:
    write_notebook(tmp_path / "a.ipynb", "1")
    (tmp_path / ".mlops").write_text("mine")
    assert "is a file, where the project's folder should be" in refused("run", "a.ipynb")
    assert (tmp_path / ".mlops").read_text() == "mine"


def test_a_port_in_use_names_a_free_one(refused: Refused) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused("ui", "--no-browser", "--port", str(port))
    assert said.startswith(f"port {port} is in use; try --port ")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a file system is not allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_disk_that_is_read_only_or_full(refused: Refused, small_disk: Path) -> None:
    project = Project.at(small_disk, {}).ensure()
    write_notebook(small_disk / "a.ipynb", "1")
    project.spool.begin("0" * 16, name="before", experiment="e")
    os.chdir(small_disk)
    writing = (("run", "a.ipynb"), ("init", "new"), ("demo",), ("demo", "--into", "there"))

    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True, capture_output=True)
    for words in writing:
        assert "the file system is read-only; choose a project folder" in refused(*words)
    # What only reads, reads on, and says what it could not do beside it.
    done = mlops("runs", "--json", cwd=small_disk)
    assert done.returncode == 0
    assert [run["name"] for run in json.loads(done.stdout)] == ["before"]
    assert "read-only" in done.stderr
    new = f"sqlite:///{small_disk}/new/mlflow.db"
    with pytest.raises(UnavailableError, match="the file system is read-only"):
        make_database(new)
    subprocess.run([*remount[:2], "remount,rw", str(small_disk)], check=True)

    with (small_disk / "fill").open("wb", buffering=0) as fill, suppress(OSError):
        while fill.write(bytes(4096)):
            pass
    before = sorted(small_disk.rglob("*"))
    for words in writing:
        assert "the disk is full; free some room and try again" in refused(*words)
    left = set(small_disk.rglob("*")) - {small_disk / "new", small_disk / "there"}
    assert sorted(left) == before
    # Room for a run's record, but not for what belongs to it: there is no run.
    os.truncate(small_disk / "fill", (small_disk / "fill").stat().st_size - 8192)
    assert "the disk is full" in refused("run", "a.ipynb")
    assert project.spool.run_ids() == ["0" * 16]
    with pytest.raises(UnavailableError, match="the disk is full") as told, calling(new):
        pass
    assert "\n" not in str(told.value)
    os.chdir("/")


def test_a_dataset_that_the_disk_has_no_room_for(small_disk: Path) -> None:
    context = Context(Project.at(small_disk, {}), small_disk)
    noise = np.random.default_rng(0)
    (small_disk / "kept.bin").write_bytes(noise.bytes(500_000))
    datasets.snapshot(context, "kept", "kept.bin")
    (small_disk / "large.bin").write_bytes(noise.bytes(600_000))
    before = sorted(small_disk.rglob("*"))
    for source in (pd.DataFrame({"a": noise.random(400_000)}), "large.bin"):
        with pytest.raises(UnavailableError, match="the disk is full; free some room"):
            datasets.snapshot(context, "large", source)
    with pytest.raises(UnavailableError, match="the disk is full; free some room"):
        datasets.get(context, "kept@1", to="again.bin")
    assert sorted(small_disk.rglob("*")) == before
    (small_disk / "large.bin").unlink()
    datasets.get(context, "kept@1", to="again.bin")
    assert (small_disk / "again.bin").read_bytes() == (small_disk / "kept.bin").read_bytes()
    assert [version.label for version in datasets.versions_of(context)] == ["kept@1"]


def test_a_disk_that_fills_up_under_a_tracked_notebook(small_disk: Path) -> None:
    project = Project.at(small_disk, {}).ensure()
    child = (
        # Longer than what is left of a page of its file.
        f"%%mlops track child\n# {'x' * 5000}\n"
        "fill = open('fill', 'wb', buffering=0)\n"
        "try:\n"
        "    while fill.write(bytes(4096)): pass\n"
        "except OSError: pass\n"
    )
    with locked(project.state / "writer.lock"), live_kernels(small_disk) as (kernel,):
        said = kernel.run("%load_ext mlops_nb\n%mlops track top").shown
        said += kernel.run(child).shown
        (small_disk / "fill").write_bytes(b"")
        said += kernel.run("%mlops log auc=0.5").shown
    assert said.count("this cell was not recorded") == 1
    assert "the disk is full" in said
    # What is logged when there is room again lands in the right run, and both have their end.
    states = {state.run.name: state.run for state in project.spool.runs()}
    assert states["top"].metrics == {"auc": 0.5}
    assert {name: run.status for name, run in states.items()} == {
        "top": "FINISHED",
        "child": "FINISHED",
    }
