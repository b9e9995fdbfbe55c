"""Who is told how far long work has come, and is shown reports: a terminal, a notebook, nobody."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from mlops_nb.core.watch import Silent, Watch

WIDTH = 24
# By which our extension in JupyterLab is addressed from a kernel.
TARGET = "mlops_nb"
# For a terminal that doesn't say how wide it is.
COLUMNS = 80


@contextmanager
def terminal_watch(stream: TextIO) -> Iterator[Watch]:
    """Give a watch that draws a bar on a terminal, and writes lines to anything else.

    However the work ends, what is written next begins on a line of its own.
    """
    if not stream.isatty():
        yield Lines(stream)
        return
    drawn = Bar(stream)
    try:
        yield drawn
    finally:
        drawn.close()


def notebook_watch() -> Watch:
    """Return a watch that shows a bar under the cell; none where no one looks (headless)."""
    from IPython.core.getipython import get_ipython

    if "MLOPS_RUN_ID" in os.environ:
        return Silent()
    return Output() if hasattr(get_ipython(), "kernel") else Browser()


def python_watch() -> Watch:
    """Return a watch for calls from Python: silent, but it opens what is asked for."""
    shell = sys.modules.get("IPython.core.getipython")
    in_kernel = shell is not None and hasattr(shell.get_ipython(), "kernel")
    if "MLOPS_RUN_ID" in os.environ:
        return Silent()
    return Tab() if in_kernel else Browser()


def bar(done: float, total: float, text: str, width: int = WIDTH) -> str:
    """Draw progress as text.

    Examples
    --------
    >>> bar(1, 4, "fit", width=8)
    '██······  1/4  fit'
    """
    filled = int(width * min(done / total, 1)) if total else 0
    return f"{'█' * filled}{'·' * (width - filled)}  {done:g}/{total:g}  {text}"


class Browser(Silent):
    """Says nothing, and opens reports in the browser of who sits at this machine."""

    def show(self, page: Path | None, _address: str, /) -> None:
        """Open the file; where that can't be, say so and go on: the report is kept all the same."""
        import webbrowser

        if page is None:
            told = "a browser opens files alone: --report FILE.html"
        elif webbrowser.open(page.as_uri()):
            return
        else:
            told = f"there is no browser here to open {page}"
        sys.stderr.write(f"mlops_nb: {told}\n")


class Tab(Silent):
    """Says nothing, and asks the front end of this kernel to open reports in a tab of its own.

    A front end without our extension ignores that.
    """

    def show(self, page: Path | None, address: str, /) -> None:
        """Send the address; what lies outside the project, JupyterLab can't be given."""
        if not address:
            sys.stderr.write(f"mlops_nb: {page} is outside the project; open it in a browser\n")
            return
        from comm import create_comm

        create_comm(target_name=TARGET, data={"open": address}).close()


class Lines(Browser):
    """A line for each step, for logs."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last = ""

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Write the step, once, when it begins; and the end."""
        if text != self._last or done >= total:
            self._last = text
            self.log(f"[{done:g}/{total:g}] {text}")

    def log(self, line: str) -> None:
        """Write the line."""
        self._stream.write(line + "\n")
        self._stream.flush()


class Bar(Browser):
    """One line of a terminal that is drawn again and again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._drawn = False

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Draw the bar; the last step leaves it standing."""
        columns = os.get_terminal_size(self._stream.fileno()).columns or COLUMNS
        seconds = time.monotonic() - self._started
        line = f"{bar(done, total, text)}  {seconds:.0f} s"[: columns - 1]
        self._stream.write(f"\r\x1b[2K{line}")
        self._drawn = True
        if done >= total:
            self.close()
        self._stream.flush()

    def log(self, line: str) -> None:
        """Write the line above the bar."""
        self._stream.write(("\r\x1b[2K" if self._drawn else "") + line + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Leave the bar and go on below it."""
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()
            self._drawn = False


class Output(Tab):
    """A bar in a cell's output; it is gone when the work is done."""

    def __init__(self) -> None:
        self._handle: Any = None

    def progress(self, done: float, total: float, text: str = "") -> None:
        """Draw the bar in place."""
        from IPython.display import display

        bundle = {"text/plain": "" if done >= total else bar(done, total, text)}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def log(self, line: str) -> None:
        """Print the line."""
        sys.stdout.write(line + "\n")
