"""A terminal of this process, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.interfaces import cli
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
