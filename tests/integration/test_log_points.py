"""Single points: each is on disk when `log` returns, whichever thread or process logs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.project import Project
from mlops_nb.stores.spool import Spool, new_run_id, read_events
from tests.notebooks import python

COUNT = 250
STORM = f"""
import os, signal, threading
import mlops_nb as mlops

def burst(name):
    for step in range({COUNT}):
        mlops.log({{name: step / 2}}, step=step)

# Before there are threads: no child of a fork may find a module half-imported.
burst("first")
threads = [threading.Thread(target=burst, args=[f"thread {{n}}"]) for n in range(4)]
for thread in threads:
    thread.start()
child = os.fork()
if child == 0:
    burst("child")
    os._exit(0)
burst("parent")
for thread in threads:
    thread.join()
os.waitpid(child, 0)
burst("last")
"""


@pytest.fixture
def run_id(tmp_path: Path) -> str:
    made = new_run_id()
    Project.at(tmp_path, {}).ensure().spool.begin(made, name="run")
    return made


def steps(spool: Spool, run_id: str) -> dict[str, list[int]]:
    """Return the steps of each metric in the order in which they stand in the record."""
    found: dict[str, list[int]] = {}
    for event in read_events(spool.read(run_id)):
        for item in event.body["values"] if event.kind == "metrics" else ():
            assert item["value"] == item["step"] / 2
            found.setdefault(item["key"], []).append(item["step"])
    return found


@pytest.mark.parametrize("end", ["os._exit(7)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_points_of_threads_and_forks_are_kept_in_order_however_the_process_ends(
    tmp_path: Path, run_id: str, end: str
) -> None:
    environ = {"MLOPS_RUN_ID": run_id, "MLOPS_PROJECT": str(tmp_path)}
    done = python("-W", "ignore", "-c", STORM + end, cwd=tmp_path, **environ)
    assert (done.returncode, done.stderr) == (7 if "exit" in end else -9, "")
    names = {"child", "first", "parent", "last", *(f"thread {n}" for n in range(4))}
    expected = {name: list(range(COUNT)) for name in names}
    assert steps(Project.at(tmp_path, {}).spool, run_id) == expected
