"""A mitigated model in a run: recorded, registered, and served by MLflow in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_nb import panels
from mlops_nb.core.errors import InputError
from mlops_nb.flows import model_checks, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.mitigation import mitigate
from mlops_nb.project import Project
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

FRESH = """
import json, sys
import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(sys.argv[2])
data = pd.read_parquet(sys.argv[3])
print(json.dumps(model.predict(data).tolist()))
try:
    model.predict(data.drop(columns="sex"))
except Exception as error:
    print(json.dumps(str(error)))
"""


def drawn(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], 1200)
    x = rng.normal(size=1200) + (sex == "m")
    return pd.DataFrame({"x": x, "sex": sex, "y": (x + rng.normal(size=1200) > 0.7) * 1})


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(Project.at(tmp_path, {}), tmp_path)


def test_the_run_knows_how_and_a_fresh_process_serves_the_model(context: Context) -> None:
    train, test = drawn(0), drawn(1)
    plain = LogisticRegression().fit(train[["x"]], train["y"])
    run = tracking.open_run(context, notebook=tracking.notebook_here({}))
    tracked = Context(context.project, context.folder, run.run_id)
    found = mitigate(
        tracked,
        plain,
        Named("train", train),
        Named("test", test),
        label="y",
        sensitive="sex",
        strength=0.05,
        points=2,
        register="fair",
    )
    tracking.close_run(tracked, run.run_id, "FINISHED")

    tags = context.project.runs.get(run.run_id).tags
    assert tags["mitigation_method"] == "threshold_optimizer"
    assert tags["mitigation_constraint"] == "demographic_parity"
    assert tags["mitigation_sensitive"] == "sex"
    assert tags["mitigation_strength"] == "tol=0.05"
    assert {"mlops.data.train", "mlops.data.test"} <= set(tags)

    chosen = [point["strength"] for point in found.trade_off if point["chosen"]]
    assert chosen == [0.05] == [found.strength["value"]]
    assert len({point["strength"] for point in found.trade_off}) == 4
    judged = model_checks.fairness(tracked, test, label="y", model=found, sensitive="sex")
    gap = judged.finding("demographic_parity_difference").value
    assert gap == pytest.approx(next(p["value"] for p in found.trade_off if p["chosen"]))
    assert found.summary.startswith("demographic_parity_difference went from ")
    assert found.summary.split(",")[0] in panels.text(found).replace("\n", " ")
    assert json.dumps(found.to_dict())

    test.to_parquet(context.folder / "test.parquet")
    served = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FRESH, context.project.tracking_uri,
         "models:/fair/1", "test.parquet"],
        cwd=context.folder, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    answers, refused = served.stdout.splitlines()
    assert json.loads(answers) == found.model.predict(test).tolist()
    assert "'sex'" in refused


def test_what_is_wrong_is_told_before_anything_is_fitted(context: Context) -> None:
    train, test = drawn(0), drawn(1)
    fits: list[int] = []

    class Slow(LogisticRegression):
        def fit(self, *given: object, **named: object) -> Slow:
            fits.append(1)
            super().fit(*given, **named)
            return self

    model = Slow().fit(train[["x"]], train["y"])
    settings = {"label": "y", "sensitive": "sex", "method": "exponentiated_gradient"}
    for data, changed, message in (
        (test.drop(columns="sex"), {}, "unknown column 'sex'"),
        (test.drop(columns="y"), {}, "unknown column 'y'"),
        (test, {"strength": 3.0}, "strength 3 is no difference_bound of exponentiated_gradient"),
        (test, {"points": 99}, "a curve has 0 to 50 points, not 99"),
        (test, {"label": "x"}, "the label 'x' is among the model's features"),
    ):
        with pytest.raises(InputError) as caught:
            mitigate(context, model, train, data, **{**settings, **changed})
        assert message in str(caught.value)
    assert fits == [1]
    with pytest.raises(InputError, match="Slow is not fitted; fit it before it is judged"):
        mitigate(context, Slow(), train, test, **settings)


def rare(rows: int = 4000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    sex = rng.choice(["f", "m"], rows)
    x = rng.normal(size=rows) + (sex == "m")
    return pd.DataFrame({"x": x, "sex": sex, "y": (x + rng.normal(size=rows) > 2) * 1})


def test_what_had_a_verdict_before_has_one_after_by_the_same_limit(context: Context) -> None:
    data = rare()
    plain = LogisticRegression(class_weight="balanced").fit(data[["x"]], data["y"])
    train, test = data[:2000], data[2000:]
    found = mitigate(context, plain, train, test, label="y", sensitive="sex", points=0)
    odds = "equalized_odds_ratio"
    alone = model_checks.fairness(context, test, label="y", sensitive="sex", model=found)
    assert alone.finding(odds).limit is None  # too few are selected for a verdict by default
    assert found.fairness_before.finding(odds).limit == 0.8
    assert found.fairness_after.finding(odds).limit == 0.8


def test_rows_of_groups_that_were_not_there_are_told_once(context: Context) -> None:
    data = rare()
    test = data[2000:].reset_index(drop=True)
    test.loc[:4, "sex"] = "x"
    plain = LogisticRegression(class_weight="balanced").fit(data[["x"]], data["y"])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mitigate(context, plain, data[:2000], test, label="y", sensitive="sex", points=3)
    said = [each for each in told if "groups that the thresholds" in str(each.message)]
    assert len(said) == 1


def amounts(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], 1200, p=[0.2, 0.8])
    x = rng.normal(size=1200)
    y = np.where(sex == "f", -1.0, 2.0) * x + rng.normal(size=1200) / 2
    return pd.DataFrame({"x": x, "sex": sex, "y": 1000 * y})


def test_a_regression_is_judged_by_its_groups_errors_and_registered(context: Context) -> None:
    train, test = amounts(0), amounts(1)
    plain = LinearRegression().fit(train[["x"]], train["y"])
    found = mitigate(
        context, plain, train, test, label="y", sensitive="sex", register="fair-amounts"
    )
    assert found.method == "exponentiated_gradient"
    assert found.constraint == "bounded_square_loss"
    assert found.metric == "mean_squared_error_difference"
    assert found.strength["name"] == "upper_bound"
    ratio = "mean_absolute_error_ratio"
    assert found.fairness_before.finding(ratio).status == "fail"
    assert found.fairness_after.finding(ratio).status == "pass"
    last = found.trade_off[-1]
    assert last["value"] == pytest.approx(found.fairness_after.finding(found.metric).value)
    assert last["error"] == pytest.approx(found.performance_after.finding("rmse").value)
    told = " ".join(panels.text(found).split())
    assert "mean squared error" in told
    assert "points lost" not in told
    assert len(panels.html(found)) < 100_000
    assert json.dumps(found.to_dict())
    loaded = context.project.models.load(context.project.models.get("fair-amounts", "1"))
    assert loaded.predict(test) == pytest.approx(found.model.predict(test))


def test_amounts_that_happen_to_be_few_whole_numbers_are_amounts_still(context: Context) -> None:
    train, test = (data.assign(y=(data["y"] / 3000).round()) for data in (amounts(0), amounts(1)))

    class Whole(LinearRegression):
        def predict(self, inputs: object) -> object:
            return super().predict(inputs).round()

    plain = Whole().fit(train[["x"]], train["y"])
    found = mitigate(
        context, plain, train, test, label="y", sensitive="sex", method="grid_search",
        constraint="bounded_square_loss",
    )  # fmt: skip
    assert found.fairness_after.finding("mean_squared_error_difference").limit is None
    assert found.performance_after.subject["task"] == "regression"


def test_several_classes_are_judged_one_by_one(context: Context) -> None:
    train, test = (
        data.assign(y=np.digitize(data["x"] + data["y"], [0.3, 1.5]))
        for data in (drawn(0), drawn(1))
    )
    plain = LogisticRegression().fit(train[["x"]], train["y"])
    found = mitigate(context, plain, train, test, label="y", sensitive="sex")
    assert found.method == "correlation_remover"
    gap = "demographic_parity_difference"
    before, after = (
        [each for each in report.findings if each.name == gap]
        for report in (found.fairness_before, found.fairness_after)
    )
    assert [each.column for each in after] == ["class = 0", "class = 1", "class = 2"]
    assert {each.limit for each in (*before, *after)} == {0.1}
    chosen = next(point for point in found.trade_off if point["chosen"])
    assert chosen["value"] == pytest.approx(max(each.value for each in after))
    assert chosen["value"] < found.trade_off[0]["value"] / 2
    assert found.summary.startswith("demographic_parity_difference (the widest of 3 classes) went")
    told = " ".join(panels.text(found).split())
    assert "less of a gap (demographic_parity_difference, the widest of 3 classes) costs" in told
    table = told.partition("Fairness verdict")[2].partition("What each group gets")[0]
    assert table.count("class = ") == 3
    assert len(panels.html(found)) < 100_000
