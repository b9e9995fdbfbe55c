"""The routes: one a verb, from the table, and a few beside them. Each only passes on.

Every route asks Jupyter who it is (token or cookie, with its XSRF check) and its authorizer for
the right to read, or to write, the resource "mlops". Flows run in threads, never on the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import unquote

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from mlops_nb.core.errors import InputError, MlopsError, NotFoundError
from mlops_nb.core.strict_json import dumps
from mlops_nb.interfaces import lookup, values
from mlops_nb.interfaces.commands import VERBS
from mlops_nb.interfaces.server import errors, work
from mlops_nb.interfaces.server.watching import Watcher
from mlops_nb.interfaces.verbs import Argument, Verb
from mlops_nb.project import Project

P = ParamSpec("P")
R = TypeVar("R")

LARGEST_BODY = 1_000_000
# In any query: what the server takes itself, and where the asker stands.
_SERVERS_OWN = frozenset({"token", "_xsrf", "no_track_activity"})
_OURS = frozenset({"path", "as"})

PROJECT = Verb("project", "project", "which project is this?", "", reads=True)
NOTEBOOK = Verb(
    "notebook",
    "tracking",
    "the executed notebook of a run",
    "",
    (Argument("run", "id of the run", "run", needed=True),),
    reads=True,
)
REPORT = Verb(
    "report",
    "checks",
    "Evidently's full report, of a run or from a file",
    "",
    (
        Argument("run", "id of the run that keeps it", "run"),
        Argument("report", "which of the run's; its latest unless given"),
        Argument("file", "its file in the project, in place of a run", "path"),
    ),
    reads=True,
)


@dataclass(frozen=True, slots=True)
class Desk:
    """What all handlers share.

    Parameters
    ----------
    root : Path
        The server's root folder, resolved.
    workers : Executor
        Where flows run.
    watcher : Watcher
    """

    root: Path
    workers: Executor
    watcher: Watcher


def routes(desk: Desk) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """List the routes, without the server's base URL."""
    verbs = lookup.verbs_of("http")
    return [
        *(
            (f"/mlops/{verb.name.replace(' ', '/')}", VerbHandler, {"desk": desk, "verb": verb})
            for verb in verbs
        ),
        ("/mlops/project", ProjectHandler, {"desk": desk, "verb": PROJECT}),
        ("/mlops/notebook", NotebookHandler, {"desk": desk, "verb": NOTEBOOK}),
        ("/mlops/report", ReportHandler, {"desk": desk, "verb": REPORT}),
        ("/mlops(?:/.*)?", UnknownHandler, {"desk": desk}),
    ]


