"""A failed check of a run is hidden by no other check of its kind: tags, gate and comparison."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb.core.records import ModelVersion, Report, Run
from mlops_nb.flows import checks, comparison, model_checks, release, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.delivery import deliver_now
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import client
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

ROWS = 4000
SETTINGS = (
    '[gate]\nrequire = ["fairness"]\n[fairness]\nmetrics = ["demographic_parity_difference"]\n'
)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    (tmp_path / "mlops.toml").write_text(SETTINGS)
    return Context(Project.at(tmp_path, {}), tmp_path)


def clients(gap: float) -> pd.DataFrame:
    """Return predictions that women get less often by `gap`, and each education alike."""
    place = np.arange(ROWS)
    sex = np.where(place % 2, "m", "f")
    share = place / ROWS
    return pd.DataFrame(
        {
            "y": (share < 0.5).astype(int),
            "p": (share < 0.5 + np.where(sex == "m", gap / 2, -gap / 2)).astype(int),
            "SEX": sex,
            "EDUCATION": np.where(place // 2 % 2, "school", "university"),
        }
    )


def opened(context: Context, name: str = "run") -> tuple[Context, Run]:
    run = tracking.open_run(context, name=name, notebook=tracking.notebook_here({}))
    return Context(context.project, context.folder, run.run_id), run


def fair(context: Context, data: pd.DataFrame, *sensitive: str, name: str = "holdout") -> Report:
    return model_checks.fairness(
        context, Named(name, data), label="y", prediction="p", sensitive=list(sensitive)
    )


def told(reports: list[Report]) -> dict[str, str]:
    return {report.subject["sensitive"][0]: report.status for report in reports}


def tag(context: Context, kind: str) -> Any:
    run = context.project.spool.load(str(context.run_id)).run
    return run.tags[f"mlops.check.{kind}"]


def test_a_pass_for_one_group_hides_no_failure_for_another(context: Context) -> None:
    tracked, run = opened(context)
    assert fair(tracked, clients(0.4), "SEX").status == "fail"
    assert fair(tracked, clients(0.4), "EDUCATION").status == "pass"
    assert tag(tracked, "fairness") == "fail"
    model = LogisticRegression().fit(clients(0)[["p"]], clients(0)["y"])
    version = release.register(tracked, model, "credit", example=clients(0)[["p"]])
    verdict = release.gate(tracked, "credit")
    assert verdict.status == "fail"
    assert {f.label: f.status for f in verdict.findings if f.name == "fairness"} == {
        "fairness of SEX": "fail",
        "fairness of EDUCATION": "pass",
    }
    assert tag(tracked, "gate") == "fail"

    # Made again, a check takes the place of what it said before.
    assert fair(tracked, clients(0), "SEX").status == "pass"
    assert tag(tracked, "fairness") == "pass"
    assert release.gate(tracked, "credit").status == "pass"
    assert tag(tracked, "gate") == "pass"
    assert len(release.evidence(context.project, version)) == 2

    tracking.close_run(tracked, run.run_id, "FINISHED")
    deliver_now(context.project)
    found = context.project.runs.get(run.run_id)
    tags = client(context.project.tracking_uri).get_run(found.mlflow_run_id).data.tags
    assert tags["mlops.check.fairness"] == tags["mlops.check.gate"] == "pass"


def test_the_worst_of_each_kind_is_the_tag(context: Context) -> None:
    tracked, _ = opened(context)
    fair(tracked, clients(0.4), "SEX")
    fair(tracked, clients(0), "SEX", name="train")
    assert tag(tracked, "fairness") == "fail"
    few = clients(0).iloc[:: ROWS // 40]
    fair(tracked, few, "SEX")
    assert tag(tracked, "fairness") == "insufficient"

    moved = clients(0).assign(y=5)
    pair = (Named("january", clients(0)), Named("may", moved))
    assert checks.drift(tracked, *pair, columns=["y"]).status == "fail"
    assert checks.drift(tracked, *pair, columns=["SEX", "EDUCATION"]).status == "pass"
    assert tag(tracked, "drift") == "fail"
    assert checks.drift(tracked, pair[0], Named("may", clients(0)), columns=["y"]).status == "pass"
    assert tag(tracked, "drift") == "pass"

    adults = [{"column": "y", "check": "range", "max": 1}]
    for name, data, status in (
        ("raw", moved, "fail"),
        ("clean", clients(0), "fail"),
        ("raw", clients(0), "pass"),
    ):
        checks.quality(tracked, Named(name, data), expectations=adults, strict=False)
        assert tag(tracked, "quality") == status


def test_the_model_of_a_child_run_answers_for_each_group_of_the_run_around_it(
    context: Context,
) -> None:
    outer, _ = opened(context)
    fair(outer, clients(0.4), "SEX")
    inner, _ = opened(outer, "child")
    fair(inner, clients(0), "EDUCATION")
    version = ModelVersion("credit", 1, run_id=inner.run_id)
    known = {"SEX": "fail", "EDUCATION": "pass"}
    assert told(release.evidence(context.project, version)) == known
    fair(inner, clients(0), "SEX")
    assert told(release.evidence(context.project, version)) == {**known, "SEX": "pass"}


def test_runs_are_compared_by_the_worst_of_their_checks(context: Context) -> None:
    ids = []
    for gap in (0.0, 0.4):
        tracked, run = opened(context)
        fair(tracked, clients(gap), "SEX")
        fair(tracked, clients(gap), "EDUCATION")
        tracking.close_run(tracked, run.run_id, "FINISHED")
        ids.append(run.run_id)
    found = comparison.diff(context, *ids)
    changed = {change.name: (change.before, change.after) for change in found.checks}
    assert changed["fairness"] == ("pass", "fail")
