"""A project: its root, its settings, and its stores, each opened when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlops_nb.core.config import FILE_NAME, Config
from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.stores.disk import disk_errors, write_whole
from mlops_nb.stores.mlflow_client import sqlite_path, sqlite_uri
from mlops_nb.stores.spool import Spool

if TYPE_CHECKING:
    from mlops_nb.stores.blobs import BlobStore
    from mlops_nb.stores.datasets import DatasetStore
    from mlops_nb.stores.db import Database
    from mlops_nb.stores.jobs import JobStore
    from mlops_nb.stores.models import ModelStore
    from mlops_nb.stores.runs import RunStore

STATE = ".mlops"


@dataclass(frozen=True)
class Project:
    """One folder with its settings and its memory. Making the object writes nothing.

    Examples
    --------
    >>> import tempfile
    >>> project = Project.at(Path(tempfile.mkdtemp()))
    >>> project.state.exists()
    False
    >>> project.tracking_uri.startswith("sqlite:///")
    True
    """

    root: Path
    config: Config

    @classmethod
    def at(cls, root: Path, environ: Mapping[str, str] | None = None) -> Project:
        """Return the project whose root is that folder."""
        environ = os.environ if environ is None else environ
        root = root.resolve()
        return cls(root, Config.load(root / FILE_NAME, environ))

    @classmethod
    def find(
        cls,
        start: Path,
        *,
        explicit: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Project:
        """Find the project of a folder (or of a notebook in it).

        `explicit`, or ``MLOPS_PROJECT``, else the nearest folder upwards with an `mlops.toml`,
        else the root of the git repository, else `start` itself.

        Raises
        ------
        NotFoundError
            If the folder that was named does not exist.
        """
        environ = os.environ if environ is None else environ
        named = explicit or environ.get("MLOPS_PROJECT")
        if named:
            return cls.at(_named_folder(named), environ)
        start = start.resolve()
        folders = (start, *start.parents)
        for marker in (FILE_NAME, ".git"):
            for folder in folders:
                if (folder / marker).exists():
                    return cls.at(folder, environ)
        return cls.at(start, environ)

    @property
    def name(self) -> str:
        """The project's name: its setting, else its folder's."""
        return self.config.project.name or self.root.name or "project"

    @property
    def experiment(self) -> str:
        """The MLflow experiment of its runs."""
        return self.config.project.experiment or self.name

    @property
    def state(self) -> Path:
        """The folder that holds what the project remembers."""
        return self.root / STATE

    @cached_property
    def tracking_uri(self) -> str:
        """Where MLflow keeps the runs.

        Raises
        ------
        InputError
            If the setting is no address.
        """
        given = self.config.project.tracking_uri
        return _address(given, self.root) if given else sqlite_uri(self.state / "mlflow.db")

    @property
    def on_server(self) -> bool:
        """Whether a server keeps the runs, and not a database that is written to directly."""
        return self.tracking_uri.startswith(("http://", "https://", "databricks"))

    @property
    def artifacts(self) -> Path | None:
        """Where artifacts are kept; None where a server decides."""
        return None if self.on_server else self.state / "artifacts"

    def executions(self, run_id: str) -> Path:
        """Return the folder of one headless execution."""
        return self.state / "executions" / run_id

    def ensure(self) -> Project:
        """Make the state folder, invisible to git, where it is not there yet.

        Raises
        ------
        UnavailableError
            If it can't be written.
        """
        if not self.root.is_dir():
            raise UnavailableError(f"the project's folder {self.root} is gone")
        if self.state.exists() and not self.state.is_dir():
            raise UnavailableError(f"{self.state} is a file, where the project's folder should be")
        with disk_errors(self.state):
            self.state.mkdir(exist_ok=True)
            ignore = self.state / ".gitignore"
            if not ignore.exists():
                try:
                    write_whole(ignore, b"*\n")
                except UnavailableError:
                    # Nothing half-made is left behind; what holds something stays.
                    with suppress(OSError):
                        self.state.rmdir()
                    raise
        return self

    @cached_property
    def spool(self) -> Spool:
        """What was recorded and is not all in MLflow yet."""
        return Spool(self.state / "spool")

    @cached_property
    def runs(self) -> RunStore:
        """Its runs."""
        from mlops_nb.stores.runs import RunStore

        return RunStore(self.spool, self.tracking_uri, self.name, self.experiment)

    @cached_property
    def models(self) -> ModelStore:
        """Its registered models."""
        from mlops_nb.stores.models import ModelStore

        return ModelStore(self.tracking_uri, self.state / "registry.lock")

    @cached_property
    def database(self) -> Database:
        """Its reports and audit trail."""
        from mlops_nb.stores.db import Database

        return Database(self.state / "mlops.db")

    @cached_property
    def jobs(self) -> JobStore:
        """Its jobs and their runs."""
        from mlops_nb.stores.jobs import JobStore

        return JobStore(self.database)

    @cached_property
    def blobs(self) -> BlobStore:
        """The bytes that it keeps under their hash."""
        from mlops_nb.stores.blobs import BlobStore

        return BlobStore(self.state / "blobs")

    @cached_property
    def datasets(self) -> DatasetStore:
        """The versions of its datasets."""
        from mlops_nb.stores.datasets import DatasetStore

        return DatasetStore(self.database)


def _named_folder(named: str) -> Path:
    # Not `Path.expanduser`, which raises where there is no such user.
    folder = Path(os.path.expanduser(named))  # noqa: PTH111
    if not folder.exists():
        raise NotFoundError(
            f"the project folder {named!r} does not exist",
            hint="--project or MLOPS_PROJECT names it",
        )
    if not folder.is_dir():
        raise InputError(f"the project {named!r} must be a folder")
    return folder


def _address(given: str, root: Path) -> str:
    """Return the address of a store; a relative SQLite file is one in the project's folder."""
    try:
        parts = urlsplit(given)
        wrong = parts.port is not None and not parts.hostname
    except ValueError:
        wrong = True
    if wrong or ("://" not in given and given != "databricks"):
        raise InputError(
            f"tracking_uri {given!r} is no address of an MLflow store",
            hint="write for example http://localhost:5000",
        )
    path = sqlite_path(given)
    return given if path is None else sqlite_uri(root / path)
