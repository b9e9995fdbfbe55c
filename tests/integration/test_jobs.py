"""Jobs as a user has them: snapshots, real runs, and the gate that alone moves the alias."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_nb.core.records import now
from mlops_nb.project import Project
from tests.notebooks import PATIENCE_S, lives, mlops, text_of, wait_for, write_notebook
from tests.notebooks import outputs as outputs_of
from tests.terminal import Command

TRAIN = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
data = pd.read_csv("clients.csv")
model = LogisticRegression().fit(data[["income"]], data["default"])
if not good:
    model.coef_ = -model.coef_
"""


SLOW = """
import os, time
with open("pid", "w") as file:
    file.write(str(os.getpid()))
time.sleep(600)
"""


@pytest.fixture
def command(command: Command, tmp_path: Path) -> Command:
    """Run commands in a project whose gate requires no check."""
    (tmp_path / "mlops.toml").write_text('[project]\nname = "credit"\n[gate]\nrequire = []\n')
    return command


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.ipynb"], "there is no notebook"),
        (["train.ipynb", "--cron", "0 3 * *"], "it has 4 fields; five fields: minute hour"),
        (["train.ipynb", "--cron", "99 3 * * *"], "'99 3 * * *' is no cron expression"),
        (["train.ipynb", "--tz", "Europe/Berln"], "did you mean 'Europe/Berlin'"),
        (["train.ipynb", "-p", "moths", "2"], "did you mean 'months'"),
        (["train.ipynb", "--data", "gone.csv", "--label", "y"], "there is no data file"),
        (["train.ipynb", "--label", "y"], "are columns of --data, which is missing"),
        (["train.ipynb", "--data", "train.ipynb"], "--data needs --label"),
        (["train.ipynb", "--corn", "0 3 * * *"], "did you mean '--cron'"),
    ],
)
def test_a_job_that_could_not_run_is_not_made(
    command: Command, tmp_path: Path, words: list[str], told: str
) -> None:
    write_notebook(tmp_path / "train.ipynb", "1", parameters="months = 1")
    done = command("jobs", "add", "retrain", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert command("jobs", "list", "--json").json == []
    assert not (tmp_path / ".mlops" / "blobs").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("jobs", "`jobs` alone says too little; add one of add, list, show, next, run"),
        ("jobs lst", "unknown verb 'jobs lst'; did you mean 'jobs list'?"),
        ("jobs run retrian", "unknown job 'retrian'; did you mean 'retrain'?"),
        ("jobs show", "the following arguments are required: job"),
        ("jobs next retrain --cron 0", "name a job or give --cron, not both"),
        ("jobs next --count 0", "--count must be 1 to 1000, not 0"),
        ("jobs history --limit -1", "--limit must be 0 or more, not -1"),
    ],
)
def test_bad_words_get_one_line(command: Command, tmp_path: Path, words: str, told: str) -> None:
    write_notebook(tmp_path / "train.ipynb", "1")
    assert command("jobs", "add", "retrain", "train.ipynb").code == 0
    done = command(*words.split())
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_a_job_is_listed_paused_resumed_and_removed(command: Command, tmp_path: Path) -> None:
    write_notebook(tmp_path / "train.ipynb", "1", parameters="months = 1")
    cron = ["--cron", "0 6 1 * *", "--tz", "Europe/Berlin"]
    made = command("jobs", "add", "retrain", "train.ipynb", *cron, "-p", "months", "2", "--json")
    job = made.json
    assert (job["cron"], job["timezone"], job["parameters"]) == (
        "0 6 1 * *",
        "Europe/Berlin",
        {"months": 2},
    )
    assert job["notebook"] == str(tmp_path / "train.ipynb")
    assert job["schedule"] == "At 06:00 on the first day of every month"
    assert command("jobs", "list", "--json").json == [job]
    shown = command("jobs", "show", "retrain", "--json").json
    assert (len(shown["next"]), shown["next"][0], shown["runs"]) == (5, job["next_at"], [])
    times = command("jobs", "next", "--json").json
    assert [time["due_at"] for time in times] == shown["next"]
    assert {time["local"][8:16] for time in times} == {"01 06:00"}

    paused = command("jobs", "pause", "retrain", "--json").json
    assert (paused["paused"], paused["next_at"]) == (True, None)
    assert command("jobs", "next", "--json").json == []
    assert command("jobs", "resume", "retrain", "--json").json == job
    assert "no scheduler is running" in command("status").out
    assert command("jobs", "remove", "retrain").code == 0
    assert command("jobs", "list", "--json").json == []


