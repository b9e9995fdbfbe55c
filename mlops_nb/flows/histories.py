"""`log_steps` of Python's door: whole histories of metrics in a few appends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from mlops_nb.core.errors import InputError
from mlops_nb.core.records import now
from mlops_nb.core.strict_json import instant
from mlops_nb.flows.context import Context
from mlops_nb.tracking.values import check_name

# Points of one append: what MLflow takes at once, too.
POINTS = 1000


def log_steps(context: Context, histories: Mapping[str, Iterable[Any]], *, start: int = 0) -> None:
    """Log metrics that have a value for each of many steps.

    Nothing is logged unless all values are numbers.

    Parameters
    ----------
    context : Context
    histories : mapping of str to iterable of float
        A metric's values in order, such as a training's ``history.history`` of Keras.
    start : int
        Step of the first of each.

    Raises
    ------
    InputError
        If no run is open, or a name or value is refused.
    """
    if context.run_id is None:
        raise InputError("no run is open to log to", hint="open one with `track`")
    if not isinstance(start, int):
        raise InputError(f"start must be a whole number, not {start!r:.60}")
    at = instant(now())
    points = iter(
        [
            {"key": name, "value": value, "step": start + step, "at": at}
            for name, values in histories.items()
            for step, value in enumerate(_numbers(name, values))
        ]
    )
    while some := list(islice(points, POINTS)):
        context.project.spool.append(context.run_id, "metrics", values=some)


def _numbers(name: str, values: Iterable[Any]) -> list[float]:
    check_name(name)
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"metric {name!r} must have a list of numbers, not {values!r:.60}")
    listed = values.tolist() if hasattr(values, "tolist") else list(values)
    numbers = []
    for value in listed:
        try:
            numbers.append(float(value))
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"metric {name!r} must be a number, not {value!r:.60}") from None
    return numbers
