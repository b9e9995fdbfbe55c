"""Runs: listed, found and opened, whether MLflow has them already or the spool still holds them.

MLflow owns a run once it is delivered. The embedded database is read directly and read-only
(MLflow's client takes seconds to import); a server is asked through the client. What the spool
still holds is laid over it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import CellRecord, Run
from mlops_nb.stores.delivery import EVENTS_ARTIFACT, param_value
from mlops_nb.stores.mlflow_client import client, sqlite_path
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.spool import Spool, fold, read_events

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun

_STATUSES = {"SCHEDULED": "RUNNING"}


@dataclass(frozen=True, slots=True)
class RunStore:
    """The runs of one project.

    Parameters
    ----------
    spool : Spool
    tracking_uri : str
    """

    spool: Spool
    tracking_uri: str

    def search(
        self,
        *,
        experiment: str | None = None,
        status: str | None = None,
        children: bool = False,
        limit: int | None = None,
    ) -> list[Run]:
        """List runs, newest first; top-level ones unless `children`."""
        runs = [
            run
            for run in self._all()
            if (children or run.parent_id is None)
            and (experiment is None or run.experiment == experiment)
            and (status is None or run.status == status)
        ]
        runs.sort(key=lambda run: (run.started_at, run.run_id), reverse=True)
        return runs if limit is None else runs[:limit]

    def get(self, reference: str) -> Run:
        """Return the run of that id: ours or MLflow's, or a unique prefix of either, or "latest".

        Raises
        ------
        NotFoundError
            If there is no such run.
        InputError
            If several runs begin with `reference`.
        """
        runs = self.search(children=True)
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
            raise NotFoundError.among(
                "run",
                reference,
                [run.run_id for run in runs],
                hint="there are no runs yet: %mlops track, or mlops run NOTEBOOK, makes one",
            )
        if len(matches) > 1:
            names = ", ".join(run.run_id for run in matches[:4])
            raise InputError(f"{reference!r} is the beginning of several runs: {names}")
        return matches[0]

    def children(self, run: Run) -> list[Run]:
        """List the child runs of a run, oldest first."""
        found = [child for child in self.search(children=True) if child.parent_id == run.run_id]
        return found[::-1]

    def cells(self, run: Run) -> tuple[CellRecord, ...]:
        """Return the cells that a run executed, in order."""
        if self.spool.events(run.run_id):
            return self.spool.load(run.run_id).cells
        path = self.artifact(run, EVENTS_ARTIFACT)
        if path is None:
            return ()
        return fold(run.run_id, read_events(path.read_bytes())).cells

    def artifacts(self, run: Run) -> tuple[str, ...]:
        """List the paths of a run's artifacts."""
        kept: set[str] = set()
        if self.spool.events(run.run_id):
            kept |= set(self.spool.load(run.run_id).artifacts)
        if run.mlflow_run_id is not None:
            folder = self._local_artifacts(run)
            if folder is not None:
                files = (p for p in folder.rglob("*") if p.is_file())
                kept |= {p.relative_to(folder).as_posix() for p in files}
            else:
                kept |= set(self._remote_artifacts(run.mlflow_run_id))
        return tuple(sorted(kept))

    def artifact(self, run: Run, path: str) -> Path | None:
        """Return a local file with an artifact of a run, fetched where need be; None if absent."""
        if self.spool.events(run.run_id):
            name = self.spool.load(run.run_id).artifacts.get(path)
            if name is not None:
                return self.spool.file_path(run.run_id, name)
        if run.mlflow_run_id is None:
            return None
        folder = self._local_artifacts(run)
        if folder is not None:
            return folder / path if (folder / path).is_file() else None
        if path not in self._remote_artifacts(run.mlflow_run_id):
            return None
        return Path(client(self.tracking_uri).download_artifacts(run.mlflow_run_id, path))

    def _all(self) -> Iterable[Run]:
        spooled = {state.run.run_id: state.run for state in self.spool.runs()}
        delivered = {run.run_id: run for run in self._delivered()}
        merged = delivered | {
            run_id: _overlay(delivered.get(run_id), run) for run_id, run in spooled.items()
        }
        # A child that was made with MLflow alone names its parent by MLflow's id.
        ours = {run.mlflow_run_id: run.run_id for run in merged.values() if run.mlflow_run_id}
        return [
            replace(run, parent_id=ours[run.parent_id]) if run.parent_id in ours else run
            for run in merged.values()
        ]

    def _delivered(self) -> Iterable[Run]:
        path = sqlite_path(self.tracking_uri)
        if path is not None and not path.exists():
            return []
        connection = open_readonly(self.tracking_uri)
        if connection is not None:
            with closing(connection):
                return list(_rows(connection))
        return self._from_client()

    def _from_client(self) -> Iterable[Run]:
        mlflow = client(self.tracking_uri)
        experiments = {e.experiment_id: e.name for e in mlflow.search_experiments()}
        runs: list[Run] = []
        token = None
        while True:
            page = mlflow.search_runs(list(experiments), max_results=1000, page_token=token)
            runs += [_from_mlflow(run, experiments) for run in page]
            token = page.token
            if not token:
                return runs

    def _local_artifacts(self, run: Run) -> Path | None:
        connection = open_readonly(self.tracking_uri)
        if connection is None:
            return None
        with closing(connection):
            row = connection.execute(
                "SELECT artifact_uri FROM runs WHERE run_uuid = ?", (run.mlflow_run_id,)
            ).fetchone()
        parts = urlsplit(row[0] if row else "")
        return Path(unquote(parts.path)) if parts.scheme in ("", "file") and row else None

    def _remote_artifacts(self, mlflow_run_id: str, folder: str | None = None) -> list[str]:
        paths: list[str] = []
        for item in client(self.tracking_uri).list_artifacts(mlflow_run_id, folder):
            paths += (
                self._remote_artifacts(mlflow_run_id, item.path) if item.is_dir else [item.path]
            )
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
        metrics=dict(metrics),
        tags=dict(tags),
    )


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
