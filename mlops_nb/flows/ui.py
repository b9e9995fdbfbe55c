"""Verb `ui`: MLflow's own user interface on the project's store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Notice
from mlops_nb.flows import delivery
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import without_password

HOST = "127.0.0.1"
GRACE_S = 5.0


def ui(context: Context, *, port: int = 5000, quiet: bool = False) -> Notice:
    """Serve MLflow's UI in the foreground, until it is interrupted.

    Raises
    ------
    UnavailableError
        If the port is in use, or MLflow's server does not start.
    """
    project = context.project
    if project.on_server:
        if not quiet:
            webbrowser.open(project.tracking_uri)
        address = without_password(project.tracking_uri)
        return Notice(f"this project keeps its runs on a server: {address}")
    if not 0 < port < 65536:
        raise InputError(f"--port must be from 1 to 65535, not {port}")
    _free(port)
    try:
        delivery.deliver_now(project.ensure())
    except InputError as error:
        # One run that MLflow refuses is no reason not to show the others.
        context.watch.log(str(error))
    url = f"http://{HOST}:{port}"
    context.watch.log(f"MLflow's UI on project {project.name!r}: {url}  (Ctrl-C ends it)")
    if not quiet:
        opening = threading.Timer(5.0, webbrowser.open, [url])
        opening.daemon = True
        opening.start()
    code = _serve(project, port)
    if code not in (0, None):
        raise UnavailableError(f"MLflow's server ended with exit code {code}")
    return Notice("MLflow's UI has ended")


def _serve(project: Project, port: int) -> int | None:
    """Run MLflow's server until it ends or we are told to; return its exit code in the former."""
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1", "--artifacts-destination", str(project.artifacts)]
    server = subprocess.Popen(
        command,
        cwd=project.state,
        env={
            **os.environ,
            # Not on the command line, which every user of the machine can read.
            "MLFLOW_BACKEND_STORE_URI": project.tracking_uri,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        # Standard output is for our result.
        stdout=sys.stderr,
        # A group of its own: MLflow's server starts another process, which would outlive it.
        start_new_session=True,
    )
    with _guarded(server):
        try:
            return server.wait()
        except KeyboardInterrupt:
            return None


@contextmanager
def _guarded(server: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a server's process group with the block, or with this process, however it ends."""
    # Its input ends when all who hold the other end have closed it, or are dead.
    script = 'read -r _; kill -TERM "-$1" 2>/dev/null'
    guard = subprocess.Popen(
        ["/bin/sh", "-c", script, "mlops-guard", str(server.pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        guard.communicate()
        try:
            server.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _free(port: int) -> None:
    """Make sure that a port can be listened on.

    Raises
    ------
    UnavailableError
        If it is in use, naming one that is free.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise UnavailableError(
                f"port {port} is for administrators only", hint="try --port 5000"
            ) from None
        except OSError:
            with socket.socket() as other:
                other.bind((HOST, 0))
                free = other.getsockname()[1]
            raise UnavailableError(f"port {port} is in use", hint=f"try --port {free}") from None
