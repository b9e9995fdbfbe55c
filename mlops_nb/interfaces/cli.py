"""The terminal's door: ``mlops VERB``. Results on standard output, all else on standard error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from typing import Any

from mlops_nb.core.errors import InputError, MlopsError, StoppedError, VerdictError
from mlops_nb.core.records import EXIT_CODES, DemoResult, JobRun, Report, Run
from mlops_nb.core.replay_records import Replay
from mlops_nb.core.strict_json import dumps
from mlops_nb.interfaces import lookup, parsing
from mlops_nb.interfaces.display import shown

_COMPLETION = {
    "bash": """_mlops() {
  local IFS=$'\\n'
  COMPREPLY=($(mlops --complete "$COMP_LINE" "$COMP_POINT"))
  [[ ${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -F _mlops mlops
""",
    "zsh": """_mlops() {
  local -a found
  found=("${(@f)$(mlops --complete "$BUFFER" "$CURSOR")}")
  compadd -Q -a found
}
compdef _mlops mlops
""",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``mlops``; those of this process unless given.

    Returns
    -------
    int
        0 done and good, 1 failed, 2 wrong input, 3 not enough evidence, 4 something can't be
        used, 70 a fault of ours, 130 interrupted.

    Examples
    --------
    >>> main(["--version"])  # doctest: +ELLIPSIS
    mlops ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    debug = "--debug" in words
    try:
        return _main(words)
    except KeyboardInterrupt:
        return _fail(StoppedError("interrupted"), as_json=as_json)
    except BrokenPipeError:
        # The reader (head, less) has gone; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MlopsError as error:
        if debug:
            raise
        return _fail(error, as_json=as_json)
    except Exception as error:
        if debug:
            raise
        fault = MlopsError(
            f"a fault of mlops_nb: {type(error).__name__}: {error}", hint="--debug shows where"
        )
        return _fail(fault, as_json=as_json)


def _main(words: list[str]) -> int:
    if words[:1] == ["--complete"]:
        return _complete(words[1:])
    options, rest = parsing.door_options(words, "terminal")
    if "version" in options:
        _print(f"mlops {_version()}")
        return 0
    if rest in ([], ["--help"], ["-h"], ["help"]):
        _print(_overview(), end="")
        return 0
    if rest[0] == "completion":
        return _print_completion(rest[1:])
    asked = parsing.help_for(rest, "terminal")
    if asked is not None:
        _print(asked, end="")
        return 0
    verb, after = lookup.find(rest)
    if "terminal" not in verb.doors:
        raise InputError(
            f"`{verb.name}` needs a notebook or Python",
            hint=f"type `%mlops {verb.name}` in a notebook, or call mlops_nb.{verb.function}()",
        )
    call = parsing.parse(verb, after, "terminal")
    if "verbose" in options:
        _log_verbosely()
    return _perform(call, options)


def _perform(call: parsing.Call, options: dict[str, str]) -> int:
    from mlops_nb.flows.context import Context, working_folder
    from mlops_nb.interfaces.watching import terminal_watch
    from mlops_nb.project import Project

    arguments = parsing.flow_arguments(call)
    if call.verb.name == "data get" and "to" not in arguments:
        raise InputError("a terminal has no DataFrames", hint="give --to PATH to write it to")
    folder = working_folder()
    start = folder
    if "notebook" in arguments:
        # As `Context.path` reads it: "~x.ipynb" may be a file's name.
        start = (folder / os.path.expanduser(arguments["notebook"])).parent  # noqa: PTH111
    project = Project.find(start, explicit=options.get("project"))
    # A notebook that runs is ended in good order by whatever ends us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # What a function of the user's own prints must not stand beside the record.
        aside = redirect_stdout(sys.stderr) if call.as_json else nullcontext()
        with terminal_watch(sys.stderr) as watch, aside:
            result = call.verb.load()(Context(project, folder, None, watch), **arguments)
    except VerdictError as error:
        result = error.report
    _show(shown(result, call.verb.name), as_json=call.as_json)
    return exit_code(result)


def exit_code(result: Any) -> int:
    """Return the exit code that a result stands for.

    Examples
    --------
    >>> exit_code(Report("drift", "insufficient"))
    3
    """
    if isinstance(result, Report):
        return result.exit_code
    if isinstance(result, Run):
        return 0 if result.status == "FINISHED" else 130 if result.reason == "interrupted" else 1
    if isinstance(result, JobRun):
        if result.status == "FINISHED":
            return EXIT_CODES[result.gate or "pass"]
        return 130 if result.reason == "interrupted" else 1
    if isinstance(result, Replay):
        return 0 if result.status == "REPRODUCED" else 1
    if isinstance(result, DemoResult):
        return 0 if result.status == "FINISHED" and result.model is not None else 1
    return 0


def _show(result: Any, *, as_json: bool) -> None:
    if as_json:
        _print(dumps(result, indent=2))
    elif result is not None:
        from mlops_nb import panels

        _print(panels.text(result, of=getattr(result, "of", None)))


def _overview() -> str:
    return parsing.overview("terminal") + (
        "\nOptions:\n"
        "  --project DIR  else MLOPS_PROJECT, the nearest mlops.toml upwards, the git root\n"
        "  --version      say which version this is\n"
        "  -v             say what is done (on standard error)\n"
        "  --debug        show a traceback where there is one\n"
        '\nCompletion in a shell: eval "$(mlops completion bash)"  (or zsh)\n'
    )


def _version() -> str:
    from importlib.metadata import version

    return version("mlops-nb")


def _complete(words: list[str]) -> int:
    from mlops_nb.interfaces import completion

    line, cursor = words
    before, fragment = completion.shell_words(line, int(cursor))
    for text in completion.complete(before, fragment, "terminal"):
        _print(text)
    return 0


def _print_completion(words: list[str]) -> int:
    from mlops_nb.core.errors import NotFoundError

    shell = words[0] if words else ""
    if shell not in _COMPLETION:
        raise NotFoundError.among("shell", shell, _COMPLETION)
    _print(_COMPLETION[shell], end="")
    return 0


def _log_verbosely() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(name)s: %(message)s")


def _fail(error: MlopsError, *, as_json: bool) -> int:
    if as_json:
        _print(dumps(error.to_dict(), indent=2))
    else:
        sys.stderr.write(f"mlops: {error}\n")
    return error.exit_code


def _print(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
