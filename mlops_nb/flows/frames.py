"""Data and models as a user names them: objects in scope, files, registered versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift_profile, own_metrics
from mlops_nb.checks.drift_profile import Profile
from mlops_nb.core.data_records import DataVersion
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.data import versions
from mlops_nb.data.frames import is_frame, read_frame
from mlops_nb.data.objects import named_in
from mlops_nb.flows import tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.settings import listed
from mlops_nb.stores.datasets import is_reference

if TYPE_CHECKING:
    import pandas as pd


VERSION = "mlops.version"  # of a frame read from a version: what it is called, in its `attrs`


def frame(context: Context, data: Any, noun: str = "data") -> pd.DataFrame:
    """Return a DataFrame: `data` itself, or what the file or the version of that name holds.

    Of the names ``NAME@VERSION``, a file that is called so comes first. The open run is told which
    version it used, in the tag ``mlops.data.<noun>``.

    Raises
    ------
    InputError
        If it is neither, or the file can't be read.
    """
    value: Any = data.value if isinstance(data, Named) else data
    if is_frame(value):
        found: pd.DataFrame = value
        return found
    version = version_named(context, value)
    if version is not None:
        found = versions.load(context.project.blobs, version)
        found.attrs[VERSION] = version.label
        tell_run(context, noun, version)
        return found
    if isinstance(value, Profile) or drift_profile.names(value):
        raise InputError(
            f"{noun} can't be a profile, which has no rows",
            hint="only drift's reference may be one",
        )
    if isinstance(value, str | Path):
        return read_frame(context.path(value))
    raise InputError(f"{noun} must be a DataFrame or a file, not {type(value).__name__}")


def version_named(context: Context, value: Any) -> DataVersion | None:
    """Return the version of a dataset that a text names; None where it names a file.

    Raises
    ------
    InputError
        If the text is empty.
    NotFoundError
        If it can only be a version, and there is none.
    """
    if isinstance(value, str) and not value:
        raise InputError("data can't be called ''", hint="name a file, or data in scope")
    if not isinstance(value, str) or not is_reference(value) or context.path(value).exists():
        return None
    return context.project.datasets.get(value)


def tell_run(context: Context, noun: str, version: DataVersion) -> None:
    """Record with the open run, if one is, that it used a version."""
    if context.run_id is not None:
        tag = {f"mlops.data.{noun}": f"{version.label} {version.hash}"}
        tracking.log(context, tag, kind="tag")


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


def schema(context: Context, given: Any) -> Any:
    """Return a pandera schema: `given` itself, or what ``FILE.py:NAME`` calls so.

    Raises
    ------
    InputError
        If a text names no such thing.
    UnavailableError
        If the file raises as it runs.
    """
    value: Any = given.value if isinstance(given, Named) else given
    if not isinstance(value, str):
        return value
    if not value.rpartition(":")[0].endswith(".py"):
        raise InputError(f"{value!r} is no schema in scope", hint="a file's is FILE.py:NAME")
    return _in_file(context, value, "schema")


def functions(
    context: Context, metrics: Any, limits: Mapping[Any, float] | None, known: Collection[str]
) -> tuple[list[Any], dict[Any, float], dict[str, Any]]:
    """Return metrics, limits, and the functions behind the names in them that are not `known`.

    Such a name is of a function in scope, or ``FILE.py:NAME``.

    Raises
    ------
    InputError
        If a file calls no function so, or two functions have one name.
    UnavailableError
        If a file raises as it runs.
    """
    found: dict[str, Any] = {}
    files: dict[str, Any] = {}

    def named(given: Any) -> Any:
        text = given.name if isinstance(given, Named) else given
        is_file = isinstance(text, str) and text.rpartition(":")[0].endswith(".py")
        if not (is_file or isinstance(given, Named)) or text in known:
            return text
        if is_file and text not in files:
            files[text] = _in_file(context, text, "metric")
        function = files[text] if is_file else given.value
        name = text.rpartition(":" if is_file else ".")[2]
        if not callable(function):
            raise InputError(f"{text!r} is no function, but {type(function).__name__}")
        if not own_metrics.is_same(found.setdefault(name, function), function):
            raise own_metrics.two_called(name)
        return name

    asked = [named(each) for each in listed(metrics)]
    return asked, {named(each): limit for each, limit in (limits or {}).items()}, found


def _in_file(context: Context, text: str, noun: str) -> Any:
    file, _, name = text.rpartition(":")
    path = context.path(file)
    if not path.is_file():
        raise NotFoundError(f"there is no file {file!r}", hint=f"a {noun} is given as FILE.py:NAME")
    return named_in(path, name)


def names_of(one: Any, other: Any, fallbacks: tuple[str, str]) -> tuple[str, str]:
    """Return how to call two objects in a report: files of one name by their paths."""
    names = name_of(one, fallbacks[0]), name_of(other, fallbacks[1])
    are_paths = isinstance(one, str | Path) and isinstance(other, str | Path)
    if are_paths and names[0] == names[1] and str(one) != str(other):
        return str(one), str(other)
    return names


def name_of(data: Any, fallback: str) -> str:
    """Return how to call an object in a report: its name in scope, or its file's."""
    if isinstance(data, Named):
        return data.name
    return Path(data).name if isinstance(data, str | Path) else fallback
