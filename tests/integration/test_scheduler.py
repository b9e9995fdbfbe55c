"""The scheduler as a process: due runs start exactly once, whoever is killed, and stop in order."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import IO

import psutil
import pytest

from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Job, JobRun, now
from mlops_nb.flows.context import Context
from mlops_nb.flows.scheduler import scheduler as scheduler_flow
from mlops_nb.project import Project
from tests.notebooks import (
    PATIENCE_S,
    lives,
    mlops,
    wait_for,
    wait_until_written,
    write_notebook,
)

SLOW = (
    "import os, time\nwith open('pids', 'a') as file: file.write(f'{os.getpid()} ')\n"
    "while not os.path.exists('go'): time.sleep(0.1)"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose job was due a few minutes ago, while no scheduler ran."""
    write_notebook(tmp_path / "train.ipynb", SLOW)
    project = Project.at(tmp_path, {}).ensure()
    add_overdue(project, "retrain")
    return project


def add_overdue(project: Project, name: str) -> None:
    """Add a job that came due once since it was made: within the last hour, not in the next."""
    minute = (now() - timedelta(minutes=5)).minute
    snapshot = project.blobs.put((project.root / "train.ipynb").read_bytes())
    job = Job(name, "train.ipynb", snapshot, cron=f"{minute} * * * *")
    project.jobs.add(replace(job, created_at=now() - timedelta(minutes=30)))


# With all the time that a run takes to end in good order on a slow machine.
SCHEDULER = """
import runpy
from mlops_nb.flows import scheduler
scheduler.PATIENCE_S = 200.0
runpy.run_module("mlops_nb", run_name="__main__", alter_sys=True)
"""


@dataclass
class Scheduler:
    """A scheduler's process, and what it has told so far."""

    process: subprocess.Popen[bytes]
    _log: IO[str]

    def told(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def end(self, number: int) -> str:
        """Send it a signal, wait for its end and return all that it told."""
        self.process.send_signal(number)
        return self.until_it_ends()

    def until_it_ends(self) -> str:
        self.process.wait(PATIENCE_S)
        return self.told()


@contextmanager
def scheduler(project: Project) -> Iterator[Scheduler]:
    """Run the project's scheduler for a block, from when it has begun to work."""
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", SCHEDULER, "scheduler"],
            cwd=project.root,
            stderr=output,
            stdout=subprocess.DEVNULL,
        )
        found = Scheduler(process, log)
        try:
            wait_for(lambda: "Ctrl-C stops it" in found.told(), found.told)
            yield found
        finally:
            process.kill()
            process.wait()


def runs(project: Project) -> list[JobRun]:
    return project.jobs.runs()


def pids(project: Project) -> list[int]:
    path = project.root / "pids"
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def test_a_due_run_starts_once_though_its_scheduler_is_killed(project: Project) -> None:
    with scheduler(project) as first:
        wait_for(lambda: pids(project))
        first.process.kill()
        first.process.wait()
    # The run does not end with the scheduler, and the next one starts no second.
    with scheduler(project) as second:
        time.sleep(3)
        (run,) = runs(project)
        assert (run.status, run.trigger) == ("RUNNING", "schedule")
        refused = mlops("scheduler", cwd=project.root)
        assert (refused.returncode, refused.stdout) == (4, "")
        assert "is running already" in refused.stderr
        (project.root / "go").touch()
        wait_for(lambda: runs(project)[0].status != "RUNNING")
        second.end(signal.SIGINT)
    (run,) = runs(project)
    assert (run.status, len(pids(project))) == ("FINISHED", 1)
    assert run.run_id is not None
    assert project.runs.get(run.run_id).status == "FINISHED"


def test_a_killed_run_is_killed_on_record_and_leaves_no_kernel(project: Project) -> None:
    with scheduler(project) as started:
        wait_for(lambda: pids(project))
        (kernel,) = pids(project)
        # What a child of it starts carries the child's own command line at first.
        (child,) = [
            child
            for child in psutil.Process(started.process.pid).children()
            if "mlops_nb.flows.starting" in child.cmdline()
        ]
        child.kill()
        wait_for(lambda: runs(project)[0].status != "RUNNING")
        wait_for(lambda: not lives(kernel))
        # It was the scheduler's child, and is no zombie.
        wait_for(lambda: not psutil.pid_exists(child.pid))
        told = started.end(signal.SIGINT)
    assert "retrain: KILLED" in told
    assert "retrain: RUNNING" not in told
    (run,) = runs(project)
    assert run.status == "KILLED"
    assert "ended without closing the run" in str(run.reason)
    assert run.run_id is not None
    assert '"KILLED"' in mlops("show", run.run_id, "--json", cwd=project.root).stdout


