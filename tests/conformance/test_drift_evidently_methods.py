"""Every method of our table scores what the installed Evidently scores, over every shape of data.

The methods are called one by one, as Evidently's own column drift calls them: infinite and missing
values dropped, then the registered test. Where it raises or answers NaN, we owe a finding with a
note; where it answers a number, ours is that number and the verdict is the same.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_nb.checks import drift
from mlops_nb.checks.drift_methods import BY_KEY
from mlops_nb.core.records import Finding

RNG = np.random.default_rng(5)
Pair = tuple[Any, Any]

NUMBERS: dict[str, Pair] = {
    "same": (RNG.normal(size=300), RNG.normal(size=280)),
    "moved": (RNG.normal(size=400), RNG.normal(size=400) + 0.4),
    "moved down": (RNG.normal(size=400), RNG.normal(size=300) - 0.3),
    "identical": (np.arange(90.0), np.arange(90.0)),
    "tiny": (RNG.normal(size=5), RNG.normal(size=7) + 1),
    "two values": (np.array([1.0, 2.0]), np.array([1.5, 3.0])),
    "one value": (np.array([1.0]), np.array([2.0])),
    "twenty": (RNG.normal(size=18), RNG.normal(size=20) + 0.8),
    "ties": (RNG.normal(size=300).round(1), RNG.normal(size=250).round(1) + 0.1),
    "few values": (RNG.integers(0, 4, 200) / 2, RNG.integers(0, 5, 150) / 2),
    "at the limit of bins": (np.arange(200.0) % 20, np.arange(150.0) % 21),
    "past the limit of bins": (np.arange(210.0) % 21, np.arange(150.0) % 20),
    "constants": (np.full(60, 3.5), np.full(50, 3.5)),
    "constants that differ": (np.full(60, 3.5), np.full(50, 4.5)),
    "constant, then not": (np.full(60, 0.0), RNG.normal(size=50)),
    "mostly constant": (np.r_[np.zeros(90), 1.0, 2], np.r_[np.zeros(80), 3.0, 4]),
    "unequal sizes": (RNG.normal(size=30), RNG.normal(size=3000)),
    "large": (RNG.normal(size=15_000), RNG.normal(size=12_000) + 0.02),
    "heavy tails": (RNG.standard_cauchy(2000), RNG.standard_cauchy(1500)),
    "far apart": (RNG.normal(size=300), RNG.normal(size=300) + 50),
    "missing": (np.where(np.arange(400) % 3, np.arange(400.0), np.nan), np.arange(300.0)),
    "infinite": (np.r_[np.arange(60.0), np.inf, -np.inf], np.r_[np.arange(70.0), np.inf]),
    "whole": (RNG.integers(0, 50, 300), RNG.integers(5, 60, 300)),
    "narrow whole": (RNG.integers(0, 50, 300).astype("int8"), RNG.integers(0, 60, 300)),
    "unsigned": (
        RNG.integers(0, 250, 300).astype("uint8"),
        RNG.integers(0, 200, 300).astype("uint8"),
    ),
    "beyond 2^53": (2**53 + 2 * RNG.integers(0, 99, 300), 2**53 + 2 * RNG.integers(9, 99, 300)),
    "small floats": (RNG.normal(size=300) * 1e-6, RNG.normal(size=300) * 1e-6 + 1e-5),
    "huge": (RNG.random(80) * 1.5e308 - 7e307, RNG.random(70) * 1.5e308 - 7e307),
    "32 bits": (
        RNG.normal(size=3000).astype("float32"),
        RNG.normal(size=3000).astype("float32") + np.float32(0.1),
    ),
    "16 bits": (RNG.normal(size=300).astype("float16"), RNG.normal(size=300).astype("float16")),
    "32 bits, then 64": (RNG.normal(size=300).astype("float32"), RNG.normal(size=300) + 0.1),
    "whole, then not": (RNG.integers(0, 50, 300), RNG.normal(20, 9, 300)),
}
LETTERS = np.array(list("abcdefghij"))
LEVELS: dict[str, Pair] = {
    "two": (RNG.choice(["a", "b"], 200), RNG.choice(["a", "b"], 150, p=[0.4, 0.6])),
    "two of one size": (RNG.choice(["a", "b"], 90), RNG.choice(["a", "b"], 90, p=[0.3, 0.7])),
    "ten": (LETTERS[RNG.integers(0, 10, 400)], LETTERS[RNG.integers(0, 10, 400)]),
    "ten, others more": (LETTERS[RNG.integers(0, 10, 900)], LETTERS[RNG.integers(0, 8, 900)]),
    "unseen": (RNG.choice(["a", "b"], 80), RNG.choice(["a", "b", "c"], 80)),
    "gone": (RNG.choice(["a", "b", "c"], 80), RNG.choice(["a", "b"], 80)),
    "disjoint": (np.array(["a"] * 40), np.array(["b"] * 40)),
    "constants": (np.array(["a"] * 40), np.array(["a"] * 40)),
    "constants of two sizes": (np.array(["a"] * 40), np.array(["a"] * 30)),
    "one row": (np.array(["a"]), np.array(["b"])),
    "bools": (RNG.random(200) < 0.5, RNG.random(200) < 0.6),
    "bools of two sizes": (RNG.random(120) < 0.5, RNG.random(200) < 0.6),
    "whole": (RNG.integers(0, 5, 300), RNG.integers(0, 6, 300)),
    "floats": (RNG.integers(0, 5, 300) / 4, RNG.integers(0, 5, 250) / 4),
    "floats, one infinite": (
        np.r_[RNG.integers(0, 2, 90) / 1, np.inf],
        RNG.integers(0, 2, 90) / 1,
    ),
    "missing": (
        pd.Series(["a", "b", None, "b"] * 40, dtype=object),
        pd.Series(["a", None, None, "b"] * 50, dtype=object),
    ),
    "many": (RNG.integers(0, 600, 1500).astype(str), RNG.integers(0, 600, 1500).astype(str)),
    "categories": (
        pd.Series(pd.Categorical(RNG.choice(["a", "b"], 90), categories=["a", "b", "c"])),
        pd.Series(pd.Categorical(RNG.choice(["a", "b"], 90), categories=["a", "b", "c"])),
    ),
    "other categories": (
        pd.Series(pd.Categorical(RNG.choice(["a", "b"], 90))),
        pd.Series(pd.Categorical(RNG.choice(["a", "b"], 90), categories=["c", "b", "a"])),
    ),
    "texts and numbers": (
        pd.Series(["a", 1] * 40, dtype=object),
        pd.Series(["a", 1, 1] * 30, dtype=object),
    ),
}
# Rows above which Evidently takes seconds: it counts every re-division of the rows in Python, or
# permutes the kernel of every pair of them.
SLOW = {"TVD": 250, "empirical_mmd": 610}
# Where Evidently answers a number that means nothing, and a word of our note: it squares numbers in
# their own type, which overflows, divides texts and numbers as if they were all texts, and norms by
# an infinite deviation. Of re-divisions as far apart as the samples are, rounding decides which
# ones it counts.
WRONG_THERE = {
    "empirical_mmd": {
        "narrow whole": "squares whole numbers",
        "unsigned": "squares whole numbers",
        "beyond 2^53": "squares whole numbers",
        "16 bits": "random",
        "two values": "random",
        "mostly constant": "random",
    },
    "TVD": {"texts and numbers": "of different types"},
    "wasserstein": {"huge": "too large"},
}
ROUNDED = {"hellinger", "jensenshannon"}  # distances whose root magnifies rounding near 0
Asked = Callable[[str, str, Any, Any], tuple[float, bool]]


@pytest.fixture(scope="module")
def evidently() -> Asked:
    """Ask Evidently for score and verdict of one method; NaN where it raises."""
    with warnings.catch_warnings(action="ignore"):
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

    def clean(values: Any) -> pd.Series[Any]:
        return pd.Series(values).replace([-np.inf, np.inf], np.nan).dropna()

    def ask(key: str, kind: str, reference: Any, current: Any) -> tuple[float, bool]:
        old, new = clean(reference), clean(current)
        np.random.seed(0)
        with warnings.catch_warnings(action="ignore"):
            try:
                read_as = ColumnType(kind)
                result = get_stattest(old, new, read_as, key)(old, new, read_as, None)
            except Exception:  # noqa: BLE001 - of whatever kind
                return math.nan, False
        return float(result.drift_score), bool(result.drifted)

    return ask


def ours(key: str, kind: str, reference: Any, current: Any) -> Finding:
    old, new = pd.DataFrame({"x": reference}), pd.DataFrame({"x": current})
    return drift.check(old, new, methods=key, types={"x": kind}).finding("x")


CASES = [
    (key, kind) for key, method in BY_KEY.items() for kind in sorted(method.kinds) if kind != "text"
]


@pytest.mark.parametrize(("key", "kind"), CASES)
def test_a_method_scores_as_evidently_does(evidently: Asked, key: str, kind: str) -> None:
    wrong = []
    for shape, (old, new) in (NUMBERS if kind == "num" else LEVELS).items():
        if key in SLOW and len(old) + len(new) > SLOW[key]:
            continue
        if shape in WRONG_THERE.get(key, ()):
            assert WRONG_THERE[key][shape] in ours(key, kind, old, new).evidence["note"], shape
            continue
        score, drifted = evidently(key, kind, old, new)
        found = ours(key, kind, old, new)
        if math.isnan(score):
            if not found.evidence.get("note"):
                wrong.append((shape, "no note", found.value))
            continue
        slack = 2e-8 if key in ROUNDED and score < 1e-6 else 1e-9
        if found.value is None or abs(found.value - score) > slack:
            wrong.append((shape, score, found.value, found.evidence.get("note")))
        elif (
            found.evidence["drifted"] is not drifted or found.evidence["method"] != BY_KEY[key].name
        ):
            wrong.append((shape, drifted, found.evidence))
    assert wrong == []


def test_no_method_of_evidently_is_missing(evidently: Asked) -> None:
    from evidently.legacy.calculations.stattests import registry

    theirs = {
        key: (
            {kind.value for kind in kinds},
            next(iter(kinds.values())).display_name,
            next(iter(kinds.values())).default_threshold,
        )
        for key, kinds in registry._registered_stat_tests.items()
    }
    ours = {key: (set(m.kinds), m.name, m.threshold) for key, m in BY_KEY.items()}
    assert ours == theirs
