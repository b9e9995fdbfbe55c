"""Sketches: what is kept of a frame is true, bounded, and tells two frames apart."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from mlops_nb.core.strict_json import dumps
from mlops_nb.data.fingerprint import fingerprint
from mlops_nb.data.sketch import COLUMNS, LEVELS, compare, sketch, words

FRAME = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 40.0],
        "sex": ["f", "m", "f", None],
        "at": pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", None]),
        "good": [True, False, True, True],
    }
)

FEWER = (
    "`age` moved down by 5, 0.61 standard deviations and is missing in 33 % of rows instead of "
    "25 %; `sex` is missing in 0 % of rows instead of 25 %; `at` is missing in 0 % of rows instead "
    "of 25 %"
)


def told(before: pd.DataFrame, after: pd.DataFrame) -> str:
    # As they are kept: through JSON.
    old, new = (json.loads(dumps(sketch(frame))) for frame in (before, after))
    return words(compare(old, new, ("old", "new")))


def test_it_holds_the_fingerprint_and_what_pandas_says_of_each_column() -> None:
    found = sketch(FRAME)
    assert {key: found[key] for key in ("rows", "columns", "schema", "hash")} == fingerprint(FRAME)
    age = found["described"]["age"]
    assert age["missing"] == 1
    assert age["mean"] == FRAME["age"].mean()
    assert age["std"] == FRAME["age"].std(ddof=0)
    assert age["quantiles"] == FRAME["age"].quantile([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist()
    assert found["described"]["sex"]["levels"] == {"f": 0.6667, "m": 0.3333}
    assert found["described"]["at"]["last"] == "2026-01-03 00:00:00"
    assert found["described"]["good"]["levels"] == {"True": 0.75, "False": 0.25}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (FRAME, ""),
        (
            FRAME.head(3),
            f"4 rows became 3; {FEWER}",
        ),
        (FRAME.assign(new=1), "with `new`"),
        (FRAME.drop(columns="sex"), "without `sex`"),
        (FRAME.assign(good=1), "another type of `good`"),
        (FRAME[["sex", "age", "at", "good"]], "the columns are in another order"),
        (FRAME.assign(age=FRAME["age"] + 10), "`age` moved up by 10, 1.2 standard deviations"),
        (FRAME.assign(age=[20.0, 40.0, np.nan, 30.0]), "other values in `age`"),
        (FRAME.assign(sex=["f", "m", "m", None]), "`sex` f went from 67 % to 33 % of rows"),
        (
            FRAME.assign(at=FRAME["at"] + pd.Timedelta(days=31)),
            "`at` is now from 2026-02-01 00:00:00 to 2026-02-03 00:00:00",
        ),
    ],
)
def test_one_change_is_told_and_nothing_else_is(after: pd.DataFrame, said: str) -> None:
    assert told(FRAME, after) == said


def test_the_column_that_moved_farthest_comes_first_and_few_are_told() -> None:
    before = pd.DataFrame({name: range(100) for name in "abcde"})
    after = before.assign(**{name: before[name] + far for far, name in enumerate("abcde")})
    found = compare(sketch(before), sketch(after), ("old", "new"))
    assert found.changed == ("e", "d", "c", "b")
    assert words(found).startswith("`e` moved up by 4")
    assert words(found).count("`") == 6


def test_people_s_names_are_not_kept() -> None:
    names = pd.DataFrame({"name": [f"person {number}" for number in range(LEVELS + 1)]})
    assert "person" not in dumps(sketch(names))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "values",
    [
        [math.inf, -math.inf, 1.0],
        [1e308, 1e308, -1e308],
        [math.nan, math.nan, math.nan],
        [[1], {2: 3}, "x"],
        [1 + 2j, 0j, 1j],
        pd.array([1, None, 3], dtype="Int64"),
        pd.Categorical(["a", None, "b"]),
        pd.to_datetime(["2026-01-01", None, "2026-03-01"], utc=True),
        [2**70, 1, 2],
    ],
    ids=str,
)
def test_values_of_all_kinds_are_described_and_written(values: list[object]) -> None:
    frame = pd.DataFrame({"<b>'x\n": values})
    found = json.loads(dumps(sketch(frame)))
    assert found["hash"] == fingerprint(frame)["hash"]
    assert told(frame, frame) == ""


def test_a_wide_frame_and_two_columns_of_one_name_are_told() -> None:
    wide = pd.DataFrame(np.zeros((2, COLUMNS + 5)))
    assert len(sketch(wide)["described"]) == COLUMNS
    twins = pd.DataFrame([[1, 2]], columns=["x", "x"])
    other = pd.DataFrame([[1, 3]], columns=["x", "x"])
    assert "`x#2` moved up by 1" in told(twins, other)
    assert told(pd.DataFrame(), pd.DataFrame({"x": []})) == "with `x`"
