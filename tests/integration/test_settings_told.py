"""A value that is refused, and that nobody typed, is told with the setting that it comes from."""

from __future__ import annotations

from pathlib import Path

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
    asks = "drift.multivariate in mlops.toml asks for it, MLOPS_DRIFT_MULTIVARIATE=false goes"
    with pytest.raises(InputError, match=f"a profile has no rows.*{asks}"):
        mlops_nb.drift("old.profile", "new.parquet")
    with pytest.raises(InputError, match=f"--multivariate needs all rows at once.*{asks}"):
        mlops_nb.drift(*DATA, stream="always")
    assert len(mlops_nb.drift("old.profile", "new.parquet", multivariate=False).findings) == 3
    assert len(mlops_nb.drift(*DATA).findings) == 4
    monkeypatch.setenv("MLOPS_DRIFT_MULTIVARIATE", "false")
    assert len(mlops_nb.drift("old.profile", "new.parquet").findings) == 3


def test_what_makes_the_batches_is_not_judged(settings: Path) -> None:
    settings.write_text('[drift]\nby = "sex"\n')
    for options in ({"target": "sex"}, {"prediction": "sex"}, {"columns": ["sex"]}):
        with pytest.raises(InputError, match="'sex' makes the batches, and can't be the"):
            mlops_nb.drift(*DATA, **options)  # type: ignore[arg-type]
