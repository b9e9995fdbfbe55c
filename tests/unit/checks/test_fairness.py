"""Fairness verdicts rest on evidence, and what is odd about the data is said, never dropped."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import fairness
from mlops_nb.checks.fairness import DEFAULT_METRICS, MINIMUM, check
from mlops_nb.checks.verdicts import against
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Report


def judge(data: pd.DataFrame, *sensitive: str, **settings: object) -> Report:
    return check(
        data,
        label="y",
        prediction="p",
        sensitive=sensitive or ("sex",),
        **settings,
    )


def grouped(*cells: tuple[str, int, int, int]) -> pd.DataFrame:
    """Build rows from (group, label, prediction, how many)."""
    return pd.DataFrame(
        [row for group, y, p, n in cells for row in [{"sex": group, "y": y, "p": p}] * n],
        columns=["sex", "y", "p"],
    )


def drawn(
    rng: np.random.Generator, selected: dict[str, float], n: int, *, base: float = 0.5
) -> pd.DataFrame:
    """Draw labels, and predictions that don't depend on them."""
    sex = np.repeat(list(selected), n)
    rate = np.repeat(list(selected.values()), n)
    return pd.DataFrame(
        {
            "sex": sex,
            "y": (rng.random(len(sex)) < base).astype(int),
            "p": (rng.random(len(sex)) < rate).astype(int),
        }
    )


CELLS = ((0, 0, 900), (0, 1, 600), (1, 0, 600), (1, 1, 900))
FAIR = grouped(*((sex, y, p, n) for sex in "fm" for y, p, n in CELLS))


# Verdicts


def test_two_equal_groups_pass_with_all_their_metrics() -> None:
    report = judge(FAIR)
    assert [finding.name for finding in report.findings] == list(DEFAULT_METRICS)
    assert {finding.status for finding in report.findings} == {"pass"}
    assert report.status == "pass"
    assert report.summary.startswith("By sex, no gap is wider than its limit")


def test_a_wide_gap_fails_and_the_summary_names_the_groups() -> None:
    report = judge(drawn(np.random.default_rng(0), {"f": 0.3, "m": 0.5}, 2000))
    finding = report.finding("demographic_parity_difference")
    assert (finding.status, report.status, report.exit_code) == ("fail", "fail", 1)
    assert finding.evidence["interval"][0] > 0.1
    assert "not fair" in report.summary
    assert "(f)" in report.summary
    assert "(m)" in report.summary


@pytest.mark.parametrize("metric", ["demographic_parity_difference", "demographic_parity_ratio"])
def test_a_gap_at_the_limit_is_insufficient_however_many_rows(metric: str) -> None:
    data = grouped(
        ("f", 0, 1, 40_000), ("f", 0, 0, 60_000), ("m", 0, 1, 50_000), ("m", 0, 0, 50_000)
    )
    finding = judge(data, metrics=[metric]).finding(metric)
    assert finding.value == pytest.approx(finding.limit)
    assert finding.status == "insufficient"
    low, high = finding.evidence["interval"]
    assert low <= finding.value <= high


@pytest.mark.parametrize("ends", [(0.1, 0.2), (0.0, 0.1)])
def test_an_interval_that_touches_the_limit_decides_nothing(ends: tuple[float, float]) -> None:
    assert against(0.1, *ends, higher_is_better=False) == "insufficient"
    assert against(0.1, *ends, higher_is_better=True) == "insufficient"


def test_a_perfect_model_is_not_called_unfair_for_a_group_without_positives() -> None:
    data = grouped(("a", 0, 0, 500), ("a", 1, 1, 500), ("b", 0, 0, 500), ("b", 1, 1, 500))
    report = judge(pd.concat([data, grouped(("c", 0, 0, 10))]))
    finding = report.finding("equalized_odds_difference")
    assert finding.value == 1.0  # Fairlearn's
    assert finding.status == "insufficient"
    assert finding.evidence["interval"][1] == 1.0
    assert report.finding("equal_opportunity_difference").status == "insufficient"
    assert report.status == "insufficient"
    assert finding.evidence["minimum"] == {
        "rows": MINIMUM, "of": ["negatives", "positives"], "below": ["c"],
    }  # fmt: skip
    assert "too little to judge by (30 are needed): c has 0 positives" in finding.evidence["note"]
    assert finding.evidence["groups"][2]["true_positive_rate"] is None


