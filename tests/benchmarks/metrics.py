"""What 100,000 metric points cost the notebook, beside mlflow.log_metric on SQLite; all arrive.

Both in one process, in turns, so that a busy machine slows both; a figure is the median of the
turns. Points are logged one by one, many names at a time, and as whole histories.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from tests.benchmarks.peer import peer_in_new_folder

TURNS, POINTS, PEER = 50, 100_000, 20


def each(points: int, work: Callable[[], None]) -> float:
    """Return the seconds of a point."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) / points


def main() -> None:
    """Measure and print."""
    client, run_id = peer_in_new_folder()
    folder = Path.cwd()
    import mlops_nb as mlops
    from mlops_nb.flows.delivery import deliver_now
    from mlops_nb.project import Project

    a_turn = POINTS // TURNS

    def peer() -> None:
        for step in range(PEER):
            client.log_metric(run_id, "m", 1.0, step=step)

    def singly() -> None:
        for step in range(a_turn):
            mlops.log(single=0.5, step=step)

    def many() -> None:
        for step in range(a_turn // 100):
            mlops.log({f"many{n}": 0.5 * step for n in range(100)}, step=step)

    def whole() -> None:
        mlops.log_steps({"whole": [step / 3 for step in range(a_turn)]})

    ways: dict[str, tuple[int, Callable[[], None]]] = {
        "mlflow.log_metric, synchronous, SQLite": (PEER, peer),
        "log(m=…), one point a call": (a_turn, singly),
        "log({…}), 100 points a call": (a_turn, many),
        "log_steps({…}), a history a call": (a_turn, whole),
    }
    mlops.track("bench")
    turns = [{name: each(*way) for name, way in ways.items()} for _ in range(TURNS)]
    mlops.stop()
    sync, *_ = taken = {name: median(turn[name] for turn in turns) for name in ways}
    for name, seconds in taken.items():
        print(f"{name:<40}{seconds * 1e6:>9.1f} µs   1/{taken[sync] / seconds:.0f}")
    began = time.perf_counter()
    deliver_now(Project.at(folder))
    database = folder / ".mlops" / "mlflow.db"
    while Project.at(folder).spool.run_ids():  # the writer was first
        time.sleep(0.2)
    with closing(sqlite3.connect(database)) as connection:
        (arrived,) = connection.execute("SELECT count(*) FROM metrics").fetchone()
    print(f"{arrived:,} of {3 * POINTS:,} arrived, after {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
