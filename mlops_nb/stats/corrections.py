"""p-values adjusted for being several: what each would have to be if it were alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """Adjust by Holm's step-down method, which bounds the chance of even one false alarm.

    Holm, "A simple sequentially rejective multiple test procedure", 1979; as R's ``p.adjust``.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(4)
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return _back(np.minimum(stepped, 1.0), order)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjust by Benjamini and Hochberg's method, which bounds the share of false alarms.

    "Controlling the false discovery rate", 1995; as R's ``p.adjust``.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(4)
    array([0.03, 0.04, 0.04])
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")[::-1]
    stepped = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    return _back(np.minimum(stepped, 1.0), order)


def _back(adjusted: Floats, order: NDArray[np.intp]) -> Floats:
    in_place = np.empty_like(adjusted)
    in_place[order] = adjusted
    return in_place
