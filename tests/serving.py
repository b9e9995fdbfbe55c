"""A real Jupyter Server with our extension, in folders of its own, and how one talks to it."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from mlops_nb.flows.serving import HOST
from tests.notebooks import PATIENCE_S

BASE = "/user/ada/"

# The server as it is, but for an authorizer that refuses what a header names, and a list of all
# routes that our package answers.
START = """
import json, sys
from pathlib import Path
from jupyter_server.auth.authorizer import Authorizer
from jupyter_server.serverapp import ServerApp

class Refuses(Authorizer):
    def is_authorized(self, handler, user, action, resource):
        return handler.request.headers.get("X-Refuse") != f"{action} {resource}"

def ours(router):
    for rule in router.rules:
        if hasattr(rule.target, "rules"):
            yield from ours(rule.target)
        elif getattr(rule.target, "__module__", "").startswith("mlops_nb"):
            yield rule.matcher.regex.pattern

app = ServerApp.instance(authorizer_class=Refuses)
app.initialize(sys.argv[2:])
Path(sys.argv[1]).write_text(json.dumps(list(ours(app.web_app.default_router))))
app.start()
"""


def free_port() -> int:
    """Return a port that nobody takes until a server listens on it, seconds later.

    The system gives none of these to who asks for any port, as kernels do, and each worker of the
    tests has some of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = next(_ports) + PORTS_OF_A_WORKER * (worker % 16)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return port


# Linux gives out 32768 and above, others 49152 and above.
PORTS_OF_A_WORKER = 500
# Not all from the first: others may test on the same machine.
_ports = (20_000 + n % PORTS_OF_A_WORKER for n in itertools.count(os.getpid() * 37))


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def error(self) -> dict[str, str]:
        """The error in the body, which has nothing else."""
        assert set(self.body) == {"error"}, self.body
        error: dict[str, str] = self.body["error"]
        assert set(error) == {"type", "message", "hint"}
        assert all(isinstance(said, str) for said in error.values())
        return error


@dataclass(frozen=True)
class Server:
    """A running Jupyter Server: where it listens, its root folder, its log, our routes."""

    port: int
    token: str
    folder: Path
    log: Path
    process: subprocess.Popen[bytes]
    routes: list[str] = field(default_factory=list)

    def ask(
        self,
        method: str,
        url: str,
        body: bytes | None = None,
        *,
        authorized: bool = True,
        **headers: str,
    ) -> Answer:
        """Send a request as it stands, `url` below the base URL, and read the JSON answer."""
        if authorized:
            headers["Authorization"] = f"token {self.token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, BASE + url, body, named)
            response = connection.getresponse()
            said = response.read()
            found = dict(response.getheaders())
        finally:
            connection.close()
        is_json = found.get("Content-Type", "").startswith("application/json")
        return Answer(response.status, json.loads(said) if is_json and said else said, found)

    def get(self, route: str, **query: Any) -> Answer:
        """Ask for a reading verb."""
        return self.ask("GET", f"mlops/{route}?{urlencode(query, doseq=True)}")

    def post(self, route: str, path: str, **values: Any) -> Answer:
        """Ask for a verb that changes something."""
        return self.ask(
            "POST", f"mlops/{route}?path={quote(path, safe='')}", json.dumps(values).encode()
        )

    @asynccontextmanager
    async def events(self) -> AsyncIterator[Any]:
        """Listen to the event stream for a block."""
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        stream = await websocket_connect(
            HTTPRequest(
                f"ws://127.0.0.1:{self.port}{BASE}api/events/subscribe",
                headers={"Authorization": f"token {self.token}"},
            )
        )
        try:
            yield stream
        finally:
            stream.close()
            while await stream.read_message() is not None:
                pass


@contextmanager
def running_server(base: Path) -> Iterator[Server]:
    """Start a Jupyter Server whose folders are all under `base`, and stop it in good order."""
    folder, log, routes = base / "notebooks", base / "server.log", base / "routes.json"
    folder.mkdir()
    token, port = secrets.token_hex(16), free_port()
    options = [
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.base_url={BASE}",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.jpserver_extensions=mlops_nb=True",
        f"--IdentityProvider.token={token}",
    ]
    environ = {
        **os.environ,
        # No other extension, which would only take time.
        "JUPYTER_NO_CONFIG": "1",
        "JUPYTER_CONFIG_DIR": str(base / "config"),
        "JUPYTER_DATA_DIR": str(base / "data"),
        "JUPYTER_RUNTIME_DIR": str(base / "runtime"),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", START, str(routes), *options],
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(port, token, folder, log, process)
    try:
        wait_until_up(server)
        server.routes.extend(json.loads(routes.read_text()))
        yield server
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a server as its owner does; kill it where that takes too long."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_up(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.ask("GET", "api/status").status == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{server.log.read_text()[-3000:]}")
