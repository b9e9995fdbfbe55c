"""A reference's profile: all that a drift score needs of it, sorted and counted once, in one file.

It holds every number, sorted, and every level with its count, so that scores are those of the data
themselves. What is lost is the order of rows: methods that re-divide rows at random draw other
divisions, and means of 32-bit numbers are rounded elsewhere in the seventh digit.

The file is a numpy archive, not compressed, that holds no pickled objects: ``header`` is JSON
with the version of the format, each numeric column is one sorted array; of larger ones, ``counts``
and ``depths`` hold what `stats.grids` compares current data with instead of sorting them. Files of
version 1 have no cells. What is not in the file is worked out anew when somebody asks for it.
"""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard
from uuid import uuid4

from mlops_nb.checks.drift_columns import (
    FEW_INTEGERS,
    column_type,
    is_of_values,
    plain,
    present_in,
)
from mlops_nb.checks.drift_samples import (
    Column,
    Levels,
    Numbers,
    StoredColumn,
    UnjudgeableError,
    read_levels,
    read_numbers,
)
from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_nb.stats.grids import Celled

SUFFIX = ".profile"
FORMAT, VERSION = "mlops_nb drift profile", 2
LENGTHS = range(26, 30)  # where an entry of a zip archive says how long its name and notes are
ALIGNED = 64  # bytes from which arrays begin, as numpy has them
UNKEPT = "has values in it that a profile can't hold"


@dataclass(frozen=True, slots=True)
class Profile:
    """A reference as it was read for drift.

    Parameters
    ----------
    rows : int
    columns : mapping of str to StoredColumn
    source : str
        The fingerprint of the data that it is of; empty where it was not taken.
    """

    rows: int
    columns: Mapping[str, StoredColumn]
    source: str = ""

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.rows


def names(value: object) -> TypeGuard[str | Path]:
    """Tell whether a value names a profile's file."""
    return isinstance(value, str | Path) and Path(value).suffix == SUFFIX


def profile(data: pd.DataFrame, source: str = "") -> Profile:
    """Sort and count every column of a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> profile(pd.DataFrame({"age": [31, 25, 25]})).columns["age"].numbers.values
    array([25, 25, 31])
    """
    columns: dict[str, StoredColumn] = {}
    for place, label in enumerate(data.columns):
        name = str(label)
        known = _stored(data.iloc[:, place])
        if name in columns:
            problem = "has several columns of this name"
            known = StoredColumn(known.rows, known.present, problem=problem)
        columns[name] = known
    return Profile(len(data), columns, source)


def _stored(series: pd.Series[Any]) -> StoredColumn:
    rows, present = len(series), present_in(series)
    try:
        column = Column(plain(series), rows, "reference")
        if column.series.dtype.kind in "biuf":
            numbers, levels = _numbers(column)
            return StoredColumn(rows, present, numbers, levels)
        levels = replace(read_levels(column), column=None)
        is_text = column_type(series) == "text"
    except UnjudgeableError as error:
        return StoredColumn(rows, present, problem=str(error).removeprefix("reference "))
    except Exception as error:  # values that can't be counted, or converted
        if not is_of_values(error, series):
            raise
        return StoredColumn(rows, present, problem=UNKEPT)
    if not all(type(level) in (str, int, float, bool) for level in levels.counts):
        return StoredColumn(rows, present, problem=UNKEPT)
    texts = tuple(column.series.dropna().tolist()) if is_text else None
    return StoredColumn(rows, present, levels=levels, texts=texts)


def _numbers(column: Column) -> tuple[Numbers, Levels | None]:
    """Sort numbers; where they are few, count them in the order of rows, as a sentence may show."""
    from mlops_nb.stats.binning import has_more_values

    read = read_numbers(column)
    numbers = Numbers.stored(
        read.rows, read.infinite, read.values, deviation=read.deviation, mean=read.mean
    )
    _ = _cells(numbers)  # worked out once, however many comparisons there will be
    few = not has_more_values(numbers.values, FEW_INTEGERS)
    return numbers, replace(read_levels(column), column=None) if few else None


def _cells(numbers: Numbers) -> Celled | None:
    """Return the cells of a long sample; beside short ones most current data are sorted."""
    from mlops_nb.stats.grids import MOST_SORTED_BY_CELL

    return numbers.celled if numbers.n > MOST_SORTED_BY_CELL else None


def save(made: Profile, path: Path) -> None:
    """Write a profile; the file appears whole.

    Raises
    ------
    InputError
        If the name does not end in ``.profile``, which is how it is known later.
    UnavailableError
        If it can't be written.
    """
    import numpy as np

    if path.suffix != SUFFIX:
        raise InputError(f"{path.name!r} is no name for a profile", hint=f"{path.stem}{SUFFIX} is")
    numbers = {
        str(at): known.numbers
        for at, known in enumerate(made.columns.values())
        if known.numbers is not None
    }
    arrays: dict[str, Any] = {at: sample.values for at, sample in numbers.items()}
    cells = [known for known in map(_cells, numbers.values()) if known is not None]
    if cells:  # of all columns together, since each array takes time to open
        arrays["counts"] = np.concatenate([column.counts for column in cells])
        arrays["depths"] = np.concatenate([column.depths for column in cells])
    header = {
        "format": FORMAT,
        "version": VERSION,
        "rows": made.rows,
        "source": made.source,
        "columns": [_described(name, known) for name, known in made.columns.items()],
    }
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    beside = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with beside.open("wb") as file:
            np.savez(file, header=text, **arrays)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UnavailableError(f"{path} can't be written: {error.strerror}") from None


