"""How far the order of rows may move a score that is summed up in 32 bits.

A frame gives some tests its rows in their order, and of 32-bit numbers they add up 32-bit numbers:
where these are many or far from 0, the digits that are lost depend on the order. A stream keeps
counts and no order, so it tries several, and states by how much the score moves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_samples import Levels, Numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlops_nb.checks.drift_methods import Method
    from mlops_nb.stats.cells import Bounds

SUMMED = ("es", "mannw", "t_test")  # p-values of rows in their order
SHUFFLES = 6
BEYOND = 2.0  # times what the orders that were tried span, below and above them
SEED = 0


def bounds_of(method: Method, old: Numbers | Levels, new: Numbers | Levels) -> Bounds | None:
    """Return between what a score lies, whatever the order of rows; None if they don't matter.

    Sorted, reversed and several shuffled orders are tried, and what they span is added below and
    above, and what one more rounding may do: this is no proof, but of the frames that were tried
    none lay outside.
    """
    import numpy as np

    if method.key not in SUMMED or not isinstance(old, Numbers) or not isinstance(new, Numbers):
        return None
    if not any(side.values.dtype.kind == "f" and side.values.itemsize < 8 for side in (old, new)):
        return None
    orders = zip(_orders(old, SEED), _orders(new, SEED + 1), strict=True)
    try:
        with np.errstate(all="ignore"):
            scores = [method.score(one, other) for one, other in orders]
    except ValueError:  # there is no score, whatever the order, and who asks for it is told why
        return None
    if not all(map(math.isfinite, scores)):
        return None
    low, high = min(scores), max(scores)
    reach = BEYOND * (high - low) + _least(method.key, old, new)
    return max(0.0, low - reach), min(1.0, high + reach)


def _least(method: str, old: Numbers, new: Numbers) -> float:
    """Return what rounding a sum once more does to the p-value, which a few orders may not show.

    A p-value moves by less than its statistic does, in standard errors.
    """
    import numpy as np

    n, m, lost = old.n, new.n, 2 * float(np.finfo(np.float32).eps)
    if method == "mannw":  # a sum of ranks
        return lost * n * (n + m) / math.sqrt(n * m * (n + m + 1) / 12)
    if method == "es":  # means of what lies between -1 and 1
        return lost * math.sqrt(n + m)
    error = math.hypot(old.deviation / math.sqrt(n), new.deviation / math.sqrt(m))
    return lost * max(abs(old.mean), abs(new.mean)) / error if error else 0.0


def _orders(side: Numbers, seed: int) -> Iterator[Numbers]:
    """Yield a sample with its rows in several orders."""
    import numpy as np

    rng = np.random.default_rng(seed)
    yield side
    yield _in_order(side, side.values[::-1])
    for _ in range(SHUFFLES):
        yield _in_order(side, rng.permutation(side.values))


def _in_order(side: Numbers, rows: NDArray[np.generic]) -> Numbers:
    """Return a sample as the tests are to see it: its values taken for sorted are these rows."""
    known: dict[str, Any] = {"deviation": side.deviation, "mean": side.mean}
    return Numbers.stored(side.rows, side.infinite, rows, **known)
