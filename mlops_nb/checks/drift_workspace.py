"""An Evidently workspace: a folder of Evidently's, to which its reports are added one by one.

``evidently ui --workspace DIR`` shows it. Only what Evidently has drawn is kept there, no rows.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.words import shortened


def refuse_folder(folder: Path) -> None:
    """Refuse a path that can't be a workspace's.

    Raises
    ------
    InputError
        If it is a file, or the folder that it would lie in isn't there.

    Examples
    --------
    >>> refuse_folder(Path("nowhere/at/all"))
    Traceback (most recent call last):
    mlops_nb.core.errors.InputError: there is no folder nowhere/at to hold a workspace
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", hint="a workspace is a folder")
    if not folder.parent.is_dir():
        raise InputError(f"there is no folder {folder.parent} to hold a workspace")


def add(snapshot: Any, folder: Path, project: str) -> None:
    """Add a report to a project of a workspace; both are made where they are missing.

    Parameters
    ----------
    snapshot : evidently.core.report.Snapshot
        As `drift_report.draw` gives it.
    folder : Path
        The workspace.
    project : str
        Name of the project in it.

    Raises
    ------
    UnavailableError
        If the folder can't be written, holds what is no workspace's, or Evidently lacks a part.
    """
    try:
        # Its dependencies are deprecated in places.
        with warnings.catch_warnings(action="ignore"):
            _add(snapshot, folder, project)
    except ImportError as error:
        raise UnavailableError(
            f"Evidently's workspace needs {error.name or error}",
            hint="pip install --force-reinstall evidently",
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnavailableError(f"the workspace {folder} can't be written: {reason}") from None
    except ValueError as error:
        told = shortened(" ".join(str(error).split()), 200)
        raise UnavailableError(f"the workspace {folder} can't be read: {told}") from None


def _add(snapshot: Any, folder: Path, project: str) -> None:
    from evidently.sdk.models import ProjectModel
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(folder))
    found = [known for known in workspace.list_projects() if known.name == project]
    # An id that follows from the name: two processes that make it at once make the same.
    made = ProjectModel(id=uuid5(NAMESPACE_URL, f"mlops_nb:{project}"), name=project)
    into = found[0] if found else workspace.add_project(made)
    workspace.add_run(into.id, snapshot)
