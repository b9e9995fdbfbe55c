"""Scores of two samples by each method, and what a reader of such a score should know.

A score takes both samples as they were read, `Numbers` or `Levels`; its notes say where it is
blind, and where Evidently's own may differ or fail.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_samples import Levels, Numbers, Sample, UnjudgeableError
from mlops_nb.core.words import percent, quoted, written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """Two samples, the score of a method, and the limit that it is held against."""

    old: Sample
    new: Sample
    score: float
    limit: float


FAR_TAILS = 10  # how many times the spread of its middle half makes a deviation doubtful
BINNED_FROM = 20  # numbers whose reference has more distinct values than this are put into bins
MOST_ROWS_DIVIDED = 20_000  # rows of both samples up to which they are re-divided one by one
MOST_ROWS_PAIRED = 4_000  # rows of both samples of which every pair is compared


def counts(old: Levels, new: Levels) -> tuple[Floats, Floats]:
    """Count each level in both samples; a level that one of them lacks is counted 0."""
    import numpy as np

    levels = list({**old.counts, **new.counts})
    return (
        np.array([old.counts.get(level, 0) for level in levels], dtype=np.float64),
        np.array([new.counts.get(level, 0) for level in levels], dtype=np.float64),
    )


def shared_counts(old: Sample, new: Sample) -> tuple[Floats, Floats]:
    """Count both samples by level, by distinct number, or by Sturges' bins over both."""
    from mlops_nb.stats import binning

    if isinstance(old, Levels) and isinstance(new, Levels):
        return counts(old, new)
    binned = [side.bins for side in (old, new) if isinstance(side, Numbers)]
    if len(binned) == 2 and binned[0] is not None and binned[1] is not None:
        return binned[0], binned[1]
    x, y = _numbers(old), _numbers(new)
    if not binning.has_more_values(x, BINNED_FROM):
        return binning.value_counts(x, y)
    low, high = _ends(x, y)
    edges = binning.sturges_edges(low, high, len(x) + len(y))
    return binning.bin_counts(x, edges), binning.bin_counts(y, edges)


def _numbers(sample: Sample) -> NDArray[Any]:
    if not isinstance(sample, Numbers):
        raise TypeError(f"numbers are compared here, not {type(sample).__name__}")
    return sample.values


def _levels(sample: Sample) -> Mapping[Hashable, int]:
    if not isinstance(sample, Levels):
        raise TypeError(f"levels are compared here, not {type(sample).__name__}")
    return sample.counts


def _ends(x: NDArray[Any], y: NDArray[Any]) -> tuple[Any, Any]:
    import numpy as np

    both = np.result_type(x, y)
    low, high = min(x[0], y[0]), max(x[-1], y[-1])
    return both.type(low), both.type(high)


def _rows(sample: Sample) -> NDArray[Any]:
    """Return numbers in the order of their rows, since rounding to 32 bits depends on it."""
    ordered = sample.in_order()
    return _numbers(sample) if ordered is None else ordered


# Scores of numbers


def ks(old: Sample, new: Sample) -> float:
    """Score by the Kolmogorov-Smirnov test."""
    from mlops_nb.stats import distances

    return distances.ks_2samp_p(_numbers(old), _numbers(new))


def wasserstein(old: Sample, new: Sample) -> float:
    """Score by the Wasserstein distance in the reference's standard deviations."""
    from mlops_nb.stats import distances, grids

    if not isinstance(old, Numbers) or not isinstance(new, Numbers):
        return distances.wasserstein_normed(_numbers(old), _numbers(new))
    area, counted = None, new.beside(old)
    if counted is not None and old.celled is not None:
        area = grids.wasserstein(old.celled, counted)
    if area is None:
        area = distances.wasserstein(old.values, new.values)
    return distances.normed(area, old.deviation)


def energy(old: Sample, new: Sample) -> float:
    """Score by the energy distance, in the root of the values' own unit."""
    from mlops_nb.stats import distances

    return distances.energy(_numbers(old), _numbers(new))


def anderson(old: Sample, new: Sample) -> float:
    """Score by the Anderson-Darling test."""
    from mlops_nb.stats import rank_tests

    return rank_tests.anderson_darling_p(_numbers(old), _numbers(new))


def cramer_von_mises(old: Sample, new: Sample) -> float:
    """Score by the Cramér-von Mises test."""
    from mlops_nb.stats import rank_tests

    return rank_tests.cramer_von_mises_p(_numbers(old), _numbers(new))


def mann_whitney(old: Sample, new: Sample) -> float:
    """Score by the one-sided Mann-Whitney test; 32-bit numbers by scipy's 32-bit sums."""
    from mlops_nb.stats import rank_tests

    x, y = _numbers(old), _numbers(new)
    if x.dtype.kind == y.dtype.kind == "f" and max(x.itemsize, y.itemsize) == 4:
        from scipy.stats import mannwhitneyu

        return float(mannwhitneyu(_rows(old), _rows(new), alternative="less").pvalue)
    return rank_tests.mann_whitney_p(x, y)


