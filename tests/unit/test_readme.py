"""What the README says of verbs, settings, files and pictures is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlops_nb.core.config import settings
from mlops_nb.core.strict_json import dumps
from mlops_nb.interfaces.commands import VERBS
from tests import __main__ as test_command

DOORS = ("notebook", "terminal", "python")
MOST_BYTES, MOST_BYTES_TOGETHER = 200_000, 1_500_000


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def rows_under(heading: str, text: str) -> list[list[str]]:
    """Return the cells of the table whose heading begins so."""
    lines = text.splitlines()
    (start,) = (place for place, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def test_the_table_of_verbs_is_the_one_that_the_doors_are_made_from(readme: str) -> None:
    made = [
        [f"`{verb.name}`", verb.summary, *("✓" if door in verb.doors else "–" for door in DOORS)]
        for verb in VERBS
    ]
    assert rows_under("verb", readme) == made


def test_every_setting_is_there_with_its_default(readme: str) -> None:
    made = [
        [f"`{section}.{key}`", f"`{dumps(default)}`", help_text]
        for section, key, default, help_text in settings()
    ]
    assert rows_under("setting", readme) == made


def test_every_verb_that_is_typed_exists(readme: str) -> None:
    typed = re.findall(
        r"(?:^ *\$ |`|%|&& uv run |^ {3})mlops (\w+)(?: (\w+))?", readme, re.MULTILINE
    )
    named = {" ".join(words) if words[0] in ("data", "jobs") else words[0] for words in typed}
    assert named >= {"demo", "init", "track", "run", "gate", "jobs add", "scheduler"}
    assert named <= {verb.name for verb in VERBS} | {"completion"}


def test_what_is_said_not_to_be_there_is_not_there(readme: str) -> None:
    missing = readme.partition("## What is not there yet")[2].partition("And these limits")[0]
    said = set(re.findall(r"`(rollback|jobs edit|monitor|serve)`", missing))
    assert said == {"rollback"}
    assert not said & {verb.name for verb in VERBS}


def test_the_commands_are_the_ones_that_are_there(readme: str) -> None:
    assert "pip install uv && uv run mlops demo\n" in readme
    assert "pip install uv && uv run python -m tests\n" in readme
    assert all(
        step in test_command.STEPS for step in re.findall(r"python -m tests --only (\w+)", readme)
    )


def test_the_map_shows_every_folder_of_the_package_and_nothing_else(
    readme: str, root: Path
) -> None:
    drawn = readme.partition("```\nmlops_nb/\n")[2].partition("```")[0]
    named = set(re.findall(r"^  ([\w.]+)/? ", drawn, re.MULTILINE))
    package = root / "mlops_nb"
    folders = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    assert named == folders | {"project.py"}
    for folder in re.findall(r"^(\w+)/ ", drawn, re.MULTILINE):
        assert (root / folder).is_dir()


def test_pictures_and_links_lead_somewhere(readme: str, root: Path) -> None:
    inside = set(re.findall(r'(?:src|srcset)="([^"]+)"|\]\(((?!http)[^)]+)\)', readme))
    paths = [root / (picture or link) for picture, link in inside]
    assert [path for path in paths if not path.is_file()] == []
    pictures = [path for path in paths if path.suffix == ".png"]
    shown = set((root / ".github" / "pictures").glob("*.png"))
    assert set(pictures) == shown, "each picture is shown, and no other lies there"
    sizes = [path.stat().st_size for path in pictures]
    assert max(sizes) < MOST_BYTES
    assert sum(sizes) < MOST_BYTES_TOGETHER


def test_each_picture_has_both_themes_and_words(readme: str) -> None:
    found = re.findall(
        r'<picture>\n  <source media="\(prefers-color-scheme: dark\)" srcset="(\S+)-dark\.png">\n'
        r'  <img alt="([^"]{40,})" src="(\S+)-light\.png">\n</picture>',
        readme,
    )
    assert len(found) == readme.count("<picture>") > 3
    assert all(dark == light for dark, _, light in found)
