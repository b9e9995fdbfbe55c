"""Small notebooks, kernels and commands for the tests: made, run by each tool, and read again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb.project import Project

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
        timeout=240,
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
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

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
            code, timeout=60, output_hook=heard, allow_stdin=False
        )
        answer.status = reply["content"]["status"]
        return answer

    def send(self, code: str) -> None:
        """Have a cell run without waiting for it."""
        self.client.execute(code)

    def complete(self, code: str) -> list[str]:
        reply = self.client.complete(code, len(code), reply=True, timeout=60)
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


def wait_until_delivered(project: Project, seconds: float = 60) -> None:
    """Wait until MLflow has all that the spool held."""
    deadline = time.monotonic() + seconds
    while project.spool.run_ids():
        assert time.monotonic() < deadline, f"not delivered: {project.spool.run_ids()}"
        time.sleep(0.1)
