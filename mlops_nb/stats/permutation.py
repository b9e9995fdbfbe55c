"""Tests whose p-value is a share of random re-divisions of both samples' rows.

They draw from numpy's legacy generator where Evidently does, row by row, so that a seed gives the
same divisions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_nb.stats.divergences import total_variation

Floats = NDArray[np.float64]
Counts = NDArray[Any]

SEED = 0
TIE = 1e-12  # gaps that differ by rounding alone are equal


def total_variation_p(
    codes: NDArray[np.intp], n_reference: int, levels: int, draws: int = 1000
) -> float:
    """Return the share of re-divisions of the rows whose total variation is no less.

    Parameters
    ----------
    codes : array of shape (n + m,)
        The level of each row, from 0; the reference's rows first.
    n_reference : int
    levels : int
        How many there are.

    Examples
    --------
    >>> total_variation_p(np.repeat([0, 1], 20), 20, 2)
    0.0
    """
    pooled = np.bincount(codes, minlength=levels)
    random = np.random.RandomState(SEED)
    drawn = np.empty((draws, levels))
    for draw in range(draws):
        chosen = random.permutation(len(codes))[:n_reference]
        drawn[draw] = np.bincount(codes[chosen], minlength=levels)
    observed = np.bincount(codes[:n_reference], minlength=levels)
    return _share_no_less(observed, drawn, pooled)


def total_variation_p_of_counts(reference: Floats, current: Floats, draws: int = 1000) -> float:
    """Return the same from counts alone: re-divisions of rows are hypergeometric in the levels.

    It costs no more for many rows than for few; a seed gives other divisions.

    Parameters
    ----------
    reference, current : arrays of shape (levels,)

    Examples
    --------
    >>> total_variation_p_of_counts(np.array([500.0, 500.0]), np.array([480.0, 520.0])) > 0.3
    True
    """
    pooled = (reference + current).astype(np.int64)
    random = np.random.default_rng(SEED)
    n = int(reference.sum())
    drawn = random.multivariate_hypergeometric(pooled, n, size=draws, method="marginals")
    return _share_no_less(reference, drawn, pooled)


def _share_no_less(observed: Counts, drawn: Counts, pooled: Counts) -> float:
    gap = total_variation(observed.astype(np.float64), (pooled - observed).astype(np.float64))
    gaps = total_variation(drawn.astype(np.float64), (pooled - drawn).astype(np.float64))
    return float(np.mean(gap <= gaps + TIE))


def mean_discrepancy_p(
    reference: Floats, current: Floats, random: np.random.RandomState, draws: int = 100
) -> float:
    """Return the permutation p-value of the maximum mean discrepancy, with a Gaussian kernel.

    Its width is the median distance in the reference (Gretton and others, "A kernel two-sample
    test", 2012). The kernel of every pair of rows is held in memory: (n + m)² numbers.

    Parameters
    ----------
    reference, current : arrays of shape (n,) and (m,)

    Examples
    --------
    >>> x = np.arange(40.0)
    >>> mean_discrepancy_p(x, x + 30, np.random.RandomState(0))
    0.0
    """
    n, m = len(reference), len(current)
    # Moved to the origin: far from it, squares would lose the digits that tell values apart.
    reference, current = reference - reference[0], current - reference[0]
    median = np.percentile(_squared_gaps(reference, reference), 50, method="nearest")
    variance = 0.5 * float(median) or 0.5
    both = np.concatenate([reference, current])
    kernel = np.exp(-_squared_gaps(both, both) / (2.0 * variance))
    np.fill_diagonal(kernel, 0.0)
    of_reference = np.zeros((n + m, draws + 1))
    of_reference[:n, 0] = 1.0
    for draw in range(1, draws + 1):
        of_reference[random.permutation(n + m)[:n], draw] = 1.0
    of_current = 1.0 - of_reference
    spread = kernel @ of_reference
    within = (of_reference * spread).sum(axis=0)
    between = (of_current * spread).sum(axis=0)
    beyond = (of_current * (kernel @ of_current)).sum(axis=0)
    gaps = within / (n * (n - 1)) + beyond / (m * (m - 1)) - 2.0 * between / (n * m)
    return float(np.mean(gaps[0] <= gaps[1:] + TIE))


def _squared_gaps(x: Floats, y: Floats) -> Floats:
    return y[None, :] ** 2 - 2 * np.outer(x, y) + x[:, None] ** 2
