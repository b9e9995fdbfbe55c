"""Reading tables, and the one line that says what is wrong with a file."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.data.frames import is_frame, read_frame

FRAME = pd.DataFrame({"age": [31, 44], "name": ["Zoë", "a;b"], "paid": [1.5, None]})


@pytest.mark.parametrize(
    "name",
    ["t.parquet", "t.pq", "t.csv", "T.CSV", "t.csv.gz", "t.tsv", "t.tsv.gz", "t.feather",
     "t.arrow", "t.jsonl", "t.ndjson", "t.json"],
)  # fmt: skip
def test_every_kind_is_read(tmp_path: Path, name: str) -> None:
    file, kind = tmp_path / name, name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind in ("parquet", "pq"):
        FRAME.to_parquet(file)
    elif kind in ("feather", "arrow"):
        FRAME.to_feather(file)
    elif kind in ("csv", "tsv"):
        packed = "gzip" if name.endswith(".gz") else None
        sign = "," if kind == "csv" else "\t"
        FRAME.to_csv(file, index=False, sep=sign, compression=packed)  # type: ignore[arg-type]
    else:
        FRAME.to_json(file, orient="records", lines=True)
    pd.testing.assert_frame_equal(read_frame(file), FRAME)
    pd.testing.assert_frame_equal(read_frame(str(file)), FRAME)


def test_json_may_be_one_array_and_dates_stay_text(tmp_path: Path) -> None:
    file = tmp_path / "t.json"
    file.write_text('[{"date": "2026-01-01", "n": 1}]', encoding="utf-8")
    assert read_frame(file).to_dict("list") == {"date": ["2026-01-01"], "n": [1]}


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(b"\xef\xbb\xbfage\n1\n")
    assert list(read_frame(file).columns) == ["age"]


def test_a_folder_is_read_whole_with_the_keys_of_its_folders(tmp_path: Path) -> None:
    for year in (2025, 2026):
        part = tmp_path / f"year={year}" / "part.parquet"
        part.parent.mkdir()
        FRAME.to_parquet(part)
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "README.md").write_text("about", encoding="utf-8")
    (tmp_path / "year=2026" / ".part.parquet").write_bytes(b"unfinished")
    whole = read_frame(tmp_path)
    assert whole["year"].tolist() == [2025, 2025, 2026, 2026]
    assert whole["age"].tolist() == [31, 44, 31, 44]
    assert whole.index.tolist() == [0, 1, 2, 3]


def test_a_glob_is_read_in_order(tmp_path: Path) -> None:
    for number in (2, 1, 3):
        FRAME.assign(part=number).to_parquet(tmp_path / f"part-{number}.parquet")
    assert read_frame(tmp_path / "part-[12].parquet")["part"].tolist() == [1, 1, 2, 2]
    assert len(read_frame(tmp_path / "*.parquet")) == 6
    with pytest.raises(NotFoundError, match="no file matches"):
        read_frame(tmp_path / "*.csv")


def test_parts_must_have_the_same_columns(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.rename(columns={"age": "years"}).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"don't have the same columns: 'age', 'years'"):
        read_frame(tmp_path)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "credit.csv")
    with pytest.raises(NotFoundError) as caught:
        read_frame(tmp_path / "credt.csv")
    assert "no file 'credt.csv' in" in caught.value.message
    assert caught.value.hint == "did you mean 'credit.csv'?"
    with pytest.raises(NotFoundError, match="no folder"):
        read_frame(tmp_path / "nowhere" / "credit.csv")


def parquet_bytes(tmp_path: Path) -> bytes:
    FRAME.to_parquet(tmp_path / "good.parquet")
    return (tmp_path / "good.parquet").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "is empty"),
        ("t.parquet", b"", "is empty"),
        ("t.csv", b"PAR1....PAR1", "is not CSV, as its name says: it is Parquet"),
        ("t.csv", b"\x1f\x8b\x08", "it is gzip"),
        ("t.csv", b"PK\x03\x04....", "it is a zip archive or an Excel workbook"),
        ("t.csv", b"<!DOCTYPE html><html>", "it is a web page"),
        ("t.csv", b"a,b\n\x00\x01", "it is binary"),
        ("t.csv", "naïve,b\n1,2\n".encode("latin-1"), "is not UTF-8 text"),
        ("t.csv", b"a,b\n1,2,3\n", "more values than its header has names"),
        ("t.csv", b"a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("t.csv", b"\n\n", "No columns to parse"),
        ("t.csv", b"a;b\n1;2\n", "separated by ';'"),
        ("t.tsv", b"a,b\n1,2\n", "separated by ','"),
        ("t.csv.gz", b"a,b\n1,2\n", "is not CSV, as its name says"),
        ("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 50, mtime=0)[:20], "is damaged"),
        ("t.parquet", b"a,b\n1,2\n", "is not Parquet, as its name says"),
        ("t.parquet", b"PAR1" + bytes(50), "is damaged"),
        ("t.feather", b"ARROW1" + bytes(50), "is damaged"),
        ("t.json", b'{"a": 1', "is damaged"),
        ("t.json", b"hello", "one object a line"),
        ("t.json", b"[1, 2]", "one object a line"),
        ("t.xlsx", b"PK", "ending that can't be read: '.xlsx'"),
        ("table", b"a,b", "ending that can't be read: ''"),
    ],
)
def test_a_bad_file_gets_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_frame(tmp_path / name)
    assert message in str(caught.value)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_torn_parquet_file_gets_one_line(tmp_path: Path, cut: float) -> None:
    whole = parquet_bytes(tmp_path)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(whole[: int(cut * len(whole))])
    with pytest.raises(InputError, match=r"torn\.parquet is damaged, or not Parquet"):
        read_frame(torn)


def test_an_ending_that_is_nearly_right_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.parqet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"did you mean '\.parquet'"):
        read_frame(tmp_path / "t.parqet")


@pytest.mark.parametrize("path", ["a\0b.csv", "x" * 5000 + ".csv"])
def test_what_is_no_path_is_an_input_error(path: str) -> None:
    with pytest.raises(InputError):
        read_frame(path)


def test_a_folder_without_tables_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no Parquet files in it"):
        read_frame(tmp_path)


def test_a_frame_is_known_without_importing_pandas() -> None:
    assert is_frame(FRAME)
    assert not is_frame(FRAME["age"])


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,a,b", ["a", "a", "b"]),
        ("a,a.1,b", ["a", "a.1", "b"]),
        ("a.1,,x", ["a.1", "Unnamed: 1", "x"]),
    ],
)
def test_columns_of_one_name_keep_it(tmp_path: Path, header: str, names: list[str]) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"{header}\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert list(read_frame(file).columns) == names


def test_a_text_that_is_no_path_is_told_in_a_short_line() -> None:
    with pytest.raises(InputError) as refused:
        read_frame("age  sex\n0  31  f\n" * 500)
    said = str(refused.value)
    assert said.endswith("' is not a path that can be read: File name too long")
    assert len(said) < 150
