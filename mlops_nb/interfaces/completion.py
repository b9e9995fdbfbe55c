"""Tab completion: exactly the verbs, options and values that are valid where the cursor is.

One function says what fits; the notebook's matcher and the shell's completion both ask it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import MlopsError
from mlops_nb.interfaces import lookup, parsing

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext, SimpleMatcherResult

    from mlops_nb.interfaces.verbs import Argument, Door, Verb

_LINE = re.compile(r"^\s*(?:[\w, ]+=\s*)?(%{1,2})mlops\s(.*)$", re.DOTALL)
_FILES: Mapping[str, tuple[str, ...]] = {
    "notebook": (".ipynb",),
    "data": (".parquet", ".csv", ".tsv", ".json", ".jsonl", ".feather", ".gz", ".profile"),
    "path": (),
}


class _Alone(list[Any]):
    """Completions beside which IPython shows no others, also where there is none.

    IPython asks the length only to tell whether a matcher that wants to be alone found anything.
    """

    def __len__(self) -> int:
        return max(super().__len__(), 1)


def complete(
    words: Sequence[str], fragment: str, door: Door, scope: Mapping[str, Any] | None = None
) -> list[str]:
    """List what may stand for `fragment`, after `words`.

    Examples
    --------
    >>> complete([], "dr", "notebook")
    ['drift']
    >>> complete(["drift"], "--sh", "terminal")
    ['--share']
    """
    if words[-1:] == ["--project"]:
        return _beginning(fragment, [name for name in _files("path", fragment) if name[-1] == "/"])
    given = set(words)
    try:
        options, words = parsing.door_options(words, door)
    except MlopsError:
        return []
    if not words:
        verbs = dict.fromkeys(verb.name.split()[0] for verb in lookup.verbs_of(door))
        options_left = ["--help", *(o for o in parsing.DOOR_OPTIONS[door] if o not in given)]
        return _beginning(fragment, options_left if fragment.startswith("-") else verbs)
    members = lookup.family(words[0], door)
    if members and len(words) == 1:
        return _beginning(fragment, ["--help"] if fragment[:1] == "-" else _second_words(members))
    try:
        verb, after = lookup.find(words)
    except MlopsError:
        return []
    if door not in verb.doors:
        return []
    awaited = _awaited(verb, after)
    if awaited is not None and (awaited.flags or not fragment.startswith("-")):
        if awaited.kind in ("column", "values"):
            columns = _columns(after, scope or {})
            arrays = _named(scope or {}, "shape") if awaited.kind == "values" else []
            return _beginning(fragment, [*columns, *arrays])
        values = _values(awaited, verb, fragment, scope or {}, options.get("project"))
        return _beginning(fragment, values)
    if fragment.startswith("-"):
        return _beginning(fragment, _options_left(verb, given))
    return []


def matches(context: CompletionContext) -> SimpleMatcherResult:
    """Complete a ``%mlops`` line, alone; on any other line say nothing."""
    from IPython.core.completer import SimpleCompletion
    from IPython.core.getipython import get_ipython

    found = _LINE.match(context.line_with_cursor[: context.cursor_position])
    if found is None:
        return {"completions": [], "suppress": False}
    fragment = re.split(r"\s", found.group(2))[-1]
    before = found.group(2)[: len(found.group(2)) - len(fragment)].split()
    shell = get_ipython()
    if found.group(1) == "%%":
        options = ["track"] if not before else []
        texts = _beginning(fragment, options)
    else:
        texts = complete(before, fragment, "notebook", shell.user_ns if shell else {})
    return {
        "completions": _Alone(SimpleCompletion(text) for text in texts),
        "matched_fragment": fragment,
        "suppress": True,
    }


def shell_words(line: str, cursor: int) -> tuple[list[str], str]:
    """Cut a shell's line at the cursor into the words before it and the one being typed.

    Examples
    --------
    >>> shell_words("mlops dr", 8)
    ([], 'dr')
    """
    text = line[:cursor]
    fragment = re.split(r"\s", text)[-1]
    return text[: len(text) - len(fragment)].split()[1:], fragment


def _second_words(members: Iterable[Verb]) -> list[str]:
    return [member.name.split()[1] for member in members]


def _awaited(verb: Verb, words: Sequence[str]) -> Argument | None:
    """Return the argument whose value comes next: an option's, else the next positional one."""
    by_flag = {flag: argument for argument in verb.arguments for flag in verb.spellings(argument)}
    positional = [argument for argument in verb.arguments if not argument.flags]
    waiting: Argument | None = None
    left = 0
    taken = 0
    for word in words:
        if left:
            left -= 1
            continue
        if word.startswith("-"):
            waiting = by_flag.get(word)
            left = 0 if waiting is None or waiting.kind == "flag" else waiting.values
        else:
            taken += 1
    if left and waiting is not None:
        return waiting
    if positional and positional[-1].many:
        taken = min(taken, len(positional) - 1)
    return positional[taken] if taken < len(positional) else None


