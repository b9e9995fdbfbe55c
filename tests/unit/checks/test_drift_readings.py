"""What a drift report says of dates, lost columns, missing values and the like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mlops_nb as mlops
from mlops_nb.checks import drift
from mlops_nb.core.errors import InputError

OLD = pd.DataFrame({"age": range(100), "fare": range(100)})


def test_columns_that_are_gone_are_told_in_the_sentence() -> None:
    report = drift.check(OLD, OLD[["age"]])
    assert report.status == "pass"
    assert report.summary.endswith("; 1 more, not counted, can't be judged: `fare`")


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        (pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01"), "2020-01-01"),
        (pd.Timestamp("2020-01-01 06:30"), pd.Timestamp("2021-01-01"), "2020-01-01 06:30"),
        (pd.Timestamp("2020-01-01").date(), pd.Timestamp("2021-01-01").date(), "2020-01-01"),
        (pd.Timedelta(days=2), pd.Timedelta(days=3), "2 days"),
    ],
)
def test_few_dates_are_named_as_dates(old: object, new: object, level: str) -> None:
    frames = (pd.DataFrame({"day": [value] * 50}) for value in (old, new))
    found = drift.check(*frames).finding("day")
    assert found.evidence["sentence"].startswith(f"`day`: {level} went from 100 % to 0 %")
    assert level in found.evidence["histogram"]["categories"]


def test_a_change_of_missing_values_is_told() -> None:
    new = OLD.assign(age=OLD["age"].where(OLD["age"] % 2 == 0))
    report = drift.check(OLD, new)
    assert "went from 0 % to 50 % of rows" in report.finding("age").evidence["note"]
    assert "note" not in report.finding("fare").evidence


def test_whole_numbers_beyond_64_bits_are_said_to_be_rounded() -> None:
    old, new = (pd.DataFrame({"id": np.full(50, 2**64 - step, dtype="uint64")}) for step in (1, 2))
    assert "which round them" in drift.check(old, new).finding("id").evidence["note"]


def test_periods_and_dictionaries_of_arrow_are_judged() -> None:
    texts = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))

    def frame(year: str, level: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "day": pd.period_range(year, periods=60, freq="D"),
                "kind": pd.Series(["a", level, None] * 20, dtype=texts),
            }
        )

    report = drift.check(frame("2020", "b"), frame("2021", "c"))
    assert [report.finding(name).status for name in ("day", "kind")] == ["fail", "fail"]
    assert "moved up by 366 days" in report.finding("day").evidence["sentence"]


def test_one_name_or_number_needs_no_list() -> None:
    report = mlops.drift(OLD, OLD, columns="age", thresholds=0.2)
    assert [found.column for found in report.findings] == [None, "age"]
    assert report.finding("age").limit == 0.2
    assert mlops.drift(OLD, OLD, exclude="age").subject["columns"] == 1
    with pytest.raises(InputError, match="must be a number from 0, not -1"):
        mlops.drift(OLD, OLD, thresholds=-1)


def test_an_empty_name_is_no_folder() -> None:
    with pytest.raises(InputError, match="data can't be called ''; name a file"):
        mlops.drift("", OLD)
    with pytest.raises(InputError, match="data can't be called ''; name a file"):
        mlops.quality(OLD, against="")
