"""MLflow's own client, made quietly: no telemetry, no chatter, a first database made once."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlops_nb.core.errors import UnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"


def client(tracking_uri: str) -> MlflowClient:
    """Return a client of the store at `tracking_uri`, tracking and registry both.

    Raises
    ------
    UnavailableError
        If a server does not answer, or the database can't be used.
    """
    quiet()
    reachable(tracking_uri)
    make_database(tracking_uri)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def make_database(tracking_uri: str) -> None:
    """Make the tables of an embedded store, once, where they are not there yet.

    Two processes that make them at the same time trip over each other's migrations.

    Raises
    ------
    UnavailableError
        If the database can't be made.
    """
    from mlops_nb.stores.locks import locked
    from mlops_nb.stores.mlflow_sqlite import open_readonly

    path = sqlite_path(tracking_uri)
    if path is None:
        return
    ready = open_readonly(tracking_uri)
    if ready is not None:
        ready.close()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock"), timeout_s=60, what="the making of MLflow's database"):
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
        except (MlflowException, SQLAlchemyError) as error:
            raise UnavailableError(f"can't use MLflow's database {path}: {error}") from None


def quiet() -> None:
    """Switch off MLflow's telemetry and its bars, in this process and its children.

    What the user has set counts.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def sqlite_path(tracking_uri: str) -> Path | None:
    """Return the file of an SQLite store; None for any other.

    Examples
    --------
    >>> sqlite_path("sqlite:////data/mlflow.db").name
    'mlflow.db'
    >>> sqlite_path("http://localhost:5000") is None
    True
    """
    return Path(tracking_uri.removeprefix(SQLITE)) if tracking_uri.startswith(SQLITE) else None


def reachable(tracking_uri: str, *, timeout_s: float = 3.0) -> None:
    """Make sure that a server listens, since MLflow's client would retry for minutes.

    Raises
    ------
    UnavailableError
        If nothing listens there.
    """
    parts = urlsplit(tracking_uri)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), timeout=timeout_s).close()
    except OSError as error:
        raise UnavailableError(
            f"the MLflow server at {parts.scheme}://{parts.hostname}:{port} does not answer: "
            f"{error.strerror or error}",
            hint="runs are kept in the project and delivered when it is back",
        ) from None


def experiment_id(mlflow_client: MlflowClient, name: str, artifacts: Path | None) -> str:
    """Return the id of the experiment of that name, made where there is none."""
    from mlflow.exceptions import MlflowException

    found = mlflow_client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            mlflow_client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)
    location = None if artifacts is None else artifacts.as_uri()
    try:
        return str(mlflow_client.create_experiment(name, artifact_location=location))
    except MlflowException:
        # Another process was first.
        found = mlflow_client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)
