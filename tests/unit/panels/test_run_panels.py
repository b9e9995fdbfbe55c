"""Panels of runs, their cells and histories, mitigation, and the demo's end."""

from __future__ import annotations

import math
import re
from base64 import b64decode
from dataclasses import fields, replace
from typing import Any

import pytest

from mlops_nb import panels
from mlops_nb.core import records
from mlops_nb.core.records import (
    Run,
)
from mlops_nb.panels import charts
from tests.unit.panels import cell_samples, samples
from tests.unit.panels.pages import Page


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
