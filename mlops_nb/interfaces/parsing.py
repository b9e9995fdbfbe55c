"""From words to a flow's arguments: one parser for both text doors, made from the table."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.nearest import suggest
from mlops_nb.interfaces.commands import GROUPS, Argument, Door, Verb, verbs_of

_ARROWS = {"notebook": "%mlops ", "terminal": "mlops ", "python": "mlops_nb."}


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with its arguments as text, and the door's own options."""

    verb: Verb
    arguments: dict[str, Any]
    help: bool = False
    as_json: bool = False


class _Parser(argparse.ArgumentParser):
    """argparse that raises our errors and never leaves the process."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{self.prog.split()[-1]}: {message}", hint=f"see `{self.prog} --help`")


def parse(verb: Verb, words: Sequence[str], door: Door) -> Call:
    """Parse the words after a verb.

    Raises
    ------
    InputError
        If an argument is missing, unknown, or has a value of the wrong kind; the nearest right
        one is named.

    Examples
    --------
    >>> from mlops_nb.interfaces.commands import verb
    >>> parse(verb("drift"), ["a.csv", "b.csv", "--share", "0.3"], "terminal").arguments["share"]
    0.3
    """
    if "--help" in words or "-h" in words:
        return Call(verb, {}, help=True)
    parser = _parser(verb, door)
    found, unknown = parser.parse_known_args(_negative_numbers_kept(words))
    values = vars(found)
    if unknown:
        _refuse(verb, unknown[0])
    as_json = bool(values.pop("as_json"))
    for argument in verb.arguments:
        _check_choice(argument, values.get(argument.parameter))
    given = {key: value for key, value in values.items() if value not in (None, [], False)}
    return Call(verb, given, as_json=as_json)


def help_text(verb: Verb, door: Door) -> str:
    """Return the help of one verb as a door shows it."""
    text = _parser(verb, door).format_help()
    return text + (f"\nexample:\n  {_ARROWS[door]}{verb.example}\n" if verb.example else "")


def overview(door: Door) -> str:
    """Return the list of verbs as a door shows it."""
    start = _ARROWS[door]
    lines = ["MLOps without leaving the notebook.", "", f"usage: {start}VERB [ARGUMENTS]", ""]
    width = max(len(v.name) for v in verbs_of(door)) + 2
    for group, title in GROUPS.items():
        lines.append(f"{title}:")
        lines += [f"  {v.name:<{width}}{v.summary}" for v in verbs_of(door) if v.group == group]
        lines.append("")
    if door == "notebook":
        lines += ["%%mlops track [NAME]  on a cell's first line makes it a run of its own.", ""]
    lines.append(f"{start}VERB --help  says more of one.")
    return "\n".join(lines) + "\n"


def option_names(verb: Verb) -> list[str]:
    """List the options that a verb takes, its door's own included."""
    return [f for a in verb.arguments for f in a.flags] + ["--json", "--help"]


def value(text: str) -> Any:
    """Read a value given as text: JSON where it is JSON, else the text.

    Examples
    --------
    >>> value("2"), value("true"), value("wide")
    (2, True, 'wide')
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return text


def pairs(words: Sequence[str], read: Callable[[str], Any] = value) -> dict[str, Any]:
    """Read ``name=value`` words.

    Raises
    ------
    InputError
        If a word has no ``=``, or a name comes twice.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise InputError(f"{word!r} is not name=value", hint="write for example auc=0.78")
        if name in found:
            raise InputError(f"{name!r} is given twice")
        found[name] = read(text)
    return found


def named_values(given: Sequence[Sequence[str]], noun: str) -> dict[str, Any]:
    """Read options that take a name and a value each, such as ``-p months 2``.

    Raises
    ------
    InputError
        If a name comes twice.
    """
    found: dict[str, Any] = {}
    for name, text in given:
        if name in found:
            raise InputError(f"{noun} {name!r} is given twice")
        found[name] = value(text)
    return found


def flow_arguments(call: Call) -> dict[str, Any]:
    """Turn a call's texts into what its flow takes; data and models stay as they were given."""
    arguments = dict(call.arguments)
    for argument in call.verb.arguments:
        name = argument.parameter
        if name not in arguments:
            continue
        if argument.values == 2:
            noun = argument.flags[-1].lstrip("-")
            arguments[name] = named_values(arguments[name], noun)
        elif name == "positive" and isinstance(arguments[name], str):
            arguments[name] = value(arguments[name])
    return arguments