def test_a_tiny_group_does_not_hide_a_gap_between_the_large_ones() -> None:
    data = drawn(np.random.default_rng(0), {"f": 0.2, "m": 0.6}, 2000)
    report = judge(pd.concat([data, grouped(("x", 1, 1, 3))]))
    finding = report.finding("demographic_parity_difference")
    assert (finding.value, finding.status) == (pytest.approx(0.8, abs=0.05), "fail")


def test_a_tiny_group_keeps_a_metric_from_passing_even_at_a_generous_limit() -> None:
    few = grouped(*((sex, y, p, 5) for sex in "fm" for y in (0, 1) for p in (0, 1)))
    finding = judge(few, difference_limit=0.999).finding("demographic_parity_difference")
    assert finding.evidence["interval"][1] < 0.999
    assert finding.status == "insufficient"


def test_all_of_a_few_leaves_something_open() -> None:
    finding = judge(grouped(("f", 1, 1, 10), ("m", 1, 1, 10))).finding("equal_opportunity_ratio")
    assert finding.value == 1
    assert finding.evidence["interval"][0] < 0.9


def test_one_group_is_nothing_to_compare() -> None:
    report = judge(grouped(("f", 0, 0, 500), ("f", 1, 1, 500)))
    finding = report.finding("demographic_parity_difference")
    assert (finding.value, finding.evidence["interval"]) == (0, [0, 1])
    assert report.status == "insufficient"
    assert "one group only, f" in report.summary


def errors(*falses: int, rows: int = 1000) -> pd.DataFrame:
    """Build groups of as many positives as negatives, all found, with some false alarms."""
    cells = [[(1, 1, rows), (0, 1, n), (0, 0, rows - n)] for n in falses]
    return grouped(*((sex, *cell) for sex, of in zip("fm", cells, strict=True) for cell in of))


def test_a_ratio_of_error_rates_that_no_evidence_could_settle_is_shown_and_not_judged() -> None:
    report = judge(errors(60, 55))
    finding = report.finding("equalized_odds_ratio")
    assert (finding.status, finding.limit) == ("pass", None)
    assert finding.evidence["unjudged"] == 0.8
    assert "not judged by the limit of 0.8 unless that is asked for" in finding.evidence["note"]
    assert report.status == "pass"
    for asked in ({"metrics": ["equalized_odds_ratio"]}, {"limits": {"equalized_odds_ratio": 0.8}}):
        named = judge(errors(60, 55), **asked).finding("equalized_odds_ratio")
        assert (named.status, named.limit) == ("insufficient", 0.8)


def test_a_ratio_of_error_rates_is_judged_where_there_is_evidence() -> None:
    assert judge(errors(30, 90)).finding("equalized_odds_ratio").status == "fail"
    many = judge(errors(5000, 5000, rows=50_000)).finding("equalized_odds_ratio")
    assert (many.status, many.limit) == ("pass", 0.8)
    near = judge(errors(4000, 5000, rows=50_000)).finding("equalized_odds_ratio")
    assert (near.status, near.limit) == ("insufficient", 0.8)


def test_each_bound_has_the_whole_confidence_and_both_lie_within_the_interval() -> None:
    data = drawn(np.random.default_rng(3), {"f": 0.3, "m": 0.5}, 1000)
    evidence = judge(data).findings[0].evidence
    (low, high), (least, most) = evidence["interval"], evidence["bounds"]
    assert low < least < most < high


# Values and evidence


def test_groups_are_counted() -> None:
    data = grouped(("f", 0, 0, 4), ("f", 0, 1, 1), ("f", 1, 1, 3), ("m", 1, 0, 2), ("m", 0, 0, 2))
    evidence = judge(data).findings[0].evidence
    first = dict(evidence["groups"][0])
    intervals = first.pop("intervals")
    assert intervals["true_positive_rate"][1] == 1.0
    assert 0 < intervals["selection_rate"][0] < 0.5 < intervals["selection_rate"][1] < 1
    assert first == {
        "group": "f",
        "values": ["f"],
        "n": 8,
        "positives": 3,
        "negatives": 5,
        "selected": 4,
        "selection_rate": 0.5,
        "true_positive_rate": 1.0,
        "false_positive_rate": 0.2,
    }
    assert evidence["sensitive"] == ["sex"]
    assert evidence["confidence"] == 0.95
    assert evidence["extremes"] == [
        {
            "rate": "selection_rate",
            "highest": {"group": "f", "value": 0.5},
            "lowest": {"group": "m", "value": 0.0},
        }
    ]


