"""What differs between two runs, and which of it may have moved the metrics.

Cells are compared as they were executed, in order: sources, not notebooks. That is why `difflib`
does it and not nbdime, which compares notebook files and imports nbformat and a server to do so.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from mlops_nb.core.cell_records import HiddenState
from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.diff_records import CellChange, Change, MetricChange, RunDiff
from mlops_nb.core.latest import latest, worst
from mlops_nb.core.records import CellRecord, Report, Run, Status
from mlops_nb.core.replay_records import DifferingCell
from mlops_nb.core.strict_json import dumps
from mlops_nb.tracking.outputs import difference
from mlops_nb.tracking.parameters import is_parameters

_ENVIRONMENT = {
    "mlops.python": "Python",
    "mlops.platform": "platform",
    "mlops.hardware": "hardware",
}
# Lines that open a run and name it: who was watching, and not what was done.
_TRACKING = re.compile(r"^\s*%?%(mlops track\b|load_ext mlops_nb\b).*$\n?", re.MULTILINE)
# What our own verbs show is the run's, and the project's as it was then.
_OF_MLOPS = re.compile(r"\bmlops")
# Larger sources are compared as a whole: a comparison by lines takes the square of their number.
_LARGEST = 200_000
_LINES_KEPT, _LINE_KEPT = 60, 300
_ALIKE = 0.5
_CELLS_TOLD = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run left behind.

    `packages` and `diff` are texts (of the installed packages, and of uncommitted changes), None
    where they were not kept; `modules` maps the user's own modules to their hashes;
    `hidden_state` is where its result rests on more than its notebook.
    """

    run: Run
    cells: Sequence[CellRecord] = ()
    packages: str | None = None
    diff: str | None = None
    modules: Mapping[str, str] = field(default_factory=dict)
    reports: Sequence[Report] = ()
    hidden_state: Sequence[HiddenState] = ()


def compare(
    before: Evidence, after: Evidence, *, moved: Mapping[str, str] | None = None
) -> RunDiff:
    """Compare two runs; `moved` says of data, by its name, how it differs where that is known.

    Ids, times, doors and paths are no differences. A cell that only sets parameters is told by
    the parameters, and an edited notebook or module by its code, not as uncommitted changes too.

    Examples
    --------
    >>> from mlops_nb.core.records import now
    >>> run = Run("a", "first", "FINISHED", now(), params={"depth": 3})
    >>> other = Run("b", "second", "FINISHED", now(), params={"depth": 4})
    >>> compare(Evidence(run), Evidence(other)).causes
    ('Parameter `depth` was 3 and became 4.',)
    """
    old, new = before.run, after.run
    metrics = _metrics(old.metrics, new.metrics)
    parameters = _changes(_texts(old.params), _texts(new.params), old.params, new.params)
    cells = _cells(_code(before), _code(after))
    modules = _changes(before.modules, after.modules)
    data = _changes(_data(old), _data(new), _labels(old), _labels(new))
    packages, notes = _packages(before, after)
    commit = (*_named(old, new, {"mlops.commit": "commit"}), *_uncommitted(before, after))
    environment = _named(old, new, _ENVIRONMENT)
    checks = _changes(_verdicts(before.reports), _verdicts(after.reports))
    outcome = _changes(_outcome(old), _outcome(new))
    output = _first_output(before, after)
    # It moves a result, and is no difference where nothing came of it.
    hidden = _hidden(before, after) if metrics or checks or outcome or output else []
    causes = (
        *_of_cells(cells),
        *_few(hidden, "cell"),
        *(_sentence("Module", change) for change in modules),
        *(_sentence("Parameter", change) for change in parameters),
        *(_of_data(change, moved or {}) for change in data),
        *_few([_sentence("Package", change) for change in packages], "package"),
        *(_of_commit(change) for change in commit),
        *(_of_environment(change) for change in environment),
    )
    same = not (causes or metrics or checks or outcome or output)
    return RunDiff(
        old.run_id,
        new.run_id,
        (old.name, new.name),
        same,
        summary=_summary(before, after, metrics, causes, same),
        causes=causes,
        metrics=metrics,
        parameters=parameters,
        cells=cells,
        data=data,
        packages=packages,
        commit=(*commit, *modules),
        environment=environment,
        checks=checks,
        outcome=outcome,
        output=output,
        notes=notes,
    )


