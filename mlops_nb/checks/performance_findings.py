"""What a performance finding says: a metric's value and interval, its verdict, what is drawn of it.

Where nearly all of the weight is on a few rows, their draws hardly differ, and no limit is decided.

A metric of the user's own, of which nothing is known, is judged with more care than the others: not
with fewer than `MINIMUM` rows, and not where a draw has no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import own_metrics
from mlops_nb.checks.batches import Batches
from mlops_nb.checks.fairness_table import MINIMUM
from mlops_nb.checks.metrics import METRICS
from mlops_nb.checks.metrics_over_time import with_batches
from mlops_nb.checks.own_metrics import Function
from mlops_nb.checks.rows import Bootstrap, Rows, measure
from mlops_nb.checks.verdicts import against
from mlops_nb.core.records import Finding
from mlops_nb.core.words import plural, shortened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_CLASSES_SHOWN = 20
ROC_POINTS = 50
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class Asked:
    """What is measured, and what is to be sure.

    Parameters
    ----------
    limits : mapping of str to float or None
        Each metric, and its limit if it has one.
    bootstrap : Bootstrap
    functions : mapping of str to callable
        Those of the metrics that are the user's own.
    by_score : bool
        Whether there is a score and no prediction.
    """

    limits: Mapping[str, float | None]
    bootstrap: Bootstrap
    functions: Mapping[str, Function] = field(default_factory=dict)
    by_score: bool = False


def judged(rows: Rows, asked: Asked) -> list[Finding]:
    """Return each metric of the rows, held against its limit."""
    measured = measure(rows, asked.bootstrap, [n for n in asked.limits if n not in asked.functions])
    return [
        _own(metric, limit, rows, asked)
        if metric in asked.functions
        else _finding(metric, measured[metric], limit, rows, asked.bootstrap)
        for metric, limit in asked.limits.items()
    ]


def over_time(
    findings: Sequence[Finding], rows: Rows, asked: Asked, batches: Batches
) -> list[Finding]:
    """Return the findings with what each batch came to."""
    codes = batches.codes(len(rows.kept))[rows.kept]
    parts = [rows.take((codes == place).nonzero()[0]) for place in range(len(batches.each))]
    of_each = [judged(part, asked) for part in parts]
    sizes = [len(part.truth) for part in parts]
    return [
        with_batches(finding, batches.each, [found[at] for found in of_each], sizes)
        for at, finding in enumerate(findings)
    ]


def drawn(findings: Sequence[Finding], rows: Rows) -> list[Finding]:
    """Return the findings with what a panel needs to draw them."""
    return [
        replace(found, evidence={**found.evidence, **_drawing(found.name, rows)})
        for found in findings
    ]


def notes_of(asked: Asked) -> list[str]:
    """Say which metrics take the slow path, and what that means."""
    if not asked.functions:
        return []
    names = ", ".join(shortened(name) for name in asked.functions)
    draws = min(asked.bootstrap.draws, own_metrics.DRAWS)
    return [f"{names}: called for each draw of the rows, which is slow; there are {draws:,} draws."]


def _finding(
    metric: str,
    measured: tuple[float, Floats],
    limit: float | None,
    rows: Rows,
    bootstrap: Bootstrap,
) -> Finding:
    facts, (value, draws) = METRICS[metric], measured
    low, high = bootstrap.interval(draws, value, facts.low, facts.high)
    status = against(limit, low, high, higher_is_better=facts.higher_is_better)
    doubt = "" if limit is None else _heavy(rows)
    return Finding(
        name=metric,
        value=value,
        limit=limit,
        status="insufficient" if doubt or rows.are_without_weight else status,
        evidence={
            "interval": [low, high],
            "confidence": bootstrap.confidence,
            "n": len(rows.truth),
            "higher_is_better": facts.higher_is_better,
            "metric_note": facts.note,
            **({"note": doubt} if doubt else {}),
        },
    )


def _own(metric: str, limit: float | None, rows: Rows, asked: Asked) -> Finding:
    """Judge a function of the user's own."""
    import numpy as np

    n, bootstrap, function = len(rows.truth), asked.bootstrap, asked.functions[metric]
    values = rows.values(by_score=asked.by_score)
    counted = np.arange(0 if rows.are_without_weight else n)
    whole, draws = own_metrics.draw(
        metric, function, values, [counted], bootstrap.draws, bootstrap.seed
    )
    value, known = float(whole[0]), draws[np.isfinite(draws)]
    low, high = bootstrap.interval(known, value) if len(known) else (value, value)
    higher = own_metrics.higher_is_better(metric, function)
    doubt = _doubt(metric, value, len(counted), len(draws) - len(known), len(draws))
    doubt = doubt or _heavy(rows)
    status = against(limit, low, high, higher_is_better=bool(higher))
    if not len(counted) or (doubt and limit is not None):
        status = "insufficient"
    return Finding(
        name=metric,
        value=value,
        limit=limit,
        status=status,
        evidence={
            "interval": [low, high],
            "confidence": bootstrap.confidence,
            "n": n,
            "higher_is_better": higher,
            "metric_note": "A function of one's own.",
            "method": own_metrics.method(metric, bootstrap.draws, "draw of the rows"),
            "note": doubt or _unspread(known),
        },
    )


