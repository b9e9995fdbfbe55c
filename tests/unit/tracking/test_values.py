"""What `log` takes, sorted by type; what MLflow would refuse is refused at once."""

from __future__ import annotations

import io
import math

import numpy as np
import pandas as pd
import pytest

from mlops_nb.core.errors import InputError
from mlops_nb.tracking.values import sort_values


def test_each_type_goes_to_its_place() -> None:
    logged = sort_values(
        {
            "auc": np.float64(0.5),
            "n": 3,
            "deep": True,
            "kind": "tree",
            "table": pd.DataFrame({"a": [1]}),
        }
    )
    assert logged.metrics == {"auc": 0.5, "n": 3.0}
    assert logged.params == {"deep": True, "kind": "tree"}
    data = logged.files["tables/table.parquet"]
    assert pd.read_parquet(io.BytesIO(data)).equals(pd.DataFrame({"a": [1]}))


def test_not_a_number_is_a_metric_too() -> None:
    assert math.isnan(sort_values({"loss": math.nan}).metrics["loss"])
    assert sort_values({"loss": math.inf}).metrics["loss"] == math.inf


def test_a_kind_that_was_asked_for_counts() -> None:
    assert sort_values({"depth": 3}, kind="param").params == {"depth": 3}
    assert sort_values({"depth": 3}, kind="tag").tags == {"depth": "3"}
    with pytest.raises(InputError, match="must be a number"):
        sort_values({"depth": "deep"}, kind="metric")


@pytest.mark.parametrize("name", ["", "a\nb", "<b>", "../up", "/root", "a//b", "a" * 251, "a;b"])
def test_a_name_that_mlflow_refuses(name: str) -> None:
    with pytest.raises(InputError, match="can't be the name"):
        sort_values({name: 1})


def test_a_name_that_is_no_text_or_too_long_for_a_file() -> None:
    with pytest.raises(InputError, match="1 can't be the name"):
        sort_values({1: 2})  # type: ignore[dict-item]
    long = "é" * 120
    assert sort_values({long: 1}).metrics == {long: 1.0}
    with pytest.raises(InputError, match="too long for a file"):
        sort_values({f"tables/{long}": pd.DataFrame({"a": [1]})})


def test_a_kind_that_does_not_exist_is_no_parameter() -> None:
    with pytest.raises(InputError, match="unknown kind 'metrics'; did you mean 'metric'"):
        sort_values({"auc": 0.5}, kind="metrics")


def test_a_parameter_too_long_for_mlflow() -> None:
    with pytest.raises(InputError, match="6000 at most"):
        sort_values({"text": "x" * 6001})


def test_a_parameter_that_holds_itself() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InputError, match="'loop' holds itself"):
        sort_values({"loop": endless})
