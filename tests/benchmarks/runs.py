"""`runs` over 10,000 runs beside mlflow.search_runs on the same store, each in its own process.

The store is made by MLflow and filled with SQL: ten metrics, ten parameters and ten tags a run.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import client

RUNS = 10_000
NAMES = 10


def fill(project: Project) -> None:
    """Make MLflow's database with many runs."""
    project.ensure()
    client(project.tracking_uri).create_experiment(project.experiment)
    with closing(sqlite3.connect(project.state / "mlflow.db")) as connection, connection:
        (experiment,) = connection.execute(
            "SELECT experiment_id FROM experiments WHERE name = ?", [project.experiment]
        ).fetchone()
        for n in range(RUNS):
            run_id, at = f"{n * 2654435761 % 2**32:08x}{n:024x}", 1_790_000_000_000 + 1000 * n
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time,"
                " end_time, lifecycle_stage, experiment_id, artifact_uri)"
                " VALUES (?, ?, 'LOCAL', 'ada', 'FINISHED', ?, ?, 'active', ?, ?)",
                [run_id, f"run {n}", at, at + n % 977, experiment, f"{project.artifacts}/{n}"],
            )
            tags = {f"tag{k}": "some text" for k in range(NAMES)} | {"mlops.run_id": f"{n:016x}"}
            for table, values in (
                ("tags", tags),
                ("params", {f"p{k}": str(k * n) for k in range(NAMES)}),
            ):
                connection.executemany(
                    f"INSERT INTO {table} (run_uuid, key, value) VALUES (?, ?, ?)",  # noqa: S608
                    [(run_id, key, value) for key, value in values.items()],
                )
            connection.executemany(
                "INSERT INTO latest_metrics (run_uuid, key, value, timestamp, step, is_nan)"
                " VALUES (?, ?, ?, ?, 0, 0)",
                [(run_id, f"m{k}", n * (k + 7) % 1009 / 1009, at) for k in range(NAMES)],
            )


def seconds(folder: str, *command: str) -> float:
    """Return the better of two times of a process."""
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Measure and print."""
    folder = tempfile.mkdtemp()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    project = Project.at(Path(folder), {})
    fill(project)
    whole = (
        "import mlflow\n"
        f"mlflow.set_tracking_uri({project.tracking_uri!r})\n"
        f"print(len(mlflow.search_runs(experiment_names=[{project.experiment!r}], {{}})))\n"
    )
    peers = {
        "mlflow.search_runs, 20 runs": "max_results=20",
        "mlflow.search_runs, all runs": "max_results=50_000",
        "mlflow.search_runs, filtered, sorted": (
            "filter_string='metrics.m3 > 0.9', order_by=['metrics.m3 DESC'], max_results=20"
        ),
    }
    ours = {
        "mlops runs (20)": ["runs"],
        "mlops runs --where 'm3 > 0.9' --sort m3": [
            "runs", "--where", "m3 > 0.9", "--sort", "m3",
        ],
        "mlops runs --sort duration --offset 9000": [
            "runs", "--sort", "duration", "--offset", "9000",
        ],
        "mlops show latest": ["show", "latest"],
        "mlops show PREFIX": ["show", "0000000000000123"],
    }  # fmt: skip
    measured = {name: seconds(folder, "-c", whole.format(how)) for name, how in peers.items()}
    measured |= {name: seconds(folder, "-m", "mlops_nb", *words) for name, words in ours.items()}
    for name, taken in measured.items():
        print(f"{name:<44}{taken:>8.2f} s")
    least = min(measured[name] for name in peers)
    print(f"{'search_runs (least) / mlops runs':<44}{least / measured['mlops runs (20)']:>8.1f}")


if __name__ == "__main__":
    main()
