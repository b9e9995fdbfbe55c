"""Panels of groups' scores and errors: small, told in words, safe whatever a group is called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_nb import panels
from mlops_nb.checks.fairness import check
from mlops_nb.core.records import Report

HOSTILE = "<script>alert('x')</script>"


def scored(groups: int = 2) -> Report:
    rng = np.random.default_rng(0)
    rows = 400 * groups
    names = [HOSTILE, *(f"g{i}" for i in range(1, groups))]
    truth = rng.integers(2, size=rows)
    score = (0.4 * truth + 0.6 * rng.random(rows)).clip(0, 1)
    data = pd.DataFrame({"y": truth, "score": score, "p": (score > 0.5).astype(int)})
    data["sex"] = np.resize(names, rows)
    return check(data, label="y", prediction="p", score="score", sensitive=["sex"], draws=100)


def errors() -> Report:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=400), "sex": np.resize(["f", "m"], 400)})
    data["p"] = data["y"] + rng.normal(0, np.where(data["sex"] == "f", 0.2, 1))
    return check(
        data,
        label="y",
        prediction="p",
        sensitive=["sex"],
        metrics=["mean_absolute_error_ratio"],
        draws=100,
    )


def test_ranking_and_calibration_are_drawn_by_group_and_told_in_words() -> None:
    report = scored()
    html, text = panels.html(report), panels.text(report)
    assert "<script" not in html
    assert len(html) < 100_000
    assert html.count("data:image/svg+xml") == 6 + 2 + 2  # gaps, swatches, pictures
    assert "How the scores rank and fit each group" in text
    assert "g1: " in text
    assert "of the positives found at 10 % false alarms" in text
    assert "Calibration by group. " in text


def test_many_groups_stay_small_and_it_is_said_which_are_drawn() -> None:
    report = scored(12)
    assert len(panels.html(report)) < 100_000
    assert "These are the largest 5 of 12 groups" in panels.text(report)


def test_errors_are_drawn_by_group() -> None:
    assert "How the errors (predicted less true) spread" in panels.text(errors())


def test_bounds_are_what_is_shown_against_the_limit_and_how_they_are_read_is_told() -> None:
    report = errors()
    low, high = report.findings[0].evidence["bounds"]
    text = panels.text(report)
    assert f"{low:.4f} to {high:.4f}" in text
    assert "95 % bounds" in text
    assert "a verdict needs one of them" in " ".join(text.split())


@pytest.mark.parametrize(
    "drawn",
    [
        None,
        [],
        {"scores": "no"},
        {"scores": [{}]},
        {"scores": [{"group": 3, "roc": {"fpr": [0, 1], "tpr": "x"}, "calibration": 5}]},
        {"errors": [{"group": None, "quantiles": {"0.5": float("nan")}}]},
        {"errors": [{"quantiles": []}]},
    ],
)
def test_what_is_odd_in_the_evidence_is_left_out(drawn: object) -> None:
    report = errors()
    finding = report.findings[0]
    evidence = {**finding.evidence, "drawn": drawn}
    changed = Report.from_dict(
        {**report.to_dict(), "findings": [{**finding.to_dict(), "evidence": evidence}]}
    )
    assert panels.html(changed)
    assert panels.text(changed)


def test_within_control_features_each_picture_says_whose_it_is() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.normal(size=800), "sex": np.resize(["f", "m"], 800)})
    data["p"] = data["y"] + rng.normal(size=800)
    data["site"] = np.repeat(["north", "south"], 400)
    report = check(data, label="y", prediction="p", sensitive=["sex"], control=["site"], draws=100)
    text = panels.text(report)
    for site in ("north", "south"):
        assert f"site = {site}: how the errors (predicted less true) spread in each group" in text
    assert "mean absolute error  mean error  mean prediction" in text


def test_several_classes_are_one_table_with_a_line_a_group_and_a_column_a_class() -> None:
    rng = np.random.default_rng(0)
    classes = [HOSTILE, *(f"c{i}" for i in range(10))]
    data = pd.DataFrame({"y": rng.choice(classes, 2200), "sex": np.resize(["f", "m"], 2200)})
    data["p"] = np.where(rng.random(2200) < 0.7, data["y"], "c1")
    report = check(data, label="y", prediction="p", sensitive=["sex"], draws=100)
    text, html = panels.text(report), panels.html(report)
    assert "<script" not in html
    people = text.partition("Who is in the data")[2].partition("How often each class")[0]
    assert "class = " not in people
    told = text.partition("How often each class is predicted")[2].partition("What is this")[0]
    assert "These are the first 8 of 11 classes" in told
    rate = (data["p"] == "c1")[data["sex"] == "f"].mean()
    assert "f       1,100" in told
    assert f"{rate:.4f}" in told
