"""Realistic records, one or a list for every panel there is: for the tests and the gallery."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mlops_nb.core.data_records import DataDiff, DataVersion
from mlops_nb.core.diff_records import CellChange, Change, MetricChange, RunDiff
from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.core.records import (
    CellRecord,
    DemoResult,
    DueTime,
    Job,
    JobDetails,
    JobModel,
    JobRun,
    ModelVersion,
    Notice,
    ProjectStatus,
    Promotion,
    Report,
    Run,
    RunDetails,
)
from mlops_nb.core.replay_records import ChangedInput, DifferingCell, Replay, ReplayedMetric
from tests.unit.panels import cell_samples, over_time_samples
from tests.unit.panels.report_samples import (
    AT,
    HOSTILE,
    drift,
    fairness,
    found,
    gate,
    hostile,
    performance,
    quality,
    regression,
    robustness,
    small_fairness,
    told_apart,
    wide_drift,
    with_intervals,
)

HOME = "/srv/credit"
RUN_ID = "6922dda24f2a9c1e"


def samples() -> dict[str, Any]:
    """Return the records by the name of their picture."""
    return {
        "drift": drift(),
        "drift-wide": wide_drift(500),
        "drift-50": wide_drift(50),
        "drift-over-time": over_time_samples.drift(),
        "drift-400-batches": over_time_samples.hostile_drift(),
        "drift-classifier": told_apart(
            ("AGE", 0.2009),
            ("EDUCATION", 0.0528),
            ("LIMIT_BAL", 0.0307),
            ("SEX", 0.0205),
            ("BILL_AMT1", 0.0092),
            (HOSTILE, 0.0031),
            ("PAY_AMT1", 0.0018),
        ),
        "drift-intervals": with_intervals(drift()),
        "quality": quality(),
        "fairness": fairness(),
        "fairness-small": small_fairness(),
        "fairness-over-time": over_time_samples.fairness(),
        "fairness-400-batches": over_time_samples.fairness(over_time_samples.DAYS),
        "performance": performance(),
        "performance-regression": regression(),
        "performance-over-time": over_time_samples.performance(),
        "gate": gate(),
        "robustness": robustness(),
        "reports": [drift(), quality(), fairness(), performance(), gate()],
        "runs": runs(),
        "run": runs()[1],
        "run-failed": runs()[2],
        "details": details(),
        "details-long": long_details(),
        "details-worked-on": cell_samples.worked_on(),
        "details-enormous": cell_samples.enormous(),
        "models": versions(),
        "model": versions()[0],
        "promotion": promotion(),
        "promotions": [promotion(), promotion(previous=None)],
        "mitigation": mitigation(),
        "status": status(),
        "job": job(),
        "job-details": JobDetails(
            job(), tuple(AT + timedelta(days=n) for n in range(5)), tuple(job_runs())
        ),
        "job-new": JobDetails(replace(jobs()[2], timezone="Mars/Olympus")),
        "jobs": jobs(),
        "job-run": job_runs()[2],
        "job-runs": job_runs(),
        "due-times": due_times(),
        "dataset": data_versions()[0],
        "dataset-known": replace(data_versions()[2], known=True),
        "datasets": data_versions(),
        "diff": run_diff(),
        "diff-same": RunDiff(RUN_ID, RUN_ID, ("a", "a"), same=True, summary="No difference."),
        "replay": replay(),
        "replay-same": Replay("REPRODUCED", RUN_ID, RUN_ID, "FINISHED", 1e-9, "All the same."),
        "data-diff": data_diff(),
        "data-diff-same": DataDiff("credit@2", "credit@2", same=True, rows=(30_000, 30_000)),
        "data-diff-files": DataDiff(
            "scans@1", "scans@2", False, files={"a/1.png": "changed", "labels.csv": "added"}
        ),
        "status-new": ProjectStatus("credit", HOME, "sqlite:///mlops.db", "credit", 0),
        "notice": notice(),
        "demo": demo(),
        "hostile": hostile(),
        "empty": [],
    }


# --- reports ------------------------------------------------------------------------------------


# --- runs ---------------------------------------------------------------------------------------


def run(hours: int, name: str, status: Any, took: float | None, **more: Any) -> Run:
    start = AT - timedelta(hours=7 * hours)
    return Run(
        f"6922dda{hours}4f2a9c1e",
        name,
        status,
        start,
        ended_at=None if took is None else start + timedelta(seconds=took),
        mlflow_run_id=f"{hours}d3c1a7e5f9b4c20" * 2,
        experiment="credit",
        notebook=f"{HOME}/.mlops/executions/6922dda{hours}4f2a9c1e/credit_default.ipynb",
        **more,
    )


def runs() -> list[Run]:
    metrics = {"roc_auc": 0.7803, "f1": 0.4721, "brier": 0.1338}
    params = {"max_iter": 200, "learning_rate": 0.1, "early_stopping": True, "note": "a <b>"}
    tags = {
        "mlops.run_id": RUN_ID,
        "mlops.commit": "4f2a9c1e7b6d3f5e8a9b0c1d2e3f4a5b6c7d8e9f",
        "mlops.branch": "main",
        "mlops.dirty": "true",
        "mlops.notebook": f"{HOME}/credit_default.ipynb",
        "mlops.python": "3.11.14",
        "team": "risk",
    }
    raised = "cell 9 raised ValueError: Input X contains NaN."
    gone = "the kernel's host did not come back"
    return [
        run(1, "retrain november", "RUNNING", None, params={"months": 2}),
        run(2, "wider trees", "FINISHED", 192.4, metrics=metrics, params=params, tags=tags),
        run(3, "wider trees", "FAILED", 12.1, reason=raised, metrics={"roc_auc": 0.7611}),
        run(4, "baseline", "KILLED", 7500, reason="restarted", metrics={"roc_auc": 0.72}),
        run(5, "overnight", "LOST", 300, reason=gone),
        run(6, "fold 1", "FINISHED", 0.34, parent_id=RUN_ID, metrics={"roc_auc": 0.77}),
    ]


def cells(count: int, failed: int | None = None) -> tuple[CellRecord, ...]:
    kinds = [
        ("import pandas as pd", 0.02, 0),
        ("frame = pd.read_parquet('data/credit_default.parquet')", 0.4, 52_000_000),
        ("%mlops quality frame", 1.1, 1_000_000),
        ("model.fit(train[features], train['default'])", 7.9, 210_000_000),
        ("# plot\nfrom matplotlib import pyplot", 0.2, -3_000_000),
    ]
    made = []
    for i in range(count):
        source, took, grown = kinds[i % len(kinds)]
        broke = i + 1 == failed
        error = "ValueError: Input X contains NaN." if broke else None
        outcome = "error" if broke else "ok"
        start = AT + timedelta(seconds=3 * i)
        made.append(
            CellRecord(i + 1, source, start, took, outcome, error, memory_growth_bytes=grown)
        )
    return tuple(made)


def details() -> RunDetails:
    reports = (quality(), drift(), fairness(), performance())
    artifacts = ("model/MLmodel", "reports/drift.html", "executed.ipynb")
    return RunDetails(runs()[1], cells(7), reports, (runs()[5],), artifacts)


def long_details() -> RunDetails:
    artifacts = tuple(f"figures/{i}.png" for i in range(40))
    return RunDetails(runs()[2], cells(60, failed=49), (), (), artifacts)


# --- models and project -------------------------------------------------------------------------


def versions() -> list[ModelVersion]:
    told = "Gradient boosting, thresholds by SEX."
    new, old = {"roc_auc": 0.7803, "f1": 0.4721}, {"roc_auc": 0.7661, "f1": 0.4412}
    tags = {"mitigation": "threshold_optimizer"}
    then = AT - timedelta(days=22)
    return [
        ModelVersion("credit-default", 4, ("challenger",), RUN_ID, None, AT, "models:/m-1f2e", new,
                     tags, told),
        ModelVersion("credit-default", 3, ("champion",), "68f5aa0277b1c3d4", None, then, None, old),
        ModelVersion("credit-default", 2, (), None, None, AT - timedelta(days=50)),
    ]  # fmt: skip


def promotion(previous: int | None = 3) -> Promotion:
    why = "monthly retraining"
    return Promotion("credit-default", 4, "champion", previous, "reviewer", why, AT, gate("pass"))


def mitigation() -> Mitigation:
    cost = (
        found("accuracy", 0.8144, interval=[0.8041, 0.824], higher_is_better=True),
        found(
            "roc_auc", 0.7522, 0.75, "insufficient", interval=[0.74, 0.76], higher_is_better=True
        ),
    )
    after = Report("performance", "insufficient", cost, AT)
    told = "The gap in equalized odds fell from 0.14 to 0.04; accuracy fell by 0.005."
    repaired = fairness(0.3)
    strength = {"name": "difference_bound", "value": 0.002, "meaning": "how far from the overall"}
    return Mitigation("exponentiated_gradient", "equalized_odds", ("SEX",), fairness(), repaired,
                      performance(), after, trade_off(), None, told, strength)  # fmt: skip


def trade_off() -> tuple[dict[str, Any], ...]:
    def point(kind: str, gap: float, accuracy: float, strength: float | None) -> dict[str, Any]:
        return {
            "kind": kind, "strength": strength, "share": float(kind == "fitted"),
            "chosen": strength == 0.002, "value": gap, "bounds": [max(gap - 0.02, 0), gap + 0.02],
            "accuracy": accuracy, "interval": [accuracy - 0.008, accuracy + 0.008],
            "cost": 0.8198 - accuracy, "cost_interval": [0.8168 - accuracy, 0.8228 - accuracy],
            "efficient": strength != 0.03, "groups": [2, 2],
        }  # fmt: skip

    return (
        point("plain", 0.1409, 0.8198, None),
        point("fitted", 0.11, 0.8181, 0.05),
        point("fitted", 0.12, 0.8162, 0.03),
        point("fitted", 0.0423, 0.8144, 0.002),
    )


def status() -> ProjectStatus:
    attention = (
        "the latest run, 'overnight', is LOST: the kernel's host did not come back",
        "3 runs are not delivered to MLflow yet (see .mlops/writer.log)",
    )
    uri = f"sqlite:///{HOME}/.mlops/mlflow.db"
    models = tuple(versions()[:2])
    running, latest = runs()[0], runs()[1]
    return ProjectStatus(
        "credit", HOME, uri, "credit", 42, (running,), latest, models, (job(),), True, 3, attention
    )


def job_run(status: Any = "FINISHED", hours: int = 0, **more: Any) -> JobRun:
    due = AT - timedelta(hours=hours)
    ended = None if status == "RUNNING" else due + timedelta(seconds=63)
    return JobRun(f"retrain@{due:%H}", "retrain", due, "schedule", status, started_at=due,
                  ended_at=ended, **more)  # fmt: skip


def job_runs() -> list[JobRun]:
    held = "credit-default 5 may not go live: roc_auc_gain is -0.01, below 0"
    model = JobModel("credit-default", 5)
    return [
        job_run("RUNNING", run_id=RUN_ID),
        job_run("SKIPPED", 1, reason="the run before (retrain@10) still goes on"),
        job_run("FINISHED", 2, run_id=RUN_ID, gate="fail", model=model, reason=held),
        job_run("FINISHED", 3, run_id=RUN_ID, gate="pass", model=replace(model, alias="champion")),
        job_run("FAILED", 4, run_id=RUN_ID, reason="cell 3: ValueError: no clients"),
        replace(job_run("KILLED", 5, reason="interrupted"), trigger="manual", job="other"),
        job_run("FINISHED", 6, run_id=RUN_ID, gate="insufficient", model=model, reason="no data"),
    ]


def job() -> Job:
    return Job(
        "retrain",
        f"{HOME}/train.ipynb",
        "sha256:" + "3f" * 32,
        cron="0 6 1 * *",
        timezone="Europe/Berlin",
        parameters={"months": 2, "kind": "wide"},
        quality="data/new.csv",
        model="credit-default",
        data="data/holdout.parquet",
        label="DEFAULT",
        sensitive=("SEX", "AGE"),
        created_at=AT,
        schedule="At 06:00 on the first day of every month",
        next_at=AT + timedelta(days=8),
        last=job_runs()[3],
    )


def jobs() -> list[Job]:
    by_hand = replace(job(), name="by hand", cron=None, schedule="when told to", next_at=None,
                      last=None, model=None)  # fmt: skip
    return [job(), replace(job(), name="paused", paused=True, next_at=None), by_hand]


def due_times() -> list[DueTime]:
    then = AT + timedelta(days=8)
    return [DueTime("retrain", then, "2026-11-30 13:00 CET"), DueTime(None, then, "soon")]


def notice() -> Notice:
    return Notice(
        f"project 'credit' is ready in {HOME}",
        "type `%mlops track` in a notebook, or `mlops run NOTEBOOK`",
        {"root": HOME, "config": f"{HOME}/mlops.toml", "state": f"{HOME}/.mlops"},
    )


def demo() -> DemoResult:
    folder = "/srv/mlops-demo"
    reports = (quality(), drift(), fairness(), performance())
    model = ModelVersion("credit-default", 4, ("champion",))
    executed = f"{folder}/.mlops/executions/{RUN_ID}/credit_default.ipynb"
    metrics = {"roc_auc": 0.7803, "f1": 0.4721}
    source = f"{folder}/credit_default.ipynb"
    return DemoResult(
        "FINISHED", RUN_ID, folder, executed, metrics, reports, "pass", model, source, 71.3
    )


def data_versions() -> list[DataVersion]:
    schema = {"LIMIT_BAL": "int64", "SEX": "object", "AGE": "int64", "PAY_AMT1": "float64"}
    frame = DataVersion(
        "credit", 2, "sha256:" + "3f" * 32, "frame", 1_250_000, 30_000, schema, "clients",
        RUN_ID, "sha256:" + "7a" * 32, AT,
    )  # fmt: skip
    return [
        frame,
        replace(frame, version=1, rows=28_000, hash="sha256:" + "1c" * 32, run_id=None),
        DataVersion(
            "scans", 1, "sha256:" + "9e" * 32, "folder", 4_200_000_000, source=f"{HOME}/scans",
            blob="sha256:" + "9e" * 32, created_at=AT,
        ),
        DataVersion(
            "bank", 1, "md5:" + "5d" * 16, "file", 730, 9, schema, f"{HOME}/bank.csv", created_at=AT
        ),
    ]  # fmt: skip


def replay() -> Replay:
    return Replay(
        "DIFFERS",
        RUN_ID,
        "6922dde10c6b7f44",
        "FINISHED",
        1e-9,
        "cell 4 differs first; metric roc_auc 0.78 → 0.77."
        " Inputs that differ: data file.clients.csv (sha256:0a → sha256:1b).",
        DifferingCell(4, 'clients = pd.read_csv("clients.csv")\nlen(clients)', "30000", "29999"),
        (
            ChangedInput("data", "file.clients.csv", "sha256:" + "0a" * 32, "sha256:" + "1b" * 32),
            ChangedInput("package", "numpy", "2.3.1", None),
        ),
        (
            ReplayedMetric("roc_auc", 0.7812, 0.7745, same=False),
            ReplayedMetric("fit_seconds", 3.1, 2.9, same=True, judged=False),
        ),
        12,
        ("What these cells show is the project's state, and not compared: 9, 10.",),
    )


def data_diff() -> DataDiff:
    return DataDiff(
        "credit@1", "credit@2", False, (28_000, 30_000), {"REGION": "object"}, {"ID": "int64"},
        {"SEX": ("int64", "object")}, drift=drift(), notes=("the columns are in another order",),
    )  # fmt: skip


def run_diff() -> RunDiff:
    return RunDiff(
        RUN_ID,
        "6922f0b14f2a9c1e",
        ("credit-default", "wider trees"),
        same=False,
        causes=(
            "Cell 4 has other code: `forest = fit(depth=4)` became `forest = fit(depth=8)`.",
            "Parameter `months` was 2 and became 3.",
            "Package `scikit-learn` was 1.8.0 and became 1.9.1.",
        ),
        metrics=(
            MetricChange("auc", 0.7741, 0.7816, 0.0075, 0.0097),
            MetricChange("log_loss", 0.441, math.nan),
            MetricChange("f1", None, 0.46),
        ),
        parameters=(Change("months", "changed", 2, 3),),
        cells=(
            CellChange("changed", 4, 4, ("-forest = fit(depth=4)", "+forest = fit(depth=8)")),
            CellChange("added", None, 5, tuple(f"+line_{n} = {n}" for n in range(20))),
        ),
        data=(Change("reference", "changed", "credit@1 sha256:1", "credit@2 sha256:2"),),
        datasets={"reference": data_diff()},
        packages=(Change("scikit-learn", "changed", "1.8.0", "1.9.1"),),
        commit=(Change("commit", "changed", "e83c5163316f", "0a1b2c3d4e5f"),),
        environment=(Change("Python", "changed", "3.11.7", "3.12.1"),),
        checks=(Change("drift", "changed", "pass", "fail"),),
        outcome=(Change("status", "changed", "FINISHED", "FAILED"),),
        notes=("The packages of run 6922f0b14f2a9c1e were not recorded.",),
    )
