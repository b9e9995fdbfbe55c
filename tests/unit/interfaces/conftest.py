"""What the tests of the doors share: a shell whose checks draw little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.notebooks import shell_in_process


@pytest.fixture
def quick_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell in a project of its own, whose intervals come of 100 draws."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlops.toml").write_text("[fairness]\ndraws = 100\n[performance]\ndraws = 100\n")
    with shell_in_process() as made:
        made.run_line_magic("load_ext", "mlops_nb")
        yield made
