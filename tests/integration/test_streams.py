"""Parquet as a stream behind the doors: when it is, what is refused, and how it is watched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

import mlops_nb
from mlops_nb.checks.drift_profile import load
from mlops_nb.core.errors import InputError, NotFoundError, StoppedError
from mlops_nb.core.records import Report
from mlops_nb.core.watch import Silent
from mlops_nb.data import tables
from mlops_nb.flows import checks
from mlops_nb.interfaces import session
from tests.terminal import Command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a project with three folders of Parquet: two months, and a part of the first."""
    rng = np.random.default_rng(0)
    for name, shift, rows in (("january", 0, 4000), ("july", 2, 3000)):
        for part in range(2):
            file = tmp_path / name / f"part={part}" / "rows.parquet"
            file.parent.mkdir(parents=True)
            pd.DataFrame(
                {"temp": rng.normal(shift, 1, rows), "state": rng.choice(list("abc"), rows)}
            ).to_parquet(file)
    (tmp_path / "mlops.toml").touch()
    return tmp_path


def is_streamed(report: mlops_nb.Report) -> bool:
    notes = report.subject.get("notes") or ["."]
    return notes[0].startswith("Read as a stream")


def test_a_terminal_streams_what_it_is_asked_to(command: Command, folder: Path) -> None:
    done = command("drift", "january", "july", "--stream", "always")
    assert done.code == 0, done.err
    assert "Read as a stream, never whole: scores are exact." in done.out.replace("\n", " ")
    assert "1 of 3 columns drifted" in done.out
    assert "counting 3 columns of january" in done.err
    done = command("quality", "july", "--against", "january/*/*.parquet", "--stream", "always")
    assert done.code == 0, done.err
    assert "Read as a stream" in done.out
    assert "reading july" in done.err


def test_it_is_automatic_where_frames_would_not_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert not is_streamed(mlops_nb.drift("january", "july"))
    monkeypatch.setattr(tables, "SMALL", 0)
    assert not is_streamed(mlops_nb.drift("january", "july"))

    class Memory:
        available = 100_000

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    report = mlops_nb.drift("january", "july")
    assert is_streamed(report)
    assert [f.status for f in report.findings if f.name == "temp"] == ["fail"]
    assert is_streamed(mlops_nb.quality("january"))
    assert not is_streamed(mlops_nb.drift("january", "july", stream="never"))
    monkeypatch.setenv("MLOPS_DATA_STREAM", "never")
    assert not is_streamed(mlops_nb.drift("january", "july"))


def test_a_setting_streams_parquet_and_leaves_the_rest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "mlops.toml").write_text('[data]\nstream = "always"\n')
    old = pd.read_parquet("january/part=0/rows.parquet")
    assert not is_streamed(mlops_nb.drift(old, old))
    old.to_csv("old.csv")
    assert not is_streamed(mlops_nb.quality("old.csv"))
    mixed = mlops_nb.drift(old, "july")
    assert is_streamed(mixed)
    assert mixed.subject["reference"]["rows"] == 4000
    assert [f.status for f in mixed.findings if f.name == "part"] == ["insufficient"]


def test_a_profile_is_the_reference_of_a_stream(
    folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    whole = mlops_nb.drift("january", "july", save_profile="a.profile")
    done = command("drift", "a.profile", "july", "--stream", "always", "--json")
    assert done.code == 0, done.err
    report = Report.from_dict(done.json)
    assert is_streamed(report)
    assert report.subject["reference"] == {"name": "a.profile", "rows": 8000}
    for found in whole.findings:
        streamed = report.finding(found.name)
        assert streamed.status == found.status
        assert streamed.value == pytest.approx(found.value, abs=1e-6)


def test_what_needs_all_rows_is_refused_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    data = ("january", "july")
    for name, value in (("by", "state"), ("every", 10), ("save_profile", "a.profile")):
        with pytest.raises(InputError, match=r"needs all rows at once, .*--stream never"):
            mlops_nb.drift(*data, stream="always", **{name: value})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--report needs all rows at once"):
        mlops_nb.drift(*data, stream="always", report="a.html")
    with pytest.raises(InputError, match="--infer needs all rows at once"):
        mlops_nb.quality("july", stream="always", infer="a.toml")
    mlops_nb.drift("january/part=0", "july", save_profile="a.profile")
    with pytest.raises(InputError, match="--by needs all rows at once"):
        mlops_nb.drift("a.profile", "july", stream="always", by="state")
    with pytest.raises(InputError, match="a profile"):
        mlops_nb.drift("july", "a.profile", stream="always")
    with pytest.raises(InputError, match="a profile"):
        mlops_nb.quality("july", against="a.profile", stream="always")
    with pytest.raises(InputError, match="only Parquet files are read as a stream"):
        mlops_nb.quality(pd.DataFrame({"x": [1]}), stream="always")
    with pytest.raises(NotFoundError, match="unknown way to read data 'alwys'"):
        mlops_nb.drift(*data, stream="alwys")


def test_it_is_watched_and_can_be_stopped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)

    class Seen(Silent):
        def __init__(self) -> None:
            self.steps: list[float] = []
            self.stops = False

        def progress(self, done: float, total: float, text: str = "") -> None:
            self.steps.append(done / total)

        def cancelled(self) -> bool:
            return self.stops

    seen = Seen()
    context = replace(session.current().context(), watch=seen)
    checks.drift(context, "january", "july", stream="always")
    assert seen.steps == sorted(seen.steps)
    assert (len(seen.steps) > 3, seen.steps[-1]) == (True, 1.0)
    seen.stops = True
    with pytest.raises(StoppedError, match="drift was cancelled"):
        checks.drift(context, "january", "july", stream="always")
    with pytest.raises(StoppedError, match="quality was cancelled"):
        checks.quality(context, "january", stream="always")


def test_a_run_keeps_the_report_and_which_files_it_was_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    mlops_nb.drift("january/part=0", "july", save_profile="a.profile")
    with mlops_nb.track("large") as run:
        mlops_nb.drift("january", "july", stream="always")
        mlops_nb.drift("a.profile", "july", stream="always")
    kept = mlops_nb.show(run.run_id)
    told = [value for key, value in kept.run.tags.items() if "january" in key]
    assert [value.partition(":")[0] for value in told] == ["parquet-footers-1"]
    stored = [value for key, value in kept.run.tags.items() if "a.profile" in key]
    assert load(Path("a.profile")).source in stored
