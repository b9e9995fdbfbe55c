"""A value that is refused, and that nobody typed, is told with the setting that it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mlops_nb
from mlops_nb.core.errors import InputError

DATA = ("old.parquet", "new.parquet")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for file, first in zip(DATA, (0, 50), strict=True):
        frame = pd.DataFrame({"age": range(first, first + 100), "sex": list("fm") * 50})
        frame.to_parquet(tmp_path / file)
    return tmp_path / "mlops.toml"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('by = "day"', "unknown column to go by 'day'.*; drift.by in mlops.toml asks for it, --by"),
        ('every = "month"', "every month needs dates; .*drift.every in mlops.toml asks for it"),
        ('columns = ["agee"]', "unknown column 'agee'.*; drift.columns in mlops.toml asks for it"),
        ('exclude = ["agee"]', "to exclude 'agee'.*; drift.exclude in mlops.toml asks for it"),
        ('methods = {num = "kss"}', "'kss'.*; drift.methods in mlops.toml asks for it"),
        ("auc_threshold = 3", "not 3.0; drift.auc_threshold in mlops.toml asks for it"),
    ],
)
def test_an_error_names_the_setting(settings: Path, line: str, said: str) -> None:
    settings.write_text(f"[drift]\n{line}\n")
    with pytest.raises(InputError, match=said):
        mlops_nb.drift(*DATA)


def test_an_argument_is_told_as_it_was_typed(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text('[drift]\nby = "day"\ncolumns = ["agee"]\n')
    with pytest.raises(InputError, match="unknown column 'aeg' in old") as no:
        mlops_nb.drift(*DATA, columns=["aeg"], by="sex")
    assert "mlops.toml" not in str(no.value)
    monkeypatch.setenv("MLOPS_DRIFT_BY", "hour")
    with pytest.raises(InputError, match=r"'hour'.*; MLOPS_DRIFT_BY asks for it"):
        mlops_nb.drift(*DATA, columns=["age"])
    assert mlops_nb.drift(*DATA, columns=["age"], by="").subject["columns"] == 1


def test_a_classifier_of_the_settings_can_be_left_out(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlops_nb.drift(*DATA, save_profile="old.profile")
    settings.write_text("[drift]\nmultivariate = true\n")
    asks = "drift.multivariate in mlops.toml asks for it, --no-multivariate goes"
    with pytest.raises(InputError, match=f"a profile has no rows.*{asks}"):
        mlops_nb.drift("old.profile", "new.parquet")
    assert len(mlops_nb.drift("old.profile", "new.parquet", multivariate=False).findings) == 3
    assert len(mlops_nb.drift(*DATA).findings) == 4
    monkeypatch.setenv("MLOPS_DRIFT_MULTIVARIATE", "false")
    assert len(mlops_nb.drift("old.profile", "new.parquet").findings) == 3


def test_what_makes_the_batches_is_not_judged(settings: Path) -> None:
    settings.write_text('[drift]\nby = "sex"\n')
    for options in ({"target": "sex"}, {"prediction": "sex"}, {"columns": ["sex"]}):
        with pytest.raises(InputError, match="'sex' makes the batches, and can't be the"):
            mlops_nb.drift(*DATA, **options)  # type: ignore[arg-type]


def test_a_column_may_be_called_by_a_number(settings: Path) -> None:
    settings.write_text("")
    numbered = pd.DataFrame({0: list("ab") * 20, 1: range(40)})
    assert mlops_nb.drift(numbered, numbered, by=0).subject["batches"] == 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": 0}, "a batch must have 1 row at least, not 0"),
        ({"every": 10.5}, "unknown period '10.5'"),
        ({"by": ["sex"]}, "unknown column to go by"),
        ({"stream": True}, "unknown way to read data True"),
        ({"share": "half"}, "share must be between 0 and 1, not 'half'"),
        ({"min_evidence": "much"}, "min_evidence must be from 0 to below 1.*'much'"),
        ({"auc_threshold": "high"}, "auc_threshold must be from 0.5 .*'high'"),
    ],
)
def test_what_is_no_such_value_is_refused_in_one_line(
    settings: Path, options: Any, said: str
) -> None:
    settings.write_text("")
    with pytest.raises(InputError, match=said):
        mlops_nb.drift(*DATA, **options)


def test_files_of_one_name_are_told_apart(settings: Path) -> None:
    settings.write_text("")
    for folder in ("2025", "2026"):
        Path(folder).mkdir()
        pd.read_parquet(DATA[0]).to_parquet(f"{folder}/rows.parquet")
    paths = ("2025/rows.parquet", "2026/rows.parquet")
    found = mlops_nb.drift(*paths).subject
    assert (found["reference"]["name"], found["current"]["name"]) == paths
    found = mlops_nb.quality(paths[1], against=paths[0]).subject
    assert (found["reference"]["name"], found["data"]["name"]) == paths
    assert mlops_nb.drift(paths[0], DATA[0]).subject["reference"]["name"] == "rows.parquet"


def test_fairness_names_its_setting_too(settings: Path) -> None:
    settings.write_text('[fairness]\nby = "day"\n')
    scored = pd.DataFrame({"y": [0, 1] * 50, "p": [0, 1, 1, 0] * 25, "sex": list("ffmm") * 25})
    with pytest.raises(InputError, match=r"fairness\.by in mlops.toml asks for it, --by '' goes"):
        mlops_nb.fairness(scored, label="y", prediction="p", sensitive="sex")
