"""`drift --multivariate` at the doors: argument, setting, exit code, and what it costs without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from tests.terminal import Command


@pytest.fixture
def turned(tmp_path: Path) -> None:
    """Write data of which each column stays as it was, while two turn against each other."""
    at = np.arange(600) * 37 % 601 / 600
    pd.DataFrame({"x": at, "y": at}).to_parquet(tmp_path / "old.parquet")
    pd.DataFrame({"x": at, "y": at[::-1]}).to_parquet(tmp_path / "new.parquet")


@pytest.mark.usefixtures("turned")
def test_argument_setting_and_python_agree(command: Command, tmp_path: Path) -> None:
    data = ("drift", "old.parquet", "new.parquet")
    assert command(*data, "--json").json["status"] == "pass"
    asked = command(*data, "--multivariate", "--json")
    told = mlops_nb.drift("old.parquet", "new.parquet", multivariate=True)
    assert (asked.code, asked.json["findings"]) == (1, told.to_dict()["findings"])
    found = asked.json["findings"][-1]
    assert (found["name"], found["column"], found["status"], found["limit"]) == (
        "domain_classifier_auc", None, "fail", 0.65,
    )  # fmt: skip
    assert "drop in AUC" in command(*data, "--multivariate").out

    (tmp_path / "mlops.toml").write_text("[drift]\nmultivariate = true\nauc_threshold = 1.0\n")
    only_told = command(*data, "--json")
    assert (only_told.code, only_told.json["findings"][-1]["limit"]) == (0, 1.0)
    assert command(*data, "--auc-threshold", "0.6").code == 1


@pytest.mark.usefixtures("turned")
def test_what_is_no_threshold_and_what_has_no_rows_is_refused(command: Command) -> None:
    done = command("drift", "old.parquet", "new.parquet", "--auc-threshold", "2")
    assert (done.code, "auc_threshold must be from 0.5 (a guess) to 1" in done.err) == (2, True)
    mlops_nb.drift("old.parquet", "new.parquet", save_profile="old.profile")
    done = command("drift", "old.profile", "new.parquet", "--multivariate")
    assert (done.code, "a profile has no rows that a classifier" in done.err) == (2, True)


def test_scikit_learn_is_imported_for_the_classifier_alone(tmp_path: Path, root: Path) -> None:
    code = (
        "import sys, pandas, mlops_nb; rows = pandas.DataFrame({'age': range(30)}); "
        "print(mlops_nb.drift(rows, rows).status, 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["pass", "False"], done.stderr
