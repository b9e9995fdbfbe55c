"""From words to a flow's arguments: one parser for both text doors, made from the table."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType, ModuleType
from typing import Any, NoReturn

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.nearest import nearest
from mlops_nb.interfaces.lookup import family, find, verbs_of
from mlops_nb.interfaces.verbs import GROUPS, Argument, Door, Verb

_NEGATIVE = r"-\d*\.?\d+([eE][-+]?\d+)?"
_ARROWS = {"notebook": "%mlops ", "terminal": "mlops ", "python": "mlops_nb.", "http": "/mlops/"}


# What a door itself takes, beside the verb's options.
DOOR_OPTIONS: Mapping[Door, tuple[str, ...]] = {
    "notebook": ("--project", "--debug"),
    "terminal": ("--project", "--debug", "-v", "--verbose", "--version"),
}
_LETTERS = {"-v": "verbose"}
_OF_ALL = ["--json", "--help", "--project"]
# Put before a value that argparse would take for an option.
_SHIELD = "\0"
_NO_JSON_NUMBER = re.compile(r"-?(?:\.\d+|(?:0|[1-9]\d*)\.)(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with its arguments as text, and the door's own options."""

    verb: Verb
    arguments: dict[str, Any]
    as_json: bool = False


class _Parser(argparse.ArgumentParser):
    """argparse that raises our errors and never leaves the process."""

    def error(self, message: str) -> NoReturn:
        message = message.replace("expected 2 arguments", "expected NAME VALUE, two words")
        raise InputError(f"{self.prog.split()[-1]}: {message}", hint=f"see `{self.prog} --help`")


def door_options(words: Sequence[str], door: Door) -> tuple[dict[str, str], list[str]]:
    """Take the door's own options off, wherever they stand; the rest is the verb and its words.

    Raises
    ------
    InputError
        If an option before the verb is unknown, or ``--project`` has no folder.

    Examples
    --------
    >>> door_options(["runs", "--project", "credit", "--json"], "terminal")
    ({'project': 'credit'}, ['runs', '--json'])
    """
    known = DOOR_OPTIONS[door]
    found: dict[str, str] = {}
    rest: list[str] = []
    waiting = iter(words)
    for word in waiting:
        name, equals, given = word.partition("=")
        if name == "--project":
            found["project"] = given if equals else next(waiting, "")
            if not found["project"]:
                raise InputError("--project needs a folder")
        elif word in known and not (rest and word == "--version"):
            found[_LETTERS.get(word, word.lstrip("-"))] = word
        elif word.startswith("-") and not rest and word not in ("--help", "-h"):
            raise NotFoundError.among("option", name, [*known, "--help"])
        else:
            rest.append(word)
    return found, rest


def parse(verb: Verb, words: Sequence[str], door: Door) -> Call:
    """Parse the words after a verb.

    Raises
    ------
    InputError
        If an argument is missing, unknown, or has a value of the wrong kind; the nearest right
        one is named.

    Examples
    --------
    >>> from mlops_nb.interfaces.lookup import verb
    >>> parse(verb("drift"), ["a.csv", "b.csv", "--share", "0.3"], "terminal").arguments["share"]
    0.3
    """
    parser = _parser(verb, door)
    found, unknown = parser.parse_known_args(_shielded(verb, words))
    if unknown:
        _refuse(verb, unknown[0].removeprefix(_SHIELD))
    values = {key: _bare(value) for key, value in vars(found).items()}
    as_json = bool(values.pop("as_json"))
    for argument in verb.arguments:
        _check_choice(argument, values.get(argument.parameter))
    given = {k: v for k, v in values.items() if v is not None and v != []}
    return Call(verb, given, as_json=as_json)


def help_text(verb: Verb, door: Door) -> str:
    """Return the help of one verb as a door shows it."""
    text = _parser(verb, door).format_help()
    return text + (f"\nexample:\n  {_ARROWS[door]}{verb.example}\n" if verb.example else "")


