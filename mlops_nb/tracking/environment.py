"""What is installed where a run runs: as a plain list, and as a lock that pip can install."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.tracking.redaction import redact

OURS = "mlops-nb"
ASK_SECONDS = 60
_ASK = (
    "import json, platform, sys; print(json.dumps([platform.python_version(),"
    " sys.implementation.name, sys.platform, [p for p in sys.path if p]]))"
)
_HEADER = re.compile(r"# Python (\S+) \((\w+), (\w+)\)")
_LOCAL = re.compile(r"# ([\w.-]+)==(\S+): (?:editable|local), from ")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python and where it looks for packages: by default, this process's own."""

    version: str = platform.python_version()
    implementation: str = sys.implementation.name
    platform: str = sys.platform
    path: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Lock:
    """What `requirements` wrote, read again.

    `requirements` are lines that pip takes; `local` are the distributions that came from a folder
    of that machine: name to version. The package that does the recording is in neither: it comes
    from its own files.
    """

    python: str
    implementation: str
    requirements: tuple[str, ...]
    local: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> Lock:
        r"""Read a lock.

        Raises
        ------
        InputError
            If it does not say which Python it is for.

        Examples
        --------
        >>> lock = Lock.read("# Python 3.11.7 (cpython, linux)\nmlops-nb==1\nnumpy==2.3\n")
        >>> lock.python, lock.requirements
        ('3.11.7', ('numpy==2.3',))
        """
        header = _HEADER.match(text)
        if header is None:
            raise InputError("the run's requirements.txt does not say for which Python it is")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        others = [line for line in lines if not re.match(rf"{OURS}\s*(==|@)", line)]
        return cls(
            header[1],
            header[2],
            tuple(others),
            {name: version for name, version in _LOCAL.findall(text) if name != OURS},
        )


@cache
def interpreter_at(executable: Path, *, isolated: bool = False) -> Interpreter:
    """Ask another Python, once; `isolated` is without what the environment says of its path.

    Raises
    ------
    UnavailableError
        If it can't be started.

    Examples
    --------
    >>> interpreter_at(Path(sys.executable)).version == platform.python_version()
    True
    """
    try:
        done = subprocess.run(
            [str(executable), *(["-E"] if isolated else []), "-c", _ASK],
            capture_output=True,
            timeout=ASK_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
        )
        version, implementation, system, path = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UnavailableError(f"{executable} can't be run as a Python: {error}") from None
    return Interpreter(version, implementation, system, tuple(path))


def packages(interpreter: Interpreter | None = None) -> bytes:
    """Return the installed distributions as ``name==version`` lines.

    They are read from the names of the ``*.dist-info`` folders (``*.egg-info`` of older tools):
    opening each one's metadata takes a hundred times as long. A folder is listed again when it has
    changed.
    """
    return "".join(
        f"{name}=={version}\n" for name, (version, _) in _listed(_folders(interpreter)).items()
    ).encode()


def requirements(interpreter: Interpreter | None = None) -> bytes:
    """Return the lock of an environment: what ``pip install -r`` takes to make it anew.

    A distribution that was installed from an address (a commit of a repository, an archive) has
    that address, without a password in it. One from a folder of this machine, editable or not, can
    be installed nowhere else: it is a comment that says so.
    """
    python = interpreter or Interpreter()
    told = f"# Python {python.version} ({python.implementation}, {python.platform})"
    return f"{told}\n{_locked(_folders(interpreter))}".encode()


def _folders(interpreter: Interpreter | None) -> tuple[tuple[str, int], ...]:
    folders = []
    path = None if interpreter is None else interpreter.path
    for entry in sys.path if path is None else path:
        try:
            folders.append((entry or ".", os.stat(entry or ".").st_mtime_ns))  # noqa: PTH116
        except OSError:
            continue
    return tuple(folders)


@lru_cache(maxsize=2)
def _listed(folders: tuple[tuple[str, int], ...]) -> Mapping[str, tuple[str, Path]]:
    found: dict[str, tuple[str, Path]] = {}
    for folder, _ in reversed(folders):
        for info in (*Path(folder).glob("*.egg-info"), *Path(folder).glob("*.dist-info")):
            # An older tool's name ends with the Python it is for, or has no version at all.
            name, _, version = info.stem.partition("-py")[0].partition("-")
            if version:
                found[name.replace("_", "-").lower()] = (version, info)
    return {name: found[name] for name in sorted(found)}


@lru_cache(maxsize=2)
def _locked(folders: tuple[tuple[str, int], ...]) -> str:
    return "".join(
        f"{_line(name, version, info)}\n" for name, (version, info) in _listed(folders).items()
    )


def _line(name: str, version: str, info: Path) -> str:
    plain = f"{name}=={version}"
    origin = _origin(info)
    url = redact(str(origin.get("url", "")).encode()).decode().replace("[redacted]@", "")
    if not url:
        return plain
    if "vcs_info" in origin:
        told = origin["vcs_info"]
        within = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
        return f"{name} @ {told.get('vcs', 'git')}+{url}@{told.get('commit_id', '')}{within}"
    if origin.get("dir_info", {}).get("editable"):
        return f"# {plain}: editable, from {url}"
    if "dir_info" in origin or url.startswith("file:"):
        return f"# {plain}: local, from {url}"
    return f"{name} @ {url}{_digest(origin.get('archive_info', {}))}"


def _digest(archive: Mapping[str, Any]) -> str:
    sha256 = archive.get("hashes", {}).get("sha256")
    return f"#sha256={sha256}" if sha256 else ""


def _origin(info: Path) -> Mapping[str, Any]:
    """Return what a distribution says of where it came from; nothing where from an index."""
    try:
        origin = json.loads((info / "direct_url.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return origin if isinstance(origin, dict) else {}
