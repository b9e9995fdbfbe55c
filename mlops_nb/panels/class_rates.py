"""How often each of several classes is predicted for each group, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.core.records import Finding
from mlops_nb.panels import words
from mlops_nb.panels.blocks import Bar, Block, Column, Content, Table
from mlops_nb.panels.reports import beyond, evidence, named

_MOST_CLASSES = 8
_RATE = "selection_rate"


def class_rates(findings: Sequence[Finding], rows: int) -> list[Block]:
    """Draw the findings of one class each: a line a group, a column a class.

    Nothing where there are none. Within control features each of their values has lines of its own,
    named with it.
    """
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    classes: dict[str, None] = {}
    for finding in findings:
        known = evidence(finding)
        name, groups = known.get("class"), known.get("groups")
        if not isinstance(name, str) or not isinstance(groups, list):
            continue
        classes.setdefault(name)
        within = _within(finding, name)
        for group in groups:
            if isinstance(group, dict):
                called = f"{within}{words.number(group.get('group'))}"
                found.setdefault(called, {})[name] = group
    if not found:
        return []
    shown = list(classes)[:_MOST_CLASSES]
    columns = [
        Column("group", "name"),
        Column("people", "number"),
        *(Column(words.name(name), "number") for name in shown),
    ]
    ranked = sorted(found.items(), key=lambda each: -_people(each[1]))
    lines: list[list[Content]] = [
        [named(called), words.number(_people(of_class)), *(_rate(of_class.get(n)) for n in shown)]
        for called, of_class in ranked[:rows]
    ]
    more = [
        beyond(len(ranked), rows, "group", "largest"),
        beyond(len(classes), len(shown), "class"),
    ]
    caption = "How often each class is predicted"
    return [Table(caption, columns, lines, " ".join(filter(None, more)))]


def _within(finding: Finding, name: str) -> str:
    """Return the control features' values that a finding is within, as a group's name begins."""
    said = (finding.column or "").removesuffix(f"class = {name}").removesuffix(", ")
    return f"{said}: " if said else ""


def _people(of_class: Mapping[str, Mapping[str, Any]]) -> float:
    return max((words.finite(group.get("n")) or 0.0 for group in of_class.values()), default=0.0)


def _rate(group: Mapping[str, Any] | None) -> Content:
    rate = words.finite((group or {}).get(_RATE))
    return Bar(words.score(rate), rate)
