"""Fairness of scores and amounts, within control features, with weights, by one's own functions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from mlops_nb.checks.fairness import check
from mlops_nb.core.errors import InputError
from tests.unit.checks.test_fairness import FAIR, drawn, judge


def told(seed: int = 0, rows: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = drawn(rng, {"f": 0.4, "m": 0.5}, rows // 2)
    data["score"] = (data["y"] * 0.4 + rng.random(rows) * 0.6).clip(0, 1)
    data["amount"] = rng.normal(10, 3, rows)
    data["guess"] = data["amount"] + rng.normal(0, 1, rows) * np.where(data["sex"] == "f", 1, 2)
    data["w"] = rng.uniform(0.5, 2, rows)
    data["grade"] = rng.choice(["a", "b"], rows)
    return data


def test_the_errors_of_a_regression_are_compared() -> None:
    report = check(
        told(),
        label="amount",
        prediction="guess",
        sensitive=["sex"],
        metrics=[
            "mean_absolute_error_ratio",
            "mean_squared_error_group_max",
            "r2_score_difference",
        ],
        limits={"mean_squared_error_group_max": 2.0},
        draws=200,
    )
    ratio = report.finding("mean_absolute_error_ratio")
    assert (ratio.status, ratio.value) == ("fail", pytest.approx(0.5, abs=0.05))
    assert report.finding("mean_squared_error_group_max").status == "fail"
    assert report.finding("r2_score_difference").limit is None
    group = ratio.evidence["groups"][0]
    assert set(group) >= {"group", "n", "mean_absolute_error", "intervals"}
    assert "positives" not in group
    assert "rows by group" in ratio.evidence["method"]


def test_groups_are_drawn_apart_in_whatever_order_their_rows_lie() -> None:
    errors = np.random.default_rng(1).normal(0, 1, 400)
    for order in (errors, np.sort(errors)):
        data = pd.DataFrame({"y": 0.0, "guess": np.tile(order, 2), "g": np.repeat(["a", "b"], 400)})
        report = check(
            data,
            label="y",
            prediction="guess",
            sensitive=["g"],
            limits={"mean_absolute_error_difference": 0.05},
            draws=500,
        )
        finding = report.finding("mean_absolute_error_difference")
        # What 400 rows leave open of a mean is about 0.03 on each side.
        assert finding.evidence["bounds"][1] == pytest.approx(0.07, abs=0.02)
        assert (finding.value, finding.status) == (0.0, "insufficient")


def test_the_ranking_is_compared_by_group() -> None:
    report = judge(told(), metrics=["roc_auc_score_difference"], score="score", draws=200)
    finding = report.findings[0]
    low, high = finding.evidence["interval"]
    assert low <= finding.value <= high < 0.1
    assert finding.status == "pass"
    assert all(0.9 < g["roc_auc_score"] <= 1 for g in finding.evidence["groups"])


def test_several_classes_are_compared_by_what_is_right() -> None:
    data = told().assign(y=lambda d: d["grade"] + "!", p="a!")
    report = judge(data, metrics=["accuracy_score_difference"])
    assert report.status == "pass"
    with pytest.raises(InputError, match="hold 3 classes"):
        judge(data.assign(p=["a!", "b!", "c!", "a!"] * 500), metrics=["equalized_odds_ratio"])


def test_groups_are_compared_within_each_value_of_a_control_feature() -> None:
    data = told()
    data["p"] = np.where(data["sex"] == "m", data["p"] | (data["score"] > 0.5), data["p"])
    report = judge(data, control=["grade"], metrics=["demographic_parity_difference"])
    assert [finding.column for finding in report.findings] == ["grade = a", "grade = b"]
    for finding, (_, rows) in zip(report.findings, data.groupby("grade"), strict=True):
        alone = judge(rows, metrics=["demographic_parity_difference"]).findings[0]
        assert finding.value == alone.value
        assert finding.evidence["groups"] == alone.evidence["groups"]
        assert finding.evidence["correction"].endswith("for 2 control levels (Bonferroni)")
        assert 0 < finding.evidence["bounds"][0] < alone.evidence["bounds"][0]


def test_weights_move_the_value_and_widen_the_interval() -> None:
    data, metric = told(), "selection_rate_difference"
    plain = judge(data, metrics=[metric]).findings[0]
    equal = judge(data.assign(w=3.0), weights="w", metrics=[metric]).findings[0]
    skewed = judge(data.assign(w=data["w"] ** 6), weights="w", metrics=[metric]).findings[0]
    assert equal.value == pytest.approx(plain.value)
    width = [np.ptp(each.evidence["interval"]) for each in (plain, equal, skewed)]
    assert width[1] == pytest.approx(width[0], rel=0.1)
    assert width[2] > 1.3 * width[0]


def test_the_unit_of_the_weights_changes_no_interval() -> None:
    metrics = ["roc_auc_score_difference", "log_loss_difference", "accuracy_score_difference"]
    data = told(rows=200)
    ends = [
        [finding.evidence["interval"] for finding in report.findings]
        for unit in (1.0, 1e-6, 1e6)
        for report in [
            judge(
                data.assign(w=data["w"] * unit),
                score="score",
                weights="w",
                metrics=metrics,
                draws=200,
            )
        ]
    ]
    for other in ends[1:]:
        assert np.allclose(other, ends[0], rtol=1e-9, atol=1e-12)


def test_weights_widen_the_intervals_of_what_is_made_from_rows() -> None:
    def width(data: pd.DataFrame) -> float:
        report = judge(data, score="score", weights="w", metrics=["log_loss_group_max"], draws=300)
        return float(np.ptp(report.findings[0].evidence["interval"]))

    data = told()
    assert width(data.assign(w=data["w"] ** 6)) > 1.2 * width(data.assign(w=1))


def test_each_group_may_be_held_against_all_and_both_rates_be_averaged() -> None:
    data = drawn(np.random.default_rng(0), {"f": 0.3, "m": 0.5}, 2000)
    name = "equalized_odds_difference"
    usual, to_all, mean = (
        judge(data, metrics=[name], **given).findings[0]
        for given in ({}, {"method": "to_overall"}, {"agg": "mean"})
    )
    assert to_all.value == pytest.approx(usual.value / 2, rel=0.1)
    assert np.ptp(to_all.evidence["interval"]) < np.ptp(usual.evidence["interval"])
    assert mean.value < usual.value
    assert mean.evidence["interval"][0] < mean.value < mean.evidence["interval"][1]


def test_any_function_of_truth_and_prediction_is_a_metric_and_is_said_to_be_slow() -> None:
    def agreement(truth: np.ndarray, prediction: np.ndarray) -> float:
        return float((truth == prediction).mean())

    report = judge(told(), metrics=[agreement], limits={"agreement_difference": 0.5})
    finding = report.findings[0]
    accuracy = judge(told(), metrics=["accuracy_score_difference"]).findings[0]
    assert finding.value == pytest.approx(accuracy.value)
    assert finding.status == "pass"
    assert finding.evidence["method"] == (
        "slow: agreement called for each group and draw of its rows, 100 draws"
    )


def test_the_evidence_says_what_many_groups_were_corrected_for() -> None:
    data = FAIR.assign(grade=[1, 2] * (len(FAIR) // 2))
    evidence = judge(data, "sex", "grade").findings[0].evidence
    assert evidence["correction"] == "all 6 pairs of the 4 groups together (max-t)"
    assert evidence["method"] == "Bayesian bootstrap of the counts by group, 1,000 draws"


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"metrics": ["roc_auc_score_group_min"]}, "roc_auc_score needs a score"),
        ({"score": 2}, {"score": "score", "metrics": ["log_loss_group_max"]}, "'score' has 2"),
        ({"w": -1}, {"weights": "w"}, "'w' must hold weights of at least 0, but has -1"),
        ({"w": 0}, {"weights": "w"}, "'w' must hold weights, but none is more than 0"),
        ({}, {"method": "to_all"}, "unknown method 'to_all'"),
        ({}, {"agg": "worst"}, "unknown agg 'worst'; did you mean 'worst_case'?"),
        ({}, {"control": ["grad"]}, "unknown column 'grad'; did you mean 'grade'?"),
        ({"y": "x"}, {"metrics": ["r2_score_group_min"]}, "'y' must hold numbers, but has 'x'"),
        ({"p": np.inf}, {"metrics": ["r2_score_group_min"]}, "'p' must hold finite numbers"),
        ({}, {"metrics": [int.from_bytes]}, "the metric from_bytes raised TypeError for a group"),
    ],
)
def test_bad_input_for_other_metrics_gets_one_clear_line(
    change: dict[str, object], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        judge(told(rows=200).assign(**change), **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_lacks_a_score_or_a_weight_is_counted() -> None:
    data = told(rows=400)
    data.loc[:9, "score"], data.loc[5:14, "w"] = np.nan, np.nan
    report = judge(data, score="score", weights="w", metrics=["roc_auc_score_group_min"], draws=100)
    missing = report.subject["missing"]
    assert (missing["score"], missing["weights"], missing["excluded"]) == (10, 10, 15)
    assert report.subject["notes"][0].startswith("15 rows lack the score (10) or the weights (10)")
    assert sum(g["n"] for g in report.findings[0].evidence["groups"]) == 385


# What is drawn


def test_the_first_finding_has_each_groups_ranking_and_calibration() -> None:
    data = told()
    data.loc[data.index[:40], "sex"] = "x"
    data.loc[data["sex"] == "x", "y"] = 0
    report = judge(data, score="score")
    (drawn,) = [f.evidence["drawn"] for f in report.findings if "drawn" in f.evidence]
    assert [each["group"] for each in drawn["scores"]] == ["m", "f"]  # x has no positives
    for each in drawn["scores"]:
        rows = data[data["sex"] == each["group"]]
        assert each["roc_auc"] == pytest.approx(roc_auc_score(rows["y"], rows["score"]))
        assert each["interval"][0] < each["roc_auc"] < each["interval"][1]
        assert sum(each["calibration"]["n"]) == each["n"] == len(rows)
        assert each["observed"] == pytest.approx(rows["y"].mean())
        assert each["roc"]["fpr"][-1] == each["roc"]["tpr"][-1] == 1


def test_what_is_drawn_of_each_group_is_by_the_weights() -> None:
    data = told()
    evidence = judge(data, score="score", weights="w").findings[0].evidence
    for each in evidence["drawn"]["scores"]:
        rows = data[data["sex"] == each["group"]]
        theirs = roc_auc_score(rows["y"], rows["score"], sample_weight=rows["w"])
        assert abs(each["roc_auc"] - theirs) <= 1e-12
        assert each["interval"][0] < theirs < each["interval"][1]
        mean = np.average(rows["y"], weights=rows["w"])
        assert abs(each["observed"] - mean) <= 1e-12
        assert each["n"] == len(rows)
        fpr, tpr, _ = roc_curve(
            rows["y"], rows["score"], sample_weight=rows["w"], drop_intermediate=False
        )
        for x, y in zip(each["roc"]["fpr"], each["roc"]["tpr"], strict=True):
            assert (np.abs(fpr - x) + np.abs(tpr - y)).min() < 2e-4
    amounts = check(
        data, label="amount", prediction="guess", sensitive=["sex"], weights="w", draws=100
    )
    for each in amounts.findings[0].evidence["drawn"]["errors"]:
        rows = data[data["sex"] == each["group"]]
        error = rows["guess"] - rows["amount"]
        assert abs(each["mean"] - np.average(error, weights=rows["w"])) <= 1e-12
        below = np.average(error <= each["quantiles"]["0.25"], weights=rows["w"])
        assert below == pytest.approx(0.25, abs=0.01)


def test_scores_that_are_not_probabilities_rank_and_are_not_calibrated() -> None:
    data = told().assign(score=lambda d: d["score"] * 10 - 5)
    drawn = judge(data, score="score").findings[0].evidence["drawn"]
    assert all("roc" in each and "calibration" not in each for each in drawn["scores"])


def test_a_regression_has_each_groups_errors() -> None:
    data = told()
    report = check(
        data,
        label="amount",
        prediction="guess",
        sensitive=["sex"],
        metrics=["mean_squared_error_ratio"],
        draws=100,
    )
    errors = report.findings[0].evidence["drawn"]["errors"]
    error = (data["guess"] - data["amount"])[data["sex"] == "m"]
    (of_men,) = [each for each in errors if each["group"] == "m"]
    assert of_men["mean"] == pytest.approx(error.mean())
    assert of_men["quantiles"]["0.95"] == pytest.approx(error.quantile(0.95))


# What is told beside the numbers


def test_it_is_said_when_a_metric_misleads_with_the_source() -> None:
    report = judge(FAIR)
    for finding in report.findings:
        assert "20" in finding.evidence["misleads"]  # the year of a source
        assert ("ratio_note" in finding.evidence) is finding.name.endswith("_ratio")


def test_it_is_said_what_cannot_be_had_together_only_where_base_rates_differ() -> None:
    assert "together" not in judge(FAIR).findings[0].evidence
    data = pd.concat([FAIR, FAIR[(FAIR["sex"] == "m") & (FAIR["y"] == 1)]])
    said = judge(data).findings[0].evidence["together"]
    assert said.startswith(
        "Of the groups 50.0 % (f) to 66.7 % (m) are positive: no model that errs"
    )
    assert "Chouldechova 2017" in said
