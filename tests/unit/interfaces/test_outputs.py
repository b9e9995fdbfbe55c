"""What a cell shows is heard whatever it does to its streams, and is shown all the same."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import CapturedIO, capture_output

from mlops_nb.core.cell_records import OUTPUT_KEPT
from mlops_nb.core.records import CellRecord
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from tests.notebooks import shell_in_process

Cell = Callable[[str], CellRecord]


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cell]:
    """Run a cell in a tracked shell, and return its record; `cell.shown` is what it showed."""
    monkeypatch.chdir(tmp_path)
    project = Project.at(tmp_path, {}).ensure()

    def run(source: str) -> CellRecord:
        # A text of 200 MB takes a gigabyte in a StringIO.
        with Path(os.devnull).open("w") as nowhere, capture_output() as run.shown:  # type: ignore[attr-defined]
            sys.stdout = nowhere if "_000_000" in source else sys.stdout
            shell.run_cell(source, store_history=True)
        (state,) = project.spool.runs()
        return state.cells[-1]

    with locked(project.state / "writer.lock"), shell_in_process() as shell:
        with capture_output():
            shell.run_cell("%load_ext mlops_nb", store_history=True)
        assert "tracking this notebook" in str(run("%mlops track").output)
        yield run


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("print('a', 1)", "a 1\n"),
        ("1 + 1", "2\n"),
        ("2;", ""),
        ("print('p')\ndisplay('d')\n'r'", "p\n'd'\n'r'\n"),
        ("import sys\nprint('bar', file=sys.stderr)", ""),
        ("1 / 0", "ZeroDivisionError: division by zero\n"),
        ("%mlops nothing", ""),
        ("%%capture out\nprint('hidden')\n3", ""),
        ("out.show()", "hidden\n3\n"),
        ("import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()): print('x')", ""),
        ("get_ipython().run_cell('print(1)\\n4')\nprint(2)", "1\n4\n2\n"),
        ("h = display('old', display_id=True)\nh.update('new')\nprint(9)", "'new'\n9\n"),
        ("from IPython.display import clear_output as c\nprint(1)\nc()\nprint(2)", "2\n"),
        ("print(1)\nc(wait=True)\nprint(2)\nc(wait=True)\nprint(3)", "3\n"),
        ("print('\\033[31mred\\033[0m')", "\033[31mred\033[0m\n"),
        ("import asyncio\nprint(1)\nawait asyncio.sleep(0)\nprint(2)", "1\n2\n"),
        ("import threading as t\np=t.Thread(target=print,args='x')\np.start(); p.join()", "x\n"),
        ("password = 'hunter22'\nprint(f'{password = }')", "password = '[redacted]'\n"),
        ("def keep(data): return 3\nimport sys\nsys.stdout.write = keep\nprint('lost')", ""),
    ],
)
def test_what_a_cell_shows_is_recorded(source: str, output: str, cell: Cell) -> None:
    if source == "out.show()":
        cell("%%capture out\nprint('hidden')\n3")
    if "c(wait" in source:
        cell("from IPython.display import clear_output as c")
    record = cell(source)
    assert record.output == output
    assert record.output_length is not None
    assert record.output_length >= len(output) - len("[redacted]")


def test_what_is_shown_is_left_as_it_was(cell: Cell) -> None:
    cell("shell = get_ipython()\nplaces = shell, shell.display_pub, shell.displayhook")
    cell("print('a'); display('b'); 'c'")
    shown: CapturedIO = cell.shown  # type: ignore[attr-defined]
    assert shown.stdout == "a\nOut[4]: 'c'\n"
    assert [output.data["text/plain"] for output in shown.outputs] == ["'b'"]
    names = "'write publish clear_output start_displayhook finish_displayhook _showtraceback'"
    replaced = f"[n for place in places for n in {names}.split() if n in vars(place)]"
    assert "'_showtraceback', 'start_displayhook'" in str(cell(replaced).output)
    # After the cell, its own objects have their own methods again.
    assert InteractiveShell.instance().ev(replaced) == []


def test_threads_and_tasks_of_earlier_cells_and_forks_are_not_this_cells(cell: Cell) -> None:
    cell(
        "import threading, os\ngo, done = threading.Event(), threading.Event()\n"
        "def late():\n    go.wait(60)\n    print('late')\n    done.set()\n"
        "threading.Thread(target=late).start()"
    )
    assert cell("go.set()\nheard = done.wait(60)\nprint('now', heard)").output == "now True\n"
    forked = (
        "child = os.fork()\nif child == 0:\n    print('in the child')\n    os._exit(0)\n"
        "os.waitpid(child, 0)\nprint('in the parent')"
    )
    assert cell(forked).output == "in the parent\n"


def test_two_hundred_megabytes_cost_a_hash_and_little_room(cell: Cell) -> None:
    long = cell("print('x' * 200_000_000)")
    assert long.output_length == 200_000_001
    assert long.output == "x" * OUTPUT_KEPT
    pieces, again = (cell("for _ in range(9): print('x' * 99_999)") for _ in range(2))
    assert pieces.output_length == 900_000
    # A line that is cut is left out: half a secret doesn't look like one.
    assert (pieces.output, pieces.output_hash) == (again.output, again.output_hash)
    other = cell("for _ in range(9): print('x' * 99_999)\nprint(1)")
    assert other.output == pieces.output
    assert other.output_hash != pieces.output_hash