def load(path: Path) -> Profile:
    """Read a profile.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it is no profile, is damaged, or of a newer format than this version knows.
    """
    try:
        with path.open("rb") as file:
            archive = _Arrays(file)
            header = json.loads(archive["header"].tobytes())
            if header["format"] != FORMAT:
                raise InputError(f"{path} is not a drift profile")
            if header["version"] > VERSION:
                raise InputError(
                    f"{path} is of format {header['version']}, and this version knows {VERSION}",
                    hint="update mlops-nb, or make the profile anew with --save-profile",
                )
            columns = _read_all(header["columns"], archive)
    except FileNotFoundError:
        raise NotFoundError(f"no profile {path}", hint="drift … --save-profile makes one") from None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, struct.error):
        raise InputError(
            f"{path} is not a drift profile, or it is damaged",
            hint="make it anew with --save-profile",
        ) from None
    return Profile(header["rows"], columns, header["source"])


class _Arrays:
    """The arrays of a numpy archive that is not compressed, all read into one piece of memory.

    numpy would read them through the archive's decompression, in small pieces; and fresh memory
    costs as much as what is read into it, but less so in one piece.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        import numpy as np

        self.file = file
        with zipfile.ZipFile(file) as archive:
            self.members = {info.filename: info for info in archive.infolist()}
            length = file.seek(0, io.SEEK_END)
        sizes = [_aligned(member.file_size) for member in self.members.values()]
        if sum(sizes) > length + ALIGNED * len(sizes):
            raise zipfile.BadZipFile("an array is longer than the file")
        *starts, total = accumulate(sizes, initial=0)
        self.starts = dict(zip(self.members, starts, strict=True))
        self.memory = np.empty(total, np.uint8)
        self.layouts: dict[bytes, tuple[int, np.dtype[Any]]] = {}  # by what arrays begin with

    def __getitem__(self, name: str) -> np.ndarray[Any, np.dtype[Any]]:
        import numpy as np

        member = self.members[f"{name}.npy"]
        if member.compress_type != zipfile.ZIP_STORED:
            raise zipfile.BadZipFile(f"{name} is compressed")
        self.file.seek(member.header_offset + LENGTHS.start)
        between = LENGTHS.stop + sum(struct.unpack("<HH", self.file.read(4)))
        self.file.seek(member.header_offset + between)
        start = self.starts[member.filename]
        data = self.memory.data[start : start + member.file_size]
        self.file.readinto(data)
        if zlib.crc32(data) != member.CRC:
            raise zipfile.BadZipFile(f"{name} is damaged")
        begins = 10 + struct.unpack("<H", data[8:10])[0]
        text = data[:begins].tobytes()
        if text not in self.layouts:
            self.layouts[text] = _layout(name, text)
        return np.frombuffer(data, self.layouts[text][1], self.layouts[text][0], begins)


def _layout(name: str, text: bytes) -> tuple[int, np.dtype[Any]]:
    """Return of what length and type an array is."""
    import numpy as np

    header = io.BytesIO(text)
    if np.lib.format.read_magic(header) != (1, 0):
        raise zipfile.BadZipFile(f"{name} is of another version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(header)
    return math.prod(shape), dtype


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _described(name: str, known: StoredColumn) -> dict[str, Any]:
    counted, sample = known.levels, known.numbers or known.levels
    cells = None if known.numbers is None else _cells(known.numbers)
    grid = None if cells is None else cells.grid
    return {
        "name": name,
        "rows": known.rows,
        "present": known.present,
        "infinite": sample.infinite if sample else 0,
        "deviation": None if known.numbers is None else known.numbers.deviation,
        "mean": None if known.numbers is None else known.numbers.mean,
        "grid": None if grid is None else asdict(grid),
        "levels": None if counted is None else [list(pair) for pair in counted.counts.items()],
        "texts": known.texts,
        "problem": known.problem,
    }


def _read_all(described: list[dict[str, Any]], arrays: _Arrays) -> dict[str, StoredColumn]:
    from mlops_nb.stats.grids import Celled, Grid

    grids = {at: Grid(**known["grid"]) for at, known in enumerate(described) if known.get("grid")}
    counts, depths = (arrays[name] if grids else None for name in ("counts", "depths"))
    columns, start = {}, 0
    for at, known in enumerate(described):
        values = None if known["deviation"] is None else arrays[str(at)]
        told: dict[str, Any] = {key: known[key] for key in ("deviation", "mean") if key in known}
        if at in grids and values is not None and counts is not None and depths is not None:
            end = start + grids[at].cells + 2
            told["celled"] = Celled(grids[at], values, counts[start:end], depths[start:end])
            start = end
        columns[known["name"]] = _read(known, values, told)
    return columns


def _read(known: Mapping[str, Any], values: Any, told: Mapping[str, Any]) -> StoredColumn:
    rows, infinite = known["rows"], known["infinite"]
    numbers = None if values is None else Numbers.stored(rows, infinite, values, **told)
    levels = None
    if known["levels"] is not None:
        counts = dict(known["levels"])
        levels = Levels("reference", rows, sum(counts.values()), infinite, None, counts)
    texts = None if known["texts"] is None else tuple(known["texts"])
    return StoredColumn(rows, known["present"], numbers, levels, texts, known["problem"])
