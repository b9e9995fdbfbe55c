"""Notebooks as files: reading them with clear errors, their parameters, signing what was run."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import InputError, NotFoundError, UnavailableError
from mlops_nb.core.nearest import suggest
from mlops_nb.core.records import Record

if TYPE_CHECKING:
    from nbformat import NotebookNode

NEWEST_FORMAT = 4
_TAG_HINT = (
    "tag the cell that assigns their defaults 'parameters'"
    " (in JupyterLab: Property Inspector, Common Tools, Cell Tags)"
)
_MAGIC_LINE = re.compile(r"^[ \t]*[%!?].*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parameter(Record):
    """One parameter that a notebook declares.

    `default` is the source text of its default ("" where there is none); `type` is its annotation,
    else the type of a literal default, else "".
    """

    name: str
    default: str
    type: str


def read(path: Path) -> NotebookNode:
    """Read a notebook, brought up to the format that is written today.

    Cells without an id, or with one that another cell has, get one by their position: two copies
    of a notebook have the same ids.

    Raises
    ------
    NotFoundError
        If there is no such file; the nearest notebook of its folder is named.
    InputError
        If it is a folder, not JSON, not a notebook, or of a format newer than ours.
    UnavailableError
        If the file can't be read.
    """
    import nbformat

    raw = _parse(path, _text(path))
    major = _version(path, raw)
    if major == NEWEST_FORMAT:
        _check_shape(path, raw)
        _name_cells(raw["cells"])
        raw["nbformat_minor"] = max(raw["nbformat_minor"], 5)
    try:
        notebook: NotebookNode = nbformat.reads(json.dumps(raw), as_version=NEWEST_FORMAT)
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise InputError(f"{path} is not a valid notebook: {_complaint(error)}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # What the converters of old formats raise on a file that only looks like one.
        raise InputError(f"{path} is not a valid notebook of format {major}: {error}") from None
    return notebook


def encode(notebook: NotebookNode) -> bytes:
    """Return a notebook as the bytes of its file."""
    import nbformat

    text: str = nbformat.writes(notebook)
    # A lone surrogate that a cell printed has no place in UTF-8.
    return text.encode("utf-8", "replace")


def language_of(notebook: NotebookNode) -> str:
    """Return the language a notebook says it is written in, Python where it says nothing."""
    metadata = notebook.metadata
    named = metadata.get("language_info", {}).get("name")
    return str(named or metadata.get("kernelspec", {}).get("language") or "python").lower()


def kernel_of(notebook: NotebookNode) -> str:
    """Return the kernel that a notebook asks for, ``python3`` where it asks for none."""
    return str(notebook.metadata.get("kernelspec", {}).get("name") or "python3")


def tags_of(cell: NotebookNode) -> list[str]:
    """Return a cell's tags."""
    return list(cell.metadata.get("tags", ()))


def sources(path: Path) -> list[str]:
    """Return the sources of a notebook's code cells; `read` says what it raises."""
    return [str(cell.source) for cell in read(path).cells if cell.cell_type == "code"]


def parameters_of(source: Path) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares, by name, in their order.

    They are the assignments in its first cell tagged `parameters`; without one there are none.

    Raises
    ------
    InputError
        If it is no notebook (see `read`), or its parameters cell is not valid Python.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "a.ipynb")
    >>> cell = {"cell_type": "code", "source": "months = 2", "outputs": []}
    >>> cell |= {"metadata": {"tags": ["parameters"]}, "execution_count": None}
    >>> whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    >>> _ = path.write_text(json.dumps(whole))
    >>> parameters_of(path)["months"]
    Parameter(name='months', default='2', type='int')
    """
    return declared(read(source), source)


def declared(notebook: NotebookNode, source: Path) -> dict[str, Parameter]:
    """Return the parameters that a notebook declares; `source` names it in errors."""
    cell = _tagged(notebook, "parameters")
    if cell is None:
        return {}
    # Magics are not Python; an empty line keeps the numbers of the others.
    text = _MAGIC_LINE.sub("", cell.source)
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise InputError(
            f"the parameters cell of {source} is not valid Python: {error.msg}, line {error.lineno}"
        ) from None
    return {
        name: Parameter(name, ast.get_source_segment(text, value) or "" if value else "", kind)
        for name, value, kind in _assignments(tree)
    }


def defaults(notebook: NotebookNode, source: Path) -> dict[str, Any]:
    """Return the declared parameters whose default is written as a plain value."""
    found: dict[str, Any] = {}
    for name, parameter in declared(notebook, source).items():
        # A default that is computed is known when the cell has run, and recorded then.
        with contextlib.suppress(ValueError, SyntaxError):
            found[name] = ast.literal_eval(parameter.default)
    return found


def accept_parameters(
    notebook: NotebookNode, source: Path, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the given parameters as plain values that can be written into the notebook.

    Raises
    ------
    InputError
        If the notebook declares no parameters, not that one, or the value is of another kind
        than text, numbers, truth values, None, and lists and tables of them.
    """
    if not given:
        return {}
    if _tagged(notebook, "parameters", "injected-parameters") is None:
        raise InputError(f"{source.name} declares no parameters, so it takes none", hint=_TAG_HINT)
    # Other languages can't be read here: there, what is given is passed on.
    if language_of(notebook) == "python":
        known = declared(notebook, source)
        for name in given:
            if name not in known:
                raise InputError(
                    f"unknown parameter {name!r} of {source.name}", hint=suggest(name, known)
                )
    return {name: _plain_value(value, f"parameter {name!r}") for name, value in given.items()}


