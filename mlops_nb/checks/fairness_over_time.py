"""Fairness over time: the same gaps in each batch, with the same groups, classes and limits.

What is a group, which class is positive and where numbers are cut is learned from all rows. Each
batch is then judged by its own rows, as if it were alone: a group that has too few in it makes it
*insufficient*. Of many fair batches some look unfair by chance, one in twenty at 95 %. What is
shown of all rows and not judged is shown of each batch, and not judged there either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.batches import Batch
from mlops_nb.checks.fairness_table import Table
from mlops_nb.core.records import Finding
from mlops_nb.core.words import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def in_batches(
    findings: Sequence[Finding],
    tables: Sequence[tuple[Table, NDArray[np.intp]]],
    metrics: Sequence[str],
    batches: Sequence[Batch],
) -> tuple[Finding, ...]:
    """Return the findings with ``over_time`` in their evidence.

    Parameters
    ----------
    findings : sequence of Finding
        Of all rows: of each table one a metric, in the order of `metrics`.
    tables : sequence of (Table, array of int)
        Each with the batch of each of its rows; -1 for none.
    metrics : sequence of str
    batches : sequence of Batch

    Returns
    -------
    tuple of Finding
        ``over_time`` has one mapping a batch: ``batch`` its label, ``rows``, ``value``,
        ``interval``, ``bounds``, ``status``, ``below`` (the groups with too little to judge by);
        ``over_time_sentence`` says it in words. Without batches they are as they were.
    """
    if not batches:
        return tuple(findings)
    judged: list[list[Finding]] = [[] for _ in findings]
    sizes: list[list[int]] = [[] for _ in findings]
    for at, (table, codes) in enumerate(tables):
        for place in range(len(batches)):
            rows = (codes == place).nonzero()[0]
            part = table.part(rows)
            for number, metric in enumerate(metrics, start=at * len(metrics)):
                judged[number].append(part.finding(metric, findings[number].limit, ()))
                sizes[number].append(len(rows))
    return tuple(
        _with_batches(finding, batches, found, rows)
        for finding, found, rows in zip(findings, judged, sizes, strict=True)
    )


def _with_batches(
    finding: Finding, batches: Sequence[Batch], judged: Sequence[Finding], rows: Sequence[int]
) -> Finding:
    told = [
        {
            "batch": batch.label,
            "rows": n,
            "value": None if n == 0 or isnan(found.value) else found.value,
            "interval": found.evidence["interval"],
            "bounds": found.evidence["bounds"],
            "status": found.status,
            "below": found.evidence["minimum"]["below"],
        }
        for batch, found, n in zip(batches, judged, rows, strict=True)
    ]
    sentence = _in_words(finding, batches, told)
    evidence = {**finding.evidence, "over_time": told, "over_time_sentence": sentence}
    return replace(finding, evidence=evidence)


def _in_words(finding: Finding, batches: Sequence[Batch], told: Sequence[Mapping[str, Any]]) -> str:
    """Say in how many batches a gap was too wide, and when it was widest."""
    counts = {status: sum(each["status"] == status for each in told) for status in _SAID}
    judged = [f"{n:,} {_SAID[status]}" for status, n in counts.items() if n]
    judged = ["none was judged"] if finding.limit is None else judged
    within = f" ({finding.column})" if finding.column else ""
    text = f"{quoted(finding.name)}{within}: of {len(told):,} "
    text += f"{'batch' if len(told) == 1 else 'batches'} {', '.join(judged)}"
    known = [at for at, each in enumerate(told) if each["value"] is not None]
    firm = [at for at in known if not told[at]["below"]] or known
    if not firm:
        return text
    worst = min if _low_is_worse(finding) else max
    at = worst(firm, key=lambda place: told[place]["value"])
    low, high = told[at]["bounds"]
    value = f"{told[at]['value']:.3f} ({low:.3f} to {high:.3f})"
    return f"{text}; {'lowest' if worst is min else 'highest'} {batches[at].when}: {value}"


_SAID = {"fail": "missed the limit", "insufficient": "had too little evidence", "pass": "kept it"}


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
