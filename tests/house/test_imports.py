"""The import contract of pyproject.toml is whole: nothing escapes it by not being named there."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

# In stats/ every function works on arrays, so numpy may be imported at the top.
AT_THE_TOP = {"mlops_nb.stats": {"numpy"}}

# Doors are loaded where their library is already: a kernel has IPython, a server has tornado.
HOSTS = {
    "mlops_nb.interfaces.magics": {"IPython"},
    "mlops_nb.interfaces.display": {"IPython"},
    "mlops_nb.interfaces.server": {"jupyter_server", "tornado"},
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "mlops_nb",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def libraries(graph: grimp.ImportGraph) -> set[str]:
    outside = {name for name in graph.modules if graph.is_module_squashed(name)}
    return outside - sys.stdlib_module_names


def test_every_outside_library_has_an_address(graph: grimp.ImportGraph, root: Path) -> None:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    addressed = {name for contract in contracts for name in contract.get("protected_modules", ())}
    assert libraries(graph) <= addressed


def test_the_hall_imports_no_library(graph: grimp.ImportGraph) -> None:
    hall = {"mlops_nb.flows", *graph.find_descendants("mlops_nb.flows")}
    outside = libraries(graph)
    found = {
        (module, name)
        for module in hall
        for name in graph.find_modules_directly_imported_by(module) & outside
    }
    assert found == set()


def test_libraries_are_imported_inside_the_functions_that_use_them(root: Path) -> None:
    found = [
        f"{module}: {name}"
        for path in sorted((root / "mlops_nb").rglob("*.py"))
        for module in [".".join(path.relative_to(root).with_suffix("").parts)]
        for name in imported_at_the_top(ast.parse(path.read_text(encoding="utf-8")))
        if name not in sys.stdlib_module_names | {"mlops_nb"} | allowed_at_the_top(module)
    ]
    assert found == []


def allowed_at_the_top(module: str) -> set[str]:
    tables = {**AT_THE_TOP, **HOSTS}
    return {
        name
        for place, names in tables.items()
        if module == place or module.startswith(f"{place}.")
        for name in names
    }


def imported_at_the_top(tree: ast.Module) -> set[str]:
    names = set()
    for node in statements_at_the_top(tree.body):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").partition(".")[0])
    return names


def statements_at_the_top(body: list[ast.stmt]) -> list[ast.stmt]:
    """List what runs at import: branches and classes too, but no function's body."""
    found: list[ast.stmt] = []
    for node in body:
        found.append(node)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            found += statements_at_the_top(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in ("body", "orelse", "finalbody"):
                found += statements_at_the_top(getattr(node, name, []))
            for handler in getattr(node, "handlers", []):
                found += statements_at_the_top(handler.body)
    return found
