"""The notebook's door: ``%mlops VERB``, ``%%mlops track`` and what IPython tells of each cell.

A tracked cell is run by IPython itself. Its first line is replaced by a call that opens the run,
on the same line, so that line numbers, top-level ``await`` and the user's own traceback stay as
they are; IPython's events then record the cell and close its run.
"""

from __future__ import annotations

import dis
import functools
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
    output_can_be_silenced,
)

from mlops_nb.core.errors import InputError, MlopsError, VerdictError
from mlops_nb.core.nearest import suggest
from mlops_nb.core.records import now
from mlops_nb.interfaces import display
from mlops_nb.interfaces.outputs import Outputs

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_nb.interfaces.session import Session
    from mlops_nb.interfaces.verbs import Verb

_TRACKED = re.compile(r"%%mlops(?:[ \t]+(.*))?$")
# Blank lines and comments may stand before it.
_IDLE = re.compile(r"\s*(#.*)?$")
_CELL = "cell-of:"
_HELP = {"--help", "-h"}


@magics_class
class MlopsMagics(Magics):
    """``%mlops`` and ``%%mlops``."""

    @no_var_expand
    @needs_local_scope
    @output_can_be_silenced
    @line_cell_magic
    def mlops(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None
    ) -> Any:
        """MLOps without leaving the notebook: `%mlops` lists the verbs."""
        if cell is not None:
            raise UsageError("%%mlops must be on the first line of a cell")
        shell: Any = self.shell
        scope = {**shell.user_ns, **(local_ns or {})}
        if line.startswith(_CELL):
            return _guarded(lambda: _begin_cell(line.removeprefix(_CELL), scope))
        result = _guarded(lambda: _call(shell, line, scope))
        if result is not None and _is_dropped() and not line.rstrip().endswith(";"):
            _show(result)
        return result


@dataclass(slots=True)
class _Running:
    """The cell that is running, as IPython told; the session may not be made yet.

    A cell may run another (``%%capture`` runs its body as one): only the outer one is the
    notebook's.
    """

    info: Any = None
    source: str = ""
    started_at: datetime | None = None
    clock: float = 0.0
    cell_id: str | None = None


_running = _Running()
_outputs = Outputs()


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
    _begun(history.input_hist_raw[-1] if history else "")
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        # Asked to shut down, a kernel may wait for its children longer than Jupyter waits for it:
        # handlers of atexit would come too late.
        kernel.do_shutdown = functools.partial(_shutting_down, kernel.do_shutdown)
    if "MLOPS_RUN_ID" in os.environ:
        _session().before(_earlier(shell), shell.user_ns)


def _session() -> Session:
    """Return the session, made when the first verb needs it: loading must cost next to nothing."""
    from mlops_nb.interfaces import session

    current = session.current()
    if current.cell is None and _running.started_at is not None:
        # It was made in this cell.
        current.cell_started(
            _running.source,
            at=_running.started_at,
            clock=_running.clock,
            cell_id=_running.cell_id,
        )
    return current


def unload(shell: InteractiveShell) -> None:
    """Take everything out again; an open run ends here."""
    if not _loaded(shell):
        return
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("mlops", None)
    shell.magics_manager.registry.pop("MlopsMagics", None)
    shell.input_transformers_cleanup.remove(tracked_cell)
    shell.events.unregister("pre_run_cell", _started)
    shell.events.unregister("post_run_cell", _ended)
    shell.Completer.custom_matchers.remove(matcher)
    _outputs.end(None)
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
    first = next((at for at, line in enumerate(lines) if not _IDLE.match(line)), len(lines))
    found = _TRACKED.fullmatch(lines[first].rstrip()) if lines[first:] else None
    if found is None:
        return lines
    from IPython.core.inputtransformer2 import cell_magic

    words = found.group(1) or ""
    if _HELP & set(words.split()):
        # Help is all that was asked for.
        return [f"get_ipython().run_line_magic('mlops', {words!r})\n"]
    call = f"get_ipython().run_line_magic('mlops', {_CELL + words!r})\n"
    return [*lines[:first], call, *cell_magic(lines[first + 1 :])]


def _loaded(shell: InteractiveShell) -> bool:
    return tracked_cell in shell.input_transformers_cleanup


