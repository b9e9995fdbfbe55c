"""Runs are filtered, ordered and cut alike, whether MLflow's database or the spool has them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.flows import runs as flow
from mlops_nb.flows.context import Context
from mlops_nb.flows.delivery import deliver_now
from mlops_nb.project import Project
from mlops_nb.stores import runs as module
from mlops_nb.stores.run_query import Condition, Query
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

METRICS = {"a": 0.9, "b": 0.7, "c": None, "d": float("nan"), "e": float("inf"), "f": 0.8}


def run_id(name: str) -> str:
    return f"0000000{name}" + "0" * 8


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with six runs: MLflow has the first four, the spool the rest; and a child each."""
    made = Project.at(tmp_path_factory.mktemp("runs"), {}).ensure()
    for name, value in METRICS.items():
        if name == "e":
            deliver_now(made)
        spool = made.spool
        spool.begin(run_id(name), name=name, experiment="exp", tags={"mlops.branch": f"of-{name}"})
        if value is not None:
            spool.append(run_id(name), "metrics", values=[point("auc", value)])
        # A text of brackets only: whoever takes it for JSON runs out of stack.
        odd = {"text": "[" * 5000}
        params = {"depth": ord(name) - 96, "wide": name == "a", **odd}
        spool.append(run_id(name), "params", values=params)
        spool.begin(f"{name}" * 16, name="child", experiment="exp", parent_id=run_id(name))
        for opened in (name * 16, run_id(name)):
            spool.append(opened, "ended", status="FAILED" if name == "b" else "FINISHED")
    assert len(made.spool.run_ids()) == 4
    return made


def point(key: str, value: float) -> dict[str, Any]:
    return {"key": key, "value": value, "step": None, "at": "2026-11-23T10:00:00+00:00"}


def names(project: Project, **asked: Any) -> str:
    where = tuple(Condition.parse(text) for text in asked.pop("where", ()))
    return "".join(run.name for run in project.runs.select(Query(where=where, **asked)))


CASES: tuple[tuple[dict[str, Any], str], ...] = (
    ({}, "fedcba"),
    ({"reverse": True}, "abcdef"),
    ({"sort": "name"}, "abcdef"),
    ({"sort": "auc"}, "eafbdc"),
    ({"sort": "auc", "reverse": True}, "bfaedc"),
    ({"sort": "name", "limit": 2, "offset": 3}, "de"),
    ({"sort": "name", "limit": 2, "offset": 9}, ""),
    ({"status": "FAILED"}, "b"),
    ({"where": ["auc >= 0.8"]}, "fea"),
    ({"where": ["auc>0.75", "depth < 6"]}, "ea"),
    ({"where": ["depth != 3"]}, "fedba"),
    ({"where": ["wide = true"]}, "a"),
    ({"where": ["depth = 1"]}, "a"),
    ({"where": ["mlops.branch = 'of-e'"]}, "e"),
    ({"where": ["mlops.branch == of-b"], "limit": 1}, "b"),
    ({"where": ["mlops.branch = %"]}, ""),
    ({"where": ['mlops.branch = "\' OR 1=1 --"']}, ""),
    ({"where": [f"mlops.branch = {'[' * 5000}"]}, ""),
    ({"where": ["auc > 1e999"]}, ""),
    ({"limit": 10**30, "offset": 5}, "a"),
    ({"limit": 5, "offset": 10**30}, ""),
)


@pytest.mark.parametrize(("asked", "expected"), CASES, ids=[str(asked) for asked, _ in CASES])
def test_a_query_means_the_same_wherever_runs_are(
    project: Project, asked: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(project, **asked) == expected
    # As over a server: all runs are listed, and Python chooses among them.
    every = project.runs.search(children=True)
    monkeypatch.setattr(module.RunStore, "_all", lambda *_: every)
    monkeypatch.setattr(module, "open_readonly", lambda *_: None)
    assert names(project, **asked) == expected


def test_runs_are_found_by_id_prefix_and_latest_without_a_look_at_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    load = module.run_rows.load

    def counted(connection: sqlite3.Connection, ids: Any) -> Any:
        found = load(connection, ids)
        read.append(len(found))
        return found

    monkeypatch.setattr(module.run_rows, "load", counted)
    get = project.runs.get
    assert get("latest").name == "f"
    assert get(run_id("a")).name == "a"
    first = get("0000000a")
    assert first.mlflow_run_id is not None
    assert get(first.mlflow_run_id[:20]) == first
    assert [child.run_id for child in project.runs.children(first)] == ["a" * 16]
    assert [child.run_id for child in project.runs.children(get(run_id("e")))] == ["e" * 16]
    assert sum(read) <= 10
    with pytest.raises(InputError, match="beginning of several runs: "):
        get("0000000")
    with pytest.raises(NotFoundError, match=r"unknown run '0000000z0'.*did you mean"):
        get("0000000z0")


def test_a_delivered_run_under_the_spool_keeps_what_only_mlflow_has(project: Project) -> None:
    from mlops_nb.stores.run_rows import load

    project = Project.at(project.root, {})
    run = project.runs.get(run_id("a"))
    project.spool.begin(run.run_id, name="again", experiment="exp")
    laid = project.runs.get(run.run_id)
    assert (laid.name, laid.mlflow_run_id, dict(laid.metrics)) == (
        "again",
        run.mlflow_run_id,
        {"auc": 0.9},
    )
    assert [found.name for found in project.runs.search(limit=1)] == ["again"]
    assert len(project.runs.search()) == 6
    project.spool.remove(run.run_id)
    with closing(sqlite3.connect(project.state / "mlflow.db")) as connection:
        assert load(connection, ["no such"]) == {}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"where": ["auc"]}, "'auc' is no condition; write NAME OP VALUE"),
        ({"where": "auc > high"}, "compares with 'high', which is no number"),
        ({"where": ["acu > 1"]}, "unknown metric, parameter or tag 'acu'; did you mean 'auc'"),
        ({"sort": "durations"}, "unknown order 'durations'; did you mean 'duration'"),
        ({"where": "mlops_branch = 1"}, "tag 'mlops_branch'; did you mean 'mlops.branch'"),
        ({"where": "\udcff = 1"}, r"'.udcff' is not valid text"),
        ({"sort": "auc'; DROP TABLE runs; --"}, 'unknown order "auc\'; DROP TABLE runs; --"'),
        ({"experiment": "%"}, "unknown experiment '%'; there is 'Default', 'exp'"),
        ({"offset": -1}, "--offset must be 0 or more, not -1"),
        ({"limit": -1}, "--limit must be 0 or more, not -1"),
    ],
)
def test_a_wrong_query_is_told_in_one_line(
    project: Project, asked: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow.delivery, "catch_up", lambda _: None)
    with pytest.raises(InputError, match=message):
        flow.runs(Context(project, Path()), **asked)


def test_the_metric_that_was_asked_for_is_shown_first(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow.delivery, "catch_up", lambda _: None)
    best = flow.runs(Context(project, Path()), where="auc < 1", sort="auc", limit=1)[0]
    assert best.name == "a"
    many = replace(best, metrics={"zeta": 1.0, "auc": 0.9})
    assert list(flow._told(many, Query(sort="auc")).metrics) == ["auc", "zeta"]
