"""Notebooks executed headless on real kernels: how they end, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.jobs.notebooks import encode, read
from mlops_nb.jobs.runner import Execution, execute

FAMILY = "TEST_FAMILY"

# A child in a session of its own: no signal to the kernel's group reaches it.
CHILD = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"

RUNNER = """
import json, sys
from pathlib import Path
from mlops_nb.jobs.runner import execute
print(json.dumps(execute(Path(sys.argv[1]), Path(sys.argv[2])).to_dict()))
"""


@pytest.fixture(autouse=True)
def nothing_stays_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Let every process that a test starts carry a mark, and fail the test if one survives it."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(FAMILY, mark)
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("jupyter")))
    # However slow the machine is, a kernel that ends in good order is not killed meanwhile.
    monkeypatch.setattr("mlops_nb.jobs.kernels.GRACE_S", 60.0)
    yield
    assert eventually(lambda: not relatives(mark)), relatives(mark)


def relatives(mark: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(FAMILY) == mark:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def notebook(path: Path, *sources: str, parameters: str = "") -> Path:
    cells = [new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)]
    if parameters:
        tagged = new_code_cell(parameters, id="p", metadata={"tags": ["parameters"]})
        cells = [new_markdown_cell("# Train", id="m"), tagged, *cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(new_notebook(cells=cells)))
    return path


def install_kernel(data: Path, name: str, argv: list[str]) -> None:
    folder = data / "kernels" / name
    folder.mkdir(parents=True)
    spec = {"argv": argv, "display_name": name, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


def statuses(execution: Execution) -> list[str]:
    return shown(Path(execution.notebook))


def shown(copy: Path) -> list[str]:
    cells = json.loads(copy.read_text("utf-8"))["cells"]
    return [cell["metadata"]["papermill"]["status"] for cell in cells]


def printed(execution: Execution) -> str:
    cells = json.loads(Path(execution.notebook).read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "".join("".join(output.get("text", "")) for output in outputs)


class Watching:
    """A watch that remembers, and may cancel or raise when a cell starts."""

    def __init__(self, *, cancel_at: int | None = None, raise_at: int | None = None) -> None:
        self.events: list[tuple[float, float, str]] = []
        self.threads: set[int] = set()
        self.cancel_at = cancel_at
        self.raise_at = raise_at
        self.lines: list[str] = []

    def progress(self, done: float, total: float, text: str = "") -> None:
        self.events.append((done, total, text))
        self.threads.add(threading.get_ident())
        if done == self.raise_at:
            raise RuntimeError("the watch is broken")

    def log(self, line: str) -> None:
        self.lines.append(line)

    def cancelled(self) -> bool:
        return self.cancel_at is not None and (self.cancel_at, 2) in [e[:2] for e in self.events]


def test_parameters_folder_environment_log_and_trust(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = notebook(
        tmp_path / "a földer {x}" / "train.ipynb",
        "import atexit, os, sys; from pathlib import Path\n"
        "atexit.register(lambda: Path('ended').write_text(name))\n"
        "print(repr((months, rate, name)), os.environ['DOOR'], os.environ['MLOPS_NOTEBOOK'])\n"
        "print(os.getcwd(), sys.executable, sep='\\n')",
        "os.system('echo raw; echo raw >&2')",
        CHILD,
        parameters="months = 1\nrate = 0.5\nname = 'x'",
    )
    before = source.read_bytes()
    # A kernel of that name that comes first, and would run another Python.
    argv = ["/nowhere/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    install_kernel(tmp_path / "first", "python3", argv)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "first"))

    watch, output, log = Watching(), tmp_path / "out" / "{y}.ipynb", tmp_path / "out" / "a.log"
    began = time.monotonic()
    given = {"rate": float("nan"), "name": 'it\'s "ö" \\ \n'}
    execution = execute(
        source, output, parameters=given, environment={"DOOR": "cli"}, watch=watch, log=log
    )

    assert execution.status == "FINISHED", execution
    assert (execution.reason, execution.error, execution.failed_cell) == (None, None, None)
    assert (execution.cells_done, execution.cells_total) == (5, 5)
    assert 0 < execution.seconds <= time.monotonic() - began + 0.001
    assert source.read_bytes() == before
    assert (source.parent / "ended").read_text() == given["name"]
    assert printed(execution).splitlines()[:3] == [
        f"(1, nan, {given['name']!r}) cli {source}",
        str(source.parent),
        sys.executable,
    ]
    assert "DOOR" not in os.environ
    assert watch.events[0] == (0, 5, "starting the kernel")
    assert watch.events[-1] == (5, 5, "Train")
    assert watch.threads == {threading.get_ident()}
    assert "[cell 3 of 5] Train\n(1, nan, " in log.read_text("utf-8")
    assert "left running: sleep" in log.read_text("utf-8")
    assert capfd.readouterr() == ("", "")

    executed = read(output)
    assert executed.metadata.papermill.parameters == {**given, "rate": "NaN"}
    assert executed.metadata.papermill.input_path == str(source)
    assert executed.metadata.kernelspec.name == "python3"
    notary = NotebookNotary(data_dir=os.environ["JUPYTER_DATA_DIR"])
    assert notary.check_signature(executed)
    notary.store.close()


def test_a_cell_that_raises_fails_and_no_reader_sees_half_a_file(tmp_path: Path) -> None:
    cells = ["print('x' * 300_000)"] * 15
    source = notebook(tmp_path / "a.ipynb", *cells, "1/0", "print('never')")
    output, over = tmp_path / "out.ipynb", threading.Event()

    def parse_it_all_the_time() -> set[int]:
        seen, is_over = set(), False
        while not is_over:
            is_over = over.is_set()
            if output.exists():
                seen.add(len(json.loads(output.read_text("utf-8"))["cells"]))
        return seen

    with ThreadPoolExecutor() as threads:
        reader = threads.submit(parse_it_all_the_time)
        try:
            execution = execute(source, output)
        finally:
            over.set()
        assert reader.result() == {17}
    assert execution.status == "FAILED"
    assert execution.reason == "cell 16 raised ZeroDivisionError: division by zero"
    assert (execution.failed_cell, execution.cells_done, execution.cells_total) == (16, 15, 17)
    assert execution.error is not None
    assert "----> 1 1/0" in execution.error
    assert "\x1b" not in execution.error
    assert statuses(execution) == [*["completed"] * 15, "failed", "pending"]
    with pytest.raises(InputError, match="exists already"):
        execute(source, output)


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("%nothing", "FAILED", "cell 1 raised UsageError: Line magic function `%nothing` not"),
        ("exit()", "FINISHED", "cell 1 ended the notebook"),
    ],
)
def test_cells_that_end_without_a_traceback(
    tmp_path: Path, source: str, status: str, reason: str
) -> None:
    execution = execute(
        notebook(tmp_path / "a.ipynb", source, "print('never')"), tmp_path / "out.ipynb"
    )
    assert execution.status == status
    assert execution.reason is not None
    assert execution.reason.startswith(reason)
    assert (execution.error or "").startswith("UsageError: Line" if status == "FAILED" else "")
    assert "never" not in printed(execution)


def test_a_dead_kernel_is_told_from_a_finished_one(tmp_path: Path) -> None:
    kill = (
        "import os, time; print('before', flush=True)\n"
        "while '\\nbefore\\n' not in open('log').read(): time.sleep(0.05)\n"
        "os.kill(os.getpid(), 9)"
    )
    source = notebook(tmp_path / "a.ipynb", CHILD, kill, "print('never')")
    execution = execute(source, tmp_path / "out.ipynb", log=tmp_path / "log")
    assert execution.status == "KILLED"
    assert execution.reason == "the kernel died (signal 9, SIGKILL) in cell 2"
    assert (execution.failed_cell, execution.cells_done) == (2, 1)
    assert execution.error == execution.reason
    assert statuses(execution) == ["completed", "failed", "pending"]
    assert printed(execution) == "before\n"


def jump_when_reached(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    """Let an hour pass, for those who keep the limits, when a cell makes a file."""

    def monotonic() -> float:
        return time.monotonic() + 3600 * place.exists()

    monkeypatch.setattr("mlops_nb.jobs.session.time", SimpleNamespace(monotonic=monotonic))


def test_a_cell_past_its_limit_is_interrupted_and_the_kernel_ends_orderly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jump_when_reached(monkeypatch, tmp_path / "reached")
    monkeypatch.setattr("mlops_nb.jobs.session.HEED_S", 120.0)
    # joblib's workers and their tracker live on, and the tracker heeds no SIGTERM: Jupyter's own
    # way to shut down kills the kernel before its handlers run.
    register = (
        "import atexit, time; from joblib import Parallel, delayed\n"
        "Parallel(2)(delayed(abs)(i) for i in range(2)); atexit.register(open, 'ended', 'w')"
    )
    late = "open('reached', 'w'); time.sleep(600)"
    source = notebook(tmp_path / "a.ipynb", register, late, "print('never')")
    execution = execute(source, tmp_path / "out.ipynb", cell_timeout_s=600)
    assert execution.status == "KILLED"
    assert execution.reason == "cell 2 timed out after 600 s"
    assert execution.failed_cell == 2
    assert execution.error is not None
    assert "KeyboardInterrupt" in execution.error
    assert execution.error.endswith(execution.reason)
    assert statuses(execution) == ["completed", "failed", "pending"]
    assert (tmp_path / "ended").exists()


def test_a_cell_that_heeds_no_interrupt_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_nb.jobs.session.HEED_S", 1.0)
    jump_when_reached(monkeypatch, tmp_path / "reached")
    stubborn = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "open('reached', 'w')\nwhile True: pass"
    )
    source = notebook(tmp_path / "a.ipynb", CHILD, stubborn)
    execution = execute(source, tmp_path / "out.ipynb", cell_timeout_s=600)
    assert (execution.status, execution.failed_cell) == ("KILLED", 2)
    assert execution.reason == "cell 2 timed out after 600 s"
    assert execution.error == execution.reason
    assert statuses(execution) == ["completed", "failed"]


def test_the_limit_for_the_whole_counts_the_start_of_the_kernel(tmp_path: Path) -> None:
    # Less than the fastest machine needs for it.
    execution = execute(notebook(tmp_path / "a.ipynb", "1"), tmp_path / "o.ipynb", timeout_s=1e-6)
    assert (execution.status, execution.reason) == ("KILLED", "timed out after 1e-06 s")
    assert (execution.failed_cell, execution.cells_done, execution.error) == (None, 0, None)
    assert statuses(execution) == ["pending"]


def test_two_run_at_once_and_one_is_cancelled(tmp_path: Path) -> None:
    cells = ["import os; print(os.environ['WHO'], os.getcwd())", "import time; time.sleep(SLEEP)"]
    cells[1] = cells[1].replace("SLEEP", "60 if os.environ['WHO'] == 'a' else 0")

    def run(who: str) -> Execution:
        return execute(
            notebook(tmp_path / who / "a.ipynb", *cells),
            tmp_path / f"{who}.ipynb",
            environment={"WHO": who},
            watch=Watching(cancel_at=1 if who == "a" else None),
        )

    with ThreadPoolExecutor() as threads:
        first, second = threads.map(run, "ab")
    assert (first.status, first.reason) == ("KILLED", "cancelled")
    assert second.status == "FINISHED"
    assert printed(first) == f"a {tmp_path / 'a'}\n"
    assert printed(second) == f"b {tmp_path / 'b'}\n"


def test_a_watch_that_raises_stops_the_notebook_and_is_heard(tmp_path: Path) -> None:
    source = notebook(tmp_path / "a.ipynb", "1", "import time; time.sleep(60)")
    with pytest.raises(RuntimeError, match="the watch is broken"):
        execute(source, tmp_path / "out.ipynb", watch=Watching(raise_at=1))
    shown = (tmp_path / "out.ipynb").read_text("utf-8")
    assert "stopped by RuntimeError in the program that ran it" in shown


@contextmanager
def running(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a notebook in a process of its own, until its second cell has started."""
    source = notebook(
        tmp_path / "a.ipynb", CHILD, "open('started', 'w'); import time; time.sleep(60)"
    )
    command = [sys.executable, "-c", RUNNER, str(source), str(tmp_path / "out.ipynb")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert eventually((tmp_path / "started").exists)
            yield process
        finally:
            process.kill()


def test_ctrl_c_ends_it_as_interrupted(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        process.send_signal(signal.SIGINT)
        answer, _ = process.communicate(timeout=60)
    found = json.loads(answer)
    assert (found["status"], found["reason"]) == ("KILLED", "interrupted")
    assert (process.returncode, found["failed_cell"]) == (0, 2)
    assert read(Path(found["notebook"])).cells[1].outputs[-1].evalue == "interrupted"


def test_a_killed_runner_leaves_a_whole_file_and_no_kernel(tmp_path: Path) -> None:
    # The child here stays in the kernel's process group, like the workers of a pool.
    source = notebook(
        tmp_path / "a.ipynb",
        CHILD.replace(", start_new_session=True", ""),
        "open('started', 'w'); import time; time.sleep(60)",
    )
    command = [sys.executable, "-c", RUNNER, str(source), str(tmp_path / "out.ipynb")]
    # A slow disk has the copy written a little later than the cell starts.
    with subprocess.Popen(command) as process:
        assert eventually((tmp_path / "started").exists)
        assert eventually(lambda: shown(tmp_path / "out.ipynb") == ["completed", "running"])
        process.kill()
    assert eventually(lambda: not relatives(os.environ[FAMILY]))
    assert shown(tmp_path / "out.ipynb") == ["completed", "running"]


def test_a_port_that_another_takes_while_the_kernel_starts_is_chosen_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jupyter_client.connect import LocalPortCache

    choose, chosen = LocalPortCache.find_available_port, []
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        def taken_at_first(cache: LocalPortCache, ip: str) -> int:
            chosen.append(choose(cache, ip))
            return taken if len(chosen) == 1 else chosen[-1]

        monkeypatch.setattr(LocalPortCache, "find_available_port", taken_at_first)
        execution = execute(notebook(tmp_path / "a.ipynb", "1"), tmp_path / "out.ipynb")
        assert (execution.status, execution.reason) == ("FINISHED", None)
        assert len(chosen) == 10

        monkeypatch.setattr(
            LocalPortCache, "find_available_port", lambda *_: other.getsockname()[1]
        )
        monkeypatch.setattr("mlops_nb.jobs.runner.STARTS", 2)
        with pytest.raises(UnavailableError, match="did not start: others took its ports 2 times"):
            execute(tmp_path / "a.ipynb", tmp_path / "again.ipynb")
    assert not (tmp_path / "again.ipynb").exists()


def test_kernels_that_do_not_start_leave_nothing(tmp_path: Path) -> None:
    data = Path(os.environ["JUPYTER_DATA_DIR"])
    install_kernel(data, "dies", [sys.executable, "-c", "raise SystemExit('no ipykernel here')"])
    install_kernel(data, "gone", ["/nowhere/python"])
    source, output = notebook(tmp_path / "a.ipynb", "1"), tmp_path / "out" / "a.ipynb"
    for name, complaint in {
        "dies": r"kernel 'dies' did not start: no ipykernel here; install ipykernel",
        "gone": r"kernel 'gone' can't be started: No such file or directory: /nowhere/python",
        "none": r"kernel 'none' is not installed; choose one of dies, gone, python3 with --kernel",
    }.items():
        with pytest.raises(UnavailableError, match=complaint):
            execute(source, output, kernel=name)
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"parameters": {"mnths": 1}}, "unknown parameter 'mnths' of a.ipynb; did you mean 'mon"),
        ({"timeout_s": -1}, "timeout_s must be 0 or more seconds, not -1"),
        ({"cell_timeout_s": float("nan")}, "cell_timeout_s must be 0 or more"),
        ({"cwd": Path("nowhere")}, "there is no folder .*nowhere to run in"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(
    tmp_path: Path, arguments: dict[str, Any], complaint: str
) -> None:
    source = notebook(tmp_path / "a.ipynb", parameters="months = 1")
    with pytest.raises(InputError, match=complaint):
        execute(source, tmp_path / "out" / "a.ipynb", **arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ipynb"]


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_an_output_that_can_not_be_written_is_known_before_anything_runs(tmp_path: Path) -> None:
    source = notebook(tmp_path / "a.ipynb", f"'{'x' * 20_000}'")
    before = source.read_bytes()
    with small_disk(tmp_path / "disk", "size=4k") as disk:
        with pytest.raises(UnavailableError, match="the disk is full"):
            execute(source, disk / "out.ipynb")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(UnavailableError, match="the file system is read-only"):
            execute(source, disk / "deep" / "out.ipynb")
        assert list(disk.iterdir()) == []
    with pytest.raises(InputError, match=r"a\.ipynb is not a folder"):
        execute(source, source / "out.ipynb")
    assert source.read_bytes() == before


def test_a_disk_that_fills_up_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each state is written at once, however long the one before took.
    monkeypatch.setattr("mlops_nb.jobs.recording.SAVING_SHARE", float("inf"))
    source = notebook(tmp_path / "a.ipynb", "1", "print('x' * 200_000)", "open('done', 'w')")
    with small_disk(tmp_path / "disk", "size=100k") as disk:
        with pytest.raises(UnavailableError, match=r"can't write .*: the disk is full"):
            execute(source, disk / "out.ipynb", log=disk / "out.log")
        assert (tmp_path / "done").exists()
        # The last state that did fit.
        assert shown(disk / "out.ipynb") == ["completed", "running", "pending"]
