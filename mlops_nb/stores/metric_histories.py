"""A metric over its steps: what MLflow has of it, and what the spool still holds.

MLflow's own SQLite file is read directly; a server is asked metric by metric, for the first few.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

from mlops_nb.core.cell_records import History
from mlops_nb.core.records import Run
from mlops_nb.stores.mlflow_client import sqlite_path
from mlops_nb.stores.mlflow_errors import calling
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.spool import Spool, points, read_events
from mlops_nb.stores.sqlite_errors import sqlite_errors

# What is kept of a longer history, and how many metrics a server is asked for.
KEPT = 60
ASKED = 50

# Step, milliseconds, value: so that sorting puts points in the order they were logged in.
_Point: TypeAlias = tuple[int, int, float]


def histories(spool: Spool, tracking_uri: str, run: Run) -> dict[str, History]:
    """Return the histories of a run's metrics that have several values, by name.

    Raises
    ------
    UnavailableError
        If MLflow has the run and can't be asked.
    """
    points = _delivered(tracking_uri, run.mlflow_run_id, run.metrics) if run.mlflow_run_id else {}
    for name, some in _spooled(spool, run.run_id).items():
        points.setdefault(name, []).extend(some)
    return {name: history(points[name]) for name in run.metrics if len(points.get(name, ())) > 1}


def history(points: Iterable[_Point]) -> History:
    """Return a history of at most `KEPT` points: first, last, each stretch's lowest and highest.

    Examples
    --------
    >>> history([(1, 0, 0.5), (0, 0, 0.25)])
    History(count=2, steps=(0, 1), values=(0.25, 0.5))
    >>> len(history((step, 0, 1.0 / (step + 1)) for step in range(100_000)).values) <= KEPT
    True
    """
    ordered = sorted(points, key=lambda point: point[:2])
    kept = range(len(ordered))
    places = list(kept) if len(ordered) <= KEPT else _extremes([value for *_, value in ordered])
    steps, values = zip(*((ordered[p][0], ordered[p][2]) for p in places), strict=True)
    return History(len(ordered), steps, values)


def _extremes(values: list[float]) -> list[int]:
    stretches = KEPT // 2 - 1
    places = {0, len(values) - 1}
    for stretch in range(stretches):
        begin, end = (len(values) * at // stretches for at in (stretch, stretch + 1))
        finite = [place for place in range(begin, end) if math.isfinite(values[place])]
        inside = finite or [begin]
        places |= {min(inside, key=values.__getitem__), max(inside, key=values.__getitem__)}
    return sorted(places)


def _spooled(spool: Spool, run_id: str) -> dict[str, list[_Point]]:
    """Return the points that MLflow does not have yet."""
    try:
        data = spool.read(run_id, spool.delivered(run_id).offset)
    except FileNotFoundError:
        return {}
    found: dict[str, list[_Point]] = {}
    for event in read_events(data):
        for key, value, at, step in points(event):
            found.setdefault(key, []).append((step, int(at.timestamp() * 1000), value))
    return found


def _delivered(
    tracking_uri: str, mlflow_run_id: str, metrics: Mapping[str, float]
) -> dict[str, list[_Point]]:
    points: dict[str, list[_Point]] = {}
    connection = open_readonly(tracking_uri)
    if connection is not None:
        with sqlite_errors(sqlite_path(tracking_uri) or Path()), closing(connection):
            rows = connection.execute(
                "SELECT key, step, timestamp, CASE WHEN is_nan THEN NULL ELSE value END"
                " FROM metrics WHERE run_uuid = ?",
                (mlflow_run_id,),
            )
            for name, step, at, value in rows:
                points.setdefault(name, []).append((step, at, _unbounded(value)))
        return points
    with calling(tracking_uri) as mlflow:
        for name in list(metrics)[:ASKED]:
            found = mlflow.get_metric_history(mlflow_run_id, name)
            points[name] = [(m.step, m.timestamp, _unbounded(m.value)) for m in found]
    return points


def _unbounded(value: float | None) -> float:
    """Return the infinity that MLflow's SQL stores write as the largest number; NaN for None."""
    if value is None:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value
