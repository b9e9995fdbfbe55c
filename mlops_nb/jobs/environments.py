"""Environments made anew from a lock, each once: the same lock is the same environment.

uv makes them where it is there, else venv and pip, with the user's own settings of either. One is
whole or not there: its pointer is written last, and names a folder that nothing else writes to.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.core.errors import StoppedError, UnavailableError
from mlops_nb.core.watch import Watch
from mlops_nb.stores.disk import disk_errors, write_whole
from mlops_nb.stores.locks import locked

POLL_S = 0.2
WAIT_S = 3600.0
LEFTOVER_S = 86400.0
_SAME = "replay with --env same"
_ENDS = "Scripts" if sys.platform == "win32" else "bin"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an environment is to have.

    Parameters
    ----------
    python, implementation : str
        Such as ``3.11.7`` and ``cpython``.
    requirements : tuple of str
        Lines that pip takes; complete, so nothing that they require is looked for.
    wheel : str
        File name of the wheel of this package.
    source : bytes
        That wheel.
    """

    python: str
    implementation: str
    requirements: tuple[str, ...]
    wheel: str
    source: bytes

    @property
    def key(self) -> str:
        """What tells it from any other."""
        parts = [self.python, self.implementation, *self.requirements, self.wheel]
        known = hashlib.sha256("\n".join(parts).encode())
        known.update(self.source)
        return known.hexdigest()[:16]


def made(folder: Path, wanted: Wanted, watch: Watch, *, project: Path) -> Path:
    """Return the Python of an environment as wanted, made in `folder` unless it is there.

    Parameters
    ----------
    project : Path
        Where uv and pip run, and so find settings.

    Raises
    ------
    LockedError
        If another process takes more than an hour to make it.
    StoppedError
        If the watch asks to stop.
    UnavailableError
        If that Python is not there, a package can't be installed, or the disk can't be written.
    """
    found = _pointed(folder, wanted.key)
    if found is not None:
        return found
    with locked(folder / f"{wanted.key}.lock", timeout_s=WAIT_S, what="the environment"):
        found = _pointed(folder, wanted.key)
        if found is not None:
            return found
        _sweep(folder, wanted.key)
        home = folder / f"{wanted.key}-{secrets.token_hex(4)}"
        try:
            with disk_errors(home):
                python = _Making(home, wanted, watch, project).make()
                body = {"home": home.name, "installed": _installed(home)}
                write_whole(folder / f"{wanted.key}.json", json.dumps(body).encode())
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
    return python


def variables(python: Path) -> dict[str, str]:
    """Return what a process in an environment is told, so that nothing of another gets in."""
    return {
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)]),
        "VIRTUAL_ENV": str(python.parent.parent),
        # As good as unset.
        "PYTHONPATH": "",
        "PYTHONHOME": "",
    }


