"""Verb `diff`: what differs between two runs, and what is the likely cause."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from mlops_nb.core.data_records import SKETCHES, DataDiff
from mlops_nb.core.diff_records import RunDiff
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Run
from mlops_nb.data import sketch
from mlops_nb.flows import datasets, delivery
from mlops_nb.flows.context import Context
from mlops_nb.flows.runs import outline
from mlops_nb.stores.datasets import is_reference
from mlops_nb.tracking.comparison import Evidence, compare
from mlops_nb.tracking.hidden_state import hidden_state
from mlops_nb.tracking.modules import FOLDER as MODULES

PACKAGES, DIRTY = "mlops/packages.txt", "mlops/dirty.diff"


def diff(context: Context, before: str, after: str) -> RunDiff:
    """Compare two runs: metrics, parameters, cells, data, packages, commit, environment, checks.

    Parameters
    ----------
    context : Context
    before, after : str
        Ids of the runs, unique prefixes of them, or "latest".

    Raises
    ------
    NotFoundError
        If there is no such run.
    InputError
        If several runs begin with what was given.
    """
    delivery.catch_up(context)
    old, new = (context.project.runs.get(run) for run in (before, after))
    compared = _described(context, old, new)
    moved = {name: told for name, diff in compared.items() if (told := sketch.words(diff))}
    found = compare(_evidence(context, old), _evidence(context, new), moved=moved)
    notes = list(found.notes)
    for change in found.data:
        labels = [str(told).partition(" ")[0] for told in (change.before, change.after)]
        if change.what != "changed" or not all(is_reference(label) for label in labels):
            continue
        try:
            compared[change.name] = datasets.diff(context, *labels)
        except (InputError, UnavailableError) as error:
            # A version that is gone or damaged; that the two differ is known without it.
            notes.append(f"Data {change.name} could not be compared: {error}")
    return replace(found, datasets=compared, notes=tuple(notes))


def _described(context: Context, old: Run, new: Run) -> dict[str, DataDiff]:
    """Compare the frames that went into both runs, by what was kept of them."""
    sketches = [_sketches(context, run) for run in (old, new)]
    common = [name for name in sketches[0] if name in sketches[1]]
    pairs = ((name, sketches[0][name], sketches[1][name]) for name in common)
    return {
        name: sketch.compare(before, after, (old.run_id, new.run_id))
        for name, before, after in pairs
        if before["hash"] != after["hash"]
    }


def _sketches(context: Context, run: Run) -> dict[str, Any]:
    texts = {
        path.removeprefix(SKETCHES).removesuffix(".json"): _text(context, run, path)
        for path in context.project.runs.artifacts(run)
        if path.startswith(SKETCHES)
    }
    return {name: json.loads(text) for name, text in texts.items() if text}


def _evidence(context: Context, run: Run) -> Evidence:
    project = context.project
    modules = {
        path.removeprefix(MODULES): content
        for path in project.runs.artifacts(run)
        if path.startswith(MODULES) and (content := _hash(context, run, path))
    }
    cells = project.runs.cells(run)
    return Evidence(
        run,
        cells=cells,
        hidden_state=hidden_state(cells, outline(context, run)),
        packages=_text(context, run, PACKAGES),
        diff=_text(context, run, DIRTY),
        modules=modules,
        reports=project.database.reports(run_id=run.run_id),
    )


def _text(context: Context, run: Run, path: str) -> str | None:
    file = context.project.runs.artifact(run, path)
    return None if file is None else file.read_text("utf-8", "replace")


def _hash(context: Context, run: Run, path: str) -> str:
    file = context.project.runs.artifact(run, path)
    return "" if file is None else f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
