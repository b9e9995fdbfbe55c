"""What a user would log with instead: MLflow's own client, on SQLite."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient


def peer_in_new_folder() -> tuple[MlflowClient, str]:
    """Go to a new folder, and return a client of a database in it, with the id of an open run."""
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{Path(folder, 'peer.db')}")
    return client, client.create_run(client.create_experiment("peer")).info.run_id
