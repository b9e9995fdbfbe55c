"""Work on two frames, each kind measured alone in a process of its own: seconds and memory.

The frames are the same in all processes. Memory beyond the data is the highest resident set while
the work is done (on Linux) less what imports and data had taken before; imports are not timed.
Seconds are those of the clock and of the processor: the latter, of all threads together, say more
on a busy machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

Work = Callable[[pd.DataFrame, pd.DataFrame], dict[str, float]]


def frames(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a reference and a current frame of 24 columns, of which every third number has moved."""
    rng = np.random.default_rng(0)

    def frame(shift: float) -> pd.DataFrame:
        numbers = {f"n{i}": rng.normal(shift * (i % 3 == 0), 1, rows) for i in range(20)}
        levels = {f"c{i}": rng.choice(list("abcdefgh"), rows) for i in range(4)}
        return pd.DataFrame({**numbers, **levels})

    return frame(0.0), frame(0.3)


def memory_mb(field: str) -> float:
    """Return a field of this process's memory, in MB: resident now, or at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return float("nan")


def measure(prepare: Callable[[pd.DataFrame], Work], rows: int, rounds: int) -> None:
    """Do one kind of work, and print what it took at best, and what it found, as JSON."""
    warnings.simplefilter("ignore")
    reference, current = frames(rows)
    work = prepare(reference)
    work(reference.head(1001), current.head(1001))  # its imports
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, found = memory_mb("VmRSS"), {}
    seconds, busy = [], []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        found = work(reference, current)
        seconds.append(time.perf_counter() - began)
        busy.append(time.process_time() - used)
    took = {"s": min(seconds), "cpu_s": min(busy), "mb": memory_mb("VmHWM") - before}
    print(json.dumps({**took, "found": found}))


def each_alone(module: str, works: Iterable[str], rows: int) -> dict[str, dict[str, Any]]:
    """Have a module's ``WORK ROWS`` measured in a process each, and return what they printed."""
    results = {}
    for work in works:
        command = [sys.executable, "-m", module, work, str(rows)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        results[work] = json.loads(done.stdout.splitlines()[-1])
    return results
