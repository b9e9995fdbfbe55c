"""Delivery of the spool to MLflow: what is recorded locally arrives there, in order, at least once.

One process delivers at a time (a lock on the spool). Killed at any point, the next delivery goes
on from the last offset that was written down; what MLflow had by then is written to it again with
the same result.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.data_records import SKETCHES
from mlops_nb.core.errors import InputError, MlopsError, NotFoundError, UnavailableError
from mlops_nb.core.records import Run
from mlops_nb.core.strict_json import dumps
from mlops_nb.stores.dataset_inputs import dataset_inputs
from mlops_nb.stores.locks import locked
from mlops_nb.stores.mlflow_client import experiment_id
from mlops_nb.stores.mlflow_errors import calling, first_line, mlflow_errors
from mlops_nb.stores.spool import Delivered, Event, Spool, points, read_events

if TYPE_CHECKING:
    from mlflow import MlflowClient

_logger = logging.getLogger(__name__)

EVENTS_ARTIFACT = "mlops/events.jsonl"
MAX_TAG = 5000
MAX_PARAM = 6000


def deliver(spool: Spool, tracking_uri: str, artifacts: Path | None) -> None:
    """Bring all that the spool holds to MLflow; runs that have ended leave the spool.

    Parameters
    ----------
    spool : Spool
    tracking_uri : str
    artifacts : Path or None
        Where a new experiment keeps its artifacts; None leaves it to the server.

    Raises
    ------
    UnavailableError
        If MLflow can't be used, or another process delivers and does not finish.
    InputError
        If MLflow refuses a run; the others were delivered all the same.
    MlopsError
        If a run can't be delivered for another reason; so were the others then.
    """
    waiting = spool.waiting()
    if not waiting:
        return
    _logger.info("delivering to MLflow: %s", ", ".join(waiting))
    # The client first: it takes seconds to import, and a kernel may wait for the lock.
    with calling(tracking_uri) as mlflow, _alone(spool):
        refused: list[MlopsError] = []
        for run_id in parents_first(spool):
            try:
                with mlflow_errors(tracking_uri):
                    _deliver_run(mlflow, spool, run_id, artifacts)
            except InputError as error:
                if isinstance(error, NotFoundError) and spool.find(run_id) is not None:
                    # The store is another one than when the run began: next time it is made there.
                    spool.mark_delivered(run_id, Delivered())
                refused.append(InputError(f"run {run_id} can't be delivered: {error}"))
            except UnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - a damaged record holds up no other run
                said = f"{type(error).__name__}: {first_line(error)}"
                refused.append(MlopsError(f"run {run_id} can't be delivered: {said}"))
        if refused:
            raise refused[0]


def deliver_one(spool: Spool, run_id: str, tracking_uri: str, artifacts: Path | None) -> str:
    """Make sure that MLflow knows a run, and return its MLflow id; the run stays in the spool."""
    known = spool.delivered(run_id).mlflow_run_id
    if known is not None:
        return known
    with calling(tracking_uri) as mlflow, _alone(spool):
        return _ensure_run(mlflow, spool, run_id, artifacts)


def _alone(spool: Spool) -> AbstractContextManager[None]:
    return locked(spool.folder / ".delivery.lock", timeout_s=60, what="the delivery to MLflow")


def parents_first(spool: Spool) -> list[str]:
    """List the waiting runs so that a parent comes before its children."""
    runs = {state.run.run_id: state.run for state in spool.runs()}

    def depth(run: Run) -> int:
        parent = runs.get(run.parent_id or "")
        return 0 if parent is None else depth(parent) + 1

    waiting = [run_id for run_id in runs if spool.pending(run_id)]
    return sorted(waiting, key=lambda run_id: (depth(runs[run_id]), run_id))


def _deliver_run(mlflow: MlflowClient, spool: Spool, run_id: str, artifacts: Path | None) -> None:
    mlflow_id = _ensure_run(mlflow, spool, run_id, artifacts)
    state = spool.load(run_id)
    size = spool.size(run_id)
    new = spool.read(run_id, spool.delivered(run_id).offset, size)
    _send(mlflow, spool, run_id, mlflow_id, read_events(new))
    if state.ended:
        _send_end(mlflow, mlflow_id, state.run, spool.read(run_id, 0, size))
    spool.mark_delivered(run_id, Delivered(mlflow_id, size))
    if state.ended:
        spool.load(run_id)
        # What was added while we delivered comes next time.
        if spool.size(run_id) == size:
            spool.remove(run_id)


def _ensure_run(mlflow: MlflowClient, spool: Spool, run_id: str, artifacts: Path | None) -> str:
    known = spool.delivered(run_id).mlflow_run_id
    if known is not None:
        return known
    run = spool.load(run_id).run
    experiment = experiment_id(mlflow, run.experiment, artifacts)
    mlflow_id = _find(mlflow, experiment, run_id)
    if mlflow_id is None:
        tags = {key: value[:MAX_TAG] for key, value in _mlflow_tags(spool, run).items()}
        made = mlflow.create_run(
            experiment, start_time=_milliseconds(run.started_at), tags=tags, run_name=run.name
        )
        mlflow_id = made.info.run_id
    spool.mark_delivered(run_id, Delivered(mlflow_id, 0))
    return mlflow_id


def _find(mlflow: MlflowClient, experiment: str, run_id: str) -> str | None:
    """Find a run that a delivery made and was killed before it could write that down."""
    found = mlflow.search_runs([experiment], f"tags.`mlops.run_id` = '{run_id}'", max_results=1)
    return found[0].info.run_id if found else None


def _mlflow_tags(spool: Spool, run: Run) -> dict[str, str]:
    tags = {
        "mlops.run_id": run.run_id,
        "mlflow.source.type": "NOTEBOOK",
        "mlflow.source.name": run.notebook or run.tags.get("mlops.notebook", ""),
        "mlflow.user": run.tags.get("mlops.user", ""),
        **run.tags,
    }
    if "mlops.commit" in run.tags:
        tags["mlflow.source.git.commit"] = run.tags["mlops.commit"]
    if run.parent_id:
        tags["mlops.parent_id"] = run.parent_id
        parent = spool.delivered(run.parent_id).mlflow_run_id
        if parent:
            tags["mlflow.parentRunId"] = parent
    return tags


def _send(
    mlflow: MlflowClient, spool: Spool, run_id: str, mlflow_id: str, events: Iterable[Event]
) -> None:
    from mlflow.entities import Metric, Param, RunTag

    metrics: list[Metric] = []
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    for event in events:
        body = event.body
        match event.kind:
            case "metrics":
                metrics += [
                    Metric(key, value, _milliseconds(at), step)
                    for key, value, at, step in points(event)
                ]
            case "params":
                params |= {key: param_text(value) for key, value in body["values"].items()}
            case "tags":
                tags |= {key: str(value)[:MAX_TAG] for key, value in body["values"].items()}
            case "named":
                tags["mlflow.runName"] = body["name"]
            case "notebook":
                tags["mlflow.source.name"] = body["path"]
                tags["mlops.output_notebook"] = body["path"]
            case "artifact":
                _send_file(mlflow, mlflow_id, spool.file_path(run_id, body["file"]), body["path"])
            case _:
                pass
    for some in chunks(metrics, 1000):
        mlflow.log_batch(mlflow_id, metrics=some, synchronous=True)
    _send_entities(mlflow, mlflow_id, "params", [Param(k, v) for k, v in params.items()])
    _send_entities(mlflow, mlflow_id, "tags", [RunTag(k, v) for k, v in tags.items()])
    inputs = list(dataset_inputs(tags, _sketches(spool, run_id)))
    for some in chunks(inputs, 100):
        mlflow.log_inputs(mlflow_id, some)


def _sketches(spool: Spool, run_id: str) -> dict[str, Any]:
    kept = spool.load(run_id).artifacts
    return {
        path.removeprefix(SKETCHES).removesuffix(".json"): json.loads(
            spool.file_path(run_id, file).read_text("utf-8")
        )
        for path, file in kept.items()
        if path.startswith(SKETCHES)
    }


def _send_entities(mlflow: MlflowClient, mlflow_id: str, kind: str, entities: list[Any]) -> None:
    """Send parameters or tags; one that MLflow refuses is noted on the run and holds up nothing."""
    from mlflow.exceptions import MlflowException

    for some in chunks(entities, 100):
        try:
            mlflow.log_batch(mlflow_id, **{kind: some}, synchronous=True)
        except MlflowException as error:
            if not _refused(error):
                raise
            if len(some) == 1:
                mlflow.set_tag(mlflow_id, f"mlops.refused.{some[0].key}"[:250], some[0].value)
                continue
            for entity in some:
                _send_entities(mlflow, mlflow_id, kind, [entity])


def _refused(error: Any) -> bool:
    """Tell a value that MLflow will never take from a server that is in trouble."""
    return error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")


def chunks(items: list[Any], size: int) -> Iterable[list[Any]]:
    """Cut a list into lists of at most `size`.

    Examples
    --------
    >>> list(chunks([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    return (items[start : start + size] for start in range(0, len(items), size))


def param_text(value: Any) -> str:
    """Write a parameter as MLflow's text, so that `param_value` reads its type back.

    Examples
    --------
    >>> param_text("deep"), param_text(3), param_text("3")
    ('deep', '3', '"3"')
    """
    text = value if isinstance(value, str) and param_value(value) is value else dumps(value)
    return text[:MAX_PARAM]


def param_value(text: str) -> Any:
    """Read a parameter from MLflow's text: JSON where it is JSON, else the text itself.

    Examples
    --------
    >>> param_value("3"), param_value('"3"'), param_value("deep")
    (3, '3', 'deep')
    """
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):  # a thousand brackets are text too
        return text


def _send_end(mlflow: MlflowClient, mlflow_id: str, run: Run, events: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.jsonl")
        path.write_bytes(events)
        _send_file(mlflow, mlflow_id, path, EVENTS_ARTIFACT)
    mlflow.set_tag(mlflow_id, "mlops.status", run.status)
    if run.reason:
        mlflow.set_tag(mlflow_id, "mlops.reason", run.reason[:MAX_TAG])
    # MLflow has no word for LOST.
    status = "KILLED" if run.status == "LOST" else run.status
    ended = None if run.ended_at is None else _milliseconds(run.ended_at)
    mlflow.set_terminated(mlflow_id, status, ended)
    if status == "KILLED":
        _kill_nested(mlflow, mlflow_id, ended)


def _kill_nested(mlflow: MlflowClient, mlflow_id: str, ended: int | None) -> None:
    """Close the runs that the user had nested in a killed one with MLflow alone."""
    nested = mlflow.search_runs(
        [experiment.experiment_id for experiment in mlflow.search_experiments()],
        f"tags.`mlflow.parentRunId` = '{mlflow_id}' and attributes.status = 'RUNNING'",
    )
    for run in nested:
        if "mlops.run_id" not in run.data.tags:
            mlflow.set_tag(run.info.run_id, "mlops.reason", "the run around it was killed")
            mlflow.set_terminated(run.info.run_id, "KILLED", ended)
            _kill_nested(mlflow, run.info.run_id, ended)


def _send_file(mlflow: MlflowClient, mlflow_id: str, file: Path, path: str) -> None:
    folder = path.rpartition("/")[0]
    mlflow.log_artifact(mlflow_id, str(file), folder or None)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
