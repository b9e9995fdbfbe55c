"""What the check itself reports equals Fairlearn's value, however its options are put together.

Weights, control features, intersections, both methods, both ways to put odds together, and class
names with either of them the positive one: each pair of these occurs in a case, and each case
compares every metric of classes, scores and amounts with `MetricFrame` of the same rows.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks.fairness import check
from mlops_nb.checks.fairness_frame import evaluate
from mlops_nb.checks.fairness_metrics import MEASURES, METRICS, family_of, kind_of
from mlops_nb.core.records import Report
from tests.conformance.test_fairness_fairlearn import TOLERANCE, function_of, predicted

OF_A_CLASS = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "true_negative_rate",
    "false_negative_rate",
    "precision_score",
    "recall_score",
    "f1_score",
)


@dataclass(frozen=True)
class Case:
    """How the check is asked."""

    classes: tuple[Any, Any] = (0, 1)
    positive: Any = None
    weighted: bool = False
    control: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ("g",)
    method: str = "between_groups"
    agg: str = "worst_case"

    @property
    def counted(self) -> Any:
        return self.classes[1] if self.positive is None else self.positive


TO_ALL, MEAN = "to_overall", "mean"
CASES = {
    "plain": Case(),
    "to all, mean": Case(method=TO_ALL, agg=MEAN),
    "weights, two features": Case(weighted=True, sensitive=("g", "h"), agg=MEAN),
    "weights, control, to all": Case(weighted=True, control=("c",), method=TO_ALL),
    "two features, control, to all, mean": Case(
        sensitive=("g", "h"), control=("c",), method=TO_ALL, agg=MEAN
    ),
    "two controls, a level without a group": Case(control=("c", "k"), agg=MEAN),
    "texts": Case(("no", "yes"), weighted=True, sensitive=("g", "h"), method=TO_ALL),
    "texts, the smaller positive": Case(("bad", "good"), "bad", control=("c",), agg=MEAN),
    "numbers, the smaller positive": Case((1, 2), 1, weighted=True, method=TO_ALL),
    "minus one and one": Case((-1, 1), sensitive=("g", "h"), control=("c",), weighted=True),
    "truths, the false one positive": Case((False, True), False, sensitive=("g", "h")),
}


def rows(case: Case) -> pd.DataFrame:
    data = predicted(rows=400, groups=3)
    data["k"] = np.where(data["c"] == "low", "one", np.where(data["h"] == "u", "one", "two"))
    data = data[(data["k"] == "one") | (data["g"] != "g0")].reset_index(drop=True)
    flip = case.counted == case.classes[0]
    for column in ("y", "p"):
        codes = data[column].to_numpy()
        data[column] = [case.classes[code if not flip else 1 - code] for code in codes]
    return data


def fairlearns(
    case: Case, data: pd.DataFrame, truth: pd.Series, told: pd.Series, measures: Sequence[str]
) -> fairlearn.metrics.MetricFrame:
    functions = {
        name: functools.partial(function_of(name), pos_label=case.counted)
        if name in OF_A_CLASS
        else function_of(name)
        for name in measures
    }
    weights = {name: {"sample_weight": data["w"]} for name in measures}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sklearn's, on classes that are not there
        return fairlearn.metrics.MetricFrame(
            metrics=functions,
            y_true=truth,
            y_pred=told,
            sensitive_features=data[list(case.sensitive)],
            control_features=data[list(case.control)] if case.control else None,
            sample_params=weights if case.weighted else None,
        )


def expected(case: Case, metric: str, frame: fairlearn.metrics.MetricFrame) -> dict[str, float]:
    """Return Fairlearn's value of a metric, by the text of the control level."""
    kind, measures = kind_of(metric), list(family_of(metric).measures)
    method = {} if kind.startswith("group") else {"method": case.method}
    found = getattr(frame, kind)(**method)
    lines = found[measures] if case.control else pd.DataFrame([found[measures]])
    lines = lines.astype(float)
    values = (
        lines.mean(axis=1)
        if case.agg == MEAN
        else (lines.min(axis=1) if kind in ("ratio", "group_min") else lines.max(axis=1))
    )
    return {_text(case, key) if case.control else "": float(value) for key, value in values.items()}


def _text(case: Case, level: Any) -> str:
    values = level if isinstance(level, tuple) else (level,)
    return ", ".join(f"{name} = {v}" for name, v in zip(case.control, values, strict=True))


def reported(case: Case, data: pd.DataFrame, **columns: Any) -> Report:
    return check(
        data,
        sensitive=case.sensitive,
        control=case.control,
        weights="w" if case.weighted else None,
        method=case.method,
        agg=case.agg,
        draws=100,
        **columns,
    )


def metrics_of(*needs: str) -> list[str]:
    return [n for n in METRICS if all(MEASURES[m].needs in needs for m in family_of(n).measures)]


def assert_equal(found: dict[str, float], theirs: dict[str, float], metric: str) -> None:
    # Of levels that no row has, Fairlearn says NaN, and we say nothing.
    theirs = {
        level: value for level, value in theirs.items() if level in found or not math.isnan(value)
    }
    assert found == pytest.approx(theirs, abs=TOLERANCE, rel=0, nan_ok=True), metric


