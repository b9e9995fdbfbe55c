"""Python's door: ``import mlops_nb as mlops``. A verb is a function with its flow's arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from mlops_nb.core.errors import ArgumentError
from mlops_nb.core.nearest import suggest
from mlops_nb.core.records import Run
from mlops_nb.flows import (
    checks,
    comparison,
    datasets,
    execution,
    jobs,
    mitigation,
    model_checks,
    projects,
    release,
    tracking,
)
from mlops_nb.flows import histories as histories_flow
from mlops_nb.flows import replay as replays
from mlops_nb.flows import runs as run_flows
from mlops_nb.flows.context import Context
from mlops_nb.interfaces import session
from mlops_nb.interfaces.watching import python_watch

P = ParamSpec("P")
R = TypeVar("R")


def _checked(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with one line about arguments that it can't be called with."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            # Looked at only now: a training loop would pay for it at each point that it logs.
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise _refused(called, signature, kwargs, error) from None
            raise

    return called


def _refused(
    function: Callable[..., Any],
    signature: inspect.Signature,
    given: Iterable[str],
    error: TypeError,
) -> ArgumentError:
    name = next((n for n, each in globals().items() if each is function), function.__name__)
    known = list(signature.parameters)
    for keyword in given:
        if keyword not in known:
            return ArgumentError(
                f"{name} has no argument {keyword!r:.80}", hint=suggest(keyword, known)
            )
    return ArgumentError(f"{name}: {error}", hint=f"it is called as {name}{_short(signature)}")


def _short(signature: inspect.Signature) -> str:
    """Write what a function needs, and that there is more where there is."""
    parameters = signature.parameters.values()
    needed = [
        f"{each.name}=..." if each.kind is each.KEYWORD_ONLY else each.name
        for each in parameters
        if each.default is each.empty
    ]
    more = ["..."] if len(needed) < len(parameters) else []
    return f"({', '.join(needed + more)})"


def _door(flow: Callable[Concatenate[Context, P], R]) -> Callable[P, R]:
    """Return the flow with this process's context put in first."""

    @functools.wraps(flow)
    def verb(*args: P.args, **kwargs: P.kwargs) -> R:
        return flow(session.current().context(python_watch()), *args, **kwargs)

    signature = inspect.signature(flow)
    without_context = list(signature.parameters.values())[1:]
    verb.__signature__ = signature.replace(parameters=without_context)  # type: ignore[attr-defined]
    verb.__module__ = "mlops_nb"
    return _checked(verb)


init = _door(projects.init)
status = _door(projects.status)
runs = _door(run_flows.runs)
show = _door(run_flows.show)
diff = _door(comparison.diff)
replay = _door(replays.replay)
run = _door(execution.run)
quality = _door(checks.quality)
drift = _door(checks.drift)
fairness = _door(model_checks.fairness)
performance = _door(model_checks.performance)
mitigate = _door(mitigation.mitigate)
register = _door(release.register)
models = _door(release.models)
gate = _door(release.gate)
promote = _door(release.promote)
data_snapshot = _door(datasets.snapshot)
data_list = _door(datasets.versions_of)
data_get = _door(datasets.get)
data_diff = _door(datasets.diff)
jobs_add = _door(jobs.add)
jobs_list = _door(jobs.jobs)
jobs_show = _door(jobs.show)
jobs_next = _door(jobs.upcoming)
jobs_run = _door(jobs.run)
jobs_history = _door(jobs.history)
jobs_pause = _door(jobs.pause)
jobs_resume = _door(jobs.resume)
jobs_remove = _door(jobs.remove)


class Tracked:
    """An open run: usable as a context manager, which ends it unless it was open before.

    Parameters
    ----------
    run : Run
        As it was when it was opened.
    opened : bool
        Whether it was opened for this, and not joined.
    """

    def __init__(self, run: Run, *, opened: bool) -> None:
        self.run = run
        self._opened = opened

    def __enter__(self) -> Run:
        return self.run

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._opened:
            session.current().end_child(self.run.run_id, error)


@_checked
def track(
    name: str | None = None, *, experiment: str | None = None, project: str | None = None
) -> Tracked:
    """Open a run of this process, or join and name the one that is open.

    It ends with the process, with ``stop()``, or with its ``with`` block.

    Raises
    ------
    InputError
        If the name can't be a run's, or a run is open elsewhere.
    UnavailableError
        If the project's folder can't be written.
    """
    current = session.current()
    opened = not current.open
    run = current.track(name, experiment=experiment, project=project)
    return Tracked(run, opened=opened)


@_checked
def stop() -> Run:
    """End the run that is open.

    Raises
    ------
    InputError
        If none is open.
    """
    return session.current().stop()


def log(
    values: Mapping[str, Any] | None = None,
    *,
    kind: str | None = None,
    step: int | None = None,
    **named: Any,
) -> None:
    """Log values to the open run: numbers as metrics, the rest by their type.

    Parameters
    ----------
    values : mapping, optional
        Names that are no Python identifiers go here.
    kind : {"metric", "param", "tag"}, optional
        Take all of them as this.
    step : int, optional
        Step of the metrics.
    **named
        Values by name.

    Raises
    ------
    InputError
        If no run is open, or a name or value is refused.
    """
    tracking.log(session.current().logging(), {**(values or {}), **named}, kind=kind, step=step)


@_checked
def log_steps(histories: Mapping[str, Iterable[float]], *, start: int = 0) -> None:
    """Log metrics with a value for each of many steps: a hundred times cheaper than one by one.

    Parameters
    ----------
    histories : mapping of str to iterable of float
        A metric's values in order, such as ``history.history`` of a training in Keras.
    start : int
        Step of the first of each.

    Raises
    ------
    InputError
        If no run is open, or a name or value is refused; nothing is logged then.
    """
    histories_flow.log_steps(session.current().logging(), histories, start=start)


@_checked
@contextmanager
def child(name: str | None = None) -> Iterator[Run]:
    """Open a child run for a block of code, as ``%%mlops track`` does for a cell."""
    current = session.current()
    run = current.begin_child(name)
    try:
        yield run
    except BaseException as error:
        current.end_child(run.run_id, error)
        raise
    current.end_child(run.run_id, None)
