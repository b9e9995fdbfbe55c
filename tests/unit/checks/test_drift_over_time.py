"""Drift over time: batches by date, by value and by rows, each as if it were compared alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb import panels
from mlops_nb.checks import drift, drift_classifier, drift_over_time, drift_profile
from mlops_nb.checks.drift import SHARE
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report
from mlops_nb.flows import checks as flows
from mlops_nb.flows.context import Context
from mlops_nb.project import Project


def frame(rows: int = 900, start: str = "2026-01-01") -> pd.DataFrame:
    """Ninety days of which the third month has moved."""
    rng = np.random.default_rng(1)
    when = pd.Timestamp(start) + pd.to_timedelta(np.arange(rows) * 90 / rows, "D")
    moved = (when >= "2026-03-01").astype(float)
    return pd.DataFrame(
        {
            "when": when,
            "temp": rng.normal(size=rows) + 3 * moved,
            "wind": rng.normal(size=rows),
            "level": np.where(moved > 0, "b", "a"),
            "batch": 1 + np.arange(rows) // 300,
        }
    )


REFERENCE = frame()[lambda f: f["when"] < "2026-02-01"]
CURRENT = frame().sample(frac=1, random_state=3)  # in no order
DATA = ["temp", "wind", "level"]


def told(report: Report, *keys: str) -> list[Any]:
    batches = report.finding(SHARE).evidence["over_time"]
    return [tuple(batch[key] for key in keys) for batch in batches]


def test_months_are_compared_each_as_if_it_were_alone() -> None:
    report = mlops_nb.drift(REFERENCE, CURRENT, by="when", every="month", exclude=["batch"])
    assert told(report, "batch", "status") == [
        ("2026-01", "pass"),
        ("2026-02", "pass"),
        ("2026-03", "fail"),
    ]
    for label, share, rows in told(report, "batch", "share", "rows"):
        month = CURRENT[CURRENT["when"].dt.strftime("%Y-%m") == label]
        alone = drift.check(REFERENCE, month, columns=DATA, types={"level": "cat"})
        assert (alone.finding(SHARE).value, len(month)) == (share, rows)
    (worst,) = told(report, "worst")[2]
    assert {item["column"] for item in worst} == {"temp", "level"}
    assert "1 of 3 batches drifted: `2026-03`; `level` was furthest" in report.summary
    assert [f.name for f in report.findings if f.name == "when"] == []
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()


def test_all_current_data_are_judged_as_without_batches() -> None:
    report = drift_over_time.check(REFERENCE, CURRENT, by="when", every="day")
    plain = drift.check(REFERENCE, CURRENT, exclude=["when"])
    without = [
        replace(f, evidence={k: v for k, v in f.evidence.items() if k != "over_time"})
        for f in report.findings[1:]
    ]
    assert (report.status, without) == (plain.status, list(plain.findings[1:]))
    assert len(told(report, "batch")) == 90


@pytest.mark.parametrize(
    ("by", "every", "labels"),
    [
        ("when", "week", "2025-12-29"),
        ("when", None, "2025-12-29"),
        ("batch", None, "1"),
        ("level", None, "a"),
        ("when", 300, "rows 1 to 300"),
        (None, "450", "rows 1 to 450"),
    ],
)
def test_batches_are_in_order_and_hold_every_row_once(by: Any, every: Any, labels: str) -> None:
    current = CURRENT.sort_values("level", kind="stable")
    report = drift_over_time.check(REFERENCE, current, by=by, every=every)
    batches = told(report, "batch", "rows")
    assert batches[0][0] == labels
    assert sum(rows for _, rows in batches) == len(current)
    if by == "when":
        assert [status for (status,) in told(report, "status")][-1] == "fail"


def test_dates_of_other_types_make_the_same_batches() -> None:
    expected = told(drift_over_time.check(REFERENCE, CURRENT, by="when", every="month"), "rows")
    when = CURRENT["when"]
    for dates in (
        when.dt.tz_localize("Asia/Tokyo"),
        when.dt.date,
        when.dt.strftime("%Y-%m-%dT%H:%M"),
        when.dt.strftime("%Y-%m-%d %H:%M:%S.%fZ"),
        when.dt.strftime("%Y-%m-%d").astype("category"),
        when.astype("timestamp[ns][pyarrow]"),
    ):
        held = CURRENT.assign(when=dates)
        found = drift_over_time.check(REFERENCE, held, by="when", every="month")
        assert told(found, "rows") == expected, dates.dtype


def test_dates_without_a_time_are_read_to_the_day() -> None:
    current = CURRENT.assign(when=CURRENT["when"].dt.strftime("%Y-%m-%d"))
    found = drift_over_time.check(REFERENCE, current, by="when", every="day")
    expected = drift_over_time.check(REFERENCE, CURRENT, by="when", every="day")
    assert told(found, "batch", "rows") == told(expected, "batch", "rows")
    assert found.subject["notes"][1:] == ["`when` makes the batches and is not compared."]


def test_rows_without_a_date_belong_to_no_batch_and_are_told() -> None:
    current = CURRENT.assign(when=CURRENT["when"].where(CURRENT["wind"] < 1))
    report = drift_over_time.check(REFERENCE, current, by="when", every="month")
    lost = int((CURRENT["wind"] >= 1).sum())
    assert sum(rows for (rows,) in told(report, "rows")) == len(current) - lost
    assert report.subject["notes"][-1] == (
        f"{lost:,} rows have no value in `when` and belong to no batch."
    )


def test_a_column_is_read_in_each_batch_as_in_all_of_them() -> None:
    # Six distinct whole numbers would be levels, were the first batch alone.
    old = pd.DataFrame({"floor": np.arange(300) % 30})
    new = pd.DataFrame({"floor": np.r_[np.arange(300) % 6, np.arange(300) % 30]})
    alone = drift.check(old, new[:300], types={"floor": "num"}).finding("floor")
    report = drift_over_time.check(old, new, every=300)
    assert told(report, "worst")[0] == ([{"column": "floor", "value": alone.value}],)
    assert alone.value != drift.check(old, new[:300]).finding("floor").value


def test_a_profile_serves_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = drift_profile.profile(REFERENCE)
    from_profile = drift_over_time.check(kept, CURRENT, by="when", every="month")

    made = []
    monkeypatch.setattr(
        drift_over_time, "profile", lambda data: made.append(1) or drift_profile.profile(data)
    )
    from_data = drift_over_time.check(REFERENCE, CURRENT, by="when", every="month")
    assert from_profile.findings[0] == from_data.findings[0]
    assert made == [1]


def test_a_column_says_when_it_was_furthest_from_the_reference() -> None:
    report = drift_over_time.check(REFERENCE, CURRENT, by="when", every="month", columns=DATA)
    assert report.findings[0].evidence["furthest"] == ["level", "temp", "wind"]
    course = report.finding("temp").evidence["over_time"]
    assert (course["furthest"], course["statuses"][-1]) == ("2026-03", "fail")
    assert course["values"] == [
        drift.check(
            REFERENCE, CURRENT[CURRENT["when"].dt.strftime("%Y-%m") == month], columns=["temp"]
        )
        .findings[1]
        .value
        for month in ("2026-01", "2026-02", "2026-03")
    ]
    assert course["value"] == min(course["values"]) == course["values"][2]  # p-values
    said = "`temp` was furthest from the reference in March 2026: moved up by"
    assert course["sentence"].startswith(said)
    quiet = report.finding("wind").evidence["over_time"]
    assert quiet["sentence"].endswith("and had not drifted there")


def test_batches_that_are_as_far_are_not_told_apart() -> None:
    far = pd.DataFrame(
        {"temp": np.r_[np.zeros(900), np.full(900, 9.0)], "at": [1] * 900 + [2] * 900}
    )
    report = drift_over_time.check(REFERENCE, far, by="at", methods="ks", columns=["temp"])
    assert report.finding("temp").evidence["over_time"]["furthest"] == "2"
    far["temp"] = 9.0
    report = drift_over_time.check(REFERENCE, far, by="at", methods="ks", columns=["temp"])
    course = report.finding("temp").evidence["over_time"]
    assert course["furthest"] is None
    assert "in 2 batches alike, with a score of " in course["sentence"]
    assert "several" in panels.text(report)


def test_dates_of_several_zones_count_as_their_clocks_showed_them() -> None:
    local = CURRENT["when"].dt.floor("s")
    summer = np.arange(len(local)) % 2 == 0
    texts = local.dt.strftime("%Y-%m-%dT%H:%M:%S") + np.where(summer, "+02:00", "+01:00")
    zones = [
        date.tz_localize("Europe/Berlin" if even else "Asia/Tokyo")
        for date, even in zip(local, summer, strict=True)
    ]
    for dates in (texts, pd.Series(zones, index=local.index, dtype=object)):
        held = CURRENT.assign(when=dates)
        found = drift_over_time.check(REFERENCE, held, by="when", every="month")
        expected = drift_over_time.check(REFERENCE, CURRENT, by="when", every="month")
        assert told(found, "batch", "rows") == told(expected, "batch", "rows")
        assert "`when` has several time zones: each date counts as" in found.subject["notes"][-1]


def test_settings_make_the_batches_unless_others_are_given(tmp_path: Path) -> None:
    text = '[drift]\nby = "when"\nevery = "month"\nexclude = ["batch"]\n'
    (tmp_path / "mlops.toml").write_text(text)
    project = Project.at(tmp_path)
    context = Context(project, tmp_path, None)
    by_month = flows.drift(context, REFERENCE, CURRENT)
    assert len(told(by_month, "batch")) == 3
    assert len(told(flows.drift(context, REFERENCE, CURRENT, every="day"), "batch")) == 90
    by_level = flows.drift(context, REFERENCE, CURRENT, by="level")
    assert sorted(told(by_level, "batch")) == [("a",), ("b",)]
    assert "over_time" not in flows.drift(context, REFERENCE, CURRENT, by="").findings[0].evidence


@pytest.mark.parametrize(
    ("by", "every", "error", "message"),
    [
        ("whne", None, NotFoundError, "unknown column to go by 'whne'; did you mean 'when'"),
        ("when", "mnth", NotFoundError, "unknown period 'mnth'; did you mean 'month'"),
        ("when", 0, InputError, "1 row at least, not 0"),
        ("batch", "month", InputError, "every month needs dates, and `batch` holds integer"),
        ("level", "day", InputError, "`level` can't be read as dates"),
        (None, "day", InputError, "every day needs dates; --by COLUMN"),
        ("temp", None, InputError, "these are 900 batches, and 400 at most can be shown"),
        (None, 2, InputError, "these are 450 batches, .*; --every 3 makes fewer"),
        ("long", "day", InputError, "these are 900 batches, .*; --every month makes fewer"),
        ("nothing", None, InputError, "there is no batch"),
        ("lists", None, InputError, "can't be told apart"),
    ],
)
def test_what_makes_no_batches_is_refused(by: Any, every: Any, error: Any, message: str) -> None:
    long = pd.date_range("2000-01-01", periods=len(CURRENT), freq="10D")
    current = CURRENT.assign(nothing=None, lists=[[1]] * len(CURRENT), long=long)
    with pytest.raises(error, match=message):
        drift_over_time.check(REFERENCE, current, by=by, every=every)


def test_the_panel_draws_the_batches_and_tells_them_in_a_table() -> None:
    hostile = CURRENT.assign(batch=CURRENT["level"].replace({"b": "<script>alert(1)</script>"}))
    report = drift_over_time.check(REFERENCE, hostile, by="batch")
    page = panels.html(report)
    assert "alert(1)" in page
    assert "<script" not in page
    assert page.count("data:image/svg+xml") >= 2
    report = drift_over_time.check(REFERENCE, CURRENT, by="when", every="day")
    assert len(panels.html(report).encode()) < 100_000
    text = " ".join(panels.text(report).split())
    assert "The share of drifted columns in 90 batches, against the limit of 50 %" in text
    assert "✗ drifted 2026-03-05" in text


@pytest.mark.parametrize(
    "odd",
    [
        5,
        [5],
        [{}],
        [{"batch": None, "share": "much", "status": [], "worst": 3, "rows": None}],
        [{"batch": "a", "share": float("nan"), "status": "pass", "worst": [1, {}]}],
        [{"batch": "a", "share": 1e300, "status": "fail", "worst": None}],
    ],
)
def test_a_stored_report_with_odd_batches_is_drawn(odd: Any) -> None:
    report = drift.check(REFERENCE, CURRENT)
    whole = report.findings[0]
    held = replace(whole, limit=None, evidence={**whole.evidence, "over_time": odd})
    report = replace(report, findings=(held, *report.findings[1:]))
    assert "temp" in panels.text(report)
    assert "temp" in panels.html(report)


def test_a_column_that_is_called_as_a_finding_is_no_such_finding() -> None:
    names = {"temp": drift.SHARE, "wind": drift_classifier.AUC}
    old, new = (data.rename(columns=names) for data in (REFERENCE, frame()))
    report = drift_over_time.check(old, new, by="when", exclude=["batch"], multivariate=True)
    assert [f.name for f in report.findings if f.column is None] == [SHARE, drift_classifier.AUC]
    for name in names.values():
        assert "values" in report.finding(name, name).evidence["over_time"]
    assert "over_time" not in report.findings[-1].evidence
