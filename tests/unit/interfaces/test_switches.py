"""A switch that a project can set is turned on and off again for one call, behind every door."""

from __future__ import annotations

from argparse import ArgumentError
from dataclasses import replace
from typing import Any

import pytest

from mlops_nb.core.config import settings
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.interfaces import completion, parsing, values
from mlops_nb.interfaces.commands import VERBS
from mlops_nb.interfaces.lookup import verb
from mlops_nb.interfaces.verbs import Argument

FRAMES = ["old.csv", "new.csv"]


def test_every_switch_with_a_setting_has_both_forms() -> None:
    """A switch of the settings that its verb lacks, or spells otherwise, could not be turned."""
    names = {each.name for each in VERBS}
    switches = {(s, k) for s, k, default, _ in settings() if s in names and type(default) is bool}
    found = [(v, a) for v in VERBS for a in v.arguments if v.has_setting(a)]
    assert {(v.name, a.parameter) for v, a in found} == switches
    assert all(len(v.spellings(a)) == 2 * len(a.flags) for v, a in found)
    assert {("quality", "strict"), ("drift", "multivariate")} <= switches


@pytest.mark.parametrize("each", VERBS, ids=lambda each: each.name)
def test_no_two_options_of_a_verb_are_called_alike(each: Any) -> None:
    names = [name for argument in each.arguments for name in each.spellings(argument)]
    assert len(names) == len(set(names))
    assert parsing.help_text(each, "terminal")


def test_a_clash_with_another_option_is_an_error_as_the_verb_is_made() -> None:
    drift = verb("drift")
    clash = Argument("--no-multivariate", "of another meaning", "flag", keyword="plain")
    with pytest.raises(ArgumentError, match="conflicting option string: --no-multi"):
        parsing.help_text(replace(drift, arguments=(*drift.arguments, clash)), "terminal")


@pytest.mark.parametrize("door", ["terminal", "notebook"])
def test_what_was_typed_is_told_from_what_was_not(door: Any) -> None:
    drift = verb("drift")
    assert "multivariate" not in parsing.parse(drift, FRAMES, door).arguments
    for word, on in (("--multivariate", True), ("--no-multivariate", False)):
        assert parsing.parse(drift, [*FRAMES, word], door).arguments["multivariate"] is on
    last = [*FRAMES, "--multivariate", "--no-multivariate"]
    assert parsing.parse(drift, last, door).arguments["multivariate"] is False
    after = parsing.parse(drift, ["--share", "0.2", "--no-multivariate", *FRAMES], door).arguments
    assert (after["share"], after["multivariate"]) == (0.2, False)


def test_a_switch_without_a_setting_has_no_other_form() -> None:
    with pytest.raises(NotFoundError, match=r"unknown option of drift '--no-open'; did you mean"):
        parsing.parse(verb("drift"), [*FRAMES, "--no-open"], "terminal")
    with pytest.raises(NotFoundError, match="'--no-multivariat'; did you mean '--no-multivariate'"):
        parsing.parse(verb("drift"), [*FRAMES, "--no-multivariat"], "terminal")
    with pytest.raises(InputError, match="--no-strict"):
        parsing.parse(verb("quality"), ["new.csv", "--no-strict=1"], "terminal")


def test_help_and_completion_know_both_forms() -> None:
    said = " ".join(parsing.help_text(verb("quality"), "notebook").split())
    assert "--strict, --no-strict raise where an error fails; else as quality.strict" in said
    assert completion.complete(["drift"], "--no-m", "terminal") == ["--no-multivariate"]
    assert completion.complete(["quality"], "--no", "notebook") == ["--no-strict"]
    assert completion.complete(["quality", "--no-strict"], "--s", "terminal") == [
        "--schema",
        "--stream",
    ]
    assert completion.complete(["quality", "--strict"], "--no", "terminal") == []


def test_over_http_false_is_a_value() -> None:
    given = {"data": "new.csv", "strict": False}
    assert values.from_values(verb("quality"), given) == given
    asked = {"data": ["new.csv"], "strict": ["false"]}
    assert values.from_query(verb("quality"), asked) == given
