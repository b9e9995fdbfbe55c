"""Of several reports the latest of each check counts, and of those the worst."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mlops_nb.core.latest import check_of, groups_of, latest, worst
from mlops_nb.core.records import Finding, Report, Status, now

SUBJECT: dict[str, Any] = {"name": "holdout", "rows": 9, "label": "y", "sensitive": ["SEX"]}


def made(kind: str, status: Status, at: int = 0, names: str = "a", **subject: Any) -> Report:
    findings = tuple(Finding(name) for name in names)
    return Report(kind, status, findings, now() + timedelta(seconds=at), subject=subject)


@pytest.mark.parametrize(
    "other",
    [
        {"sensitive": ["EDUCATION"]},
        {"sensitive": ["SEX", "EDUCATION"]},
        {"name": "train"},
        {"label": "z"},
        {"prediction": "p"},
        {"positive": 0},
        {"control": ["AGE"]},
        {"model": "forest"},
    ],
)
def test_another_subject_is_another_check(other: dict[str, Any]) -> None:
    first = made("fairness", "fail", **SUBJECT)
    assert check_of(first) != check_of(made("fairness", "pass", 1, **{**SUBJECT, **other}))
    again = {**SUBJECT, "rows": 7, "notes": ["9 rows"], "seed": 3}
    assert check_of(first) == check_of(made("fairness", "pass", 1, **again))


def test_what_was_asked_is_part_of_a_check_and_what_was_found_is_not() -> None:
    drift = {"reference": {"name": "old", "rows": 9}, "current": {"name": "new", "rows": 9}}
    both = [made("drift", "pass", names=names, **drift) for names in ("ab", "b")]
    assert len(latest(both)) == 2
    moved = {**drift, "current": {"name": "new", "rows": 4}}
    assert len(latest([both[0], made("drift", "fail", 1, "ba", **moved)])) == 1
    data = {"data": {"name": "clients", "rows": 9}}
    repaired = [made("quality", "fail", names="ab", **data), made("quality", "pass", 1, "", **data)]
    assert [report.status for report in latest(repaired)] == ["pass"]
    versions = [made("gate", "fail", at, model="credit", version=at) for at in (1, 2)]
    assert len(latest(versions)) == 2


def test_the_latest_of_each_counts_and_the_worst_of_those() -> None:
    by_sex = made("fairness", "fail", 1, sensitive=["SEX"])
    by_education = made("fairness", "pass", 2, sensitive=["EDUCATION"])
    assert latest([by_sex, by_education]) == [by_education, by_sex]
    repaired = made("fairness", "pass", 3, sensitive=["SEX"])
    assert latest([by_sex, by_education, repaired]) == [repaired, by_education]
    assert latest([by_sex, made("fairness", "pass", 4, **SUBJECT)], groups_of) != [by_sex]
    assert worst(["pass", "insufficient", "fail"]) == "fail"
    assert worst([]) == "pass"


def test_of_one_millisecond_the_first_given_counts() -> None:
    at = now()
    failed, passed = (Report("quality", each, created_at=at) for each in ("fail", "pass"))
    assert latest([failed, passed]) == [failed]
    assert latest([passed, failed]) == [passed]
