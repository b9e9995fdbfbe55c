"""Whether a second execution came to the same: metrics, what cells showed, what went in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.records import Run
from mlops_nb.core.replay_records import ChangedInput, ReplayedMetric

_PACKAGE = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
# A duration, by its name, is never the same twice.
_MEASURED_TIME = re.compile(
    r"(?:^|[_.\s/])(?:seconds|secs?|duration|elapsed|runtime|time|ms|s)$|^system/", re.IGNORECASE
)
# What differs between any two executions, in the order in which it is taken out.
_OWN = (
    (re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]"), ""),
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "<address>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[0-9a-f]*[a-f])(?:[0-9a-f]{32}|[0-9a-f]{16,17})\b"), "<id>"),
    (re.compile(r"ipykernel_\d+"), "ipykernel"),
    (
        re.compile(
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?UTC|Z|[+-]\d\d:?\d\d)?)"
        ),
        "<time>",
    ),
    (re.compile(r"\b\d{1,2}:\d\d:\d\d(?:\.\d+)?\b"), "<time>"),
    (
        re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:ns|[uµμ]s|ms|s|secs?|seconds?|min|minutes?)\b"),
        "<duration>",
    ),
    (re.compile(r"(?<![\w.])\d+(?:\.\d+)? ?(?:it/s|s/it)"), "<pace>"),
)
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?(?![\w.])")


def normal(text: str, paths: Mapping[str, str]) -> str:
    """Return a text without what differs between any two executions.

    Taken out are colours, memory addresses, ids, times and durations; the folders in `paths`
    become what they map to.

    Examples
    --------
    >>> normal("<Tree at 0x7f3a1c> fitted in 3.1 s", {})
    '<Tree at <address>> fitted in <duration>'
    """
    for folder in sorted(paths, key=len, reverse=True):
        text = text.replace(folder, paths[folder])
    for pattern, stand_in in _OWN:
        text = pattern.sub(stand_in, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def same_text(before: str, after: str, tolerance: float) -> bool:
    """Tell whether two texts say the same; their numbers may differ by the tolerance.

    Examples
    --------
    >>> same_text("auc 0.7812", "auc 0.7813", 1e-3), same_text("auc 0.7812", "auc 0.7813", 1e-9)
    (True, False)
    """
    if before == after:
        return True
    if _NUMBER.split(before) != _NUMBER.split(after):
        return False
    pairs = zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True)
    return all(close(float(old), float(new), tolerance) for old, new in pairs)


def close(before: float, after: float, tolerance: float) -> bool:
    """Tell whether two numbers differ by no more than the relative tolerance; NaN equals NaN."""
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) and math.isnan(after)
    return math.isclose(before, after, rel_tol=tolerance, abs_tol=0.0)


def metrics(
    before: Mapping[str, float], after: Mapping[str, float], tolerance: float
) -> tuple[ReplayedMetric, ...]:
    """Compare the metrics of both, by name; a duration is shown and not judged."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        is_time = _MEASURED_TIME.search(name) is not None
        same = old is not None and new is not None and close(old, new, tolerance)
        found.append(ReplayedMetric(name, old, new, same or is_time, judged=not is_time))
    return tuple(found)


def inputs(before: Run, after: Run) -> list[ChangedInput]:
    """Return which parameters and data differ, and Python itself."""
    changed = [
        ChangedInput(
            "parameter", name, _text(before.params.get(name)), _text(after.params.get(name))
        )
        for name in sorted({*before.params, *after.params})
        if _text(before.params.get(name)) != _text(after.params.get(name))
    ]
    old, new = _data(before.tags), _data(after.tags)
    changed += [
        ChangedInput("data", name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    versions = before.tags.get("mlops.python"), after.tags.get("mlops.python")
    if versions[0] != versions[1]:
        changed.append(ChangedInput("package", "python", *versions))
    return changed


def packages(before: str, after: str) -> list[ChangedInput]:
    r"""Return which packages differ between two lists of ``name==version`` lines.

    Examples
    --------
    >>> packages("numpy==2.3\n", "numpy==2.4\n")
    [ChangedInput(kind='package', name='numpy', before='2.3', after='2.4')]
    """
    old, new = dict(_PACKAGE.findall(before)), dict(_PACKAGE.findall(after))
    return [
        ChangedInput("package", name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def seeds(before: Run, after: Run) -> list[ChangedInput]:
    """Return which random generators were nowhere seeded: other states at begin and at the end."""
    old, new = _seeds(before.tags), _seeds(after.tags)
    if not old or not new:
        return []
    changed = []
    for name in sorted({*old.get("end", {}), *new.get("end", {})}):
        states = [
            (seed.get("begin", {}).get(name), seed.get("end", {}).get(name)) for seed in (old, new)
        ]
        # One that nothing was drawn from has the same state at both ends of its run.
        drawn = any(begin != end for begin, end in states)
        if drawn and states[0][1] != states[1][1]:
            changed.append(ChangedInput("seed", name, states[0][1], states[1][1]))
    return changed


def _seeds(tags: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    try:
        found = json.loads(tags.get("mlops.seeds", "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _data(tags: Mapping[str, str]) -> dict[str, str]:
    return {
        key.removeprefix(DATA_TAG): value for key, value in tags.items() if key.startswith(DATA_TAG)
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def listed(found: Sequence[ChangedInput]) -> str:
    """Return the differing inputs in a few words.

    Examples
    --------
    >>> listed([ChangedInput("parameter", "months", "2", "3")])
    'parameter months (2 → 3)'
    """
    return ", ".join(f"{c.kind} {c.name} ({c.before} → {c.after})" for c in found)