def _call(shell: Any, line: str, scope: Mapping[str, Any]) -> Any:
    from mlops_nb.interfaces import lookup, parsing

    options, words = parsing.door_options(parsing.split(line), "notebook")
    asked = parsing.help_for(words, "notebook")
    if asked is not None:
        _print(asked)
        return None
    verb, after = lookup.find(words)
    takes_pairs = any(argument.kind == "pairs" for argument in verb.arguments)
    given = [
        word if takes_pairs and parsing.is_pair(word) else parsing.expand(word, scope)
        for word in after
    ]
    call = parsing.parse(verb, given, "notebook")
    if "notebook" not in verb.doors:
        raise InputError(f"`{verb.name}` needs a terminal", hint=f"type `mlops {verb.name}` there")
    arguments = _resolved(verb, parsing.flow_arguments(call), scope)
    try:
        result = _perform(shell, verb, arguments, scope, options.get("project"))
    except MlopsError:
        if "debug" in options:
            traceback.print_exc()
        raise
    if call.as_json:
        from mlops_nb.core.strict_json import dumps

        _print(dumps(result, indent=2) + "\n")
        return None
    return display.shown(result, verb.name)


def _perform(
    shell: Any,
    verb: Verb,
    arguments: dict[str, Any],
    scope: Mapping[str, Any],
    project: str | None,
) -> Any:
    from mlops_nb.interfaces import parsing

    current = _session()
    if verb.name == "track":
        return _track(shell, arguments, scope, project)
    if verb.name == "log":
        # IPython's own names, such as `exit`, are words here.
        values = parsing.pairs(arguments.pop("values"), scope, reserved=shell.user_ns_hidden)
        return verb.load()(current.context(project=project), values, **arguments)
    return verb.load()(current.context(watch(), project=project), **arguments)


def _track(
    shell: Any, arguments: dict[str, Any], scope: Mapping[str, Any], project: str | None
) -> Any:
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
    run = current.track(
        name, project=project, namespace=scope, history=_earlier(shell), **arguments
    )
    return Notice(
        f"{'still tracking' if was_open else 'tracking'} this notebook as {run.name!r}",
        hint="`%mlops log name=value` adds to it; `%mlops track stop` ends it",
        details={"run_id": run.run_id, "experiment": run.experiment},
    )


def _begin_cell(line: str, scope: Mapping[str, Any]) -> None:
    from mlops_nb.interfaces import lookup, parsing

    words = parsing.split(line)
    if not words or words[0] != "track":
        given = words[0] if words else ""
        hint = suggest(given, ["track"])
        raise InputError(f"%%mlops {given} has no form for cells".replace("  ", " "), hint=hint)
    words = [parsing.expand(word, scope) for word in words[1:]]
    call = parsing.parse(lookup.verb("track"), words, "notebook")
    if set(call.arguments) - {"name"} or call.as_json:
        raise InputError("%%mlops track takes a name and no options")
    if call.arguments.get("name") == "stop":
        raise InputError("`track stop` needs no cell", hint="type `%mlops track stop`")
    _session().begin_cell(call.arguments.get("name"), scope)


def _resolved(verb: Verb, arguments: dict[str, Any], scope: Mapping[str, Any]) -> dict[str, Any]:
    """Put the objects in scope in the place of the names of data, arrays and models."""
    from mlops_nb.flows.context import Named
    from mlops_nb.interfaces import parsing

    kinds = {a.parameter: a.kind for a in verb.arguments}
    has_data = bool({"data", "model"} & set(arguments))
    for key, text in arguments.items():
        if kinds.get(key) == "values":
            arguments[key] = _arrays(text, scope, has_data=has_data)
        if kinds.get(key) == "metric":
            arguments[key] = _functions(text, scope)
        if kinds.get(key) not in ("data", "model", "schema") or not isinstance(text, str):
            continue
        found = parsing.lookup(text, scope)
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


def _arrays(given: Any, scope: Mapping[str, Any], *, has_data: bool) -> Any:
    """Put arrays in scope in the place of their names; a name that is none may be a column's."""
    from mlops_nb.flows.columns import is_array
    from mlops_nb.flows.context import Named
    from mlops_nb.interfaces import parsing

    if isinstance(given, list):
        return [_arrays(each, scope, has_data=has_data) for each in given]
    found = parsing.lookup(given, scope)
    if is_array(found):
        return Named(given, found)
    if not has_data:
        known = [n for n in scope if not n.startswith("_") and is_array(scope[n])]
        raise InputError(f"no array in scope is called {given!r}", hint=suggest(given, known))
    return given


