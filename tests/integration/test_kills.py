"""A few of the trials of `tests.kills`; ``python -m tests.kills --count 100`` does the hundred."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kills import attempt
from tests.marks import imports_mlflow

pytestmark = imports_mlflow


@pytest.mark.parametrize("kind", ["kernel", "writer", "runner"])
def test_whatever_is_killed_nothing_is_lost_or_left(kind: str, tmp_path: Path) -> None:
    attempt(kind, 1, 0, tmp_path / "project")
