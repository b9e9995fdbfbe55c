"""The frozen records that rooms take and return. They hold facts; they don't draw, open or save.

Every record has ``to_dict`` (the JSON of every door); those that are stored have ``from_dict``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from mlops_nb.core.strict_json import parse_instant, plain

if TYPE_CHECKING:
    from mlops_nb.core.cell_records import HiddenState, History

Status = Literal["pass", "fail", "insufficient"]
RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED", "LOST"]

EXIT_CODES: Mapping[str, int] = {"pass": 0, "fail": 1, "insufficient": 3}


def now() -> datetime:
    """Return the present instant, in UTC."""
    return datetime.now(UTC)


def _to_millisecond(instant: datetime) -> datetime:
    """Cut an instant as its JSON does, so that a record equals what is read back from it."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


class Record:
    """What all records share: their plain dictionary."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as strict-JSON values, field by field."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Finding(Record):
    """One thing that a check looked at: a value, its limit, and what may be concluded.

    Parameters
    ----------
    name : str
        The metric, test or expectation, under its field's standard name.
    column : str or None
        The column it is about; None where it is about the whole.
    value : float, int, str, bool or None
        What was found.
    limit : float, int, str, bool or None
        What it was held against; None makes the finding informative (status *pass*).
    status : {"pass", "fail", "insufficient"}
    evidence : mapping
        What supports the judgement: method, counts, interval, groups, a `note` to read,
        `histogram` data to draw. Keys are documented by each check.
    """

    name: str
    column: str | None = None
    value: Any = None
    limit: Any = None
    status: Status = "pass"
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The finding's short name for a sentence."""
        if self.column is None or self.column == self.name:
            return self.name
        return f"{self.name} of {self.column}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a finding that `to_dict` wrote."""
        return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})


@dataclass(frozen=True, slots=True)
class Report(Record):
    """The result of every check: a status and the findings it rests on.

    Parameters
    ----------
    kind : str
        "quality", "drift", "fairness", "performance", "gate", ...
    status : {"pass", "fail", "insufficient"}
    findings : tuple of Finding
    created_at : datetime
    summary : str
        The sentence that a colleague would say.
    subject : mapping
        What was looked at: names and row counts of the data, label, sensitive features, settings.

    Examples
    --------
    >>> report = Report("drift", "pass", (Finding("age", "age", 0.02, 0.1),))
    >>> Report.from_dict(report.to_dict()) == report
    True
    """

    kind: str
    status: Status
    findings: tuple[Finding, ...] = ()
    created_at: datetime = field(default_factory=now)
    summary: str = ""
    subject: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "created_at", _to_millisecond(self.created_at))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a report that `to_dict` wrote."""
        return cls(
            kind=data["kind"],
            status=data["status"],
            findings=tuple(Finding.from_dict(item) for item in data["findings"]),
            created_at=parse_instant(data["created_at"]),
            summary=data.get("summary", ""),
            subject=data.get("subject", {}),
        )

    def finding(self, name: str, column: str | None = None) -> Finding:
        """Return the finding of that name (and column).

        Raises
        ------
        KeyError
            If there is none.
        """
        for found in self.findings:
            if found.name == name and (column is None or found.column == column):
                return found
        raise KeyError(name if column is None else (name, column))

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 3 insufficient."""
        return EXIT_CODES[self.status]


@dataclass(frozen=True, slots=True)
class CellRecord(Record):
    """One executed cell of a tracked notebook.

    `outcome` is "ok", "error", "interrupted", or "before" for a cell that ran before tracking
    began. `duration_s` and `memory_growth_bytes` are None where they were not measured.
    `output` is the beginning of what it showed as text, `output_length` how many letters that was
    in all, `output_hash` the hash of all of it; None where that was not recorded. `position` among
    the notebook's code cells, from 0, and `out_of_order` are filled by `show`, where known.
    """

    index: int
    source: str
    started_at: datetime | None
    duration_s: float | None
    outcome: str
    error: str | None = None
    execution_count: int | None = None
    memory_growth_bytes: int | None = None
    cell_id: str | None = None
    run_id: str | None = None
    output: str | None = None
    output_length: int | None = None
    output_hash: str | None = None
    position: int | None = None
    out_of_order: bool | None = None


@dataclass(frozen=True, slots=True)
class Run(Record):
    """One tracked execution. `cells` and `reports` are filled by `show`, not by `runs`."""

    run_id: str
    name: str
    status: RunStatus
    started_at: datetime
    mlflow_run_id: str | None = None
    parent_id: str | None = None
    reason: str | None = None
    notebook: str | None = None
    ended_at: datetime | None = None
    experiment: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end, 0 if the clock was set back; None while it runs."""
        if self.ended_at is None:
            return None
        return max((self.ended_at - self.started_at).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class RunDetails(Record):
    """A run with what belongs to it; `histories` are of metrics with several steps, by name."""

    run: Run
    cells: tuple[CellRecord, ...] = ()
    reports: tuple[Report, ...] = ()
    children: tuple[Run, ...] = ()
    artifacts: tuple[str, ...] = ()
    hidden_state: tuple[HiddenState, ...] = ()
    histories: Mapping[str, History] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the run's own fields, with the rest beside them."""
        whole = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        return {**whole.pop("run"), **whole}


