"""Which data are read as a stream, as they would not fit in memory or as it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_nb.checks import drift_profile
from mlops_nb.checks.drift_profile_table import ProfileTable
from mlops_nb.core.config import DriftConfig
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report
from mlops_nb.core.tables import Table
from mlops_nb.data.tables import (
    STREAM,
    FrameTable,
    may_be_large,
    parquet_table,
    too_large,
)
from mlops_nb.flows import frames
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.settings import source

# The settings that need all rows at once.
WHOLE = ("by", "every", "multivariate")


def tables(
    context: Context, given: Mapping[str, Any], stream: str | None
) -> dict[str, Table] | None:
    """Return the data as tables, by their noun; None if they are to be read as frames.

    One Parquet file, folder or glob is enough: what is given beside it is made a table, too, if it
    isn't a profile's already.

    Parameters
    ----------
    stream : {"auto", "always", "never"}, optional
        In place of the project's setting.

    Raises
    ------
    InputError
        If that is no such word, or a stream is asked for and there are no Parquet files.
    """
    mode = stream or context.project.config.data.stream
    if mode not in STREAM:
        raise NotFoundError.among("way to read data", mode, STREAM)
    if mode == "never":
        return None
    paths = {noun: path for noun, data in given.items() if (path := _path(context, data))}
    if mode == "auto" and not any(may_be_large(path) for path in paths.values()):
        return None
    found = {noun: table for noun, path in paths.items() if (table := parquet_table(path))}
    if not found and stream == "always":
        raise InputError("only Parquet files are read as a stream", hint="leave out --stream")
    if not found or (mode == "auto" and not too_large(list(found.values()))):
        return None
    return {noun: found.get(noun) or _as_table(context, data, noun) for noun, data in given.items()}


def refuse(arguments: Mapping[str, Any]) -> None:
    """Refuse what needs all rows at once, by the arguments' names as they are typed.

    Raises
    ------
    InputError
    """
    for name, value in arguments.items():
        if value is not None and value is not False:
            raise InputError(
                f"{name} needs all rows at once, and these data are read as a stream",
                hint="leave it out, give a part of them, or --stream never if they fit in memory",
            )


def without_settings(report: Report, settings: DriftConfig, typed: Mapping[str, Any]) -> Report:
    """Say in the report of a stream which settings need all rows at once, and were passed over.

    Parameters
    ----------
    typed : mapping
        Setting to the argument that goes before it; None where there is none.
    """
    left = [key for key in WHOLE if typed[key] is None and getattr(settings, key)]
    if not left:
        return report
    listed = " and ".join(source("drift", key) for key in left)
    all_at_once = "needs" if len(left) == 1 else "need"
    note = f"{listed} {all_at_once} all rows at once: passed over, as these were read as a stream."
    notes = [*report.subject.get("notes", ()), note]
    return replace(report, subject={**report.subject, "notes": notes})


def _path(context: Context, data: Any) -> Path | None:
    """Return the path that data name; None for a frame, a version, and a profile."""
    value = data.value if isinstance(data, Named) else data
    if not isinstance(value, str | Path) or drift_profile.names(value):
        return None
    return None if frames.version_named(context, value) is not None else context.path(value)


def _as_table(context: Context, data: Any, noun: str) -> Table:
    return data if isinstance(data, ProfileTable) else FrameTable(frames.frame(context, data, noun))
