"""Evidently's full report, rendered from our scores, says what our report says."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.checks import drift, drift_report
from mlops_nb.checks.drift import SHARE
from mlops_nb.checks.drift_methods import BY_KEY
from mlops_nb.checks.drift_report import PREFIX, draw
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Report
from mlops_nb.flows import checks
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.stores.spool import new_run_id

WORDS = ["rain", "wind", "cloud", "sun", "frost", "storm", "fog", "hail"]


def frame(rows: int, shift: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = WORDS[: 8 - 4 * bool(shift)]
    known = pd.DataFrame(
        {
            "normal": rng.normal(shift, 1, rows),
            "whole": rng.integers(0, 900, rows),
            "few": rng.choice([0.0, 0.5, 1.0], rows),
            "bool": rng.random(rows) < 0.4 + shift / 4,
            "level": rng.choice(["a", "b", "c", "d"][: 3 + bool(shift)], rows),
            "many": [f"level {i % 151}" for i in range(rows)],
            "text": [f"{' '.join(rng.choice(words, 5))} {i}" for i in range(rows)],
        }
    )
    known["gaps"] = known["normal"].where(rng.random(rows) < 0.7)
    return known


def said_by(snapshot: Any) -> tuple[dict[str, tuple[str, float, float, bool]], float]:
    """Return method, threshold, score and verdict of each column, and the share of drifted."""
    answer = snapshot.dict()
    alarms = {
        test["metric_config"]["params"]["column"]: str(test["status"].value) == "FAIL"
        for test in answer["tests"]
        if test["id"] == "drift"
    }
    share, said = float("nan"), {}
    for metric in answer["metrics"]:
        config = metric["config"]
        if config["type"].endswith("DriftedColumnsCount"):
            share = metric["value"]["share"]
            continue
        column = config["column"]
        method = BY_KEY[config["method"].removeprefix(PREFIX)].name
        said[column] = (method, config["threshold"], float(metric["value"]), alarms[column])
    return said, share


def assert_said(report: Report, snapshot: Any) -> None:
    said, share = said_by(snapshot)
    ours = {f.name: f for f in report.findings[1:]}
    assert set(said) == set(ours)
    for name, (method, threshold, score, drifted) in said.items():
        found = ours[name]
        assert score == pytest.approx(found.value, abs=1e-12, rel=0), name
        told = (found.evidence["method"], found.limit, found.evidence["drifted"])
        assert (method, threshold, drifted) == told, name
    assert share == report.finding(SHARE).value


@pytest.mark.parametrize(("rows", "seen"), [(700, 300), (1500, 20_000)])
def test_scores_and_verdicts_are_ours_also_where_rows_are_a_sample(rows: int, seen: int) -> None:
    old, new = frame(rows, 0, 1), frame(rows - 200, 0.4, 2)
    report = drift.check(old, new, share=0.4)
    methods = {f.evidence["method"] for f in report.findings[1:]}
    # By number of rows these are p-values or distances; the texts' classifier beside them.
    assert len(methods) >= 3
    drawn = draw(report, old, new, rows=seen)
    assert_said(report, drawn.snapshot)
    assert all(name in drawn.html for name in methods)
    assert any("a sample, one row in 3 of reference" in note for note in drawn.notes) == (
        seen < rows
    )
    assert any("99 most frequent" in note for note in drawn.notes)


def test_every_method_is_drawn() -> None:
    rng = np.random.default_rng(3)
    old, new, chosen, types = {}, {}, {}, {}
    for key, method in BY_KEY.items():
        for kind in method.kinds - {"text"}:
            name = f"{key} {kind}"
            chosen[name], types[name] = key, kind
            old[name] = rng.normal(size=80) if kind == "num" else rng.choice(["a", "b"], 80)
            new[name] = rng.normal(size=80) if kind == "num" else rng.choice(["a", "b"], 80)
    before, after = pd.DataFrame(old), pd.DataFrame(new)
    report = drift.check(before, after, methods=chosen, types=types, thresholds={"num": 0.3})
    assert_said(report, draw(report, before, after).snapshot)


def test_evidently_itself_stays_as_it_was() -> None:
    with warnings.catch_warnings(action="ignore"):
        from evidently import Report as TheirReport
        from evidently.presets import DataDriftPreset

        def theirs() -> Any:
            answer = TheirReport([DataDriftPreset()], include_tests=True).run(new, old).dict()
            return [(m["config"], m["value"]) for m in answer["metrics"]]

        old, new = frame(200, 0, 1)[["normal", "level"]], frame(200, 1, 2)[["normal", "level"]]
        before = theirs()
        # Were a test of ours taken for theirs, it would give this score.
        report = drift.check(old, new, methods=["num=ks", "cat=chisquare"])
        draw(report, old, new)
        assert theirs() == before
    # What would report on its use is a module of its own, which nothing of this needs.
    assert "evidently.telemetry" not in sys.modules


def test_names_and_values_end_no_script() -> None:
    old, new = frame(120, 0, 1)[["normal"]], frame(120, 1, 2)[["normal"]]
    plain_page = draw(drift.check(old, new), old, new).html
    bad = "</script><script>alert(1)</script>"
    names: list[Any] = [bad, "x" * 10_000, "quo\"te'\n\\ 😀", "", 5, "\ud800", "<body>"]
    for held in (old, new):
        for name in names:
            held[name] = held["normal"]
        held["levels"] = [bad, "<!--"] * 60
        held["texts"] = [f"{WORDS[i % 8]} {bad} {i}" for i in range(120)]
    new["texts"] = new["texts"].str.replace("rain", "snow")
    report = drift.check(old, new, names=(bad, "current"))
    drawn = draw(report, old, new)
    assert len(said_by(drawn.snapshot)[0]) == len(names) + 3
    for sign in ("<script", "</script", "<!--", "<body>", "<head>"):
        assert drawn.html.count(sign) == plain_page.count(sign), sign
    assert "alert(1)" in drawn.html
    drawn.html.encode()


def test_what_evidently_cannot_take_is_left_out_and_told() -> None:
    old = pd.DataFrame(
        {"normal": np.arange(500.0), "when": pd.date_range("2026-01-01", periods=500)}
    )
    old["nullable"] = pd.array(range(500), dtype="Int64")
    old["nothing"] = None
    old["large"] = np.arange(500) * 1e150
    old["close"] = np.arange(500) + 2**60
    old["one"] = old["normal"].where(old["normal"] == 7)
    old["infinite"] = old["normal"].where(old["normal"] != 7, np.inf)
    old = pd.concat(
        [old, pd.DataFrame({"twice": range(500)}), pd.DataFrame({"twice": range(500)})], axis=1
    )
    report = drift.check(old, old)
    drawn = draw(report, old, old, rows=100)
    assert set(said_by(drawn.snapshot)[0]) == {"normal", "infinite"}
    (note,) = [note for note in drawn.notes if note.startswith("left out")]
    assert "and 2 more" in note
    assert f"{note[:1].upper()}{note[1:]}." in drawn.html
    with pytest.raises(InputError, match="no column that Evidently can draw"):
        draw(drift.check(old[["when"]], old[["when"]]), old[["when"]], old[["when"]])


def test_verdicts_that_evidence_turned_are_told_to_be_bare_there() -> None:
    old, new = frame(40, 0, 1)[["normal"]], frame(40, 0.3, 2)[["normal"]]
    report = drift.check(old, new, min_evidence=0.99)
    assert report.finding("normal").status == "insufficient"
    drawn = draw(report, old, new)
    assert "verdicts are those of the bare scores, without intervals and correction" in drawn.notes
    assert_said(report, drawn.snapshot)


def test_an_open_run_keeps_the_page(tmp_path: Path) -> None:
    project, run_id = Project.at(tmp_path, {}).ensure(), new_run_id()
    project.spool.begin(run_id, name="run")
    context = Context(project, tmp_path, run_id)
    old, new = frame(60, 0, 1)[["normal"]], frame(60, 1, 2)[["normal"]]
    report = checks.drift(context, old, new, report=True)
    kept = report.subject["evidently_report"]
    assert kept.startswith("mlops/reports/drift-")
    assert kept.endswith("-evidently.html")
    assert kept in project.spool.load(run_id).artifacts
    assert kept in mlops_nb.panels.page(report, title="drift")
    checks.drift(context, old, new, report="also.html")
    assert (tmp_path / "also.html").exists()


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    place = tmp_path / "a.html"
    place.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        drift_report.refuse_name(place)
    with pytest.raises(UnavailableError, match="can't be written"):
        drift_report.save(b"page", place)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