def _options_left(verb: Verb, given: set[str]) -> list[str]:
    used = given & {"--json", "--help", "--project"}
    for argument in verb.arguments:
        spellings = set(verb.spellings(argument))
        if not argument.many and given & spellings:
            used |= spellings
    return [name for name in parsing.option_names(verb) if name not in used]


def _values(
    argument: Argument, verb: Verb, fragment: str, scope: Mapping[str, Any], project: str | None
) -> Iterable[str]:
    if argument.choices:
        return argument.choices
    if verb.name == "track" and argument.name == "name":
        return ["stop"]
    match argument.kind:
        case "data":
            versions = [label for label in _stored("dataset", project) if "@" in label]
            return [*_named(scope, "columns"), *versions, *_files("data", fragment)]
        case "model":
            return [*_named(scope, "predict"), *_stored("registered", project)]
        case "schema":
            return [*_named(scope, "validate"), *_files("path", fragment)]
        case "run" | "experiment" | "registered" | "dataset" | "job":
            return _stored(argument.kind, project)
        case "timezone":
            from zoneinfo import available_timezones

            return sorted(available_timezones())
        case "notebook" | "path":
            return _files(argument.kind, fragment)
        case _:
            return []


def _named(scope: Mapping[str, Any], attribute: str) -> list[str]:
    return sorted(
        name
        for name, value in scope.items()
        if not name.startswith("_") and not isinstance(value, type) and hasattr(value, attribute)
    )


def _columns(words: Iterable[str], scope: Mapping[str, Any]) -> list[str]:
    """List the columns of the frames in scope that the words name, as one has to write them."""
    frames = [scope[word] for word in words if word in scope]
    names = [str(name) for frame in frames for name in getattr(frame, "columns", ())]
    return [shlex.quote(name) for name in dict.fromkeys(names) if name.isprintable()]


def _stored(kind: str, project: str | None) -> list[str]:
    """List a project's names of one kind; a project that can't be read completes to nothing."""
    from mlops_nb.interfaces import session

    try:
        found = session.current().context(project=project).project
        if kind == "registered":
            return sorted({version.name for version in found.models.versions()})
        if kind == "experiment":
            return found.runs.experiments()
        if kind == "dataset":
            kept = found.datasets.all()
            return sorted({v.name for v in kept}) + [f"{v.name}@{v.version}" for v in kept]
        if kind == "job":
            return sorted(job.name for job in found.jobs.all())
        recent = found.runs.search(children=True, limit=200)
        return ["latest", *(run.run_id for run in recent)]
    except MlopsError:
        return []


def _files(kind: str, fragment: str) -> list[str]:
    head, slash, _ = fragment.rpartition("/")
    folder = Path(head + slash or ".").expanduser()
    endings = _FILES[kind]
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        f"{head}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if not entry.name.startswith(".")
        and (entry.is_dir() or not endings or entry.name.endswith(endings))
    ]


def _beginning(fragment: str, options: Iterable[str]) -> list[str]:
    return [option for option in options if option.startswith(fragment)]
