"""Verb `replay`: execute a run again from what was recorded, and say whether it reproduces."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Run
from mlops_nb.core.replay_records import (
    ChangedInput,
    DifferingCell,
    Replay,
    ReplayedMetric,
    ReplayEnv,
)
from mlops_nb.flows import delivery, environments, execution, restoring
from mlops_nb.flows.context import Context
from mlops_nb.flows.environments import WHEEL
from mlops_nb.flows.evidence import BEYOND, CODE_ROOT, PATHS
from mlops_nb.flows.execution import Order
from mlops_nb.flows.release import REPLAY
from mlops_nb.flows.restoring import Place, Recording
from mlops_nb.jobs import notebooks, replicas
from mlops_nb.jobs.replicas import Executed
from mlops_nb.project import Project
from mlops_nb.tracking import outputs, reproduction
from mlops_nb.tracking.modules import ELSEWHERE
from mlops_nb.tracking.modules import FOLDER as MODULES

TOLERANCE = 1e-9
DATA = ("recorded", "current")
REPLAY_OF = "mlops.replay_of"
ENV: tuple[ReplayEnv, ...] = ("same", "fresh")
_SHOWN = 500
_LEFT_OUT = "{} came from a folder of its machine and is not in the fresh environment."
# What these verbs show is the project's state, which has moved on, or is left alone by a replay.
_OF_THE_PROJECT = re.compile(
    r"\bmlops[ .](?:register|gate|promote|models|runs|show|status|jobs|data list)\b"
)


def replay(
    context: Context,
    run: str,
    *,
    data: str = "recorded",
    env: ReplayEnv = "same",
    tolerance: float = TOLERANCE,
) -> Replay:
    """Execute a run again from what was recorded of it, and compare what came of it.

    Code is that of the recorded commit with its uncommitted changes and imported modules, in a
    folder of its own; the user's tree is not touched, and the registry of models neither.

    Parameters
    ----------
    run : str
    data : {"recorded", "current"}
        Files as they were when the run read them, or as they are.
    env : {"same", "fresh"}
        Run in the present environment, or in one made from the lock that the run recorded, which
        is kept in the project for the next replay.
    tolerance : float
        By which metrics, and numbers that cells show, may differ, relative.

    Raises
    ------
    InputError
        If something that it needs was not recorded, or has changed since.
    NotFoundError
        If there is no such run, or something that it needs is gone.
    UnavailableError
        If the kernel is missing, or the disk can't be written.
    """
    if data not in DATA:
        raise NotFoundError.among("data", data, DATA)
    if env not in ENV:
        raise NotFoundError.among("environment", env, ENV)
    if not 0 <= tolerance < 1:
        raise InputError(f"--tolerance must be from 0 to less than 1, not {tolerance:g}")
    project = context.project
    delivery.catch_up(context)
    found = _original(context, project.runs.get(run))
    _refuse_unended(found)
    made = restoring.recording(project, found)
    left_out: tuple[str, ...] = ()
    with restoring.restored(project, found, made, current=data == "current") as place:
        python = None
        if env == "fresh":
            _refuse_other_language(place.base / place.notebook)
            fresh = environments.fresh(project, found, context.watch)
            python, left_out = fresh.python, fresh.left_out
        done = execution.execute(context, _order(found, made, place, python))
    verdict = _compare(project, found, done, made, place, tolerance)
    notes = [_LEFT_OUT.format(name) for name in left_out]
    if BEYOND in found.tags:
        notes.append(f"{found.tags[BEYOND]} more files were read than are recorded.")
    return replace(verdict, env=env, notes=(*verdict.notes, *notes))


def _refuse_other_language(notebook: Path) -> None:
    language = notebooks.language_of(notebooks.read(notebook))
    if language != "python":
        raise InputError(
            f"the notebook is written in {language}, and a run's lock is Python's",
            hint="replay it with --env same",
        )


def _original(context: Context, run: Run) -> Run:
    """Return the run that a replay is of: what it ran on is gone, and was that run's."""
    first = run.tags.get(REPLAY_OF)
    if first is None:
        return run
    context.watch.log(f"run {run.run_id} is a replay of {first}, which is replayed")
    return context.project.runs.get(first)


def _refuse_unended(run: Run) -> None:
    if run.parent_id is not None:
        raise InputError(
            f"run {run.run_id} is a part of run {run.parent_id}", hint="replay that one"
        )
    if run.status not in ("FINISHED", "FAILED"):
        raise InputError(f"run {run.run_id} is {run.status}: it came to no end to compare with")


def _order(run: Run, made: Recording, place: Place, python: Path | None) -> Order:
    seeds = json.loads(run.tags.get("mlops.seeds", "{}"))
    hashing = {"PYTHONHASHSEED": seeds["PYTHONHASHSEED"]} if seeds.get("PYTHONHASHSEED") else {}
    source = {"mlops.notebook": run.tags["mlops.notebook"]} if "mlops.notebook" in run.tags else {}
    wheel = {WHEEL: run.tags[WHEEL]} if python else {}
    return Order(
        place.base / place.notebook,
        parameters=made.parameters,
        name=_name(run),
        experiment=run.experiment or None,
        folder=place.base / place.folder,
        tags={REPLAY_OF: run.run_id, **source, **wheel},
        environment={
            **(environments.inside(python) if python else {}),
            "PYTHONPATH": _python_path(run, place, python),
            REPLAY: "1",
            CODE_ROOT: str(place.base),
            **hashing,
        },
        kernel="python3" if python else None,
        python=python,
    )


