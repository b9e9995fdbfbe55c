"""What quality says of references, limits and dates that do not go together."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from mlops_nb.checks import quality
from mlops_nb.core.errors import InputError

AGES = pd.DataFrame({"age": [31, 17, 44]})


def test_an_empty_reference_is_not_passed_over_in_silence() -> None:
    report = quality.check(AGES, reference=AGES[:0])
    assert report.finding("reference_rows").status == "fail"
    assert "nothing but names of columns was compared" in report.summary


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_dates_that_lose_their_zone_are_told(zone: str) -> None:
    naive = pd.DataFrame({"at": pd.date_range("2020-01-01", periods=30)})
    aware = pd.DataFrame({"at": pd.date_range("2020-01-01", periods=30, tz=zone)})
    found = quality.check(naive, reference=aware).finding("type_changed", "at")
    assert found.evidence["severity"] == "warning"
    assert "holds dates without one, in reference dates with a time zone" in found.evidence["note"]
    assert all(
        each.name != "type_changed" for each in quality.check(aware, reference=aware).findings
    )


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"min": 5, "max": 0}, "min of expectation 'range' must be at most its max of 0, not 5"),
        ({"min": "a", "max": 0}, "min and max of expectation 'range' must be of one type"),
    ],
)
def test_crossed_limits_are_refused(limits: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        quality.check(AGES, expectations=[{"column": "age", "check": "range", **limits}])


@pytest.mark.parametrize(
    ("column", "limit", "said"),
    [("age", "zero", "it holds number values, and 'zero' is"), ("name", 3, "it holds text values")],
)
def test_a_limit_of_another_type_is_told_in_words(column: str, limit: Any, said: str) -> None:
    data = AGES.assign(name=["a", "b", "c"])
    report = quality.check(data, expectations=[{"column": column, "check": "range", "min": limit}])
    assert said in report.finding("range", column).evidence["note"]


def test_one_is_one() -> None:
    report = quality.check(AGES[:1])
    assert report.summary.startswith("1 row × 1 column: ")
