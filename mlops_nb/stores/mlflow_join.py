"""MLflow's active run is ours while one is open: a user's own MLflow calls land in it.

MLflow is not imported here before the user does. When she has, three of its functions are wrapped:
``start_run`` (joins the open run unless asked for another one), ``end_run`` (leaves ours open: it
is closed by tracking) and ``active_run``. They are put back when no run is open any more.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_nb.stores.mlflow_client import make_database

_WRAPPED = ("start_run", "end_run", "active_run")
_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_DISABLE_TELEMETRY", "_MLFLOW_SERVER_ARTIFACT_ROOT")


class _Join:
    """The one run that MLflow is joined to."""

    def __init__(self) -> None:
        self.run: Callable[[], str] | None = None
        self.uri = ""
        self.originals: dict[str, Any] = {}
        self.attached: set[str] = set()
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
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
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
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, _AfterImport)]
    for name, original in _join.originals.items():
        setattr(sys.modules["mlflow"], name, original)
        setattr(sys.modules["mlflow.tracking.fluent"], name, original)
    _join.originals = {}


def restore() -> None:
    """Leave MLflow and the environment as they were before the first `join`."""
    leave()
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None and _join.environ and mlflow.get_tracking_uri() == _join.uri:
        mlflow.set_tracking_uri(_join.environ["MLFLOW_TRACKING_URI"])
    for name, value in _join.environ.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _join.environ = {}


def _wrap(mlflow: ModuleType) -> None:
    if _join.originals or _join.run is None:
        return
    mlflow.set_tracking_uri(_join.uri)
    # The user's next call may need the tables that the writer is making just now.
    make_database(_join.uri)
    fluent = sys.modules["mlflow.tracking.fluent"]
    _join.originals = {name: getattr(fluent, name) for name in _WRAPPED}
    for name, wrapper in (("start_run", _start), ("end_run", _end), ("active_run", _active)):
        wrapped = functools.wraps(_join.originals[name])(wrapper)
        setattr(mlflow, name, wrapped)
        setattr(fluent, name, wrapped)


def _start(run_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
    active = _attach()
    explicit = run_id is not None or kwargs.get("nested") or kwargs.get("parent_run_id")
    if active is None or explicit or active.info.run_id not in _join.attached:
        return _join.originals["start_run"](run_id, *args, **kwargs)
    mlflow = sys.modules["mlflow"]
    tags = dict(kwargs.get("tags") or {})
    if kwargs.get("run_name"):
        tags["mlops.mlflow_run_name"] = kwargs["run_name"]
    if tags:
        mlflow.set_tags(tags)
    return active


def _end(*args: Any, **kwargs: Any) -> None:
    top = _join.originals["active_run"]()
    if top is not None and top.info.run_id in _join.attached:
        return
    _join.originals["end_run"](*args, **kwargs)


def _active() -> Any:
    return _attach()


def _attach() -> Any:
    """Make our run the active one of this thread, where none is active; return what is."""
    top = _join.originals["active_run"]()
    if top is not None or _join.run is None:
        return top
    if sys.modules["mlflow"].get_tracking_uri() != _join.uri:
        # The user has sent MLflow elsewhere; our run is not there.
        return None
    run_id = _join.run()
    _join.attached.add(run_id)
    return _join.originals["start_run"](run_id)


def _detach() -> None:
    """Take our runs off the stacks of all threads, without ending them in MLflow."""
    fluent = sys.modules.get("mlflow.tracking.fluent")
    if fluent is None or not _join.attached:
        return
    for stack in fluent._active_run_stack.get_all_thread_values().values():
        stack[:] = [run for run in stack if run.info.run_id not in _join.attached]
    _join.attached.clear()


class _AfterImport(importlib.abc.MetaPathFinder):
    """Wraps MLflow's functions right after its first import."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "mlflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec("mlflow")
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
        _wrap(module)
