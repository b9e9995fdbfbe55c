"""The gate lets a version through only if everything it rests on passed."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.core.config import GateConfig
from mlops_nb.core.errors import NotFoundError
from mlops_nb.core.records import Finding, ModelVersion, Report, Status, now
from mlops_nb.release.judge import judge

CHAMPION = ModelVersion("credit", 2)
GAIN = Finding("roc_auc_gain", value=0.02, limit=0.0, evidence={"interval": [0.01, 0.03]})
STATUSES: list[Status] = ["pass", "fail", "insufficient"]


def report(kind: str, status: Status, second: int = 0, **subject: object) -> Report:
    findings = (Finding("checked", "age", 1, 0, status),)
    at = now() + timedelta(seconds=second)
    return Report(kind, status, findings, created_at=at, summary=f"{kind}!", subject=subject)


def gate(
    *reports: Report,
    require: tuple[str, ...] = ("quality",),
    allow: tuple[str, ...] = (),
    comparison: Finding | None = GAIN,
    champion: ModelVersion | None = CHAMPION,
) -> Report:
    policy = GateConfig(require=list(require), allow_insufficient=list(allow))
    return judge(
        policy,
        reports=reports,
        comparison=comparison,
        champion=champion,
        model="credit",
        version=3,
    )


@given(st.lists(st.sampled_from(STATUSES), min_size=3, max_size=3), st.sampled_from(STATUSES))
def test_it_passes_only_if_all_passed(statuses: list[Status], gained: Status) -> None:
    kinds = ("quality", "fairness", "performance")
    verdict = gate(
        *(report(kind, status) for kind, status in zip(kinds, statuses, strict=True)),
        require=kinds,
        comparison=Finding("roc_auc_gain", status=gained),
    )
    everything = {*statuses, gained}
    assert (verdict.status == "pass") == (everything == {"pass"})
    assert (verdict.status == "fail") == ("fail" in everything)
    assert [f.status for f in verdict.findings] == [*statuses, gained]


def test_the_verdict_says_what_it_rests_on() -> None:
    verdict = gate(report("quality", "fail"), require=("quality", "fairness"))
    quality, fairness, gain = verdict.findings
    assert (quality.value, quality.limit) == ("fail", "pass")
    assert quality.evidence["blocking"] == ["checked of age"]
    assert fairness.status == "insufficient"
    assert "make one with `fairness`" in fairness.evidence["note"]
    assert gain == GAIN
    assert verdict.summary == (
        "credit version 3 may not go live: quality failed; there is not enough evidence on fairness"
    )
    assert verdict.subject["champion"] == 2
    assert Report.from_dict(verdict.to_dict()) == verdict


def test_the_newest_report_counts() -> None:
    assert gate(report("quality", "fail", 1), report("quality", "pass", 2)).status == "pass"
    assert gate(report("quality", "pass", 1), report("quality", "fail", 2)).status == "fail"


def test_of_one_millisecond_the_first_given_counts() -> None:
    at = now()
    passed, failed = (Report("quality", status, created_at=at) for status in ("pass", "fail"))
    assert gate(failed, passed).status == "fail"
    assert gate(passed, failed).status == "pass"


def test_a_pass_for_one_sensitive_feature_does_not_cover_a_fail_for_another() -> None:
    by_sex = report("fairness", "fail", 1, sensitive=["sex"])
    by_age = report("fairness", "pass", 2, sensitive=["age"])
    verdict = gate(by_sex, by_age, require=("fairness",))
    assert verdict.status == "fail"
    assert [f.label for f in verdict.findings[:2]] == ["fairness of age", "fairness of sex"]
    repaired = report("fairness", "pass", 3, sensitive=["sex"])
    assert gate(by_sex, by_age, repaired, require=("fairness",)).status == "pass"


def test_a_policy_may_allow_missing_evidence_but_no_failure_and_no_missing_report() -> None:
    allowed = gate(report("quality", "insufficient"), allow=("quality",))
    assert allowed.status == "pass"
    assert allowed.findings[0].value == "insufficient"
    assert "the policy allows" in allowed.findings[0].evidence["note"]
    assert gate(report("quality", "fail"), allow=("quality",)).status == "fail"
    assert gate(allow=("quality",)).status == "insufficient"


def test_a_first_version_has_nobody_to_beat() -> None:
    verdict = gate(report("quality", "pass"), comparison=None, champion=None)
    assert verdict.status == "pass"
    assert verdict.findings[-1].evidence["note"] == "first version: no champion to beat"
    assert verdict.subject["champion"] is None


def test_a_champion_must_have_been_compared_with() -> None:
    verdict = gate(report("quality", "pass"), comparison=None)
    assert verdict.status == "insufficient"
    assert "version 2" in verdict.findings[-1].evidence["note"]


def test_a_misspelt_check_is_refused() -> None:
    with pytest.raises(NotFoundError, match="'fairnes'; did you mean 'fairness'"):
        gate(report("quality", "pass"), require=("quality", "fairnes"))
    with pytest.raises(NotFoundError, match="'drfit'; did you mean 'drift'"):
        gate(report("quality", "pass"), allow=("drfit",))


def test_a_check_of_a_later_kind_can_be_required() -> None:
    assert gate(report("robustness", "pass"), require=("robustness",)).status == "pass"
