"""Runs: listed, found and opened, whether MLflow has them already or the spool still holds them.

MLflow owns a run once it is delivered. The embedded database is read directly and read-only
(MLflow's client takes seconds to import); a server, which others may share, is asked through the
client for this project's runs. What the spool still holds is laid over it.
"""

from __future__ import annotations

import math
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import CellRecord, Run
from mlops_nb.stores.delivery import EVENTS_ARTIFACT, param_value
from mlops_nb.stores.mlflow_client import reachable, sqlite_path
from mlops_nb.stores.mlflow_errors import calling
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.spool import RUN_ID, Spool, fold, read_events
from mlops_nb.stores.sqlite_errors import sqlite_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

NO_RUNS = "there are no runs yet: %mlops track, or mlops run NOTEBOOK, makes one"
_STATUSES = {"SCHEDULED": "RUNNING"}


@dataclass(frozen=True, slots=True)
class RunStore:
    """The runs of one project.

    Parameters
    ----------
    spool : Spool
    tracking_uri : str
    project : str
        The project's name: on a server, its runs carry it as the tag `mlops.project`.
    experiment : str
        The project's own experiment: on a server, what anyone has in it is listed too.
    """

    spool: Spool
    tracking_uri: str
    project: str
    experiment: str

    def search(
        self,
        *,
        experiment: str | None = None,
        status: str | None = None,
        children: bool = False,
        limit: int | None = None,
    ) -> list[Run]:
        """List runs, newest first; top-level ones unless `children`.

        Raises
        ------
        NotFoundError
            If there is no such experiment.
        """
        runs = [
            run
            for run in self._all(experiment)
            if (children or run.parent_id is None)
            and (experiment is None or run.experiment == experiment)
            and (status is None or run.status == status)
        ]
        if experiment is not None and not runs:
            known = self.experiments()
            if experiment not in known:
                raise NotFoundError.among("experiment", experiment, known, hint=NO_RUNS)
        runs.sort(key=lambda run: (run.started_at, run.run_id), reverse=True)
        return runs if limit is None else runs[:limit]

    def experiments(self) -> list[str]:
        """List the names of MLflow's experiments, and of those that are about to be made."""
        names = {state.run.experiment for state in self.spool.runs()}
        path = sqlite_path(self.tracking_uri)
        if path is not None and not path.exists():
            return sorted(names)
        with _reading(self.tracking_uri) as connection:
            if connection is not None:
                active = "SELECT name FROM experiments WHERE lifecycle_stage = 'active'"
                return sorted(names | {name for (name,) in connection.execute(active)})
        with calling(self.tracking_uri) as mlflow:
            return sorted(names | set(_experiments(mlflow).values()))

    def get(self, reference: str) -> Run:
        """Return the run of that id: ours or MLflow's, or a unique prefix of either, or "latest".

        Raises
        ------
        NotFoundError
            If there is no such run.
        InputError
            If several runs begin with `reference`.
        UnavailableError
            If MLflow can't be used, and it is no run that the spool holds.
        """
        runs = self._around(reference)
        if reference == "latest":
            top = [run for run in runs if run.parent_id is None]
            if top:
                return top[0]
        matches = [run for run in runs if reference in (run.run_id, run.mlflow_run_id)]
        matches = matches or [
            run
            for run in runs
            if reference
            and (
                run.run_id.startswith(reference) or (run.mlflow_run_id or "").startswith(reference)
            )
        ]
        if not matches:
            known = ["latest", *(run.run_id for run in runs)] if runs else []
            raise NotFoundError.among("run", reference, known, hint=NO_RUNS)
        if len(matches) > 1:
            names = ", ".join(run.run_id for run in matches[:4])
            raise InputError(f"{reference!r} is the beginning of several runs: {names}")
        return matches[0]

    def children(self, run: Run) -> list[Run]:
        """List the child runs of a run, oldest first."""
        found = [child for child in self._around(run.run_id) if child.parent_id == run.run_id]
        return found[::-1]

    def cells(self, run: Run) -> tuple[CellRecord, ...]:
        """Return the cells that a run executed, in order."""
        state = self.spool.find(run.run_id)
        if state is None:
            path = self.artifact(run, EVENTS_ARTIFACT)
            state = fold(run.run_id, read_events(path.read_bytes())) if path else None
        return () if state is None else state.cells

    def artifacts(self, run: Run) -> tuple[str, ...]:
        """List the paths of a run's artifacts."""
        state = self.spool.find(run.run_id)
        kept = set() if state is None else set(state.artifacts)
        if run.mlflow_run_id is not None:
            folder = self._local_artifacts(run)
            if folder is not None:
                files = (p for p in folder.rglob("*") if p.is_file())
                kept |= {p.relative_to(folder).as_posix() for p in files}
            else:
                with calling(self.tracking_uri) as mlflow:
                    kept |= set(_remote_artifacts(mlflow, run.mlflow_run_id))
        return tuple(sorted(kept))

    def artifact(self, run: Run, path: str) -> Path | None:
        """Return a local file with an artifact of a run, fetched where need be; None if absent."""
        state = self.spool.find(run.run_id)
        if state is not None and path in state.artifacts:
            return self.spool.file_path(run.run_id, state.artifacts[path])
        if run.mlflow_run_id is None:
            return None
        folder = self._local_artifacts(run)
        if folder is not None:
            return folder / path if (folder / path).is_file() else None
        with calling(self.tracking_uri) as mlflow:
            if path not in _remote_artifacts(mlflow, run.mlflow_run_id):
                return None
            return Path(mlflow.download_artifacts(run.mlflow_run_id, path))

    def undelivered(self) -> list[Run]:
        """List the runs that the spool holds, newest first: what is known without MLflow."""
        return [state.run for state in self.spool.runs()][::-1]

    def _around(self, run_id: str) -> list[Run]:
        """List all runs; if MLflow can't be asked and the spool has that run, the spool's."""
        try:
            return self.search(children=True)
        except UnavailableError:
            if not RUN_ID.fullmatch(run_id) or self.spool.find(run_id) is None:
                raise
            return self.undelivered()

    def _all(self, experiment: str | None) -> Iterable[Run]:
        spooled = {state.run.run_id: state.run for state in self.spool.runs()}
        delivered = {run.run_id: run for run in self._delivered(experiment)}
        merged = delivered | {
            run_id: _overlay(delivered.get(run_id), run) for run_id, run in spooled.items()
        }
        # A child that was made with MLflow alone names its parent by MLflow's id.
        ours = {run.mlflow_run_id: run.run_id for run in merged.values() if run.mlflow_run_id}
        return [
            replace(run, parent_id=ours[run.parent_id]) if run.parent_id in ours else run
            for run in merged.values()
        ]

    def _delivered(self, experiment: str | None) -> Iterable[Run]:
        path = sqlite_path(self.tracking_uri)
        if path is not None and not path.exists():
            return []
        with _reading(self.tracking_uri) as connection:
            if connection is not None:
                return list(_rows(connection))
        # Before MLflow is imported, which takes seconds.
        reachable(self.tracking_uri)
        with calling(self.tracking_uri) as mlflow:
            return self._from_client(mlflow, experiment)

    def _from_client(self, mlflow: MlflowClient, experiment: str | None) -> list[Run]:
        names = _experiments(mlflow)
        wanted = experiment or self.experiment
        own = [key for key, name in names.items() if name == wanted]
        found = _search(mlflow, own, "")
        if experiment is None:
            # The filter knows no escapes; in LIKE an underline stands for any one sign.
            like = re.sub(r"\W", "_", self.project)
            rest = [key for key in names if key not in own]
            alike = _search(mlflow, rest, f"tags.`mlops.project` LIKE '{like}'")
            found += [run for run in alike if run.data.tags["mlops.project"] == self.project]
        return [_from_mlflow(run, names) for run in found]

    def _local_artifacts(self, run: Run) -> Path | None:
        with _reading(self.tracking_uri) as connection:
            if connection is None:
                return None
            row = connection.execute(
                "SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run.mlflow_run_id,)
            ).fetchone()
        parts = urlsplit(row[0] if row else "")
        return Path(unquote(parts.path)) if parts.scheme in ("", "file") and row else None


