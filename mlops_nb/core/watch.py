"""How long work is watched: one protocol for terminal, notebook and server."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Watch(Protocol):
    """Who is told how far long work has come, and may ask it to stop."""

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Say that `done` of `total` is done, and what is being done now."""

    def log(self, line: str) -> None:
        """Say one line that is worth keeping."""

    def show(self, page: Path | None, address: str, /) -> None:
        """Open a report: its file, where it has one, and its address for a front end."""

    def cancelled(self) -> bool:
        """Tell whether the work should stop at the next safe place."""


class Silent:
    """A watch that listens to nothing and never cancels.

    Examples
    --------
    >>> Silent().cancelled()
    False
    """

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Ignore it."""

    def log(self, line: str) -> None:
        """Ignore it."""

    def show(self, page: Path | None, address: str, /) -> None:
        """Open nothing: no one looks."""

    def cancelled(self) -> bool:
        """Never."""
        return False
