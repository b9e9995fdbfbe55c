"""Evidently's full reports: found again by the server's door, in MLflow, and in a workspace."""

from __future__ import annotations

import sys
import warnings
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

import mlops_nb
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.flows import checks, tracking
from mlops_nb.flows.context import Context
from mlops_nb.flows.delivery import deliver_now
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import client
from tests.marks import imports_mlflow
from tests.serving import Server
from tests.terminal import Command

pytestmark = [pytest.mark.xdist_group("full reports"), imports_mlflow]

OLD = pd.DataFrame({"age": [20.5 + i for i in range(60)], "sex": ["f", "m"] * 30})
NEW = OLD.assign(age=OLD["age"] + 40)


@pytest.fixture(scope="module")
def project(server: Server) -> Project:
    """A project with a delivered run that keeps two reports, and one in a file."""
    folder = server.folder / "müde Bären"
    (folder / "sub").mkdir(parents=True)
    (folder / "mlops.toml").write_text('[project]\nname = "bears"\n')
    found = Project.at(folder, {})
    run = tracking.open_run(Context(found, folder), notebook=tracking.notebook_here({}))
    tracked = Context(found, folder, run.run_id)
    for current in (OLD, NEW):
        checks.drift(tracked, OLD, current, report=True)
    tracking.close_run(tracked, run.run_id, "FINISHED")
    deliver_now(found)
    checks.drift(Context(found, folder), OLD, NEW, report="sub/größe 1.html")
    return found


def key_of(address: str) -> dict[str, str]:
    """Return what a front end reads from an address."""
    link = urlsplit(address)
    return {name: value for name, (value,) in parse_qs(link.fragment.partition("?")[2]).items()}


def test_a_run_keeps_its_reports_in_mlflow_and_the_server_finds_them(
    server: Server, project: Project
) -> None:
    (run,) = project.runs.search()
    assert project.spool.run_ids() == []
    mlflow = client(project.tracking_uri)
    kept = [item.path for item in mlflow.list_artifacts(run.mlflow_run_id, "mlops/reports")]
    pages = sorted(path for path in kept if path.endswith("-evidently.html"))
    delivered = Path(mlflow.download_artifacts(run.mlflow_run_id, pages[-1])).read_text("utf-8")
    assert len(pages) == 2

    latest = server.get("report", path="müde Bären", run=run.run_id)
    assert latest.status == 200
    assert latest.body == {"title": "Drift, reference → current", "html": delivered}
    # As JSON it can't run on the server's own address, whoever opens it there.
    assert latest.headers["Content-Type"] == "application/json"
    first = server.get("report", path="müde Bären", run=run.run_id, report=pages[0])
    assert first.status == 200
    assert first.body["html"] != delivered
    assert run.tags["mlops.evidently"] == pages[1]


def test_a_file_is_found_by_the_address_that_its_panel_links_to(
    server: Server, project: Project
) -> None:
    folder = project.root / "sub"
    found = checks.drift(Context(project, folder), OLD, NEW, report="größe 2.html")
    address = found.subject["evidently_address"]
    assert address.startswith("gr%C3%B6%C3%9Fe%202.html#mlops-report?file=")
    assert f'href="{address}"' in mlops_nb.panels.html(found)
    answer = server.get("report", path="müde Bären", **key_of(address))
    assert answer.status == 200
    assert answer.body["html"] == (folder / "größe 2.html").read_text("utf-8")
    assert server.get("report", path="müde Bären", file="sub/größe 1.html").status == 200


def test_no_file_outside_the_project_and_no_page_of_others_is_served(
    server: Server, project: Project
) -> None:
    page = (project.root / "sub" / "größe 1.html").read_bytes()
    other = server.folder / "other"
    other.mkdir()
    (other / "mlops.toml").write_text("")
    (other / "secret.html").write_bytes(page)
    (project.root / "theirs.html").write_text("<html><head></head>secret</html>")
    (project.root / "link.html").symlink_to(other / "secret.html")
    (run,) = project.runs.search()
    refused: list[tuple[int, dict[str, Any]]] = [
        (404, {"file": "../other/secret.html"}),
        (404, {"file": str(other / "secret.html")}),
        (404, {"file": "link.html"}),
        (404, {"file": "sub/../../other/secret.html"}),
        (404, {"file": "none.html"}),
        (404, {"file": "sub"}),
        (400, {"file": "theirs.html"}),
        (400, {"file": "mlops.toml"}),
        (400, {"file": "a\0b.html"}),
        (404, {"run": run.run_id, "report": "mlops/events.jsonl"}),
        (404, {"run": run.run_id, "report": "../../../other/secret.html"}),
        (404, {"run": "nobody"}),
        (400, {}),
        (400, {"report": "mlops/reports/x-evidently.html"}),
        (400, {"run": run.run_id, "file": "sub/größe 1.html"}),
    ]
    for status, query in refused:
        answer = server.get("report", path="müde Bären", **query)
        assert (query, answer.status) == (query, status), answer.body
        assert answer.error["message"]
        assert "secret" not in answer.error["hint"]