def test_several_features_make_their_intersection() -> None:
    data = FAIR.assign(grade=[1, 2] * (len(FAIR) // 2))
    evidence = judge(data, "sex", "grade").findings[0].evidence
    assert [(g["group"], g["values"]) for g in evidence["groups"]] == [
        (f"{sex}, {grade}", [sex, grade]) for sex in "fm" for grade in "12"
    ]
    assert judge(data, "sex").findings[0].evidence["groups"][0]["n"] == 3000


def test_the_same_seed_gives_the_same_report_and_each_metric_its_own_draws() -> None:
    data = drawn(np.random.default_rng(3), {"f": 0.4, "m": 0.45}, 300)
    first, second, other = judge(data), judge(data), judge(data, seed=1)
    assert first.findings == second.findings
    assert first.findings != other.findings
    alone = judge(data, metrics=["equal_opportunity_ratio"]).findings[0].evidence
    among = first.finding("equal_opportunity_ratio").evidence
    assert among["bounds"] == alone["bounds"]
    assert among["interval"] == alone["interval"]


def test_intervals_narrow_with_rows_and_widen_with_confidence() -> None:
    def width(data: pd.DataFrame, **settings: object) -> float:
        low, high = judge(data, **settings).findings[0].evidence["interval"]
        return float(high - low)

    small = drawn(np.random.default_rng(3), {"f": 0.3, "m": 0.5}, 200)
    assert width(pd.concat([small] * 16)) < width(small) / 3
    assert width(small, confidence=0.8) < width(small) < width(small, confidence=0.99)


def test_limits_of_single_metrics_and_none_at_all() -> None:
    data = drawn(np.random.default_rng(0), {"f": 0.3, "m": 0.5}, 2000)
    report = judge(
        data,
        metrics=["demographic_parity_difference", "demographic_parity_ratio"],
        limits={"demographic_parity_difference": 0.4, "false_positive_rate_difference": 0.05},
        ratio_limit=None,
    )
    assert [(f.name, f.limit, f.status) for f in report.findings] == [
        ("demographic_parity_difference", 0.4, "pass"),
        ("demographic_parity_ratio", None, "pass"),
        ("false_positive_rate_difference", 0.05, "fail"),
    ]


def test_a_report_survives_its_json() -> None:
    report = judge(grouped(("f", 0, 0, 20), ("m", 0, 0, 20)))  # its ratio is 0 / 0
    text = json.dumps(report.to_dict(), allow_nan=False)
    assert report.to_dict()["findings"][1]["value"] == "NaN"
    assert Report.from_dict(json.loads(text)).status == report.status


def test_nothing_of_fairlearn_or_sklearn_is_imported() -> None:
    before = set(sys.modules)
    judge(FAIR)
    assert not {name.partition(".")[0] for name in set(sys.modules) - before} & {
        "fairlearn",
        "sklearn",
    }


def test_credit_data_by_sex(root: Path) -> None:
    data = pd.read_parquet(root / "notebooks" / "data" / "credit_default.parquet")
    late = (data["PAY_0"] > 1).astype(int)
    report = check(
        data.assign(late=late), label="DEFAULT", prediction="late", sensitive=["SEX", "EDUCATION"]
    )
    groups = report.findings[0].evidence["groups"]
    assert sum(group["n"] for group in groups) == len(data)
    assert {group["values"][0] for group in groups} == {"female", "male"}
    assert "female, 0" in report.finding("equal_opportunity_ratio").evidence["minimum"]["below"]
    by_sex = check(data.assign(late=late), label="DEFAULT", prediction="late", sensitive=["SEX"])
    assert by_sex.finding("equal_opportunity_difference").status == "pass"


# Odd data


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        ((0, 1), 1),
        ((-1, 1), 1),
        ((False, True), True),
        ((0.0, 1.0), 1),
        (("no", "yes"), "yes"),
        (("good", "bad"), "bad"),
        ((1, 2), "2"),
        ((3, 7), 7),
    ],
)
def test_classes_of_any_type(classes: tuple[object, object], positive: object) -> None:
    data = drawn(np.random.default_rng(0), {"f": 0.3, "m": 0.5}, 300)
    expected = judge(data).findings
    negative = next(each for each in classes if str(each) not in (str(positive), f"{positive}.0"))
    chosen = next(each for each in classes if each is not negative)
    named = data.assign(
        **{name: [chosen if v else negative for v in data[name]] for name in ("y", "p")}
    )
    report = judge(named, positive=positive)
    assert report.findings == expected
    assert report.subject["positive"] == chosen


