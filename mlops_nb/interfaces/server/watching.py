"""Tell the front end that something changed, whoever changed it, by Jupyter's event stream.

An event means "ask again", nothing more: there is no replay, and one who was away asks anyway.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_nb.core.errors import NotFoundError
from mlops_nb.flows.changes import What, mark
from mlops_nb.project import Project

SCHEMA_ID = "https://mlops-nb/events/changed/v1"
SCHEMA = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Runs or jobs of a project changed",
    "description": "Emitted whoever changed them: a kernel, the command line, the scheduler.",
    "personal-data": False,
    "type": "object",
    "required": ["project", "what"],
    "properties": {
        "project": {"title": "The project's folder", "type": "string"},
        "what": {"title": "What changed", "enum": ["runs", "jobs"]},
    },
}
PAUSE_S = 1.0
INTEREST_S = 600.0

Marks = Mapping[What, Hashable]


@dataclass(slots=True)
class _Watched:
    project: Project
    seen: Marks
    asked_at: float
    in_trouble: bool = False


class Watcher:
    """Looks at the projects that were asked for lately, once a second, in a thread of its own.

    It works while there is such a project: a server that nobody asks does nothing. All methods
    are called on the event loop.

    Parameters
    ----------
    emit : callable
        Called with a project's root and "runs" or "jobs" when they changed.
    log : logging.Logger
    """

    def __init__(self, emit: Callable[[Path, What], None], log: logging.Logger) -> None:
        self._emit = emit
        self._log = log
        self._watched: dict[Path, _Watched] = {}
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlops-watcher")

    def watch(self, project: Project, seen: Marks) -> None:
        """Watch a project from now on, and as long as it is asked for.

        Parameters
        ----------
        project : Project
        seen : mapping
            Its mark from before the asker reads it, so that no change falls between.
        """
        known = self._watched.setdefault(project.root, _Watched(project, seen, 0.0))
        # The settings may have changed since.
        known.project, known.asked_at = project, time.monotonic()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="mlops-watcher")

    async def stop(self) -> None:
        """Stop looking; when this returns, the task and its thread are gone."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._thread.shutdown()

    async def _work(self) -> None:
        while self._watched:
            await asyncio.sleep(PAUSE_S)
            for root, watched in list(self._watched.items()):
                if time.monotonic() - watched.asked_at > INTEREST_S:
                    del self._watched[root]
                else:
                    await self._look(root, watched)

    async def _look(self, root: Path, watched: _Watched) -> None:
        loop = asyncio.get_running_loop()
        try:
            seen = await loop.run_in_executor(self._thread, mark, watched.project)
            changed = [what for what in seen if seen[what] != watched.seen[what]]
            watched.seen = seen
            for what in changed:
                self._emit(root, what)
            watched.in_trouble = False
        except NotFoundError:
            # Gone. Who asks again is told so.
            del self._watched[root]
        except Exception:  # noqa: BLE001 - whatever it is, the other projects are looked at
            # Told once, not each second.
            if not watched.in_trouble:
                self._log.exception("mlops_nb can't watch %s", root)
            watched.in_trouble = True