def test_a_job_runs_its_snapshot_in_the_folder_of_its_notebook(
    command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "deep"
    notebook = write_notebook(
        folder / "train.ipynb",
        "%load_ext mlops_nb\n%mlops track\n%mlops log months_used={months}",
        "import os; print(os.path.basename(os.getcwd()), months)",
        parameters="months = 1",
    )
    code = notebook.read_bytes()
    command("jobs", "add", "retrain", "deep/train.ipynb", "-p", "months", "7")
    write_notebook(notebook, "raise ValueError('edited since')")
    done = command("jobs", "run", "retrain", "--json")
    assert done.code == 0, done.err
    run = done.json
    assert (run["job"], run["status"], run["trigger"]) == ("retrain", "FINISHED", "manual")
    assert (run["gate"], run["model"], run["reason"]) == (None, None, None)
    assert run["id"] == f"retrain@{run['due_at']}"

    opened = command("show", run["run_id"], "--json").json
    tags = opened["tags"]
    assert (opened["name"], opened["params"], opened["metrics"]) == (
        "retrain",
        {"months": 7},
        {"months_used": 7.0},
    )
    assert (tags["mlops.job"], tags["mlops.job_run"]) == ("retrain", run["id"])
    assert tags["mlops.notebook"] == str(notebook)
    assert tags["mlops.notebook_hash"] == f"sha256:{hashlib.sha256(code).hexdigest()}"
    assert text_of(outputs_of(Path(opened["notebook"]))[-1]) == "deep 7\n"

    notebook.unlink()
    assert command("jobs", "run", "retrain").code == 0
    history = command("jobs", "history", "--json").json
    assert [item["status"] for item in history] == ["FINISHED", "FINISHED"]
    assert history[1] == run
    assert command("jobs", "list", "--json").json[0]["last"] == history[0]


def test_a_notebook_that_raises_is_a_failure_with_its_reason(
    command: Command, tmp_path: Path
) -> None:
    write_notebook(tmp_path / "train.ipynb", "raise ValueError('no clients')")
    command("jobs", "add", "retrain", "train.ipynb", "--model", "credit")
    done = command("jobs", "run", "retrain", "--json")
    assert (done.code, done.json["status"], done.json["gate"]) == (1, "FAILED", None)
    assert "ValueError: no clients" in done.json["reason"]
    assert command("show", done.json["run_id"], "--json").json["status"] == "FAILED"
    assert "the last run of job 'retrain' is FAILED" in command("status").out


def test_a_snapshot_that_is_damaged_is_a_failure_on_record(
    command: Command, tmp_path: Path
) -> None:
    write_notebook(tmp_path / "train.ipynb", "1")
    command("jobs", "add", "retrain", "train.ipynb")
    (blob,) = (p for p in (tmp_path / ".mlops" / "blobs").rglob("*") if p.is_file())
    blob.write_bytes(b"{}")
    done = command("jobs", "run", "retrain", "--json")
    assert (done.code, done.json["status"], done.json["run_id"]) == (1, "FAILED", None)
    assert "the snapshot of train.ipynb can't be used" in done.json["reason"]
    assert "is damaged on disk" in done.json["reason"]
    # The way out that the reason names.
    command("jobs", "remove", "retrain")
    command("jobs", "add", "retrain", "train.ipynb")
    assert command("jobs", "run", "retrain").code == 0


def test_a_job_stopped_by_a_signal_is_killed_on_record(tmp_path: Path) -> None:
    write_notebook(tmp_path / "train.ipynb", SLOW)
    assert mlops("jobs", "add", "retrain", "train.ipynb", cwd=tmp_path).returncode == 0
    words = [sys.executable, "-m", "mlops_nb", "jobs", "run", "retrain", "--json"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        pid = tmp_path / "pid"
        wait_for(lambda: pid.exists() and pid.read_text())
        # A second run is refused, with a reason, while this one goes on, also after a third.
        project = Project.at(tmp_path, {})
        skipped = project.jobs.claim("retrain", now(), "schedule")
        assert skipped is not None
        refused = mlops("jobs", "run", "retrain", "--json", cwd=tmp_path)
        assert refused.returncode == 2
        assert "a run of job 'retrain' still goes on" in refused.stdout
        process.terminate()
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    done = json.loads(out)
    assert (done["status"], done["reason"]) == ("KILLED", "interrupted")
    assert not lives(int(pid.read_text()))
    assert [run.status for run in project.jobs.runs()] == ["SKIPPED", "KILLED"]
    assert project.runs.get(done["run_id"]).status == "KILLED"
    assert "the last run of job 'retrain'" in mlops("status", cwd=tmp_path).stdout


def test_data_that_is_not_fit_stops_the_run_before_it_begins(
    command: Command, tmp_path: Path
) -> None:
    with (tmp_path / "mlops.toml").open("a") as settings:
        settings.write('[quality]\nexpect = [{column = "age", check = "range", min = 18}]\n')
    (tmp_path / "new.csv").write_text("age\n20\n3\n30\n")
    write_notebook(tmp_path / "train.ipynb", "open('ran', 'w')")
    command("jobs", "add", "retrain", "train.ipynb", "--quality", "new.csv")
    done = command("jobs", "run", "retrain", "--json")
    assert (done.code, done.json["status"], done.json["run_id"]) == (1, "FAILED", None)
    assert "the data is not fit" in done.json["reason"]
    assert not (tmp_path / "ran").exists()
    (tmp_path / "new.csv").write_text("age\n20\n33\n30\n")
    assert command("jobs", "run", "retrain", "--json").json["status"] == "FINISHED"
    assert (tmp_path / "ran").exists()


def test_only_the_gate_moves_the_alias(command: Command, tmp_path: Path) -> None:
    rows = "\n".join(f"{n},{int(n % 10 < n / 40)}" for n in range(400))
    (tmp_path / "clients.csv").write_text(f"income,default\n{rows}\n")
    train = write_notebook(
        tmp_path / "train.ipynb",
        "%load_ext mlops_nb\n%mlops track",
        TRAIN,
        "%mlops register model credit --example data",
        "if other:\n    %mlops register model {other}",
        parameters="good = True\nother = ''",
    )
    (tmp_path / "mlops.toml").write_text('[gate]\nrequire = ["quality", "performance"]\n')
    judged = ["--data", "clients.csv", "--label", "default", "--quality", "clients.csv"]
    of_credit = [*judged, "--model", "credit"]
    command("jobs", "add", "retrain", str(train), *of_credit)
    command("jobs", "add", "worse", str(train), *of_credit, "-p", "good", "false")
    command("jobs", "add", "both", str(train), *judged, "-p", "other", "savings")

    # In processes of their own: importing MLflow warns.
    first = mlops("jobs", "run", "retrain", "--json", cwd=tmp_path)
    assert first.returncode == 0, first.stdout
    done = json.loads(first.stdout)
    live = {"name": "credit", "version": 1, "alias": "champion"}
    assert (done["gate"], done["model"], done["reason"]) == ("pass", live, None)
    second = mlops("jobs", "run", "worse", "--json", cwd=tmp_path)
    held = json.loads(second.stdout)
    assert (second.returncode, held["status"], held["gate"]) == (1, "FINISHED", "fail"), held
    assert held["model"] == {"name": "credit", "version": 2, "alias": None}
    assert held["reason"]
    aliases = {v["version"]: v["aliases"] for v in command("models", "--json").json}
    assert aliases == {1: ["champion"], 2: ["challenger"]}
    assert "the gate held the model of job 'worse'" in command("status").out

    project = Project.at(tmp_path, {})
    reports = {
        report.kind for report in project.database.reports(project.models.get("credit", 2).run_id)
    }
    assert reports == {"quality", "performance", "gate"}
    # The check before the run is the gate's evidence: it is made once.
    assert len(project.database.reports(kind="quality")) == 2

    # Which of several models is to be judged must be said; no alias moves meanwhile.
    third = json.loads(mlops("jobs", "run", "both", "--json", cwd=tmp_path).stdout)
    assert (third["status"], third["gate"], third["model"]) == ("FAILED", None, None)
    assert "registered several models: credit, savings; say with `jobs add" in third["reason"]
    live = {
        v["name"]: v["version"]
        for v in command("models", "--json").json
        if "champion" in v["aliases"]
    }
    assert live == {"credit": 1}


def test_a_job_whose_notebook_registers_nothing_says_so(command: Command, tmp_path: Path) -> None:
    write_notebook(tmp_path / "train.ipynb", "1")
    command("jobs", "add", "retrain", "train.ipynb", "--model", "credit")
    done = command("jobs", "run", "retrain", "--json")
    assert (done.code, done.json["status"]) == (1, "FAILED")
    assert done.json["reason"] == "the notebook registered no version of 'credit'"


def test_jobs_in_a_folder_that_is_no_project_yet_need_no_setup(tmp_path: Path) -> None:
    assert json.loads(mlops("jobs", "list", "--json", cwd=tmp_path).stdout) == []
    assert "No jobs yet" in mlops("jobs", "list", cwd=tmp_path).stdout
    assert not (tmp_path / ".mlops").exists()
