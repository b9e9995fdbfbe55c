"""Panels of reports: what each kind draws, and that no evidence breaks one."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mlops_nb import panels
from mlops_nb.core.records import (
    Finding,
    Report,
)
from tests.unit.panels import report_samples, samples
from tests.unit.panels.pages import Page, report

KINDS = ("drift", "quality", "fairness", "performance", "gate", "robustness")


def test_drift_shows_the_worst_first_with_the_direction_of_its_limit() -> None:
    told = panels.text(report_samples.drift())
    names = ["AGE", "BILL_AMT1", "PAY_AMT1", "EDUCATION", "joined", "LIMIT_BAL", "comment"]
    places = [re.search(rf"^.{{15,16}}{name}\b", told, re.MULTILINE).start() for name in names]  # type: ignore[union-attr]
    assert places == sorted(places)
    assert re.search(r"AGE .* < 0\.1 ", told)  # a distance
    assert re.search(r"EDUCATION .* ≥ 0\.05 ", told)  # a p-value
    assert re.search(r"· not judged +comment", told)
    assert re.search(r"\? insufficient +joined", told)
    assert told.startswith("✗ fail  Drift")
    assert re.search(r"^✗ drifted +AGE", told, re.MULTILINE)
    assert "0.1000004" in told  # so near its limit that four decimals would hide the difference


def test_drift_draws_reference_and_current() -> None:
    page = Page(panels.html(report_samples.drift()))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 7
    assert "the reference is highest between 50 and 52" in (pictures[0]["alt"] or "")
    assert "from 16 % to 25 %" not in (pictures[3]["alt"] or "")
    assert "graduate school, from 35 % to 22 %" in (pictures[3]["alt"] or "")
    assert "█" in panels.text(report_samples.drift())


@pytest.mark.parametrize(
    "data",
    [
        None,
        "histogram",
        {},
        {"edges": [0, 1], "reference": [1.0]},
        {"edges": [0, 1, 2], "reference": [1.0], "current": [1.0]},
        {"edges": [0, 0], "reference": [1.0], "current": [1.0]},
        {"edges": [1, 0], "reference": [1.0], "current": [1.0]},
        {"edges": [0, float("inf")], "reference": [1.0], "current": [1.0]},
        {"edges": [-1.7e308, 1.7e308], "reference": [1.0], "current": [1.0]},
        {"edges": [0, 1], "reference": [float("nan")], "current": [1.0]},
        {"categories": ["a"], "reference": [0.5, 0.5], "current": [0.5, 0.5]},
        {"categories": [], "reference": [], "current": []},
    ],
)
def test_a_histogram_that_can_not_be_drawn_is_left_out(data: Any) -> None:
    finding = Finding("a", "a", 0.5, 0.1, "fail", {"histogram": data})
    drawn = panels.html(report("drift", finding))
    assert "<img" not in drawn
    assert "0.5000" in drawn


def test_numpy_in_the_evidence_is_drawn_as_numbers() -> None:
    known = {
        "histogram": {
            "edges": np.linspace(0, 1, 4),
            "reference": np.array([0.2, 0.3, 0.5]),
            "current": np.array([0.5, 0.3, 0.2], dtype=np.float32),
        },
        "n": np.int64(1234),
    }
    drawn = panels.html(report("drift", Finding("a", "a", np.float32(0.25), 0.1, "fail", known)))
    assert drawn.count("<img") == 1
    assert "0.2500" in drawn
    run = replace(samples.runs()[1], metrics={"a": np.float32(0.5)}, params={"k": np.int64(1234)})
    assert "1,234" in panels.text(run)
    assert "0.5000" in panels.text(run)


def test_quality_shows_errors_before_warnings_and_folds_what_passed() -> None:
    drawn = panels.html(report_samples.quality())
    shown, folded = drawn.split("<details")
    assert shown.index("missing_share") < shown.index("duplicate_rows")
    assert "! warning" in shown
    assert "row_count" not in shown
    assert "3 checks passed" in folded
    assert "row_count" in panels.text(report_samples.quality())
    told = panels.text(report_samples.quality())
    assert re.search(r"missing_share +EDUCATION +12\.4 % +5 % +3,720$", told, re.MULTILINE)
    assert re.search(r"allowed_values +MARRIAGE +2 +0 +54 \(0\.18 %\)$", told, re.MULTILINE)


def test_quality_says_what_is_wrong_and_of_what_passed_only_what_is_worth_it() -> None:
    told = panels.text(
        report(
            "quality",
            Finding("range", "a", 1.0, 0.01, "fail", {"note": "`a` is odd", "examples": [1, "x"]}),
            Finding("missing", "b", 0, None, "pass", {"note": "b misses nothing", "count": 0}),
            Finding("rows", None, 9, 1, "pass", {"note": "nine rows"}),
            Finding("unique", "c", 1.0, None, "pass", {"note": "c looks like an identifier"}),
        )
    )
    assert "`a` is odd. For example: 1, x." in told
    assert "c looks like an identifier" in told
    assert "misses nothing" not in told
    assert "nine rows" not in told


def test_fairness_says_who_is_there_and_explains_each_metric_once() -> None:
    drawn, told = panels.html(report_samples.fairness()), panels.text(report_samples.fairness())
    assert told.index("By SEX, the model is not fair") < told.index("Gaps between the groups")
    assert re.search(r"equalized_odds_difference +0\.1409 +0\.1127 to 0\.1832 +≤ 0\.1", told)
    assert re.search(r"equal_opportunity_ratio +0\.8983 +0\.8122 to 0\.9910 +≥ 0\.8", told)
    assert re.search(r"female +3,624 +753 +2,871 +402 +0\.1109", told)
    assert "12 rows without a SEX are left out." in told
    assert "95 % interval" in told
    assert told.count("equal errors for equal cases") == 1
    assert "<summary" in drawn
    assert "What is this?" in drawn


def test_fairness_says_why_it_did_not_pass_and_says_nothing_twice() -> None:
    gap = "The rate goes from 0.1 (a) to 0.9 (b)."
    why = "The interval reaches across the limit: more rows would decide it."
    findings = [
        Finding("a_difference", None, 0.05, 0.1, "pass", {"note": "Quiet."}),
        Finding("a_ratio", None, 0.7, 0.8, "fail", {"note": gap}),
        Finding("b_difference", None, 0.1, 0.1, "insufficient", {"note": f"{gap} {why}"}),
        Finding("b_ratio", None, 0.8, 0.8, "insufficient", {"note": why}),
    ]
    told = panels.text(report("fairness", *findings, summary="The model is not fair."))
    assert [told.count(sentence) for sentence in ("Quiet.", gap, why)] == [0, 1, 1]
    assert told.index("a_ratio") < told.index(gap) < told.index("b_difference") < told.index(why)


def test_an_interval_is_drawn_to_scale_against_its_limit() -> None:
    known = {"interval": [0.25, 0.75], "higher_is_better": True}
    found = Finding("accuracy", None, 0.5, 0.4, "insufficient", known)
    page = Page(panels.html(report("performance", found)))
    picture = next(attributes for tag, attributes in page.tags if tag == "img")
    assert picture["alt"] == "accuracy 0.5000, interval 0.2500 to 0.7500, allowed ≥ 0.4"
    svg = ET.fromstring(b64decode((picture["src"] or "").partition(",")[2]))  # noqa: S314
    forbidden, interval, value = (
        (float(r.get("x", 0)), float(r.get("width", 0))) for r in svg if r.tag.endswith("rect")
    )
    assert forbidden == (0, 5 + 0.4 * 140)  # the axis has five pixels of margin on each side
    assert interval == (5 + 0.25 * 140, 0.5 * 140)
    assert value == (5 + 0.5 * 140 - 1, 2)


def test_gaps_of_different_units_are_drawn_on_scales_of_their_own() -> None:
    known = [{"interval": [low, 2 * low], "bounds": [low, 2 * low]} for low in (0.2, 3.0, 4000.0)]
    findings = [
        Finding(f"{name}_difference", None, 1.5 * each["interval"][0], evidence=each)
        for name, each in zip(("rate", "error", "squared"), known, strict=True)
    ]
    page = Page(panels.html(report("fairness", *findings)))
    legend = "differences drawn from 0 to 0.5, the others each on a scale of its own"
    assert legend in page.text
    drawn = [
        ET.fromstring(b64decode((attributes["src"] or "").partition(",")[2]))  # noqa: S314
        for tag, attributes in page.tags
        if tag == "img"
    ]
    widths = [max(float(r.get("width", 0)) for r in svg if r.tag.endswith("rect")) for svg in drawn]
    assert all(width > 50 for width in widths)


def test_a_group_that_is_too_small_is_shown_as_such() -> None:
    told = panels.text(report_samples.small_fairness())
    assert re.search(r"b × x +10 .*\n +too few to judge by", told)
    assert told.count("too few to judge by") == 1
    assert "NaN" in told


def test_performance_draws_roc_and_calibration() -> None:
    drawn, told = (
        panels.html(report_samples.performance()),
        panels.text(report_samples.performance()),
    )
    assert drawn.count("<img") == 7
    assert "ROC curve: 44.7 % of the positives found at 10 % false alarms." in told
    assert "25 % → 25.2 %" in told
    assert re.search(r"brier_score_loss .* ≤ 0\.15", told)
    assert re.search(r"roc_auc .* ≥ 0\.75", told)


def test_rows_are_said_once_where_all_metrics_have_the_same() -> None:
    whole = report_samples.performance()
    assert panels.text(whole).count("6,000") == 1
    first = whole.findings[0]
    fewer = replace(first, evidence={**first.evidence, "n": 5999})
    told = panels.text(replace(whole, findings=(fewer, *whole.findings[1:])))
    assert "5,999" in told
    assert told.count("6,000") == len(whole.findings)


def test_the_columns_of_a_model_are_not_named_by_their_placeholders() -> None:
    subject = {"name": "holdout", "prediction": "prediction", "score": "p_default"}
    told = panels.text(replace(report_samples.performance(), subject=subject))
    assert re.search(r"^  data +holdout\n  score +p_default$", told, re.MULTILINE)
    assert "prediction  prediction" not in told


def test_what_has_no_limit_has_no_verdict() -> None:
    told = panels.text(report_samples.performance())
    assert re.search(r"^ +accuracy", told, re.MULTILINE)
    assert re.search(r"^✓ pass +roc_auc", told, re.MULTILINE)


def test_a_gate_says_its_verdict_first_and_each_reason() -> None:
    told = panels.text(report_samples.gate())
    assert told.startswith("✗ fail  Gate\nVersion 4 of credit-default is held: fairness fails.")
    assert re.search(r"✗ fail +fairness .*\n +By SEX, the model is not fair", told)
    assert re.search(r"roc_auc_gain +0\.0142 +0\.0061 to 0\.0223 +0$", told, re.MULTILINE)


@pytest.mark.parametrize(
    "value", [None, float("nan"), float("inf"), -float("inf"), "NaN", True, 10**400, "text"]
)
@pytest.mark.parametrize("kind", KINDS)
def test_no_value_breaks_a_report(kind: str, value: Any) -> None:
    known = {
        "interval": [value, value],
        "confidence": value,
        "n": value,
        "share": value,
        "count": value,
        "drifted": value,
        "groups": [{"group": value, "n": value, "selection_rate": value}],
        "roc": {"fpr": [value, 0.5], "tpr": [value, 0.5]},
        "calibration": {"predicted": [value, 0.1], "observed": [value, 0.2]},
        "histogram": {"edges": [0, 1], "reference": [value], "current": [value]},
    }
    for limit in (None, 0.1, 0, value):
        found = report(kind, Finding("a_ratio", None, value, limit, "pass", known), summary="")
        assert "a_ratio" in panels.text(found)
        assert not re.search(r"\bnan\b|\binf\b|None", panels.html(found) + panels.text(found))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("known", [{}, dict.fromkeys(("interval", "groups", "roc", "examples"), 3)])
def test_missing_or_misshapen_evidence_breaks_no_report(kind: str, known: Any) -> None:
    finding = Finding("metric", None, 0.25, 0.1, "fail", known)
    assert "0.2500" in panels.text(report(kind, finding))
    assert "0.2500" in panels.html(report(kind, finding))


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_read_back_from_json_looks_the_same(kind: str) -> None:
    record = samples.samples()[kind]
    assert panels.html(Report.from_dict(record.to_dict())) == panels.html(record)


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_without_findings_says_so(kind: str) -> None:
    assert len(panels.text(report(kind, status="pass")).splitlines()) >= 4


def test_intervals_of_drift_are_drawn_against_the_threshold_and_told() -> None:
    record = report_samples.with_intervals(report_samples.drift())
    drawn, told = panels.html(record), panels.text(record)
    alts = [attributes["alt"] or "" for tag, attributes in Page(drawn).tags if tag == "img"]
    assert "AGE: score 0.4120, interval 0.3520 to 0.4720, allowed < 0.1" in alts
    of_a_test = "EDUCATION: total variation distance 0.0800, interval 0.0200 to 0.1400"
    assert any(alt.startswith(f"{of_a_test}, may be missed < 0.1") for alt in alts)
    for text in (Page(drawn).text, told):
        assert "95 % interval" in text
        assert "0.3520 to 0.4720" in text
        assert "the interval is of the total variation distance" in " ".join(text.split())
    assert "95 % interval" not in panels.text(report_samples.drift())


@pytest.mark.parametrize("ends", [None, [], [0.1], "0.1 to 0.2", [None, 0.2], ["NaN", 0.2], [1, 0]])
def test_an_interval_may_be_anything(ends: object) -> None:
    evidence = {"interval": ends, "interval_of": 3, "distance": "x", "method": "PSI"}
    odd = Finding("a", "a", 0.3, 0.1, "fail", evidence)
    for record in (Report("drift", "fail", (odd,)), Report("drift", "fail", (odd, odd))):
        assert "drifted" in panels.text(record)
        assert "drifted" in panels.html(record)
