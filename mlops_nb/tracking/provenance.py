"""Where a run came from: notebook, code version, environment, machine, as MLflow tags.

The snapshot is the same whichever door started the run; what can't be found is absent rather
than guessed.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from mlops_nb.core.strict_json import dumps
from mlops_nb.tracking.environment import Interpreter, packages, requirements
from mlops_nb.tracking.modules import is_library
from mlops_nb.tracking.redaction import redact

DIFF_CAP = 1_000_000
REDACTED = "redacted"
GIT_SECONDS = 10
# As git itself can apply it, whatever the user has set up for reading.
_DIFF = (
    *("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", "--binary"),
    *("--no-relative", "--src-prefix=a/", "--dst-prefix=b/"),
)


@dataclass(frozen=True, slots=True)
class Provenance:
    """The snapshot taken when a run opens: short facts as tags, long ones as files."""

    tags: Mapping[str, str]
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class FoundNotebook:
    """A notebook's path and how it was found.

    `snapshot` is the file that is executed in its place, where a job runs the one it has kept.
    `script` is what runs where there is no notebook: one that was exported as a script, say.
    """

    path: Path | None
    found_by: str
    snapshot: Path | None = None
    script: Path | None = None

    @property
    def file(self) -> Path | None:
        """The file whose cells are executed."""
        return self.snapshot or self.path


def snapshot(
    notebook: FoundNotebook, folder: Path, interpreter: Interpreter | None = None
) -> Provenance:
    """Take the snapshot for a run of `notebook`, whose code lives in `folder`.

    It runs in another interpreter than this one where that is given.

    Examples
    --------
    >>> taken = snapshot(FoundNotebook(None, "unknown"), Path("."))
    >>> taken.tags["mlops.notebook_found_by"], "mlops.python" in taken.tags
    ('unknown', True)
    """
    source = notebook.path or notebook.script
    code = _git(source.parent if source else folder)
    tags = {**_notebook_tags(notebook), **_machine_tags(), **code.tags}
    if interpreter is not None:
        tags["mlops.python"] = interpreter.version
    installed = {
        "mlops/packages.txt": packages(interpreter),
        "mlops/requirements.txt": requirements(interpreter),
    }
    return Provenance(tags, {**installed, **code.files})


def find_notebook(environ: Mapping[str, str], namespace: Mapping[str, object]) -> FoundNotebook:
    """Find the notebook that this kernel runs.

    The runner says so in ``MLOPS_NOTEBOOK``; VS Code in its ``__vsc_ipynb_file__``; Jupyter
    Server in ``JPY_SESSION_NAME``; papermill and nbconvert in their command line.
    """
    told = environ.get("MLOPS_NOTEBOOK")
    if told:
        snapshot = environ.get("MLOPS_SNAPSHOT")
        return FoundNotebook(Path(told), "runner", Path(snapshot) if snapshot else None)
    in_vscode = namespace.get("__vsc_ipynb_file__")
    if isinstance(in_vscode, str) and Path(in_vscode).is_file():
        return FoundNotebook(Path(in_vscode), "vscode")
    session = environ.get("JPY_SESSION_NAME", "")
    if session.endswith(".ipynb") and Path(session).is_file():
        return FoundNotebook(Path(session).resolve(), "jupyter session")
    from_parent = _from_parent_command()
    if from_parent is not None:
        return FoundNotebook(from_parent, "parent command")
    return FoundNotebook(None, "unknown", script=_script(namespace))


def _script(namespace: Mapping[str, object]) -> Path | None:
    """Return the script that this process runs, IPython's or Python's; none where it runs none."""
    told = namespace.get("__file__") or getattr(sys.modules.get("__main__"), "__file__", None)
    if not isinstance(told, str) or not told.endswith(".py") or is_library(os.path.realpath(told)):
        return None
    path = Path(told).resolve()
    return path if path.is_file() else None


def _notebook_tags(notebook: FoundNotebook) -> dict[str, str]:
    tags = {"mlops.notebook_found_by": notebook.found_by}
    if notebook.script is not None:
        tags |= {"mlops.script": str(notebook.script), **_hash("script", notebook.script)}
    if notebook.path is not None and notebook.file is not None:
        tags |= {"mlops.notebook": str(notebook.path), **_hash("notebook", notebook.file)}
    return tags


def _hash(what: str, path: Path) -> dict[str, str]:
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return {}
    return {f"mlops.{what}_hash": f"sha256:{digest}"}


@cache
def _machine_tags() -> dict[str, str]:
    import psutil

    return {
        "mlops.python": platform.python_version(),
        "mlops.platform": platform.platform(),
        "mlops.host": platform.node(),
        "mlops.hardware": dumps(
            {
                "machine": platform.machine(),
                "cpus": os.cpu_count(),
                "memory_bytes": psutil.virtual_memory().total,
            }
        ),
        "mlops.user": user(),
    }


def user() -> str:
    """Return the name of who runs this process; the number where there is no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id without a name.
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def _git(folder: Path) -> Provenance:
    status = _git_output(
        folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--no-renames"
    )
    lines = (status or b"").decode("utf-8", "replace").splitlines()
    told = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# "))
    commit = told.get("branch.oid", "(initial)")
    if commit == "(initial)":
        return Provenance({}, {})
    changed = any(not line.startswith("# ") for line in lines)
    tags = {
        "mlops.commit": commit,
        "mlops.branch": "HEAD" if told["branch.head"] == "(detached)" else told["branch.head"],
        "mlops.dirty": "true" if changed else "false",
    }
    if not changed:
        return Provenance(tags, {})
    diff = _git_output(folder, *_DIFF)
    if diff is None:
        return Provenance({**tags, "mlops.diff": "not kept: git could not show it"}, {})
    tags["mlops.diff_hash"] = f"sha256:{hashlib.sha256(diff).hexdigest()}"
    if len(diff) > DIFF_CAP:
        return Provenance({**tags, "mlops.diff": f"not kept: {len(diff)} bytes"}, {})
    clean = redact(diff)
    if clean != diff:
        # It can be read, and can't be applied any more: a replay has to know.
        tags["mlops.diff"] = REDACTED
    return Provenance(tags, {"mlops/dirty.diff": clean})


def _git_output(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
            # A read must not take the index lock from the user's own git.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _from_parent_command() -> Path | None:
    import psutil

    try:
        parent = psutil.Process().parent()
        command = parent.cmdline() if parent else []
        folder = Path(parent.cwd()) if parent else Path()
    except psutil.Error:
        return None
    tool = " ".join(Path(word).name for word in command[:4])
    notebooks = [
        word
        for option, word in pairwise(command)
        if word.endswith(".ipynb") and not word.startswith("-") and option != "--output"
    ]
    # papermill names its input and then its output; nbconvert may be given many.
    known = notebooks if "papermill" in tool or len(notebooks) == 1 else []
    if not known or not ("papermill" in tool or "nbconvert" in tool) or "*" in known[0]:
        return None
    return (folder / known[0]).resolve()