def assert_same(case: Case, report: Report, frame: Any, metrics: Sequence[str]) -> None:
    found: dict[str, dict[str, float]] = {}
    for finding in report.findings:
        found.setdefault(finding.name, {})[finding.column or ""] = finding.value
    for metric in metrics:
        assert_equal(found[metric], expected(case, metric, frame), metric)


@pytest.mark.parametrize("name", CASES)
def test_the_check_of_classes_has_fairlearns_values(name: str) -> None:
    case, metrics = CASES[name], metrics_of("binary", "classes")
    data = rows(case)
    report = reported(
        case, data, label="y", prediction="p", positive=case.positive, metrics=metrics
    )
    measures = list(dict.fromkeys(m for each in metrics for m in family_of(each).measures))
    assert_same(case, report, fairlearns(case, data, data["y"], data["p"], measures), metrics)


@pytest.mark.parametrize("name", CASES)
def test_the_check_of_scores_has_fairlearns_values(name: str) -> None:
    case, metrics = CASES[name], metrics_of("score", "probability")
    data = rows(case)
    report = reported(case, data, label="y", score="score", positive=case.positive, metrics=metrics)
    truth = (data["y"] == case.counted).astype(int)
    frame = fairlearns(case, data, truth, data["score"], ["roc_auc_score", "log_loss"])
    assert_same(case, report, frame, metrics)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.classes == (0, 1)])
def test_the_check_of_amounts_has_fairlearns_values(name: str) -> None:
    case, metrics = CASES[name], metrics_of("amounts")
    data = rows(case)
    report = reported(case, data, label="amount", prediction="told", metrics=metrics)
    measures = list(dict.fromkeys(m for each in metrics for m in family_of(each).measures))
    frame = fairlearns(case, data, data["amount"], data["told"], measures)
    assert_same(case, report, frame, metrics)


@pytest.mark.parametrize(
    ("name", "named"),
    [(name, "bus" if index % 2 else 0) for index, name in enumerate(CASES) if index < 7],
)
def test_the_check_of_several_classes_has_fairlearns_values(name: str, named: Any) -> None:
    case, rng = CASES[name], np.random.default_rng(5)
    data = rows(case)
    classes = ["bus", "car", "train"] if named == "bus" else [0, 1, 2]
    data["y"] = rng.choice(classes, len(data))
    data["p"] = np.where(rng.random(len(data)) < 0.6, data["y"], rng.choice(classes, len(data)))
    data["y"] = data["y"].astype(type(named))
    data["p"] = data["p"].astype(type(named))
    measures = ["accuracy_score", "zero_one_loss", "balanced_accuracy_score", "selection_rate"]
    metrics = metrics_of("classes")
    report = reported(case, data, label="y", prediction="p", positive=classes[1], metrics=metrics)
    of_one = Case(classes=tuple(classes[:2]), positive=classes[1], weighted=case.weighted,
                  control=case.control, sensitive=case.sensitive, method=case.method,
                  agg=case.agg)  # fmt: skip
    frame = fairlearns(of_one, data, data["y"], data["p"], measures)
    assert_same(case, report, frame, metrics)
    # Of each class against the others, as it is reported where no metric is asked for.
    by_default = reported(case, data, label="y", prediction="p")
    for each in classes:
        truth, told = (data[column] == each for column in ("y", "p"))
        alone = fairlearns(Case(**{**vars(case), "classes": (False, True), "positive": True}),
                           data, truth, told, ["selection_rate"])  # fmt: skip
        theirs = expected(case, "demographic_parity_difference", alone)
        found = {
            (f.column or "").removesuffix(f"class = {each}").removesuffix(", "): f.value
            for f in by_default.findings
            if (f.column or "").endswith(f"class = {each}")
        }
        assert_equal(found, theirs, f"class {each}")


@pytest.mark.parametrize("name", ["texts", "texts, the smaller positive", "minus one and one"])
def test_the_functions_take_any_class_for_the_positive_one(name: str) -> None:
    case = CASES[name]
    data = rows(case)
    for metric in metrics_of("binary", "classes")[::5]:
        ours = evaluate(
            metric, data["y"], data["p"], sensitive_features=data["g"], positive=case.counted
        )
        codes = [(data[column] == case.counted).astype(int) for column in ("y", "p")]
        theirs = getattr(fairlearn.metrics, metric, None)
        if theirs is not None:
            assert ours == pytest.approx(
                theirs(*codes, sensitive_features=data["g"]), abs=TOLERANCE, nan_ok=True
            )


def test_each_pair_of_options_occurs_in_a_case() -> None:
    options = ("weighted", "control", "sensitive", "method", "agg")
    for index, one in enumerate(options):
        for other in options[index + 1 :]:
            seen = {
                (
                    getattr(case, one) == getattr(Case, one),
                    getattr(case, other) == getattr(Case, other),
                )
                for case in CASES.values()
            }
            assert len(seen) == 4, (one, other)
