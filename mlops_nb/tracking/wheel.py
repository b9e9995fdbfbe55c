"""The package itself as a wheel, made from the files that run, for an environment made anew.

It needs neither a build tool nor Node, and works from an editable install or a plain folder on the
path as well. What only a terminal or a browser needs is left out.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

NAME = "mlops_nb"
UNKNOWN_VERSION = "0"
_LEFT_OUT = {"__pycache__", "labextension", "notebooks"}
_WHEEL = b"Wheel-Version: 1.0\nGenerator: mlops_nb\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@cache
def own_wheel() -> bytes:
    """Return the wheel: the same files give the same bytes.

    Examples
    --------
    >>> wheel_name(own_wheel()).startswith("mlops_nb-")
    True
    """
    version, metadata, entry_points = _installed()
    info = f"{NAME}-{version}.dist-info"
    files = [
        *_sources(Path(__file__).parents[1]),
        (f"{info}/METADATA", metadata.encode()),
        (f"{info}/WHEEL", _WHEEL),
        (f"{info}/entry_points.txt", entry_points.encode()),
    ]
    record = "".join(f"{name},{_digest(data)},{len(data)}\n" for name, data in files)
    files.append((f"{info}/RECORD", f"{record}{info}/RECORD,,\n".encode()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            # With no time of its own, a file is the same bytes whenever it is packed.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, compresslevel=1)
    return buffer.getvalue()


def wheel_name(data: bytes) -> str:
    """Return the file name that a wheel of this package has to have."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = [name for name in archive.namelist() if name.endswith(".dist-info/WHEEL")]
    return f"{infos[0].partition('.dist-info')[0]}-py3-none-any.whl"


def _installed() -> tuple[str, str, str]:
    """Return the version, metadata and entry points of the installed package."""
    try:
        found = distribution(NAME)
    except PackageNotFoundError:
        # Only on the path.
        metadata = f"Metadata-Version: 2.1\nName: mlops-nb\nVersion: {UNKNOWN_VERSION}\n"
        return UNKNOWN_VERSION, metadata, ""
    return (
        found.version,
        found.read_text("METADATA") or "",
        found.read_text("entry_points.txt") or "",
    )


def _sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not _LEFT_OUT & set(inside.parts[:-1]):
            yield f"{NAME}/{inside.as_posix()}", path.read_bytes()


def _digest(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={digest.rstrip(b'=').decode()}"
