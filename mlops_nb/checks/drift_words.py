"""What a colleague would say about a column's drift, and the histogram that shows it."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from numbers import Real
from typing import Any

from mlops_nb.checks.drift_methods import WASSERSTEIN, Comparison
from mlops_nb.checks.drift_samples import Levels, Numbers
from mlops_nb.core.words import number, percent, quoted, shortened, written

TOP_LEVELS = 10  # levels drawn in a histogram; the rest is "other"


def sentence(
    name: str, found: Comparison, unit: str = "", level: Callable[[Any], str] = written
) -> str:
    """Return one sentence on what changed in a column.

    Its numbers are of a `unit`, and one of its levels is written by `level`.

    Examples
    --------
    >>> from mlops_nb.checks.drift_methods import Z_TEST, concluded
    >>> old = Levels("before", 10, 10, 0, None, {"a": 9, "b": 1})
    >>> new = Levels("after", 10, 10, 0, None, {"a": 2, "b": 8})
    >>> sentence("state", concluded(Z_TEST, 0.002, None, old, new))
    '`state`: a went from 90 % to 20 % of rows'
    """
    match found.reference, found.current:
        case Numbers() as old, Numbers() as new:
            # The mean moves at most as far as the Wasserstein distance: what it did not move is
            # change of another kind.
            much = found.score / 2 if found.method is WASSERSTEIN else 0.1
            return _about_numbers(name, old, new, much if found.drifted else math.inf, unit)
        case Levels() as old, Levels() as new:
            return _about_levels(name, old, new, level)
    apart = "can" if found.drifted else "can't"
    return (
        f"a classifier {apart} tell the texts of {quoted(name)} apart: AUC {number(found.score)}, "
        "where 0.5 is a guess"
    )


def _about_numbers(name: str, old: Numbers, new: Numbers, much: float, unit: str) -> str:
    mean, shift = new.mean, new.mean - old.mean
    before, after = old.deviation, new.deviation
    if before == 0:
        was = f"{quoted(name)} was always {number(float(old.ends[0]))}"
        return f"{was}; now its mean is {number(mean)}"
    if not all(map(math.isfinite, (shift, before, after))):
        verdict = "is much as it was" if math.isinf(much) else "changed"
        return f"{quoted(name)} {verdict}: its numbers are too large for a mean and a spread"
    steps = abs(shift) / before
    way = "up" if shift > 0 else "down"
    if math.isinf(much):
        by = f"its mean moved {way} by {number(steps)} standard deviations"
        return f"{quoted(name)} is much as it was: {by}"
    if steps >= much:
        by = f"by {number(abs(shift))}{unit}, {number(steps)} standard deviations"
        return f"{quoted(name)} moved {way} {by}"
    if not 0.9 <= after / before <= 1.1:
        way = "spread out" if after > before else "narrowed"
        to = f"from {number(before)} to {number(after)}{unit}"
        return f"{quoted(name)} {way}: its standard deviation went {to}"
    return f"{quoted(name)} changed its shape; its mean and its spread are about the same"


def _about_levels(name: str, old: Levels, new: Levels, write: Callable[[Any], str]) -> str:
    def change(level: Hashable) -> float:
        return new.counts.get(level, 0) / new.n - old.counts.get(level, 0) / old.n

    # Rounded, so that of two levels that mirror each other the reference's first is named.
    most = max({**old.counts, **new.counts}, key=lambda level: round(abs(change(level)), 12))
    before, after = (percent(s.counts.get(most, 0) / s.n) for s in (old, new))
    went = f"stayed at {after}" if before == after else f"went from {before} to {after}"
    text = f"{quoted(name)}: {shortened(write(most))} {went} of rows"
    unseen = [level for level in new.counts if level not in old.counts]
    if not unseen:
        return text
    share = percent(sum(new.counts[level] for level in unseen) / new.n)
    are = "level is" if len(unseen) == 1 else "levels are"
    return f"{text}; {len(unseen):,} {are} new ({share})"


def histogram(found: Comparison, level: Callable[[Any], str] = written) -> dict[str, Any] | None:
    """Return what a panel draws: shares of both samples by bin, or by level, written by `level`.

    ``{"edges" | "categories", "reference", "current"}``: `edges` has one entry more than the
    shares; of levels there are the ten most frequent, and "other" for the rest. None for texts.
    """
    match found.reference, found.current:
        case Numbers() as old, Numbers() as new:
            from mlops_nb.stats.histograms import shared_edges, shares

            both = (old, new)
            whole = all(sample.finite.dtype.kind in "iu" for sample in both)
            edges = shared_edges(_span(old), _span(new), whole=whole)
            drawn = {
                side: shares(sample.below(edges[1:-1]), len(sample.finite)).tolist()
                for side, sample in zip(("reference", "current"), both, strict=True)
            }
            return {"edges": edges.tolist(), **drawn}
        case Levels() as old, Levels() as new:
            return _bars(old, new, level)
    return None


def _span(sample: Numbers) -> tuple[float, float, float, float]:
    from mlops_nb.stats.histograms import middle

    low, high = (float(end) for end in sample.ends)
    first, last = (float(sample.at_rank(rank)) for rank in middle(len(sample.finite)))
    return low, first, last, high


def _bars(old: Levels, new: Levels, write: Callable[[Any], str]) -> dict[str, Any]:
    def weight(level: Hashable) -> float:
        return old.counts.get(level, 0) / old.n + new.counts.get(level, 0) / new.n

    by_weight = sorted({**old.counts, **new.counts}, key=weight, reverse=True)
    shown: list[Any] = by_weight[:TOP_LEVELS]
    if all(isinstance(level, Real) for level in shown):
        shown.sort()  # numbers are read in their own order
    bars: dict[str, Any] = {"categories": [shortened(write(level)) for level in shown]}
    for side, sample in (("reference", old), ("current", new)):
        bars[side] = [sample.counts.get(level, 0) / sample.n for level in shown]
        if len(by_weight) > TOP_LEVELS:
            bars[side].append(max(0.0, 1.0 - sum(bars[side])))
    if len(by_weight) > TOP_LEVELS:
        bars["categories"].append("other")
    return bars
