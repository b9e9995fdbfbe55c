"""Jobs in the database: claims that only one process wins, and runs whose process is gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import Job, JobModel, JobRun, now
from mlops_nb.stores.db import Database
from mlops_nb.stores.jobs import JobStore

DUE = datetime(2026, 12, 1, 5, tzinfo=UTC)

CLAIM = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mlops_nb.stores.db import Database
from mlops_nb.stores.jobs import JobStore

jobs = JobStore(Database(Path(sys.argv[1]), timeout_s=60))
won = 0
for minute in range(20):
    claimed = jobs.claim(f"job {minute}", datetime(2026, 12, 1, 5, minute, tzinfo=UTC), "schedule")
    won += claimed is not None
print(won)
"""

CLAIM_AND_WAIT = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from mlops_nb.stores.db import Database
from mlops_nb.stores.jobs import JobStore

due_at = datetime(2026, 12, 1, int(sys.argv[3]), tzinfo=UTC)
JobStore(Database(Path(sys.argv[1]), timeout_s=60)).claim("retrain", due_at, sys.argv[2])
sys.stdin.read()
"""

CLAIM_AND_DIE = """
import os, sys
from pathlib import Path
from mlops_nb.core.records import now
from mlops_nb.stores.db import Database
from mlops_nb.stores.jobs import JobStore