def test_the_positive_class_is_the_larger_one_unless_named() -> None:
    data = grouped(("f", 0, 1, 60), ("m", 0, 0, 60)).replace({"p": {0: "a", 1: "b"}})
    data["y"] = "a"
    by_default = judge(data).finding("demographic_parity_difference").evidence["groups"][0]
    named = judge(data, positive="a").finding("demographic_parity_difference").evidence["groups"][0]
    assert (by_default["selected"], named["selected"]) == (60, 0)


@pytest.mark.parametrize("value", [0, 1])
def test_labels_of_one_class_give_findings(value: int) -> None:
    data = drawn(np.random.default_rng(0), {"f": 0.3, "m": 0.3}, 500).assign(y=value)
    report = judge(data)
    assert report.finding("demographic_parity_difference").status == "pass"
    assert report.finding("equalized_odds_difference").status == "insufficient"


def test_missing_values_are_counted_and_shown() -> None:
    data = FAIR.astype(object)
    data.iloc[:20, data.columns.get_loc("y")] = None
    data.iloc[10:40, data.columns.get_loc("p")] = np.nan
    data.iloc[100:400, data.columns.get_loc("sex")] = None
    report = judge(data)
    assert report.subject["missing"] == {
        "label": 20, "prediction": 30, "excluded": 40, "sensitive": {"sex": 300},
    }  # fmt: skip
    assert report.subject["notes"] == [
        "40 rows lack the label (20) or the prediction (30) and were left out.",
        "300 rows lack sex: they are the group (missing).",
    ]
    groups = report.findings[0].evidence["groups"]
    assert [group["group"] for group in groups] == ["f", "m", "(missing)"]
    assert sum(group["n"] for group in groups) == len(data) - 40


def test_a_group_without_any_usable_row_has_no_rate() -> None:
    data = FAIR.assign(sex=np.where(FAIR.index % 50 == 0, "x", FAIR["sex"]))
    data["p"] = 1.0
    data.loc[data["sex"] == "x", "p"] = np.nan
    report = judge(data)
    assert report.finding("demographic_parity_difference").value == 0
    assert report.finding("demographic_parity_difference").status == "insufficient"
    assert "x has 0 rows" in report.findings[0].evidence["note"]


