"""The one test command tells the truth: nothing that failed is lost on the way to its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import __main__ as command
from tests.__main__ import Result

MIXED = """
import pytest

def test_good(): pass
def test_bad(): assert 0
def test_absent(): pytest.skip()
"""


def steps(monkeypatch: pytest.MonkeyPatch, **results: Result) -> list[str]:
    """Replace the steps by ones with known results; return the names of those that ran."""
    ran: list[str] = []

    def step(name: str) -> Result:
        ran.append(name)
        return results[name]

    monkeypatch.setattr(command, "STEPS", {name: lambda _, n=name: step(n) for name in results})
    return ran


def test_a_failed_step_fails_the_command_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = steps(monkeypatch, lint=Result(failed=1), types=Result(passed=1), pytest=Result(40, 2, 3))
    assert command.main([]) == 1
    assert ran == ["lint", "types", "pytest"]
    assert capsys.readouterr().out.splitlines()[-1] == "41 passed, 3 failed, 3 skipped"


def test_it_ends_well_only_where_nothing_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = steps(monkeypatch, lint=Result(passed=1), browser=Result(skipped=1, note="no Chromium"))
    assert command.main(["--only", "browser"]) == 0
    assert ran == ["browser"]
    assert "not run browser" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (MIXED, (1, 1, 1)),
        ("def test_a(:", (0, 1, 0)),
        ("import os\ndef test_a(): os._exit(3)", (0, 1, 0)),
        ("", (0, 1, 0)),
    ],
    ids=["mixed", "not Python", "crashed", "no test"],
)
def test_the_counts_are_those_of_pytest(
    tmp_path: Path, source: str, expected: tuple[int, int, int]
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    (tmp_path / "test_it.py").write_text(source)
    result = command.run_pytest(["-q", "-c", str(tmp_path / "pytest.ini"), str(tmp_path)])
    assert (result.passed, result.failed, result.skipped) == expected


@pytest.mark.parametrize(("required", "failed"), [("", 0), ("1", 1)])
def test_without_a_browser_one_line_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    required: str,
    failed: int,
) -> None:
    monkeypatch.setenv("MLOPS_CHROMIUM", "no-such-browser")
    monkeypatch.setenv("MLOPS_REQUIRE_BROWSER", required)
    assert command.browser([]).failed == failed
    (line,) = capsys.readouterr().out.splitlines()
    assert "apt-get install chromium" in line
