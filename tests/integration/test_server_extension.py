"""The routes of the server extension, asked of a real Jupyter Server over HTTP."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.interfaces import lookup
from mlops_nb.project import Project
from tests.notebooks import PATIENCE_S, mlops, python, wait_until_delivered, write_notebook
from tests.serving import BASE, Answer, Server, running_server, stop

# All of this has one server, so that it runs in one worker.
pytestmark = pytest.mark.xdist_group("server extension")

TRAIN = "%load_ext mlops_nb\n%mlops track\n%mlops log auc={months / 4}"
JOB = {"name": "retrain", "notebook": "credit/train.ipynb", "cron": "0 6 1 * *", "timezone": "UTC"}


@pytest.fixture(scope="module")
def project(server: Server) -> Project:
    """A project with a notebook and one run that no one keeps a notebook of."""
    folder = server.folder / "credit"
    write_notebook(folder / "train.ipynb", TRAIN, parameters="months = 1")
    assert mlops("init", "--name", "credit", cwd=folder).returncode == 0
    track = "import mlops_nb\nwith mlops_nb.track('by hand'): mlops_nb.log(auc=0.5)"
    assert python("-c", track, cwd=folder).returncode == 0
    found = Project.at(folder)
    wait_until_delivered(found)
    return found


@pytest.fixture
def scratch(server: Server) -> Iterator[Path]:
    """A project's folder to be spoiled."""
    folder = server.folder / "scratch"
    folder.mkdir()
    (folder / "mlops.toml").write_text('[project]\nname = "scratch"\n')
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def urls(server: Server) -> list[str]:
    """Every route that is registered, below the base URL."""
    found = [pattern.rstrip("$").removeprefix(BASE) for pattern in server.routes]
    return [url.replace("(?:/.*)?", "/what/ever") for url in found]


