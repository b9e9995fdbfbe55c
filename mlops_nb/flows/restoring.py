"""What a replay works on: a run's notebook, code and data, made again in a folder of their own.

The user's tree is read, and never written to; the folder is gone when the replay is over.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.errors import InputError, LockedError, MlopsError, NotFoundError
from mlops_nb.core.records import Run
from mlops_nb.data import versions
from mlops_nb.jobs import notebooks, replicas
from mlops_nb.jobs.replicas import Executed
from mlops_nb.project import Project
from mlops_nb.stores.datasets import is_reference
from mlops_nb.stores.disk import disk_errors
from mlops_nb.stores.locks import locked
from mlops_nb.stores.spool import new_run_id
from mlops_nb.tracking import outputs, worktree
from mlops_nb.tracking.inputs import TAG, content
from mlops_nb.tracking.modules import FOLDER as MODULES
from mlops_nb.tracking.provenance import REDACTED
from mlops_nb.tracking.redaction import redact

_IMPORT = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)
LOCK = ".lock"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a run kept of its notebook: to execute it, and to compare its cells."""

    notebook: bytes
    cells: Sequence[Executed]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run ran, and where its replay runs.

    `was` is the folder that its code was relative to, `now` is that folder today, `base` its copy;
    `folder` and `notebook` are relative to it.
    """

    was: Path
    now: Path
    base: Path
    folder: Path
    notebook: Path


def recording(project: Project, run: Run) -> Recording:
    """Return what a run kept of its notebook.

    Raises
    ------
    InputError
        If it kept neither the notebook nor a cell.
    """
    kept = [path for path in project.runs.artifacts(run) if path.startswith("notebook/")]
    copy = artifact(project, run, kept[0]) if kept else None
    if copy is not None:
        notebook, parameters = replicas.without_outputs(copy)
        return Recording(notebook, replicas.executed(copy), parameters)
    cells = project.runs.cells(run)
    if not cells:
        raise InputError(f"run {run.run_id} has recorded neither its notebook nor a cell")
    executed = replicas.recorded(cells)
    showing = [
        replace(one, shown=outputs.shown(cell)) for one, cell in zip(executed, cells, strict=True)
    ]
    return Recording(replicas.of_cells(cells), showing)


def artifact(project: Project, run: Run, path: str) -> Path | None:
    """Return the file with what a run kept; None where it kept none, or it is gone."""
    found: Path | None = project.runs.artifact(run, path)
    return found if found is not None and found.is_file() else None


@contextmanager
def restored(project: Project, run: Run, made: Recording, *, current: bool) -> Iterator[Place]:
    """Give a folder with a run's code, notebook and data, until the block ends.

    Parameters
    ----------
    current : bool
        Take the files that it read as they are now, and not as they were.

    Raises
    ------
    InputError
        If something that it needs was not recorded, or is gone.
    UnavailableError
        If the folder can't be written.
    """
    _refuse_lost_diff(run)
    _refuse_lost_versions(project, run)
    replays = project.ensure().state / "replays"
    workshop = replays / new_run_id()
    with disk_errors(workshop), ExitStack() as stack:
        _take_away_leftovers(replays)
        lock = workshop.with_suffix(LOCK)
        stack.callback(lock.unlink, missing_ok=True)
        stack.enter_context(locked(lock, what="the replay"))
        stack.callback(shutil.rmtree, workshop, ignore_errors=True)
        place = _code(project, run, workshop, stack)
        (place.base / place.folder).mkdir(parents=True, exist_ok=True)
        (place.base / place.notebook).parent.mkdir(parents=True, exist_ok=True)
        _modules(project, run, place)
        (place.base / place.notebook).write_bytes(made.notebook)
        _refuse_unrecorded_modules(run, place)
        for name, was in run.tags.items():
            if name.startswith(TAG):
                _file(project, name.removeprefix(TAG), was, place, current=current)
        yield place


def _take_away_leftovers(replays: Path) -> None:
    """Take away the folders of replays that were killed: the lock of each died with it."""
    for lock in replays.glob(f"*{LOCK}"):
        with suppress(LockedError), locked(lock, timeout_s=0):
            worktree.take_away(lock.with_suffix(""))
            lock.unlink(missing_ok=True)


def _refuse_lost_diff(run: Run) -> None:
    why = run.tags.get("mlops.diff")
    if why == REDACTED:
        raise InputError(
            "the uncommitted changes of that run had secrets in them, which were not kept",
            hint="commit what it needs, run it again, and replay that run",
        )
    if why is not None:
        raise InputError(f"the uncommitted changes of that run were {why}")


def _refuse_lost_versions(project: Project, run: Run) -> None:
    for name, told in run.tags.items():
        label = told.partition(" ")[0]
        if name.startswith(DATA_TAG) and not name.startswith(TAG) and is_reference(label):
            project.datasets.get(label)


def _code(project: Project, run: Run, workshop: Path, stack: ExitStack) -> Place:
    """Make the folder with the code of the run's commit, where it has one."""
    told = run.tags.get("mlops.notebook")
    root = Path(run.tags.get("mlops.root", project.root))
    folder = Path(run.tags.get("mlops.folder", Path(told).parent if told else root))
    is_inside = folder.is_relative_to(root)
    was, now = (root, project.root) if is_inside else (folder, folder)
    file_name = Path(told).name if told and told.endswith(".ipynb") else "replay.ipynb"
    inside = folder.relative_to(was)
    notebook = inside / file_name
    if told and Path(told).is_relative_to(was):
        notebook = Path(told).relative_to(was).with_name(file_name)
    commit = run.tags.get("mlops.commit")
    if commit is None:
        workshop.mkdir()
        return Place(was, now, workshop, inside, notebook)
    top = worktree.top_of(_nearest(now / notebook.parent))
    if top is None:
        raise InputError(f"{now} is in no git repository any more; the run's commit was {commit}")
    if now.is_relative_to(top):
        at, base = workshop, workshop / now.relative_to(top)
    elif top.is_relative_to(now):
        at, base = workshop / top.relative_to(now), workshop
        at.parent.mkdir(parents=True, exist_ok=True)
    else:
        raise InputError(f"that run worked in {folder}, outside of its repository {top}")
    diff = _diff(project, run)
    stack.enter_context(worktree.checked_out(top, commit, at, diff))
    return Place(was, now, base, inside, notebook)


