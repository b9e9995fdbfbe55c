"""Records as panels: self-contained HTML without a script, and the same as plain text.

Nothing else in the house draws. A panel is at most 100 kB, has no script, style sheet or
reference to the outside, and shows what people wrote (names of columns, errors, tags) escaped
and shortened; its text twin says the same in at most a hundred columns.

>>> from mlops_nb import panels
>>> from mlops_nb.core.records import Notice
>>> print(panels.text(Notice("project made", hint="type `mlops demo`")))
project made
<BLANKLINE>
→ type `mlops demo`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlops_nb.panels.blocks import Block

LIMIT_BYTES = 100_000

# Which function draws which record, by name: neither is imported before it is needed.
_ONE = {
    "Report": "reports.report",
    "Run": "runs.run",
    "RunDetails": "runs.details",
    "ModelVersion": "models.version",
    "Promotion": "models.promotion",
    "Mitigation": "models.mitigation",
    "ProjectStatus": "project.status",
    "Notice": "project.notice",
    "DemoResult": "project.demo",
    "Job": "jobs.job",
    "JobDetails": "jobs.details",
    "JobRun": "jobs.run",
    "DataVersion": "datasets.version",
    "DataDiff": "datasets.difference",
    "RunDiff": "differences.difference",
    "Replay": "replays.replay",
}
_MANY = {
    "Report": "reports.reports",
    "Run": "runs.runs",
    "ModelVersion": "models.versions",
    "Promotion": "models.promotions",
    "Job": "jobs.jobs",
    "JobRun": "jobs.runs",
    "DueTime": "jobs.due_times",
    "DataVersion": "datasets.versions",
}
_RECORDS = (
    "mlops_nb.core.records",
    "mlops_nb.core.data_records",
    "mlops_nb.core.replay_records",
    "mlops_nb.core.diff_records",
    "mlops_nb.core.mitigation_records",
)
# Rows of a table, tried in turn until the panel is small enough.
_ROWS = (50, 40, 30, 20, 10, 4)
_ALL_ROWS = 1_000_000


def html(record: Any, *, of: type | None = None) -> str:
    """Draw a record, or a list of records of one type as a table, as HTML.

    Parameters
    ----------
    record : record, or list or tuple of records
    of : type, optional
        What an empty list is a list of, so that it can say what to do next.

    Returns
    -------
    str
        One element, at most 100,000 bytes in UTF-8; a long table shows its first (a report its
        worst) rows and says so.

    Raises
    ------
    TypeError
        If there is no panel for a record of that type.

    Examples
    --------
    >>> from mlops_nb.core.records import Notice
    >>> "&lt;b&gt;" in html(Notice("a <b> in a name"))
    True
    """
    from mlops_nb.panels import markup

    build = _builder(record, of)
    for rows in _ROWS:
        drawn = markup.draw(build(rows))
        if len(drawn.encode()) <= LIMIT_BYTES:
            break
    return drawn


def text(record: Any, *, of: type | None = None) -> str:
    """Draw a record, or a list of records of one type as a table, as plain text.

    Takes and raises what `html` does. Lines are at most 100 columns wide; a list is whole.

    Examples
    --------
    >>> text([])
    'Nothing here yet: `mlops status` says what the project holds.'
    """
    from mlops_nb.panels import lines

    many = isinstance(record, list | tuple)
    return lines.draw(_builder(record, of)(_ALL_ROWS if many else _ROWS[0]))


def page(record: Any, *, title: str, of: type | None = None) -> str:
    """Draw a record as a whole HTML document, for a file or a sandboxed frame.

    It follows the reader's light or dark scheme, and its content security policy lets nothing
    run or load. Takes and raises what `html` does.

    Examples
    --------
    >>> from mlops_nb.core.records import Notice
    >>> page(Notice("done"), title="A & B").count("<title>A &amp; B</title>")
    1
    """
    from mlops_nb.panels import document

    return document.wrap(html(record, of=of), title)


def _builder(record: Any, of: type | None) -> Callable[[int], Sequence[Block]]:
    if not isinstance(record, list | tuple):
        draw = _function(_ONE, type(record), "a record")
        return lambda rows: draw(record, rows)
    kinds = {type(item) for item in record}
    if len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise TypeError(f"a panel of a list shows records of one type, not of {names}")
    if not kinds:
        return lambda _: _nothing(of)
    draw_all = _function(_MANY, kinds.pop(), "a list of records")
    return lambda rows: draw_all(record, rows)


def _function(table: dict[str, str], kind: type, noun: str) -> Callable[[Any, int], Any]:
    for base in kind.__mro__:
        if base.__module__ in _RECORDS and base.__name__ in table:
            from importlib import import_module

            module, function = table[base.__name__].split(".")
            draw: Callable[[Any, int], Any] = getattr(
                import_module(f"{__name__}.{module}"), function
            )
            return draw
    raise TypeError(
        f"there is no panel for {noun} of type {kind.__name__}; there is one for {', '.join(table)}"
    )


def _nothing(of: type | None) -> Sequence[Block]:
    from mlops_nb.panels.blocks import Paragraph

    said = {
        "Run": "No runs yet: type `%mlops track` in a notebook, or `mlops run NOTEBOOK`.",
        "ModelVersion": "No models yet: type `%mlops register` with a run and a name.",
        "Report": "No checks yet: type `%mlops quality`, `drift`, `fairness` or `performance`.",
        "Job": "No jobs yet: `mlops jobs add NAME NOTEBOOK --cron …` schedules a notebook.",
        "JobRun": "No job has run yet: `mlops jobs run NAME` runs one now.",
        "DataVersion": "No datasets yet: `mlops data snapshot NAME SOURCE` keeps a version of one.",
        "DueTime": "Nothing is due: no job has a schedule, or all are paused.",
        "Promotion": "Nothing was promoted yet: type `%mlops promote` with a model's name.",
    }
    otherwise = "Nothing here yet: `mlops status` says what the project holds."
    return [Paragraph(said.get(of.__name__, otherwise) if of else otherwise)]
