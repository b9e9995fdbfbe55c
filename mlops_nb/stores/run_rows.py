"""Runs as MLflow's own SQLite file has them: only those that are asked for are read whole.

MLflow's client reads every parameter, metric and tag of every run that it passes. Here the database
filters, orders and cuts by what it has an index for, and the rest is read for one page.
"""

from __future__ import annotations

import json
import math
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from mlops_nb.core.records import Run
from mlops_nb.stores.delivery import param_value
from mlops_nb.stores.run_query import FIELDS, Query

_STATUSES = {"SCHEDULED": "RUNNING"}
_PARENT = "('mlops.parent_id', 'mlflow.parentRunId')"
_VALUES = (
    ("latest_metrics", "CASE WHEN is_nan THEN 'NaN' ELSE value END"),
    ("params", "value"),
    ("tags", "value"),
)
_ORDERS = {
    "started": "r.start_time / 1000.0",
    "duration": "(r.end_time - r.start_time) / 1000.0",
    "name": "r.name",
}


def select(
    connection: sqlite3.Connection, query: Query, without: Iterable[str]
) -> list[tuple[Any, str, str]]:
    """List the runs that are asked for, in order, and none beyond the end of the page.

    Parameters
    ----------
    connection : sqlite3.Connection
    query : Query
    without : iterable of str
        MLflow's ids of runs to leave out.

    Returns
    -------
    list of tuple
        What the run is ordered by, its id, and MLflow's.
    """
    given: dict[str, Any] = {"without": json.dumps(list(without))}
    wanted = [
        "r.lifecycle_stage = 'active'",
        "r.run_uuid NOT IN (SELECT value FROM json_each(:without))",
    ]
    if not query.children:
        children = f"SELECT run_uuid FROM tags WHERE key IN {_PARENT}"  # noqa: S608
        wanted.append(f"r.run_uuid NOT IN ({children})")
    if query.experiment is not None:
        wanted.append("e.name = :experiment")
        given["experiment"] = query.experiment
    if query.status is not None:
        told = "SELECT value FROM tags WHERE key = 'mlops.status' AND run_uuid = r.run_uuid"
        own = "CASE r.status WHEN 'SCHEDULED' THEN 'RUNNING' ELSE r.status END"
        wanted.append(f"COALESCE(({told}), {own}) = :status")
        given["status"] = query.status
    for place, condition in enumerate(query.where):
        function = f"mlops_holds_{place}"
        connection.create_function(function, 1, _stored(condition.holds))
        given[f"name_{place}"] = condition.name
        parts = (
            f"SELECT run_uuid FROM {table}"  # noqa: S608 - words of ours
            f" WHERE key = :name_{place} AND {function}({value})"
            for table, value in _VALUES
        )
        wanted.append(f"r.run_uuid IN ({' UNION ALL '.join(parts)})")
    key, joined = _ORDERS.get(query.sort, "m.value"), ""
    if query.sort not in FIELDS:
        joined = (
            " LEFT JOIN latest_metrics m"
            " ON m.key = :metric AND m.run_uuid = r.run_uuid AND NOT m.is_nan"
        )
        given["metric"] = query.sort
    down = "DESC" if query.descending else "ASC"
    # What is put together here are words of ours; all that a user gave is bound.
    found = connection.execute(
        f"SELECT {key} AS place, COALESCE(t.value, r.run_uuid) AS ours, r.run_uuid FROM runs r"  # noqa: S608
        " JOIN experiments e ON e.experiment_id = r.experiment_id"
        " LEFT JOIN tags t ON t.key = 'mlops.run_id' AND t.run_uuid = r.run_uuid"
        f"{joined} WHERE {' AND '.join(wanted)}"
        f" ORDER BY place IS NULL, place {down},"
        f" CASE WHEN place IS NULL THEN NULL ELSE ours END {down}, ours DESC LIMIT :limit",
        {**given, "limit": -1 if query.page.stop is None else query.page.stop},
    )
    return list(found)


