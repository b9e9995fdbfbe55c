"""Kernels: finding the right one, starting it, stopping it, and leaving nothing of it behind.

A kernel leads a process group of its own and carries a mark in its environment that everything it
starts inherits. So its whole family can be interrupted, counted and ended. Should *this* process
be killed, the kernel's own parent poller ends the kernel within a second, but not what the kernel
had started: a tiny guard process does that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mlops_nb.core.errors import UnavailableError

if TYPE_CHECKING:
    import psutil
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

GRACE_S = 5.0
STRAY_S = 2.0
MARK = "MLOPS_EXECUTION"

# Waits for a line on its standard input. Its end without one means that whoever held it is dead.
_GUARD = 'read -r released || kill -9 "-$1"'


class Kernel:
    """One running kernel process and its family.

    `manager` is what jupyter_client needs to talk to it. `interrupt` and `kill` may be called from
    any thread.
    """

    def __init__(
        self,
        manager: AsyncKernelManager,
        process: subprocess.Popen[bytes],
        mark: str,
        errors: IO[bytes],
        spec: KernelSpec,
    ) -> None:
        self.manager = manager
        self._process = process
        self._mark = mark
        self._errors = errors
        self._spec = spec
        self._guard = _guard(process.pid)

    @property
    def pid(self) -> int:
        """The kernel's process id, which is its process group's too."""
        return self._process.pid

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the running cell, where the kernel listens to signals."""
        if self._spec.interrupt_mode == "signal":
            _signal_group(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """End the kernel and its process group at once."""
        _signal_group(self.pid, signal.SIGKILL)

    def death(self) -> str:
        """Say how the kernel ended: by which signal, or with which exit code."""
        code = self._process.wait(GRACE_S)
        if code < 0:
            return f"the kernel died (signal {-code}, {signal.Signals(-code).name})"
        return f"the kernel exited (code {code})"

    def last_words(self) -> str:
        """Return the end of what the kernel's process itself wrote to standard error."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        return self._errors.read().decode("utf-8", "replace")

    def end(self, client: AsyncKernelClient | None) -> list[str]:
        """Let the kernel shut down, end what is left of its family, and return the strays' names.

        It has five seconds, in which its atexit handlers run. `client` is what talked to it.
        """
        from jupyter_core.utils import run_sync

        if client is not None:
            with suppress(subprocess.TimeoutExpired):
                run_sync(self._ask_to_end)(client)
                self._process.wait(GRACE_S)
            client.stop_channels()
        strays = self._end_family()
        run_sync(self.manager.cleanup_resources)()
        self._guard.communicate(b"released\n")
        self._errors.close()
        return strays

    async def _ask_to_end(self, client: AsyncKernelClient) -> None:
        """Ask the kernel to end, an ipykernel as its own ``exit()`` does.

        Jupyter's shutdown request makes ipykernel first wait up to 14 seconds for its children:
        joblib's tracker heeds no SIGTERM, and the handlers would come too late.
        """
        if _is_ipykernel(self._spec):
            client.execute("get_ipython().ask_exit()", silent=True)
        else:
            await self.manager.request_shutdown()

    def _end_family(self) -> list[str]:
        import psutil

        # Helpers that end with their kernel, such as multiprocessing's trackers, are no strays.
        _, strays = psutil.wait_procs(_marked(self._mark), timeout=STRAY_S)
        names = [process.info["name"] or "?" for process in strays if process.pid != self.pid]
        self.kill()
        # A process may start another while it is being ended: look again until there is none.
        while strays:
            for process in strays:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(strays, timeout=GRACE_S)
            strays = _marked(self._mark)
        self._process.wait(GRACE_S)
        return names


def find(name: str) -> KernelSpec:
    """Return an installed kernel.

    ``python3`` is this environment's own Python, even if a user-wide kernel of that name points
    to another.

    Raises
    ------
    UnavailableError
        If it is not installed, or its files are damaged.

    Examples
    --------
    >>> find("python3").language
    'python'
    """
    from jupyter_client.kernelspec import NoSuchKernel

    specs = _specs()
    try:
        return specs.get_kernel_spec(name)
    except NoSuchKernel:
        installed = ", ".join(sorted(specs.find_kernel_specs()))
        raise UnavailableError(
            f"kernel {name!r} is not installed",
            hint=f"choose one of {installed} with --kernel, or install it",
        ) from None
    except (OSError, ValueError) as error:
        raise UnavailableError(f"kernel {name!r} is damaged: {error}") from None


def other_python(name: str) -> Path | None:
    """Return the Python that an ipykernel runs in, where it is another than this process's.

    Raises
    ------
    UnavailableError
        If there is no such kernel.

    Examples
    --------
    >>> other_python("python3") is None
    True
    """
    spec = find(name)
    if not _is_ipykernel(spec) or spec.argv[0] in (sys.executable, "python", "python3"):
        return None
    return Path(spec.argv[0])


def start(
    name: str, *, cwd: Path, environment: Mapping[str, str], python: Path | None = None
) -> Kernel:
    """Start a kernel that is found by `find`; the only place where kernels come from.

    An ipykernel is run in `python` where that is given. It inherits this
    process's environment, with `environment` over it. Its own standard output and error are kept
    off the terminal; what cells print doesn't go there anyway.

    Raises
    ------
    UnavailableError
        If its program can't be started.
    """
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    spec, mark = find(name), uuid.uuid4().hex
    manager = AsyncKernelManager(kernel_name=name, kernel_spec_manager=_specs(python))
    with ExitStack() as undo:
        errors = undo.enter_context(tempfile.TemporaryFile())
        try:
            run_sync(manager.start_kernel)(
                extra_arguments=_arguments(spec),
                cwd=str(cwd),
                env={**os.environ, **environment, MARK: mark},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        except OSError as error:
            raise UnavailableError(
                f"kernel {name!r} can't be started: {error.strerror}: {spec.argv[0]}",
                hint="install it again, or choose another with --kernel",
            ) from None
        process = getattr(manager.provisioner, "process", None)
        if not isinstance(process, subprocess.Popen):
            run_sync(manager.shutdown_kernel)(now=True)
            raise UnavailableError(
                f"kernel {name!r} does not run as a process of this machine",
                hint="choose one that does with --kernel",
            )
        undo.pop_all()
    return Kernel(manager, process, mark, errors, spec)


def _arguments(spec: KernelSpec) -> list[str]:
    # Kernels that run side by side would quarrel over one history file; warnings about Jupyter's
    # own connections have no reader.
    quiet = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]
    # A tip of the day is drawn from the generator that the notebook's own numbers come from.
    quiet.append("--InteractiveShell.enable_tip=False")
    return quiet if _is_ipykernel(spec) else []


def _is_ipykernel(spec: KernelSpec) -> bool:
    return "ipykernel_launcher" in spec.argv or "ipykernel" in spec.argv


def _specs(python: Path | None = None) -> KernelSpecManager:
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager

    class ThisPythonFirst(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            spec = super().get_kernel_spec(kernel_name)
            if kernel_name == NATIVE_KERNEL_NAME and _is_ipykernel(spec):
                spec.argv = [str(python or sys.executable), *spec.argv[1:]]
            return spec

    return ThisPythonFirst()


def _guard(group: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "mlops-guard", str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # In a session of its own, so that Ctrl-C in a terminal doesn't end it first.
        start_new_session=True,
        cwd="/",
    )


def _signal_group(group: int, number: signal.Signals) -> None:
    # macOS answers PermissionError where only zombies are left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _marked(mark: str) -> list[psutil.Process]:
    """Return the living processes that inherited a mark, whatever group or session they are in."""
    import psutil

    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found
