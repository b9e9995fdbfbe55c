"""Finding verbs in the table: by name, by the words that somebody typed, by door."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.interfaces.commands import VERBS
from mlops_nb.interfaces.verbs import Door, Verb


def verb(name: str) -> Verb:
    """Return the verb of that name.

    Raises
    ------
    NotFoundError
        Naming the nearest verb.

    Examples
    --------
    >>> verb("drift").summary
    'has the data moved? column by column'
    """
    for found in VERBS:
        if found.name == name:
            return found
    raise NotFoundError.among("verb", name, [v.name for v in VERBS])


def find(words: Sequence[str]) -> tuple[Verb, list[str]]:
    """Return the verb that words begin with, and the words after it.

    Raises
    ------
    NotFoundError
        Naming the nearest verb.
    InputError
        If a family of verbs is named, and none of them.

    Examples
    --------
    >>> found, rest = find(["jobs", "run", "retrain"])
    >>> found.name, rest
    ('jobs run', ['retrain'])
    """
    members = family(words[0])
    if not members:
        return verb(words[0]), list(words[1:])
    if len(words) == 1 or words[1].startswith("-"):
        names = ", ".join(member.name.split()[1] for member in members)
        raise InputError(f"`{words[0]}` alone says too little", hint=f"add one of {names}")
    return verb(" ".join(words[:2])), list(words[2:])


def family(name: str, door: Door | None = None) -> list[Verb]:
    """List the verbs of two words that begin with this one.

    Examples
    --------
    >>> [member.name for member in family("jobs")][:2]
    ['jobs add', 'jobs list']
    """
    return [v for v in VERBS if v.name.startswith(f"{name} ") and (door is None or door in v.doors)]


def verbs_of(door: Door) -> list[Verb]:
    """List the verbs that a door has."""
    return [v for v in VERBS if door in v.doors]
