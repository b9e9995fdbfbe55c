"""What MLflow refuses, told in one line: not there, not valid, or the store can't be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from mlops_nb.core.errors import InputError, MlopsError, NotFoundError, UnavailableError
from mlops_nb.stores.mlflow_client import client, quiet, sqlite_path, without_password
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.sqlite_errors import unavailable

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Loggers that print at length what is raised anyway, that the environment has no pip, and that a
# cloudpickle may run code (which the version's tag says for good).
_TALKATIVE = ("mlflow.store.db.utils", "mlflow.utils.environment", "mlflow.sklearn")
_RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
_listening: ContextVar[bool] = ContextVar("listening", default=False)


@contextmanager
def calling(tracking_uri: str) -> Iterator[MlflowClient]:
    """Give MLflow's client for a block, in which what it raises becomes our errors.

    A file that can't be opened is found before the client, which would try it for minutes.

    Raises
    ------
    NotFoundError, InputError, UnavailableError
        As `mlflow_errors` has them.
    """
    connection = open_readonly(tracking_uri)
    if connection is not None:
        connection.close()
    with _told_soon(), mlflow_errors(tracking_uri):
        yield client(tracking_uri)


@contextmanager
def _told_soon() -> Iterator[None]:
    """Have MLflow's client try twice, unless the user has set how often.

    It would ask a server that answers with errors eight times, for minutes. Who reads wants to be
    told, and what is to be delivered is tried again later. The user's own calls go on as ever.
    """
    if _RETRIES in os.environ:
        yield
        return
    os.environ[_RETRIES] = "1"
    try:
        yield
    finally:
        os.environ.pop(_RETRIES, None)


@contextmanager
def mlflow_errors(tracking_uri: str) -> Iterator[None]:
    """Turn what MLflow raises into our errors, and keep it from printing them as well.

    Imports mlflow, so it belongs around calls that need it anyway.

    Raises
    ------
    NotFoundError
        If MLflow does not know what was named.
    InputError
        If it refuses a value.
    UnavailableError
        If its store is damaged, locked, read-only, full or does not answer.
    """
    quiet()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_not_listening)
    before = _listening.set(True)
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        raise _told(error, tracking_uri) from error
    finally:
        _listening.reset(before)


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error says; the rest is often a page long.

    Examples
    --------
    >>> first_line(ValueError("no column 'agee'\nsee https://example.org"))
    "no column 'agee'"
    """
    return str(error).strip().partition("\n")[0]


def _not_listening(_record: logging.LogRecord) -> bool:
    return not _listening.get()


def _told(error: Exception, tracking_uri: str) -> MlopsError:
    from_sqlite = _from_sqlite(error, tracking_uri)
    if from_sqlite is not None:
        return from_sqlite
    code = getattr(error, "error_code", "")
    # A server's answer begins with the code; what fails on its way names the address whole.
    line = first_line(error).removeprefix(f"{code}: ")
    line = line.replace(tracking_uri, without_password(tracking_uri))
    if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND"):
        return NotFoundError(f"MLflow: {line}")
    if code in ("INVALID_PARAMETER_VALUE", "RESOURCE_ALREADY_EXISTS"):
        return InputError(f"MLflow: {line}")
    return UnavailableError(f"MLflow's store can't be used: {line}")


def _from_sqlite(error: BaseException | None, tracking_uri: str) -> MlopsError | None:
    """Look down the chain of causes for what SQLite itself said."""
    import sqlite3

    path = sqlite_path(tracking_uri)
    while path is not None and error is not None:
        if isinstance(error, sqlite3.Error):
            return unavailable(error, path)
        error = getattr(error, "orig", None) or error.__cause__
    return None
