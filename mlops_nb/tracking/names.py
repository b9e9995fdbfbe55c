"""Which names a cell reads and binds, told from its source alone: nothing is executed.

It says less rather than something wrong: of a cell whose effect on names can't be read from its
source (``exec``, ``%run``, a star import, an unknown cell magic) it only says so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Larger sources are taken for something that may do anything: parsing takes a second a megabyte.
LARGEST = 200_000

_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*\n?")
# Those that run the cell's Python in the notebook's namespace, and those that run another language.
_OF_PYTHON = {"capture", "time", "mlops", "prun"}
_OF_OTHERS = {
    *("bash", "sh", "script", "system", "sx", "writefile", "file", "html", "HTML", "latex", "svg"),
    *("javascript", "js", "markdown", "perl", "ruby", "timeit"),
}
_LINE = re.compile(
    r"^([ \t]*)(?:%(?P<magic>\w+)(?P<rest>[^\n]*)|[!?][^\n]*|[\w.]+\?{1,2}[ \t]*)$", re.M
)
_ASSIGNED = re.compile(r"^([ \t]*[\w., \t]+=[ \t]*)(?:%(?P<magic>\w+)|!)[^\n]*$", re.M)
_MEASURING = {"time", "prun", "memit"}
_ANYTHING = {"run", "store", "pylab", "reset", "reset_selective", "edit", "load", "rerun", "xdel"}
_RUNS_TEXT = {"exec", "eval", "globals", "locals"}

_RUNS_CELLS = {"run_cell", "run_line_magic", "run_cell_magic", "user_ns"}


class _UnreadableError(Exception):
    """The cell may do anything to names."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one cell.

    Attributes
    ----------
    needs : frozenset of str
        Read as the cell runs, and not bound by it before.
    binds : frozenset of str
        Bound at its outermost level.
    deletes : frozenset of str
        Deleted, and not bound again.
    later : mapping of str to frozenset of str
        Of each function or class that it defines, what that reads when it is used.
    changes : frozenset of str
        Bound or changed in place from their own former value: ``x += 1``, ``df = df.dropna()``.
    imports : frozenset of str
        Of those that it binds, the ones that it imports: the same wherever that is done.
    readable : bool
        False where the cell may do anything to names.
    """

    needs: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    later: Mapping[str, frozenset[str]] = field(default_factory=dict)
    changes: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    readable: bool = True


UNREADABLE = Names(readable=False)


def names_of(source: str) -> Names:
    r"""Return the names that a cell reads and binds.

    Examples
    --------
    >>> found = names_of("df = load(path)\ntop = df.head()")
    >>> sorted(found.needs), sorted(found.binds)
    (['load', 'path'], ['df', 'top'])
    >>> names_of("%run other.py").readable
    False
    """
    if len(source) > LARGEST:
        return UNREADABLE
    try:
        tree = ast.parse(_python(source))
        reader = _Reader()
        reader.read(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, _UnreadableError):
        return UNREADABLE
    return Names(
        needs=frozenset(reader.needs),
        binds=frozenset(reader.binds),
        deletes=frozenset(reader.deletes),
        later=reader.later,
        changes=frozenset(reader.changed | (reader.needs & reader.binds)),
        imports=frozenset(reader.imports),
    )


def _python(source: str) -> str:
    """Return a cell's Python, with what IPython adds to the language taken out."""
    while found := _CELL_MAGIC.match(source):
        if found.group(1) in _OF_OTHERS:
            return ""
        if found.group(1) not in _OF_PYTHON:
            raise _UnreadableError
        source = source[found.end() :]
    try:
        # Most cells have no magic; in one that has, a line of a text may look like one.
        ast.parse(source)
    except SyntaxError:
        source = _ASSIGNED.sub(_none, source)
        source = _LINE.sub(_statement, source)
    return source


def _none(found: re.Match[str]) -> str:
    if found.group("magic") in _ANYTHING:
        raise _UnreadableError
    return f"{found.group(1)}None"


def _statement(found: re.Match[str]) -> str:
    magic, rest = found.group("magic"), found.group("rest") or ""
    if magic in _ANYTHING:
        raise _UnreadableError
    return found.group(1) + (rest.strip() if magic in _MEASURING and rest.strip() else "pass")


