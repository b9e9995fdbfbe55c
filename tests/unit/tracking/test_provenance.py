"""Where a run came from: what is not known is absent, and nothing is claimed that is not so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_nb.tracking.environment import packages
from mlops_nb.tracking.provenance import FoundNotebook, Provenance, snapshot

FIND = """
from mlops_nb.tracking.provenance import find_notebook
print(find_notebook({}, {}).path, end="")
"""

# A tool's name, its words, and the notebook that its kernel can be said to run.
COMMANDS = [
    ("papermill", ["a.ipynb", "out.ipynb", "-p", "months", "2"], "a.ipynb"),
    ("papermill", ["--cwd", ".", "a.ipynb", "out.ipynb"], "a.ipynb"),
    ("jupyter-nbconvert", ["--execute", "--output", "out.ipynb", "a.ipynb"], "a.ipynb"),
    ("jupyter-nbconvert", ["--execute", "--output=out.ipynb", "a.ipynb"], "a.ipynb"),
    ("jupyter-nbconvert", ["--execute", "a.ipynb", "b.ipynb"], None),
    ("jupyter-nbconvert", ["--execute", "*.ipynb"], None),
    ("something", ["a.ipynb"], None),
]


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def repository(folder: Path) -> Path:
    (folder / "code.py").write_text("x = 1\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def taken(folder: Path) -> Provenance:
    return snapshot(FoundNotebook(None, "unknown"), folder)


def test_a_clean_tree_a_changed_one_and_none(tmp_path: Path) -> None:
    assert "mlops.commit" not in taken(tmp_path).tags
    repository(tmp_path)
    clean = taken(tmp_path)
    assert (clean.tags["mlops.branch"], clean.tags["mlops.dirty"]) == ("main", "false")
    assert len(clean.tags["mlops.commit"]) == 40
    (tmp_path / "code.py").write_text("x = 2\n")
    changed = taken(tmp_path)
    assert changed.tags["mlops.dirty"] == "true"
    assert b"+x = 2" in changed.files["mlops/dirty.diff"]


def test_a_detached_head_a_shallow_clone_and_a_submodule(tmp_path: Path) -> None:
    (tmp_path / "origin").mkdir()
    origin = repository(tmp_path / "origin")
    first = taken(origin).tags["mlops.commit"]
    git(origin, "commit", "--allow-empty", "-m", "second")
    second = taken(origin).tags["mlops.commit"]
    git(origin, "checkout", first)
    detached = taken(origin).tags
    assert (detached["mlops.commit"], detached["mlops.branch"]) == (first, "HEAD")
    git(origin, "checkout", "main")
    git(tmp_path, "clone", "--depth", "1", origin.as_uri(), "shallow")
    shallow = taken(tmp_path / "shallow").tags
    assert (shallow["mlops.commit"], shallow["mlops.dirty"]) == (second, "false")
    (tmp_path / "outer").mkdir()
    outer = repository(tmp_path / "outer")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "add", str(origin), "inner")
    git(outer, "commit", "-m", "with a submodule")
    assert taken(outer).tags["mlops.dirty"] == "false"
    # Code in it has the submodule's own commit.
    assert taken(outer / "inner").tags["mlops.commit"] == second
    (outer / "inner" / "code.py").write_text("x = 2\n")
    assert taken(outer / "inner").tags["mlops.dirty"] == "true"
    assert taken(outer).tags["mlops.dirty"] == "true"


def test_untracked_files_cost_nothing_and_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(tmp_path)
    # A folder of them takes git minutes where it is on a slow disk: it isn't looked into.
    (tmp_path / "many").mkdir()
    for number in range(1000):
        (tmp_path / "many" / f"{number}.txt").touch()
    trace = tmp_path / "trace"
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(trace))
    assert taken(tmp_path).tags["mlops.dirty"] == "false"
    assert "read_directory" not in trace.read_text()


def test_a_change_that_git_can_not_show_is_a_change_all_the_same(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "code.py").write_text("x = 2\n")
    told = subprocess.check_output(["git", "rev-parse", "HEAD:code.py"], cwd=tmp_path, text=True)
    (tmp_path / ".git" / "objects" / told[:2] / told[2:].strip()).unlink()
    tags = taken(tmp_path).tags
    assert tags["mlops.dirty"] == "true"
    assert tags["mlops.diff"].startswith("not kept")


def test_the_diff_is_one_that_can_be_applied(tmp_path: Path) -> None:
    (tmp_path / ".gitattributes").write_text("*.py diff=shout\n")
    repository(tmp_path)
    git(tmp_path, "config", "diff.shout.textconv", "tr a-z A-Z <")
    (tmp_path / "code.py").write_text("x = 2\n")
    assert b"+x = 2" in taken(tmp_path).files["mlops/dirty.diff"]


def test_packages_by_name_and_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ("New_One-1.0.dist-info", "old-2.0-py3.11.egg-info", "bare.egg-info", "a_py-3.dist-info")
    for name in made:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing")])
    assert packages() == b"a-py==3\nnew-one==1.0\nold==2.0\n"


@pytest.mark.parametrize(("tool", "words", "notebook"), COMMANDS)
def test_the_notebook_of_a_tools_kernel(
    tool: str, words: list[str], notebook: str | None, tmp_path: Path
) -> None:
    parent = tmp_path / tool
    parent.write_text(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {FIND!r}])\n")
    found = subprocess.check_output(
        [sys.executable, str(parent), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )
    assert found == str(tmp_path / notebook if notebook else None)