def load(connection: sqlite3.Connection, mlflow_ids: Iterable[str]) -> dict[str, Run]:
    """Read runs whole, by MLflow's ids; what is not there (any more) is left out."""
    wanted = json.dumps(list(mlflow_ids))
    params, metrics, tags = (
        _by_run(
            connection,
            f"SELECT run_uuid, key, {value} FROM {table}"  # noqa: S608 - words of ours
            " WHERE run_uuid IN (SELECT value FROM json_each(?))",
            wanted,
        )
        for table, value in (_VALUES[1], _VALUES[0], _VALUES[2])
    )
    rows = connection.execute(
        "SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time, e.name,"
        # A child that was made with MLflow alone names its parent by MLflow's id.
        " (SELECT p.value FROM tags c JOIN tags p ON p.run_uuid = c.value"
        "  WHERE c.run_uuid = r.run_uuid AND c.key = 'mlflow.parentRunId'"
        "  AND p.key = 'mlops.run_id')"
        " FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id"
        " WHERE r.lifecycle_stage = 'active'"
        " AND r.run_uuid IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    return {
        mlflow_id: make_run(
            mlflow_id,
            name=name,
            status=status,
            started=started,
            ended=ended,
            experiment=experiment,
            params=params.get(mlflow_id, {}),
            metrics={k: float(value) for k, value in metrics.get(mlflow_id, {}).items()},
            tags=tags.get(mlflow_id, {}),
            parent=parent,
        )
        for mlflow_id, name, status, started, ended, experiment, parent in rows
    }


def beginning_with(connection: sqlite3.Connection, text: str) -> list[str]:
    """List MLflow's ids of the runs whose id, ours or MLflow's, begins so."""
    found = connection.execute(
        "SELECT run_uuid FROM runs WHERE run_uuid BETWEEN :text AND :text || '~'"
        " UNION SELECT run_uuid FROM tags"
        " WHERE key = 'mlops.run_id' AND substr(value, 1, length(:text)) = :text",
        {"text": text},
    )
    return [mlflow_id for (mlflow_id,) in found]


def delivered(connection: sqlite3.Connection, run_ids: Iterable[str]) -> list[str]:
    """List MLflow's ids of runs that have these ids of ours."""
    found = connection.execute(
        "SELECT run_uuid FROM tags"
        " WHERE key = 'mlops.run_id' AND value IN (SELECT value FROM json_each(?))",
        (json.dumps(list(run_ids)),),
    )
    return [mlflow_id for (mlflow_id,) in found]


def children(connection: sqlite3.Connection, run: Run) -> list[str]:
    """List MLflow's ids of the runs that name a run as their parent."""
    found = connection.execute(
        f"SELECT DISTINCT run_uuid FROM tags WHERE key IN {_PARENT} AND value IN (?, ?)",  # noqa: S608
        (run.run_id, run.mlflow_run_id),
    )
    return [mlflow_id for (mlflow_id,) in found]


def names(connection: sqlite3.Connection) -> set[str]:
    """List the names of all metrics, parameters and tags."""
    tables = (f"SELECT key FROM {table}" for table, _ in _VALUES)  # noqa: S608 - words of ours
    return {name for (name,) in connection.execute(" UNION ".join(tables))}


def make_run(
    mlflow_id: str,
    *,
    name: str | None,
    status: str,
    started: int,
    ended: int | None,
    experiment: str,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    parent: str | None = None,
) -> Run:
    """Make our record of what MLflow tells of a run; `parent` is our id of the one it names."""
    # A run that was made with MLflow alone has no id of ours; its own serves.
    return Run(
        run_id=tags.get("mlops.run_id", mlflow_id),
        mlflow_run_id=mlflow_id,
        parent_id=tags.get("mlops.parent_id", parent or tags.get("mlflow.parentRunId")),
        name=name or tags.get("mlflow.runName", mlflow_id),
        status=tags.get("mlops.status", _STATUSES.get(status, status)),  # type: ignore[arg-type]
        reason=tags.get("mlops.reason"),
        notebook=tags.get("mlops.output_notebook", tags.get("mlops.notebook")),
        started_at=_instant(started),
        ended_at=None if ended is None else _instant(ended),
        experiment=experiment,
        params={key: param_value(value) for key, value in params.items()},
        metrics={key: _unbounded(value) for key, value in metrics.items()},
        tags=dict(tags),
    )


def _stored(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def of_text(value: Any) -> bool:
        if isinstance(value, float):
            return holds(_unbounded(value))
        return holds(math.nan if value == "NaN" else param_value(str(value)))

    return of_text


def _by_run(connection: sqlite3.Connection, query: str, ids: str) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for run_id, key, value in connection.execute(query, (ids,)):
        grouped.setdefault(run_id, {})[key] = value
    return grouped


def _unbounded(value: float) -> float:
    """Return the infinity that MLflow's SQL stores write as the largest number."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
