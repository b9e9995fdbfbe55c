"""Verb `ui`: MLflow's own user interface on the project's store."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import webbrowser

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Notice
from mlops_nb.flows import delivery
from mlops_nb.flows.context import Context

HOST = "127.0.0.1"


def ui(context: Context, *, port: int = 5000, quiet: bool = False) -> Notice:
    """Serve MLflow's UI in the foreground, until it is interrupted.

    Raises
    ------
    UnavailableError
        If the port is in use, or MLflow's server does not start.
    """
    project = context.project
    if not project.embedded:
        uri = project.tracking_uri
        if not quiet:
            webbrowser.open(uri)
        return Notice(f"this project keeps its runs on a server: {uri}")
    if not 0 < port < 65536:
        raise InputError(f"--port must be from 1 to 65535, not {port}")
    _free(port)
    delivery.deliver_now(project.ensure())
    url = f"http://{HOST}:{port}"
    context.watch.log(f"MLflow's UI on project {project.name!r}: {url}  (Ctrl-C ends it)")
    if not quiet:
        threading.Timer(5.0, webbrowser.open, [url]).start()
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--backend-store-uri", project.tracking_uri, "--workers", "1"]
    command += ["--artifacts-destination", str(project.artifacts)]
    environ = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    server = subprocess.Popen(command, cwd=project.state, env=environ)
    try:
        code = server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        return Notice("MLflow's UI has ended")
    if code != 0:
        raise UnavailableError(f"MLflow's server ended with exit code {code}")
    return Notice("MLflow's UI has ended")


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
        except OSError:
            with socket.socket() as other:
                other.bind((HOST, 0))
                free = other.getsockname()[1]
            raise UnavailableError(f"port {port} is in use", hint=f"try --port {free}") from None
