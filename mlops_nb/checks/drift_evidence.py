"""What stands behind a column's drift score: its interval, and p-values adjusted for being many.

A distance is held against its threshold with its bootstrap interval. A p-value says nothing of
what few rows could have missed, so beside it stands the interval of a plain distance, Kolmogorov
and Smirnov's of numbers, the total variation of levels: the share of rows that moved. An alarm
counts where that is certainly more than 0 (the default tests of levels alarm too easily where some
are rare); a column without an alarm passes once it is certainly under `MISSED`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_methods import METHODS, Comparison, Method
from mlops_nb.checks.drift_samples import Levels, Numbers
from mlops_nb.checks.drift_scores import shared_counts
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Finding, Status
from mlops_nb.core.words import number, percent

if TYPE_CHECKING:
    from mlops_nb.stats.distance_intervals import Distance, Floats

CORRECTIONS = ("none", "holm", "bh")
MISSED = 0.1  # a share of rows that may move unseen by a test
SEED = 0


def is_number(value: object) -> bool:
    """Tell whether a value can be held against a limit."""
    return isinstance(value, Real)


def refuse_unknown(confidence: float, correction: str, share: float = 0.5) -> None:
    """Refuse a confidence or a share that is none, and an unknown correction.

    Raises
    ------
    InputError
    """
    if not is_number(confidence) or not 0 <= confidence < 1:
        raise InputError(
            f"min_evidence must be from 0 to below 1, such as 0.95, not {confidence!r}"
        )
    if correction not in CORRECTIONS:
        raise NotFoundError.among("correction", correction, CORRECTIONS)
    if not is_number(share) or not 0 <= share <= 1:
        raise InputError(f"share must be between 0 and 1, not {share!r}")


def interval(found: Comparison, confidence: float) -> dict[str, Any]:
    """Return the evidence ``interval`` and ``confidence``.

    Beside a p-value there is what the ``interval_of`` is, the ``distance`` itself, and the
    ``distance_limit`` under which it passes.

    Nothing for texts, whose classifier would have to learn anew for each draw.
    """
    import numpy as np

    from mlops_nb.stats.distance_intervals import distance_interval

    if not isinstance(found.reference, Numbers | Levels):
        return {}
    distance, before, after, name = _distance(found)
    rng = np.random.default_rng(SEED)
    value = found.score
    if name:
        value = float(distance(before / before.sum(), after / after.sum()))
    ends = distance_interval(distance, before, after, value, confidence, rng)
    evidence: dict[str, Any] = {"interval": list(ends), "confidence": confidence}
    if not name:
        return evidence
    return {**evidence, "interval_of": name, "distance": value, "distance_limit": MISSED}


def _distance(found: Comparison) -> tuple[Distance, Floats, Floats, str]:
    """Return what the interval is of, the counts behind it, and its name if it's not the score."""
    from mlops_nb.stats import distance_intervals as over

    old, new = found.reference, found.current
    by_key: dict[str, Distance] = {
        "jensenshannon": over.jensen_shannon,
        "hellinger": over.hellinger,
        "kl_div": over.kullback_leibler,
        "psi": over.population_stability_index,
    }
    if found.method.key in by_key:
        return (by_key[found.method.key], *shared_counts(old, new), "")
    if isinstance(old, Numbers) and isinstance(new, Numbers):
        before, after, means = old.grid_with(new)
        if found.method.key == "wasserstein":
            return over.wasserstein_over(means), before, after, ""
        if found.method.key == "ed":
            return over.energy_over(means), before, after, ""
        return over.kolmogorov_smirnov, before, after, "Kolmogorov-Smirnov distance"
    return (over.total_variation, *shared_counts(old, new), "total variation distance")


def settle(findings: Sequence[Finding], confidence: float, correction: str) -> list[Finding]:
    """Decide by the evidence that was asked for; `evidence.drifted` stays Evidently's verdict."""
    if not confidence and correction == "none":
        return list(findings)
    adjusted = _adjusted(findings, correction)
    return [_settled(found, adjusted.get(at)) for at, found in enumerate(findings)]


def _adjusted(findings: Sequence[Finding], correction: str) -> dict[int, Finding]:
    """Return the findings of p-values with these adjusted, by their position."""
    from mlops_nb.stats import corrections

    if correction == "none":
        return {}
    tested = [at for at, found in enumerate(findings) if _is_p_value(found)]
    adjust = corrections.holm if correction == "holm" else corrections.benjamini_hochberg
    values = adjust([findings[at].value for at in tested]).tolist() if tested else []
    told = {"correction": correction, "tests": len(tested)}
    return {
        at: replace(findings[at], evidence={**findings[at].evidence, **told, "p_adjusted": p_value})
        for at, p_value in zip(tested, values, strict=True)
    }


def _settled(found: Finding, corrected: Finding | None) -> Finding:
    finding = corrected or found
    if finding.value is None or finding.limit is None:
        return finding
    method = METHODS[finding.evidence["method"]]
    score = finding.evidence.get("p_adjusted", finding.value)
    alarm = bool(method.alarms(score, finding.limit))
    status, notes = _status(finding, method, alarm)
    if corrected and alarm != finding.evidence["drifted"]:
        notes.append(
            f"no drift after correction for {finding.evidence['tests']:,} tests "
            f"({finding.evidence['correction']}): p = {number(score)}"
        )
    if not notes:
        return replace(finding, status=status)
    before = [finding.evidence["note"]] if finding.evidence.get("note") else []
    evidence = {**finding.evidence, "note": "; ".join([*before, *notes])}
    return replace(finding, status=status, evidence=evidence)


def _status(finding: Finding, method: Method, alarm: bool) -> tuple[Status, list[str]]:
    ends = finding.evidence.get("interval")
    if ends is None:
        return ("fail" if alarm else "pass"), []
    low, high = ends
    sure = percent(finding.evidence["confidence"])
    if method.is_p_value:
        if low > 0 if alarm else high < MISSED:
            return ("fail" if alarm else "pass"), []
        what = finding.evidence["interval_of"]
        may_be = "0" if alarm else f"up to {number(high)}, and the test would miss it"
        return "insufficient", [f"too few rows to say: the {what} may be {may_be} ({sure})"]
    limit = finding.limit or 0.0
    if high < limit or low >= limit:
        return ("fail" if low >= limit else "pass"), []
    return "insufficient", [
        f"too few rows to say: its score may be {number(low)} to {number(high)} ({sure})"
    ]


def _is_p_value(finding: Finding) -> bool:
    return finding.value is not None and METHODS[finding.evidence["method"]].is_p_value
