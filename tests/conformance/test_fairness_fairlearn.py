"""Every fairness value equals that of the installed Fairlearn, whatever the shape of the data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.checks.fairness import DEFAULT_METRICS, check
from mlops_nb.checks.fairness_frame import COUNT, GroupFrame, evaluate
from mlops_nb.checks.fairness_metrics import MEASURES, METRICS, family_of

TOLERANCE = 1e-12
# What `fairlearn.metrics` has beside functions with one value: the frame (compared below), the
# maker of such functions (its products are), and pictures, which our panels draw.
OTHERS = {"MetricFrame", "make_derived_metric", "plot_model_comparison", "plot_roc_curve_by_group"}
FUNCTIONS = sorted(set(fairlearn.metrics.__all__) - OTHERS)
NAMED = [name for name in FUNCTIONS if name in METRICS]
OF_CLASSES = [
    name for name in NAMED if MEASURES[family_of(name).measures[0]].needs in ("binary", "classes")
]
# All of them are compared below; these are what each shape of data is tried with.
TRIED = (
    *DEFAULT_METRICS,
    "false_negative_rate_ratio",
    "balanced_accuracy_score_group_min",
    "precision_score_group_min",
    "f1_score_group_min",
    "zero_one_loss_group_max",
)


def random_rows(seed: int, groups: int, rows: int, *, base: float = 0.4) -> pd.DataFrame:
    """Draw groups of very unequal sizes, with rates of their own."""
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, rows, p=rng.dirichlet(np.ones(groups)))
    y = (rng.random(rows) < base).astype(int)
    p = (rng.random(rows) < rng.random(groups)[group] * 0.6 + 0.3 * y).astype(int)
    return pd.DataFrame(
        {"g": [f"g{i}" for i in group], "h": rng.choice(["u", "v"], rows), "y": y, "p": p}
    )


def fairlearns(name: str, *arguments: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sklearn's, on classes that are not there
        return getattr(fairlearn.metrics, name)(*arguments, **options)


def assert_equal(data: pd.DataFrame, sensitive: list[str], metrics: Sequence[str] = TRIED) -> None:
    report = check(data, label="y", prediction="p", sensitive=sensitive, metrics=metrics, draws=100)
    for finding in report.findings:
        expected = fairlearns(
            finding.name, data["y"], data["p"], sensitive_features=data[sensitive]
        )
        if math.isnan(expected):
            assert math.isnan(finding.value), finding.name
        else:
            assert abs(finding.value - expected) <= TOLERANCE, finding.name
            low, high = finding.evidence["interval"]
            assert 0 <= low <= finding.value <= high <= 1, finding.name
            sure = finding.evidence["bounds"]
            assert 0 <= sure[0] <= finding.value <= sure[1] <= 1, finding.name


def shapes() -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    for groups in range(1, 11):
        yield f"{groups} groups", random_rows(groups, groups, 400), ["g"]
    yield "intersection", random_rows(20, 4, 500), ["g", "h"]
    yield "few rows", random_rows(21, 3, 12), ["g"]
    rows = random_rows(22, 3, 300)
    yield "a group without positives", rows.assign(y=rows["y"].where(rows["g"] != "g0", 0)), ["g"]
    yield "a group without negatives", rows.assign(y=rows["y"].where(rows["g"] != "g0", 1)), ["g"]
    yield "all labels 0", rows.assign(y=0), ["g"]
    yield "all labels 1", rows.assign(y=1), ["g"]
    yield "all predictions 0", rows.assign(p=0), ["g"]
    yield "all predictions 1", rows.assign(p=1), ["g"]
    yield "all of both 0", rows.assign(y=0, p=0), ["g"]
    yield "perfect", rows.assign(p=rows["y"]), ["g"]
    yield "always wrong", rows.assign(p=1 - rows["y"]), ["g"]
    yield "a group of one", pd.concat([rows, rows[:1].assign(g="lonely")]), ["g"]
    yield "labels -1 and 1", rows.assign(y=rows["y"] * 2 - 1, p=rows["p"] * 2 - 1), ["g"]
    yield "labels true and false", rows.astype({"y": bool, "p": bool}), ["g"]
    yield "whole numbers as groups", rows.assign(g=rows["g"].str[1].astype(int)), ["g"]


CASES = {name: (data, sensitive) for name, data, sensitive in shapes()}


@pytest.mark.parametrize("shape", CASES)
def test_values_equal_fairlearns(shape: str) -> None:
    assert_equal(*CASES[shape])


def test_values_equal_fairlearns_on_the_credit_data(root: Path) -> None:
    data = pd.read_parquet(root / "notebooks" / "data" / "credit_default.parquet")
    late = (data["PAY_0"] > 0).astype(int)
    assert_equal(data.assign(y=data["DEFAULT"], p=late), ["SEX"], DEFAULT_METRICS)
    assert_equal(data.assign(y=data["DEFAULT"], p=late), ["SEX", "EDUCATION"], DEFAULT_METRICS[:2])


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 1)),
        min_size=2,
        max_size=25,
    )
)
def test_values_equal_fairlearns_on_any_rows(rows: list[tuple[str, int, int]]) -> None:
    assert_equal(pd.DataFrame(rows, columns=["g", "y", "p"]), ["g"], DEFAULT_METRICS)


# Every function of fairlearn.metrics, in every form that it takes


def predicted(seed: int = 7, rows: int = 900, *, groups: int = 4) -> pd.DataFrame:
    """Draw classes, scores (with ties), amounts, weights and a control for unequal groups."""
    rng = np.random.default_rng(seed)
    data = random_rows(seed, groups, rows)
    data["score"] = (0.3 * data["y"] + 0.7 * rng.random(rows)).round(2)
    data["amount"] = rng.normal(10, 3, rows) * (1 + data["y"])
    data["told"] = data["amount"] + rng.normal(0, 2, rows) * (1 + (data["g"] == "g1"))
    data["w"] = rng.uniform(0.1, 3, rows)
    data["c"] = rng.choice(["low", "mid", "high"], rows)
    return data


def columns_of(measure: str, data: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    needs = MEASURES[measure].needs if measure != COUNT else "binary"
    if needs == "amounts":
        return data["amount"], data["told"]
    return data["y"], data["score"] if needs in ("score", "probability") else data["p"]


def mean_error(truth: Any, told: Any, sample_weight: Any = None) -> float:
    return float(np.average(told - truth, weights=sample_weight))


def function_of(measure: str) -> Any:
    if measure == "mean_error":  # ours
        return mean_error
    return getattr(fairlearn.metrics, measure, None) or getattr(sklearn.metrics, measure)


def same(ours: Any, theirs: Any) -> bool:
    return np.allclose(
        np.asarray(ours, float), np.asarray(theirs, float), rtol=0, atol=1e-12, equal_nan=True
    )


def test_there_is_no_function_of_fairlearns_that_we_lack() -> None:
    assert [name for name in FUNCTIONS if name not in {*METRICS, *MEASURES, COUNT}] == []


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_equals_fairlearns(name: str, weighted: bool) -> None:
    data = predicted()
    measures = family_of(name).measures if name in METRICS else (name,)
    truth, told = columns_of(measures[0], data)
    if name not in METRICS:
        options = {} if not weighted or name == COUNT else {"sample_weight": data["w"]}
        frame = GroupFrame([name], truth, told, sensitive_features=data["g"], **options)
        assert same(frame.overall[name], fairlearns(name, truth, told, **options))
        return
    weight = {"sample_weight": data["w"]} if weighted else {}
    variants: list[dict[str, Any]] = [{}]
    if name.endswith(("_difference", "_ratio")):
        variants.append({"method": "to_overall"})
    if name.startswith("equalized"):
        variants += [{**each, "agg": "mean"} for each in variants]
    for options in variants:
        for sensitive in (data["g"], data[["g", "h"]]):
            given = {"sensitive_features": sensitive, **weight, **options}
            assert same(
                evaluate(name, truth, told, **given), fairlearns(name, truth, told, **given)
            )


@pytest.mark.parametrize(
    ("control", "weighted"),
    [(None, False), (["c"], True), (["c", "h"], False)],
    ids=["plain", "control, weighted", "controls"],
)
@pytest.mark.parametrize("measure", [*MEASURES, COUNT])
def test_the_frame_equals_metric_frame(measure: str, control: list[str], weighted: bool) -> None:
    weighted = weighted and measure != COUNT  # Fairlearn's takes no weights
    data = predicted(rows=800)
    truth, told = columns_of(measure, data)
    given = {
        "sensitive_features": data[["g"]] if control else data[["g", "h"]],
        "control_features": data[control] if control else None,
    }
    ours = GroupFrame(
        [measure], truth, told, sample_weight=data["w"] if weighted else None, **given
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = fairlearn.metrics.MetricFrame(
            metrics={measure: function_of(measure)},
            y_true=truth,
            y_pred=told,
            sample_params={measure: {"sample_weight": data["w"]}} if weighted else None,
            **given,
        )
    assert same(ours.by_group.reindex(theirs.by_group.index), theirs.by_group)
    for name in ("overall", "group_min", "group_max"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        mine, other = (each() if callable(each) else each for each in (mine, other))
        assert same(mine.reindex(other.index), other), name
    for name in ("difference", "ratio"):
        for method in ("between_groups", "to_overall"):
            other = getattr(theirs, name)(method=method)
            assert same(getattr(ours, name)(method).reindex(other.index), other), (name, method)


MULTICLASS = ("accuracy_score", "balanced_accuracy_score", "zero_one_loss", "selection_rate")


@pytest.mark.parametrize("classes", [[0, 1, 2], [3, 1, 7]])
@pytest.mark.parametrize("measure", MULTICLASS)
def test_several_classes_equal_fairlearns(measure: str, classes: list[int]) -> None:
    rng = np.random.default_rng(3)
    truth, told, group = (
        rng.choice(classes, 600),
        rng.choice(classes, 600),
        rng.integers(3, size=600),
    )
    ours = GroupFrame([measure], truth, told, sensitive_features=group)
    theirs = fairlearn.metrics.MetricFrame(
        metrics=function_of(measure), y_true=truth, y_pred=told, sensitive_features=group
    )
    assert same(ours.by_group[measure], theirs.by_group)
    assert same(ours.difference()[measure], theirs.difference())


@pytest.mark.parametrize("name", [name for name in NAMED if name not in OF_CLASSES])
def test_the_check_of_scores_and_amounts_has_fairlearns_values(name: str) -> None:
    data = predicted()
    truth, told = columns_of(family_of(name).measures[0], data)
    report = check(
        data.rename(columns={told.name: "given"}),
        label=str(truth.name),
        prediction="p" if told.name == "score" else "given",
        score="given" if told.name == "score" else None,
        sensitive=["g"],
        weights="w",
        metrics=[name],
        draws=100,
    )
    expected = fairlearns(name, truth, told, sensitive_features=data["g"], sample_weight=data["w"])
    finding = report.finding(name)
    assert abs(finding.value - expected) <= TOLERANCE
    low, high = finding.evidence["interval"]
    assert low <= finding.value <= high
    assert low < high
