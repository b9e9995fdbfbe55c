"""How often the interval of a drift's distance holds the true distance, on made-up data.

``python -m tests.benchmarks.drift_coverage [ROUNDS]``, a thousand rounds by default. The data are
drawn from distributions whose distance is known; of a p-value it is the distance beside it. At
95 %, 5 % of the intervals may miss, on both sides together.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pandas as pd

from mlops_nb.checks import drift

Draw = Callable[[np.random.Generator, int], np.ndarray]
ROWS = (300, 1_500)


def levels(*shares: float) -> Draw:
    """Return a way to draw levels by their shares."""
    names = np.array(list("abcdefgh"))[: len(shares)]
    return lambda rng, n: rng.choice(names, n, p=shares)


def normal(mean: float = 0.0, spread: float = 1.0) -> Draw:
    """Return a way to draw normal numbers."""
    return lambda rng, n: rng.normal(mean, spread, n)


def exponential(shift: float = 0.0) -> Draw:
    """Return a way to draw exponential numbers, moved."""
    return lambda rng, n: rng.exponential(size=n) + shift


def lognormal(times: float = 1.0) -> Draw:
    """Return a way to draw numbers with a long tail, stretched."""
    return lambda rng, n: times * rng.lognormal(size=n)


# A stretched lognormal is apart by the stretch of its mean, here 0.1 of its deviation.
STRETCHED = 1 + 0.1 * math.sqrt(math.e * (math.e - 1)) / math.exp(0.5)
SIX, SIX_AFTER = (0.3, 0.2, 0.2, 0.1, 0.1, 0.1), (0.2, 0.2, 0.2, 0.1, 0.1, 0.2)

# What it is, the method, the true distance, and what both sides are drawn from.
KNOWN: list[tuple[str, str, float, Draw, Draw]] = [
    ("normal, none", "wasserstein", 0.0, normal(), normal()),
    ("normal, at the limit", "wasserstein", 0.1, normal(), normal(0.1)),
    ("normal, beyond", "wasserstein", 0.3, normal(), normal(0.3)),
    ("exponential, at the limit", "wasserstein", 0.1, exponential(), exponential(0.1)),
    ("lognormal, at the limit", "wasserstein", 0.1, lognormal(), lognormal(STRETCHED)),
    ("normal, none", "ks", 0.0, normal(), normal()),
    ("normal, 0.1 apart", "ks", 0.1, normal(), normal(2 * NormalDist().inv_cdf(0.55))),
    ("two levels, none", "jensenshannon", 0.0, levels(0.5, 0.5), levels(0.5, 0.5)),
    ("two levels, near the limit", "jensenshannon", 0.1002, levels(0.5, 0.5), levels(0.64, 0.36)),
    ("six levels, near the limit", "psi", 0.1099, levels(*SIX), levels(*SIX_AFTER)),
    ("six levels, none", "chisquare", 0.0, levels(*SIX), levels(*SIX)),
    ("six levels, 0.1 apart", "chisquare", 0.1, levels(*SIX), levels(*SIX_AFTER)),
]


def covered(
    method: str, value: float, before: Draw, after: Draw, rows: int, rounds: int
) -> tuple[float, float]:
    """Return how often the true distance was under the interval's lower end, and over its upper."""
    under = over = 0
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        old, new = (pd.DataFrame({"x": draw(rng, rows)}) for draw in (before, after))
        found = drift.check(old, new, methods=method, min_evidence=0.95).finding("x")
        low, high = found.evidence["interval"]
        under += value < low
        over += value > high
    return under / rounds, over / rounds


def main(rounds: int) -> None:
    """Measure and print."""
    began = time.perf_counter()
    print(f"intervals of 95 %, {rounds:,} of each: how often they missed the true distance")
    print(f"{'data':<28}{'method':<15}{'rows':>6}{'held':>8}{'it was under':>14}{'over':>7}")
    for name, method, value, before, after in KNOWN:
        for rows in ROWS:
            under, over = covered(method, value, before, after, rows, rounds)
            line = f"{name:<28}{method:<15}{rows:>6,}{1 - under - over:>8.1%}"
            print(f"{line}{under:>14.1%}{over:>7.1%}", flush=True)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000)