def _functions(given: Any, scope: Mapping[str, Any]) -> Any:
    """Put functions in scope beside their names; which names are metrics already, the flow says."""
    from mlops_nb.flows.context import Named
    from mlops_nb.interfaces import parsing

    if isinstance(given, dict):
        return dict(zip(_functions([*given], scope), given.values(), strict=True))
    found = [(name, parsing.lookup(name, scope)) for name in given]
    return [
        Named(name, value)
        if callable(value) and isinstance(value, Hashable) and not isinstance(value, type)
        else name
        for name, value in found
    ]


def _earlier(shell: Any) -> list[tuple[int, str]]:
    """Return the cells that ran before the present one, with their numbers."""
    history = getattr(shell, "history_manager", None)
    ran = [] if history is None else history.input_hist_raw[1:-1]
    return [(number, source) for number, source in enumerate(ran, 1) if source.strip()]


def _guarded(action: Callable[[], Any]) -> Any:
    """Do it; bad input becomes IPython's UsageError, a verdict is shown before it is raised."""
    try:
        return action()
    except VerdictError as error:
        _show(error.report)
        raise
    except InputError as error:
        # Exactly this class: IPython shows a traceback for any other, a subclass included.
        raise UsageError(str(error)) from None


def _is_dropped() -> bool:
    """Tell whether the code that called the magic does nothing with its value.

    IPython shows the value of a cell's last expression only, and a magic in the middle of a cell,
    in a loop or in a function is there to show something too. What the code does next with the
    value stands in its bytecode: nothing (POP_TOP), show it, or keep it.
    """
    frame = sys._getframe()
    while frame is not None and frame.f_code.co_name != "run_line_magic":
        frame = frame.f_back  # type: ignore[assignment]
    caller = None if frame is None else frame.f_back
    if caller is None:
        return False
    following = (i for i in dis.get_instructions(caller.f_code) if i.offset > caller.f_lasti)
    return next((i.opname for i in following), "") == "POP_TOP"


def _print(text: str) -> None:
    # IPython's standard output, which is the cell's.
    sys.stdout.write(text)


def _show(result: Any) -> None:
    from IPython.display import display as show

    show(result)


def watch() -> Any:
    """Return who is told of progress in a notebook."""
    from mlops_nb.interfaces.watching import notebook_watch

    return notebook_watch()


def _started(info: Any) -> None:
    if _running.info is None:
        _begun(info.raw_cell, info)
        # Before the first run, only where this cell may open it.
        if _made() or "%mlops" in info.raw_cell:
            _outputs.begin(get_ipython())


def _begun(source: str, info: Any = None) -> None:
    _running.info = info
    _running.source = source
    _running.started_at = now()
    _running.clock = time.monotonic()
    _running.cell_id = getattr(info, "cell_id", None)
    if _made():
        _session()


def _ended(result: Any) -> None:
    # Not by identity: where a cell was interrupted, IPython makes another info.
    if _running.info and result and result.info.raw_cell != _running.info.raw_cell:
        return
    # There is no result where a cell with `await` was interrupted.
    error = result.error_before_exec or result.error_in_exec if result else KeyboardInterrupt()
    shown = _outputs.end(error)
    # IPython tells of an empty cell's end, though not of its beginning.
    current = _session() if _made() and _running.started_at else None
    _running.info = _running.started_at = None
    if current is None:
        return
    shell = get_ipython()
    try:
        current.cell_ended(
            error, shell.user_ns if shell else {}, shown=shown, execution_count=_count(result)
        )
    except MlopsError as problem:
        # IPython would print a traceback of ours under the user's cell; she needs one line.
        sys.stderr.write(f"mlops_nb: this cell was not recorded: {problem}\n")
    trouble = current.trouble()
    if trouble is not None:
        sys.stderr.write(f"mlops_nb: {trouble}\n")


def _shutting_down(original: Callable[[bool], Any], restart: bool) -> Any:
    """Close what is open before the kernel begins to end."""
    if _made():
        from mlops_nb.interfaces import session

        session.end(restarted=restart)
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


def _count(result: Any) -> int:
    """Return the number that the notebook shows beside the cell that has ended.

    Before its end, some IPython have counted on already, and others have not.
    """
    history = getattr(get_ipython(), "history_manager", None)
    if result is not None:
        return int(result.execution_count)
    return 0 if history is None else len(history.input_hist_raw) - 1