def _pointed(folder: Path, key: str) -> Path | None:
    """Return the Python of a whole environment; None where it is not there, or was altered."""
    try:
        told = json.loads((folder / f"{key}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    home = folder / told["home"]
    # A notebook may have installed something in it.
    whole = _python(home).exists() and _installed(home) == told["installed"]
    return _python(home) if whole else None


def _installed(home: Path) -> list[str]:
    return sorted(path.name for path in home.glob("[Ll]ib*/**/site-packages/*.dist-info"))


def _python(home: Path) -> Path:
    return home / _ENDS / ("python.exe" if sys.platform == "win32" else "python")


def _sweep(folder: Path, key: str) -> None:
    """Take away what a killed process has left; another may still be at work in a young one."""
    for home in folder.glob(f"{key}-*"):
        if time.time() - home.stat().st_mtime > LEFTOVER_S:
            shutil.rmtree(home, ignore_errors=True)


class _Making:
    """One environment that is being made."""

    def __init__(self, home: Path, wanted: Wanted, watch: Watch, project: Path) -> None:
        self.home = home
        self.wanted = wanted
        self.watch = watch
        self.project = project
        self.uv = _uv()

    def make(self) -> Path:
        python = str(_python(self.home))
        count = len(self.wanted.requirements) + 1
        with_uv = "uv" if self.uv else "pip"
        self.watch.log(
            f"making an environment with Python {self.wanted.python}"
            f" and {count} package{'s' if count > 1 else ''}, with {with_uv}"
        )
        self._say(0, f"finding Python {self.wanted.python}")
        base = self._base()
        self._say(1, "making the environment")
        if self.uv:
            create = [self.uv, "venv", "--quiet", "--no-project", "--python", base, str(self.home)]
        else:
            create = [base, "-m", "venv", str(self.home)]
        code, said = self._run(create)
        if code:
            raise UnavailableError(f"no environment can be made with {base}: {_last(said)}")
        self._say(2, f"installing {count} package{'s' if count > 1 else ''}")
        self._install(python)
        self._say(3, "the environment is made")
        return _python(self.home)

    def _install(self, python: str) -> None:
        lock = self.home / "requirements.txt"
        lock.write_text("\n".join(self.wanted.requirements) + "\n", "utf-8")
        wheel = self.home / self.wanted.wheel
        wheel.write_bytes(self.wanted.source)
        what = ["--no-deps", "-r", str(lock), str(wheel)]
        if self.uv:
            tool = [self.uv, "pip", "install", "--python", python]
            settings: list[Mapping[str, str]] = [{}, _as_uv(_pip_settings(self.project))]
        else:
            tool = [python, "-m", "pip", "install", "--no-input"]
            settings = [{}]
        said = ""
        # uv knows nothing of pip's settings, where a private index may be.
        for given in [settings[0], *(more for more in settings[1:] if more)]:
            code, told = self._run([*tool, *what], given)
            if not code:
                self._take_away_tools(python)
                return
            said = said or told
        raise self._refusal(said)

    def _take_away_tools(self, python: str) -> None:
        """Leave nothing that the lock does not have: venv brings tools of its own."""
        locked_names = {_name(line) for line in self.wanted.requirements}
        extra = [name for name in ("setuptools", "pip") if name not in locked_names]
        if not self.uv and extra:
            self._run([python, "-m", "pip", "uninstall", "--yes", *extra], {})

    def _refusal(self, said: str) -> UnavailableError:
        which = [line for line in self.wanted.requirements if _names(said, line)]
        reason = _reason(said)
        what = f"package {which[0]}" if which else "the run's packages"
        return UnavailableError(
            f"{what} can't be installed: {reason}",
            hint=f"see that your package index (settings of uv or pip) has it, or {_SAME}",
        )

    def _base(self) -> str:
        """Return a Python of the version wanted."""
        wanted = self.wanted
        here = ".".join(str(part) for part in sys.version_info[:3])
        if wanted.python == here and wanted.implementation == sys.implementation.name:
            return sys.executable
        if self.uv:
            asked = f"{wanted.implementation}@{wanted.python}"
            find = [self.uv, "python", "find", "--no-project", "--no-python-downloads", asked]
            code, said = self._run(find)
            if not code and said.strip():
                return said.strip().splitlines()[-1]
        named = shutil.which(f"python{'.'.join(wanted.python.split('.')[:2])}")
        # pyenv keeps its versions side by side.
        beside = Path(sys.base_prefix).with_name(wanted.python) / _ENDS / "python"
        for found in (named, str(beside) if beside.exists() else None):
            if found is not None:
                code, said = self._run([found, "--version"])
                if not code and said.split()[-1:] == [wanted.python]:
                    return found
        raise UnavailableError(
            f"Python {wanted.python} ({wanted.implementation}), in which that run ran,"
            " is not installed here",
            hint=f"uv python install {wanted.python}, or {_SAME}",
        )

    def _say(self, done: int, text: str) -> None:
        self.watch.progress(done, 3, text)

    def _go_on(self) -> None:
        if self.watch.cancelled():
            raise StoppedError("stopped while the environment was being made")

    def _run(
        self, command: Sequence[str], more: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a command to its end and return its exit code and what it said."""
        self._go_on()
        environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.project,
                env={**environ, **(more or {})},
                start_new_session=True,
            )
            try:
                while not _ended(process):
                    self._go_on()
            finally:
                if process.poll() is None:
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            output.seek(0)
            return process.returncode, output.read().decode("utf-8", "replace")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(POLL_S)
    return process.poll() is not None


def _uv() -> str | None:
    """Return uv: the one of this environment, else that of the path."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else shutil.which("uv")


def _pip_settings(folder: Path) -> dict[str, str]:
    """Return where pip is set to look for packages, by its names for that."""
    anywhere = shutil.which("pip")
    if importlib.util.find_spec("pip") is None and anywhere is None:
        return {}
    pip = [anywhere] if anywhere else [sys.executable, "-m", "pip"]
    done = subprocess.run(
        [*pip, "config", "list"],
        capture_output=True,
        text=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    # Later ones, such as the environment's, go before those of files.
    told = re.findall(r"^[^.\n]+\.([\w-]+)='(.*)'$", done.stdout, re.MULTILINE)
    environ = re.findall(r"^:env:\.([\w-]+)='(.*)'$", done.stdout, re.MULTILINE)
    return {**dict(told), **dict(environ)}


def _as_uv(pip: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings of where packages come from as variables that uv reads."""
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
    }
    found = {}
    for name, variable in names.items():
        if pip.get(name):
            places = pip[name].replace("\\n", " ").split()
            found[variable] = ("," if name == "find-links" else " ").join(places)
    # As pip does: the best that any of them has.
    return {**found, "UV_INDEX_STRATEGY": "unsafe-best-match"} if found else {}


def _name(requirement: str) -> str:
    return re.split(r"[=@ ]", requirement, maxsplit=1)[0]


def _names(said: str, requirement: str) -> bool:
    name = _name(requirement)
    found = re.search(
        rf"(?<![\w.-]){re.escape(name)}(?=\s*==|\s+was|\s+@|/|`)", said, re.IGNORECASE
    )
    return found is not None


def _reason(said: str) -> str:
    """Return what uv or pip says is wrong, as one line without its drawing."""
    lines = [line.strip(" ×╰─▶│├\t") for line in said.splitlines()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    if errors:
        return errors[-1][:300]
    starts = [n for n, line in enumerate(said.splitlines()) if "×" in line or "error:" in line]
    text = " ".join(line for line in lines[starts[0] if starts else 0 :] if line)
    return text.removeprefix("error: ")[:300]


def _last(said: str) -> str:
    lines = said.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
