"""What a fairer regression costs: gaps and errors as the checks have them, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import fairness, performance
from mlops_nb.checks.fairness_tradeoff import in_words, trade_off
from mlops_nb.checks.tradeoff_amounts import GAPS
from mlops_nb.core.errors import InputError


def draw(seed: int, rows: int = 2000, new: float = 1.5) -> pd.DataFrame:
    """Draw amounts with two models: the old one errs by 1 and by 3, the new one alike."""
    rng = np.random.default_rng(seed)
    sex = np.where(np.arange(rows) < rows // 4, "f", "m")
    y = rng.normal(size=rows)
    old = y + rng.normal(size=rows) * np.where(sex == "f", 3.0, 1.0) + (sex == "f")
    return pd.DataFrame({"y": y, "sex": sex, "old": old, "new": y + rng.normal(size=rows) * new})


def curve(data: pd.DataFrame, metric: str, **more: Any) -> list[dict[str, Any]]:
    after = [{"predictions": data["new"], "strength": None, "chosen": True}]
    return trade_off(
        data, label="y", sensitive=["sex"], before=data["old"], after=after, metric=metric, **more
    )


@pytest.mark.parametrize("metric", GAPS)
def test_the_ends_are_both_models_as_the_checks_have_them(metric: str) -> None:
    data = draw(0)
    points = curve(data, metric)
    assert [point["share"] for point in points] == [0.0, 0.25, 0.5, 0.75, 1.0]
    measure = points[0]["measure"]
    assert measure == ("rmse" if "squared" in metric else "mae")
    for point, column in ((points[0], "old"), (points[-1], "new")):
        fair = fairness.check(
            data, label="y", prediction=column, sensitive=["sex"], metrics=[metric]
        ).finding(metric)
        good = performance.check(data, label="y", prediction=column).finding(measure)
        assert point["value"] == pytest.approx(fair.value, rel=1e-9)
        assert point["error"] == pytest.approx(good.value, rel=1e-9)
        assert point["interval"] == pytest.approx(good.evidence["interval"], rel=0.02)
        assert point["groups"] == [2, 2]


def test_what_is_between_is_what_mixing_the_predictions_gives() -> None:
    data = draw(0, rows=40_000)
    lots = np.random.default_rng(1).random(len(data)) < 0.5
    mixed = pd.Series(np.where(lots, data["new"], data["old"]))
    half = curve(data, "mean_absolute_error_difference", draws=50)[2]
    error = (mixed - data["y"]).abs()
    means = error.groupby(data["sex"]).mean()
    assert half["value"] == pytest.approx(means.max() - means.min(), abs=0.04)
    assert half["error"] == pytest.approx(error.mean(), abs=0.02)


@pytest.mark.parametrize("metric", GAPS)
def test_both_intervals_and_that_of_the_cost_cover(metric: str) -> None:
    true = {"mean_prediction_difference": 0.0, "mean_absolute_error_difference": 0.0,
            "mean_squared_error_difference": 0.0}[metric]  # fmt: skip
    seen = [curve(draw(seed, rows=400), metric, draws=300, seed=seed)[-1] for seed in range(60)]
    assert sum(p["bounds"][0] <= true <= p["bounds"][1] for p in seen) >= 54
    errors = [p["error"] for p in seen]
    costs = [p["cost"] for p in seen]
    middle, paid = float(np.mean(errors)), float(np.mean(costs))
    assert sum(p["interval"][0] <= middle <= p["interval"][1] for p in seen) >= 51
    assert sum(p["cost_interval"][0] <= paid <= p["cost_interval"][1] for p in seen) >= 51


def test_rows_in_the_same_order_in_every_group_do_not_narrow_the_gap() -> None:
    rng = np.random.default_rng(0)
    error = np.sort(rng.exponential(size=400))
    data = pd.DataFrame({"y": 0.0, "sex": ["f"] * 400 + ["m"] * 400, "old": [*error, *error]})
    low, high = curve(data.assign(new=data["old"]), "mean_absolute_error_difference")[-1]["bounds"]
    assert low == 0
    # The deviation of the difference of two means of 400, at 1.645.
    assert high == pytest.approx(1.645 * error.std() * (2 / 400) ** 0.5, rel=0.15)


def test_a_cost_is_held_against_the_same_rows() -> None:
    data = draw(3).assign(new=lambda d: d["old"] + 0.001)
    point = curve(data, "mean_absolute_error_difference")[-1]
    alone, paired = (np.ptp(point[key]) for key in ("interval", "cost_interval"))
    assert paired < alone / 50


def test_what_is_beaten_in_both_is_not_efficient() -> None:
    worse = curve(draw(0).assign(new=lambda d: d["old"] * 3), "mean_absolute_error_difference")
    assert [point["efficient"] for point in worse] == [True, False, False, False, False]
    better = curve(draw(0, new=0.1), "mean_absolute_error_difference")
    assert [point["efficient"] for point in better] == [False, False, False, False, True]


def test_a_group_of_five_does_not_make_the_gap() -> None:
    data = draw(0)
    few = data.assign(sex=data["sex"].where(data.index > 4, "x"))
    few.loc[:4, "old"] = 1e6
    plain = curve(few, "mean_absolute_error_difference")[0]
    assert plain["value"] < 5
    assert plain["groups"] == [2, 3]


def test_rows_that_lack_something_are_left_out() -> None:
    data = draw(0)
    holes = pd.concat([data, data[:9].assign(y=np.nan), data[:9].assign(new=np.nan)])
    holes = holes.reset_index(drop=True)
    metric = "mean_squared_error_difference"
    assert curve(holes, metric)[-1]["error"] == pytest.approx(curve(data, metric)[-1]["error"])
    with pytest.raises(InputError, match="no row has 'y' and both models' predictions"):
        curve(data.assign(new=np.nan), metric)


def test_in_words_an_error_has_its_own_unit() -> None:
    metric = "mean_absolute_error_difference"
    plain = {"kind": "plain", "chosen": False, "value": 1341.6, "error": 900.0, "measure": "mae"}
    fair = {"kind": "fitted", "chosen": True, "value": 35.9, "error": 1277.0, "cost": 377.0,
            "cost_interval": [346.4, 406.1]}  # fmt: skip
    assert in_words([plain, fair], metric) == (
        "mean_absolute_error_difference went from 1,340 to 35.9, and mae rose by 377, 42 % (346 to "
        "406)."
    )
    cheap = {**fair, "cost": -9.0, "cost_interval": [-12.0, 1.0]}
    assert in_words([plain, cheap], metric).endswith("mae fell by 9, 1 % (change: -12 to 1).")
