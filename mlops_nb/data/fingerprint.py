"""Fingerprints: whether two frames hold the same data, told by one short text.

Each column is brought to bytes that depend on its content alone (not on the process, the memory
layout, or what lies under missing values) and hashed: small buffers with SHA-256, large ones with
BLAKE3, which is as hard to collide and several times as fast (O'Connor et al. 2020,
https://github.com/BLAKE3-team/BLAKE3-specs). The columns' names and types and the row count are
hashed with them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

# It begins each hash: another way of hashing gets another name, and is not taken for other data.
# The first was called "sha256".
SCHEME = "frame-2"
DEEPEST = 20  # levels of nesting that are looked into
TOGETHER = 4  # columns that are read at once, and may be copied
SMALL = 200_000  # cells up to which starting threads costs more than it saves
SHORT = 4096  # bytes up to which a buffer goes into SHA-256 as it is


def fingerprint(frame: pd.DataFrame, columns: list[bytes] | None = None) -> dict[str, Any]:
    """Return what a frame is, short enough to keep with a run.

    Parameters
    ----------
    frame : pandas.DataFrame
        With values of any kind; what can't be hashed as bytes is hashed by its text.
    columns : list of bytes, optional
        Its `column_digests`, where they are known.

    Returns
    -------
    dict
        ``{"rows", "columns", "schema": {name: type}, "hash": "frame-2:…"}``. The hash is the same
        in every process. It differs if a value, a name, a type, or the order of rows or columns
        does; NaN, None and pandas' NA are different, all NaN are the same. The index counts
        unless it is the default one. Of columns with the same name, the schema tells the second
        as ``name#2``.

    Examples
    --------
    >>> import pandas as pd
    >>> a = fingerprint(pd.DataFrame({"x": [1, 2]}))
    >>> a["rows"], a["schema"], a["hash"][:13]
    (2, {'x': 'int64'}, 'frame-2:36049')
    >>> a == fingerprint(pd.DataFrame({"x": [2, 1]}))
    False
    """
    whole = hashlib.sha256(SCHEME.encode())
    whole.update(f"{len(frame)} rows".encode())
    for digest in column_digests(frame) if columns is None else columns:
        whole.update(digest)
    for digest in _index_digests(frame.index):
        whole.update(digest)
    return {
        "rows": len(frame),
        "columns": frame.shape[1],
        "schema": schema(frame),
        "hash": f"{SCHEME}:{whole.hexdigest()}",
    }


def column_digests(frame: pd.DataFrame) -> list[bytes]:
    """Return what tells each column's name, type and values from others', in order.

    Examples
    --------
    >>> import pandas as pd
    >>> one = column_digests(pd.DataFrame({"x": [1, 2], "y": [3, 4]}))
    >>> other = column_digests(pd.DataFrame({"x": [1, 2], "y": [3, 5]}))
    >>> one[0] == other[0], one[1] == other[1]
    (True, False)
    """
    columns = zip(frame.columns, frame.dtypes, _digests(frame), strict=True)
    return [_named(label, dtype, digest) for label, dtype, digest in columns]


def index_digests(index: pd.Index[Any]) -> list[bytes]:
    """Return what tells each level of an index from others; none of the default one."""
    return list(_index_digests(index))


def schema(frame: pd.DataFrame) -> dict[str, str]:
    """Return the columns' types by their names; a second of one name is ``name#2``."""
    return dict(_schema(frame))


def _schema(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for label, dtype in zip(frame.columns, frame.dtypes, strict=True):
        name = str(label)
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}#{seen[name]}", str(dtype)


def _digests(frame: pd.DataFrame) -> list[bytes]:
    from concurrent.futures import ThreadPoolExecutor

    columns = [frame.iloc[:, position] for position in range(frame.shape[1])]
    groups = _groups(columns)
    if frame.size <= SMALL:
        found = [_group_digests(frame, group) for group in groups]
    else:
        # Hashing large buffers leaves the interpreter to others.
        with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
            found = list(pool.map(lambda group: _group_digests(frame, group), groups))
    digests = {at: digest for pairs in found for at, digest in pairs}
    return [digests[position] for position in range(len(columns))]


def _groups(columns: list[pd.Series[Any]]) -> list[list[int]]:
    """Return the positions of the columns to hash one after the other, the slow ones first.

    Where columns lie in memory row by row, several are a group: one copy of them is faster than
    one of each. The slow ones come first, so that no thread is left with one at the end.
    """
    slow, plain, striped = [], [], []
    for position, column in enumerate(columns):
        if not _is_plain(column.dtype):
            slow.append([position])
        elif column.to_numpy().flags.c_contiguous:
            plain.append([position])
        else:
            striped.append(position)
    starts = range(0, len(striped), TOGETHER)
    return [*slow, *(striped[start : start + TOGETHER] for start in starts), *plain]


