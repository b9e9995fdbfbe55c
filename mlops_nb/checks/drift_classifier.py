"""Multivariate drift: whether a classifier can tell the rows of two frames apart.

A domain classifier, or classifier two-sample test (Lopez-Paz and Oquab 2017, "Revisiting classifier
two-sample tests"), sees what no single column shows, such as a correlation that turned round. Its
score is the area under the ROC curve (AUC) on rows that it did not learn from, by cross-validation:
0.5 is a guess, 1 is certainty.

Boosted trees take mixed columns, missing values and any scale as they are. The threshold is that
of NannyML's domain classifier: its `DomainClassifierCalculator` alerts above 0.65. (Evidently's
classifier of texts has 0.55; so little passes for the ordinary difference between two months.)
An AUC of 0.65 needs distributions whose total variation distance is 0.16 at least. It is held
against the threshold with its interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_columns import is_of_values
from mlops_nb.checks.drift_evidence import is_number
from mlops_nb.checks.drift_features import Feature, read_features
from mlops_nb.checks.drift_samples import Pair, UnjudgeableError
from mlops_nb.checks.verdicts import against
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Finding, Status
from mlops_nb.core.words import number, percent, quoted, shortened, written

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AUC = "domain_classifier_auc"
THRESHOLD = 0.65
CONFIDENCE = 0.95
FOLDS = 5
SEED = 0
ROWS = 20_000  # of each frame, at most
CELLS = 2_000_000  # of both frames together, at most, unless that leaves fewer than FEW rows
LEAST = 50  # rows of each frame, from which there is something to learn at all
FEW = 500  # rows of each frame, up to which a classifier may not see what there is to be seen
SCREENED = 50  # columns, of more of which only the KEPT that look best are measured on every fold
KEPT = 20
PERMUTED = 4_000  # held-out rows of a fold on which columns are permuted
SLIGHT = 0.001  # a smaller drop is chance


def refuse_threshold(threshold: float) -> None:
    """Refuse what no AUC can be held against.

    Raises
    ------
    InputError
    """
    if not is_number(threshold) or not 0.5 <= threshold <= 1:
        raise InputError(f"auc_threshold must be from 0.5 (a guess) to 1, not {threshold!r}")


def tell_apart(
    pairs: Sequence[Pair],
    kinds: Mapping[str, str],
    *,
    threshold: float = THRESHOLD,
    confidence: float = CONFIDENCE,
) -> Finding:
    """Train a classifier to tell reference rows from current rows, and judge by its AUC.

    Parameters
    ----------
    pairs : sequence of Pair
        The columns of both frames, as series.
    kinds : mapping of str to str
        The type that each column is read as.
    threshold : float, in [0.5, 1]
        1 only tells the AUC: it never fails.
    confidence : float, in (0, 1)

    Returns
    -------
    Finding
        `domain_classifier_auc`: *fail* if all of its interval is above the threshold, *pass* if
        all of it is below and both frames have `FEW` rows, else *insufficient*; without a value
        where there is nothing to learn from. `evidence` has ``interval``, ``confidence``,
        ``classifier``, ``folds``, ``seed``, ``n_reference`` and ``n_current`` (rows learned from),
        ``n_columns``, ``importances`` (a list of ``column`` and ``drop``: by how much the AUC
        falls when the column is permuted among the held-out rows; from 0.001 on, the largest
        first; empty where the AUC may be that of guessing), ``passed_over`` (a reason by column),
        ``sentence`` and, where there is something to know, ``note``.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> x = pd.Series(np.arange(600) % 100)
    >>> found = tell_apart([Pair("age", x, x + 60)], {"age": "num"})
    >>> found.status, [each["column"] for each in found.evidence["importances"]]
    ('fail', ['age'])
    """
    sampled, notes = _sampled(pairs)
    rows = _Rows.read(sampled, kinds)
    notes += rows.notes
    evidence: dict[str, Any] = {
        "classifier": "HistGradientBoostingClassifier",
        "folds": FOLDS,
        "seed": SEED,
        "n_reference": rows.n_reference,
        "n_current": rows.n_current,
        "n_columns": len(rows.columns),
        "passed_over": dict(rows.passed_over),
    }
    problem = ""
    if min(rows.n_reference, rows.n_current) < LEAST:
        problem = f"fewer than {LEAST} rows in one of the frames"
    elif not rows.features:
        problem = "there is no column to learn from"
    if problem:
        evidence |= {"sentence": f"no classifier could be trained: {problem}"}
        evidence |= {"importances": [], "note": "; ".join([*notes, problem])}
        return Finding(AUC, None, None, threshold, "insufficient", evidence)
    auc, ends, importances = _learned(rows, confidence)
    status, note = _judged(ends, threshold, confidence, rows)
    notes += [note] if note else []
    evidence |= {
        "interval": list(ends),
        "confidence": confidence,
        "importances": importances,
        "sentence": _sentence(auc, threshold, status, importances),
        **({"note": "; ".join(notes)} if notes else {}),
    }
    return Finding(AUC, None, auc, threshold, status, evidence)


def _sampled(pairs: Sequence[Pair]) -> tuple[list[Pair], list[str]]:
    """Return the pairs with no more rows than a classifier is trained on in seconds."""
    import numpy as np

    rng = np.random.default_rng(SEED)
    most = min(ROWS, max(FEW, CELLS // (2 * max(len(pairs), 1))))
    chosen: list[Any] = []
    notes = []
    for side, name in enumerate(("reference", "current")):
        n = max((len(s) for p in pairs if (s := p.sides[side]) is not None), default=0)
        if n <= most:
            chosen.append(slice(None))
            continue
        chosen.append(np.sort(rng.choice(n, most, replace=False)))
        notes.append(f"the classifier learned from {most:,} of {n:,} {name} rows, drawn at random")
    cut = []
    for pair in pairs:
        old, new = (
            None if series is None else series.iloc[rows]
            for series, rows in zip(pair.sides, chosen, strict=True)
        )
        cut.append(replace(pair, reference=old, current=new))
    return cut, notes


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of both frames as a classifier takes them, the reference's first."""

    n_reference: int
    n_current: int
    features: list[Feature]
    passed_over: Mapping[str, str]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, pairs: Sequence[Pair], kinds: Mapping[str, str]) -> _Rows:
        features, passed_over, notes = [], {}, []
        for pair in pairs:
            try:
                read, note = read_features(pair, kinds[pair.name])
            except UnjudgeableError as error:
                passed_over[pair.name] = str(error)
            except Exception as error:
                if not is_of_values(error, *pair.sides):
                    raise
                told = shortened(written(error))
                passed_over[pair.name] = f"its values can't be compared: {told}"
            else:
                features += read
                notes += [note] if note else []
        if passed_over:
            told = ", ".join(quoted(name) for name in list(passed_over)[:3])
            more = f" and {len(passed_over) - 3:,} more" if len(passed_over) > 3 else ""
            reason = f" ({next(iter(passed_over.values()))})" if len(passed_over) == 1 else ""
            notes.append(f"the classifier passed over {told}{more}{reason}")
        lengths = [
            max((len(s) for p in pairs if (s := p.sides[side]) is not None), default=0)
            for side in (0, 1)
        ]
        return cls(lengths[0], lengths[1], features, passed_over, notes)

    @property
    def columns(self) -> list[str]:
        return list(dict.fromkeys(feature.column for feature in self.features))

    def of_column(self, name: str) -> NDArray[np.intp]:
        import numpy as np

        return np.flatnonzero([feature.column == name for feature in self.features])


