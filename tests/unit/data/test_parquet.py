"""What is kept as Parquet comes back as it was, or is refused by the column's name."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_nb.core.errors import InputError
from mlops_nb.data import parquet
from mlops_nb.data.fingerprint import fingerprint

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
MISSING = st.sampled_from([None, np.nan])
INT64 = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.datetimes(*(pd.Timestamp(year, 1, 1).to_pydatetime() for year in (1700, 2200)))
COLUMNS: dict[str, Any] = {
    "int8": st.integers(-128, 127),
    "uint64": st.integers(0, 2**64 - 1),
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "bool": st.booleans(),
    "Int64": INT64 | st.none(),
    "boolean": st.booleans() | st.none(),
    "string": TEXT | st.none(),
    "datetime64[ns]": INSTANTS | st.none(),
    "datetime64[s]": INSTANTS,
    "timedelta64[ns]": st.timedeltas(dt.timedelta(-10_000), dt.timedelta(10_000)),
}
OBJECTS = [TEXT, TEXT | st.none(), TEXT | MISSING, INT64, st.booleans(), st.binary(max_size=3)]


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.integers(0, 6))
    columns: dict[str, pd.Series[Any]] = {}
    for name in draw(st.lists(TEXT, unique=True, min_size=1, max_size=5)):
        kind = draw(st.sampled_from([*COLUMNS, "object", "category"]))
        values = st.sampled_from(OBJECTS).flatmap(lambda each: lists(each, rows))
        if kind in COLUMNS:
            values = lists(COLUMNS[kind], rows)
        columns[name] = pd.Series(draw(values), dtype="object" if kind == "category" else kind)
        if kind == "category":
            columns[name] = columns[name].astype("category")
    frame = pd.DataFrame(columns)
    if draw(st.booleans()):
        frame.index = pd.Index(draw(lists(INT64, rows)), name=draw(st.none() | st.just("the row")))
    return frame


def lists(values: st.SearchStrategy[Any], rows: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=rows, max_size=rows)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(frames())
def test_what_is_read_back_is_what_was_written(frame: pd.DataFrame) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "x")
        said = parquet.write(frame, file)
        back = parquet.read(file)
    assert fingerprint(back) == said
    if not any(mixed(frame[name]) for name in frame):
        pd.testing.assert_frame_equal(back, frame, check_freq=False)
        assert said == fingerprint(frame)


def mixed(column: pd.Series[Any]) -> bool:
    return len({type(value) for value in column[column.isna()]}) > 1


@pytest.mark.parametrize(
    "values",
    [
        pd.Categorical(["a", "b"], categories=["z", "b", "a"], ordered=True),
        pd.Categorical([1, None], categories=[3, 2, 1]),
        pd.cut([1, 2, 3], 2),
        pd.Series([1, 2], dtype=object),
        pd.Series([[1, 2], [], None], dtype=object),
        pd.Series([{"a": 1}, {"a": 2}]),
        pd.Series([dt.date(2026, 1, 1), None]),
        pd.to_datetime(["2026-01-01"]).tz_localize("Europe/Berlin"),
        pd.period_range("2026-01", periods=2, freq="M"),
        pd.array([1, None], dtype="int64[pyarrow]"),
        pd.Series(["a", pd.NA], dtype=object),
        np.array([-np.nan, 0.0, -0.0, np.inf]),
    ],
)
def test_types_that_parquet_lacks_are_put_right(tmp_path: Path, values: Any) -> None:
    frame = pd.DataFrame({"x": values})
    assert parquet.write(frame, tmp_path / "x") == fingerprint(frame)
    pd.testing.assert_frame_equal(parquet.read(tmp_path / "x"), frame)


class Unlike:
    """What can be neither hashed, compared nor shown."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise TypeError

    def __repr__(self) -> str:
        raise TypeError


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1, "a"], "Could not convert 'a'"),
        ([2**70], "too large"),
        ([1j], "Unsupported numpy type"),
        (["\ud800"], "surrogates"),
        ([uuid.UUID(int=1)], "come back as others"),
        ([Decimal("1.0"), Decimal("2.00")], "come back as others"),
        ([object()], "object"),
        ([{"a": 1}, {"b": [1]}], "come back as others"),
        ([{1}, {2}], "come back as others"),
        ([{}, {}], "no child field"),
        ([[1], {"a": 2}], "cannot mix list and non-list"),
        ([Unlike()], "Unlike"),
        ([ENDLESS], "holds itself"),
        ([{"in": (ENDLESS,)}], "holds itself"),
        (pd.arrays.SparseArray([0.0, 1.0]), "Sparse"),
    ],
)
def test_a_column_that_parquet_cannot_hold_is_named(
    tmp_path: Path, values: Any, reason: str
) -> None:
    frame = pd.DataFrame({"fine": range(len(values)), "odd one": values})
    with pytest.raises(InputError, match=rf"column 'odd one' \(.*can't be kept.*{reason}") as error:
        parquet.write(frame, tmp_path / "x")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(index=[1]), "without columns"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are called 'a'"),
        (pd.DataFrame([[1, 2]], columns=[0, "a"]), "such as 0; name all"),
        (pd.DataFrame([[1, 2]], columns=[True, False]), r"named False \(bool\) would come back"),
        (pd.DataFrame({0: [1]}, index=pd.Index([5], name=0)), "both called 0"),
        (pd.DataFrame({"a": [1, 2]}, index=pd.Index([1, "a"])), "its index|can't be kept"),
    ],
)
def test_labels_that_parquet_cannot_hold_are_refused(
    tmp_path: Path, frame: pd.DataFrame, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        parquet.write(frame, tmp_path / "x")


def test_a_folder_called_like_a_key_adds_no_column(tmp_path: Path) -> None:
    file = tmp_path / "year=2026" / "x"
    file.parent.mkdir()
    parquet.write(pd.DataFrame({"a": [1]}), file)
    assert list(parquet.read(file).columns) == ["a"]


def test_the_same_frame_makes_the_same_bytes(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    values = np.arange(10.0)
    chunked = pa.chunked_array([values[:3], values[3:]]).to_pandas()
    made = [
        pd.DataFrame({"x": values, "y": list("abcdefghij")}),
        pd.DataFrame({"x": chunked, "y": [*"abcdefghij"]}),
        pd.DataFrame({"y": list("abcdefghijk"), "x": np.arange(11.0)})[["x", "y"]].iloc[:10],
    ]
    made[1].attrs["note"] = "not kept"
    for number, frame in enumerate(made):
        parquet.write(frame, tmp_path / str(number))
    assert len({(tmp_path / str(n)).read_bytes() for n in range(3)}) == 1
    assert parquet.read(tmp_path / "1").attrs == {}


def test_the_footer_of_a_large_file_tells_its_columns(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "b": ["x"], "c": pd.Categorical(["y"])})
    frame.to_parquet(tmp_path / "x.parquet")
    types = {"a": "int64", "b": "object", "c": "category"}
    assert parquet.schema(tmp_path / "x.parquet") == (1, types)
