"""What each door may import: loading is instant only while this list stays short."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Third-party packages that a door may bring in by being opened, and nothing else.
DOORS = {
    "import mlops_nb": set(),
    "import mlops_nb; dir(mlops_nb); mlops_nb.__version__": set(),
    "import mlops_nb.interfaces.cli": set(),
    "import mlops_nb.interfaces.api": set(),
    "import mlops_nb.interfaces.commands": set(),
    "import mlops_nb.interfaces.values": set(),
    "import mlops_nb.core.records, mlops_nb.core.config, mlops_nb.project": set(),
    "import mlops_nb.panels": set(),
}

# Of the standard library, what alone costs more than a tenth of the budget of %load_ext.
SLOW_STANDARD = {"asyncio", "concurrent.futures.process", "multiprocessing", "unittest", "xmlrpc"}

PROBE = """
import json, sys
{before}
known = set(sys.modules)
{statement}
new = set(sys.modules) - known
json.dump(sorted(new), sys.__stdout__)
"""


def modules_loaded_by(statement: str, before: str = "") -> set[str]:
    """Run a statement in a new interpreter and return what it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(before=before, statement=statement)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def third_party(modules: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in modules}
    return {top for top in tops - sys.stdlib_module_names - {"mlops_nb"} if not top.startswith("_")}


@pytest.mark.parametrize(("statement", "allowed"), DOORS.items(), ids=DOORS)
def test_a_door_imports_nothing_but_what_is_listed(statement: str, allowed: set[str]) -> None:
    loaded = modules_loaded_by(statement)
    assert third_party(loaded) <= allowed
    assert not loaded & SLOW_STANDARD


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["drfit"]])
def test_the_command_line_answers_without_a_library(arguments: list[str]) -> None:
    loaded = modules_loaded_by(
        "import contextlib, io\n"
        "from mlops_nb.interfaces.cli import main\n"
        f"sys.argv = ['mlops', *{arguments!r}]\n"
        "sys.stdout = sys.stderr = io.StringIO()\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
    )
    assert third_party(loaded) == set()


def test_load_ext_imports_no_library_that_a_kernel_has_not_got() -> None:
    kernel = (
        "import ipykernel.ipkernel, ipykernel.zmqshell\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
    )
    loaded = modules_loaded_by("shell.run_line_magic('load_ext', 'mlops_nb')", before=kernel)
    assert "mlops_nb.interfaces.magics" in loaded
    assert third_party(loaded) <= {"IPython"}


def test_the_server_loads_its_extension_without_a_library_of_its_own() -> None:
    loaded = modules_loaded_by(
        "mlops_nb._jupyter_server_extension_points()",
        before="import mlops_nb\nfrom jupyter_server.extension.application import ExtensionApp",
    )
    assert "mlops_nb.interfaces.server.handlers" in loaded
    assert third_party(loaded) == set()
