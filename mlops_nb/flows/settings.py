"""Where a value comes from that nobody typed: the setting, named when the value is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlops_nb.core.config import DriftConfig, FairnessConfig, PerformanceConfig, variable
from mlops_nb.core.errors import InputError


def source(section: str, key: str) -> str:
    """Return what sets a setting: a variable of the environment, else a key of ``mlops.toml``.

    Examples
    --------
    >>> source("drift", "by")
    'drift.by in mlops.toml'
    """
    name = variable(section, key)
    return name if os.environ.get(name) else f"{section}.{key} in mlops.toml"


@contextmanager
def told(section: str, settings: Any, given: Mapping[str, Any]) -> Iterator[None]:
    """Have an error say which setting its value comes from.

    Parameters
    ----------
    section : str
        Of ``mlops.toml``.
    settings : dataclass
        What it holds.
    given : mapping
        Setting to the argument that goes before it; None where there is none.
    """
    try:
        yield
    except InputError as error:
        unsaid = [key for key, value in given.items() if value is None]
        about = [key for key in unsaid if _is_about(error, key, getattr(settings, key))]
        for key in about:
            by = f"{source(section, key)} asks for it{_way_out(key, settings)}"
            error.hint = f"{error.hint}; {by}" if error.hint else by
        raise


def _way_out(key: str, settings: Any) -> str:
    match getattr(settings, key):
        case bool():
            return f", --no-{key} goes without"
        case str():
            return f", --{key} '' goes without"
    return ""


def _is_about(error: InputError, key: str, value: Any) -> bool:
    """Tell whether an error names a setting's value, or the argument that would be in its place."""
    if not value:
        return False
    if error.message.startswith(f"{key} ") or f"--{key}" in str(error):
        return True
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    texts = [parts] if isinstance(parts, str) else parts if isinstance(parts, list) else []
    start = error.message.partition(" needs ")[0]
    return start in texts or any(f"{text!r:.80}" in error.message for text in texts)


def batches(
    settings: DriftConfig | FairnessConfig | PerformanceConfig, by: Any, every: str | int | None
) -> dict[str, Any]:
    """Return what makes batches; nothing where there are none. A column has its own length."""
    if by is None:
        by = settings.by
        every = settings.every if every is None else every
    if isinstance(by, int | float):
        by = str(by)  # a column that is called by a number
    by = None if isinstance(by, str) and not by else by
    every = None if every == "" else every
    return {} if by is None and every is None else {"by": by, "every": every}


def listed(given: Any) -> list[Any]:
    """Return what was given as a list; a text, or a function, is one by itself.

    Examples
    --------
    >>> listed("accuracy"), listed(None)
    (['accuracy'], [])
    """
    return [given] if isinstance(given, str) or callable(given) else list(given or ())