def _python_path(run: Run, place: Place, python: Path | None) -> str:
    """Return where its own modules are, before those that an editable install would find."""
    folders = [str(place.base / path) for path in json.loads(run.tags.get(PATHS, "[]"))]
    present = "" if python else os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([*folders, *([present] if present else [])])


def _name(run: Run) -> str:
    return f"replay of {run.name}"[:250]


def _compare(
    project: Project, run: Run, done: Run, made: Recording, place: Place, tolerance: float
) -> Replay:
    copy = project.executions(done.run_id) / place.notebook.name
    cells = list(zip(made.cells, replicas.executed(copy), strict=False))
    paths = _paths(project, run, done, place)
    differing = _first_difference(cells, paths, tolerance)
    metrics = reproduction.metrics(run.metrics, done.metrics, tolerance)
    is_same = differing is None and all(m.same for m in metrics) and run.status == done.status
    inputs = [*reproduction.inputs(run, done), *_files_that_differ(project, run, done)]
    if not is_same:
        inputs += reproduction.seeds(run, done)
    verdict = Replay(
        "REPRODUCED" if is_same else "DIFFERS",
        run.run_id,
        done.run_id,
        done.status,
        tolerance,
        cell=differing,
        inputs=tuple(inputs),
        metrics=metrics,
        cells=len(cells),
        notes=tuple(_notes(cells)),
    )
    return replace(verdict, summary=_summary(verdict, done))


def _paths(project: Project, run: Run, done: Run, place: Place) -> Mapping[str, str]:
    """Return what only says where and as which run something ran, and what stands for it."""
    return {
        str(project.executions(run.run_id)): "<output>",
        str(project.executions(done.run_id)): "<output>",
        str(place.base): "<project>",
        str(place.was): "<project>",
        str(place.now): "<project>",
        run.run_id: "<id>",
        done.run_id: "<id>",
        _name(run): run.name,
    }


def _first_difference(
    cells: Sequence[tuple[Executed, Executed]], paths: Mapping[str, str], tolerance: float
) -> DifferingCell | None:
    for before, after in cells:
        if before.error not in (after.error, replicas.UNKNOWN):
            old, new = before.error or "no error", after.shown or "no error"
            return DifferingCell(before.position, before.source, old, new[:_SHOWN])
        if before.shown is None or after.shown is None or _OF_THE_PROJECT.search(before.source):
            continue
        old, new = (
            # What a kernel records of its outputs has no secrets in it.
            reproduction.normal(outputs.kept(text, len(text)), paths)
            for text in (before.shown, after.shown)
        )
        if not reproduction.same_text(old, new, tolerance):
            return DifferingCell(before.position, before.source, *outputs.from_there(old, new))
    return None


def _files_that_differ(project: Project, run: Run, done: Run) -> list[ChangedInput]:
    old, new = (_artifact(project, r, "mlops/packages.txt") for r in (run, done))
    packages = [] if old is None or new is None else reproduction.packages(old, new)
    if not ("mlops.modules" in run.tags and "mlops.modules" in done.tags):
        return packages
    before, after = (
        {path for path in project.runs.artifacts(r) if path.startswith((MODULES, ELSEWHERE))}
        for r in (run, done)
    )
    code = [
        ChangedInput("code", _module(path), _there(old), _there(new))
        for path in sorted(before | after)
        if (old := _artifact(project, run, path)) != (new := _artifact(project, done, path))
    ]
    return [*code, *packages]


def _module(artifact: str) -> str:
    return artifact.removeprefix(MODULES).removeprefix(ELSEWHERE)


def _artifact(project: Project, run: Run, path: str) -> str | None:
    found = restoring.artifact(project, run, path)
    return None if found is None else found.read_text("utf-8", "replace")


def _there(text: str | None) -> str | None:
    if text is None:
        return None
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _notes(cells: Sequence[tuple[Executed, Executed]]) -> list[str]:
    of_project = [str(old.position) for old, _ in cells if _OF_THE_PROJECT.search(old.source)]
    unknown = [str(old.position) for old, _ in cells if old.shown is None]
    notes = []
    if len(unknown) == len(cells):
        notes.append("What the cells showed was not recorded: how they ended is compared.")
    elif unknown:
        notes.append(
            f"What these cells showed was not recorded, or too long: {', '.join(unknown)}."
        )
    if of_project:
        told = ", ".join(of_project)
        notes.append(f"What these cells show is the project's state, and not compared: {told}.")
    return notes


def _summary(verdict: Replay, done: Run) -> str:
    if verdict.status == "REPRODUCED":
        judged = sum(metric.judged for metric in verdict.metrics)
        counted = [f"{verdict.cells} cell{'' if verdict.cells == 1 else 's'}"]
        counted.append(f"{judged} metric{'' if judged == 1 else 's'}")
        return f"{' and '.join(counted)} came to the same, within {verdict.tolerance:g}."
    parts = []
    if verdict.cell is not None:
        parts.append(f"cell {verdict.cell.position} differs first")
    moved = [metric for metric in verdict.metrics if not metric.same]
    if moved:
        parts.append(", ".join(_moved(metric) for metric in moved[:3]))
    if not parts:
        parts.append(f"the replay is {done.status}" + (f": {done.reason}" if done.reason else ""))
    what = reproduction.listed(verdict.inputs) or "none that was recorded"
    return f"{'; '.join(parts)}. Inputs that differ: {what}."


def _moved(metric: ReplayedMetric) -> str:
    return f"metric {metric.name} {metric.before} → {metric.after}"
