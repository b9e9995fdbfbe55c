"""Two-sample tests of sorted numbers: p-values from ranks, moments and characteristic functions.

The p-values are those of Evidently 0.7.23, which are scipy's; where all that a test needs are the
ranks, they come from one merge of the sorted samples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mlops_nb.stats.binning import distinct, merged, tie_sizes

Numbers = NDArray[np.generic]

SMALL_RANKED = 8  # samples up to here have an exact Mann-Whitney distribution, if without ties
SMALL_VON_MISES = 20  # samples up to here have an exact Cramér-von Mises distribution


def mann_whitney_p(reference: Numbers, current: Numbers) -> float:
    """Return the p-value of the one-sided Mann-Whitney test that `current` is no larger.

    As ``scipy.stats.mannwhitneyu(reference, current, alternative="less")``: small where the
    current values are larger, near 1 where they are smaller.

    Parameters
    ----------
    reference, current : sorted arrays of shape (n,) and (m,)

    Examples
    --------
    >>> round(mann_whitney_p(np.arange(20.0), np.arange(20.0) + 5), 4)
    0.0093
    """
    from scipy.special import ndtr

    n, m = len(reference), len(current)
    ties = tie_sizes(merged(reference, current))
    if min(n, m) <= SMALL_RANKED and not np.any(ties > 1):
        from scipy.stats import mannwhitneyu

        return float(mannwhitneyu(reference, current, alternative="less").pvalue)
    below = current.searchsorted(reference, side="left")
    upto = current.searchsorted(reference, side="right")
    larger = n * m - (float(below.sum()) + float(upto.sum())) / 2
    total = n + m
    tied = float(np.sum(ties**3 - ties)) / (total * (total - 1))
    spread = math.sqrt(max(n * m / 12 * (total + 1 - tied), 0.0))
    gap = larger - n * m / 2 - 0.5
    return float(ndtr(-gap / spread)) if spread else float(gap < 0)


def cramer_von_mises_p(reference: Numbers, current: Numbers) -> float:
    """Return the p-value of the two-sample Cramér-von Mises test.

    Exact up to 20 values a sample; else by the limiting distribution of the normalised statistic
    (Anderson, "On the distribution of the two-sample Cramér-von Mises criterion", 1962).

    Parameters
    ----------
    reference, current : sorted arrays of shape (n,) and (m,)

    Raises
    ------
    ValueError
        If a sample has fewer than two values.

    Examples
    --------
    >>> round(cramer_von_mises_p(np.arange(50.0), np.arange(50.0) + 10), 4)
    0.005
    """
    n, m = len(reference), len(current)
    if max(n, m) <= SMALL_VON_MISES or min(n, m) < 2:
        from scipy.stats import cramervonmises_2samp

        exact = cramervonmises_2samp(reference.astype(np.float64), current.astype(np.float64))
        return float(exact.pvalue)
    total, product = n + m, n * m
    u = n * _rank_gaps(reference, current) + m * _rank_gaps(current, reference)
    statistic = u / (product * total) - (4 * product - 1) / (6 * total)
    mean = (1 + 1 / total) / 6
    variance = (total + 1.0) * (4 * product * total - 3 * (n**2 + m**2) - 2 * product)
    variance /= 45 * total**2 * 4 * product
    normalised = 1 / 6 + (statistic - mean) / math.sqrt(45 * variance)
    return 1.0 if normalised < 0.003 else max(0.0, 1.0 - _von_mises_cdf(normalised))


def _rank_gaps(sample: Numbers, other: Numbers) -> float:
    """Return the sum of squares of each value's pooled midrank minus its rank in its sample."""
    own = (sample.searchsorted(sample, "left") + sample.searchsorted(sample, "right") + 1) / 2
    beside = (other.searchsorted(sample, "left") + other.searchsorted(sample, "right")) / 2
    return float(np.sum((own + beside - np.arange(1, len(sample) + 1)) ** 2))


def _von_mises_cdf(x: float) -> float:
    """Return the distribution function of the limiting statistic (Csörgő and Faraway 1996)."""
    from scipy.special import gammaln, kv

    total, k, term = 0.0, 0, 1.0
    while abs(term) >= 1e-7:
        u = math.exp(gammaln(k + 0.5) - gammaln(k + 1)) / (math.pi**1.5 * math.sqrt(x))
        y = 4 * k + 1
        q = y**2 / (16 * x)
        term = u * math.sqrt(y) * math.exp(-q) * float(kv(0.25, q))
        total += term
        k += 1
    return total


