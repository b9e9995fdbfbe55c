"""What less of a gap costs: models along a strength, each with its gap, its accuracy, its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.panels import charts, words
from mlops_nb.panels.blocks import (
    Block,
    Cell,
    Column,
    Content,
    Figure,
    Paragraph,
    Picture,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.reports import beyond, named

_WIDE, _TALL, _EDGE = 280, 190, 10
# A limit further off than this would squeeze the points into a corner.
_FAR = 2.0

_Point = Mapping[str, Any]


def strength(known: Mapping[str, Any]) -> str:
    """Say what the strength is called, its value, and what it means."""
    meaning = words.shorten(known.get("meaning", ""))
    return f"{words.name(known.get('name'))} {words.number(known.get('value'))}: {meaning}"


def trade_off(record: Mitigation, rows: int) -> list[Block]:
    """Draw the gap and the accuracy of the models, and tell the same in a table.

    Nothing where no point can be drawn.
    """
    drawn = [
        point
        for point in record.trade_off
        if None not in (words.finite(point.get("value")), words.finite(_level(point)))
    ]
    if not drawn:
        return []
    metric = _metric(record)
    limit = next((f.limit for f in record.fairness_after.findings if f.name == metric), None)
    title = words.name(record.strength.get("name")) if record.strength else "strength"
    blocks: list[Block] = [_table(drawn, metric, title, rows)]
    chart = _Chart.around(drawn, limit)
    if chart is not None:
        blocks.append(Figure(_picture(chart, drawn, metric), _caption(chart, drawn, metric)))
    return [*blocks, Paragraph(_notes(record, drawn), quiet=True)]


def apart(record: Mitigation) -> list[Block]:
    """Say why the gap of all groups is not that of the curve; nothing where both are of the same.

    Groups of a few people swing Fairlearn's gap from end to end, and are left out of the curve's.
    """
    first = record.trade_off[0] if record.trade_off else {}
    last = next((point for point in record.trade_off if point.get("chosen")), None)
    judged, there = (first.get("groups") or (None, None))[:2]
    if judged == there or last is None:
        return []
    return [
        Paragraph(
            f"The values above are Fairlearn's, of all {words.number(there)} groups, where the "
            "smallest can decide alone and by chance; between the "
            f"{words.number(judged)} with rows enough to judge, "
            f"{_metric(record)} went from "
            f"{words.score(first.get('value'))} to {words.score(last.get('value'))}.",
            quiet=True,
        )
    ]


def _metric(record: Mitigation) -> str:
    return words.name(record.metric or f"{record.constraint}_difference")


def _measure(points: Sequence[_Point]) -> str:
    """Return what a gap is paid with: accuracy, or an error that rises."""
    return next((words.name(p["measure"]) for p in points if p.get("measure")), "accuracy")


def _level(point: _Point) -> Any:
    return point.get("error", point.get("accuracy"))


def _table(points: Sequence[_Point], metric: str, title: str, rows: int) -> Table:
    columns = [
        Column(title, "name"),
        Column("gap", "number"),
        Column("bounds", "number"),
        Column(_measure(points), "number"),
        Column("interval", "number"),
        Column("added" if any("error" in p for p in points) else "points lost", "number"),
        Column("interval", "number"),
        Column("efficient", "short"),
    ]
    shown = points[:rows]
    # The chosen one is what the panel is about, and is never among the rows left out.
    chosen = next((point for point in points if point.get("chosen")), None)
    if chosen is not None and chosen not in shown:
        shown = [*shown[:-1], chosen]
    lines = [_row(point) for point in shown]
    classes = points[0].get("classes")
    of_any = f", the widest of {words.number(classes)} classes" if classes else ""
    caption = f"What less of a gap ({metric}{of_any}) costs, on the unseen data"
    more = beyond(len(points), len(shown), "model")
    return without_empty_columns(Table(caption, columns, lines, more))


def _row(point: _Point) -> list[Content]:
    plain = point.get("kind") == "plain"
    return [
        _name(point),
        words.score(point.get("value")),
        words.interval(point.get("bounds")),
        words.score(_level(point)),
        words.interval(point.get("interval")),
        "" if plain else _cost(point, [point.get("cost")]),
        "" if plain else _cost(point, point.get("cost_interval")),
        "✓" if point.get("efficient") else "",
    ]


def _name(point: _Point) -> Cell:
    if point.get("kind") == "plain":
        return named("before")
    if point.get("kind") == "mixture":
        return named(f"{words.percent(point.get('share'))} mixed in")
    told = words.finite(point.get("strength"))
    if told is None:
        return named("after, chosen" if point.get("chosen") else "no weight takes it")
    return named(f"{words.number(told)}{', chosen' if point.get('chosen') else ''}")


def _cost(point: _Point, costs: Any) -> str:
    """Write what is lost, or from how many to how many: percentage points, or an error's unit."""
    known = [words.finite(cost) for cost in costs] if isinstance(costs, list) else []
    write = words.score if "error" in point else _in_points
    return " to ".join(words.NOTHING if each is None else write(each) for each in known)


