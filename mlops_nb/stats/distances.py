"""How far two samples are apart: scores over sorted numbers or over counts of levels.

Among them are those that Evidently 0.7.23 chooses by default (its source:
``evidently/legacy/calculations/stattests``), computed from what one sort or one count of each
sample gives. Samples hold finite values only; whoever reads the data drops the rest and says so.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_nb.stats.binning import merged

Floats = NDArray[np.float64]
Numbers = NDArray[np.generic]

NORM_FLOOR = 0.001
"""The least standard deviation by which Evidently norms a Wasserstein distance."""


def deviation(values: Numbers) -> float:
    """Return the population's standard deviation, as pandas computes it.

    pandas sums in double precision and rounds the result to the column's own type, so that a
    column of 32-bit floats has a slightly different deviation from the same numbers in 64 bits.

    Parameters
    ----------
    values : array of shape (n,)
        Finite numbers, in any order.

    Examples
    --------
    >>> deviation(np.array([1.0, 3.0]))
    1.0
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if values.dtype.kind != "f" or values.itemsize == 8:
            return float(np.std(values.astype(np.float64, copy=False)))
        import pandas as pd

        return float(pd.Series(values, copy=False).std(ddof=0))


def wasserstein(reference: Numbers, current: Numbers) -> float:
    """Return the first Wasserstein distance of two sorted samples, in the values' own unit.

    It is the area between the two quantile functions, ∫₀¹ |F⁻¹(t) − G⁻¹(t)| dt, which equals the
    area between the distribution functions that ``scipy.stats.wasserstein_distance`` computes
    (Ramdas, García Trillos, Cuturi: "On Wasserstein two-sample testing", 2017, section 2.3).
    The quantile functions of n and m values step at multiples of 1/n and 1/m, whatever the
    values are: there is nothing to search for.

    Parameters
    ----------
    reference, current : sorted arrays of shape (n,) and (m,)

    Returns
    -------
    float
        Infinite or NaN where the values are too large for their differences to be numbers.

    Examples
    --------
    >>> wasserstein(np.array([0.0, 1.0, 3.0]), np.array([5.0, 6.0, 8.0]))
    5.0
    """
    u, v = (sample.astype(np.float64, copy=False) for sample in (reference, current))
    n, m = len(u), len(v)
    with np.errstate(over="ignore", invalid="ignore"):
        if n == m:
            gaps = u - v
            return float(np.mean(np.abs(gaps, out=gaps)))
        return (_up_to_steps(u, v, 1) + _up_to_steps(v, u, 0)) / n / m


def _up_to_steps(u: Floats, v: Floats, first: int) -> float:
    """Return the area up to each step of u's quantile function from the last step of either.

    In units of 1/(n·m) steps are whole numbers, u's at multiples of m and v's at multiples of n.
    Where both step at once, the area is that of who comes `first`, 1, and none of the other's, 0.
    """
    n, m = len(u), len(v)
    ends = np.arange(1, n + 1, dtype=np.int64) * m
    passed = (ends - first) // n  # steps of v before
    widths = ends - np.maximum(ends - m, passed * n)
    return float((np.abs(u - v[np.minimum(passed, m - 1)]) * widths).sum())


def wasserstein_normed(reference: Numbers, current: Numbers, spread: float | None = None) -> float:
    """Return the Wasserstein distance in standard deviations of the reference.

    As in Evidently, the deviation is taken to be at least `NORM_FLOOR`.

    Parameters
    ----------
    reference, current : sorted arrays of shape (n,) and (m,)
    spread : float, optional
        The reference's deviation, where it is known already.

    Returns
    -------
    float
        Not finite where the values are too large for distance or deviation to be a number.

    Examples
    --------
    >>> wasserstein_normed(np.array([1.0, 3.0]), np.array([2.0, 4.0]))
    1.0
    """
    return normed(
        wasserstein(reference, current), deviation(reference) if spread is None else spread
    )


def normed(distance: float, spread: float) -> float:
    """Return a distance in standard deviations, which are taken to be at least `NORM_FLOOR`."""
    norm = max(spread, NORM_FLOOR)
    return distance / norm if math.isfinite(norm) else math.nan


