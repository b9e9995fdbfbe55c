"""What went into a run stands in MLflow as its dataset inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mlops_nb.core.records import Run
from mlops_nb.flows import checks, datasets, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.delivery import deliver_now
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import client
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

TRAIN = pd.DataFrame({"<b>\"age'": [20, 30], "sex": ["f", "m"], "on": [True, False]})
HOSTILE = "möre/../'train'?"


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Project.at(tmp_path, {}), tmp_path)


def opened(context: Context) -> tuple[Context, Run]:
    run = tracking.open_run(context, notebook=tracking.notebook_here({}))
    return Context(context.project, context.folder, run.run_id), run


def test_frames_files_and_versions_are_inputs_with_schema_and_rows(context: Context) -> None:
    kept = datasets.snapshot(context, "clients", TRAIN)
    tracked, run = opened(context)
    checks.quality(tracked, Named("train", TRAIN), strict=False)
    checks.quality(tracked, Named("train", TRAIN), strict=False)
    checks.quality(tracked, Named("train", TRAIN.head(1)), strict=False)
    checks.quality(tracked, Named(HOSTILE, TRAIN), strict=False)
    checks.quality(tracked, "clients@1", strict=False)
    tracking.log(tracked, {"mlops.data.file.x.csv": "sha256:0a0b"}, kind="tag")
    tracking.close_run(tracked, run.run_id, "FINISHED")
    deliver_now(context.project)

    mlflow_run_id = context.project.runs.get(run.run_id).mlflow_run_id
    found = client(context.project.tracking_uri).get_run(mlflow_run_id)
    inputs = {given.dataset.name: given for given in found.inputs.dataset_inputs}
    assert sorted(inputs) == ["data", "m_re_..__train__", "train", "train-2", "x.csv"]
    train = inputs["train"].dataset
    assert json.loads(train.schema)["mlflow_colspec"] == [
        {"type": "long", "name": "<b>\"age'", "required": True},
        {"type": "string", "name": "sex", "required": True},
        {"type": "boolean", "name": "on", "required": True},
    ]
    assert json.loads(train.profile) == {"num_rows": 2, "num_elements": 6}
    assert f":{train.digest}" in found.data.tags["mlops.data.train"]
    assert json.loads(inputs["train-2"].dataset.profile)["num_rows"] == 1
    assert json.loads(inputs["data"].dataset.source) == {"uri": "clients@1"}
    assert kept.hash.rpartition(":")[2].startswith(inputs["data"].dataset.digest)
    assert (inputs["x.csv"].dataset.digest, inputs["x.csv"].dataset.source) == (
        "0a0b",
        '{"uri": "x.csv"}',
    )


def test_what_was_kept_of_a_frame_is_there_after_the_delivery(context: Context) -> None:
    tracked, run = opened(context)
    checks.quality(tracked, Named("train", TRAIN), strict=False)
    tracking.close_run(tracked, run.run_id, "FINISHED")
    deliver_now(context.project)
    file = context.project.runs.artifact(
        context.project.runs.get(run.run_id), "mlops/data/train.json"
    )
    assert file is not None
    assert json.loads(file.read_text())["rows"] == 2
