"""Frames kept as Parquet: what is read back is what was written, or nothing is written.

Parquet has fewer types than pandas. What it would change (categories that are no text, objects that
are numbers, missing values of another kind, lists) is noted in the file, and put right when it is
read. Each file is read back once and compared; a column that does not come back is refused by name.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlops_nb.core.errors import InputError
from mlops_nb.data.fingerprint import DEEPEST, column_digests, fingerprint, index_digests

if TYPE_CHECKING:
    import pandas as pd

    # pyarrow has no types of its own.
    Table = Any

NOTES = b"mlops_nb"


def write(frame: pd.DataFrame, path: Path) -> dict[str, Any]:
    """Write a frame, with its index, so that `read` gives it back.

    Parameters
    ----------
    frame : pandas.DataFrame
        ``attrs`` are left out. In a column of objects with several kinds of missing value, all
        become None.
    path : Path

    Returns
    -------
    dict
        The `fingerprint` of what `read` will give.

    Raises
    ------
    InputError
        If Parquet can't hold the frame; it names the column.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> file = Path(tempfile.mkdtemp(), "ages.parquet")
    >>> frame = pd.DataFrame({"age": pd.cut([31, 44], [0, 40, 80])})
    >>> write(frame, file)["rows"], read(file).equals(frame)
    (2, True)
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    _refuse_labels(frame)
    _refuse_nesting(frame)
    held = _one_missing(frame)
    notes = {str(at): note for at in range(held.shape[1]) if (note := _note(held.iloc[:, at]))}
    table = _table(_plain(held, notes))
    known = table.schema.metadata or {}
    table = table.replace_schema_metadata({**known, NOTES: json.dumps(notes).encode()})
    try:
        pq.write_table(table, path, compression="zstd")
    except pa.ArrowException as error:
        _refuse_one(held, error)
    _compare(held, _read_back(path, held))
    return fingerprint(held)


def identity(frame: pd.DataFrame) -> str:
    """Return the hash of what `write` would keep of a frame."""
    return str(fingerprint(_one_missing(frame))["hash"])


def read(path: Path) -> pd.DataFrame:
    """Read a frame that `write` wrote."""
    import pyarrow.parquet as pq

    # Not `read_table`, which takes columns from names of folders such as `year=2026`.
    with pq.ParquetFile(path) as file:
        table = file.read()
    frame: pd.DataFrame = table.to_pandas()
    for at, note in json.loads(table.schema.metadata[NOTES]).items():
        frame.isetitem(int(at), _restored(frame.iloc[:, int(at)], note).array)
    return frame


def schema(path: Path) -> tuple[int, dict[str, str]]:
    """Return the number of rows and the pandas types of a Parquet file, from its footer alone."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        empty = file.schema_arrow.empty_table().to_pandas()
        return file.metadata.num_rows, {str(k): str(v) for k, v in empty.dtypes.items()}


def _refuse_labels(frame: pd.DataFrame) -> None:
    if frame.shape[1] == 0:
        raise InputError("a frame without columns can't be kept")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise InputError(
            f"two columns are called {twice[0]!r}, which Parquet can't tell apart",
            hint="rename one of them",
        )
    if frame.columns.nlevels == 1 and frame.columns.inferred_type.startswith("mixed"):
        odd = next(label for label in frame.columns if not isinstance(label, str))
        raise InputError(
            f"the columns are called by texts and by others, such as {odd!r}",
            hint="name all of them by texts",
        )
    taken = {str(label) for label in frame.columns}
    for name in frame.index.names:
        if name is not None and str(name) in taken and not isinstance(name, str):
            raise InputError(
                f"the index and a column are both called {name!r}", hint="rename one of them"
            )


def _one_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with one kind of missing value in each column of objects."""
    held = frame.copy(deep=False)
    held.attrs = {}
    for at in range(held.shape[1]):
        column = held.iloc[:, at]
        if _holds_objects(column) and len(_missing(column)) > 1:
            held.isetitem(at, column.where(column.notna(), None).array)
    return held


def _refuse_nesting(frame: pd.DataFrame) -> None:
    """Refuse values that hold themselves: Arrow follows them until the process dies."""
    for at, label in enumerate(frame.columns):
        column = frame.iloc[:, at]
        if _holds_objects(column) and any(_is_deep(value, DEEPEST) for value in column):
            _refuse(label, column.dtype, f"a value has more than {DEEPEST} levels, or holds itself")


def _is_deep(value: Any, levels: int) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple | set | frozenset):
        if not hasattr(value, "dtype") or str(value.dtype) != "object":
            return False
        value = value.tolist()
    return levels == 0 or any(_is_deep(item, levels - 1) for item in value)


def _holds_objects(column: pd.Series[Any]) -> bool:
    return str(column.dtype) == "object"


def _missing(column: pd.Series[Any]) -> set[str]:
    return {type(value).__name__ for value in column[column.isna()]}


