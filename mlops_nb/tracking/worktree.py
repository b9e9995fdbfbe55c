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
        shallow = _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        raise InputError(
            f"commit {commit[:12]} is not in {top}"
            + (", a shallow clone" if shallow else " any more"),
            hint="git fetch --unshallow, then try again" if shallow else "fetch it, then try again",
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
        _remove(top, to)


def take_away(folder: Path) -> None:
    """Remove a folder and, where it is or has a worktree, what its repository knows of it."""
    marks = [folder / ".git", *folder.glob("*/.git"), *folder.glob("*/*/.git")]
    for mark in marks:
        told = _git(mark.parent, "rev-parse", "--path-format=absolute", "--git-common-dir")
        # A worktree has a file there, where a repository has a folder.
        if mark.is_file() and told.returncode == 0:
            common = told.stdout.decode("utf-8", "surrogateescape").strip()
            _remove(Path(common), mark.parent)
    shutil.rmtree(folder, ignore_errors=True)


def _remove(top: Path, to: Path) -> None:
    _git(top, "worktree", "remove", "--force", "--force", str(to))
    shutil.rmtree(to, ignore_errors=True)
    _git(top, "worktree", "prune")


def _git(
    folder: Path, *words: str, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", str(folder), "-c", f"core.hooksPath={os.devnull}"]
    # Nor a program that watches for changes: it is a hook by another name.
    command += ["-c", "core.fsmonitor=false", *words]
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
