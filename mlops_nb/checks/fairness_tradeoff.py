"""What a fairer model costs: gap and accuracy of models along a strength, beside the plain one's.

Each model is held against the plain one on the same rows, so that its cost has an interval of its
own, narrower than what the two accuracies' intervals would say. All of it comes from one table of
counts a model. Where a method has one strength only, the curve is of mixtures: they take the
repaired model's prediction for a share of the rows, drawn at random, and have the shares' mean of
both models' rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.tradeoff_amounts import GAPS as GAPS_OF_AMOUNTS
from mlops_nb.checks.tradeoff_amounts import Amounts
from mlops_nb.checks.tradeoff_binary import TwoClasses
from mlops_nb.checks.tradeoff_classes import SeveralClasses
from mlops_nb.checks.tradeoff_judge import Judge
from mlops_nb.core.words import percent

if TYPE_CHECKING:
    import pandas as pd

SHARES = (0.25, 0.5, 0.75)


def trade_off(
    data: pd.DataFrame,
    *,
    label: str,
    sensitive: Sequence[str],
    before: Any,
    after: Sequence[Mapping[str, Any]],
    metric: str,
    positive: Any = None,
    several_classes: bool = False,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return the gap and the accuracy of a model and of what was made of it.

    Parameters
    ----------
    data : DataFrame
        The label and the sensitive columns of rows that no model has seen.
    before : array-like, shape (rows,)
        The plain model's predictions.
    after : sequence of mapping
        For each repaired model its `predictions`, its `strength`, and whether it is the `chosen`
        one. Where there is one only, mixtures of both models come before it.
    metric : str
        A ``_difference`` of rates; or of errors or mean predictions, of regressions.
    several_classes : bool
        Whether there are more than two: then the gap is that of the class with the widest, each
        held against all others, of ``demographic_parity_difference``.

    Returns
    -------
    list of dict
        For the plain model, and then in the order of `after`: `kind` (``"plain"``, ``"fitted"`` or
        ``"mixture"``), `strength`, `share` of the rows that the repaired model decides, `chosen`,
        `value` of the metric with its `bounds`, `accuracy` with its `interval`, `cost` (accuracy
        lost against the plain model) with its `cost_interval`, and `efficient`: whether no other
        point has both a smaller gap and a higher accuracy. Of a regression there is `error` in the
        place of `accuracy` (the mean absolute error, of squared ones the root of their mean), and
        `cost` is what it rose by. The gap is that between the groups with
        evidence enough, where there are two; then `groups` says how many of how many these are.
        Rows that lack a label or a prediction are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"y": [0, 1] * 200, "sex": ["f"] * 200 + ["m"] * 200})
    >>> old, new = data["y"].where(data["sex"] == "m", 0), data["y"]
    >>> points = trade_off(data, label="y", sensitive=["sex"], before=old,
    ...                    after=[{"predictions": new, "strength": None, "chosen": True}],
    ...                    metric="equal_opportunity_difference")
    >>> [(point["share"], point["value"], point["accuracy"]) for point in points][::4]
    [(0.0, 1.0, 0.75), (1.0, 0.0, 1.0)]
    """
    from mlops_nb.stats.groups import Grouping

    grouping, groups = Grouping.learn(data, sensitive)
    kind = (
        Amounts if metric in GAPS_OF_AMOUNTS else SeveralClasses if several_classes else TwoClasses
    )
    size = len(grouping.groups)
    judge: Judge = kind(data, label, groups, size, metric, positive, confidence, draws, seed)
    tables = [judge.told(before, each["predictions"]) for each in after]
    plain = judge.points(tables[0], [0.0])[0]
    points = [
        {"kind": "plain", "strength": None, "chosen": False, "measure": judge.measure, **plain}
    ]
    if len(after) == 1:
        mixed = judge.points(tables[0], SHARES)
        points += [{"kind": "mixture", "strength": None, "chosen": False, **p} for p in mixed]
    for each, table in zip(after, tables, strict=True):
        said = {"strength": each["strength"], "chosen": each["chosen"]}
        points.append({"kind": "fitted", **said, **judge.points(table, [1.0])[0]})
    return [{**point, "efficient": _is_efficient(point, points)} for point in points]


def in_words(points: Iterable[Mapping[str, Any]], metric: str) -> str:
    """Say what the chosen model gained and what that cost.

    Examples
    --------
    >>> plain = {"kind": "plain", "chosen": False, "value": 0.12}
    >>> fair = {"kind": "fitted", "chosen": True, "value": 0.03, "cost": 0.008,
    ...         "cost_interval": [0.002, 0.014]}
    >>> in_words([plain, fair], "demographic_parity_difference")
    'demographic_parity_difference went from 0.12 to 0.03, for 0.8 points of accuracy (0.2 to 1.4).'
    """
    plain = next(point for point in points if point["kind"] == "plain")
    chosen = next(point for point in points if point["chosen"])
    paid = _paid_in_error(plain, chosen) if "error" in chosen else _paid_in_accuracy(chosen)
    judged, there = chosen.get("groups", (0, 0))
    of_any = f" (the widest of {chosen['classes']} classes)" if "classes" in chosen else ""
    among = f" between the {judged} of {there} groups with rows enough" if judged < there else ""
    write = _amount if "error" in chosen else _rate
    before, after = write(plain["value"]), write(chosen["value"])
    return f"{metric}{of_any}{among} went from {before} to {after}, {paid}."


def _paid_in_accuracy(chosen: Mapping[str, Any]) -> str:
    cost, (low, high) = chosen["cost"], (_points(end) for end in chosen["cost_interval"])
    if cost < 0:
        return f"and accuracy rose by {_points(-cost)} points (cost: {low} to {high})"
    return f"for {_points(cost)} points of accuracy ({low} to {high})"


def _paid_in_error(plain: Mapping[str, Any], chosen: Mapping[str, Any]) -> str:
    """Say what the error rose by, in the label's unit and relative to what it was."""
    cost, (low, high) = chosen["cost"], (_amount(end) for end in chosen["cost_interval"])
    share = f", {percent(abs(cost) / plain['error'])}" if plain["error"] > 0 else ""
    if cost < 0:
        return f"and {plain['measure']} fell by {_amount(-cost)}{share} (change: {low} to {high})"
    return f"and {plain['measure']} rose by {_amount(cost)}{share} ({low} to {high})"


def _rate(value: float) -> str:
    return f"{value:.2g}"


def _amount(value: float) -> str:
    """Write an amount to three digits, and a large one without an exponent."""
    return f"{float(f'{value:.3g}'):,.12g}"


def _points(share: float) -> str:
    """Write a share in percentage points; what is nothing when rounded has no sign."""
    return f"{round(100 * share, 1) + 0.0:.1f}"


def _is_efficient(point: Mapping[str, Any], points: Iterable[Mapping[str, Any]]) -> bool:
    gap, cost = point["value"], point["cost"]
    return not any(
        other["value"] <= gap
        and other["cost"] <= cost
        and (other["value"], other["cost"]) != (gap, cost)
        for other in points
    )
