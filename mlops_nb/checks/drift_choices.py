"""What a user chose for drift: methods, thresholds and types, for one column or for many.

Each is given as NAME=VALUE, where NAME is a column, a type of columns (num, cat, text) or ``all``;
what is said of a column comes before what is said of its type, and that before ``all``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_nb.checks.drift_methods import BY_KEY, Method, method_called
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.words import quoted

KINDS = ("num", "cat", "text")
ALL = "all"

Given = Mapping[str, Any] | Sequence[str] | str | float | None


@dataclass(frozen=True, slots=True)
class Choices:
    """The choices that were made, by column, type, or ``all``."""

    methods: Mapping[str, Method] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def method(self, column: str, kind: str) -> Method | None:
        """Return the method chosen for a column of a type; None leaves it to Evidently's choice.

        Raises
        ------
        InputError
            If the method is not for columns of this type.
        """
        name = _said_of(self.methods, column, kind)
        if name is None or kind in self.methods[name].kinds:
            return None if name is None else self.methods[name]
        method = self.methods[name]
        fitting = ", ".join(key for key, other in BY_KEY.items() if kind in other.kinds)
        wanted = "".join(sorted(method.kinds)[:1])
        way_out = f"{wanted}={method.key}" if name == ALL else f"--type {column}={wanted}"
        raise InputError(
            f"{method.key} is not for {quoted(column)}, a column of type {kind} ({fitting} are)",
            hint=f"{way_out} takes it for columns of type {wanted} alone"
            if name == ALL
            else f"{way_out} has the column read so",
        )

    def threshold(self, column: str, kind: str) -> float | None:
        """Return the threshold chosen for a column of a type; None is its method's own."""
        name = _said_of(self.thresholds, column, kind)
        return None if name is None else self.thresholds[name]


def choose(methods: Given, thresholds: Given, types: Given, columns: Collection[str]) -> Choices:
    """Read what was chosen: mappings, or texts such as ``temp=ks``, ``cat=psi`` and ``ks``.

    Raises
    ------
    InputError
        If a name is no column and no type, or a value is none that can be chosen.

    Examples
    --------
    >>> chosen = choose(["psi", "temp=ks"], {"num": 0.2}, None, ["temp", "rain"])
    >>> chosen.method("rain", "num").key, chosen.method("temp", "num").key
    ('psi', 'ks')
    >>> chosen.threshold("rain", "num")
    0.2
    """
    return Choices(
        {
            name: method_called(str(value))
            for name, value in _known(methods, "method", columns, KINDS)
        },
        {
            name: _limit(name, value)
            for name, value in _known(thresholds, "threshold", columns, KINDS)
        },
        {name: _kind(value) for name, value in _known(types, "type", columns, ())},
    )


def together(setting: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """Return what is chosen when an argument is `given` beside a project's setting.

    An argument for ``all`` leaves nothing of the setting.

    Examples
    --------
    >>> together({"num": "ks"}, ["temp=psi"]), together({"num": "ks"}, "psi")
    ({'num': 'ks', 'temp': 'psi'}, {'all': 'psi'})
    """
    own = _pairs(given)
    return own if ALL in own else {**setting, **own}


def _said_of(chosen: Mapping[str, Any], column: str, kind: str) -> str | None:
    return next((name for name in (column, kind, ALL) if name in chosen), None)


def _known(
    given: Given, noun: str, columns: Collection[str], kinds: Sequence[str]
) -> list[tuple[str, Any]]:
    pairs = _pairs(given)
    for name in pairs:
        if name not in columns and not (kinds and name in (*kinds, ALL)):
            raise NotFoundError.among(f"column with a {noun}", name, [*columns, *kinds])
    return list(pairs.items())


def _pairs(given: Given) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    if isinstance(given, int | float):
        return {ALL: given}
    pairs = {}
    for text in [given] if isinstance(given, str) else given:
        name, _, value = str(text).rpartition("=")
        pairs[name or ALL] = value
    return pairs


def _limit(name: str, value: Any) -> float:
    try:
        limit = float(value) if isinstance(value, str) else value
    except ValueError:
        limit = None
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not limit >= 0:
        raise InputError(f"the threshold of {name!r} must be a number from 0, not {value!r}")
    return float(limit)


def _kind(value: Any) -> str:
    if value not in KINDS:
        raise NotFoundError.among("type of column", str(value), KINDS)
    return str(value)
