"""A notebook's parameters: the names assigned in its cell tagged `parameters`, as they were run.

papermill runs the tagged cell and then one of its own, which begins with ``# Parameters``. A
kernel is not told of tags, so the tagged source is looked up in the notebook's file.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

INJECTED = "# Parameters"
_TAGS = {"parameters", "injected-parameters"}
_MAGIC_LINE = re.compile(r"^[ \t]*[%!?].*$", re.MULTILINE)
_KINDS = (str, int, float, bool, type(None), list, tuple, dict)


def tagged_sources(notebook: Path | None) -> frozenset[str]:
    """Return the sources of the cells tagged as parameters in a notebook's file."""
    if notebook is None:
        return frozenset()
    try:
        cells = json.loads(notebook.read_text("utf-8")).get("cells", [])
        return frozenset(
            "".join(cell.get("source", "")).strip()
            for cell in cells
            if _TAGS & set(cell.get("metadata", {}).get("tags", ()))
        )
    except (OSError, ValueError, AttributeError, TypeError):
        # Not a notebook after all; whoever runs it says so better than we could.
        return frozenset()


def is_parameters(source: str, tagged: Iterable[str]) -> bool:
    r"""Tell whether an executed cell holds parameters.

    Examples
    --------
    >>> is_parameters("# Parameters\nmonths = 2\n", ())
    True
    """
    return source.lstrip().startswith(f"{INJECTED}\n") or source.strip() in tagged


def assigned(source: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    r"""Return the plain values that a parameters cell assigned, by name.

    Examples
    --------
    >>> assigned("months = 2\nimport os\n", {"months": 3})
    {'months': 3}
    """
    try:
        tree = ast.parse(_MAGIC_LINE.sub("", source))
    except SyntaxError:
        return {}
    names = [
        target.id
        for node in tree.body
        for target in _targets(node)
        if isinstance(target, ast.Name) and not target.id.startswith("_")
    ]
    return {n: namespace[n] for n in names if n in namespace and isinstance(namespace[n], _KINDS)}


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return [node.target]
    return []
