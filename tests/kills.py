"""Kill what tracks, at random moments, and see that nothing is lost: ``python -m tests.kills``.

    python -m tests.kills --count 100 --seed 7
    python -m tests.kills --seed 7 --only 42        # that one again

A trial has a project of its own, where a kernel, the writer, the MLflow server, a runner or the
scheduler is killed (SIGKILL). After the next start no run may be left RUNNING, in MLflow neither;
each cell that had finished and each point that was logged must be there, once; and no process may
be left behind. A trial's moments follow from the seed and its number.
"""

from __future__ import annotations

import argparse
import os
import queue
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from mlops_nb.core.records import Job, now
from mlops_nb.flows.context import Context
from mlops_nb.flows.delivery import catch_up
from mlops_nb.flows.serving import free_port
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import make_database, sqlite_uri
from tests.notebooks import LiveKernel, live_kernels, write_notebook

SETTLED_S = 120.0

# A process that logs, and says how far it has come.
LOGS = """
import sys, time
import mlops_nb as mlops
mlops.track("logs")
for step in range(int(sys.argv[1])):
    mlops.log(single=step / 2, step=step)
    print(step, flush=True)
    time.sleep(0.02)
"""
# A cell that says that it begins: those before it have finished then.
CELL = "with open('begun', 'a') as file: file.write('{number} ')\nimport time; time.sleep({pause})"


class LostError(AssertionError):
    """What must not be after a kill."""


@dataclass(frozen=True)
class Trial:
    """One project in which something is killed, at moments that `chance` chooses."""

    project: Project
    chance: random.Random

    @property
    def folder(self) -> Path:
        return self.project.root

    def pause(self, longest: float) -> None:
        time.sleep(self.chance.uniform(0, longest))


