"""The files that a cell reads, found by their names in its source, and what they held.

No import hook and no patched `open`: a text in the source that names a file which was there before
the cell began, and which the cell did not write, is taken for an input of it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.errors import MlopsError
from mlops_nb.stores.blobs import hash_file

HASHED_WHOLE = 256_000_000
TAG = f"{DATA_TAG}file."
_LITERAL = re.compile(r"""(?<!\w)[rR]?(["'])([^"'\n{}]{1,200})\1""")
_CODE = {".py", ".ipynb"}
# What MLflow takes as a part of a tag's name.
_NAME = re.compile(r"[\w.\- /]{1,220}")
_LONGEST_KEY = 200


def files_named(source: str, folder: Path, before: datetime) -> dict[str, Path]:
    """Return the files that a source names and that were last written before a moment.

    The keys are the names as they are written there; code is no data.

    Examples
    --------
    >>> import tempfile
    >>> from datetime import UTC
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("x")
    >>> list(files_named('pd.read_csv("a.csv")', folder, datetime.now(UTC)))
    ['a.csv']
    """
    found: dict[str, Path] = {}
    for _, name in _LITERAL.findall(source):
        # A name with neither is a column's, a key's or a word.
        if name in found or not _NAME.fullmatch(name) or not ("." in name or "/" in name):
            continue
        path = folder / name
        try:
            if path.suffix in _CODE or not path.is_file():
                continue
            if path.stat().st_mtime <= before.timestamp():
                found[name] = path
        except (OSError, ValueError):
            continue
    return found


def tags_of(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Return tags that say what files held: relative to `root`, or, outside, ``:/whole/path``.

    A file that can't be read has none.
    """
    tags: dict[str, str] = {}
    for path in files:
        real = path.resolve()
        name = real.relative_to(root).as_posix() if real.is_relative_to(root) else f":{real}"
        if not _NAME.fullmatch(name.removeprefix(":")):
            continue
        # It was there a moment ago; who reads it says better than we could what is wrong.
        with suppress(OSError, MlopsError):
            tags[f"{TAG}{name}"] = content(real)
    return tags


def content(path: Path) -> str:
    """Return what tells a file's content: its SHA-256, or only the size of a very large one.

    Raises
    ------
    NotFoundError, UnavailableError, OSError
        If it can't be read.
    """
    size = path.stat().st_size
    return hash_file(path) if size <= HASHED_WHOLE else f"bytes:{size}"


def data_key(name: str, content: str, tags: Mapping[str, str]) -> str:
    """Return what a run calls a frame: a name that MLflow takes and no other frame of it has.

    Examples
    --------
    >>> data_key("train?", "frame-2:1", {"mlops.data.train_": "frame-2:0"})
    'train_-2'
    """
    base = re.sub(r"[^\w.\- ]", "_", name, flags=re.ASCII)[:_LONGEST_KEY].strip(" .") or "data"
    base = base.replace("file.", "file_", 1) if base.startswith("file.") else base
    keys = (base if count == 1 else f"{base}-{count}" for count in itertools.count(1))
    return next(key for key in keys if tags.get(f"{DATA_TAG}{key}", content) == content)
