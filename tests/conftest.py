"""What all tests share: a home of their own, and an environment that says nothing about us."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Tools that keep a cache of downloads (uv, npm) get the caller's own environment.
CALLER = dict(os.environ)

# What the caller may have set, and would change what we do.
FOREIGN = ("MLOPS_", "MLFLOW_", "JUPYTER_", "JPY_", "IPYTHON", "PAPERMILL_", "XDG_", "GIT_")

# The same examples each time, at any speed; `pytest --hypothesis-profile default` looks for new
# ones.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Heed Ctrl-C where our caller ignores it (a background job): what we start inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the tests out of the caller's home, and the caller's settings out of the tests."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLER:
            if name.startswith(FOREIGN):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        # Commits need an author, and no machine's git settings should matter.
        (home / ".gitconfig").write_text(
            "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n"
        )
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield home


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the project."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def caller_environ() -> dict[str, str]:
    """The environment of who called pytest, for the tools that keep their cache in its home."""
    return dict(CALLER)


@pytest.fixture(scope="session")
def uv(caller_environ: dict[str, str]) -> str:
    """The uv that runs us, else one on the path."""
    found = caller_environ.get("UV") or shutil.which("uv")
    if found is None:
        pytest.skip("uv is not on this machine: pip install uv")
    return found
