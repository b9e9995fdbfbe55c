"""MLflow's own client, made quietly: no telemetry, no chatter, a first database made once."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from mlops_nb.core.errors import UnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_logger = logging.getLogger(__name__)

SQLITE = "sqlite:///"
# The same to SQLAlchemy; MLflow makes no folders for it (see `sqlite_uri`).
_SQLITE_QUOTED = "sqlite+pysqlite:///"


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

    Two processes that make them at the same time trip over each other's migrations. What MLflow
    raises is passed on: see `mlflow_errors`.

    Raises
    ------
    UnavailableError
        If its folder can't be written, or MLflow makes the database elsewhere.
    """
    from mlops_nb.stores.disk import disk_errors
    from mlops_nb.stores.locks import locked
    from mlops_nb.stores.mlflow_sqlite import open_readonly

    path = sqlite_path(tracking_uri)
    if path is None:
        return
    ready = open_readonly(tracking_uri)
    if ready is not None:
        ready.close()
        return
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock"), timeout_s=60, what="the making of MLflow's database"):
        from mlflow import MlflowClient

        MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    if not path.exists():
        raise UnavailableError(
            f"MLflow can't keep its database in {path.parent}",
            hint="choose a project folder without % and ? in its path",
        )


def quiet() -> None:
    """Switch off MLflow's telemetry and its bars, in this process and its children.

    What the user has set counts.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def sqlite_uri(path: Path) -> str:
    """Return the address of an SQLite store in a file.

    SQLAlchemy takes what follows a ``?`` for options and ``%20`` for a blank, so these have to be
    quoted; but MLflow doesn't know that and makes the quoted folder too, unless the scheme is
    spelled out.

    Examples
    --------
    >>> sqlite_uri(Path("/data/my project/mlflow.db"))
    'sqlite:////data/my project/mlflow.db'
    >>> sqlite_uri(Path("/data/why?/mlflow.db"))
    'sqlite+pysqlite:////data/why%3F/mlflow.db'
    """
    text = str(path)
    return _SQLITE_QUOTED + quote(text) if set(text) & {"%", "?"} else SQLITE + text


def sqlite_path(tracking_uri: str) -> Path | None:
    """Return the file of an SQLite store; None for any other.

    Examples
    --------
    >>> sqlite_path("sqlite:////data/mlflow.db").name
    'mlflow.db'
    >>> sqlite_path("http://localhost:5000") is None
    True
    """
    for scheme in (SQLITE, _SQLITE_QUOTED):
        if tracking_uri.startswith(scheme):
            return Path(unquote(tracking_uri.removeprefix(scheme).partition("?")[0]))
    return None


def without_password(tracking_uri: str) -> str:
    """Return the address of a store without the user and password that it may hold.

    Examples
    --------
    >>> without_password("https://ada:secret@example.org/mlflow")
    'https://example.org/mlflow'
    """
    parts = urlsplit(tracking_uri)
    if "@" not in parts.netloc:
        return tracking_uri
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def reachable(tracking_uri: str, *, timeout_s: float = 5.0) -> None:
    """Make sure that a server answers, since MLflow's client would retry for minutes.

    Raises
    ------
    UnavailableError
        If nothing listens there, or what listens says nothing.
    """
    if not tracking_uri.startswith(("http://", "https://")):
        return
    import http.client
    import ssl
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    address = without_password(tracking_uri)
    _logger.info("asking the MLflow server at %s whether it is there", address)
    try:
        # urllib takes a password for a part of the host's name; whether it is right, MLflow's own
        # calls will tell.
        health = f"{address.rstrip('/')}/health"
        urlopen(health, timeout=timeout_s).close()  # noqa: S310 - http or https, as seen above
    except HTTPError as error:
        # An answer all the same: of a proxy that wants a password, or of an old server.
        error.close()
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, ssl.SSLError):
            # MLflow has settings of its own for certificates.
            return
        said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise UnavailableError(
            f"the MLflow server at {address} does not answer: {said}",
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
