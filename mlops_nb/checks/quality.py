"""Quality: whether data are fit to be used.

Some things are looked at in any data (rows, duplicates, missing values, columns that say nothing),
some against a reference (columns, types, levels, ranges), and some because somebody expects them
(`quality_expectations`). A finding's ``evidence["severity"]`` says what its failing means: an
*error* fails the report, a *warning* is worth reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import quality_columns as columns
from mlops_nb.checks import quality_pandera
from mlops_nb.checks.quality_expectations import judge, read
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.words import plural

if TYPE_CHECKING:
    import pandas as pd


def check(
    data: pd.DataFrame,
    *,
    reference: pd.DataFrame | None = None,
    expectations: Iterable[Mapping[str, Any]] = (),
    schema: Any = None,
    name: str = "data",
    reference_name: str = "reference",
) -> Report:
    """Look at a frame, hold it against a reference and against what is expected of it.

    Parameters
    ----------
    data : pandas.DataFrame
        Of any shape: what is odd about it becomes a finding.
    reference : pandas.DataFrame, optional
        Data that are known to be good.
    expectations : iterable of mapping
        As ``[[quality.expect]]`` in `mlops.toml`: ``column``, ``check``, ``severity`` ("error"
        unless given) and the check's own settings; `quality_expectations.CHECKS` lists them.
    schema : pandera.DataFrameSchema or pandera.DataFrameModel, optional
        What pandera is to ask for besides.
    name, reference_name : str
        What the two are called in sentences.

    Returns
    -------
    Report
        *fail* where a finding of severity error fails, else *pass*. Findings are sorted: failed
        errors, failed warnings, the rest. ``evidence`` has ``severity``, ``note``, and where rows
        fail, their ``count``, ``share`` and up to five ``examples`` as text.

    Raises
    ------
    InputError
        If `data` is no frame, or an expectation has an unknown check or setting. A column that an
        expectation names and the data lack is a failed finding.

    Examples
    --------
    >>> import pandas as pd
    >>> adults = {"column": "age", "check": "range", "min": 18}
    >>> report = check(pd.DataFrame({"age": [31, 17, 44]}), expectations=[adults])
    >>> report.status, report.finding("range", "age").evidence["examples"]
    ('fail', ['17'])
    """
    import pandas as pd

    for what, value in ((name, data), (reference_name, reference)):
        if not isinstance(value, pd.DataFrame) and not (value is None and reference is None):
            raise InputError(f"{what} must be a DataFrame, not {type(value).__name__}")
    expected = [read(expectation) for expectation in expectations]
    findings = list(columns.look(data))
    if reference is not None:
        findings += columns.compare(data, reference, reference_name)
    findings += [judge(data, expectation) for expectation in expected]
    if schema is not None:
        findings += quality_pandera.check(data, schema)
    subject: dict[str, Any] = {"data": _subject(name, data)}
    if reference is not None:
        subject["reference"] = _subject(reference_name, reference)
    return concluded(findings, subject, (len(data), data.shape[1]))


def concluded(
    findings: list[Finding], subject: Mapping[str, Any], shape: tuple[int, int]
) -> Report:
    """Make the report of what was found in data of so many rows and columns."""
    findings = sorted(findings, key=_rank)
    failed = [found for found in findings if found.status == "fail"]
    errors = [found for found in failed if found.evidence["severity"] == "error"]
    return Report(
        "quality",
        "fail" if errors else "pass",
        tuple(findings),
        summary=_summary(shape, errors, failed[len(errors) :]),
        subject=subject,
    )


def _subject(name: str, frame: pd.DataFrame) -> dict[str, Any]:
    return {"name": name, "rows": len(frame), "columns": frame.shape[1]}


def _rank(found: Finding) -> tuple[bool, bool]:
    return found.status != "fail", found.evidence["severity"] != "error"


def _summary(shape: tuple[int, int], errors: list[Finding], warnings: list[Finding]) -> str:
    size = f"{plural(shape[0], 'row')} × {plural(shape[1], 'column')}"
    if not errors and not warnings:
        return f"{size}: nothing found"
    counts = [
        f"{len(found):,} {word}{'' if len(found) == 1 else 's'}"
        for found, word in ((errors, "error"), (warnings, "warning"))
        if found
    ]
    first = (errors + warnings)[0].evidence["note"]
    return f"{size}: {' and '.join(counts)}, first: {first}"
