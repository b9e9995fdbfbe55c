"""Mixtures of two models have the rates that mixing their predictions gives, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks.fairness import check
from mlops_nb.checks.fairness_tradeoff import SHARES, trade_off
from mlops_nb.core.errors import InputError


def models(rows: int = 4000, seed: int = 0) -> tuple[pd.DataFrame, Any, Any]:
    """Draw a label, and a model with a gap that a second one closes at a cost."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"sex": np.resize(["f", "m"], rows), "y": rng.integers(2, size=rows)})
    right = rng.random(rows) < 0.8
    old = np.where(right, data["y"], 1 - data["y"])
    old = np.where((data["sex"] == "m") & (rng.random(rows) < 0.4), 1, old)
    new = np.where(rng.random(rows) < 0.3, rng.integers(2, size=rows), old)
    new = np.where((data["sex"] == "m") & (rng.random(rows) < 0.3), 0, new)
    return data, old, new


def points(metric: str = "demographic_parity_difference", **settings: Any) -> list[dict[str, Any]]:
    data, old, new = models()
    return trade_off(
        data, label="y", sensitive=["sex"], before=old, after=new, metric=metric, **settings
    )


@pytest.mark.parametrize(
    "metric",
    ["demographic_parity_difference", "equalized_odds_difference", "equal_opportunity_difference"],
)
def test_the_ends_are_both_models_as_the_check_has_them(metric: str) -> None:
    data, old, new = models()
    found = points(metric)
    for point, told in ((found[0], old), (found[-1], new)):
        report = check(
            data.assign(p=told), label="y", prediction="p", sensitive=["sex"], metrics=[metric]
        )
        assert point["value"] == pytest.approx(report.findings[0].value)
        assert point["bounds"] == pytest.approx(report.findings[0].evidence["bounds"], abs=0.01)
        assert point["accuracy"] == pytest.approx((told == data["y"]).mean())


def test_what_is_between_is_what_mixing_the_predictions_gives() -> None:
    data, old, new = models()
    rng = np.random.default_rng(1)
    mixed = [np.where(rng.random(len(data)) < 0.5, new, old) for _ in range(60)]
    accuracy = np.mean([(each == data["y"]).mean() for each in mixed])
    rates = np.mean([data.assign(p=each).groupby("sex")["p"].mean() for each in mixed], axis=0)
    middle = points()[SHARES.index(0.5)]
    assert middle["accuracy"] == pytest.approx(accuracy, abs=0.003)
    assert middle["value"] == pytest.approx(np.ptp(rates), abs=0.005)


def test_every_point_lies_within_its_intervals_on_both_axes() -> None:
    for point in points():
        assert point["bounds"][0] <= point["value"] <= point["bounds"][1]
        assert point["interval"][0] < point["accuracy"] < point["interval"][1]


def test_a_column_may_be_called_anything_and_rows_without_label_are_left_out() -> None:
    data, old, new = models()
    renamed = data.rename(columns={"y": "before", "sex": "after"}).astype({"before": object})
    renamed.loc[:99, "before"] = None
    found = trade_off(
        renamed,
        label="before",
        sensitive=["after"],
        before=old,
        after=new,
        metric="equal_opportunity_difference",
    )
    assert found[0]["accuracy"] == pytest.approx((old == data["y"])[100:].mean())


def test_more_than_two_classes_are_refused() -> None:
    data, old, new = models()
    with pytest.raises(InputError, match="hold 3 classes"):
        trade_off(
            data, label="y", sensitive=["sex"], before=old, after=new * 2,
            metric="demographic_parity_difference",
        )  # fmt: skip
