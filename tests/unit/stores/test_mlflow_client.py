"""A server is asked whether it is there before MLflow is; its password goes nowhere else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlops_nb.core.errors import UnavailableError
from mlops_nb.stores.mlflow_client import reachable


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/mlflow/health" else 404)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing on standard error."""


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def test_a_server_whose_address_holds_a_password(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mlops_nb")
    reachable(f"http://ada:s3cret@127.0.0.1:{port}/mlflow/")
    assert f"asking the MLflow server at http://127.0.0.1:{port}/mlflow/" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("address", ["ada:s3cret@127.0.0.1:9", "ada:s3cret@localhost.invalid"])
def test_a_password_is_not_told_with_what_went_wrong(address: str) -> None:
    with pytest.raises(UnavailableError, match="does not answer") as told:
        reachable(f"http://{address}")
    assert "s3cret" not in str(told.value)
    assert "nonnumeric" not in str(told.value)
