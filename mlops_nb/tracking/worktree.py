"""A commit's files in a folder of their own, for a time; the user's tree is not touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_nb.core.errors import InputError, UnavailableError

GIT_SECONDS = 600


def top_of(folder: Path) -> Path | None:
    """Return the root of the repository that a folder is in; None where it is in none."""
    done = _git(folder, "rev-parse", "--show-toplevel")
    told = done.stdout.decode("utf-8", "surrogateescape").strip()
    return Path(told).resolve() if done.returncode == 0 and told else None


@contextmanager
def checked_out(top: Path, commit: str, to: Path, diff: bytes | None) -> Iterator[Path]:
    """Give the files of a commit with a diff on top, in a new folder, until the block ends.

    Raises
    ------
    InputError
        If the commit is gone, or the diff does not apply to it.
    UnavailableError
        If git can't make the folder.
    """
    if _git(top, "cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        raise InputError(
            f"commit {commit[:12]} is not in {top} any more", hint="fetch it, then try again"
        )
    try:
        # Without hooks: they are the user's, for her own tree.
        made = _git(top, "worktree", "add", "--detach", "--force", str(to), commit)
        if made.returncode != 0:
            raise UnavailableError(f"git can't check out commit {commit[:12]}: {_said(made)}")
        if diff:
            applied = _git(to, "apply", "--binary", "--whitespace=nowarn", "-", given=diff)
            if applied.returncode != 0:
                raise InputError(
                    f"the recorded changes don't apply to {commit[:12]}: {_said(applied)}"
                )
        yield to
    finally:
        _git(top, "worktree", "remove", "--force", "--force", str(to))
        shutil.rmtree(to, ignore_errors=True)
        _git(top, "worktree", "prune")


def _git(
    folder: Path, *words: str, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), "-c", f"core.hooksPath={os.devnull}", *words]
    environ = {k: v for k, v in os.environ.items() if k not in ("GIT_DIR", "GIT_WORK_TREE")}
    try:
        return subprocess.run(
            command,
            input=b"" if given is None else given,
            capture_output=True,
            timeout=GIT_SECONDS,
            env=environ,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, b"", str(error).encode())


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"git ended with code {done.returncode}"
