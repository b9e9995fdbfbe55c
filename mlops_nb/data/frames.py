"""Reading frames from files: one function, and one line that says what is wrong with a file."""

from __future__ import annotations

import glob
import re
import sys
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.nearest import suggest
from mlops_nb.core.words import shortened

if TYPE_CHECKING:
    import pandas as pd


def is_frame(value: Any) -> bool:
    """Tell whether a value is a pandas DataFrame, without importing pandas.

    Examples
    --------
    >>> is_frame("credit.parquet")
    False
    """
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, pandas.DataFrame)


def read_frame(path: str | Path) -> pd.DataFrame:
    r"""Read a table from a file, from all Parquet files of a folder, or from what a glob matches.

    Parameters
    ----------
    path : str or Path
        Ends in ``.parquet``, ``.pq``, ``.csv``, ``.tsv`` (each also with ``.gz``), ``.json``,
        ``.jsonl``, ``.ndjson`` (one object a line, or one array of objects), ``.feather`` or
        ``.arrow``. A folder is searched with its subfolders, whose ``key=value`` names become
        columns; the parts must have the same columns, and are put one after the other by name.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    NotFoundError
        If there is no such file; the hint is the nearest name beside it.
    InputError
        If the file is empty, damaged, of an unknown kind, or not what its name says.
    UnavailableError
        If it may not be read.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "ages.csv"
    >>> _ = file.write_text("age\n31\n")
    >>> read_frame(file)["age"].tolist()
    [31]
    """
    place = Path(path).expanduser()
    try:
        is_folder, is_there = place.is_dir(), place.exists()
        found = [] if is_there else matches(place)
    except (OSError, ValueError) as error:  # a name that is too long, or has a null byte in it
        why = error.strerror if isinstance(error, OSError) else error
        shown = repr(shortened(str(path), 80))
        raise InputError(f"{shown} is not a path that can be read: {why}") from None
    try:
        if is_folder:
            return _read_parts(parquet_files(place), place)
        if is_there:
            return _read_file(place)
        if found:
            return _read_parts(found, place.parent)
    except PermissionError:
        raise UnavailableError(f"{place} may not be read", hint="check its permissions") from None
    raise missing(place)


def matches(place: Path) -> list[Path]:
    """Return the files that a glob matches, in order."""
    # Not Path.glob, which takes no absolute patterns.
    found = (Path(name) for name in glob.glob(str(place), recursive=True))  # noqa: PTH207
    return sorted(file for file in found if file.is_file())


def missing(place: Path) -> NotFoundError:
    """Return the error for a path where there is nothing; its hint is the nearest name there."""
    if glob.has_magic(str(place)):
        return NotFoundError(f"no file matches {place}")
    if not place.parent.is_dir():
        return NotFoundError(f"no folder {place.parent}, so no file {place.name!r} in it")
    beside = sorted(other.name for other in place.parent.iterdir())
    return NotFoundError(
        f"no file {place.name!r} in {place.parent}", hint=suggest(place.name, beside)
    )


