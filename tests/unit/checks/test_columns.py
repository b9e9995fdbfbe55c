"""Arrays given to a check go together by position or by an index that says so, not by a guess."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks.columns import Array, gather
from mlops_nb.core.errors import InputError

TRUTH, GUESS, SEX = np.array([0, 1, 1]), [0, 1, 0], ("f", "m", "f")
INDEX = [30, 10, 20]
SERIES = pd.Series(TRUTH, index=INDEX, name="DEFAULT")


def columns(data: pd.DataFrame | None = None, sensitive: Any = None, **one: Any) -> dict[str, Any]:
    """Return the values that were gathered, by column."""
    found = gather(data, one, {"sensitive": sensitive})
    names = [name for each in found.columns.values() for name in each]
    return {name: found.frame[name].tolist() for name in names}


@pytest.mark.parametrize(
    "truth",
    [TRUTH, TRUTH.tolist(), tuple(TRUTH), TRUTH[:, None], pd.Series(TRUTH).to_frame(),
     pd.array(TRUTH), range(3)],
    ids=["array", "list", "tuple", "column vector", "frame of one", "extension", "range"],
)  # fmt: skip
def test_anything_with_one_value_a_row_is_an_array(truth: Any) -> None:
    found = columns(label=truth, prediction=GUESS)
    assert list(found.values()) == [list(np.ravel(np.asarray(truth))), GUESS]


def test_what_has_a_name_keeps_it_and_the_rest_is_called_by_its_role() -> None:
    named = Array("y_test", TRUTH)
    assert list(columns(label=named, prediction=GUESS)) == ["y_test", "prediction"]
    assert list(columns(label=SERIES, prediction=GUESS)) == ["DEFAULT", "prediction"]
    data = pd.DataFrame({"DEFAULT": [5, 6, 7]})
    assert columns(data, label=SERIES) == {"DEFAULT (label)": [0, 1, 1]}
    assert columns(label=SERIES, prediction=SERIES) == {"DEFAULT": [0, 1, 1]}


@pytest.mark.parametrize(
    "several",
    [
        [SEX, GUESS],
        [list(SEX), Array("g", GUESS)],
        pd.DataFrame({"sex": SEX, "guess": GUESS}),
        np.array([SEX, GUESS], dtype=object).T,
        Array("A", np.array([SEX, GUESS], dtype=object).T),
        [pd.DataFrame({"sex": SEX, "guess": GUESS})],
    ],
    ids=["tuples", "lists", "frame", "two axes", "two axes, named", "frame in a list"],
)
def test_several_features_are_given_as_a_table_or_a_list(several: Any) -> None:
    assert list(columns(label=TRUTH, sensitive=several).values())[1:] == [list(SEX), GUESS]


def test_a_list_of_texts_is_of_names_where_there_are_such_columns_and_else_of_values() -> None:
    data = pd.DataFrame({"sex": SEX, "race": list("aba")})
    assert list(columns(data, ["sex", "race"], label=TRUTH)) == ["label", "sex", "race"]
    assert columns(data, ["f", "m", "m"], label=TRUTH)["sensitive"] == ["f", "m", "m"]
    assert columns(None, ["f", "m", "m"], label=TRUTH)["sensitive"] == ["f", "m", "m"]
    assert columns(data, Array("cols", ["race"]), label=TRUTH)["race"] == list("aba")


@pytest.mark.parametrize(("label", "sensitive"), [(0, [1]), ("0", "1"), (0, ["1"])])
def test_numbered_columns_are_named_by_their_numbers(label: Any, sensitive: Any) -> None:
    data = pd.DataFrame([[0, "f"], [1, "m"], [1, "m"]])
    found = gather(data, {"label": label}, {"sensitive": sensitive})
    assert found.columns == {"label": ("0",), "sensitive": ("1",)}
    assert found.frame["1"].tolist() == list("fmm")
    values = gather(data, {"label": label}, {"sensitive": [0, 1, 1]})  # one for each row
    assert values.frame["sensitive"].tolist() == [0, 1, 1]


def test_a_column_of_the_data_comes_before_an_array_of_its_name() -> None:
    data = pd.DataFrame({"y": [7, 8, 9]})
    assert columns(data, label=Array("y", TRUTH)) == {"y": [7, 8, 9]}


# What belongs together


def test_arrays_and_numbered_series_go_by_position() -> None:
    numbered = pd.Series(SEX)
    found = columns(label=SERIES, prediction=GUESS, sensitive=numbered)
    assert list(found.values()) == [[0, 1, 1], GUESS, list(SEX)]


def test_series_of_one_index_in_different_orders_are_put_in_one_and_it_is_said() -> None:
    sex = pd.Series(SEX, index=INDEX, name="sex")
    found = gather(None, {"label": SERIES}, {"sensitive": sex[::-1]})
    assert found.frame["sex"].tolist() == list(SEX)
    assert found.notes == ("sex, DEFAULT were put in one order by their index.",)
    data = pd.DataFrame({"sex": SEX}, index=INDEX)
    together = gather(data, {"label": SERIES.sort_index()})
    assert together.frame["DEFAULT"].tolist() == [0, 1, 1]
    assert together.frame["sex"].tolist() == list(SEX)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prediction": [0, 1]}, "prediction has 2 rows, and DEFAULT 3"),
        ({"prediction": pd.Series(GUESS, index=[1, 2, 5])}, "prediction and DEFAULT have diff"),
        ({"prediction": pd.Series(GUESS, index=[1, 1, 2])}, "prediction and DEFAULT have diff"),
        ({"prediction": SERIES[::-1].rename("p"), "score": GUESS}, "p and DEFAULT have the same"),
        ({"prediction": 5}, "prediction must be a column or an array, not int"),
        ({"prediction": {"a": 1}}, "prediction must be a column or an array, not dict"),
        ({"prediction": np.array(1)}, "prediction must be a column or an array, not ndarray"),
        ({"prediction": np.ones((3, 2))}, "prediction has 2 columns, not one; of the"),
        ({"prediction": np.ones((3, 1, 1))}, "prediction has 3 axes, not one"),
        ({"prediction": [[0], [1], [1]]}, "prediction holds lists, not one value a row"),
        ({"prediction": "p"}, "prediction 'p' is a name, and no data is given with such a column"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_gets_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        gather(None, {"label": SERIES, **given})
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_only_predictions_are_told_of_probabilities() -> None:
    with pytest.raises(InputError, match="label has 2 columns, not one") as caught:
        gather(None, {"label": np.ones((3, 2))})
    assert "probabilities" not in str(caught.value)


def test_whether_numbered_rows_are_in_order_or_in_position_is_not_guessed() -> None:
    shuffled = pd.Series(TRUTH, index=[2, 0, 1])
    with pytest.raises(InputError, match="same index in different orders"):
        gather(None, {"label": shuffled}, {"sensitive": pd.Series(SEX)})
