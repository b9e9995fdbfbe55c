"""Fingerprints: whether two frames hold the same data, told by one short text.

Each column is brought to bytes that depend on its content alone (not on the process, the memory
layout, or what lies under missing values) and hashed with SHA-256, which most processors have
instructions for; the columns' digests, names and types are hashed together with the row count.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SCHEME = b"mlops-frame-1"  # goes into each hash: another way of hashing gets another name
DEEPEST = 20  # levels of nesting that are looked into
TOGETHER = 4  # columns that are read at once, and may be copied
SMALL = 200_000  # cells up to which starting threads costs more than it saves


def fingerprint(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what a frame is, short enough to keep with a run.

    Parameters
    ----------
    frame : pandas.DataFrame
        With values of any kind; what can't be hashed as bytes is hashed by its text.

    Returns
    -------
    dict
        ``{"rows", "columns", "schema": {name: type}, "hash": "sha256:…"}``. The hash is the same
        in every process. It differs if a value, a name, a type, or the order of rows or columns
        does; NaN, None and pandas' NA are different, all NaN are the same. The index counts
        unless it is the default one. Of columns with the same name, the schema tells the second
        as ``name#2``.

    Examples
    --------
    >>> import pandas as pd
    >>> a = fingerprint(pd.DataFrame({"x": [1, 2]}))
    >>> a["rows"], a["schema"], a["hash"][:13]
    (2, {'x': 'int64'}, 'sha256:8eba5d')
    >>> a == fingerprint(pd.DataFrame({"x": [2, 1]}))
    False
    """
    whole = hashlib.sha256(SCHEME)
    whole.update(f"{len(frame)} rows".encode())
    for label, dtype, digest in zip(frame.columns, frame.dtypes, _digests(frame), strict=True):
        whole.update(_named(label, dtype, digest))
    for digest in _index_digests(frame.index):
        whole.update(digest)
    return {
        "rows": len(frame),
        "columns": frame.shape[1],
        "schema": dict(_schema(frame)),
        "hash": f"sha256:{whole.hexdigest()}",
    }


def _schema(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    seen: dict[str, int] = {}
    for label, dtype in zip(frame.columns, frame.dtypes, strict=True):
        name = str(label)
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}#{seen[name]}", str(dtype)


def _digests(frame: pd.DataFrame) -> list[bytes]:
    from concurrent.futures import ThreadPoolExecutor

    starts = range(0, frame.shape[1], TOGETHER)
    groups = [frame.iloc[:, start : start + TOGETHER] for start in starts]
    if frame.size <= SMALL:
        return [digest for group in groups for digest in _group_digests(group)]
    # Hashing large buffers leaves the interpreter to others.
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        return [digest for digests in pool.map(_group_digests, groups) for digest in digests]


def _group_digests(group: pd.DataFrame) -> list[bytes]:
    import numpy as np

    dtypes = set(group.dtypes)
    if len(dtypes) == 1 and isinstance(group.dtypes.iloc[0], np.dtype):
        # Where columns lie in memory row by row, one copy of several is faster than one of each.
        group = group if group.iloc[:, 0].to_numpy().flags.c_contiguous else group.copy()
    return [_digest(group.iloc[:, position]) for position in range(group.shape[1])]


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
    sha = hashlib.sha256()
    for part in _parts(column):
        # Its length comes before each part, so that no two lists of parts make the same bytes.
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.digest()


def _parts(column: pd.Series[Any]) -> Iterator[Any]:
    """Yield a column's content as buffers of bytes: the same ones for the same content."""
    import numpy as np
    import pandas as pd

    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        yield _raw(column.cat.codes.to_numpy())
        yield b"ordered" if dtype.ordered else b"unordered"
        yield _digest(dtype.categories.to_series())
    elif isinstance(dtype, pd.DatetimeTZDtype):
        # As instants; the time zone is in the type's name, which is hashed beside the digest.
        yield _raw(column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy())
    elif isinstance(dtype, np.dtype) and _is_plain(dtype):
        yield _raw(_one_nan(column.to_numpy()))
    elif hasattr(dtype, "numpy_dtype") and dtype.numpy_dtype.kind in "biuf":
        yield _raw(column.isna().to_numpy())
        # What lies under missing values is whatever was there before.
        yield _raw(_one_nan(column.to_numpy(dtype=dtype.numpy_dtype, na_value=0)))
    else:
        yield from _object_parts(column.to_numpy(dtype=object))


def _is_plain(dtype: np.dtype[Any]) -> bool:
    # Extended floats have bytes of padding, which hold anything.
    return dtype.kind in "biumM" or (dtype.kind == "f" and dtype.itemsize <= 8)


def _one_nan(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return floats with one bit pattern for all NaN: processors and files make different ones."""
    import numpy as np

    if values.dtype.kind != "f":
        return values
    nan = np.isnan(values)
    return np.where(nan, values.dtype.type(np.nan), values) if nan.any() else values


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
    try:
        text = _SEPARATOR.join(values.tolist())
    except TypeError:
        return None
    whole = text.count(_SEPARATOR) == max(len(values) - 1, 0)
    return text.encode("utf-8", "surrogatepass") if whole else None


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
