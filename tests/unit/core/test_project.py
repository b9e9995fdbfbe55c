"""Which project, and where it keeps what it remembers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.flows.context import Context
from mlops_nb.flows.projects import _on_network
from mlops_nb.project import Project
from mlops_nb.stores.mlflow_client import sqlite_path

HOSTILE = "a b#c?d%20é'x\"y"


def with_settings(root: Path, text: str = "") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "mlops.toml").write_text(text)
    return root


def test_named_then_nearest_settings_then_git_then_the_folder_itself(tmp_path: Path) -> None:
    inner = tmp_path / "repo" / "team" / "notebooks"
    inner.mkdir(parents=True)
    assert Project.find(inner, environ={}).root == inner
    (tmp_path / "repo" / ".git").mkdir()
    assert Project.find(inner, environ={}).root == tmp_path / "repo"
    with_settings(tmp_path / "repo" / "team")
    assert Project.find(inner, environ={}).root == tmp_path / "repo" / "team"
    # Settings further up count more than a repository further down.
    (inner / ".git").mkdir()
    assert Project.find(inner, environ={}).root == tmp_path / "repo" / "team"
    elsewhere = {"MLOPS_PROJECT": str(tmp_path)}
    assert Project.find(inner, environ=elsewhere).root == tmp_path
    assert Project.find(inner, explicit=str(inner), environ=elsewhere).root == inner


def test_a_named_folder_is_one_that_exists(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        NotFoundError, match="'/nowhere' does not exist; --project or MLOPS_PROJECT"
    ):
        Project.find(tmp_path, environ={"MLOPS_PROJECT": "/nowhere"})
    with pytest.raises(InputError, match="must be a folder"):
        Project.find(tmp_path, explicit=str(tmp_path / "file"), environ={})


def test_a_tilde_that_names_no_user_is_a_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "~old").mkdir()
    project = Project.at(tmp_path, {})
    assert Context(project, tmp_path).path("~old") == tmp_path / "~old"
    with pytest.raises(NotFoundError, match="'~nobodys' does not exist"):
        Project.find(tmp_path, explicit="~nobodys", environ={})


def test_a_link_and_a_relative_path_lead_to_the_one_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = with_settings(tmp_path / "real", "[project]\nname = 'credit'\n")
    (tmp_path / "link").symlink_to(real)
    monkeypatch.chdir(tmp_path)
    for way in (tmp_path / "link", Path("link"), Path("real")):
        found = Project.find(way, environ={})
        assert (found.root, found.name, found.experiment) == (real, "credit", "credit")


def test_the_embedded_store_is_found_again_in_any_folder(tmp_path: Path) -> None:
    project = Project.at(tmp_path / HOSTILE, {})
    assert sqlite_path(project.tracking_uri) == tmp_path / HOSTILE / ".mlops" / "mlflow.db"
    assert project.artifacts == tmp_path / HOSTILE / ".mlops" / "artifacts"
    # An ordinary path is written as everybody writes it.
    plain = Project.at(tmp_path / "my project é", {})
    assert plain.tracking_uri == f"sqlite:///{tmp_path}/my project é/.mlops/mlflow.db"


def test_a_server_by_one_setting_and_a_relative_file_is_the_projects(tmp_path: Path) -> None:
    on_server = Project.at(tmp_path, {"MLOPS_TRACKING_URI": "http://localhost:5000"})
    assert (on_server.on_server, on_server.artifacts) == (True, None)
    with_settings(tmp_path, "[project]\ntracking_uri = 'sqlite:///team.db'\n")
    own = Project.at(tmp_path, {})
    assert own.tracking_uri == f"sqlite:///{tmp_path}/team.db"
    assert (own.on_server, own.artifacts) == (False, tmp_path / ".mlops" / "artifacts")


@pytest.mark.parametrize("given", ["localhost:5000", "http://x:y", "http://:5000", "mlruns"])
def test_what_is_no_address_of_a_store(given: str, tmp_path: Path) -> None:
    project = Project.at(tmp_path, {"MLOPS_TRACKING_URI": given})
    with pytest.raises(InputError, match="no address of an MLflow store; write for example http"):
        project.tracking_uri  # noqa: B018 - it is worked out when it is asked for


def test_a_network_disk_is_noticed_whatever_its_name(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nserver:/x /my\\040data nfs4 rw 0 0\n")
    assert _on_network(Path("/my data/project"), mounts)
    assert not _on_network(Path("/my other/project"), mounts)


def test_the_state_folder_is_made_once_and_invisible_to_git(tmp_path: Path) -> None:
    project = Project.at(tmp_path, {})
    assert project.ensure().state.is_dir()
    assert (project.state / ".gitignore").read_text() == "*\n"
    project.ensure()
    with pytest.raises(UnavailableError, match="is gone"):
        Project.at(tmp_path / "gone", {}).ensure()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / ".mlops").touch()
    with pytest.raises(UnavailableError, match=r"\.mlops is a file"):
        Project.at(tmp_path / "odd", {}).ensure()