def energy(reference: Numbers, current: Numbers) -> float:
    """Return the energy distance of two sorted samples, √(2 ∫ (F - G)²).

    As ``scipy.stats.energy_distance`` (Székely and Rizzo, "Energy statistics", 2013).

    Parameters
    ----------
    reference, current : sorted arrays of shape (n,) and (m,)

    Examples
    --------
    >>> round(energy(np.array([0.0, 1.0]), np.array([2.0, 3.0])), 4)
    1.7321
    """
    u, v = reference.astype(np.float64), current.astype(np.float64)
    both = merged(u, v)
    with np.errstate(over="ignore", invalid="ignore"):
        gaps = np.diff(both)
        apart = u.searchsorted(both[:-1], "right") / len(u)
        apart -= v.searchsorted(both[:-1], "right") / len(v)
        return math.sqrt(2.0 * float((apart**2 * gaps).sum()))


def ks_2samp_p(reference: Numbers, current: Numbers) -> float:
    """Return the p-value of the two-sided Kolmogorov-Smirnov test, as scipy computes it.

    scipy's is exact up to 10,000 values a sample and asymptotic beyond.

    Parameters
    ----------
    reference, current : arrays of shape (n,) and (m,)

    Examples
    --------
    >>> ks_2samp_p(np.arange(6.0), np.arange(6.0))
    1.0
    """
    from scipy.stats import ks_2samp

    return float(ks_2samp(reference, current).pvalue)


def ks_p_of(distance: float, n: int, m: int) -> float:
    """Return the asymptotic p-value of a Kolmogorov-Smirnov distance of n and m values.

    As scipy computes it from 10,000 values a sample on.

    Examples
    --------
    >>> ks_p_of(0.0, 20_000, 20_000)
    1.0
    """
    from scipy.stats import kstwo

    more, fewer = float(max(n, m)), float(min(n, m))
    return float(np.clip(kstwo.sf(distance, round(more * fewer / (more + fewer))), 0.0, 1.0))


def chi_square_p(reference: Floats, current: Floats) -> float:
    """Return the p-value of Pearson's chi-square test that `current` is drawn as `reference` was.

    The expected counts are the reference's, scaled to the current total (Pearson 1900, as in
    ``scipy.stats.chisquare``). A level that the reference lacks makes it 0.

    Parameters
    ----------
    reference, current : arrays of shape (levels,)
        Counts of the same levels in both samples; no level has 0 in both.

    Examples
    --------
    >>> chi_square_p(np.array([10.0, 10.0, 10.0]), np.array([5.0, 5.0, 5.0]))
    1.0
    """
    from scipy.special import chdtrc

    expected = reference * (current.sum() / reference.sum())
    with np.errstate(divide="ignore"):
        statistic = np.sum((current - expected) ** 2 / expected)
    return float(chdtrc(len(reference) - 1, statistic))


def z_test_p(reference_hits: int, n_reference: int, current_hits: int, n_current: int) -> float:
    """Return the two-sided p-value of the Z-test that two shares are equal.

    The standard error is that of the pooled share (Fleiss, "Statistical Methods for Rates and
    Proportions", section 2.3). Two samples with no hit, or nothing but hits, are equal: 1.

    Examples
    --------
    >>> z_test_p(5, 10, 50, 100)
    1.0
    """
    pooled = (reference_hits + current_hits) / (n_reference + n_current)
    if pooled in (0.0, 1.0):
        return 1.0
    gap = reference_hits / n_reference - current_hits / n_current
    error = math.sqrt(pooled * (1 - pooled) * (1 / n_reference + 1 / n_current))
    return math.erfc(abs(gap / error) / math.sqrt(2))


def jensen_shannon(reference: Floats, current: Floats) -> float:
    """Return the Jensen-Shannon distance of two distributions over the same levels.

    The square root of the divergence in natural logarithms, so at most √ln 2 ≈ 0.833 (Lin,
    "Divergence measures based on the Shannon entropy", 1991; as in
    ``scipy.spatial.distance.jensenshannon``). Near 0 the root magnifies rounding: two equal
    distributions can come out at 1e-8 (or, in scipy, NaN where rounding makes the sum negative).

    Parameters
    ----------
    reference, current : arrays of shape (levels,)
        Counts, or shares, of the same levels.

    Examples
    --------
    >>> round(jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])), 4)
    0.8326
    """
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return math.sqrt(max(divergence, 0.0))


def _relative_entropy(p: Floats, q: Floats) -> float:
    present = p > 0  # 0 · ln 0 is 0
    return float(np.sum(p[present] * np.log(p[present] / q[present])))
