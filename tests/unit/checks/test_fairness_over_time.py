"""Fairness over time: each batch as if it were judged alone, with the groups of all rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb import panels
from mlops_nb.checks import fairness
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report
from mlops_nb.flows import model_checks as flows
from mlops_nb.flows.context import Context
from mlops_nb.project import Project

PARITY = "demographic_parity_difference"


def frame(rows: int = 12_000, months: int = 3) -> pd.DataFrame:
    """Months in which the gap between the sexes widens from none to 0.4."""
    rng = np.random.default_rng(5)
    month = np.arange(rows) * months // rows
    sex = rng.choice(["f", "m"], rows)
    rate = 0.3 + 0.4 * month / (months - 1) * (sex == "m")
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2026-01-15") + pd.to_timedelta(month * 31, "D"),
            "sex": sex,
            "y": rng.integers(0, 2, rows),
            "p": (rng.random(rows) < rate).astype(int),
            "age": rng.integers(20, 70, rows),
        }
    )


DATA = frame()


def judged(data: pd.DataFrame = DATA, **options: Any) -> Report:
    given = {"label": "y", "prediction": "p", "sensitive": ["sex"], "metrics": [PARITY], **options}
    return fairness.check(data, **given)


def told(report: Report, *keys: str, at: int = 0) -> list[Any]:
    return [
        tuple(batch[key] for key in keys) for batch in report.findings[at].evidence["over_time"]
    ]


def test_each_batch_is_judged_as_if_it_were_alone() -> None:
    report = judged(by="when", every="month", metrics=None)
    assert told(report, "batch", "rows", "status") == [
        ("2026-01", 4000, "pass"),
        ("2026-02", 4000, "fail"),
        ("2026-03", 4000, "fail"),
    ]
    for place, finding in enumerate(report.findings):
        for month, value, bounds, status in told(
            report, "batch", "value", "bounds", "status", at=place
        ):
            rows = DATA[DATA["when"].dt.strftime("%Y-%m") == month]
            alone = judged(rows, metrics=None).findings[place]
            assert (alone.name, alone.value, alone.status) == (finding.name, value, status)
            assert alone.evidence["bounds"] == bounds
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()


def test_the_verdict_stays_that_of_all_rows_and_the_words_name_the_worst_batch() -> None:
    report, plain = judged(by="when", every="month"), judged()
    assert (report.status, report.findings[0].value) == (plain.status, plain.findings[0].value)
    said = "of 3 batches 2 missed the limit, 1 kept it; highest in March 2026: 0.4"
    assert said in report.findings[0].evidence["over_time_sentence"]
    assert report.summary.startswith(plain.summary)
    assert said in report.summary
    assert report.subject["batches"] == 3


def test_a_group_that_a_batch_hardly_has_makes_it_insufficient() -> None:
    few = DATA[(DATA["sex"] == "f") | (DATA["when"] > "2026-02-01") | (DATA.index < 20)]
    few = few.assign(p=few["p"].where((few["sex"] == "f") | (few.index >= 20), 1))
    report = judged(few, by="when", every="month")
    first, *others = report.findings[0].evidence["over_time"]
    assert (first["status"], first["below"]) == ("insufficient", ["m"])
    assert first["value"] > max(other["value"] for other in others)
    assert "highest in March 2026" in report.summary  # among those that there is evidence of
    none = DATA[(DATA["sex"] == "f") | (DATA["when"] > "2026-02-01")]
    report = judged(none, by="when", every="month")
    assert told(report, "status", "below")[0] == ("insufficient", ["m"])


def test_groups_classes_and_cuts_are_those_of_all_rows() -> None:
    # In January nobody is positive, and all are young: alone it could not be read.
    old = DATA["when"] > "2026-02-01"
    data = DATA.assign(y=np.where(old, DATA["y"], 0), age=np.where(old, DATA["age"], 21))
    metrics = ["selection_rate_difference", "true_positive_rate_difference"]
    report = judged(data, sensitive=["age"], metrics=metrics, by="when", every="month")
    assert len(report.findings[0].evidence["groups"]) == report.subject["groups"] > 2
    assert told(report, "status", at=1)[0] == ("insufficient",)
    assert len(report.findings[0].evidence["over_time"][0]["below"]) == report.subject["groups"] - 1


def test_a_metric_without_a_limit_is_judged_in_no_batch() -> None:
    report = judged(by="when", every="month", difference_limit=None)
    assert report.findings[0].limit is None
    assert told(report, "status") == [("pass",)] * 3
    said = report.findings[0].evidence["over_time_sentence"]
    assert said.startswith(f"`{PARITY}`: of 3 batches none was judged; highest in March 2026: 0.4")
    text = panels.text(report).partition("Over time")[2].partition("Who is in")[0]
    assert "✓" not in text
    assert "0 of 3" not in text


def test_a_ratio_that_is_shown_and_not_judged_is_so_in_every_batch() -> None:
    falses = {"f": 120, "m": 110}
    cells = [
        (sex, truth, guess, n)
        for sex, n_false in falses.items()
        for truth, guess, n in ((1, 1, 2000), (0, 1, n_false), (0, 0, 2000 - n_false))
    ]
    data = pd.DataFrame(
        [cell[:3] for cell in cells for _ in range(cell[3])], columns=["sex", "y", "p"]
    )
    data["half"] = data.index % 2
    report = judged(data, metrics=None, by="half")
    finding = report.finding("equalized_odds_ratio")
    assert finding.evidence["unjudged"] == 0.8
    assert {batch["status"] for batch in finding.evidence["over_time"]} == {"pass"}
    assert "none was judged" in finding.evidence["over_time_sentence"]


def test_each_class_is_judged_in_each_batch() -> None:
    classes = np.array(["bus", "car", "train"])
    truth = classes[np.arange(len(DATA)) % 3]
    guess = np.where(DATA["p"] == 1, truth, "car")
    report = judged(DATA.assign(y=truth, p=guess), metrics=None, by="when", every="month")
    within = {finding.column: finding.evidence["over_time"] for finding in report.findings}
    assert [batch["rows"] for batch in within["class = train"]] == [4000] * 3
    assert "(class = train): of 3 batches" in report.findings[-1].evidence["over_time_sentence"]


def test_batches_within_control_features_are_apart() -> None:
    data = DATA.assign(site=np.where(DATA.index % 4 == 0, "north", "south"))
    report = judged(data, control=["site"], by="when", every="month")
    assert [f.column for f in report.findings] == ["site = north", "site = south"]
    assert [rows for (rows,) in told(report, "rows", at=0)] == [1000] * 3
    assert [rows for (rows,) in told(report, "rows", at=1)] == [3000] * 3
    assert "within" in panels.text(report)


def test_rows_that_are_left_out_are_in_no_batch() -> None:
    data = DATA.assign(
        y=DATA["y"].where(DATA.index % 2 == 0), when=DATA["when"].where(DATA.index > 9)
    )
    report = judged(data, by="when", every="month")
    assert [rows for (rows,) in told(report, "rows")] == [1995, 2000, 2000]
    assert "10 rows have no value in `when` and belong to no batch." in report.subject["notes"]


def test_an_own_metric_goes_over_time_too() -> None:
    def share_right(truth: Any, predicted: Any) -> float:
        return float((truth == predicted).mean()) if len(truth) else float("nan")

    report = judged(metrics=[share_right], by="when", every="month")
    assert len(told(report, "value")) == 3


@pytest.mark.parametrize(
    ("by", "every", "error", "message"),
    [
        ("whne", None, NotFoundError, "unknown column to go by 'whne'; did you mean 'when'"),
        ("sex", None, InputError, "'sex' can't make both the groups and the batches"),
        ("y", "week", InputError, "every week needs dates, and `y` holds integer values"),
        ("when", "mnth", NotFoundError, "unknown period 'mnth'; did you mean 'month'"),
        (None, 1, InputError, "these are 12,000 batches, and 400 at most can be shown"),
        ("hour", "day", InputError, "400 at most can be shown.*; --every week makes fewer"),
    ],
)
def test_what_makes_no_batches_is_refused(by: Any, every: Any, error: Any, message: str) -> None:
    data = DATA.assign(hour=pd.date_range("2020-01-01", periods=len(DATA), freq="4h"))
    with pytest.raises(error, match=message):
        judged(data, by=by, every=every)


def test_one_batch_is_told_as_one() -> None:
    report = judged(DATA[:4000], by="when", every="month")
    assert "of 1 batch 1 kept it; highest in January 2026" in report.summary
    assert len(panels.html(report).encode()) < 100_000


def test_settings_make_the_batches(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text('[fairness]\nby = "when"\nevery = "month"\n')
    context = Context(Project.at(tmp_path), tmp_path)
    given = {"label": "y", "prediction": "p", "sensitive": "sex"}
    assert len(told(flows.fairness(context, DATA, **given), "batch")) == 3
    assert len(told(flows.fairness(context, DATA, **given, every=6000), "batch")) == 2
    assert "over_time" not in flows.fairness(context, DATA, **given, by="").findings[0].evidence


def test_data_without_the_column_of_the_setting_are_told_of_the_setting(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text('[fairness]\nby = "day"\n')
    context = Context(Project.at(tmp_path), tmp_path)
    arrays = {"label": DATA["y"], "prediction": DATA["p"], "sensitive": DATA["sex"]}
    for data, given in (
        (DATA, {"label": "y", "prediction": "p", "sensitive": "sex"}),
        (None, arrays),
    ):
        with pytest.raises(
            InputError,
            match=r"unknown .*'day'.*; fairness\.by in mlops\.toml asks for it, --by '' goes",
        ):
            flows.fairness(context, data, **given)
        assert flows.fairness(context, data, **given, by="").subject.get("batches") is None


def test_a_setting_that_makes_the_groups_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text('[fairness]\nby = "sex"\n')
    context = Context(Project.at(tmp_path), tmp_path)
    with pytest.raises(InputError, match=r"'sex'.*; fairness\.by in mlops\.toml asks for it"):
        flows.fairness(context, DATA, label="y", prediction="p", sensitive="sex")


def test_too_many_texts_are_told_of_dates() -> None:
    texts = DATA.assign(at=[f"2026-01-01T{n}" for n in range(len(DATA))])
    with pytest.raises(InputError, match="of dates --every month makes fewer, and"):
        judged(texts, by="at")


@pytest.mark.parametrize("by", [DATA["when"], DATA["when"].to_numpy(), [*DATA["when"]]])
def test_an_array_makes_the_batches(by: Any) -> None:
    report = mlops_nb.fairness(
        label=DATA["y"], prediction=DATA["p"], sensitive=DATA["sex"], by=by, every="month"
    )
    assert told(report, "batch", "rows") == [(f"2026-0{n}", 4000) for n in (1, 2, 3)]


def test_the_panel_draws_the_trend_and_tells_it_in_a_table() -> None:
    report = mlops_nb.fairness(
        DATA, label="y", prediction="p", sensitive="sex", by="when", every="month"
    )
    text = " ".join(panels.text(report).split())
    assert "Over time metric value and bounds over time allowed failed" in text
    assert "✗ fail 2026-03 4,000" in text
    assert "These are the worst 2 of 6 metrics" in text
    page = panels.html(report)
    assert "highest in March 2026" in page
    assert "demographic_parity_difference in 3 batches, from 0." in page


def test_many_batches_of_hostile_names_stay_small() -> None:
    data = DATA.assign(batch=[f"<script>{n // 30}</script>" for n in range(len(DATA))])
    report = judged(data, by="batch", metrics=None, draws=100)
    page = panels.html(report)
    assert len(told(report, "batch")) == 400
    assert len(page.encode()) <= 100_000
    assert "<script" not in page


@pytest.mark.parametrize(
    "odd",
    [
        5,
        [5],
        [{}],
        [{"batch": None, "value": "much", "status": [], "bounds": 3, "rows": None}],
        [{"batch": "a", "value": float("nan"), "bounds": [0, None], "status": "pass"}],
        [{"batch": "a", "value": 1e300, "bounds": [-1e300, 1e300], "status": "fail"}],
    ],
)
def test_a_stored_report_with_odd_batches_is_drawn(odd: Any) -> None:
    report = judged()
    held = replace(
        report.findings[0], limit=None, evidence={**report.findings[0].evidence, "over_time": odd}
    )
    report = replace(report, findings=(held,))
    assert PARITY in panels.text(report)
    assert PARITY in panels.html(report)
