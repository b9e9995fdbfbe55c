"""Panels: safe, small, the same in HTML and text, and patient with what checks leave out."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from mlops_nb import panels
from mlops_nb.core import data_records, diff_records, mitigation_records, records, replay_records
from mlops_nb.core.data_records import DataDiff, DataVersion
from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.core.records import (
    CellRecord,
    DemoResult,
    DueTime,
    Finding,
    Job,
    JobDetails,
    JobModel,
    JobRun,
    ModelVersion,
    Notice,
    ProjectStatus,
    Promotion,
    Record,
    Run,
    RunDetails,
)
from mlops_nb.panels.words import width
from tests.unit.panels import report_samples, samples
from tests.unit.panels.pages import Page, report
from tests.unit.panels.report_samples import AT
from tests.unit.panels.untrusted import sanitised

SAMPLES = samples.samples()


KINDS = ("drift", "quality", "fairness", "performance", "gate", "robustness")


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
        assert not attributes.keys() & {"id", "role", "onclick", "onerror", "srcset"}
        assert attributes.get("href") in (None, report_samples.ADDRESS)
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
        AT,
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
    version = ModelVersion(evil, 1, (evil,), evil, evil, AT, evil, {evil: 0.5}, pairs, evil)
    job_run = JobRun(
        evil,
        evil,
        AT,
        "manual",
        "FAILED",
        evil,
        evil,
        "fail",
        JobModel(evil, 1, evil),
    )
    job = Job(
        evil, evil, evil, evil, evil, pairs, evil, evil, evil, evil, (evil,), AT, True,
        evil, AT, job_run,
    )  # fmt: skip
    data_version = DataVersion(
        evil, 1, evil, "file", 1, 1, {evil: evil}, evil, evil, None, AT, known=True
    )
    return [
        *reports,
        reports,
        run,
        [run, replace(run, run_id=f"{evil}2", parent_id=None)],
        RunDetails(run, (cell,) * 12, tuple(reports), (run,), (evil, evil)),
        version,
        [version],
        Promotion(evil, 2, evil, 1, evil, evil, AT, reports[4]),
        [Promotion(evil, 2, evil, 1, evil, evil, AT)],
        Mitigation(evil, evil, (evil,), *reports[:4], summary=evil),
        ProjectStatus(
            evil, evil, evil, evil, 1, (run,), run, (version,), (job,), False, 1, (evil,)
        ),
        job,
        [job],
        JobDetails(job, (AT,), (job_run,)),
        job_run,
        [job_run],
        [DueTime(evil, AT, evil)],
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


def test_fifty_columns_of_thirty_bins_are_small_and_all_there() -> None:
    wide = report_samples.wide_drift(50, bins=30)
    drawn = panels.html(wide)
    assert len(drawn.encode()) <= 100_000
    assert drawn.count("<img") == 50
    assert "worst" not in drawn
    with_intervals = panels.html(report_samples.with_intervals(wide))
    assert len(with_intervals.encode()) <= 100_000
    assert with_intervals.count("<img") == 50  # they are told, and not drawn
    assert with_intervals.count(" to 0.") >= 50
    some = panels.html(report_samples.with_intervals(report_samples.wide_drift(30, bins=30)))
    assert len(some.encode()) <= 100_000
    assert some.count("<img") == 60


def test_a_wide_frame_shows_the_worst_columns_and_says_so() -> None:
    wide = report_samples.wide_drift(500)
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


def test_every_record_that_a_verb_returns_has_a_panel() -> None:
    parts = {"Record", "Finding", "CellRecord", "AuditEntry", "JobModel"}
    parts |= {"Change", "MetricChange", "CellChange"}
    parts |= {"ChangedInput", "ReplayedMetric", "DifferingCell"}
    modules = (records, data_records, diff_records, mitigation_records, replay_records)
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


def test_a_page_runs_nothing_loads_nothing_and_follows_the_scheme() -> None:
    page = panels.page(report_samples.drift(), title="Drift <of> & co")
    assert page.startswith("<!doctype html>")
    assert "<title>Drift &lt;of&gt; &amp; co</title>" in page
    assert "<script" not in page
    assert "http-equiv" in page
    assert (
        "default-src &#x27;none&#x27;; img-src data:; style-src &#x27;unsafe-inline&#x27;" in page
    )
    assert "prefers-color-scheme: dark" in page
    assert panels.html(report_samples.drift()) in page
    assert not re.search(r"(src|href)=\"(?!data:|drift\.html#)", page)


@pytest.mark.parametrize(
    "address",
    ["", None, 7, "x.html", "javascript:a()#mlops-report?run=1", "//x.org/#mlops-report?run=1"],
)
def test_a_full_report_is_linked_to_by_its_address_alone(address: Any) -> None:
    known = report_samples.drift()
    said = "Evidently's full report: /home/ada/credit/drift.html"
    assert said in panels.text(known)
    assert f'<a href="{report_samples.ADDRESS}">' in panels.html(known)
    other = replace(known, subject={**known.subject, "evidently_address": address})
    assert said in panels.text(other)
    assert "<a " not in panels.html(other)


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
