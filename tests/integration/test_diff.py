"""`diff` of runs as they are recorded: artifacts, cells, reports and versions of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_nb import panels
from mlops_nb.core.errors import NotFoundError
from mlops_nb.core.records import CellRecord, Finding, Report, now
from mlops_nb.data.sketch import sketch
from mlops_nb.flows import comparison, datasets, tracking
from mlops_nb.flows.context import Context
from mlops_nb.interfaces.cli import main
from mlops_nb.project import Project

PACKAGES = b"numpy==2.4.0\npandas==2.3.3\n"


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(comparison.delivery, "catch_up", lambda _: None)
    return Context(Project.at(tmp_path, {}), tmp_path)


def recorded(context: Context, number: int, **changed: Any) -> str:
    """Record a run as tracking does, with something changed, and return its id."""
    run_id, spool = f"{number:016x}", context.project.ensure().spool
    files = {"mlops/packages.txt": changed.get("packages", PACKAGES)}
    files |= {"mlops/modules/lib.py": changed.get("module", b"1"), "mlops/dirty.diff": b"x"}
    tags = {"mlops.commit": changed.get("commit", "1" * 40), "mlops.diff_hash": "sha256:1"}
    spool.begin(run_id, name=f"run {number}", files=files, tags=tags)
    inside = Context(context.project, context.folder, run_id)
    source = changed.get("source", "fit(frame)")
    tracking.record_cell(inside, run_id, CellRecord(1, source, now(), 0.1, "ok"))
    tracking.record_parameters(inside, run_id, {"months": changed.get("months", 2)})
    datasets.get(inside, changed.get("data", "clients@1"))
    held = sketch(pd.DataFrame({"age": changed.get("ages", [1, 3])}))
    tracking.record_data(inside, "train", held["hash"], held)
    status = changed.get("status", "pass")
    report = Report("drift", status, (Finding("age", "age", 0.1, 0.2, status),))
    tracking.record_report(inside, report, "<p>")
    tracking.log(inside, {"auc": changed.get("auc", 0.78)})
    tracking.close_run(inside, run_id, "FINISHED")
    return run_id


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"source": "fit(frame, 8)"}, "Cell 1 has other code: "),
        ({"module": b"2"}, "Module `lib.py` was "),
        ({"months": 3}, "Parameter `months` was 2 and became 3"),
        ({"data": "clients@2"}, "Data `clients` was clients@1 "),
        ({"ages": [1, 3, 5]}, "Data `train` is another: 2 rows became 3; `age` moved up by 1, 1 s"),
        ({"packages": PACKAGES.replace(b"2.3", b"2.2")}, "Package `pandas` was 2.3.3 and became"),
        ({"commit": "2" * 40}, "The commit was 1111111111 and became 2222222222"),
    ],
)
def test_a_planted_change_is_named_alone(
    context: Context, changed: dict[str, Any], cause: str
) -> None:
    for age in (30, 40):
        datasets.snapshot(context, "clients", pd.DataFrame({"age": [age, 50]}))
    first, same = recorded(context, 1), recorded(context, 2)
    found = comparison.diff(context, first, same)
    assert (found.same, found.causes, found.notes) == (True, (), ())
    other = recorded(context, 3, auc=0.8, **changed)
    found = comparison.diff(context, first[:-1] + "1", "latest")
    assert (found.before, found.after) == (first, other)
    assert len(found.causes) == 1
    assert found.causes[0].startswith(cause)
    assert [change.name for change in found.metrics] == ["auc"]
    text = panels.text(found)
    assert "Likely causes" in text
    assert "0.7800" in text
    if "data" in changed:
        assert found.datasets["clients"].changed == ("age",)
        assert "other values" in text
    if "ages" in changed:
        assert found.datasets["train"].rows == (2, 3)
        assert "What differs in train" in text


def test_a_check_that_failed_since_is_told_and_is_no_cause(context: Context) -> None:
    datasets.snapshot(context, "clients", pd.DataFrame({"age": [1]}))
    found = comparison.diff(context, recorded(context, 1), recorded(context, 2, status="fail"))
    assert [change.name for change in found.checks] == ["drift", "drift: age"]
    assert (found.causes, found.metrics) == ((), ())


def test_the_same_run_and_an_unknown_one(
    context: Context, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets.snapshot(context, "clients", pd.DataFrame({"age": [1]}))
    run = recorded(context, 1)
    assert comparison.diff(context, run, "latest").summary == "It is the same run."
    with pytest.raises(NotFoundError, match="unknown run '0000000000000002'; did you mean"):
        comparison.diff(context, run, "0000000000000002")
    monkeypatch.chdir(context.folder)
    assert main(["diff", run[:15], "latest", "--json", "--project", str(context.folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["names"], told["metrics"]) == (True, ["run 1", "run 1"], [])


def test_a_version_that_is_damaged_is_noted(context: Context) -> None:
    for age in (30, 40):
        datasets.snapshot(context, "clients", pd.DataFrame({"age": [age]}))
    runs = [recorded(context, 1), recorded(context, 2, data="clients@2")]
    for blob in context.project.blobs.folder.rglob("*"):
        if blob.is_file():
            blob.chmod(0o600)
            blob.write_bytes(b"damaged")
    found = comparison.diff(context, *runs)
    assert [change.name for change in found.data] == ["clients"]
    assert "Data clients could not be compared: " in found.notes[0]
