"""The thread that attends to an execution: what it passes on, and what stops the other one."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlops_nb.core.watch import Silent
from mlops_nb.jobs.recording import Failure, Recorder, Running
from mlops_nb.jobs.session import Plan, Session


def plan(**limits: float) -> Plan:
    place = Path("a.ipynb")
    whole = {"timeout_s": 0.0, "cell_timeout_s": 0.0, **limits}
    return Plan(place, place, place, {}, {}, **whole)


def recorder(**fields: Any) -> Recorder:
    nothing = {"complete": False, "ended_by": None, "running": None, "failure": None}
    return cast("Recorder", SimpleNamespace(**{**nothing, "started_at": 1, **fields}))


def running(number: int, seconds: float) -> Running:
    return Running(number, cast("Any", None), time.monotonic() - seconds)


FAILURE = Failure(3, cast("Any", None), "ValueError", "no")


def test_everything_is_told_in_order_and_in_the_callers_thread() -> None:
    told: list[Any] = []

    class Watch(Silent):
        def progress(self, done: float, total: float, text: str = "") -> None:
            told.append((done, threading.get_ident()))

    session, done = Session(plan()), recorder(complete=True)

    def work() -> Recorder:
        for number in range(100):
            session.events.put((number, 100, ""))
        return done

    assert session.attend(work, Watch()) is done
    assert told == [(number, threading.get_ident()) for number in range(100)]


def test_what_the_work_raises_is_raised() -> None:
    def work() -> Recorder:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Session(plan()).attend(work, Silent())


def test_a_limit_names_the_cell() -> None:
    assert plan().passed(1e9, running(1, 1e9)) is None
    assert plan(timeout_s=5).passed(4, None) is None
    assert plan(timeout_s=5).passed(6, None) == "timed out after 5 s"
    assert plan(timeout_s=5).passed(6, running(2, 1)) == "timed out after 5 s in cell 2"
    assert plan(cell_timeout_s=500).passed(6, running(2, 0.4)) is None
    assert plan(cell_timeout_s=0.5).passed(6, running(2, 1)) == "cell 2 timed out after 0.5 s"


@pytest.mark.parametrize(
    ("fields", "death", "stop", "outcome"),
    [
        ({"complete": True}, None, None, ("FINISHED", None)),
        ({"complete": True}, None, "cancelled", ("FINISHED", None)),
        ({"complete": True, "ended_by": 2}, None, None, ("FINISHED", "cell 2 ended the notebook")),
        ({"failure": FAILURE}, None, None, ("FAILED", "cell 3 raised ValueError: no")),
        ({"failure": FAILURE}, None, "cancelled", ("KILLED", "cancelled")),
        ({"running": running(2, 0)}, "it died", None, ("KILLED", "it died in cell 2")),
        ({"running": running(2, 0)}, "it died", "cancelled", ("KILLED", "cancelled")),
        ({}, "it died", None, ("KILLED", "it died")),
    ],
)
def test_the_outcome_is_what_happened_first(
    fields: dict[str, Any], death: str | None, stop: str | None, outcome: tuple[str, str | None]
) -> None:
    session, recorded = Session(plan()), recorder(**fields)
    session.recorder = recorded
    if stop is not None:
        session.stop(stop)
    session.death, session.over = death, True
    # The kernel shuts down meanwhile; someone loses patience.
    session.stop("interrupted")
    assert session.outcome(recorded) == outcome


def test_an_interrupt_waits_until_the_kernel_works_on_the_cell() -> None:
    sent: list[str] = []
    session = Session(plan())
    session.kernel = cast("Any", SimpleNamespace(interrupt=lambda: sent.append("interrupt")))
    session.recorder = recorder(running=running(2, 0), is_heard=False)
    session.stop("cancelled")
    session._enforce()
    assert sent == []
    session.recorder.is_heard = True
    session._enforce()
    session._enforce()
    assert sent == ["interrupt"]
