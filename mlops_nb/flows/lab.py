"""JupyterLab on a project, with the sidebar open: what `demo --lab` shows."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from mlops_nb.core.errors import UnavailableError
from mlops_nb.flows import serving
from mlops_nb.flows.context import Context
from mlops_nb.stores.disk import disk_errors

LOG = "lab.log"
# Jupyter ends its kernels in good order first.
GRACE_S = 20.0


@contextmanager
def opened(
    context: Context, notebook: Path, *, port: int, quiet: bool
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve JupyterLab on the project for a block, the notebook and the sidebar in front.

    Raises
    ------
    UnavailableError
        If the log can't be written.
    """
    project = context.project.ensure()
    path = f"/lab/tree/{quote(notebook.name)}?mlops=sidebar"
    token = secrets.token_hex(24)
    command = [sys.executable, "-P", "-m", "jupyterlab", str(project.root)]
    command += [f"--ServerApp.ip={serving.HOST}", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0", f"--LabApp.default_url={path}"]
    command += ["--no-browser"] if quiet else []
    command += ["--allow-root"] if _is_root() else []
    log = project.state / LOG
    with disk_errors(log):
        output = log.open("wb")
    # Not on the command line, which every user of the machine can read.
    environ = {"JUPYTER_TOKEN": token}
    with (
        output,
        serving.started(command, project.root, environ, output=output, grace_s=GRACE_S) as server,
    ):
        context.watch.log(f"JupyterLab: http://{serving.HOST}:{port}{path}&token={token}")
        yield server


def wait(context: Context, server: subprocess.Popen[bytes]) -> None:
    """Wait until JupyterLab ends, or we are told to end it.

    Raises
    ------
    UnavailableError
        If it ended with an error.
    """
    context.watch.log("JupyterLab goes on; Ctrl-C ends it")
    code = serving.wait(server)
    if code not in (0, None):
        log = context.project.state / LOG
        raise UnavailableError(f"JupyterLab ended with exit code {code}", hint=f"see {log}")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
