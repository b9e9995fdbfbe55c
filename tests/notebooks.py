"""Small notebooks, kernels and commands for the tests: made, run by each tool, and read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mlops_nb.project import Project

# Only what hangs takes longer, on the slowest machine too.
PATIENCE_S = 200.0

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def write_notebook(path: Path, *cells: str, parameters: str | None = None) -> Path:
    """Write a notebook of code cells, the first one tagged as parameters where given."""
    sources = [*([parameters] if parameters is not None else []), *cells]
    made = []
    for number, source in enumerate(sources):
        tags = ["parameters"] if parameters is not None and number == 0 else []
        made.append(
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {"tags": tags},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
        )
    body = {"cells": made, "metadata": {"kernelspec": KERNEL}, "nbformat": 4, "nbformat_minor": 5}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body), encoding="utf-8")
    return path


def outputs(path: Path) -> list[list[dict[str, Any]]]:
    """Return the outputs of each code cell of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def text_of(cell_outputs: Sequence[dict[str, Any]]) -> str:
    """Return what a cell printed or showed, as text."""
    parts = []
    for output in cell_outputs:
        data = output.get("text") or output.get("data", {}).get("text/plain", "")
        parts.append(data if isinstance(data, str) else "".join(data))
    return "".join(parts)


def python(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with arguments, in a folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=280,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def mlops(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user types it."""
    return python("-m", "mlops_nb", *words, cwd=cwd, **environ)


@contextmanager
def shell_in_process() -> Iterator[Any]:
    """Give an IPython shell of this process for a block, with its history in memory."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    settings = Config()
    settings.HistoryManager.hist_file = ":memory:"
    shell = InteractiveShell.instance(config=settings)
    try:
        yield shell
    finally:
        shell.run_line_magic("unload_ext", "mlops_nb")
        InteractiveShell.clear_instance()


@dataclass
class Answer:
    """What a cell came to: the kernel's status, the error's name, and all text by its channel."""

    status: str
    error: str = ""
    text: dict[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        return "".join(self.text.values())


class LiveKernel:
    """A real kernel in a folder, as a notebook's front end has it."""

    def __init__(self, folder: Path, **environ: str) -> None:
        from jupyter_client.manager import KernelManager

        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(
            cwd=str(folder),
            env={**os.environ, **environ},
            extra_arguments=["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"],
        )
        # A kernel that ends in good order, but slowly, is not killed meanwhile.
        self.manager.shutdown_wait_time = PATIENCE_S
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_S)

    def run(self, code: str, cell_id: str | None = None) -> Answer:
        answer = Answer("")
        # As JupyterLab says which cell it is that runs.
        self.client.session.metadata = {} if cell_id is None else {"cellId": cell_id}

        def heard(message: dict[str, Any]) -> None:
            content = message["content"]
            kind = content.get("name", message["msg_type"])
            said = content.get("text") or content.get("data", {}).get("text/plain", "")
            if said:
                answer.text[kind] = answer.text.get(kind, "") + said
            answer.error = content.get("ename", answer.error)

        reply = self.client.execute_interactive(
            code, timeout=PATIENCE_S, output_hook=heard, allow_stdin=False
        )
        answer.status = reply["content"]["status"]
        return answer

    def send(self, code: str) -> None:
        """Have a cell run without waiting for it."""
        self.client.execute(code)

    def complete(self, code: str) -> list[str]:
        reply = self.client.complete(code, len(code), reply=True, timeout=PATIENCE_S)
        found: list[str] = reply["content"]["matches"]
        return found

    def restart(self) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel()
        self._connect()

    def shut_down(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()


@contextmanager
def live_kernels(folder: Path, count: int = 1, **environ: str) -> Iterator[list[LiveKernel]]:
    """Give kernels for a block; they are shut down in good order after it."""
    import asyncio

    from jupyter_core.utils import ensure_event_loop

    # jupyter_client runs on its thread's loop and never closes it; the Runner does.
    with asyncio.Runner(loop_factory=ensure_event_loop) as loop, ExitStack() as stack:
        loop.get_loop()
        kernels = []
        for _ in range(count):
            kernels.append(LiveKernel(folder, **environ))
            stack.callback(kernels[-1].shut_down)
        yield kernels


def wait_for(condition: Callable[[], object], told: Callable[[], object] = str) -> None:
    """Wait for a condition, for as long as the slowest machine may take."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, told()
        time.sleep(0.05)


def wait_until_delivered(project: Project) -> None:
    """Wait until MLflow has all that the spool held."""
    wait_for(
        lambda: not project.spool.run_ids(), lambda: f"not delivered: {project.spool.run_ids()}"
    )


def wait_until_written(project: Project) -> None:
    """Wait until MLflow has all, and the writer, which closes MLflow's database, has ended."""
    wait_until_delivered(project)
    words = ["mlops_nb.flows.delivery", str(project.root)]
    wait_for(lambda: not [line for line in commands() if line[-2:] == words])


def commands() -> list[list[str]]:
    """List the command lines of all processes that can be asked for it."""
    return [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]


def lives(pid: int) -> bool:
    """Tell whether a process runs; what only waits for its parent to hear of its end does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
