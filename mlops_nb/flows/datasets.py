"""Verbs `data snapshot`, `data list`, `data get` and `data diff`: versions of datasets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift as drift_check
from mlops_nb.checks.drift_choices import ALL, KINDS
from mlops_nb.core.data_records import DataDiff, DataVersion
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Notice, Report
from mlops_nb.data import comparison, folders, versions
from mlops_nb.data.frames import is_frame
from mlops_nb.flows import frames
from mlops_nb.flows.context import Context, Named
from mlops_nb.stores.datasets import check_name

if TYPE_CHECKING:
    import pandas as pd


def snapshot(context: Context, name: str, source: pd.DataFrame | str | Path | Named) -> DataVersion:
    """Keep a DataFrame, a file or a folder as a version of a dataset.

    Returns
    -------
    DataVersion
        The one that there was, with `known` set, where the content is not new.

    Raises
    ------
    InputError
        If the name can't be a dataset's, or the source can't be kept.
    NotFoundError
        If there is no such file or folder.
    UnavailableError
        If it may not be read, or the project's folder can't be written.
    """
    check_name(name)
    project = context.project.ensure()
    value: Any = source.value if isinstance(source, Named) else source
    if is_frame(value):
        known = project.datasets.same(name, versions.content_of(value))
        if known is not None and versions.is_whole(project.blobs, known):
            frames.tell_run(context, name, known)
            return replace(known, known=True)
        found = versions.keep_frame(project.blobs, value, name, frames.name_of(source, ""))
    elif isinstance(value, str | Path):
        found = versions.keep_path(project.blobs, _place(context, value), name)
    else:
        raise InputError(f"source must be a DataFrame, file or folder, not {type(value).__name__}")
    kept = project.datasets.add(replace(found, run_id=context.run_id))
    frames.tell_run(context, name, kept)
    return kept


def versions_of(context: Context, name: str | None = None) -> list[DataVersion]:
    """List the versions of one dataset, or of all, newest first.

    Raises
    ------
    NotFoundError
        If there is no dataset of that name.
    """
    datasets = context.project.datasets
    return datasets.all() if name is None else datasets.of(name)


def get(context: Context, version: str, *, to: str | Path | None = None) -> pd.DataFrame | Notice:
    """Return a version, verified, as a DataFrame, or write it to a path that is not there yet.

    Raises
    ------
    InputError
        If it is no table and no path was given, or there is something at that path.
    NotFoundError
        If there is no such dataset or version.
    UnavailableError
        If what it holds is gone or damaged, or the path can't be written.
    """
    project = context.project
    found = project.datasets.get(version)
    if to is None:
        frame = versions.load(project.blobs, found)
        frames.tell_run(context, found.name, found)
        return frame
    path = _place(context, to)
    versions.restore(project.blobs, found, path)
    frames.tell_run(context, found.name, found)
    return Notice(
        f"{found.label} is in {path}",
        details={"version": found.label, "hash": found.hash, "path": str(path)},
    )


def diff(
    context: Context,
    before: pd.DataFrame | str | Path | Named,
    after: pd.DataFrame | str | Path | Named,
) -> DataDiff:
    """Say what differs between two versions of data: columns, rows, values, distributions, files.

    Raises
    ------
    InputError
        If one is neither a version, a DataFrame, nor a file that holds a table.
    NotFoundError
        If there is no such version or file.
    """
    old, new = (_side(context, data, noun) for data, noun in ((before, "before"), (after, "after")))
    if old.version and new.version and old.version.hash == new.version.hash:
        rows = old.version.rows
        both = None if rows is None else (rows, rows)
        return DataDiff(old.name, new.name, same=True, rows=both)
    files = _files(context, old, new)
    if old.frame is None or new.frame is None:
        return DataDiff(old.name, new.name, same=False, files=files)
    found = comparison.compare(old.frame, new.frame)
    return DataDiff(
        old.name,
        new.name,
        same=found.same and not files,
        rows=(len(old.frame), len(new.frame)),
        added=found.added,
        removed=found.removed,
        retyped=found.retyped,
        changed=found.changed,
        drift=_drift(context, old, new, found),
        files=files,
        notes=found.notes,
    )


def _place(context: Context, text: str | Path) -> Path:
    try:
        path = context.path(text)
        path.exists()
    except (OSError, ValueError) as error:  # a name that is too long, or has a null byte in it
        raise InputError(f"{str(text)[:80]!r} is not a path: {error}") from None
    return path


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two that are compared; no frame where its version is no table."""

    name: str
    version: DataVersion | None
    frame: pd.DataFrame | None


def _side(context: Context, data: pd.DataFrame | str | Path | Named, noun: str) -> _Side:
    version = frames.version_named(context, data)
    if version is None:
        return _Side(frames.name_of(data, noun), None, frames.frame(context, data, noun))
    try:
        return _Side(version.label, version, versions.load(context.project.blobs, version))
    except InputError:  # a version that is no table differs by its files alone
        return _Side(version.label, version, None)


def _files(context: Context, old: _Side, new: _Side) -> dict[str, str]:
    if not (old.version and new.version and old.version.kind == new.version.kind == "folder"):
        return {}
    blobs = context.project.blobs
    return folders.compare(
        versions.listing(blobs, old.version), versions.listing(blobs, new.version)
    )


def _drift(context: Context, old: _Side, new: _Side, found: comparison.Comparison) -> Report | None:
    """Compare the distributions of the columns that may have moved; None where there is none."""
    if old.frame is None or new.frame is None:
        return None
    moved = found.changed if len(old.frame) == len(new.frame) else found.common
    settings = context.project.config.drift
    # The check tells columns by their names as text, and finds two of one name ambiguous.
    columns = [name for name in moved if name in {str(label) for label in new.frame.columns}]
    if not columns:
        return None

    def of_these(chosen: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in chosen.items() if name in (*columns, *KINDS, ALL)}

    return drift_check.check(
        old.frame,
        new.frame,
        columns=columns,
        share=settings.share,
        methods=of_these(settings.methods),
        thresholds=of_these(settings.thresholds),
        types=of_these(settings.types),
        names=(old.name, new.name),
    )