def _group_digests(frame: pd.DataFrame, group: list[int]) -> list[tuple[int, bytes]]:
    # One column is looked at where it lies; a list of them is a copy of them.
    if len(group) == 1:
        return [(group[0], _digest(frame.iloc[:, group[0]]))]
    copied = frame.iloc[:, group]
    return [(at, _digest(copied.iloc[:, place])) for place, at in enumerate(group)]


def _index_digests(index: pd.Index[Any]) -> Iterator[bytes]:
    import pandas as pd

    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return
    for level in range(index.nlevels):
        values = index.get_level_values(level)
        yield _named(values.name, values.dtype, _digest(values.to_series()))


def _named(label: Any, dtype: Any, digest: bytes) -> bytes:
    name = f"{_text(label)}: {dtype}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(name).digest() + digest


def _digest(column: pd.Series[Any]) -> bytes:
    from blake3 import blake3

    sha = hashlib.sha256()
    for part in _parts(column):
        # Its length comes before each part, so that no two lists of parts make the same bytes.
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part if len(part) <= SHORT else blake3(part).digest())
    return sha.digest()


def _parts(column: pd.Series[Any]) -> Iterator[Any]:
    """Yield a column's content as buffers of bytes: the same ones for the same content."""
    import pandas as pd

    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        yield _raw(column.cat.codes.to_numpy())
        yield b"ordered" if dtype.ordered else b"unordered"
        yield _digest(dtype.categories.to_series())
    elif isinstance(dtype, pd.DatetimeTZDtype):
        # As instants; the time zone is in the type's name, which is hashed beside the digest.
        yield _raw(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    elif _is_plain(dtype):
        yield _raw(_one_nan(column.to_numpy()))
    elif hasattr(dtype, "numpy_dtype") and dtype.numpy_dtype.kind in "biuf":
        yield _raw(column.isna().to_numpy())
        # What lies under missing values is whatever was there before.
        yield _raw(_one_nan(column.to_numpy(dtype=dtype.numpy_dtype, na_value=0)))
    else:
        yield from _object_parts(column.to_numpy(dtype=object))


def _is_plain(dtype: Any) -> bool:
    import numpy as np

    if not isinstance(dtype, np.dtype):
        return False
    # Extended floats have bytes of padding, which hold anything.
    return dtype.kind in "biumM" or (dtype.kind == "f" and dtype.itemsize <= 8)


def _one_nan(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return floats with one bit pattern for all NaN: processors and files make different ones."""
    import numpy as np

    # The largest of numbers is NaN as soon as one of them is.
    if values.dtype.kind != "f" or not len(values) or not np.isnan(values.max()):
        return values
    return np.where(np.isnan(values), values.dtype.type(np.nan), values)


def _raw(values: np.ndarray[Any, Any]) -> memoryview:
    import numpy as np

    return np.ascontiguousarray(values).view(np.uint8).data


def _object_parts(values: np.ndarray[Any, Any]) -> Iterator[Any]:
    """Yield objects as text: at once where they are strings and missing values, else one by one."""
    import numpy as np
    import pandas as pd

    missing = np.zeros(len(values), dtype=bool)
    joined = _joined(values)
    if joined is None:
        # pandas can't ask a decimal's signalling NaN whether it is missing.
        with suppress(ArithmeticError):
            missing = pd.isna(values)
        joined = _joined(values[~missing])
    if joined is None:
        yield from _text_parts([_text(value) for value in values])
    else:
        yield _raw(missing)
        yield joined
        yield from _text_parts([_text(value) for value in values[missing]])


def _joined(values: np.ndarray[Any, Any]) -> bytes | None:
    """Return strings in one piece, or None where there is another value or a separator in one."""
    import numpy as np

    try:
        joined = _SEPARATOR.join(values.tolist()).encode("utf-8", "surrogatepass")
    except TypeError:
        return None
    # Counted by numpy, since Python's count stops at each; UTF-8 has the sign's byte for no other.
    found = np.count_nonzero(np.frombuffer(joined, np.uint8) == ord(_SEPARATOR))
    return joined if found == max(len(values) - 1, 0) else None


def _text_parts(texts: list[str]) -> Iterator[Any]:
    import numpy as np

    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    yield _raw(np.fromiter(map(len, encoded), np.int64, len(encoded)))
    yield b"".join(encoded)


def _text(value: Any, depth: int = 0) -> str:
    """Return a value's type and content as text, the same one in every process."""
    kind = type(value).__name__
    try:
        return f"{kind} {_content(value, depth + 1)}" if depth < DEEPEST else kind
    except Exception:  # noqa: BLE001 - a value's own code runs here, and may raise anything
        return kind


def _content(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        return str([(_text(key, depth), _text(item, depth)) for key, item in value.items()])
    if isinstance(value, set | frozenset):
        return str(sorted(_text(item, depth) for item in value))
    if isinstance(value, list | tuple):
        return str([_text(item, depth) for item in value])
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return f"{value.dtype} {_text(value.tolist(), depth)}"
    return _ADDRESS.sub("", repr(value))


_SEPARATOR = "\x1f"
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
