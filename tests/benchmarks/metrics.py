"""What 100,000 metric points cost the notebook, beside mlflow.log_metric on SQLite; all arrive.

Both in one process. Points are logged one by one, many names at a time, and as whole histories.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

PEER, SINGLE, POINTS = 200, 2_000, 100_000


def each(points: int, work: Callable[[], None]) -> float:
    """Return the seconds of a point."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) / points


def main() -> None:
    """Measure and print."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    import mlops_nb as mlops
    from mlops_nb.flows.delivery import deliver_now
    from mlops_nb.project import Project

    client = MlflowClient(tracking_uri=f"sqlite:///{Path(folder, 'peer.db')}")
    run_id = client.create_run(client.create_experiment("peer")).info.run_id

    def peer() -> None:
        for step in range(PEER):
            client.log_metric(run_id, "m", 1.0, step=step)

    def singly() -> None:
        for step in range(SINGLE):
            mlops.log(single=0.5, step=step)

    def many() -> None:
        for step in range(POINTS // 100):
            mlops.log({f"many{n}": 0.5 * step for n in range(100)}, step=step)

    def whole() -> None:
        mlops.log_steps({"whole": [step / 3 for step in range(POINTS)]})

    sync = each(PEER, peer)
    mlops.track("bench")
    measured = {
        "log(m=…), one point a call": each(SINGLE, singly),
        "log({…}), 100 points a call": each(POINTS, many),
        "log_steps({…}), a history a call": each(POINTS, whole),
    }
    mlops.stop()
    print(f"{'mlflow.log_metric, synchronous, SQLite':<40}{sync * 1e6:>9.1f} µs")
    for name, taken in measured.items():
        print(f"{name:<40}{taken * 1e6:>9.1f} µs   1/{sync / taken:.0f}")
    began = time.perf_counter()
    deliver_now(Project.at(Path(folder)))
    database = Path(folder, ".mlops", "mlflow.db")
    while Project.at(Path(folder)).spool.run_ids():  # the writer was first
        time.sleep(0.2)
    with closing(sqlite3.connect(database)) as connection:
        (arrived,) = connection.execute("SELECT count(*) FROM metrics").fetchone()
    wanted = SINGLE + 2 * POINTS
    print(f"{arrived:,} of {wanted:,} arrived, after {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
