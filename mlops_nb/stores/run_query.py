"""Which runs are asked for: conditions as a user types them, an order, and a page of the list.

A condition is NAME OP VALUE, such as ``auc > 0.8``: of a metric, parameter or tag of that name.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Run

MOST_ROWS = 2**63 - 1
# The order that each has unless it is reversed; any other name is a metric's, highest first.
FIELDS: Final[Mapping[str, bool]] = {"started": True, "duration": True, "name": False}
_CONDITION = re.compile(r"\s*(?P<name>[^<>=!]*[^<>=!\s])\s*(?P<op>[<>]=?|[!=]?=)\s*(?P<value>.*\S)")
_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a metric, parameter or tag of a run must be.

    Examples
    --------
    >>> Condition.parse("auc > 0.8")
    Condition(name='auc', op='>', value=0.8)
    >>> Condition.parse("solver = 'lbfgs'").holds("lbfgs")
    True
    """

    name: str
    op: str
    value: Any

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition.

        Raises
        ------
        InputError
            If it is none, or orders what is no number.
        """
        found = _CONDITION.fullmatch(text.rstrip())
        if found is None:
            raise InputError(
                f"{text!r:.80} is no condition", hint="write NAME OP VALUE, such as 'auc > 0.8'"
            )
        op, told = found["op"].replace("==", "="), found["value"]
        quoted = len(told) > 1 and told[0] == told[-1] and told[0] in "'\""
        value = told[1:-1] if quoted else _json(told)
        if op in _COMPARE and not _is_number(value):
            raise InputError(f"{text!r:.80} compares with {told!r:.40}, which is no number")
        return cls(found["name"], op, value)

    def holds(self, value: Any) -> bool:
        """Tell whether a value meets it; only numbers are more or less than another."""
        if self.op in _COMPARE:
            return _is_number(value) and bool(_COMPARE[self.op](value, self.value))
        # 1 is no yes, and the text "3" of a tag is the number.
        same = value == self.value and isinstance(value, bool) == isinstance(self.value, bool)
        return (same or str(value) == str(self.value)) == (self.op == "=")

    def met_by(self, run: Run) -> bool:
        """Tell whether a run has something of that name that meets it."""
        kinds = (run.metrics, run.params)
        stored = [_json(run.tags[self.name])] if self.name in run.tags else []
        values = [*(kind[self.name] for kind in kinds if self.name in kind), *stored]
        return any(self.holds(value) for value in values)


@dataclass(frozen=True, slots=True)
class Query:
    """Which runs, in which order, and which part of the list.

    Parameters
    ----------
    experiment, status : str, optional
    children : bool
        Whether child runs are listed too.
    where : tuple of Condition
        All must hold.
    sort : {"started", "duration", "name"} or str
        Otherwise a metric's name; runs without a value come last.
    reverse : bool
    offset : int
    limit : int, optional
    """

    experiment: str | None = None
    status: str | None = None
    children: bool = False
    where: tuple[Condition, ...] = ()
    sort: str = "started"
    reverse: bool = False
    offset: int = 0
    limit: int | None = None

    @property
    def descending(self) -> bool:
        """Whether the largest comes first: newest, longest, highest, but names from a to z."""
        return FIELDS.get(self.sort, True) != self.reverse

    @property
    def page(self) -> slice:
        """The part of the whole list; no list is longer than a number of SQLite's can say."""
        stop = None if self.limit is None else min(self.offset + self.limit, MOST_ROWS)
        return slice(self.offset, stop)

    @property
    def names(self) -> set[str]:
        """The metrics, parameters and tags that it speaks of."""
        return {condition.name for condition in self.where} | ({self.sort} - FIELDS.keys())

    def takes(self, run: Run) -> bool:
        """Tell whether a run is among those asked for."""
        return (
            (self.children or run.parent_id is None)
            and (self.experiment is None or run.experiment == self.experiment)
            and (self.status is None or run.status == self.status)
            and all(condition.met_by(run) for condition in self.where)
        )

    def key(self, run: Run) -> Any:
        """Return what a run is ordered by; None where it has nothing of the kind."""
        if self.sort == "started":
            return run.started_at.timestamp()
        if self.sort == "duration":
            return run.duration_s
        if self.sort == "name":
            return run.name
        value = run.metrics.get(self.sort)
        return None if value is None or math.isnan(value) else value

    def ordered(self, found: list[tuple[Any, str, Any]]) -> list[Any]:
        """Order what has a key and a run's id before it; what has no key comes last."""
        keyed = [item for item in found if item[0] is not None]
        rest = [item for item in found if item[0] is None]
        keyed.sort(key=lambda item: item[:2], reverse=self.descending)
        rest.sort(key=lambda item: item[1], reverse=True)
        return [item[2] for item in (*keyed, *rest)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=float)
    except (ValueError, RecursionError):  # a thousand brackets are text too
        return text
