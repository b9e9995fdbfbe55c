"""What every flow is given first: the project, the run that is open, and who watches."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mlops_nb.core.errors import UnavailableError
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.project import Project


@dataclass(frozen=True, slots=True)
class Context:
    """Where a verb was called.

    Parameters
    ----------
    project : Project
    folder : Path
        What relative paths are relative to.
    run_id : str or None
        The run that is open here, a child run where a tracked cell is running.
    watch : Watch
        Who is told of progress.
    """

    project: Project
    folder: Path
    run_id: str | None = None
    watch: Watch = field(default_factory=Silent)

    def path(self, text: str | Path) -> Path:
        """Return a path as the user meant it: relative to the folder she is in."""
        # `os.path`'s leaves the home of an unknown user as it is: "~x.csv" may be a file's name.
        return (self.folder / os.path.expanduser(text)).resolve()  # noqa: PTH111


def working_folder() -> Path:
    """Return the folder that this process is in.

    Raises
    ------
    UnavailableError
        If it has been deleted.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UnavailableError("the working folder is gone", hint="change to another one") from None


@dataclass(frozen=True, slots=True)
class Named:
    """An object with the name it has where the verb was typed."""

    name: str
    value: object
