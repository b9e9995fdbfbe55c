"""How far two distributions over the same bins or levels are apart.

They are computed as Evidently 0.7.23 does (its source:
``evidently/legacy/calculations/stattests``), what it puts in place of empty bins included.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def filled(shares: Floats) -> Floats:
    """Give empty bins a little, so that no logarithm is infinite.

    Evidently's rule: 0.0001, or a millionth of the least share if that is no more than 0.0001.

    Examples
    --------
    >>> filled(np.array([0.0, 1.0]))
    array([1.e-04, 1.e+00])
    """
    least = float(shares[shares > 0].min())
    return np.where(shares == 0, least / 10**6 if least <= 0.0001 else 0.0001, shares)


def population_stability_index(reference: Floats, current: Floats) -> float:
    """Return the PSI, Σ (p - q) ln(p / q), of shares of the same bins.

    Examples
    --------
    >>> round(population_stability_index(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
    0.4159
    """
    p, q = filled(reference), filled(current)
    return float(np.sum((p - q) * np.log(p / q)))


def kullback_leibler(reference: Floats, current: Floats) -> float:
    """Return the relative entropy of `reference` to `current`, in nats.

    Examples
    --------
    >>> round(kullback_leibler(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
    0.2231
    """
    p, q = filled(reference), filled(current)
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))


def hellinger(reference: Floats, current: Floats) -> float:
    """Return the Hellinger distance, √(1 - Σ √(p q)), of shares of the same bins.

    Near 0 the root magnifies rounding: equal distributions can come out at 1e-8.

    Examples
    --------
    >>> round(hellinger(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
    0.2265
    """
    # Summed one after the other, as Evidently does: its rounding is magnified, too.
    overlap = sum(math.sqrt(p * q) for p, q in zip(reference, current, strict=True))
    return math.sqrt(1 - min(max(overlap, 0.0), 1.0))


def hellinger_binned(reference: Floats, current: Floats, edges: NDArray[Any]) -> float:
    """Return the Hellinger distance of two densities, from counts in bins of equal width.

    Examples
    --------
    >>> hellinger_binned(np.array([1.0, 1.0]), np.array([2.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    0.0
    """
    widths = np.diff(edges).astype(np.float64)
    p, q = (counts / widths / counts.sum() for counts in (reference, current))
    # A width of 32 bits makes the sum one of 32 bits: so it is in Evidently.
    width = (edges[-1] - edges[0]) / (len(edges) - 1)
    overlap = sum(math.sqrt(a * b) * width for a, b in zip(p, q, strict=True))
    return math.sqrt(1 - min(max(overlap, 0.0), 1.0))


def total_variation(reference: Floats, current: Floats) -> Floats:
    """Return half the sum of the differences of shares, from counts; along the last axis.

    Parameters
    ----------
    reference, current : arrays of shape (..., levels)

    Examples
    --------
    >>> total_variation(np.array([5.0, 5.0]), np.array([8.0, 2.0])).round(9)
    np.float64(0.3)
    """
    p = reference / reference.sum(axis=-1, keepdims=True)
    q = current / current.sum(axis=-1, keepdims=True)
    gap: Floats = 0.5 * np.abs(p - q).sum(axis=-1)
    return gap