def _in_points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"


class _Chart(NamedTuple):
    """Where values lie in the picture: the gap to the right, the accuracy (or error) upwards."""

    gaps: tuple[float, float]
    levels: tuple[float, float]
    limit: float | None

    @classmethod
    def around(cls, points: Sequence[_Point], limit: Any) -> _Chart | None:
        """Return axes that hold all points and intervals; None where there are less than two."""
        whole = [point for point in points if _is_whole(point)]
        if len(whole) < 2:
            return None
        widest = max(point["bounds"][1] for point in whole)
        bound = words.finite(limit)
        if bound is not None and bound > _FAR * widest:
            bound = None
        ends = [end for point in whole for end in point["interval"]]
        right = max(widest, 1.1 * (bound or 0.0)) or 1.0
        return cls((0.0, right), (min(ends), max(ends)), bound)

    def x(self, gap: float) -> float:
        low, high = self.gaps
        return round(_EDGE + (_WIDE - 2 * _EDGE) * (gap - low) / (high - low), 1)

    def y(self, level: float) -> float:
        low, high = self.levels
        up = (level - low) / ((high - low) or 1.0)
        return round(_TALL - _EDGE - (_TALL - 2 * _EDGE) * up, 1)


def _is_whole(point: _Point) -> bool:
    pairs = (point.get("bounds"), point.get("interval"))
    return all(
        isinstance(ends, list | tuple) and len(ends) == 2 and None not in map(words.finite, ends)
        for ends in pairs
    )


def _picture(chart: _Chart, points: Sequence[_Point], metric: str) -> Picture:
    whole = [point for point in points if _is_whole(point)]
    foot, left = _TALL - 2, 2
    parts = [
        f'<path d="M{left} 2V{foot}H{_WIDE - 2}" fill="none" stroke="{charts.GREY}" opacity=".8"/>'
    ]
    if chart.limit is not None:
        x = chart.x(chart.limit)
        parts.append(
            f'<rect x="{x:g}" y="0" width="{_WIDE - x:g}" height="{foot}" fill="{charts.RED}" '
            f'opacity=".13"/><path d="M{x:g} 0V{foot}" stroke="{charts.RED}"/>'
        )
    parts.append(_front(chart, [point for point in whole if point.get("efficient")]))
    # What matters is drawn last, on top of the rest.
    ranked = sorted(whole, key=lambda p: (bool(p.get("chosen")), p.get("kind") == "plain"))
    parts += [_whiskers(chart, point) for point in ranked]
    parts += [_mark(chart, point) for point in ranked]
    told = "; ".join(_told(point) for point in points)
    return charts.svg(parts, _WIDE, _TALL, f"{_up(points)} against {metric}. {told}.")


