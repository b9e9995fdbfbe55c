"""What a verb is: its name and help, its arguments, its flow, and the doors that have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

Door = Literal["notebook", "terminal", "python", "http"]
Kind = Literal[
    "text",
    "int",
    "float",
    "flag",
    "data",
    "column",
    "values",
    "model",
    "schema",
    "metric",
    "run",
    "experiment",
    "registered",
    "dataset",
    "job",
    "timezone",
    "notebook",
    "path",
    "pairs",
]

EVERYWHERE: frozenset[Door] = frozenset({"notebook", "terminal", "python"})
KERNEL: frozenset[Door] = frozenset({"notebook", "python"})
TERMINAL: frozenset[Door] = frozenset({"terminal"})
ANYWHERE: frozenset[Door] = EVERYWHERE | {"http"}

GROUPS = {
    "project": "Project",
    "tracking": "Tracking",
    "checks": "Checks",
    "release": "Release",
    "data": "Data",
    "jobs": "Jobs",
}


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb.

    Parameters
    ----------
    name : str
        "reference" for a positional one, "--share" for an option ("-p/--parameter" for both).
    help : str
    kind : str
        What its value is; the doors convert and complete by it.
    many : bool
        Whether it may be given several times (an option), or takes all that follows.
    needed : bool
        Whether a positional one must be given, or an option too.
    choices : tuple of str
    keyword : str
        The flow's parameter, where it is another name.
    values : int
        How many values the option takes at once.
    ending : str
        Of an option that may stand alone: only a word that ends so is its value; else that is "".
    """

    name: str
    help: str
    kind: Kind = "text"
    many: bool = False
    needed: bool = False
    choices: tuple[str, ...] = ()
    keyword: str = ""
    values: int = 1
    default: Any = None
    ending: str = ""

    @property
    def flags(self) -> tuple[str, ...]:
        """The option's spellings; none for a positional argument."""
        return tuple(self.name.split("/")) if self.name.startswith("-") else ()

    @property
    def parameter(self) -> str:
        """The name of the flow's parameter."""
        return self.keyword or self.name.split("/")[-1].lstrip("-").replace("-", "_")


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: its help, its flow, its arguments and its doors.

    `reads` tells a verb that only looks from one that changes something. A long verb has a flow
    that `starts` its work in a process of its own, for the door that can't wait for it.
    """

    name: str
    group: str
    summary: str
    flow: str
    arguments: tuple[Argument, ...] = ()
    doors: frozenset[Door] = EVERYWHERE
    reads: bool = False
    example: str = ""
    starts: str = ""

    def load(self, *, start: bool = False) -> Callable[..., Any]:
        """Import and return the flow; with `start` the one that starts it elsewhere."""
        module, _, function = (self.starts if start else self.flow).partition(":")
        found: Callable[..., Any] = getattr(import_module(f"mlops_nb.flows.{module}"), function)
        return found

    @property
    def function(self) -> str:
        """Its name in Python."""
        return self.name.replace(" ", "_")

    def spellings(self, argument: Argument) -> tuple[str, ...]:
        """List what one of its options may be called: ``--no-NAME``, too, where a setting is it.

        Examples
        --------
        >>> from mlops_nb.interfaces.lookup import verb
        >>> quality = verb("quality")
        >>> quality.spellings(quality.arguments[-1])
        ('--strict', '--no-strict')
        """
        off = self.has_setting(argument)
        return argument.flags + tuple(f"--no-{flag[2:]}" for flag in argument.flags if off)

    def has_setting(self, argument: Argument) -> bool:
        """Tell whether a switch may be on without being typed: its verb's section can set it."""
        from mlops_nb.core.config import settings

        return argument.kind == "flag" and any(
            (section, key) == (self.name, argument.parameter) for section, key, *_ in settings()
        )
