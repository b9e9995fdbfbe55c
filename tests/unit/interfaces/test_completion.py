"""Completion offers what is valid, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlops_nb.interfaces import lookup
from mlops_nb.interfaces.completion import complete, shell_words
from mlops_nb.project import Project


def test_verbs_of_the_door() -> None:
    known = [verb.name for verb in lookup.verbs_of("notebook") if " " not in verb.name]
    assert complete([], "", "notebook") == [*known, "data", "jobs"]
    assert complete(["jobs"], "", "notebook")[:3] == ["add", "list", "show"]
    assert complete(["jobs"], "-", "notebook") == ["--help"]
    assert complete(["jobs", "pasue"], "", "notebook") == []
    assert complete(["jobs", "add", "a", "b", "--tz"], "Europe/Berl", "terminal") == [
        "Europe/Berlin"
    ]
    assert complete([], "dr", "terminal") == ["drift"]
    assert complete([], "tra", "terminal") == []


def test_options_left_and_no_others() -> None:
    options = complete(["drift", "a", "b", "--share", "0.3"], "--", "notebook")
    assert "--share" not in options
    assert {"--column", "--strict", "--json", "--help"} <= set(options)


def test_data_frames_in_scope_for_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "january.parquet").touch()
    (tmp_path / "notes.txt").touch()
    scope = {"frame": pd.DataFrame(), "other": 3, "_hidden": pd.DataFrame(), "pd": pd}
    assert complete(["drift"], "", "notebook", scope) == ["frame", "january.parquet"]
    assert complete(["drift", "frame"], "jan", "notebook", scope) == ["january.parquet"]


def test_the_columns_of_the_frames_on_the_line() -> None:
    january = pd.DataFrame(columns=["temp", "last order", "it's", 7, "two\nlines"])
    scope = {"january": january, "february": pd.DataFrame(columns=["temp", "wind"]), "n": 3}
    line = ["drift", "january", "february"]
    for option in ("--column", "--exclude", "--target", "--by"):
        assert complete([*line, option], "", "notebook", scope) == [
            "temp", "'last order'", "'it'\"'\"'s'", "7", "wind",
        ]  # fmt: skip
    assert complete([*line, "--column", "temp", "--column"], "w", "notebook", scope) == ["wind"]
    fairness = ["fairness", "february", "--label", "temp", "--sensitive"]
    arrays = ["february", "january"]
    assert complete(fairness, "", "notebook", scope) == ["temp", "wind", *arrays]
    assert complete(["fairness", "n", "--label"], "", "notebook", scope) == arrays
    assert complete(["drift", "n", "--target"], "", "notebook", scope) == []
    assert complete(["fairness", "a.parquet", "--label"], "", "terminal") == []


def test_choices_of_an_option() -> None:
    assert complete(["runs", "--status"], "F", "terminal") == ["FINISHED", "FAILED"]


def test_nothing_after_the_last_argument_or_an_unknown_verb() -> None:
    assert complete(["drift", "a", "b"], "", "terminal") == []
    assert complete(["drfit"], "", "terminal") == []


def test_another_doors_verbs_complete_to_nothing() -> None:
    assert complete(["demo"], "--", "notebook") == []
    assert complete(["log"], "--", "terminal") == []


def test_the_doors_options_and_the_folders_for_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "credit").mkdir()
    (tmp_path / "notes.txt").touch()
    assert complete([], "--", "notebook") == ["--help", "--project", "--debug"]
    assert complete(["--project"], "", "notebook") == ["credit/"]
    assert complete(["--project", "credit"], "dr", "notebook") == ["drift"]
    assert complete(["runs", "--project", "credit", "--status"], "L", "notebook") == ["LOST"]
    assert "--project" not in complete(["runs", "--project", "credit"], "--", "notebook")
    assert complete(["runs", "--project"], "", "notebook") == ["credit/"]


def test_a_projects_runs_and_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Project.at(tmp_path, {}).ensure().spool
    for run_id, experiment in (("0" * 16, "trees"), ("1" * 16, "forests")):
        spool.begin(run_id, name="n", experiment=experiment)
    monkeypatch.chdir(tmp_path)
    assert complete(["show"], "", "terminal") == ["latest", "1" * 16, "0" * 16]
    assert complete(["show"], "0", "notebook") == ["0" * 16]
    assert complete(["runs", "--experiment"], "", "notebook") == ["forests", "trees"]
    assert complete(["track", "--experiment"], "tr", "notebook") == ["trees"]
    monkeypatch.chdir("/")
    assert complete(["show", "--project", str(tmp_path)], "1", "notebook") == ["1" * 16]


def test_the_shells_line_is_cut_at_the_cursor() -> None:
    assert shell_words("mlops drift a --sh more", 18) == (["drift", "a"], "--sh")
