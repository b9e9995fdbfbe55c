"""From words to arguments: splitting, expanding, suggesting."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.interfaces import commands, lookup, parsing
from mlops_nb.interfaces.verbs import Verb


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('track "wider trees"', ["track", "wider trees"]),
        ("track 'wider trees'", ["track", "wider trees"]),
        ("track don't", ["track", "don't"]),
        ("track größer 🌲", ["track", "größer", "🌲"]),
        ("runs;", ["runs"]),
        ('log note="a;"', ["log", "note=a;"]),
        ("log cost=$5", ["log", "cost=$5"]),
        ('log c={"a": 1, "b": [2, 3]}', ["log", 'c={"a": 1, "b": [2, 3]}']),
        ("log x={a + b}", ["log", "x={a + b}"]),
        (r"log a=b\ c", ["log", "a=b c"]),
        ('log empty=""', ["log", "empty="]),
        ("  ", []),
    ],
)
def test_split_keeps_what_was_meant(line: str, words: list[str]) -> None:
    assert parsing.split(line) == words


@pytest.mark.parametrize("line", ['track "wider', "log x={a", "log x=[1, 2"])
def test_an_open_quote_or_brace_is_an_error(line: str) -> None:
    with pytest.raises(InputError, match="not closed"):
        parsing.split(line)


@pytest.mark.parametrize(
    ("word", "expanded"),
    [
        ("auc={auc}", "auc=0.5"),
        ("auc=$auc", "auc=0.5"),
        ("cost=$5", "cost=$5"),
        ("path=$HOME_OF_NOBODY", "path=$HOME_OF_NOBODY"),
        ("x={auc * 2}", "x=1.0"),
        ("x={{auc}}", "x={auc}"),
        ('c={"auc": 1}', 'c={"auc": 1}'),
    ],
)
def test_names_in_scope_are_expanded_and_nothing_else(word: str, expanded: str) -> None:
    assert parsing.expand(word, {"auc": 0.5}) == expanded


def test_an_unknown_name_in_braces_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'accuracy'"):
        parsing.expand("x={acuracy}", {"accuracy": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1.5", 1.5), ("true", True), ("null", None), ('"5"', "5"), ("wide", "wide"),
     ("NaN", "NaN"), ("[1, 2]", [1, 2])],
)  # fmt: skip
def test_a_value_is_json_or_text(text: str, value: Any) -> None:
    assert parsing.value(text) == value


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="did you mean '--share'"):
        parsing.parse(lookup.verb("drift"), ["a", "b", "--shar", "1"], "terminal")


def test_an_unknown_choice_names_the_nearest() -> None:
    words = ["m", "a", "b", "--label", "y", "--sensitive", "s", "--method", "gridsearch"]
    with pytest.raises(NotFoundError, match="did you mean 'grid_search'"):
        parsing.parse(lookup.verb("mitigate"), words, "terminal")


def test_a_missing_argument_says_which_and_where_help_is() -> None:
    with pytest.raises(InputError, match=r"current.*mlops drift --help"):
        parsing.parse(lookup.verb("drift"), ["a"], "terminal")


def test_one_argument_too_many_is_named() -> None:
    with pytest.raises(InputError, match="'c' is one argument too many"):
        parsing.parse(lookup.verb("drift"), ["a", "b", "c"], "terminal")
    told = "'test' is one argument too many; write performance DATA --model MODEL"
    with pytest.raises(InputError, match=told):
        parsing.parse(lookup.verb("performance"), ["forest", "test", "--label", "y"], "notebook")


@pytest.mark.parametrize("text", [".95", "-.5", "5.", "1.e3", ".5e-2"])
def test_a_number_may_be_written_as_people_do(text: str) -> None:
    assert parsing.value(text) == float(text)


@pytest.mark.parametrize(
    "text", ["007", ".", "-", "5.a", "1.2.3", "00.5", "+1", "1_000.", "٣.", ".٣"]
)
def test_what_is_no_plain_number_stays_text(text: str) -> None:
    assert parsing.value(text) == text


def test_parameters_are_typed_and_negative_numbers_are_no_options() -> None:
    call = parsing.parse(
        lookup.verb("run"),
        ["a.ipynb", "-p", "months", "2", "-p", "delta", "-1e-3", "-p", "name", "x y"],
        "terminal",
    )
    assert parsing.flow_arguments(call)["parameters"] == {
        "months": 2,
        "delta": -0.001,
        "name": "x y",
    }


def test_a_value_that_looks_like_an_option_is_a_value() -> None:
    words = ["a.ipynb", "-p", "since", "-1d", "--name", "--x", "-p", "-p", "3"]
    call = parsing.parse(lookup.verb("run"), words[:6], "terminal")
    assert parsing.flow_arguments(call) == {
        "notebook": "a.ipynb",
        "parameters": {"since": "-1d"},
        "name": "--x",
    }
    # An option of the verb stays one: its own name as a value is a slip.
    with pytest.raises(InputError, match="argument -p/--parameter: expected NAME VALUE, two words"):
        parsing.parse(lookup.verb("run"), words[:4] + words[6:], "terminal")


def test_zero_is_a_value() -> None:
    assert parsing.parse(lookup.verb("runs"), ["--limit", "0"], "terminal").arguments == {
        "limit": 0
    }
    call = parsing.parse(lookup.verb("drift"), ["a", "b", "--share", "0"], "terminal")
    assert call.arguments["share"] == 0.0
    log = parsing.parse(lookup.verb("log"), ["a=1", "--step", "0"], "notebook")
    assert log.arguments["step"] == 0


@pytest.mark.parametrize(
    ("words", "options", "rest"),
    [
        (["--project", "p", "runs"], {"project": "p"}, ["runs"]),
        (["runs", "--project=p", "--json"], {"project": "p"}, ["runs", "--json"]),
        (["runs", "--debug", "-v"], {"debug": "--debug", "verbose": "-v"}, ["runs"]),
        (["--version"], {"version": "--version"}, []),
        (["--help", "runs"], {}, ["--help", "runs"]),
    ],
)
def test_the_doors_own_options_stand_anywhere(
    words: list[str], options: dict[str, str], rest: list[str]
) -> None:
    assert parsing.door_options(words, "terminal") == (options, rest)


def test_an_unknown_option_of_the_door_names_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="did you mean '--project'"):
        parsing.door_options(["--projct", "p"], "notebook")
    with pytest.raises(InputError, match="--project needs a folder"):
        parsing.door_options(["runs", "--project"], "notebook")


def test_logged_values_keep_their_types() -> None:
    import math

    scope = {"auc": math.nan, "kind": "5", "i": 2, "math": math, "f": len, "exit": object()}
    words = ["a={auc}", "b=$auc", "c={kind}", "d=kind", "m_{i}={i + 1}", "e=step {i}", "f=math"]
    words += ["g=len", "h=exit", 'j={"i": 1}', "k=$5", "l=[1, 2]", "n=5", "o=auc.real", "q=don't"]
    found = parsing.pairs(words, scope, reserved={"exit"})
    assert math.isnan(found.pop("a"))
    assert math.isnan(found.pop("b"))
    assert math.isnan(found.pop("o"))
    assert found == {
        "c": "5",
        "d": "5",
        "m_2": 3,
        "e": "step 2",
        "f": "math",
        "g": "len",
        "h": "exit",
        "j": {"i": 1},
        "k": "$5",
        "l": [1, 2],
        "n": 5,
        "q": "don't",
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["auc"], "'auc' is not name=value"),
        (["=1"], "'=1' is not name=value"),
        (["a=1", "a=2"], "'a' is given twice"),
        (["a={acuracy}"], "did you mean 'accuracy'"),
        (["a={1 / 0}"], r"\{1 / 0\} can't be evaluated: division by zero"),
    ],
)
def test_what_log_can_t_read_is_named(words: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        parsing.pairs(words, {"accuracy": 1})


def test_a_parameter_given_twice_is_an_error() -> None:
    call = parsing.parse(
        lookup.verb("run"), ["a.ipynb", "-p", "m", "1", "-p", "m", "2"], "terminal"
    )
    with pytest.raises(InputError, match="'m' is given twice"):
        parsing.flow_arguments(call)


@pytest.mark.parametrize("verb", commands.VERBS, ids=lambda v: v.name)
def test_every_verb_has_help_a_flow_and_flow_arguments(verb: Verb) -> None:
    import inspect

    door = "terminal" if "terminal" in verb.doors else "notebook"
    text = parsing.help_text(verb, door)
    assert verb.summary.split()[0].lower() in text.lower()
    if verb.name in ("track", "log"):
        return
    accepted = inspect.signature(verb.load()).parameters
    for argument in verb.arguments:
        assert argument.parameter in accepted, f"{verb.name} takes no {argument.parameter}"


def test_the_overview_lists_exactly_the_doors_verbs() -> None:
    terminal = parsing.overview("terminal")
    assert "  demo " in terminal
    assert "  track " not in terminal
    assert "  track " in parsing.overview("notebook")


def test_drift_takes_methods_thresholds_and_types_by_name() -> None:
    words = ["a.csv", "b.csv", "--method", "num=ks", "--method", "x=y=psi", "--threshold", "0.2"]
    words += ["--type", "x=num", "--min-evidence", "0.95", "--correction", "holm"]
    found = parsing.parse(lookup.verb("drift"), words, "terminal").arguments
    assert found["methods"] == ["num=ks", "x=y=psi"]
    assert (found["thresholds"], found["types"]) == (["0.2"], ["x=num"])
    assert (found["min_evidence"], found["correction"]) == (0.95, "holm")
    with pytest.raises(NotFoundError, match="did you mean 'holm'"):
        parsing.parse(lookup.verb("drift"), ["a", "b", "--correction", "hollm"], "terminal")