def help_for(words: Sequence[str], door: Door) -> str | None:
    """Return the help that words ask for as a door shows it; None where they ask for none.

    Raises
    ------
    NotFoundError
        If they ask for the help of a verb that does not exist.

    Examples
    --------
    >>> help_for(["help", "jobs"], "terminal").splitlines()[0]
    'usage: mlops jobs VERB [ARGUMENTS]'
    """
    if not words or words[0] in ("--help", "-h", "help"):
        words = words[1:]
    elif not set(words) & {"--help", "-h"}:
        return None
    if not words:
        return overview(door)
    members = family(words[0], door)
    if members and (len(words) == 1 or words[1].startswith("-")):
        return _family_text(words[0], members, door)
    return help_text(find(words)[0], door)


def _family_text(name: str, members: Sequence[Verb], door: Door) -> str:
    width = max(len(member.name) for member in members) + 2
    lines = [f"usage: {_ARROWS[door]}{name} VERB [ARGUMENTS]", ""]
    lines += [f"  {member.name:<{width}}{member.summary}" for member in members]
    return "\n".join([*lines, "", f"{_ARROWS[door]}{name} VERB --help  says more of one."]) + "\n"


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
    lines.append(f"{start}--project DIR VERB  is about another project than the one here.")
    return "\n".join(lines) + "\n"


def option_names(verb: Verb) -> list[str]:
    """List the options that may stand after a verb."""
    return [f for a in verb.arguments for f in verb.spellings(a)] + _OF_ALL


def value(text: str) -> Any:
    """Read a value given as text: JSON where it is JSON, a number as people write it, else text.

    Examples
    --------
    >>> value("2"), value("true"), value("wide"), value(".95")
    (2, True, 'wide', 0.95)
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError:
        return float(text) if _NO_JSON_NUMBER.fullmatch(text) else text


def is_pair(word: str) -> bool:
    """Tell whether a word is ``name=value``."""
    return "=" in word and not word.startswith("-")


def pairs(
    words: Sequence[str], scope: Mapping[str, Any], *, reserved: Collection[str] = ()
) -> dict[str, Any]:
    """Read ``name=value`` words, with names in scope for values.

    A value is a JSON literal, else a name in scope (not a `reserved` one), else text. What
    ``{expression}`` or ``$name`` alone stands for is taken as it is: a NaN stays a number.

    Raises
    ------
    InputError
        If a word has no ``=``, a name comes twice, or an expression can't be evaluated.

    Examples
    --------
    >>> pairs(["auc={a / 2}", "n=3", "kind=deep", "note=a is {a}"], {"a": 1})
    {'auc': 0.5, 'n': 3, 'kind': 'deep', 'note': 'a is 1'}
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        name = expand(name, scope)
        if not equals or not name:
            raise InputError(f"{word!r} is not name=value", hint="write for example auc=0.78")
        if name in found:
            raise InputError(f"{name!r} is given twice")
        found[name] = _read(text, scope, reserved)
    return found


def lookup(text: str, scope: Mapping[str, Any]) -> Any:
    """Return the object of a dotted name in scope (``fair.model``); None where there is none."""
    first, *rest = text.split(".")
    if first not in scope or not all(part.isidentifier() for part in (first, *rest)):
        return None
    found = scope[first]
    for part in rest:
        found = getattr(found, part, None)
    return found


def _read(text: str, scope: Mapping[str, Any], reserved: Collection[str]) -> Any:
    alone = None if _is_json(text) else re.fullmatch(r"\{([^{}]+)\}|\$([A-Za-z_]\w*)", text)
    if alone and alone.group(1):
        return _evaluated(alone.group(1), scope)
    if alone and alone.group(2) in scope:
        return scope[alone.group(2)]
    text = expand(text, scope)
    read = value(text)
    if read is not text:
        return read
    found = None if text in reserved else lookup(text, scope)
    # Modules, classes and functions are no values: the word is meant.
    return text if found is None or isinstance(found, type | ModuleType | FunctionType) else found


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
        near = nearest(getattr(error, "name", None) or expression, known)
        hint = f"did you mean {near!r}?" if near else ""
        raise InputError(f"{{{expression}}}: {error}", hint=hint) from None
    except Exception as error:  # noqa: BLE001 - whatever the user's expression raises
        raise InputError(f"{{{expression}}} can't be evaluated: {error}") from None


