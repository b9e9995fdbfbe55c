"""Panels: safe, small, the same in HTML and text, and patient with what checks leave out."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from base64 import b64decode
from dataclasses import fields, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from mlops_nb import panels
from mlops_nb.core import data_records, diff_records, records, replay_records
from mlops_nb.core.data_records import DataDiff, DataVersion
from mlops_nb.core.records import (
    CellRecord,
    DemoResult,
    DueTime,
    Finding,
    Job,
    JobDetails,
    JobModel,
    JobRun,
    Mitigation,
    ModelVersion,
    Notice,
    ProjectStatus,
    Promotion,
    Record,
    Report,
    Run,
    RunDetails,
)
from mlops_nb.panels import charts
from mlops_nb.panels.words import width
from tests.unit.panels import cell_samples, samples
from tests.unit.panels.untrusted import sanitised

SAMPLES = samples.samples()
KINDS = ("drift", "quality", "fairness", "performance", "gate", "robustness")


class Page(HTMLParser):
    """A panel as tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "tags close in the order in which they opened"

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.parts).replace("\u00a0", " ")


def report(kind: str, *findings: Finding, status: Any = "fail", **more: Any) -> Report:
    return Report(kind, status, findings, samples.AT, **more)


# --- safe ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_an_untrusted_notebook_leaves_a_panel_whole(name: str) -> None:
    drawn = panels.html(SAMPLES[name])
    left, removed = sanitised(drawn)
    assert set(removed) == {"font-variant-numeric:tabular-nums"}
    assert Page(left).text == Page(drawn).text


@pytest.mark.parametrize("name", SAMPLES)
def test_no_panel_sets_the_colour_of_text_or_reaches_outside(name: str) -> None:
    page = Page(panels.html(SAMPLES[name]))
    assert page.open == []
    for tag, attributes in page.tags:
        style = f";{attributes.get('style') or ''}"
        assert not re.search(r";\s*color\s*:", style), (tag, style)
        assert not attributes.keys() & {"id", "role", "href", "onclick", "onerror", "srcset"}
        assert not any(key.startswith(("on", "aria")) for key in attributes)
        if tag == "img":
            assert attributes["alt"]
            assert (attributes["src"] or "").startswith("data:image/svg+xml;base64,")
        if tag == "th":
            assert attributes["scope"] in ("row", "col")


@pytest.mark.parametrize("name", SAMPLES)
def test_pictures_are_well_formed_and_draw_within_their_frame(name: str) -> None:
    for tag, attributes in Page(panels.html(SAMPLES[name])).tags:
        if tag != "img":
            continue
        svg = ET.fromstring(b64decode((attributes["src"] or "").partition(",")[2]))  # noqa: S314
        wide, tall = (float(n) for n in (svg.get("viewBox") or "").split()[2:])
        assert wide / tall == float(attributes["width"] or 0) / float(attributes["height"] or 0)
        assert {child.tag.partition("}")[2] for child in svg} <= {"path", "rect", "circle"}
        numbers = [float(n) for r in svg.iter() for k in ("x", "y", "cx", "cy") if (n := r.get(k))]
        assert all(-1 <= number <= 601 for number in numbers)


def test_tables_have_captions() -> None:
    tags = [tag for record in SAMPLES.values() for tag, _ in Page(panels.html(record)).tags]
    assert tags.count("table") == tags.count("caption") > 20


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "</td></table><img src=x onerror=alert(1)>",
        "\" onmouseover='alert(1)",
        '" onmouseover="alert(1)',
        "a`<b>`b",
        "line\nbreak\r\nand\u2028more",
        "\x1b[31mred\x07\x00",
        "\u202ereversed\u2066",
        "lone \ud800 surrogate",
        "🦊👩‍👩‍👧 日本語",
        "x" * 10_000,
        "",
    ],
)
def test_hostile_text_stays_text_wherever_it_stands(evil: str) -> None:
    for record in everywhere(evil):
        drawn, told = panels.html(record), panels.text(record)
        assert set(sanitised(drawn)[1]) == {"font-variant-numeric:tabular-nums"}, type(record)
        assert len(drawn.encode()) <= panels.LIMIT_BYTES
        for text in (Page(drawn).text, told):
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
        assert all(width(line) <= 100 for line in told.splitlines())


