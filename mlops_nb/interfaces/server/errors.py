"""The one place where errors become answers: a status, and JSON in the shape of every door."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from tornado.web import HTTPError

from mlops_nb.core.errors import MlopsError

LONGEST_LINE = 250

_HINTS = {
    403: "sign in again, or ask whoever runs the server for the right to do this",
    413: "an argument is a name or a path, not the data itself",
}


def answer(status: int, error: BaseException | None) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the body that stand for an error.

    Parameters
    ----------
    status : int
        The status that Tornado would answer: what an error of another kind stands for.
    error : exception or None

    Examples
    --------
    >>> from mlops_nb.core.errors import InputError
    >>> answer(500, InputError("no such column", hint="did you mean 'age'?"))[0]
    400
    >>> answer(500, KeyError("x"))[1]["error"]["message"]
    "a fault of mlops_nb: KeyError: 'x'"
    """
    if isinstance(error, MlopsError):
        return error.http_status, _body(type(error).__name__, error.message, error.hint)
    if error is not None and not isinstance(error, HTTPError):
        what = f"a fault of mlops_nb: {type(error).__name__}: {error}"
        return 500, _body(MlopsError.__name__, what, "the server's log shows where")
    phrase = _phrase(status)
    message = (error.log_message or "") % error.args if error is not None else ""
    return status, _body(phrase.replace(" ", ""), message or phrase, _HINTS.get(status, ""))


def _body(kind: str, message: str, hint: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": _line(message), "hint": _line(hint)}}


def _line(text: str) -> str:
    """Return one line of a readable length: what was asked for may be as long as a URL."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"HTTP {status}"
