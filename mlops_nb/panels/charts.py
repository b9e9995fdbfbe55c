"""Small drawings as SVG inside an `<img>`, the only form of drawing that survives sanitising.

No drawing holds letters: what it says in words is its `alt`, and its numbers stand beside it.
Every colour reads on white and on JupyterLab's dark #111; shapes differ as well as colours (the
reference is filled, the current data is outlined).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple, TypeAlias

from mlops_nb.panels.blocks import Picture
from mlops_nb.panels.words import (
    duration,
    finite,
    listed,
    name,
    number,
    percent,
    plural,
    spark,
)

GREY, BLUE, GREEN, RED, AMBER = "#7f858d", "#2f7fd0", "#2b8a57", "#d64545", "#b07a14"

# Told apart without colour, too.
_STROKES = ((BLUE, ""), (AMBER, "7 3"), (GREEN, "2 2"), (RED, "9 2 2 2"), (GREY, "4 4"))

_Point: TypeAlias = tuple[float, float]

_MOST_BINS = 30
_MOST_POINTS = 60
_LETTERS = 9
# Pixels, so that it fits beside a sidebar; seconds without a cell that are drawn as a gap.
_TIMELINE = 340
_PAUSE = 5.0


def histogram(data: Any) -> Picture | None:
    """Draw the reference (filled) and current data (outlined) over each other.

    Parameters
    ----------
    data : mapping
        ``edges`` (k + 1, rising) or ``categories`` (k), ``reference`` and ``current`` (k shares).

    Returns
    -------
    Picture or None
        None where the data can't be drawn: missing, of unequal length, without a finite number.
    """
    if not isinstance(data, dict):
        return None
    reference, current = _shares(data.get("reference")), _shares(data.get("current"))
    if not reference or len(reference) != len(current):
        return None
    if isinstance(data.get("categories"), list):
        labels = [name(item) for item in data["categories"]]
        return _category_bars(labels, reference, current)
    edges = _shares(data.get("edges"))
    return _steps(edges, reference, current) if len(edges) == len(reference) + 1 else None


def whiskers(
    marks: Sequence[tuple[Any, Any, str]],
    axis: tuple[float, float],
    limit: Any = None,
    *,
    at_most: bool = True,
    wide: int = 150,
    alt: str,
) -> Picture | None:
    """Draw values with their intervals on one axis, one below the other, against a limit.

    Parameters
    ----------
    marks : sequence of (value, interval or None, colour)
    axis : (low, high)
        What the picture's left and right end stand for, which are `wide` pixels apart.
    limit : float, optional
        Drawn as a line; the forbidden side is tinted.
    at_most : bool
        Whether values above the limit are the forbidden ones (else those below it).
    """
    tall = 10 + 12 * len(marks)
    low, high = axis
    drawn = [mark for mark in marks if finite(mark[0]) is not None]
    if not drawn or high <= low:
        return None

    def place(value: float) -> float:
        return round(5 + (wide - 10) * (min(max(value, low), high) - low) / (high - low), 1)

    rows = [11 + 12 * row for row in range(len(marks))]
    parts = [_line((5, y), (wide - 5, y), GREY, ".4") for y in rows]
    bound = finite(limit)
    if bound is not None:
        x = place(bound)
        left, right = (x, wide) if at_most else (0, x)
        parts.append(_box((left, 0, right - left, tall), RED, ".13"))
        parts.append(_line((x, 0), (x, tall), RED, ".9"))
    for y, (value, ends, colour) in zip(rows, marks, strict=True):
        middle = finite(value)
        if middle is None:
            continue
        if _pair(ends):
            left, right = (place(float(end)) for end in ends)
            parts.append(_box((left, y - 3, max(right - left, 2), 6), colour, ".6"))
        parts.append(_box((place(middle) - 1, y - 5, 2, 10), colour))
    return svg(parts, wide, tall, alt)


def _pair(ends: Any) -> bool:
    return isinstance(ends, list | tuple) and len(ends) == 2 and None not in map(finite, ends)


def curve(points: Iterable[tuple[Any, Any]], *, alt: str, dots: bool = False) -> Picture | None:
    """Draw a curve in the unit square with its diagonal: ROC, calibration.

    Points outside the square or not finite are left out; at most sixty are drawn.
    """
    pairs = [(finite(x), finite(y)) for x, y in points]
    inside = [
        (x, y) for x, y in pairs if x is not None and y is not None and 0 <= x <= 1 and 0 <= y <= 1
    ]
    if len(inside) < 2:
        return None
    side, kept = 150, _thinned(inside)
    at = [(round(5 + 140 * x, 1), round(145 - 140 * y, 1)) for x, y in kept]
    drawn = " ".join(f"{x:g},{y:g}" for x, y in at)
    parts = [
        f'<path d="M5 5V145H145" fill="none" stroke="{GREY}" opacity=".7"/>',
        f'<path d="M5 145L145 5" stroke="{GREY}" stroke-dasharray="3 4" opacity=".8"/>',
        f'<path d="M{drawn}" fill="none" stroke="{BLUE}" stroke-width="2"/>',
    ]
    if dots:
        parts += [f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="{BLUE}"/>' for x, y in at]
    return svg(parts, side, side, alt)


def curves(
    series: Sequence[tuple[Iterable[tuple[Any, Any]], int]], *, alt: str, dots: bool = False
) -> Picture | None:
    """Draw several curves in the unit square with its diagonal, each in its own `stroke`.

    Parameters
    ----------
    series : sequence of (points, stroke)
        The stroke is a number from 0; `swatch` shows it.
    """
    parts = [
        f'<path d="M5 5V175H175" fill="none" stroke="{GREY}" opacity=".7"/>',
        f'<path d="M5 175L175 5" stroke="{GREY}" stroke-dasharray="1 4" opacity=".8"/>',
    ]
    empty = len(parts)
    for points, stroke in series:
        pairs = [(finite(x), finite(y)) for x, y in points]
        inside = [(x, y) for x, y in pairs if x is not None and y is not None]
        kept = _thinned([(x, y) for x, y in inside if 0 <= x <= 1 and 0 <= y <= 1])
        if len(kept) < 2:
            continue
        at = [(round(5 + 170 * x, 1), round(175 - 170 * y, 1)) for x, y in kept]
        drawn = " ".join(f"{x:g},{y:g}" for x, y in at)
        parts.append(f'<path d="M{drawn}" fill="none" {_stroke(stroke)}/>')
        if dots:
            colour = _STROKES[stroke % len(_STROKES)][0]
            parts += [f'<circle cx="{x:g}" cy="{y:g}" r="2.5" fill="{colour}"/>' for x, y in at]
    return svg(parts, 180, 180, alt) if len(parts) > empty else None


def swatch(stroke: int) -> Picture:
    """Draw a short line as `curves` draws that one."""
    return svg([f'<path d="M1 6H33" {_stroke(stroke)}/>'], 34, 12, "")


def _stroke(number_: int) -> str:
    colour, dashes = _STROKES[number_ % len(_STROKES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'stroke="{colour}" stroke-width="2"{dashed}'


class Lap(NamedTuple):
    """One executed cell on a timeline.

    `began` is in seconds after the first (None: not measured), `row` is where it stands in the
    notebook, `kind` one of "ok", "failed", "moved" (out of order) and "before" (tracking).
    """

    label: str
    began: float | None
    seconds: float | None
    row: int
    kind: str = "ok"


_LAPS = {"ok": BLUE, "moved": AMBER, "failed": RED, "before": GREY}


def timeline(laps: Sequence[Lap]) -> Picture | None:
    """Draw one bar a cell: from left to right as they ran, from top to bottom as they stand.

    A bar is as wide as its cell took long; of the time between two cells only a little is drawn.
    A notebook that ran from the top is a staircase, and what ran out of order leaps up.
    """
    if not laps:
        return None
    wide, tall = max(60, min(_TIMELINE, 24 * len(laps))), 64
    lefts, widths = _along(laps, wide)
    lowest = max(lap.row for lap in laps) or 1
    thick = max(4.0, min(10.0, (tall - 4) / (lowest + 1) - 1))
    drawn: dict[str, list[str]] = {}
    crosses = []
    for lap, left, broad in zip(laps, lefts, widths, strict=True):
        top = 1 + (tall - thick - 2) * lap.row / lowest
        path = f"M{left:.1f} {top:.1f}h{broad:.1f}v{thick:.3g}h-{broad:.1f}"
        drawn.setdefault(lap.kind, []).append(path)
        if lap.kind == "failed":
            x, y = left + broad / 2, top + thick / 2
            crosses.append(f"M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8")
    parts = [f'<path d="M0 {tall - 0.5}H{wide}" stroke="{GREY}" opacity=".5"/>']
    parts += [
        f'<path d="{"".join(drawn[kind])}" fill="{colour}"/>'
        for kind, colour in _LAPS.items()
        if kind in drawn
    ]
    if crosses:
        cross = "".join(crosses[:_MOST_POINTS])
        parts.append(f'<path d="{cross}" fill="none" stroke="{RED}" stroke-width="1.8"/>')
    return svg(parts, wide, tall, _timeline_words(laps))


def _along(laps: Sequence[Lap], wide: int) -> tuple[list[float], list[float]]:
    """Return where each bar begins and how broad it is."""
    times = [finite(lap.seconds) or 0.0 for lap in laps]
    slot = wide / len(laps)
    least, gap = min(3.0, 0.6 * slot), min(2.0, 0.15 * slot)
    idle = [_idle(before, after) * 3 * gap for before, after in pairwise(laps)]
    left_over = wide - len(laps) * (least + gap) - sum(idle)
    per_second = max(left_over, 0.0) / (sum(times) or 1.0)
    lefts, x = [], 0.0
    widths = [least + per_second * seconds for seconds in times]
    scale = wide / max(sum(widths) + len(laps) * gap + sum(idle), 1.0)
    for broad, pause in zip(widths, [*idle, 0.0], strict=True):
        lefts.append(x * scale)
        x += broad + gap + pause
    return lefts, [broad * scale for broad in widths]


def _idle(before: Lap, after: Lap) -> bool:
    """Tell whether nothing ran for more than a while between two cells."""
    if before.began is None or after.began is None:
        return False
    return after.began - before.began - (before.seconds or 0.0) > _PAUSE


def _timeline_words(laps: Sequence[Lap]) -> str:
    times = [finite(lap.seconds) or 0.0 for lap in laps]
    words = f"{plural(len(laps), 'cell')} in {duration(sum(times))}"
    if len(laps) > 1:
        slowest = laps[times.index(max(times))]
        words += f", the longest cell {slowest.label} with {duration(max(times))}"
    for kind, said in (("failed", "failed"), ("moved", "out of order")):
        found = [lap.label for lap in laps if lap.kind == kind]
        words += f"; {said}: {listed(found)}" if found else ""
    return words


def sparkline(values: Sequence[Any]) -> Picture | None:
    """Draw a metric over its steps; the line breaks where a value is not finite.

    The lowest value stands at the bottom, the highest at the top.
    """
    numbers = [finite(value) for value in values]
    drawn = [value for value in numbers if value is not None]
    if len(numbers) < 2 or not drawn:
        return None
    wide, tall = 90, 20
    low, high = min(drawn), max(drawn)
    # Halves, since the distance of two floats may be none.
    span = high / 2 - low / 2
    points: list[tuple[int, int] | None] = [
        None
        if value is None
        else (
            round(4 + (2 * wide - 8) * place / (len(numbers) - 1)),
            round(2 * tall - 5 - (2 * tall - 10) * ((value / 2 - low / 2) / span if span else 0.5)),
        )
        for place, value in enumerate(numbers)
    ]
    last = next(point for point in reversed(points) if point is not None)
    stroke = f'fill="none" stroke="{BLUE}" stroke-width="3" stroke-linecap="round"'
    parts = [
        f'<path d="{_broken_line(points)}" {stroke}/>',
        f'<circle cx="{last[0]}" cy="{last[1]}" r="4.5" fill="{BLUE}"/>',
    ]
    alt = f"from {number(drawn[0])} to {number(drawn[-1])}, lowest {number(low)}, highest "
    holes = f", {plural(len(numbers) - len(drawn), 'value')} not finite"
    alt += number(high) + (holes if len(drawn) < len(numbers) else "")
    return svg(parts, wide, tall, alt, _line_of_letters(drawn, low, high), fine=2)


def _broken_line(points: Sequence[tuple[int, int] | None]) -> str:
    path, before = "", None
    for point in points:
        if point is not None and before is None:
            # A point by itself shows, too.
            path += f"M{point[0]} {point[1]}h0"
        elif point is not None and before is not None:
            path += f"l{point[0] - before[0]} {point[1] - before[1]}"
        before = point
    return path


def _line_of_letters(drawn: list[float], low: float, high: float) -> str:
    step = max(1, -(-len(drawn) // _LETTERS))
    some = drawn[::step]
    return spark([(v / 2 - low / 2) / ((high / 2 - low / 2) or 1.0) for v in some], top=1.0)


def _steps(edges: list[float], reference: list[float], current: list[float]) -> Picture | None:
    edges, (reference, current) = _merged(edges, [reference, current])
    span = edges[-1] - edges[0]
    widths = [(b - a) / span if 0 < span < inf else 0.0 for a, b in pairwise(edges)]
    if min(widths) <= 0:  # edges that don't rise, or lie further apart than floats reach
        return None
    # Density, so that bins of unequal width keep their areas.
    tall_reference = [share / broad for share, broad in zip(reference, widths, strict=True)]
    tall_current = [share / broad for share, broad in zip(current, widths, strict=True)]
    top = max(*tall_reference, *tall_current) or 1.0
    xs = [round(2 + 236 * (edge - edges[0]) / span) for edge in edges]
    outline = _outline(xs, tall_current, top)
    parts = [
        f'<path d="{_outline(xs, tall_reference, top)}z" fill="{GREY}" opacity=".55"/>',
        f'<path d="{outline}" fill="none" stroke="{BLUE}" stroke-width="3"/>',
    ]
    alt = (
        f"From {number(edges[0])} to {number(edges[-1])}; the reference is highest "
        f"{_peak(edges, tall_reference)}, the current data {_peak(edges, tall_current)}"
    )
    return svg(parts, 120, 30, alt, _letters(reference, current), fine=2)


def _outline(xs: list[int], heights: list[float], top: float) -> str:
    """Draw steps in whole units, relative to each other: half as long as in pixels."""
    ys = [58 - round(54 * tall / top) for tall in heights]
    steps = [
        f"v{y - before}h{right - left}"
        for (left, right), (before, y) in zip(pairwise(xs), pairwise([58, *ys]), strict=True)
    ]
    return f"M{xs[0]} 58{''.join(steps)}V58"


def _peak(edges: list[float], heights: list[float]) -> str:
    place = heights.index(max(heights))
    return f"between {number(edges[place])} and {number(edges[place + 1])}"


def _category_bars(
    labels: list[str], reference: list[float], current: list[float]
) -> Picture | None:
    labels, reference, current = labels[:_MOST_BINS], reference[:_MOST_BINS], current[:_MOST_BINS]
    if len(labels) != len(reference):
        return None
    top = max(*reference, *current) or 1.0
    slot = 118 / len(labels)
    parts = []
    for place, (before, now) in enumerate(zip(reference, current, strict=True)):
        left, broad = 1 + place * slot, 0.8 * slot
        high, risen = 27 * before / top, 27 * now / top
        parts.append(_box((left, 29 - high, broad, high), GREY, ".55"))
        if risen > 0:
            outline = f"M{left + 0.15 * broad:.1f} 29v{-risen:.1f}h{0.7 * broad:.1f}v{risen:.1f}"
            parts.append(f'<path d="{outline}" fill="none" stroke="{BLUE}" stroke-width="1.6"/>')
    moved = max(range(len(labels)), key=lambda place: abs(current[place] - reference[place]))
    alt = (
        f"Bars of {plural(len(labels), 'category')}; the largest change is in {labels[moved]}, "
        f"from {percent(reference[moved])} to {percent(current[moved])}"
    )
    return svg(parts, 120, 30, alt, _letters(reference, current))


def _letters(reference: list[float], current: list[float]) -> str:
    places = list(range(len(reference) + 1))
    _, (before, now) = _merged([float(place) for place in places], [reference, current], _LETTERS)
    return f"{spark(before)} → {spark(now)}"


def _merged(
    edges: list[float], rows: list[list[float]], most: int = _MOST_BINS
) -> tuple[list[float], list[list[float]]]:
    """Join neighbouring bins until there are at most `most`."""
    step = -(-len(rows[0]) // most)
    starts = range(0, len(rows[0]), step)
    joined = [[sum(row[start : start + step]) for start in starts] for row in rows]
    return [*(edges[start] for start in starts), edges[-1]], joined


def _shares(values: Any) -> list[float]:
    if not isinstance(values, list | tuple):
        return []
    drawn = [finite(value) for value in values]
    return [value for value in drawn if value is not None] if None not in drawn else []


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(points) <= _MOST_POINTS:
        return points
    last = len(points) - 1
    return [points[round(last * place / (_MOST_POINTS - 1))] for place in range(_MOST_POINTS)]


def _box(place: tuple[float, float, float, float], colour: str, opacity: str = "1") -> str:
    x, y, wide, tall = place
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(wide, 0):.1f}" height="{max(tall, 0):.1f}"'
    return f'<rect {size} fill="{colour}" opacity="{opacity}"/>'


def _line(start: _Point, end: _Point, colour: str, opacity: str = "1", thick: float = 1) -> str:
    ends = f'd="M{start[0]:g} {start[1]:g}L{end[0]:g} {end[1]:g}"'
    return f'<path {ends} stroke="{colour}" stroke-width="{thick:g}" opacity="{opacity}"/>'


def svg(
    parts: Iterable[str], wide: int, tall: int, alt: str, letters: str = "", *, fine: int = 1
) -> Picture:
    """Wrap the parts of a drawing, of `fine` units a pixel, as a picture."""
    frame = f'viewBox="0 0 {fine * wide} {fine * tall}"'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{"".join(parts)}</svg>'
    source = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    return Picture(source, alt, wide, tall, letters)
