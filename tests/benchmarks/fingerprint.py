"""A fingerprint beside pandas' own hash of every row: the same frames, one run.

``python -m tests.benchmarks.fingerprint [ROWS]``: 20 normal columns and 4 of texts, as they lie in
memory when made column by column, and row by row; with few texts that recur, as categories, and all
different.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlops_nb.data.fingerprint import fingerprint

ROUNDS = 7


def frames(rows: int) -> dict[str, pd.DataFrame]:
    """Make the frames."""
    rng = np.random.default_rng(0)
    numbers = {f"n{i}": rng.normal(size=rows) for i in range(20)}
    cities = np.array([f"city-{i}" for i in range(50)], dtype=object)
    picked = {f"c{i}": rng.integers(0, 50, rows) for i in range(4)}
    texts = {name: cities[codes] for name, codes in picked.items()}
    categories = {k: pd.Categorical.from_codes(codes, cities) for k, codes in picked.items()}
    ids = np.array([f"id-{i}" for i in range(rows)], dtype=object)
    striped = pd.DataFrame(np.column_stack(list(numbers.values())), columns=list(numbers))
    half = {"c0": texts["c0"], "c1": texts["c1"], "c2": categories["c2"], "c3": categories["c3"]}
    return {
        "2 of texts, 2 of categories": pd.DataFrame({**numbers, **half}),
        "the same, row by row": pd.concat([striped, pd.DataFrame(half)], axis=1),
        "4 of texts": pd.DataFrame({**numbers, **texts}),
        "4 of categories": pd.DataFrame({**numbers, **categories}),
        "4 of texts, all different": pd.DataFrame({**numbers, **dict.fromkeys(texts, ids)}),
    }


def timed(work: Callable[[], Any]) -> float:
    """Return the time of one call, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main(rows: int) -> None:
    """Measure in turns, so that a busy moment strikes both, and print."""
    print(f"{rows:,} rows x 24 columns, median of {ROUNDS}")
    print(f"{'':<32}{'fingerprint':>12}{'pandas':>10}{'ratio':>9}")
    for name, frame in frames(rows).items():
        pairs = [
            (timed(lambda: fingerprint(frame)), timed(lambda: pd.util.hash_pandas_object(frame)))  # noqa: B023
            for _ in range(ROUNDS)
        ]
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{name:<32}{ours:>10.3f} s{theirs:>8.3f} s{theirs / ours:>7.2f} x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
