"""A regression repaired: no group's error is above a bound, or its predictions lose the group."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from mlops_nb.core.errors import InputError, StoppedError
from mlops_nb.improve.fair_model import FairRegressor
from mlops_nb.improve.mitigate import fit, plan
from tests.unit.improve.test_mitigate import Listening

FEATURES = ["x", "z"]
LOSSES = {
    "bounded_absolute_loss": mean_absolute_error,
    "bounded_square_loss": mean_squared_error,
}


def draw(seed: int, rows: int = 1500, unit: float = 1000.0) -> pd.DataFrame:
    """Draw amounts that one line can't fit for both groups, and of which there are few of one."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows, p=[0.2, 0.8])
    x, noise = rng.normal(size=rows), rng.normal(size=rows)
    y = np.where(sex == "f", -1.0, 2.0) * x + 0.5 * noise + (sex == "m")
    return pd.DataFrame({"x": x, "z": rng.normal(size=rows) + (sex == "m"), "sex": sex,
                         "y": unit * y, "class": (y > 0) * 1})  # fmt: skip


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    return draw(0)


@pytest.fixture(scope="module")
def test() -> pd.DataFrame:
    return draw(1)


@pytest.fixture(scope="module")
def model(train: pd.DataFrame) -> Any:
    return LinearRegression().fit(train[FEATURES], train["y"])


def by_group(model: Any, data: pd.DataFrame, constraint: str) -> dict[str, float]:
    told = model.predict(data[[*model.feature_names_in_]])
    return {
        sex: float(LOSSES[constraint](data["y"][rows], told[rows]))
        for sex in ("f", "m")
        if (rows := data["sex"] == sex).any()
    }


@pytest.mark.parametrize("method", ["exponentiated_gradient", "grid_search"])
@pytest.mark.parametrize("constraint", LOSSES)
def test_the_worst_group_loses_less_on_unseen_data(
    method: str, constraint: str, model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    fair = fit(model, train, label="y", sensitive=["sex"], method=method, constraint=constraint)
    before, after = by_group(model, test, constraint), by_group(fair, test, constraint)
    assert before["f"] > 2 * before["m"]
    assert max(after.values()) < 0.75 * before["f"]
    assert abs(after["f"] - after["m"]) < 0.2 * abs(before["f"] - before["m"])
    assert [*fair.feature_names_in_] == FEATURES


@pytest.mark.parametrize("constraint", LOSSES)
def test_a_bound_is_kept_in_the_labels_own_unit(
    constraint: str, model: Any, train: pd.DataFrame
) -> None:
    losses = by_group(model, train, constraint)
    bound = round(0.4 * losses["m"] + 0.6 * losses["f"], -1)
    fair = fit(
        model, train, label="y", sensitive=["sex"], constraint=constraint, strength=bound,
    )  # fmt: skip
    kept = by_group(fair, train, constraint)
    assert losses["f"] > 1.1 * bound
    assert kept["f"] == pytest.approx(bound, rel=0.03)
    # It is not fairer than it was asked to be, which would cost more than it must.
    assert kept["m"] < kept["f"]


@pytest.mark.parametrize("constraint", LOSSES)
def test_the_mixture_is_fairlearns(
    constraint: str, model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    from fairlearn.reductions import (
        AbsoluteLoss,
        BoundedGroupLoss,
        ExponentiatedGradient,
        SquareLoss,
    )

    low, high = train["y"].min(), train["y"].max()
    unit = (high - low) ** (2 if "square" in constraint else 1)
    loss = (SquareLoss if "square" in constraint else AbsoluteLoss)(0, 1)
    bound = round(np.mean([*by_group(model, train, constraint).values()]), -1)
    theirs = ExponentiatedGradient(
        LinearRegression(), BoundedGroupLoss(loss, upper_bound=bound / unit), max_iter=15
    ).fit(train[FEATURES], (train["y"] - low) / (high - low), sensitive_features=train["sex"])
    told = theirs._pmf_predict(test[FEATURES])
    expected = low + (high - low) * (told[theirs.weights_.index] @ theirs.weights_)
    fair = fit(
        model, train, label="y", sensitive=["sex"], constraint=constraint, strength=bound,
        method="exponentiated_gradient",
    )  # fmt: skip
    assert (theirs.weights_ > 0.01).sum() > 1
    assert fair.predict(test) == pytest.approx(expected.to_numpy(), abs=1e-6 * (high - low))


def test_the_grid_is_fairlearns(train: pd.DataFrame, test: pd.DataFrame) -> None:
    from fairlearn.reductions import BoundedGroupLoss, GridSearch, SquareLoss

    low, high = train["y"].min(), train["y"].max()
    theirs = GridSearch(
        LinearRegression(), BoundedGroupLoss(SquareLoss(0, 1)), grid_size=9, grid_limit=1.0
    ).fit(train[FEATURES], (train["y"] - low) / (high - low), sensitive_features=train["sex"])
    plain = LinearRegression().fit(train[FEATURES], train["y"])
    found = plan(
        plain, train, label="y", sensitive=["sex"], method="grid_search", points=9,
        constraint="bounded_square_loss",
    ).fit()  # fmt: skip
    expected = low + (high - low) * theirs.predict(test[FEATURES])
    assert found.chosen.model.predict(test) == pytest.approx(expected, abs=1e-6 * (high - low))
    assert len(found.fitted) == 9
    assert found.strength.name == "constraint_weight"


def test_a_curve_goes_from_the_worst_groups_loss_to_the_least_that_is_reached(
    model: Any, train: pd.DataFrame
) -> None:
    found = plan(model, train, label="y", sensitive=["sex"], points=3).fit()
    overall = mean_squared_error(train["y"], model.predict(train[FEATURES]))
    bounds = [each.strength for each in found.fitted]
    assert bounds == sorted(bounds, reverse=True)
    assert found.chosen.strength == bounds[-1] == pytest.approx(overall, rel=0.005)
    worst = [
        max(by_group(each.model, train, "bounded_square_loss").values()) for each in found.fitted
    ]
    assert worst[0] > 1.2 * worst[1] > 1.2 * worst[2]
    assert worst[:2] == pytest.approx(bounds[:2], rel=0.03)
    assert worst[2] > 1.2 * bounds[2]
    own = plan(model, train, label="y", sensitive=["sex"], points=3, strength=bounds[0]).fit()
    assert [each.strength for each in own.fitted] == bounds
    assert own.chosen.strength == bounds[0]


def test_a_bound_that_no_model_keeps_is_told(model: Any, train: pd.DataFrame) -> None:
    watch = Listening()
    fit(model, train, label="y", sensitive=["sex"], strength=1.0, watch=watch)
    assert len(watch.lines) == 1
    assert watch.lines[0].startswith("no such model keeps to upper_bound 1: of the fairest one a")
    easy = Listening()
    fit(model, train, label="y", sensitive=["sex"], strength=1e9, watch=easy)
    assert easy.lines == []


def test_predictions_lose_the_group_with_the_correlation(
    model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    shifted = [data.assign(y=data["y"] + 3000 * data["z"]) for data in (train, test)]
    plain = LinearRegression().fit(shifted[0][FEATURES], shifted[0]["y"])
    fair = fit(plain, shifted[0], label="y", sensitive=["sex"], method="correlation_remover")
    means = [
        pd.Series(each.predict(shifted[1][[*each.feature_names_in_]])).groupby(
            shifted[1]["sex"].to_numpy()
        ).mean()
        for each in (plain, fair)
    ]  # fmt: skip
    before, after = (abs(each["f"] - each["m"]) for each in means)
    assert after < 0.2 * before
    assert [*fair.feature_names_in_] == [*FEATURES, "sex"]


def test_it_is_an_ordinary_regressor(model: Any, train: pd.DataFrame, test: pd.DataFrame) -> None:
    from sklearn.base import is_classifier, is_regressor
    from sklearn.metrics import get_scorer

    fair = fit(model, train, label="y", sensitive=["sex"])
    assert isinstance(fair, FairRegressor)
    assert is_regressor(fair)
    assert not is_classifier(fair)
    scorer = get_scorer("neg_mean_absolute_error")
    error = mean_absolute_error(test["y"], fair.predict(test))
    assert -scorer(fair, test, test["y"]) == pytest.approx(error)
    loaded = pickle.loads(pickle.dumps(fair))  # noqa: S301
    assert loaded.predict(test) == pytest.approx(fair.predict(test))
    some = test[:5]
    # Sums of few rows are rounded elsewhere than those of many.
    assert fair.predict(some) == pytest.approx(fair.predict(test)[:5])


def test_pipelines_trees_and_groups_of_two_features(train: pd.DataFrame) -> None:
    data = train.assign(town=np.resize(["n", "s"], len(train)))
    for plain in (
        make_pipeline(StandardScaler(), Ridge()),
        DecisionTreeRegressor(max_depth=3, random_state=0),
    ):
        fair = fit(plain.fit(data[FEATURES], data["y"]), data, label="y", sensitive=["sex", "town"])
        assert np.isfinite(fair.predict(data)).all()


def test_a_fit_may_be_cancelled_and_is_told(model: Any, train: pd.DataFrame) -> None:
    watch = Listening(cancel_after=2)
    with pytest.raises(StoppedError):
        fit(model, train, label="y", sensitive=["sex"], watch=watch)
    assert [text for _, _, text in watch.steps] == ["fitted model 1", "fitted model 2"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"constraint": "equalized_odds"},
            (
                "equalized_odds is no constraint for this: LinearRegression predicts amounts; use "
                "bounded_square_loss or bounded_absolute_loss or demographic_parity"
            ),
        ),
        (
            {"method": "threshold_optimizer"},
            (
                "threshold_optimizer can't repair this: LinearRegression predicts amounts; use "
                "exponentiated_gradient or grid_search or correlation_remover"
            ),
        ),
        (
            {"method": "grid_search", "constraint": "demographic_parity"},
            "grid_search can't aim at demographic_parity; use correlation_remover",
        ),
        (
            {"model": LogisticRegression(), "label": "class", "constraint": "bounded_square_loss"},
            (
                "bounded_square_loss is no constraint for this: LogisticRegression predicts two "
                "classes; use demographic_parity or equalized_odds or equal_opportunity"
            ),
        ),
        ({"constraint": "bounded_squared_loss"}, "did you mean 'bounded_square_loss'?"),
        ({"positive": 1}, "LinearRegression predicts amounts: there is no positive class"),
        ({"label": "sex", "sensitive": ["class"]}, "predicts amounts, and 'sex' holds none"),
        ({"label": "class"}, "predicts amounts, and 'class' holds two classes; mitigate a class"),
        ({"label": "flat"}, "'flat' has one value only: there is nothing to predict"),
        ({"label": "endless"}, "'endless' holds infinities"),
        (
            {"strength": -1.0},
            "strength -1 is no upper_bound of exponentiated_gradient; a number of at least 0: how",
        ),
        ({"strength": float("nan")}, "strength nan is no upper_bound"),
        ({"strength": float("inf")}, "strength inf is no upper_bound"),
        (
            {"model": KNeighborsRegressor()},
            "KNeighborsRegressor takes no sample_weight, which this method needs; use correlation",
        ),
    ],
)
def test_bad_input_gets_one_clear_line(
    settings: dict[str, Any], message: str, model: Any, train: pd.DataFrame
) -> None:
    data = train.assign(flat=1.0, endless=np.where(train.index == 3, np.inf, train["y"]))
    given = {
        "model": model, "label": "y", "sensitive": ["sex"], "features": FEATURES, **settings
    }  # fmt: skip
    with pytest.raises(InputError) as caught:
        fit(given.pop("model"), data, **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
