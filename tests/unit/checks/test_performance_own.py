"""Functions of one's own as metrics of `performance`: values, verdicts, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

import mlops_nb
from mlops_nb import panels
from mlops_nb.checks import fairness, own_metrics, performance
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Finding, Report

ROWS = 600


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    y = (rng.random(ROWS) < 0.4).astype(int)
    score = np.clip(0.35 * y + rng.random(ROWS) * 0.65, 0, 1)
    grade = rng.choice([1, 3, 9], ROWS)
    return pd.DataFrame(
        {
            "y": y,
            "p": (score > 0.5).astype(int),
            "s": score,
            "grade": grade,
            "told": np.where(rng.random(ROWS) < 0.7, grade, 1),
            "paid": 10 + rng.normal(0, 3, ROWS),
            "due": 10 + rng.normal(0, 3, ROWS),
            "part": np.repeat(["a", "b"], [ROWS - 12, 12]),
            "sex": rng.choice(["f", "m"], ROWS),
        }
    )


DATA = frame()


def agree_score(truth: Any, predicted: Any) -> float:
    return float((truth == predicted).mean())


def miss_error(truth: Any, predicted: Any) -> float:
    return float((truth != predicted).mean())


def cost(truth: Any, predicted: Any) -> float:
    return float(np.abs(truth - predicted).mean())


def judged(label: str = "y", prediction: str | None = "p", **given: Any) -> Report:
    return performance.check(DATA, label=label, prediction=prediction, **given)


def only(report: Report) -> Finding:
    (finding,) = report.findings
    return finding


@pytest.mark.parametrize(
    ("label", "columns", "function"),
    [
        ("y", {"prediction": "p"}, sk.accuracy_score),
        ("grade", {"prediction": "told"}, sk.mean_absolute_error),
        ("paid", {"prediction": "due"}, sk.median_absolute_error),
        ("y", {"prediction": None, "score": "s"}, sk.average_precision_score),
    ],
)
def test_a_function_is_given_the_values_as_they_are(
    label: str, columns: dict[str, Any], function: Callable[..., Any]
) -> None:
    finding = only(judged(label, metrics=[function], **columns))
    told = columns["prediction"] or columns["score"]
    low, high = finding.evidence["interval"]
    assert finding.value == pytest.approx(function(DATA[label], DATA[told]), abs=1e-12)
    assert low < finding.value < high
    assert finding.evidence["method"].startswith(f"slow: {function.__name__} called for each draw")


def test_fairness_gives_a_function_the_same_values() -> None:
    given = {"label": "grade", "prediction": "told", "sensitive": ["sex"], "draws": 100}
    found = fairness.check(DATA, metrics=[cost], **given).findings[0]
    of_each = [cost(rows["grade"], rows["told"]) for _, rows in DATA.groupby("sex")]
    assert found.value == pytest.approx(abs(of_each[0] - of_each[1]), abs=1e-12)


def test_fairness_gives_whole_amounts_as_they_are() -> None:
    data = DATA.assign(paid=DATA["paid"].mul(50).astype(int), due=DATA["due"].mul(50).astype(int))
    given = {"label": "paid", "prediction": "due", "sensitive": ["sex"], "draws": 100}
    found = fairness.check(data, metrics=[cost], **given).findings[0]
    of_each = [cost(rows["paid"], rows["due"]) for _, rows in data.groupby("sex")]
    assert found.value == pytest.approx(abs(of_each[0] - of_each[1]), abs=1e-9)


def test_its_interval_is_that_of_the_same_metric_made_from_counts() -> None:
    own = only(judged(metrics=[agree_score])).evidence["interval"]
    known = only(judged(metrics=["accuracy"])).evidence["interval"]
    assert np.abs(np.subtract(own, known)).max() < 0.01


def test_a_limit_is_a_floor_or_a_cap_by_what_the_function_says() -> None:
    right = agree_score(DATA["y"], DATA["p"])
    lower = partial(agree_score)
    lower.greater_is_better = False  # type: ignore[attr-defined]
    for function, limit, status in (
        (agree_score, right - 0.2, "pass"),
        (agree_score, right + 0.2, "fail"),
        (agree_score, right, "insufficient"),
        (miss_error, 1 - right + 0.2, "pass"),
        (miss_error, 1 - right - 0.2, "fail"),
        (lower, right + 0.2, "pass"),
    ):
        finding = judged(metrics=[function], limits={function: limit}).findings[0]
        assert (finding.limit, finding.status) == (limit, status)
    said = "nothing says whether 'cost' is better high or low"
    with pytest.raises(InputError, match=said):
        judged(limits={cost: 1.0})
    given = {"label": "y", "prediction": "p", "sensitive": ["sex"]}
    with pytest.raises(InputError, match=said):
        fairness.check(DATA, **given, metrics=[cost], limits={"cost_group_max": 1.0})


def test_too_few_rows_or_draws_without_a_value_decide_nothing() -> None:
    few = performance.check(DATA[:20].assign(p=DATA["y"]), label="y", prediction="p",
                            limits={agree_score: 0.2}).finding("agree_score")  # fmt: skip
    assert (few.value, few.status) == (1.0, "insufficient")
    assert few.evidence["note"] == "20 rows are too few to judge by (30 are needed)."

    def seldom_score(truth: Any, _predicted: Any) -> float:
        return float("nan") if truth.sum() % 2 else 1.0

    odd = judged(metrics=[seldom_score], limits={seldom_score: 0.5}).findings[0]
    assert odd.status == "insufficient"
    assert "no finite" in odd.evidence["note"]

    def never(_truth: Any, _predicted: Any) -> float:
        return float("nan")

    assert isnan(only(judged(metrics=[returning(np.ma.masked)])).value or 0.0)

    report = judged(metrics=[never])
    assert report.summary.startswith("never can't be computed of these rows")
    assert (
        report.findings[0].evidence["note"] == "never returned nan for 600 rows: no finite number."
    )


def test_each_batch_is_measured_by_the_function_too() -> None:
    report = judged(metrics=[agree_score], limits={agree_score: 0.3}, by="part")
    large, small = report.findings[0].evidence["over_time"]
    assert (large["status"], small["status"], small["rows"]) == ("pass", "insufficient", 12)
    rows = DATA[DATA["part"] == "a"]
    assert large["value"] == agree_score(rows["y"], rows["p"])


def test_the_slow_path_is_said_and_bounded() -> None:
    calls = []

    def counted(_truth: Any, _predicted: Any) -> float:
        calls.append(1)
        return 0.5

    report = judged(metrics=[counted], draws=1000)
    assert len(calls) == 101
    note = "counted: called for each draw of the rows, which is slow; there are 100 draws."
    assert note in report.subject["notes"]
    assert note in " ".join(panels.text(report).split())
    assert report.findings[0].evidence["note"].startswith("All draws came to the same")


def test_a_function_can_change_only_copies() -> None:
    def sorting(truth: Any, predicted: Any) -> float:
        truth.sort()
        predicted[:] = truth
        return 1.0

    before = DATA.copy()
    report = judged(metrics=[sorting, "accuracy"])
    pd.testing.assert_frame_equal(DATA, before)
    assert report.finding("accuracy").value == agree_score(DATA["y"], DATA["p"])


async def late(_truth: Any, _predicted: Any) -> float:
    return 0.5


class Late:
    async def __call__(self, _truth: Any, _predicted: Any) -> float:
        return 0.5


def accuracy(_truth: Any, _predicted: Any) -> float:
    return 0.0


def raising(_truth: Any, _predicted: Any) -> float:
    raise ValueError("first\nsecond")


def leaving(_truth: Any, _predicted: Any) -> float:
    raise SystemExit(0)


def three(_truth: Any, _predicted: Any, _third: Any) -> float:
    return 0.0


def returning(value: Any) -> Callable[..., Any]:
    def odd(_truth: Any, _predicted: Any) -> Any:
        return value

    return odd


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (raising, "the metric raising raised ValueError: first second"),
        (leaving, "the metric leaving raised SystemExit: 0"),
        (returning(None), "the metric odd must return a number, not None"),
        (returning("0.5"), "the metric odd must return a number, not '0.5'"),
        (returning(np.zeros(3)), r"must return a number, not ndarray of shape \(3,\)"),
        (returning(1j), "must return a number, not complex"),
        (returning(10**400), "the metric odd raised OverflowError"),
        (late, "the metric late is async; it must return a number at once"),
        (Late(), "the metric Late must return a number, not coroutine"),
        (three, "can't be called with true and predicted values: missing a required argument"),
        (accuracy, "the function 'accuracy' is called like a metric that there is"),
        (3, "a metric is a name or a function, not 3"),
    ],
)
def test_what_is_no_metric_is_refused_in_one_line(function: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        judged(metrics=[function])
    assert "\n" not in str(caught.value)


def test_a_hostile_name_breaks_neither_sentence_nor_panel() -> None:
    def named(_truth: Any, predicted: Any) -> float:
        return float(predicted.mean())

    named.__name__ = "<img src=x onerror=alert(1)>\n" + "x" * 10_000
    named.greater_is_better = True  # type: ignore[attr-defined]
    report = mlops_nb.performance(
        DATA, label="y", prediction="p", metrics=[named, "accuracy"], limits={named: 0.9}
    )
    assert "<img src=x" not in panels.html(report)
    assert len(report.summary) < 1_000
    assert "\n" not in report.summary
    assert Report.from_dict(report.to_dict()) == report


def test_what_is_given_weights_must_take_them() -> None:
    data = DATA.assign(w=np.arange(ROWS) % 3)
    given = {"label": "y", "prediction": "p", "sensitive": ["sex"], "weights": "w"}
    with pytest.raises(InputError, match="the metric agree_score takes no sample_weight"):
        fairness.check(data, **given, metrics=[agree_score])

    def wrong_loss(truth: Any, predicted: Any, *, sample_weight: Any) -> float:
        return float(np.average(truth != predicted, weights=sample_weight))

    found = fairness.check(data, **given, metrics=[wrong_loss], draws=100).findings[0]
    of_each = [
        wrong_loss(rows["y"], rows["p"], sample_weight=rows["w"]) for _, rows in data.groupby("sex")
    ]
    assert found.value == pytest.approx(abs(of_each[0] - of_each[1]), abs=1e-12)


class Grader:
    def right_score(self, truth: Any, predicted: Any) -> float:
        return agree_score(truth, predicted)


def test_a_method_is_one_function_and_a_name_of_its_own_sets_partials_apart() -> None:
    grader = Grader()
    report = judged(metrics=[grader.right_score], limits={grader.right_score: 0.1})
    assert (only(report).name, only(report).status) == ("right_score", "pass")
    second, half = partial(sk.fbeta_score, beta=2), partial(sk.fbeta_score, beta=0.5)
    with pytest.raises(InputError, match="called 'fbeta_score'; set the __name__ of one"):
        judged(metrics=[second, half])
    second.__name__ = "f2_score"  # type: ignore[attr-defined]
    found = judged(metrics=[second, half]).findings
    assert [each.name for each in found] == ["f2_score", "fbeta_score"]


def test_a_direction_that_is_unclear_is_no_direction() -> None:
    one = partial(miss_error)
    one.__name__ = "miss_score"  # type: ignore[attr-defined]
    assert own_metrics.higher_is_better("miss_score", one)
    assert own_metrics.higher_is_better("my_score", miss_error) is None
    one.greater_is_better = np.False_  # type: ignore[attr-defined]
    assert own_metrics.higher_is_better("miss_score", one) is False
    one.greater_is_better = 0  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="of 'miss_score' must be True or False, not 0"):
        judged(metrics=[one])


def test_a_scorer_is_sent_to_the_function_that_it_is_made_of() -> None:
    with pytest.raises(InputError, match=r"a scorer, which .* made of, accuracy_score"):
        judged(metrics=[sk.make_scorer(sk.accuracy_score)])


def test_warnings_are_of_the_rows_and_not_of_each_draw() -> None:
    def warning(truth: Any, predicted: Any) -> float:
        warnings.warn("odd rows", UserWarning, stacklevel=2)
        return agree_score(truth, predicted)

    with pytest.warns(UserWarning, match="odd rows") as caught:
        judged(metrics=[warning])
    assert len(caught) == 1


@pytest.mark.parametrize("kind", ["difference", "ratio", "group_min", "group_max"])
def test_a_group_without_a_finite_value_keeps_no_limit(kind: str) -> None:
    rows = (DATA["sex"] == "f").sum()

    def odd_loss(truth: Any, _predicted: Any) -> float:
        return float("inf") if len(truth) == rows else 0.2

    limit = 0.1 if kind == "ratio" else 0.9
    given = {"label": "y", "prediction": "p", "sensitive": ["sex"], "draws": 100}
    report = fairness.check(DATA, **given, metrics=[odd_loss], limits={f"odd_loss_{kind}": limit})
    found = report.finding(f"odd_loss_{kind}")
    assert found.status == "insufficient"
    assert "f has draws without a finite value" in found.evidence["note"]


def test_values_below_0_make_no_ratio() -> None:
    def minus_score(truth: Any, predicted: Any) -> float:
        return -float((predicted + 3 * (truth != predicted)).mean())

    given = {"label": "y", "prediction": "p", "sensitive": ["sex"], "draws": 100}
    report = fairness.check(DATA, **given, limits={"minus_score_ratio": 0.8},
                            functions={"minus_score": minus_score})  # fmt: skip
    found = report.finding("minus_score_ratio")
    assert found.value is not None
    assert found.value > 0.8
    assert found.status == "insufficient"
    assert "values below 0, of no ratio" in found.evidence["note"]


def test_a_long_name_keeps_a_fairness_summary_short() -> None:
    def named(truth: Any, predicted: Any) -> float:
        return agree_score(truth, predicted)

    named.__name__ = "a\n" + "x" * 10_000
    given = {"label": "y", "prediction": "p", "sensitive": ["sex"], "draws": 100}
    summary = fairness.check(DATA, **given, metrics=[named]).summary
    assert len(summary) < 500
    assert "\n" not in summary