def _summary(
    before: Evidence,
    after: Evidence,
    metrics: Sequence[MetricChange],
    causes: Sequence[str],
    same: bool,
) -> str:
    if before.run.run_id == after.run.run_id:
        return "It is the same run."
    if same:
        return "No difference."
    if not metrics:
        return "The metrics are equal."
    if causes:
        return ""
    chance = "; the random state was another" if _seeds(before) != _seeds(after) else ""
    return f"Nothing that was recorded explains it: chance, time, or data from elsewhere{chance}."


def _seeds(evidence: Evidence) -> str:
    return evidence.run.tags.get("mlops.seeds", "").partition('"end"')[0]


def _changes(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    told_old: Mapping[str, Any] | None = None,
    told_new: Mapping[str, Any] | None = None,
) -> tuple[Change, ...]:
    """Compare two mappings by their values; the changes tell those of the other two."""
    told_old, told_new = told_old or old, told_new or new
    changes = []
    for name in sorted({*old, *new}):
        if name not in old:
            changes.append(Change(name, "added", None, told_new[name]))
        elif name not in new:
            changes.append(Change(name, "removed", told_old[name], None))
        elif old[name] != new[name]:
            changes.append(Change(name, "changed", told_old[name], told_new[name]))
    return tuple(changes)


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    # As MLflow has them: "3" and 3 are one parameter once they are delivered.
    return {name: v if isinstance(v, str) else dumps(v) for name, v in params.items()}


