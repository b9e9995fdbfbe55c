"""The sdist and the wheel hold what they must, and work where there is no Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

# The distributions are built once, so that all of this runs in one worker.
pytestmark = pytest.mark.xdist_group("distributions")

BUNDLE = "share/jupyter/labextensions/mlops-nb/"
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/mlops_nb.json"

IMPORT_ALL = """
import importlib, pkgutil, mlops_nb
names = [module.name for module in pkgutil.walk_packages(mlops_nb.__path__, "mlops_nb.")]
modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
"""

RUN_EXAMPLES = """
import doctest
results = [doctest.testmod(module) for module in modules]
assert not any(result.failed for result in results)
print(sum(result.attempted for result in results))
"""


@dataclass(frozen=True)
class Distributions:
    sdist: Path
    wheel: Path


@dataclass(frozen=True)
class Installation:
    """A folder with the wheel's files only: `python` runs with it in front of all else."""

    folder: Path
    environ: dict[str, str]

    def python(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run Python on the installed wheel and return what it printed."""
        return self.run([sys.executable, *arguments], cwd)

    def run(self, command: list[str], cwd: Path | None = None) -> str:
        done = subprocess.run(
            command,
            # Anywhere but in the project, whose folder would be found first.
            cwd=cwd or self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def run_uv(uv: str, environ: dict[str, str], *arguments: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [uv, *map(str, arguments)],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"uv {arguments}\n{done.stderr}"
    return done.stderr


@pytest.fixture(scope="module")
def tree(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git tracks, with the built extension where there is one, in an odd path."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    copy = tmp_path_factory.mktemp("ein Ördner") / "clone"
    for name in filter(None, listing.stdout.split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, copy / name)
    built = root / "mlops_nb" / "labextension"
    if built.exists():
        shutil.copytree(built, copy / "mlops_nb" / "labextension")
    return copy


@pytest.fixture(scope="module")
def distributions(
    tree: Path, uv: str, caller_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Distributions:
    """The sdist built from the tree, and the wheel built from that sdist with npm out of reach."""
    out = tmp_path_factory.mktemp("dist")
    run_uv(uv, caller_environ, "build", "--sdist", "--out-dir", out, cwd=tree)
    (sdist,) = out.glob("*.tar.gz")
    no_npm = {
        **caller_environ,
        "npm_config_registry": "http://127.0.0.1:9",
        "npm_config_cache": os.devnull,
    }
    run_uv(uv, no_npm, "build", "--wheel", "--out-dir", out, sdist, cwd=out)
    (wheel,) = out.glob("*.whl")
    return Distributions(sdist, wheel)


@pytest.fixture(scope="module")
def installed(
    distributions: Distributions,
    uv: str,
    caller_environ: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Installation:
    """The wheel alone in a folder, over the libraries of this environment, with no Node about."""
    folder = tmp_path_factory.mktemp("site")
    command = ["pip", "install", "--no-deps", "--target", folder, "--python", sys.executable]
    run_uv(uv, caller_environ, *command, distributions.wheel, cwd=folder)
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "PATH": str(folder / "bin"),
        "PYTHONPATH": str(folder),
        "JUPYTER_PATH": str(folder / "share" / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(folder / "etc" / "jupyter"),
    }
    return Installation(folder, environ)


@pytest.fixture(scope="module")
def wheel(distributions: Distributions) -> zipfile.ZipFile:
    return zipfile.ZipFile(distributions.wheel)


@pytest.fixture(scope="module")
def data(wheel: zipfile.ZipFile) -> dict[str, str]:
    """What is installed beside the package: its place and its name in the wheel."""
    split = (name.partition(".data/data/") for name in wheel.namelist())
    return {place: before + mark + place for before, mark, place in split if mark}


def files_under(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_is_for_every_machine(
    distributions: Distributions, wheel: zipfile.ZipFile
) -> None:
    assert distributions.wheel.name.endswith("-py3-none-any.whl")
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/WHEEL"))
    assert "Root-Is-Purelib: true" in wheel.read(metadata).decode()


def test_the_wheel_holds_the_package_and_the_demos_notebook_and_no_more(
    wheel: zipfile.ZipFile, tree: Path
) -> None:
    package = files_under(tree / "mlops_nb")
    expected = {f"mlops_nb/{name}" for name in package if not name.startswith("labextension/")}
    notebooks = files_under(tree / "notebooks")
    expected |= {f"mlops_nb/notebooks/{n}" for n in notebooks if not n.startswith("flights/")}
    there = {
        name for name in wheel.namelist() if ".dist-info/" not in name and ".data/" not in name
    }
    assert there == expected
    assert {
        "mlops_nb/notebooks/credit_default.ipynb",
        "mlops_nb/notebooks/data/credit_default.parquet",
        "mlops_nb/notebooks/data/README.md",
    } <= there


def test_the_wheel_holds_licence_and_command(wheel: zipfile.ZipFile) -> None:
    meta = {name.partition(".dist-info/")[2]: name for name in wheel.namelist()}
    assert "BSD 3-Clause" in wheel.read(meta["licenses/LICENSE"]).decode()
    assert "mlops = mlops_nb.interfaces.cli:main" in wheel.read(meta["entry_points.txt"]).decode()


def test_the_wheel_holds_the_built_extension(
    wheel: zipfile.ZipFile, data: dict[str, str], tree: Path
) -> None:
    package = json.loads(wheel.read(data[f"{BUNDLE}package.json"]))
    source = json.loads((tree / "labextension" / "package.json").read_text("utf-8"))
    meta = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert f"\nVersion: {source['version']}\n" in wheel.read(meta).decode()
    assert package["version"] == source["version"]
    # The page loads these two: what is left of an older build would be a third.
    entries = {place for place in data if "remoteEntry" in place}
    assert entries == {BUNDLE + package["jupyterlab"]["_build"]["load"]}
    assert f"{BUNDLE}static/style.js" in data
    installer = json.loads(wheel.read(data[f"{BUNDLE}install.json"]))
    assert (installer["packageManager"], installer["packageName"]) == ("python", "mlops-nb")
    scripts = b"".join(wheel.read(name) for place, name in data.items() if place.endswith(".js"))
    assert b"mlops:track" in scripts


def test_the_wheel_enables_the_server_extension(
    wheel: zipfile.ZipFile, data: dict[str, str]
) -> None:
    config = json.loads(wheel.read(data[SERVER_CONFIG]))
    assert config == {"ServerApp": {"jpserver_extensions": {"mlops_nb": True}}}


def test_the_sdist_holds_the_sources_and_nothing_installed(distributions: Distributions) -> None:
    with tarfile.open(distributions.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "CHANGELOG.md",
        "LICENSE",
        "README.md",
        "labextension/package-lock.json",
        "labextension/src/index.ts",
        "mlops_nb/__init__.py",
        "mlops_nb/labextension/package.json",
        "notebooks/data/credit_default.parquet",
        "notebooks/flights/data/flights.parquet",
        "tests/__main__.py",
    } <= names
    assert [name for name in names if "node_modules" in name or name.startswith(".venv")] == []


def test_what_is_installed_imports_and_answers(installed: Installation) -> None:
    code = "import mlops_nb; print(mlops_nb.__version__); print(mlops_nb.__file__)"
    version, file = installed.python("-c", code).splitlines()
    assert file.startswith(str(installed.folder))
    assert (
        installed.run([str(installed.folder / "bin" / "mlops"), "--version"]).split()[-1] == version
    )
    assert "track" in installed.run([str(installed.folder / "bin" / "mlops"), "--help"])


def test_every_module_that_is_installed_can_be_imported(installed: Installation) -> None:
    assert installed.python("-W", "error", "-c", IMPORT_ALL) == ""


def test_jupyter_finds_the_extension_enabled(installed: Installation) -> None:
    # `jupyter labextension list` writes to standard error.
    code = (
        "import contextlib, sys\n"
        "from jupyterlab.labextensions import LabExtensionApp\n"
        "with contextlib.redirect_stderr(sys.stdout):\n"
        "    LabExtensionApp.launch_instance(['list'])\n"
    )
    listing = installed.python("-c", code)
    section = listing.partition(str(installed.folder))[2]
    row = next(line for line in section.splitlines() if "mlops-nb" in line)
    assert "enabled" in row
    assert "OK" in row


def test_jupyter_server_finds_its_extension_enabled(installed: Installation) -> None:
    # `jupyter server extension list` writes to standard error too.
    code = (
        "import contextlib, sys\n"
        "from jupyter_server.extension.serverextension import ServerExtensionApp\n"
        "with contextlib.redirect_stderr(sys.stdout):\n"
        "    ServerExtensionApp.launch_instance(['list'])\n"
    )
    listing = installed.python("-c", code)
    section = listing.partition(str(installed.folder))[2].partition("Config dir:")[0]
    name, validation, version = (line for line in section.splitlines() if "mlops_nb" in line)
    assert "enabled" in name
    assert "OK" in version, validation


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_it_runs_on_the_newer_pythons(
    version: str,
    distributions: Distributions,
    uv: str,
    caller_environ: dict[str, str],
    tmp_path: Path,
) -> None:
    interpreter = find_python(version, uv, caller_environ)
    if interpreter is None:
        pytest.skip(f"Python {version} is not on this machine")
    run_uv(uv, caller_environ, "venv", "--python", interpreter, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run_uv(
        uv, caller_environ, "pip", "install", "--python", python, distributions.wheel, cwd=tmp_path
    )
    there = Installation(tmp_path, {**os.environ, "PYTHONPATH": ""})
    assert there.run([str(python), "-c", "import sys; print(sys.version)"]).startswith(version)
    assert int(there.run([str(python), "-c", IMPORT_ALL + RUN_EXAMPLES])) > 50
    assert "track" in there.run([str(tmp_path / "venv" / "bin" / "mlops"), "--help"])


def find_python(version: str, uv: str, environ: dict[str, str]) -> str | None:
    """Return an interpreter that is on this machine: on the path, or one of pyenv's."""
    command = [uv, "python", "find", "--system", "--no-python-downloads", version]
    found = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        return found.stdout.strip()
    pyenv = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", ""), ".pyenv"))
    return next(map(str, pyenv.glob(f"versions/{version}.*/bin/python{version}")), None)