def _doubt(metric: str, value: float, rows: int, without: int, draws: int) -> str:
    """Say why nothing can be held against a limit; "" where it can."""
    if not rows:
        return ""
    if not isfinite(value):
        return f"{shortened(metric)} returned {value} for {plural(rows, 'row')}: no finite number."
    if rows < MINIMUM:
        return f"{plural(rows, 'row')} are too few to judge by ({MINIMUM} are needed)."
    if without:
        return f"{without} of {draws} draws have no finite value: a limit decides nothing."
    return ""


def _heavy(rows: Rows) -> str:
    """Say that nearly all of the weight is on a few rows; "" where it is not."""
    n, equal = len(rows.truth), round(rows.effective_rows)
    if rows.are_without_weight or equal >= min(n / 2, MINIMUM):
        return ""
    return (
        f"A few rows have nearly all of the weight: {plural(n, 'row')} tell as much as "
        f"{plural(max(equal, 1), 'equal one')}, and {MINIMUM} are needed to judge by."
    )


def _unspread(draws: Floats) -> str:
    if len(draws) and draws.min() == draws.max():
        return "All draws came to the same: what no row shows, no draw can."
    return ""


def _drawing(metric: str, rows: Rows) -> dict[str, Any]:
    """Return what a panel needs to draw the metric."""
    from mlops_nb.stats.ranking import Ranking, calibration

    if rows.are_without_weight:
        return {}

    if metric == "roc_auc" and rows.score is not None and _has_both(rows):
        fpr, tpr = Ranking(rows.truth, rows.score).roc(ROC_POINTS, rows.weights)
        return {"roc": {"fpr": fpr.tolist(), "tpr": tpr.tolist()}}
    if metric == "brier" and rows.score is not None:
        predicted, observed, n = calibration(rows.truth, rows.score, CALIBRATION_BINS, rows.weights)
        shown = {"predicted": predicted, "observed": observed, "n": n}
        return {"calibration": {name: each.tolist() for name, each in shown.items()}}
    if metric == "accuracy" and len(rows.classes) <= MAX_CLASSES_SHOWN:
        return {"confusion": _confusion(rows)}
    return {}


def _confusion(rows: Rows) -> dict[str, Any]:
    classified = rows.classified
    return {
        "classes": list(rows.classes),
        "counts": classified.counts[0].tolist(),
        **({} if rows.weights is None else {"weights": classified.table[0].tolist()}),
    }


def _has_both(rows: Rows) -> bool:
    """Tell whether rows of both classes count."""
    counted = rows.truth if rows.weights is None else rows.truth[rows.weights > 0]
    return bool(0 < counted.sum() < len(counted))
