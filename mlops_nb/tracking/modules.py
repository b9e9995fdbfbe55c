"""The notebook's own modules: what it imported from files of its project, as they were then.

git does not know a file that was never added, and a working tree goes on changing; a replay needs
what was imported. Libraries are no part of this: they are in the lock of the environment.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

SIZE_CAP = 1_000_000
COUNT_CAP = 200
FOLDER = "mlops/modules/"
# Of modules elsewhere a replay takes what is there; it is kept to tell whether it changed.
ELSEWHERE = "mlops/modules_elsewhere"
_LIBRARIES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_STANDARD = sysconfig.get_path("stdlib") + os.sep
_OURS = str(Path(__file__).parents[1]) + os.sep


class LocalModules:
    """The files of imported modules in a folder, each told once.

    `paths` are the folders in it that they were imported from. `elsewhere` are modules that are
    neither in the folder nor of a library, by their whole path, at most 200.

    Examples
    --------
    >>> import tempfile
    >>> LocalModules(Path(tempfile.mkdtemp())).new()
    {}
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: dict[str, str] = {}
        self.paths: set[str] = set()
        self.elsewhere: dict[str, bytes] = {}
        self._prefixes = (f"{root.resolve()}{os.sep}", f"{root}{os.sep}")
        self._seen: set[str] = set()
        self._count = 0

    def new(self) -> dict[str, bytes]:
        """Return the files that were imported since the last call, by their path in the folder.

        Nothing is looked at while the number of modules is what it was.
        """
        # One comparison: it is asked after every cell.
        if len(sys.modules) == self._count:
            return {}
        self._count = len(sys.modules)
        # What is run is no module: a script is kept as what it executed.
        unseen = [
            name for name in list(sys.modules) if name not in self._seen and name != "__main__"
        ]
        self._seen.update(unseen)
        files: dict[str, bytes] = {}
        for name, path in _files(unseen):
            inside = self._inside(path)
            if inside is None:
                self._note_elsewhere(path)
                continue
            if inside in self.found:
                continue
            self.paths |= _imported_from(name, inside)
            try:
                data = Path(path).read_bytes()
            except OSError:
                # Imported and gone: what it was can't be told.
                self.found[inside] = "gone"
                continue
            self.found[inside] = "kept" if len(data) <= SIZE_CAP else f"{len(data)} bytes"
            if len(data) <= SIZE_CAP:
                files[inside] = data
        return files

    @property
    def looked(self) -> bool:
        """Whether `new` was called before."""
        return self._count > 0

    @property
    def not_whole(self) -> list[str]:
        """The files that were too large, gone, or had a secret in them."""
        return [name for name, how in self.found.items() if how != "kept"]

    def _note_elsewhere(self, path: str) -> None:
        if len(self.elsewhere) >= COUNT_CAP or is_library(path) or path.startswith(self._prefixes):
            return
        with suppress(OSError):
            if Path(path).stat().st_size <= SIZE_CAP:
                self.elsewhere[path.replace(os.sep, "/")] = Path(path).read_bytes()

    def _inside(self, path: str) -> str | None:
        # Before the path is resolved, which takes long for a thousand modules of libraries.
        if not path.startswith(self._prefixes):
            return None
        real = os.path.realpath(path)
        if not real.startswith(self._prefixes[0]) or is_library(real):
            return None
        return real[len(self._prefixes[0]) :].replace(os.sep, "/")


def is_library(path: str) -> bool:
    """Tell whether a file is one of Python, of an installed package, or of this one."""
    return path.startswith((_OURS, _STANDARD)) or any(part in path for part in _LIBRARIES)


def _imported_from(name: str, inside: str) -> set[str]:
    """Return the folder from which a module of that name is imported; none where it can't be."""
    parts = inside.removesuffix(".py").removesuffix("/__init__").split("/")
    wanted = name.split(".")
    return {"/".join(parts[: -len(wanted)])} if parts[-len(wanted) :] == wanted else set()


def _files(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        # What a notebook puts into sys.modules may be anything.
        path = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(path, str) and path.endswith(".py"):
            yield name, path
