"""Notebooks made again from what a run has kept, and what their cells showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.records import CellRecord
from mlops_nb.jobs.notebooks import encode, read, tags_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

INJECTED = "injected-parameters"
UNKNOWN = "not recorded"  # how a cell ended that ran before tracking began


@dataclass(frozen=True, slots=True)
class Executed:
    """One executed code cell: its source, what it showed as text, and what it raised.

    `shown` is None where it was not recorded. `position` is its number among the cells that were
    run, from 1, as the executed copy shows it.
    """

    position: int
    source: str
    shown: str | None
    error: str | None


def without_outputs(copy: Path) -> tuple[bytes, dict[str, Any]]:
    """Return the notebook that an executed copy was made of, and the parameters it was given."""
    notebook = read(copy)
    given = dict(notebook.metadata.get("papermill", {}).get("parameters", {}))
    notebook.metadata.pop("papermill", None)
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in tags_of(cell)]
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return encode(notebook), given


def of_cells(cells: Sequence[CellRecord]) -> bytes:
    """Return a notebook of the cells that a run executed, in their order.

    One that raised and was not the last may raise again: what came after it came all the same. Of
    one that ran before tracking began that is not known.
    """
    from nbformat.v4 import new_code_cell, new_notebook

    made = []
    for number, cell in enumerate(cells, 1):
        went_on = cell.outcome == "before" or (_failed(cell) and number < len(cells))
        tags = ["raises-exception"] if went_on else []
        made.append(new_code_cell(cell.source, id=f"cell-{number}", metadata={"tags": tags}))
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return encode(new_notebook(cells=made, metadata={"kernelspec": spec}))


def executed(copy: Path) -> list[Executed]:
    """Return the code cells of an executed copy, without the injected parameters."""
    cells = [cell for cell in read(copy).cells if cell.cell_type == "code" and cell.source.strip()]
    return [
        Executed(number, cell.source, _shown(cell.outputs), _raised(cell.outputs))
        for number, cell in enumerate(cells, 1)
        if INJECTED not in tags_of(cell)
    ]


def recorded(cells: Sequence[CellRecord]) -> list[Executed]:
    """Return the cells that a kernel recorded, of which the outputs are not known."""
    return [
        Executed(
            number,
            cell.source,
            None,
            _ended(cell),
        )
        for number, cell in enumerate(cells, 1)
    ]


def _ended(cell: CellRecord) -> str | None:
    if cell.outcome == "before":
        return UNKNOWN
    return (cell.error or cell.outcome).partition(":")[0] if _failed(cell) else None


def _failed(cell: CellRecord) -> bool:
    return cell.outcome in ("error", "interrupted")


def _shown(outputs: Sequence[NotebookNode]) -> str:
    """Return what a cell showed as text; standard error (progress, warnings) is no result."""
    parts = []
    for output in outputs:
        if output.output_type == "stream" and output.name == "stdout":
            parts.append(output.text)
        elif output.output_type in ("execute_result", "display_data"):
            parts.append(_plain(output.data))
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}\n")
    return "".join(parts)


def _plain(data: Mapping[str, Any]) -> str:
    text = data.get("text/plain", "")
    return f"{text if isinstance(text, str) else ''.join(text)}\n"


def _raised(outputs: Sequence[NotebookNode]) -> str | None:
    return next((str(o.ename) for o in outputs if o.output_type == "error"), None)
