"""Servers of others, run in the foreground: they end with us, however we end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mlops_nb.core.errors import InputError, UnavailableError

HOST = "127.0.0.1"
GRACE_S = 5.0
POLL_S = 0.2

# Its input ends when all who hold the other end have closed it, or are dead.
_GUARD = 'read -r _; kill -TERM "-$1" 2>/dev/null'


@contextmanager
def started(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    output: IO[Any],
    grace_s: float = GRACE_S,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server for a block; its process group ends with it, or with this process."""
    server = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        # A group of its own: a server may start other processes, which would outlive it.
        start_new_session=True,
    )
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "mlops-guard", str(server.pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        guard.communicate()
        try:
            server.wait(grace_s)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait(server: subprocess.Popen[bytes]) -> int | None:
    """Wait until a server ends, or we are told to; return its exit code in the former case."""
    try:
        # Libraries that mlflow imports (polars) have system calls go on after a signal: one wait
        # without an end would never hear Ctrl-C.
        while server.poll() is None:
            time.sleep(POLL_S)
        return server.returncode
    except KeyboardInterrupt:
        return None


def refuse_taken(port: int) -> None:
    """Make sure that a port can be listened on.

    Raises
    ------
    InputError
        If there is no such port.
    UnavailableError
        If it is in use, naming one that is free.
    """
    if not 0 < port < 65536:
        raise InputError(f"--port must be from 1 to 65535, not {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise UnavailableError(
                f"port {port} is for administrators only", hint="try --port 5000"
            ) from None
        except OSError:
            raise UnavailableError(
                f"port {port} is in use", hint=f"try --port {free_port()}"
            ) from None


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
