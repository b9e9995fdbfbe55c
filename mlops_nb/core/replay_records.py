"""The frozen records of a replay: whether a run could be repeated, and else what differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_nb.core.records import Record, RunStatus

ReplayEnv = Literal["same", "fresh"]
ReplayStatus = Literal["REPRODUCED", "DIFFERS"]
InputKind = Literal["parameter", "data", "package", "code", "seed"]


@dataclass(frozen=True, slots=True)
class ReplayedMetric(Record):
    """A metric in the run and in its replay; None where it was not logged.

    `same` is within the tolerance. One that is a duration by its name is not `judged`.
    """

    name: str
    before: float | None
    after: float | None
    same: bool
    judged: bool = True


@dataclass(frozen=True, slots=True)
class ChangedInput(Record):
    """Something that went in, and was not the same; None where it was not there."""

    kind: InputKind
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class DifferingCell(Record):
    """The first cell that came to something else.

    `position` is its number among the cells that were run, from 1; `before` and `after` are what
    it showed, without ids, times and addresses, from the first line that differs.
    """

    position: int
    source: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replay(Record):
    """A run that was executed again.

    Parameters
    ----------
    status : {"REPRODUCED", "DIFFERS"}
    run_id : str
        The run that was replayed.
    replay_id : str
        The run that the replay is.
    run_status : str
        How the replay's run ended.
    tolerance : float
        By which metrics and numbers in outputs may differ, relative.
    summary : str
    cell : DifferingCell or None
        The first that differs.
    inputs : tuple of ChangedInput
        What went in and was not the same, whether or not it had an effect.
    metrics : tuple of ReplayedMetric
    cells : int
        How many cells were compared.
    notes : tuple of str
        What could not be compared, or made again.
    env : {"same", "fresh"}
        Whether it ran in the present environment, or in one made from the run's lock.
    """

    status: ReplayStatus
    run_id: str
    replay_id: str
    run_status: RunStatus
    tolerance: float
    summary: str = ""
    cell: DifferingCell | None = None
    inputs: tuple[ChangedInput, ...] = ()
    metrics: tuple[ReplayedMetric, ...] = ()
    cells: int = 0
    notes: tuple[str, ...] = ()
    env: ReplayEnv = "same"
