"""Runs executed again on real kernels: what reproduces, what differs and why, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Run
from mlops_nb.core.replay_records import Replay
from mlops_nb.flows import datasets, execution
from mlops_nb.flows import replay as replays
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from tests.marks import imports_mlflow
from tests.notebooks import (
    live_kernels,
    mlops,
    outputs,
    text_of,
    wait_until_delivered,
    write_notebook,
)

pytestmark = imports_mlflow

CELLS = (
    "%load_ext mlops_nb\nimport features, random",
    # The file's name is computed: it is nowhere in the source.
    'stem = "data"\ntotal = sum(int(x) for x in open(f"{stem}.csv").read().split())',
    "random.seed(7)\nprint(object(), features.scale(total) * months, random.random())",
    "%mlops log total={features.scale(total) * months}",
)


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Let the kernels find the package that is tested, wherever they work."""
    monkeypatch.setenv("PYTHONPATH", str(root))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mlops.toml").write_text("[project]\nname = 'spring'\n")
    (tmp_path / "features.py").write_text("def scale(x):\n    return x * 10\n")
    (tmp_path / "data.csv").write_text("1 2 3\n")
    return tmp_path


def context(folder: Path) -> Context:
    return Context(Project.at(folder, {}), folder)


def run(folder: Path, *cells: str, parameters: Mapping[str, int] | None = None) -> Run:
    write_notebook(folder / "train.ipynb", *cells, parameters="months = 1")
    done = execution.run(context(folder), folder / "train.ipynb", parameters=parameters)
    assert done.status == "FINISHED", done.reason
    return done


def replay(folder: Path, run: Run, **options: str) -> Replay:
    return replays.replay(context(folder), run.run_id, **options)  # type: ignore[arg-type]


