"""What a fairness report draws of each group: ranking, calibration, and the spread of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import (
    Beside,
    Block,
    Column,
    Content,
    Figure,
    Picture,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.reports import beyond, named

# More than these in one picture can't be told apart.
_MOST_CURVES = 5


def group_curves(drawn: Any, *, within: str = "") -> list[Block]:
    """Draw ``evidence["drawn"]`` of a fairness finding; nothing where there is nothing.

    `within` says of which rows it is, where it is not of all.
    """
    if not isinstance(drawn, dict):
        return []
    where = f"{words.name(within)}: " if within else ""
    scores, errors = (_listed(drawn, key) for key in ("scores", "errors"))
    return [*_scores(scores, where), *_errors(errors, where)]


def _begun(caption: str, where: str) -> str:
    """Begin a caption with where it is of: a narrow panel cuts its end."""
    return f"{where}{caption[0].lower()}{caption[1:]}" if where else caption


def _scores(groups: Sequence[Mapping[str, Any]], where: str) -> list[Block]:
    if not groups:
        return []
    shown = groups[:_MOST_CURVES]
    lines: list[list[Content]] = [
        [
            named(group.get("group")),
            charts.swatch(stroke),
            words.number(group.get("n")),
            words.score(group.get("roc_auc")),
            words.interval(group.get("interval")),
            words.percent(group.get("predicted")) if "predicted" in group else "",
            words.percent(group.get("observed")) if "observed" in group else "",
        ]
        for stroke, group in enumerate(shown)
    ]
    columns = [
        Column("group", "name"),
        Column("drawn as", "picture"),
        Column("people", "number"),
        Column("ROC AUC", "number"),
        Column("interval", "number"),
        Column("positives predicted", "number"),
        Column("observed", "number"),
    ]
    more = beyond(len(groups), len(shown), "group", "largest")
    table = Table(_begun("How the scores rank and fit each group", where), columns, lines, more)
    figures = [
        Figure(picture, caption)
        for picture, caption in (
            (
                _curves(shown, "roc", "fpr", "tpr"),
                "ROC by group: share of the positives found, against false alarms; from 0 to 1",
            ),
            (
                _curves(shown, "calibration", "predicted", "observed", dots=True),
                "Calibration by group: what was observed, against what was predicted; from 0 to 1",
            ),
        )
        if picture
    ]
    return [without_empty_columns(table), *([Beside(figures)] if figures else [])]


def _curves(
    groups: Sequence[Mapping[str, Any]], key: str, across: str, up: str, *, dots: bool = False
) -> Picture | None:
    series, told = [], []
    for stroke, group in enumerate(groups):
        points = _points(group.get(key), across, up)
        if points:
            series.append((points, stroke))
            told.append(f"{words.name(group.get('group'))}: {_in_words(points, dots=dots)}")
    return charts.curves(series, alt=f"{key.upper() if key == 'roc' else 'Calibration'} by group. "
                         f"{'; '.join(told)}.", dots=dots)  # fmt: skip


def _in_words(points: Sequence[tuple[Any, Any]], *, dots: bool) -> str:
    """Say a few points of a curve: all of a short one, else where false alarms are 10 %."""
    if dots:
        told = [f"{words.percent(x)} → {words.percent(y)}" for x, y in points]
        return ", ".join(told)
    found = max((y for x, y in points if x <= 0.1), default=0.0)
    return f"{words.percent(found)} of the positives found at 10 % false alarms"


def _errors(groups: Sequence[Mapping[str, Any]], where: str) -> list[Block]:
    if not groups:
        return []
    quantiles = [_quantiles(group) for group in groups]
    ends = [end for low, _, _, _, high in quantiles for end in (low, high)]
    axis = (min(*ends, 0.0), max(*ends, 0.0))
    lines: list[list[Content]] = [
        [
            named(group.get("group")),
            words.number(group.get("n")),
            words.score(group.get("mean")),
            words.score(middle),
            charts.whiskers(
                [(middle, [quarter, three], charts.BLUE)],
                axis,
                alt=f"half of the errors of {words.name(group.get('group'))} are between "
                f"{words.score(quarter)} and {words.score(three)}",
            )
            or "",
            f"{words.score(low)} to {words.score(high)}",
        ]
        for group, (low, quarter, middle, three, high) in zip(groups, quantiles, strict=True)
    ]
    columns = [
        Column("group", "name"),
        Column("people", "number"),
        Column("mean error", "number"),
        Column("median", "number"),
        Column("middle half", "picture"),
        Column("90 % of them", "number"),
    ]
    drawn = f"drawn from {words.score(axis[0])} to {words.score(axis[1])}"
    caption = _begun("How the errors (predicted less true) spread in each group", where)
    return [Table(caption, columns, lines, legend=[(drawn, "")])]


def _quantiles(group: Mapping[str, Any]) -> list[float]:
    known = group.get("quantiles")
    values = list(known.values()) if isinstance(known, dict) else []
    return [words.finite(value) or 0.0 for value in (values + [0.0] * 5)[:5]]


def _points(data: Any, across: str, up: str) -> list[tuple[float, float]]:
    if not isinstance(data, dict):
        return []
    xs, ys = data.get(across), data.get(up)
    if not isinstance(xs, list) or not isinstance(ys, list):
        return []
    pairs = [(words.finite(x), words.finite(y)) for x, y in zip(xs, ys, strict=False)]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _listed(drawn: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    listed = drawn.get(key)
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
