"""What a replay works on: how it is restored and taken away again, and what is refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import CellRecord, Run
from mlops_nb.flows import datasets, environments, restoring, tracking
from mlops_nb.flows import replay as replays
from mlops_nb.flows.context import Context
from mlops_nb.project import Project
from mlops_nb.tracking import provenance
from mlops_nb.tracking.inputs import content
from mlops_nb.tracking.provenance import FoundNotebook
from tests.notebooks import write_notebook


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a project in git with one commit."""
    folder = tmp_path / "project"
    write_notebook(folder / "train.ipynb", "1")
    (folder / "mlops.toml").touch()
    (folder / "data.csv").write_text("1 2 3\n")
    (folder / "code.py").write_text("x = 1\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def recorded(folder: Path, tags: Mapping[str, str] | None = None) -> tuple[Project, Run]:
    """Record a run of the notebook, as far as a replay needs it, without executing it."""
    project = Project.at(folder, {})
    context = Context(project, folder)
    notebook = FoundNotebook(folder / "train.ipynb", "runner")
    run = tracking.open_run(context, notebook=notebook, tags=tags)
    tracking.record_cell(context, run.run_id, CellRecord(0, "1", None, None, "ok"))
    return project, tracking.close_run(context, run.run_id, "FINISHED")


def restore(project: Project, run: Run) -> dict[str, str]:
    """Return what is restored, by path."""
    made = restoring.recording(project, run)
    with restoring.restored(project, run, made, current=False) as place:
        files = {p.relative_to(place.base).as_posix(): p for p in place.base.rglob("*")}
        return {name: path.read_text() for name, path in files.items() if path.is_file()}


def nothing_is_left(folder: Path) -> bool:
    is_empty = not list((folder / ".mlops" / "replays").glob("*"))
    return is_empty and len(git(folder, "worktree", "list").splitlines()) == 1


def test_hooks_of_the_user_never_run(folder: Path) -> None:
    project, run = recorded(folder)
    for name in ("post-checkout", "post-index-change", "reference-transaction", "watch"):
        hook = folder / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {folder / 'hooked'}\n")
        hook.chmod(0o755)
    git(folder, "config", "core.fsmonitor", ".git/hooks/watch")
    (folder / "hooked").unlink(missing_ok=True)
    assert restore(project, run)["data.csv"] == "1 2 3\n"
    assert not (folder / "hooked").exists()
    assert nothing_is_left(folder)


KILLED = """
import os, signal, sys
from pathlib import Path
from mlops_nb.flows import restoring
from mlops_nb.project import Project
project = Project.at(Path(sys.argv[1]), {})
run = project.spool.load(sys.argv[2]).run
made = restoring.recording(project, run)
with restoring.restored(project, run, made, current=False):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_killed_replay_left_is_taken_away_by_the_next(folder: Path, root: Path) -> None:
    project, run = recorded(folder)
    words = [sys.executable, "-c", KILLED, str(folder), run.run_id]
    done = subprocess.run(words, env={**os.environ, "PYTHONPATH": str(root)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not nothing_is_left(folder)
    made = restoring.recording(project, run)
    with restoring.restored(project, run, made, current=False) as one:
        # One that is at work is left alone.
        restore(project, run)
        assert (one.base / "data.csv").is_file()
        assert len(git(folder, "worktree", "list").splitlines()) == 2
    assert nothing_is_left(folder)


def test_a_shallow_clone_without_the_commit_is_refused(folder: Path, tmp_path: Path) -> None:
    _, run = recorded(folder)
    (folder / "code.py").write_text("x = 2\n")
    git(folder, "commit", "-am", "second")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--depth=1", folder.as_uri(), str(clone))
    shutil.copytree(folder / ".mlops", clone / ".mlops")
    project = Project.at(clone, {})
    moved = project.spool.load(run.run_id).run
    told = {**moved.tags, "mlops.root": str(clone), "mlops.folder": str(clone)}
    told["mlops.notebook"] = str(clone / "train.ipynb")
    made = restoring.recording(project, moved)
    with (
        pytest.raises(InputError, match="a shallow clone; git fetch --unshallow"),
        restoring.restored(project, Run(**{**fields(moved), "tags": told}), made, current=False),
    ):
        pass
    git(clone, "fetch", "--unshallow")
    assert restore(project, Run(**{**fields(moved), "tags": told}))["code.py"] == "x = 1\n"


def fields(run: Run) -> dict[str, object]:
    return {name: getattr(run, name) for name in run.__dataclass_fields__}


def test_changes_that_were_not_kept_whole_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "code.py").write_text("x = 3\n")
    project, whole = recorded(folder)
    assert restore(project, whole)["code.py"] == "x = 3\n"
    monkeypatch.setattr(provenance, "DIFF_CAP", 10)
    project, capped = recorded(folder)
    with pytest.raises(InputError, match=r"uncommitted changes of that run were not kept: \d+ byt"):
        restore(project, capped)
    monkeypatch.undo()
    (folder / "code.py").write_text('password = "hunter22"\n')
    project, secret = recorded(folder)
    with pytest.raises(InputError, match="had secrets in them"):
        restore(project, secret)
    kept = project.runs.artifact(whole, "mlops/dirty.diff")
    assert kept is not None
    kept.unlink()
    with pytest.raises(InputError, match=r"are gone: mlops/dirty\.diff"):
        restore(project, whole)
    assert nothing_is_left(folder)


def test_a_version_whose_bytes_are_gone_is_refused(folder: Path) -> None:
    data = folder / "more.csv"
    data.write_text("1\n")
    project, run = recorded(folder, {"mlops.data.file.more.csv": content(data)})
    kept = datasets.snapshot(Context(project, folder), "more", "more.csv")
    data.write_text("2\n")
    assert restore(project, run)["more.csv"] == "1\n"
    project.blobs._path(kept.hash).unlink()
    with pytest.raises(NotFoundError, match="there is no blob"):
        restore(project, run)
    assert data.read_text() == "2\n"
    assert nothing_is_left(folder)


def test_a_submodule_changes_nothing_of_the_rest(folder: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "inner.py").write_text("y = 1\n")
    for words in (("init",), ("add", "."), ("commit", "-m", "one")):
        git(library, *words)
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", str(library), "libs/inner")
    git(folder, "commit", "-m", "with a submodule")
    (folder / "libs" / "inner" / "inner.py").write_text("y = 2\n")
    (folder / "code.py").write_text("x = 4\n")
    project, run = recorded(folder)
    assert restore(project, run)["code.py"] == "x = 4\n"
    git(folder / "libs" / "inner", "commit", "-am", "two")
    project, moved = recorded(folder)
    assert restore(project, moved)["code.py"] == "x = 4\n"
    assert nothing_is_left(folder)


def test_a_fresh_environment_needs_a_lock_a_wheel_and_python(folder: Path) -> None:
    project, run = recorded(folder)
    lock = project.runs.artifact(run, "mlops/requirements.txt")
    assert lock is not None
    project, other = recorded(folder)
    path = write_notebook(folder / "r.ipynb", "1")
    project.spool.keep(
        other.run_id, "notebook/r.ipynb", path.read_bytes().replace(b': "python"', b': "R"')
    )
    lock.unlink()
    for run_id, why in (
        (run.run_id, r"has recorded no mlops/requirements\.txt"),
        (other.run_id, "written in r, and a run's lock is Python's"),
    ):
        with pytest.raises(InputError, match=why):
            replays.replay(Context(project, folder), run_id, env="fresh")
    untold = Run(**{**fields(run), "tags": {}})
    with pytest.raises(InputError, match="has not recorded the mlops_nb that it ran with"):
        environments._wheel(project, untold)
    assert nothing_is_left(folder)


def test_a_name_that_leads_out_of_the_folder_is_refused(folder: Path) -> None:
    project, run = recorded(folder, {"mlops.data.file.../../data.csv": "sha256:0"})
    with pytest.raises(InputError, match="outside of its folder"):
        restore(project, run)
    assert nothing_is_left(folder)
