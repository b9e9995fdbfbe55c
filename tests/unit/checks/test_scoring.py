"""A model's predictions and scores become columns, with the features found and the label kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from mlops_nb.checks.scoring import model_features, score
from mlops_nb.core.errors import InputError, NotFoundError


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    y = np.where(x[:, 0] + rng.normal(size=120) > 0, "yes", "no")
    return pd.DataFrame({"id": range(120), "a": x[:, 0], "b": x[:, 1], "y": y})


def test_the_copy_has_prediction_and_probability(data: pd.DataFrame) -> None:
    model = LogisticRegression().fit(data[["b", "a"]], data["y"])
    scored = score(model, data, label="y")
    assert [*scored.columns] == [*data.columns, "prediction", "score"]
    assert (scored["prediction"] == model.predict(data[["b", "a"]])).all()
    assert (scored["score"] == model.predict_proba(data[["b", "a"]])[:, 1]).all()
    assert "score" not in data.columns
    assert scored.index.equals(data.index)


def test_the_score_speaks_for_the_positive_class(data: pd.DataFrame) -> None:
    model = LogisticRegression().fit(data[["a"]], data["y"])
    yes, no = (score(model, data, label="y", positive=p)["score"] for p in ("yes", "no"))
    assert (yes + no).to_numpy() == pytest.approx(1)
    svc = LinearSVC().fit(data[["a"]], data["y"])
    yes, no = (score(svc, data, label="y", positive=p)["score"] for p in ("yes", "no"))
    assert yes.tolist() == (-no).tolist()
    assert score(svc, data, label="y")["score"].tolist() == yes.tolist()
    with pytest.raises(NotFoundError, match="unknown positive class 'ye'; did you mean 'yes'"):
        score(model, data, label="y", positive="ye")


def test_features_are_found_in_pipelines_and_searches(data: pd.DataFrame) -> None:
    encode = make_column_transformer((OneHotEncoder(), ["k"]), remainder="passthrough")
    inputs = data.assign(k=data["id"] % 3)[["k", "b"]]
    pipeline = make_pipeline(encode, StandardScaler(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [1.0]}, cv=2)
    for model in (pipeline, search):
        assert model_features(model.fit(inputs, data["y"])) == ["k", "b"]
        assert "score" in score(model, data.assign(k=0), label="y")
    assert model_features(LogisticRegression()) is None


def test_without_names_all_columns_but_the_label_are_features(data: pd.DataFrame) -> None:
    model = HistGradientBoostingClassifier(max_iter=2).fit(data[["a", "b"]].to_numpy(), data["y"])
    with pytest.warns(UserWarning, match="has feature names"):
        scored = score(model, data[["a", "b", "y"]], label="y")
    assert len(scored) == 120
    with pytest.warns(UserWarning, match="has feature names"):
        again = score(model, scored, label="y")  # the earlier scores are not taken for features
    assert again.equals(scored)


def test_regressors_and_many_classes_have_no_score(data: pd.DataFrame) -> None:
    regressor = LinearRegression().fit(data[["a"]], data[["b"]])
    scored = score(regressor, data, label="b")
    assert scored["prediction"].shape == (120,)
    assert "score" not in scored
    three = LogisticRegression().fit(data[["a"]], data["id"] % 3)
    assert "score" not in score(three, data, label="y")


def test_earlier_scores_are_replaced_and_needed_columns_are_not(data: pd.DataFrame) -> None:
    model = LogisticRegression().fit(data[["a"]], data["y"])
    old = data.assign(score=7.0, prediction="?")
    scored = score(model, old, label="y")
    assert scored["score"].max() < 1
    assert (old["score"] == 7).all()
    uses_score = LogisticRegression().fit(old[["score"]], old["y"])
    with pytest.raises(InputError, match="'score' of the data is needed and would be replaced"):
        score(uses_score, old, label="y")
    renamed = score(uses_score, old, label="y", score_column="p")
    assert {"score", "p"} <= {*renamed.columns}


def test_a_missing_feature_suggests_the_nearest(data: pd.DataFrame) -> None:
    model = LogisticRegression().fit(data[["a"]].rename(columns={"a": "amount"}), data["y"])
    with pytest.raises(NotFoundError, match="unknown column 'amount'; did you mean 'amounts'"):
        score(model, data.rename(columns={"a": "amounts"}), label="y")
    with pytest.raises(NotFoundError, match="unknown column 'target'"):
        score(model, data, label="target")
