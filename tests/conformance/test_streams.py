"""Data that are read as a stream get the report of data in memory, within the stated errors.

Small data are forced through the stream: what is counted one by one, in cells and in a batch is
made so little that all of it is needed.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from mlops_nb.checks import (
    drift,
    drift_profile,
    drift_sketches,
    drift_streamed,
    quality,
    quality_readers,
    quality_streamed,
)
from mlops_nb.checks.drift_profile_table import ProfileTable
from mlops_nb.core.records import Finding, Report
from mlops_nb.data import tables
from mlops_nb.data.frames import read_frame
from mlops_nb.data.tables import FrameTable, ParquetTable, parquet_table

pytestmark = pytest.mark.filterwarnings("ignore:Precision loss", "ignore:invalid value encountered")

HOSTILE = ["q\"uo'te", "new\nline", "🙂; drop table t", "a.b", "a", "A", "x" * 3000, "<script>"]


def frame(n: int, shift: float) -> pd.DataFrame:
    rng = np.random.default_rng(n)
    hours = pd.to_timedelta(rng.integers(0, int(1000 + 300 * shift), n), unit="h")
    return pd.DataFrame(
        {
            "normal": rng.normal(shift, 1, n),
            "single": rng.normal(shift, 1, n).astype("float32"),
            "heavy": rng.lognormal(shift / 3, 2, n),
            "cauchy": rng.standard_cauchy(n),
            "ties": np.round(rng.normal(shift, 1, n), 1),
            "constant": np.full(n, 3.0),
            "missing": np.where(rng.random(n) < 0.2, np.nan, rng.normal(shift, 1, n)),
            "infinite": np.where(rng.random(n) < 0.01, np.inf, rng.normal(shift, 1, n)),
            "boolean": rng.random(n) < 0.5 + shift / 5,
            "few": rng.integers(0, 4, n),
            "few_floats": rng.integers(0, 4, n) * 0.5,
            "whole": rng.integers(0, 2000, n),
            "whole_missing": pd.Series(rng.integers(0, 5, n)).where(rng.random(n) < 0.9),
            "beyond": 2**60 + rng.integers(0, 2**40, n),
            "far": 1e9 + rng.normal(shift, 1, n),
            "instant": pd.Timestamp("2026-01-01") + hours,
            "day": [dt.date(2026, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 100, n)],
            "text": rng.choice(list("abcd"), n, p=[0.4 + shift / 5, 0.3 - shift / 5, 0.2, 0.1]),
            "text_missing": pd.Series(rng.choice(list("abcd"), n)).where(rng.random(n) < 0.8),
            "many": [f"u{i}" for i in rng.integers(0, 3000, n)],
            "category": pd.Categorical(rng.choice(list("xyz"), n)),
            "empty": [None] * n,
            "nullable": pd.Series(rng.integers(0, 50, n), dtype="Int64").where(rng.random(n) < 0.9),
            "maybe": pd.Series(rng.random(n) < 0.5, dtype=object).where(rng.random(n) < 0.9, None),
            "unsigned": rng.integers(0, 200, n).astype("uint8"),
            **{name: rng.normal(size=n) for name in HOSTILE},
        }
    )


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS", 3000)
    monkeypatch.setattr(drift_sketches, "ROWS_IN_MEMORY", 0)
    monkeypatch.setattr(drift_sketches, "MOST_VALUES", 500)
    monkeypatch.setattr(drift_sketches, "CELLS", 1000)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("streams")
    for name, rows, shift in (("january", 12_000, 0.0), ("july", 11_000, 0.3)):
        whole = frame(rows, shift)
        for year, part in enumerate(np.array_split(np.arange(rows), 3), start=2020):
            folder = root / name / f"year={year}"
            folder.mkdir(parents=True)
            whole.iloc[part].to_parquet(folder / "part.parquet", row_group_size=2500)
    return root / "january", root / "july"


def table(path: Path) -> ParquetTable:
    found = parquet_table(path)
    assert found is not None
    return found


TVD = "Total-Variation-Distance"
ROUNDED = {"beyond"}  # of whole numbers from 2^53 on a frame's own mean is a matter of rounding


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_evidence": 0.95, "columns": ["heavy", "few", "text", "normal"]},
        {"methods": ["num=ks", "cat=chisquare"], "correction": "bh"},
        {"methods": ["num=ed", "cat=g_test"]},
        {"methods": ["num=t_test", "cat=z"]},
        {"methods": ["num=psi", "cat=psi"]},
        {"methods": ["num=jensenshannon", "cat=hellinger"], "exclude": HOSTILE[1:]},
        {"methods": ["cat=TVD"], "types": {"few": "num", "boolean": "num", "ties": "cat"}},
        {"columns": ["text", "normal"], "target": "text", "thresholds": {"text": 0.01}},
    ],
    ids=str,
)
def test_drift_is_that_of_frames(folders: tuple[Path, Path], options: dict[str, Any]) -> None:
    expected = drift.check(*map(read_frame, folders), **options)
    found = drift_streamed.check(*map(table, folders), **options)
    theirs, ours = by_name(expected), by_name(found)
    assert set(theirs) == set(ours)
    compared = 0
    for name, other in theirs.items():
        if name == drift.SHARE:
            continue
        compared += assert_within(other, ours[name])
    assert compared >= (len(theirs) - 1) * 0.8
    assert found.subject["notes"]
    if not any(f.status == "insufficient" for f in found.findings):
        assert (found.status, found.summary) == (expected.status, expected.summary)


def assert_within(theirs: Finding, ours: Finding) -> bool:
    """Hold one column against the frame's; False where either has no score."""
    if theirs.value is None or ours.value is None:
        assert theirs.value is None
        assert (ours.value, ours.status) == (None, theirs.status)
        assert ours.evidence["note"] == theirs.evidence["note"]
        return False
    assert abs(theirs.value - ours.value) <= ours.evidence["error"] + 1e-9, theirs.name
    if "distance" in theirs.evidence["method"].lower() and theirs.name not in ROUNDED:
        assert theirs.evidence["method"] == TVD or ours.evidence["error"] < 0.05
    assert ours.evidence["drifted"] in (theirs.evidence["drifted"], None)
    skipped = {"drifted", "histogram", "note", "interval"}
    if theirs.name in ROUNDED:
        skipped |= {"sentence"}
    # An adjusted p-value depends on those of all columns, which may be off by their own errors.
    for key in theirs.evidence.keys() - skipped - {"p_adjusted"}:
        assert ours.evidence[key] == theirs.evidence[key], (theirs.name, key)
    assert_drawn_alike(theirs.evidence["histogram"], ours.evidence["histogram"])
    if "interval" in theirs.evidence:
        assert ours.evidence["interval"] == pytest.approx(
            theirs.evidence["interval"], abs=0.02, rel=0.1
        )
    if ours.evidence["drifted"] is None:
        assert ours.status == "insufficient"
        assert "too close to the limit" in ours.evidence["note"]
    else:
        assert ours.status == theirs.status
        # Draws are of cells that differ a little, or of counts.
        if "interval" not in theirs.evidence and theirs.evidence["method"] != TVD:
            assert ours.evidence.get("note") == theirs.evidence.get("note")
    return True