def test_an_interrupt_waits_for_what_goes_on_and_a_second_ends_it(project: Project) -> None:
    with scheduler(project) as started:
        wait_for(lambda: pids(project))
        started.process.send_signal(signal.SIGINT)
        wait_for(lambda: "stopping when it is done" in started.told())
        time.sleep(1)
        assert started.process.poll() is None
        assert runs(project)[0].status == "RUNNING"
        told = started.end(signal.SIGINT)
        assert started.process.returncode == 0
    (run,) = runs(project)
    assert (run.status, run.reason) == ("KILLED", "interrupted")
    assert not any(lives(pid) for pid in pids(project))
    assert "retrain: KILLED: interrupted" in told


def test_jobs_made_paused_and_removed_meanwhile_are_heeded(project: Project) -> None:
    project.jobs.pause("retrain")
    with scheduler(project) as started:
        time.sleep(3)
        assert runs(project) == []
        add_overdue(project, "later")
        wait_for(lambda: "later: started" in started.told())
        (project.root / "go").touch()
        wait_for(lambda: [run.status for run in runs(project)] == ["FINISHED"])
        told = started.end(signal.SIGTERM)
    assert "later: started" in told
    assert "later: FINISHED" in told
    assert "retrain" not in told


def test_missed_runs_start_one_after_another_and_a_broken_job_keeps_none_from_it(
    project: Project,
) -> None:
    project.jobs.remove("retrain")
    (project.root / "go").touch()
    (project.root / "mlops.toml").write_text('[jobs]\nmisfire = "all"\n')
    made = now() - timedelta(minutes=30)
    minutes = ",".join(str((now() - timedelta(minutes=late)).minute) for late in (9, 6, 3))
    snapshot = project.blobs.put((project.root / "train.ipynb").read_bytes())
    job = Job("often", "train.ipynb", snapshot, cron=f"{minutes} * * * *", created_at=made)
    project.jobs.add(job)
    # Newer, so it is the first to be looked at.
    project.jobs.add(replace(job, name="broken", timezone="Mars/Olympus", created_at=now()))
    with scheduler(project) as started:
        wait_for(lambda: started.told().count("often: FINISHED") == 3, started.told)
        assert [run.status for run in runs(project)] == ["FINISHED"] * 3
        assert [run.due_at for run in runs(project)] == sorted(
            (run.due_at for run in runs(project)), reverse=True
        )
        # Moved away, it does not pretend to serve the project any longer.
        wait_until_written(project)
        project.root.rename(project.root.with_name("moved"))
        told = started.until_it_ends()
    assert started.process.returncode == 4
    assert told.count("unknown time zone 'Mars/Olympus'") == 1
    assert "was moved or deleted" in told
    assert not project.root.exists()


def test_a_clock_that_was_ahead_stops_no_job(project: Project) -> None:
    """Runs at times that have not come, of a clock set back since, say nothing of those to come."""
    (project.root / "go").touch()
    ahead = project.jobs.claim("retrain", now() + timedelta(days=999), "schedule")
    assert ahead is not None
    project.jobs.record(replace(ahead, status="FINISHED"))
    with scheduler(project):
        wait_for(lambda: [run.status for run in runs(project)] == ["FINISHED"] * 2)
    assert runs(project)[0].due_at < now()


@pytest.mark.parametrize(
    "setting", ["misfire = 'onse'", "misfire_window_s = -1.0", "misfire_window_s = inf"]
)
def test_a_setting_that_can_not_be_is_refused(project: Project, setting: str) -> None:
    (project.root / "mlops.toml").write_text(f"[jobs]\n{setting}\n")
    refused = Project.at(project.root, {})
    with pytest.raises(InputError, match=r"\[jobs\] misfire.* is "):
        scheduler_flow(Context(refused, refused.root))
    assert runs(project) == []


def test_a_run_that_can_not_start_is_a_failure_on_record(project: Project) -> None:
    project.jobs.remove("retrain")
    with scheduler(project) as started:
        # What is broken meanwhile stops the child before it can claim its run.
        (project.root / "mlops.toml").write_text("[jobs\n")
        add_overdue(project, "retrain")
        wait_for(lambda: runs(project))
        told = started.end(signal.SIGINT)
    (run,) = runs(project)
    assert (run.status, run.run_id) == ("FAILED", None)
    assert "its process could not start" in str(run.reason)
    assert "mlops.toml is not valid TOML" in str(run.reason)
    assert "retrain: FAILED" in told
    assert "retrain: started" not in told
