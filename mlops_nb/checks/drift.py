"""Drift: whether the current data still look like the reference.

The scores, limits and verdicts are those of Evidently 0.7.23's ``DataDriftPreset`` with its
defaults, computed here from one sort of the reference's numbers, by whose cells the current ones
are sorted, or counted in a few passes (`stats.grids`), and one count of levels.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift_classifier
from mlops_nb.checks.drift_choices import Given, choose
from mlops_nb.checks.drift_columns import judge, unjudged
from mlops_nb.checks.drift_evidence import refuse_unknown, settle
from mlops_nb.checks.drift_methods import METHODS
from mlops_nb.checks.drift_profile import Profile
from mlops_nb.checks.drift_samples import Pair, StoredColumn
from mlops_nb.checks.verdicts import overall
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.nearest import suggest
from mlops_nb.core.records import Finding, Report, Status
from mlops_nb.core.words import percent, quoted

if TYPE_CHECKING:
    import pandas as pd

SHARE = "share_of_drifted_columns"
FEW = 1_000  # rows up to which false alarms are common (tests/benchmarks/false_alarms)
SMALL = 200_000  # cells up to which starting threads costs more than it saves
SMALL_BESIDE_PROFILE = 2_000_000  # the same where nothing is left to be sorted


def check(
    reference: pd.DataFrame | Profile,
    current: pd.DataFrame,
    *,
    columns: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    share: float = 0.5,
    methods: Given = None,
    thresholds: Given = None,
    types: Given = None,
    min_evidence: float = 0.0,
    correction: str = "none",
    target: str | None = None,
    prediction: str | None = None,
    multivariate: bool = False,
    auc_threshold: float = drift_classifier.THRESHOLD,
    names: tuple[str, str] = ("reference", "current"),
) -> Report:
    """Compare two frames column by column, and if asked for, all columns together.

    Parameters
    ----------
    reference, current : pandas.DataFrame
        What the data were like, and what they are like now; of any length, also different ones.
        The reference may be a profile, which saves sorting and counting it again.
    columns : iterable of str, optional
        The columns to compare; all by default. A column that only one frame has gets an
        *insufficient* finding, unless it was asked for here.
    exclude : iterable of str
        Columns to leave out.
    share : float, in [0, 1]
        The share of drifted columns from which the whole counts as drifted.
    methods, thresholds, types : mapping, texts or text, optional
        What is not to be Evidently's default, for a column, a type of columns (num, cat, text) or
        ``all``, as in ``{"temp": "ks", "cat": "psi"}`` or ``["temp=ks", "cat=psi"]``; a text alone
        is for all. Methods go by Evidently's names, thresholds are in the method's own measure,
        types (for columns only) say how a column is read.
    min_evidence : float, in [0, 1)
        The confidence of an interval for each column's distance, by which its status is then
        decided: *insufficient* where rows are too few to say (`drift_evidence` says how). 0: the
        status is Evidently's verdict.
    correction : {"none", "holm", "bh"}
        How p-values are adjusted for there being many of them. Distances, which have a threshold
        and no error rate that could be shared out, are not adjusted.
    target, prediction : str, optional
        The columns of the true and of the predicted values: their findings say so in ``role``, and
        the report's sentence says whether they drifted.
    multivariate : bool
        Whether a classifier is to try to tell the rows of the two frames apart, by the same
        columns (`drift_classifier.tell_apart`).
    auc_threshold : float, in [0.5, 1]
        The AUC of that classifier above which the whole counts as drifted; 1: it only tells.
    names : (str, str)
        What the two frames are called in notes.

    Returns
    -------
    Report
        First the finding `share_of_drifted_columns`, whose status is the report's, then one
        finding a column, the worst first; `drift_columns.judge` says what they hold. The share is
        taken over the columns that Evidently counts: where it judges none of them, over all that
        we do. It is *insufficient* while columns that could not be judged might turn it.
        With `multivariate`, last the finding `domain_classifier_auc`, which leaves the share as it
        is, and then the report fails if either of the two does.

    Raises
    ------
    InputError
        If an argument is no frame, names a column that isn't there, or is out of its range.

    Examples
    --------
    >>> import pandas as pd
    >>> old = pd.DataFrame({"age": range(100), "sex": ["f", "m"] * 50})
    >>> report = check(old, old.assign(age=old["age"] + 40))
    >>> report.status, report.summary
    ('fail', '1 of 2 columns drifted (50 %, limit 50 %): `age`')
    """
    _refuse_others(reference, current)
    drift_classifier.refuse_threshold(auc_threshold)
    if multivariate and isinstance(reference, Profile):
        hint = "give the data, or leave out --multivariate"
        raise InputError("a profile has no rows that a classifier could tell apart", hint=hint)
    refuse_unknown(min_evidence, correction, share)
    pairs = _paired(reference, current, columns, exclude, names)
    roles = roles_of([pair.name for pair in pairs], target=target, prediction=prediction)
    choices = choose(methods, thresholds, types, [pair.name for pair in pairs])

    def judged(pair: Pair) -> Finding:
        if pair.problem:
            return unjudged(pair.name, pair.problem, pair.reference, pair.current)
        return judge(
            pair.name,
            pair.reference,
            pair.current,
            choices=choices,
            confidence=min_evidence,
            names=names,
        )

    threads = _threads(reference, current, len(pairs))
    findings = settle(_each(judged, pairs, threads), min_evidence, correction)
    report = concluded(findings, roles, share, names, (len(reference), len(current)), min_evidence)
    if not multivariate:
        return report
    kinds = {found.name: found.evidence["type"] for found in findings}
    confidence = min_evidence or drift_classifier.CONFIDENCE
    return _with_classifier(
        report,
        drift_classifier.tell_apart(pairs, kinds, threshold=auc_threshold, confidence=confidence),
    )


def concluded(
    findings: list[Finding],
    roles: Mapping[str, str],
    share: float,
    names: tuple[str, str],
    rows: tuple[int, int],
    min_evidence: float,
) -> Report:
    """Make the report of what was found in each column of two tables."""
    findings = [_with_role(found, roles) for found in findings]
    findings.sort(key=severity, reverse=True)
    subject: dict[str, Any] = {
        "reference": {"name": names[0], "rows": rows[0]},
        "current": {"name": names[1], "rows": rows[1]},
        "columns": len(findings),
    }
    whole = _whole(findings, share)
    if whole.evidence["n_drifted"] and not min_evidence and min(rows) <= FEW:
        few = f"Rows: {min(rows):,}, and with so few a column may seem to drift by chance"
        subject["notes"] = [f"{few}; --min-evidence 0.95 lets an interval decide."]
    summary = whole.evidence["sentence"]
    return Report("drift", whole.status, (whole, *findings), summary=summary, subject=subject)


def columns_of(report: Report) -> list[Finding]:
    """Return the findings of single columns, the worst first."""
    return [found for found in report.findings if found.column is not None]


def _with_classifier(report: Report, found: Finding) -> Report:
    note = found.evidence.get("note", "")
    subject = report.subject
    if note:
        notes = [*subject.get("notes", ()), f"{note[0].upper()}{note[1:]}."]
        subject = {**subject, "notes": notes}
    return replace(
        report,
        status=overall([report.findings[0], found]),
        findings=(*report.findings, found),
        summary=f"{report.summary}; {found.evidence['sentence']}",
        subject=subject,
    )


def _refuse_others(reference: Any, current: Any) -> None:
    import pandas as pd

    for name, value in (("reference", reference), ("current", current)):
        if name == "reference" and isinstance(value, Profile):
            continue
        if not isinstance(value, pd.DataFrame):
            raise InputError(f"{name} must be a DataFrame, not {type(value).__name__}")


def _paired(
    reference: pd.DataFrame | Profile,
    current: pd.DataFrame,
    columns: Iterable[str] | None,
    exclude: Iterable[str],
    names: tuple[str, str],
) -> list[Pair]:
    def pair(match: Match) -> Pair:
        old, new = match.reference, match.current
        return Pair(
            match.name,
            None if old is None else _column(reference, match.name, old),
            None if new is None else current.iloc[:, new],
            match.problem,
        )

    labels = (list(reference.columns), list(current.columns))
    return [pair(match) for match in matched(*labels, columns, exclude, names)]


@dataclass(frozen=True, slots=True)
class Match:
    """Where one column stands in both tables, if it does, or what is wrong with it."""

    name: str
    reference: int | None
    current: int | None
    problem: str = ""


def matched(
    reference: Iterable[Any],
    current: Iterable[Any],
    columns: Iterable[str] | None,
    exclude: Iterable[str],
    names: tuple[str, str],
) -> list[Match]:
    """Match the columns of two tables by their names as text.

    Raises
    ------
    NotFoundError
        If a column that is wanted or to be excluded isn't there.
    """
    places = (_places(reference), _places(current))
    known = list({**places[1], **places[0]})
    wanted = known if columns is None else [str(name) for name in columns]
    left_out = {str(name) for name in exclude}
    for name in wanted if columns is not None else ():
        for frame, held in zip(names, places, strict=True):
            if name not in held:
                raise NotFoundError(f"unknown column {name!r} in {frame}", hint=suggest(name, held))
    for name in left_out.difference(known):
        raise NotFoundError.among("column to exclude", name, known)

    def match(name: str) -> Match:
        old, new = (held.get(name, []) for held in places)
        return Match(
            name,
            old[0] if old else None,
            new[0] if new else None,
            _ambiguity(names[0], old) or _ambiguity(names[1], new),
        )

    return [match(name) for name in dict.fromkeys(wanted) if name not in left_out]


def roles_of(known: list[str], **columns: str | None) -> dict[str, str]:
    """Return the role of a column by its name."""
    roles = {str(column): role for role, column in columns.items() if column is not None}
    for column, role in roles.items():
        if column not in known:
            raise NotFoundError.among(f"{role} column", column, known)
    return roles


def _with_role(found: Finding, roles: Mapping[str, str]) -> Finding:
    if found.name not in roles:
        return found
    return replace(found, evidence={**found.evidence, "role": roles[found.name]})


def _ambiguity(frame: str, places: list[int]) -> str:
    return f"{frame} has {len(places)} columns of this name" if len(places) > 1 else ""


def _column(frame: pd.DataFrame | Profile, name: str, place: int) -> pd.Series[Any] | StoredColumn:
    return frame.columns[name] if isinstance(frame, Profile) else frame.iloc[:, place]


def _places(labels: Iterable[Any]) -> dict[str, list[int]]:
    """Return where each column stands, by its name as text; names may occur more than once."""
    places: dict[str, list[int]] = {}
    for position, label in enumerate(labels):
        places.setdefault(str(label), []).append(position)
    return places


def _threads(reference: pd.DataFrame | Profile, current: pd.DataFrame, columns: int) -> int:
    if isinstance(reference, Profile):
        return 1 if columns * len(current) <= SMALL_BESIDE_PROFILE else 2
    return 1 if columns * (len(reference) + len(current)) <= SMALL else 2


def _each(judged: Callable[[Pair], Finding], pairs: list[Pair], threads: int) -> list[Finding]:
    from concurrent.futures import ThreadPoolExecutor

    # Filters are the whole process's, so they are set here and not in the threads.
    with warnings.catch_warnings():
        for message in _KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        if threads == 1:
            return [judged(pair) for pair in pairs]
        # numpy sorts without the interpreter's lock, but each of its calls waits for it again.
        with ThreadPoolExecutor(max_workers=min(threads, os.cpu_count() or 1)) as pool:
            return list(pool.map(judged, pairs))


_KNOWN_WARNINGS = (  # of fallbacks that Evidently takes too, or of what a finding says
    "ks_2samp: Exact calculation unsuccessful",
    "Maximum number of iteration reached",
    "Precision loss occurred in moment calculation",
    "Estimated covariance matrix does not have full rank",
    "One or more sample arguments is too small",
    "invalid value encountered in scalar",
)


def severity(finding: Finding) -> tuple[int, float]:
    """Return how bad a column's finding is, for sorting: its group, then score against limit."""
    if finding.value is None:
        return (2 if finding.status == "insufficient" else 0), 0.0
    group = {"fail": 3, "insufficient": 2, "pass": 1}[finding.status]
    value, limit = finding.value, finding.limit
    if not METHODS[finding.evidence["method"]].is_p_value:
        return group, value / limit if limit else math.inf
    # How many times over, counted in decimals: 0.0025 is twice as bad as a limit of 0.05.
    return group, math.log(value or 1e-320) / math.log(limit) if 0 < limit < 1 else 1 - value


