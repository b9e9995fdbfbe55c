"""Drift and quality of data larger than memory: peak memory and time by rows.

Run: ``python -m tests.benchmarks.large ROWS [ROWS ...]``

Two synthetic Parquet folders of so many rows in all are written to a temporary folder, batch by
batch, and deleted afterwards: four columns of numbers (normal, heavy-tailed, with missing values,
whole), two of levels. Each verb is a process of its own. The figures are the highest
resident set of that process, and the same less what it had before the verb was called; imports are
not timed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 1_000_000
FILE = 10_000_000


def batch(rows: int, seed: int, shift: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    missing = rng.random(rows) < 0.05
    return pa.table(
        {
            "normal": rng.normal(shift, 1, rows),
            "amount": rng.lognormal(3, 1.5, rows).round(2),
            "score": pa.array(rng.random(rows), mask=missing),
            "age": rng.integers(18, 90, rows),
            "state": pa.array(np.array(["CA", "NY", "TX", "WA"])[rng.integers(0, 4, rows)]),
            "code": pa.array([f"c{i}" for i in range(500)]).take(
                pa.array(np.minimum(rng.geometric(0.02, rows), 500) - 1)
            ),
        }
    )


def write(folder: Path, rows: int, seed: int, shift: float) -> None:
    """Write a folder of files of at most `FILE` rows."""
    folder.mkdir()
    schema = batch(1, 0, 0.0).schema
    for start in range(0, rows, FILE):
        with pq.ParquetWriter(folder / f"{start:012d}.parquet", schema, compression="zstd") as file:
            stop = min(start + FILE, rows)
            for at in range(start, stop, BATCH):
                file.write_table(batch(min(BATCH, stop - at), seed + at, shift))


def measure(verb: str, reference: Path, current: Path) -> None:
    """Call a verb, and print what it took."""
    import psutil

    import mlops_nb

    mlops_nb.drift, mlops_nb.quality  # noqa: B018 - imported before the clock starts
    import scipy.stats  # noqa: F401

    import mlops_nb.flows.checks

    before = psutil.Process().memory_info().rss
    started = time.perf_counter()
    if verb == "drift":
        report = mlops_nb.drift(str(reference), str(current), stream="always")
    else:
        report = mlops_nb.quality(
            str(current), against=str(reference), stream="always", strict=False
        )
    seconds = time.perf_counter() - started
    told = {
        "verb": verb,
        "seconds": round(seconds, 1),
        "peak_mb": round(peak() / 2**20),
        "before_mb": round(before / 2**20),
        "summary": report.summary,
        "errors": {f.name: f.evidence["error"] for f in report.findings if f.evidence.get("error")},
    }
    print(json.dumps(told))


def peak() -> int:
    """Return the highest resident set of this process, in bytes (on Linux)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main(arguments: list[str]) -> None:
    """Measure both verbs at each number of rows."""
    for rows in map(int, arguments):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            started = time.perf_counter()
            write(folder / "reference", rows // 2, 0, 0.0)
            write(folder / "current", rows - rows // 2, 10**9, 0.05)
            size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
            print(
                f"{rows:,} rows × 6, {size / 2**20:,.0f} MB of Parquet, "
                f"written in {time.perf_counter() - started:.0f} s",
                flush=True,
            )
            for verb in ("drift", "quality"):
                told = run(verb, folder)
                grown = told["peak_mb"] - told["before_mb"]
                print(
                    f"  {verb:8} {told['seconds']:7.1f} s   peak {told['peak_mb']:,} MB, "
                    f"{grown:,} MB of it for the verb\n           {told['summary']}\n"
                    f"           {told['errors']}",
                    flush=True,
                )


def run(verb: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.large", verb]
    done = subprocess.run(
        [*command, str(folder / "reference"), str(folder / "current")],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


if __name__ == "__main__":
    if sys.argv[1] in ("drift", "quality"):
        measure(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(sys.argv[1:])
