"""Runs: listed, found and opened, whether MLflow has them already or the spool still holds them.

MLflow owns a run once it is delivered. The embedded database is read directly and read-only
(MLflow's client takes seconds to import); a server, which others may share, is asked through the
client for this project's runs. What the spool still holds is laid over it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import CellRecord, Run
from mlops_nb.stores import run_rows
from mlops_nb.stores.delivery import EVENTS_ARTIFACT
from mlops_nb.stores.mlflow_client import reachable, sqlite_path
from mlops_nb.stores.mlflow_errors import calling
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.run_query import FIELDS, Query
from mlops_nb.stores.run_rows import make_run
from mlops_nb.stores.spool import RUN_ID, Spool, fold, read_events
from mlops_nb.stores.sqlite_errors import sqlite_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

NO_RUNS = "there are no runs yet: %mlops track, or mlops run NOTEBOOK, makes one"


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
        return self.select(Query(experiment, status, children, limit=limit))

    def select(self, query: Query) -> list[Run]:
        """List the runs that are asked for, in the order and to the extent asked for.

        Raises
        ------
        NotFoundError
            If there is no such experiment, or no run has a metric, parameter or tag of that name.
        """
        spooled = {state.run.run_id: state.run for state in self.spool.runs()}
        with _reading(self.tracking_uri) as connection:
            if connection is not None:
                found = _page(connection, query, spooled)
            else:
                runs = [run for run in self._all(query.experiment, spooled) if query.takes(run)]
                keyed = [(query.key(run), run.run_id, run) for run in runs]
                found = query.ordered(keyed)[query.page]
        if not found or (query.sort not in FIELDS and query.key(found[0]) is None):
            self._refuse_unknown(query)
        return found

    def _refuse_unknown(self, query: Query) -> None:
        """Refuse a name that nothing has; a list may be empty for better reasons."""
        if query.experiment is not None:
            known = self.experiments()
            if query.experiment not in known:
                raise NotFoundError.among("experiment", query.experiment, known, hint=NO_RUNS)
        names = self._names() if query.names else set()
        for name in sorted(query.names - names):
            if name == query.sort:
                raise NotFoundError.among("order", name, {*names, *FIELDS})
            raise NotFoundError.among("metric, parameter or tag", name, names, hint=NO_RUNS)

    def _names(self) -> set[str]:
        """List the names of the metrics, parameters and tags of all runs."""
        spooled = {state.run.run_id: state.run for state in self.spool.runs()}
        runs: Iterable[Run] = spooled.values()
        named: set[str] = set()
        with _reading(self.tracking_uri) as connection:
            if connection is not None:
                named = run_rows.names(connection)
            else:
                runs = self._all(None, spooled)
        return named.union(*({*run.metrics, *run.params, *run.tags} for run in runs))

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
        if reference == "latest" and (newest := self.search(limit=1)):
            return newest[0]
        runs = self._beginning_with(reference)
        matches = [run for run in runs if reference in (run.run_id, run.mlflow_run_id)]
        matches = matches or runs
        if not matches:
            known = [run.run_id for run in self.search(children=True, limit=1000)]
            known = ["latest", *known] if known else []
            raise NotFoundError.among("run", reference, known, hint=NO_RUNS)
        if len(matches) > 1:
            names = ", ".join(run.run_id for run in matches[:4])
            raise InputError(f"{reference!r} is the beginning of several runs: {names}")
        return matches[0]

    def children(self, run: Run) -> list[Run]:
        """List the child runs of a run, oldest first."""
        found = [
            child
            for child in self._some(run.run_id, lambda held: run_rows.children(held, run))
            if child.parent_id == run.run_id
        ]
        return sorted(found, key=lambda child: (child.started_at, child.run_id))

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
        run = self._as_it_is(run)
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
        run = self._as_it_is(run)
        if run.mlflow_run_id is None:
            return None
        folder = self._local_artifacts(run)
        if folder is not None:
            return folder / path if (folder / path).is_file() else None
        with calling(self.tracking_uri) as mlflow:
            if path not in _remote_artifacts(mlflow, run.mlflow_run_id):
                return None
            return Path(mlflow.download_artifacts(run.mlflow_run_id, path))

    def _as_it_is(self, run: Run) -> Run:
        """Return the run with MLflow's id, where it was delivered since it was read."""
        if run.mlflow_run_id is not None or self.spool.find(run.run_id) is not None:
            return run
        return next((found for found in self._beginning_with(run.run_id)), run)

    def undelivered(self) -> list[Run]:
        """List the runs that the spool holds, newest first: what is known without MLflow."""
        return [state.run for state in self.spool.runs()][::-1]

    def _beginning_with(self, reference: str) -> list[Run]:
        """List the runs whose id, ours or MLflow's, begins so."""
        if not reference:
            return []
        runs = self._some(reference, lambda held: run_rows.beginning_with(held, reference))
        return [
            run
            for run in runs
            if run.run_id.startswith(reference) or (run.mlflow_run_id or "").startswith(reference)
        ]

    def _some(
        self, run_id: str, chosen: Callable[[sqlite3.Connection], list[str]]
    ) -> Iterable[Run]:
        """List what the spool holds and, of MLflow's, at least the runs that are chosen.

        If MLflow can't be asked and the spool has that run, the spool's.
        """
        spooled = {state.run.run_id: state.run for state in self.spool.runs()}
        try:
            with _reading(self.tracking_uri) as connection:
                if connection is not None:
                    ids = [*chosen(connection), *run_rows.delivered(connection, spooled)]
                    return _merged(run_rows.load(connection, ids).values(), spooled)
            return self._all(None, spooled)
        except UnavailableError:
            if not RUN_ID.fullmatch(run_id) or run_id not in spooled:
                raise
            return spooled.values()

    def _all(self, experiment: str | None, spooled: Mapping[str, Run]) -> Iterable[Run]:
        merged = _merged(self._delivered(experiment), spooled)
        # A child that was made with MLflow alone names its parent by MLflow's id.
        ours = {run.mlflow_run_id: run.run_id for run in merged if run.mlflow_run_id}
        return [
            replace(run, parent_id=ours[run.parent_id]) if run.parent_id in ours else run
            for run in merged
        ]

    def _delivered(self, experiment: str | None) -> Iterable[Run]:
        """Ask MLflow's client, for what is no database that we can read ourselves."""
        path = sqlite_path(self.tracking_uri)
        if path is not None and not path.exists():
            return []
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
        # One moment for all queries: a run that appears between two would have no tags, and no id
        # of ours.
        connection.execute("BEGIN")
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


def _merged(delivered: Iterable[Run], spooled: Mapping[str, Run]) -> list[Run]:
    known = {run.run_id: run for run in delivered}
    laid = {run_id: _overlay(known.get(run_id), run) for run_id, run in spooled.items()}
    return list((known | laid).values())


def _page(connection: sqlite3.Connection, query: Query, spooled: Mapping[str, Run]) -> list[Run]:
    """Read one page of runs: what the spool holds among what the database finds."""
    held = run_rows.load(connection, run_rows.delivered(connection, spooled) if spooled else ())
    rows: list[tuple[Any, str, Any]] = [*run_rows.select(connection, query, held)]
    laid = (run for run in _merged(held.values(), spooled) if query.takes(run))
    rows += [(query.key(run), run.run_id, run) for run in laid]
    page = query.ordered(rows)[query.page]
    loaded = run_rows.load(connection, [item for item in page if isinstance(item, str)])
    return [loaded[item] if isinstance(item, str) else item for item in page]


def _from_mlflow(run: MlflowRun, experiments: Mapping[str, str]) -> Run:
    return make_run(
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
