"""What a cell shows, listened to while it runs: printed text, displays and results as text.

Nothing is held back or changed. For the time of one cell, methods of the shell's own objects are
replaced on the instances and passed on to; what a user's code puts in their place meanwhile
(``%%capture``, ``redirect_stdout``) is not the notebook's output, and is not heard. What threads
and tasks of earlier cells print is theirs, and what a forked child prints is its own.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mlops_nb.core.cell_records import OUTPUT_KEPT

_SLICE = 1_000_000
_NONE = object()
_cell: ContextVar[object] = ContextVar("mlops_nb_cell", default=None)


@dataclass(frozen=True, slots=True)
class Shown:
    """The beginning of what a cell showed, the letters of all of it, and the hash of that."""

    text: str
    length: int
    hash: str


class Outputs:
    """Listens to one shell, one cell at a time."""

    def __init__(self) -> None:
        self._heard: _Heard | None = None
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def begin(self, shell: Any) -> None:
        """Listen from now on, to a cell that begins."""
        self.end(None)
        heard = _Heard()
        try:
            self._replace(sys.stdout, "write", heard.writing)
            self._replace(shell.display_pub, "publish", heard.publishing)
            self._replace(shell.display_pub, "clear_output", heard.clearing)
            self._replace(shell.displayhook, "start_displayhook", heard.showing)
            self._replace(shell.displayhook, "write_format_data", heard.formatting)
            self._replace(shell.displayhook, "finish_displayhook", heard.shown)
            self._replace(shell, "_showtraceback", heard.failing)
        except (AttributeError, TypeError):
            # A stream or a shell of another make: nothing is said of what it shows.
            self._restore()
            return
        _cell.set(heard)
        self._heard = heard

    def end(self, error: BaseException | None) -> Shown | None:
        """Listen no more; return what was shown, and None where nobody listened."""
        heard, self._heard = self._heard, None
        if heard is None:
            return None
        heard.over = True
        self._restore()
        _cell.set(None)
        # IPython shows a UsageError as a line on standard error.
        if error is not None and type(error).__name__ != "UsageError":
            heard.add(f"{type(error).__name__}: {_words(error)}\n")
        return heard.whole()

    def _replace(self, target: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        own = vars(target).get(name, _NONE)
        ours = wrap(getattr(target, name))
        setattr(target, name, ours)
        self._replaced.append((target, name, own, ours))

    def _restore(self) -> None:
        for target, name, own, ours in reversed(self._replaced):
            if vars(target).get(name) is not ours:
                # Somebody has put something on top: ours passes on, and hears nothing any more.
                continue
            if own is _NONE:
                delattr(target, name)
            else:
                setattr(target, name, own)
        self._replaced = []


class _Heard:
    """What was heard of one cell: its beginning in pieces, of the rest the length and a hash."""

    def __init__(self) -> None:
        self.over = False
        self._pieces: list[tuple[str | None, str]] = []
        self._kept = self._beyond = 0
        self._rest = hashlib.sha256()
        self._is_to_be_cleared = False
        self._in_result: int | None = None
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._earlier = set(threading.enumerate()) - {threading.current_thread()}

    def writing(self, original: Any) -> Any:
        """Wrap a stream's ``write``."""

        def write(data: Any, *arguments: Any, **named: Any) -> Any:
            if isinstance(data, str) and self._is_ours():
                self.add(data)
            return original(data, *arguments, **named)

        return write

    def publishing(self, original: Any) -> Any:
        """Wrap a display publisher's ``publish``."""

        def publish(data: Any, *arguments: Any, **named: Any) -> Any:
            ours = self._is_ours()
            if ours:
                name = (named.get("transient") or {}).get("display_id")
                self._display(data, name, update=bool(named.get("update")))
            # In a terminal, the text is printed.
            return self._quietly(original, data, *arguments, **named)

        return publish

    def clearing(self, original: Any) -> Any:
        """Wrap a display publisher's ``clear_output``."""

        def clear_output(*arguments: Any, **named: Any) -> Any:
            if self._is_ours():
                self._is_to_be_cleared = True
                if not (named.get("wait") or any(arguments)):
                    self._clear()
            return self._quietly(original, *arguments, **named)

        return clear_output

    def showing(self, original: Any) -> Any:
        """Wrap a display hook's first step: in a terminal, it prints a prompt."""

        def start_displayhook() -> Any:
            self._in_result = threading.get_ident()
            return original()

        return start_displayhook

    def formatting(self, original: Any) -> Any:
        """Wrap a display hook's step that has the result as text."""

        def write_format_data(formats: Any, *arguments: Any, **named: Any) -> Any:
            self._in_result = None
            if self._is_ours():
                self._display(formats, None)
            self._in_result = threading.get_ident()
            return original(formats, *arguments, **named)

        return write_format_data

    def shown(self, original: Any) -> Any:
        """Wrap a display hook's last step."""

        def finish_displayhook() -> Any:
            try:
                return original()
            finally:
                self._in_result = None

        return finish_displayhook

    def failing(self, original: Any) -> Any:
        """Wrap a shell's step that shows a traceback: in a terminal, it prints it."""

        def show_traceback(*arguments: Any, **named: Any) -> Any:
            return self._quietly(original, *arguments, **named)

        return show_traceback

    def add(self, text: str, name: str | None = None) -> None:
        """Take in some text; `name` is that of a display that may be updated."""
        with self._lock:
            if self._is_to_be_cleared:
                self._clear()
            room = OUTPUT_KEPT - self._kept
            if room > 0 and text:
                self._pieces.append((name, text[:room]))
                self._kept += len(text[:room])
            for start in range(max(room, 0), len(text), _SLICE):
                self._rest.update(text[start : start + _SLICE].encode("utf-8", "replace"))
            self._beyond += max(len(text) - max(room, 0), 0)

    def whole(self) -> Shown:
        """Return what was taken in."""
        text = "".join(piece for _, piece in self._pieces)
        digest = hashlib.sha256(text.encode("utf-8", "replace"))
        if self._beyond:
            digest.update(self._rest.digest())
        return Shown(text[:OUTPUT_KEPT], len(text) + self._beyond, digest.hexdigest()[:32])

    def _display(self, data: Any, name: str | None, *, update: bool = False) -> None:
        text = data.get("text/plain") if isinstance(data, Mapping) else None
        if not isinstance(text, str):
            return
        if not update:
            self.add(f"{text}\n", name)
            return
        with self._lock:
            self._pieces = [
                (known, f"{text}\n"[:OUTPUT_KEPT] if name is not None and known == name else piece)
                for known, piece in self._pieces
            ]

    def _clear(self) -> None:
        with self._lock:
            self._is_to_be_cleared = False
            self._pieces = []
            self._kept = self._beyond = 0
            self._rest = hashlib.sha256()

    def _quietly(self, original: Any, *arguments: Any, **named: Any) -> Any:
        before, self._in_result = self._in_result, threading.get_ident()
        try:
            return original(*arguments, **named)
        finally:
            self._in_result = before

    def _is_ours(self) -> bool:
        """Tell whether it is this cell that shows something now."""
        if self.over or os.getpid() != self._process:
            return False
        if self._in_result == threading.get_ident():
            return False
        return _cell.get() in (None, self) and threading.current_thread() not in self._earlier


def _words(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a user's error may have no text
        return ""
