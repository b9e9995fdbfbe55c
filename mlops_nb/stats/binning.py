"""Two sorted samples as counts over the same bins, or over the same distinct values."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.generic]


def sturges_edges(low: np.generic, high: np.generic, size: int) -> Numbers:
    """Return the edges of equal bins by Sturges' rule, to the last digit as numpy draws them.

    ``numpy.histogram_bin_edges(values, "sturges")`` needs only the range, the number of values and
    their type (Sturges, "The choice of a class interval", 1926): nothing has to be put together.

    Parameters
    ----------
    low, high : numpy scalars of one type
        The least and the largest of all values.
    size : int
        How many values there are.

    Examples
    --------
    >>> sturges_edges(np.float64(0), np.float64(4), 8)
    array([0., 1., 2., 3., 4.])
    """
    ends = np.array([low, high])
    whole = ends.dtype.kind in "iu"
    span = float(int(high) - int(low)) if whole else float(ends[1] - ends[0])
    width = span / (math.log2(size) + 1.0)
    if whole and 0 < width < 1:
        width = 1.0
    return np.histogram_bin_edges(ends, bins=math.ceil(span / width) if width else 1)


def bin_counts(values: Numbers, edges: Numbers) -> Floats:
    """Count a sorted sample by bins; the last bin holds its right edge too, as in numpy.

    Examples
    --------
    >>> bin_counts(np.array([0.0, 0.5, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    array([2., 2.])
    """
    below = np.append(values.searchsorted(edges[:-1]), values.searchsorted(edges[-1], "right"))
    return np.diff(below).astype(np.float64)


def has_more_values(values: Numbers, most: int) -> bool:
    """Say whether a sorted sample has more distinct values than `most`.

    Examples
    --------
    >>> has_more_values(np.array([1, 1, 2, 3]), 2), has_more_values(np.array([1, 1, 2, 3]), 3)
    (True, False)
    """
    start = seen = 0
    while start < len(values) and seen <= most:
        start = int(values.searchsorted(values[start], side="right"))
        seen += 1
    return seen > most


def value_counts(reference: Numbers, current: Numbers) -> tuple[Floats, Floats]:
    """Count each distinct value of two sorted samples in both of them.

    Examples
    --------
    >>> value_counts(np.array([1, 1, 2]), np.array([2, 3]))
    (array([2., 1., 0.]), array([0., 1., 1.]))
    """
    values = distinct(merged(reference, current))
    return _counts_of(reference, values), _counts_of(current, values)


def merged(reference: Numbers, current: Numbers) -> Numbers:
    """Return two sorted samples as one."""
    both = np.concatenate([reference, current])
    both.sort(kind="stable")  # merges two sorted runs, which takes one pass
    return both


def distinct(values: Numbers) -> Numbers:
    """Return each value of a sorted sample once.

    Examples
    --------
    >>> distinct(np.array([1, 1, 2]))
    array([1, 2])
    """
    once: Numbers = values[np.append(True, values[1:] != values[:-1])]
    return once


def tie_sizes(values: Numbers) -> Floats:
    """Return how often each distinct value of a sorted sample occurs.

    Examples
    --------
    >>> tie_sizes(np.array([1, 1, 2]))
    array([2., 1.])
    """
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return np.diff(starts, append=len(values)).astype(np.float64)


def _counts_of(sample: Numbers, values: Numbers) -> Floats:
    after = sample.searchsorted(values, side="right")
    return np.diff(after, prepend=0).astype(np.float64)
