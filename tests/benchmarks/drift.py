"""Drift beside Evidently's DataDriftPreset: the same frames, the same scores, one run.

``python -m tests.benchmarks.drift [--ours] [ROWS ...]``, 30,000 by default; at 300000 and 1000000
Evidently takes minutes, and ``--ours`` leaves it out. 20 columns of numbers and 4 of levels on both
sides. Ours is measured as a first comparison, and as one with a stored profile of the reference,
reading the profile included. Each is a process of its own (`processes` says what is measured). The
run fails if a score differs by more than 1e-9.

The limit that is printed too is the obvious one: each column read and sorted once on both sides, by
numpy and on two threads; with a profile, on the current side alone. A default score of numbers
needs less than that: up to 65,536 current ones are sorted by cells of the reference; more are
counted by these in one pass, and only those are sorted that lie where the distribution functions
may cross.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.processes import Work, each_alone, measure

ROUNDS = 3
TOLERANCE = 1e-9


def sorted_once(*frames: pd.DataFrame) -> dict[str, float]:
    """Sort each column of numbers, and count each of levels, on two threads."""

    def column(series: pd.Series[Any]) -> None:
        if series.dtype == "float64":
            np.sort(series.to_numpy())
        else:
            series.value_counts(sort=False)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(column, [frame[name] for frame in frames for name in frame]))
    return {}


def current_sorted_once(_reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Sort and count the current side."""
    return sorted_once(current)


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


def from_profile(reference: pd.DataFrame) -> Work:
    """Store a profile of the reference, and return a comparison that reads it."""
    from mlops_nb.checks import drift_profile

    place = Path(tempfile.mkdtemp()) / "reference.profile"
    drift_profile.save(drift_profile.profile(reference), place)
    return lambda _reference, current: our_scores(drift_profile.load(place), current)


WORKS: dict[str, tuple[str, Any]] = {
    "limit": ("read and sort once", lambda _: sorted_once),
    "ours": ("mlops_nb drift", lambda _: our_scores),
    "limit_profile": ("read and sort current once", lambda _: current_sorted_once),
    "profile": ("with a stored profile", from_profile),
    "evidently": ("Evidently DataDriftPreset", lambda _: evidently_scores),
}


def main(rows: int, *, peer: bool) -> None:
    """Measure each in a process of its own, compare and print."""
    print(f"{rows:,} rows x 24 columns on each side")
    works = [work for work in WORKS if peer or work != "evidently"]
    results = each_alone("tests.benchmarks.drift", works, rows)
    for work, took in results.items():
        limit = results["limit_profile" if work.endswith("profile") else "limit"]
        line = f"{WORKS[work][0]:<28}{took['s']:>9.3f} s{took['cpu_s']:>9.3f} s of CPU"
        line += f"{took['mb']:>8.0f} MB"
        line += f"{took['s'] / limit['s']:>8.1f} x the limit"
        if peer:
            line += f"{results['evidently']['s'] / took['s']:>9.1f} x faster"
        print(line)
    gained = [results["ours"][unit] / results["profile"][unit] for unit in ("s", "cpu_s")]
    print(f"{'a profile makes it faster':<28}{gained[0]:>9.2f} x{gained[1]:>9.2f} x by CPU")
    first = results["evidently" if peer else "ours"]["found"]
    for work in ("ours", "profile"):
        gaps = [abs(results[work]["found"][name] - score) for name, score in first.items()]
        print(f"{WORKS[work][0]:<28}largest difference of {len(gaps)} scores: {max(gaps):.1e}")
        if not max(gaps) <= TOLERANCE:
            raise SystemExit(f"scores differ by more than {TOLERANCE}")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WORKS:
        wanted = sys.argv[1]
        measure(WORKS[wanted][1], int(sys.argv[2]), 1 if wanted == "evidently" else ROUNDS)
    else:
        given = [word for word in sys.argv[1:] if word != "--ours"]
        for count in map(int, given or ["30000"]):
            main(count, peer="--ours" not in sys.argv)
