"""Drift with evidence: intervals decide, p-values are adjusted, Evidently's verdict stays."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import drift
from mlops_nb.checks.drift_methods import BY_KEY
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Report
from mlops_nb.core.strict_json import dumps
from mlops_nb.stats import corrections
from mlops_nb.stats.distance_intervals import distance_interval, total_variation


def pair(rows: int, shift: float, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    return (
        pd.DataFrame({"x": rng.normal(size=rows)}),
        pd.DataFrame({"x": rng.normal(shift, 1, rows)}),
    )


def test_by_default_the_status_is_evidentlys_and_no_interval_is_made() -> None:
    found = drift.check(*pair(1500, 0.1)).finding("x")
    assert "interval" not in found.evidence
    assert (found.status == "fail") is found.evidence["drifted"]


@pytest.mark.parametrize(
    ("rows", "shift", "status"),
    [(1500, 0.1, "insufficient"), (1500, 0.4, "fail"), (20_000, 0.0, "pass")],
)
def test_a_distance_is_decided_by_its_interval(rows: int, shift: float, status: str) -> None:
    report = drift.check(*pair(rows, shift), min_evidence=0.95)
    found = report.finding("x")
    low, high = found.evidence["interval"]
    assert 0 <= low <= found.value <= high
    assert found.status == status == report.status
    assert found.evidence["drifted"] is (found.value >= 0.1)
    assert ("too few rows to say" in found.evidence.get("note", "")) is (status == "insufficient")


@pytest.mark.parametrize(
    ("rows", "shift", "status"), [(60, 0.0, "insufficient"), (900, 0.0, "pass"), (900, 0.5, "fail")]
)
def test_a_test_without_alarm_passes_only_if_it_could_have_seen_one(
    rows: int, shift: float, status: str
) -> None:
    found = drift.check(*pair(rows, shift, seed=3), min_evidence=0.95).finding("x")
    assert (found.status, found.evidence["method"]) == (status, "K-S p_value")
    assert found.evidence["interval_of"] == "Kolmogorov-Smirnov distance"
    low, high = found.evidence["interval"]
    assert low <= found.evidence["distance"] <= high


def test_an_alarm_over_a_rare_level_is_not_enough_evidence() -> None:
    old = pd.DataFrame({"x": ["a", "b"] * 200})
    new = pd.DataFrame({"x": ["a", "b"] * 199 + ["c", "c"]})
    assert drift.check(old, new).finding("x").status == "fail"
    found = drift.check(old, new, min_evidence=0.95).finding("x")
    assert (found.status, found.evidence["drifted"]) == ("insufficient", True)
    assert "total variation distance may be 0 (95 %)" in found.evidence["note"]


@pytest.mark.parametrize("key", [key for key, m in BY_KEY.items() if "text" not in m.kinds])
def test_every_method_has_an_interval_of_its_own_or_beside_it(key: str) -> None:
    old, new = pair(300, 0.3)
    if "num" not in BY_KEY[key].kinds:
        old, new = ((f > 0).astype(str) for f in (old, new))
    report = drift.check(old, new, methods=key, min_evidence=0.9)
    evidence = report.finding("x").evidence
    low, high = evidence["interval"]
    assert 0 <= low <= high
    assert ("interval_of" in evidence) is BY_KEY[key].is_p_value
    assert evidence["confidence"] == 0.9
    assert Report.from_dict(json.loads(dumps(report))) == report
    again = drift.check(old, new, methods=key, min_evidence=0.9)
    assert again.findings == report.findings


@pytest.mark.parametrize(
    ("rows", "confidence", "said"), [(500, 0.0, True), (2_000, 0.0, False), (500, 0.95, False)]
)
def test_a_column_that_drifted_among_few_rows_comes_with_a_way_to_be_sure(
    rows: int, confidence: float, said: bool
) -> None:
    old = pd.DataFrame({"x": np.arange(rows)})
    report = drift.check(old, old + rows, min_evidence=confidence)
    assert ("--min-evidence" in str(report.subject.get("notes"))) is said
    assert "notes" not in drift.check(old, old, min_evidence=confidence).subject


def test_texts_keep_evidentlys_verdict() -> None:
    words = pd.DataFrame({"x": [f"rain wind {i}" for i in range(60)]})
    found = drift.check(words, words, min_evidence=0.95).finding("x")
    assert "interval" not in found.evidence
    assert found.status == "pass"


def test_a_correction_spares_what_one_test_in_many_would_alarm_by_chance() -> None:
    rng = np.random.default_rng(1)
    names = [f"n{i}" for i in range(60)]
    old, new = (pd.DataFrame(rng.normal(size=(300, 60)), columns=names) for _ in range(2))
    new["n0"] += 1
    plain, holm, bh = (drift.check(old, new, correction=c) for c in ("none", "holm", "bh"))
    alarms = [{f.name for f in r.findings[1:] if f.status == "fail"} for r in (plain, holm, bh)]
    assert len(alarms[0]) > 1
    assert alarms[1] == {"n0"}
    assert alarms[1] <= alarms[2] <= alarms[0]
    spared = holm.finding(sorted(alarms[0] - alarms[1])[0])
    assert spared.evidence["drifted"] is True
    assert (spared.evidence["correction"], spared.evidence["tests"]) == ("holm", 60)
    assert spared.value < 0.05 < spared.evidence["p_adjusted"]
    assert "no drift after correction for 60 tests (holm)" in spared.evidence["note"]
    assert holm.findings[0].value == 1 / 60


def test_distances_are_not_corrected() -> None:
    found = drift.check(*pair(1500, 0.4), correction="holm").finding("x")
    assert (found.status, "p_adjusted" in found.evidence) == ("fail", False)


def test_corrections_are_those_of_r() -> None:
    p = [0.01, 0.02, 0.03, 0.04, 0.05]  # p.adjust(p, "holm"), p.adjust(p, "BH")
    assert corrections.holm(p).round(9).tolist() == [0.05, 0.08, 0.09, 0.09, 0.09]
    assert corrections.benjamini_hochberg(p).round(9).tolist() == [0.05] * 5
    assert corrections.holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_an_interval_covers_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        old, new = (rng.multinomial(800, p).astype(float) for p in ([0.5, 0.5], [0.4, 0.6]))
        value = float(total_variation(old / 800, new / 800))
        low, high = distance_interval(total_variation, old, new, value, 0.95, rng)
        held += low <= 0.1 <= high
    assert held / 300 == pytest.approx(0.95, abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_evidence": 1.0}, "min_evidence must be from 0 to below 1, such as 0.95, not 1.0"),
        ({"min_evidence": float("nan")}, "not nan"),
        ({"correction": "hom"}, "unknown correction 'hom'; did you mean 'holm'?"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        drift.check(*pair(50, 0), **arguments)  # type: ignore[arg-type]
    assert message in str(caught.value)
