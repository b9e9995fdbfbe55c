"""Python's door: what is told of arguments that a verb can't be called with."""

from __future__ import annotations

import inspect

import pytest

import mlops_nb
from mlops_nb.core.errors import ArgumentError
from mlops_nb.interfaces import api, lookup


@pytest.mark.parametrize(
    ("verb", "args", "given", "said"),
    [
        ("drift", (1, 2), {"method": "ks"}, "drift has no argument 'method'; did you mean 'meth"),
        ("jobs_add", ("a.ipynb",), {"crn": ""}, "jobs_add has no argument 'crn'; did you mean"),
        ("fairness", (1,), {}, "fairness: missing a required "),
        ("drift", (1, 2, 3, 4), {}, "drift: too many positional arguments; it is called as drift("),
        ("track", (), {"nmae": "a"}, "track has no argument 'nmae'; did you mean 'name'?"),
        ("child", (), {"nmae": "a"}, "child has no argument 'nmae'; did you mean 'name'?"),
    ],
)
def test_a_wrong_call_is_told_in_one_line_with_the_nearest_right_name(
    verb: str, args: tuple[object, ...], given: dict[str, object], said: str
) -> None:
    with pytest.raises(TypeError) as refused:
        getattr(mlops_nb, verb)(*args, **given)
    assert isinstance(refused.value, ArgumentError)
    assert str(refused.value).startswith(said)
    assert refused.value._render_traceback_() == [f"ArgumentError: {refused.value}"]


def test_every_verb_says_so_under_its_own_name() -> None:
    names = [verb.function for verb in lookup.verbs_of("python")]
    taking_any = [name for name in names if name == "log"]
    for name in sorted({*names, "log_steps", "child", "stop"} - {*taking_any}):
        with pytest.raises(ArgumentError, match=f"^{name} has no argument 'nonsense'"):
            getattr(api, name)(nonsense=1)


def test_a_type_error_of_the_work_itself_stays_what_it_is() -> None:
    @api._checked
    def broken(given: int) -> int:
        return given + "1"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand") as raised:
        broken(1)
    assert not isinstance(raised.value, ArgumentError)
    assert list(inspect.signature(api.drift).parameters)[:2] == ["reference", "current"]
