"""The demo, run twice as a user runs it: what it leaves behind, and whether its words are true."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import mlops

# The demo takes most of a minute, so that all of this shares one, in one worker.
pytestmark = pytest.mark.xdist_group("demo")

PROGRESS = re.compile(r"\[(\d+)/(\d+)\] ")


@dataclass(frozen=True)
class Demo:
    """One run of the demo's notebook, with the JSON that it ended with."""

    project: Path
    stdout: str
    stderr: str = ""

    @property
    def result(self) -> dict[str, Any]:
        return dict(json.loads(self.stdout))

    def ask(self, *words: str) -> Any:
        """Return what a verb answers in the demo's project."""
        return json.loads(mlops(*words, "--json", cwd=self.project).stdout)

    def report(self, name: str, kind: str) -> dict[str, Any]:
        """Return the newest report of a kind of the notebook's run, or of its child `name`."""
        details = self.ask("show", self.result["run_id"])
        if name != details["name"]:
            (child,) = (run for run in details["children"] if run["name"] == name)
            details = self.ask("show", child["run_id"])
        return next(dict(report) for report in details["reports"] if report["kind"] == kind)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("a café")
    done = mlops("demo", "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(folder / "mlops-demo", done.stdout, done.stderr)


@pytest.fixture
def notebook(root: Path) -> dict[str, Any]:
    """The notebook as it is in the source tree."""
    text = (root / "notebooks" / "credit_default.ipynb").read_text(encoding="utf-8")
    return dict(json.loads(text))


def finding(report: dict[str, Any], name: str, column: str | None = None) -> dict[str, Any]:
    (found,) = (
        f for f in report["findings"] if f["name"] == name and column in (None, f["column"])
    )
    return dict(found)


def test_it_sums_up_in_json(demo: Demo) -> None:
    result = demo.result
    assert result["status"] == "FINISHED"
    assert result["project"] == str(demo.project)
    assert re.fullmatch(r"[0-9a-f]{16}", result["run_id"])
    assert 0.78 < result["metrics"]["roc_auc"] < 0.82
    assert result["reports"] == [
        {"kind": kind, "status": "pass"} for kind in ("quality", "drift", "fairness", "performance")
    ]
    assert result["gate"] == "pass"
    assert result["model"] == {"name": "credit-default", "version": 1, "alias": "champion"}


def test_its_progress_can_be_followed(demo: Demo) -> None:
    told = [(int(done), int(total)) for done, total in PROGRESS.findall(demo.stderr)]
    assert told == sorted(told)
    assert {total for _, total in told} == {12}
    assert "[9/12] Repair it, and see what that costs" in demo.stderr


def test_the_source_is_untouched_and_the_copy_holds_the_outputs(demo: Demo, root: Path) -> None:
    for name in ("credit_default.ipynb", "mlops.toml", "data/credit_default.parquet"):
        assert (demo.project / name).read_bytes() == (root / "notebooks" / name).read_bytes()
    executed = Path(demo.result["notebook"])
    assert executed.name == "credit_default.ipynb"
    assert executed.parent == demo.project / ".mlops" / "executions" / demo.result["run_id"]
    assert all(cell["execution_count"] for cell in code_cells(executed))


def test_the_source_has_no_outputs(notebook: dict[str, Any]) -> None:
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in cells] == [[]] * len(cells)
    assert {cell["execution_count"] for cell in cells} == {None}


def code_cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_every_output_is_small_has_no_script_and_can_be_read_as_text(demo: Demo) -> None:
    panels = 0
    for cell in code_cells(Path(demo.result["notebook"])):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output
            data = output.get("data", {})
            html = "".join(data.get("text/html", ""))
            assert set(data) <= {"text/html", "text/plain"}
            assert len(html.encode()) <= 100_000, cell["source"]
            assert not re.search(r"<script|javascript:|\son\w+=", html, re.IGNORECASE)
            if html:
                panels += 1
                assert "".join(data["text/plain"]).strip()
    assert panels == 10


def test_each_step_is_a_run_with_its_evidence(demo: Demo) -> None:
    runs = {run["name"]: run for run in demo.ask("runs", "--children")}
    assert set(runs) == {"credit default", "baseline", "boosted", "boosted, fair"}
    parent = runs.pop("credit default")
    assert {run["status"] for run in (parent, *runs.values())} == {"FINISHED"}
    assert {run["parent_id"] for run in runs.values()} == {parent["run_id"]}
    assert {run["params"]["learning_rate"] for run in (parent, *runs.values())} <= {0.06, "0.06"}
    assert runs["boosted"]["metrics"]["roc_auc"] > runs["baseline"]["metrics"]["roc_auc"]
    assert parent["metrics"] == {"roc_auc": runs["boosted, fair"]["metrics"]["roc_auc"]}


def test_the_registered_model_asks_for_its_inputs_only(demo: Demo) -> None:
    (described,) = (demo.project / ".mlops" / "artifacts" / "models").glob("*/artifacts/MLmodel")
    inputs = set(re.findall(r'"name": "(\w+)"', " ".join(described.read_text("utf-8").split())))
    clients = pd.read_parquet(demo.project / "data" / "credit_default.parquet")
    assert inputs == set(clients.columns) - {"ID", "DEFAULT"}


