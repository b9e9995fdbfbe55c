"""Parquet files read batch by batch, for data that are larger than memory; frames as such tables.

What comes is what `frames.read_frame` would give, in pieces: the same files, columns and types.
Columns are read some at a time, so that a wide table takes no more memory than a narrow one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.data.frames import PARQUET, keys, matches, missing, parquet_files, refuse_others

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1 << 20  # of a batch, at most
CELLS = 8 << 20  # of a batch, at most: 64 MB of numbers
SAMPLE = 1 << 18  # rows of a sample, about
SPOTS = 32  # row groups that a sample is taken from
WORKING = 2.5  # times a frame's own size that is needed to read and to judge it
FREE = 0.75  # share of the available memory that may be taken
SMALL = 32 << 20  # bytes of files below which they are taken to fit in memory
STREAM = ("auto", "always", "never")


@dataclass(frozen=True, slots=True)
class _Part:
    """One file: its schema, rows, the columns its folders name, and which columns have nulls."""

    file: Path
    keys: Mapping[str, int | str]
    schema: Any
    groups: tuple[int, ...]
    bytes: Mapping[str, int]
    nullable: frozenset[str]

    @property
    def rows(self) -> int:
        return sum(self.groups)


def parquet_parts(path: str | Path) -> tuple[list[Path], Path] | None:
    """Return the Parquet files that a path or a glob names, and their root; None if others, too.

    Raises
    ------
    NotFoundError
        If there is nothing of that name.
    InputError
        If a folder has no Parquet files in it.
    """
    place = Path(path).expanduser()
    try:
        if place.is_dir():
            return parquet_files(place), place
        files = [place] if place.exists() else matches(place)
    except (OSError, ValueError):  # a name that is too long, or has a null byte in it
        return None
    if not files:
        raise missing(place)
    if any(file.suffix.lower() not in (".parquet", ".pq") for file in files):
        return None
    return files, place.parent


class ParquetTable:
    """Parquet files of the same columns, one after the other.

    Parameters
    ----------
    files : list of Path
    root : Path
        The folder from which on ``key=value`` folders name columns.

    Raises
    ------
    InputError
        If a file is damaged, or differs from the first in its columns or their types.
    UnavailableError
        If it may not be read.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> folder = Path(tempfile.mkdtemp())
    >>> pd.DataFrame({"age": [31, 44]}).to_parquet(folder / "a.parquet")
    >>> table = ParquetTable(*parquet_parts(folder))
    >>> table.rows, table.columns, [len(batch) for batch in table.batches([0])]
    (2, ('age',), [2])
    """

    def __init__(self, files: list[Path], root: Path) -> None:
        self._parts = [_part(file, root) for file in files]
        self._schema = _unified(self._parts)
        self.columns = tuple(dict.fromkeys([*_names(self._parts[0]), *self._parts[0].keys]))
        self.rows = sum(part.rows for part in self._parts)

    @property
    def bytes(self) -> int:
        """About how much memory its frame would take."""
        return sum(self._bytes(name) for name in self.columns)

    def identity(self) -> dict[str, Any]:
        """Return what tells these data from others: rows, schema, and a hash of the files' footers.

        A footer holds the place, size and range of each column, not the values: files written anew
        from the same rows may differ, and no value was compared.
        """
        import hashlib

        whole = hashlib.sha256(b"parquet-footers-1")
        for part in self._parts:
            with _told(part.file), part.file.open("rb") as opened:
                opened.seek(-8, 2)
                length = int.from_bytes(opened.read(4), "little")
                opened.seek(-8 - length, 2)
                whole.update(f"{part.file.name} {part.file.stat().st_size} {part.keys}".encode())
                whole.update(opened.read(length))
        return {
            "rows": self.rows,
            "columns": len(self.columns),
            "schema": {
                name: str(s.dtype) for name, s in zip(self.columns, self._types, strict=True)
            },
            "hash": f"parquet-footers-1:{whole.hexdigest()}",
        }

    def witness(self, place: int) -> pd.Series[Any]:
        """Return some rows of a column, of the type that the whole column has in a frame."""
        return self._types[place]

    def sample(self, places: Sequence[int]) -> pd.DataFrame:
        """Return rows of some columns from all over the table."""
        return self._together(self._spots(places, SAMPLE), places)

    def batches(self, places: Sequence[int]) -> Iterator[pd.DataFrame]:
        """Yield all rows of some columns; texts come as categories."""
        size = max(1, min(ROWS, CELLS // max(1, len(places))))
        for part in self._parts:
            yield from self._read(part, places, size, range(len(part.groups)))

    def _spots(self, places: Sequence[int], rows: int) -> Iterator[pd.DataFrame]:
        groups = [(part, at) for part in self._parts for at, n in enumerate(part.groups) if n]
        step = max(1, -(-len(groups) // SPOTS))
        chosen = groups[::step]
        for part, at in chosen:
            yield from self._first(part, places, max(1, rows // len(chosen)), at)

    def _first(
        self, part: _Part, places: Sequence[int], rows: int, group: int
    ) -> Iterator[pd.DataFrame]:
        for batch in self._read(part, places, rows, [group]):
            yield batch
            return

    def _together(self, frames: Iterator[pd.DataFrame], places: Sequence[int]) -> pd.DataFrame:
        import pandas as pd

        read = list(frames)
        if not read:
            return pd.DataFrame(dict(enumerate(self._empty(self.columns[at]) for at in places)))
        columns = {}
        for at in range(len(places)):
            series = [frame.iloc[:, at] for frame in read]
            kinds = {str(one.dtype) for one in series}
            if "category" in kinds:
                series = [one.astype(object) for one in series]
            columns[at] = pd.concat(series, ignore_index=True)
        return pd.DataFrame(columns)

    def _read(
        self, part: _Part, places: Sequence[int], size: int, groups: Sequence[int]
    ) -> Iterator[pd.DataFrame]:
        names = [self.columns[place] for place in places]
        stored = [name for name in names if name not in part.keys]
        if not stored:
            for at in groups:
                for start in range(0, part.groups[at], size):
                    yield self._frame(None, min(size, part.groups[at] - start), part, names)
            return
        with _told(part.file), _opened(part.file) as opened:
            for batch in opened.iter_batches(size, row_groups=list(groups), columns=stored):
                if batch.num_rows:
                    yield self._frame(batch, batch.num_rows, part, names)

    def _frame(self, batch: Any, rows: int, part: _Part, names: Sequence[str]) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        stored = [name for name in names if name not in part.keys]
        read: dict[str, Any] = {name: _repeated(part.keys[name], rows) for name in part.keys}
        if stored:
            fields = [self._schema.field(name) for name in stored]
            arrays = [batch.column(batch.schema.get_field_index(name)) for name in stored]
            table = pa.Table.from_arrays(
                [_cast(a, field.type) for a, field in zip(arrays, fields, strict=True)],
                schema=pa.schema(fields, metadata=self._schema.metadata),
            )
            frame = table.to_pandas(strings_to_categorical=True, ignore_metadata=False)
            read |= {name: frame.iloc[:, at] for at, name in enumerate(stored)}
        places = {name: at for at, name in enumerate(self.columns)}
        typed = [_as(read[name], self._plain_types.get(places[name])) for name in names]
        made = pd.concat(typed, axis=1) if typed else pd.DataFrame(index=range(rows))
        made.columns = pd.Index(names)
        return made

    @cached_property
    def _plain_types(self) -> dict[int, str]:
        """The type of each column of whole numbers or booleans whose batches may differ in it."""
        found = {}
        for place, name in enumerate(self.columns):
            if name in self._parts[0].keys:
                continue
            kind = str(self._schema.field(name).type)
            if kind.startswith(("int", "uint", "bool")) and not self._is_extended(name):
                nullable = any(name in part.nullable for part in self._parts)
                bare = "object" if kind == "bool" else "float64"
                found[place] = bare if nullable else kind
        return found

    def _is_extended(self, name: str) -> bool:
        """Tell whether pandas keeps the column in a type of its own, which has missing values."""
        import numpy as np
        import pyarrow as pa

        schema = pa.schema([self._schema.field(name)], metadata=self._schema.metadata)
        return not isinstance(schema.empty_table().to_pandas().dtypes.iloc[0], np.dtype)

    @cached_property
    def _types(self) -> list[pd.Series[Any]]:
        import pandas as pd

        rows = self._together(self._spots(range(len(self.columns)), 1000), range(len(self.columns)))
        found = []
        for place, name in enumerate(self.columns):
            series = rows.iloc[:, place] if rows.shape[1] else pd.Series(dtype=object)
            if name in self._parts[0].keys:
                values = [part.keys[name] for part in self._parts]
                series = pd.Series(values)
            elif not len(rows):
                series = self._empty(name)
            else:
                series = _retyped(series, self._empty(name).dtype)
            found.append(series.rename(name))
        return found

    def _empty(self, name: str) -> pd.Series[Any]:
        import pandas as pd
        import pyarrow as pa

        if name in self._parts[0].keys:
            return pd.Series(dtype=object)
        schema = pa.schema([self._schema.field(name)], metadata=self._schema.metadata)
        series: pd.Series[Any] = schema.empty_table().to_pandas().iloc[:, 0]
        return series

    def _bytes(self, name: str) -> int:
        if name in self._parts[0].keys:
            return 8 * self.rows
        try:
            return self.rows * max(1, int(self._schema.field(name).type.bit_width) // 8)
        except ValueError:  # values of no fixed width: an object has a pointer to it, too
            return sum(8 * part.rows + 2 * part.bytes.get(name, 0) for part in self._parts)


class FrameTable:
    """A frame read as a table.

    Examples
    --------
    >>> import pandas as pd
    >>> FrameTable(pd.DataFrame({"age": [31, 44]})).rows
    2
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.columns = tuple(str(label) for label in frame.columns)
        self.rows = len(frame)

    def witness(self, place: int) -> pd.Series[Any]:
        """Return some rows of a column."""
        column = self.frame.iloc[:, place]
        return column.iloc[:: max(1, self.rows // 1000)]

    def sample(self, places: Sequence[int]) -> pd.DataFrame:
        """Return every k-th row of some columns."""
        return self.frame.iloc[:: max(1, self.rows // SAMPLE), list(places)]

    def batches(self, places: Sequence[int]) -> Iterator[pd.DataFrame]:
        """Yield all rows of some columns."""
        import pandas as pd

        names = pd.Index([self.columns[place] for place in places])
        for start in range(0, self.rows, ROWS):
            yield self.frame.iloc[start : start + ROWS, list(places)].set_axis(names, axis=1)


def parquet_table(path: str | Path) -> ParquetTable | None:
    """Return the table of the Parquet files that a path or a glob names; None if it names others.

    Raises
    ------
    NotFoundError, InputError, UnavailableError
        If there is nothing of that name, or it can't be read.
    """
    parts = parquet_parts(path)
    return None if parts is None else ParquetTable(*parts)


def may_be_large(path: str | Path) -> bool:
    """Tell whether Parquet files are of a size from which it is worth reading their footers."""
    parts = parquet_parts(path)
    return parts is not None and sum(file.stat().st_size for file in parts[0]) >= SMALL


def too_large(tables: Sequence[ParquetTable]) -> bool:
    """Tell whether frames of these tables would not fit in memory, with what judging them takes."""
    import psutil

    return sum(table.bytes for table in tables) * WORKING > FREE * psutil.virtual_memory().available


def _opened(file: Path) -> Any:
    """Open a file so that of a row group, however large, only what is being read is in memory."""
    import pyarrow.parquet as pq

    return pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20)


def _part(file: Path, root: Path) -> _Part:
    with _told(file):
        refuse_others(file, PARQUET)
        with _opened(file) as opened:
            metadata, schema = opened.metadata, opened.schema_arrow
            groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
            sizes: dict[str, int] = {}
            nulls: set[str] = set()
            for group in groups:
                for at in range(group.num_columns):
                    chunk = group.column(at)
                    name = chunk.path_in_schema if chunk.path_in_schema in schema.names else ""
                    name = name or chunk.path_in_schema.split(".")[0]
                    sizes[name] = sizes.get(name, 0) + chunk.total_uncompressed_size
                    told = chunk.statistics
                    if told is None or not told.has_null_count or told.null_count:
                        nulls.add(name)
    for name in schema.names:
        if schema.names.count(name) > 1:
            raise InputError(f"{file} has several columns called {name!r:.80}")
    return _Part(
        file, keys(file, root), schema, tuple(g.num_rows for g in groups), sizes, frozenset(nulls)
    )


def _names(part: _Part) -> list[str]:
    """Return the names of the columns that a frame has: those of its index are none."""
    held = (part.schema.pandas_metadata or {}).get("index_columns", [])
    index = {name for name in held if isinstance(name, str)}
    return [name for name in part.schema.names if name not in index]


def _unified(parts: Sequence[_Part]) -> Any:
    """Return the schema of all parts, whole numbers and fractions together as fractions."""
    import pyarrow as pa

    first = parts[0]
    for part in parts[1:]:
        other = {*_names(first), *first.keys}.symmetric_difference({*_names(part), *part.keys})
        if other:
            names = ", ".join(sorted(repr(name) for name in other)[:5])
            raise InputError(f"{part.file} and {first.file} don't have the same columns: {names}")
    whole = first.schema
    for part in parts[1:]:
        for name in _names(part):
            if name in part.keys or name in first.keys:
                continue
            one, other_type = whole.field(name).type, part.schema.field(name).type
            try:
                both = pa.unify_schemas(
                    [pa.schema([("x", one)]), pa.schema([("x", other_type)])],
                    promote_options="permissive",
                )
            except (pa.ArrowTypeError, pa.ArrowInvalid):
                raise InputError(
                    f"{part.file} and {first.file} don't have the same types: {name!r:.80} is "
                    f"{other_type} and {one}",
                    hint="such data can't be read as a stream",
                ) from None
            at = whole.get_field_index(name)
            whole = whole.set(at, pa.field(name, both.field("x").type))
    return whole


def _repeated(value: int | str, rows: int) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    if isinstance(value, int):
        return pd.Series(np.full(rows, value))
    return pd.Series(pd.Categorical.from_codes(np.zeros(rows, np.int8), pd.Index([value])))


def _retyped(series: pd.Series[Any], dtype: Any) -> pd.Series[Any]:
    """Return texts that were read as categories as what a frame would have them as."""
    import pandas as pd

    if isinstance(dtype, pd.CategoricalDtype):
        return series.astype("category")
    return series.astype(dtype) if isinstance(dtype, pd.StringDtype) else series


def _cast(array: Any, kind: Any) -> Any:
    return array if array.type == kind else array.cast(kind, safe=False)


def _as(series: pd.Series[Any], kind: Any) -> pd.Series[Any]:
    return series if kind is None or str(series.dtype) == kind else series.astype(kind)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Tell what is wrong with a file in one line."""
    import pyarrow as pa

    try:
        yield
    except PermissionError:
        raise UnavailableError(f"{file} may not be read", hint="check its permissions") from None
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is damaged, or not Parquet: {reason}") from None