@dataclass(frozen=True, slots=True)
class ModelVersion(Record):
    """One version of a registered model."""

    name: str
    version: int
    aliases: tuple[str, ...] = ()
    run_id: str | None = None
    mlflow_run_id: str | None = None
    created_at: datetime | None = None
    source: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class Promotion(Record):
    """An alias that was moved, and on what evidence."""

    name: str
    version: int
    alias: str
    previous_version: int | None
    actor: str
    reason: str
    created_at: datetime = field(default_factory=now)
    gate: Report | None = None
    forced: bool = False

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a promotion that `to_dict` wrote."""
        kept = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        gate = None if data.get("gate") is None else Report.from_dict(data["gate"])
        return cls(**{**kept, "created_at": parse_instant(data["created_at"]), "gate": gate})


@dataclass(frozen=True, slots=True)
class AuditEntry(Record):
    """One line of the audit trail: who did what to what, and the evidence."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    body: Mapping[str, Any] = field(default_factory=dict)


JobRunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED", "LOST", "SKIPPED"]
Trigger = Literal["schedule", "manual"]


@dataclass(frozen=True, slots=True)
class JobModel(Record):
    """The model version that a job's run made, and the alias that the gate gave it, if any."""

    name: str
    version: int
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class JobRun(Record):
    """One run of a job, or one that was due and had to be skipped.

    Parameters
    ----------
    id : str
        The job's name and the due time: what tells this run from all others.
    job : str
    due_at : datetime
    trigger : {"schedule", "manual"}
    status : str
        That of its run, or "SKIPPED". FINISHED means that the notebook was done; what its model
        is worth says `gate`.
    reason : str or None
        One line on why it was not, or why the model was held.
    run_id : str or None
        Its run; None where none was opened.
    gate : {"pass", "fail", "insufficient"} or None
    model : JobModel or None
    started_at, ended_at : datetime or None
    """

    id: str
    job: str
    due_at: datetime
    trigger: Trigger
    status: JobRunStatus
    reason: str | None = None
    run_id: str | None = None
    gate: Status | None = None
    model: JobModel | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("due_at", "started_at", "ended_at"):
            instant = getattr(self, name)
            if instant is not None:
                object.__setattr__(self, name, _to_millisecond(instant))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a job run that `to_dict` wrote."""
        kept = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name in ("due_at", "started_at", "ended_at"):
            kept[name] = parse_instant(data[name]) if data.get(name) else None
        return cls(**{**kept, "model": JobModel(**data["model"]) if data.get("model") else None})


@dataclass(frozen=True, slots=True)
class Job(Record):
    """A notebook that retrains by itself.

    Parameters
    ----------
    name : str
    notebook : str
        The source notebook's path; the job runs the snapshot of it, in its folder.
    snapshot : str
        The snapshot's hash.
    cron : str or None
        When it is due; None for a job that is only started by hand.
    timezone : str
        The IANA time zone in which `cron` is read.
    parameters : mapping
    quality : str or None
        Data whose quality must pass before the notebook runs.
    model : str or None
        The registered model that it retrains; None for whatever its notebook registers.
    data, label, sensitive : str or None, str or None, tuple of str
        What its new version is judged on, where the notebook doesn't judge it itself.
    created_at : datetime
    paused : bool
    schedule : str
        `cron` in words.
    next_at : datetime or None
    last : JobRun or None
    """

    name: str
    notebook: str
    snapshot: str
    cron: str | None = None
    timezone: str = "UTC"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    quality: str | None = None
    model: str | None = None
    data: str | None = None
    label: str | None = None
    sensitive: tuple[str, ...] = ()
    created_at: datetime = field(default_factory=now)
    paused: bool = False
    schedule: str = ""
    next_at: datetime | None = None
    last: JobRun | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "created_at", _to_millisecond(self.created_at))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a job that `to_dict` wrote; what is found out anew each time is left out."""
        kept = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        at, sensitive = parse_instant(data["created_at"]), tuple(data.get("sensitive", ()))
        new = {"created_at": at, "sensitive": sensitive, "next_at": None, "last": None}
        return cls(**{**kept, **new})


@dataclass(frozen=True, slots=True)
class JobDetails(Record):
    """A job with its next times and its last runs."""

    job: Job
    next: tuple[datetime, ...] = ()
    runs: tuple[JobRun, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the job's own fields, with the rest beside them."""
        whole = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        return {**whole.pop("job"), **whole}


@dataclass(frozen=True, slots=True)
class DueTime(Record):
    """A time at which a job is due; `local` is it on the clocks of the job's time zone."""

    job: str | None
    due_at: datetime
    local: str


@dataclass(frozen=True, slots=True)
class ProjectStatus(Record):
    """What a project holds, and what needs attention."""

    project: str
    root: str
    tracking_uri: str
    experiment: str
    runs: int
    running: tuple[Run, ...] = ()
    latest: Run | None = None
    models: tuple[ModelVersion, ...] = ()
    jobs: tuple[Job, ...] = ()
    scheduler: bool = False
    undelivered: int = 0
    attention: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice(Record):
    """One thing that was done, for a verb with nothing else to return."""

    message: str
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoResult(Record):
    """What one run of the demo came to."""

    status: RunStatus
    run_id: str
    project: str
    notebook: str
    metrics: Mapping[str, float]
    reports: tuple[Report, ...]
    gate: Status | None
    model: ModelVersion | None
    source_notebook: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the summary's JSON, reports and model by their main fields only."""
        model = self.model
        return {
            "status": self.status,
            "run_id": self.run_id,
            "project": self.project,
            "notebook": self.notebook,
            "metrics": plain(self.metrics),
            "reports": [{"kind": r.kind, "status": r.status} for r in self.reports],
            "gate": self.gate,
            "model": None
            if model is None
            else {
                "name": model.name,
                "version": model.version,
                "alias": model.aliases[0] if model.aliases else None,
            },
            "seconds": round(self.seconds, 2),
        }
