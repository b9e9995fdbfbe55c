"""What differs between two frames is named, and nothing else is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.data.comparison import compare

BASE = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": ["x", "y", None], "c": [1, 2, 3]})
QUIET: dict[str, Any] = {
    "same": False, "added": {}, "removed": {}, "retyped": {}, "changed": (), "notes": (),
}  # fmt: skip


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (BASE.copy(), {"same": True}),
        (BASE.assign(a=[1.0, np.nan, 4.0]), {"changed": ("a",)}),
        (BASE.assign(b=["x", None, "y"]), {"changed": ("b",)}),
        (BASE.assign(d=1.5), {"added": {"d": "float64"}}),
        (BASE.drop(columns="c"), {"removed": {"c": "int64"}}),
        (BASE.astype({"c": "float64"}), {"retyped": {"c": ("int64", "float64")}}),
        (BASE[["b", "a", "c"]], {"notes": ("the columns are in another order",)}),
        (BASE.set_index(pd.Index([7, 8, 9])), {"notes": ("the index is another one",)}),
        (BASE.iloc[:2], {}),
    ],
)
def test_one_planted_change_is_named_and_nothing_else(
    other: pd.DataFrame, told: dict[str, Any]
) -> None:
    found = compare(BASE, other)
    assert {name: getattr(found, name) for name in QUIET} == {**QUIET, **told}


def test_columns_of_one_name_are_told_apart() -> None:
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    found = compare(twice, pd.DataFrame([[1, 3]], columns=["a", "a"]))
    assert (found.common, found.changed) == (("a", "a#2"), ("a#2",))