def _nearest(folder: Path) -> Path:
    return next((f for f in (folder, *folder.parents) if f.is_dir()), folder)


def _diff(project: Project, run: Run) -> bytes | None:
    if run.tags.get("mlops.dirty") != "true":
        return None
    path = artifact(project, run, "mlops/dirty.diff")
    if path is None:
        raise InputError("the uncommitted changes of that run are gone: mlops/dirty.diff")
    return path.read_bytes()


def _modules(project: Project, run: Run, place: Place) -> None:
    """Lay the recorded modules over what the commit has."""
    damaged = set(json.loads(run.tags.get("mlops.modules_not_whole", "[]")))
    kept = {
        path.removeprefix(MODULES): artifact(project, run, path)
        for path in project.runs.artifacts(run)
        if path.startswith(MODULES)
    }
    for name in sorted({*damaged, *kept}):
        target, copy = _within(place.base, name), kept.get(name)
        data = None if copy is None else copy.read_bytes()
        if name not in damaged and data is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        elif not target.is_file() or (data is not None and redact(target.read_bytes()) != data):
            why = "it is large or had gone" if data is None else "it has a secret in it"
            raise InputError(f"the module {name} of that run was not kept whole: {why}")


def _refuse_unrecorded_modules(run: Run, place: Place) -> None:
    """Refuse what imports modules of the project, where nobody was there to record them."""
    if "mlops.modules" in run.tags:
        return
    sources = notebooks.sources(place.base / place.notebook)
    for name in sorted({name for source in sources for name in _IMPORT.findall(source)}):
        for file in (f"{name}.py", f"{name}/__init__.py"):
            here = place.folder / file
            if (place.now / here).is_file() and not (place.base / here).is_file():
                raise InputError(
                    f"the module {here} of that run was not recorded",
                    hint="let the notebook load mlops_nb (%load_ext mlops_nb), and run it again",
                )


def _file(project: Project, name: str, was: str, place: Place, *, current: bool) -> None:
    """Put a file that the run read where its replay reads it."""
    if name.startswith(":"):
        _refuse_changed(Path(name[1:]), was, current=current)
        return
    source, target = place.now / name, _within(place.base, name)
    if not current and target.is_file() and content(target) == was:
        return
    if not current and not (source.is_file() and content(source) == was):
        _from_version(project, source, was, target)
        return
    if not source.is_file():
        raise NotFoundError(f"there is no file {source} any more, which that run read")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    # A copy, and no link: the notebook may write to it.
    shutil.copy2(source, target)


def _within(base: Path, name: str) -> Path:
    """Return a path in the copy; the name comes from a record that others may have written."""
    path = base / name
    if not path.resolve().is_relative_to(base.resolve()):
        raise InputError(f"that run recorded {name!r}, which is outside of its folder")
    return path


def _from_version(project: Project, source: Path, was: str, target: Path) -> None:
    for version in project.datasets.all():
        if version.hash == was and version.kind == "file":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            versions.restore(project.blobs, version, target)
            return
    _refuse_changed(source, was, current=False)


def _refuse_changed(path: Path, was: str, *, current: bool) -> None:
    try:
        is_now = content(path)
    except (OSError, MlopsError):
        raise NotFoundError(f"there is no file {path} any more, which that run read") from None
    if not current and is_now != was:
        raise InputError(
            f"{path} has changed since that run read it, and what it held was not kept",
            hint="`--data current` takes it as it is; `data snapshot` keeps a version of a file",
        )
