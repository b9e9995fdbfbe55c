"""`fairness` and `performance` of arrays in scope: what is typed in a cell, and the Python door."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

import mlops_nb
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Report

ROWS = 600


@pytest.fixture
def shell(quick_shell: InteractiveShell) -> InteractiveShell:
    quick_shell.push(scope())
    return quick_shell


def scope() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    sex, race = rng.choice(["f", "m"], ROWS), rng.choice(["a", "b", "c"], ROWS)
    x = rng.normal(size=(ROWS, 2))
    y_test = (x[:, 0] + rng.normal(size=ROWS) > 0).astype(int)
    several = np.digitize(x[:, 0] + rng.normal(size=ROWS) / 2, [-0.7, 0.7])
    test = pd.DataFrame(x, columns=["a", "b"]).assign(sex=sex, several=several)
    forest = LogisticRegression().fit(x, y_test)
    return {
        "y_test": pd.Series(y_test, index=rng.permutation(10**6)[:ROWS]),
        "pred": forest.predict(x),
        "proba": forest.predict_proba(x),
        "positive": forest.predict_proba(x)[:, 1],
        "A": sex,
        "features": pd.DataFrame({"sex": sex, "race": race}),
        "x": x,
        "test": test,
        "forest": forest,
        "linear": LinearRegression().fit(test[["a", "b"]], x[:, 0] * 2 + rng.normal(size=ROWS)),
        "multi": LogisticRegression().fit(test[["a", "b"]], several),
        "amount": x[:, 0] * 2 + rng.normal(size=ROWS),
        "w": rng.random(ROWS),
    }


def asked(shell: InteractiveShell, line: str) -> Report:
    report = shell.run_line_magic("mlops", line)
    assert isinstance(report, Report)
    return report


def groups(report: Report) -> list[str]:
    return [each["group"] for each in report.findings[0].evidence["groups"]]


def test_arrays_in_scope_are_judged_without_a_frame(shell: InteractiveShell) -> None:
    report = asked(shell, "fairness --label y_test --prediction pred --sensitive A")
    assert groups(report) == ["f", "m"]
    assert (report.subject["label"], report.subject["name"]) == ("y_test", "arrays")
    given = scope()
    same = mlops_nb.fairness(
        label=given["y_test"].tolist(), prediction=given["pred"], sensitive=given["A"]
    )
    assert [f.value for f in same.findings] == [f.value for f in report.findings]


def test_several_features_weights_scores_and_control_are_arrays_too(
    shell: InteractiveShell,
) -> None:
    report = asked(
        shell,
        "fairness --label y_test --prediction pred --score positive --sensitive features "
        "--weights w --metric roc_auc_score_difference",
    )
    assert report.subject["sensitive"] == ["sex", "race"]
    assert groups(report)[0] == "f, a"
    assert report.findings[0].evidence["drawn"]["scores"]
    within = asked(
        shell, "fairness --label y_test --prediction pred --sensitive A --control features.race"
    )
    assert {f.column for f in within.findings} == {f"features.race = {each}" for each in "abc"}


def test_one_of_them_may_be_a_column_of_the_data(shell: InteractiveShell) -> None:
    report = asked(shell, "fairness test --label y_test --prediction pred --sensitive sex")
    assert report.subject["name"] == "test"
    assert groups(report) == ["f", "m"]
    assert asked(shell, "performance test --label several --prediction several").subject[
        "task"
    ] == ("multiclass")


@pytest.mark.parametrize(
    ("line", "task"),
    [
        ("x --label y_test --model forest", "binary"),
        ("test --label several --model multi", "multiclass"),
        ("test --label amount --model linear", "regression"),
        ("--label y_test --prediction pred --score positive", "binary"),
        ("--label amount --prediction positive", "regression"),
    ],
)
def test_a_model_with_a_test_set_and_arrays_of_every_task(
    shell: InteractiveShell, line: str, task: str
) -> None:
    assert asked(shell, f"performance {line}").subject["task"] == task


def test_a_model_is_measured_by_weights_in_scope(shell: InteractiveShell) -> None:
    report = asked(shell, "performance x --label y_test --model forest --weights w")
    given = shell.user_ns
    expected = roc_auc_score(given["y_test"], given["positive"], sample_weight=given["w"])
    assert report.finding("roc_auc").value == pytest.approx(expected, abs=1e-12)
    assert report.subject["weights"] == "w"


def test_a_models_fairness_on_a_test_set(shell: InteractiveShell) -> None:
    report = asked(shell, "fairness x --label y_test --model forest --sensitive A")
    assert report.subject["score"] == "score"
    assert report.subject["model"] == "forest"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fairness --label y_tst --prediction pred --sensitive A", "did you mean 'y_test'?"),
        ("fairness --label y_test --model forest --sensitive A", "a model needs data to predict"),
        ("fairness --label y_test --prediction proba --sensitive A", "proba has 2 columns, not"),
        ("fairness x --label y_test --model forest --score w --sensitive A", "--score or --model"),
        ("fairness test --label y_tst --prediction pred --sensitive sex", "unknown column 'y_tst'"),
        ("performance A --label y_test --model forest", "an array with two axes, not ndarray"),
    ],
)
def test_what_is_not_in_scope_gets_one_line(
    shell: InteractiveShell, line: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        asked(shell, line)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lengths_that_differ_are_named_at_the_python_door() -> None:
    with pytest.raises(InputError, match=r"^sensitive has 2 rows, and label 3$"):
        mlops_nb.fairness(label=[0, 1, 1], prediction=[0, 1, 1], sensitive=["f", "m"])
