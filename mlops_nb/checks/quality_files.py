"""Expectations in a file of their own: TOML, one ``[[expect]]`` table each."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.stores.disk import write_whole

TABLE = "expect"
HEAD = (
    "# What is expected of the data, as `mlops quality --expect` and mlops.toml read it: edit it.\n"
)


def read(path: Path) -> list[dict[str, Any]]:
    """Read a file of expectations.

    Raises
    ------
    NotFoundError
        If there is no such file.
    InputError
        If it is not TOML, or holds something else.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path} with expectations") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} is not TOML: {error}") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}") from None
    others = [name for name in found if name != TABLE]
    tables = found.get(TABLE, [])
    if others or not isinstance(tables, list):
        raise InputError(
            f"{path.name} must hold [[{TABLE}]] tables, and nothing else",
            hint=f"there is {', '.join(others)}" if others else "",
        )
    return tables


def write(path: Path, expectations: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of expectations, whole; a file that is there stays as it is.

    Raises
    ------
    InputError
        If there is a file of that name.
    NotFoundError
        If there is no folder for it.
    UnavailableError
        If it can't be written.
    """
    import tomli_w

    if path.exists():
        raise InputError(f"{path} is there already", hint="give another name, or delete it")
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {path.parent} for {path.name}")
    text = HEAD + "\n" + tomli_w.dumps({TABLE: [dict(given) for given in expectations]})
    write_whole(path, text.encode())