def everywhere(evil: str) -> list[Any]:
    """Return a record of every type with the text in each of its places."""
    known = {
        "note": evil,
        "sentence": evil,
        "summary": evil,
        "method": evil,
        "metric_note": evil,
        "examples": [evil, evil],
        "groups": [{"group": evil, "n": 3, evil: 0.5}, {"group": [evil, evil], "n": 2}],
        "histogram": {"categories": [evil], "reference": [1.0], "current": [1.0]},
        "minimum": {"below": [evil]},
    }
    finding = Finding(evil, evil, evil, evil, "fail", known)
    whole = {"reference": {"name": evil, "rows": evil}, "notes": [evil], evil: evil, "l": [evil]}
    reports = [report(kind, finding, summary=evil, subject=whole) for kind in (*KINDS, evil)]
    pairs = {evil: evil, f"{evil}2": 1.0}
    run = Run(
        evil,
        evil,
        "FAILED",
        samples.AT,
        evil,
        evil,
        evil,
        evil,
        None,
        evil,
        pairs,
        {evil: 0.5},
        pairs,
    )
    cell = CellRecord(1, evil, None, 0.1, "error", evil)
    version = ModelVersion(evil, 1, (evil,), evil, evil, samples.AT, evil, {evil: 0.5}, pairs, evil)
    job_run = JobRun(
        evil, evil, samples.AT, "manual", "FAILED", evil, evil, "fail", JobModel(evil, 1, evil)
    )
    job = Job(
        evil, evil, evil, evil, evil, pairs, evil, evil, evil, evil, (evil,), samples.AT, True,
        evil, samples.AT, job_run,
    )  # fmt: skip
    data_version = DataVersion(
        evil, 1, evil, "file", 1, 1, {evil: evil}, evil, evil, None, samples.AT, known=True
    )
    return [
        *reports,
        reports,
        run,
        [run, replace(run, run_id=f"{evil}2", parent_id=None)],
        RunDetails(run, (cell,) * 12, tuple(reports), (run,), (evil, evil)),
        version,
        [version],
        Promotion(evil, 2, evil, 1, evil, evil, samples.AT, reports[4]),
        [Promotion(evil, 2, evil, 1, evil, evil, samples.AT)],
        Mitigation(evil, evil, (evil,), *reports[:4], summary=evil),
        ProjectStatus(
            evil, evil, evil, evil, 1, (run,), run, (version,), (job,), False, 1, (evil,)
        ),
        job,
        [job],
        JobDetails(job, (samples.AT,), (job_run,)),
        job_run,
        [job_run],
        [DueTime(evil, samples.AT, evil)],
        data_version,
        [data_version],
        DataDiff(
            evil,
            evil,
            False,
            (1, 2),
            {evil: evil},
            {evil: evil},
            {evil: (evil, evil)},
            (evil,),
            reports[0],
            {evil: evil},
            (evil,),
        ),
        Notice(evil, evil, pairs),
        DemoResult("FAILED", evil, evil, evil, {evil: 0.5}, tuple(reports), "fail", version, evil),
    ]


# --- small --------------------------------------------------------------------------------------


def test_fifty_columns_of_thirty_bins_are_small_and_all_there() -> None:
    wide = samples.wide_drift(50, bins=30)
    drawn = panels.html(wide)
    assert len(drawn.encode()) <= 100_000
    assert drawn.count("<img") == 50
    assert "worst" not in drawn


def test_a_wide_frame_shows_the_worst_columns_and_says_so() -> None:
    wide = samples.wide_drift(500)
    drawn, told = panels.html(wide), panels.text(wide)
    assert len(drawn.encode()) <= 100_000
    for text in (Page(drawn).text, told):
        assert "These are the worst 50 of 500 columns" in " ".join(text.split())
        scores = [float(score) for score in re.findall(r"\b0\.\d{4}\b", text)]
        assert len(scores) == 50
        assert min(scores) >= sorted(f.value for f in wide.findings[1:])[-50]


def test_a_panel_that_would_be_too_large_shows_fewer_rows() -> None:
    long = "🦊'" * 200
    findings = [
        Finding(f"{i}{long}", None, 1.0, 0.1, "fail", {"note": f"{i} {long}"}) for i in range(90)
    ]
    drawn = panels.html(report("robustness", *findings))
    assert 10_000 < len(drawn.encode()) <= 100_000
    assert re.search(r"the worst (40|30|20|10|4) of 90 findings", Page(drawn).text)


