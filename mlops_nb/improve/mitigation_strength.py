"""How strictly a method keeps its constraint: what that is called, and the steps of a curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Strength:
    """What a method calls how strictly it keeps its constraint, and from where to where it goes.

    Without a `default` the data has one, which `meaning` says.
    """

    name: str
    default: float | None
    meaning: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Candidate:
    """A rule that a method fitted; its strength is None where none would choose it.

    The rule is a `fair_model.Rule`, or a `Predictor` where nothing is left to chance.
    """

    strength: float | None
    rule: Any


DIFFERENCE_BOUND = Strength(
    "difference_bound",
    # Fairlearn's default, 0.01, is a tenth of all positives where one case in ten is predicted
    # positive, too wide to reach a ratio of 0.8.
    0.002,
    "how far a group's rate may be from the overall rate, in training",
)
UPPER_BOUND = Strength(
    "upper_bound",
    None,
    "how large the mean loss of a group may be in training; by default as large as the plain "
    "model's of all rows",
    high=float("inf"),
)
CONSTRAINT_WEIGHT = Strength(
    "constraint_weight",
    0.5,
    "how much a gap counts against an error when one model of the grid is chosen",
)
WEIGHT_OF_WORST = Strength(
    "constraint_weight",
    0.5,
    "how much the worst group's loss counts against that of all rows when one model of the grid "
    "is chosen",
)
TOLERANCE = Strength("tol", 0.0, "how far the groups' rates may be apart, in training")
ALPHA = Strength("alpha", 1.0, "how much of the correlation with the group is taken off")


def given(strength: float | None) -> float:
    """Return a strength that was given, or is the method's own."""
    if strength is None:
        raise ValueError("this method has a strength of its own")
    return strength


def short(amount: float) -> float:
    """Return an amount that is easy to type, to three digits."""
    return float(f"{amount:.3g}")


def bounds(worst: float, overall: float, points: int) -> list[float]:
    """Return bounds of a loss from the plain model's worst (left out) to the least that is wanted.

    Examples
    --------
    >>> bounds(3.0, 1.0, 4)
    [2.5, 2.0, 1.5, 1.0]
    """
    import numpy as np

    steps = np.linspace(worst, overall, points + 1)[1:].tolist()
    return list(dict.fromkeys(short(step) for step in steps))


def ladder(weakest: float, strictest: float, points: int) -> list[float]:
    """Return strengths that are easy to type, from the weakest (left out) to the strictest.

    Each is the same share of the one before, down to a sixteenth of the first where the strictest
    is nothing at all.

    Examples
    --------
    >>> ladder(0.032, 0.002, 4), ladder(0.032, 0.0, 4)
    ([0.016, 0.008, 0.004, 0.002], [0.013, 0.005, 0.002, 0.0])
    """
    import numpy as np

    if weakest <= strictest:
        return [strictest]
    last = strictest or weakest / 16
    steps = np.geomspace(weakest, last, points + 1 if strictest else points)[1:].tolist()
    return list(dict.fromkeys([*(float(f"{step:.2g}") for step in steps), strictest]))
