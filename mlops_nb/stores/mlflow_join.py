"""MLflow's active run is ours while one is open: a user's own MLflow calls land in it.

MLflow is not imported here before the user does. When she has, the open run is put on each
thread's stack of active runs as soon as MLflow looks there, ``start_run`` joins it unless asked for
another one, and ``end_run`` leaves it open: tracking closes it. All is put back when no run is open
any more.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import inspect
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_nb.core.errors import MlopsError
from mlops_nb.stores.mlflow_client import make_database, quiet
from mlops_nb.stores.mlflow_errors import mlflow_errors

_VARIABLES = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
    "_MLFLOW_SERVER_ARTIFACT_ROOT",
)


class _Join:
    """The one run that MLflow is joined to."""

    def __init__(self) -> None:
        self.run: Callable[[], str] | None = None
        self.uri = ""
        self.experiment: str | None = None
        self.originals: dict[str, Any] = {}
        self.attached: set[str] = set()
        self.attaching = threading.local()
        self.lock = threading.Lock()
        self.environ: dict[str, str | None] = {}


_join = _Join()


def join(run: Callable[[], str], tracking_uri: str, artifacts: Path | None) -> None:
    """Join MLflow, imported now or later, to the open run.

    Parameters
    ----------
    run : callable
        Returns the MLflow id of the open run, delivering it first if need be.
    tracking_uri : str
    artifacts : Path or None
    """
    _join.run, _join.uri = run, tracking_uri
    _join.environ = _join.environ or {name: os.environ.get(name) for name in _VARIABLES}
    os.environ["MLFLOW_TRACKING_URI"] = tracking_uri
    quiet()
    if artifacts is not None:
        # Where MLflow puts the artifacts of experiments that the user makes herself.
        os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = artifacts.as_uri()
    if "mlflow" in sys.modules:
        _wrap(sys.modules["mlflow"])
    elif not any(isinstance(finder, _AfterImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterImport())


def changed() -> None:
    """Say that another run is the innermost open one now."""
    _detach()


def leave() -> None:
    """Part from the run: none is open any more. MLflow goes on in the project's store."""
    _detach()
    _join.run = None
    if not _join.originals:
        return
    fluent = sys.modules["mlflow.tracking.fluent"]
    del fluent._active_run_stack.get
    for name in ("start_run", "end_run"):
        setattr(sys.modules["mlflow"], name, _join.originals[name])
        setattr(fluent, name, _join.originals[name])
    _join.originals = {}


def restore() -> None:
    """Leave MLflow and the environment as they were before the first `join`."""
    leave()
    _forget_import()
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None and _join.environ and mlflow.get_tracking_uri() == _join.uri:
        mlflow.set_tracking_uri(_join.environ["MLFLOW_TRACKING_URI"])
        fluent: Any = sys.modules["mlflow.tracking.fluent"]
        if fluent._active_experiment_id == _join.experiment:
            fluent._active_experiment_id = None
    for name, value in _join.environ.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _join.environ = {}


def _wrap(mlflow: ModuleType) -> None:
    mlflow.set_tracking_uri(_join.uri)
    # The user's next call may need the tables that the writer is making just now. If they can't be
    # made, that call says so; importing MLflow is no reason to fail.
    with suppress(MlopsError), mlflow_errors(_join.uri):
        make_database(_join.uri)
    if _join.originals or _join.run is None:
        return
    fluent = sys.modules["mlflow.tracking.fluent"]
    stack = fluent._active_run_stack
    _join.originals = {name: getattr(fluent, name) for name in ("start_run", "end_run")}
    _join.originals["get"] = stack.get
    stack.get = _stack
    for name, wrapper in (("start_run", _start), ("end_run", _end)):
        wrapped = functools.wraps(_join.originals[name])(wrapper)
        setattr(mlflow, name, wrapped)
        setattr(fluent, name, wrapped)


def _start(*args: Any, **kwargs: Any) -> Any:
    original = _join.originals["start_run"]
    given = inspect.signature(original).bind(*args, **kwargs).arguments
    ours = next((run for run in _stack()[-1:] if run.info.run_id in _join.attached), None)
    another = given.get("nested") or given.get("parent_run_id")
    if ours is None or another or given.get("run_id") not in (None, ours.info.run_id):
        return original(*args, **kwargs)
    tags = dict(given.get("tags") or {})
    if given.get("run_name"):
        tags["mlops.mlflow_run_name"] = given["run_name"]
    if given.get("description"):
        tags["mlflow.note.content"] = given["description"]
    if tags:
        sys.modules["mlflow"].set_tags(tags)
    return ours


def _end(*args: Any, **kwargs: Any) -> None:
    stack = _join.originals["get"]()
    if stack and stack[-1].info.run_id not in _join.attached:
        _join.originals["end_run"](*args, **kwargs)


def _stack() -> list[Any]:
    """Return this thread's stack of active runs, ours at its bottom where nothing else is."""
    stack: list[Any] = _join.originals["get"]()
    if stack or _join.run is None or getattr(_join.attaching, "now", False):
        return stack
    if sys.modules["mlflow"].get_tracking_uri() != _join.uri:
        # The user has sent MLflow elsewhere; our run is not there.
        return stack
    _join.attaching.now = True
    try:
        _attach(_join.run())
    finally:
        _join.attaching.now = False
    return stack


def _attach(run_id: str) -> None:
    fluent: Any = sys.modules["mlflow.tracking.fluent"]
    with _join.lock:
        # MLflow refuses a run that is not in the experiment of the user's set_experiment.
        chosen, fluent._active_experiment_id = fluent._active_experiment_id, None
        try:
            run = _join.originals["start_run"](run_id)
        finally:
            fluent._active_experiment_id = chosen
        if chosen in (None, _join.experiment):
            # What she nests in our run belongs beside it, unless she chose an experiment.
            fluent._active_experiment_id = _join.experiment = run.info.experiment_id
        _join.attached.add(run_id)


def _detach() -> None:
    """Take our runs off the stacks of all threads, without ending them in MLflow."""
    fluent = sys.modules.get("mlflow.tracking.fluent")
    if fluent is None or not _join.attached:
        return
    for stack in fluent._active_run_stack.get_all_thread_values().values():
        stack[:] = [run for run in stack if run.info.run_id not in _join.attached]
    for run_id in _join.attached:
        monitor = fluent.run_id_to_system_metrics_monitor.pop(run_id, None)
        if monitor is not None:
            monitor.finish()
    _join.attached.clear()


def _forget_import() -> None:
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _AfterImport)]


class _AfterImport(importlib.abc.MetaPathFinder):
    """Wraps MLflow's functions right after its first import."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "mlflow":
            return None
        # It stays until the import: many a library only looks whether there is an MLflow.
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _forget_import()
        _wrap(module)
