"""A setting that does not suit the data at hand is passed over and told; an argument is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import mlops_nb
from mlops_nb.core.errors import InputError, NotFoundError, VerdictError
from tests.terminal import Command

STREAMED = "all rows at once: passed over, as these were read as a stream."
FAIRNESS = """\
[fairness]
metrics = ["equalized_odds_difference"]
limits = {equalized_odds_difference = 0.2}
[performance]
limits = {recall = 0.6}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the settings of a project with amounts, with classes, and with two months."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y, sex = rng.normal(size=400), list("fm") * 200
    amounts = pd.DataFrame({"y": y, "p": y + rng.normal(size=400) / 9, "sex": sex})
    amounts.to_parquet("prices.parquet")
    amounts.assign(y=y > 0, p=y > 0).to_parquet("clients.parquet")
    for name, first in (("old", 0), ("new", 50)):
        days = pd.date_range("2024-01-01", periods=100)
        frame = pd.DataFrame({"age": range(first, first + 100), "day": days})
        frame.to_parquet(f"{name}.parquet")
    return tmp_path / "mlops.toml"


def test_one_project_judges_models_of_each_kind(
    command: Command, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text(FAIRNESS)
    model = ("--label", "y", "--prediction", "p")
    done = command("fairness", "prices.parquet", *model, "--sensitive", "sex")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "fairness.metrics in mlops.toml: equalized_odds_difference is not for amounts" in said
    done = command("performance", "prices.parquet", *model)
    assert done.code == 0, done.err
    assert "performance.limits in mlops.toml: recall is not for amounts" in " ".join(
        done.out.split()
    )
    done = command(
        *("fairness", "prices.parquet", *model, "--sensitive", "sex"),
        *("--metric", "equalized_odds_difference"),
    )
    assert (done.code, done.out) == (2, "")

    of_classes = mlops_nb.fairness("clients.parquet", label="y", prediction="p", sensitive="sex")
    assert [f.name for f in of_classes.findings] == ["equalized_odds_difference"]
    assert not any("passed over" in note for note in of_classes.subject["notes"])
    good = mlops_nb.performance("clients.parquet", label="y", prediction="p")
    assert good.finding("recall").limit == 0.6
    monkeypatch.setenv("MLOPS_FAIRNESS_METRICS", "mean_absolute_error_ratio")
    other = mlops_nb.fairness("clients.parquet", label="y", prediction="p", sensitive="sex")
    assert (
        "MLOPS_FAIRNESS_METRICS: mean_absolute_error_ratio is not for two"
        in (other.subject["notes"][0])
    )


def test_an_unknown_metric_in_the_settings_is_an_error(settings: Path) -> None:
    settings.write_text('[fairness]\nmetrics = ["equalised_odds_difference"]\n')
    with pytest.raises(NotFoundError, match=r"fairness.metrics in mlops.toml 'equalised_odds_d"):
        mlops_nb.fairness("prices.parquet", label="y", prediction="p", sensitive="sex")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("multivariate = true", "drift.multivariate in mlops.toml needs"),
        (
            'by = "day"\nevery = "month"',
            "drift.by in mlops.toml and drift.every in mlops.toml need",
        ),
    ],
)
def test_a_stream_goes_without_what_the_settings_ask_of_all_rows(
    settings: Path, lines: str, said: str
) -> None:
    settings.write_text(f"[drift]\n{lines}\n")
    report = mlops_nb.drift("old.parquet", "new.parquet", stream="always")
    assert report.subject["notes"][-1] == f"{said} {STREAMED}"
    assert len(report.findings) == 3
    whole = mlops_nb.drift("old.parquet", "new.parquet", stream="never")
    assert whole.findings[0].evidence.get("over_time") or len(whole.findings) == 4
    assert not any("passed over" in note for note in whole.subject.get("notes", ()))


def test_a_stream_refuses_the_same_as_arguments(command: Command, settings: Path) -> None:
    settings.write_text('[drift]\nmultivariate = true\nby = "day"\n')
    streamed = ("drift", "old.parquet", "new.parquet", "--stream", "always")
    for words in (["--multivariate"], ["--by", "day"], ["--every", "month"]):
        done = command(*streamed, *words)
        assert (done.code, done.out) == (2, "")
        assert f"{words[0]} needs all rows at once" in done.err
    done = command(*streamed, "--no-multivariate", "--by", "")
    assert done.code == 1, done.err
    assert "passed over" not in done.out


def test_a_switch_of_the_settings_is_turned_for_one_call(command: Command, settings: Path) -> None:
    settings.write_text(
        "[drift]\nmultivariate = true\n[quality]\nstrict = false\n"
        '[[quality.expect]]\ncolumn = "age"\ncheck = "range"\nmax = 9\n'
    )
    data = ("drift", "old.parquet", "new.parquet")
    assert "classifier" in command(*data).out
    assert "classifier" not in command(*data, "--no-multivariate").out
    assert mlops_nb.quality("old.parquet").status == "fail"
    with pytest.raises(VerdictError):
        mlops_nb.quality("old.parquet", strict=True)
    with pytest.raises(InputError, match="needs all rows at once"):
        mlops_nb.quality("old.parquet", strict=True, stream="always", infer="a.toml")