def test_a_list_is_whole_in_text_and_bounded_in_html() -> None:
    runs = [replace(samples.runs()[1], run_id=f"{i:016x}") for i in range(300)]
    told = panels.text(runs)
    assert all(run.run_id in told for run in runs)
    drawn = panels.html(runs)
    assert "These are the first 50 of 300 runs" in Page(drawn).text
    assert len(drawn.encode()) <= 100_000


# --- the same in HTML and text ------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "drift-wide"])
def test_text_says_every_number_and_word_that_html_says(name: str) -> None:
    record = SAMPLES[name]
    # Text breaks lines, also within long words; captions of figures and hints are HTML's alone.
    told = "".join(panels.text(record).split()).replace("`", "").replace("─", "")
    page = Page(re.sub(r"<(img|summary)[^>]*>", r"<\1>", panels.html(record)))
    for number in re.findall(r"[-−+]?\d[\d,.]*(?:e-?\d+)?", page.text):
        assert number.rstrip(".,") in told, number
    badges = [part for part in page.parts if re.match(r"[✓✗?!▸·] \w", part)]
    assert all(told.count("".join(badge.split())) >= badges.count(badge) for badge in badges)


@pytest.mark.parametrize("name", SAMPLES)
def test_text_fits_a_terminal(name: str) -> None:
    lines = panels.text(SAMPLES[name]).splitlines()
    assert max(map(width, lines)) <= 100
    assert lines == [line.rstrip() for line in lines]


def test_a_path_is_not_broken_so_that_it_can_be_copied() -> None:
    path = f"/home/ada/{'my projects/' * 12}credit_default.ipynb"
    told = panels.text(replace(samples.demo(), notebook=path))
    assert path in told


def test_names_give_way_between_their_words_before_numbers_lose_their_heading() -> None:
    metrics = {"roc_auc": 0.5, "average_precision": 0.5, "accuracy": 0.5}
    told = panels.text([replace(v, metrics=metrics) for v in samples.versions()])
    assert told.count("credit-default ") == len(samples.versions())


def test_columns_of_text_align_with_wide_letters_too() -> None:
    runs = [replace(samples.runs()[1], name=name) for name in ("日本語", "plain", "é́", "🦊")]
    lines = panels.text(runs).splitlines()[3:]
    places = {width(line[: line.index("6922dda")]) for line in lines}
    assert len(places) == 1


def test_many_columns_with_long_names_still_fit() -> None:
    metrics = {f"a_rather_long_metric_name_number_{i}": 0.5 for i in range(3)}
    runs = [replace(samples.runs()[3], metrics=metrics, name="some long name " * 5)]
    told = panels.text(runs)
    assert max(map(len, told.splitlines())) <= 100
    assert runs[0].run_id in told
    assert "2026-11-22 06:11" in told


# --- what each panel says -----------------------------------------------------------------------


def test_every_record_that_a_verb_returns_has_a_panel() -> None:
    parts = {"Record", "Finding", "CellRecord", "AuditEntry", "JobModel"}
    parts |= {"Change", "MetricChange", "CellChange"}
    parts |= {"ChangedInput", "ReplayedMetric", "DifferingCell"}
    modules = (records, data_records, diff_records, replay_records)
    kinds = {
        name
        for module in modules
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Record)
    }
    listed = [
        record
        for drawn in SAMPLES.values()
        for record in (drawn if isinstance(drawn, list) else [drawn])
    ]
    assert kinds - parts == {type(record).__name__ for record in listed}


def test_drift_shows_the_worst_first_with_the_direction_of_its_limit() -> None:
    told = panels.text(samples.drift())
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
    page = Page(panels.html(samples.drift()))
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 7
    assert "the reference is highest between 50 and 52" in (pictures[0]["alt"] or "")
    assert "from 16 % to 25 %" not in (pictures[3]["alt"] or "")
    assert "graduate school, from 35 % to 22 %" in (pictures[3]["alt"] or "")
    assert "█" in panels.text(samples.drift())


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
    drawn = panels.html(samples.quality())
    shown, folded = drawn.split("<details")
    assert shown.index("missing_share") < shown.index("duplicate_rows")
    assert "! warning" in shown
    assert "row_count" not in shown
    assert "3 checks passed" in folded
    assert "row_count" in panels.text(samples.quality())
    told = panels.text(samples.quality())
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
    drawn, told = panels.html(samples.fairness()), panels.text(samples.fairness())
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


