"""What a fairer regression costs: the gap of its groups' errors or predictions, and its own error.

The rows are weighted anew in each draw (the Bayesian bootstrap), those of both models alike, so
that what is hard for both cancels out of the cost. A mixture lets one model predict a share of the
rows, drawn at random: its loss is the shares' mean of both models' losses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_table import MINIMUM
from mlops_nb.checks.inputs import read_numbers
from mlops_nb.checks.rows import Bootstrap
from mlops_nb.checks.tradeoff_judge import COLUMNS, Judge
from mlops_nb.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Drawn = tuple[float, Floats]

SQUARED = "mean_squared_error_difference"
GAPS = ("mean_absolute_error_difference", SQUARED, "mean_prediction_difference")


@dataclass(frozen=True)
class Told:
    """What two models say, as means with their draws: of each group, and of all rows.

    `by_group` and `whole` hold a pair each, before and after; `rows` is of each group.
    """

    by_group: tuple[list[Drawn], list[Drawn]]
    whole: tuple[Drawn, Drawn]
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Amounts(Judge):
    """The rows that regressions are judged on, and how."""

    @property
    def measure(self) -> str:
        """The error that a gap is paid with: of squares its root, in the label's unit."""
        return "rmse" if self.metric == SQUARED else "mae"

    def told(self, before: Any, after: Any) -> Told:
        """Draw the means of both models; without the rows that lack something.

        Raises
        ------
        InputError
            If no row has it all.
        """
        import numpy as np

        rows = self.beside(before, after)
        truth, *predicted = (read_numbers(rows, name) for name in COLUMNS)
        known = ~np.isnan([truth, *predicted]).any(axis=0)
        if not known.any():
            raise InputError(f"no row has {self.label!r} and both models' predictions")
        errors = [np.abs(truth - each)[known] for each in predicted]
        lost = np.stack([e**2 if self.metric == SQUARED else e for e in errors], axis=1)
        of_prediction = self.metric == "mean_prediction_difference"
        held = np.stack([each[known] for each in predicted], axis=1) if of_prediction else lost
        groups = self.groups[known]
        pairs = [self._means(held[groups == g], stream=g + 1) for g in range(self.n_groups)]
        return Told(
            ([pair[0] for pair in pairs], [pair[1] for pair in pairs]),
            self._means(lost, stream=0),
            np.bincount(groups, minlength=self.n_groups),
        )

    def points(self, told: Told, shares: Sequence[float]) -> list[dict[str, Any]]:
        """Judge the mixtures of some shares."""
        return [
            {"share": share, **self._gap(told, share), **self._cost(told, share)}
            for share in shares
        ]

    def _means(self, columns: Floats, stream: int) -> tuple[Drawn, Drawn]:
        """Return the mean of both columns, each with its draws, which no other stream shares."""
        import numpy as np

        if not len(columns):
            nothing = float("nan"), np.full(self.draws, np.nan)
            return nothing, nothing

        def prepare(chosen: NDArray[np.intp]) -> Any:
            kept = columns[chosen]

            def measured(weights: Any, ends: Any) -> Mapping[str, Floats]:  # noqa: ARG001
                means = (weights @ kept) / weights.sum(axis=1, dtype=np.float64)[:, None]
                return {"before": means[:, 0], "after": means[:, 1]}

            return measured

        bootstrap = Bootstrap(self.confidence, self.draws, self.seed).stream(stream)
        found = bootstrap.of_rows(len(columns), prepare)
        return found["before"], found["after"]

    def _gap(self, told: Told, share: float) -> dict[str, Any]:
        import numpy as np

        from mlops_nb.stats.bootstrap import widest_gap

        there, enough = told.rows > 0, told.rows >= MINIMUM
        seen = np.flatnonzero(enough if enough.sum() > 1 else there)
        mixed = [_mixed(told.by_group[0][g], told.by_group[1][g], share) for g in seen]
        values = [value for value, _ in mixed]
        drawn = np.stack([draws for _, draws in mixed], axis=1)
        value = float(max(values) - min(values))
        low, high = widest_gap([drawn], [enough[seen]], self.confidence, each_end=True)
        return {
            "value": value,
            "bounds": [min(low, value), max(high, value)],
            "groups": [len(seen), int(there.sum())],
        }

    def _cost(self, told: Told, share: float) -> dict[str, Any]:
        from mlops_nb.stats.bootstrap import percentile_interval

        error, errors = self._error(_mixed(*told.whole, share))
        plain, plains = self._error(told.whole[0])
        interval = percentile_interval(errors, self.confidence, value=error, low=0.0)
        paid = percentile_interval(errors - plains, self.confidence, value=error - plain)
        return {
            "error": error,
            "interval": list(interval),
            "cost": error - plain,
            "cost_interval": list(paid),
        }

    def _error(self, lost: Drawn) -> Drawn:
        import numpy as np

        if self.metric != SQUARED:
            return lost
        return float(np.sqrt(lost[0])), np.sqrt(np.maximum(lost[1], 0.0))


def _mixed(before: Drawn, after: Drawn, share: float) -> Drawn:
    return (
        float((1 - share) * before[0] + share * after[0]),
        (1 - share) * before[1] + share * after[1],
    )
