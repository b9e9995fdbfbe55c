"""A fingerprint tells data apart by content, and is the same in every process."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_nb.data.fingerprint import SHORT, column_digests, fingerprint

CREDIT = Path(__file__).parents[3] / "notebooks" / "data" / "credit_default.parquet"


def hash_of(frame: pd.DataFrame) -> str:
    return str(fingerprint(frame)["hash"])


def column(values: object, dtype: object = None) -> pd.DataFrame:
    return pd.DataFrame({"x": pd.Series(values, dtype=dtype)})  # type: ignore[call-overload]


BASE = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["x", "y", None]})


@pytest.mark.parametrize(
    "other",
    [
        BASE.assign(a=[1.0, 2.0, 3.0]),
        BASE.assign(b=["x", "y", "z"]),
        BASE.assign(a=BASE["a"].astype("float32")),
        BASE.assign(b=["x", "y", np.nan]),
        BASE.assign(b=["x", None, "y"]),
        BASE.assign(b=BASE["b"].astype("category")),
        BASE.assign(b=BASE["b"].astype("string")),
        BASE.rename(columns={"a": "A"}),
        BASE.rename(columns={"a": 1}),
        BASE[["b", "a"]],
        BASE.iloc[::-1].reset_index(drop=True),
        BASE.iloc[:2],
        BASE.set_index(pd.Index([5, 6, 7])),
        BASE.assign(c=1),
    ],
)
def test_any_difference_shows(other: pd.DataFrame) -> None:
    assert hash_of(BASE) == hash_of(BASE.copy())
    assert hash_of(other) != hash_of(BASE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (column([1, 2]), column(["1", "2"])),
        (column([1, 2]), column([1, 2], object)),
        (column(["ab", "c"]), column(["a", "bc"])),
        (column(["a\x1fb"]), column(["a", "b"])),
        (column(["a", None], object), column(["a", np.nan], object)),
        (column([1, None], object), column([1, np.nan], object)),
        (column([None, pd.NA], object), column([pd.NA, None], object)),
        (column([b"a"]), column(["a"])),
        (column([1, True], object), column([True, 1], object)),
        (column([Decimal(1)]), column([1], object)),
        (column([1, None], "Int64"), column([1, 0], "Int64")),
        (column([True, None], "boolean"), column([True, False], "boolean")),
        (column(["", None], "string"), column([None, ""], "string")),
        (column([[1, 2]]), column([[1, 3]])),
        (column([{"k": 1}]), column([{"k": "1"}])),
        (column(pd.Categorical(["a", "b"])), column(pd.Categorical(["a", "b"], list("ba")))),
        (column(pd.to_datetime(["2026-01-01"])), column(pd.to_datetime(["2026-01-02"]))),
        (
            column(pd.to_datetime(["2026-01-01"]).tz_localize("UTC")),
            column(pd.to_datetime(["2026-01-01"]).tz_localize("Europe/Berlin")),
        ),
        (column([np.zeros(5)]), column([np.ones(5)])),
        (column([0.0]), column([-0.0])),
    ],
)
def test_what_looks_alike_is_told_apart(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert hash_of(one) != hash_of(other)


def test_memory_layout_and_the_bits_of_nan_do_not_matter() -> None:
    values = np.arange(12.0).reshape(4, 3)
    striped, contiguous = pd.DataFrame(values), pd.DataFrame({i: values[:, i] for i in range(3)})
    assert hash_of(striped) == hash_of(contiguous)
    one, other = np.array([1.0, np.nan]), np.array([1.0, -np.nan])
    assert one.tobytes() != other.tobytes()
    assert hash_of(column(one)) == hash_of(column(other))
    filled = pd.arrays.IntegerArray(np.array([1, 77]), np.array([False, True]))
    assert hash_of(column(filled)) == hash_of(column([1, None], "Int64"))


def test_a_frame_keeps_its_fingerprint_in_a_file(tmp_path: Path) -> None:
    clients = pd.read_parquet(CREDIT)
    clients.to_parquet(tmp_path / "again.parquet")
    again = fingerprint(pd.read_parquet(tmp_path / "again.parquet"))
    assert again == fingerprint(clients)
    assert (again["rows"], again["columns"]) == (30_000, 25)
    assert again["schema"]["SEX"] == "object"


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no text of me")


def odd() -> pd.DataFrame:
    endless: list[object] = []
    endless.append(endless)
    objects = [
        {"k": [1, {2, 3}]}, Broken(), object(), endless, np.arange(3), "\ud800", b"\xff",
        dt.date(2026, 1, 1), lambda: None, 2**80, {"a", "b", "c", "d"}, pd.NaT, 1j,
    ]  # fmt: skip
    frame = pd.DataFrame({"odd": pd.Series(objects, dtype=object)})
    frame["interval"] = pd.cut(range(len(frame)), 3)
    frame["period"] = pd.period_range("2026-01", periods=len(frame), freq="M")
    frame["sparse"] = pd.arrays.SparseArray(np.zeros(len(frame)))
    frame["long"] = np.arange(len(frame), dtype=np.longdouble)
    frame["arrow"] = pd.array(range(len(frame)), dtype="int64[pyarrow]")
    frame["text"] = pd.array(["a"] * len(frame), dtype="string[pyarrow]")
    frame[("a", 1)] = 1
    return frame


def test_nothing_is_too_odd_and_every_process_says_the_same() -> None:
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('odd_frames', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(module.hash_of(module.odd()))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.strip() == hash_of(odd())


def test_columns_of_the_same_name_are_both_in_the_schema() -> None:
    twice = pd.concat([BASE[["a"]], BASE[["b"]].set_axis(["a"], axis=1)], axis=1)
    assert fingerprint(twice)["schema"] == {"a": "float64", "a#2": "object"}


def test_an_empty_frame_has_one_too() -> None:
    assert fingerprint(pd.DataFrame())["rows"] == 0
    assert hash_of(column([], "float64")) != hash_of(column([], object))


def test_threads_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clients = pd.read_parquet(CREDIT)
    whole = hash_of(clients)
    monkeypatch.setattr("mlops_nb.data.fingerprint.SMALL", clients.size)
    assert hash_of(clients) == whole


LONG = 3 * SHORT // 8  # rows that make a buffer too long to be hashed as it is
KINDS = {
    "float64": np.arange(LONG) / 7,
    "int8": np.arange(LONG) % 100,
    "datetime64[ns]": np.arange(LONG),
    "Int64": np.arange(LONG),
    "category": np.arange(LONG) % 9,
    "string": np.arange(LONG).astype(str),
    "object": np.arange(LONG).astype(str),
}
COLUMNS = {kind: pd.Series(values).astype(kind) for kind, values in KINDS.items()}  # type: ignore[call-overload]
HASHES = {kind: hash_of(column(values)) for kind, values in COLUMNS.items()}


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(list(KINDS)), st.integers(0, LONG - 1), st.integers(0, LONG - 1))
def test_any_cell_of_a_long_column_that_changes_shows(kind: str, place: int, other: int) -> None:
    changed = COLUMNS[kind].copy()
    changed.iloc[place] = COLUMNS[kind].iloc[other]
    same = COLUMNS[kind].iloc[place] == COLUMNS[kind].iloc[other]
    assert (hash_of(column(changed)) == HASHES[kind]) == same


@pytest.mark.parametrize("kind", KINDS)
def test_equal_columns_have_one_hash_however_they_were_made(kind: str) -> None:
    whole = COLUMNS[kind]
    doubled = pd.DataFrame({"y": 0, "x": np.repeat(whole, 2).reset_index(drop=True), "z": "a"})
    sliced = doubled[["x"]].iloc[::2].reset_index(drop=True)
    chunked = pa.Table.from_pandas(column(whole)).slice(7)
    chunked = pa.concat_tables([pa.Table.from_pandas(column(whole)).slice(0, 7), chunked])
    joined = pd.concat([column(whole.iloc[:9]), column(whole.iloc[9:])], ignore_index=True)
    for made in (sliced, chunked.to_pandas(), joined):
        assert hash_of(made) == HASHES[kind]


def test_a_buffer_is_hashed_to_its_end_and_in_order() -> None:
    values = COLUMNS["float64"].to_numpy()
    hashes = {hash_of(column(values))}
    for place in (0, SHORT // 8, LONG - 1):
        changed = values.copy()
        changed[place] = -1
        hashes.add(hash_of(column(changed)))
    swapped = np.concatenate([values[SHORT // 8 :], values[: SHORT // 8]])
    assert len(hashes | {hash_of(column(swapped))}) == 5


def test_a_hash_says_how_it_was_made() -> None:
    assert hash_of(BASE).startswith("frame-2:")
    assert len(hash_of(BASE)) == len("frame-2:") + 64


def test_each_column_has_its_own_digest_whatever_lies_beside_it() -> None:
    frame = pd.concat(
        [BASE, pd.DataFrame(np.arange(21.0).reshape(3, 7)), BASE["b"].rename("c")], axis=1
    )
    alone = [column_digests(frame.iloc[:, [at]])[0] for at in range(frame.shape[1])]
    assert column_digests(frame) == alone
    assert len(set(alone)) == frame.shape[1]