def test_what_lies_outside_the_project_has_no_address_and_a_panel_without_a_link(
    tmp_path: Path,
) -> None:
    project = Project.at(tmp_path / "inside", {})
    project.root.mkdir()
    found = checks.drift(Context(project, project.root), OLD, NEW, report=tmp_path / "a.html")
    assert found.subject["evidently_address"] == ""
    panel = mlops_nb.panels.html(found)
    assert str(tmp_path / "a.html") in panel
    assert "<a " not in panel


def test_open_shows_the_file_in_a_browser(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    OLD.to_parquet(tmp_path / "old.parquet")
    NEW.to_parquet(tmp_path / "new.parquet")
    seen = tmp_path / "seen"
    keep = ["/bin/sh", "-c", f'echo "$0" > "{seen}"', "%s"]
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    webbrowser.register("keeps", None, webbrowser.GenericBrowser(keep))
    words = ("drift", "old.parquet", "new.parquet", "--open")
    done = command(*words)
    assert (done.code, "give it a file: --report FILE.html" in done.err) == (2, True)
    done = command(*words, "--report", "größe 1.html")
    assert done.code == 1, done.err
    assert seen.read_text().strip() == (tmp_path / "größe 1.html").as_uri()
    assert "Evidently's full report: " + str(tmp_path / "größe 1.html") in done.out
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    done = command(*words, "--report", "b.html")
    assert (done.code, "there is no browser here to open" in done.err) == (1, True)


def test_a_workspace_takes_reports_one_by_one(command: Command, tmp_path: Path) -> None:
    OLD.to_parquet(tmp_path / "old.parquet")
    NEW.to_parquet(tmp_path / "new.parquet")
    (tmp_path / "a file").write_text("")
    words = ("drift", "old.parquet", "new.parquet")
    for given, told in (("a file", "is a file"), ("none/ws", "there is no folder")):
        done = command(*words, "--workspace", given)
        assert (done.code, told in done.err) == (2, True), done.err
    assert command(*words, "--workspace", "wörk space", "--json").json["subject"][
        "evidently_workspace"
    ] == str(tmp_path / "wörk space")
    (tmp_path / "mlops.toml").write_text(
        '[project]\nname = "bears"\n[drift]\nworkspace = "wörk space"\n'
    )
    assert command(*words, "--report", "a.html").code == 1
    assert command(*words, "--report", "a.html").code == 1
    assert command(*words).code == 1  # without a report nothing is added

    with warnings.catch_warnings(action="ignore"):
        from evidently.ui.workspace import Workspace

        ws = Workspace(str(tmp_path / "wörk space"))
        kept = {
            p.name: [ws.get_run(p.id, r) for r in ws.list_runs(p.id)] for p in ws.list_projects()
        }
    assert {name: len(runs) for name, runs in kept.items()} == {tmp_path.name: 1, "bears": 2}
    first = kept["bears"][0]
    assert first.name == "Drift, old.parquet → new.parquet"
    assert first.metadata == {"mlops_nb": "Scores are by mlops_nb."}
    assert "evidently.telemetry" not in sys.modules


def test_a_workspace_that_cannot_be_written_or_read_is_told_in_a_line(tmp_path: Path) -> None:
    project = Project.at(tmp_path, {})
    context = Context(project, tmp_path)
    (tmp_path / "mlops.toml").write_text("")
    spoiled = tmp_path / "ws" / "01a20922-267e-7792-b907-44326d7bb53c"
    spoiled.mkdir(parents=True)
    (spoiled / "metadata.json").write_text("{nothing")
    with pytest.raises(UnavailableError, match=r"the workspace .*ws can't be read"):
        checks.drift(context, OLD, NEW, workspace="ws")
    with pytest.raises(InputError, match="is a file"):
        checks.drift(context, OLD, NEW, workspace="mlops.toml")
