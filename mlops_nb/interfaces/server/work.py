"""What handlers have done in a thread: find the project, call the flow, write the answer."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import InputError, VerdictError
from mlops_nb.core.strict_json import dumps, instant
from mlops_nb.flows import changes
from mlops_nb.flows.context import Context
from mlops_nb.flows.frames import version_named
from mlops_nb.interfaces.display import shown
from mlops_nb.interfaces.server import paths
from mlops_nb.interfaces.server.watching import Marks
from mlops_nb.interfaces.verbs import Argument, Verb
from mlops_nb.project import Project


def find(root: Path, path: str) -> tuple[Project, Marks]:
    """Return the project of a notebook or folder under the server's root, and its mark."""
    place = paths.existing(root, path)
    project = Project.find(place if place.is_dir() else place.parent)
    return project, changes.mark(project)


def call(
    root: Path, project: Project, verb: Verb, arguments: dict[str, Any], *, as_html: bool
) -> tuple[int, str]:
    """Call a verb's flow, a long one's start, and return the HTTP status and the body."""
    located = {
        argument.parameter: _located(root, project, argument, arguments[argument.parameter])
        for argument in verb.arguments
        if argument.parameter in arguments
    }
    status = 202 if verb.starts else 200
    try:
        result = verb.load(start=bool(verb.starts))(Context(project, root), **located)
    except VerdictError as error:
        # A verdict is a result: its record is the answer.
        result, status = error.report, error.http_status
    return status, dumps({"html": _panel(result, verb)} if as_html else result)


def describe(root: Path, project: Project) -> str:
    """Return what the sidebar shows of a project on its top."""
    from importlib.metadata import version

    from mlops_nb.flows import scheduler

    return dumps(
        {
            "name": project.name,
            "root": project.root,
            "path": paths.named(root, project.root),
            "scheduler": scheduler.is_running(project),
            "version": version("mlops-nb"),
        }
    )


def executed(root: Path, project: Project, run: str) -> dict[str, Any]:
    """Return a run's executed notebook as the Contents API would; its content is a NotebookNode."""
    from mlops_nb.flows import notebooks

    path, content = notebooks.executed(Context(project, root), run)
    found = path.stat()
    return {
        "name": path.name,
        "path": paths.named(root, path) or path.name,
        "type": "notebook",
        "format": "json",
        "writable": False,
        "content": content,
        "created": instant(datetime.fromtimestamp(found.st_ctime, UTC)),
        "last_modified": instant(datetime.fromtimestamp(found.st_mtime, UTC)),
        "mimetype": None,
        "size": found.st_size,
        "hash": None,
        "hash_algorithm": None,
    }


def full_report(
    root: Path,
    project: Project,
    *,
    run: str | None = None,
    report: str | None = None,
    file: str | None = None,
) -> str:
    """Return Evidently's full report of a run, or from a file in the project."""
    from mlops_nb.flows import full_reports

    if file is not None and (run or report) is None:
        page = full_reports.of_file(paths.inside(project.root.resolve(), file, "the project"))
    elif run is not None and file is None:
        page = full_reports.of_run(Context(project, root), run, report)
    else:
        raise InputError("name a report by its run, or by its file")
    return dumps({"title": page.title, "html": page.html})


def _located(root: Path, project: Project, argument: Argument, value: Any) -> Any:
    """Return an argument's value, a path as an absolute one that leads out of nothing."""
    if argument.kind == "notebook":
        return str(paths.existing(root, value))
    if argument.kind == "data" and version_named(Context(project, project.root), value):
        return value
    if argument.kind in ("data", "path"):
        return str(paths.inside(project.root, value, "the project"))
    return value


def _panel(result: Any, verb: Verb) -> str:
    from mlops_nb import panels

    table = shown(result, verb.name)
    return panels.html(table, of=getattr(table, "of", None))
