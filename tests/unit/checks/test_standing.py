"""What stands in a project's settings holds for the models that it suits, and errs for none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import fairness, performance
from mlops_nb.checks.fairness_defaults import OF_AMOUNTS, OF_CLASSES
from mlops_nb.checks.standing import Standing
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report

RNG = np.random.default_rng(0)
ROWS = 600
SEX = list("fm") * (ROWS // 2)
AMOUNTS = pd.DataFrame({"y": RNG.normal(size=ROWS), "sex": SEX}).assign(
    p=lambda frame: frame["y"] + RNG.normal(size=ROWS)
)
CLASSES = pd.DataFrame({"y": RNG.choice(list("abc"), ROWS), "p": RNG.choice(list("abc"), ROWS)})
CLASSES["sex"] = SEX
STARS = pd.DataFrame({"y": RNG.integers(0, 5, ROWS), "p": RNG.integers(0, 5, ROWS), "sex": SEX})
TWO = pd.DataFrame({"y": [0, 1, 1] * 200, "p": [0, 1, 0] * 200, "sex": SEX, "s": RNG.random(ROWS)})

ODDS = "equalized_odds_difference"
ERRORS = "mean_absolute_error_ratio"
SOURCES = ("fairness.metrics in mlops.toml", "fairness.limits in mlops.toml")


def judged(data: pd.DataFrame, standing: Standing, **options: object) -> Report:
    columns = {"prediction": "p", **options}
    return fairness.check(data, label="y", sensitive=["sex"], standing=standing, **columns)  # type: ignore[arg-type]


def names(report: Report) -> list[str]:
    return list(dict.fromkeys(finding.name for finding in report.findings))


@pytest.mark.parametrize(
    ("data", "usual", "kind"),
    [
        (AMOUNTS, OF_AMOUNTS, "amounts"),
        (CLASSES, (*OF_CLASSES, "demographic_parity_difference"), "more than two classes"),
    ],
)
def test_metrics_of_another_kind_are_passed_over_and_told(
    data: pd.DataFrame, usual: tuple[str, ...], kind: str
) -> None:
    report = judged(data, Standing([ODDS], {ODDS: 0.2, "f1_score_ratio": 0.7}, SOURCES))
    assert names(report) == list(usual)
    said = f"{ODDS} is not for {kind}, and was passed over; the usual ones are reported."
    assert f"{SOURCES[0]}: {said}" in report.subject["notes"]
    both = f"{SOURCES[1]}: {ODDS}, f1_score_ratio are not for {kind}, and were passed over."
    assert both in report.subject["notes"]
    with pytest.raises(InputError, match=r"'y' and 'p'|y and p"):
        judged(data, Standing(), metrics=[ODDS])
    with pytest.raises(InputError, match=r"'y' and 'p'|y and p"):
        judged(data, Standing(), limits={ODDS: 0.2})


def test_what_suits_is_reported_by_its_limit() -> None:
    report = judged(AMOUNTS, Standing([ODDS, ERRORS], {ODDS: 0.2, ERRORS: 0.3}, SOURCES))
    assert names(report) == [ERRORS]
    assert report.findings[0].limit == 0.3
    assert [note for note in report.subject["notes"] if "the usual" in note] == []
    report = judged(TWO, Standing([ODDS, ERRORS], {ERRORS: 0.3}, SOURCES))
    assert names(report) == [ODDS]
    assert (
        f"{SOURCES[1]}: {ERRORS} is not for two classes, and was passed over."
        in (report.subject["notes"])
    )


def test_arguments_go_before_what_stands() -> None:
    standing = Standing((), {ERRORS: 0.3})
    assert judged(AMOUNTS, standing, limits={ERRORS: 0.9}).finding(ERRORS).limit == 0.9
    assert names(judged(AMOUNTS, standing, metrics=["mean_error_difference"])) == [
        "mean_error_difference",
        ERRORS,
    ]


def test_numbers_of_few_values_may_be_amounts() -> None:
    assert names(judged(STARS, Standing([ERRORS]))) == [ERRORS]
    assert ERRORS not in names(judged(CLASSES, Standing([ERRORS])))


def test_scores_have_their_own() -> None:
    standing = Standing([ODDS, "roc_auc_score_difference"], {}, SOURCES)
    report = judged(TWO, standing, prediction=None, score="s")
    assert names(report) == ["roc_auc_score_difference"]
    assert (
        f"{SOURCES[0]}: {ODDS} is not for scores without predictions" in report.subject["notes"][0]
    )
    with pytest.raises(InputError, match="needs a score"):
        judged(TWO, standing)


def test_a_metric_unknown_to_all_stays_an_error() -> None:
    said = "unknown metric in fairness.metrics in mlops.toml 'equalised_odds_difference'; did you"
    with pytest.raises(NotFoundError, match=said):
        judged(AMOUNTS, Standing(["equalised_odds_difference"], {}, SOURCES))
    with pytest.raises(NotFoundError, match=r"metric in fairness.limits in mlops.toml 'x'"):
        judged(AMOUNTS, Standing([], {"x": 0.1}, SOURCES))


def test_performance_passes_over_the_same() -> None:
    standing = Standing(["f1", "roc_auc"], {"f1": 0.7, "rmse": 2.0}, ("settings", "its limits"))
    report = performance.check(AMOUNTS, label="y", prediction="p", standing=standing)
    assert names(report) == ["mae", "rmse", "r2"]
    assert report.finding("rmse").status == "pass"
    several, one = report.subject["notes"][:2]
    assert several.startswith(
        "settings: f1, roc_auc are not for amounts, and were passed over; the"
    )
    assert one == "its limits: f1 is not for amounts, and was passed over."
    of_scores = performance.check(TWO, label="y", score="s", standing=standing)
    assert names(of_scores) == ["roc_auc"]
    with pytest.raises(InputError, match="roc_auc needs a score"):
        performance.check(TWO, label="y", prediction="p", standing=standing)
    wrong = Standing(["f2"], {}, ("settings", "limits"))
    with pytest.raises(NotFoundError, match="unknown metric in settings 'f2'"):
        performance.check(AMOUNTS, label="y", prediction="p", standing=wrong)
