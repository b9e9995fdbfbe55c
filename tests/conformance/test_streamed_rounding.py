"""The stated error of 32-bit sums of a stream covers what a frame's order of rows does to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import drift, drift_sketches, drift_streamed
from mlops_nb.data.tables import FrameTable

# scipy's, of frames and of streams alike
pytestmark = pytest.mark.filterwarnings(
    "ignore:Precision loss", "ignore:Estimated covariance", "ignore:One or more sample arguments"
)


@pytest.mark.parametrize("far", [0.0, 1000.0])
@pytest.mark.parametrize(
    ("method", "in_memory"),
    [("es", 200_000), ("mannw", 200_000), ("t_test", 200_000), ("t_test", 0)],
    ids=["es", "mannw", "t_test", "t_test of a sketch"],
)
def test_the_error_of_32_bit_sums_covers_what_the_order_of_rows_does(
    method: str, far: float, in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_sketches, "ROWS_IN_MEMORY", in_memory)
    for seed, n in enumerate((300, 20_000, 60_000)):
        rng = np.random.default_rng(seed)
        old, new = (
            pd.DataFrame({"x": (rng.normal(far, 1, rows).round(1)).astype("float32")})
            for rows in (n, n * 9 // 10)
        )
        options: dict[str, Any] = {"methods": {"num": method}}
        theirs = drift.check(old, new, **options).finding("x")
        ours = drift_streamed.check(FrameTable(old), FrameTable(new), **options).finding("x")
        assert theirs.value is not None
        assert ours.value is not None
        assert abs(theirs.value - ours.value) <= ours.evidence["error"]
        low, high = ours.evidence["bounds"]
        assert 0 <= low <= theirs.value <= high <= 1
        assert ours.evidence["error"] < (0.05 if method != "t_test" or not far else 1)


def test_sums_of_64_bits_have_no_error_to_state() -> None:
    rng = np.random.default_rng(0)
    old, new = (pd.DataFrame({"x": rng.normal(size=n).round(1)}) for n in (2000, 1500))
    for method in ("es", "mannw", "t_test"):
        options: dict[str, Any] = {"methods": {"num": method}}
        theirs = drift.check(old, new, **options).finding("x")
        ours = drift_streamed.check(FrameTable(old), FrameTable(new), **options).finding("x")
        assert ours.value == pytest.approx(theirs.value, abs=1e-9)
        assert ours.evidence["error"] == 0


def test_a_limit_that_rounding_may_cross_decides_nothing() -> None:
    rng = np.random.default_rng(1)
    old, new = (
        pd.DataFrame({"x": rng.normal(1000, 1, n).round(1).astype("float32")}) for n in (9000, 8000)
    )
    options: dict[str, Any] = {"methods": {"num": "t_test"}}
    found = drift_streamed.check(FrameTable(old), FrameTable(new), **options).finding("x")
    options["thresholds"] = {"num": found.value}
    found = drift_streamed.check(FrameTable(old), FrameTable(new), **options).finding("x")
    assert (found.status, found.evidence["drifted"]) == ("insufficient", None)


@pytest.mark.parametrize("method", ["es", "mannw", "t_test"])
@pytest.mark.parametrize("values", [[3.0] * 40, [3.0] * 39 + [4.0], [1.0], [1e38, -1e38] * 30])
def test_what_has_no_score_is_told_as_of_frames(method: str, values: list[float]) -> None:
    old = pd.DataFrame({"x": np.array(values, dtype="float32")})
    for new in (old, old + 1):
        options: dict[str, Any] = {"methods": {"num": method}}
        theirs = drift.check(old, new, **options).finding("x")
        ours = drift_streamed.check(FrameTable(old), FrameTable(new), **options).finding("x")
        if theirs.value is None:
            assert (ours.value, ours.status) == (None, theirs.status)
            assert ours.evidence["note"] == theirs.evidence["note"]
        else:
            assert ours.value is not None
            assert abs(theirs.value - ours.value) <= ours.evidence["error"] + 1e-9