def _up(points: Sequence[_Point]) -> str:
    measure = _measure(points)
    return measure.capitalize() if measure == "accuracy" else measure


def _front(chart: _Chart, points: Sequence[_Point]) -> str:
    along = sorted(points, key=lambda point: (point["value"], _level(point)))
    path = " ".join(f"{chart.x(p['value']):g},{chart.y(_level(p)):g}" for p in along)
    dashes = 'stroke-width="1.5" stroke-dasharray="4 3"'
    return f'<path d="M{path}" fill="none" stroke="{charts.BLUE}" {dashes}/>' if along else ""


def _whiskers(chart: _Chart, point: _Point) -> str:
    x, y = chart.x(point["value"]), chart.y(_level(point))
    left, right = (chart.x(end) for end in point["bounds"])
    low, high = (chart.y(end) for end in point["interval"])
    colour = charts.GREY if point.get("kind") == "plain" else charts.BLUE
    stands_out = point.get("chosen") or point.get("kind") == "plain"
    path = f"M{left:g} {y:g}H{right:g}M{x:g} {low:g}V{high:g}"
    thick, opacity = (2, ".85") if stands_out else (1, ".3")
    return f'<path d="{path}" stroke="{colour}" stroke-width="{thick}" opacity="{opacity}"/>'


def _mark(chart: _Chart, point: _Point) -> str:
    x, y = chart.x(point["value"]), chart.y(_level(point))
    if point.get("kind") == "plain":
        corner = f'x="{x - 5:g}" y="{y - 5:g}" width="10" height="10"'
        return f'<rect {corner} fill="{charts.GREY}"/>'
    if point.get("chosen"):
        return f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="{charts.BLUE}"/>'
    faint = "1" if point.get("efficient") else ".55"
    ring = f'fill="none" stroke="{charts.BLUE}" stroke-width="1.8" opacity="{faint}"'
    return f'<circle cx="{x:g}" cy="{y:g}" r="4" {ring}/>'


def _told(point: _Point) -> str:
    return f"{_name(point).text}: {words.score(_level(point))} at {words.score(point['value'])}"


def _caption(chart: _Chart, points: Sequence[_Point], metric: str) -> str:
    low, high = (words.score(end) for end in chart.levels)
    axes = (
        f"{_up(points)} (up, {low} to {high}) against {metric} (right, 0 to "
        f"{words.score(chart.gaps[1])}), each with its interval"
    )
    if any("error" in point for point in points):
        axes += "; low and left is good"
    said = [f"{axes}. Square: before; disc: after, chosen"]
    others = {point.get("kind") for point in points if not point.get("chosen")}
    if "fitted" in others:
        said.append("; rings: after, at other strengths")
    if "mixture" in others:
        said.append("; rings: mixtures of both")
    said.append("; dashed: the efficient ones, which no other beats in both.")
    if chart.limit is not None:
        said.append(f" Tinted: above the limit, {words.number(chart.limit)}.")
    return "".join(said)


def _notes(record: Mitigation, points: Sequence[_Point]) -> str:
    """Say what the curve is of, and what it must not be used for without a second thought."""
    said = []
    if not record.strength:
        said.append(
            f"`{words.name(record.method)}` keeps {words.name(record.constraint)} wholly: between "
            "the two models there are mixtures only, which let the repaired one decide a share of "
            "the rows."
        )
    elif any(point.get("kind") == "mixture" for point in points):
        said.append(
            "Between the two models are mixtures, which let the repaired one decide a share of the "
            "rows; `--points 6` fits the method itself at six strengths."
        )
    else:
        said.append(
            "`--strength` takes another of these models; who chooses it by these very data should "
            "judge it on others."
        )
    judged, there = (points[0].get("groups") or (None, None))[:2]
    if judged != there:
        said.append(
            f"The gap here is that between the {words.number(judged)} of {words.number(there)} "
            "groups with rows enough to judge."
        )
    return " ".join(said)
