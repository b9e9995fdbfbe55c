"""Progress on a real (pseudo) terminal, and where there is none."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import comm
import pytest

from mlops_nb.core.watch import Silent
from mlops_nb.interfaces.watching import (
    Browser,
    Lines,
    Tab,
    notebook_watch,
    python_watch,
    terminal_watch,
)

END = "(the end)"


@dataclass
class Terminal:
    stream: TextIO
    screen: int

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.screen, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def written(self) -> str:
        """Return all that was written, which a busy system hands over piece by piece."""
        self.stream.write(END)
        self.stream.flush()
        said = b""
        while not said.endswith(END.encode()):
            said += os.read(self.screen, 65536)
        return said.decode().removesuffix(END)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    screen, end = pty.openpty()
    with os.fdopen(end, "w", encoding="utf-8") as stream:
        yield Terminal(stream, screen)
    os.close(screen)


def break_off(stream: TextIO) -> None:
    with terminal_watch(stream) as watch:
        watch.progress(1, 4, "fit")
        raise ValueError("broken")


def test_work_that_ends_early_leaves_the_cursor_on_a_line_of_its_own(terminal: Terminal) -> None:
    terminal.resize(80)
    with pytest.raises(ValueError, match="broken"):
        break_off(terminal.stream)
    assert "1/4  fit" in (written := terminal.written())
    assert written.endswith("\n")


def test_work_that_is_done_ends_its_line_once(terminal: Terminal) -> None:
    terminal.resize(80)
    with terminal_watch(terminal.stream) as watch:
        watch.progress(4, 4, "done")
    assert terminal.written().count("\n") == 1


def test_a_terminal_that_does_not_say_how_wide_it_is_shows_the_bar(terminal: Terminal) -> None:
    terminal.resize(0)
    with terminal_watch(terminal.stream) as watch:
        watch.progress(1, 4, "fit")
    assert "1/4  fit" in terminal.written()


def test_the_bar_fits_a_narrow_terminal(terminal: Terminal) -> None:
    terminal.resize(20)
    with terminal_watch(terminal.stream) as watch:
        watch.progress(1, 4, "a long text that would go on and on")
    line = terminal.written().removeprefix("\r\x1b[2K").rstrip("\r\n")
    assert len(line) == 19


def test_a_line_that_is_logged_stands_above_the_bar(terminal: Terminal) -> None:
    terminal.resize(80)
    with terminal_watch(terminal.stream) as watch:
        watch.progress(1, 4, "fit")
        watch.log("kernel started")
        watch.progress(2, 4, "score")
    lines = terminal.written().split("\n")
    assert lines[0].rstrip("\r").endswith("\r\x1b[2Kkernel started")
    assert "2/4  score" in lines[1]


def test_a_log_gets_each_step_once() -> None:
    stream = io.StringIO()
    with terminal_watch(stream) as watch:
        for done in range(3):
            watch.progress(done, 3, "fit")
        watch.progress(3, 3, "done")
    assert isinstance(watch, Lines)
    assert stream.getvalue() == "[0/3] fit\n[3/3] done\n"


def test_in_a_kernel_a_report_is_shown_by_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent: list[Any] = []

    class Kept(comm.base_comm.BaseComm):
        def publish_msg(self, msg_type: str, data: Any = None, **said: Any) -> None:
            sent.append((msg_type, said.get("target_name"), data))

    monkeypatch.setattr(comm, "create_comm", Kept)
    Tab().show(tmp_path / "a.html", "a.html#mlops-report?file=a.html")
    opened = ("comm_open", "mlops_nb", {"open": "a.html#mlops-report?file=a.html"})
    assert [opened, ("comm_close", None, {})] == sent
    Tab().show(tmp_path / "a.html", "")
    assert len(sent) == 2
    told = f"mlops_nb: {tmp_path / 'a.html'} is outside the project; open it in a browser\n"
    assert capsys.readouterr().err == told


def test_who_is_shown_a_report_depends_on_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert type(python_watch()) is type(notebook_watch()) is Browser
    python_watch().show(None, "#mlops-report?run=0a1b")
    assert "--report FILE.html" in capsys.readouterr().err
    # Headless, no one looks.
    monkeypatch.setenv("MLOPS_RUN_ID", "0a1b")
    assert type(python_watch()) is type(notebook_watch()) is Silent