def _metrics(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[MetricChange, ...]:
    found = []
    for name in (*old, *(name for name in new if name not in old)):
        a, b = old.get(name), new.get(name)
        if a is None or b is None:
            found.append(MetricChange(name, a, b))
        elif a != b and not (math.isnan(a) and math.isnan(b)):
            difference = b - a if math.isfinite(b - a) else None
            relative = difference / abs(a) if difference is not None and a else None
            found.append(MetricChange(name, a, b, difference, relative))
    return tuple(found)


def _data(run: Run) -> dict[str, str]:
    """Return the hash of what each input held, or what else is told of it."""
    parts = {name: told.partition(" ") for name, told in _labels(run).items()}
    # Of "NAME@VERSION HASH" the hash: two versions may hold the same.
    return {
        name: rest if rest and "@" in first else "".join((first, space, rest))
        for name, (first, space, rest) in parts.items()
    }


def _labels(run: Run) -> dict[str, str]:
    return {
        tag.removeprefix(DATA_TAG): told
        for tag, told in run.tags.items()
        if tag.startswith(DATA_TAG)
    }


def _packages(before: Evidence, after: Evidence) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    missing = [side.run.run_id for side in (before, after) if side.packages is None]
    if len(missing) == 2:
        return (), ()
    if missing:
        return (), (f"The packages of run {missing[0]} were not recorded.",)
    return _changes(_versions(before.packages or ""), _versions(after.packages or "")), ()


def _versions(lines: str) -> dict[str, str]:
    pairs = (line.partition("==") for line in lines.splitlines())
    return {name.strip(): version.strip() for name, sign, version in pairs if sign}


def _named(old: Run, new: Run, tags: Mapping[str, str]) -> tuple[Change, ...]:
    """Compare the tags that both runs have: what one does not know is no difference."""
    known = [tag for tag in tags if tag in old.tags and tag in new.tags]
    return _changes(
        {tags[tag]: old.tags[tag] for tag in known}, {tags[tag]: new.tags[tag] for tag in known}
    )


def _uncommitted(before: Evidence, after: Evidence) -> tuple[Change, ...]:
    sides = (before, after)
    old, new = (side.run.tags.get("mlops.diff_hash", "none") for side in sides)
    if old == new or not all("mlops.commit" in side.run.tags for side in sides):
        return ()
    told = {*before.modules, *after.modules}
    told |= {PurePath(side.run.tags.get("mlops.notebook", "")).name for side in sides}
    whole = all(
        (side.diff is None) == (hashed == "none") for side, hashed in ((before, old), (after, new))
    )
    if whole and _without_told(before.diff, told) == _without_told(after.diff, told):
        return ()
    return (Change("uncommitted changes", "changed", old, new),)


def _without_told(diff: str | None, told: Iterable[str]) -> str:
    """Leave out of a diff the files whose code is compared by itself."""
    ends = tuple(f"/{name}" for name in told if name)
    parts = re.split(r"^(?=diff --git )", diff or "", flags=re.MULTILINE)
    heads = (part.partition("\n")[0].rstrip('"') for part in parts)
    return "".join(
        part for part, head in zip(parts, heads, strict=True) if not (ends and head.endswith(ends))
    )


def _verdicts(reports: Sequence[Report]) -> dict[str, str]:
    """Return the status of each kind of check and of its findings, by name.

    Where a run made several checks of a kind, each counts as it was made last, and the worst holds.
    """
    found: dict[str, list[Status]] = {}
    for report in reversed(latest(reports)):
        found.setdefault(report.kind, []).append(report.status)
        for finding in report.findings:
            found.setdefault(f"{report.kind}: {finding.label}", []).append(finding.status)
    return {name: worst(statuses) for name, statuses in found.items()}


def _outcome(run: Run) -> dict[str, str]:
    return {"status": run.status, **({"reason": run.reason} if run.reason else {})}


def _code(evidence: Evidence) -> list[tuple[int, str]]:
    """Return the index and source of each cell that does something besides setting parameters."""
    cells = ((cell.index, _TRACKING.sub("", cell.source).strip()) for cell in evidence.cells)
    params = evidence.run.params
    return [(index, code) for index, code in cells if code and not _only_sets(code, params)]


def _only_sets(source: str, params: Mapping[str, Any]) -> bool:
    if is_parameters(source, ()):
        return True
    if len(source) > _LARGEST:
        return False
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a magic, or far too deep
        return False
    targets = [target for node in body for target in _assigned(node)]
    return bool(targets) and all(name in params for name in targets)


def _assigned(node: ast.stmt) -> list[str]:
    """Return the names that a plain assignment of a constant sets; for all else "" (no name)."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return [""]
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError, RecursionError):
        return [""]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id if isinstance(target, ast.Name) else "" for target in targets]


def _hidden(before: Evidence, after: Evidence) -> list[str]:
    """Tell the hidden state that one of the runs has and the other has not."""
    first, second = _hidden_of(before), _hidden_of(after)
    told = [("first", first[key]) for key in first if key not in second]
    told += [("second", second[key]) for key in second if key not in first]
    return [f"Hidden state in the {which} run: {_lower(hidden)}" for which, hidden in told]


def _hidden_of(evidence: Evidence) -> dict[tuple[str, tuple[str, ...], str], str]:
    """Map hidden state, by what it is about, to its sentence; mere order moves nothing."""
    sources = {cell.index: cell.source for cell in evidence.cells}
    return {
        (hidden.kind, hidden.names, sources.get(hidden.cell, "")): hidden.told
        for hidden in evidence.hidden_state
        if hidden.kind != "moved"
    }


def _lower(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:]}"


def _first_output(before: Evidence, after: Evidence) -> DifferingCell | None:
    """Return the first cell of equal code that showed something else."""
    sides = [[(cell, cell.source.strip()) for cell in side.cells] for side in (before, after)]
    first, second = ([code for _, code in side] for side in sides)
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        for place in range(size):
            (old, code), (new, _) = sides[0][a + place], sides[1][b + place]
            told = None if _OF_MLOPS.search(code) else difference(old, new)
            if told is not None:
                return DifferingCell(new.index, code, *told)
    return None


def _cells(old: list[tuple[int, str]], new: list[tuple[int, str]]) -> tuple[CellChange, ...]:
    matcher = difflib.SequenceMatcher(
        None, [code for _, code in old], [code for _, code in new], autojunk=False
    )
    found: list[CellChange] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            found += _replaced(old[a:b], new[c:d])
    return tuple(found)


def _replaced(old: list[tuple[int, str]], new: list[tuple[int, str]]) -> list[CellChange]:
    """Pair the cells that stand for each other, in order; what is left was removed or added."""
    found, rest = [], list(new)
    for index, code in old:
        # As many as there were: each in its place, however little they have in common.
        places = [0] if len(old) == len(new) else range(len(rest))
        place = next((p for p in places if len(old) == len(new) or _alike(code, rest[p][1])), None)
        if place is None:
            found.append(CellChange("removed", index, None, _cut("-", code.splitlines())))
            continue
        found += [_added(*cell) for cell in rest[:place]]
        found.append(CellChange("changed", index, rest[place][0], _lines(code, rest[place][1])))
        rest = rest[place + 1 :]
    return found + [_added(*cell) for cell in rest]


def _added(index: int, code: str) -> CellChange:
    return CellChange("added", None, index, _cut("+", code.splitlines()))


def _alike(old: str, new: str) -> bool:
    if max(len(old), len(new)) > _LARGEST // 10:
        return False
    return difflib.SequenceMatcher(None, old, new, autojunk=False).ratio() >= _ALIKE


def _lines(old: str, new: str) -> tuple[str, ...]:
    if max(len(old), len(new)) > _LARGEST:
        return (f"-({len(old):,} letters)", f"+({len(new):,} letters)")
    told = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return _cut("", [line for line in list(told)[2:] if not line.startswith("@@")])


def _cut(sign: str, lines: Sequence[str]) -> tuple[str, ...]:
    kept = [f"{sign}{line}"[:_LINE_KEPT] for line in lines[:_LINES_KEPT]]
    more = len(lines) - len(kept)
    return (*kept, *([f"({more:,} more lines)"] if more else []))


def _of_cells(cells: Sequence[CellChange]) -> list[str]:
    told = []
    for cell in cells:
        lines = [line[1:].strip() for line in cell.lines]
        if cell.what == "changed":
            gone = [line[1:].strip() for line in cell.lines if line.startswith("-")]
            come = [line[1:].strip() for line in cell.lines if line.startswith("+")]
            first = f": `{_short(gone[0])}` became `{_short(come[0])}`" if gone and come else ""
            first = first or f": {'with' if come else 'without'} `{_short(*(come or gone)[:1])}`"
            told.append(f"Cell {cell.after} has other code{first}.")
        else:
            index = cell.after if cell.what == "added" else cell.before
            told.append(f"Cell {index} was {cell.what}: `{_short(*lines[:1])}`.")
    return _few(told, "cell")


def _few(told: list[str], noun: str) -> list[str]:
    more = len(told) - _CELLS_TOLD
    rest = [f"{more} more {noun}{'s' if more > 1 else ''} differ{'s' if more == 1 else ''}."]
    return told[:_CELLS_TOLD] + (rest if more > 0 else [])


def _sentence(noun: str, change: Change) -> str:
    if change.what == "changed":
        told = f"was {_short(change.before)} and became {_short(change.after)}"
    else:
        value = change.after if change.what == "added" else change.before
        told = f"was {change.what} ({_short(value)})"
    return f"{noun} `{change.name}` {told}."


def _of_data(change: Change, moved: Mapping[str, str]) -> str:
    if change.name not in moved:
        return _sentence("Data", change)
    return f"Data `{change.name}` is another: {moved[change.name]}."


def _of_commit(change: Change) -> str:
    old, new = (str(value).removeprefix("sha256:")[:10] for value in (change.before, change.after))
    if change.name == "commit":
        return f"The commit was {old} and became {new}."
    return f"The uncommitted changes are others: {old}, then {new}."


def _of_environment(change: Change) -> str:
    name = f"{change.name[0].upper()}{change.name[1:]}"
    return f"{name} was {_short(change.before)} and became {_short(change.after)}."


def _short(value: Any = "") -> str:
    text = value if isinstance(value, str) else dumps(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
