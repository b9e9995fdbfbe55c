"""Every fairness value equals that of the installed Fairlearn, whatever the shape of the data."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.checks.fairness import DEFAULT_METRICS, METRICS, check

TOLERANCE = 1e-12


def random_rows(seed: int, groups: int, rows: int, *, base: float = 0.4) -> pd.DataFrame:
    """Draw groups of very unequal sizes, with rates of their own."""
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, rows, p=rng.dirichlet(np.ones(groups)))
    y = (rng.random(rows) < base).astype(int)
    p = (rng.random(rows) < rng.random(groups)[group] * 0.6 + 0.3 * y).astype(int)
    return pd.DataFrame(
        {"g": [f"g{i}" for i in group], "h": rng.choice(["u", "v"], rows), "y": y, "p": p}
    )


def assert_equal(
    data: pd.DataFrame, sensitive: list[str], metrics: Sequence[str] = METRICS
) -> None:
    report = check(data, label="y", prediction="p", sensitive=sensitive, metrics=metrics, draws=100)
    for finding in report.findings:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sklearn's, on classes that are not there
            expected = getattr(fairlearn.metrics, finding.name)(
                data["y"], data["p"], sensitive_features=data[sensitive]
            )
        if math.isnan(expected):
            assert math.isnan(finding.value), finding.name
        else:
            assert abs(finding.value - expected) <= TOLERANCE, finding.name
            low, high = finding.evidence["interval"]
            assert 0 <= low <= finding.value <= high <= 1, finding.name


def shapes() -> Iterator[tuple[str, pd.DataFrame, list[str]]]:
    for groups in range(1, 11):
        yield f"{groups} groups", random_rows(groups, groups, 400), ["g"]
    yield "intersection", random_rows(20, 4, 500), ["g", "h"]
    yield "few rows", random_rows(21, 3, 12), ["g"]
    rows = random_rows(22, 3, 300)
    yield "a group without positives", rows.assign(y=rows["y"].where(rows["g"] != "g0", 0)), ["g"]
    yield "a group without negatives", rows.assign(y=rows["y"].where(rows["g"] != "g0", 1)), ["g"]
    yield "all labels 0", rows.assign(y=0), ["g"]
    yield "all labels 1", rows.assign(y=1), ["g"]
    yield "all predictions 0", rows.assign(p=0), ["g"]
    yield "all predictions 1", rows.assign(p=1), ["g"]
    yield "all of both 0", rows.assign(y=0, p=0), ["g"]
    yield "perfect", rows.assign(p=rows["y"]), ["g"]
    yield "always wrong", rows.assign(p=1 - rows["y"]), ["g"]
    yield "a group of one", pd.concat([rows, rows[:1].assign(g="lonely")]), ["g"]
    yield "labels -1 and 1", rows.assign(y=rows["y"] * 2 - 1, p=rows["p"] * 2 - 1), ["g"]
    yield "labels true and false", rows.astype({"y": bool, "p": bool}), ["g"]
    yield "whole numbers as groups", rows.assign(g=rows["g"].str[1].astype(int)), ["g"]


CASES = {name: (data, sensitive) for name, data, sensitive in shapes()}


@pytest.mark.parametrize("shape", CASES)
def test_values_equal_fairlearns(shape: str) -> None:
    assert_equal(*CASES[shape])


def test_values_equal_fairlearns_on_the_credit_data(root: Path) -> None:
    data = pd.read_parquet(root / "notebooks" / "data" / "credit_default.parquet")
    late = (data["PAY_0"] > 0).astype(int)
    assert_equal(data.assign(y=data["DEFAULT"], p=late), ["SEX"], DEFAULT_METRICS)
    assert_equal(data.assign(y=data["DEFAULT"], p=late), ["SEX", "EDUCATION"], DEFAULT_METRICS[:2])


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 1)),
        min_size=2,
        max_size=25,
    )
)
def test_values_equal_fairlearns_on_any_rows(rows: list[tuple[str, int, int]]) -> None:
    assert_equal(pd.DataFrame(rows, columns=["g", "y", "p"]), ["g"], DEFAULT_METRICS)