def _whole(findings: list[Finding], share: float) -> Finding:
    counted = [f for f in findings if f.evidence["counted"]]
    beside = [f for f in findings if not f.evidence["counted"] and f.value is not None]
    if not counted:
        counted, beside = [f for f in findings if f.value is not None], []
    drifted = [f for f in counted if f.status == "fail"]
    unjudged_ones = [f for f in counted if f.status == "insufficient"]
    value = len(drifted) / len(counted) if counted else None
    most = (len(drifted) + len(unjudged_ones)) / len(counted) if counted else 1.0
    status: Status = "pass" if most < share else "insufficient"
    if value is not None and value >= share:
        status = "fail"
    evidence: dict[str, Any] = {
        "drifted": _drifted(counted, share),
        "n_columns": len(counted),
        "n_drifted": len(drifted),
        "n_insufficient": len(unjudged_ones),
        "sentence": _sentence(drifted, len(counted), share),
    }
    notes = list(_notes(findings, unjudged_ones, beside))
    if notes:
        evidence["note"] = "; ".join(notes)
        evidence["sentence"] += "; " + evidence["note"]
    return Finding(SHARE, None, value, share, status, evidence)


def _drifted(counted: list[Finding], share: float) -> bool | None:
    """Return Evidently's verdict; None where columns without a score might turn it."""
    alarms = [f.evidence["drifted"] for f in counted]
    if counted and alarms.count(True) / len(counted) >= share:
        return True
    most = alarms.count(True) + alarms.count(None)
    return False if counted and most / len(counted) < share else None


