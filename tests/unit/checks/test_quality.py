"""Quality: what is found, what is expected, and that odd data give findings and no tracebacks."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.checks import quality
from mlops_nb.checks.quality_expectations import CHECKS
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.strict_json import dumps
from tests.unit.checks.unruly import UNRULY

CREDIT = Path(__file__).parents[3] / "notebooks" / "data" / "credit_default.parquet"


def people(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "income": rng.lognormal(10, 1, n),
            "state": rng.choice(["CA", "NY", "TX"], n),
            "zip": [f"{z:05d}" for z in rng.integers(0, 99999, n)],
        }
    )


CELLS = {
    "x": st.sampled_from([0.0, -0.0, 1.5, math.nan]),
    "y": st.sampled_from(["a", "b", None, ""]),
    "z": st.sampled_from([True, False]),
    "w": st.sampled_from([[1], [2], {"k": 1}, "[1]", None]),
}


def failed(report: Report) -> list[tuple[str, str | None]]:
    return [(f.name, f.column) for f in report.findings if f.status == "fail"]


@given(st.lists(st.fixed_dictionaries(CELLS), max_size=40))
@settings(max_examples=80, deadline=None)
def test_repeated_rows_are_those_that_pandas_finds(rows: list[dict[str, Any]]) -> None:
    data = pd.DataFrame(rows, columns=list(CELLS))
    if data.empty:
        return
    # What has no hash is told apart by how it is written.
    plain = data.assign(w=data["w"].map(repr, na_action="ignore"))
    found = quality.check(data).finding("duplicate_rows")
    assert found.evidence["count"] == int(plain.duplicated().sum())


def one(data: pd.DataFrame, **expectation: Any) -> Finding:
    """The finding of one expectation."""
    report = quality.check(data, expectations=[expectation])
    return report.finding(expectation["check"])


# Without any configuration.


def test_good_data_pass() -> None:
    report = quality.check(people(), name="people.csv")
    assert (report.kind, report.status) == ("quality", "pass")
    assert failed(report) == []
    assert report.summary == "300 rows × 4 columns: nothing found"
    assert report.subject == {"data": {"name": "people.csv", "rows": 300, "columns": 4}}
    assert report.finding("missing", "age").value == 0.0
    assert report.finding("near_unique", "zip").limit is None


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("all_missing", [None] * 300, 1.0),
        ("constant", ["x"] * 299 + [None], 1),
        ("mixed_types", [1, "a", 2.5] * 100, 3),
        ("infinite", [np.inf] + [1.0, 2.0] * 149 + [-np.inf], 2 / 300),
    ],
)
def test_an_odd_column_is_a_warning(name: str, column: list[Any], value: float) -> None:
    report = quality.check(people().assign(odd=column))
    found = report.finding(name, "odd")
    assert (found.status, found.value) == ("fail", value)
    assert found.evidence["severity"] == "warning"
    assert report.status == "pass"
    assert failed(report) == [(name, "odd")]


def test_rows_that_repeat_are_counted() -> None:
    data = people()
    data = pd.concat([data, data.iloc[:3], data.iloc[:1]], ignore_index=True)
    found = quality.check(data).finding("duplicate_rows")
    assert (found.status, found.evidence["count"], found.value) == ("fail", 4, 4 / 304)
    assert found.evidence["examples"] == ["row 300", "row 301", "row 302", "row 303"]


def test_rows_that_repeat_are_counted_as_pandas_counts_them() -> None:
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"a": rng.integers(0, 30, 2000), "b": rng.choice([0.5, np.nan], 2000)})
    data["c"] = rng.choice(["x", None], 2000)
    found = quality.check(data).finding("duplicate_rows")
    assert found.evidence["count"] == int(data.duplicated().sum()) > 0


def test_an_index_of_any_kind_changes_nothing() -> None:
    data = people().set_index(pd.Index([7] * 300))
    worst = {"check": "range", "column": "age", "max": 50}
    report = quality.check(data, reference=data, expectations=[worst])
    plain = quality.check(people(), reference=people(), expectations=[worst])
    assert report.findings == plain.findings


def test_no_rows_and_names_that_occur_twice_are_errors() -> None:
    assert failed(quality.check(people()[:0])) == [("rows", None)]
    assert quality.check(pd.DataFrame()).status == "fail"
    twice = people().rename(columns={"income": "age"})
    report = quality.check(twice)
    assert (report.status, failed(report)) == ("fail", [("duplicate_name", "age")])


# Against a reference.


def test_the_reference_itself_passes() -> None:
    clients = pd.read_parquet(CREDIT)
    report = quality.check(clients, reference=clients)
    assert (report.status, failed(report)) == ("pass", [])


def test_missing_and_changed_columns_are_errors_and_extra_ones_a_warning() -> None:
    data = people().rename(columns={"income": "incomes"}).assign(age=people()["age"].astype(str))
    report = quality.check(data, reference=people(), reference_name="people.csv")
    assert report.status == "fail"
    assert set(failed(report)) == {
        ("missing_column", "income"),
        ("type_changed", "age"),
        ("extra_column", "incomes"),
    }
    lost, changed = report.finding("missing_column"), report.finding("type_changed")
    assert (lost.value, lost.limit) == ("absent", "present")
    assert lost.evidence["note"] == (
        "people.csv has `income`, these data don't; `incomes` may be it"
    )
    assert (changed.value, changed.limit) == ("object", "int64")
    assert report.finding("extra_column").evidence["severity"] == "warning"


@pytest.mark.parametrize(
    ("change", "name", "count"),
    [
        ({"state": ["ZZ"] * 3 + ["CA"] * 297}, "unseen_values", 3),
        ({"age": [500] * 4 + [30] * 296}, "out_of_range", 4),
        ({"income": [None] * 30 + [10.0] * 270}, "more_missing", None),
        ({"age": [30.5, 31.0] * 150}, "type_changed", None),
    ],
)
def test_values_that_the_reference_lacks_are_a_warning(
    change: dict[str, list[Any]], name: str, count: int | None
) -> None:
    report = quality.check(people().assign(**change), reference=people())
    found = report.finding(name, next(iter(change)))
    assert (found.status, found.evidence["severity"]) == ("fail", "warning")
    assert found.evidence.get("count") == count
    assert report.status == "pass"


def test_what_is_stored_differently_but_holds_the_same_is_no_finding() -> None:
    other = people().astype({"age": "int32", "state": "category", "zip": "string"})
    assert failed(quality.check(other, reference=people())) == []


def test_a_few_values_beyond_the_range_are_bound_to_occur() -> None:
    rng = np.random.default_rng(3)
    old, new = (pd.DataFrame({"x": rng.normal(size=2000)}) for _ in range(2))
    new.loc[0, "x"] = 50.0
    found = quality.check(new, reference=old).finding("out_of_range")
    assert (found.status, found.evidence["examples"][0]) == ("pass", "50.0")


# Expectations.

DATA = pd.DataFrame(
    {
        "n": [1, 5, 9, 12, None],
        "text": ["ab", "b1", None, "ab", "😀"],
        "day": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-03-01", None, "2026-05-01"]),
        "flag": [True, False, True, True, False],
        "kind": pd.Categorical(["a", "b", "a", None, "b"]),
        "obj": [Decimal(1), Decimal(2), None, Decimal(3), Decimal(4)],
        "list": [[1], [1], [2], None, [3]],
    }
)


@pytest.mark.parametrize(
    ("expectation", "count", "examples"),
    [
        ({"check": "range", "column": "n", "min": 2, "max": 10}, 2, ["1.0", "12.0"]),
        ({"check": "range", "column": "n", "max": 12}, 0, []),
        ({"check": "range", "column": "obj", "min": 2}, 1, ["1"]),
        ({"check": "range", "column": "day", "min": date(2026, 2, 1)}, 1, ["2026-01-01 00:00:00"]),
        ({"check": "range", "column": "day", "max": "2026-03-15"}, 1, ["2026-05-01 00:00:00"]),
        ({"check": "range", "column": "day", "min": datetime(2026, 1, 1, tzinfo=UTC)}, 0, []),
        ({"check": "range", "column": "text", "min": "b"}, 2, ["ab"]),
        ({"check": "range", "column": "kind", "max": "a"}, 2, ["b"]),
        ({"check": "not_null", "column": "text"}, 1, ["None"]),
        ({"check": "unique", "column": "text"}, 2, ["ab"]),
        ({"check": "unique", "column": "list"}, 2, ["[1]"]),
        ({"check": "in_set", "column": "text", "values": ["ab", "b1"]}, 1, ["😀"]),
        ({"check": "in_set", "column": "kind", "values": ["a"]}, 2, ["b"]),
        ({"check": "in_set", "column": "flag", "values": [True]}, 2, ["False"]),
        ({"check": "regex", "column": "text", "pattern": "[a-z]+"}, 2, ["b1", "😀"]),
        ({"check": "regex", "column": "n", "pattern": ".*"}, 4, ["1.0", "5.0", "9.0", "12.0"]),
        ({"check": "expression", "expression": "n < 10 or flag"}, 0, []),
        ({"check": "expression", "expression": "n * 2 - 1 >= 9"}, 1, ["n=1.0"]),
        ({"check": "expression", "expression": "2 < n <= 9"}, 2, ["n=1.0", "n=12.0"]),
        ({"check": "expression", "expression": "not flag or n > 1"}, 1, ["n=1.0, flag=True"]),
        ({"check": "expression", "expression": "(kind in ['a']) | ~flag"}, 0, []),
        ({"check": "expression", "expression": "text != `kind`"}, 0, []),
    ],
)
def test_rows_that_fail_are_counted_and_shown(
    expectation: dict[str, Any], count: int, examples: list[str]
) -> None:
    found = one(DATA, **expectation)
    assert found.evidence["count"] == count, found
    assert found.evidence["examples"] == examples
    assert (found.value, found.limit) == (count / 5, 0.0)
    assert found.status == ("fail" if count else "pass")
    assert found.evidence["severity"] == "error"


@pytest.mark.parametrize(
    ("expectation", "value", "fails"),
    [
        ({"check": "row_count", "min": 6}, 5, True),
        ({"check": "row_count", "min": 5, "max": 5}, 5, False),
        ({"check": "type", "column": "n", "type": "number"}, "float64", False),
        ({"check": "type", "column": "n", "type": "integer"}, "float64", True),
        ({"check": "type", "column": "n", "type": "float64"}, "float64", False),
        ({"check": "type", "column": "text", "type": "text"}, "object", False),
        ({"check": "type", "column": "day", "type": "datetime"}, "datetime64[ns]", False),
        ({"check": "type", "column": "kind", "type": "category"}, "category", False),
        ({"check": "type", "column": "flag", "type": "text"}, "bool", True),
    ],
)
def test_facts_about_the_whole_are_held_against_what_is_expected(
    expectation: dict[str, Any], value: Any, fails: bool
) -> None:
    found = one(DATA, **expectation)
    assert (found.value, found.status) == (value, "fail" if fails else "pass")
    assert found.limit is not None


def test_some_rows_may_be_allowed_to_fail_and_a_warning_does_not_fail_the_report() -> None:
    lenient = {"column": "n", "check": "range", "min": 2, "max_share": 0.2}
    assert quality.check(DATA, expectations=[lenient]).status == "pass"
    strict = {**lenient, "max_share": 0.1}
    assert quality.check(DATA, expectations=[strict]).status == "fail"
    warned = quality.check(DATA, expectations=[{**strict, "severity": "warning"}])
    assert warned.status == "pass"
    assert ("range", "n") in failed(warned)
    assert warned.finding("range").evidence["expected"] == {"min": 2, "max_share": 0.1}


@pytest.mark.parametrize("form", ["dates", "zoned", "text"])
def test_freshness_is_the_age_of_the_newest(form: str) -> None:
    newest = datetime.now(UTC) - timedelta(days=3)
    days: Any = pd.Series([newest - timedelta(days=9), newest, pd.NaT])
    if form == "dates":
        days = days.dt.tz_localize(None)
    if form == "text":
        days = days.dt.strftime("%Y-%m-%dT%H:%M:%S")
    data = pd.DataFrame({"day": days})
    old = one(data, check="freshness", column="day", max_age="2 days")
    assert (old.status, old.limit) == ("fail", 172_800.0)
    assert old.value == pytest.approx(3 * 86400, abs=60)
    assert "3 days old, allowed are 2 days" in old.evidence["note"]
    assert one(data, check="freshness", column="day", max_age=4 * 86400).status == "pass"


def test_a_column_that_the_data_lack_is_an_error_and_no_exception() -> None:
    for expectation in (
        {"check": "range", "column": "nn", "min": 1, "severity": "warning"},
        {"check": "expression", "expression": "nn > 1", "severity": "warning"},
    ):
        report = quality.check(people().rename(columns={"age": "n"}), expectations=[expectation])
        assert report.status == "fail"
        found = report.finding(str(expectation["check"]), "nn")
        assert found.evidence["note"] == "there is no column 'nn'; did you mean 'n'?"


@pytest.mark.parametrize(
    "expectation",
    [
        {"check": "range", "column": "text", "min": 1},
        {"check": "range", "column": "list", "min": 1},
        {"check": "range", "column": "day", "min": 1},
        {"check": "range", "column": "day", "min": "no day"},
        {"check": "freshness", "column": "n", "max_age": 5},
        {"check": "freshness", "column": "text", "max_age": 5},
        {"check": "expression", "expression": "text > 1"},
        {"check": "expression", "expression": "n + 1"},
        {"check": "expression", "expression": "n and flag"},
        {"check": "expression", "expression": "text * 3 == 'a'"},
        {"check": "expression", "expression": "n > 1 / 0"},
        {"check": "expression", "expression": "1 in [1] or flag"},
        {"check": "expression", "expression": "-" * 1990 + "n > 1"},
    ],
)
def test_what_cannot_be_compared_is_a_failed_finding(expectation: dict[str, Any]) -> None:
    found = one(DATA, **expectation)
    assert (found.status, found.value) == ("fail", None)
    assert "can't be checked: " in found.evidence["note"]


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        ({"check": "rnage", "column": "n"}, "unknown check 'rnage'; did you mean 'range'?"),
        ({"column": "n"}, "must be a table with a check"),
        ("age > 3", "must be a table with a check, not 'age > 3'"),
        ({"check": "range", "column": "n", "mni": 1}, "unknown setting 'mni'"),
        ({"check": "range", "column": "n"}, "expectation 'range' needs min or max"),
        ({"check": "range", "min": 1}, "expectation 'range' needs a column"),
        ({"check": "range", "column": "n", "min": [1]}, "must be a number, a text or a date"),
        ({"check": "range", "column": "n", "min": True}, "must be a number, a text or a date"),
        ({"check": "not_null", "column": "n", "max_share": 2}, "must be a number from 0 to 1"),
        ({"check": "not_null", "column": "n", "severity": "bad"}, "must be error or warning"),
        ({"check": "in_set", "column": "n", "values": "ab"}, "must be a list of values"),
        ({"check": "regex", "column": "n", "pattern": "("}, "must be a regular expression"),
        ({"check": "type", "column": "n", "type": "numbre"}, "did you mean 'number'?"),
        ({"check": "row_count", "min": -1}, "must be a whole number from 0"),
        ({"check": "freshness", "column": "day", "max_age": "soon"}, "a length of time such as"),
        ({"check": "expression", "expression": "n >"}, "can't be read"),
        ({"check": "expression", "expression": "1 < 2"}, "names no column"),
        ({"check": "expression", "expression": "n.real > 1"}, "can't have a attribute in it"),
        ({"check": "expression", "expression": "__import__('os').system('x')"}, "can't have"),
        ({"check": "expression", "expression": "n[0] > 1"}, "can't have a subscript in it"),
        ({"check": "expression", "expression": "n ** 9 ** 9 > 1"}, "can't have a pow in it"),
        ({"check": "expression", "expression": "(lambda: n)() > 1"}, "can't have"),
        ({"check": "expression", "expression": "n in text"}, "needs a list"),
        ({"check": "expression", "expression": "n > b'1'"}, "can't have b'1' in it"),
        ({"check": "expression", "expression": "n" * 3000}, "has at most 2,000 characters"),
    ],
)
def test_a_wrong_expectation_is_an_input_error(expectation: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        quality.check(DATA, expectations=[expectation])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_check_has_an_unknown_setting_refused() -> None:
    for name in CHECKS:
        with pytest.raises(InputError, match=f"unknown setting 'colour' of expectation '{name}'"):
            quality.check(DATA, expectations=[{"check": name, "column": "n", "colour": 1}])


def test_columns_of_any_name_can_be_expected() -> None:
    data = pd.DataFrame({"last order": [1, 2], 7: [3, 4], ("a", 1): [5, 6], "a`b'c": [1, 1]})
    assert one(data, check="range", column="7", max=3).evidence["count"] == 1
    assert one(data, check="range", column="('a', 1)", max=5).evidence["count"] == 1
    assert one(data, check="range", column="a`b'c", max=0).evidence["count"] == 2
    found = one(data, check="expression", expression="`last order` < 2 or `7` in [3]")
    assert found.evidence["count"] == 1


# Odd data.

ODD = {
    "lists": [[1], [2], [1]],
    "dicts": [{"a": 1}, {"b": 2}, {}],
    "sets": [{1}, {2}, None],
    "arrays": [np.zeros(2), np.ones(2), None],
    "mixed": ["a", 1, None],
    "zones": [pd.Timestamp("2026", tz="UTC"), pd.Timestamp("2026", tz="Asia/Tokyo"), None],
    "complex": [1j, 2j, 3j],
    "huge": [10**400, 2, 3],
    "decimals": [Decimal("NaN"), Decimal(1), Decimal("Infinity")],
    "intervals": list(pd.interval_range(0, 3)),
    "bytes": [b"a", b"b", b"c"],
    "infinite": [np.inf, -np.inf, np.nan],
    "nothing": [None, None, None],
    "frames": [pd.DataFrame(), pd.DataFrame(), None],
}
EVERY_CHECK = [
    {"check": "range", "min": 1},
    {"check": "not_null"},
    {"check": "unique"},
    {"check": "in_set", "values": ["a", 1]},
    {"check": "regex", "pattern": "a"},
    {"check": "type", "type": "text"},
    {"check": "freshness", "max_age": 1},
    {"check": "expression", "expression": "x > 1"},
]


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("rows", [0, 1, 3, 300])
def test_odd_values_give_findings(name: str, rows: int) -> None:
    odd = pd.DataFrame({"x": pd.Series((ODD[name] * 100)[:rows], dtype=object)})
    expectations = [{"column": "x", **check} for check in EVERY_CHECK]
    for reference in (None, odd, people().rename(columns={"age": "x"}), odd[:0]):
        report = quality.check(odd, reference=reference, expectations=expectations)
        assert all(f.evidence["note"] for f in report.findings)
        assert Report.from_dict(json.loads(dumps(report))).status == report.status


@pytest.mark.parametrize("rows", [1, 3, 120])
@pytest.mark.parametrize("odd", UNRULY)
def test_values_whose_own_code_raises_give_findings(odd: type, rows: int) -> None:
    values = [odd() for _ in range(rows)]
    data = people(rows).assign(x=pd.Series(values, dtype=object))
    expectations = [{"column": "x", **check} for check in EVERY_CHECK]
    for reference in (None, data, people().assign(x=people()["age"])):
        report = quality.check(data, reference=reference, expectations=expectations)
        assert all(f.evidence["note"] for f in report.findings)
        assert report.finding("missing", "age").value == 0
        assert Report.from_dict(json.loads(dumps(report))).status == report.status


def test_what_can_not_be_compared_at_all_is_a_finding_and_the_rest_is_looked_at() -> None:
    data = people().assign(x=pd.Series([Decimal("sNaN")] * 300, dtype=object), y=1)
    report = quality.check(data)
    assert failed(report) == [("unreadable", None), ("unreadable", "x"), ("constant", "y")]
    note = report.finding("unreadable", "x").evidence["note"]
    assert note.startswith("`x` can't be compared: ")


def test_odd_types_of_pandas_give_findings() -> None:
    odd = pd.DataFrame(
        {
            "Int64": pd.array([1, None] * 60, dtype="Int64"),
            "boolean": pd.array([True, None] * 60, dtype="boolean"),
            "arrow": pd.array([1.5, None] * 60, dtype="double[pyarrow]"),
            "sparse": pd.arrays.SparseArray([0.0, 1.0] * 60),
            "delta": pd.to_timedelta(range(120), "s"),
            "period": pd.period_range("2026-01", periods=120, freq="D"),
            "zoned": pd.date_range("2026-01-01", periods=120, tz="Europe/Berlin"),
            "<b>\n": range(120),
        }
    )
    report = quality.check(odd, reference=odd.iloc[:60], expectations=[])
    assert report.status == "pass"
    assert "\n" not in report.summary


def test_only_frames_are_looked_at() -> None:
    with pytest.raises(InputError, match=r"new\.csv must be a DataFrame, not str"):
        quality.check("new.csv", name="new.csv")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="reference must be a DataFrame, not list"):
        quality.check(DATA, reference=[])  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        quality.check(DATA, expectations=[{"check": "none"}])
