"""The notebook's door: ``%mlops VERB``, ``%%mlops track`` and what IPython tells of each cell.

A tracked cell is run by IPython itself. Its first line is replaced by a call that opens the run,
on the same line, so that line numbers, top-level ``await`` and the user's own traceback stay as
they are; IPython's events then record the cell and close its run.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)

from mlops_nb.core.errors import InputError, MlopsError, VerdictError
from mlops_nb.core.nearest import suggest
from mlops_nb.interfaces import display

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_nb.interfaces.commands import Verb
    from mlops_nb.interfaces.session import Session

_TRACKED = re.compile(r"%%mlops(?:[ \t]+(.*))?$")
_CELL = "cell-of:"


@magics_class
class MlopsMagics(Magics):
    """``%mlops`` and ``%%mlops``."""

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def mlops(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """MLOps without leaving the notebook: `%mlops` lists the verbs."""
        shell: Any = self.shell
        scope = {**shell.user_ns, **(local_ns or {})}
        if cell is not None:
            raise UsageError("%%mlops must be on the first line of a cell")
        if line.startswith(_CELL):
            return _guarded(lambda: _begin_cell(line.removeprefix(_CELL), scope), debug=False)
        debug = "--debug" in line.split()
        words = line.replace("--debug", "", 1) if debug else line
        result = _guarded(lambda: _call(shell, words, scope), debug=debug)
        return _placed(line, result)


@dataclass(slots=True)
class _Running:
    """The cell that is running, as IPython told; the session may not be made yet."""

    source: str = ""
    execution_count: int | None = None
    cell_id: str | None = None


_running = _Running()


def load(shell: InteractiveShell) -> None:
    """Put the magics, the cell's form, completion and formatters into a shell, once."""
    if _loaded(shell):
        return
    shell.register_magics(MlopsMagics)
    shell.input_transformers_cleanup.append(tracked_cell)
    shell.events.register("pre_run_cell", _started)
    shell.events.register("post_run_cell", _ended)
    shell.Completer.custom_matchers.insert(0, matcher)
    display.attach(shell.display_formatter)
    # The cell that loads us is running; it is taken as if it began now.
    history = shell.history_manager
    _running.source = history.input_hist_raw[-1] if history else ""
    _running.execution_count = shell.execution_count
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        # Asked to shut down, a kernel may wait for its children longer than Jupyter waits for it:
        # handlers of atexit would come too late.
        kernel.do_shutdown = functools.partial(_shutting_down, kernel.do_shutdown)
    if "MLOPS_RUN_ID" in os.environ:
        _session()


def _session() -> Session:
    """Return the session, made when the first verb needs it: loading must cost next to nothing."""
    from mlops_nb.interfaces import session

    current = session.current()
    if current.cell is None:
        current.cell_started(
            _running.source, execution_count=_running.execution_count, cell_id=_running.cell_id
        )
    return current


def unload(shell: InteractiveShell) -> None:
    """Take everything out again; an open run goes on until the kernel ends."""
    if not _loaded(shell):
        return
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mlops", None)
    shell.magics_manager.registry.pop("MlopsMagics", None)
    shell.input_transformers_cleanup.remove(tracked_cell)
    shell.events.unregister("pre_run_cell", _started)
    shell.events.unregister("post_run_cell", _ended)
    shell.Completer.custom_matchers.remove(matcher)
    display.detach(shell.display_formatter)
    if hasattr(shell, "kernel"):
        del shell.kernel.do_shutdown
    made = sys.modules.get("mlops_nb.interfaces.session")
    if made is not None:
        made.close()


def tracked_cell(lines: list[str]) -> list[str]:
    """Replace the line ``%%mlops track NAME`` of a cell by a call that opens its run.

    Examples
    --------
    >>> tracked_cell(['%%mlops track "wide"', "fit()"])[1]
    'fit()'
    """
    found = _TRACKED.fullmatch(lines[0].rstrip()) if lines else None
    if found is None:
        return lines
    from IPython.core.inputtransformer2 import cell_magic

    call = f"get_ipython().run_line_magic('mlops', {_CELL + (found.group(1) or '')!r})\n"
    return [call, *cell_magic(lines[1:])]


def _loaded(shell: InteractiveShell) -> bool:
    return tracked_cell in shell.input_transformers_cleanup


