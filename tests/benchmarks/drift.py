"""Drift beside Evidently's DataDriftPreset: the same frames, the same scores, one run.

``python -m tests.benchmarks.drift [ROWS]``: 20 normal and 4 categorical columns on both sides.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlops_nb.checks import drift

ROUNDS = 3


def frames(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a reference and a current frame, of which every third number has moved."""
    rng = np.random.default_rng(0)

    def frame(shift: float) -> pd.DataFrame:
        numbers = {f"n{i}": rng.normal(shift * (i % 3 == 0), 1, rows) for i in range(20)}
        levels = {f"c{i}": rng.choice(list("abcdefgh"), rows) for i in range(4)}
        return pd.DataFrame({**numbers, **levels})

    return frame(0.0), frame(0.3)


def best(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Return the shortest of several times, in seconds, and the result."""
    seconds, result = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return min(seconds), result


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


def main(rows: int) -> None:
    """Measure and print."""
    reference, current = frames(rows)
    ours_s, report = best(lambda: drift.check(reference, current), ROUNDS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evidently_scores(reference.head(1000), current.head(1000))  # its imports, not counted
        peer_s, scores = best(lambda: evidently_scores(reference, current), 1)
    ours = {finding.column: finding.value for finding in report.findings if finding.column}
    gap = max(abs(ours[name] - score) for name, score in scores.items())
    print(f"{rows:,} rows x {reference.shape[1]} columns on each side")
    print(f"{'mlops_nb drift':<28}{ours_s:>9.3f} s (best of {ROUNDS})")
    print(f"{'Evidently DataDriftPreset':<28}{peer_s:>9.3f} s")
    print(f"{'ratio':<28}{peer_s / ours_s:>9.1f} x")
    print(f"{'largest difference of scores':<28}{gap:>9.1e} over {len(scores)} columns")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 100_000)
