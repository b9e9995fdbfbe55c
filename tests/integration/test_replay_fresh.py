"""Replays in environments made anew: how they are made, and what they bring back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest

from mlops_nb.core.errors import NotFoundError, StoppedError, UnavailableError
from mlops_nb.core.records import Run
from mlops_nb.core.replay_records import Replay
from mlops_nb.core.watch import Silent
from mlops_nb.flows import execution
from mlops_nb.flows import replay as replays
from mlops_nb.flows.context import Context
from mlops_nb.jobs import environments
from mlops_nb.jobs.environments import Wanted
from mlops_nb.project import Project
from mlops_nb.tracking.wheel import own_wheel, wheel_name
from tests.marks import imports_mlflow
from tests.notebooks import write_notebook

pytestmark = imports_mlflow

PYTHON = ".".join(str(part) for part in sys.version_info[:3])
ASK = "import tinypack, sys; print(tinypack.value(), sys.prefix)"


@pytest.fixture(autouse=True)
def own_path(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    """Let the kernels find the package that is tested, wherever they work."""
    monkeypatch.setenv("PYTHONPATH", str(root))


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder of wheels that uv and pip look into: a tiny package in two versions."""
    folder = tmp_path / "links"
    folder.mkdir()
    for number, value in (("1.0", 10), ("2.0", 20)):
        info = f"tinypack-{number}.dist-info"
        with zipfile.ZipFile(folder / f"tinypack-{number}-py3-none-any.whl", "w") as archive:
            archive.writestr("tinypack.py", f"def value():\n    return {value}\n")
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tinypack\nVersion: {number}\n"
            )
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", f"tinypack.py,,\n{info}/RECORD,,\n")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def wanted(*requirements: str, python: str = PYTHON) -> Wanted:
    wheel = own_wheel()
    return Wanted(python, sys.implementation.name, requirements, wheel_name(wheel), wheel)


def said_by(python: Path, code: str = ASK) -> str:
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, env={}, timeout=60
    )
    return done.stdout.strip()


def test_a_lock_becomes_an_environment_once(tmp_path: Path, links: Path) -> None:
    folder = tmp_path / "environments"
    asked = wanted("tinypack==1.0")
    with ThreadPoolExecutor(2) as pool:
        made = list(
            pool.map(
                lambda _: environments.made(folder, asked, Silent(), project=tmp_path), range(2)
            )
        )
    assert made[0] == made[1], "two at once share one"
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1
    value, prefix = said_by(made[0]).split()
    assert (value, Path(prefix)) == ("10", made[0].parent.parent)
    assert said_by(made[0], "import mlops_nb; print(mlops_nb.__version__)")
    other = environments.made(folder, wanted("tinypack==2.0"), Silent(), project=tmp_path)
    assert said_by(other).split()[0] == "20"
    # Something that was installed in it later makes it another environment.
    (next(made[0].parent.parent.glob("lib/*/site-packages")) / "more-1.dist-info").mkdir()
    again = environments.made(folder, asked, Silent(), project=tmp_path)
    assert again not in made


