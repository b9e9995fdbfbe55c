"""Metrics over time: what each batch came to beside all rows, the same for every judged metric.

Each batch is judged by its own rows, as if it were alone, with the classes and limits of all rows.
Of many batches that keep to a limit some seem not to by chance, one in twenty at 95 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import Any

from mlops_nb.checks.batches import Batch
from mlops_nb.checks.fairness_table import MINIMUM
from mlops_nb.core.records import Finding
from mlops_nb.core.words import measured, quoted

_SAID = {"fail": "missed the limit", "insufficient": "had too little evidence", "pass": "kept it"}


def with_batches(
    finding: Finding, batches: Sequence[Batch], judged: Sequence[Finding], rows: Sequence[int]
) -> Finding:
    """Return a finding of all rows with ``over_time`` and ``over_time_sentence`` in its evidence.

    Parameters
    ----------
    finding : Finding
    batches : sequence of Batch
    judged : sequence of Finding
        The same metric in each batch.
    rows : sequence of int
        How many rows of each batch it was measured on.

    Returns
    -------
    Finding
        ``over_time`` has one mapping a batch: ``batch`` its label, ``rows``, ``value``,
        ``interval``, ``status``; where the metric has them ``bounds``, and ``below``, the groups
        with too little to judge by. ``over_time_sentence`` says it in words.
    """
    told = [_told(batch, found, n) for batch, found, n in zip(batches, judged, rows, strict=True)]
    sentence = _in_words(finding, batches, told)
    evidence = {**finding.evidence, "over_time": told, "over_time_sentence": sentence}
    return replace(finding, evidence=evidence)


def _told(batch: Batch, found: Finding, rows: int) -> dict[str, Any]:
    known = found.evidence
    return {
        "batch": batch.label,
        "rows": rows,
        "value": None if rows == 0 or found.value is None or isnan(found.value) else found.value,
        "interval": known["interval"],
        **({"bounds": known["bounds"]} if "bounds" in known else {}),
        "status": "pass" if found.limit is None else found.status,
        **({"below": known["minimum"]["below"]} if "minimum" in known else {}),
    }


def _in_words(finding: Finding, batches: Sequence[Batch], told: Sequence[Mapping[str, Any]]) -> str:
    """Say in how many batches a metric missed its limit, when it was worst, and how it is now."""
    counts = {status: sum(each["status"] == status for each in told) for status in _SAID}
    judged = [f"{n:,} {_SAID[status]}" for status, n in counts.items() if n]
    judged = ["none was judged"] if finding.limit is None else judged
    within = f" ({finding.column})" if finding.column else ""
    text = f"{quoted(finding.name)}{within}: of {len(told):,} "
    text += f"{'batch' if len(told) == 1 else 'batches'} {', '.join(judged)}"
    known = [at for at, each in enumerate(told) if each["value"] is not None]
    firm = [at for at in known if _is_firm(told[at])] or known
    if not firm:
        return text
    worst = min if _low_is_worse(finding) else max
    at = worst(firm, key=lambda place: told[place]["value"])
    text += f"; {'lowest' if worst is min else 'highest'} {batches[at].when}: {_valued(told[at])}"
    last = firm[-1]
    return text if last == at else f"{text}, last {batches[last].when}: {_valued(told[last])}"


def _is_firm(batch: Mapping[str, Any]) -> bool:
    """Tell whether a batch has enough to be called the worst."""
    return not batch["below"] if "below" in batch else bool(batch["rows"] >= MINIMUM)


def _valued(batch: Mapping[str, Any]) -> str:
    low, high = batch.get("bounds", batch["interval"])
    return f"{measured(batch['value'])} ({measured(low)} to {measured(high)})"


def _low_is_worse(finding: Finding) -> bool:
    return bool(finding.evidence.get("higher_is_better", finding.name.endswith("_ratio")))


def worst_sentence(findings: Sequence[Finding]) -> str:
    """Return the sentence of the finding that missed its limit most often.

    Examples
    --------
    >>> told = {"over_time": [{"status": "fail"}], "over_time_sentence": "in one batch"}
    >>> worst_sentence([Finding("a", evidence=told)])
    'in one batch'
    """

    def failed(finding: Finding) -> tuple[int, int, bool]:
        statuses = [each["status"] for each in finding.evidence["over_time"]]
        return statuses.count("fail"), statuses.count("insufficient"), finding.limit is not None

    return str(max(findings, key=failed).evidence["over_time_sentence"])
