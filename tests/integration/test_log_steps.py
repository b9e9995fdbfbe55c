"""`log_steps`: whole histories of metrics, cheap for the notebook, and as good as `log`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mlops_nb
from mlops_nb.core.errors import InputError
from mlops_nb.flows.context import Context
from mlops_nb.flows.histories import POINTS, log_steps
from mlops_nb.project import Project
from mlops_nb.stores.spool import new_run_id, read_events


@pytest.fixture
def context(tmp_path: Path) -> Context:
    project, run_id = Project.at(tmp_path, {}).ensure(), new_run_id()
    project.spool.begin(run_id, name="run")
    return Context(project, tmp_path, run_id)


def points(context: Context) -> list[dict[str, Any]]:
    data = context.project.spool.read(context.run_id or "")
    return [
        item
        for event in read_events(data)
        if event.kind == "metrics"
        for item in event.body["values"]
    ]


def test_each_value_is_a_point_of_its_step_and_the_last_one_is_the_metric(
    context: Context,
) -> None:
    count = 2 * POINTS + 1
    log_steps(context, {"loss": np.linspace(1, 0, count), "auc": (0.5, math.nan)}, start=10)
    logged = points(context)
    assert len(logged) == count + 2
    assert [item["step"] for item in logged[:count]] == list(range(10, count + 10))
    assert logged[-1] == {**logged[-1], "key": "auc", "step": 11, "value": "NaN"}
    metrics = context.project.spool.load(context.run_id or "").run.metrics
    assert metrics["loss"] == 0
    assert math.isnan(metrics["auc"])


@pytest.mark.parametrize(
    ("histories", "start", "message"),
    [
        ({"loss": [1, "high"]}, 0, "metric 'loss' must be a number, not 'high'"),
        ({"loss": 1}, 0, "metric 'loss' must have a list of numbers, not 1"),
        ({"loss": "1"}, 0, "must have a list of numbers, not '1'"),
        ({"a": [1], "lo\nss": [1]}, 0, "can't be the name of a metric"),
        ({"loss": [1]}, 0.5, "start must be a whole number, not 0.5"),
    ],
)
def test_a_wrong_value_is_told_and_nothing_is_logged(
    context: Context, histories: Any, start: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        log_steps(context, histories, start=start)
    assert points(context) == []


def test_it_needs_an_open_run() -> None:
    with pytest.raises(InputError, match="no run is open"):
        mlops_nb.log_steps({"loss": [1.0]})