def test_a_group_that_is_too_small_is_shown_as_such() -> None:
    told = panels.text(samples.small_fairness())
    assert re.search(r"b × x +10 .*\n +too few to judge by", told)
    assert told.count("too few to judge by") == 1
    assert "NaN" in told


def test_performance_draws_roc_and_calibration() -> None:
    drawn, told = panels.html(samples.performance()), panels.text(samples.performance())
    assert drawn.count("<img") == 7
    assert "ROC curve: 44.7 % of the positives found at 10 % false alarms." in told
    assert "25 % → 25.2 %" in told
    assert re.search(r"brier_score_loss .* ≤ 0\.15", told)
    assert re.search(r"roc_auc .* ≥ 0\.75", told)


def test_rows_are_said_once_where_all_metrics_have_the_same() -> None:
    whole = samples.performance()
    assert panels.text(whole).count("6,000") == 1
    first = whole.findings[0]
    fewer = replace(first, evidence={**first.evidence, "n": 5999})
    told = panels.text(replace(whole, findings=(fewer, *whole.findings[1:])))
    assert "5,999" in told
    assert told.count("6,000") == len(whole.findings)


def test_the_columns_of_a_model_are_not_named_by_their_placeholders() -> None:
    subject = {"name": "holdout", "prediction": "prediction", "score": "p_default"}
    told = panels.text(replace(samples.performance(), subject=subject))
    assert re.search(r"^  data +holdout\n  score +p_default$", told, re.MULTILINE)
    assert "prediction  prediction" not in told


def test_what_has_no_limit_has_no_verdict() -> None:
    told = panels.text(samples.performance())
    assert re.search(r"^ +accuracy", told, re.MULTILINE)
    assert re.search(r"^✓ pass +roc_auc", told, re.MULTILINE)


def test_a_gate_says_its_verdict_first_and_each_reason() -> None:
    told = panels.text(samples.gate())
    assert told.startswith("✗ fail  Gate\nVersion 4 of credit-default is held: fairness fails.")
    assert re.search(r"✗ fail +fairness .*\n +By SEX, the model is not fair", told)
    assert re.search(r"roc_auc_gain +0\.0142 +0\.0061 to 0\.0223 +0$", told, re.MULTILINE)


@pytest.mark.parametrize(
    ("status", "badge"),
    [
        ("RUNNING", "▸ running"),
        ("FINISHED", "✓ finished"),
        ("FAILED", "✗ failed"),
        ("KILLED", "✗ killed"),
        ("LOST", "? lost"),
    ],
)
def test_a_run_shows_its_status_and_reason(status: Any, badge: str) -> None:
    run = replace(samples.runs()[2], status=status, reason="restarted")
    for text in (panels.text(run), panels.text([run]), Page(panels.html(run)).text):
        assert badge in text
        assert "restarted" in text


def test_children_stand_below_their_parent() -> None:
    child, parent, other = (replace(samples.runs()[1], run_id=name) for name in "cpo")
    child = replace(child, parent_id="p")
    grandchild = replace(child, run_id="g", parent_id="c")
    orphan = replace(child, run_id="x", parent_id="away")
    ring = [replace(child, run_id="r", parent_id="s"), replace(child, run_id="s", parent_id="r")]
    told = panels.text([orphan, grandchild, child, *ring, parent, other])
    ids = [line.split("2026")[0].split()[-1] for line in told.splitlines() if "2026" in line]
    assert ids == ["x", "p", "c", "g", "o", "r", "s"]


def test_details_show_cells_checks_children_and_where_it_came_from() -> None:
    told = panels.text(samples.details())
    assert "7 cells in 10.0 s, the longest cell [4] with 7.9 s" in told
    assert "✗ fail   Fairness" in told
    assert "↳ fold 1" in told
    assert "executed.ipynb" in told
    assert re.search(r"uncommitted changes +yes", told)
    assert "4f2a9c1e7b6d3f5e8a9b0c1d2e3f4a5b6c7d8e9f" in told
    assert "6922dda24f2a9c1e" in told