def assert_drawn_alike(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert ours.get("categories") == theirs.get("categories")
    for side in ("reference", "current"):
        if len(ours[side]) == len(theirs[side]):
            near = 0.02 + _apart(theirs, ours) * max(theirs[side])
            assert ours[side] == pytest.approx(theirs[side], abs=near)


def _apart(theirs: dict[str, Any], ours: dict[str, Any]) -> float:
    """Return by how much of a bin its edges may lie elsewhere, which are of what stands for all."""
    if "edges" not in theirs:
        return 0.0
    edges = np.array(theirs["edges"])
    return float(np.abs(edges - ours["edges"]).max() / np.diff(edges).min())


def by_name(report: Report) -> dict[str, Finding]:
    return {found.name: found for found in report.findings}


@pytest.mark.parametrize("method", ["wasserstein", "ed", "ks", "t_test", "psi"])
def test_a_profile_beside_a_stream_is_scored_as_in_memory(
    folders: tuple[Path, Path], method: str, tmp_path: Path
) -> None:
    drift_profile.save(drift_profile.profile(read_frame(folders[0])), tmp_path / "a.profile")
    kept = drift_profile.load(tmp_path / "a.profile")
    options: dict[str, Any] = {"methods": {"num": method}, "exclude": [*HOSTILE, "year"]}
    theirs = by_name(drift.check(kept, read_frame(folders[1]), **options))
    ours = by_name(drift_streamed.check(ProfileTable(kept), table(folders[1]), **options))
    assert set(theirs) == set(ours)
    judged = [assert_within(theirs[name], ours[name]) for name in theirs.keys() - {drift.SHARE}]
    assert sum(judged) >= 0.8 * len(judged)


@pytest.mark.parametrize("method", ["wasserstein", "ed", "ks"])
def test_the_error_beside_a_profile_is_no_larger_than_that_of_two_streams(
    folders: tuple[Path, Path], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_streamed, "ROUNDS", 0)  # which would refine one and not the other
    names = ["normal", "heavy", "cauchy", "ties", "missing", "whole"]
    options: dict[str, Any] = {"methods": {"num": method}, "columns": names}
    kept = ProfileTable(drift_profile.profile(read_frame(folders[0])))
    ours = by_name(drift_streamed.check(kept, table(folders[1]), **options))
    both = by_name(drift_streamed.check(*map(table, folders), **options))
    errors = [(ours[name].evidence["error"], both[name].evidence["error"]) for name in names]
    assert all(one <= other + 1e-12 for one, other in errors)
    assert min(one / other for one, other in errors if other > 1e-9) < 0.6


def test_odd_columns_of_a_profile_beside_a_stream_are_told_as_in_memory() -> None:
    rng, n = np.random.default_rng(2), 4000
    wide = pd.array(2**60 + rng.integers(0, 2**40, n), dtype="Int64")
    old = pd.DataFrame(
        {
            "infinite": np.where(rng.random(n) < 0.1, -np.inf, rng.normal(size=n)),
            "only_infinite": np.inf,
            "wide": pd.Series(wide).where(rng.random(n) < 0.8),
            "few": pd.Series(rng.integers(-2, 3, n), dtype="Int64").where(rng.random(n) < 0.8),
            "maybe": pd.Series(rng.random(n) < 0.5, dtype="boolean").where(rng.random(n) < 0.8),
            "flag": rng.random(n) < 0.5,
            "empty": [None] * n,
            "text": [f"word {at}" for at in range(n)],
            "list": [[1]] * n,
            "mixed": [*["a", 1, 2.5, True] * (n // 4)],
            "single": rng.normal(size=n).astype("float32"),
            "day": [dt.date(2026, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 100, n)],
            "zoned": pd.date_range("2026", periods=n, freq="min", tz="UTC"),
            "gone": 1,
        }
    )
    old = pd.concat([old, old[["flag"]].set_axis(["twice"], axis=1)] * 2, axis=1)
    old = old.loc[:, ~old.columns.duplicated() | (old.columns == "twice")]
    new = old.iloc[1000:].reset_index(drop=True).drop(columns="gone")
    new = new.loc[:, ~new.columns.duplicated()].assign(fresh=1)
    for one, other in ((old, new), (old[:0], new), (old, new[:0]), (old[:1], new[:3])):
        kept = drift_profile.profile(one)
        for types in ({}, {"few": "num", "maybe": "num", "single": "cat", "text": "cat"}):
            theirs = by_name(drift.check(kept, other, types=types))
            ours = by_name(drift_streamed.check(ProfileTable(kept), FrameTable(other), types=types))
            assert set(theirs) == set(ours)
            for name in theirs.keys() - {drift.SHARE}:
                note = str(ours[name].evidence.get("note"))
                if "free text" in note or "levels in it" in note:
                    continue  # what a stream can't do
                assert_within(theirs[name], ours[name])
                for side in ("reference", "current"):
                    counted = f"missing_{side}"
                    assert ours[name].evidence[counted] == theirs[name].evidence[counted], name


def test_a_score_at_its_limit_is_decided_by_finer_cells_or_left_open(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"columns": ["normal"]}
    score = by_name(drift.check(*map(read_frame, folders), **options))["normal"].value
    monkeypatch.setattr(drift_sketches, "CELLS", 8)
    monkeypatch.setattr(drift_streamed, "ROUNDS", 0)
    at_once = drift_streamed.check(*map(table, folders), **options)
    low, high = by_name(at_once)["normal"].evidence["bounds"]
    near = (low + high) / 2
    left = drift_streamed.check(*map(table, folders), **options, thresholds={"normal": near})
    found = by_name(left)["normal"]
    assert (found.status, found.evidence["drifted"]) == ("insufficient", None)
    assert found.evidence["bounds"] == [low, high]
    assert left.status == "insufficient"
    assert "1 is too close to the limit to say" in left.summary
    monkeypatch.setattr(drift_streamed, "ROUNDS", 3)
    decided = drift_streamed.check(*map(table, folders), **options, thresholds={"normal": near})
    found = by_name(decided)["normal"]
    assert found.evidence["drifted"] is (score >= near)
    assert found.evidence["error"] < (high - low) / 20


@pytest.mark.parametrize("method", ["anderson", "cramer_von_mises", "es", "mannw", "empirical_mmd"])
def test_methods_that_need_all_rows_name_those_that_do_not(
    folders: tuple[Path, Path], method: str
) -> None:
    found = drift_streamed.check(
        *map(table, folders), columns=["normal"], methods={"normal": method}
    )
    note = by_name(found)["normal"].evidence["note"]
    assert note.startswith(f"{method} needs all rows at once; ")
    assert "wasserstein" in note


def test_few_rows_are_judged_by_every_method_as_in_a_frame(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    for side, folder in zip("ab", folders, strict=True):
        read_frame(folder)[:900].to_parquet(tmp_path / f"{side}.parquet")
    paths = [tmp_path / f"{side}.parquet" for side in "ab"]
    for method in ("ks", "anderson", "cramer_von_mises", "es", "mannw", "hellinger"):
        options: dict[str, Any] = {"columns": ["normal", "ties"], "methods": {"num": method}}
        theirs = by_name(drift.check(*map(read_frame, paths), **options))
        ours = by_name(drift_streamed.check(*map(table, paths), **options))
        for name in ("normal", "ties"):
            assert ours[name].value == pytest.approx(theirs[name].value, abs=1e-9)
            assert ours[name].evidence["error"] == 0


def test_more_levels_than_are_counted_are_told(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_sketches, "MOST_LEVELS", 1000)
    monkeypatch.setattr(quality_readers, "MOST_LEVELS", 1000)
    for types in ({}, {"many": "cat"}):
        report = drift_streamed.check(*map(table, folders), columns=["many", "text"], types=types)
        found = by_name(report)["many"]
        assert (found.status, found.evidence["counted"]) == ("insufficient", True)
        assert "has more than 1,000 levels in it" in found.evidence["note"]
    report = quality_streamed.check(table(folders[1]), reference=table(folders[0]))
    found = report.finding("unseen_values", "many")
    assert (found.status, found.value) == ("pass", None)
    assert "were not looked for" in found.evidence["note"]


def test_free_text_says_what_can_be_done(tmp_path: Path) -> None:
    texts = pd.DataFrame({"text": [f"word {n}" for n in range(2000)]})
    texts.to_parquet(tmp_path / "a.parquet")
    found = drift_streamed.check(*[table(tmp_path)] * 2).finding("text")
    assert found.status == "insufficient"
    assert "--type text=cat" in found.evidence["note"]


def test_a_frame_beside_a_table_is_judged_as_a_frame() -> None:
    odd = pd.DataFrame([[1, 2, "a"], [1, 3, "b"]], columns=[7, "x", "x"])
    expected = [{"column": "7", "check": "unique"}, {"column": "x", "check": "not_null"}]
    theirs = quality.check(odd, expectations=expected)
    ours = quality_streamed.check(FrameTable(odd), expectations=expected)
    assert Counter(map(asked, ours.findings)) == Counter(map(asked, theirs.findings))
    assert ours.summary == theirs.summary
    theirs, ours = drift.check(odd, odd), drift_streamed.check(FrameTable(odd), FrameTable(odd))
    assert ours.summary == theirs.summary


def test_numbers_beyond_a_sign_of_64_bits_keep_their_order() -> None:
    far = np.arange(12_000, dtype="uint64") * np.uint64(5 * 2**48)
    old = pd.DataFrame({"far": far, "maybe": pd.Series(far, dtype="UInt64").where(far % 2 == 0)})
    new = old.iloc[4000:].reset_index(drop=True)
    assert far[0] < 2**63 < far[-1]
    options: dict[str, Any] = {"methods": {"num": "ks"}}
    theirs = by_name(drift.check(old, new, **options))
    ours = by_name(drift_streamed.check(FrameTable(old), FrameTable(new), **options))
    for name in old:
        assert theirs[name].value == pytest.approx(
            ks_2samp(rows(old[name]), rows(new[name])).pvalue
        )
        assert_within(theirs[name], ours[name])


def rows(series: pd.Series[Any]) -> Any:
    return series.dropna().astype("float64").to_numpy()


def test_different_numbers_that_are_too_many_to_count_are_told_by_their_own_limit() -> None:
    old = pd.DataFrame({"x": np.arange(600.0)})
    report = drift_streamed.check(FrameTable(old), FrameTable(old), types={"x": "cat"})
    assert "has more than 500 levels in it" in report.finding("x").evidence["note"]


def test_odd_numbers_and_values_are_told_as_in_a_frame() -> None:
    rng, n = np.random.default_rng(0), 11_000
    old = pd.DataFrame(
        {
            "huge": rng.uniform(-1.7, 1.7, n) * 1e308,
            "tiny": rng.normal(size=n) * 1e-300,
            "infinite": np.inf,
            "missing": np.nan,
            "apart": np.where(rng.random(n) < 0.5, 1e300, 1.0),
            "outlier": np.r_[1e12, rng.normal(size=n - 1)],
            "list": [[1]] * n,
            "mapping": [{"a": 1}] * n,
            "length": pd.to_timedelta(rng.integers(0, 1000, n), unit="s"),
            "zoned": pd.date_range("2026", periods=n, freq="min", tz="UTC"),
        }
    )
    new = old.sample(frac=0.95, random_state=1).reset_index(drop=True)
    pairs = [(old, new, method) for method in ("wasserstein", "ed", "ks", "psi")]
    pairs += [(old[:0], new, "ks"), (old, new[:0], "ks"), (old[:1], new[:1], "wasserstein")]
    for one, other, method in pairs:
        options = {"methods": {"num": method}}
        theirs = by_name(drift.check(one, other, **options))
        ours = by_name(drift_streamed.check(FrameTable(one), FrameTable(other), **options))
        assert set(theirs) == set(ours)
        for name, found in theirs.items():
            if name == drift.SHARE or "too close" in ours[name].evidence.get("note", ""):
                continue
            assert ours[name].status == found.status, (name, method)
            assert ours[name].evidence.get("note") == found.evidence.get("note")
    for data in (old, old[:0], old[:1], old[[]], pd.DataFrame()):
        theirs = quality.check(data, reference=data)
        ours = quality_streamed.check(FrameTable(data), reference=FrameTable(data))
        assert ours.summary == theirs.summary
        assert Counter(map(asked, ours.findings)) == Counter(map(asked, theirs.findings))


EXPECTED: list[dict[str, Any]] = [
    {"column": "normal", "check": "range", "min": -2, "max": 2},
    {"column": "text", "check": "range", "min": 3},
    {"column": "instant", "check": "range", "min": "2026-01-05"},
    {"column": HOSTILE[2], "check": "range", "min": 0, "severity": "warning"},
    {"column": "text", "check": "in_set", "values": ["a", "b"]},
    {"column": "many", "check": "regex", "pattern": "u[0-4].*", "max_share": 0.7},
    {"column": "many", "check": "unique"},
    {"column": "normal", "check": "unique"},
    {"column": "missing", "check": "not_null", "max_share": 0.1},
    {"column": "whole", "check": "type", "type": "integer"},
    {"column": "whole_missing", "check": "type", "type": "integer"},
    {"column": "category", "check": "type", "type": "category"},
    {"column": "empty", "check": "type", "type": "text"},
    {"check": "row_count", "min": 100_000},
    {"column": "instant", "check": "freshness", "max_age": "7 days"},
    {"column": "text", "check": "freshness", "max_age": "7 days"},
    {"column": "normal", "check": "freshness", "max_age": "7 days"},
    {"check": "expression", "expression": "normal < single and whole > 5"},
    {"check": "expression", "expression": "missing < text"},
    {"column": "norml", "check": "unique"},
]


def assert_same_quality(reference: Path, data: Path) -> Report:
    options: dict[str, Any] = {
        "expectations": EXPECTED,
        "name": data.name,
        "reference_name": reference.name,
    }
    theirs = quality.check(read_frame(data), reference=read_frame(reference), **options)
    ours = quality_streamed.check(table(data), reference=table(reference), **options)
    assert (ours.status, ours.summary) == (theirs.status, theirs.summary)
    assert Counter(map(asked, ours.findings)) == Counter(map(asked, theirs.findings))
    known = {asked(found): found for found in ours.findings}
    for other in theirs.findings:
        found = known[asked(other)]
        if other.name == "freshness":  # its age grows as the test runs
            assert found.status == other.status
            continue
        assert (found.value, found.limit, found.status) == (other.value, other.limit, other.status)
        for key, value in other.evidence.items():
            assert found.evidence[key] == value, (asked(other), key)
    return ours


def asked(found: Finding) -> tuple[str, str | None, str]:
    return found.name, found.column, str(found.evidence.get("expected"))


def test_quality_is_that_of_frames(folders: tuple[Path, Path]) -> None:
    assert_same_quality(*folders)


def test_quality_of_what_is_odd_is_that_of_frames(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    good = read_frame(folders[0]).drop(columns="year")[:2500]
    odd = pd.concat([good, good[10:40], good[10:20]], ignore_index=True)
    odd = odd.assign(text=None, many="k", whole=odd["whole"] * 1.5, id=[f"i{n}" for n in odd.index])
    odd = odd.rename(columns={"few": "fewer"})
    odd = odd.drop(columns="id").assign(number=np.repeat(np.arange(len(odd) // 2), 2))
    good.assign(number=np.arange(len(good))).to_parquet(tmp_path / "good.parquet")
    odd.to_parquet(tmp_path / "odd.parquet", row_group_size=700)
    assert_same_quality(tmp_path / "odd.parquet", tmp_path / "good.parquet")
    found = assert_same_quality(tmp_path / "good.parquet", tmp_path / "odd.parquet")
    repeated = found.finding("unique", "many")
    assert 0 < repeated.evidence["chance_of_error"] < 1e-10


def test_a_row_that_repeats_one_of_another_file_is_found(tmp_path: Path) -> None:
    one = pd.DataFrame({"x": [0.0, 1.0, 2.0], "y": ["a", "b", None]})
    one.to_parquet(tmp_path / "a.parquet")
    one.assign(x=[5.0, 6.0, 2.0]).to_parquet(tmp_path / "b.parquet")
    found = quality_streamed.check(table(tmp_path)).finding("duplicate_rows")
    assert (found.evidence["count"], found.evidence["examples"]) == (1, ["row 5"])
    one.assign(x=[5.0, 6.0, 7.0]).to_parquet(tmp_path / "b.parquet")
    found = quality_streamed.check(table(tmp_path)).finding("duplicate_rows")
    assert (found.status, found.value) == ("pass", 0.0)
    assert "chance_of_error" not in found.evidence
