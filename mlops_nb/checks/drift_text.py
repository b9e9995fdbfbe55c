"""Drift of free text: whether a classifier can tell the texts of two frames apart.

Classifier, split, seeds and limits are those of Evidently 0.7.23 (its source:
``evidently/legacy/utils/data_drift_utils.py``), so that the scores are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift_methods as methods
from mlops_nb.checks.drift_methods import Comparison, Method
from mlops_nb.checks.drift_samples import Column, Sample, StoredColumn, UnjudgeableError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED = 42
GUESSES = 1000


def compare_texts(
    reference: Column | StoredColumn,
    current: Column,
    method: Method | None,
    threshold: float | None,
) -> Comparison:
    """Score two columns of text by how well a linear classifier tells them apart.

    The score is the area under its ROC curve on the half of the rows that it did not learn from:
    0.5 is a guess, 1 is certainty. The limit is such an area where the
    reference is large, or the method was chosen so. Where it is small, it is a share of random
    guesses on the same rows, whose area the classifier must beat.

    Raises
    ------
    UnjudgeableError
        If a column holds something else than text, or the texts have no words to learn from.
    """
    import numpy as np

    old, new = _texts(reference), _texts(current)
    labels, chances = _told_apart(old, new)
    score = _area(labels, chances)
    before = Sample(reference.frame, reference.rows, len(old), infinite=0, column=None)
    after = Sample(current.frame, current.rows, len(new), infinite=0, column=None)
    if method is None:
        few = len(old) <= methods.FEW_ROWS
        method = methods.TEXT_PERCENTILE if few else methods.TEXT_ABSOLUTE
    if method is methods.TEXT_ABSOLUTE:
        return methods.concluded(method, score, threshold, before, after)
    share = method.threshold if threshold is None else threshold
    guessed = float(np.percentile(_guessed_areas(labels), 100 * share))
    note = f"{share:.0%} of random guesses on the same rows reach {guessed:.3f} or less"
    return Comparison(method, score, share, score > guessed, before, after, (note,))


def _texts(column: Column | StoredColumn) -> NDArray[Any]:
    if isinstance(column, StoredColumn):
        return _stored_texts(column)
    texts = column.series.dropna().to_numpy(dtype=object)
    if not len(texts):
        raise UnjudgeableError(f"{column.frame} has no value in it")
    if not all(isinstance(text, str) for text in texts):
        kind = column.series.dtype
        raise UnjudgeableError(f"{column.frame} has values of type {kind} in it that are not text")
    return texts


def _stored_texts(column: StoredColumn) -> NDArray[Any]:
    import numpy as np

    if column.texts is not None:
        return np.array(column.texts, dtype=object)
    # Texts that were few when the profile was made are kept as levels.
    counts = {} if column.levels is None else column.levels.counts
    if not counts or not all(isinstance(level, str) for level in counts):
        problem = column.problem or "has no text in it"
        raise UnjudgeableError(f"{column.frame} {problem}")
    return np.repeat(np.array(list(counts), dtype=object), list(counts.values()))


def _told_apart(old: NDArray[Any], new: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return, for the rows of the unseen half, which frame they are from and the guess at it."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import SGDClassifier
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline

    texts = np.concatenate([old, new])
    labels = np.repeat([0, 1], [len(old), len(new)])
    classifier = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, max_df=0.5, stop_words="english"),
        SGDClassifier(
            alpha=0.0001, max_iter=50, penalty="l1", loss="modified_huber", random_state=SEED
        ),
    )
    try:
        learned, unseen, learned_labels, unseen_labels = train_test_split(
            texts, labels, test_size=0.5, random_state=SEED, shuffle=True
        )
        classifier.fit(learned, learned_labels)
    except ValueError as error:  # too few texts to split, or no words in them
        raise UnjudgeableError(f"its texts can't be learned from: {error}") from None
    if not 0 < unseen_labels.sum() < len(unseen_labels):
        raise UnjudgeableError("it has too few texts to learn from one half and judge the other")
    return unseen_labels, classifier.predict_proba(unseen)[:, 1]


def _area(labels: NDArray[Any], scores: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve, by the ranks of the scores (Mann-Whitney)."""
    from scipy.stats import rankdata

    positives = int(labels.sum())
    ranks = float(rankdata(scores)[labels == 1].sum())
    least = positives * (positives + 1) / 2
    return (ranks - least) / (positives * (len(labels) - positives))


def _guessed_areas(labels: NDArray[Any]) -> list[float]:
    # A legacy generator, seeded anew for each guess, since that is what Evidently draws from.
    import numpy as np

    seeds = np.random.RandomState(SEED).randint(0, GUESSES * 10, size=GUESSES)
    return [_area(labels, np.random.RandomState(seed).rand(len(labels))) for seed in seeds]
