"""Drift over time: the current data in batches, each held against the same reference.

The reference is sorted and counted once, as a profile, for all batches. Each column is read as the
type that it has in the current data as a whole, so that a batch is read like its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift
from mlops_nb.checks.batches import Batch, Batches, split
from mlops_nb.checks.drift_choices import KINDS, together
from mlops_nb.checks.drift_methods import METHODS
from mlops_nb.checks.drift_profile import Profile, profile
from mlops_nb.core.errors import InputError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.words import number, percent, quoted

if TYPE_CHECKING:
    import pandas as pd

WORST = 3  # columns of a batch that are named
NAMED = 4  # batches that are named where no more have drifted
COURSES = 10  # columns whose scores are drawn over time

Judged = Sequence[tuple[Batch, Report]]


def check(
    reference: pd.DataFrame | Profile,
    current: pd.DataFrame,
    *,
    by: str | None = None,
    every: str | int | None = None,
    **options: Any,
) -> Report:
    """Compare all current data with the reference, and each batch of them.

    Parameters
    ----------
    reference : pandas.DataFrame or Profile
    current : pandas.DataFrame
    by, every : optional
        What makes the batches, as `batches.split` says; the column `by` is not compared.
    **options
        What `drift.check` takes; a classifier (`multivariate`) is trained on all current data only.

    Returns
    -------
    Report
        That of `drift.check` on all current data. The evidence of `share_of_drifted_columns` has
        ``over_time``, one mapping a batch: ``batch`` its label, ``rows``, ``share`` of drifted
        columns (None where none could be judged), ``status``, ``n_drifted``, ``n_columns`` and
        ``worst``, column and value of those that drifted most; and ``furthest``, the columns that
        were furthest from the reference in any batch, the worst first. That of a column has
        ``over_time``, too: ``values`` and ``statuses`` by batch, ``lower_is_further`` (p-values),
        ``furthest`` the worst batch's label (None where several are as far), its ``value``, and
        ``sentence``, the same in words.

    Raises
    ------
    InputError
        If there is no such column, no such period, or too many batches.

    Examples
    --------
    >>> import pandas as pd
    >>> old = pd.DataFrame({"age": range(100)})
    >>> new = pd.DataFrame({"age": [*range(100), *range(60, 160)], "batch": [1] * 100 + [2] * 100})
    >>> report = check(old, new, by="batch")
    >>> [(b["batch"], b["status"]) for b in report.findings[0].evidence["over_time"]]
    [('1', 'pass'), ('2', 'fail')]
    >>> report.finding("age").evidence["over_time"]["furthest"]
    '2'
    """
    batches = split(current, by, every)
    if by is not None:
        _refuse_compared(by, options)
        options["exclude"] = [*options.get("exclude", ()), by]
    report = drift.check(reference, current, **options)
    kept = reference if isinstance(reference, Profile) else profile(reference)
    # What was chosen for a column stays chosen; the roles of columns are told for the whole.
    types = together(_types(report), options.get("types"))
    # A classifier for each batch would take too long, and learn from too few rows.
    alone = {"types": types, "target": None, "prediction": None, "multivariate": False}
    one = {**options, **alone}
    judged = [(b, drift.check(kept, current.iloc[b.rows], **one)) for b in batches.each]
    return _with_batches(report, judged, by, batches)


def _refuse_compared(by: str, options: Mapping[str, Any]) -> None:
    """Refuse that what makes the batches is judged, too: within a batch it says nothing."""
    roles = [role for role in ("target", "prediction") if options.get(role) == by]
    if roles or options.get("columns") == [by]:
        noun = f"the {roles[0]}" if roles else "the only column to compare"
        raise InputError(
            f"{by!r:.80} makes the batches, and can't be {noun}", hint="go by another column"
        )


def _types(report: Report) -> dict[str, Any]:
    return {
        f.name: f.evidence["type"]
        for f in drift.columns_of(report)
        if f.value is not None and f.evidence["counted"] and f.evidence["type"] in KINDS
    }


def _with_batches(report: Report, judged: Judged, by: str | None, batches: Batches) -> Report:
    whole, columns = report.findings[0], drift.columns_of(report)
    courses = _courses(columns, judged)
    furthest = sorted(courses, key=lambda name: drift.severity(courses[name][1]), reverse=True)
    told = [_told(batch.label, found) for batch, found in judged]
    over_time = _sentence(told)
    if furthest and any(batch["worst"] for batch in told):
        over_time += f"; {courses[furthest[0]][0]['sentence']}"
    sentence = f"{whole.evidence['sentence']}; {over_time}"
    evidence = {"over_time": told, "furthest": furthest[:COURSES], "sentence": sentence}
    notes = [f"{quoted(by)} makes the batches and is not compared."] if by is not None else []
    subject = {**report.subject, "batches": len(told)}
    if notes or batches.notes:
        subject["notes"] = [*report.subject.get("notes", ()), *notes, *batches.notes]
    return replace(
        report,
        findings=(
            replace(whole, evidence={**whole.evidence, **evidence}),
            *(_with_course(finding, courses) for finding in report.findings[1:]),
        ),
        summary=f"{report.summary}; {over_time}",
        subject=subject,
    )


def _courses(
    columns: Sequence[Finding], judged: Judged
) -> dict[str, tuple[dict[str, Any], Finding]]:
    """Return by column how it went from batch to batch, and its finding in the worst one."""
    by_batch = [(batch, {f.name: f for f in drift.columns_of(found)}) for batch, found in judged]
    courses = {}
    for column in columns:
        found = [(batch, known.get(column.name, Finding(""))) for batch, known in by_batch]
        scored = [(batch, finding) for batch, finding in found if finding.value is not None]
        if not scored or not column.evidence["counted"]:
            continue
        batch, worst = max(scored, key=lambda pair: drift.severity(pair[1]))
        alike = sum(finding.value == worst.value for _, finding in scored)
        course = {
            "values": [finding.value for _, finding in found],
            "statuses": [finding.status for _, finding in found],
            "lower_is_further": METHODS[worst.evidence["method"]].is_p_value,
            "furthest": batch.label if alike == 1 else None,
            "value": worst.value,
            "sentence": _in_words(batch, worst, alike),
        }
        courses[column.name] = course, worst
    return courses


def _in_words(batch: Batch, worst: Finding, alike: int) -> str:
    """Say when a column was furthest from the reference, and how far."""
    name = quoted(worst.name)
    if alike > 1:  # p-values of many rows are 0 more than once
        score = f"a score of {number(worst.value)}"
        return f"{name} was furthest from the reference in {alike:,} batches alike, with {score}"
    text = f"{name} was furthest from the reference {batch.when}"
    if worst.status != "fail":
        return f"{text}, and had not drifted there"
    said = str(worst.evidence.get("sentence", ""))
    said = said.removeprefix(f"{name} ").removeprefix(f"{name}: ")
    return f"{text}: {said}" if said else text


def _with_course(
    finding: Finding, courses: Mapping[str, tuple[dict[str, Any], Finding]]
) -> Finding:
    if finding.column is None or finding.name not in courses:  # a classifier's has no course
        return finding
    return replace(finding, evidence={**finding.evidence, "over_time": courses[finding.name][0]})


def _told(label: str, report: Report) -> dict[str, Any]:
    whole, columns = report.findings[0], drift.columns_of(report)
    return {
        "batch": label,
        "rows": report.subject["current"]["rows"],
        "share": whole.value,
        "status": whole.status,
        "n_drifted": whole.evidence["n_drifted"],
        "n_columns": whole.evidence["n_columns"],
        "worst": [
            {"column": f.name, "value": f.value}
            for f in columns
            if f.status == "fail" and f.evidence["counted"]
        ][:WORST],
    }


def _sentence(told: list[dict[str, Any]]) -> str:
    drifted = [batch for batch in told if batch["status"] == "fail"]
    text = f"{len(drifted):,} of {len(told):,} {'batch' if len(told) == 1 else 'batches'} drifted"
    if 0 < len(drifted) <= NAMED:
        return f"{text}: {', '.join(quoted(batch['batch']) for batch in drifted)}"
    shares = [batch["share"] or 0.0 for batch in drifted]
    most = max(shares, default=0.0)
    if shares.count(most) != 1:
        return text
    return f"{text}, most {quoted(drifted[shares.index(most)]['batch'])} ({percent(most)})"
