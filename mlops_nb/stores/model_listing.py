"""Registered models, listed: from MLflow's SQLite file directly, or from its client.

The client takes seconds to import, so the embedded store is read without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.core.records import ModelVersion
from mlops_nb.stores.mlflow_client import sqlite_path
from mlops_nb.stores.mlflow_errors import calling
from mlops_nb.stores.mlflow_sqlite import open_readonly
from mlops_nb.stores.sqlite_errors import sqlite_errors

if TYPE_CHECKING:
    import sqlite3

    from mlflow import MlflowClient

_NO_RUN: tuple[dict[str, str], dict[str, float]] = ({}, {})
_DELETED = "Deleted_Internal"
_PROMPT_TAG = "mlflow.prompt.is_prompt"


def list_versions(tracking_uri: str, name: str | None = None) -> list[ModelVersion]:
    """List the versions of one model or of all, newest first.

    Raises
    ------
    UnavailableError
        If MLflow's database or server can't be used.

    Examples
    --------
    >>> list_versions("sqlite:////no/such/folder/mlflow.db")
    []
    """
    path = sqlite_path(tracking_uri)
    if path is not None and not path.exists():
        return []
    connection = open_readonly(tracking_uri)
    if connection is None or path is None:
        found = _from_client(tracking_uri, name)
    else:
        with sqlite_errors(path), closing(connection):
            found = list(_rows(connection, name))
    return sorted(found, key=lambda v: (v.created_at, v.version), reverse=True)


def _from_client(tracking_uri: str, name: str | None) -> list[ModelVersion]:
    with calling(tracking_uri) as mlflow:
        wanted = None if name is None else f"name = {_quoted(name)}"
        aliases = {m.name: m.aliases for m in _pages(mlflow.search_registered_models, wanted)}
        found = list(_pages(mlflow.search_model_versions, wanted))
        run_ids = {version.run_id for version in found if version.run_id}
        runs = {run_id: _run_data(mlflow, run_id) for run_id in run_ids}
    return [
        _make(
            version.name,
            int(version.version),
            created=version.creation_timestamp,
            description=version.description,
            source=version.source,
            mlflow_run_id=version.run_id,
            aliases=aliases.get(version.name, {}),
            tags=version.tags,
            run_tags=runs.get(version.run_id, _NO_RUN)[0],
            metrics=runs.get(version.run_id, _NO_RUN)[1],
        )
        for version in found
    ]


def _run_data(mlflow: MlflowClient, run_id: str) -> tuple[dict[str, str], dict[str, float]]:
    """Return a run's tags and metrics; none where the run was erased."""
    from mlflow.exceptions import MlflowException

    try:
        data = mlflow.get_run(run_id).data
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return _NO_RUN
    return data.tags, data.metrics


def _quoted(name: str) -> str:
    quote = '"' if "'" in name else "'"
    return f"{quote}{name}{quote}"


def _pages(search: Callable[..., Any], wanted: str | None) -> Iterator[Any]:
    token = None
    while True:
        page = search(wanted, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _rows(connection: sqlite3.Connection, name: str | None) -> Iterator[ModelVersion]:
    """Read the versions from MLflow's tables, as of one instant."""
    connection.execute("BEGIN")
    aliases: dict[str, dict[str, int]] = {}
    for model, alias, version in connection.execute(
        "SELECT name, alias, version FROM registered_model_aliases WHERE workspace = 'default'"
    ):
        aliases.setdefault(model, {})[alias] = version
    tags: dict[tuple[str, int], dict[str, str]] = {}
    for model, version, key, value in connection.execute(
        "SELECT name, version, key, value FROM model_version_tags WHERE workspace = 'default'"
    ):
        tags.setdefault((model, version), {})[key] = value
    run_tags: dict[str, dict[str, str]] = {}
    for run_id, value in connection.execute(
        "SELECT run_uuid, value FROM tags WHERE key = 'mlops.run_id'"
        " AND run_uuid IN (SELECT run_id FROM model_versions)"
    ):
        run_tags[run_id] = {"mlops.run_id": value}
    metrics: dict[str, dict[str, float]] = {}
    for run_id, key, value, is_nan in connection.execute(
        "SELECT run_uuid, key, value, is_nan FROM latest_metrics"
        " WHERE run_uuid IN (SELECT run_id FROM model_versions)"
    ):
        metrics.setdefault(run_id, {})[key] = float("nan") if is_nan else float(value)
    versions = connection.execute(
        "SELECT name, version, creation_time, description, source, run_id FROM model_versions v"
        " WHERE workspace = 'default' AND current_stage != ? AND (? IS NULL OR name = ?)"
        # MLflow keeps prompts in the same tables.
        " AND NOT EXISTS (SELECT 1 FROM registered_model_tags t WHERE t.workspace = 'default'"
        " AND t.name = v.name AND t.key = ? AND t.value = 'true')",
        (_DELETED, name, name, _PROMPT_TAG),
    )
    for model, version, created, description, source, run_id in versions:
        yield _make(
            model,
            version,
            created=created,
            description=description,
            source=source,
            mlflow_run_id=run_id,
            aliases=aliases.get(model, {}),
            tags=tags.get((model, version), {}),
            run_tags=run_tags.get(run_id, {}),
            metrics=metrics.get(run_id, {}),
        )


def _make(
    name: str,
    version: int,
    *,
    created: int,
    description: str | None,
    source: str | None,
    mlflow_run_id: str | None,
    aliases: Mapping[str, int | str],
    tags: Mapping[str, str],
    run_tags: Mapping[str, str],
    metrics: Mapping[str, float],
) -> ModelVersion:
    return ModelVersion(
        name=name,
        version=version,
        aliases=tuple(sorted(alias for alias, at in aliases.items() if int(at) == version)),
        # A run that was made with MLflow alone has no id of ours; its own serves.
        run_id=run_tags.get("mlops.run_id", mlflow_run_id or None),
        mlflow_run_id=mlflow_run_id or None,
        created_at=datetime.fromtimestamp(created / 1000, UTC),
        source=source,
        metrics=dict(metrics),
        tags=dict(tags),
        description=description or "",
    )
