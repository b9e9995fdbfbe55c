"""The versions of datasets: their names, numbers and hashes, in the project's SQLite file.

What they hold lies in blobs (or with DVC). A number is given out in one transaction, so that of two
processes which keep something at once each gets one of its own; the same content under the same
name gets the number that it has.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlops_nb.core.data_records import DataVersion
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.strict_json import dumps, instant
from mlops_nb.stores.db import Database

if TYPE_CHECKING:
    import sqlite3

# A letter or digit, then also dots and dashes: no sign that a path, a shell or `@` would claim.
_NAME = re.compile(r"[^\W_][\w.-]{0,99}")
_REFERENCE = re.compile(rf"({_NAME.pattern})@(\w+)")
NO_DATASETS = "there are no datasets yet: `data snapshot NAME SOURCE` makes one"


def is_reference(text: str) -> bool:
    """Tell whether a text may name a version of a dataset.

    Examples
    --------
    >>> is_reference("credit@2"), is_reference("data/credit@2.csv"), is_reference("credit")
    (True, False, False)
    """
    return _REFERENCE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class DatasetStore:
    """The datasets of one project.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> datasets = DatasetStore(Database(Path(tempfile.mkdtemp(), "mlops.db")))
    >>> first = datasets.add(DataVersion("credit", 0, "sha256:0", "file", 10))
    >>> again = datasets.add(DataVersion("credit", 0, "sha256:0", "file", 10))
    >>> first.label, first.known, again.label, again.known
    ('credit@1', False, 'credit@1', True)
    >>> datasets.get("credit@latest").version
    1
    """

    database: Database

    def add(self, version: DataVersion) -> DataVersion:
        """Keep a version under the next number, or return the one that holds the same.

        Raises
        ------
        InputError
            If the name can't be a dataset's.
        """
        check_name(version.name)
        with self.database.writing() as connection:
            known = _same(connection, version.name, version.hash)
            if known is not None:
                return replace(known, known=True)
            (last,) = connection.execute(
                "SELECT coalesce(max(version), 0) FROM DATA_VERSIONS WHERE name = ?",
                (version.name,),
            ).fetchone()
            added = version.numbered(last + 1)
            connection.execute(
                "INSERT INTO DATA_VERSIONS (name, version, hash, body, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (added.name, added.version, added.hash, dumps(added), instant(added.created_at)),
            )
            return added

    def same(self, name: str, content: str) -> DataVersion | None:
        """Return the version of that name and hash; None where there is none."""
        if not self.database.path.exists():
            return None
        with self.database.reading() as connection:
            return _same(connection, name, content)

    def all(self, name: str | None = None) -> list[DataVersion]:
        """List the versions, of one dataset or of all, newest first."""
        if not self.database.path.exists():
            return []
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT body FROM DATA_VERSIONS WHERE :name IS NULL OR name = :name"
                " ORDER BY created_at DESC, name, version DESC",
                {"name": name},
            )
            return [DataVersion.from_dict(json.loads(body)) for (body,) in rows]

    def of(self, name: str) -> list[DataVersion]:
        """List the versions of one dataset, newest first.

        Raises
        ------
        NotFoundError
            If there is no dataset of that name; the nearest is named.
        """
        found = sorted(self.all(name), key=lambda version: version.version, reverse=True)
        if not found:
            names = {version.name for version in self.all()}
            raise NotFoundError.among("dataset", name, names, hint="" if names else NO_DATASETS)
        return found

    def get(self, reference: str) -> DataVersion:
        """Return the version that ``NAME@VERSION`` or ``NAME@latest`` names.

        Raises
        ------
        InputError
            If it is no such reference.
        NotFoundError
            If there is no such dataset or version; the nearest is named.
        """
        matched = _REFERENCE.fullmatch(reference)
        if matched is None:
            raise InputError(
                f"{reference!r:.80} names no version of a dataset",
                hint="write NAME@VERSION, such as credit@2 or credit@latest",
            )
        name, which = matched.groups()
        versions = self.of(name)
        if which == "latest":
            return versions[0]
        for version in versions:
            if str(version.version) == which:
                return version
        raise NotFoundError(
            f"{name} has no version {which!r}",
            hint=f"its versions are 1 to {versions[0].version}"
            if versions[1:]
            else "its only version is 1",
        )


def check_name(name: str) -> None:
    """Refuse what can't be the name of a dataset.

    Raises
    ------
    InputError
        If it is empty, long, begins with a sign, or has others in it than letters, digits,
        ``_``, ``-`` and ``.``.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r:.80} can't be the name of a dataset",
            hint="use up to 100 letters, digits, `_`, `-` and `.`, a letter or digit first",
        )


def _same(connection: sqlite3.Connection, name: str, content: str) -> DataVersion | None:
    row = connection.execute(
        "SELECT body FROM DATA_VERSIONS WHERE name = ? AND hash = ?", (name, content)
    ).fetchone()
    return None if row is None else DataVersion.from_dict(json.loads(row[0]))
