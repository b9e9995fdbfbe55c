"""Settings: where they come from, and what a wrong one is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mlops_nb.core.config import Config, settings, variable
from mlops_nb.core.errors import InputError


def test_the_environment_goes_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    path = tmp_path / "mlops.toml"
    path.write_text("[drift]\nshare = 0.3\nexclude = ['id']\n[run]\ntimeout_s = 60\n")
    read = Config.load(path, {"MLOPS_DRIFT_SHARE": "0.2", "MLOPS_TRACKING_URI": ""})
    assert (read.drift.share, read.drift.exclude, read.run.timeout_s) == (0.2, ["id"], 60.0)
    assert read.project.tracking_uri == ""
    assert read.fairness == Config().fairness
    assert Config.load(tmp_path / "none.toml", {"MLOPS_DRIFT_EXCLUDE": "a, b"}).drift.exclude == [
        "a",
        "b",
    ]


def test_an_edit_counts_though_neither_size_nor_time_of_the_file_tell_it(tmp_path: Path) -> None:
    path = tmp_path / "mlops.toml"
    for share in (0.3, 0.4):
        path.write_text(f"[drift]\nshare = {share}\n")
        os.utime(path, (1, 1))
        assert Config.load(path, {}).drift.share == share


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[projct]\n", "unknown section 'projct' in FILE; did you mean 'project'?"),
        ("[drift]\nshre = 1\n", "unknown key 'shre' in [drift] of FILE; did you mean 'share'?"),
        ("[drift]\nshare = 'x'\n", "drift.share in FILE must be a number, not 'x'"),
        ("[drift]\ncolumns = [1]\n", "drift.columns in FILE must be text, not 1"),
        ("[drift]\nthresholds = {a = 'x'}\n", "drift.thresholds in FILE must be a number, not 'x'"),
        ("[quality]\nstrict = 1\n", "quality.strict in FILE must be true or false, not 1"),
        ("drift = 3\n", "[drift] in FILE must be a table, not 3"),
        ("[drift\n", "FILE is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mlops.toml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        Config.load(path, {})
    assert str(error.value).replace(str(path), "FILE").startswith(told)


def test_a_file_that_is_none_or_not_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlops.toml").mkdir()
    with pytest.raises(InputError, match="can't be read: Is a directory"):
        Config.load(tmp_path / "mlops.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\n")
    with pytest.raises(InputError, match="is not valid TOML"):
        Config.load(tmp_path / "latin.toml", {})


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(InputError, match="MLOPS_DRIFT_SHARE must be a number, not 'abc'"):
        Config.read({}, {"MLOPS_DRIFT_SHARE": "abc"})


def test_every_setting_has_help_and_a_variable_of_its_own() -> None:
    named = [variable(section, key) for section, key, _, _ in settings()]
    assert len(set(named)) == len(named)
    assert all(help_text for _, _, _, help_text in settings())
