"""What a fairer model costs: the gap and the accuracy of all mixtures of two models.

A mixture takes the second model's prediction for a share of the rows, drawn at random, and the
first one's for the rest. Its expected rates are the shares' mean of both models' rates, so the
whole curve, with intervals, comes from one table of counts, and every point on it can be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_metrics import MEASURES, aggregate, combine, family_of
from mlops_nb.checks.fairness_table import MINIMUM
from mlops_nb.checks.inputs import read_classes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def trade_off(
    data: pd.DataFrame,
    *,
    label: str,
    sensitive: Sequence[str],
    before: Any,
    after: Any,
    metric: str,
    positive: Any = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return the gap and the accuracy of mixtures of two models, from the first to the second.

    Parameters
    ----------
    data : DataFrame
        The label and the sensitive columns of rows that neither model has seen.
    before, after : array-like, shape (rows,)
        Both models' predictions.
    metric : str
        A ``_difference`` of rates.

    Returns
    -------
    list of dict
        For each of `SHARES`: `share`, `value` of the metric with its `bounds`, and `accuracy`
        with its `interval`. Rows that lack a label or a prediction are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"y": [0, 1] * 200, "sex": ["f"] * 200 + ["m"] * 200})
    >>> old, new = data["y"].where(data["sex"] == "m", 0), data["y"]
    >>> points = trade_off(data, label="y", sensitive=["sex"], before=old, after=new,
    ...                    metric="equal_opportunity_difference")
    >>> [(point["share"], point["value"], point["accuracy"]) for point in points][::4]
    [(0.0, 1.0, 0.75), (1.0, 0.0, 1.0)]
    """
    import numpy as np
    import pandas as pd

    from mlops_nb.stats.groups import Grouping

    grouping, groups = Grouping.learn(data, sensitive)
    columns = {"label": data[label].array, "before": before, "after": after}
    told = pd.DataFrame({name: pd.Series(each).array for name, each in columns.items()})
    read = read_classes(told, tuple(columns))
    _, codes = read.binary(positive, "the label and both models' predictions")
    known = np.all([each >= 0 for each in codes], axis=0)
    cell = groups[known]
    for each in codes:
        cell = cell * 2 + each[known]
    size = len(grouping.groups)
    counts = np.bincount(cell, minlength=8 * size).reshape(size, 2, 2, 2).astype(float)
    # Two rows spread over the cells of each group, as `share_draws` has it.
    rng = np.random.default_rng(seed)
    drawn = rng.standard_gamma(counts + 0.25, size=(draws, *counts.shape))
    return [_point(counts, drawn, share, metric, confidence) for share in SHARES]


def _point(
    counts: Floats, drawn: Floats, share: float, metric: str, confidence: float
) -> dict[str, Any]:
    import numpy as np

    from mlops_nb.stats.bootstrap import percentile_interval, widest_gap

    table, tables = _mixed(counts, share), _mixed(drawn, share)
    flat = tables.reshape(-1, 2, 2)
    rows = counts.sum(axis=3)
    gaps, rates, firm = [], [], []
    for name in family_of(metric).measures:
        measure = MEASURES[name]
        if measure.hits is None:
            raise ValueError(f"{metric} doesn't compare rates")
        trials = measure.trials(table)
        values = np.where(trials > 0, measure.hits(table) / np.maximum(trials, 1e-300), 0.0)
        values[counts.sum(axis=(1, 2, 3)) == 0] = np.nan
        gaps.append(aggregate(values, float("nan"), "difference"))
        rates.append((measure.hits(flat) / measure.trials(flat)).reshape(len(drawn), -1))
        firm.append(measure.trials(rows) >= MINIMUM)
    value = combine(gaps, "difference", "worst_case")
    low, high = widest_gap(rates, firm, confidence, each_end=True)
    right = _accuracy(table[None])[0]
    interval = percentile_interval(_accuracy(tables), confidence, value=right, low=0.0, high=1.0)
    return {
        "share": share,
        "value": value,
        "bounds": [min(low, value), max(min(high, 1.0), value)],
        "accuracy": float(right),
        "interval": list(interval),
    }


def _mixed(cells: Floats, share: float) -> Floats:
    """Put counts by (…, truth, before, after) together as counts by (…, truth, prediction)."""
    mixed: Floats = (1 - share) * cells.sum(axis=-1) + share * cells.sum(axis=-2)
    return mixed


def _accuracy(tables: Floats) -> Floats:
    """Return the accuracy of each draw of shape (groups, truth, prediction)."""
    right: Floats = tables[..., 0, 0].sum(axis=-1) + tables[..., 1, 1].sum(axis=-1)
    accuracy: Floats = right / tables.sum(axis=(-3, -2, -1))
    return accuracy