def t_test(old: Sample, new: Sample) -> float:
    """Score by Student's t-test."""
    from mlops_nb.stats import rank_tests

    return rank_tests.t_test_p(_rows(old), _rows(new))


def epps_singleton(old: Sample, new: Sample) -> float:
    """Score by the Epps-Singleton test."""
    from mlops_nb.stats import rank_tests

    return rank_tests.epps_singleton_p(_rows(old), _rows(new))


def mean_discrepancy(old: Sample, new: Sample) -> float:
    """Score by the maximum mean discrepancy; of many rows, by that of evenly spread ones."""
    import numpy as np

    from mlops_nb.stats import permutation

    most = MOST_ROWS_PAIRED // 2
    x, y = (
        values[:: math.ceil(len(values) / most)].astype(np.float64)
        for values in (_rows(old), _rows(new))
    )
    if min(len(x), len(y)) < 2:
        raise UnjudgeableError("a sample of one value has no pair of values to compare")
    return permutation.mean_discrepancy_p(x, y, np.random.RandomState(permutation.SEED))


# Scores of both


def jensen_shannon(old: Sample, new: Sample) -> float:
    """Score by the Jensen-Shannon distance."""
    from mlops_nb.stats import distances

    return distances.jensen_shannon(*shared_counts(old, new))


def psi(old: Sample, new: Sample) -> float:
    """Score by the population stability index."""
    from mlops_nb.stats import divergences

    p, q = shared_counts(old, new)
    return divergences.population_stability_index(p / old.n, q / new.n)


def kl_div(old: Sample, new: Sample) -> float:
    """Score by the Kullback-Leibler divergence."""
    from mlops_nb.stats import divergences

    p, q = shared_counts(old, new)
    return divergences.kullback_leibler(p / old.n, q / new.n)


def hellinger(old: Sample, new: Sample) -> float:
    """Score by the Hellinger distance; of numbers, over bins as many as distinct values ask for."""
    from mlops_nb.stats import binning, divergences

    if isinstance(old, Levels) and isinstance(new, Levels):
        p, q = counts(old, new)
        return divergences.hellinger(p / old.n, q / new.n)
    x, y = _numbers(old), _numbers(new)
    size = len(binning.distinct(binning.merged(x, y)))
    edges: NDArray[Any] = binning.sturges_edges(*_ends(x, y), size)
    return divergences.hellinger_binned(
        binning.bin_counts(x, edges), binning.bin_counts(y, edges), edges
    )


# Scores of levels


def chi_square(old: Sample, new: Sample) -> float:
    """Score by Pearson's chi-square test."""
    from mlops_nb.stats import distances

    return distances.chi_square_p(*shared_counts(old, new))


def g_test(old: Sample, new: Sample) -> float:
    """Score by the G-test."""
    from mlops_nb.stats import count_tests

    return count_tests.g_test_p(*shared_counts(old, new))


def z_test(old: Sample, new: Sample) -> float:
    """Score by the Z-test of the share of the first level, in their order."""
    from mlops_nb.stats import distances

    first = _first(old, new)
    hits = (_levels(old).get(first, 0), _levels(new).get(first, 0))
    return distances.z_test_p(hits[0], old.n, hits[1], new.n)


def fisher_exact(old: Sample, new: Sample) -> float:
    """Score by Fisher's exact test."""
    from mlops_nb.stats import count_tests

    p, q = shared_counts(old, new)
    if len(p) > 2:
        raise UnjudgeableError(
            f"Fisher's exact test compares two levels, and both frames together have {len(p):,}"
        )
    return count_tests.fisher_exact_p(p, q)


def total_variation(old: Sample, new: Sample) -> float:
    """Score by the permutation test of the total variation distance."""
    import numpy as np
    import pandas as pd

    from mlops_nb.stats import permutation

    p, q = shared_counts(old, new)
    rows = (old.in_order(), new.in_order())
    if rows[0] is None or rows[1] is None or old.n + new.n > MOST_ROWS_DIVIDED:
        return permutation.total_variation_p_of_counts(p, q)
    both = np.concatenate([side.astype(object) for side in rows if side is not None])
    codes, levels = pd.factorize(both)
    return permutation.total_variation_p(codes, old.n, len(levels))


def _first(old: Sample, new: Sample) -> Hashable:
    levels: list[Any] = list({**_levels(old), **_levels(new)})
    with suppress(Exception):  # of different types, or by their own code, they have no order
        levels.sort()
    first: Hashable = levels[0]
    return first


def by_classifier(_old: Sample, _new: Sample) -> float:
    """Refuse: texts are no samples of numbers or levels; `drift_text` compares them."""
    raise UnjudgeableError("texts are compared by a classifier")


# Notes


def no_notes(_found: Scored) -> Iterator[str]:
    """Say nothing."""
    yield from ()


