"""What the sources promise as files: documented, finished, and from no particular machine."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

UNFINISHED = re.compile(
    r"\b(TODO|FIXME|XXX|NotImplemented(Error)?|xfail)\b|# type: ignore(?!\[)|@ts-ignore"
)
MACHINE = re.compile(r"(?<![\w.$}~-])/(work|root|tmp)/[\w.]")


@pytest.fixture(scope="module")
def files(root: Path) -> list[str]:
    """Every file that git tracks or would."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in listing.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def texts(root: Path, files: list[str]) -> dict[str, str]:
    """Every text file among them, by its path."""
    found = {}
    for name in files:
        path = root / name
        if path == Path(__file__):
            continue  # it has to spell out what nobody else may
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            found[name] = data.decode("utf-8")
    return found


def lines_with(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


TOP_LEVEL = {
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "labextension",
    "mlops_nb",
    "notebooks",
    "pyproject.toml",
    "tests",
}
LARGEST = 2_000_000


def test_nothing_lies_about_that_is_no_part_of_the_project(files: list[str], root: Path) -> None:
    tops = {name.partition("/")[0] for name in files}
    assert {name for name in tops if not name.startswith(".")} == TOP_LEVEL
    sizes = {name: (root / name).stat().st_size for name in files if (root / name).is_file()}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}


def test_no_file_holds_a_path_of_one_machine(texts: dict[str, str], root: Path) -> None:
    assert lines_with(MACHINE, texts) == []
    assert lines_with(re.compile(re.escape(f"{root}/")), texts) == []


def test_no_file_holds_an_unfinished_place(texts: dict[str, str]) -> None:
    ours = {name: text for name, text in texts.items() if name.endswith((".py", ".ts", ".tsx"))}
    assert lines_with(UNFINISHED, ours) == []


def test_every_module_says_what_it_is_for(texts: dict[str, str]) -> None:
    bare = [
        name
        for name, text in texts.items()
        if name.startswith("mlops_nb/") and name.endswith(".py")
        if not ast.get_docstring(ast.parse(text))
    ]
    assert bare == []


def test_files_are_short_enough_to_be_read(texts: dict[str, str]) -> None:
    long = {
        name: count
        for name, text in texts.items()
        if name.startswith(("mlops_nb/", "labextension/src/"))
        if (count := len(text.splitlines())) > 500
    }
    assert long == {}


def test_there_is_one_version(root: Path) -> None:
    import mlops_nb

    settings = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert settings["project"]["dynamic"] == ["version"]
    assert settings["tool"]["hatch"]["version"]["path"] == "labextension/package.json"
    declared = json.loads((root / "labextension" / "package.json").read_text("utf-8"))["version"]
    lock = json.loads((root / "labextension" / "package-lock.json").read_text("utf-8"))
    assert lock["version"] == lock["packages"][""]["version"] == declared
    assert mlops_nb.__version__ == importlib.metadata.version("mlops-nb") == declared


def test_the_lock_file_names_no_registry(root: Path) -> None:
    lock = (root / "labextension" / "package-lock.json").read_text("utf-8")
    packages = json.loads(lock)["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert len(packages) > 100


def test_data_ship_with_their_source_and_licence(root: Path) -> None:
    folders = [path for path in (root / "notebooks").rglob("data") if ".mlops" not in path.parts]
    assert len(folders) > 1
    for folder in folders:
        about = (folder / "README.md").read_text("utf-8")
        for path in folder.iterdir():
            if path.name != "README.md":
                row = next(line for line in about.splitlines() if f"`{path.name}`" in line)
                assert re.search(r"CC|public domain|licen[cs]e", row), row
