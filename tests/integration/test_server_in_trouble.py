"""An MLflow server that is there and answers with errors: told soon, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.flows.delivery import deliver_now
from mlops_nb.project import Project
from tests.marks import imports_mlflow

pytestmark = imports_mlflow

RUN = "1" * 16


@contextmanager
def server_in_trouble(answer: int | None) -> Iterator[tuple[str, list[str]]]:
    """Give the address of a server that is healthy and answers all else so, or hangs up."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/health":
                asked.append(self.path)
                if answer is None:
                    self.close_connection = True
                    return
            self.send_response(200 if self.path == "/health" else answer or 200)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"<b>oh</b>")

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_errors_are_told_soon_and_what_waited_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pause in ("BACKOFF_FACTOR", "BACKOFF_JITTER"):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{pause}", "0")
    for answer in (500, 503, None):
        with server_in_trouble(answer) as (uri, asked):
            project = Project.at(tmp_path, {"MLOPS_TRACKING_URI": uri}).ensure()
            if not project.spool.run_ids():
                project.spool.begin(RUN, name="waits", experiment="e")
                project.spool.append(RUN, "params", values={"depth": 3})
                project.spool.append(RUN, "ended", status="FINISHED")
            for act in (lambda: deliver_now(project), project.runs.search):  # noqa: B023
                before = len(asked)
                with pytest.raises(UnavailableError, match="MLflow's store can't be used") as told:
                    act()
                assert "\n" not in str(told.value)
                # MLflow's own patience is eight requests, for minutes.
                assert 1 <= len(asked) - before <= 2
    well = Project.at(tmp_path, {})
    assert well.spool.load(RUN).run.params == {"depth": 3}
    deliver_now(well)
    (run,) = well.runs.search()
    assert (run.name, run.status, run.params) == ("waits", "FINISHED", {"depth": 3})
    assert not well.spool.run_ids()
