"""Our drift engine says what the installed Evidently says, column by column.

Each case is a pair of frames that goes through ``DataDriftPreset`` and through `drift.check`:
methods, limits and verdicts must be the same, scores equal to 1e-9.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import drift
from mlops_nb.checks.drift import SHARE
from mlops_nb.checks.drift_methods import BY_KEY

CREDIT = Path(__file__).parents[2] / "notebooks" / "data" / "credit_default.parquet"


@dataclass(frozen=True)
class Verdict:
    method: str
    limit: float
    score: float
    drifted: bool


Ask = Callable[..., tuple[dict[str, Verdict], float]]


@pytest.fixture(scope="module")
def evidently() -> Ask:
    """Ask Evidently: its verdict for each column, and its share of drifted columns.

    Only its own import and run may warn (of its dependencies' deprecations, of divisions); our
    side of each test runs with warnings as errors.
    """
    with warnings.catch_warnings(action="ignore"):
        from evidently import Report
        from evidently.presets import DataDriftPreset

    def ask(
        reference: pd.DataFrame, current: pd.DataFrame, **options: Any
    ) -> tuple[dict[str, Verdict], float]:
        report = Report([DataDriftPreset(**options)], include_tests=True)
        with warnings.catch_warnings(action="ignore"):
            answer = report.run(current, reference).dict()
        alarms = {
            test["metric_config"]["params"]["column"]: str(test["status"].value) == "FAIL"
            for test in answer["tests"]
            if test["id"] == "drift"
        }
        share, verdicts = float("nan"), {}
        for metric in answer["metrics"]:
            config = metric["config"]
            if config["type"].endswith("DriftedColumnsCount"):
                share = metric["value"]["share"]
            else:
                verdicts[config["column"]] = Verdict(
                    config["method"],
                    config["threshold"],
                    float(metric["value"]),
                    alarms[config["column"]],
                )
        return verdicts, share

    return ask


def assert_same(
    evidently: Ask,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    share: float = 0.5,
    thresholds: dict[str, float] | None = None,
) -> None:
    theirs, their_share = evidently(
        reference, current, drift_share=share, per_column_threshold=thresholds
    )
    report = drift.check(reference, current, share=share, thresholds=thresholds)
    ours = {f.name: f for f in report.findings[1:] if f.evidence["counted"]}
    assert list(ours) != []
    assert set(ours) == set(theirs)
    for name, verdict in theirs.items():
        found = ours[name]
        assert found.value == pytest.approx(verdict.score, abs=1e-9, rel=0), name
        told = (found.evidence["method"], found.limit, found.evidence["drifted"])
        assert told == (verdict.method, verdict.limit, verdict.drifted), name
        assert found.status == ("fail" if verdict.drifted else "pass"), name
    assert report.finding(SHARE).value == their_share
    assert report.status == ("fail" if their_share >= share else "pass")


def shapes(n: int, shift: int, seed: int) -> pd.DataFrame:
    """One column for each shape that data may have; `shift` 0 is the reference."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "normal": rng.normal(size=n) + 0.3 * shift,
            "ties": np.round(rng.normal(size=n) + 0.1 * shift, 1),
            "heavy tails": rng.standard_cauchy(size=n),
            "spread": rng.lognormal(sigma=1 + 0.2 * shift, size=n),
            "float32": (rng.normal(size=n) * 1000 + 5e4 + 30 * shift).astype("float32"),
            "float16": rng.normal(size=n).astype("float16"),
            "large": rng.normal(size=n) * 1e12 + 1e15,
            "tiny": rng.normal(size=n) * 1e-6 + 1e-5 * shift,
            "constant": np.full(n, 3.5),
            "constant moved": np.full(n, 3.5 + shift),
            "two floats": rng.choice([0.0, 1.0], n, p=[0.5 - 0.1 * shift, 0.5 + 0.1 * shift]),
            "four floats": rng.choice([0.0, 0.5, 1.0, 2.0], n),
            "five floats, then six": rng.choice(np.arange(5 + shift) / 2, n),
            "whole": rng.integers(0, 1000, n) + 50 * shift,
            "int32": rng.integers(-5, 30, n).astype("int32"),
            "int8": rng.integers(0, 50, n).astype("int8"),
            "ten whole": rng.integers(0, 10, n),
            "eleven whole": rng.integers(0, 11, n),
            "binary": (rng.random(n) < 0.3 + 0.1 * shift).astype(int),
            "many whole, then few": rng.integers(0, 9 if shift else 1000, n),
            "few whole, then many": rng.integers(0, 1000 if shift else 9, n),
            "beyond 2^53": rng.integers(0, 1000, n) * 2 + 2**53,
            "bool": rng.random(n) < 0.5 + 0.05 * shift,
            "text": rng.choice(["a", "b", "c", "d"], n),
            "two texts": rng.choice(["yes", "no"], n),
            "one text": np.full(n, "x"),
            "one text, then another": np.full(n, "xy"[shift]),
            "unseen level": rng.choice(["a", "b", "c", "d"][: 3 + shift], n),
            "level gone": rng.choice(["a", "b", "c", "d"][: 4 - shift], n),
            "many levels": rng.choice([f"level {i}" for i in range(n // 10)], n),
            "category": pd.Categorical(rng.choice(["a", "b"], n), categories=["a", "b", "none"]),
            "other categories": pd.Categorical(
                rng.choice(["a", "b", "c"], n), categories=["a", "b", "c", "d"][: 3 + shift]
            ),
            "category of numbers": pd.Categorical(rng.integers(0, 30, n)),
            "bool, then text of two": rng.random(n) < 0.5 if shift else rng.choice(["a", "b"], n),
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n), "s"),
            "position": np.arange(n),
        }
    )
    gone = rng.random(n) < 0.1 + 0.1 * shift
    for name in ("normal", "four floats", "text", "two texts", "category", "float32"):
        frame[f"{name} with gaps"] = frame[name].where(~gone)
    frame["string"] = frame["text"].astype("string")
    # So much is missing that a frame of many rows is tested as one of few.
    frame["nearly empty"] = frame["normal"].where(np.arange(n) % 10 == 0)
    return frame