def _sentence(drifted: list[Finding], n: int, share: float) -> str:
    if not n:
        return "there is no column that can be compared"
    text = f"{len(drifted):,} of {n:,} {'column' if n == 1 else 'columns'} drifted"
    text += f" ({percent(len(drifted) / n)}, limit {percent(share)})"
    if not drifted:
        return text
    shown = ", ".join(quoted(f.name) for f in drifted[:3])
    return f"{text}: {'most ' if drifted[3:] else ''}{shown}"


def _notes(
    findings: list[Finding], unjudged_ones: list[Finding], beside: list[Finding]
) -> Iterator[str]:
    for found in findings:
        if "role" in found.evidence:
            verdicts = {"fail": "drifted", "pass": "did not drift"}
            verdict = verdicts.get(found.status, "can't be judged")
            yield f"the {found.evidence['role']} {quoted(found.name)} {verdict}"
    close = sum("bounds" in f.evidence and f.evidence["drifted"] is None for f in unjudged_ones)
    few = sum(f.value is not None for f in unjudged_ones) - close
    if len(unjudged_ones) > few + close:
        yield f"{len(unjudged_ones) - few - close:,} can't be judged"
    lost = [f for f in findings if f.status == "insufficient" and not f.evidence["counted"]]
    if lost:
        shown = ", ".join(quoted(f.name) for f in lost[:3]) + (", …" if lost[3:] else "")
        yield f"{len(lost):,} more, not counted, can't be judged: {shown}"
    if close:
        yield f"{close:,} {'is' if close == 1 else 'are'} too close to the limit to say"
    if few:
        yield f"{few:,} {'has' if few == 1 else 'have'} too few rows to say"
    if beside:
        drifted = sum(f.status == "fail" for f in beside)
        yield (
            f"{drifted:,} of {len(beside):,} drifted that Evidently would pass over "
            "and that are not counted"
        )
    passed = sum(f.value is None and f.status == "pass" for f in findings)
    if passed:
        yield f"{passed:,} passed over"