class _Reader(ast.NodeVisitor):
    """Goes through statements in the order in which they are executed."""

    def __init__(self) -> None:
        self.needs: set[str] = set()
        self.binds: set[str] = set()
        self.deletes: set[str] = set()
        self.changed: set[str] = set()
        self.imports: set[str] = set()
        self.later: dict[str, frozenset[str]] = {}

    def read(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._reads(node.id)
        elif isinstance(node.ctx, ast.Store):
            self._binds(node.id)
        else:
            self.binds.discard(node.id)
            self.deletes.add(node.id)

    def _reads(self, name: str) -> None:
        if name in _RUNS_TEXT:
            raise _UnreadableError
        if name not in self.binds:
            self.needs.add(name)
        # Using a function of this cell reads what the function does.
        self.needs |= self.later.get(name, frozenset()) - self.binds

    def _binds(self, name: str) -> None:
        self.binds.add(name)
        self.deletes.discard(name)
        self.imports.discard(name)
        self.later.pop(name, None)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in _RUNS_CELLS:
            raise _UnreadableError
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        inner: ast.expr = node.target
        while isinstance(inner, ast.Attribute | ast.Subscript):
            inner = inner.value
        if isinstance(inner, ast.Name):
            if inner.id not in self.binds:
                self.changed.add(inner.id)
            self._reads(inner.id)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self.visit(node.target)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        self.read([*node.body, *node.orelse])

    visit_AsyncFor = visit_For  # noqa: N815 - ast's name

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name == "*":
                raise _UnreadableError
            name = alias.asname or alias.name.partition(".")[0]
            self._binds(name)
            self.imports.add(name)

    visit_ImportFrom = visit_Import  # noqa: N815 - ast's name

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self._binds(node.name)
        self.read(node.body)
        if node.name:
            self.binds.discard(node.name)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self.generic_visit(node)
        if node.name:
            self._binds(node.name)

    visit_MatchStar = visit_MatchAs  # noqa: N815 - ast's name

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self._binds(node.rest)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, *_evaluated(node.args), node.returns):
            if part is not None:
                self.visit(part)
        self._binds(node.name)
        self.later[node.name] = frozenset(_free(node) - {node.name})
        for name in self.later[node.name] if node.decorator_list else ():
            # The decorator may call it.
            self._reads(name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast's name

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *(k.value for k in node.keywords)):
            self.visit(part)
        inside = _Reader()
        inside.read(node.body)
        for name in inside.needs:
            self._reads(name)
        self._binds(node.name)
        methods = frozenset().union(*inside.later.values())
        self.later[node.name] = methods - {node.name}

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in _evaluated(node.args):
            self.visit(part)
        self._needs_of(_free(node))

    def visit_ListComp(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        inside = _Reader()
        for part in node.generators:
            inside.visit(part.iter)
            inside.visit(part.target)
            for condition in part.ifs:
                inside.visit(condition)
        for value in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            inside.visit(value)
        self._needs_of(inside.needs)
        for walrus in (n for n in ast.walk(node) if isinstance(n, ast.NamedExpr)):
            self.visit(walrus.target)

    visit_SetComp = visit_ListComp  # noqa: N815 - ast's name
    visit_DictComp = visit_ListComp  # noqa: N815 - ast's name
    visit_GeneratorExp = visit_ListComp  # noqa: N815 - ast's name

    def _needs_of(self, names: Iterable[str]) -> None:
        for name in names:
            self._reads(name)

    def visit_Global(self, _: ast.Global) -> None:
        raise _UnreadableError


def _evaluated(arguments: ast.arguments) -> list[ast.expr]:
    """Return what of a function's parameters is evaluated where it is defined."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    annotations = [a.annotation for a in every if a.annotation is not None]
    return [*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None), *annotations]


def _free(function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> set[str]:
    """Return the names that a function reads and does not bind."""
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    inside = _Reader()
    if isinstance(function, ast.Lambda):
        inside.visit(function.body)
    else:
        inside.read(function.body)
    read = inside.needs.union(*inside.later.values())
    # A name that is bound anywhere in a function is its own everywhere in it.
    return read - inside.binds - inside.deletes - {argument.arg for argument in every}