def _note(column: pd.Series[Any]) -> dict[str, Any]:
    """Return what has to be put right when a column is read back."""
    import pandas as pd

    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        texts = pd.api.types.infer_dtype(dtype.categories) == "string"
        return {} if texts else {"categories": _packed(dtype.categories), "ordered": dtype.ordered}
    if not _holds_objects(column):
        # Parquet has no seconds.
        return {"type": str(dtype)} if str(dtype).endswith("64[s]") else {}
    note: dict[str, Any] = {}
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred in ("integer", "boolean", "floating"):
        note["type"] = "object"
    if inferred == "mixed" and any(isinstance(value, list) for value in column):
        note["lists"] = True
    if missing := _missing(column) & {"float", "NAType", "NaTType"}:
        note["missing"] = missing.pop()
    return note


def _plain(frame: pd.DataFrame, notes: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the frame with values in place of categories that Parquet would lose."""
    import pandas as pd

    plain = frame.copy(deep=False)
    for at, note in notes.items():
        if "categories" in note:
            column = plain.iloc[:, int(at)]
            # A missing value has the code -1, for which there is none.
            values = pd.Series(column.cat.categories).reindex(column.cat.codes.to_numpy())
            plain.isetitem(int(at), values.array)
    return plain


def _restored(column: pd.Series[Any], note: dict[str, Any]) -> pd.Series[Any]:
    import pandas as pd

    if "categories" in note:
        categories = pd.Index(_unpacked(note["categories"]).array)
        return column.astype(pd.CategoricalDtype(categories, note["ordered"]))
    if "type" in note:
        column = column.astype(note["type"])
    if "lists" in note:
        column = column.map(_as_list)
    if "missing" in note:
        kinds = {"float": float("nan"), "NAType": pd.NA, "NaTType": pd.NaT}
        column = column.where(column.notna(), kinds[note["missing"]])
    return column


def _as_list(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [_as_list(item) for item in value] if isinstance(value, list) else value


def _packed(values: pd.Index[Any]) -> str:
    """Return values as text: an Arrow stream in base 64."""
    import pandas as pd
    import pyarrow as pa

    table = _table(pd.DataFrame({"categories": values}))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return base64.b64encode(sink.getvalue().to_pybytes()).decode()


def _unpacked(text: str) -> pd.Series[Any]:
    import pyarrow as pa

    with pa.ipc.open_stream(base64.b64decode(text)) as stream:
        found: pd.Series[Any] = stream.read_all().to_pandas()["categories"]
    return found


def _table(frame: pd.DataFrame) -> Table:
    import pyarrow as pa

    refused = (pa.ArrowException, TypeError, ValueError, OverflowError)
    try:
        # In one piece a column: the same frame makes the same bytes.
        return pa.Table.from_pandas(frame).combine_chunks()
    except refused as error:
        for at, label in enumerate(frame.columns):
            try:
                pa.Table.from_pandas(frame.iloc[:, [at]].reset_index(drop=True))
            except refused as its_own:
                _refuse(label, frame.dtypes.iloc[at], its_own)
        raise InputError(
            f"the frame can't be kept as Parquet: {' '.join(str(error).split())[:200]}",
            hint="`reset_index()` makes its index a column",
        ) from None


def _read_back(path: Path, held: pd.DataFrame) -> pd.DataFrame:
    import pyarrow as pa

    try:
        return read(path)
    except (pa.ArrowException, TypeError, ValueError) as error:
        _refuse_one(held, error)


def _refuse_one(held: pd.DataFrame, error: Exception) -> NoReturn:
    """Find the column that can't be written, or read again, and refuse the frame for it."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    for at, label in enumerate(held.columns):
        one = io.BytesIO()
        try:
            pq.write_table(_table(held.iloc[:, [at]].reset_index(drop=True)), one)
            pq.read_table(one).to_pandas()
        except (pa.ArrowException, TypeError, ValueError) as its_own:
            _refuse(label, held.dtypes.iloc[at], its_own)
    raise InputError(
        f"the frame can't be kept as Parquet: {' '.join(str(error).split())[:200]}",
        hint="name its columns and its index by different texts",
    ) from None


def _compare(held: pd.DataFrame, back: pd.DataFrame) -> None:
    """Refuse a frame that did not come back."""
    for label, found in zip(held.columns, back.columns, strict=True):
        if type(label) is not type(found) or str(label) != str(found):
            raise InputError(
                f"the column named {label!r} ({type(label).__name__}) would come back from Parquet"
                f" as {found!r}",
                hint="name columns by texts",
            )
    same_names = list(held.columns.names) == list(back.columns.names)
    if not same_names or index_digests(held.index) != index_digests(back.index):
        raise InputError(
            "its index would come back from Parquet as another one",
            hint="`reset_index()` makes it a column",
        )
    digests = zip(column_digests(held), column_digests(back), strict=True)
    for at, (before, after) in enumerate(digests):
        if before != after:
            _refuse(held.columns[at], held.dtypes.iloc[at], "its values would come back as others")


def _refuse(label: Any, dtype: Any, reason: Any) -> NoReturn:
    # Arrow's second argument says again which column it is.
    arguments: tuple[Any, ...] = getattr(reason, "args", ())
    told = arguments[0] if arguments[1:] and not isinstance(reason, UnicodeError) else reason
    raise InputError(
        f"column {label!r} ({dtype}) can't be kept as Parquet: {' '.join(str(told).split())[:200]}",
        hint="give it one type that Parquet has, such as text, numbers or dates",
    ) from None
