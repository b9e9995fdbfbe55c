"""A stored profile of the reference gives the report that the reference itself gives."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

import mlops_nb
from mlops_nb.checks import drift, drift_profile
from mlops_nb.checks.drift_methods import BY_KEY
from mlops_nb.core.errors import InputError, MlopsError, NotFoundError
from mlops_nb.core.records import Report


def frame(n: int, shift: float, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    known = pd.DataFrame(
        {
            "normal": rng.normal(shift, 1, n),
            "float32": rng.normal(shift, 1, n).astype("float32"),
            "few": rng.choice([0.0, 0.5, 1.0], n),
            "whole": rng.integers(0, 90, n),
            "ten": rng.integers(0, 10, n),
            "bool": rng.random(n) < 0.4 + shift / 4,
            "level": rng.choice(["a", "b", "c<>", "ü"], n),
            "category": pd.Categorical(rng.choice(["x", "y"], n)),
            "text": [f"{' '.join(rng.choice(['rain', 'wind', 'fog'], 4))} {i}" for i in range(n)],
            "when": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D"),
            "nullable": pd.array(rng.integers(0, 90, n), dtype="Int64"),
            "nothing": [None] * n,
            "lists": [[1]] * n,
        }
    )
    known["gaps"] = known["normal"].where(rng.random(n) < 0.7)
    known.loc[3, "gaps"] = np.inf
    return known


def long_frame(shift: float, seed: int, n: int = 70_000) -> pd.DataFrame:
    """Make numbers that are too many to be sorted by cell."""
    rng = np.random.default_rng(seed)
    normal = rng.normal(shift, 1, n)
    gaps = np.where(rng.random(n) < 0.02, np.nan, normal)
    return pd.DataFrame({"normal": normal, "whole": rng.integers(0, 90, n), "gaps": gaps})


def without_time(report: Report) -> tuple[object, ...]:
    return report.status, report.summary, report.subject, report.findings


@pytest.mark.parametrize(("rows", "current"), [(150, 200), (1400, 200), (6000, 5000)])
def test_a_profile_gives_the_report_of_the_data(tmp_path: Path, rows: int, current: int) -> None:
    old, new = frame(rows, 0, 1), frame(current, 0.4, 2)
    place = tmp_path / "old.profile"
    drift_profile.save(drift_profile.profile(old, "abc"), place)
    kept = drift_profile.load(place)
    assert (len(kept), kept.source) == (rows, "abc")
    assert without_time(drift.check(kept, new)) == without_time(drift.check(old, new))
    assert [path.name for path in tmp_path.iterdir()] == ["old.profile"]


def test_what_a_comparison_needs_of_the_reference_is_read_and_not_worked_out_anew(
    tmp_path: Path,
) -> None:
    old = long_frame(0, 1)
    made = drift_profile.profile(old)
    drift_profile.save(made, tmp_path / "old.profile")
    for name, column in drift_profile.load(tmp_path / "old.profile").columns.items():
        known, first = column.numbers, made.columns[name].numbers
        assert known is not None
        assert first is not None
        assert {"values", "deviation", "mean", "celled"} <= set(vars(known))
        assert known.celled is not None
        assert first.celled is not None
        assert known.celled.grid == first.celled.grid
        assert known.celled.counts.tolist() == first.celled.counts.tolist()
        assert known.celled.depths.tolist() == first.celled.depths.tolist()


@pytest.mark.parametrize(("rows", "current"), [(70_000, 80_000), (9_000, 80_000), (80_000, 9_000)])
def test_long_and_short_samples_are_compared_as_their_data(
    tmp_path: Path, rows: int, current: int
) -> None:
    old, new = long_frame(0, 1, rows), long_frame(0.2, 2, current)
    drift_profile.save(drift_profile.profile(old), tmp_path / "old.profile")
    kept = drift.check(drift_profile.load(tmp_path / "old.profile"), new)
    assert without_time(kept) == without_time(drift.check(old, new))
    expected = scipy.stats.wasserstein_distance(old["normal"], new["normal"])
    assert kept.finding("normal").value == pytest.approx(expected / old["normal"].std(ddof=0))


@pytest.mark.parametrize("key", [k for k, m in BY_KEY.items() if "text" not in m.kinds])
def test_every_method_scores_a_profile_as_the_data(key: str) -> None:
    names = ["normal", "whole", "gaps"] if "num" in BY_KEY[key].kinds else ["level", "bool"]
    old, new = (frame(300, shift, shift + 4)[names] for shift in (0, 1))
    kept = drift.check(drift_profile.profile(old), new, methods=key)
    for found in drift.check(old, new, methods=key).findings[1:]:
        # Re-divisions at random, of rows there and of counts here.
        slack = 0.1 if key in ("TVD", "empirical_mmd") else 1e-9
        assert kept.finding(found.name).value == pytest.approx(found.value, abs=slack), found.name


def test_a_profile_of_the_first_format_gives_the_same_scores(tmp_path: Path) -> None:
    old, new = long_frame(0, 1), long_frame(0.4, 2)
    place = tmp_path / "old.profile"
    drift_profile.save(drift_profile.profile(old), place)
    with np.load(place) as archive:
        arrays = {name: archive[name] for name in archive.files if name.isdecimal()}
        header = json.loads(archive["header"].tobytes())
    header["version"] = 1
    for known in header["columns"]:
        del known["mean"], known["grid"]
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    with place.open("wb") as file:
        np.savez(file, header=text, **arrays)
    first = drift.check(drift_profile.load(place), new)
    for found in drift.check(old, new).findings[1:]:
        assert first.finding(found.name).value == pytest.approx(found.value, abs=1e-12)


def test_a_column_that_is_there_twice_or_of_another_type_is_a_finding() -> None:
    twice = pd.DataFrame(np.zeros((30, 2)), columns=["a", "a"])
    report = drift.check(drift_profile.profile(twice), twice.iloc[:, :1])
    assert "reference has several columns of this name" in report.finding("a").evidence["note"]
    texts = pd.DataFrame({"a": list("xyz") * 20})
    report = drift.check(drift_profile.profile(texts), pd.DataFrame({"a": np.arange(60.0)}))
    assert "values in it that are not numbers" in report.finding("a").evidence["note"]
    with pytest.raises(NotFoundError, match="unknown column 'b' in reference"):
        drift.check(drift_profile.profile(texts), texts, columns=["b"])


def test_drift_saves_a_profile_and_takes_one_in_place_of_the_reference(tmp_path: Path) -> None:
    old, new = frame(400, 0, 1), frame(300, 1, 2)
    old.drop(columns=["nothing", "lists"]).to_parquet(tmp_path / "old.parquet")
    place = str(tmp_path / "old.profile")
    first = mlops_nb.drift(str(tmp_path / "old.parquet"), new, save_profile=place)
    again = mlops_nb.drift(place, new)
    assert again.findings[0].value == first.findings[0].value
    assert again.subject["reference"] == {"name": "old.profile", "rows": 400}
    with pytest.raises(InputError, match="the reference is a profile already"):
        mlops_nb.drift(place, new, save_profile=place)
    with pytest.raises(InputError, match=r"'old\.parquet' is no name .*; old\.profile is"):
        mlops_nb.drift(old, new, save_profile=str(tmp_path / "old.parquet"))
    with pytest.raises(NotFoundError, match="no profile"):
        mlops_nb.drift(str(tmp_path / "gone.profile"), new)


def test_a_damaged_foreign_or_newer_file_is_told(tmp_path: Path) -> None:
    place = tmp_path / "x.profile"
    drift_profile.save(drift_profile.profile(frame(50, 0, 1)), place)
    whole = place.read_bytes()
    header = np.frombuffer(
        json.dumps({"format": drift_profile.FORMAT, "version": 9}).encode(), "u1"
    )
    with place.open("wb") as file:
        np.savez(file, header=header)
    with pytest.raises(InputError, match="is of format 9, and this version knows 2"):
        drift_profile.load(place)
    with place.open("wb") as file:
        np.save(file, header)
    foreign = place.read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(b"1.npy") + 200] ^= 1
    halved = whole[: len(whole) // 2]
    endless = bytearray(whole)
    listed = whole.index(b"PK\x01\x02")
    endless[listed + 20 : listed + 28] = struct.pack("<II", 2**32 - 2, 2**32 - 2)  # its sizes
    for damaged in (
        b"",
        b"name,age\n",
        foreign,
        whole[:300],
        halved,
        bytes(flipped),
        bytes(endless),
    ):
        place.write_bytes(damaged)
        with pytest.raises(MlopsError, match="is not a drift profile"):
            drift_profile.load(place)


def test_words_that_have_become_free_text_are_told_apart() -> None:
    old = pd.DataFrame({"said": ["good day", "well met", "farewell"] * 100})
    new = pd.DataFrame({"said": [f"order {n} is late by {n % 17} days" for n in range(300)]})
    for reference in (old, drift_profile.profile(old)):
        found = drift.check(reference, new).finding("said")
        assert (found.evidence["type"], found.status) == ("text", "fail")
        assert found.value == pytest.approx(1, abs=0.01)
    numbers = drift_profile.profile(pd.DataFrame({"said": range(300)}))
    note = drift.check(numbers, new).finding("said").evidence["note"]
    assert note == "reference has no text in it"


def test_a_profile_is_a_reference_and_no_other_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pd.DataFrame({"age": range(30)})
    mlops_nb.drift(data, data, save_profile="a.profile")
    for wrong in ("a.profile", drift_profile.profile(data)):
        with pytest.raises(InputError, match="current can't be a profile, which has no rows; only"):
            mlops_nb.drift(data, wrong)
        with pytest.raises(InputError, match="data can't be a profile"):
            mlops_nb.quality(wrong)