def anderson_darling_p(reference: Numbers, current: Numbers) -> float:
    """Return the p-value of the two-sample Anderson-Darling test, kept in [0.001, 0.25].

    As ``scipy.stats.anderson_ksamp`` (Scholz and Stephens, "K-sample Anderson-Darling tests",
    1987); beyond the tabled p-values it has none.

    Raises
    ------
    ValueError
        If all values are equal, or there are fewer than four.

    Examples
    --------
    >>> round(anderson_darling_p(np.arange(50.0), np.arange(50.0) + 10), 4)
    0.0014
    """
    values = merged(reference, current)
    ties = tie_sizes(values)
    if len(ties) == 1:
        raise ValueError("all its values are equal")
    n, m, total = len(reference), len(current), len(values)
    if total < 4:
        raise ValueError(f"{total} values are too few for the Anderson-Darling test")
    excess = _anderson_darling(reference, current, distinct(values), ties) - 1
    # The constants are those of Scholz and Stephens, equation 4, for two samples.
    sums = np.cumsum(1.0 / np.arange(total - 1, 1, -1))
    h, g = float(sums[-1]) + 1, float(np.sum(sums / np.arange(2, total)))
    inverse = 1 / n + 1 / m
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = 4 * (2 * g - 4) + 8 * h * 2 + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = 4 * (6 * h + 2 * g - 2) + 2 * (4 * h - 4 * g + 6) + (2 * h - 6) * inverse + 4 * h
    d = 4 * (2 * h + 6) - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / (
        (total - 1.0) * (total - 2.0) * (total - 3.0)
    )
    return _anderson_darling_tail(excess / math.sqrt(variance))


def _anderson_darling(
    reference: Numbers, current: Numbers, values: Numbers, ties: NDArray[np.float64]
) -> float:
    """Return the statistic with midranks (Scholz and Stephens 1987, equation 7)."""
    total = float(ties.sum())
    middle = np.cumsum(ties) - ties / 2
    scale = middle * (total - middle) - total * ties / 4
    statistic = 0.0
    for sample in (reference, current):
        own = (sample.searchsorted(values, "left") + sample.searchsorted(values, "right")) / 2
        gaps = (total * own - middle * len(sample)) ** 2
        statistic += float(np.sum(ties / total * gaps / scale)) / len(sample)
    return statistic * (total - 1) / total


def _anderson_darling_tail(statistic: float) -> float:
    """Interpolate the logarithm of the p-value between the tabled ones, as scipy does."""
    tabled = np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
    critical = (
        np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
        + np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
        + np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
    )
    if statistic < critical[0]:
        return 0.25
    if statistic > critical[-1]:
        return 0.001
    curve = np.polyfit(critical, np.log(tabled), 2)
    return math.exp(float(np.polyval(curve, statistic)))


def t_test_p(reference: Numbers, current: Numbers) -> float:
    """Return the two-sided p-value of Student's t-test of equal means, variances taken as equal.

    Returns
    -------
    float
        NaN where there is no variance to measure by, as in two equal constants.

    Examples
    --------
    >>> round(t_test_p(np.arange(20.0), np.arange(20.0) + 5), 4)
    0.011
    """
    from scipy.stats import ttest_ind

    with np.errstate(divide="ignore", invalid="ignore"):
        return float(ttest_ind(reference, current).pvalue)


def t_test_p_of(reference: tuple[float, float, int], current: tuple[float, float, int]) -> float:
    """Return the p-value of Student's t-test, of mean, population's deviation and size of each.

    Examples
    --------
    >>> values = np.arange(20.0)
    >>> one, other = (values.mean(), values.std(), 20), (values.mean() + 5, values.std(), 20)
    >>> round(t_test_p_of(one, other), 4)
    0.011
    """
    from scipy.stats import ttest_ind_from_stats

    moments = [
        (mean, spread * math.sqrt(n / (n - 1)) if n > 1 else math.nan, n)
        for mean, spread, n in (reference, current)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(ttest_ind_from_stats(*moments[0], *moments[1]).pvalue)


def epps_singleton_p(reference: Numbers, current: Numbers) -> float:
    """Return the p-value of the Epps-Singleton test, by the samples' characteristic functions.

    Raises
    ------
    ValueError
        If the middle half of all values is one value: the test is scaled by its width.

    Examples
    --------
    >>> round(epps_singleton_p(np.arange(50.0), np.arange(50.0) + 10), 4)
    0.0006
    """
    from scipy.stats import epps_singleton_2samp, iqr

    if iqr(np.concatenate([reference, current])) == 0:
        raise ValueError("the middle half of its values is one value")
    return float(epps_singleton_2samp(reference, current).pvalue)