def of_wasserstein(found: Scored) -> Iterator[str]:
    """Say where a normed Wasserstein distance may be small although something changed."""
    from mlops_nb.stats import distances

    x = _numbers(found.old)
    spread = found.old.deviation if isinstance(found.old, Numbers) else 0.0
    if spread < distances.NORM_FLOOR:
        floor = distances.NORM_FLOOR
        yield f"its standard deviation is under {floor}, the least that the score is normed by"
    low, high = (float(x[int(share * (len(x) - 1))]) for share in (0.25, 0.75))
    # 1.349 standard deviations lie between the quartiles of a normal distribution.
    if high > low and spread > FAR_TAILS * (high - low) / 1.349:
        yield (
            "a few extreme values make its standard deviation many times that of the middle half, "
            "and so the score small"
        )
    yield from of_floats(found)


def of_floats(found: Scored) -> Iterator[str]:
    """Say where whole numbers are too large to be told apart as floats."""
    both = [sample for sample in (found.old, found.new) if isinstance(sample, Numbers)]
    if all(sample.finite.dtype.kind in "iu" for sample in both) and (
        max(abs(float(end)) for sample in both for end in sample.ends) >= 2**53
    ):
        yield "whole numbers from 2^53 on are compared as floats, which can't tell neighbours apart"


def of_bins(found: Scored) -> Iterator[str]:
    """Say where equal bins over the whole range hold nearly all values in one."""
    if isinstance(found.old, Levels):
        return
    p, q = shared_counts(found.old, found.new)
    fullest = float(min(p.max() / found.old.n, q.max() / found.new.n))
    if len(p) > 2 and fullest > 0.95 and int(p.argmax()) == int(q.argmax()):
        yield (
            f"a few extreme values stretch the bins: one of {len(p):,} holds {percent(fullest)} of "
            "both samples, and what changes within it is not seen"
        )
    yield from of_floats(found)


def of_von_mises(found: Scored) -> Iterator[str]:
    """Say where Evidently's own test can't be run."""
    from mlops_nb.stats.rank_tests import SMALL_VON_MISES

    if max(found.old.n, found.new.n) <= SMALL_VON_MISES:
        yield "Evidently's test fails for so few values; this is scipy's"
    yield from of_floats(found)


def of_mann_whitney(found: Scored) -> Iterator[str]:
    """Say where the values moved to the side on which Evidently does not look."""
    if _numbers(found.old).itemsize == _numbers(found.new).itemsize == 2:
        yield "Evidently adds up the ranks in 16 bits, too few for them; this is our score"
    if 1 - found.score < found.limit:
        yield "it moved down; as Evidently runs this test, it sees only values that move up"


def of_z_test(found: Scored) -> Iterator[str]:
    """Say what a Z-test does not compare, and where Evidently can't run it."""
    levels: list[Any] = list({**_levels(found.old), **_levels(found.new)})
    if len(levels) > 2:
        first = quoted(written(_first(found.old, found.new)))
        yield f"the Z-test compares {first} with the other {len(levels) - 1:,} levels together"
    try:
        sorted(levels)
    except Exception:  # noqa: BLE001 - values compare by their own code, which may raise anything
        yield "its values are of different types: Evidently can't compare them, this is our score"


def of_equal_sizes(found: Scored) -> Iterator[str]:
    """Say where Evidently would ask for samples of one size."""
    if found.old.n != found.new.n:
        yield (
            "Evidently runs this test only on samples of one size "
            f"({found.old.n:,} and {found.new.n:,} values here); this is our score"
        )


def of_total_variation(found: Scored) -> Iterator[str]:
    """Say where the random re-divisions are not those of Evidently."""
    if found.old.n + found.new.n > MOST_ROWS_DIVIDED or found.old.column is None:
        yield "its 1,000 random re-divisions are drawn from counts, and are not Evidently's own"
    if len({type(level) for level in (*_levels(found.old), *_levels(found.new))}) > 1:
        yield "Evidently takes its values, of different types, for texts; this is our score"
    elif _categories(found.old) != _categories(found.new):
        yield "Evidently can't compare categories that differ in this way; this is our score"


def _categories(sample: Sample) -> list[Any]:
    import pandas as pd

    dtype = None if sample.column is None else sample.column.series.dtype
    return sorted(dtype.categories, key=str) if isinstance(dtype, pd.CategoricalDtype) else []


def of_mean_discrepancy(found: Scored) -> Iterator[str]:
    """Say that the score is random, and of how many rows."""
    yield "a share of 100 random re-divisions; Evidently draws others every time"
    if any(_numbers(sample).dtype.kind in "iu" for sample in (found.old, found.new)):
        yield "Evidently squares whole numbers in their own type, which may overflow; we don't"
    most = MOST_ROWS_PAIRED // 2
    if max(found.old.n, found.new.n) > most:
        yield f"scored on at most {most:,} evenly spread rows of each frame"
