"""Expressions over columns, such as ``PAID <= LIMIT and AGE >= 18``, evaluated safely.

An expression is parsed by Python and then walked by us: there are column names, constants,
arithmetic, comparisons (chained ones too), ``in`` with a list, ``and``, ``or`` and ``not``, and
nothing else. There are no calls, attributes, subscripts, powers or names of Python's, so an
expression from a file can compute, but not do anything. Names that are no identifiers stand in
backticks: ```last order` <= today``.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 2000


def _is_among(values: Any, known: list[Any]) -> Any:
    if not hasattr(values, "isin"):
        raise TypeError("'in' needs a column before it")
    return values.isin(known)


def _is_not_among(values: Any, known: list[Any]) -> Any:
    return ~_is_among(values, known)


_ARITHMETIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LOGIC: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: _is_among,
    ast.NotIn: _is_not_among,
}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`([^`]*)`")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression: its text, its tree, and the columns that it names."""

    text: str
    tree: ast.expr
    columns: tuple[str, ...]
    placeholders: Mapping[str, str]


def parse(text: str) -> Expression:
    """Parse an expression over columns.

    Raises
    ------
    InputError
        If it is no expression, has something in it that is not allowed, or names no column.

    Examples
    --------
    >>> parse("PAID <= LIMIT and `last order` > 0").columns
    ('PAID', 'LIMIT', 'last order')
    >>> parse("__import__('os')")
    Traceback (most recent call last):
    ...
    mlops_nb.core.errors.InputError: expression "__import__('os')" can't have a call in it
    """
    if len(text) > LONGEST:
        raise InputError(f"an expression has at most {LONGEST:,} characters, not {len(text):,}")
    placeholders: dict[str, str] = {}

    def put_aside(found: re.Match[str]) -> str:
        if found.group(1) is None:
            return found.group(0)  # a text constant, which may hold a backtick
        name = f"__column_{len(placeholders)}__"
        placeholders[name] = found.group(1)
        return name

    try:
        tree = ast.parse(_QUOTED.sub(put_aside, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise InputError(f"expression {text!r} can't be read") from None
    names: list[str] = []
    for node in ast.walk(tree):
        _refuse_others(node, text)
        if isinstance(node, ast.Name):
            names.append(placeholders.get(node.id, node.id))
    if not names:
        raise InputError(f"expression {text!r} names no column")
    return Expression(text, tree, tuple(dict.fromkeys(names)), placeholders)


_ALLOWED = (
    *(ast.BoolOp, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Name, ast.Constant, ast.List, ast.Tuple),
    *(ast.Load, ast.Not, ast.Invert, ast.USub, ast.UAdd),
    *_ARITHMETIC,
    *_LOGIC,
    *_COMPARISONS,
)


def _refuse_others(node: ast.AST, text: str) -> None:
    if not isinstance(node, _ALLOWED):
        word = re.sub(r"(?<!^)([A-Z])", r" \1", type(node).__name__).lower()
        raise InputError(f"expression {text!r} can't have a {word} in it")
    if isinstance(node, ast.Constant) and not isinstance(node.value, int | float | str):
        raise InputError(f"expression {text!r} can't have {node.value!r} in it")
    if isinstance(node, ast.Compare):
        for sign, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(sign, ast.In | ast.NotIn) and not isinstance(right, ast.List | ast.Tuple):
                raise InputError(f"expression {text!r} needs a list such as ['a', 'b'] after 'in'")


def evaluate(expression: Expression, columns: Mapping[str, pd.Series[Any]]) -> pd.Series[Any]:
    """Evaluate an expression for each row.

    Parameters
    ----------
    expression : Expression
    columns : mapping of str to pandas.Series
        The columns that it names, without missing values, all of the same rows.

    Returns
    -------
    pandas.Series of bool

    Raises
    ------
    TypeError, ValueError, ArithmeticError
        If the values can't be computed with or compared, or the result isn't true or false.
    """
    result = _value(expression.tree, expression, columns)
    if getattr(result, "dtype", None) is None or result.dtype.name not in ("bool", "boolean"):
        raise TypeError("it is not true or false but a value")
    series: pd.Series[Any] = result.astype(bool)
    return series


def _value(node: ast.AST, whole: Expression, columns: Mapping[str, pd.Series[Any]]) -> Any:
    def value(child: ast.AST) -> Any:
        return _value(child, whole, columns)

    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return columns[whole.placeholders.get(node.id, node.id)]
        case ast.List() | ast.Tuple():
            return [value(item) for item in node.elts]
        case ast.UnaryOp():
            return _negated(node.op, value(node.operand))
        case ast.BoolOp():
            return reduce(_LOGIC[type(node.op)], [_truth(value(part)) for part in node.values])
        case ast.BinOp() if type(node.op) in _LOGIC:
            return _LOGIC[type(node.op)](_truth(value(node.left)), _truth(value(node.right)))
        case ast.BinOp():
            return _ARITHMETIC[type(node.op)](_amount(value(node.left)), _amount(value(node.right)))
        case ast.Compare():
            operands = [value(part) for part in (node.left, *node.comparators)]
            signs = [_COMPARISONS[type(sign)] for sign in node.ops]
            pairs = zip(signs, operands, operands[1:], strict=False)
            return reduce(operator.and_, [sign(left, right) for sign, left, right in pairs])
    raise TypeError(f"{type(node).__name__} can't be evaluated")


def _negated(sign: ast.unaryop, value: Any) -> Any:
    if isinstance(sign, ast.Not | ast.Invert):
        return ~_truth(value)
    return -_amount(value) if isinstance(sign, ast.USub) else _amount(value)


def _truth(value: Any) -> Any:
    if getattr(value, "dtype", None) is None or value.dtype.name not in ("bool", "boolean"):
        raise TypeError("'and', 'or' and 'not' need something that is true or false")
    return value


def _amount(value: Any) -> Any:
    # Texts can be added and multiplied too, to any length: not what is meant here.
    is_text = isinstance(value, str | list) or getattr(value, "dtype", None) == "object"
    if is_text:
        raise TypeError("arithmetic needs numbers")
    return value