JobStore(Database(Path(sys.argv[1]))).claim("retrain", now(), "schedule")
os._exit(9)
"""


@pytest.fixture
def jobs(tmp_path: Path) -> JobStore:
    return JobStore(Database(tmp_path / "mlops.db"))


def job(name: str = "retrain", **fields: object) -> Job:
    return replace(Job(name, "train.ipynb", "sha256:" + "0" * 64, cron="0 6 1 * *"), **fields)


ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def claim_and_die(jobs: JobStore) -> None:
    command = [sys.executable, "-c", CLAIM_AND_DIE, jobs.database.path]
    assert subprocess.run(command, env=ENVIRON, check=False).returncode == 9


def test_a_job_is_read_back_as_it_was_kept(jobs: JobStore) -> None:
    assert jobs.all() == []
    kept = job(parameters={"months": 2, "rate": 0.1}, sensitive=("SEX", "AGE"), paused=False)
    jobs.add(kept)
    found = jobs.get("retrain")
    assert found == kept
    with pytest.raises(InputError, match="there is a job 'retrain' already; choose another name"):
        jobs.add(job())
    with pytest.raises(NotFoundError, match="did you mean 'retrain'"):
        jobs.get("retrian")


def test_of_processes_that_claim_the_same_times_each_time_has_one_winner(jobs: JobStore) -> None:
    jobs.add(job())
    command = [sys.executable, "-c", CLAIM, jobs.database.path]
    processes = [
        subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    won = [int(process.communicate(timeout=200)[0]) for process in processes]
    assert sum(won) == 20
    assert len(jobs.runs()) == 20


def test_by_schedule_and_by_hand_at_once_one_of_them_runs(jobs: JobStore) -> None:
    """Two processes claim different times of one job: only one is to go on."""
    jobs.add(job())
    command = [sys.executable, "-c", CLAIM_AND_WAIT, jobs.database.path]
    processes = [
        subprocess.Popen([*command, trigger, hour], env=ENVIRON, stdin=subprocess.PIPE)
        # At one and the same millisecond the second would only lose the claim.
        for trigger, hour in (("schedule", "5"), ("manual", "6"))
    ]
    try:
        deadline = time.monotonic() + 200
        while len(jobs.runs()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sorted(run.status for run in jobs.runs()) == ["RUNNING", "SKIPPED"]
    finally:
        for process in processes:
            process.communicate()


def test_a_run_is_skipped_while_the_one_before_goes_on(jobs: JobStore) -> None:
    first = jobs.claim("retrain", DUE, "schedule")
    assert first is not None
    second = jobs.claim("retrain", DUE + timedelta(minutes=1), "schedule")
    assert second is not None
    assert (second.status, second.reason) == (
        "SKIPPED",
        "the run before (retrain@2026-12-01T05:00:00.000Z) still goes on",
    )
    # Another job has nothing to do with it.
    other = jobs.claim("other", DUE, "schedule")
    assert other is not None
    assert other.status == "RUNNING"
    jobs.record(replace(first, status="FINISHED", ended_at=now()))
    third = jobs.claim("retrain", DUE + timedelta(minutes=2), "schedule")
    assert third is not None
    assert third.status == "RUNNING"


def test_a_run_whose_process_died_is_closed_and_blocks_no_other(jobs: JobStore) -> None:
    claim_and_die(jobs)
    assert [run.status for run in jobs.runs()] == ["RUNNING"]
    (closed,) = jobs.reconcile()
    assert closed.status == "KILLED"
    assert "ended without closing the run" in str(closed.reason)
    assert jobs.runs() == [closed]
    assert jobs.reconcile() == []

    claim_and_die(jobs)
    again = jobs.claim("retrain", now(), "manual")
    assert again is not None
    assert again.status == "RUNNING"


def test_a_run_that_goes_on_is_not_closed(jobs: JobStore) -> None:
    jobs.claim("retrain", DUE, "manual")
    assert jobs.reconcile() == []
    assert [run.status for run in jobs.runs()] == ["RUNNING"]


def test_what_became_of_a_run_is_on_record_and_seen_with_its_job(jobs: JobStore) -> None:
    jobs.add(job())
    claimed = jobs.claim("retrain", DUE, "schedule")
    assert claimed is not None
    model = JobModel("credit", 3, "champion")
    done = replace(claimed, status="FINISHED", gate="pass", model=model, run_id="r1", ended_at=DUE)
    jobs.record(done)
    found = jobs.get("retrain").last
    assert found is not None
    assert found == JobRun.from_dict(done.to_dict()) == jobs.find(done.id) == jobs.runs()[0]
    assert (found.model, found.gate, found.due_at) == (model, "pass", DUE)
    jobs.remove("retrain")
    assert (jobs.all(), len(jobs.runs("retrain"))) == ([], 1)


def test_a_due_time_is_taken_care_of_once(jobs: JobStore) -> None:
    later = DUE + timedelta(hours=2)
    jobs.add(job(created_at=DUE - timedelta(days=3)))
    assert jobs.due_after("retrain", later) == DUE - timedelta(days=3)
    jobs.claim("retrain", DUE, "schedule")
    assert jobs.due_after("retrain", later) == DUE
    # What was started by hand says nothing about the schedule.
    jobs.claim("retrain", DUE + timedelta(hours=1), "manual")
    assert jobs.due_after("retrain", later) == DUE
    with pytest.raises(NotFoundError, match="job 'other' is gone"):
        jobs.due_after("other", later)


def test_what_was_written_while_the_clock_was_ahead_takes_care_of_nothing(jobs: JobStore) -> None:
    jobs.add(job(created_at=DUE))
    jobs.claim("retrain", DUE + timedelta(hours=1), "schedule")
    jobs.claim("retrain", DUE + timedelta(days=999), "schedule")
    assert jobs.due_after("retrain", DUE + timedelta(days=2)) == DUE + timedelta(hours=1)
    assert jobs.due_after("retrain", DUE) == DUE
    assert jobs.due_after("retrain", DUE - timedelta(days=1)) is None


def test_the_last_run_is_the_one_that_goes_on_else_the_one_that_began_last(
    jobs: JobStore,
) -> None:
    jobs.add(job())
    first = jobs.claim("retrain", DUE, "schedule")
    assert first is not None
    skipped = jobs.claim("retrain", DUE + timedelta(hours=1), "schedule")
    assert jobs.get("retrain").last == first
    done = jobs.record(replace(first, status="FINISHED", ended_at=now()))
    assert jobs.get("retrain").last == skipped
    # A time that was missed is due earlier and begins later.
    missed = jobs.claim("retrain", DUE - timedelta(hours=1), "schedule")
    assert missed is not None
    missed = jobs.record(replace(missed, status="FAILED", reason="no data"))
    assert jobs.get("retrain").last == missed
    assert jobs.runs("retrain") == jobs.runs() == [missed, skipped, done]


def test_the_end_of_a_run_that_is_not_on_record_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "project" / ".mlops"
    jobs = JobStore(Database(folder / "mlops.db"))
    folder.parent.mkdir()
    run = jobs.claim("retrain", DUE, "manual")
    assert run is not None
    shutil.rmtree(folder)
    with pytest.raises(UnavailableError, match="is not on record"):
        jobs.record(run)
    # A project that was moved away does not come back as an empty folder.
    folder.parent.rename(tmp_path / "moved")
    with pytest.raises(UnavailableError, match="is gone"):
        jobs.record(run)
    assert not folder.parent.exists()


def test_a_resumed_job_is_due_from_now_on(jobs: JobStore) -> None:
    jobs.add(job(created_at=DUE - timedelta(days=999)))
    jobs.pause("retrain")
    assert jobs.get("retrain").paused
    before = now() - timedelta(milliseconds=1)
    jobs.resume("retrain")
    assert not jobs.get("retrain").paused
    since = jobs.due_after("retrain", now())
    assert since is not None
    assert since >= before
    # Resuming what was not paused changes nothing.
    jobs.resume("retrain")
    assert jobs.due_after("retrain", now()) == since


@pytest.mark.parametrize("change", [JobStore.pause, JobStore.resume, JobStore.remove])
def test_what_is_no_job_is_not_changed(
    jobs: JobStore, change: Callable[[JobStore, str], None]
) -> None:
    with pytest.raises(NotFoundError, match="there are no jobs yet"):
        change(jobs, "retrain")
    assert not jobs.database.path.exists()
    jobs.add(job())
    for name in ("retrian", "%", "' OR 1=1 --"):
        with pytest.raises(NotFoundError, match=r"did you mean 'retrain'|there is 'retrain'"):
            change(jobs, name)
    assert [known.paused for known in jobs.all()] == [False]
    # No database numbers so many.
    assert jobs.runs("retrain", limit=10**30) == []


def test_a_run_that_could_not_start_is_recorded_unless_it_did(jobs: JobStore) -> None:
    failed = jobs.give_up("retrain", DUE, "schedule", "no Python")
    assert failed is not None
    assert (failed.status, failed.reason) == ("FAILED", "no Python")
    assert jobs.claim("retrain", DUE, "schedule") is None
    claimed = jobs.claim("retrain", DUE + timedelta(hours=1), "schedule")
    assert claimed is not None
    assert jobs.give_up("retrain", claimed.due_at, "schedule", "no Python") is None
