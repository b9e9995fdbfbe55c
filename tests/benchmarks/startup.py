"""How long the doors take to open: ``%load_ext mlops_nb`` beside ``import mlflow``, and the CLI.

Each is timed in a fresh process, in turn (A B A B ...), so that a drifting machine hits both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 7
LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
began = time.perf_counter()
shell.run_line_magic("load_ext", "mlops_nb")
print(time.perf_counter() - began)
"""
MLFLOW = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
began = time.perf_counter()
import mlflow
print(time.perf_counter() - began)
"""


def inside(code: str) -> float:
    """Run code in a fresh process and return the seconds that it measured itself."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    return float(done.stdout.split()[-1])


def whole(*words: str, cwd: Path) -> float:
    """Return the seconds that a whole command takes."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "mlops_nb", *words], cwd=cwd, capture_output=True, check=True
    )
    return time.perf_counter() - began


def project_with_runs(folder: Path) -> None:
    """Make a project with a few delivered runs."""
    code = (
        "import mlops_nb as mlops\n"
        "from mlops_nb.flows import delivery\n"
        "from mlops_nb.project import Project\n"
        "from pathlib import Path\n"
        "for number in range(20):\n"
        "    with mlops.track(f'run {number}'):\n"
        "        mlops.log(auc=number / 20)\n"
        "delivery.deliver_now(Project.at(Path.cwd()))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def main() -> None:
    """Measure and print."""
    loads, imports = [], []
    for _ in range(ROUNDS):
        loads.append(inside(LOAD))
        imports.append(inside(MLFLOW))
    with tempfile.TemporaryDirectory() as folder:
        project_with_runs(Path(folder))
        helps = [whole("--help", cwd=Path(folder)) for _ in range(ROUNDS)]
        lists = [whole("runs", cwd=Path(folder)) for _ in range(ROUNDS)]
    ratios = [b / a for a, b in zip(loads, imports, strict=True)]
    rows = {
        "%load_ext mlops_nb": loads,
        "import mlflow": imports,
        "mlops --help, whole process": helps,
        "mlops runs (20 runs), whole process": lists,
    }
    for name, seconds in rows.items():
        print(f"{name:<38}{statistics.median(seconds) * 1000:>9.1f} ms (median of {ROUNDS})")
    print(f"{'import mlflow / %load_ext, pairwise':<38}{statistics.median(ratios):>9.1f} x")


if __name__ == "__main__":
    main()