def test_without_uv_it_is_made_by_venv_and_pip(
    tmp_path: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "_uv", lambda: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    asked = wanted("tinypack==1.0")
    made = environments.made(tmp_path / "environments", asked, Silent(), project=tmp_path)
    assert said_by(made).split()[0] == "10"
    (site,) = (made.parent.parent / "lib").glob("*/site-packages")
    installed = sorted(path.name.partition("-")[0] for path in site.glob("*.dist-info"))
    assert installed == ["mlops_nb", "tinypack"], "no tools of venv's own"


def test_where_uv_finds_nothing_the_settings_of_pip_count(
    tmp_path: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_FIND_LINKS")
    made = environments.made(
        tmp_path / "environments", wanted("tinypack==1.0"), Silent(), project=tmp_path
    )
    assert said_by(made).split()[0] == "10"


def test_what_can_not_be_had_is_one_line_and_leaves_nothing(
    tmp_path: Path, links: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "environments"

    class Impatient(Silent):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(UnavailableError, match=r"tinypack==9\.9 can't be installed: .*9\.9"):
        environments.made(folder, wanted("tinypack==9.9"), Silent(), project=tmp_path)
    with pytest.raises(UnavailableError, match=r"Python 3\.2\.99 .*is not installed here"):
        environments.made(folder, wanted(python="3.2.99"), Silent(), project=tmp_path)
    with pytest.raises(StoppedError):
        environments.made(folder, wanted("tinypack==1.0"), Impatient(), project=tmp_path)
    # A command that ends before it is looked at must not outrun who stops it.
    monkeypatch.setattr(environments, "POLL_S", 60)
    with pytest.raises(StoppedError):
        environments.made(folder, wanted("tinypack==1.0"), Impatient(), project=tmp_path)
    assert [path.name for path in folder.iterdir() if path.suffix != ".lock"] == []


def kernel_packages() -> list[str]:
    """Return what a kernel needs, at the versions that are installed here."""
    found: dict[str, str] = {}
    todo = ["ipykernel"]
    while todo:
        name = todo.pop()
        try:
            found[name] = version(name)
            lines = requires(name) or []
        except PackageNotFoundError:
            continue  # for another system than this one
        names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
        todo += [match[0] for match in names if match and match[0] not in found]
    return [f"{name}=={number}" for name, number in found.items()]


@pytest.fixture
def kernel(tmp_path: Path, links: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the kernel `small`, with little more than the tiny package; return its Python."""
    asked = wanted("tinypack==1.0", *kernel_packages())
    python = environments.made(tmp_path / "small", asked, Silent(), project=tmp_path)
    spec = tmp_path / "jupyter" / "kernels" / "small"
    spec.mkdir(parents=True)
    arguments = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    body = {"argv": arguments, "display_name": "small", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(body))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return python


def upgrade(python: Path, wheel: Path) -> None:
    """Put the wheel's tiny package in place of the installed one, as an installer does."""
    (site,) = (python.parent.parent / "lib").glob("*/site-packages")
    for path in site.glob("tinypack*"):
        # A link into the installer's cache is not written through.
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(site / "__pycache__", ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)


def context(folder: Path) -> Context:
    return Context(Project.at(folder, {}), folder)


def replay(folder: Path, run: Run, **options: str) -> Replay:
    return replays.replay(context(folder), run.run_id, **options)  # type: ignore[arg-type]


def test_another_version_of_a_package_is_named_and_the_lock_brings_the_old_one(
    tmp_path: Path, links: Path, kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    write_notebook(folder / "train.ipynb", "import tinypack\nprint(tinypack.value())")
    done = execution.run(context(folder), folder / "train.ipynb", kernel="small")
    assert done.status == "FINISHED", done.reason
    runs = context(folder).project.runs
    lock = runs.artifact(done, "mlops/requirements.txt")
    assert lock is not None
    assert "tinypack==1.0\n" in lock.read_text(), "of the kernel, and not of the runner"
    assert "pandas" not in lock.read_text()
    upgrade(kernel, links / "tinypack-2.0-py3-none-any.whl")
    found = replay(folder, done)
    assert (found.status, found.env) == ("DIFFERS", "same")
    assert found.cell is not None
    assert (found.cell.before, found.cell.after) == ("10", "20")
    assert [(i.kind, i.name, i.before, i.after) for i in found.inputs] == [
        ("package", "tinypack", "1.0", "2.0")
    ]
    fresh = replay(folder, done, env="fresh")
    assert (fresh.status, fresh.env, fresh.inputs) == ("REPRODUCED", "fresh", ()), fresh.summary
    # A replay of the replay is one of the run; its environment is there already.
    again = replays.replay(context(folder), fresh.replay_id, env="fresh")
    assert (again.status, again.run_id) == ("REPRODUCED", done.run_id)
    made = list((folder / ".mlops" / "environments").glob("*/pyvenv.cfg"))
    assert len(made) == 1
    (project := context(folder).project).blobs._path(done.tags["mlops.wheel"]).unlink()
    with pytest.raises(NotFoundError, match=r"the mlops_nb that run .* ran with is gone"):
        replays.replay(Context(project, folder), done.run_id, env="fresh")
    with pytest.raises(NotFoundError, match="did you mean 'fresh'"):
        replay(folder, done, env="fres")
