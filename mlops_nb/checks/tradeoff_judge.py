"""What every judge of a trade-off has: the rows, and what a fairer model pays on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

COLUMNS = ("label", "before", "after")


@dataclass(frozen=True)
class Judge(ABC):
    """The rows that models are judged on, and how."""

    data: pd.DataFrame
    label: str
    groups: NDArray[np.intp]
    n_groups: int
    metric: str
    positive: Any  # of two classes
    confidence: float
    draws: int
    seed: int

    @property
    def measure(self) -> str:
        """What a gap is paid with."""
        return "accuracy"

    @abstractmethod
    def told(self, before: Any, after: Any) -> Any:
        """Return what both models say, as `points` needs it; without rows that lack something."""

    @abstractmethod
    def points(self, told: Any, shares: Sequence[float]) -> list[dict[str, Any]]:
        """Judge the mixtures of some shares."""

    def beside(self, before: Any, after: Any) -> pd.DataFrame:
        """Return the label and both models' predictions, row by row, as `COLUMNS`."""
        import pandas as pd

        columns = (self.data[self.label], before, after)
        held = {name: pd.Series(each).array for name, each in zip(COLUMNS, columns, strict=True)}
        return pd.DataFrame(held)


def paid_in_accuracy(
    right: Floats, drawn: Floats, share: float, confidence: float
) -> dict[str, Any]:
    """Return a mixture's accuracy and what of the plain model's is lost, each with its interval.

    Parameters
    ----------
    right : array of shape (2, 2)
        Rows by whether each model is right, (before, after).
    drawn : array of shape (draws, 2, 2)
    share : float
        Of the rows that the repaired model decides.
    """
    from mlops_nb.stats.bootstrap import percentile_interval

    good, plain = (float(_accuracy(right, each)) for each in (share, 0.0))
    goods, plains = (_accuracy(drawn, each) for each in (share, 0.0))
    interval = percentile_interval(goods, confidence, value=good, low=0.0, high=1.0)
    paid = percentile_interval(plains - goods, confidence, value=plain - good, low=-1.0, high=1.0)
    return {
        "accuracy": good,
        "interval": list(interval),
        "cost": plain - good,
        "cost_interval": list(paid),
    }


def _accuracy(right: Floats, share: float) -> Floats:
    before, after = right[..., 1, :].sum(axis=-1), right[..., :, 1].sum(axis=-1)
    accuracy: Floats = ((1 - share) * before + share * after) / right.sum(axis=(-2, -1))
    return accuracy
