"""The gate: may this version go live? A pure function of a policy and of evidence that exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mlops_nb.core.config import GateConfig
from mlops_nb.core.errors import NotFoundError
from mlops_nb.core.latest import groups_of, latest, worst
from mlops_nb.core.records import Finding, ModelVersion, Report, Status
from mlops_nb.core.strict_json import instant

CHECKS = ("quality", "drift", "fairness", "performance")


def judge(
    policy: GateConfig,
    *,
    reports: Sequence[Report],
    comparison: Finding | None,
    champion: ModelVersion | None,
    model: str,
    version: int | None = None,
) -> Report:
    """Judge whether a version may take the champion's place.

    Each check that the policy requires is one finding, by its newest report; where it was made for
    several sensitive features, by the newest for each, all of which must pass. The comparison with
    the champion is the last finding. One that fails makes the gate fail; else one without enough
    evidence makes it insufficient. Only pass lets a version through.

    Parameters
    ----------
    policy : GateConfig
    reports : sequence of Report
        What was found about the version; kinds that are not required are passed over.
    comparison : Finding or None
        The gain over the champion on the same data, judged already; None if nobody compared.
    champion : ModelVersion or None
        The version that is live; None makes this the first.
    model : str
        The registered model's name.
    version : int, optional
        The version that is judged; with it the verdict holds for no other.

    Returns
    -------
    Report
        Of kind "gate". `subject` says which model, version and champion it is about.

    Raises
    ------
    NotFoundError
        If the policy requires a check that does not exist.

    Examples
    --------
    >>> policy = GateConfig(require=["quality"])
    >>> gate = judge(policy, reports=[Report("quality", "pass")], comparison=None, champion=None,
    ...              model="credit")
    >>> gate.status, [finding.name for finding in gate.findings]
    ('pass', ['quality', 'roc_auc_gain'])
    """
    _refuse_unknown(policy, reports)
    findings = [
        finding
        for kind in dict.fromkeys(policy.require)
        for finding in _required(kind, reports, allowed=kind in policy.allow_insufficient)
    ]
    findings.append(_compared(policy, comparison, champion))
    status = worst(finding.status for finding in findings)
    return Report(
        kind="gate",
        status=status,
        findings=tuple(findings),
        summary=_sentence(status, findings, _named(model, version)),
        subject={
            "model": model,
            "version": version,
            "alias": policy.champion_alias,
            "champion": None if champion is None else champion.version,
            "metric": policy.metric,
            "min_gain": policy.min_gain,
            "require": list(policy.require),
            "allow_insufficient": list(policy.allow_insufficient),
        },
    )


def _refuse_unknown(policy: GateConfig, reports: Sequence[Report]) -> None:
    known = {*CHECKS, *(report.kind for report in reports)}
    for kind in (*policy.require, *policy.allow_insufficient):
        if kind not in known:
            raise NotFoundError.among("check in [gate]", kind, sorted(known))


def _required(kind: str, reports: Sequence[Report], *, allowed: bool) -> list[Finding]:
    newest = latest((report for report in reports if report.kind == kind), groups_of)
    if not newest:
        note = f"there is no {kind} report on this run: make one with `{kind}`"
        return [Finding(kind, limit="pass", status="insufficient", evidence={"note": note})]
    return [_passed(report, allowed=allowed, several=len(newest) > 1) for report in newest]


def _passed(report: Report, *, allowed: bool, several: bool) -> Finding:
    evidence: dict[str, Any] = {
        "summary": report.summary,
        "created_at": instant(report.created_at),
        "blocking": [finding.label for finding in report.findings if finding.status != "pass"],
    }
    status: Status = report.status
    if status == "insufficient" and allowed:
        status = "pass"
        evidence["note"] = "not enough evidence, which the policy allows for this check"
    return Finding(
        report.kind,
        column=" × ".join(groups_of(report)[1]) if several else None,
        value=report.status,
        limit="pass",
        status=status,
        evidence=evidence,
    )


def _compared(
    policy: GateConfig, comparison: Finding | None, champion: ModelVersion | None
) -> Finding:
    name = f"{policy.metric}_gain"
    if champion is None:
        return Finding(name, evidence={"note": "first version: no champion to beat"})
    if comparison is None:
        note = (
            f"it was not compared with version {champion.version}, the champion, on the same data"
        )
        return Finding(name, limit=policy.min_gain, status="insufficient", evidence={"note": note})
    return comparison


def _sentence(status: Status, findings: Sequence[Finding], name: str) -> str:
    if status == "pass":
        return f"{name} may go live: {_list(f.label for f in findings)} passed"
    failed = _list(f.label for f in findings if f.status == "fail")
    unknown = _list(f.label for f in findings if f.status == "insufficient")
    reasons = [f"{failed} failed"] if failed else []
    reasons += [f"there is not enough evidence on {unknown}"] if unknown else []
    return f"{name} may not go live: {'; '.join(reasons)}"


def _named(model: str, version: int | None) -> str:
    return model if version is None else f"{model} version {version}"


def _list(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last