@pytest.fixture
def says(notebook: dict[str, Any]) -> str:
    """The notebook's prose, on one line."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    return " ".join(" ".join("".join(cell["source"]) for cell in cells).split())


def test_what_it_says_of_the_models_is_true(demo: Demo, says: str) -> None:
    baseline, boosted = (demo.report(name, "performance") for name in ("baseline", "boosted"))
    line, better = finding(baseline, "roc_auc"), finding(boosted, "roc_auc")
    assert "asks for a ROC AUC of at least 0.74" in says
    assert line["limit"] == better["limit"] == 0.74
    assert "The baseline's interval reaches across that line" in says
    assert line["evidence"]["interval"][0] < 0.74 < line["evidence"]["interval"][1]
    assert "above the line and above all of the baseline's" in says
    assert better["evidence"]["interval"][0] > line["evidence"]["interval"][1] > 0.74
    recall, precision = (finding(boosted, name)["value"] for name in ("recall", "precision"))
    assert (
        f"it finds {recall:.0%}, and of those it names {precision:.0%} do".replace("%", " %")
        in says
    )
    assert f"what {line['evidence']['n']:,} clients can say" in says


def test_what_it_says_of_drift_is_true(demo: Demo, says: str) -> None:
    report = demo.report("credit default", "drift")
    columns = {f["column"]: f for f in report["findings"] if f["column"]}
    drifted = {name for name, f in columns.items() if f["evidence"]["drifted"]}
    assert f"{len(drifted)} of {len(columns)} columns have drifted" in says
    assert report["status"] == "pass"
    assert drifted >= {"LIMIT_BAL", "MARRIAGE", "PAY_0", "PAY_2", "BILL_AMT1"}
    assert "The last line is the comfort: `DEFAULT`" in says
    assert min(columns, key=lambda name: columns[name]["value"]) == "DEFAULT"

    clients = pd.read_parquet(demo.project / "data" / "credit_default.parquet")
    young, others = clients[clients["AGE"] < 30], clients[clients["AGE"] >= 30]
    for lower in ("LIMIT_BAL", "BILL_AMT1", "BILL_AMT6"):
        assert young[lower].mean() < others[lower].mean()
    for higher in ("PAY_0", "PAY_2"):
        assert young[higher].mean() > others[higher].mean()
    assert (young["MARRIAGE"] == 2).mean() > 0.5


def test_what_it_says_of_fairness_is_true(demo: Demo, says: str) -> None:
    before = demo.report("credit default", "fairness")
    after = demo.report("boosted, fair", "fairness")
    ratio = finding(before, "demographic_parity_ratio")
    assert "this holdout can neither clear the model nor convict it" in says
    assert (before["status"], ratio["status"]) == ("insufficient", "insufficient")
    assert abs(ratio["value"] - ratio["limit"]) < 0.01
    was, now = (selected(report) for report in (before, after))
    more, fewer = now["female"] - was["female"], was["male"] - now["male"]
    assert f"refusing {more} women more and {fewer} men fewer" in says
    assert after["status"] == "pass"

    boosted, fair = (demo.report(n, "performance") for n in ("boosted", "boosted, fair"))
    assert "ROC AUC is what it was" in says
    assert finding(boosted, "roc_auc")["value"] == finding(fair, "roc_auc")["value"]
    assert abs(finding(boosted, "accuracy")["value"] - finding(fair, "accuracy")["value"]) < 0.005

    clients = pd.read_parquet(demo.project / "data" / "credit_default.parquet")
    rates = clients.groupby("SEX")["DEFAULT"].mean()
    assert f"{rates['male']:.0%} against {rates['female']:.0%}".replace("%", " %") in says


def selected(report: dict[str, Any]) -> dict[str, int]:
    groups = report["findings"][0]["evidence"]["groups"]
    return {group["group"]: group["selected"] for group in groups}


def test_a_second_run_stands_up_to_the_champion_and_a_third_is_held(demo: Demo, says: str) -> None:
    again = mlops("demo", "--into", "mlops-demo", "--json", cwd=demo.project.parent)
    assert again.returncode == 0, again.stdout + again.stderr
    second = Demo(demo.project, again.stdout, again.stderr)
    assert second.result["model"] == {"name": "credit-default", "version": 2, "alias": "champion"}
    assert second.result["notebook"] != demo.result["notebook"]
    assert Path(demo.result["notebook"]).exists()
    gate = second.report("credit default", "gate")
    assert (gate["status"], gate["subject"]["champion"]) == ("pass", 1)
    assert gate["findings"][-1]["value"] == 0  # the same model: no worse, for certain

    assert "`mlops run credit_default.ipynb -p learning_rate 0.1`" in says
    assert "It will not go live: it is as good as this one, but not certainly." in says
    other = ("run", "credit_default.ipynb", "-p", "learning_rate", "0.1", "--json")
    third = mlops(*other, cwd=demo.project)
    assert third.returncode == 0, third.stdout + third.stderr
    versions = {v["version"]: v["aliases"] for v in demo.ask("models")}
    assert versions == {3: ["challenger"], 2: ["champion"], 1: []}
    gate = Demo(demo.project, third.stdout).report("credit default", "gate")
    low, high = gate["findings"][-1]["evidence"]["interval"]
    assert gate["status"] == "insufficient"
    assert low < 0 < high < 0.01
