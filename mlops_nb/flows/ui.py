"""Verb `ui`: MLflow's own user interface on the project's store."""

from __future__ import annotations

import sys
import threading
import webbrowser

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Notice
from mlops_nb.flows import delivery, serving
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import without_password


def ui(context: Context, *, port: int = 5000, quiet: bool = False) -> Notice:
    """Serve MLflow's UI in the foreground, until it is interrupted.

    Raises
    ------
    InputError
        If there is no such port.
    UnavailableError
        If the port is in use, or MLflow's server does not start.
    """
    project = context.project
    if project.on_server:
        if not quiet:
            webbrowser.open(project.tracking_uri)
        address = without_password(project.tracking_uri)
        return Notice(f"this project keeps its runs on a server: {address}")
    serving.refuse_taken(port)
    try:
        delivery.deliver_now(project.ensure())
    except InputError as error:
        # One run that MLflow refuses is no reason not to show the others.
        context.watch.log(str(error))
    url = f"http://{serving.HOST}:{port}"
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
    command = [
        sys.executable,
        "-P",
        "-m",
        "mlflow",
        "server",
        "--host",
        serving.HOST,
        "--port",
        str(port),
    ]
    command += ["--workers", "1", "--artifacts-destination", str(project.artifacts)]
    environ = {
        # Not on the command line, which every user of the machine can read.
        "MLFLOW_BACKEND_STORE_URI": project.tracking_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    # Standard output is for our result.
    with serving.started(command, project.state, environ, output=sys.stderr) as server:
        return serving.wait(server)
