"""The files that a cell reads, and what they held.

What Python opens for reading is heard of by an audit hook, which costs far less than an open does.
Libraries that open files on their own (Arrow, DuckDB) are not heard there: so a text in the source,
or a value of a name that the cell uses, counts too where it names a file. In each case the file was
there before the run began, and was not written since.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.errors import MlopsError
from mlops_nb.stores.blobs import hash_file
from mlops_nb.tracking.modules import is_library

HASHED_WHOLE = 256_000_000
SAMPLES = 64
SAMPLE_BYTES = 65_536
HEARD_CAP = 2_000  # between two cells
_LONG_SOURCE = 100_000
TAG = f"{DATA_TAG}file."
_LITERAL = re.compile(r"""(?<!\w)[rR]?(["'])([^"'\n{}]{1,200})\1""")
_CODE = {".py", ".pyc", ".ipynb", ".so"}
_NAMES = re.compile(r"[^\W\d]\w*")
_WRITES = os.O_WRONLY | os.O_RDWR
_SYSTEM = ("/dev/", "/etc/", "/lib", "/proc/", "/run/", "/sys/", "/usr/", "/var/lib/")
_SETTINGS = "mlops.toml"
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


def values_named(source: str, namespace: Mapping[str, Any], folder: Path) -> list[Path]:
    """Return the paths that are values of names which a source uses, and may be files.

    Examples
    --------
    >>> values_named("read_table(path)", {"path": Path("a.parquet"), "n": 3}, Path("/data"))
    [PosixPath('/data/a.parquet')]
    """
    if len(source) > _LONG_SOURCE:
        return []
    found = []
    for name in {*_NAMES.findall(source)} & namespace.keys():
        value = namespace[name]
        is_text = type(value) is str and 0 < len(value) <= 200 and ("." in value or "/" in value)
        if is_text or isinstance(value, PurePath):
            found.append(folder / value)
    return found


class Heard:
    """What this process opens for reading; one for a process, since a hook can't be taken off.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.csv")
    >>> _ = path.write_text("x")
    >>> heard = Heard()
    >>> heard.listen()
    >>> _ = path.read_text()
    >>> heard.taken() == [path]
    True
    >>> heard.stop()
    """

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}
        self._listens = False
        self._is_hooked = False

    def listen(self) -> None:
        """Begin to listen."""
        if not self._is_hooked:
            sys.addaudithook(self._hear)
            self._is_hooked = True
        self._paths, self._listens = {}, True

    def stop(self) -> None:
        """Listen no more."""
        self._paths, self._listens = {}, False

    def taken(self) -> list[Path]:
        """Return what was opened since the last call."""
        paths, self._paths = self._paths, {}
        return [Path(path) for path in paths]

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        # It runs in the middle of anything that anyone does: it is short, and never raises.
        if event != "open" or not self._listens or len(self._paths) >= HEARD_CAP:
            return
        path, _, flags = arguments
        if type(path) is not str or flags & _WRITES or path.endswith((".py", ".pyc")):
            return
        try:
            # The working folder may be another one when the cell has ended.
            self._paths[path if path.startswith("/") else os.path.abspath(path)] = None  # noqa: PTH100
        except OSError:
            return


HEARD = Heard()


def is_input(path: Path, root: Path, before: datetime) -> bool:
    """Tell whether a file that was opened is data: not code, a setting, or a library's own.

    Hidden files and folders are none, and outside of `root` those of the system neither.
    """
    try:
        text = str(path.resolve())
        inside = text.startswith(f"{root}{os.sep}")
        parts = Path(text[len(str(root)) :] if inside else text).parts
        if path.suffix in _CODE or any(part.startswith(".") for part in parts):
            return False
        if path.name == _SETTINGS or is_library(text):
            return False
        if not inside and text.startswith((*_SYSTEM, f"{sys.prefix}/", f"{sys.base_prefix}/")):
            return False
        return path.is_file() and path.stat().st_mtime <= before.timestamp()
    except (OSError, ValueError):
        return False


def tags_of(files: Iterable[Path], *roots: Path) -> dict[str, str]:
    """Return tags that say what files held: relative to a root, or, outside, ``:/whole/path``.

    A file that can't be read has none.
    """
    tags: dict[str, str] = {}
    for path in files:
        real = path.resolve()
        root = next((root for root in roots if real.is_relative_to(root)), None)
        name = f":{real}" if root is None else real.relative_to(root).as_posix()
        if not _NAME.fullmatch(name.removeprefix(":")):
            continue
        # It was there a moment ago; who reads it says better than we could what is wrong.
        with suppress(OSError, MlopsError):
            tags[f"{TAG}{name}"] = content(real)
    return tags


def content(path: Path) -> str:
    """Return what tells a file's content: its SHA-256; of a very large one, that of samples of it.

    Raises
    ------
    NotFoundError, UnavailableError, OSError
        If it can't be read.
    """
    size = path.stat().st_size
    if size <= HASHED_WHOLE:
        return hash_file(path)
    known = hashlib.sha256()
    with path.open("rb") as file:
        for number in range(SAMPLES):
            file.seek((size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            known.update(file.read(SAMPLE_BYTES))
    return f"sampled:{size}:{known.hexdigest()}"


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
