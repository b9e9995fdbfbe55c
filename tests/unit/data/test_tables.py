"""Parquet read batch by batch: the same columns, types and rows as a frame, or one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.data import tables
from mlops_nb.data.frames import read_frame
from mlops_nb.data.tables import FrameTable, ParquetTable, parquet_table, too_large


def table(path: Path) -> ParquetTable:
    found = parquet_table(path)
    assert found is not None
    return found


def whole(of: ParquetTable) -> pd.DataFrame:
    read = list(of.batches(range(len(of.columns))))
    frame = pd.concat(read, ignore_index=True)
    for name in frame:
        if frame[name].dtype.name == "category":
            frame[name] = frame[name].astype(object)
    return frame


def test_batches_together_are_the_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS", 4)
    for year in (2025, 2026):
        folder = tmp_path / f"year={year}" / "zone=a"
        folder.mkdir(parents=True)
        pd.DataFrame(
            {
                "whole": np.arange(10) + year,
                "missing": [1, 2, 3, 4, None] * 2 if year == 2026 else [1, 2, 3, 4, 5] * 2,
                "yes": [True, None] * 5 if year == 2026 else [True, False] * 5,
                "nullable": pd.array([1, None] * 5, dtype="Int64"),
                "word": pd.array(["a", None] * 5, dtype="string"),
                "text": ["x", None] * 5,
                "at": pd.date_range("2026-01-01", periods=10, tz="Europe/Berlin"),
                "a.b": 1.5,
                "a": 2.5,
            }
        ).to_parquet(folder / "part.parquet", row_group_size=3)
        (tmp_path / "_SUCCESS").touch()
    found, expected = table(tmp_path), read_frame(tmp_path)
    assert found.columns == tuple(expected.columns)
    assert found.rows == 20
    for place, name in enumerate(found.columns):
        assert found.witness(place).dtype == expected[name].dtype, name
    read = whole(found)
    for name in expected:
        assert read[name].isna().tolist() == expected[name].isna().tolist(), name
        assert read[name].dropna().tolist() == expected[name].dropna().tolist(), name
    some = list(found.batches([8, 0]))
    assert list(some[0].columns) == ["a", "whole"]
    assert max(map(len, some)) <= 4


def test_an_index_is_no_column_and_a_category_stays_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"kind": pd.Categorical(["b", "a"]), "x": [1, 2]}, index=["p", "q"])
    frame.to_parquet(tmp_path / "a.parquet")
    found = table(tmp_path / "a.parquet")
    assert found.columns == ("kind", "x")
    assert found.witness(0).dtype.name == "category"
    assert len(found.sample([1])) == 2


def test_a_glob_a_file_and_no_rows(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1.5]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": [2]}).to_parquet(tmp_path / "b.parquet")
    assert whole(table(tmp_path / "*.parquet"))["x"].tolist() == [1.5, 2.0]
    pd.DataFrame({"x": pd.Series(dtype=float)}).to_parquet(tmp_path / "c.parquet")
    empty = table(tmp_path / "c.parquet")
    assert (empty.rows, list(empty.batches([0])), empty.witness(0).dtype) == (0, [], float)
    (tmp_path / "d.csv").write_text("x\n1\n")
    assert parquet_table(tmp_path / "*") is None
    assert parquet_table(tmp_path / "d.csv") is None


def different_columns(folder: Path) -> None:
    pd.DataFrame({"x": [1], "y": [1]}).to_parquet(folder / "a.parquet")
    pd.DataFrame({"x": [1], "z": [1]}).to_parquet(folder / "b.parquet")


def different_types(folder: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(folder / "a.parquet")
    pd.DataFrame({"x": ["one"]}).to_parquet(folder / "b.parquet")


def twice(folder: Path) -> None:
    columns = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    pq.write_table(columns, folder / "a.parquet")


def no_parquet(folder: Path) -> None:
    (folder / "a.parquet").write_text("x\n1\n")


def cut(folder: Path) -> None:
    pd.DataFrame({"x": range(1000)}).to_parquet(folder / "a.parquet")
    data = (folder / "a.parquet").read_bytes()
    (folder / "a.parquet").write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (different_columns, "don't have the same columns: 'y', 'z'"),
        (different_types, "don't have the same types: 'x' is string and int64"),
        (twice, "has several columns called 'x'"),
        (no_parquet, "is not Parquet, as its name says"),
        (cut, "is damaged, or not Parquet"),
        (lambda folder: None, "has no Parquet files in it"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_line(tmp_path: Path, broken: Any, line: str) -> None:
    broken(tmp_path)
    with pytest.raises(InputError, match=line) as told:
        table(tmp_path)
    assert "\n" not in str(told.value)


def test_damage_that_shows_while_reading_is_told_too(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=50_000)})
    frame.to_parquet(file, compression="gzip")
    data = bytearray(file.read_bytes())
    data[1000:200_000] = b"\xff" * 199_000
    file.write_bytes(bytes(data))
    with pytest.raises(InputError, match="is damaged, or not Parquet"):
        list(table(file).batches([0]))


def test_nothing_there_names_the_nearest(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "january.parquet")
    with pytest.raises(NotFoundError, match=r"did you mean 'january\.parquet'"):
        parquet_table(tmp_path / "januray.parquet")


def test_what_does_not_fit_is_told_by_the_size_of_its_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    class Memory:
        available = 1_000_000

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    # A constant takes no room in a file, and eight bytes a row in a frame.
    pd.DataFrame({"x": np.zeros(30_000)}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"x": np.zeros(300_000)}).to_parquet(tmp_path / "b.parquet")
    assert table(tmp_path / "a.parquet").bytes == 240_000
    assert not too_large([table(tmp_path / "a.parquet")])
    assert too_large([table(tmp_path / "b.parquet")])


def test_an_identity_is_of_the_files(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    one = table(tmp_path).identity()
    assert (one["rows"], one["schema"]) == (2, {"x": "int64"})
    assert table(tmp_path).identity() == one
    pd.DataFrame({"x": [1, 3]}).to_parquet(tmp_path / "a.parquet")
    assert table(tmp_path).identity()["hash"] != one["hash"]


def test_a_frame_is_a_table_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS", 2)
    frame = pd.DataFrame({"x": [1, 2, 3], 4: list("abc")})
    found = FrameTable(frame)
    assert (found.columns, found.rows) == (("x", "4"), 3)
    assert [batch.iloc[:, 0].tolist() for batch in found.batches([1])] == [["a", "b"], ["c"]]