def _is_json(text: str) -> bool:
    return text[:1] in "{[" and not isinstance(value(text), str) if text else False


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


@cache
def _parser(verb: Verb, door: Door) -> _Parser:
    parser = _Parser(
        prog=f"{_ARROWS[door]}{verb.name}".strip(),
        description=verb.summary[:1].upper() + verb.summary[1:],
        add_help=False,
        allow_abbrev=False,
    )
    for argument in verb.arguments:
        parser.add_argument(*(argument.flags or (argument.parameter,)), **_keywords(verb, argument))
    parser.add_argument("--json", action="store_true", dest="as_json", help="print one JSON value")
    parser.add_argument("-h", "--help", action="store_true", dest="asked", help="show this help")
    parser.set_defaults(asked=None)
    return parser


def _keywords(verb: Verb, argument: Argument) -> dict[str, Any]:
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
        # Not given is None: only what was typed goes before a setting.
        words["default"] = None
        if not verb.has_setting(argument):
            return {**words, "action": "store_true"}
        words["help"] += f"; else as {verb.name}.{argument.parameter} in mlops.toml says"
        return {**words, "action": argparse.BooleanOptionalAction}
    words["metavar"] = ("NAME", "VALUE") if argument.values == 2 else argument.kind.upper()
    if argument.values == 2:
        words["nargs"] = 2
    words["type"] = {"int": _int, "float": _float}.get(argument.kind, str)
    if argument.many:
        words["action"] = "append"
    return words


def _shielded(verb: Verb, words: Sequence[str]) -> list[str]:
    """Keep argparse from taking the value of an option, or a negative number, for an option."""
    takes = {flag: a.values for a in verb.arguments if a.kind != "flag" for flag in a.flags}
    names = set(option_names(verb))
    shielded = []
    values = 0
    for word in _joined(verb, words):
        is_value = values > 0 and word.partition("=")[0] not in names
        if word.startswith("-") and (is_value or re.fullmatch(_NEGATIVE, word)):
            shielded.append(_SHIELD + word)
        else:
            shielded.append(word)
        values = values - 1 if is_value else takes.get(word, 0)
    return shielded


def _joined(verb: Verb, words: Sequence[str]) -> list[str]:
    """Give an option that may stand alone its value, with ``=``: the next word, or none."""
    endings = {flag: a.ending for a in verb.arguments if a.ending for flag in a.flags}
    joined: list[str] = []
    for word in words:
        alone = joined[-1].removesuffix("=") if joined else ""
        if alone in endings and joined[-1] != alone and word.lower().endswith(endings[alone]):
            joined[-1] += word
        else:
            joined.append(f"{word}=" if word in endings else word)
    return joined


def _bare(value: Any) -> Any:
    """Take the shields off again."""
    if isinstance(value, list):
        return [_bare(item) for item in value]
    return value.removeprefix(_SHIELD) if isinstance(value, str) else value


def _int(text: str) -> int:
    try:
        return int(_bare(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{_bare(text)!r} is not a whole number") from None


def _float(text: str) -> float:
    try:
        return float(_bare(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{_bare(text)!r} is not a number") from None


def _check_choice(argument: Argument, given: Any) -> None:
    if argument.choices and given is not None and given not in argument.choices:
        raise NotFoundError.among(argument.flags[-1], str(given), argument.choices)


def _refuse(verb: Verb, word: str) -> NoReturn:
    by_place = [a for a in verb.arguments if not a.flags]
    models = [a for a in verb.arguments if a.flags and a.kind == "model"]
    usage = " ".join(
        ["write", verb.name, *(a.name.upper() for a in by_place)]
        + [f"{a.flags[-1]} {a.parameter.upper()}" for a in models]
    )
    if word.startswith("-"):
        option = word.partition("=")[0]
        if option.lstrip("-") in [a.name for a in by_place]:
            raise InputError(f"{verb.name} has no option {option!r}", hint=usage)
        raise NotFoundError.among(f"option of {verb.name}", option, option_names(verb))
    alone = next((a for a in verb.arguments if a.ending), None)
    hint = f"the value of {alone.name} ends in {alone.ending}" if alone else usage
    raise InputError(f"{verb.name}: {word!r} is one argument too many", hint=hint)