@pytest.mark.parametrize("rows", [0, 30])
def test_no_usable_row_is_insufficient(rows: int) -> None:
    data = pd.DataFrame({"y": [None] * rows, "p": [1] * rows, "sex": ["f", "m", "x"] * (rows // 3)})
    report = judge(data)
    assert report.status == "insufficient"
    assert {finding.status for finding in report.findings} == {"insufficient"}
    assert ("No row has a label." if rows else "No row has both") in report.summary
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_continuous_feature_is_cut_and_it_is_said() -> None:
    data = FAIR.assign(age=np.random.default_rng(0).normal(40, 9, len(FAIR)))
    report = judge(data, "age")
    assert len(report.findings[0].evidence["groups"]) == 4
    assert "age has more than 20 different numbers" in report.subject["notes"][0]


def test_ten_thousand_groups_are_put_together_and_it_is_said() -> None:
    data = pd.concat([FAIR] * 4).assign(zip=[f"z{i % 10_000:05d}" for i in range(len(FAIR) * 4)])
    report = judge(data, "zip")
    assert len(report.findings[0].evidence["groups"]) == 50
    assert "smallest were put together as (other)" in report.subject["notes"][0]
    assert report.status == "insufficient"


def test_hostile_names_are_kept_as_they_are() -> None:
    name = "<script>alert('x')</script>\n" * 3
    report = judge(FAIR.replace({"sex": {"f": name}}))
    assert report.findings[0].evidence["groups"][0]["group"] == name


# Bad input


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"sensitive": ["sexx"]}, "unknown column 'sexx'; did you mean 'sex'?"),
        ({}, {"label": "x"}, "unknown column 'x'"),
        ({}, {"sensitive": []}, "no sensitive column is given"),
        ({}, {"metrics": ["demographic_parity"]}, "did you mean 'demographic_parity_"),
        ({}, {"limits": {"equalised_odds_ratio": 0.9}}, "did you mean 'equalized_odds_ratio'?"),
        ({}, {"limits": {"equalized_odds_ratio": 80}}, "must be between 0 and 1, not 80"),
        ({}, {"difference_limit": -0.1}, "difference_limit must be between 0 and 1, not -0.1"),
        ({}, {"confidence": 95}, "confidence must be between 0 and 1, not 95"),
        ({}, {"draws": 5}, "draws must be at least 100, not 5"),
        ({}, {"positive": "yes"}, "unknown positive class 'yes'; there is '0', '1'"),
        ({"y": ["a", "b"]}, {}, "mix values of types int and str"),
        (
            {"y": ["a", "b", "c"], "p": "a"},
            {"positive": "a"},
            "hold 3 classes ('a', 'b', 'c'), not",
        ),
        ({"y": "no", "p": "no"}, {}, "hold only 'no', which may be the positive class or not"),
        (
            {"y": ["no", "yes"], "p": ["No", "Yes"]},
            {},
            "no class of 'p' (such as 'No') is one of 'y'",
        ),
        ({"y": np.linspace(0, 1, 300)}, {}, "hold 300 different values, too many to be classes"),
    ],
)
def test_bad_input_gets_one_clear_line(
    change: dict[str, object], settings: dict[str, object], message: str
) -> None:
    data = grouped(("f", 0, 0, 100), ("m", 1, 1, 200))
    for column, values in change.items():
        data[column] = np.resize(np.array(values, dtype=object), len(data))
    arguments = {"label": "y", "prediction": "p", "sensitive": ["sex"], **settings}
    with pytest.raises(InputError) as caught:
        check(data, **arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("column", ["y", "sex", "grade"])
def test_values_that_name_nothing_are_refused(column: str) -> None:
    data = FAIR.assign(grade="a")
    data[column] = [[1], "x"] * (len(data) // 2)
    with pytest.raises(InputError, match=f"'{column}' holds values of type list, which name no"):
        judge(data, control=["grade"])


def test_an_empty_category_and_a_group_of_one_are_told_as_they_are() -> None:
    data = FAIR.assign(sex=pd.Categorical(FAIR["sex"], categories=["f", "m", "never"]))
    assert [g["group"] for g in judge(data).findings[0].evidence["groups"]] == ["f", "m"]
    lonely = judge(FAIR.assign(sex=FAIR["sex"].where(FAIR.index > 0, "x")))
    assert lonely.status == "insufficient"
    assert "x has 1 row." in lonely.findings[0].evidence["note"]


def test_a_column_can_not_make_the_groups_and_what_they_are_compared_within() -> None:
    with pytest.raises(InputError, match="'sex' can't make both the groups and what they"):
        judge(FAIR, control=["sex"])


def test_an_unknown_column_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        judge(FAIR, "gender")


def test_a_column_that_is_there_twice_is_refused() -> None:
    data = FAIR.copy()
    data.columns = ["sex", "y", "y"]
    with pytest.raises(InputError, match="there are 2 columns called 'y', not one"):
        check(data, label="y", prediction="sex", sensitive=["sex"])


def test_every_metric_has_a_name_a_limit_and_a_note() -> None:
    data = FAIR.assign(score=FAIR["p"] * 0.5)
    report = judge(data, metrics=fairness.METRICS, score="score", draws=100)
    for finding in report.findings:
        kind = finding.name.rpartition("_")[2]
        errors = ("log_loss", "mean_", "r2")
        in_unit = kind == "ratio" or not finding.name.startswith(errors)
        limit = {"difference": 0.1, "ratio": 0.8}.get(kind) if in_unit else None
        assert finding.limit == limit, finding.name
        assert finding.evidence["metric_note"].endswith("?")
