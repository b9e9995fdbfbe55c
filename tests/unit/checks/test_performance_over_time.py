"""Performance over time: each batch as if it were measured alone, with the classes of all rows."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb import panels
from mlops_nb.checks import performance
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report
from mlops_nb.flows import model_checks as flows
from mlops_nb.flows.context import Context
from mlops_nb.project import Project

MONTHS = ("2026-01", "2026-02", "2026-03")


def frame(rows: int = 6000) -> pd.DataFrame:
    """Months in which a score loses what it knows."""
    rng = np.random.default_rng(5)
    month = np.arange(rows) * 3 // rows
    truth = rng.integers(0, 2, rows)
    score = np.clip(0.3 + (0.4 - 0.15 * month) * truth + rng.normal(0, 0.2, rows), 0, 1)
    return pd.DataFrame(
        {
            "when": pd.Timestamp("2026-01-15") + pd.to_timedelta(month * 31, "D"),
            "y": truth,
            "s": score,
            "p": (score > 0.5).astype(int),
            "kind": np.array(["bus", "car", "train"])[rng.integers(0, 3, rows)],
            "paid": rng.normal(1000, 200, rows),
        }
    )


DATA = frame()


def measured(data: pd.DataFrame = DATA, **options: Any) -> Report:
    given = {"label": "y", "prediction": "p", "draws": 200, "by": "when", "every": "month"}
    return performance.check(data, **{**given, **options})


def told(report: Report, *keys: str, at: int = 0) -> list[Any]:
    return [
        tuple(batch[key] for key in keys) for batch in report.findings[at].evidence["over_time"]
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"score": "s", "limits": {"accuracy": 0.75, "brier": 0.2}},
        {"label": "kind", "prediction": "guess"},
        {"label": "paid", "prediction": "foretold"},
    ],
    ids=["binary", "multiclass", "regression"],
)
def test_each_batch_is_measured_as_if_it_were_alone(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    data = DATA.assign(
        guess=np.where(rng.random(len(DATA)) < 0.8, DATA["kind"], "car"),
        foretold=DATA["paid"] + rng.normal(0, 50, len(DATA)),
    )
    report = measured(data, **options)
    assert told(report, "batch", "rows") == [(month, 2000) for month in MONTHS]
    for month in MONTHS:
        rows = data[data["when"].dt.strftime("%Y-%m") == month]
        alone = measured(rows, **options, by=None, every=None)
        for place, finding in enumerate(alone.findings):
            batch = told(report, "value", "interval", "status", at=place)[MONTHS.index(month)]
            assert batch == (finding.value, finding.evidence["interval"], finding.status)
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()


def test_the_verdict_stays_that_of_all_rows_and_the_words_name_the_worst_batch() -> None:
    options: dict[str, Any] = {"limits": {"accuracy": 0.75}, "metrics": ["accuracy", "recall"]}
    report, plain = measured(**options), measured(**options, by=None, every=None)
    assert (report.status, report.finding("accuracy").value) == (
        plain.status,
        plain.finding("accuracy").value,
    )
    said = "`accuracy`: of 3 batches 2 missed the limit, 1 kept it; lowest in March 2026: 0.5"
    assert said in report.summary
    assert report.summary.startswith(plain.summary)
    assert report.subject["batches"] == 3
    assert any("of those at a limit up to 2.5 %" in note for note in report.subject["notes"])


def test_the_last_batch_is_told_where_another_was_worst() -> None:
    back = DATA.assign(when=DATA["when"].to_numpy()[::-1])
    said = measured(back).findings[0].evidence["over_time_sentence"]
    assert "none was judged; lowest in January 2026: 0.5" in said
    assert ", last in March 2026: 0.82" in said
    errors = measured(DATA.assign(s=DATA["paid"] / 2), label="paid", prediction="s").findings[0]
    assert (
        "`mae`: of 3 batches none was judged; highest in" in errors.evidence["over_time_sentence"]
    )


def test_a_handful_of_rows_is_not_called_the_worst() -> None:
    few = DATA[(DATA["when"] < "2026-03-01") | (DATA["y"] != DATA["p"]) & (DATA.index > 5900)]
    report = measured(few[:4020], limits={"accuracy": 0.5})
    assert told(report, "rows", "value")[-1] == (20, 0.0)
    assert "lowest in February 2026" in report.summary
    text = panels.text(report)
    assert "2026-03" in text
    assert "from 0.6 to 1" in text  # the axis is not stretched by it either


def test_what_a_batch_does_not_have_is_not_measured_there() -> None:
    data = DATA.assign(
        y=np.where(DATA["when"] < "2026-02-01", 0.0, DATA["y"]),
        s=DATA["s"].where(DATA["when"] < "2026-03-01"),
    )
    report = measured(data, prediction=None, score="s", limits={"roc_auc": 0.6})
    first, second, third = report.finding("roc_auc").evidence["over_time"]
    assert (first["value"], first["status"]) == (None, "insufficient")  # of one class
    assert isnan(first["interval"][0])
    assert second["value"] > 0.6
    assert (third["rows"], third["value"], third["status"]) == (0, None, "insufficient")
    assert "lowest in February 2026" in report.summary
    assert "roc_auc in 3 batches, from – to –" in panels.html(report)
    assert len(panels.html(report).encode()) < 100_000
    assert Report.from_dict(report.to_dict()).to_dict() == report.to_dict()


def test_rows_that_are_left_out_are_in_no_batch() -> None:
    data = DATA.assign(
        y=DATA["y"].where(DATA.index % 2 == 0), when=DATA["when"].where(DATA.index > 9)
    )
    report = measured(data)
    assert told(report, "rows") == [(995,), (1000,), (1000,)]
    assert "10 rows have no value in `when` and belong to no batch." in report.subject["notes"]


@pytest.mark.parametrize(
    ("by", "every", "error", "message"),
    [
        ("whne", None, NotFoundError, "unknown column to go by 'whne'; did you mean 'when'"),
        ("y", "week", InputError, "every week needs dates, and `y` holds integer values"),
        ("when", "mnth", NotFoundError, "unknown period 'mnth'; did you mean 'month'"),
        (None, 1, InputError, "these are 6,000 batches, and 400 at most can be shown"),
    ],
)
def test_what_makes_no_batches_is_refused(by: Any, every: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        measured(by=by, every=every)


def test_settings_make_the_batches_and_are_named_where_they_are_wrong(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text(
        '[performance]\nby = "when"\nevery = "month"\ndraws = 100\n'
    )
    context = Context(Project.at(tmp_path), tmp_path)
    given: dict[str, Any] = {"label": "y", "prediction": "p"}
    assert len(told(flows.performance(context, DATA, **given), "batch")) == 3
    assert len(told(flows.performance(context, DATA, **given, every=3000), "batch")) == 2
    plain = flows.performance(context, DATA, **given, by="")
    assert "over_time" not in plain.findings[0].evidence
    for data, without in (
        (DATA.drop(columns="when"), given),
        (None, {"label": DATA["y"], "prediction": DATA["p"]}),
    ):
        with pytest.raises(
            InputError,
            match=r"unknown .*'when'.*; performance\.by in mlops\.toml asks for it, --by '' goes",
        ):
            flows.performance(context, data, **without)


def test_a_limit_of_the_settings_that_lacks_its_score_is_named(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").write_text("[performance.limits]\nroc_auc = 0.7\n")
    context = Context(Project.at(tmp_path), tmp_path)
    with pytest.raises(InputError, match=r"roc_auc needs .*performance\.limits in mlops\.toml"):
        flows.performance(context, DATA, label="y", prediction="p")


@pytest.mark.parametrize("by", [DATA["when"], DATA["when"].to_numpy()])
def test_an_array_makes_the_batches(by: Any) -> None:
    report = mlops_nb.performance(label=DATA["y"], prediction=DATA["p"], by=by, every="month")
    assert told(report, "batch", "rows") == [(month, 2000) for month in MONTHS]


def test_the_panel_draws_each_metric_on_its_own_axis_and_tells_the_batches() -> None:
    report = measured(limits={"accuracy": 0.75})
    text = " ".join(panels.text(report).split())
    assert "Over time metric value and interval over time drawn allowed failed" in text
    assert "from 0.4 to 1 ≥ 0.75 2 of 3" in text
    assert "✗ fail 2026-03 2,000" in text
    assert "accuracy in 3 batches, from 0.8" in panels.html(report)


def test_many_batches_of_hostile_names_stay_small() -> None:
    data = DATA.assign(batch=[f"<script>{n // 15}</script>" for n in range(len(DATA))])
    report = measured(data, score="s", by="batch", every=None, draws=100)
    page = panels.html(report)
    assert len(told(report, "batch")) == 400
    assert len(page.encode()) <= 100_000
    assert "<script" not in page


@pytest.mark.parametrize(
    "odd",
    [
        [{}],
        [{"batch": None, "value": "much", "status": [], "interval": 3, "rows": "few"}],
        [{"batch": "a", "value": 1e300, "interval": [-1e300, 1e300], "status": "fail"}],
    ],
)
def test_a_stored_report_with_odd_batches_is_drawn(odd: Any) -> None:
    report = measured()
    held = replace(report.findings[0], evidence={**report.findings[0].evidence, "over_time": odd})
    assert "accuracy" in panels.text(replace(report, findings=(held,)))
    assert "accuracy" in panels.html(replace(report, findings=(held,)))


def test_batches_without_truth_leave_gaps_and_judge_nothing_that_has_no_limit() -> None:
    data = DATA.assign(y=DATA["y"].where(DATA["when"].dt.month != 2))
    report = measured(data, score="s", metrics=["accuracy", "f1"], limits={"f1": 0.2})
    assert told(report, "status", "value", at=0)[1] == ("pass", None)
    assert told(report, "status", at=1)[1] == ("insufficient",)
    lines = [line.split() for line in panels.text(report).splitlines()]
    drawn = next(line for line in lines if line[0:1] == ["accuracy"] and "from" in line)
    assert [len(part) for part in drawn[1:3]] == [1, 1]


def test_a_batch_that_no_evidence_decides_is_drawn_whole() -> None:
    close = measured(metrics=["accuracy"], limits={"accuracy": 0.7})
    batches = close.findings[0].evidence["over_time"]
    for batch in batches:
        batch.update(value=0.7, interval=[0.6, 0.8], status="insufficient")
    drawn = re.search(r"from ([\d.]+) to ([\d.]+)  ", panels.text(close))
    assert drawn is not None
    assert float(drawn[1]) <= 0.6
    assert float(drawn[2]) >= 0.8


def test_one_class_has_no_roc_curve() -> None:
    report = measured(DATA[DATA["y"] == 1], score="s", metrics=["roc_auc"])
    assert "roc" not in report.findings[0].evidence
    assert "ROC" not in panels.text(report)