def test_a_failed_cell_is_marked_and_shown_before_the_others() -> None:
    drawn, told = panels.html(samples.long_details()), panels.text(samples.long_details())
    assert "60 cells in 1 min 55 s, the longest cell [4] with 7.9 s; failed: [49]" in told
    shown = drawn.split("<details")[0]
    assert "ValueError: Input X contains NaN." in shown
    assert "import pandas" not in shown


def test_a_notebook_that_was_worked_on_shows_its_order_hidden_state_and_histories() -> None:
    told = panels.text(cell_samples.worked_on())
    assert "failed: [4]; out of order: [6], [8], [9], [10]" in told
    assert "Cell [9] used `df` as cell [8] had made it; that cell was changed afterwards." in told
    assert re.search(r"loss +\d.\d+ +2,400 +█[▁-█]+▁", told)
    assert re.search(r"odd +1 +4 ", told)
    drawn = panels.html(cell_samples.worked_on())
    assert "2 values not finite" in drawn
    assert "amber: out of order" in drawn
    assert drawn.count("<img") == 1 + len(cell_samples.worked_on().histories)


def test_hundreds_of_cells_and_histories_stay_a_small_panel() -> None:
    record = cell_samples.enormous()
    drawn = panels.html(record)
    assert len(drawn.encode()) <= panels.LIMIT_BYTES
    assert "the last 300 of 500" in drawn
    assert "the lowest and highest of each stretch" in drawn
    assert "the first 8 of 125 sentences" in drawn
    assert "fold_29/" in drawn.replace("<wbr>", "")


def test_a_line_is_drawn_of_any_numbers_and_a_cell_of_any_times() -> None:
    for values in ([1e308, -1e308], [5.0, 5.0], [math.nan, 2.0], [5e-324, 0.0], [10**400, 1]):
        picture = charts.sparkline(values)
        assert picture is not None
        assert "nan" not in b64decode(picture.source.partition(",")[2]).decode()
    assert charts.sparkline([math.inf, math.nan]) is None
    assert charts.sparkline([1.0]) is None
    odd = [charts.Lap("[1]", None, None, 0, "before"), charts.Lap("[2]", -5.0, math.inf, 9)]
    assert charts.timeline(odd) is not None
    assert charts.timeline([]) is None


def test_a_mitigation_shows_before_and_after() -> None:
    told = panels.text(samples.mitigation())
    assert re.search(r"✓ pass +equalized_odds_ +0\.1409 .* 0\.0423 .*\n.*\n +before: fail", told)
    assert re.search(r"accuracy +0\.8198 .* 0\.8144 ", told)
    assert re.search(r"female +3,624 +402 → 402 +0\.1109 → 0\.1109", told)
    drawn = Page(panels.html(samples.mitigation())).text
    assert "differences drawn from 0 to 0.3, ratios drawn from 0.6 to 1" in drawn
    assert "scores drawn from 0.6 to 1" in drawn


def test_the_demo_ends_with_what_to_type_next() -> None:
    spaced = replace(
        samples.demo(), project="/srv/my démo", source_notebook="/srv/my démo/a b.ipynb"
    )
    told = panels.text(spaced)
    assert "credit-default 4 is now champion." in told
    assert "cd '/srv/my démo'" in told
    assert "jupyter lab 'a b.ipynb'" in told
    assert "mlops show 6922dda24f2a9c1e" in told


# --- patient ------------------------------------------------------------------------------------


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
    record = SAMPLES[kind]
    assert panels.html(Report.from_dict(record.to_dict())) == panels.html(record)


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_without_findings_says_so(kind: str) -> None:
    assert len(panels.text(report(kind, status="pass")).splitlines()) >= 4


def test_bare_records_are_drawn() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    run = Run("a", "", "RUNNING", at)
    empty = report("fairness", status="pass")
    bare = [
        run,
        RunDetails(run),
        ModelVersion("m", 1),
        Promotion("m", 1, "champion", None, "", ""),
        Mitigation("m", "c", (), empty, empty, empty, empty),
        ProjectStatus("p", "/p", "", "", 0),
        Notice(""),
        DemoResult("FAILED", "a", "/p", "", {}, (), None, None),
    ]
    for record in bare:
        assert panels.html(record).startswith("<div")
        assert isinstance(panels.text(record), str)