def _call(shell: Any, line: str, scope: Mapping[str, Any]) -> Any:
    from mlops_nb.interfaces import commands, parsing

    words = parsing.split(line)
    if not words or words[0] in ("--help", "-h", "help"):
        return _Text(parsing.overview("notebook"))
    verb = commands.verb(words[0])
    call = parsing.parse(verb, [parsing.expand(word, scope) for word in words[1:]], "notebook")
    if call.help:
        return _Text(parsing.help_text(verb, "notebook"))
    if "notebook" not in verb.doors:
        raise InputError(f"`{verb.name}` needs a terminal", hint=f"type `mlops {verb.name}` there")
    arguments = _resolved(verb, parsing.flow_arguments(call), scope)
    result = _perform(shell, verb, arguments, scope)
    return _Json(result) if call.as_json else display.shown(result, verb.name)


def _perform(shell: Any, verb: Verb, arguments: dict[str, Any], scope: Mapping[str, Any]) -> Any:
    from mlops_nb.interfaces import parsing

    current = _session()
    if verb.name == "track":
        return _track(shell, arguments, scope)
    if verb.name == "log":
        values = parsing.pairs(arguments.pop("values"), lambda text: _scoped(text, scope))
        return verb.load()(current.context(), values, **arguments)
    return verb.load()(current.context(watch()), **arguments)


def _track(shell: Any, arguments: dict[str, Any], scope: Mapping[str, Any]) -> Any:
    from mlops_nb.core.records import Notice

    current = _session()
    name = arguments.pop("name", None)
    if name == "stop":
        run = current.stop()
        if current.joined:
            return Notice(f"run {run.name!r} goes on: it ends when its runner has all cells done")
        return Notice(
            f"run {run.name!r} is {run.status}",
            hint=f"`%mlops show {run.run_id}` opens it",
            details={"run_id": run.run_id},
        )
    was_open = bool(current.open) and not current.joined
    run = current.track(name, namespace=scope, history=_earlier(shell), **arguments)
    return Notice(
        f"{'still tracking' if was_open else 'tracking'} this notebook as {run.name!r}",
        hint="`%mlops log name=value` adds to it; `%mlops track stop` ends it",
        details={"run_id": run.run_id, "experiment": run.experiment},
    )


def _begin_cell(line: str, scope: Mapping[str, Any]) -> None:
    from mlops_nb.interfaces import commands, parsing

    words = parsing.split(line)
    if not words or words[0] != "track":
        given = words[0] if words else ""
        hint = suggest(given, ["track"])
        raise InputError(f"%%mlops {given} has no form for cells".replace("  ", " "), hint=hint)
    words = [parsing.expand(word, scope) for word in words[1:]]
    call = parsing.parse(commands.verb("track"), words, "notebook")
    _session().begin_child(call.arguments.get("name"), scope)


