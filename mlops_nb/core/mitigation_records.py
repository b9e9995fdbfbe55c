"""The frozen record of a mitigation: a model before and after its repair, and what that cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mlops_nb.core.records import Record, Report
from mlops_nb.core.strict_json import plain


@dataclass(frozen=True, slots=True)
class Mitigation(Record):
    """A model repaired for fairness, judged before and after on data it has not seen.

    Parameters
    ----------
    method, constraint : str
    sensitive : tuple of str
    fairness_before, fairness_after, performance_before, performance_after : Report
    strength : mapping
        What the method calls how strictly it keeps the constraint (`name`), its `value`, and what
        it means (`meaning`); empty where it keeps it wholly or not at all.
    trade_off : tuple of mapping
        The plain model (`kind` ``"plain"``), and models along the strength (``"fitted"``) or
        mixtures of both (``"mixture"``): each with its gap (`value`, `bounds`), `accuracy` (of a
        regression its `error`; `interval`), `cost` (`cost_interval`), whether it was `chosen`, and
        whether it is `efficient`. The plain one says what the `measure` is.
    model : object
        An ordinary estimator with ``predict``; left out of `to_dict`.
    summary : str
    metric : str
        The fairness metric whose value the gap is.
    """

    method: str
    constraint: str
    sensitive: tuple[str, ...]
    fairness_before: Report
    fairness_after: Report
    performance_before: Report
    performance_after: Report
    trade_off: tuple[Mapping[str, Any], ...] = ()
    model: Any = None
    summary: str = ""
    strength: Mapping[str, Any] = field(default_factory=dict)
    metric: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the model itself."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "model"}
