"""Rows are sorted into groups as a reader would, and counted exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.stats.groups import MAX_GROUPS, Grouping, confusion_counts


def labels_of(frame: pd.DataFrame, *columns: str) -> list[str]:
    grouping, codes = Grouping.learn(frame, columns)
    return [grouping.labels[code] for code in codes]


def test_groups_are_the_combinations_that_occur_in_order() -> None:
    frame = pd.DataFrame({"sex": ["m", "f", "m"], "grade": [10, 2, 2]})
    grouping, codes = Grouping.learn(frame, ["sex", "grade"])
    assert grouping.labels == ("f, 2", "m, 2", "m, 10")
    assert codes.tolist() == [2, 0, 1]
    assert grouping.notes == ()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["b", None, "a"], ["b", "(missing)", "a"]),
        ([1.0, np.nan, 2.0], ["1", "(missing)", "2"]),
        (pd.array([1, None, 2], dtype="Int64"), ["1", "(missing)", "2"]),
        (pd.array([True, None, False], dtype="boolean"), ["True", "(missing)", "False"]),
        (pd.Categorical(["x", None, "y"], categories=["y", "x"]), ["x", "(missing)", "y"]),
        (pd.array(["x", None, "y"], dtype="string[pyarrow]"), ["x", "(missing)", "y"]),
        (pd.to_datetime(["2026-01-01", None, "2026-01-02"]), None),
        ([1, "1x", None], ["1", "1x", "(missing)"]),
        (["<b>", 'a"\n', "🙂" * 1000], ["<b>", 'a"\n', "🙂" * 1000]),
    ],
)
def test_values_of_every_type_make_groups(values: object, expected: list[str] | None) -> None:
    found = labels_of(pd.DataFrame({"g": values}), "g")
    assert found == expected if expected else len(set(found)) == 3


def test_many_numbers_are_cut_at_their_quartiles_and_it_is_said() -> None:
    frame = pd.DataFrame({"age": [*range(21, 61), np.nan, np.inf]})
    grouping, codes = Grouping.learn(frame, ["age"])
    assert grouping.labels == (
        "to 30.75", "over 30.75 to 40.5", "over 40.5 to 50.25", "over 50.25", "(missing)",
    )  # fmt: skip
    assert np.bincount(codes).tolist() == [10, 10, 10, 11, 1]
    assert "age has more than 20 different numbers" in grouping.notes[0]
    assert Grouping.learn(pd.DataFrame({"code": range(20)}), ["code"])[0].notes == ()


DAYS = pd.Series(pd.date_range("2024-01-01", periods=41))
CUT = ("to 2024-01-11", "over 2024-01-11 to 2024-01-21", "over 2024-01-21 to 2024-01-31",
       "over 2024-01-31")  # fmt: skip


@pytest.mark.parametrize(
    ("values", "labels", "noun"),
    [
        (DAYS, CUT, "dates"),
        (DAYS.astype("datetime64[s]"), CUT, "dates"),
        (DAYS.dt.tz_localize("Europe/Berlin"), CUT, "dates"),
        (DAYS.astype("timestamp[us][pyarrow]"), CUT, "dates"),
        (DAYS.dt.date, CUT, "dates"),
        ([d.replace(tzinfo=UTC) if d.day % 2 else d for d in DAYS.astype(object)], CUT, "date"),
        ([*DAYS.dt.date[:-1], date(9999, 12, 31)], CUT, "dates"),
        ([*DAYS.astype(object)[:-1], datetime(9999, 12, 31)], CUT, "dates"),  # noqa: DTZ001
        (DAYS.dt.to_period("D"), CUT, "dates"),
        (
            DAYS + pd.Timedelta("90min"),
            ("to 2024-01-11 01:30", "over 2024-01-11 01:30 to 2024-01-21 01:30"),
            "dates",
        ),
        (DAYS - DAYS[0], ("to 10 days", "over 10 days to 20 days"), "durations"),
        ([Decimal(i) for i in range(41)], ("to 10", "over 10 to 20"), "numbers"),
    ],
)
def test_many_dates_are_cut_as_numbers_are(values: Any, labels: tuple[str, ...], noun: str) -> None:
    column = pd.Series(values)
    frame = pd.DataFrame({"born": column.where(column.index != 40, None)}).iloc[::-1]
    grouping, codes = Grouping.learn(pd.concat([frame, pd.DataFrame({"born": column})]), ["born"])
    assert grouping.labels[: len(labels)] == labels
    assert grouping.labels[4:] == ("(missing)",)
    assert np.bincount(codes).tolist() == [22, 20, 20, 19, 1]
    assert f"born has more than 20 different {noun}" in grouping.notes[0]
    assert grouping.codes(frame).tolist() == codes[:41].tolist()
    nothing = pd.DataFrame({"born": [None, None]})
    assert grouping.codes(nothing).tolist() == [4, 4]


def test_of_very_many_groups_the_small_ones_are_put_together_and_it_is_said() -> None:
    names = [f"n{i:05d}" for i in range(10_000)]
    frame = pd.DataFrame({"name": names + names[5_000:5_010] * 3})
    grouping, codes = Grouping.learn(frame, ["name"])
    sizes = dict(zip(grouping.labels, np.bincount(codes), strict=True))
    assert len(sizes) == MAX_GROUPS
    assert sizes["n05003"] == 4
    assert sum(sizes.values()) == len(frame)
    assert f"the {10_000 - 49:,} smallest were put together as (other)" in grouping.notes[0]


def test_what_was_learned_is_applied_to_other_frames() -> None:
    frame = pd.DataFrame({"sex": ["f", "m"] * 30, "age": range(60)})
    grouping, codes = Grouping.learn(frame, ["sex", "age"])
    shuffled = frame.sample(frac=1, random_state=0)
    assert (grouping.codes(shuffled) == codes[shuffled.index]).all()
    new = pd.DataFrame({"sex": ["x", "f"], "age": [3, 1000]})
    assert [grouping.labels[code] if code >= 0 else None for code in grouping.codes(new)] == [
        None,
        "f, over 44.25",
    ]
    assert grouping.codes(frame[:0]).tolist() == []


def test_an_unknown_group_belongs_to_the_other_ones_where_there_are_any() -> None:
    grouping, _ = Grouping.learn(pd.DataFrame({"g": [f"n{i}" for i in range(99)]}), ["g"])
    assert grouping.labels[grouping.codes(pd.DataFrame({"g": ["unseen"]}))[0]] == "(other)"


def test_an_empty_frame_has_no_groups() -> None:
    grouping, codes = Grouping.learn(pd.DataFrame({"g": []}), ["g"])
    assert grouping.groups == ()
    assert len(codes) == 0


def test_counts_are_those_of_a_crosstab() -> None:
    rng = np.random.default_rng(3)
    groups, truth, prediction = (rng.integers(0, k, 500) for k in (4, 3, 3))
    counts = confusion_counts(groups, truth, prediction, n_groups=5, n_classes=3)
    assert counts.sum() == 500
    assert counts[4].sum() == 0
    for g in range(4):
        table = pd.crosstab(truth[groups == g], prediction[groups == g])
        assert (counts[g] == table.to_numpy()).all()
