"""MLOps without leaving the notebook.

In a notebook ``%load_ext mlops_nb``, then ``%mlops``. In Python ``import mlops_nb as mlops``:
every verb is a function, loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from mlops_nb.interfaces.api import (
        child,
        data_diff,
        data_get,
        data_list,
        data_snapshot,
        diff,
        drift,
        fairness,
        gate,
        init,
        jobs_add,
        jobs_history,
        jobs_list,
        jobs_next,
        jobs_pause,
        jobs_remove,
        jobs_resume,
        jobs_run,
        jobs_show,
        log,
        log_steps,
        mitigate,
        models,
        performance,
        promote,
        quality,
        register,
        replay,
        run,
        runs,
        show,
        status,
        stop,
        track,
    )

__all__ = [
    "child",
    "data_diff",
    "data_get",
    "data_list",
    "data_snapshot",
    "diff",
    "drift",
    "fairness",
    "gate",
    "init",
    "jobs_add",
    "jobs_history",
    "jobs_list",
    "jobs_next",
    "jobs_pause",
    "jobs_remove",
    "jobs_resume",
    "jobs_run",
    "jobs_show",
    "log",
    "log_steps",
    "mitigate",
    "models",
    "performance",
    "promote",
    "quality",
    "register",
    "replay",
    "run",
    "runs",
    "show",
    "status",
    "stop",
    "track",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from mlops_nb.interfaces import api

        # Found once: the next call of a verb costs no look here.
        return globals().setdefault(name, getattr(api, name))
    if name == "__version__":
        from importlib.metadata import version

        return version("mlops-nb")
    raise AttributeError(f"module 'mlops_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Load the magics: ``%load_ext mlops_nb``."""
    from mlops_nb.interfaces import magics

    magics.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Take the magics out again: ``%unload_ext mlops_nb``."""
    from mlops_nb.interfaces import magics

    magics.unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Tell JupyterLab where the prebuilt extension is, in a development install."""
    return [{"src": "labextension", "dest": "mlops-nb"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server what to load; only a server asks, so only a server imports it."""
    from mlops_nb.interfaces.server.extension import MlopsServer

    return [{"module": "mlops_nb.interfaces.server.extension", "app": MlopsServer}]
