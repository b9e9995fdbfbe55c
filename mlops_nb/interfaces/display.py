"""How IPython shows our records: formatters attached from outside, HTML beside plain text."""

from __future__ import annotations

from typing import Any

_RECORDS = (
    "Report",
    "Run",
    "RunDetails",
    "ModelVersion",
    "Promotion",
    "ProjectStatus",
    "Notice",
    "DemoResult",
    "Job",
    "JobDetails",
    "JobRun",
)
_MODULE = "mlops_nb.core.records"
_DATA = tuple(("mlops_nb.core.data_records", name) for name in ("DataVersion", "DataDiff"))
_DIFF = ("mlops_nb.core.diff_records", "RunDiff")
_MITIGATION = ("mlops_nb.core.mitigation_records", "Mitigation")
_REPLAY = ("mlops_nb.core.replay_records", "Replay")
_LIST = ("mlops_nb.interfaces.display", "Table")


class Table(list[Any]):
    """A list of records that shows as a table; `of` says of what, where it is empty."""

    of: type | None = None


def attach(formatter: Any) -> None:
    """Teach a display formatter our records; nothing is imported until one is shown."""
    for module, name in (
        *((_MODULE, record) for record in _RECORDS),
        *_DATA,
        _DIFF,
        _MITIGATION,
        _REPLAY,
        _LIST,
    ):
        formatter.formatters["text/html"].for_type_by_name(module, name, _html)
        formatter.formatters["text/plain"].for_type_by_name(module, name, _pretty)


def detach(formatter: Any) -> None:
    """Take out what `attach` put in."""
    ours = (_MODULE, _DATA[0][0], _DIFF[0], _MITIGATION[0], _REPLAY[0], _LIST[0])
    for mime in ("text/html", "text/plain"):
        found = formatter.formatters[mime]
        for key in [k for k in found.deferred_printers if k[0] in ours]:
            del found.deferred_printers[key]
        for kind in [k for k in found.type_printers if k.__module__ in ours]:
            del found.type_printers[kind]


def shown(result: Any, verb: str = "") -> Any:
    """Return a result in the form that is displayed: a list becomes a table."""
    if not isinstance(result, list | tuple):
        return result
    from mlops_nb.core.data_records import DataVersion
    from mlops_nb.core.records import DueTime, Job, JobRun, ModelVersion, Run

    kinds = {
        "runs": Run,
        "models": ModelVersion,
        "jobs list": Job,
        "jobs history": JobRun,
        "jobs next": DueTime,
        "data list": DataVersion,
    }
    table = Table(result)
    table.of = kinds.get(verb)
    return table


def _html(record: Any) -> str:
    from mlops_nb import panels

    return panels.html(record, of=getattr(record, "of", None))


def _pretty(record: Any, printer: Any, cycle: bool) -> None:
    from mlops_nb import panels

    printer.text("..." if cycle else panels.text(record, of=getattr(record, "of", None)))