def state_of(folder: Path) -> dict[str, bytes]:
    """Return every file of the user's tree, without what the project remembers."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".mlops", "__pycache__", ".git"} & set(path.parts)
    }


def nothing_is_left(folder: Path) -> bool:
    left = folder / ".mlops" / "replays"
    return not left.exists() or not list(left.iterdir())


def test_an_unchanged_notebook_is_reproduced_outside_git(folder: Path) -> None:
    done = run(folder, *CELLS, parameters={"months": 3})
    # What the user does afterwards must not matter: the recorded modules and notebook are used.
    (folder / "features.py").write_text("def scale(x):\n    return -1\n")
    write_notebook(folder / "train.ipynb", "1 / 0")
    before = state_of(folder)
    found = replay(folder, done)
    assert (found.status, found.cell, found.inputs) == ("REPRODUCED", None, ()), found.summary
    assert [(m.name, m.before, m.after) for m in found.metrics] == [("total", 180.0, 180.0)]
    again = context(folder).project.runs.get(found.replay_id)
    assert again.tags["mlops.replay_of"] == done.run_id
    assert again.tags["mlops.notebook"] == str(folder / "train.ipynb")
    assert again.params["months"] == 3
    assert state_of(folder) == before
    assert nothing_is_left(folder)


def test_a_file_that_changed_is_named_or_refused(folder: Path) -> None:
    done = run(folder, *CELLS)
    kept = datasets.snapshot(context(folder), "numbers", "data.csv")
    (folder / "data.csv").write_text("1 2 4\n")
    found = replay(folder, done, data="current")
    assert found.status == "DIFFERS"
    assert found.cell is not None
    assert found.cell.position == 4, "after the parameters' cell, the third that is run"
    data = [changed for changed in found.inputs if changed.kind == "data"]
    assert [changed.name for changed in data] == ["file.data.csv"]
    assert data == [i for i in found.inputs if i.kind != "seed"], "nothing else is named"
    assert [m.same for m in found.metrics] == [False]
    # As it was, it is still there: a version was kept of it.
    assert kept.label == "numbers@1"
    assert replay(folder, done).status == "REPRODUCED"
    assert (folder / "data.csv").read_text() == "1 2 4\n"


def test_planted_changes_of_code_and_of_a_parameter_are_named_one_at_a_time(
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    root: Path,
) -> None:
    # As an editable install has it: a folder of the project is on the path.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder / "src"), str(root)]))
    own = folder / "src" / "ours" / "scaling.py"
    own.parent.mkdir(parents=True)
    (own.parent / "__init__.py").touch()
    own.write_text("FACTOR = 10\n")
    shared = tmp_path_factory.mktemp("shared") / "shared_scale.py"
    shared.write_text("def scale(x):\n    return x * 10\n")
    done = run(
        folder,
        f"%load_ext mlops_nb\nimport sys\nsys.path.append({str(shared.parent)!r})",
        "import shared_scale\nfrom ours.scaling import FACTOR",
        "print(shared_scale.scale(months) * FACTOR)",
        parameters={"months": 3},
    )
    assert done.tags["mlops.import_paths"] == '["src"]'
    own.write_text("FACTOR = 20\n")
    found = replay(folder, done)
    assert (found.status, found.inputs) == ("REPRODUCED", ()), "the recorded one is used"
    shared.write_text("def scale(x):\n    return x * 20\n")
    found = replay(folder, done)
    assert found.status == "DIFFERS"
    assert found.cell is not None
    assert (found.cell.position, found.cell.before, found.cell.after) == (5, "300", "600")
    assert [(i.kind, i.name) for i in found.inputs] == [("code", str(shared))]
    shared.write_text("def scale(x):\n    return x * 10\n")
    wait_until_delivered(context(folder).project)
    runs = context(folder).project.runs
    copy = runs.artifact(runs.get(done.run_id), "notebook/train.ipynb")
    assert copy is not None
    body = json.loads(copy.read_text())
    body["metadata"]["papermill"]["parameters"]["months"] = 4
    copy.write_text(json.dumps(body))
    found = replay(folder, done)
    assert (found.status, found.cell and found.cell.after) == ("DIFFERS", "400")
    assert [(i.kind, i.name, i.before, i.after) for i in found.inputs] == [
        ("parameter", "months", "3", "4")
    ]


def test_in_git_the_commit_and_the_uncommitted_changes_are_those_of_the_run(folder: Path) -> None:
    inside = folder / "work"
    inside.mkdir()
    for name in ("features.py", "data.csv"):
        (folder / name).rename(inside / name)
    (folder / ".gitignore").write_text("*.csv\n__pycache__/\n")
    write_notebook(inside / "train.ipynb", *CELLS, parameters="months = 1")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    (inside / "features.py").write_text("def scale(x):\n    return x * 20\n")
    done = execution.run(context(folder), inside / "train.ipynb")
    assert (done.status, done.metrics) == ("FINISHED", {"total": 120.0})
    assert done.tags["mlops.dirty"] == "true"
    (inside / "features.py").write_text("def scale(x):\n    return -1\n")
    git(folder, "commit", "-am", "second")
    before, head = state_of(folder), git(folder, "rev-parse", "HEAD")
    status = git(folder, "status", "--porcelain")
    found = replay(folder, done)
    assert found.status == "REPRODUCED", found.summary
    again = context(folder).project.runs.get(found.replay_id)
    assert again.tags["mlops.commit"] == done.tags["mlops.commit"] != head.strip()
    assert (state_of(folder), git(folder, "rev-parse", "HEAD")) == (before, head)
    assert git(folder, "status", "--porcelain") == status
    assert len(git(folder, "worktree", "list").splitlines()) == 1
    assert nothing_is_left(folder)


def test_chance_that_is_not_seeded_is_found_in_its_first_cell(folder: Path) -> None:
    done = run(
        folder,
        "%load_ext mlops_nb\nimport random",
        "print('the same')",
        "random.random()",
        "%mlops log auc={random.random()}",
    )
    found = replay(folder, done)
    assert found.status == "DIFFERS"
    assert found.cell is not None
    assert (found.cell.position, found.cell.source) == (4, "random.random()")
    assert [(changed.kind, changed.name) for changed in found.inputs] == [("seed", "random")]
    shown = mlops("replay", done.run_id, cwd=folder)
    assert (shown.returncode, "First cell that differs: 4" in shown.stdout) == (1, True)


def test_a_replay_leaves_the_registry_alone(folder: Path) -> None:
    done = run(
        folder,
        "%load_ext mlops_nb\nimport mlops_nb as mlops",
        (
            "class Model:\n    def predict(self, x): return [0]\n"
            "import os\nif os.environ.get('MLOPS_REPLAY'):\n"
            "    print(mlops.register(Model(), 'm').version, mlops.gate('m').status)\n"
            "    print(mlops.promote('m', force=True, reason='x').message)"
        ),
    )
    found = replay(folder, done)
    copy = folder / ".mlops" / "executions" / found.replay_id / "train.ipynb"
    assert found.run_status == "FINISHED", found.summary
    said = text_of(outputs(copy)[2])
    assert said == "0 insufficient\na replay promotes nothing: m stays as it is\n"
    project = context(folder).project
    assert project.models.versions() == []
    assert project.database.audit() == []


def test_an_interactive_run_is_replayed_from_its_cells(folder: Path) -> None:
    with live_kernels(folder) as (kernel,):
        kernel.run("%load_ext mlops_nb\n%mlops track spring")
        kernel.run("import features")
        kernel.run("1 / 0")
        kernel.run("%mlops log total={features.scale(2)}")
        kernel.run("%mlops track stop")
    (folder / "features.py").write_text("def scale(x):\n    return -1\n")
    done = context(folder).project.runs.get("latest")
    found = replay(folder, done)
    assert (found.status, found.cell) == ("REPRODUCED", None), found.summary
    assert [(m.before, m.after) for m in found.metrics] == [(20.0, 20.0)]
    assert found.notes == ("What these cells showed was not recorded, or too long: 1.",)


def test_what_a_cell_showed_interactively_is_compared(folder: Path) -> None:
    with live_kernels(folder) as (kernel,):
        kernel.run("%load_ext mlops_nb\n%mlops track spring")
        kernel.run("print(object(), 'password = hunter22')\n'same'")
        kernel.run("from pathlib import Path\nprint('a')\nPath('seen').exists()")
        kernel.run("Path('seen').touch()\n%mlops track stop")
    # What it finds in its folder is another thing, and nothing that was recorded says so.
    (folder / "seen").write_text("x")
    done = context(folder).project.runs.get("latest")
    (folder / "features.py").write_text("")
    found = replay(folder, done)
    assert found.status == "REPRODUCED", found.summary
    with live_kernels(folder) as (kernel,):
        kernel.run("%load_ext mlops_nb\n%mlops track summer")
        kernel.run("import os\nprint(1)\nprint(os.environ.get('SEASON'))")
        kernel.run("%mlops track stop")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASON", "autumn")
        found = replay(folder, context(folder).project.runs.get("latest"))
    assert (found.status, found.metrics) == ("DIFFERS", ())
    assert found.cell is not None
    assert (found.cell.position, found.cell.before, found.cell.after) == (2, "None", "autumn")


def test_a_redacted_diff_and_a_commit_that_is_gone_are_refused(folder: Path) -> None:
    write_notebook(folder / "train.ipynb", "1")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    clean = execution.run(context(folder), folder / "train.ipynb")
    (folder / "features.py").write_text('password = "hunter22"\n')
    secret = execution.run(context(folder), folder / "train.ipynb")
    assert secret.tags["mlops.diff"] == "redacted"
    kept = context(folder).project.runs.artifact(secret, "mlops/dirty.diff")
    assert kept is not None
    assert b"hunter22" not in kept.read_bytes()
    with pytest.raises(InputError, match="secrets in them"):
        replay(folder, secret)
    git(folder, "update-ref", "-d", "HEAD")
    git(folder, "read-tree", "--empty")
    git(folder, "reflog", "expire", "--expire=now", "--all")
    git(folder, "gc", "--prune=now", "--quiet")
    with pytest.raises(InputError, match=r"is not in .* any more"):
        replay(folder, clean)
    assert nothing_is_left(folder)


def test_modules_that_nobody_recorded_are_refused(folder: Path) -> None:
    done = run(folder, "import features\nprint(features.scale(1))")
    with pytest.raises(InputError, match=r"the module features\.py of that run was not recorded"):
        replay(folder, done)


def test_bad_words_get_one_line(folder: Path) -> None:
    done = run(folder, "print(open('data.csv').read())")
    assert done.tags["mlops.data.file.data.csv"].startswith("sha256:")
    with pytest.raises(NotFoundError, match="did you mean 'current'"):
        replay(folder, done, data="curent")
    with pytest.raises(InputError, match="--tolerance must be"):
        replays.replay(context(folder), done.run_id, tolerance=-1)
    (folder / "data.csv").write_text("0\n")
    with pytest.raises(InputError, match=r"data\.csv has changed since"):
        replay(folder, done)
    (folder / "data.csv").unlink()
    with pytest.raises(NotFoundError, match="any more"):
        replay(folder, done, data="current")
    assert nothing_is_left(folder)