def _resolved(verb: Verb, arguments: dict[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """Put the objects in scope in the place of the names of data and models."""
    from mlops_nb.flows.context import Named

    kinds = {a.parameter: a.kind for a in verb.arguments}
    for key, text in arguments.items():
        if kinds.get(key) not in ("data", "model") or not isinstance(text, str):
            continue
        found = _lookup(text, scope)
        if found is not None:
            arguments[key] = Named(text, found)
        elif text.isidentifier():
            if kinds[key] == "data" and not Path(text).exists():
                known = [n for n in scope if not n.startswith("_") and hasattr(scope[n], "columns")]
                raise InputError(
                    f"no DataFrame or file is called {text!r}", hint=suggest(text, known)
                )
            if kinds[key] == "model" and verb.name in ("register", "mitigate"):
                known = [n for n in scope if not n.startswith("_") and hasattr(scope[n], "predict")]
                raise InputError(f"no model is called {text!r}", hint=suggest(text, known))
    return arguments


def _lookup(text: str, scope: Mapping[str, Any]) -> Any:
    """Return the object of a dotted name in scope (``fair.model``); None where there is none."""
    first, *rest = text.split(".")
    if first not in scope or not all(part.isidentifier() for part in (first, *rest)):
        return None
    found = scope[first]
    for part in rest:
        found = getattr(found, part, None)
    return found


def _scoped(text: str, scope: Mapping[str, Any]) -> Any:
    """Read a value of `log`: a JSON literal, else a name in scope, else text."""
    from mlops_nb.interfaces import parsing

    value = parsing.value(text)
    if not isinstance(value, str) or value != text:
        return value
    found = _lookup(text, scope)
    return text if found is None else found


def _earlier(shell: Any) -> list[str]:
    """Return the cells that ran before the present one."""
    history = getattr(shell, "history_manager", None)
    return [] if history is None else [s for s in history.input_hist_raw[1:-1] if s.strip()]


def _guarded(action: Callable[[], Any], *, debug: bool) -> Any:
    """Do it; bad input becomes IPython's UsageError, a verdict is shown before it is raised."""
    try:
        return action()
    except VerdictError as error:
        _show(error.report)
        raise
    except MlopsError as error:
        if debug or not isinstance(error, InputError):
            raise
        # Exactly this class: IPython shows a traceback for any other, a subclass included.
        raise UsageError(str(error)) from None


class _Text(str):
    """Text that is shown as it is."""

    __slots__ = ()


class _Json:
    """A result that was asked for as JSON."""

    def __init__(self, result: Any) -> None:
        from mlops_nb.core.strict_json import dumps

        self.text = dumps(result, indent=2)


def _placed(line: str, result: Any) -> Any:
    """Show a result where IPython would not: a magic that is not its cell's last expression."""
    if result is None:
        return None
    if isinstance(result, _Text):
        print(result, end="")  # noqa: T201 - help is printed, as IPython's own
        return None
    if isinstance(result, _Json):
        print(result.text)  # noqa: T201 - one JSON value on standard output
        return None
    current = _session()
    place = _place(current.cell.source if current.cell else "", line)
    if place == "inner":
        _show(result)
    return result


def _place(source: str, line: str) -> str:
    r"""Say where in its cell a magic stands: "last", "assigned" or "inner".

    Examples
    --------
    >>> _place("%mlops runs\nx = 1", "runs"), _place("r = %mlops runs", "runs")
    ('inner', 'assigned')
    """
    lines = [text.strip() for text in source.splitlines()]
    lines = [text for text in lines if text and not text.startswith("#")]
    call = f"%mlops {line}".strip()
    if lines and lines[-1].rstrip(";").rstrip() == call.rstrip(";").rstrip():
        return "last"
    if any(re.search(r"=\s*%mlops\b", text) and text.endswith(line.strip()) for text in lines):
        return "assigned"
    return "inner" if any(text.startswith("%mlops") for text in lines) else "assigned"


def _show(result: Any) -> None:
    from IPython.display import display as show

    show(result)


def watch() -> Any:
    """Return who is told of progress in a notebook."""
    from mlops_nb.interfaces.watching import notebook_watch

    return notebook_watch()


def _started(info: Any) -> None:
    if getattr(info, "silent", False):
        return
    _running.source = info.raw_cell or ""
    _running.execution_count = _count()
    _running.cell_id = getattr(info, "cell_id", None)
    if _made():
        _session().cell_started(
            _running.source, execution_count=_running.execution_count, cell_id=_running.cell_id
        )


def _ended(result: Any) -> None:
    if getattr(result.info, "silent", False) or not _made():
        return
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    error = result.error_before_exec or result.error_in_exec
    try:
        _session().cell_ended(error, shell.user_ns if shell else {})
    except MlopsError as problem:
        # IPython would print a traceback of ours under the user's cell; she needs one line.
        sys.stderr.write(f"mlops_nb: this cell was not recorded: {problem}\n")


def _shutting_down(original: Callable[[bool], Any], restart: bool) -> Any:
    """Close what is open before the kernel begins to end."""
    if _made():
        _session().end(restarted=restart)
    return original(restart)


def _made() -> bool:
    """Tell whether this process has a session."""
    module = sys.modules.get("mlops_nb.interfaces.session")
    return module is not None and module.made()


def matcher(context: CompletionContext) -> SimpleMatcherResult:
    """Complete a ``%mlops`` line, alone; on any other line say nothing."""
    if "%mlops" not in context.line_with_cursor:
        return {"completions": [], "suppress": False}
    from mlops_nb.interfaces import completion

    return completion.matches(context)


matcher.matcher_api_version = 2  # type: ignore[attr-defined]
matcher.matcher_identifier = "mlops_nb"  # type: ignore[attr-defined]
matcher.matcher_priority = 0  # type: ignore[attr-defined]


def _count() -> int | None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return None if shell is None else int(shell.execution_count)