class Handler(APIHandler):
    """What every route has: who may ask, where work is done, and how errors are told."""

    auth_resource = "mlops"

    def initialize(self, desk: Desk, verb: Verb | None = None) -> None:
        """Take what `routes` says."""
        self.desk = desk
        self.verb = verb

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Answer a reading verb."""
        await self._serve("GET")

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Answer a verb that changes something."""
        await self._serve("POST")

    async def respond(self) -> None:
        """Write the answer."""
        raise web.HTTPError(404)

    async def in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function in a worker thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.desk.workers, partial(function, *args, **kwargs))

    async def project(self) -> Project:
        """Return the project of the request's path, and have it watched from now on."""
        project, seen = await self.in_thread(work.find, self.desk.root, self._only("path", ""))
        self.desk.watcher.watch(project, seen)
        return project

    def arguments(self, verb: Verb) -> dict[str, Any]:
        """Return the verb's arguments: from the query, or from the body where it changes things."""
        given = self._query(_OURS if verb.reads else frozenset({"path"}))
        if verb.reads:
            return values.from_query(verb, given)
        for name in given:
            raise InputError(
                f"{name!r} is in the query of a POST", hint="put it into the body, a JSON object"
            )
        return values.from_values(verb, self._body())

    def as_html(self) -> bool:
        """Tell whether a panel is asked for in place of the record."""
        form = self._only("as", "json")
        if form not in ("json", "html"):
            raise NotFoundError.among("form", form, ("json", "html"))
        return form == "html"

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer an error, whatever raised it."""
        error = kwargs.get("exc_info", (None, None))[1]
        status, body = errors.answer(status_code, error)
        self.set_status(status)
        if status == 405:
            self.set_header("Allow", "GET" if self.verb is None or self.verb.reads else "POST")
        self.finish(dumps(body))

    def log_exception(self, *exc_info: Any) -> None:
        """Log a fault of ours with its traceback; what the asker can mend is only answered."""
        if not isinstance(exc_info[1], MlopsError) or exc_info[1].http_status == 500:
            super().log_exception(*exc_info)

    async def _serve(self, method: str) -> None:
        if self.verb is not None and (method == "GET") != self.verb.reads:
            other = "GET" if self.verb.reads else "POST"
            raise web.HTTPError(405, f"`{self.verb.name}` is asked for with {other}, not {method}")
        await self.respond()

    def _only(self, name: str, default: str) -> str:
        texts = self._query(frozenset()).get(name, [default])
        if len(texts) > 1:
            raise InputError(f"{name!r} is given twice")
        return texts[0]

    def _query(self, without: frozenset[str]) -> dict[str, list[str]]:
        """Return the query as it was sent: Tornado's own reading changes blanks and signs."""
        try:
            read = {
                name: [text.decode() for text in texts]
                for name, texts in self.request.query_arguments.items()
            }
        except UnicodeDecodeError:
            raise InputError("the query is not UTF-8") from None
        # JupyterLab adds the time as a name without a value, to pass by the browser's cache.
        return {
            name: texts
            for name, texts in read.items()
            if name not in _SERVERS_OWN | without and not (name.isdigit() and texts == [""])
        }

    def _body(self) -> Mapping[str, Any]:
        body = self.request.body
        if len(body) > LARGEST_BODY:
            raise web.HTTPError(413, f"the body has more than {LARGEST_BODY} bytes")
        given = values.parse_json(body, "the body") if body.strip() else {}
        if not isinstance(given, dict):
            raise InputError("the body must be a JSON object", hint='such as {"job": "retrain"}')
        return given


class VerbHandler(Handler):
    """A verb of the table."""

    verb: Verb

    async def respond(self) -> None:
        """Call the verb's flow."""
        arguments, as_html = self.arguments(self.verb), self.verb.reads and self.as_html()
        project = await self.project()
        status, text = await self.in_thread(
            work.call, self.desk.root, project, self.verb, arguments, as_html=as_html
        )
        self.set_status(status)
        await self.finish(text)


class ProjectHandler(Handler):
    """Which project the path belongs to."""

    async def respond(self) -> None:
        """Say what the sidebar has on top."""
        self.arguments(PROJECT)
        project = await self.project()
        await self.finish(await self.in_thread(work.describe, self.desk.root, project))


class NotebookHandler(Handler):
    """The executed notebook of a run, from a hidden folder, which the Contents API refuses."""

    async def respond(self) -> None:
        """Answer as the Contents API would."""
        run = self.arguments(NOTEBOOK)["run"]
        project = await self.project()
        model = await self.in_thread(work.executed, self.desk.root, project, run)
        # On the loop: the database of signatures belongs to this thread.
        self.contents_manager.mark_trusted_cells(model["content"], model["path"])
        await self.finish(await self.in_thread(dumps, model))


class ReportHandler(Handler):
    """Evidently's full report, with its scripts: as JSON, so that no browser runs them as ours."""

    async def respond(self) -> None:
        """Answer its title and its page, for a frame that can do nothing here."""
        arguments = self.arguments(REPORT)
        project = await self.project()
        await self.finish(
            await self.in_thread(work.full_report, self.desk.root, project, **arguments)
        )


class UnknownHandler(Handler):
    """Whatever else is asked for under our name."""

    async def respond(self) -> None:
        """Name the nearest route, or the door that has the verb."""
        asked = unquote(self.request.path).removeprefix(f"{self.base_url}mlops").strip("/")
        name = asked.replace("/", " ")
        if any(verb.name == name for verb in VERBS):
            raise NotFoundError(
                f"`{name}` has no route", hint=f"type `mlops {name}`, or `%mlops {name}`"
            )
        known = [pattern.removeprefix("/mlops/") for pattern, *_ in routes(self.desk)[:-1]]
        raise NotFoundError.among("route", asked, known)
