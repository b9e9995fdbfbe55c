"""MLflow's own SQLite file, read directly and read-only: its client takes seconds to import.

Only a schema that was checked is read so; for any other the caller asks MLflow's client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from mlops_nb.stores.mlflow_client import sqlite_path
from mlops_nb.stores.sqlite_errors import sqlite_errors

if TYPE_CHECKING:
    import sqlite3

# Alembic's revision in a database that MLflow 3.17.2 makes. Add a later one here when its tables
# (runs, metrics, models) were looked at.
KNOWN_SCHEMAS = frozenset({"dc11669786a5"})


def open_readonly(tracking_uri: str, *, timeout_s: float = 10.0) -> sqlite3.Connection | None:
    """Open MLflow's SQLite file for reading, if it has a schema that we know.

    Parameters
    ----------
    tracking_uri : str
    timeout_s : float
        How long a read waits for a writer, in seconds.

    Returns
    -------
    sqlite3.Connection or None
        To be closed by the caller, and used in this thread. None where the store is not SQLite,
        the file is missing, or the schema is another one: MLflow's client has the answer then.

    Raises
    ------
    UnavailableError
        If the file is damaged or stays locked.

    Examples
    --------
    >>> open_readonly("http://localhost:5000") is None
    True
    """
    path = sqlite_path(tracking_uri)
    if path is None or not path.exists():
        return None
    import sqlite3

    with sqlite_errors(path):
        uri = f"file:{quote(str(path))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=timeout_s, isolation_level=None)
        try:
            known = _schema(connection) in KNOWN_SCHEMAS
        except BaseException:
            connection.close()
            raise
    if known:
        return connection
    connection.close()
    return None


def _schema(connection: sqlite3.Connection) -> str | None:
    """Return Alembic's revision; None where it can't be read, or there are no tables yet."""
    import sqlite3

    try:
        return _revision(connection)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
            # A writer was killed. Only one who may write can roll its transaction back.
            return None
        raise


def _revision(connection: sqlite3.Connection) -> str | None:
    made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if made.fetchone() is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])
