"""Every error that mlops_nb raises, with what a door needs to report it.

The tree, with exit code and HTTP status::

    MlopsError (70, 500)               a fault of ours
    ├── InputError (2, 400)            wrong usage or input
    │   ├── NotFoundError (2, 404)     the thing named does not exist
    │   └── ArgumentError (2, 400)     a function was called with arguments that it has not
    ├── VerdictError (1 or 3, 409)     a check or a gate said no, and was asked to be strict
    ├── ExecutionError (1, 409)        a notebook, or other work asked for, failed
    ├── UnavailableError (4, 503)      a service, database, disk, port or kernel can't be used
    │   └── LockedError (4, 503)       another process is doing the same
    └── StoppedError (130, 499)        stopped from the keyboard or by a signal
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from mlops_nb.core.records import Report


class MlopsError(Exception):
    """Base of all errors of mlops_nb.

    Parameters
    ----------
    message : str
        One line that names the value and says what was expected.
    hint : str, optional
        One line: the nearest right value, or the way out.

    Examples
    --------
    >>> error = InputError("unknown column 'agee'", hint="did you mean 'age'?")
    >>> str(error)
    "unknown column 'agee'; did you mean 'age'?"
    >>> error.exit_code
    2
    """

    exit_code: int = 70
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"error": {"type", "message", "hint"}}``, the shape on every door."""
        return {"error": {"type": type(self).__name__, "message": self.message, "hint": self.hint}}

    def _render_traceback_(self) -> list[str]:
        # IPython shows this instead of a traceback: the user's mistake is not in our code.
        return [f"{type(self).__name__}: {self}"]


class InputError(MlopsError):
    """Wrong usage or input: a flag, a value, a file, a name."""

    exit_code = 2
    http_status = 400


class NotFoundError(InputError):
    """The run, model, column, file or job that was named does not exist."""

    http_status = 404

    @classmethod
    def among(cls, noun: str, value: str, known: Iterable[str], *, hint: str = "") -> NotFoundError:
        """Build the error for an unknown name, suggesting the nearest known one.

        Examples
        --------
        >>> str(NotFoundError.among("verb", "drfit", ["drift", "quality"]))
        "unknown verb 'drfit'; did you mean 'drift'?"
        """
        from mlops_nb.core.nearest import suggest

        return cls(f"unknown {noun} {value!r:.80}", hint=suggest(str(value), known) or hint)


class ArgumentError(InputError, TypeError):
    """A function was called with arguments that it has not, or without those that it needs."""


class VerdictError(MlopsError):
    """A check or a gate did not pass, and its caller asked for an error then.

    The exit code is 1 for *fail* and 3 for *insufficient*; the whole report is ``report``.
    """

    http_status = 409

    def __init__(self, report: Report, *, hint: str = "") -> None:
        blocking = [
            f.label
            for f in report.findings
            if f.status != "pass" and f.evidence.get("severity") != "warning"
        ]
        shown = ", ".join(blocking[:5]) + (f" and {len(blocking) - 5} more" if blocking[5:] else "")
        word = "failed" if report.status == "fail" else "has not enough evidence to judge"
        super().__init__(f"{report.kind} {word}" + (f": {shown}" if shown else ""), hint=hint)
        self.report = report
        self.exit_code = 1 if report.status == "fail" else 3


class ExecutionError(MlopsError):
    """The work that was asked for ran and failed: a notebook raised, a fit did not converge."""

    exit_code = 1
    http_status = 409


class UnavailableError(MlopsError):
    """Something that is needed can't be used: service, database, disk, port or kernel."""

    exit_code = 4
    http_status = 503


class LockedError(UnavailableError):
    """Another process holds what may be held by one only."""


class StoppedError(MlopsError):
    """Stopped from the keyboard or by a signal."""

    exit_code = 130
    http_status = 499
