"""What a fairer classifier of several classes costs: its widest gap of any class, its accuracy.

As for two classes all of it comes from tables of counts: of each group by both models'
predictions, and of all rows by which of the models is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_defaults import MOST_CLASSES
from mlops_nb.checks.fairness_table import MINIMUM
from mlops_nb.checks.inputs import read_classes
from mlops_nb.checks.tradeoff_judge import COLUMNS, Judge, paid_in_accuracy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Told:
    """Rows by (group, class before, class after), and by (right before, right after).

    The last class is what is left of all others where there are too many; it is not compared.
    """

    by_group: Floats
    right: Floats
    compared: int


@dataclass(frozen=True)
class SeveralClasses(Judge):
    """The rows that classifiers of several classes are judged on, and how."""

    def told(self, before: Any, after: Any) -> Told:
        """Count the rows; without those that lack something."""
        import numpy as np

        read = read_classes(self.beside(before, after), COLUMNS)
        known = np.all([each >= 0 for each in read.codes], axis=0)
        truth, old, new = (each[known] for each in read.codes)
        place = np.full(len(read.names), MOST_CLASSES)
        frequent = np.argsort(-np.bincount(truth, minlength=len(place)), kind="stable")
        compared = min(len(place), MOST_CLASSES)
        place[np.sort(frequent[:compared])] = np.arange(compared)
        size = min(len(place), MOST_CLASSES + 1)
        cell = (self.groups[known] * size + place[old]) * size + place[new]
        by_group = np.bincount(cell, minlength=self.n_groups * size * size)
        right = np.bincount((old == truth) * 2 + (new == truth), minlength=4)
        return Told(
            by_group.reshape(self.n_groups, size, size).astype(np.float64),
            right.reshape(2, 2).astype(np.float64),
            compared,
        )

    def points(self, told: Told, shares: Sequence[float]) -> list[dict[str, Any]]:
        """Judge the mixtures of some shares."""
        import numpy as np

        # Two rows spread over the cells of each group, as for two classes.
        rng = np.random.default_rng(self.seed)
        prior = 2 / told.by_group[0].size
        drawn = rng.standard_gamma(told.by_group + prior, size=(self.draws, *told.by_group.shape))
        right = rng.standard_gamma(told.right + 0.5, size=(self.draws, 2, 2))
        return [
            {
                "share": share,
                **self._gap(told, drawn, share),
                **paid_in_accuracy(told.right, right, share, self.confidence),
            }
            for share in shares
        ]

    def _gap(self, told: Told, drawn: Floats, share: float) -> dict[str, Any]:
        import numpy as np

        from mlops_nb.stats.bootstrap import widest_gap

        rows = told.by_group.sum(axis=(1, 2))
        enough = rows >= MINIMUM
        seen = enough if enough.sum() > 1 else rows > 0
        classes = range(told.compared)
        rates = _rates(told.by_group[seen], share)[:, : told.compared]
        value = float(np.ptp(rates, axis=0).max())
        each = _rates(drawn[:, seen], share)
        low, high = widest_gap(
            [each[..., index] for index in classes],
            [enough[seen] for _ in classes],
            self.confidence,
            each_end=True,
        )
        return {
            "value": value,
            "bounds": [min(low, value), max(min(high, 1.0), value)],
            "groups": [int(seen.sum()), int((rows > 0).sum())],
            "classes": told.compared,
        }


def _rates(cells: Floats, share: float) -> Floats:
    """Return how often each group is predicted each class, shape (..., groups, classes)."""
    mixed: Floats = (1 - share) * cells.sum(axis=-1) + share * cells.sum(axis=-2)
    rates: Floats = mixed / mixed.sum(axis=-1, keepdims=True)
    return rates
