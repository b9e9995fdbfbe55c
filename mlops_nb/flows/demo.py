"""Verb `demo`: the flagship notebook, end to end on real data, in a project of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mlops_nb.core.config import FILE_NAME, Config
from mlops_nb.core.errors import InputError, LockedError, UnavailableError
from mlops_nb.core.latest import groups_of, latest
from mlops_nb.core.records import DemoResult, ModelVersion, Report, Run
from mlops_nb.flows import execution, jobs, serving
from mlops_nb.flows import lab as lab_flow
from mlops_nb.flows.context import Context
from mlops_nb.project import STATE, Project
from mlops_nb.stores.disk import disk_errors, write_whole
from mlops_nb.stores.locks import locked

NOTEBOOK = "credit_default.ipynb"
FILES = (NOTEBOOK, FILE_NAME, "data/credit_default.parquet", "data/README.md")
FOLDER = "mlops-demo"
JOB = "monthly-retraining"
CRON = "0 6 1 * *"
LOCK = "demo.lock"
TRIES = 1000


def demo(
    context: Context,
    *,
    into: str | None = None,
    lab: bool = False,
    port: int = 8888,
    quiet: bool = False,
) -> DemoResult:
    """Copy the demo's project, run its notebook headless, and sum up what came of it.

    With `lab`, JupyterLab shows the project meanwhile, and goes on until it is interrupted; an
    interrupt before that, which ends the notebook, ends both.

    Raises
    ------
    InputError
        If `into` is a folder with something else in it, or there is no such port.
    LockedError
        If another demo runs in it.
    UnavailableError
        If the disk can't be written, or the port is in use.
    """
    started = time.monotonic()
    if lab:
        # Before a folder is made.
        serving.refuse_taken(port)
    root = _given_folder(context.path(into)) if into else _new_folder(context.folder)
    with ExitStack() as stack:
        with _whole(root, is_new=into is None):
            stack.enter_context(_alone(root))
            _fill(root)
        project = Project.at(root)
        inside = Context(project, root, None, context.watch)
        context.watch.log(f"project: {root}")
        _schedule(inside)
        server = None
        if lab:
            opened = lab_flow.opened(inside, root / NOTEBOOK, port=port, quiet=quiet)
            server = stack.enter_context(opened)
        run = execution.run(inside, root / NOTEBOOK)
        result = _summary(project, run, time.monotonic() - started)
        if server is not None and run.reason != "interrupted":
            lab_flow.wait(inside, server)
        return result


@contextmanager
def _whole(root: Path, *, is_new: bool) -> Iterator[None]:
    """Should a folder that was empty not get whole, leave it empty, or away if it `is_new`."""
    was_empty = not any(root.iterdir())
    try:
        yield
    except LockedError:
        # What is in it by now is another demo's.
        raise
    except UnavailableError:
        for entry in root.iterdir() if was_empty else ():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        if is_new:
            root.rmdir()
        raise


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the project for one demo.

    Raises
    ------
    LockedError
        If another demo runs in it.
    """
    # Not `Project.at`: its settings may be just being copied.
    state = Project(root, Config()).ensure().state
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(state / LOCK, timeout_s=0, what="the demo"))
        except LockedError:
            raise LockedError(
                f"another `mlops demo` is running in {root}",
                hint="wait for it, or give another --into",
            ) from None
        yield


def source_folder() -> Path:
    """Return the folder of the notebooks: in the installed package, or in the source tree."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "notebooks", package.parent / "notebooks"):
        if (folder / NOTEBOOK).is_file():
            return folder
    raise UnavailableError(
        f"{NOTEBOOK} is missing from this installation", hint="install mlops-nb again"
    )


def _new_folder(parent: Path) -> Path:
    """Make the first of mlops-demo, mlops-demo-2, ... that is not there yet."""
    for number in range(1, TRIES):
        target = parent / (FOLDER if number == 1 else f"{FOLDER}-{number}")
        try:
            with disk_errors(target):
                target.mkdir()
        except FileExistsError:
            # Also where another demo took the name just now.
            continue
        return target
    raise InputError(f"{parent} has {TRIES} demo projects already", hint="give --into DIR")


def _given_folder(target: Path) -> Path:
    """Make the folder, or see that it is empty or a demo's."""
    if target.exists() and not target.is_dir():
        raise InputError(f"--into must be a folder; {target} is a file")
    with disk_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    inside = {entry.name for entry in target.iterdir()}
    # The lock is in every folder that a demo began to fill, by now or long ago.
    is_demo = (target / STATE / LOCK).exists() or inside >= {NOTEBOOK, FILE_NAME}
    if not is_demo and inside - {STATE}:
        raise InputError(
            f"{target} is not empty and not a demo project", hint="give another --into"
        )
    return target


def _fill(root: Path) -> None:
    """Copy what is missing of the project's files to its folder; what is there is the user's."""
    source = source_folder()
    with disk_errors(root):
        for name in FILES:
            if not (root / name).exists():
                (root / name).parent.mkdir(exist_ok=True)
                write_whole(root / name, (source / name).read_bytes())


def _schedule(inside: Context) -> None:
    """Make the notebook a monthly job, where a user has not removed or changed it since."""
    project = inside.project
    if not project.database.path.exists():
        jobs.add(inside, JOB, NOTEBOOK, cron=CRON, model="credit-default")


def _summary(project: Project, run: Run, seconds: float) -> DemoResult:
    children = project.runs.children(run)
    reports = _newest(project.database.reports(run_id=[run.run_id, *(c.run_id for c in children)]))
    gate = next((r.status for r in reports if r.kind == "gate"), None)
    model = _promoted(project, [run, *children])
    metrics = dict(run.metrics)
    for child in children:
        if model is not None and child.run_id == model.run_id:
            metrics = {**child.metrics, **metrics}
    return DemoResult(
        status=run.status,
        run_id=run.run_id,
        project=str(project.root),
        notebook=run.notebook or "",
        metrics=metrics,
        reports=tuple(r for r in reports if r.kind != "gate"),
        gate=gate,
        model=model,
        source_notebook=str(project.root / NOTEBOOK),
        seconds=seconds,
    )


def _newest(reports: Sequence[Report]) -> list[Report]:
    """Keep the newest report of each kind and its groups, in the order in which they are read."""
    order = ("quality", "drift", "fairness", "performance")
    return sorted(
        latest(reports, groups_of), key=lambda r: order.index(r.kind) if r.kind in order else 9
    )


def _promoted(project: Project, runs: Sequence[Run]) -> ModelVersion | None:
    for run in runs:
        promoted = run.tags.get("mlops.promoted")
        if promoted:
            name, _, rest = promoted.rpartition("/")
            return project.models.get(name, rest.partition("@")[0])
    return None
