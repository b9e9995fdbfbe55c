"""A mitigation is judged on rows that it has not seen, or not at all."""

from __future__ import annotations

import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import mlops_nb as mlops
from mlops_nb.core.errors import InputError

TRAIN = pd.DataFrame({"x": range(200), "sex": ["f", "m"] * 100, "y": [0, 0, 1, 1, 1] * 40})
TEST = TRAIN.assign(x=TRAIN["x"] + 0.5).set_axis(range(200, 400))
MODEL = LogisticRegression().fit(TRAIN[["x"]], TRAIN["y"])


@pytest.mark.parametrize("test", [TRAIN, TRAIN.set_axis(TEST.index), TRAIN[50:100]])
def test_the_training_data_are_refused(test: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=f"is fitted on, all {len(test)} rows; give rows that"):
        mlops.mitigate(MODEL, TRAIN, test, label="y", sensitive="sex")


def test_other_rows_are_not_refused_for_their_index_or_values() -> None:
    for test in (TEST, TEST.set_axis(TRAIN.index)):
        assert mlops.mitigate(MODEL, TRAIN, test, label="y", sensitive="sex").method


def test_no_rows_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="test has no rows"):
        mlops.mitigate(MODEL, TRAIN, TEST[:0], label="y", sensitive="sex")
    with pytest.raises(InputError, match="the data have no rows to predict"):
        mlops.performance(TEST[:0], label="y", model=MODEL)


def test_what_a_model_cannot_take_is_told_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^LogisticRegression can't predict these data: .*NaN"):
        mlops.performance(TEST.assign(x=float("nan")), label="y", model=MODEL)
