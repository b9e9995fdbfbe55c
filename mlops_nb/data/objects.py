"""Objects that a user's own Python file makes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import NotFoundError, UnavailableError


def named_in(path: Path, name: str) -> Any:
    """Run a Python file, and return what it calls `name`.

    Raises
    ------
    NotFoundError
        If it calls nothing so.
    UnavailableError
        If it raises.
    """
    try:
        found = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        told = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UnavailableError(f"{path.name} raised {told}") from error
    if name not in found:
        known = [key for key in found if not key.startswith("__")]
        raise NotFoundError.among(f"name in {path.name}", name, known)
    return found[name]
