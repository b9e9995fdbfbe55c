"""One holder at a time, also between threads; a dead holder holds nothing."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.stores.locks import locked

HOLD = """
import sys, time
from pathlib import Path
from mlops_nb.stores.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_holder_waits_and_is_told_what_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locked(path, what="the model registry"):
        told = pytest.raises(UnavailableError, match=r"^the model registry is locked .* 0\.05 s")
        with told, locked(path, timeout_s=0.05, what="the model registry"):
            pass
        told = pytest.raises(UnavailableError, match=r"is locked by another process \(")
        with told, locked(path, timeout_s=0):
            pass
    with locked(path, timeout_s=0):
        pass


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def enter() -> None:
        for _ in range(5):
            with locked(tmp_path / "a.lock", timeout_s=200):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert holder.stdout is not None
    with holder.stdout:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UnavailableError), locked(path, timeout_s=0):
            pass
        holder.kill()
        holder.wait()
    with locked(path, timeout_s=1):
        pass


def test_an_error_inside_releases(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(ZeroDivisionError), locked(path):
        raise ZeroDivisionError
    with locked(path, timeout_s=0):
        pass
