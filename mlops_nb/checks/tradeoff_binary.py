"""What a fairer classifier of two classes costs: the gap of its rates, and its accuracy.

All of it comes from one table of counts a model, by (group, truth, before, after).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_metrics import MEASURES, aggregate, combine, family_of
from mlops_nb.checks.fairness_table import MINIMUM
from mlops_nb.checks.inputs import read_classes
from mlops_nb.checks.tradeoff_judge import COLUMNS, Judge, paid_in_accuracy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TwoClasses(Judge):
    """The rows that classifiers of two classes are judged on, and how."""

    def told(self, before: Any, after: Any) -> Floats:
        """Count the rows by (group, truth, before, after); without those that lack one."""
        import numpy as np

        read = read_classes(self.beside(before, after), COLUMNS)
        _, codes = read.binary(self.positive, "the label and both models' predictions")
        known = np.all([each >= 0 for each in codes], axis=0)
        cell = self.groups[known]
        for each in codes:
            cell = cell * 2 + each[known]
        counts = np.bincount(cell, minlength=8 * self.n_groups).reshape(self.n_groups, 2, 2, 2)
        return counts.astype(np.float64)

    def points(self, told: Floats, shares: Sequence[float]) -> list[dict[str, Any]]:
        """Judge the mixtures of some shares, from tables of (group, truth, before, after)."""
        import numpy as np

        # Two rows spread over the cells of each group, as `share_draws` has it; for the accuracy,
        # over those of all groups together, that many small groups don't add up.
        rng = np.random.default_rng(self.seed)
        drawn = rng.standard_gamma(told + 0.25, size=(self.draws, *told.shape))
        total = told.sum(axis=0, keepdims=True)
        totals = rng.standard_gamma(total + 0.25, size=(self.draws, *total.shape))
        right, rights = _right(total[0]), _right(totals[:, 0])
        return [
            {
                "share": share,
                **_gap(told, drawn, share, self.metric, self.confidence),
                **paid_in_accuracy(right, rights, share, self.confidence),
            }
            for share in shares
        ]


def _gap(
    counts: Floats, drawn: Floats, share: float, metric: str, confidence: float
) -> dict[str, Any]:
    """Return the gap between the groups with evidence, its bounds, and how many these are."""
    import numpy as np

    from mlops_nb.stats.bootstrap import widest_gap

    table, tables = _mixed(counts, share), _mixed(drawn, share)
    rows = counts.sum(axis=3)
    gaps, rates, firm, judged = [], [], [], []
    for name in family_of(metric).measures:
        measure = MEASURES[name]
        if measure.hits is None:
            raise ValueError(f"{metric} doesn't compare rates")
        enough = measure.trials(rows) >= MINIMUM
        seen = enough if enough.sum() > 1 else counts.sum(axis=(1, 2, 3)) > 0
        trials = measure.trials(table)
        values = np.where(trials > 0, measure.hits(table) / np.maximum(trials, 1e-300), 0.0)
        gaps.append(aggregate(values[seen], float("nan"), "difference"))
        kept = tables[:, seen]
        flat = kept.reshape(-1, 2, 2)
        rates.append((measure.hits(flat) / measure.trials(flat)).reshape(len(drawn), -1))
        firm.append(enough[seen])
        judged.append(int(seen.sum()))
    value = combine(gaps, "difference", "worst_case")
    low, high = widest_gap(rates, firm, confidence, each_end=True)
    return {
        "value": value,
        "bounds": [min(low, value), max(min(high, 1.0), value)],
        "groups": [min(judged), int((counts.sum(axis=(1, 2, 3)) > 0).sum())],
    }


def _mixed(cells: Floats, share: float) -> Floats:
    """Put counts by (…, truth, before, after) together as counts by (…, truth, prediction)."""
    mixed: Floats = (1 - share) * cells.sum(axis=-1) + share * cells.sum(axis=-2)
    return mixed


def _right(cells: Floats) -> Floats:
    """Count rows of (…, truth, before, after) by which of the models is right."""
    # Of the class 0, a prediction of 0 is right.
    right: Floats = cells[..., 0, ::-1, ::-1] + cells[..., 1, :, :]
    return right