@pytest.mark.parametrize(
    ("n_reference", "n_current", "shift"),
    [
        (40, 60, 1),
        (300, 300, 0),
        (1000, 1200, 1),
        (1001, 500, 1),
        (5000, 5000, 0),
        (900, 11000, 1),
    ],
)
def test_every_shape_has_the_same_score(
    evidently: Ask, n_reference: int, n_current: int, shift: int
) -> None:
    assert_same(evidently, shapes(n_reference, 0, seed=1), shapes(n_current, shift, seed=2))


@pytest.mark.parametrize(("n_reference", "n_current"), [(120, 90), (1300, 700)])
def test_texts_have_the_same_score(evidently: Ask, n_reference: int, n_current: int) -> None:
    def texts(n: int, words: list[str], seed: int) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        lines = pd.Series([f"{' '.join(rng.choice(words, 6))} {i}" for i in range(n)])
        return pd.DataFrame({"said": lines.where(lines.index % 7 > 0)})

    words = ["rain", "wind", "cloud", "sun", "frost", "storm", "fog", "hail"]
    reference = texts(n_reference, words, seed=1)
    assert_same(evidently, reference, texts(n_current, words, seed=2))
    assert_same(evidently, reference, texts(n_current, [*words, "tax", "tax"], seed=2))


def test_limits_and_share_that_are_given_are_used(evidently: Ask) -> None:
    rng = np.random.default_rng(3)
    reference = pd.DataFrame(rng.normal(size=(2000, 4)), columns=list("abcd"))
    current = reference.add([0.05, 0.2, 0.2, 0.0])
    limits = {"a": 0.01, "b": 0.3}
    assert_same(evidently, reference, current, share=0.75, thresholds=limits)
    assert_same(evidently, reference, current, share=0.5, thresholds=limits)


def test_methods_that_are_given_are_used(evidently: Ask) -> None:
    old, new = shapes(400, 0, seed=7), shapes(400, 1, seed=8)
    chosen = {"normal": "psi", "whole": "t_test", "text": "g_test"}
    names = [*chosen, "ties", "spread", "int32", "two texts", "bool"]
    old, new = old[names], new[names]
    theirs, _ = evidently(
        old,
        new,
        num_method="anderson",
        cat_method="hellinger",
        per_column_method=chosen,
        num_threshold=0.2,
        threshold=0.3,
        per_column_threshold={"ties": 0.01},
    )
    report = drift.check(
        old,
        new,
        methods={"num": "anderson", "cat": "hellinger", **chosen},
        thresholds={"num": 0.2, "all": 0.3, "ties": 0.01},
    )
    for name, verdict in theirs.items():
        found = report.finding(name)
        assert found.evidence["method"] == BY_KEY[verdict.method].name
        told = (found.limit, found.evidence["drifted"])
        assert told == (verdict.limit, verdict.drifted), name
        assert found.value == pytest.approx(verdict.score, abs=1e-9), name


