"""Along its strength a method fits models of its own, and gives that of the strength asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_nb.core.errors import InputError, StoppedError
from mlops_nb.improve.mitigate import Sweep, fit, plan
from mlops_nb.improve.mitigation_methods import METHODS
from tests.unit.improve.test_mitigate import Listening, draw, gap

FEATURES = ["x", "z"]


@pytest.fixture(scope="module")
def train() -> pd.DataFrame:
    return draw(0, 1200)


@pytest.fixture(scope="module")
def test() -> pd.DataFrame:
    return draw(1, 1200)


@pytest.fixture(scope="module")
def model(train: pd.DataFrame) -> Any:
    return LogisticRegression().fit(train[FEATURES], train["y"])


def swept(model: Any, train: pd.DataFrame, method: str, **settings: Any) -> Sweep:
    given = {"label": "y", "sensitive": ["sex"], "seed": 3, **settings}
    return plan(model, train, method=method, **given).fit()


def strengths(found: Sweep) -> list[float | None]:
    return [each.strength for each in found.fitted]


@pytest.mark.parametrize(
    ("method", "points", "asked"),
    [("exponentiated_gradient", 3, 0.02), ("threshold_optimizer", 4, 0.1),
     ("correlation_remover", 4, 0.6)],
)  # fmt: skip
def test_a_ladder_goes_from_the_weakest_to_the_strictest(
    method: str, points: int, asked: float, model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    found = swept(model, train, method, points=points, strength=asked)
    known = strengths(found)
    upwards = method == "correlation_remover"
    assert known == sorted(known, reverse=not upwards)
    assert known[-1] == METHODS[method].aims["binary"].strength.default
    assert len(set(known)) == points + 1
    assert found.chosen.strength == asked
    gaps = [gap(each.model, test, "demographic_parity") for each in found.fitted]
    assert gap(model, test, "demographic_parity") > gaps[0] > gaps[-1] + 0.05
    # Each is what the strength alone fits, and not a mixture of something else.
    alone = fit(model, train, label="y", sensitive=["sex"], method=method, strength=asked, seed=3)
    assert (alone.predict(test) == found.chosen.model.predict(test)).all()


def test_a_grid_gives_all_its_models_and_the_weight_that_takes_each(
    model: Any, train: pd.DataFrame
) -> None:
    found = swept(model, train, "grid_search")
    assert len(found.fitted) == 15
    assert found.chosen.strength == 0.5
    known = [each for each in found.fitted if each.strength is not None]
    assert 3 <= len(known) < 15
    for each in known:
        alone = fit(
            model, train, label="y", sensitive=["sex"], method="grid_search",
            strength=each.strength, seed=3,
        )  # fmt: skip
        assert (alone.predict(train) == each.model.predict(train)).all()
    assert len(swept(model, train, "grid_search", points=1).fitted) == 2


@pytest.mark.parametrize("bound", [0.02, 0.1])
def test_a_tolerance_is_fairlearns(bound: float, model: Any, train: pd.DataFrame) -> None:
    from fairlearn.postprocessing import ThresholdOptimizer

    theirs = ThresholdOptimizer(
        estimator=model, prefit=True, predict_method="predict_proba", tol=bound
    ).fit(train[FEATURES], train["y"], sensitive_features=train["sex"])
    expected = theirs._pmf_predict(train[FEATURES], sensitive_features=train["sex"])[:, 1]
    fair = fit(
        model, train, label="y", sensitive=["sex"], method="threshold_optimizer", strength=bound
    )
    assert fair.rule.chance(train) == pytest.approx(expected, abs=1e-9)


def test_an_alpha_is_fairlearns(model: Any, train: pd.DataFrame) -> None:
    from fairlearn.preprocessing import CorrelationRemover

    fair = fit(
        model, train, label="y", sensitive=["sex"], method="correlation_remover", strength=0.3
    )
    sexed = np.column_stack([(train["sex"] == "m") * 1.0, train[FEATURES]])
    expected = CorrelationRemover(sensitive_feature_ids=[0], alpha=0.3).fit_transform(sexed)
    assert fair.rule.transform(train).to_numpy() == pytest.approx(expected)


def test_what_is_kept_wholly_has_no_strength(model: Any, train: pd.DataFrame) -> None:
    found = swept(model, train, "threshold_optimizer", constraint="equalized_odds", points=4)
    assert found.strength is None
    assert strengths(found) == [None]
    with pytest.raises(InputError, match="keeps equalized_odds wholly: it has no strength; its"):
        swept(model, train, "threshold_optimizer", constraint="equalized_odds", strength=0.1)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_strength_out_of_range_gets_one_line(
    strength: float, model: Any, train: pd.DataFrame
) -> None:
    with pytest.raises(InputError, match="is no alpha of correlation_remover; from 0 to 1: how"):
        swept(model, train, "correlation_remover", strength=strength)


def test_no_fit_is_made_twice_and_a_sweep_may_be_cancelled(train: pd.DataFrame) -> None:
    asked: list[bytes] = []

    class Counting(LogisticRegression):
        def fit(self, inputs: Any, truth: Any, sample_weight: Any = None) -> Any:
            asked.append(np.asarray(truth).tobytes() + np.asarray(sample_weight).tobytes())
            return super().fit(inputs, truth, sample_weight)

    plain = Counting().fit(train[FEATURES], train["y"])
    watch = Listening()
    swept(plain, train, "exponentiated_gradient", points=2, watch=watch)
    assert len(set(asked)) == len(asked)
    assert len(watch.steps) == len(asked) - 1
    assert all(0 <= done <= total for done, total, _ in watch.steps)
    assert watch.steps[0][2] == "difference_bound 0.002: fitted model 1"
    for method, steps in (
        ("exponentiated_gradient", 3), ("correlation_remover", 2), ("threshold_optimizer", 2),
    ):  # fmt: skip
        impatient = Listening(cancel_after=steps)
        with pytest.raises(StoppedError):
            swept(plain, train, method, points=4, watch=impatient)
        assert len(impatient.steps) == steps


def test_groups_of_too_few_rows_are_held_together_and_those_of_one_class_keep_their_model(
    model: Any, train: pd.DataFrame, test: pd.DataFrame
) -> None:
    rare = train.assign(sex=train["sex"].where(train.index > 9, "a").where(train.index > 4, "b"))
    watch = Listening()
    fair = fit(model, rare, label="y", sensitive=["sex"], method="grid_search", watch=watch)
    assert watch.lines == ["2 groups of fewer than 30 rows are held together as one: 'a', 'b'"]
    assert len(fair.predict(test)) == len(test)
    rare["y"] = rare["y"].where(rare.index > 9, 0)
    watch = Listening()
    fair = fit(model, rare, label="y", sensitive=["sex"], method="threshold_optimizer", watch=watch)
    assert watch.lines[-1].endswith("keep the model's own prediction: '(other)'")
    new = test.assign(sex="b")
    with pytest.warns(UserWarning, match="keep the model's own"):
        assert (fair.predict(new) == model.predict(new[FEATURES])).all()


def test_a_grid_too_coarse_for_its_groups_is_told(model: Any, train: pd.DataFrame) -> None:
    watch = Listening()
    many = train.assign(sex=np.resize(list("abcde"), len(train)))
    swept(model, many, "grid_search", points=4, watch=watch)
    assert len(watch.lines) == 1
    assert "a grid of 4 is coarse for 5 groups (2^4 points" in watch.lines[0]
