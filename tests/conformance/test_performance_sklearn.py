"""Every metric of `performance` with weights of the rows is sklearn's with ``sample_weight``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from mlops_nb.checks.metrics import METRICS, metrics_of
from mlops_nb.checks.performance import check
from mlops_nb.core.records import Report

EXACT = 1e-12

OF_CLASSES: Mapping[str, Callable[..., float]] = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "f1_macro": lambda *pair, **more: sk.f1_score(*pair, average="macro", **more),
    "mae": sk.mean_absolute_error,
    "rmse": sk.root_mean_squared_error,
    "r2": sk.r2_score,
}
OF_SCORES: Mapping[str, Callable[..., float]] = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "log_loss": sk.log_loss,
    "brier": sk.brier_score_loss,
}
WEIGHTS: Mapping[str, Callable[[np.random.Generator, int], Any]] = {
    "uneven": lambda rng, n: rng.exponential(size=n) ** 3,
    "many of nothing": lambda rng, n: np.append(rng.integers(0, 3, n - 2), [1, 2]),
    "one for nearly all": lambda rng, n: np.where(np.arange(n) == n // 2, 1e9, rng.random(n)),
    "tiny": lambda rng, n: rng.random(n) * 1e-290,
    "huge": lambda rng, n: rng.random(n) * 1e290,
    "whole": lambda rng, n: rng.integers(1, 9, n),
    "truths": lambda rng, n: np.append(rng.random(n - 2) < 0.5, [True, True]),
}


def rows(kind: str, n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng([seed, n])
    truth = np.append(rng.integers(0, 2, n - 2), [0, 1])
    classes = np.append(rng.choice([*"abc"], n - 2), [*"ab"])
    amount = 1e4 + rng.normal(0, 30, n)
    return pd.DataFrame(
        {
            "y": truth,
            "p": np.where(rng.random(n) < 0.7, truth, 0),
            "s": np.clip(rng.normal(0.4 + 0.2 * truth, 0.3), 0, 1).round(1),  # ties, and both ends
            "c": classes,
            "g": np.where(rng.random(n) < 0.6, classes, "b"),
            "a": amount,
            "t": amount + rng.normal(3, 9, n),
            "w": WEIGHTS[kind](rng, n),
        }
    )


COLUMNS: Mapping[str, Mapping[str, str]] = {
    "binary": {"label": "y", "prediction": "p", "score": "s"},
    "multiclass": {"label": "c", "prediction": "g"},
    "regression": {"label": "a", "prediction": "t"},
}


def measured(data: pd.DataFrame, task: Any, **settings: Any) -> Report:
    return check(data, **COLUMNS[task], task=task, draws=100, **{"weights": "w", **settings})


def expected(data: pd.DataFrame, task: Any, metric: str) -> float:
    columns = COLUMNS[task]
    told = columns["score" if metric in OF_SCORES else "prediction"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sklearn's, on what is not there
        return float(
            {**OF_CLASSES, **OF_SCORES}[metric](
                data[columns["label"]], data[told], sample_weight=data["w"]
            )
        )


def test_every_metric_is_compared() -> None:
    assert {*OF_CLASSES, *OF_SCORES} == {*METRICS}


@pytest.mark.parametrize("n", [3, 12, 500])
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("task", COLUMNS)
def test_weighted_values_are_sklearns(task: Any, kind: str, n: int) -> None:
    data = rows(kind, n)
    report = measured(data, task)
    assert [finding.name for finding in report.findings] == metrics_of(task)
    for finding in report.findings:
        theirs = expected(data, task, finding.name)
        assert finding.value == pytest.approx(theirs, rel=EXACT, abs=EXACT), finding.name
        low, high = finding.evidence["interval"]
        assert low <= finding.value <= high
        assert finding.evidence["n"] == n


@pytest.mark.parametrize("task", COLUMNS)
def test_equal_weights_and_weights_in_other_units_change_nothing(task: Any) -> None:
    data = rows("uneven", 300)
    plain = measured(data, task, weights=None)
    weighted = measured(data, task)
    for equal in (1.0, 0.1, 7, 1e300):
        same = measured(data.assign(w=equal), task)
        assert [f.value for f in same.findings] == [f.value for f in plain.findings]
        assert ends(same) == pytest.approx(ends(plain), rel=1e-5)  # of 32-bit draws
    for unit in (1e-3, 8, 1e250):
        scaled = measured(data.assign(w=data["w"] * unit), task)
        for mine, other in zip(scaled.findings, weighted.findings, strict=True):
            assert mine.value == pytest.approx(other.value, rel=EXACT)
        assert ends(scaled) == pytest.approx(ends(weighted), rel=1e-9)
    assert ends(weighted) != pytest.approx(ends(plain), rel=1e-2)


def ends(report: Report) -> list[float]:
    return [end for finding in report.findings for end in finding.evidence["interval"]]


@pytest.mark.parametrize("task", COLUMNS)
def test_rows_without_weight_are_as_if_they_were_not_there(task: Any) -> None:
    data = rows("whole", 200)
    more = pd.concat([rows("uneven", 90, seed=1).assign(w=0.0), data], ignore_index=True)
    mine, without = measured(more, task), measured(data, task)
    for each, other in zip(mine.findings, without.findings, strict=True):
        assert each.value == pytest.approx(other.value, rel=EXACT)
        assert each.value == pytest.approx(expected(more, task, each.name), rel=EXACT)


def test_what_does_not_vary_where_the_weight_is_has_no_variance_to_explain() -> None:
    for seed in range(20):
        weight = np.random.default_rng(seed).random(8)
        data = pd.DataFrame({"a": [0.1] * 7 + [9], "t": 0.2, "w": weight})
        data.loc[7, "w"] = 0
        found = measured(data, "regression").finding("r2")
        assert (found.value, found.evidence["interval"]) == (0, [0, 0])
        data["t"] = data["a"]
        assert measured(data, "regression").finding("r2").value == 1
