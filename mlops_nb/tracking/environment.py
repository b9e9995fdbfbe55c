"""What is installed where a run runs: as a plain list, and as a lock that pip can install."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlops_nb.tracking.redaction import redact


def packages() -> bytes:
    """Return the installed distributions as ``name==version`` lines.

    They are read from the names of the ``*.dist-info`` folders (``*.egg-info`` of older tools):
    opening each one's metadata takes a hundred times as long. A folder is listed again when it has
    changed.
    """
    return "".join(
        f"{name}=={version}\n" for name, (version, _) in _listed(_folders()).items()
    ).encode()


def requirements() -> bytes:
    """Return the lock of this environment: what ``pip install -r`` takes to make it anew.

    A distribution that was installed from an address (a commit of a repository, an archive) has
    that address, without a password in it. One from a folder of this machine, editable or not, can
    be installed nowhere else: it is a comment that says so.
    """
    return _locked(_folders())


def _folders() -> tuple[tuple[str, int], ...]:
    folders = []
    for entry in sys.path:
        try:
            folders.append((entry or ".", os.stat(entry or ".").st_mtime_ns))  # noqa: PTH116
        except OSError:
            continue
    return tuple(folders)


@lru_cache(maxsize=1)
def _listed(folders: tuple[tuple[str, int], ...]) -> Mapping[str, tuple[str, Path]]:
    found: dict[str, tuple[str, Path]] = {}
    for folder, _ in reversed(folders):
        for info in (*Path(folder).glob("*.egg-info"), *Path(folder).glob("*.dist-info")):
            # An older tool's name ends with the Python it is for, or has no version at all.
            name, _, version = info.stem.partition("-py")[0].partition("-")
            if version:
                found[name.replace("_", "-").lower()] = (version, info)
    return {name: found[name] for name in sorted(found)}


@lru_cache(maxsize=1)
def _locked(folders: tuple[tuple[str, int], ...]) -> bytes:
    lines = [f"# Python {platform.python_version()} ({sys.implementation.name}, {sys.platform})"]
    lines += [_line(name, version, info) for name, (version, info) in _listed(folders).items()]
    return ("\n".join(lines) + "\n").encode()


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
