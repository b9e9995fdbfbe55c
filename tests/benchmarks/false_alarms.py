"""How often drift is seen where there is none.

``python -m tests.benchmarks.false_alarms [ROUNDS]``, a thousand rounds by default. The credit
clients are shuffled and halved, whole or in small samples of them, and the halves compared at the
default setting and with what `min_evidence` and `correction` add. `drift_coverage` tries the
intervals.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from mlops_nb.checks import drift, drift_classifier

CREDIT = Path(__file__).parents[2] / "notebooks" / "data" / "credit_default.parquet"
SETTINGS: dict[str, dict[str, object]] = {
    "default": {},
    "holm": {"correction": "holm"},
    "bh": {"correction": "bh"},
    "min_evidence 0.95": {"min_evidence": 0.95},
}


def halves(rows: int, rounds: int, settings: dict[str, object]) -> tuple[Counter[str], int, int]:
    """Return the statuses of all columns, how many datasets drifted, and in how many any did."""
    clients = pd.read_parquet(CREDIT)
    rng = np.random.default_rng(0)
    columns: Counter[str] = Counter()
    datasets = touched = 0
    for _ in range(rounds):
        drawn = clients.iloc[rng.choice(len(clients), 2 * rows, replace=False)]
        report = drift.check(drawn.iloc[:rows], drawn.iloc[rows:], **settings)  # type: ignore[arg-type]
        statuses = Counter(finding.status for finding in report.findings[1:])
        columns += statuses
        datasets += report.status == "fail"
        touched += statuses["fail"] > 0
    return columns, datasets, touched


def told_apart(rows: int, rounds: int) -> tuple[Counter[str], list[float]]:
    """Return what the domain classifier said of halves, and its AUCs."""
    clients = pd.read_parquet(CREDIT)
    rng = np.random.default_rng(0)
    statuses: Counter[str] = Counter()
    areas = []
    for _ in range(rounds):
        drawn = clients.iloc[rng.choice(len(clients), 2 * rows, replace=False)]
        report = drift.check(drawn.iloc[:rows], drawn.iloc[rows:], multivariate=True)
        found = report.finding(drift_classifier.AUC)
        statuses[found.status] += 1
        areas.append(found.value)
    return statuses, areas


def main(rounds: int) -> None:
    """Measure and print."""
    began = time.perf_counter()
    print(f"two halves of the same data, {rounds:,} times, 23 columns: what drifted all the same")
    print(
        f"{'rows of a half':<16}{'setting':<20}{'columns':>9}{'unsure':>9}{'any':>8}{'dataset':>9}"
    )
    for name, settings in SETTINGS.items():
        for rows in (500, 2_000, 15_000):
            if rows > 1000 and "correction" in settings:
                continue  # there are no p-values to correct
            columns, datasets, touched = halves(rows, rounds, settings)
            total = sum(columns.values())
            print(
                f"{rows:<16,}{name:<20}{columns['fail'] / total:>9.2%}"
                f"{columns['insufficient'] / total:>9.2%}{touched / rounds:>9.1%}"
                f"{datasets / rounds:>9.1%}",
                flush=True,
            )
    print(f"{time.perf_counter() - began:.0f} s")
    fewer = max(1, rounds // 5)
    print(f"the domain classifier on two halves, {fewer:,} times: verdicts and AUC")
    for rows in (500, 2_000, 15_000):
        said, areas = told_apart(rows, fewer)
        print(
            f"{rows:<16,}fail {said['fail'] / fewer:.1%}, insufficient "
            f"{said['insufficient'] / fewer:.1%}; AUC {min(areas):.3f} to {max(areas):.3f}",
            flush=True,
        )
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000)
