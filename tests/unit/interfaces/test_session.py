"""Cells that are recorded whatever the clock does, and however large they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from IPython.utils.capture import capture_output

from mlops_nb import panels
from mlops_nb.core.records import RunDetails, now
from mlops_nb.interfaces import session
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from mlops_nb.tracking.hidden_state import hidden_state
from tests.notebooks import shell_in_process


def test_a_clock_that_is_set_back_turns_no_duration_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Project.at(tmp_path, {}).ensure()
    jumped = now() - timedelta(hours=1)
    with locked(made.state / "writer.lock"):
        current = session.Session()
        current.track("jumping", namespace={})
        current.cell_started("x = 1")
        monkeypatch.setattr(session, "now", lambda: jumped)
        current.cell_ended(None, {})
        current.end()
    (state,) = made.spool.runs()
    assert state.cells[-1].duration_s is not None
    assert 0 <= state.cells[-1].duration_s < 600


def test_a_source_of_fifty_megabytes_is_recorded_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = Project.at(tmp_path, {}).ensure()
    source = f"text = '{'x' * 50_000_000}'; print(len(text))"
    with locked(made.state / "writer.lock"), shell_in_process() as shell, capture_output():
        for code in ("%load_ext mlops_nb", "%mlops track", source, "y = text[0]"):
            shell.run_cell(code, store_history=True)
    (state,) = made.spool.runs()
    huge = state.cells[-2]
    assert (len(huge.source), huge.output) == (len(source), "50000000\n")
    details = RunDetails(state.run, state.cells, hidden_state=hidden_state(state.cells))
    assert details.hidden_state == ()
    assert len(panels.html(details).encode()) < panels.LIMIT_BYTES
