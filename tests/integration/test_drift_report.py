"""`drift --report` at the terminal: where Evidently's page goes, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

import mlops_nb
from tests.terminal import Command


def test_a_terminal_writes_the_page_whole_and_says_where(command: Command, tmp_path: Path) -> None:
    for name, shift in (("old", 0), ("new", 1)):
        rows = pd.DataFrame({"age": [20.5 + shift + i for i in range(60)], "sex": ["f", "m"] * 30})
        rows.to_parquet(tmp_path / f"{name}.parquet")
    data = ("drift", "old.parquet", "new.parquet")
    for words, told in (
        (["--report"], "no run is open that could keep Evidently's report; give it a file"),
        (["--report", "a.htm"], "the value of --report ends in .html"),
        (["--report=a.htm"], "'a.htm' is no name for a report; a.html is"),
        (["--report", "none/a.html"], "there is no folder"),
    ):
        done = command(*data, *words)
        assert (done.code, told in done.err) == (2, True), done.err
    (tmp_path / "a.profile").write_bytes(b"")
    mlops_nb.drift("old.parquet", "new.parquet", save_profile="a.profile")
    done = command("drift", "a.profile", "new.parquet", "--report", "a.html")
    assert (done.code, "a profile has no rows" in done.err) == (2, True)
    assert not (tmp_path / "a.html").exists()

    done = command("drift", "--report", "a.html", "old.parquet", "new.parquet")
    assert done.code in (0, 1), done.err
    assert str(tmp_path / "a.html") in done.out.replace("\n", "")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<title>Drift, old.parquet → new.parquet</title>" in page
    assert sorted(path.name for path in tmp_path.glob("*.html*")) == ["a.html"]


def test_evidently_is_imported_for_its_report_alone(tmp_path: Path, root: Path) -> None:
    code = (
        "import sys, pandas, mlops_nb; rows = pandas.DataFrame({'age': range(30)}); "
        "print(mlops_nb.drift(rows, rows).status, 'evidently' in sys.modules)"
    )
    path = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=tmp_path,
        env=path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["pass", "False"], done.stderr


def test_batches_and_the_page_go_together(command: Command, tmp_path: Path) -> None:
    old = pd.DataFrame({"age": [float(i) for i in range(60)]})
    new = pd.concat([old.assign(day="2026-01-01"), (old + 90).assign(day="2026-01-02")])
    for name, rows in (("old", old), ("new", new)):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    words = ("drift", "old.csv", "new.csv", "--by", "day", "--every", "day", "--report", "a.html")
    done = command(*words, "--multivariate", "--json")
    (whole,) = [f for f in done.json["findings"] if f["name"] == "share_of_drifted_columns"]
    told = [(batch["batch"], batch["status"]) for batch in whole["evidence"]["over_time"]]
    assert told == [("2026-01-01", "pass"), ("2026-01-02", "fail")]
    assert (tmp_path / "a.html").exists()
    notes = done.json["subject"]["notes"]
    assert "`day` makes the batches and is not compared." in notes
    assert not any("domain_classifier" in note for note in notes), "that is no column to draw"
