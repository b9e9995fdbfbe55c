"""Tests of two samples of levels: p-values from counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def g_test_p(reference: Floats, current: Floats) -> float:
    """Return the p-value of the G-test that `current` is drawn as `reference` was.

    The expected counts are the reference's, scaled to the current total (as in
    ``scipy.stats.power_divergence`` with ``lambda_="log-likelihood"``).

    Parameters
    ----------
    reference, current : arrays of shape (levels,)
        Counts of the same levels in both samples; no level has 0 in both.

    Returns
    -------
    float
        NaN where there is one level.

    Examples
    --------
    >>> round(g_test_p(np.array([10.0, 10.0]), np.array([15.0, 5.0])), 4)
    0.0222
    """
    from scipy.special import chdtrc, xlogy

    expected = reference * (current.sum() / reference.sum())
    with np.errstate(divide="ignore"):
        statistic = np.sum(2.0 * xlogy(current, current / expected))
    return float(chdtrc(len(reference) - 1, max(statistic, 0.0)))


def fisher_exact_p(reference: Floats, current: Floats) -> float:
    """Return the two-sided p-value of Fisher's exact test of two samples of at most two levels.

    Parameters
    ----------
    reference, current : arrays of shape (levels,), of one or two levels

    Examples
    --------
    >>> round(fisher_exact_p(np.array([10.0, 10.0]), np.array([15.0, 5.0])), 4)
    0.1908
    """
    if len(reference) == 1:
        return 1.0
    from scipy.stats import fisher_exact

    return float(fisher_exact(np.array([current, reference], dtype=np.int64)).pvalue)