def test_every_verb_of_the_door_has_a_route(server: Server) -> None:
    verbs = {f"mlops/{verb.name.replace(' ', '/')}" for verb in lookup.verbs_of("http")}
    assert verbs | {"mlops/project", "mlops/notebook"} < set(urls(server))
    reserved = {a.parameter for v in lookup.verbs_of("http") for a in v.arguments}
    assert not reserved & {"path", "as", "token", "no_track_activity"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_route_answers_without_a_token(server: Server, method: str) -> None:
    for url in urls(server):
        answer = server.ask(method, url, authorized=False)
        assert (url, answer.status) == (url, 403)
        assert answer.error["hint"]


@pytest.mark.parametrize(("method", "action"), [("GET", "read"), ("POST", "write")])
def test_every_route_asks_the_authorizer(server: Server, method: str, action: str) -> None:
    for url in urls(server):
        answer = server.ask(method, url, X_Refuse=f"{action} mlops")
        assert (url, answer.status) == (url, 403)
        assert action in answer.error["message"]


def test_no_route_takes_a_cookie_for_a_change_without_its_xsrf_token(server: Server) -> None:
    entered = server.ask("GET", f"api/status?token={server.token}", authorized=False)
    cookies = SimpleCookie(entered.headers["Set-Cookie"])
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
    assert server.ask("GET", "mlops/project", authorized=False, Cookie=cookie).status == 200
    for url in urls(server):
        answer = server.ask("POST", url, b"{}", authorized=False, Cookie=cookie)
        assert (url, answer.status) == (url, 403)
        assert "_xsrf" in answer.error["message"]


def test_every_route_answers_json_and_names_its_method(server: Server) -> None:
    for url in urls(server):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            answer = server.ask(method, url)
            assert answer.status < 500, (method, url, answer.body)
            assert answer.headers["Content-Type"] == "application/json"
            if answer.status == 405:
                assert answer.error["type"] == "MethodNotAllowed"
                assert answer.headers["Allow"] in {"GET", "POST"} - {method}
    assert server.ask("POST", "mlops/runs").status == 405
    assert server.ask("GET", "mlops/jobs/run").status == 405


def test_a_project_is_found_from_its_notebook_and_its_folders(
    server: Server, project: Project
) -> None:
    for path in ("credit", "credit/train.ipynb"):
        answer = server.get("project", path=path)
        assert answer.body == {
            "name": "credit",
            "root": str(project.root),
            "path": "credit",
            "scheduler": False,
            "version": answer.body["version"],
        }
    assert server.get("project").body["path"] == ""
    # A project whose root lies above the server's is one all the same.
    (server.folder.parent / "mlops.toml").write_text('[project]\nname = "above"\n')
    try:
        above = server.get("project", path="").body
    finally:
        (server.folder.parent / "mlops.toml").unlink()
    assert (above["name"], above["path"]) == ("above", None)


def test_reading_verbs_answer_what_the_command_line_prints(
    server: Server, project: Project
) -> None:
    (run,) = server.get("runs", path="credit", limit=5, status="FINISHED").body
    assert (run["name"], run["metrics"]) == ("by hand", {"auc": 0.5})
    printed = mlops("show", run["run_id"], "--json", cwd=project.root).stdout
    assert server.get("show", path="credit", run=run["run_id"][:10]).body == json.loads(printed)
    printed = mlops("status", "--json", cwd=project.root).stdout
    assert server.get("status", path="credit").body == json.loads(printed)
    assert server.get("runs", path="credit", status="FAILED", children="true").body == []


def test_a_panel_comes_in_place_of_the_record(server: Server, project: Project) -> None:
    add = server.post("jobs/add", "credit", **{**JOB, "name": "drawn", "cron": None})
    assert add.status == 200
    given = {
        "show": {"run": "latest"},
        "diff": {"before": "latest", "after": "latest"},
        "jobs/show": {"job": "drawn"},
    }
    try:
        for verb in lookup.verbs_of("http"):
            route = verb.name.replace(" ", "/")
            if verb.reads:
                answer = server.get(route, path="credit", **given.get(route, {}), **{"as": "html"})
                assert answer.status == 200, (route, answer.body)
                assert list(answer.body) == ["html"]
                assert "<div" in answer.body["html"]
    finally:
        assert server.post("jobs/remove", "credit", job="drawn").status == 200
    assert "by hand" in server.get("runs", path="credit", **{"as": "html"}).body["html"]
    refused = server.get("runs", path="credit", **{"as": "htm"})
    assert (refused.status, refused.error["hint"]) == (404, "did you mean 'html'?")


def test_a_job_from_its_schedule_to_its_executed_notebook(server: Server, project: Project) -> None:
    added = server.post("jobs/add", "credit/train.ipynb", **JOB, parameters={"months": 3})
    assert added.status == 200, added.body
    assert added.body["notebook"] == str(project.root / "train.ipynb")
    assert (added.body["cron"], added.body["parameters"]) == ("0 6 1 * *", {"months": 3})
    assert [job["name"] for job in server.get("jobs/list", path="credit").body] == ["retrain"]
    paused = server.post("jobs/pause", "credit", job="retrain").body
    assert (paused["paused"], paused["next_at"]) == (True, None)
    assert server.post("jobs/resume", "credit", job="retrain").body["next_at"]
    started = server.post("jobs/run", "credit", job="retrain")
    assert started.status == 202
    run = wait_for_end(server, started.body["id"])
    assert run["status"] == "FINISHED", run
    notebook = server.get("notebook", path="credit", run=run["run_id"]).body
    content = notebook.pop("content")
    assert notebook["path"] == f"credit/.mlops/executions/{run['run_id']}/train.ipynb"
    assert (notebook["type"], notebook["format"], notebook["writable"]) == (
        "notebook",
        "json",
        False,
    )
    assert notebook["size"] > 0
    assert "months = 3" in [cell["source"] for cell in content["cells"]][1]
    shutil.rmtree(project.state / "executions")
    again = server.get("notebook", path="credit", run=run["run_id"]).body
    assert again["content"]["cells"] == content["cells"], "the artifact is kept too"


def wait_for_end(server: Server, job_run: str, seconds: float = PATIENCE_S) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        history = server.get("jobs/history", path="credit", job="retrain").body
        (run,) = (one for one in history if one["id"] == job_run)
        if run["status"] != "RUNNING":
            return run
        time.sleep(0.2)
    pytest.fail(f"{job_run} does not end")


def test_what_was_signed_is_trusted(server: Server, project: Project) -> None:
    done = mlops(
        "run",
        "train.ipynb",
        "--json",
        cwd=project.root,
        JUPYTER_DATA_DIR=str(server.log.parent / "data"),
    )
    run = json.loads(done.stdout)
    signed = server.get("notebook", path="credit", run=run["run_id"]).body["content"]
    assert {cell["metadata"]["trusted"] for cell in signed["cells"]} == {True}
    copy = Path(run["notebook"])
    copy.write_text(copy.read_text().replace("months = 1", "months = 9"))
    changed = server.get("notebook", path="credit", run=run["run_id"]).body["content"]
    assert {cell["metadata"]["trusted"] for cell in changed["cells"]} == {False}


def test_a_run_without_an_executed_notebook_says_where_to_look(
    server: Server, project: Project
) -> None:
    run = next(r for r in server.get("runs", path="credit").body if r["name"] == "by hand")
    answer = server.get("notebook", path="credit", run=run["run_id"])
    assert answer.status == 404
    assert "mlops run" in answer.error["hint"]


def test_a_tag_opens_no_file_outside_the_project(server: Server, project: Project) -> None:
    secret = write_notebook(server.folder.parent / "secret.ipynb", "password")
    code = (
        "import mlops_nb\nwith mlops_nb.track('sly') as run:\n"
        f"    mlops_nb.log({{'mlops.output_notebook': {str(secret)!r}}}, kind='tag')"
    )
    assert python("-c", code, cwd=project.root).returncode == 0
    run = server.get("runs", path="credit", limit=1).body[0]
    assert run["name"] == "sly"
    assert server.get("notebook", path="credit", run=run["run_id"]).status == 404


OUTSIDE = [
    "..",
    "../x",
    "credit/../credit",
    "credit/../../x",
    "/etc",
    "/etc/passwd",
    "link",
    "link/x.ipynb",
    "./..",
]
NO_PATH = {
    "credit/gone.ipynb": "save it first",
    "Untitled.ipynb": "save it first",
    "RTC:credit/train.ipynb": "the server's own files",
    "no such folder": "refresh",
    "credit/train.ipynb/x": "refresh",
    "~/x": "refresh",
}


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_outside_the_root_is_refused(server: Server, project: Project, path: str) -> None:
    link = server.folder / "link"
    if not link.is_symlink():
        link.symlink_to(server.folder.parent)
    for answer in (
        server.get("runs", path=path),
        server.post("jobs/run", path, job="retrain"),
        server.post("jobs/add", "credit", **{**JOB, "name": "sly", "notebook": path}),
    ):
        assert answer.status == 404
        assert "outside the server's folder" in answer.error["message"]
        assert answer.error["hint"]
    data = {"name": "sly", "data": f"../{path}", "label": "y"}
    answer = server.post("jobs/add", "credit", **{**JOB, **data})
    assert (answer.status, "outside the project" in answer.error["message"]) == (404, True)


@pytest.mark.parametrize(("path", "hint"), NO_PATH.items(), ids=list(NO_PATH))
def test_a_path_that_is_not_there_says_what_to_do(
    server: Server, project: Project, path: str, hint: str
) -> None:
    answer = server.get("runs", path=path)
    assert answer.status == 404
    assert hint in answer.error["hint"]
    added = server.post("jobs/add", "credit", **{**JOB, "name": "x", "notebook": path})
    assert (added.status, added.error) == (404, answer.error)


HOSTILE = [
    "mlops/runs?path=a%00b",
    "mlops/runs?path=%ff%fe",
    "mlops/runs?path=" + "x" * 300,
    "mlops/runs?path=" + "x/" * 9000,
    "mlops/runs?path=%2e%2e%2f%2e%2e%2fetc",
    "mlops/runs?path=..%5c..",
    "mlops/runs?path=a&path=b",
    "mlops/runs?path=credit&limit=1e9",
    "mlops/runs?path=credit&limit=-1",
    "mlops/runs?path=credit&limit=" + "9" * 5000,
    "mlops/runs?path=credit&limit=99999999999999999999",
    "mlops/runs?path=credit&limit=5&limit=6",
    "mlops/runs?path=credit&children=perhaps",
    "mlops/runs?path=credit&status=DONE",
    "mlops/runs?path=credit&experiment=%00",
    "mlops/runs?path=credit&experiment=';DROP TABLE runs".replace(" ", "%20"),
    "mlops/show?path=credit",
    "mlops/show?path=credit&run=",
    "mlops/show?path=credit&run=../../x",
    "mlops/show?path=credit&run=%25s%25d",
    "mlops/notebook?path=credit&run=" + "f" * 9000,
    "mlops/jobs/next?path=credit&cron=every%20day",
    "mlops/jobs/next?path=credit&cron=99%20*%20*%20*%20*&timezone=UTC",
    "mlops/jobs/next?path=credit&cron=0%206%201%20*%20*&timezone=Mars/Olympus",
    "mlops/jobs/next?path=credit&cron=0%206%201%20*%20*&timezone=../../etc/passwd",
    "mlops/jobs/next?path=credit&cron=0%206%2031%202%20*&timezone=UTC",
    "mlops/jobs/next?path=credit&cron=0%206%201%20*%20*&timezone=UTC&count=1000000000",
    "mlops/jobs/show?path=credit&job=nobody",
    "mlops/jobs/history?path=credit&job=nobody",
    "mlops/%2e%2e/%00",
    "mlops/ö%20<script>".replace("ö", "%c3%b6").replace("<", "%3c").replace(">", "%3e"),
]


@pytest.mark.parametrize("url", HOSTILE, ids=[url[6:60] for url in HOSTILE])
def test_hostile_queries_are_answered_with_a_line(
    server: Server, project: Project, url: str
) -> None:
    answer = server.ask("GET", url)
    assert 400 <= answer.status < 500, answer.body
    assert answer.error["message"]
    assert "\n" not in answer.error["message"]
    assert len(answer.error["message"]) < 300


BODIES: dict[str, tuple[bytes, int]] = {
    "no JSON": (b"job=retrain", 400),
    "half a JSON": (b'{"job": ', 400),
    "a list": (b"[1]", 400),
    "null": (b"null", 400),
    "empty": (b"", 400),
    "not UTF-8": (b'{"job": "\xff"}', 400),
    "NaN": (b'{"job": NaN}', 400),
    "nested": (b'{"job": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "huge": (json.dumps({"job": "x" * 2_000_000}).encode(), 413),
    "a number": (b'{"job": 3}', 400),
    "a huge number": (b'{"job": ' + b"9" * 5000 + b"}", 400),
    "half a character": (b'{"job": "\\ud800"}', 400),
    "NUL": (b'{"job": "a\\u0000b"}', 400),
    "a name of half a character": (b'{"\\ud800": 1}', 404),
    "nobody": (b'{"job": "nobody"}', 404),
    "unknown": (b'{"jobs": "retrain"}', 404),
    "missing": (b'{"job": null}', 400),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=list(BODIES))
def test_hostile_bodies_are_answered_with_a_line(
    server: Server, project: Project, body: bytes, status: int
) -> None:
    answer = server.ask("POST", "mlops/jobs/run?path=credit", body)
    assert answer.status == status
    assert "\n" not in answer.error["message"]
    assert len(answer.error["message"]) < 300


WRONG_JOBS: dict[str, dict[str, Any]] = {
    "cron": {"cron": "every day"},
    "no day": {"cron": "0 6 31 2 *"},
    "zone": {"timezone": "Mars/Olympus"},
    "parameter": {"parameters": {"mnths": 2}},
    "parameters": {"parameters": [["months", 2]]},
    "a NUL inside": {"parameters": {"months": ["\0"]}},
    "sensitive": {"sensitive": "sex"},
    "sensitive number": {"sensitive": [1]},
    "label without data": {"label": "y"},
    "no data": {"data": "gone.csv", "label": "y"},
    "name": {"name": "a\nb"},
    "no name": {"name": ""},
    "long name": {"name": "x" * 5000},
    "a folder": {"notebook": "credit"},
    "no notebook": {"notebook": "credit/mlops.toml"},
    "unknown": {"crn": "0 6 1 * *"},
}


@pytest.mark.parametrize("wrong", WRONG_JOBS.values(), ids=list(WRONG_JOBS))
def test_a_job_that_can_not_be_is_refused_and_not_kept(
    server: Server, project: Project, wrong: dict[str, Any]
) -> None:
    before = server.get("jobs/list", path="credit").body
    answer = server.post("jobs/add", "credit", **{**JOB, "name": "wrong", **wrong})
    assert 400 <= answer.status < 500, answer.body
    assert answer.error["message"]
    assert server.get("jobs/list", path="credit").body == before


def test_an_unknown_name_is_told_its_nearest(server: Server, project: Project) -> None:
    asked: list[tuple[Answer, str]] = [
        (server.get("runz", path="credit"), "'runs'"),
        (server.get("jobs/lst", path="credit"), "'jobs/list'"),
        (server.get("runs", path="credit", limt=3), "'limit'"),
        (server.post("jobs/pause", "credit", jop="retrain"), "'job'"),
        (server.get("drift", path="credit"), "mlops drift"),
        (server.ask("POST", "mlops/jobs/run?path=credit&job=retrain", b"{}"), "body"),
    ]
    for answer, hint in asked:
        assert answer.status in (400, 404)
        assert hint in answer.error["hint"]


def test_the_front_ends_own_additions_are_passed_over(server: Server, project: Project) -> None:
    url = f"mlops/runs?path=credit&no_track_activity=1&token={server.token}&1764000000000"
    assert server.ask("GET", url).status == 200


def test_a_project_that_vanishes_is_told(server: Server, scratch: Path) -> None:
    assert server.get("runs", path="scratch").status == 200
    shutil.rmtree(scratch)
    answer = server.get("runs", path="scratch")
    assert answer.status == 404
    assert answer.error["hint"]
    time.sleep(1.5)  # the watcher has looked
    assert "Traceback" not in server.log.read_text()


def test_a_spoilt_project_is_told(server: Server, scratch: Path) -> None:
    (scratch / ".mlops").mkdir()
    (scratch / ".mlops" / "mlops.db").write_bytes(b"no database" * 1000)
    assert server.get("jobs/list", path="scratch").status == 503
    (scratch / "mlops.toml").write_text("[project\n")
    broken = server.get("project", path="scratch")
    assert (broken.status, "mlops.toml" in broken.error["message"]) == (400, True)
    (scratch / "mlops.toml").write_text('[project]\nnam = "x"\n')
    assert "'name'" in server.get("project", path="scratch").error["hint"]


def test_the_server_answers_others_while_a_flow_works(server: Server, project: Project) -> None:
    """A flow that hangs (its database is locked) holds up neither Jupyter nor other projects."""
    import sqlite3
    from concurrent.futures import ThreadPoolExecutor
    from contextlib import closing

    held = {**JOB, "name": "held"}
    assert server.post("jobs/add", "credit/train.ipynb", **held).status == 200
    with (
        closing(sqlite3.connect(project.state / "mlops.db", isolation_level=None)) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute("BEGIN EXCLUSIVE")
        slow = threads.submit(server.post, "jobs/pause", "credit", job="held")
        time.sleep(0.5)
        assert server.ask("GET", "api/status").status == 200
        assert server.get("project", path="").status == 200
        assert not slow.done(), slow.result()
        other.execute("ROLLBACK")
        assert slow.result().status == 200
    assert server.post("jobs/remove", "credit", job="held").status == 200


def test_nothing_was_a_fault_of_ours(server: Server) -> None:
    """Runs last in this module: after all that bad input the log holds no traceback."""
    log = server.log.read_text()
    assert "a fault of mlops_nb" not in log
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]


def test_it_stops_in_good_order(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        for route in ("project", "status", "runs", "models", "jobs/list", "jobs/history"):
            assert server.get(route).status == 200  # it watches now
        assert list(server.folder.iterdir()) == [], "asking writes nothing"
        server.folder.rmdir()
        gone = server.get("runs")
        assert (gone.status, "is gone" in gone.error["message"]) == (404, True)
        stop(server.process)
        # It was not killed for want of an end.
        assert server.process.returncode == 0
        log = server.log.read_text()
    assert [word for word in ("Traceback", "pending", "Warning", "never") if word in log] == []
