"""Evidently's own full report of a drift check: drawn, kept, opened, and found again.

A panel and a front end know one by its *address*: a link to the file, with a fragment that says
which report of the project it is, as in ``drift.html#mlops-report?file=drift.html``.
"""

from __future__ import annotations

import html
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mlops_nb.checks import drift_report, drift_workspace
from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.records import Report
from mlops_nb.flows import tracking
from mlops_nb.flows.context import Context

if TYPE_CHECKING:
    import pandas as pd

FRAGMENT = "mlops-report"
ENDING = "evidently.html"
TAG = "mlops.evidently"  # of a run: the artifact with the latest one
LARGEST = 100_000_000  # bytes of a page; Evidently's are some megabytes

_ARTIFACT = re.compile(rf"mlops/reports/[^/]+-{re.escape(ENDING)}")
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What becomes of Evidently's report, beside being kept with the open run.

    Parameters
    ----------
    file : Path or None
        Where its page is written.
    workspace : Path or None
        The Evidently workspace that it is added to.
    show : bool
        Whether it is opened, where someone looks.
    page : bool
        Whether there is a page at all, and not the workspace alone.
    """

    file: Path | None
    workspace: Path | None
    show: bool
    page: bool


def wanted(
    context: Context,
    report: str | Path | bool | None,
    *,
    workspace: str | Path | None,
    show: bool,
) -> Wanted | None:
    """Return what is wanted of Evidently's report; None if it isn't.

    Raises
    ------
    InputError
        If there is nowhere to keep its page, or a path can't be what it is given for.
    """
    settings = context.project.config.drift
    page = show or not (report is None or report is False)
    if not page and workspace is None:
        return None
    file = None
    if page and (report in (None, False, True, "")):
        if context.run_id is None:
            hint = "give it a file: --report FILE.html"
            raise InputError("no run is open that could keep Evidently's report", hint=hint)
    elif page:
        file = context.path(str(report))
        drift_report.refuse_name(file)
    folder = None
    if workspace is not None:
        folder = context.path(workspace)
    elif settings.workspace:
        folder = (context.project.root / settings.workspace).resolve()
    if folder is not None:
        drift_workspace.refuse_folder(folder)
    return Wanted(file, folder, show, page)


def drawn(
    context: Context, found: Report, before: pd.DataFrame, after: pd.DataFrame, how: Wanted
) -> Report:
    """Have Evidently's report drawn, kept and opened, and say in ours where it is."""
    made = drift_report.draw(found, before, after, run_id=context.run_id)
    notes = [f"Evidently's report: {note}." for note in made.notes]
    told: dict[str, Any] = {"notes": [*found.subject.get("notes", ()), *notes]}
    artifact = ""
    if how.page and context.run_id is not None:
        page = made.html.encode()
        artifact = tracking.record_beside(context, found, ENDING, page)
        context.project.spool.append(context.run_id, "tags", values={TAG: artifact})
    if how.file is not None:
        drift_report.save(made.html.encode(), how.file)
    if how.page:
        told["evidently_report"] = str(how.file or artifact)
        told["evidently_address"] = _address(context, how.file, artifact)
    if how.workspace is not None:
        project = context.project.config.drift.workspace_project or context.project.name
        drift_workspace.add(made.snapshot, how.workspace, project)
        told["evidently_workspace"] = str(how.workspace)
    if how.show:
        context.watch.show(how.file, told["evidently_address"])
    return replace(found, subject={**found.subject, **told})


def _address(context: Context, file: Path | None, artifact: str) -> str:
    """Return a report's address; "" where neither a run nor the project holds it."""
    root, which = context.project.root.resolve(), {}
    if artifact:
        which = {"run": str(context.run_id), "report": artifact}
    elif file is not None and file.is_relative_to(root):
        which = {"file": file.relative_to(root).as_posix()}
    if not which:
        return ""
    link = "" if file is None else Path(os.path.relpath(file, context.folder.resolve())).as_posix()
    fragment = urlencode(which, quote_via=quote, errors="replace")
    return f"{quote(link, errors='replace')}#{FRAGMENT}?{fragment}"


@dataclass(frozen=True, slots=True)
class Page:
    """A report that was found again: its title, and its page with Evidently's scripts."""

    title: str
    html: str


def of_run(context: Context, run: str, report: str | None = None) -> Page:
    """Return a report that a run keeps: the one that is named, else the latest.

    Raises
    ------
    NotFoundError
        If there is no such run or report.
    """
    found = context.project.runs.get(run)
    known = [path for path in context.project.runs.artifacts(found) if _ARTIFACT.fullmatch(path)]
    if not known:
        raise NotFoundError(
            f"run {found.name!r} keeps no report of Evidently's",
            hint="`drift REFERENCE CURRENT --report` in the run makes one",
        )
    name = report or found.tags.get(TAG, known[-1])
    if name not in known:
        raise NotFoundError.among("report", name, known)
    path = context.project.runs.artifact(found, name)
    if path is None:
        raise NotFoundError(f"the report {name} of run {found.name!r} is gone")
    return _read(path)


def of_file(path: Path) -> Page:
    """Return a report from the file that it was written to.

    Raises
    ------
    NotFoundError
        If the file is not there.
    InputError
        If it is no report that was written by us.
    """
    if not path.is_file():
        raise NotFoundError(f"there is no report {path.name!r} any more", hint="make it again")
    page = _read(path)
    if drift_report.MARK not in page.html[: drift_report.MARKED]:
        raise InputError(
            f"{path.name!r} is no report of Evidently's that mlops_nb wrote",
            hint="the file browser opens other pages",
        )
    return page


def _read(path: Path) -> Page:
    try:
        if path.stat().st_size > LARGEST:
            raise InputError(f"{path.name!r} has more than {LARGEST:,} bytes")
        page = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnavailableError(f"{path.name!r} can't be read: {error.strerror}") from None
    said = _TITLE.search(page[: drift_report.MARKED])
    return Page(html.unescape(said.group(1)).strip() if said else path.name, page)
