"""The flights notebook, run as a user runs it: does it name the months that a person would?"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import mlops

# The notebook takes a good part of a minute, so that all of this shares one, in one worker.
pytestmark = pytest.mark.xdist_group("flights")

NOTEBOOK = "flights_drift.ipynb"
LATE = 15


@dataclass(frozen=True)
class Flights:
    """What the notebook left behind, and what it was about."""

    source: dict[str, Any]
    executed: dict[str, Any]
    reports: list[dict[str, Any]]
    data: pd.DataFrame

    @cached_property
    def means(self) -> pd.DataFrame:
        """What a person reads: the means of each month."""
        late = self.data["arr_delay"].gt(LATE).where(self.data["arr_delay"].notna())
        known = self.data.assign(late=late.astype(float))
        found = known.groupby(known["date"].dt.to_period("M")).mean(numeric_only=True)
        return found.set_axis(found.index.astype(str))

    @property
    def prose(self) -> str:
        cells = [cell for cell in self.source["cells"] if cell["cell_type"] == "markdown"]
        return " ".join(" ".join("".join(cell["source"]) for cell in cells).split())

    def drift(self, *columns: str, **evidence: Any) -> dict[str, Any]:
        """Return the drift report of these columns alone."""
        (found,) = (
            report
            for report in self.reports
            if report["kind"] == "drift"
            and {f["name"] for f in report["findings"][1:]} == set(columns)
            and all(report["findings"][1]["evidence"].get(k) == v for k, v in evidence.items())
        )
        return found


@pytest.fixture(scope="module")
def flights(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Flights:
    folder = tmp_path_factory.mktemp("flights") / "project"
    shutil.copytree(root / "notebooks" / "flights", folder)
    done = mlops("run", NOTEBOOK, "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(done.stdout)
    shown = json.loads(mlops("show", run["run_id"], "--json", cwd=folder).stdout)
    return Flights(
        json.loads((folder / NOTEBOOK).read_text("utf-8")),
        json.loads(Path(run["notebook"]).read_text("utf-8")),
        shown["reports"],
        pd.read_parquet(folder / "data" / "flights.parquet"),
    )


def months(report: dict[str, Any], status: str = "fail") -> list[str]:
    batches = report["findings"][0]["evidence"]["over_time"]
    return [batch["batch"] for batch in batches if batch["status"] == status]


def finding(report: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (f for f in report["findings"] if f["name"] == name)
    return dict(found)


def test_the_months_of_another_weather_are_the_warm_ones_most_of_all_july(flights: Flights) -> None:
    report, temp = flights.drift("temp", "dewp", correction=None), flights.means["temp"]
    spread = flights.data.loc[flights.data["date"] < "2013-02-01", "temp"].std()
    warm = temp.index[temp > temp["2013-01"] + spread]
    assert months(report) == warm.tolist() == [f"2013-{n:02}" for n in range(4, 11)]
    for name in ("temp", "dewp"):
        course = finding(report, name)["evidence"]["over_time"]
        assert course["furthest"] == flights.means[name].idxmax() == "2013-07"
    assert "furthest from the reference in July 2013: moved up by 45.1" in report["summary"]
    assert "April to October, and July was furthest" in flights.prose


def test_the_months_of_other_departures_are_those_with_the_longest_waits(flights: Flights) -> None:
    report, waits = flights.drift("dep_delay"), flights.means["dep_delay"]
    assert months(report) == waits.index[waits > waits["2013-01"] + 5].tolist()
    assert months(report) == ["2013-06", "2013-07", "2013-12"]
    assert "June, July and December, the months in which people waited longest" in flights.prose
    assert months(report, "insufficient") == ["2013-11"]
    assert "November is left open" in flights.prose


def test_september_joins_them_since_it_was_early(flights: Flights) -> None:
    report, arrivals = flights.drift("arr_delay"), flights.means["arr_delay"]
    change = (arrivals - arrivals["2013-01"]).abs()
    assert months(report) == change.index[change > 8].tolist()
    assert set(months(report)) - set(months(flights.drift("dep_delay"))) == {"2013-09"}
    assert arrivals.idxmin() == "2013-09"
    assert arrivals["2013-09"] < 0
    assert "September has joined them, the month in which flights came in early" in flights.prose


def test_defaults_and_significance_name_too_many(flights: Flights) -> None:
    (everything,) = (
        r for r in flights.reports if r["kind"] == "drift" and r["subject"]["columns"] == 14
    )
    assert len(months(everything)) == 10
    assert months(everything, "pass") == ["2013-02"]
    significant = flights.drift("temp", "dewp", "dep_delay", "arr_delay", correction="holm")
    assert len(months(significant)) == 11
    assert "Ten of eleven months have drifted" in flights.prose
    assert "No: all months." in flights.prose


def test_what_it_says_of_the_model_is_true(flights: Flights) -> None:
    predictions = flights.drift("chance", "late")
    chance = finding(predictions, "chance")["evidence"]
    assert (chance["role"], chance["over_time"]["furthest"]) == ("prediction", "2013-07")
    assert chance["over_time"]["statuses"] == ["pass"] * 2 + ["fail"] * 9
    late = finding(predictions, "late")["evidence"]["over_time"]
    fails = [place for place, status in enumerate(late["statuses"]) if status == "fail"]
    assert (fails, late["furthest"]) == ([7], "2013-09")
    assert "has drifted in September alone, for the better" in flights.prose

    # Newest first: December's is the first.
    judged = [r for r in flights.reports if r["kind"] == "performance"][::-1]
    losses = [finding(report, "log_loss")["value"] for report in judged]
    assert 1 + losses.index(max(losses)) == 7
    missed = [n for n, report in enumerate(judged, 1) if report["status"] == "fail"]
    assert missed == [4, 6, 7, 8, 12]
    shares = flights.means["late"]
    assert 0.3 < shares["2013-07"] < 1 / 3
    assert "nearly a third of its flights were late, and it had foretold 9 %" in flights.prose
    january = flights.data["date"] < "2013-02-01"
    july = flights.data["date"].dt.month == 7
    warmest, coolest = flights.data["temp"][january].max(), flights.data["temp"][july].min()
    assert int(warmest) == int(coolest) == 64
    assert "January's warmest hour had 64 °F, and July's coolest had as much" in flights.prose


def test_the_airports_gap_is_told_month_by_month(flights: Flights) -> None:
    (report,) = (r for r in flights.reports if r["kind"] == "fairness")
    (gap,) = report["findings"]
    batches = gap["evidence"]["over_time"]
    assert min(batches, key=lambda batch: batch["value"])["batch"] == "2013-07"
    assert [b["batch"] for b in batches if b["status"] != "fail"] == ["2013-07"]
    rates = {g["group"]: g["true_positive_rate"] for g in gap["evidence"]["groups"]}
    assert rates["EWR"] > 2 * max(rates["JFK"], rates["LGA"])
    assert "from Newark are foretold twice as often as those of the other two" in flights.prose


def test_its_warnings_are_those_it_speaks_of(flights: Flights) -> None:
    (report,) = (r for r in flights.reports if r["kind"] == "quality")
    failed = {(f["name"], f["column"]) for f in report["findings"] if f["status"] == "fail"}
    assert failed == {("not_null", "pressure"), ("duplicate_rows", None)}
    assert report["status"] == "pass"
    assert "55 rows are the same as another" in flights.prose
    assert int(flights.data.duplicated().sum()) == 55


def test_the_source_has_no_outputs_and_the_copy_small_ones_without_a_script(
    flights: Flights,
) -> None:
    cells = [cell for cell in flights.source["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    for cell in flights.executed["cells"]:
        for output in cell.get("outputs", ()):
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output
            html = "".join(output.get("data", {}).get("text/html", ""))
            assert len(html.encode()) <= 100_000
            # pandas brings a style sheet for its tables; nobody brings a script.
            assert not re.search(r"<script|javascript:|\son\w+=", html, re.IGNORECASE)