def kernel(trial: Trial) -> None:
    """A notebook's kernel, in the middle of some cell."""
    chance, cells = trial.chance, []
    for number in range(chance.randint(5, 40)):
        head = "%%mlops track inner\n" if chance.random() < 0.1 else ""
        cells.append(
            f"{head}import time, mlops_nb\nmlops_nb.log(single={number / 2}, step={number})\n"
            f"time.sleep({chance.choice([0, 0, 0.05, 0.2])})"
        )
    if chance.random() < 0.2:
        nested = "import mlflow\nmlflow.start_run(nested=True)\nmlflow.log_metric('direct', 1)"
        cells.insert(len(cells) // 2, nested)
    with live_kernels(trial.folder) as (live,):
        pid = int(
            live.run("%load_ext mlops_nb\n%mlops track\nimport os; print(os.getpid())")
            .text["stdout"]
            .split()[-1]
        )
        finished = finished_until(live, cells, time.monotonic() + chance.uniform(0, 4), pid)
    start_again(trial)
    top = next(run for run in trial.project.runs.search(children=True) if run.parent_id is None)
    expect(top.status in ("KILLED", "LOST"), f"the killed run is {top.status}")
    kept = [cell.source for cell in trial.project.runs.cells(top)]
    for source in (cells[number] for number in finished):
        expect(source in kept, f"a finished cell is lost: {source!r}")
        step = re.search(r"step=(\d+)", source)
        expect(step is None or int(step[1]) in points(trial), f"a point is lost: {source!r}")


def finished_until(live: LiveKernel, cells: Sequence[str], end: float, pid: int) -> list[int]:
    """Have cells run, kill the kernel at a moment, and return which had finished by its word."""
    asked = {live.client.execute(source): number for number, source in enumerate(cells)}
    finished: list[int] = []
    while True:
        if time.monotonic() > end:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            reply: dict[str, Any] = live.client.get_shell_msg(timeout=0.02)
        except queue.Empty:
            if time.monotonic() > end + 1:
                return finished
            continue
        number = asked.get(reply["parent_header"]["msg_id"])
        if number is not None and reply["content"]["status"] == "ok":
            finished.append(number)


def writer(trial: Trial) -> None:
    """The writer, again and again, while a process logs."""
    with logging(trial) as (process, count):
        while process.poll() is None:
            trial.pause(3)
            kill(writers(trial))
        expect(process.returncode == 0, "the process did not end well")
    again = trial.chance.random() < 0.5
    start_again(trial, disturb=lambda: kill(writers(trial) if again else []))
    all_points(trial, count)


def server(trial: Trial) -> None:
    """The MLflow server, while the writer delivers to it."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    (trial.folder / "mlops.toml").write_text(f"[project]\ntracking_uri = '{uri}'\n")
    trial = replace(trial, project=Project.at(trial.folder, {}))
    store = trial.folder / ".mlops" / "server.db"
    shutil.copy(trial.project.state / "mlflow.db", store)
    with mlflow_server(store, port) as first, logging(trial) as (process, count):
        trial.pause(6)
        os.killpg(first.pid, signal.SIGKILL)
        expect(process.wait(120) == 0, "the process did not end well without the server")
    with mlflow_server(store, port):
        start_again(trial, store)
        all_points(trial, count, store)


def runner(trial: Trial) -> None:
    """`mlops run`, anywhere between its start and its end."""
    chance = trial.chance
    cells = [CELL.format(number=number, pause=chance.choice([0, 0.1, 0.4])) for number in range(12)]
    write_notebook(trial.folder / "a.ipynb", "%load_ext mlops_nb\n%mlops track", *cells)
    command = [sys.executable, "-m", "mlops_nb", "run", "a.ipynb"]
    with started(command, trial) as process:
        trial.pause(9)
        process.kill()
    start_again(trial)
    begun = words(trial.folder / "begun")
    for run in trial.project.runs.search():
        kept = [cell.source for cell in trial.project.runs.cells(run)]
        for number in begun[:-1]:
            expect(cells[int(number)] in kept, f"finished cell {number} is lost")


def scheduler(trial: Trial) -> None:
    """The scheduler, or the run that it started, or both; then it is started again."""
    write_notebook(trial.folder / "train.ipynb", CELL.format(number=0, pause=1))
    minute = (now() - timedelta(minutes=5)).minute
    snapshot = trial.project.blobs.put((trial.folder / "train.ipynb").read_bytes())
    job = Job("retrain", "train.ipynb", snapshot, cron=f"{minute} * * * *")
    trial.project.jobs.add(replace(job, created_at=now() - timedelta(minutes=30)))
    command = [sys.executable, "-m", "mlops_nb", "scheduler"]
    with started(command, trial) as process:
        trial.pause(8)
        if trial.chance.random() < 0.5:
            kill(processes(trial, "mlops_nb.flows.starting"))
        process.kill()
    with started(command, trial) as process:
        runs = trial.project.jobs.runs
        wait_for(
            lambda: runs() and all(run.status != "RUNNING" for run in runs()),
            lambda: f"the job's runs are {[run.status for run in runs()]}",
        )
        expect(len(runs()) == 1, f"the job ran {len(runs())} times at one due time")
        process.send_signal(signal.SIGINT)
        process.wait(60)
    expect(len(words(trial.folder / "begun")) <= 1, "the job's notebook ran twice")
    start_again(trial)


KINDS: dict[str, tuple[Callable[[Trial], None], int]] = {
    "kernel": (kernel, 40),
    "writer": (writer, 30),
    "runner": (runner, 15),
    "server": (server, 8),
    "scheduler": (scheduler, 7),
}


def start_again(
    trial: Trial, store: Path | None = None, disturb: Callable[[], object] = lambda: None
) -> None:
    """Do what each verb does first, until all has settled, and see that it has."""
    project = Project.at(trial.folder, {})
    store = store or project.state / "mlflow.db"
    context = Context(project, trial.folder)
    catch_up(context)
    trial.pause(2)
    disturb()
    catch_up(context)
    last = time.monotonic()

    def settled() -> bool:
        nonlocal last
        if time.monotonic() - last > 5:
            last = time.monotonic()
            catch_up(context)
        return not project.spool.run_ids() and not left(trial)

    wait_for(settled, lambda: f"left: {project.spool.run_ids()}, {left(trial)}")
    running = [run.run_id for run in project.runs.search(children=True) if run.status == "RUNNING"]
    expect(not running, f"still RUNNING: {running}")
    expect(
        not rows(store, "SELECT run_uuid FROM runs WHERE status = 'RUNNING'"),
        "a run is RUNNING in MLflow",
    )


def points(trial: Trial) -> set[int]:
    """Return the steps of which MLflow has a point."""
    query = "SELECT step FROM metrics WHERE key = 'single'"
    return {step for (step,) in rows(trial.project.state / "mlflow.db", query)}


def all_points(trial: Trial, count: int, store: Path | None = None) -> None:
    """See that MLflow has each point once, and the run as FINISHED."""
    store = store or trial.project.state / "mlflow.db"
    (run,) = trial.project.runs.search()
    expect(run.status == "FINISHED", f"the run is {run.status}: {run.reason}")
    found = rows(store, "SELECT step, value FROM metrics WHERE key = 'single' ORDER BY step")
    expect(
        found == [(step, step / 2) for step in range(count)],
        f"{len(found)} of {count} points are in MLflow",
    )


@contextmanager
def logging(trial: Trial) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run a process that logs a number of points, for a block."""
    count = trial.chance.randint(50, 250)
    with started([sys.executable, "-c", LOGS, str(count)], trial) as process:
        yield process, count


@contextmanager
def mlflow_server(store: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--backend-store-uri", sqlite_uri(store)]
    command += ["--artifacts-destination", str(store.with_name("served"))]
    environ = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    # Not in the trial's folder: it is no process of ours that could be left.
    process = subprocess.Popen(
        command,
        cwd=tempfile.gettempdir(),
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).close()
        except OSError:
            return False
        return True

    try:
        wait_for(answers, lambda: "the MLflow server did not start")
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def started(command: list[str], trial: Trial) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=trial.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def processes(trial: Trial, module: str = "") -> list[psutil.Process]:
    """Return the living processes that work in a trial's folder, or those that run a module."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            inside = Path(process.cwd()).is_relative_to(trial.folder)
            alive = inside and process.status() != psutil.STATUS_ZOMBIE
            if alive and (not module or module in process.cmdline()):
                found.append(process)
    return found


def writers(trial: Trial) -> list[psutil.Process]:
    return processes(trial, "mlops_nb.flows.delivery")


def kill(some: Sequence[psutil.Process]) -> None:
    for process in some:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def left(trial: Trial) -> list[str]:
    """Say which processes work in a trial's folder."""
    said = []
    for process in processes(trial):
        with suppress(psutil.Error):
            said.append(f"{process.pid} {' '.join(process.cmdline())[-120:]}")
    return said


def rows(store: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store, timeout=30)) as connection:
        return connection.execute(query).fetchall()


def words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def expect(true: object, otherwise: str) -> None:
    if not true:
        raise LostError(otherwise)


def wait_for(condition: Callable[[], object], otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + SETTLED_S
    while not condition():
        if time.monotonic() > deadline:
            raise LostError(otherwise())
        time.sleep(0.1)


@cache
def empty_store() -> bytes:
    """Return an MLflow database with nothing in it: making one takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        make_database(sqlite_uri(path))
        return path.read_bytes()


def attempt(kind: str, seed: int, number: int, folder: Path) -> None:
    """Do one trial in a folder that is not there yet.

    Raises
    ------
    LostError
        If something is lost or left.
    """
    folder.mkdir()
    project = Project.at(folder.resolve(), {}).ensure()
    (project.state / "mlflow.db").write_bytes(empty_store())
    trial = Trial(project, chance_of(f"{seed} {number} {kind}"))
    try:
        KINDS[kind][0](trial)
    finally:
        kill(processes(trial))


def chance_of(words: str) -> random.Random:
    return random.Random(words)  # noqa: S311 - the moments of a trial are no secret


def kind_of(seed: int, number: int, kinds: Sequence[str]) -> str:
    shares = [KINDS[kind][1] for kind in kinds]
    return chance_of(f"{seed} {number}").choices(kinds, shares)[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do many trials and say what became of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--count", type=int, default=100, help="how many trials")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument("--kind", action="append", choices=KINDS, help="kill only this")
    parser.add_argument("--only", type=int, help="the number of the one trial to do again")
    options = parser.parse_args(arguments)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # What a background job starts would inherit that, and heed no interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = options.kind or list(KINDS)
    numbers = range(options.count) if options.only is None else [options.only]
    failed = []
    for number in numbers:
        kind = kind_of(options.seed, number, kinds)
        began = time.monotonic()
        base = Path(tempfile.mkdtemp(prefix="kills-"))
        try:
            attempt(kind, options.seed, number, base / "project")
        except Exception as error:  # noqa: BLE001 - the other trials go on
            failed.append(number)
            only = "".join(f" --kind {kind}" for kind in options.kind or ())
            told = f"FAILED: {type(error).__name__}: {error}\n    kept in {base}; again with:"
            told += f" python -m tests.kills --seed {options.seed} --only {number}{only}"
        else:
            told = "ok"
            shutil.rmtree(base)
        seconds = time.monotonic() - began
        print(f"{number:>4} {kind:<10}{seconds:>6.1f} s  {told}", flush=True)
    print(f"{len(numbers)} killed, {len(failed)} failed (seed {options.seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
