"""Multivariate drift: a classifier sees what no column shows, and says by what."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import drift, drift_classifier, drift_over_time
from mlops_nb.checks.drift_profile import profile
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.strict_json import dumps
from tests.unit.checks.unruly import NoHash


def noise(rows: int, seed: int, names: str = "abc") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(rows, len(names))), columns=list(names))


def together(old: pd.DataFrame, new: pd.DataFrame, **options: Any) -> tuple[Report, Finding]:
    report = drift.check(old, new, multivariate=True, **options)
    return report, report.findings[-1]


def drivers(found: Finding) -> list[str]:
    return [each["column"] for each in found.evidence["importances"]]


@pytest.fixture(scope="module")
def flipped() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two columns of the same values as before, of which one is now in the opposite order."""
    old = noise(1000, 0)
    old["b"] += old["a"]
    old = old.sort_values("a", ignore_index=True)
    rest = old["c"].sample(frac=1, random_state=0)
    return old, old.assign(b=old["b"].to_numpy()[::-1], c=rest.to_numpy())


def test_a_correlation_that_turns_round_is_seen_and_named(
    flipped: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    report, found = together(*flipped)
    assert [f.status for f in drift.columns_of(report)] == ["pass"] * 3
    assert (report.findings[0].value, report.findings[0].status) == (0.0, "pass")
    assert (report.status, found.name, found.status) == ("fail", "domain_classifier_auc", "fail")
    assert set(drivers(found)[:2]) == {"a", "b"}
    low, high = found.evidence["interval"]
    assert found.limit == 0.65 < low < found.value < high < 1
    assert "a classifier tells the current rows from the reference (AUC 0." in report.summary
    assert "give most of it away" in report.summary
    assert Report.from_dict(json.loads(dumps(report))) == report


def test_halves_of_the_same_rows_are_not_told_apart() -> None:
    report, found = together(noise(600, 0), noise(600, 1))
    assert (report.status, found.status, drivers(found)) == ("pass", "pass", [])
    assert found.evidence["interval"][1] < 0.65
    assert "a classifier can't tell the frames apart (AUC 0." in report.summary
    assert together(noise(600, 0), noise(600, 1))[1] == found


def test_it_is_not_asked_unless_wanted_and_leaves_the_rest_as_it_was(
    flipped: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    plain, (report, _) = drift.check(*flipped), together(*flipped, auc_threshold=1)
    assert plain.status == "pass"
    assert report.findings[:-1] == plain.findings


@pytest.mark.parametrize(
    ("rows", "shift", "status"),
    [(30, 5, None), (150, 0, "insufficient"), (150, 3, "fail"), (150, 0.9, "insufficient")],
)
def test_few_rows_may_show_drift_but_not_that_there_is_none(
    rows: int, shift: float, status: str | None
) -> None:
    report, found = together(noise(rows, 0), noise(rows, 1).add([shift, 0, 0]))
    assert found.status == (status or "insufficient")
    assert (found.value is None) is (status is None)
    assert report.status == ("fail" if status == "fail" else "insufficient")
    told = {30: "fewer than 50 rows", 150: "" if status == "fail" else "rows"}[rows]
    assert told in found.evidence.get("note", "")


def test_the_limit_can_be_set_and_one_only_tells(
    flipped: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    report, found = together(*flipped, auc_threshold=1, min_evidence=0.5)
    assert (report.status, found.status, found.limit) == ("pass", "pass", 1)
    assert found.evidence["confidence"] == 0.5
    _, lenient = together(*flipped, auc_threshold=0.95)
    assert lenient.status == "pass"
    assert "no better than is allowed" in lenient.evidence["sentence"]


@pytest.mark.parametrize("threshold", [0.4, 1.1, float("nan")])
def test_a_limit_that_no_auc_has_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match=r"auc_threshold must be from 0.5 \(a guess\) to 1"):
        drift.check(noise(9, 0), noise(9, 1), auc_threshold=threshold)


def test_a_profile_has_no_rows_to_tell_apart() -> None:
    with pytest.raises(InputError, match="a profile has no rows that a classifier could tell"):
        drift.check(profile(noise(9, 0)), noise(9, 1), multivariate=True)


def test_a_column_whose_values_raise_is_passed_over() -> None:
    huge = pd.Series([10**400 + n for n in range(300)], dtype=object)
    unruly = pd.Series([NoHash() for _ in range(300)], dtype=object)
    old, new = (noise(300, seed).assign(huge=huge, unruly=unruly) for seed in (0, 1))
    _, found = together(old, new)
    assert found.value is not None
    told = found.evidence["passed_over"]
    assert "too large to convert to float" in told["huge"]
    assert "no hash" in told["unruly"]


def test_more_rows_than_it_learns_from_are_sampled_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drift_classifier, "ROWS", 600)
    report, found = together(noise(900, 0), noise(600, 1))
    note = "the classifier learned from 600 of 900 reference rows, drawn at random"
    assert (found.evidence["n_reference"], found.evidence["n_current"]) == (600, 600)
    assert found.evidence["note"] == note
    assert report.subject["notes"][-1] == f"T{note[1:]}."


def test_many_columns_are_screened_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_classifier, "SCREENED", 4)
    monkeypatch.setattr(drift_classifier, "KEPT", 2)
    names = "abcdefgh"
    _, found = together(noise(500, 0, names), noise(500, 1, names).add([0] * 6 + [2, 1]))
    assert drivers(found)[0] == "g"
    assert len(drivers(found)) <= 2