def sign(path: Path) -> None:
    """Sign a notebook that was executed here, so that JupyterLab shows its outputs as trusted.

    The signature is kept where Jupyter keeps it, in its data folder (``JUPYTER_DATA_DIR``).

    Raises
    ------
    OSError, sqlite3.Error
        If Jupyter's data folder or its database of signatures can't be written.
    """
    from jupyter_core.paths import jupyter_data_dir
    from nbformat.sign import NotebookNotary

    folder = Path(jupyter_data_dir())
    folder.mkdir(parents=True, exist_ok=True)
    notary = NotebookNotary(data_dir=str(folder))
    try:
        notary.sign(read(path))
    finally:
        notary.store.close()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"there is no notebook {path}", hint=_nearby(path)) from None
    except IsADirectoryError:
        inside = suggest("", _notebooks_in(path))
        raise InputError(f"{path} is a folder, not a notebook", hint=inside) from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a notebook: it is not UTF-8 text") from None
    except OSError as error:
        raise UnavailableError(f"can't read {path}: {error.strerror}") from None


def _nearby(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return suggest(path.name, _notebooks_in(path.parent))


def _notebooks_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.glob("*.ipynb"))


def _parse(path: Path, text: str) -> dict[str, Any]:
    if not text.strip():
        raise InputError(f"{path} is not a notebook: it is empty")
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path} is not a notebook: {error.msg} ({where})") from None
    except RecursionError:
        raise InputError(f"{path} is not a notebook: it is nested too deeply") from None
    if not isinstance(raw, dict):
        raise InputError(f"{path} is not a notebook: its JSON is not an object")
    return raw


def _version(path: Path, raw: Mapping[str, Any]) -> int:
    major = raw.get("nbformat")
    if not isinstance(major, int):
        raise InputError(f"{path} is not a notebook: it has no nbformat")
    if not 1 <= major <= NEWEST_FORMAT:
        raise InputError(
            f"{path} is in notebook format {major}; formats up to {NEWEST_FORMAT} can be read",
            hint="save it in an older format, or install a newer nbformat",
        )
    return major


def _check_shape(path: Path, raw: Mapping[str, Any]) -> None:
    """Refuse what nbformat itself would trip over."""
    for key, kind in (("nbformat_minor", int), ("metadata", dict), ("cells", list)):
        if not isinstance(raw.get(key), kind):
            raise InputError(f"{path} is not a valid notebook: its {key!r} is missing or wrong")
    for number, cell in enumerate(raw["cells"], 1):
        if not isinstance(cell, dict):
            raise InputError(f"{path} is not a valid notebook: its cell {number} is not an object")


def _name_cells(cells: list[dict[str, Any]]) -> None:
    seen: set[Any] = set()
    for number, cell in enumerate(cells, 1):
        if cell.get("id") is None or cell["id"] in seen:
            cell["id"] = f"cell-{number}"
        seen.add(cell["id"])


def _complaint(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    where = next((line for line in lines if line.startswith("On instance")), "").rstrip(":")
    return lines[0][:200] + (f" ({where.removeprefix('On instance')})" if "[" in where else "")


def _tagged(notebook: NotebookNode, *wanted: str) -> NotebookNode | None:
    return next((cell for cell in notebook.cells if set(wanted) & set(tags_of(cell))), None)


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr | None, str]]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.value, ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name, value in _names(target, node.value):
                    yield name, value, _literal_type(value)


def _names(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        same = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        values = value.elts if isinstance(value, ast.Tuple | ast.List) and same else ()
        for position, element in enumerate(target.elts):
            yield from _names(element, values[position] if values else None)


def _literal_type(value: ast.expr | None) -> str:
    try:
        return "" if value is None else type(ast.literal_eval(value)).__name__
    except (ValueError, TypeError):
        return ""


def _plain_value(value: Any, where: str) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # numpy's scalars
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain_value(item, where) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain_value(item, where) for key, item in value.items()}
    raise InputError(
        f"{where} can't be a {type(value).__name__}",
        hint="give text, a number, true, false, none, or a list or table of them",
    )
