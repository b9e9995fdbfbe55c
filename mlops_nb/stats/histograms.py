"""Small histograms of two samples on the same bins, for panels to draw."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.generic]
Span = tuple[float, float, float, float]  # least, ends of the middle 98 %, greatest


def middle(n: int) -> tuple[int, int]:
    """Return where the ends of the middle 98 % stand among `n` sorted values, from 0."""
    return int(0.01 * (n - 1)), math.ceil(0.99 * (n - 1))


def shared_edges(reference: Span, current: Span, *, whole: bool, bins: int = 20) -> Floats:
    """Return the edges of equal bins on which both samples can be seen.

    Far outliers don't squeeze the rest into one bin: where the whole range is more than three
    times as wide as that of the middle 98 %, the bins cover the latter, and `shares` counts
    what lies beyond in the first and last bin.

    Parameters
    ----------
    reference, current : spans
    whole : bool
        Whether both are whole numbers, which get bins of whole width.
    bins : int
        The most bins there may be.

    Returns
    -------
    array of shape (bins + 1,) or shorter, ascending; one bin where all values are equal.

    Examples
    --------
    >>> shared_edges((0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 4.0, 4.0), whole=False, bins=4)
    array([0., 1., 2., 3., 4.])
    """
    low, middle_low = (min(reference[at], current[at]) for at in (0, 1))
    middle_high, high = (max(reference[at], current[at]) for at in (2, 3))
    # In eighths, since the widest range of floats is no float.
    if 0 < 3 * (middle_high / 8 - middle_low / 8) < high / 8 - low / 8:
        low, high = middle_low, middle_high
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    if whole and high - low < 2**52:
        width = np.ceil((high - low + 1) / bins)
        count = int(np.ceil((high - low + 1) / width))
        return np.asarray(low - 0.5 + width * np.arange(count + 1), dtype=np.float64)
    return np.unique(np.linspace(low / 2, high / 2, bins + 1) * 2)


def shares(below: NDArray[Any], n: int) -> Floats:
    """Return the share of a sample in each bin; the outer bins hold what lies beyond.

    Parameters
    ----------
    below : array of shape (bins - 1,)
        How many of the `n` values are less than each inner edge.

    Examples
    --------
    >>> shares(np.array([1, 3]), 4)
    array([0.25, 0.5 , 0.25])
    """
    counts: Floats = np.diff(below, prepend=0, append=n) / n
    return counts
