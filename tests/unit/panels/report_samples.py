"""Reports of every kind to draw."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mlops_nb.core.records import (
    Finding,
    Report,
)

AT = datetime(2026, 11, 23, 10, 11, 12, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>\"&\n\x1b[31m\u202e🦊\ud800 " + "a" * 10_000


def found(
    name: str,
    value: Any,
    limit: Any = None,
    status: Any = "pass",
    column: Any = None,
    **evidence: Any,
) -> Finding:
    return Finding(name, column, value, limit, status, evidence)


def histogram(shift: float, bins: int = 30) -> dict[str, Any]:
    """Return two bell-shaped histograms, the second moved by `shift` deviations."""
    at = [(i + 0.5) / bins * 8 - 4 for i in range(bins)]

    def shares(middle: float) -> list[float]:
        heights = [math.exp(-((x - middle) ** 2) / 2) * (1 + 0.1 * math.sin(9 * x)) for x in at]
        return [height / sum(heights) for height in heights]

    edges = [20 + 60 * i / bins for i in range(bins + 1)]
    return {"edges": edges, "reference": shares(0), "current": shares(shift)}


def column_drift(name: str, score: float, shift: float, bins: int = 30) -> Finding:
    drifted = score >= 0.1
    sentence = f"`{name}` moved up by {9 * shift:.1f}, {shift:.1f} standard deviations"
    return found(
        name,
        score,
        0.1,
        "fail" if drifted else "pass",
        name,
        method="Wasserstein distance (normed)",
        drifted=drifted,
        threshold=0.1,
        type="num",
        n_reference=18_000,
        n_current=12_000,
        histogram=histogram(shift, bins),
        sentence=sentence if drifted else "",
    )


ADDRESS = "drift.html#mlops-report?file=drift.html"


def drift() -> Report:
    schools = ["graduate school", "university", "high school", "others"]
    education = {
        "categories": schools,
        "reference": [0.35, 0.47, 0.16, 0.02],
        "current": [0.22, 0.51, 0.25, 0.02],
    }
    sex = {"categories": ["female", "male"], "reference": [0.6, 0.4], "current": [0.61, 0.39]}
    told = "`EDUCATION`: high school rose from 16 % to 25 %"
    passed_over = "Evidently passes over columns of type text, and so do we"
    columns = (
        column_drift("AGE", 0.412, 1.3),
        column_drift("LIMIT_BAL", 0.0312, 0.05),
        column_drift("BILL_AMT1", 0.1834, 0.6),
        column_drift("PAY_AMT1", 0.1000004, 0.3),
        column_drift("PAY_AMT2", 0.00004, 0.0),
        found("EDUCATION", 0.0021, 0.05, "fail", "EDUCATION", method="chi-square p_value",
              drifted=True, type="cat", histogram=education, sentence=told),
        found("SEX", 0.0032, 0.1, "pass", "SEX", method="Jensen-Shannon distance", drifted=False,
              type="cat", histogram=sex),
        found("joined", None, None, "insufficient", "joined", drifted=None,
              sentence="`joined` can't be judged: all its values are missing in the current data",
              note="all its values are missing in the current data"),
        found("comment", None, None, "pass", "comment", drifted=None, note=passed_over),
    )  # fmt: skip
    whole = found("share_of_drifted_columns", 0.5, 0.5, "fail", n_columns=8, n_drifted=4)
    subject = {
        "reference": {"name": "clients up to 35", "rows": 18_000},
        "current": {"name": "clients over 35", "rows": 12_000},
        "columns": len(columns),
        "evidently_report": "/home/ada/credit/drift.html",
        "evidently_address": ADDRESS,
    }
    summary = "4 of 8 columns drifted (50 %, limit 50 %): most `AGE`, `BILL_AMT1`, `PAY_AMT1`"
    return Report("drift", "fail", (whole, *columns), AT, summary, subject)


def told_apart(*importances: tuple[str, float]) -> Report:
    """Return the report of `drift` with what a domain classifier found."""
    known = [{"column": column, "drop": drop} for column, drop in importances]
    sentence = (
        "a classifier tells the current rows from the reference (AUC 0.834, limit 0.65): "
        "`AGE` and `EDUCATION` give most of it away"
    )
    classifier = found(
        "domain_classifier_auc", 0.8342, 0.65, "fail", interval=[0.8291, 0.8391],
        confidence=0.95, importances=known, sentence=sentence,
    )  # fmt: skip
    record = drift()
    return replace(
        record,
        findings=(*record.findings, classifier),
        summary=f"{record.summary}; {sentence}",
        subject={
            **record.subject,
            "notes": [
                "The classifier learned from 20,000 of 27,004 reference rows, drawn at random."
            ],
        },
    )


def wide_drift(columns: int, bins: int = 30) -> Report:
    findings = [
        column_drift(f"sensor_{i:03d}_temperature", 0.5 * (i * 37 % 100) / 100, 0.4, bins)
        for i in range(columns)
    ]
    share = sum(finding.status == "fail" for finding in findings) / columns
    whole = found("share_of_drifted_columns", share, 0.5, "fail")
    return Report("drift", "fail", (whole, *findings), AT, f"{share:.0%} of the columns drifted")


def with_intervals(report: Report, reach: float = 0.06) -> Report:
    """Return a report of drift as `--min-evidence 0.95` makes it."""
    findings = []
    for finding in report.findings:
        added: dict[str, Any] = {}
        if finding.column and finding.value is not None:
            is_p_value = str(finding.evidence["method"]).endswith("p_value")
            value = 0.08 if is_p_value else finding.value
            added = {"interval": [max(0.0, value - reach), value + reach], "confidence": 0.95}
            if is_p_value:
                beside = "total variation distance"
                added |= {"interval_of": beside, "distance": value, "distance_limit": 0.1}
        low, high = added.get("interval", (0.0, 1.0))
        unsure = added and low < 0.1 <= high and "interval_of" not in added
        evidence = {**finding.evidence, **added}
        status = "insufficient" if unsure else finding.status
        findings.append(replace(finding, status=status, evidence=evidence))
    return replace(report, findings=tuple(findings))


def quality() -> Report:
    findings = (
        found("missing_share", 0.124, 0.05, "fail", "EDUCATION", severity="error", count=3720,
              share=0.124, note="Twice as many as in January."),
        found("allowed_values", 2, 0, "fail", "MARRIAGE", severity="error", count=54, share=0.0018,
              examples=["0", "divorced?", "<none>"], note="The reference doesn't have them."),
        found("duplicate_rows", 35, 0, "fail", severity="warning", count=35, share=0.00117),
        found("row_count", 30_000, 1000, severity="error"),
        found("type", "int64", "int64", column="AGE", severity="error"),
        found("range", [21, 79], [18, 100], column="AGE", severity="error"),
    )  # fmt: skip
    summary = "2 errors and 1 warning: `EDUCATION` misses 12.4 % of its values."
    subject = {"name": "credit_default.parquet", "rows": 30_000, "columns": 24}
    return Report("quality", "fail", findings, AT, summary, subject)


def group(name: Any, counts: tuple[int, int, int], rates: tuple[Any, Any, Any]) -> dict[str, Any]:
    positives, negatives, selected = counts
    return {
        "group": name,
        "n": positives + negatives,
        "positives": positives,
        "negatives": negatives,
        "selected": selected,
        "selection_rate": rates[0],
        "true_positive_rate": rates[1],
        "false_positive_rate": rates[2],
    }


PARITY = (
    "How far apart the groups' shares of selected people are. It asks for equal shares even where "
    "the groups differ in what is predicted."
)


ODDS = "The larger of the gaps in true and false positive rates: equal errors for equal cases."


CHANCE = "The gap in true positive rates: equal chances for those who deserve it."


def fairness(narrow: float = 1.0) -> Report:
    by_sex = [
        group("female", (753, 2871, 402), (0.1109, 0.3612, 0.0453)),
        group("male", (574, 1802, 331), (0.1393, 0.4021, 0.0556)),
    ]
    shared = {"confidence": 0.95, "sensitive": ["SEX"], "groups": by_sex}
    across = "The interval reaches across the limit: more rows would decide it."
    odds = 0.1409 * narrow
    failed: Any = "fail" if narrow == 1 else "pass"
    findings = (
        found("demographic_parity_difference", 0.0284 * narrow, 0.1, "pass", None,
              interval=[0.0102 * narrow, 0.0467], metric_note=PARITY, **shared),
        found("demographic_parity_ratio", 0.7961, 0.8, "insufficient", None,
              interval=[0.691, 0.9142], metric_note=PARITY, note=across, **shared),
        found("equalized_odds_difference", odds, 0.1, failed, None,
              interval=[odds * 0.8, odds * 1.3], metric_note=ODDS, **shared),
        found("equalized_odds_ratio", 0.8147, 0.8, "insufficient", None, interval=[0.66, 0.97],
              metric_note=ODDS, note=across, **shared),
        found("equal_opportunity_difference", 0.0409, 0.1, "pass", None, interval=[0.002, 0.094],
              metric_note=CHANCE, **shared),
        found("equal_opportunity_ratio", 0.8983, 0.8, "pass", None, interval=[0.8122, 0.991],
              metric_note=CHANCE, **shared),
    )  # fmt: skip
    summary = (
        "By SEX, the model is not fair: equalized_odds_difference is 0.141 (0.113 to 0.183; limit "
        "0.1). Of those who default, 40 % of the men and 36 % of the women are found."
    )
    subject = {
        "name": "holdout",
        "rows": 6000,
        "label": "default",
        "prediction": "predicted",
        "sensitive": ["SEX"],
        "notes": ["12 rows without a SEX are left out."],
        "seed": 0,
    }
    status: Any = "fail" if narrow == 1 else "insufficient"
    return Report("fairness", status, findings, AT, summary, subject)


def small_fairness() -> Report:
    groups = [
        group(["a", "x"], (480, 510, 480), (0.485, 1.0, 0.0)),
        group("b × x", (0, 10, 0), (0.0, None, float("nan"))),
    ]
    below = found("equalized_odds_difference", 1.0, 0.1, "insufficient", interval=[0.0, 1.0],
                  confidence=0.95, sensitive=["site", "arm"], groups=groups,
                  minimum={"rows": 30, "below": ["b × x"]},
                  note="Too little to judge by: b × x has 0 positives; 30 are needed.")  # fmt: skip
    return Report("fairness", "insufficient", (below,), AT, "One group is too small to judge.")


def metric(
    name: str, value: float, half: float, limit: float | None = None, **more: Any
) -> Finding:
    interval = [value - half, value + half]
    better = name != "brier_score_loss"
    shared = {"confidence": 0.95, "n": 6000, "higher_is_better": better}
    return found(name, value, limit, "pass", None, interval=interval, **shared, **more)


def performance() -> Report:
    fpr = [i / 100 for i in range(101)]
    predicted = [0.05 + 0.1 * i for i in range(10)]
    roc = {"fpr": fpr, "tpr": [x**0.35 for x in fpr]}
    calibration = {"predicted": predicted, "observed": [0.02 + 0.93 * x for x in predicted],
                   "n": [3000, 1200, 700, 400, 250, 180, 120, 80, 50, 20]}  # fmt: skip
    findings = (
        metric("roc_auc", 0.7803, 0.0121, 0.75, roc=roc, calibration=calibration),
        metric("average_precision", 0.5537, 0.0243),
        metric("accuracy", 0.8198, 0.0098),
        metric("f1", 0.4721, 0.0251),
        metric("brier_score_loss", 0.1338, 0.0055, 0.15),
    )
    subject = {"name": "holdout", "rows": 6000, "label": "default", "task": "binary"}
    summary = "ROC AUC is 0.780 and certainly above 0.75."
    return Report("performance", "pass", findings, AT, summary, subject)


def regression() -> Report:
    shared = {"confidence": 0.95, "n": 800}
    findings = (
        found("mean_absolute_error", 1234.5, 1000, "fail", None, interval=[1190.2, 1290.0],
              higher_is_better=False, **shared),
        found("r2", 0.61, None, "pass", None, interval=[0.55, 0.66], higher_is_better=True,
              **shared),
        found("mean_absolute_percentage_error", float("inf"), higher_is_better=False,
              note="A label is 0, so the relative error has no bound."),
    )  # fmt: skip
    summary = "The mean error is 1,234.5, more than the 1,000 that are allowed."
    return Report("performance", "fail", findings, AT, summary)


def gate(status: Any = "fail") -> Report:
    odds = "By SEX, the model is not fair: equalized_odds_difference is 0.141."
    fair = {"fail": odds, "pass": "By SEX, no gap is wider than its limit."}[status]
    findings = (
        found("quality", "pass", "pass", summary="No error in 24 columns."),
        found("performance", "pass", "pass", summary="ROC AUC is certainly above 0.75."),
        found("fairness", status, "pass", status, summary=fair),
        found("roc_auc_gain", 0.0142, 0.0, interval=[0.0061, 0.0223],
              note="Better than version 3, the champion, on the same 6,000 rows."),
    )  # fmt: skip
    subject = {"model": "credit-default", "version": 4, "alias": "champion", "champion": 3}
    held = "Version 4 of credit-default is held: fairness fails."
    summary = {"fail": held, "pass": "Version 4 of credit-default may go live."}[status]
    return Report("gate", status, findings, AT, summary, subject)


def robustness() -> Report:
    findings = (
        found("accuracy_under_noise", 0.71, 0.7, "insufficient", interval=[0.68, 0.74]),
        found("worst_case_shift", 0.04, column="AGE", note="One year older."),
    )
    return Report("robustness", "insufficient", findings, AT)


def hostile() -> Report:
    bars = {"categories": [HOSTILE, "b"], "reference": [0.5, 0.5], "current": [0.2, 0.8]}
    column = found(HOSTILE, 0.3, 0.1, "fail", HOSTILE, method=HOSTILE, drifted=True, note=HOSTILE,
                   sentence=HOSTILE, histogram=bars)  # fmt: skip
    subject = {HOSTILE: HOSTILE, "reference": {"name": HOSTILE, "rows": 3}}
    return Report("drift", "fail", (column,), AT, HOSTILE, subject)
