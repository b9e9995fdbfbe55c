"""Small drawings of what goes from batch to batch, as SVG inside an `<img>`; see `charts`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, log10
from typing import Any, NamedTuple

from mlops_nb.panels.blocks import Picture
from mlops_nb.panels.charts import AMBER, BLUE, GREY, RED, svg
from mlops_nb.panels.words import finite, spark

_COLOURS = {"pass": BLUE, "insufficient": AMBER, "fail": RED}
_WORSE = ("pass", "insufficient", "fail")
_WIDE, _TALL = 340, 64
_MOST_POINTS, _MOST_BARS, _LETTERS = 60, 80, 12


def bars(shares: Sequence[tuple[Any, str]], limit: Any, *, alt: str) -> Picture | None:
    """Draw shares (0 to 1) with their statuses side by side, against a limit.

    What failed is filled and red, the rest is paler; a share that is not known leaves a gap.
    """
    if not shares:
        return None
    wide = max(60, min(_WIDE, 24 * len(shares)))
    slot = wide / len(shares)
    drawn: dict[str, str] = {}
    for place, (share, status) in enumerate(shares):
        high = finite(share)
        if high is not None:
            height = max(1.0, (_TALL - 2) * min(max(high, 0.0), 1.0))
            path = f"M{(place + 0.1) * slot:.1f} {_TALL - 1}h{0.8 * slot:.1f}v-{height:.1f}"
            drawn[status] = f"{drawn.get(status, '')}{path}h-{0.8 * slot:.1f}z"
    parts = [f'<path d="M0 {_TALL - 0.5}H{wide}" stroke="{GREY}" opacity=".7"/>']
    parts += [
        f'<path d="{drawn[status]}" fill="{colour}" opacity="{1 if status == "fail" else 0.55}"/>'
        for status, colour in _COLOURS.items()
        if status in drawn
    ]
    bound = finite(limit)
    if bound is not None:
        y = _TALL - 1 - (_TALL - 2) * min(max(bound, 0.0), 1.0)
        parts.append(_dashed(f"M0 {y:.1f}H{wide}"))
    return svg(parts, wide, _TALL, alt)


def course(
    scores: Sequence[tuple[Any, str]], limit: Any, *, low_is_far: bool = False, alt: str
) -> Picture | None:
    """Draw a score from batch to batch as a line against its dashed limit.

    Up is further from the reference: of p-values (`low_is_far`) their decimals are drawn. A dot
    is red and larger where the score has failed; the line breaks where there is no score.
    """
    heights = [(_decimals(finite(value), low_is_far), status) for value, status in scores]
    bound = _decimals(finite(limit), low_is_far)
    known = [height for height, _ in heights if height is not None]
    if not known:
        return None
    points = _thinned(heights, _MOST_POINTS)
    top = max(*known, bound or 0.0) or 1.0
    wide, tall = max(60, min(160, 14 * len(points))), 30
    step = (wide - 8) / max(len(points) - 1, 1)

    def y(height: float) -> float:
        return round(tall - 4 - (tall - 8) * max(height, 0.0) / top, 1)

    line, dots, before = "", dict.fromkeys(_COLOURS, ""), False
    for place, (height, status) in enumerate(points):
        if height is not None:
            at = f"{4 + place * step:.1f} {y(height):g}"
            line += f"{'L' if before else 'M'}{at}"
            dots[status if status in dots else "pass"] += f"M{at}h0"
        before = height is not None
    parts = [f'<path d="{line}" fill="none" stroke="{BLUE}" stroke-width="1.5"/>']
    if bound is not None:
        parts.insert(0, _dashed(f"M0 {y(bound):g}H{wide}"))
    parts += [
        f'<path d="{path}" stroke="{_COLOURS[status]}" stroke-linecap="round" '
        f'stroke-width="{3 if status == "pass" or len(points) > 30 else 5}"/>'
        for status, path in dots.items()
        if path
    ]
    some = [height or 0.0 for height, _ in _thinned(heights, _LETTERS)]
    return svg(parts, wide, tall, alt, spark(some, top))


def _decimals(value: float | None, low_is_far: bool) -> float | None:
    if value is None or not low_is_far:
        return value
    return -log10(max(value, 1e-300))


def _thinned(
    points: Sequence[tuple[float | None, str]], most: int
) -> Sequence[tuple[float | None, str]]:
    """Keep of neighbours the one that is furthest, until there are at most `most`."""
    step = -(-len(points) // most)
    chunks = [points[at : at + step] for at in range(0, len(points), step)]
    return [
        max(chunk, key=lambda point: -inf if point[0] is None else point[0]) for chunk in chunks
    ]


class Judged(NamedTuple):
    """A value with the bounds that decided its verdict; None where nothing could be measured."""

    value: float | None
    low: float | None
    high: float | None
    status: str


def bounds(
    batches: Sequence[Judged], axis: tuple[float, float], limit: Any, *, at_most: bool, alt: str
) -> Picture | None:
    """Draw a value with its bounds in each batch, against a limit.

    The forbidden side is tinted. What has failed is red and what has too little evidence paler,
    so that the eye goes to what is sure. Beyond 80 batches neighbours are drawn as one, from the
    lowest bound to the highest, with the worst of their values and verdicts. What could not be
    measured leaves a gap.
    """
    low, high = axis
    if not batches or not high > low:
        return None
    drawn = _joined(batches, at_most=at_most)
    wide = max(60, min(_WIDE, 20 * len(drawn)))
    slot = wide / len(drawn)

    def y(value: float) -> float:
        return round(2 + (_TALL - 4) * (high - min(max(value, low), high)) / (high - low), 1)

    parts = [f'<path d="M0 {_TALL - 0.5}H{wide}" stroke="{GREY}" opacity=".5"/>']
    bound = finite(limit)
    if bound is not None:
        top, bottom = (0.0, y(bound)) if at_most else (y(bound), float(_TALL))
        tint = f'<rect x="0" y="{top:g}" width="{wide}" height="{bottom - top:g}"'
        parts.append(f'{tint} fill="{RED}" opacity=".1"/>')
        parts.append(_dashed(f"M0 {y(bound):g}H{wide}"))
    for status, colour in _COLOURS.items():
        some = [(place, each) for place, each in enumerate(drawn) if each.status == status]
        whiskers, ticks = "", ""
        for place, each in some:
            middle = (place + 0.5) * slot
            if each.low is not None and each.high is not None:
                whiskers += f"M{middle:.1f} {y(each.high):g}V{y(each.low):g}"
            if each.value is not None:
                ticks += f"M{middle - 0.3 * slot:.1f} {y(each.value):g}h{0.6 * slot:.1f}"
        opacity = ".35" if status == "insufficient" else ".6"
        if whiskers:
            thick = f"{min(6.0, 0.4 * slot):.1f}"
            line = f'<path d="{whiskers}" stroke="{colour}" stroke-width="{thick}"'
            parts.append(f'{line} opacity="{opacity}"/>')
        if ticks:
            parts.append(f'<path d="{ticks}" stroke="{colour}" stroke-width="2"/>')
    return svg(parts, wide, _TALL, alt, _letters([each.value for each in drawn], axis))


def _joined(batches: Sequence[Judged], *, at_most: bool) -> Sequence[Judged]:
    step = -(-len(batches) // _MOST_BARS)
    if step == 1:
        return batches
    worst = max if at_most else min
    return [
        Judged(
            worst((each.value for each in some if each.value is not None), default=None),
            min((each.low for each in some if each.low is not None), default=None),
            max((each.high for each in some if each.high is not None), default=None),
            max((each.status for each in some), key=_WORSE.index),
        )
        for some in (batches[at : at + step] for at in range(0, len(batches), step))
    ]


def _letters(values: Iterable[float | None], axis: tuple[float, float]) -> str:
    low, high = axis
    known = [(None if value is None else value - low, "") for value in values]
    some = [value for value, _ in _thinned(known, _LETTERS)]
    letters = spark([min(max(value or 0.0, 0.0), high - low) for value in some], high - low)
    drawn = zip(some, letters, strict=True)
    return "".join(" " if value is None else letter for value, letter in drawn)


def _dashed(path: str) -> str:
    return f'<path d="{path}" stroke="{GREY}" stroke-width="1.5" stroke-dasharray="5 3"/>'
