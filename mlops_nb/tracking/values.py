"""What `log` takes: metrics, parameters, tags, figures and tables, told apart by their type."""

from __future__ import annotations

import io
import numbers
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.strict_json import dumps

# MLflow's own rule for the names of metrics, parameters and tags.
_NAME = re.compile(r"[\w.\- /:]{1,250}")
_PARAM_CAP = 6000
# A file system takes 255 bytes; an ending and the name it is written under first need some.
_FILE_NAME_CAP = 200
KINDS = ("metric", "param", "tag")


@dataclass(frozen=True, slots=True)
class Logged:
    """Values sorted by where they go."""

    metrics: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def sort_values(values: Mapping[str, Any], *, kind: str | None = None) -> Logged:
    """Sort named values: numbers are metrics, figures and frames are files, the rest parameters.

    Parameters
    ----------
    values : mapping of str to value
    kind : {"metric", "param", "tag"}, optional
        Take all of them as this.

    Raises
    ------
    NotFoundError
        If there is no such kind.
    InputError
        If a name is one that MLflow refuses, or a value does not fit its kind.

    Examples
    --------
    >>> sort_values({"auc": 0.78, "depth": "deep"})
    Logged(metrics={'auc': 0.78}, params={'depth': 'deep'}, tags={}, files={})
    """
    if kind is not None and kind not in KINDS:
        raise NotFoundError.among("kind", kind, KINDS)
    metrics: dict[str, float] = {}
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for name, value in values.items():
        check_name(name)
        if kind == "tag":
            tags[name] = value if isinstance(value, str) else dumps(value)
        elif kind == "metric" or (kind is None and _is_number(value)):
            metrics[name] = _metric(name, value)
        elif kind is None and _is_figure(value):
            files |= _figure(name, value)
        elif kind is None and _is_frame(value):
            files |= _table(name, value)
        else:
            params[name] = _param(name, value)
    return Logged(metrics, params, tags, files)


@lru_cache(maxsize=10_000)
def check_name(name: str) -> None:
    """Refuse a name that MLflow would refuse later.

    Raises
    ------
    InputError
        Saying which characters there may be.
    """
    if not isinstance(name, str):
        raise InputError(f"{name!r:.60} can't be the name of a metric, parameter or tag: use text")
    # MLflow makes a path of it: no absolute one, and no way upwards.
    climbs = name.startswith("/") or any(part in ("", ".", "..") for part in name.split("/"))
    if not _NAME.fullmatch(name) or climbs:
        shown = name if len(name) < 60 else name[:57] + "..."
        raise InputError(
            f"{shown!r} can't be the name of a metric, parameter or tag",
            hint="use letters, digits, _ - . : / and spaces, 250 at most",
        )


def _is_number(value: Any) -> bool:
    # numpy's bool is no numbers.Number; Python's is.
    return type(value) is float or (isinstance(value, numbers.Real) and not isinstance(value, bool))


def _metric(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"metric {name!r} must be a number, not {value!r:.80}") from None


def _param(name: str, value: Any) -> Any:
    try:
        text = value if isinstance(value, str) else dumps(value)
    except RecursionError:
        raise InputError(f"parameter {name!r} holds itself, or is nested too deeply") from None
    if len(text) > _PARAM_CAP:
        raise InputError(
            f"parameter {name!r} has {len(text)} characters; {_PARAM_CAP} at most",
            hint="log a table or a file instead",
        )
    return value


def _is_figure(value: Any) -> bool:
    return (hasattr(value, "savefig") and hasattr(value, "axes")) or (
        hasattr(value, "write_html") and hasattr(value, "to_plotly_json")
    )


def _figure(name: str, value: Any) -> dict[str, bytes]:
    _check_file_name(name)
    if hasattr(value, "savefig"):
        image = io.BytesIO()
        value.savefig(image, format="png", bbox_inches="tight")
        return {f"figures/{name}.png": image.getvalue()}
    page = value.to_html(include_plotlyjs=True, full_html=True)
    return {f"figures/{name}.html": page.encode()}


def _is_frame(value: Any) -> bool:
    return hasattr(value, "to_parquet") and hasattr(value, "columns")


def _table(name: str, value: Any) -> dict[str, bytes]:
    import pyarrow as pa

    _check_file_name(name)
    data = io.BytesIO()
    try:
        value.to_parquet(data)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise InputError(f"table {name!r} can't be written as Parquet: {error}") from None
    return {f"tables/{name}.parquet": data.getvalue()}


def _check_file_name(name: str) -> None:
    if len(name.rpartition("/")[2].encode()) > _FILE_NAME_CAP:
        raise InputError(
            f"{name[:57]!r}... is too long for a file's name", hint="use a shorter one"
        )
