"""What is reported where no metric is asked for: by the kind of problem, which the report tells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference

from mlops_nb.checks.fairness import DEFAULT_METRICS, check
from mlops_nb.checks.fairness_defaults import MOST_CLASSES
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Report
from tests.unit.checks.test_fairness_tasks import told

CLASSES = ["bus", "car", "train"]


def judge(data: pd.DataFrame, label: str, prediction: str | None, **settings: object) -> Report:
    return check(data, label=label, prediction=prediction, sensitive=["sex"], draws=200, **settings)


def travels(rows: int = 6000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    sex = rng.choice(["f", "m"], rows)
    truth = rng.choice(CLASSES, rows)
    right = rng.random(rows) < 0.8
    guess = np.where(right, truth, rng.choice(CLASSES, rows))
    guess = np.where((sex == "m") & (guess == "bus") & (rng.random(rows) < 0.6), "car", guess)
    return pd.DataFrame({"sex": sex, "truth": truth, "guess": guess})


def test_of_two_classes_it_is_parity_odds_and_opportunity() -> None:
    report = judge(told(), "y", "p")
    assert [finding.name for finding in report.findings] == list(DEFAULT_METRICS)
    assert report.subject["task"] == "binary"


def test_of_several_classes_it_is_what_is_right_and_how_often_each_is_predicted() -> None:
    data = travels()
    report = judge(data, "truth", "guess")
    assert report.subject["task"] == "multiclass"
    assert "more than two classes" in report.subject["notes"][0]
    found = {(finding.name, finding.column): finding for finding in report.findings}
    parity = "demographic_parity_difference"
    assert list(found) == [
        ("accuracy_score_difference", None),
        ("balanced_accuracy_score_difference", None),
        *((parity, f"class = {name}") for name in CLASSES),
    ]
    for name in CLASSES:
        finding = found[parity, f"class = {name}"]
        one = [data[column] == name for column in ("truth", "guess")]
        theirs = demographic_parity_difference(*one, sensitive_features=data["sex"])
        assert finding.value == pytest.approx(theirs, abs=1e-12)
        assert finding.evidence["correction"].endswith("for 3 classes (Bonferroni)")
        assert finding.evidence["groups"][0]["positives"] == one[0][data["sex"] == "f"].sum()
    assert found[parity, "class = bus"].status == "fail"
    assert found[parity, "class = train"].status == "pass"
    assert "(class = bus) is" in report.summary or "(class = car) is" in report.summary


def test_each_class_is_judged_within_control_features_too() -> None:
    data = travels().assign(day=lambda d: np.where(d.index % 2, "odd", "even"))
    report = judge(data, "truth", "guess", control=["day"])
    columns = [finding.column for finding in report.findings[4:]]
    assert columns == [f"day = {day}, class = {c}" for day in ("even", "odd") for c in CLASSES]


def test_of_many_classes_the_most_frequent_are_shown() -> None:
    data = travels(3000)
    data["truth"] = data["guess"] = [f"c{min(i % 60, i % 31):02d}" for i in range(len(data))]
    report = judge(data, "truth", "guess")
    assert len(report.findings) == 2 + MOST_CLASSES
    assert report.findings[2].column == "class = c00"


def test_a_limit_of_one_metric_is_one_of_each_class_too() -> None:
    report = judge(travels(), "truth", "guess", limits={"demographic_parity_difference": 0.5})
    parity = [f for f in report.findings if f.name == "demographic_parity_difference"]
    assert {(f.limit, f.status) for f in parity} == {(0.5, "pass")}


def test_of_amounts_a_relative_limit_is_judged_and_what_has_a_unit_is_only_shown() -> None:
    report = judge(told(), "amount", "guess")
    assert report.subject["task"] == "regression"
    assert "give it one with --limit METRIC VALUE" in report.subject["notes"][0]
    assert [(f.name, f.limit, f.status) for f in report.findings] == [
        ("mean_absolute_error_ratio", 0.8, "fail"),
        ("mean_absolute_error_difference", None, "pass"),
        ("mean_error_difference", None, "pass"),
        ("mean_prediction_difference", None, "pass"),
    ]
    assert report.summary.startswith("By sex, the model is not fair: mean_absolute_error_ratio")
    data = told()
    error = (data["guess"] - data["amount"]).groupby(data["sex"]).mean()
    finding = report.finding("mean_error_difference")
    assert finding.value == pytest.approx(np.ptp(error), abs=1e-12)
    low, high = finding.evidence["interval"]
    assert 0 <= low < finding.value < high
    assert report.findings[0].evidence["drawn"]["errors"]


def test_scores_alone_are_compared_by_how_they_rank_and_fit() -> None:
    report = judge(told(), "y", None, score="score")
    assert report.subject["task"] == "scores"
    assert [f.name for f in report.findings] == [
        "roc_auc_score_difference", "roc_auc_score_group_min", "log_loss_difference",
    ]  # fmt: skip
    evidence = report.findings[0].evidence
    assert set(evidence["groups"][0]) == {
        "group", "values", "n", "positives", "negatives", "roc_auc_score", "log_loss", "intervals",
    }  # fmt: skip
    assert evidence["drawn"]["scores"][0]["calibration"]
    assert "prediction" not in report.subject["missing"]
    ranked = judge(told().assign(score=lambda d: d["score"] * 9), "y", None, score="score")
    assert "log_loss_difference" not in {finding.name for finding in ranked.findings}
    same = judge(told(), "y", "score", score="score")
    assert same.findings == report.findings


def test_where_but_one_group_has_an_auc_the_gap_is_unknown() -> None:
    data = told().assign(sex=lambda d: np.where(d.index < 5, "x", "m"))
    data.loc[:4, "y"] = 0
    finding = judge(data, "y", None, score="score").findings[0]
    assert (finding.status, finding.evidence["interval"]) == ("insufficient", [0, 1])


@pytest.mark.parametrize(
    ("columns", "settings", "message"),
    [
        (("y", None), {}, "nothing says what was predicted; name the prediction or a score"),
        (("y", "score"), {}, "'y' holds two classes, and 'score' fractions between them; prob"),
        (("y", None), {"score": "score", "metrics": ["equalized_odds_ratio"]},
         "true_positive_rate needs a prediction; name it with prediction=..."),
        (("amount", None), {"score": "score", "metrics": ["r2_score_group_min"]},
         "r2_score needs a prediction"),
    ],
)  # fmt: skip
def test_what_a_kind_of_problem_lacks_gets_one_line(
    columns: tuple[str, str | None], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        judge(told(), *columns, **settings)
    assert str(caught.value).startswith(message)


def test_scores_that_are_no_probabilities_are_said_to_be_none() -> None:
    data = told()
    report = judge(data.assign(score=3 * data["score"] - 1), "y", None, score="score")
    assert "They are not probabilities: log_loss doesn't apply." in report.subject["notes"][0]
    assert "not probabilities" not in judge(data, "y", None, score="score").subject["notes"][0]
