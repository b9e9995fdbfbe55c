"""Named values, from JSON or a query, become a flow's arguments by the table of verbs."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.interfaces import values
from mlops_nb.interfaces.lookup import verb
from mlops_nb.interfaces.verbs import Argument, Verb

VERB = Verb(
    "try",
    "project",
    "",
    "",
    (
        Argument("name", "a name", needed=True),
        Argument("--count", "", "int"),
        Argument("--share", "", "float"),
        Argument("--deep", "", "flag"),
        Argument("--column", "", many=True, keyword="columns"),
        Argument("--status", "", choices=("RUNNING", "FAILED")),
        Argument("-p/--parameter", "", many=True, values=2, keyword="parameters"),
    ),
)
WHOLE = {
    "name": "x",
    "count": 3,
    "share": 0.5,
    "deep": True,
    "columns": ["a", "b"],
    "status": "FAILED",
    "parameters": {"months": 2, "deep": {"list": [1, None, "ü"]}},
}


def test_values_of_json_keep_their_types() -> None:
    assert values.from_values(VERB, WHOLE) == WHOLE
    read = values.from_values(VERB, {"name": "x", "share": 1, "deep": False, "count": 0})
    assert read == {"name": "x", "share": 1.0, "deep": False, "count": 0}
    assert isinstance(read["share"], float)


def test_null_means_not_given() -> None:
    assert values.from_values(VERB, {"name": "x", "count": None}) == {"name": "x"}


def test_texts_of_a_query_become_the_same_values() -> None:
    query = {
        "name": ["x"],
        "count": ["3"],
        "share": ["0.5"],
        "deep": [""],
        "columns": ["a", "b"],
        "status": ["FAILED"],
        "parameters": ['{"months": 2, "deep": {"list": [1, null, "ü"]}}'],
    }
    assert values.from_query(VERB, query) == WHOLE
    assert values.from_query(VERB, {"name": ["x"], "deep": ["False"]})["deep"] is False


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "try needs 'name': a name"),
    ({"name": ""}, "try needs 'name'"),
    ({"name": 3}, "'name' must be text, not 3"),
    ({"name": "x", "count": "3"}, "'count' must be a whole number, not '3'"),
    ({"name": "x", "count": True}, "'count' must be a whole number, not True"),
    ({"name": "x", "count": 1.0}, "'count' must be a whole number, not 1.0"),
    ({"name": "x", "count": 10**30}, "'count' is too large"),
    ({"name": "x", "count": 10**5000}, "'count' is too large"),
    ({"name": "x", "share": 10**400}, "'share' is too large"),
    ({"name": "x", "share": []}, "'share' must be a number"),
    ({"name": "x", "deep": 1}, "'deep' must be true or false, not 1"),
    ({"name": "x", "columns": "a"}, "'columns' must be a list of texts, not 'a'"),
    ({"name": "x", "columns": [1]}, "'columns' must be text, not 1"),
    ({"name": "x", "parameters": [["a", 1]]}, "'parameters' must be an object"),
    ({"name": "x", "parameters": {"a": ["\ud800"]}}, "half a character"),
    ({"name": "x", "parameters": {"a\0": 1}}, "NUL"),
    ({"name": "x" * 99 + "\0"}, "NUL"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_wrong_value_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        values.from_values(VERB, given)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"name": ["x", "y"]}, "'name' is given twice"),
        ({"name": ["x"], "count": ["three"]}, "'count' must be a whole number, not 'three'"),
        ({"name": ["x"], "count": ["9" * 5000]}, "'count' must be a whole number"),
        ({"name": ["x"], "share": ["half"]}, "'share' must be a number, not 'half'"),
        ({"name": ["x"], "deep": ["perhaps"]}, "'deep' must be true or false, not 'perhaps'"),
        ({"name": ["x"], "parameters": ["months=2"]}, "'parameters' is not JSON"),
        ({"name": ["x"], "parameters": ["[1]"]}, "'parameters' must be an object"),
    ],
)
def test_a_wrong_text_is_named(query: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        values.from_query(VERB, query)


def test_the_nearest_of_an_unknown_name_is_told() -> None:
    with pytest.raises(NotFoundError, match="'columns'"):
        values.from_values(VERB, {"name": "x", "colums": ["a"]})
    with pytest.raises(NotFoundError, match="'RUNNING'"):
        values.from_query(VERB, {"name": ["x"], "status": ["runing"]})
    with pytest.raises(NotFoundError, match="'limit'"):
        values.from_query(verb("runs"), {"limt": ["3"]})


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "[" * 100_000, '{"a": ', "", b"\xff", b"\0"])
def test_json_is_strict(text: str | bytes) -> None:
    with pytest.raises(InputError, match="the body is"):
        values.parse_json(text, "the body")