@contextmanager
def _reading(tracking_uri: str) -> Iterator[sqlite3.Connection | None]:
    """Give a connection to the embedded database for a block; None where MLflow must be asked."""
    connection = open_readonly(tracking_uri)
    if connection is None:
        yield None
        return
    with sqlite_errors(sqlite_path(tracking_uri) or Path()), closing(connection):
        yield connection


def _experiments(mlflow: MlflowClient) -> dict[str, str]:
    names: dict[str, str] = {}
    token = None
    while True:
        page = mlflow.search_experiments(page_token=token)
        names |= {found.experiment_id: found.name for found in page}
        token = page.token
        if not token:
            return names


def _search(mlflow: MlflowClient, experiments: list[str], wanted: str) -> list[MlflowRun]:
    runs: list[MlflowRun] = []
    token = None
    while experiments:
        page = mlflow.search_runs(experiments, wanted, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            break
    return runs


def _remote_artifacts(
    mlflow: MlflowClient, mlflow_run_id: str, folder: str | None = None
) -> list[str]:
    paths: list[str] = []
    for item in mlflow.list_artifacts(mlflow_run_id, folder):
        inside = _remote_artifacts(mlflow, mlflow_run_id, item.path) if item.is_dir else [item.path]
        paths += inside
    return paths


def _overlay(delivered: Run | None, spooled: Run) -> Run:
    """Lay what the spool holds over what MLflow has (a user's own metrics are only there)."""
    if delivered is None:
        return spooled
    return replace(
        spooled,
        mlflow_run_id=delivered.mlflow_run_id,
        params={**delivered.params, **spooled.params},
        metrics={**delivered.metrics, **spooled.metrics},
        tags={**delivered.tags, **spooled.tags},
    )


def _rows(connection: sqlite3.Connection) -> Iterable[Run]:
    # One moment for all: a run that appears between two queries would have no tags, and no id of
    # ours.
    connection.execute("BEGIN")
    params = _by_run(connection, "SELECT run_uuid, key, value FROM params")
    metrics = _by_run(
        connection,
        "SELECT run_uuid, key, CASE WHEN is_nan THEN NULL ELSE value END FROM latest_metrics",
    )
    tags = _by_run(connection, "SELECT run_uuid, key, value FROM tags")
    rows = connection.execute(
        "SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time, e.name FROM runs r"
        " JOIN experiments e ON e.experiment_id = r.experiment_id"
        " WHERE r.lifecycle_stage = 'active'"
    )
    for mlflow_id, name, status, started, ended, experiment in rows:
        yield _make(
            mlflow_id,
            name=name,
            status=status,
            started=started,
            ended=ended,
            experiment=experiment,
            params=params.get(mlflow_id, {}),
            metrics={
                key: float("nan") if value is None else float(value)
                for key, value in metrics.get(mlflow_id, {}).items()
            },
            tags=tags.get(mlflow_id, {}),
        )


def _by_run(connection: sqlite3.Connection, query: str) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {}
    for run_id, key, value in connection.execute(query):
        grouped.setdefault(run_id, {})[key] = value
    return grouped


def _from_mlflow(run: MlflowRun, experiments: Mapping[str, str]) -> Run:
    return _make(
        run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        started=run.info.start_time,
        ended=run.info.end_time,
        experiment=experiments.get(run.info.experiment_id, ""),
        params=run.data.params,
        metrics=run.data.metrics,
        tags=run.data.tags,
    )


def _make(
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
) -> Run:
    # A run that was made with MLflow alone has no id of ours; its own serves.
    return Run(
        run_id=tags.get("mlops.run_id", mlflow_id),
        mlflow_run_id=mlflow_id,
        parent_id=tags.get("mlops.parent_id", tags.get("mlflow.parentRunId")),
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


def _unbounded(value: float) -> float:
    """Return the infinity that MLflow's SQL stores write as the largest number."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