def test_real_clients_have_the_same_scores(evidently: Ask) -> None:
    clients = pd.read_parquet(CREDIT)
    university, school = (clients[clients["EDUCATION"] == level] for level in (2, 3))
    assert_same(evidently, university, school)
    assert_same(evidently, university.iloc[:800, :12], school.iloc[:600, :12])


SMALL = np.arange(60.0)


@pytest.mark.parametrize(
    ("reference", "current", "note"),
    [
        (SMALL, SMALL * np.nan, "current has no value"),
        (SMALL * np.nan, SMALL, "reference has no value"),
        (SMALL, SMALL + np.inf, "current has no finite value"),
        (["a", "b"] * 30, SMALL, "reference has values of type object"),
        (SMALL, [f"word {i}" for i in range(60)], "that are not text"),
        (list("abcdefghij"), list("abcdefghij"), "can't be learned from"),
        (["a"] * 60, ["a", ["b"], "a"] * 20, "unhashable"),
    ],
)
def test_where_evidently_raises_there_is_a_finding(
    evidently: Ask, reference: Any, current: Any, note: str
) -> None:
    n = len(reference)
    old = pd.DataFrame({"odd": reference, "plain": np.arange(n) * 1.0})
    new = pd.DataFrame({"odd": current, "plain": np.arange(n) * 1.0})
    with pytest.raises(Exception):  # noqa: B017, PT011 - of whatever kind
        evidently(old, new)
    report = drift.check(old, new)
    found = report.finding("odd")
    assert (found.status, found.value, found.evidence["drifted"]) == ("insufficient", None, None)
    assert note in found.evidence["note"]
    assert report.finding("plain").status == "pass"


def test_a_column_that_the_reference_lacks_raises_there_and_is_a_finding_here(
    evidently: Ask,
) -> None:
    old, new = pd.DataFrame({"a": SMALL}), pd.DataFrame({"a": SMALL, "b": SMALL})
    with pytest.raises(ValueError, match="partially present"):
        evidently(old, new)
    assert drift.check(old, new).finding("b").status == "insufficient"
    # It never looks at what only the reference has, so such a column doesn't count.
    theirs, share = evidently(new, old)
    report = drift.check(new, old)
    assert list(theirs) == ["a"]
    assert (report.finding(SHARE).value, report.status) == (share, "pass")
    assert report.finding("b").status == "insufficient"


@pytest.mark.parametrize(
    ("values", "drifts"),
    [
        (pd.array(range(60), dtype="Int64"), True),
        (pd.array(range(60), dtype="Float64"), True),
        (pd.Series(range(60), dtype="uint8").array, True),
        (pd.array(range(60), dtype="double[pyarrow]"), True),
        (pd.array([i < 40 for i in range(60)], dtype="boolean"), True),
        (pd.Series([*range(59), None], dtype=object).array, True),
        (pd.date_range("2026-01-01", periods=60), True),
        (pd.to_timedelta(range(60), "D"), True),
        (pd.Series([[1, 2]] * 60).array, None),
    ],
)
def test_types_that_evidently_passes_over_say_so(
    evidently: Ask, values: Any, drifts: bool | None
) -> None:
    old = pd.DataFrame({"odd": values, "plain": SMALL})
    new = pd.DataFrame({"odd": old["odd"].iloc[::-1].iloc[:20].array, "plain": SMALL[::3]})
    theirs, share = evidently(old, new)
    assert list(theirs) == ["plain"]
    report = drift.check(old, new)
    found = report.finding("odd")
    assert "Evidently passes over columns of type" in found.evidence["note"]
    assert found.evidence["drifted"] is drifts
    assert (found.value is None) == (drifts is None)
    assert report.finding(SHARE).value == share


def test_where_numbers_overflow_evidently_says_no_drift_and_we_do_not(evidently: Ask) -> None:
    old = pd.DataFrame({"a": np.arange(-600, 600) * 1e305})
    theirs, _ = evidently(old, old + 3e307)
    assert np.isnan(theirs["a"].score)
    assert not theirs["a"].drifted
    found = drift.check(old, old + 3e307).finding("a")
    assert (found.status, found.evidence["drifted"]) == ("insufficient", None)
    assert "too large" in found.evidence["note"]


def test_one_infinity_leaves_the_column_as_evidently_judges_it(evidently: Ask) -> None:
    old = pd.DataFrame({"a": np.arange(2000.0)})
    new = old.where(old["a"] != 7, np.inf)
    theirs, _ = evidently(old, new)
    found = drift.check(old, new).finding("a")
    assert found.value == pytest.approx(theirs["a"].score, abs=1e-9)
    assert found.evidence["drifted"] is theirs["a"].drifted is False
    assert "infinite values of current were left out (1)" in found.evidence["note"]
