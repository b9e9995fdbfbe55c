"""Data and models as a user names them: objects in scope, files, registered versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Mitigation
from mlops_nb.data.frames import is_frame, read_frame
from mlops_nb.flows.context import Context, Named

if TYPE_CHECKING:
    import pandas as pd


def frame(context: Context, data: Any, noun: str = "data") -> pd.DataFrame:
    """Return a DataFrame: `data` itself, or what the file of that name holds.

    Raises
    ------
    InputError
        If it is neither, or the file can't be read.
    """
    value: Any = data.value if isinstance(data, Named) else data
    if is_frame(value):
        found: pd.DataFrame = value
        return found
    if isinstance(value, str | Path):
        return read_frame(context.path(value))
    raise InputError(f"{noun} must be a DataFrame or a file, not {type(value).__name__}")


def model(context: Context, given: Any) -> Any:
    """Return a model: `given` itself, a mitigated one's model, or a registered ``NAME@ALIAS``.

    Raises
    ------
    InputError
        If it has no ``predict``, or names no registered version.
    """
    value = given.value if isinstance(given, Named) else given
    if isinstance(value, str):
        store = context.project.models
        name, _, which = value.partition("@")
        return store.load(store.get(name, which or None))
    found = value.model if isinstance(value, Mitigation) else value
    if not hasattr(found, "predict"):
        raise InputError(f"a model must have `predict`; {type(value).__name__} has not")
    return found


def name_of(data: Any, fallback: str) -> str:
    """Return how to call an object in a report: its name in scope, or its file's."""
    if isinstance(data, Named):
        return data.name
    return Path(data).name if isinstance(data, str | Path) else fallback
