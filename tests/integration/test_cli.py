"""The command line as a user and a script have it: exit codes, one JSON value, one line of error.

Most commands are run in this process; what signals do is tried on a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_nb.core.records import Run
from mlops_nb.interfaces import cli
from mlops_nb.project import Project
from mlops_nb.stores.locks import locked
from tests.notebooks import (
    PATIENCE_S,
    lives,
    mlops,
    wait_for,
    wait_until_delivered,
    write_notebook,
)
from tests.terminal import Command

FIELDS = {
    "run_id",
    "mlflow_run_id",
    "parent_id",
    "name",
    "status",
    "reason",
    "notebook",
    "started_at",
    "ended_at",
    "params",
    "metrics",
    "tags",
}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("drfit", "unknown verb 'drfit'; did you mean 'drift'?"),
        ("track", "`track` needs a notebook or Python; type `%mlops track` in a notebook"),
        ("runs --sttus F", "unknown option of runs '--sttus'; did you mean '--status'?"),
        ("diff --before 1 2", "diff has no option '--before'; write diff BEFORE AFTER"),
        ("runs --status DONE", "unknown --status 'DONE'; there is 'RUNNING', 'FINISHED'"),
        ("runs --limit x", "runs: argument --limit: 'x' is not a whole number"),
        ("runs --limit -1", "--limit must be 0 or more, not -1"),
        ("runs --experiment nope", "unknown experiment 'nope'; there are no runs yet"),
        ("show", "show: the following arguments are required: run; see `mlops show --help`"),
        ("show nope", "unknown run 'nope'; there are no runs yet"),
        ("models nope", "unknown model 'nope'"),
        ("gate nope", "unknown model 'nope'"),
        ("register nope name", "unknown model 'nope'"),
        ("--project /nowhere runs", "the project folder '/nowhere' does not exist"),
        ("--projct x runs", "unknown option '--projct'; did you mean '--project'?"),
        ("run none.ipynb", "there is no notebook"),
        ("run a.ipynb -p mnths 2", "unknown parameter 'mnths' of a.ipynb; did you mean 'months'?"),
        ("run a.ipynb --cwd nowhere", "there is no folder"),
        ("run a.ipynb --timeout -1", "--timeout must be 0 or more seconds, not -1"),
        ("ui --port 99999", "--port must be from 1 to 65535, not 99999"),
        ("completion fish", "unknown shell 'fish'; there is 'bash', 'zsh'"),
        ("help nope", "unknown verb 'nope'"),
    ],
)
def test_wrong_input_is_one_line_on_stderr_or_one_json_value_on_stdout(
    words: str, told: str, command: Command, tmp_path: Path
) -> None:
    write_notebook(tmp_path / "a.ipynb", "1", parameters="months = 1")
    plain = command(*words.split())
    assert (plain.code, plain.out) == (2, "")
    assert plain.err.startswith(f"mlops: {told}")
    assert plain.err.count("\n") == 1
    as_json = command(*words.split(), "--json")
    assert (as_json.code, as_json.err) == (2, "")
    error = as_json.json["error"]
    assert error.keys() == {"type", "message", "hint"}
    assert told.startswith(error["message"]) or error["message"].startswith(told)
    # Nothing half-done: no run was opened.
    assert not list(tmp_path.glob(".mlops/spool/*"))


def test_help_is_the_same_however_it_is_asked_for(command: Command) -> None:
    assert command("help", "drift").out == command("drift", "--help").out
    assert command("--help", "drift").out == command("drift", "-h").out
    assert command().out == command("--help").out == command("help").out
    assert command("--version").out.startswith("mlops ")


def test_a_fault_of_ours_is_told_as_one(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "runs", property(lambda _: 1 / 0))
    done = command("runs", "--json")
    assert done.code == 70
    assert "a fault of mlops_nb: ZeroDivisionError" in done.json["error"]["message"]
    with pytest.raises(ZeroDivisionError):
        command("runs", "--debug")


def test_a_verdict_is_the_exit_code_and_the_record_is_printed_whole(
    command: Command, tmp_path: Path
) -> None:
    (tmp_path / "old.csv").write_text("x\n" + "\n".join(str(n) for n in range(200)))
    (tmp_path / "new.csv").write_text("x\n" + "\n".join(str(n + 500) for n in range(200)))
    same = command("drift", "old.csv", "old.csv", "--json")
    assert (same.code, same.json["status"]) == (0, "pass")
    moved = command("drift", "old.csv", "new.csv", "--json", "--strict")
    assert (moved.code, moved.json["status"], moved.json["kind"]) == (1, "fail", "drift")
    # A share of 0 is a share: the smallest there is.
    assert command("drift", "old.csv", "old.csv", "--share", "0", "--json").json["findings"]
    rows = "y,p,sex\n" + "\n".join(f"{n % 2},{n % 2},{'fm'[n % 3 == 0]}" for n in range(8))
    (tmp_path / "few.csv").write_text(rows)
    words = [
        "fairness",
        "few.csv",
        "--label",
        "y",
        "--prediction",
        "p",
        "--sensitive",
        "sex",
        "--json",
    ]
    unsure = command(*words)
    assert (unsure.code, unsure.json["status"]) == (3, "insufficient")


def test_run_prints_its_run_and_reading_verbs_print_json(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_nb.flows.execution.DELIVERY_S", PATIENCE_S)
    folder = tmp_path / "deep" / "er"
    write_notebook(folder / "a.ipynb", "print(months)", parameters="months = 1")
    (tmp_path / "deep" / "mlops.toml").touch()
    done = command("run", "deep/er/a.ipynb", "-p", "months", "-2", "--name", "spring", "--json")
    assert done.code == 0, done.err
    run = done.json
    assert run.keys() >= FIELDS
    assert (run["name"], run["status"], run["params"]) == ("spring", "FINISHED", {"months": -2})
    assert run["mlflow_run_id"] is not None
    # The project is the notebook's, and the notebook in it the executed copy.
    copy = tmp_path / "deep" / ".mlops" / "executions" / run["run_id"] / "a.ipynb"
    assert (run["notebook"], run["tags"]["mlops.notebook"]) == (str(copy), str(folder / "a.ipynb"))
    assert json.loads(copy.read_text())["cells"][-1]["outputs"][0]["text"] in ("-2\n", ["-2\n"])
    assert "print(months)" in done.err

    deep = ("--project", "deep")
    assert command("runs", *deep, "--json").json == [run]
    assert command("runs", *deep, "--limit", "0", "--json").json == [run]
    shown = command("show", *deep, run["run_id"][:12], "--json").json
    assert {key: shown[key] for key in run} == run
    assert shown["artifacts"] == [
        "mlops/events.jsonl",
        "mlops/packages.txt",
        "mlops/requirements.txt",
        "notebook/a.ipynb",
    ]
    assert command("show", *deep, run["mlflow_run_id"], "--json").json == shown
    assert command("status", *deep, "--json").json["latest"] == run
    assert command("models", *deep, "--json").json == []
    unknown = command("runs", *deep, "--experiment", "dep")
    assert (unknown.code, "did you mean 'deep'?" in unknown.err) == (2, True)


def test_interrupted_is_130_and_the_run_is_killed_and_told(tmp_path: Path) -> None:
    write_notebook(
        tmp_path / "a.ipynb",
        "import os, subprocess, time\nhelper = subprocess.Popen(['sleep', '600'])\n"
        "open('pids', 'w').write(f'{os.getpid()} {helper.pid} ')\ntime.sleep(600)",
    )
    words = [sys.executable, "-m", "mlops_nb", "run", "a.ipynb", "--json"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        pids = wait_for_words(tmp_path / "pids", 2)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert (json.loads(out)["status"], json.loads(out)["reason"]) == ("KILLED", "interrupted")
    assert not any(lives(int(pid)) for pid in pids)


def test_a_killed_runner_leaves_neither_kernel_nor_running_run(tmp_path: Path) -> None:
    project = Project.at(tmp_path, {})
    write_notebook(
        tmp_path / "a.ipynb",
        "%load_ext mlops_nb\n%mlops track top",
        "import mlflow\nmlflow.start_run(nested=True, run_name='nested')\n"
        "mlflow.log_metric('a', 1)",
        "%%mlops track child\nimport os, time\n"
        "open('pids', 'w').write(f'{os.getpid()} ')\ntime.sleep(600)",
    )
    words = [sys.executable, "-m", "mlops_nb", "run", "a.ipynb"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, cwd=tmp_path, **quiet) as process:
        (kernel,) = wait_for_words(tmp_path / "pids", 1)
        process.kill()
    wait_for(lambda: not lives(int(kernel)))

    listed = mlops("runs", "--children", "--json", cwd=tmp_path)
    ours = {run["name"]: run for run in json.loads(listed.stdout) if "mlops.run_id" in str(run)}
    assert {run["status"] for run in ours.values()} == {"KILLED"}
    assert all("ended without closing the run" in run["reason"] for run in ours.values())
    wait_until_delivered(project)
    after: list[Run] = project.runs.search(children=True)
    assert {(run.name, run.status) for run in after} == {
        ("top", "KILLED"),
        ("child", "KILLED"),
        ("nested", "KILLED"),
    }
    assert {run.experiment for run in after} == {project.experiment}
    assert all(run.reason for run in after)
    nested = next(run for run in after if run.name == "nested")
    assert (nested.metrics, nested.parent_id) == ({"a": 1.0}, ours["top"]["run_id"])


def wait_for_words(path: Path, count: int) -> list[str]:
    wait_for(lambda: path.exists() and path.read_text().count(" ") >= count)
    return path.read_text().split()


def test_datasets_are_kept_listed_compared_and_fetched(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "clients.csv"
    source.write_text("age,city\n20,Bonn\n30,Köln\n")
    first = command("data", "snapshot", "clients", "clients.csv", "--json")
    assert (first.code, first.json["name"], first.json["version"]) == (0, "clients", 1)
    again = command("data", "snapshot", "clients", "clients.csv", "--json").json
    assert (again["version"], again["hash"]) == (1, first.json["hash"])
    source.write_text("age,city\n20,Bonn\n31,Köln\n")
    assert command("data", "snapshot", "clients", "clients.csv", "--json").json["version"] == 2
    listed = command("data", "list", "--json").json
    assert [version["version"] for version in listed] == [2, 1]

    assert "age" in command("data", "diff", "clients@1", "clients@2").out
    assert command("quality", "clients@1", "--json").json["subject"]["data"]["rows"] == 2
    nowhere = command("data", "get", "clients@1")
    assert (nowhere.code, "give --to PATH" in nowhere.err) == (2, True)
    assert command("data", "get", "clients@1", "--to", "old.csv").code == 0
    assert (tmp_path / "old.csv").read_text().endswith("30,Köln\n")
    taken = command("data", "get", "clients@2", "--to", "old.csv")
    assert (taken.code, taken.out) == (2, "")
    missing = command("data", "get", "client@1", "--to", "new.csv")
    assert (missing.code, "clients" in missing.err) == (2, True)


def test_reading_starts_the_delivery_that_was_left_undone(command: Command, tmp_path: Path) -> None:
    project = Project.at(tmp_path, {}).ensure()
    project.spool.begin("0" * 16, name="left", experiment="e")
    project.spool.append("0" * 16, "ended", status="FINISHED")
    with locked(project.state / "writer.lock"):
        (run,) = command("runs", "--json").json
    assert (run["name"], run["mlflow_run_id"]) == ("left", None)
    command("runs")
    wait_until_delivered(project)
    (run,) = command("runs", "--json").json
    assert (run["name"], run["status"]) == ("left", "FINISHED")
    assert run["mlflow_run_id"] is not None


def test_a_folder_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    code = "import os, sys; from mlops_nb.interfaces.cli import main; sys.exit(main(['runs']))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2])},
    )
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "mlops: the working folder is gone; change to another one\n"
