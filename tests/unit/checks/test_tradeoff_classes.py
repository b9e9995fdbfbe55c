"""What a fairer classifier of several classes costs: as the checks have it, with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import fairness
from mlops_nb.checks.fairness_tradeoff import in_words, trade_off

METRIC = "demographic_parity_difference"


def draw(seed: int, rows: int = 2000, classes: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m", "x"], rows, p=[0.4, 0.4, 0.2])
    y = rng.integers(0, classes, rows)
    old = np.where((sex == "f") & (rng.random(rows) < 0.3), 0, y)
    return pd.DataFrame({"y": y, "sex": sex, "old": old,
                         "new": np.where(rng.random(rows) < 0.2, y[::-1], y)})  # fmt: skip


def curve(data: pd.DataFrame, **more: Any) -> list[dict[str, Any]]:
    after = [{"predictions": data["new"], "strength": None, "chosen": True}]
    return trade_off(
        data, label="y", sensitive=["sex"], before=data["old"], after=after, metric=METRIC,
        several_classes=True, **more,
    )  # fmt: skip


def test_the_ends_are_both_models_as_the_check_has_them() -> None:
    data = draw(0)
    points = curve(data)
    for point, column in ((points[0], "old"), (points[-1], "new")):
        report = fairness.check(data, label="y", prediction=column, sensitive=["sex"])
        gaps = [each.value for each in report.findings if each.name == METRIC]
        assert len(gaps) == point["classes"] == 4
        assert point["value"] == pytest.approx(max(gaps))
        assert point["accuracy"] == pytest.approx((data[column] == data["y"]).mean())
    assert points[0]["measure"] == "accuracy"


def test_what_is_between_is_what_mixing_the_predictions_gives() -> None:
    data = draw(0, rows=40_000)
    lots = np.random.default_rng(1).random(len(data)) < 0.5
    mixed = np.where(lots, data["new"], data["old"])
    half = curve(data, draws=50)[2]
    shares = pd.crosstab(data["sex"], mixed, normalize="index")
    assert half["value"] == pytest.approx((shares.max() - shares.min()).max(), abs=0.02)
    assert half["accuracy"] == pytest.approx((mixed == data["y"]).mean(), abs=0.01)


def test_the_intervals_cover() -> None:
    known = curve(draw(99, rows=400_000), draws=20)
    for place in (0, -1):
        true = known[place]
        seen = [curve(draw(seed, rows=600), draws=300, seed=seed)[place] for seed in range(60)]
        for value, ends, least in (
            ("value", "bounds", 54), ("accuracy", "interval", 53), ("cost", "cost_interval", 53),
        ):  # fmt: skip
            covered = [each[ends][0] <= true[value] <= each[ends][1] for each in seen]
            assert sum(covered) >= least, (place, value)


def test_of_very_many_classes_the_most_frequent_are_compared() -> None:
    data = draw(0, classes=45)
    points = curve(data, draws=50)
    assert points[0]["classes"] == 20
    assert points[0]["accuracy"] == pytest.approx((data["old"] == data["y"]).mean())


def test_rows_that_lack_something_and_small_groups_are_left_out() -> None:
    data = draw(0)
    few = pd.concat([data, data[:5].assign(sex="rare", old=3), data[:7].assign(y=None)])
    few = few.reset_index(drop=True)
    assert curve(few)[0]["value"] == pytest.approx(curve(data)[0]["value"])
    assert curve(few)[0]["groups"] == [3, 4]


def test_in_words_it_says_of_which_gap_it_speaks() -> None:
    told = in_words(curve(draw(0)), METRIC)
    assert told.startswith("demographic_parity_difference (the widest of 4 classes) went from 0.2")
    assert "points of accuracy" in told
