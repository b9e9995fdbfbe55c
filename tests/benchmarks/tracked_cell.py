"""What a tracked cell costs beside the same cell untracked, and one synchronous mlflow.log_metric.

All three in one process and one run: cells are run by IPython itself, MLflow writes to SQLite.
"""

from __future__ import annotations

import statistics
import time

from tests.benchmarks.peer import peer_in_new_folder

CELLS = 300


def cell_times(shell: object, source: str) -> list[float]:
    """Run a cell many times and return the seconds of each."""
    seconds = []
    for _ in range(CELLS):
        began = time.perf_counter()
        shell.run_cell(source)  # type: ignore[attr-defined]
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    """Measure and print."""
    client, run_id = peer_in_new_folder()
    from IPython.core.interactiveshell import InteractiveShell

    logs = []
    for step in range(CELLS):
        began = time.perf_counter()
        client.log_metric(run_id, "m", 1.0, step=step)
        logs.append(time.perf_counter() - began)

    shell = InteractiveShell.instance()
    plain = cell_times(shell, "x = 1")
    shell.run_line_magic("load_ext", "mlops_nb")
    shell.run_cell("%mlops track 'bench'")
    # The writer's process imports MLflow once; what is measured is the state after that.
    time.sleep(10)
    tracked = cell_times(shell, "x = 1")
    magics = cell_times(shell, "%mlops log m=1")
    shell.run_cell("%mlops track stop")

    extra = statistics.median(tracked) - statistics.median(plain)
    sync = statistics.median(logs)
    print(f"{'cell, untracked':<44}{statistics.median(plain) * 1000:>8.2f} ms")
    print(f"{'cell, tracked':<44}{statistics.median(tracked) * 1000:>8.2f} ms")
    print(f"{'cell with %mlops log, tracked':<44}{statistics.median(magics) * 1000:>8.2f} ms")
    print(f"{'mlflow.log_metric, synchronous, SQLite':<44}{sync * 1000:>8.2f} ms")
    print(f"{'tracking / log_metric':<44}{extra / sync:>8.2f}")


if __name__ == "__main__":
    main()
