"""A terminal of this process, in a folder of its own; a Jupyter Server for a module's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_nb.interfaces import cli
from tests.serving import Server, running_server
from tests.terminal import Command, Done


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Run commands in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Done:
        capsys.readouterr()
        code = cli.main(words)
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with our extension, in a folder of its own."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running