@pytest.mark.parametrize(
    ("of", "step"),
    [
        (Run, "%mlops track"),
        (ModelVersion, "%mlops register"),
        (DataVersion, "mlops data snapshot NAME SOURCE"),
        (None, "mlops status"),
    ],
)
def test_an_empty_list_says_what_to_do_next(of: type | None, step: str) -> None:
    for empty in ([], ()):
        assert step in panels.text(empty, of=of)
        assert f"<code>{step}</code>" in panels.html(empty, of=of)
    assert "No runs yet" in panels.text([], of=Run)


@pytest.mark.parametrize("record", [object(), 3, None, {"kind": "drift"}, Finding("a"), [3]])
def test_an_unknown_type_is_refused_by_name(record: Any) -> None:
    kind = type(record[0] if isinstance(record, list) else record).__name__
    with pytest.raises(TypeError, match=f"no panel for a .* {kind}; there is one for Report, Run"):
        panels.html(record)
    with pytest.raises(TypeError, match="no panel"):
        panels.text(record)


def test_a_list_of_two_types_is_refused() -> None:
    with pytest.raises(TypeError, match="not of Notice, Run"):
        panels.html([samples.runs()[0], samples.notice()])


def test_a_class_derived_from_a_record_is_drawn_as_it() -> None:
    class Derived(Notice):
        __slots__ = ()

    assert panels.text(Derived("done")) == "done"


# --- pages and cost -----------------------------------------------------------------------------


def test_a_page_runs_nothing_loads_nothing_and_follows_the_scheme() -> None:
    page = panels.page(samples.drift(), title="Drift <of> & co")
    assert page.startswith("<!doctype html>")
    assert "<title>Drift &lt;of&gt; &amp; co</title>" in page
    assert "<script" not in page
    assert "http-equiv" in page
    assert (
        "default-src &#x27;none&#x27;; img-src data:; style-src &#x27;unsafe-inline&#x27;" in page
    )
    assert "prefers-color-scheme: dark" in page
    assert panels.html(samples.drift()) in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_panels_cost_nothing_until_one_is_drawn() -> None:
    code = (
        "import sys; import mlops_nb; before = set(sys.modules); import mlops_nb.panels; "
        "print(sorted(set(sys.modules) - before - {'typing', '__future__'}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "mlops_nb.panels" in loaded.stdout
    assert not re.search(r"mlops_nb\.(core|panels\.)|dataclasses|datetime|html", loaded.stdout)


def test_drawing_imports_the_standard_library_and_the_nouns_only() -> None:
    code = (
        "import sys; from mlops_nb import panels; "
        "from mlops_nb.core.records import Notice, Report; "
        "panels.page(Report('drift', 'pass'), title='a'); panels.text([Report('gate', 'fail')]); "
        "print({m.partition('.')[0] for m in sys.modules} - set(sys.stdlib_module_names))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"numpy", "pandas", "jinja2", "matplotlib", "IPython"}.isdisjoint(eval(loaded.stdout))  # noqa: S307


def test_every_field_of_a_run_is_told() -> None:
    run = samples.runs()[5]
    told = panels.text(replace(run, reason="a reason", params={"k": 1}, tags={"t": "u"}))
    shown = {"run_id": run.run_id, "mlflow_run_id": run.mlflow_run_id, "parent_id": run.parent_id}
    shown |= {"name": "fold 1", "status": "finished", "reason": "a reason", "experiment": "credit"}
    shown |= {"started_at": "2026-11-21 16:11", "ended_at": "340 ms", "notebook": ".ipynb"}
    shown |= {"params": "k", "metrics": "0.7700", "tags": "u"}
    assert {field.name for field in fields(Run)} == set(shown)
    assert [key for key, text in shown.items() if str(text) not in told] == []


def test_a_run_says_what_went_into_it() -> None:
    tags = {
        "mlops.data.train": f"frame-2:{'a' * 64}",
        "mlops.data.file.<b>x.csv": f"sha256:{'b' * 64}",
        "mlops.data.reference": f"clients@3 sha256:{'c' * 64}",
    }
    text = panels.text(Run("0" * 16, "run", "FINISHED", records.now(), tags=tags))
    told = [line.split() for line in text.partition("What went in")[2].splitlines()[3:6]]
    assert [line[:2] for line in told] == [
        ["train", "frame"],
        ["<b>x.csv", "file"],
        ["reference", "clients@3"],
    ]
    assert "more tag" not in text
