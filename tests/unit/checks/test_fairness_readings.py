"""What fairness and performance say of limits, names and functions that are no good."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

import mlops_nb as mlops
from mlops_nb.checks import fairness, performance
from mlops_nb.core.errors import InputError

DATA = pd.DataFrame(
    {
        "y": [0, 1] * 200,
        "p": [0, 1, 1, 1] * 100,
        "score": np.linspace(0, 1, 400),
        "sex": ["f"] * 200 + ["m"] * 200,
    }
)
COLUMNS: dict[str, Any] = {"label": "y", "prediction": "p"}


@pytest.mark.parametrize("limit", ["0.1", math.nan, None, True])
def test_a_limit_that_is_no_number_is_refused_in_one_line(limit: Any) -> None:
    said = r"the limit of [a-z_]+ must be a number, not "
    limits = {"demographic_parity_difference": limit}
    with pytest.raises(InputError, match=said):
        fairness.check(DATA, **COLUMNS, sensitive="sex", limits=limits)
    with pytest.raises(InputError, match=said):
        performance.check(DATA, **COLUMNS, limits={"accuracy": limit})
    with pytest.raises(InputError, match=r"confidence must be between 0 and 1, not '0\.9'"):
        performance.check(DATA, **COLUMNS, confidence=cast("Any", "0.9"))


def test_a_function_that_raises_several_lines_is_told_in_one() -> None:
    def shape(_truth: Any, _predicted: Any) -> float:
        raise ValueError("first\nsecond")

    with pytest.raises(InputError, match=r"^the metric shape raised .*: first second$"):
        fairness.check(DATA, **COLUMNS, sensitive="sex", metrics=[shape])


def test_a_long_name_of_a_group_is_shortened_in_sentences_only() -> None:
    name = "x" * 10_000
    report = fairness.check(DATA.assign(sex=DATA["sex"].replace("f", name)), **COLUMNS,
                            sensitive="sex")  # fmt: skip
    assert len(report.summary) < 1_000
    groups = report.findings[0].evidence["groups"]
    assert {each["group"] for each in groups} == {name, "m"}


def test_equal_values_have_no_negative_zero() -> None:
    def half(_truth: Any, _predicted: Any) -> float:
        return 0.5

    report = fairness.check(DATA, **COLUMNS, sensitive="sex", metrics=[half])
    assert [math.copysign(1, end) for end in report.findings[0].evidence["interval"]] == [1, 1]


def test_what_cannot_be_computed_is_said_so() -> None:
    report = performance.check(DATA.assign(y=1), label="y", score="score")
    assert report.summary.startswith("roc_auc can't be computed of these rows, ")


def test_one_metric_needs_no_list() -> None:
    assert mlops.performance(DATA, **COLUMNS, metrics="accuracy").findings[0].name == "accuracy"
    report = mlops.fairness(DATA, **COLUMNS, sensitive="sex", metrics=lambda y, p: (y == p).mean())
    assert report.findings[0].name == "<lambda>_difference"
