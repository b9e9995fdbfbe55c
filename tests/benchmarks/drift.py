"""Drift beside Evidently's DataDriftPreset: the same frames, the same scores, one run.

``python -m tests.benchmarks.drift [ROWS ...]``, 30,000 by default; at 300000 and 1000000 Evidently
takes minutes. 20 columns of numbers and 4 of levels on both sides. Ours is measured as a first
comparison, and as one with a stored profile of the reference, reading the profile included. Each
is a process of its own, whose memory beyond the data is the highest resident set while it compares
(on Linux) less what imports and data had taken before; imports are not timed. The run fails if a
score differs by more than 1e-9.

The limit, which is printed too: a score of the default methods needs each column read and sorted
once on both sides, on two threads. numpy's sort is that limit, so a ratio to it says how much is
left to gain.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROUNDS = 3
TOLERANCE = 1e-9
WORKS = ("limit", "ours", "profile", "evidently")


def frames(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a reference and a current frame, of which every third number has moved."""
    rng = np.random.default_rng(0)

    def frame(shift: float) -> pd.DataFrame:
        numbers = {f"n{i}": rng.normal(shift * (i % 3 == 0), 1, rows) for i in range(20)}
        levels = {f"c{i}": rng.choice(list("abcdefgh"), rows) for i in range(4)}
        return pd.DataFrame({**numbers, **levels})

    return frame(0.0), frame(0.3)


def sorted_once(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Sort each column of numbers, and count each of levels, on two threads."""

    def column(series: pd.Series[Any]) -> None:
        if series.dtype == "float64":
            np.sort(series.to_numpy())
        else:
            series.value_counts(sort=False)

    both = [frame[name] for frame in (reference, current) for name in frame]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(column, both))
    return {}


def our_scores(reference: Any, current: pd.DataFrame) -> dict[str, float]:
    """Return our score of each column."""
    from mlops_nb.checks import drift

    report = drift.check(reference, current)
    return {found.name: found.value or 0.0 for found in report.findings[1:]}


def evidently_scores(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Return Evidently's score of each column."""
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    report = Report([DataDriftPreset()])
    snapshot = report.run(Dataset.from_pandas(current), Dataset.from_pandas(reference))
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if "column" in metric.get("config", {})
    }


def from_profile(reference: pd.DataFrame) -> Callable[..., dict[str, float]]:
    """Store a profile of the reference, and return a comparison that reads it."""
    from mlops_nb.checks import drift_profile

    place = Path(tempfile.mkdtemp()) / "reference.profile"
    drift_profile.save(drift_profile.profile(reference), place)
    return lambda _reference, current: our_scores(drift_profile.load(place), current)


def memory_mb(field: str) -> float:
    """Return a field of this process's memory, in MB: resident now, or at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return float("nan")


def measure(work: str, rows: int) -> None:
    """Do one kind of work, alone in its process, and print what it took as JSON."""
    warnings.simplefilter("ignore")
    reference, current = frames(rows)
    scores = {"limit": sorted_once, "evidently": evidently_scores}.get(work, our_scores)
    if work == "profile":
        scores = from_profile(reference)
    scores(reference.head(1001), current.head(1001))  # its imports
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, seconds, found = memory_mb("VmRSS"), [], {}
    for _ in range(1 if work == "evidently" else ROUNDS):
        began = time.perf_counter()
        found = scores(reference, current)
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"s": min(seconds), "mb": memory_mb("VmHWM") - before, "scores": found}))


def main(rows: int) -> None:
    """Measure each in a process of its own, compare and print."""
    results = {}
    print(f"{rows:,} rows x 24 columns on each side")
    for work in WORKS:
        command = [sys.executable, "-m", "tests.benchmarks.drift", work, str(rows)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        results[work] = json.loads(done.stdout.splitlines()[-1])
    peer, limit = results["evidently"], results["limit"]
    names = {
        "limit": "read and sort once",
        "ours": "mlops_nb drift",
        "profile": "with a stored profile",
        "evidently": "Evidently DataDriftPreset",
    }
    for work, name in names.items():
        took = results[work]
        print(
            f"{name:<28}{took['s']:>9.3f} s{took['mb']:>8.0f} MB"
            f"{peer['s'] / took['s']:>9.1f} x faster{took['s'] / limit['s']:>8.1f} x the limit"
        )
    for work in ("ours", "profile"):
        gaps = [abs(results[work]["scores"][name] - s) for name, s in peer["scores"].items()]
        print(f"{names[work]:<28}largest difference of {len(gaps)} scores: {max(gaps):.1e}")
        if not max(gaps) <= TOLERANCE:
            raise SystemExit(f"scores differ by more than {TOLERANCE}")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WORKS:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        for wanted in map(int, sys.argv[1:] or ["30000"]):
            main(wanted)
