"""The frozen records of datasets: a version of one, and what differs between two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, Self

from mlops_nb.core.records import Record, Report, now
from mlops_nb.core.strict_json import instant, parse_instant, plain

# A run's tag that tells what went into it, by a name, and the artifact that describes a frame.
DATA_TAG = "mlops.data."
SKETCHES = "mlops/data/"

DataKind = Literal["frame", "file", "folder"]


@dataclass(frozen=True, slots=True)
class DataVersion(Record):
    """One version of a dataset: what it holds, and where it came from.

    Parameters
    ----------
    name : str
    version : int
        1, 2, 3, … of this name; 0 until it is kept.
    hash : str
        What tells its content: a frame's fingerprint, else the SHA-256 of the file or of the list
        of a folder's files; ``md5:…`` where DVC keeps it.
    kind : {"frame", "file", "folder"}
    bytes : int
        Size as it is kept; of a folder, that of its files together.
    rows : int or None
        None where it is no table.
    schema : mapping
        Column to type, in order; empty where it is no table.
    source : str
        The path it was taken from, or the name in scope.
    run_id : str or None
        The run that was open.
    blob : str or None
        The blob that holds it; None where DVC does.
    created_at : datetime
    known : bool
        Whether the content was there already when it was last given.

    Examples
    --------
    >>> DataVersion("credit", 2, "sha256:0", "file", 10).label
    'credit@2'
    """

    name: str
    version: int
    hash: str
    kind: DataKind
    bytes: int
    rows: int | None = None
    schema: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    run_id: str | None = None
    blob: str | None = None
    created_at: datetime = field(default_factory=now)
    known: bool = False

    def __post_init__(self) -> None:
        # As its JSON has it, so that a record equals what is read back from it.
        object.__setattr__(self, "created_at", parse_instant(instant(self.created_at)))

    @property
    def label(self) -> str:
        """How the version is named in a verb."""
        return f"{self.name}@{self.version}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a version that `to_dict` wrote."""
        kept = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        return cls(**{**kept, "created_at": parse_instant(data["created_at"]), "known": False})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, with the number of columns beside the rows."""
        whole = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        return {**whole, "columns": None if self.rows is None else len(self.schema)}

    def numbered(self, version: int) -> Self:
        """Return it with its number."""
        return replace(self, version=version)


@dataclass(frozen=True, slots=True)
class DataDiff(Record):
    """What differs between two datasets.

    Parameters
    ----------
    before, after : str
        How the two are called.
    same : bool
        Whether they hold the same.
    rows : pair of int, or None
        Before and after; None where they are no tables.
    added, removed : mapping
        Columns that only one of them has, with their types.
    retyped : mapping
        Column to its two types.
    changed : tuple of str
        Columns of both, of one type, whose values are not the same. Where there are more or fewer
        rows, those that are known to have moved.
    drift : Report or None
        How far the distributions of the columns in common have moved.
    files : mapping
        For folders: path to "added", "removed" or "changed".
    notes : tuple of str
        What else differs, and how: the index, the order of the columns, where values moved.
    """

    before: str
    after: str
    same: bool
    rows: tuple[int, int] | None = None
    added: Mapping[str, str] = field(default_factory=dict)
    removed: Mapping[str, str] = field(default_factory=dict)
    retyped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    drift: Report | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