def split(line: str) -> list[str]:
    r"""Split a magic's line into words, as a shell would but for ``$``, ``;`` and braces.

    Quotes group and vanish, except inside braces or brackets, so that JSON stays JSON; a
    backslash before a quote or a blank takes away its meaning. A last ``;`` is left out: to
    IPython it means "show nothing".

    Raises
    ------
    InputError
        If a quote or a brace is not closed.

    Examples
    --------
    >>> split('track "wider trees"')
    ['track', 'wider trees']
    >>> split('log config={"a": 1} cost=$5;')
    ['log', 'config={"a": 1}', 'cost=$5']
    """
    line = line.strip()
    line = line[:-1].rstrip() if line.endswith(";") else line
    words: list[str] = []
    word, quote, depth, started = "", "", 0, False
    position = 0
    while position < len(line):
        sign = line[position]
        position += 1
        if sign == "\\" and not depth and line[position : position + 1] in ("'", '"', " ", "\\"):
            word, started, position = word + line[position], True, position + 1
        elif quote:
            word += sign if sign != quote or depth else ""
            quote = "" if sign == quote else quote
        elif sign in "\"'" and (depth or not word[-1:].isalnum()):
            # An apostrophe inside a word (don't) is a letter.
            quote, started, word = sign, True, word + (sign if depth else "")
        elif sign.isspace() and not depth:
            words, word, started = [*words, word] if started else words, "", False
        else:
            depth += (sign in "{[") - (sign in "}]" and depth > 0)
            word, started = word + sign, True
    if quote or depth:
        what = f"the quote {quote}" if quote else "a brace or bracket"
        raise InputError(f"{what} is not closed in: {line}")
    return [*words, word] if started else words


def expand(word: str, scope: Mapping[str, Any]) -> str:
    """Put values in scope in the place of ``{expression}`` and ``$name``.

    ``$5`` and ``$`` before a name that is not in scope stay as they are; ``{{`` and ``}}`` are
    braces; a word whose value is JSON stays as it is.

    Raises
    ------
    InputError
        If an expression in braces can't be evaluated.

    Examples
    --------
    >>> expand("depth={depth} cost=$5", {"depth": 3})
    'depth=3 cost=$5'
    """
    _, _, after = word.partition("=")
    if _is_json(word) or _is_json(after):
        return word
    marks = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|\$([A-Za-z_]\w*)")

    def replaced(match: re.Match[str]) -> str:
        if match.group() in ("{{", "}}"):
            return match.group()[0]
        if match.group(2) is not None:
            name = match.group(2)
            return str(scope[name]) if name in scope else match.group()
        return str(_evaluated(match.group(1), scope))

    return marks.sub(replaced, word)


def _evaluated(expression: str, scope: Mapping[str, Any]) -> Any:
    try:
        # The user's own expression in the user's own namespace, as IPython's {expr} is.
        return eval(expression, {}, scope)  # noqa: S307
    except NameError as error:
        known = [name for name in scope if not name.startswith("_")]
        hint = suggest(getattr(error, "name", None) or expression, known)
        raise InputError(f"{{{expression}}}: {error}", hint=hint) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's expression raises
        raise InputError(f"{{{expression}}} can't be evaluated: {error}") from None


def _is_json(text: str) -> bool:
    return text[:1] in "{[" and not isinstance(value(text), str) if text else False


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _parser(verb: Verb, door: Door) -> _Parser:
    parser = _Parser(
        prog=f"{_ARROWS[door]}{verb.name}".strip(),
        description=verb.summary[:1].upper() + verb.summary[1:],
        add_help=False,
        allow_abbrev=False,
    )
    for argument in verb.arguments:
        parser.add_argument(*(argument.flags or (argument.parameter,)), **_keywords(argument))
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON value")
    parser.add_argument("-h", "--help", action="store_true", dest="asked", help="show this help")
    parser.set_defaults(asked=None)
    return parser


def _keywords(argument: Argument) -> dict[str, Any]:
    words: dict[str, Any] = {"help": argument.help, "default": argument.default}
    if argument.default is not None:
        words["help"] += f" (default: {argument.default})"
    if argument.choices:
        words["help"] += f" [{', '.join(argument.choices)}]"
    if not argument.flags:
        needed, many = argument.needed, argument.many
        words["nargs"] = ("+" if needed else "*") if many else (None if needed else "?")
        return words
    words["dest"] = argument.parameter
    words["required"] = argument.needed
    if argument.kind == "flag":
        return {**words, "action": "store_true", "default": False}
    words["metavar"] = ("NAME", "VALUE") if argument.values == 2 else argument.kind.upper()
    if argument.values == 2:
        words["nargs"] = 2
    words["type"] = {"int": int, "float": float}.get(argument.kind, str)
    if argument.many:
        words["action"] = "append"
    return words


def _negative_numbers_kept(words: Sequence[str]) -> list[str]:
    """Keep argparse from taking ``-p delta -1e-3`` for an option: it knows no exponents."""
    return [f" {w}" if re.fullmatch(r"-\d*\.?\d+([eE][-+]?\d+)?", w) else w for w in words]


def _check_choice(argument: Argument, given: Any) -> None:
    if argument.choices and given is not None and given not in argument.choices:
        raise NotFoundError.among(argument.flags[-1], str(given), argument.choices)


def _refuse(verb: Verb, word: str) -> NoReturn:
    if word.startswith("-"):
        raise NotFoundError.among(
            f"option of {verb.name}", word.partition("=")[0], option_names(verb)
        )
    raise InputError(f"{verb.name}: {word!r} is one argument too many")
