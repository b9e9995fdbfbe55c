"""Has a project changed? A mark that is cheap to take, and another one once something was written.

Whoever writes (a kernel, the command line, the scheduler, another server) writes files. So nobody
has to tell those who look: they compare marks.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from mlops_nb.core.errors import NotFoundError
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import sqlite_path

What = Literal["runs", "jobs"]


def mark(project: Project) -> Mapping[What, Hashable]:
    """Return what is equal as long as the project's runs, or its jobs, are.

    It looks at sizes and times of files, opens none and asks no server: less than a millisecond.
    On a tracking server, what others do is not seen.

    Raises
    ------
    NotFoundError
        If the project's folder is gone.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> project = Project.at(Path(tempfile.mkdtemp()))
    >>> before = mark(project)
    >>> project.spool.begin("0123456789abcdef", name="first")
    >>> mark(project)["runs"] == before["runs"], mark(project)["jobs"] == before["jobs"]
    (False, True)
    """
    if not project.root.is_dir():
        raise NotFoundError(f"the project's folder {project.root} is gone")
    embedded = sqlite_path(project.tracking_uri)
    return {
        "runs": (*_spooled(project.state / "spool"), *(_database(embedded) if embedded else ())),
        "jobs": tuple(_database(project.state / "mlops.db")),
    }


def _spooled(folder: Path) -> Iterator[Hashable]:
    try:
        runs = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for run in runs:
        yield run.name, _seen(run / "events.jsonl")


def _database(path: Path) -> Iterator[Hashable]:
    yield _seen(path)
    # Whoever opens a database makes its log, empty, and takes it away again: that is no change.
    log = _seen(path.with_name(f"{path.name}-wal"))
    yield log if log and log[0] else None


def _seen(path: Path) -> tuple[int, int] | None:
    """Return a file's size in bytes and its time in nanoseconds; None where it is not there."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns
