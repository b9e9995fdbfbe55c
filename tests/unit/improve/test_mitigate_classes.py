"""A classifier of several classes repaired: its numbers lose their correlation with the group."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from mlops_nb.core.errors import InputError
from mlops_nb.improve.fair_model import FairClassifier
from mlops_nb.improve.mitigate import fit, plan

FEATURES = ["x", "z"]


def draw(seed: int, rows: int = 1500) -> pd.DataFrame:
    """Draw three classes that the groups get in different shares, as their features tell."""
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    x, z = rng.normal(size=(2, rows)) + (sex == "m") * 1.2
    level = np.digitize(x + z + rng.normal(size=rows), [0.0, 2.0])
    return pd.DataFrame({"x": x, "z": z, "sex": sex, "y": np.array(["low", "mid", "top"])[level]})


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    return draw(0)


@pytest.fixture(scope="module")
def test() -> pd.DataFrame:
    return draw(1)


@pytest.fixture(scope="module")
def model(train: pd.DataFrame) -> Any:
    return LogisticRegression().fit(train[FEATURES], train["y"])


def gap(model: Any, data: pd.DataFrame) -> float:
    told = pd.Series(model.predict(data[[*model.feature_names_in_]]), index=data.index)
    shares = pd.crosstab(data["sex"], told, normalize="index")
    return float((shares.loc["f"] - shares.loc["m"]).abs().max())


def test_every_class_is_predicted_alike_often(
    model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    fair = fit(model, train, label="y", sensitive=["sex"])
    assert isinstance(fair, FairClassifier)
    assert gap(model, test) > 0.4
    assert gap(fair, test) < 0.15
    assert [*fair.feature_names_in_] == [*FEATURES, "sex"]
    assert fair.classes_.tolist() == ["low", "mid", "top"]
    assert (fair.predict(test) == test["y"]).mean() > 0.5
    chances = fair.predict_proba(test)
    assert chances.sum(axis=1) == pytest.approx(1)
    assert (fair.classes_[chances.argmax(axis=1)] == fair.predict(test)).all()
    loaded = pickle.loads(pickle.dumps(fair))  # noqa: S301
    assert (loaded.predict(test) == fair.predict(test)).all()


def test_it_is_what_fairlearns_remover_gives(
    model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    from fairlearn.preprocessing import CorrelationRemover

    sexed = [
        np.column_stack([(each["sex"] == "m") * 1.0, each[FEATURES]]) for each in (train, test)
    ]
    remover = CorrelationRemover(sensitive_feature_ids=[0], alpha=0.5).fit(sexed[0])
    theirs = LogisticRegression().fit(remover.transform(sexed[0]), train["y"])
    fair = fit(model, train, label="y", sensitive=["sex"], strength=0.5)
    assert (fair.predict(test) == theirs.predict(remover.transform(sexed[1]))).mean() > 0.998


def test_a_curve_goes_along_alpha(model: Any, train: pd.DataFrame, test: pd.DataFrame) -> None:
    found = plan(model, train, label="y", sensitive=["sex"]).fit()
    assert [each.strength for each in found.fitted] == [0.25, 0.5, 0.75, 1.0]
    gaps = [gap(each.model, test) for each in found.fitted]
    assert gap(model, test) > gaps[0] > gaps[1] > gaps[3]


def test_what_has_no_probabilities_has_none_after(train: pd.DataFrame) -> None:
    plain = LinearSVC().fit(train[FEATURES], train["y"])
    fair = fit(plain, train, label="y", sensitive=["sex"])
    assert not hasattr(fair, "predict_proba")


@pytest.mark.parametrize("method", ["threshold_optimizer", "exponentiated_gradient", "grid_search"])
def test_the_other_methods_name_the_one_that_can(
    method: str, model: Any, train: pd.DataFrame
) -> None:
    with pytest.raises(InputError) as caught:
        fit(model, train, label="y", sensitive=["sex"], method=method)
    assert str(caught.value) == (
        f"{method} can't repair this: LogisticRegression predicts more than two classes; use "
        "correlation_remover"
    )
    with pytest.raises(InputError, match="equalized_odds is no constraint for this: Logistic"):
        fit(model, train, label="y", sensitive=["sex"], constraint="equalized_odds")