N = 250


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (["x", "y"], ["x", "z"], "a level that is new"),
        ([1.0, 2.0], [1.0, None], "values that are missing now"),
        ([True, False], [True, True], "booleans"),
        ([2**70, 2**70 + 1], [2**70, 2**71], "whole numbers beyond 64 bits"),
        ([float("inf"), 0.0], [float("-inf"), 0.0], "infinities"),
        ([Decimal(1), Decimal(2)], [Decimal(1), Decimal(9)], "decimals"),
        (pd.Categorical(["x", "y"] * N), pd.Categorical(["x", "z"] * N), "categories"),
        (pd.array([1, None] * N, "Int64"), pd.array([1, 7] * N, "Int64"), "nullable integers"),
        (
            pd.array(["x", None] * N, "string[pyarrow]"),
            pd.array(["x", "q"] * N, "string[pyarrow]"),
            "strings of pyarrow",
        ),
        ([pd.Timedelta(h, "h") for h in (1, 2)], [pd.Timedelta(h, "h") for h in (1, 3)], "spans"),
        ([date(2026, 1, 1), date(2026, 1, 9)], [date(2026, 1, 1), date(2026, 1, 8)], "dates"),
        ([1, "x"], [1, "y"], "mixed types"),
        ([None, None], ["x", "y"], "a column that was empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_values_of_every_type_are_learned_from(old: Any, new: Any, kind: str) -> None:
    frames = [
        noise(2 * N, seed, "b").assign(x=values * N if isinstance(values, list) else values)
        for seed, values in enumerate((old, new))
    ]
    _, found = together(*frames)
    assert drivers(found)[0] == "x", kind
    assert found.value > 0.6
    assert found.evidence["passed_over"] == {}


def test_what_it_can_not_read_is_passed_over_and_said() -> None:
    old, new = (
        noise(500, seed, "a").assign(
            nested=[[1]] * 500,
            mapping=[{"a": 1}] * 500,
            comment=[f"text {seed} {i}" for i in range(500)],
            empty=None,
            changed=["x", "y"] * 250 if seed else 1.0,
            **{f"only{seed}": 1},
        )
        for seed in (0, 1)
    )
    twice = [pd.concat([frame, frame["a"].rename("twice"), frame["a"].rename("twice")], axis=1)
             for frame in (old, new)]  # fmt: skip
    _, found = together(*twice)
    assert found.evidence["passed_over"] == {
        "nested": "its values are nested, or of a type that can't be counted",
        "mapping": "its values are nested, or of a type that can't be counted",
        "comment": "free text",
        "empty": "it has no value",
        "changed": "its values are of different types in the two frames",
        "only0": "only one of the frames has it",
        "only1": "only one of the frames has it",
        "twice": "reference has 2 columns of this name",
    }
    assert (found.status, found.evidence["n_columns"]) == ("pass", 1)
    assert "the classifier passed over `" in found.evidence["note"]
    assert "and 5 more" in found.evidence["note"]


def test_nothing_to_learn_from_is_insufficient() -> None:
    same = pd.DataFrame({"x": ["a"] * 600})
    report, found = together(same, same)
    assert (report.status, found.status, found.value) == ("insufficient", "insufficient", None)
    assert "there is no column to learn from" in report.summary


def test_dates_that_only_move_on_are_no_drift_but_their_hours_may_be() -> None:
    def day(month: int, hours: int) -> pd.DataFrame:
        rng = np.random.default_rng(month)
        at = rng.integers(0, 28, 600) * 24 + rng.integers(0, hours, 600)
        start = pd.Timestamp(2026, month, 2)
        return pd.DataFrame({"at": start + pd.to_timedelta(at, "h"), "b": rng.normal(size=600)})

    _, same = together(day(1, 24), day(2, 24))
    assert same.status == "pass"
    assert "`at` moves on, and is read by weekday and time of day alone" in same.evidence["note"]
    _, moved = together(day(1, 24), day(2, 8))
    assert (moved.status, drivers(moved)[0]) == ("fail", "at")


def test_of_many_levels_the_frequent_ones_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    old, new = (
        pd.DataFrame({"tail": [f"N{i}" for i in rng.integers(0, 900, 2000)], "b": rng.random(2000)})
        for _ in range(2)
    )
    _, found = together(old, new)
    assert found.status == "pass"
    assert found.evidence["note"] == "of `tail` the 254 most frequent levels are told apart"


def test_columns_that_are_left_out_are_not_learned_from(
    flipped: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    _, found = together(*flipped, exclude=["b"])
    assert (found.status, found.evidence["n_columns"]) == ("pass", 2)


def test_batches_have_no_classifier_of_their_own(
    flipped: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    old, new = flipped
    new = new.sample(frac=1, random_state=1)
    report = drift_over_time.check(old, new, every=500, multivariate=True)
    whole, found = report.findings[0], report.findings[-1]
    assert (report.status, found.name) == ("fail", drift_classifier.AUC)
    assert [batch["status"] for batch in whole.evidence["over_time"]] == ["pass", "pass"]
    assert "AUC" not in whole.evidence["sentence"]
    assert "0 of 2 batches drifted" in report.summary
