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
from typing import Any, TypeAlias

from mlops_nb.panels.blocks import Picture
from mlops_nb.panels.words import duration, finite, name, number, percent, plural, spark

GREY, BLUE, GREEN, RED, AMBER = "#7f858d", "#2f7fd0", "#2b8a57", "#d64545", "#b07a14"

_Point: TypeAlias = tuple[float, float]

_MOST_BINS = 30
_MOST_POINTS = 60
_LETTERS = 9


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
    alt: str,
) -> Picture | None:
    """Draw values with their intervals on one axis, one below the other, against a limit.

    Parameters
    ----------
    marks : sequence of (value, interval or None, colour)
    axis : (low, high)
        What the picture's left and right end stand for.
    limit : float, optional
        Drawn as a line; the forbidden side is tinted.
    at_most : bool
        Whether values above the limit are the forbidden ones (else those below it).
    """
    wide, tall = 150, 10 + 12 * len(marks)
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
        if isinstance(ends, list | tuple) and len(ends) == 2:
            start, end = finite(ends[0]), finite(ends[1])
            if start is not None and end is not None:
                left, broad = place(start), max(place(end) - place(start), 2)
                parts.append(_box((left, y - 3, broad, 6), colour, ".6"))
        parts.append(_box((place(middle) - 1, y - 5, 2, 10), colour))
    return _svg(parts, wide, tall, alt)


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
    return _svg(parts, side, side, alt)


def timeline(cells: Sequence[tuple[int, float | None, bool]]) -> Picture | None:
    """Draw one bar a cell, in the order they ran, as tall as it took long.

    Parameters
    ----------
    cells : sequence of (index, seconds or None, failed)
    """
    times = [finite(seconds) or 0.0 for _, seconds, _ in cells]
    if not cells:
        return None
    longest = max(times)
    wide, tall = max(40, min(600, 16 * len(cells))), 44
    slot = wide / len(cells)
    parts = [_line((0, tall - 0.5), (wide, tall - 0.5), GREY, ".6")]
    for place, ((_, _, failed), seconds) in enumerate(zip(cells, times, strict=True)):
        high = max(2.0, 30 * seconds / longest) if longest > 0 else 2.0
        left, broad = place * slot + 0.1 * slot, max(0.8 * slot, 0.8)
        parts.append(_box((left, tall - 1 - high, broad, high), RED if failed else BLUE))
        if failed:
            x, y = left + broad / 2, tall - 7 - high
            cross = f"M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6"
            parts.append(f'<path d="{cross}" stroke="{RED}" stroke-width="1.6"/>')
    return _svg(parts, wide, tall, _timeline_words(cells, times))


def _timeline_words(cells: Sequence[tuple[int, float | None, bool]], times: list[float]) -> str:
    slowest = cells[times.index(max(times))][0]
    words = f"{plural(len(cells), 'cell')} in {duration(sum(times))}"
    if len(cells) > 1:
        words += f", the longest cell {slowest} with {duration(max(times))}"
    failed = [str(index) for index, _, broke in cells if broke]
    return f"{words}; failed: {', '.join(failed[:5])}" if failed else words


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
    return _svg(parts, 120, 30, alt, _letters(reference, current), fine=2)


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
    return _svg(parts, 120, 30, alt, _letters(reference, current))


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


def _svg(
    parts: Iterable[str], wide: int, tall: int, alt: str, letters: str = "", *, fine: int = 1
) -> Picture:
    """Wrap a drawing of `fine` units a pixel."""
    frame = f'viewBox="0 0 {fine * wide} {fine * tall}"'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {frame}>{"".join(parts)}</svg>'
    source = f"data:image/svg+xml;base64,{b64encode(drawing.encode()).decode()}"
    return Picture(source, alt, wide, tall, letters)
