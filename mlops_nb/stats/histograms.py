"""Small histograms of two samples on the same bins, for panels to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.generic]


def shared_edges(reference: Numbers, current: Numbers, bins: int = 20) -> NDArray[np.float64]:
    """Return the edges of equal bins on which both sorted samples can be seen.

    Far outliers don't squeeze the rest into one bin: where the whole range is more than three
    times as wide as that of the middle 98 %, the bins cover the latter, and `fractions` counts
    what lies beyond in the first and last bin. Whole numbers get bins of whole width.

    Parameters
    ----------
    reference, current : sorted, not empty arrays of shape (n,) and (m,)
    bins : int
        The most bins there may be.

    Returns
    -------
    array of shape (bins + 1,) or shorter, ascending; one bin where all values are equal.

    Examples
    --------
    >>> shared_edges(np.array([0.0, 1.0]), np.array([1.0, 4.0]), bins=4)
    array([0., 1., 2., 3., 4.])
    """
    both = (reference.astype(np.float64), current.astype(np.float64))
    low, high = min(v[0] for v in both), max(v[-1] for v in both)
    middle_low = min(v[int(0.01 * (len(v) - 1))] for v in both)
    middle_high = max(v[int(np.ceil(0.99 * (len(v) - 1)))] for v in both)
    # In eighths, since the widest range of floats is no float.
    if 0 < 3 * (middle_high / 8 - middle_low / 8) < high / 8 - low / 8:
        low, high = middle_low, middle_high
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    whole = reference.dtype.kind in "iu" and current.dtype.kind in "iu"
    if whole and high - low < 2**52:
        width = np.ceil((high - low + 1) / bins)
        count = int(np.ceil((high - low + 1) / width))
        return np.asarray(low - 0.5 + width * np.arange(count + 1), dtype=np.float64)
    return np.unique(np.linspace(low / 2, high / 2, bins + 1) * 2)


def fractions(values: Numbers, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of a sorted sample in each bin; the outer bins hold what lies beyond.

    Examples
    --------
    >>> fractions(np.array([-9.0, 0.5, 1.5, 1.6]), np.array([0.0, 1.0, 2.0]))
    array([0.5, 0.5])
    """
    inner = np.searchsorted(values, edges[1:-1], side="left")
    return np.diff(inner, prepend=0, append=len(values)) / len(values)
