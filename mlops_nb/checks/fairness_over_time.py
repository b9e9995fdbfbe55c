"""Fairness over time: the same gaps in each batch, with the same groups, classes and limits.

What is a group, which class is positive and where numbers are cut is learned from all rows. Each
batch is then judged by its own rows, as if it were alone: a group that has too few in it makes it
*insufficient*. Of many fair batches some look unfair by chance, one in twenty at 95 %. What is
shown of all rows and not judged is shown of each batch, and not judged there either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_nb.checks.batches import Batch
from mlops_nb.checks.fairness_table import Table
from mlops_nb.checks.metrics_over_time import with_batches
from mlops_nb.core.records import Finding

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
        As `metrics_over_time.with_batches` says. Without batches they are as they were.
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
        with_batches(finding, batches, found, rows)
        for finding, found, rows in zip(findings, judged, sizes, strict=True)
    )
