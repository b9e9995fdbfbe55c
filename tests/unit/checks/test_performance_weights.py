"""Weights of the rows in `performance`: what lacks them, what they draw, what they leave unsure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from mlops_nb import panels
from mlops_nb.checks.fairness import check as fairness
from mlops_nb.checks.performance import check
from mlops_nb.core.errors import InputError, MlopsError
from mlops_nb.core.records import Report

ROWS = 600


def table(rows: int = ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, rows)
    score = np.clip(rng.normal(0.35 + 0.3 * truth, 0.2), 0, 1)
    weight = rng.exponential(size=rows) * (1 + truth)
    return pd.DataFrame(
        {
            "y": truth,
            "p": (score > 0.5).astype(int),
            "s": score,
            "w": weight,
            "month": np.arange(rows) * 3 // rows,
        }
    )


DATA = table()


def judged(data: pd.DataFrame = DATA, **settings: Any) -> Report:
    given = {"label": "y", "prediction": "p", "score": "s", "weights": "w", "draws": 200}
    return check(data, **{**given, **settings})


def width(report: Report, metric: str) -> float:
    low, high = report.finding(metric).evidence["interval"]
    return float(high - low)


@pytest.mark.parametrize("odd", [-1, np.inf, -np.inf, "x", 0, None], ids=repr)
def test_bad_weights_are_refused_in_the_very_words_of_fairness(odd: Any) -> None:
    data = DATA.assign(w=odd)
    raised = []
    for verb, more in ((check, {}), (fairness, {"sensitive": ["month"]})):
        with pytest.raises(InputError) as caught:
            verb(data, label="y", prediction="p", weights="w", **more)
        raised.append(str(caught.value))
    assert raised[0] == raised[1]
    assert "'w' must hold" in raised[0]
    assert "\n" not in raised[0]


def test_weights_that_are_not_there_are_named() -> None:
    with pytest.raises(MlopsError, match="unknown column 'ww'; did you mean 'w'"):
        judged(weights="ww")


def test_what_lacks_a_weight_is_counted_and_left_out() -> None:
    data = DATA.copy()
    data.loc[:9, "s"], data.loc[5:14, "w"] = np.nan, np.nan
    report = judged(data)
    missing = report.subject["missing"]
    assert (missing["score"], missing["weights"], missing["excluded"]) == (10, 10, 15)
    assert report.subject["notes"][0] == (
        "15 rows lack a label, a prediction or a weight and were left out."
    )
    alone = judged(data[15:])
    assert [f.value for f in report.findings] == [f.value for f in alone.findings]
    assert report.findings[0].evidence["n"] == ROWS - 15


def test_where_no_row_has_both_a_label_and_a_weight_nothing_is_judged() -> None:
    data = DATA.assign(y=DATA["y"].where(DATA.index < 300), w=np.where(DATA.index < 300, 0, 1))
    report = judged(data, limits={"accuracy": 0.1}, metrics=["roc_auc", "brier"])
    assert {f.status for f in report.findings} == {"insufficient"}
    assert all(np.isnan(f.value) for f in report.findings)
    assert report.summary == (
        "No row with the truth and a prediction has a weight: there is nothing to measure."
    )
    json.dumps(report.to_dict(), allow_nan=False)
    panels.html(report)


def test_a_batch_without_weight_is_not_judged_and_others_are_as_if_alone() -> None:
    data = DATA.assign(w=DATA["w"].where(DATA["month"] != 1, 0.0))

    def wrong_loss(truth: Any, told: Any, sample_weight: Any) -> float:
        return float(np.average(truth != told, weights=sample_weight))

    metrics = ["accuracy", "roc_auc", wrong_loss]
    limits = {"accuracy": 0.5, "roc_auc": 0.5, wrong_loss: 0.5}
    report = judged(data, by="month", metrics=metrics, limits=limits)
    alone = judged(data[data["month"] == 2], metrics=metrics, limits=limits)
    for finding, other in zip(report.findings, alone.findings, strict=True):
        batches = finding.evidence["over_time"]
        assert [batch["rows"] for batch in batches] == [200, 200, 200]
        assert (batches[1]["value"], batches[1]["status"]) == (None, "insufficient")
        assert batches[2]["value"] == other.value
        assert batches[2]["interval"] == other.evidence["interval"]
    json.dumps(report.to_dict(), allow_nan=False)
    assert len(panels.html(report).encode()) < 100_000


def test_uneven_weights_widen_every_interval_and_the_report_says_what_they_leave() -> None:
    weights = np.random.default_rng(0).exponential(size=ROWS) ** 2
    plain, uneven = judged(weights=None), judged(DATA.assign(w=weights))
    for finding in plain.findings:
        assert width(uneven, finding.name) > 1.3 * width(plain, finding.name), finding.name
    effective = weights.sum() ** 2 / (weights**2).sum()
    (note,) = uneven.subject["notes"]
    assert note == (
        f"By their weights the 600 rows tell as much as {effective:.0f} equal ones "
        "(Kish's effective sample size)."
    )
    assert not judged(DATA.assign(w=3.0)).subject["notes"]
    assert uneven.summary.endswith("on 600 rows by their weights.")


def test_weights_that_go_with_the_label_leave_the_recall_as_sure_as_it_was() -> None:
    data = DATA.assign(w=np.where(DATA["y"] == 1, 0.1, 30.0))
    weighted, plain = judged(data, draws=2000), judged(weights=None, draws=2000)
    assert weighted.finding("recall").value == pytest.approx(plain.finding("recall").value)
    assert width(weighted, "recall") == pytest.approx(width(plain, "recall"), rel=0.15)


def test_the_few_heaviest_of_many_rows_are_in_every_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_nb.checks.rows.MAX_ROWS", 1_000)
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=24_000), "w": 1.0})
    data["p"] = data["y"] + rng.normal(size=len(data))
    even = judged(data, score=None, draws=100)
    data.loc[7, ["p", "w"]] = data.loc[7, "y"] + 9, len(data)
    for seed in range(3):
        heavy = judged(data, score=None, draws=100, seed=seed)
        assert width(heavy, "mae") > 20 * width(even, "mae")


def test_a_row_with_nearly_all_of_the_weight_decides_no_limit() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=200), "w": 1.0})
    data["p"] = data["y"] + rng.normal(size=200)
    data.loc[7, ["p", "w"]] = data.loc[7, "y"] + 0.01, 1e6

    def waiting_loss(truth: Any, told: Any, sample_weight: Any) -> float:
        return float(np.average((truth - told) ** 2, weights=sample_weight))

    limits = {"mae": 0.5, waiting_loss: 0.5}
    report = judged(data, score=None, draws=100, limits=limits)
    assert report.finding("mae").evidence["interval"][1] < 0.5
    for metric in ("mae", "waiting_loss"):
        finding = report.finding(metric)
        assert finding.status == "insufficient"
        assert "200 rows tell as much as 1 equal one, and 30 are needed" in finding.evidence["note"]
    assert judged(data.assign(w=1.0), score=None, draws=100, limits={"mae": 2}).status == "pass"
    few = judged(DATA[:20].assign(w=DATA["w"] + 1), draws=100, limits={"accuracy": 0.1})
    assert few.status == "pass", "as 20 rows without weights"


def test_a_sample_of_many_rows_has_the_spread_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    data = table(6_000)
    whole = judged(data, draws=1000)
    monkeypatch.setattr("mlops_nb.checks.rows.MAX_ROWS", 3_000)
    sampled = judged(data, draws=1000)
    for metric in ("roc_auc", "brier"):
        assert sampled.finding(metric).value == whole.finding(metric).value
        assert width(sampled, metric) == pytest.approx(width(whole, metric), rel=0.2)
        assert width(sampled, metric) != width(whole, metric)


def test_a_function_of_ones_own_gets_the_weights_or_is_refused() -> None:
    def agree_score(truth: Any, told: Any) -> float:
        return float((truth == told).mean())

    def lost(truth: Any, told: Any, *, sample_weight: Any) -> float:
        return float(sample_weight[truth != told].sum())

    with pytest.raises(InputError, match="the metric agree_score takes no sample_weight"):
        judged(metrics=[agree_score])
    assert judged(metrics=[agree_score], weights=None).findings[0].value > 0.5
    found = judged(metrics=[lost, sk.accuracy_score, "accuracy"])
    assert found.finding("lost").value == pytest.approx(DATA["w"][DATA["y"] != DATA["p"]].sum())
    assert found.finding("accuracy_score").value == pytest.approx(found.finding("accuracy").value)
    assert width(found, "accuracy_score") == pytest.approx(width(found, "accuracy"), rel=0.4)


def test_what_is_drawn_goes_by_the_weights_and_counts_are_of_rows() -> None:
    data = DATA.assign(w=DATA["w"].where(DATA["s"] < 0.6, 0.0))
    report = judged(data)
    roc = report.finding("roc_auc").evidence["roc"]
    assert sk.auc(roc["fpr"], roc["tpr"]) == pytest.approx(
        report.finding("roc_auc").value, abs=0.02
    )
    assert report.finding("roc_auc").value < sk.roc_auc_score(data["y"], data["s"]) - 0.05
    calibration = report.finding("brier").evidence["calibration"]
    assert max(calibration["predicted"]) < 0.6
    confusion = report.finding("accuracy").evidence["confusion"]
    assert confusion["counts"] == sk.confusion_matrix(data["y"], data["p"]).tolist()
    weighted = sk.confusion_matrix(data["y"], data["p"], sample_weight=data["w"])
    share = np.array(confusion["weights"]) / np.sum(confusion["weights"])
    assert share == pytest.approx(weighted / weighted.sum())


def test_one_class_without_weight_has_no_roc_curve() -> None:
    report = judged(DATA.assign(w=DATA["w"] * DATA["y"]))
    assert np.isnan(report.finding("roc_auc").value)
    assert "roc" not in report.finding("roc_auc").evidence
    panels.html(report)


def test_the_report_says_whose_weights_these_are() -> None:
    report = judged()
    assert report.subject["weights"] == "w"
    assert "weights" not in judged(weights=None).subject
    assert "weights w" in " ".join(panels.text(report).split())
    assert Report.from_dict(report.to_dict()) == report
