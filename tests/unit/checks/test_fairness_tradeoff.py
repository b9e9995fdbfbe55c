"""Each model along a strength is judged as the check judges it, and against the plain one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks.fairness import check
from mlops_nb.checks.fairness_tradeoff import in_words, trade_off
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
    after = [{"predictions": new, "strength": 0.1, "chosen": True}]
    return trade_off(
        data, label="y", sensitive=["sex"], before=old, after=after, metric=metric, **settings
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
    middle = points()[2]
    assert (middle["kind"], middle["share"]) == ("mixture", 0.5)
    assert middle["accuracy"] == pytest.approx(accuracy, abs=0.003)
    assert middle["value"] == pytest.approx(np.ptp(rates), abs=0.005)


def test_every_point_lies_within_its_intervals_on_both_axes() -> None:
    for point in points():
        assert point["bounds"][0] <= point["value"] <= point["bounds"][1]
        assert point["interval"][0] < point["accuracy"] < point["interval"][1]


def test_models_of_several_strengths_come_without_mixtures_in_their_order() -> None:
    data, old, new = models()
    half = np.where(np.arange(len(data)) % 2, old, new)
    after = [
        {"predictions": half, "strength": 0.1, "chosen": False},
        {"predictions": new, "strength": 0.02, "chosen": True},
        {"predictions": 1 - data["y"], "strength": None, "chosen": False},
    ]
    found = trade_off(
        data, label="y", sensitive=["sex"], before=old, after=after,
        metric="demographic_parity_difference",
    )  # fmt: skip
    assert [point["kind"] for point in found] == ["plain", "fitted", "fitted", "fitted"]
    assert [point["strength"] for point in found] == [None, 0.1, 0.02, None]
    assert [point["chosen"] for point in found] == [False, False, True, False]
    alone = points()[-1]
    assert {key: found[2][key] for key in ("value", "bounds", "accuracy", "cost")} == {
        key: alone[key] for key in ("value", "bounds", "accuracy", "cost")
    }
    assert found[0]["accuracy"] > found[1]["accuracy"] > found[2]["accuracy"] > 0.5
    assert found[1]["value"] > found[2]["value"]
    assert [point["efficient"] for point in found[:3]] == [True, False, True]
    assert found[3]["cost"] == pytest.approx(found[0]["accuracy"])


def test_what_is_beaten_in_both_is_not_efficient() -> None:
    data, old, _ = models()
    worse = np.where(data["sex"] == "m", 1, 0)
    after = [
        {"predictions": data["y"], "strength": 1.0, "chosen": True},
        {"predictions": worse, "strength": 0.5, "chosen": False},
    ]
    found = trade_off(
        data, label="y", sensitive=["sex"], before=old, after=after,
        metric="demographic_parity_difference",
    )  # fmt: skip
    assert [point["efficient"] for point in found] == [False, True, False]


def test_the_cost_is_of_the_same_rows_and_its_interval_covers() -> None:
    point = points()[-1]
    data, old, new = models()
    rights = (old == data["y"]).to_numpy() * 1 - (new == data["y"]).to_numpy() * 1
    assert point["cost"] == pytest.approx(rights.mean())
    error = rights.std() / np.sqrt(len(rights))
    low, high = point["cost_interval"]
    assert low == pytest.approx(rights.mean() - 1.96 * error, abs=0.1 * error + 5e-4)
    assert high == pytest.approx(rights.mean() + 1.96 * error, abs=0.1 * error + 5e-4)
    assert points()[0]["cost_interval"] == [0.0, 0.0]


def test_a_group_of_five_does_not_make_the_gap() -> None:
    data, old, new = models()
    rare = data.assign(sex=data["sex"].where(np.arange(len(data)) >= 5, "x"))
    old, new = old.copy(), new.copy()
    old[:5], new[:5] = 0, 0
    after = [{"predictions": new, "strength": 0.1, "chosen": True}]
    found = trade_off(
        rare, label="y", sensitive=["sex"], before=old, after=after,
        metric="demographic_parity_difference",
    )  # fmt: skip
    assert found[-1]["groups"] == [2, 3]
    told = in_words(found, "demographic_parity_difference")
    assert "difference between the 2 of 3 groups with rows enough went from 0.19 to" in told
    assert found[-1]["value"] == pytest.approx(points()[-1]["value"], abs=0.01)


def test_in_words_it_says_what_was_gained_and_what_it_cost() -> None:
    told = in_words(points(), "demographic_parity_difference")
    assert told.startswith("demographic_parity_difference went from 0.19 to 0.037, for 8.1")
    assert "points of accuracy (" in told
    data, old, _ = models()
    better = [{"predictions": data["y"], "strength": None, "chosen": True}]
    risen = trade_off(
        data, label="y", sensitive=["sex"], before=old, after=better,
        metric="equalized_odds_difference",
    )  # fmt: skip
    assert "and accuracy rose by" in in_words(risen, "equalized_odds_difference")


def test_a_column_may_be_called_anything_and_rows_without_label_are_left_out() -> None:
    data, old, new = models()
    renamed = data.rename(columns={"y": "before", "sex": "after"}).astype({"before": object})
    renamed.loc[:99, "before"] = None
    found = trade_off(
        renamed,
        label="before",
        sensitive=["after"],
        before=old,
        after=[{"predictions": new, "strength": None, "chosen": True}],
        metric="equal_opportunity_difference",
    )
    assert found[0]["accuracy"] == pytest.approx((old == data["y"])[100:].mean())


def test_more_than_two_classes_are_refused() -> None:
    data, old, new = models()
    with pytest.raises(InputError, match="hold 3 classes"):
        trade_off(
            data, label="y", sensitive=["sex"], before=old,
            after=[{"predictions": new * 2, "strength": None, "chosen": True}],
            metric="demographic_parity_difference",
        )  # fmt: skip
