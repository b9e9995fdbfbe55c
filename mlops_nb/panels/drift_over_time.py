"""Drift over time as a panel: which batches drifted, and which columns were furthest, when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_nb.core.records import Finding
from mlops_nb.panels import trends, words
from mlops_nb.panels.blocks import (
    Badge,
    Block,
    Column,
    Content,
    Figure,
    Fold,
    Table,
)
from mlops_nb.panels.reports import beyond, evidence, named

_STATUSES = ("fail", "insufficient", "pass")
_SHOWN = 10  # columns whose scores are drawn


def over_time(whole: Finding, columns: Sequence[Finding], rows: int) -> list[Block]:
    """Draw the share of drifted columns of each batch, and the columns that moved most."""
    known = evidence(whole)
    batches = listed_batches(known.get("over_time"))
    shares = [(batch.get("share"), str(batch.get("status"))) for batch in batches]
    failed = [words.name(batch.get("batch")) for batch in batches if batch.get("status") == "fail"]
    alt = (
        f"The share of drifted columns in {words.plural(len(batches), 'batch')}, against the limit "
        f"of {words.percent(whole.limit)}; at or above it: {words.listed(failed) or 'none'}"
    )
    picture = trends.bars(shares, whole.limit, alt=alt)
    if picture is None:
        return []
    table = Table(
        "Batches",
        [
            Column("verdict", "badge"),
            Column("batch", "name"),
            Column("rows", "number"),
            Column("drifted", "number"),
            Column("worst columns"),
        ],
        [_batch_row(batch) for batch in batches[-rows:]],
        more=beyond(len(batches), rows, "batch", "last"),
    )
    caption = f"Drifted columns, {span(batches)}; dashed: the limit, {words.percent(whole.limit)}"
    return [
        Figure(picture, caption),
        *_courses(known.get("furthest"), columns, batches, min(rows, _SHOWN)),
        Fold(words.plural(len(batches), "batch"), [table]),
    ]


def _batch_row(batch: Mapping[str, Any]) -> list[Content]:
    worst = listed_batches(batch.get("worst"))
    told = [f"{words.name(w.get('column'))} {words.score(w.get('value'))}" for w in worst]
    status = str(batch.get("status"))
    return [
        Badge(status if status in _STATUSES else "info", "drifted" if status == "fail" else ""),
        named(batch.get("batch")),
        words.number(batch.get("rows")),
        words.percent(batch.get("share")),
        ", ".join(told),
    ]


def _courses(
    furthest: Any, columns: Sequence[Finding], batches: Sequence[Mapping[str, Any]], rows: int
) -> list[Block]:
    """Draw the scores of the columns that were furthest from the reference in any batch."""
    by_name = {column.name: column for column in columns}
    listed = furthest if isinstance(furthest, list) else []
    chosen = [by_name[name] for name in map(str, listed) if name in by_name]
    lines = [line for column in chosen[:rows] if (line := _course_row(column))]
    if not lines:
        return []
    headings = [
        Column("column", "name"),
        Column("score over time", "picture"),
        Column("furthest", "short"),
        Column("score", "number"),
        Column("limit", "number"),
        Column("drifted in", "number"),
    ]
    caption = "Columns over time"
    more = beyond(len(columns), len(lines), "column", "worst")
    legend = [(f"up: further from the reference; dashed: the limit; {span(batches)}", "")]
    return [Table(caption, headings, lines, more, legend)]


def _course_row(column: Finding) -> list[Content]:
    known = evidence(column).get("over_time")
    if not isinstance(known, dict):
        return []
    values, statuses = known.get("values"), known.get("statuses")
    if not isinstance(values, list) or not isinstance(statuses, list) or not values:
        return []
    scores = list(zip(values, map(str, statuses), strict=False))
    drifted = sum(status == "fail" for _, status in scores)
    when = words.name(known.get("furthest") or "several")
    alt = (
        f"Score of {words.name(column.name)} in {words.plural(len(scores), 'batch')}: furthest in "
        f"{when} with {words.score(known.get('value'))}, drifted in {drifted:,}"
    )
    picture = trends.course(
        scores, column.limit, low_is_far=known.get("lower_is_further") is True, alt=alt
    )
    return [
        named(column.name, _without_name(known.get("sentence"), column.name)),
        picture or "",
        when,
        words.score(known.get("value")),
        words.number(column.limit),
        f"{drifted:,} of {len(scores):,}",
    ]


def listed_batches(known: Any) -> list[dict[str, Any]]:
    """Return the mappings of a list that evidence holds; none where it holds no list."""
    return [each for each in known if isinstance(each, dict)] if isinstance(known, list) else []


def span(batches: Sequence[Mapping[str, Any]]) -> str:
    """Say from which batch to which.

    Examples
    --------
    >>> span([{"batch": "2026-01"}, {"batch": "2026-02"}, {"batch": "2026-03"}])
    'from 2026-01 to 2026-03'
    """
    first, last = (words.name(batches[at].get("batch")) for at in (0, -1))
    return f"from {first} to {last}"


def _without_name(sentence: Any, name: str) -> str:
    """Leave out the name, which heads the row already."""
    told = words.shorten(sentence or "")
    return told.removeprefix(f"`{words.shorten(name, 60)}` was ")
