"""Fairness beside Fairlearn's MetricFrame: the same rows, the same values, in one run.

``python -m tests.benchmarks.fairness [ROWS]``: ten groups of unequal size and five metrics. On two
cores that others used, too:

* point values of a million rows: 82 ms, MetricFrame 34 s, 410 times as long; the same values;
* the whole check of 100,000 rows with 1,000 draws: 0.08 ms a draw, MetricFrame(n_boot=4) 4 s a
  draw, 50,000 times as long;
* memory beyond the data: 58 bytes a row, for 2,000 draws as for 100.

How: one pass over the rows counts them by group, truth and prediction; every rate is made from
these counts, and every draw redraws counts, not rows (a Beta for each rate).

Where it does not apply: AUC, log loss and the errors of a regression need the rows. They are drawn
by random weights on each group's rows, at most 20,000 of them, in blocks of 16 MB: 4 s for 1,000
draws of 200,000 rows in ten groups. A function of one's own is called for each group and draw, like
Fairlearn does, and gets 100 draws.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mlops_nb.checks import fairness
from mlops_nb.checks.fairness_frame import GroupFrame

MEASURES = (
    "accuracy_score",
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "precision_score",
)
ROUNDS = 3
DRAWN_ROWS, DRAWS, PEER_DRAWS = 100_000, 1000, 4
FEW, MANY = 100, 2000


def frame(rows: int) -> pd.DataFrame:
    """Make rows of ten groups, the largest nineteen times the smallest."""
    rng = np.random.default_rng(0)
    share = np.arange(1, 20, 2) / 100
    group = rng.choice(10, rows, p=share)
    truth = (rng.random(rows) < 0.4).astype(int)
    told = (rng.random(rows) < 0.2 + 0.02 * group + 0.4 * truth).astype(int)
    return pd.DataFrame({"group": group, "truth": truth, "told": told})


def best(work: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """Return the shortest of several times, in seconds, and the result."""
    seconds, result = [], None
    for _ in range(rounds):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    return min(seconds), result


def peer(data: pd.DataFrame, **options: Any) -> Any:
    """Return Fairlearn's frame of the five metrics."""
    import fairlearn.metrics
    import sklearn.metrics

    both = [getattr(fairlearn.metrics, n, None) or getattr(sklearn.metrics, n) for n in MEASURES]
    return fairlearn.metrics.MetricFrame(
        metrics=dict(zip(MEASURES, both, strict=True)),
        y_true=data["truth"],
        y_pred=data["told"],
        sensitive_features=data["group"],
        **options,
    )


def values(data: pd.DataFrame) -> pd.DataFrame:
    """Return ours."""
    ours = GroupFrame(MEASURES, data["truth"], data["told"], sensitive_features=data["group"])
    return ours.by_group


def judged(data: pd.DataFrame, draws: int) -> Any:
    """Check all that the five metrics say about the gaps, with intervals."""
    metrics = [f"{name}_{kind}" for name in MEASURES for kind in ("difference", "ratio")]
    return fairness.check(
        data,
        label="truth",
        prediction="told",
        sensitive=["group"],
        metrics=metrics,
        draws=draws,
    )


def memory(data: pd.DataFrame, draws: int) -> float:
    """Return the most bytes that a check took beyond the data, in millions."""
    tracemalloc.start()
    judged(data, draws)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main(rows: int) -> None:
    """Measure and print."""
    data, drawn = frame(rows), frame(DRAWN_ROWS)
    warnings.simplefilter("ignore")
    peer(data.head(1000))  # its imports, not counted
    values(data.head(1000))
    ours_s, ours = best(lambda: values(data), ROUNDS)
    peer_s, theirs = best(lambda: peer(data).by_group, 1)
    gap = float(np.abs(ours.to_numpy() - theirs.to_numpy(float)).max())
    print(f"{rows:,} rows, 10 groups, {len(MEASURES)} metrics; largest difference {gap:.1e}")
    print(f"{'mlops_nb GroupFrame':<36}{ours_s * 1000:>10.1f} ms")
    print(f"{'Fairlearn MetricFrame':<36}{peer_s * 1000:>10.1f} ms   {peer_s / ours_s:,.0f}x")

    ours_s, _ = best(lambda: judged(drawn, DRAWS), ROUNDS)
    without_s, _ = best(lambda: peer(drawn), 1)
    peer_s, _ = best(
        lambda: peer(drawn, n_boot=PEER_DRAWS, ci_quantiles=[0.025, 0.975], random_state=0), 1
    )
    ours_each, peer_each = ours_s / DRAWS, (peer_s - without_s) / PEER_DRAWS
    print(f"\n{DRAWN_ROWS:,} rows, the whole check with intervals, {DRAWS:,} draws, per draw")
    print(f"{'mlops_nb fairness':<36}{ours_each * 1000:>10.3f} ms")
    ratio = peer_each / ours_each
    print(f"{f'MetricFrame(n_boot={PEER_DRAWS})':<36}{peer_each * 1000:>10.1f} ms   {ratio:,.0f}x")
    for n in (DRAWN_ROWS, rows):
        few, many = (memory(drawn if n == DRAWN_ROWS else data, draws) for draws in (FEW, MANY))
        print(f"memory, {n:,} rows: {few:.0f} MB for {FEW} draws, {many:.0f} MB for {MANY:,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
