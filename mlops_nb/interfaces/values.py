"""From named values to a flow's arguments: what a door gets that speaks JSON, by the table.

The text doors parse words (`parsing`); over HTTP arguments have names and types already.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.interfaces.verbs import Argument, Verb

# What every reader of JSON takes as a whole number, and a database too.
LARGEST_INT = 2**53
_TRUE, _FALSE = ("1", "true", "yes", ""), ("0", "false", "no")


def from_values(verb: Verb, given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the values of a JSON object into a verb's arguments; null stands for "not given".

    Raises
    ------
    NotFoundError
        If a name or a choice is unknown; the nearest one is named.
    InputError
        If a value is missing or of the wrong kind.

    Examples
    --------
    >>> from mlops_nb.interfaces.lookup import verb
    >>> from_values(verb("runs"), {"limit": 5, "status": None})
    {'limit': 5}
    """
    known = {argument.parameter: argument for argument in verb.arguments}
    for name in given:
        if name not in known:
            raise NotFoundError.among(f"parameter of {verb.name}", name, known)
    arguments = {
        name: _checked(known[name], value) for name, value in given.items() if value is not None
    }
    for name, argument in known.items():
        if argument.needed and arguments.get(name) in (None, "", []):
            raise InputError(f"{verb.name} needs {name!r}: {argument.help}")
    return arguments


def from_query(verb: Verb, given: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Turn the texts of a query into a verb's arguments; a mapping is given as a JSON text.

    Raises what `from_values` does.

    Examples
    --------
    >>> from mlops_nb.interfaces.lookup import verb
    >>> from_query(verb("runs"), {"children": ["true"], "limit": ["5"]})
    {'children': True, 'limit': 5}
    """
    known = {argument.parameter: argument for argument in verb.arguments}
    return from_values(
        verb, {name: _read(known.get(name), name, texts) for name, texts in given.items()}
    )


def parse_json(text: bytes | str, noun: str) -> Any:
    """Read strict JSON.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> parse_json('{"limit": 5}', "the body")
    {'limit': 5}
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise InputError(f"{noun} is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{noun} is not JSON: {error}") from None


def _read(argument: Argument | None, name: str, texts: Sequence[str]) -> Any:
    """Return what the texts of one name in a query stand for."""
    if argument is None or (argument.many and argument.values == 1):
        return list(texts)
    if len(texts) > 1:
        raise InputError(f"{name!r} is given twice")
    (text,) = texts
    if argument.values == 2:
        return parse_json(text, repr(name))
    if argument.kind == "flag" and text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    if argument.kind in ("int", "float"):
        return _number(argument, text)
    return text


def _number(argument: Argument, text: str) -> float:
    try:
        return int(text) if argument.kind == "int" else float(text)
    except ValueError:
        _refuse(argument, text)


def _checked(argument: Argument, value: Any) -> Any:
    """Return a value if it is of its argument's kind."""
    _refuse_unwritable(argument.parameter, value)
    if argument.values == 2:
        return value if isinstance(value, dict) else _refuse(argument, value)
    if argument.many:
        if not isinstance(value, list):
            raise InputError(f"{argument.parameter!r} must be a list of texts, not {_short(value)}")
        return [_one(argument, item) for item in value]
    return _one(argument, value)


def _one(argument: Argument, value: Any) -> Any:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if argument.kind == "int":
        return value if is_int and abs(value) <= LARGEST_INT else _refuse(argument, value)
    if argument.kind == "float":
        is_float = isinstance(value, float) or (is_int and abs(value) <= LARGEST_INT)
        return float(value) if is_float else _refuse(argument, value)
    if argument.kind == "flag":
        return value if isinstance(value, bool) else _refuse(argument, value)
    if not isinstance(value, str):
        _refuse(argument, value)
    if argument.choices and value not in argument.choices:
        raise NotFoundError.among(argument.parameter, value, argument.choices)
    return value


def _refuse_unwritable(name: str, value: Any) -> None:
    """Refuse a text that no file and no database can hold."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for item in value:
            _refuse_unwritable(name, item)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{name!r} holds half a character: {_short(value)}") from None
        if "\0" in value:
            raise InputError(f"{name!r} holds a NUL character: {_short(value)}")


def _refuse(argument: Argument, value: Any) -> NoReturn:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > LARGEST_INT:
        raise InputError(f"{argument.parameter!r} is too large: {_short(value)}")
    kinds = {"int": "a whole number", "float": "a number", "flag": "true or false"}
    wanted = "an object" if argument.values == 2 else kinds.get(argument.kind, "text")
    raise InputError(f"{argument.parameter!r} must be {wanted}, not {_short(value)}")


def _short(value: Any) -> str:
    try:
        shown = repr(value)
    except ValueError:
        # Of a number with thousands of digits Python writes none.
        shown = "a number with thousands of digits"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in strict JSON")
