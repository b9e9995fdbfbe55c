"""From a path in a request to a file: under the server's root folder, or refused.

A request names files as the Contents API does: with slashes, relative to the root folder.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from mlops_nb.core.errors import InputError, NotFoundError

_DRIVE = re.compile(r"[A-Za-z][\w.-]*(?=:)")


def existing(root: Path, text: str) -> Path:
    """Return the file or folder that a request names.

    Parameters
    ----------
    root : Path
        The server's root folder, resolved.
    text : str
        "" is the root folder itself.

    Raises
    ------
    NotFoundError
        If it is not there, or lies outside the root folder.
    InputError
        If it can't be a path.
    """
    path = inside(root, text, "the server's folder")
    if _exists(path, text):
        return path
    if path == root:
        raise NotFoundError(
            f"the server's folder {root} is gone", hint="start the server in another one"
        )
    drive = _DRIVE.match(text)
    if drive:
        raise NotFoundError(
            f"{_short(text)} is on the drive {drive.group()!r}, not in the server's folder",
            hint="open the notebook from the server's own files",
        )
    if text.endswith(".ipynb"):
        raise NotFoundError(f"there is no notebook {_short(text)}", hint="save it first")
    raise NotFoundError(
        f"there is no {_short(text)} in the server's folder", hint="refresh the file browser"
    )


def inside(root: Path, text: str, place: str) -> Path:
    """Return where a relative path leads, if it stays in a folder; it need not exist.

    Parameters
    ----------
    root : Path
        The folder, resolved.
    text : str
    place : str
        What the folder is called in an error.

    Raises
    ------
    NotFoundError
        If it leads out of the folder, by ``..``, as an absolute path or through a link.
    InputError
        If it can't be a path.

    Examples
    --------
    >>> root = Path.cwd().resolve()
    >>> inside(root, "a/b.ipynb", "the folder") == root / "a" / "b.ipynb"
    True
    """
    if "\0" in text:
        raise InputError(f"the path {_short(text)} holds a NUL character")
    parts = PurePosixPath(text)
    outside = f"{_short(text)} is outside {place}"
    if parts.is_absolute() or Path(text).is_absolute():
        raise NotFoundError(outside, hint=f"give a path relative to {place}")
    if ".." in parts.parts:
        raise NotFoundError(outside, hint="leave '..' out of the path")
    try:
        path = (root / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{_short(text)} can't be a path: {_reason(error)}") from None
    if not path.is_relative_to(root):
        raise NotFoundError(f"{outside}: a link leads out", hint="use a copy of it")
    return path


def named(root: Path, path: Path) -> str | None:
    """Return the name that the Contents API has for a path; None outside the root folder.

    Examples
    --------
    >>> named(Path("/a"), Path("/a/b/c.ipynb")), named(Path("/a"), Path("/a"))
    ('b/c.ipynb', '')
    """
    if not path.is_relative_to(root):
        return None
    name = path.relative_to(root).as_posix()
    return "" if name == "." else name


def _exists(path: Path, text: str) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{_short(text)} can't be a path: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _short(text: str) -> str:
    return repr(text) if len(text) <= 80 else f"{text[:77]!r}..."