@dataclass(frozen=True, slots=True)
class _Fold:
    """A classifier, rows that it did not learn from, and its AUC on them."""

    classifier: Any
    unseen: Floats
    labels: NDArray[np.intp]
    auc: float

    @classmethod
    def of(cls, classifier: Any, unseen: Floats, labels: NDArray[np.intp]) -> _Fold:
        return cls(classifier, unseen, labels, _area(classifier, unseen, labels))

    def drop(self, places: NDArray[np.intp]) -> float:
        """Return by how much the AUC falls when some features are permuted, all alike."""
        import numpy as np

        order = np.random.default_rng(SEED).permutation(len(self.unseen))
        permuted = self.unseen.copy()
        permuted[:, places] = self.unseen[np.ix_(order, places)]
        return self.auc - _area(self.classifier, permuted, self.labels)


def _area(classifier: Any, rows: Floats, labels: NDArray[np.intp]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, classifier.decision_function(rows)))


def _learned(
    rows: _Rows, confidence: float
) -> tuple[float, tuple[float, float], list[dict[str, Any]]]:
    """Return the AUC on unseen rows, its interval, and what each column adds to it."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    from mlops_nb.stats.ranking import cross_validated_auc

    table = np.column_stack([feature.values for feature in rows.features])
    labels = np.repeat([0, 1], [rows.n_reference, rows.n_current])
    scores, fold_of = np.empty(len(labels)), np.empty(len(labels), dtype=np.intp)
    folds = []
    # Its threads wait for each other in a loop: on busy cores two are ten times slower than one.
    with threadpool_limits(1, user_api="openmp"):
        splits = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(table, labels)
        for at, (learned, unseen) in enumerate(splits):
            classifier = _classifier(rows).fit(table[learned], labels[learned])
            scores[unseen], fold_of[unseen] = classifier.decision_function(table[unseen]), at
            some = unseen[:: -(-len(unseen) // PERMUTED)]
            folds.append(_Fold.of(classifier, table[some], labels[some]))
        auc, low, high = cross_validated_auc(labels, scores, fold_of, confidence)
        importances = _importances(rows, folds) if low > 0.5 else []
    return auc, (low, high), importances


def _classifier(rows: _Rows) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=50,
        max_leaf_nodes=15,
        early_stopping=False,
        categorical_features=[feature.is_levels for feature in rows.features],
        random_state=SEED,
    )


def _importances(rows: _Rows, folds: list[_Fold]) -> list[dict[str, Any]]:
    import numpy as np

    columns = rows.columns
    if len(columns) > SCREENED:
        columns = sorted(columns, key=lambda c: folds[0].drop(rows.of_column(c)), reverse=True)
        columns = columns[:KEPT]
    drops = {c: float(np.mean([fold.drop(rows.of_column(c)) for fold in folds])) for c in columns}
    ranked = sorted(drops, key=lambda column: drops[column], reverse=True)
    return [{"column": c, "drop": drops[c]} for c in ranked if drops[c] >= SLIGHT]


def _judged(
    ends: tuple[float, float], threshold: float, confidence: float, rows: _Rows
) -> tuple[Status, str]:
    if threshold == 1:
        return "pass", ""
    status = against(threshold, *ends, higher_is_better=False)
    if status == "insufficient":
        low, high = (number(end) for end in ends)
        sure = percent(confidence)
        return status, f"too few rows to say: its AUC may be {low} to {high} ({sure})"
    if status == "pass" and min(rows.n_reference, rows.n_current) < FEW:
        return "insufficient", (
            f"a classifier that learns from fewer than {FEW} rows of each frame may miss drift"
        )
    return status, ""


def _sentence(
    auc: float, threshold: float, status: Status, importances: Sequence[Mapping[str, Any]]
) -> str:
    score = f"AUC {number(auc)}, limit {number(threshold)}"
    if status == "insufficient":
        return f"too few rows to say whether a classifier tells the frames apart ({score})"
    if status == "pass" and importances:
        return f"a classifier tells the frames apart no better than is allowed ({score})"
    if status == "pass":
        return f"a classifier can't tell the frames apart ({score})"
    text = f"a classifier tells the current rows from the reference ({score})"
    drivers = [quoted(column) for column in _drivers(importances)]
    if not drivers:
        return text
    if len(drivers) == 1:
        return f"{text}: {drivers[0]} gives most of it away"
    return f"{text}: {', '.join(drivers[:-1])} and {drivers[-1]} give most of it away"


def _drivers(importances: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the fewest columns, three at most, that make up two thirds of all that they add."""
    total, found = sum(each["drop"] for each in importances), 0.0
    named: list[str] = []
    for each in importances[:3]:
        if found >= total * 2 / 3:
            break
        named.append(each["column"])
        found += each["drop"]
    return named
