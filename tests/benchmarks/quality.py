"""Quality beside Evidently's DataSummaryPreset: the same frames, one run.

``python -m tests.benchmarks.quality [ROWS ...]``, 30,000 by default. 20 columns of numbers and 4 of
levels. Each kind of work is a process of its own (`processes` says what is measured), on the
current frame alone, and against a reference. What both count must be the same: rows, rows that
repeat an earlier one, missing values of each column. Evidently's summary also has the moments and
the levels of each column, which are no findings to us; ours also looks for what is odd in them.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

from tests.benchmarks.processes import each_alone, measure

ROUNDS = 3


def ours(_reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Return what our check of the current frame counts."""
    from mlops_nb.checks import quality

    return _counted(quality.check(current))


def ours_against(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Return what our check against the reference counts."""
    from mlops_nb.checks import quality

    return _counted(quality.check(current, reference=reference))


def _counted(report: Any) -> dict[str, float]:
    counts = {
        f"missing {found.column}": found.evidence["count"]
        for found in report.findings
        if found.name == "missing"
    }
    rows, repeated = report.finding("rows").value, report.finding("duplicate_rows")
    return {"rows": rows, "repeated": repeated.evidence["count"], **counts}


def evidently(_reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Return what Evidently's summary of the current frame counts."""
    return _summary(current, None)


def evidently_against(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """Return what Evidently's summary of both frames counts of the current one."""
    return _summary(current, reference)


def _summary(current: pd.DataFrame, reference: pd.DataFrame | None) -> dict[str, float]:
    from evidently import Dataset, Report
    from evidently.presets import DataSummaryPreset

    data = [None if frame is None else Dataset.from_pandas(frame) for frame in (current, reference)]
    snapshot = Report([DataSummaryPreset()]).run(*data)
    found = {}
    for metric in snapshot.dict()["metrics"]:
        config, value = metric["config"], metric["value"]
        kind = config["type"].rpartition(":")[2]
        if kind == "RowCount":
            found["rows"] = value
        elif kind == "DuplicatedRowCount":
            found["repeated"] = value
        elif kind == "MissingValueCount":
            found[f"missing {config['column']}"] = value["count"]
    return found


WORKS = {
    "ours": ("mlops_nb quality", ours),
    "evidently": ("Evidently DataSummaryPreset", evidently),
    "ours_against": ("mlops_nb, with a reference", ours_against),
    "evidently_against": ("Evidently, with a reference", evidently_against),
}


def main(rows: int) -> None:
    """Measure each in a process of its own, compare and print."""
    print(f"{rows:,} rows x 24 columns")
    results = each_alone("tests.benchmarks.quality", WORKS, rows)
    for work, took in results.items():
        peer = results["evidently_against" if work.endswith("against") else "evidently"]
        print(
            f"{WORKS[work][0]:<30}{took['s']:>9.3f} s{took['cpu_s']:>9.3f} s of CPU"
            f"{took['mb']:>8.0f} MB{peer['s'] / took['s']:>9.1f} x faster"
        )
        shared = {name: count for name, count in took["found"].items() if name in peer["found"]}
        for name, count in shared.items():
            if count != peer["found"][name]:
                raise SystemExit(f"{name}: {count}, and {peer['found'][name]} in Evidently's")
    print(f"{len(shared)} counts are the same")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in WORKS:
        chosen = WORKS[sys.argv[1]][1]
        measure(lambda _: chosen, int(sys.argv[2]), 1 if "evidently" in sys.argv[1] else ROUNDS)
    else:
        for wanted in map(int, sys.argv[1:] or ["30000"]):
            main(wanted)
