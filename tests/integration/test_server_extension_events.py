"""Changes, whoever makes them, are told on Jupyter's event stream; and how they are noticed."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.flows.changes import mark
from mlops_nb.interfaces.server import watching
from mlops_nb.interfaces.server.watching import SCHEMA_ID, Watcher
from mlops_nb.project import Project
from mlops_nb.stores.spool import new_run_id
from tests.notebooks import PATIENCE_S, mlops, python, wait_until_written, write_notebook
from tests.serving import Server

# All of this has one server, so that it runs in one worker.
pytestmark = pytest.mark.xdist_group("server events")

TRACKED = """
import mlops_nb
with mlops_nb.track("elsewhere"):
    mlops_nb.log(auc=0.5)
"""


@pytest.fixture
def project(server: Server, request: pytest.FixtureRequest) -> Project:
    """A project of the test's own, which nobody has asked for yet."""
    folder = server.folder / request.node.name
    write_notebook(folder / "train.ipynb", "months")
    (folder / "mlops.toml").touch()
    return Project.at(folder)


async def next_event(stream: Any, project: Project, seconds: float = PATIENCE_S) -> str | None:
    """Return what an event tells of a project; None where none comes in time."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            event = json.loads(await asyncio.wait_for(stream.read_message(), left))
        except TimeoutError:
            return None
        if event["schema_id"] == SCHEMA_ID and event["project"] == str(project.root):
            return str(event["what"])
    return None


def listening(server: Server, body: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    async def listen() -> None:
        async with server.events() as stream:
            await body(stream)

    asyncio.run(listen())


async def elsewhere(*words: str, cwd: Path) -> None:
    """Run Python in a process of its own, while this one listens."""
    import sys

    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=cwd, stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0


def test_a_run_of_another_process_is_told_within_seconds(server: Server, project: Project) -> None:
    assert watching.PAUSE_S <= 1

    async def body(stream: Any) -> None:
        assert server.get("runs", path=project.root.name).body == []
        await elsewhere("-c", TRACKED, cwd=project.root)
        assert await next_event(stream, project) == "runs"
        (run,) = server.get("runs", path=project.root.name).body
        assert (run["name"], run["status"]) == ("elsewhere", "FINISHED")

    listening(server, body)


def test_a_job_of_the_command_line_is_told(server: Server, project: Project) -> None:
    async def body(stream: Any) -> None:
        assert server.get("jobs/list", path=project.root.name).body == []
        words = ["jobs", "add", "retrain", "train.ipynb"]
        await elsewhere("-m", "mlops_nb", *words, cwd=project.root)
        assert await next_event(stream, project) == "jobs"

    listening(server, body)


def test_reading_changes_nothing(server: Server, project: Project) -> None:
    """Else an event would have everybody ask, which makes an event, and so on for ever."""
    done = mlops("jobs", "add", "retrain", "train.ipynb", cwd=project.root)
    assert done.returncode == 0, done.stderr
    assert python("-c", TRACKED, cwd=project.root).returncode == 0
    wait_until_written(project)

    async def body(stream: Any) -> None:
        while await next_event(stream, project, 2.5):
            pass
        for _ in range(3):
            for route in ("status", "runs", "jobs/list", "jobs/history", "project", "models"):
                assert server.get(route, path=project.root.name).status == 200
            assert await next_event(stream, project, 1.5) is None

    listening(server, body)


def test_a_project_that_vanished_does_not_stop_the_others(server: Server, project: Project) -> None:
    gone = server.folder / "gone"
    gone.mkdir()
    (gone / "mlops.toml").touch()

    async def body(stream: Any) -> None:
        assert server.get("runs", path="gone").status == 200
        assert server.get("runs", path=project.root.name).status == 200
        shutil.rmtree(gone)
        assert await next_event(stream, project, 2) is None
        project.spool.begin(new_run_id(), name="still seen")
        assert await next_event(stream, project) == "runs"

    listening(server, body)
    assert "Traceback" not in server.log.read_text()


def test_the_mark_moves_with_what_is_written_and_with_nothing_else(tmp_path: Path) -> None:
    project = Project.at(tmp_path)
    empty = mark(project)
    run_id = new_run_id()
    project.spool.begin(run_id, name="first")
    begun = mark(project)
    assert (begun["runs"] != empty["runs"], begun["jobs"] == empty["jobs"]) == (True, True)
    project.spool.append(run_id, "metric", name="auc", value=0.5)
    assert mark(project)["runs"] != begun["runs"]
    project.database.add_audit("promoted", "credit@1", "ada")
    written = mark(project)
    assert written["jobs"] != begun["jobs"]
    with project.database.reading() as reader:
        assert reader.execute("SELECT count(*) FROM AUDIT").fetchone() == (1,)
        assert (tmp_path / ".mlops" / "mlops.db-wal").exists()
        assert mark(project) == written
    assert mark(project) == written


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PAUSE_S", 0.02)


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def project_in(folder: Path) -> Project:
    folder.mkdir()
    return Project.at(folder)


@pytest.mark.usefixtures("quick")
def test_trouble_with_one_project_is_told_once_and_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[Path, str]] = []
    broken, sound = project_in(tmp_path / "broken"), project_in(tmp_path / "sound")
    before = mark(broken)
    (broken.root / ".mlops").write_text("no folder")
    broken.__dict__["tracking_uri"] = None  # whatever makes it fail

    async def body() -> None:
        watcher = Watcher(lambda root, what: told.append((root, what)), logging.getLogger("test"))
        watcher.watch(broken, before)
        watcher.watch(sound, mark(sound))
        await until(lambda: caplog.records)
        sound.spool.begin(new_run_id(), name="seen")
        await until(lambda: told)
        # It goes on looking.
        await asyncio.sleep(0.3)
        await watcher.stop()

    asyncio.run(body())
    # Twice where it looked while the run was being written.
    assert set(told) == {(sound.root, "runs")}
    assert [record.getMessage() for record in caplog.records] == [
        f"mlops_nb can't watch {broken.root}"
    ]


@pytest.mark.usefixtures("quick")
def test_who_asks_no_more_is_watched_no_more_until_he_asks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    project = project_in(tmp_path / "project")

    def tasks() -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks()}

    async def body() -> None:
        watcher = Watcher(lambda _, what: told.append(what), logging.getLogger("test"))
        watcher.watch(project, mark(project))
        assert "mlops-watcher" in tasks()
        monkeypatch.setattr(watching, "INTEREST_S", 0.0)
        await until(lambda: "mlops-watcher" not in tasks())
        project.spool.begin(new_run_id(), name="unseen")
        await asyncio.sleep(0.1)
        assert told == []
        monkeypatch.setattr(watching, "INTEREST_S", 600.0)
        watcher.watch(project, mark(project))
        project.spool.begin(new_run_id(), name="seen")
        await until(lambda: told)
        assert set(told) == {"runs"}
        await watcher.stop()
        assert "mlops-watcher" not in tasks()

    asyncio.run(body())
    assert [t.name for t in threading.enumerate() if t.name.startswith("mlops")] == []
