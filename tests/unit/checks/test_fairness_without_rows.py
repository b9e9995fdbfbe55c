"""What `fairness` says where nothing can be said: no row has a label, a group has no weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb import panels
from mlops_nb.checks import fairness
from mlops_nb.core.records import Report

RNG = np.random.default_rng(0)
ROWS = 400
DATA = pd.DataFrame(
    {
        "y": RNG.integers(0, 2, ROWS),
        "p": RNG.integers(0, 2, ROWS),
        "score": RNG.random(ROWS),
        "sex": ["f", "m"] * (ROWS // 2),
        "part": [1, 1, 2, 2] * (ROWS // 4),
    }
)


def judged(data: pd.DataFrame, **given: Any) -> Report:
    return fairness.check(
        data, label="y", prediction="p", sensitive=["sex"], positive=1, draws=100, **given
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"metrics": ["roc_auc_score_difference", "roc_auc_score_group_min"], "score": "score"},
        {"metrics": ["mean_absolute_error_difference"]},
        {"metrics": [lambda y, p: (y == p).mean()]},
        {"control": ["part"]},
        {"by": "part"},
    ],
)
def test_without_any_label_there_is_no_value_and_no_verdict(given: dict[str, Any]) -> None:
    report = judged(DATA.assign(y=np.nan), **given)
    assert report.status == "insufficient"
    for finding in report.findings:
        assert (finding.value, finding.status) == (None, "insufficient")
        assert finding.evidence["interval"] is finding.evidence["bounds"] is None
        assert finding.evidence["note"] == "No row has a label."
    assert "has no value" in report.summary
    assert "No row has a label." in " ".join(panels.text(report).split())
    assert "nan" not in panels.html(report).lower()


@pytest.mark.parametrize("metric", ["equalized_odds_difference", "mean_absolute_error_difference"])
def test_a_group_without_weight_is_said_to_have_none(metric: str) -> None:
    data = DATA.assign(w=(DATA["sex"] == "m").astype(float))
    limits = {metric: 0.1}
    (finding,) = judged(data, weights="w", metrics=[metric], limits=limits).findings
    assert finding.status == "insufficient"
    assert finding.evidence["note"].endswith("f has no weight.")
    assert "more rows would decide" not in finding.evidence["note"]
    assert finding.evidence["minimum"]["below"] == ["f"]
