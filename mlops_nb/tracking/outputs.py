"""What executed cells showed, of which the beginnings are kept: whether two show the same."""

from __future__ import annotations

from collections.abc import Mapping

from mlops_nb.core.cell_records import OUTPUT_KEPT
from mlops_nb.core.records import CellRecord
from mlops_nb.tracking.redaction import redact
from mlops_nb.tracking.reproduction import normal, same_text

TOLERANCE = 1e-9
_TOLD = 500


def kept(text: str, length: int) -> str:
    """Return what is kept of a cell's output: without secrets, and without a line that is cut.

    Parameters
    ----------
    text : str
        Its beginning.
    length : int
        The letters of all of it.

    Examples
    --------
    >>> kept("password = 'hunter22'", 21)
    "password = '[redacted]'"
    """
    if length > len(text) and "\n" in text:
        # The half of a secret doesn't look like one.
        text = text[: text.rindex("\n") + 1]
    return redact(text.encode("utf-8", "replace")).decode("utf-8", "replace") if text else text


def shown(cell: CellRecord) -> str | None:
    r"""Return all that a cell showed as text; None where that was not recorded, or not kept whole.

    Examples
    --------
    >>> shown(CellRecord(0, "1", None, None, "ok", output="1\n", output_length=2))
    '1\n'
    """
    return cell.output if (cell.output_length or 0) <= OUTPUT_KEPT else None


def difference(
    before: CellRecord,
    after: CellRecord,
    paths: Mapping[str, str] | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[str, str] | None:
    """Return what two cells showed from the first line that differs; None where none is known to.

    Colours, addresses, ids, times and durations are no difference; numbers may differ by the
    relative tolerance. Of what was too long to be kept, the beginnings are compared.

    Parameters
    ----------
    before, after : CellRecord
    paths : mapping, optional
        Folders, and what stands for them.
    tolerance : float

    Examples
    --------
    >>> from dataclasses import replace
    >>> cell = CellRecord(0, "f()", None, None, "ok", output="auc 0.5", output_hash="a")
    >>> difference(cell, replace(cell, output="auc 1", output_hash="b"))
    ('auc 0.5', 'auc 1')
    """
    if before.output is None or after.output is None or before.output_hash == after.output_hash:
        return None
    if before.output == after.output:
        return _beyond(before), _beyond(after)
    old, new = (normal(text, paths or {}) for text in (before.output, after.output))
    if shown(before) is None and shown(after) is None:
        # Both are cut, and where times and ids are longer, at another line.
        lines = [text.splitlines() for text in (old, new)]
        shortest = min(map(len, lines))
        old, new = ("\n".join(some[:shortest]) for some in lines)
    if same_text(old, new, tolerance):
        return None
    return from_there(old, new)


def _beyond(cell: CellRecord) -> str:
    return f"(other after {OUTPUT_KEPT:,} of {cell.output_length or 0:,} letters)"


def from_there(before: str, after: str) -> tuple[str, str]:
    r"""Return the beginnings of two texts from the first line in which they differ.

    Examples
    --------
    >>> from_there("a\nb\n", "a\nc\n")
    ('b', 'c')
    """
    old, new = before.splitlines(), after.splitlines()
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    return "\n".join(old[same:])[:_TOLD], "\n".join(new[same:])[:_TOLD]