def parquet_files(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder and of its subfolders, in order.

    Raises
    ------
    InputError
        If there is none.
    """
    found = sorted(file for file in folder.rglob("*") if file.suffix in (".parquet", ".pq"))
    # Names that begin so are other tools' notes and unfinished parts.
    files = [f for f in found if f.is_file() and not f.name.startswith(("_", "."))]
    if not files:
        raise InputError(f"the folder {folder} has no Parquet files in it")
    return files


def _read_parts(files: list[Path], root: Path) -> pd.DataFrame:
    import pandas as pd

    parts = [_read_file(file).assign(**keys(file, root)) for file in files]
    for file, part in zip(files, parts, strict=True):
        other = set(parts[0].columns).symmetric_difference(part.columns)
        if other:
            names = ", ".join(sorted(repr(name) for name in other)[:5])
            raise InputError(f"{file} and {files[0]} don't have the same columns: {names}")
    with warnings.catch_warnings():
        # pandas will one day take the types of parts without a value into account.
        warnings.simplefilter("ignore", FutureWarning)
        return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def keys(file: Path, root: Path) -> dict[str, int | str]:
    """Return the columns that folder names give: ``year=2026`` is a column `year`."""
    if root not in file.parents:
        return {}
    named = [part.partition("=") for part in file.relative_to(root).parts[:-1] if "=" in part]
    return {key: int(value) if value.isdecimal() else value for key, _, value in named}


def _read_file(file: Path) -> pd.DataFrame:
    import pyarrow as pa

    kind = _kind(file)
    refuse_others(file, kind)
    try:
        return kind.read(file)
    except PermissionError:
        raise
    except UnicodeDecodeError:
        raise InputError(f"{file} is not UTF-8 text", hint="save it as UTF-8") from None
    except (ValueError, OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{file} is damaged, or not {kind.name}: {reason}") from None


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of file: what it is called, how it begins (text: with nothing known), its reader."""

    name: str
    begins: bytes
    read: Callable[[Path], pd.DataFrame]


def _read_parquet(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(file)


def _read_feather(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_feather(file)


def _read_csv(file: Path, separator: str = ",") -> pd.DataFrame:
    import pandas as pd

    with warnings.catch_warnings():
        # Rows longer than the header would be cut with a warning, or shifted without one.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(
                file, sep=separator, index_col=False, encoding="utf-8-sig", low_memory=False
            )
        except pd.errors.ParserWarning:
            raise ValueError("its rows have more values than its header has names") from None
    other = {",": ";", "\t": ","}[separator]
    if len(frame.columns) == 1 and other in str(frame.columns[0]):
        raise ValueError(f"its values seem to be separated by {other!r}")
    return _with_repeated_names(frame, file, separator)


def _with_repeated_names(frame: pd.DataFrame, file: Path, separator: str) -> pd.DataFrame:
    """Give columns their names back that pandas told apart: two called ``a`` as ``a``, ``a.1``."""
    import pandas as pd

    if not any(re.search(r"\.\d+$", str(name)) for name in frame.columns):
        return frame
    first = pd.read_csv(
        file, sep=separator, index_col=False, encoding="utf-8-sig", header=None, nrows=1,
        dtype=str, keep_default_na=False,
    )  # fmt: skip
    names = [str(name) for name in first.iloc[0]]
    if len(names) != len(frame.columns):
        return frame
    return frame.set_axis(
        [name or made for name, made in zip(names, frame.columns, strict=True)], axis=1
    )


def _read_tsv(file: Path) -> pd.DataFrame:
    return _read_csv(file, "\t")


def _read_json(file: Path) -> pd.DataFrame:
    import pandas as pd

    with file.open(encoding="utf-8") as text:
        begins = "".join(text.read(1000).split())
    if not begins.startswith(("{", "[{", "[]")):
        raise ValueError("it should hold one object a line, or one array of objects")
    # Dates stay text: pandas would guess them from the names of columns.
    return pd.read_json(file, lines=begins.startswith("{"), convert_dates=False)


_CSV = _Kind("CSV", b"", _read_csv)
_TSV = _Kind("TSV", b"", _read_tsv)
_JSON = _Kind("JSON lines", b"", _read_json)
PARQUET = _Kind("Parquet", b"PAR1", _read_parquet)
_FEATHER = _Kind("Feather", b"ARROW1", _read_feather)
_GZIP = b"\x1f\x8b"

KINDS = {
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".csv": _CSV,
    ".csv.gz": replace(_CSV, begins=_GZIP),
    ".tsv": _TSV,
    ".tsv.gz": replace(_TSV, begins=_GZIP),
    ".json": _JSON,
    ".jsonl": _JSON,
    ".ndjson": _JSON,
    ".feather": _FEATHER,
    ".arrow": _FEATHER,
}

_BEGINNINGS = {
    b"PAR1": "Parquet",
    b"ARROW1": "Feather",
    _GZIP: "gzip",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "PDF",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
}


def _kind(file: Path) -> _Kind:
    name = file.name.lower()
    for ending in sorted(KINDS, key=len, reverse=True):
        if name.endswith(ending):
            return KINDS[ending]
    ending = "".join(file.suffixes[-1:])
    hint = suggest(ending, KINDS) if ending else f"known endings are {', '.join(KINDS)}"
    raise InputError(f"{file} has an ending that can't be read: {ending!r}", hint=hint)


def refuse_others(file: Path, kind: _Kind) -> None:
    """Refuse a file that is empty, or that begins as another kind of file does."""
    with file.open("rb") as opened:
        head = opened.read(512)
    if not head:
        raise InputError(f"{file} is empty")
    found = next((name for start, name in _BEGINNINGS.items() if head.startswith(start)), "")
    if head.startswith(kind.begins) and (kind.begins or not found):
        if kind.begins or b"\0" not in head:
            return
        found = "binary"
    raise InputError(
        f"{file} is not {kind.name}, as its name says: it is {found or 'something else'}"
    )
