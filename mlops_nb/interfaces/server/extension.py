"""The extension as Jupyter Server loads, starts and stops it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jupyter_server.extension.application import ExtensionApp

from mlops_nb.flows.changes import What
from mlops_nb.interfaces.server.handlers import Desk, routes
from mlops_nb.interfaces.server.watching import SCHEMA, SCHEMA_ID, Watcher

# Enough for a page that asks for everything at once, few enough for a small machine.
WORKERS = 8


class MlopsServer(ExtensionApp):
    """The routes under ``/mlops``, and the events that tell of changes."""

    name = "mlops_nb"

    def initialize_handlers(self) -> None:
        """Add the routes, and what they share."""
        server = self.serverapp
        assert server is not None  # noqa: S101 - Jupyter Server calls this once it has linked us
        events = server.event_logger
        assert events is not None  # noqa: S101 - and has made this
        events.register_event_schema(SCHEMA)

        def tell(project: Path, what: What) -> None:
            events.emit(schema_id=SCHEMA_ID, data={"project": str(project), "what": what})

        root = getattr(server.contents_manager, "root_dir", "") or server.root_dir
        self.desk = Desk(
            Path(root).resolve(),
            ThreadPoolExecutor(WORKERS, thread_name_prefix="mlops"),
            Watcher(tell, server.log),
        )
        self.handlers.extend(routes(self.desk))

    async def stop_extension(self) -> None:
        """Stop watching and take no more work; what is being done is done to its end."""
        await self.desk.watcher.stop()
        self.desk.workers.shutdown(wait=False, cancel_futures=True)
