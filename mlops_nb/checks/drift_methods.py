"""The table of drift methods, the choice among them, and the comparison of two columns.

Names, thresholds, directions, types and the automatic choice are those of Evidently 0.7.23 (its
source: ``evidently/legacy/calculations/stattests``; the choice is ``_get_default_stattest``).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlops_nb.checks import drift_scores as scores
from mlops_nb.checks.drift_samples import (
    FEW_VALUES,
    Column,
    Levels,
    Numbers,
    Sample,
    StoredColumn,
    UnjudgeableError,
    few_levels,
    read_levels,
    read_numbers,
)
from mlops_nb.core.errors import NotFoundError

FEW_ROWS = 1000  # references up to here are tested for a p-value, larger ones get a distance

Alarm = Callable[[float, float], bool]
Score = Callable[[Sample, Sample], float]
Notes = Callable[[scores.Scored], Iterator[str]]

NUM, CAT, TEXT = frozenset({"num"}), frozenset({"cat"}), frozenset({"text"})


@dataclass(frozen=True, slots=True)
class Method:
    """A way to score drift.

    Parameters
    ----------
    key : str
        What one chooses it by, Evidently's short name.
    name : str
        What Evidently displays.
    threshold : float
        The default.
    alarms : callable
        Takes score and threshold, and says whether that is drift.
    kinds : frozenset of str
        The types of columns that it is for: num, cat, text.
    score : callable
        Takes both samples. Texts have none: a classifier compares them (`drift_text`).
    notes : callable
        What to know about a score.
    """

    key: str
    name: str
    threshold: float
    alarms: Alarm
    kinds: frozenset[str]
    score: Score = scores.by_classifier
    notes: Notes = scores.no_notes

    @property
    def is_p_value(self) -> bool:
        """Whether it is small scores that mean drift."""
        return self.alarms in (operator.lt, operator.le)


BELOW, UP_TO, ABOVE, FROM = operator.lt, operator.le, operator.gt, operator.ge

KS = Method("ks", "K-S p_value", 0.05, UP_TO, NUM, scores.ks, scores.of_floats)
CHI_SQUARE = Method("chisquare", "chi-square p_value", 0.05, BELOW, CAT, scores.chi_square)
Z_TEST = Method("z", "Z-test p_value", 0.05, BELOW, CAT, scores.z_test, scores.of_z_test)
WASSERSTEIN = Method(
    "wasserstein",
    "Wasserstein distance (normed)",
    0.1,
    FROM,
    NUM,
    scores.wasserstein,
    scores.of_wasserstein,
)
JENSEN_SHANNON = Method(
    "jensenshannon",
    "Jensen-Shannon distance",
    0.1,
    FROM,
    NUM | CAT,
    scores.jensen_shannon,
    scores.of_bins,
)
TEXT_PERCENTILE = Method(
    "perc_text_content_drift", "Percentile text content drift", 0.95, ABOVE, TEXT
)
TEXT_ABSOLUTE = Method("abs_text_content_drift", "Absolute text content drift", 0.55, ABOVE, TEXT)

_ALL = (
    KS,
    CHI_SQUARE,
    Z_TEST,
    WASSERSTEIN,
    JENSEN_SHANNON,
    Method("anderson", "Anderson-Darling", 0.1, BELOW, NUM, scores.anderson, scores.of_floats),
    Method(
        "cramer_von_mises",
        "Cramer-von Mises",
        0.1,
        UP_TO,
        NUM,
        scores.cramer_von_mises,
        scores.of_von_mises,
    ),
    Method("ed", "Energy-distance", 0.1, ABOVE, NUM, scores.energy, scores.of_floats),
    Method("es", "Epps-Singleton", 0.05, BELOW, NUM, scores.epps_singleton, scores.of_floats),
    Method(
        "mannw",
        "Mann-Whitney U-rank test",
        0.05,
        BELOW,
        NUM,
        scores.mann_whitney,
        scores.of_mann_whitney,
    ),
    Method("t_test", "t_test", 0.05, BELOW, NUM, scores.t_test, scores.of_floats),
    Method(
        "empirical_mmd",
        "empirical_mmd",
        0.1,
        BELOW,
        NUM,
        scores.mean_discrepancy,
        scores.of_mean_discrepancy,
    ),
    Method(
        "hellinger",
        "Hellinger distance",
        0.1,
        FROM,
        NUM | CAT,
        scores.hellinger,
        scores.of_bins,
    ),
    Method(
        "kl_div", "Kullback-Leibler divergence", 0.1, FROM, NUM | CAT, scores.kl_div, scores.of_bins
    ),
    Method("psi", "PSI", 0.1, FROM, NUM | CAT, scores.psi, scores.of_bins),
    Method(
        "fisher_exact",
        "Fisher's Exact test",
        0.1,
        BELOW,
        CAT,
        scores.fisher_exact,
        scores.of_equal_sizes,
    ),
    Method("g_test", "g_test", 0.1, BELOW, CAT, scores.g_test, scores.of_equal_sizes),
    Method(
        "TVD",
        "Total-Variation-Distance",
        0.1,
        BELOW,
        CAT,
        scores.total_variation,
        scores.of_total_variation,
    ),
    TEXT_PERCENTILE,
    TEXT_ABSOLUTE,
)
METHODS = {method.name: method for method in _ALL}
BY_KEY = {method.key: method for method in _ALL}


def method_called(name: str) -> Method:
    """Return the method of Evidently's short name, or of the one that it displays.

    Raises
    ------
    NotFoundError
        If there is none; the nearest is named.

    Examples
    --------
    >>> method_called("psi").name, method_called("K-S p_value").key
    ('PSI', 'ks')
    """
    found = BY_KEY.get(name) or METHODS.get(name)
    if found is None:
        raise NotFoundError.among("drift method", name, BY_KEY)
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """The score of one column, the limit it is held against, and the samples behind it."""

    method: Method
    score: float
    limit: float
    drifted: bool
    reference: Sample
    current: Sample
    notes: tuple[str, ...] = ()


def compare(
    kind: str,
    reference: Column | StoredColumn,
    current: Column,
    method: Method | None = None,
    threshold: float | None = None,
) -> Comparison:
    """Score two columns of numbers ("num"), or two columns level by level ("cat").

    Without a `method`, Evidently's choice by the reference's size is taken, and numbers with few
    distinct values are compared level by level.

    Raises
    ------
    UnjudgeableError
        If one of them holds no value of that kind, or the method has no score for them.
    """
    old: Sample
    new: Sample
    if kind == "num":
        old = read_numbers(reference)
        new = read_numbers(current, like=old)
    else:
        old, new = read_levels(reference), read_levels(current)
    if method is None:
        method, old, new = _chosen(old, new)
    return compare_samples(method, old, new, threshold)


def compare_samples(
    method: Method, old: Sample, new: Sample, threshold: float | None
) -> Comparison:
    """Score two samples by a method.

    Raises
    ------
    UnjudgeableError
        If it has no score for them.
    """
    limit = method.threshold if threshold is None else threshold
    score, notes = _scored(method, old, new)
    return concluded(
        method,
        score,
        threshold,
        old,
        new,
        *notes,
        *method.notes(scores.Scored(old, new, score, limit)),
    )


def _chosen(old: Sample, new: Sample) -> tuple[Method, Sample, Sample]:
    """Return the method that Evidently takes by default, and the samples as it compares them."""
    if isinstance(old, Numbers) and isinstance(new, Numbers):
        few = (few_levels(old), few_levels(new))
        if few[0] is None or few[1] is None or len({*few[0].counts, *few[1].counts}) > FEW_VALUES:
            return default_of_numbers(old), old, new
        old, new = few[0], few[1]
    return _default_of_counts(old, new), old, new


def default_of_numbers(old: Sample) -> Method:
    """Return the method that Evidently takes for numbers."""
    return KS if old.n <= FEW_ROWS else WASSERSTEIN


def default_of_levels(old: Levels, new: Levels) -> Method:
    """Return the method that Evidently takes for levels."""
    return _default_of_counts(old, new)


def _default_of_counts(old: Sample, new: Sample) -> Method:
    if old.n > FEW_ROWS:
        return JENSEN_SHANNON
    return CHI_SQUARE if len(scores.shared_counts(old, new)[0]) > 2 else Z_TEST


def _scored(method: Method, old: Sample, new: Sample) -> tuple[float, tuple[str, ...]]:
    import numpy as np

    try:
        with np.errstate(all="ignore"):  # what overflows is no finite score, which is told
            score, reason = method.score(old, new), "its score is not a number"
    except ValueError as error:
        score, reason = math.nan, str(error)
    if math.isfinite(score):
        return score, ()
    if not _same_constant(old, new):
        too_large = "its values are too large: the score is not a finite number"
        raise UnjudgeableError(too_large if reason.startswith("its score") else reason)
    note = f"{method.name} can't compare one value with itself ({reason}): it has not drifted"
    return (1.0 if method.is_p_value else 0.0), (note,)


def _same_constant(old: Sample, new: Sample) -> bool:
    if isinstance(old, Numbers) and isinstance(new, Numbers):
        return bool(old.ends[0] == old.ends[1] == new.ends[0] == new.ends[1])
    return len(scores.shared_counts(old, new)[0]) == 1


def concluded(
    method: Method,
    score: float,
    threshold: float | None,
    reference: Sample,
    current: Sample,
    *notes: str,
) -> Comparison:
    """Hold a score against its limit, the method's own unless `threshold` is given."""
    limit = method.threshold if threshold is None else threshold
    left_out = tuple(
        f"infinite values of {sample.frame} were left out ({sample.infinite:,}), as Evidently does "
        "for the column, but not for its share"
        for sample in (reference, current)
        if sample.infinite
    )
    drifted = bool(method.alarms(score, limit))
    return Comparison(method, score, limit, drifted, reference, current, left_out + notes)
