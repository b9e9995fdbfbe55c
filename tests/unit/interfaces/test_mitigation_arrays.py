"""`mitigate` takes labels and sensitive features as arrays in scope, and refuses what can't be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from sklearn.linear_model import LogisticRegression

import mlops_nb
from mlops_nb.core.mitigation_records import Mitigation

LINE = "mitigate model X_train X_test --label y_train --test-label y_test"
BOTH = " --sensitive A_train --test-sensitive A_test"


def draw(seed: int, rows: int = 800) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    x = rng.normal(size=rows) + (sex == "m")
    return pd.DataFrame({"x": x, "z": rng.normal(size=rows), "sex": sex,
                         "y": (x + rng.normal(size=rows) > 0.7) * 1})  # fmt: skip


def scope() -> dict[str, Any]:
    train, test = draw(0), draw(1)
    features = ["x", "z"]
    return {
        "model": LogisticRegression().fit(train[features], train["y"]),
        "X_train": train[features], "y_train": train["y"], "A_train": train["sex"],
        "X_test": test[features], "y_test": test["y"].to_numpy(), "A_test": test["sex"].tolist(),
        "train": train, "test": test,
    }  # fmt: skip


@pytest.fixture
def shell(quick_shell: InteractiveShell) -> InteractiveShell:
    quick_shell.push(scope())
    return quick_shell


def gaps(found: Mitigation) -> list[float | None]:
    return [
        each.value for each in (*found.fairness_before.findings, *found.fairness_after.findings)
    ]


def test_arrays_give_what_columns_give(shell: InteractiveShell) -> None:
    by_name = shell.run_line_magic("mlops", "mitigate model train test --label y --sensitive sex")
    by_array = shell.run_line_magic("mlops", LINE + BOTH)
    given = shell.user_ns
    in_python = mlops_nb.mitigate(
        given["model"], given["X_train"], given["X_test"], label=given["y_train"],
        test_label=given["y_test"], sensitive=given["A_train"], test_sensitive=given["A_test"],
    )  # fmt: skip
    assert gaps(by_name) == gaps(by_array) == gaps(in_python)
    # A Series keeps its name, by which the repaired model asks for the group.
    for found in (by_array, in_python):
        assert found.sensitive == ("sex",)
        assert [*found.model.feature_names_in_] == ["x", "z", "sex"]
        assert (found.model.predict(given["test"]) == by_name.model.predict(given["test"])).all()


def test_several_features_and_a_column_beside_an_array(shell: InteractiveShell) -> None:
    for name in ("train", "test"):
        whole = shell.user_ns[name]
        town = np.resize(["n", "s"], len(whole))
        shell.push({f"both_{name}": whole[["sex"]].assign(town=town), f"town_{name}": town})
    told = shell.run_line_magic(
        "mlops", f"{LINE} --sensitive both_train --test-sensitive both_test --method grid_search"
    )
    assert told.sensitive == ("sex", "town")
    mixed = shell.run_line_magic(
        "mlops",
        "mitigate model train test --label y --sensitive sex --sensitive town_train "
        "--test-sensitive sex --test-sensitive town_test --method grid_search",
    )
    assert mixed.sensitive == ("sex", "town_train")
    assert gaps(mixed) == gaps(told)


def test_rows_are_matched_by_their_index(shell: InteractiveShell) -> None:
    expected = shell.run_line_magic("mlops", LINE + BOTH)
    for name in ("X_train", "y_train", "A_train"):
        shell.push({name: shell.user_ns[name].set_axis(range(5000, 5800))})
    shell.push({"A_train": shell.user_ns["A_train"].sample(frac=1, random_state=0)})
    assert gaps(shell.run_line_magic("mlops", LINE + BOTH)) == gaps(expected)


def test_a_name_that_is_a_column_is_the_column(shell: InteractiveShell) -> None:
    other = pd.Series(np.resize(["p", "q"], 800), name="x")
    shell.push({"sex": other, "coarse": other, "coarse_test": other})
    by_name = shell.run_line_magic("mlops", "mitigate model train test --label y --sensitive sex")
    groups = by_name.fairness_after.findings[0].evidence["groups"]
    assert [each["group"] for each in groups] == ["f", "m"]
    # A Series with the name of a feature isn't taken for it.
    told = shell.run_line_magic(
        "mlops", f"{LINE} --sensitive coarse --test-sensitive coarse_test --method grid_search"
    )
    assert told.sensitive == ("coarse",)
    groups = told.fairness_after.findings[0].evidence["groups"]
    assert [each["group"] for each in groups] == ["p", "q"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "mitigate model X_train X_test --label y_train --sensitive A_train",
            (
                "label is an array of the training rows, and there is none of the test's; give it "
                "with --test-label"
            ),
        ),
        (f"{LINE} --sensitive A_train", "sensitive is an array of the training rows, and there"),
        (f"{LINE} --sensitive A_train --test-sensitive few", "few has 3 rows, and the data 800"),
        (f"{LINE} --sensitive B_train --test-sensitive A_test", "unknown column 'B_train'"),
        (
            (
                f"{LINE} --sensitive A_train --sensitive A_train --test-sensitive A_test "
                "--test-sensitive y_test --test-sensitive A_train"
            ),
            "sensitive has 2 columns in X_train, and 3 in X_test",
        ),
        (
            "mitigate unnamed X_train X_test --label y_train --test-label y_test" + BOTH,
            "LogisticRegression doesn't say which columns it was fitted on, so label and sensi",
        ),
        (
            (
                "mitigate model X_train test --label y_train --test-label other"
                " --sensitive A_train --test-sensitive A_test"
            ),
            "other would be called 'y', as in X_train, and test has such a column already",
        ),
        ("mitigate model table X_test --label y_train --sensitive A_train", "train must be a Dat"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(
    line: str, message: str, shell: InteractiveShell
) -> None:
    given = shell.user_ns
    unnamed = LogisticRegression().fit(given["X_train"].to_numpy(), given["y_train"])
    shell.push({"few": [1, 2, 3], "unnamed": unnamed, "other": given["y_test"],
                "table": given["X_train"].to_numpy()})  # fmt: skip
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("mlops", line)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
