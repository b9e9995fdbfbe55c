"""The table of verbs: making a project, and seeing what it holds."""

from __future__ import annotations

from mlops_nb.interfaces.verbs import ANYWHERE, TERMINAL, Argument, Verb

_NO_BROWSER = Argument("--no-browser", "do not open a browser", "flag", keyword="quiet")

PROJECT: tuple[Verb, ...] = (
    Verb(
        "init",
        "project",
        "make a project here: mlops.toml and the .mlops folder",
        "projects:init",
        (
            Argument("folder", "where; this folder unless given", "path"),
            Argument("--name", "the project's name"),
        ),
        example="init --name credit",
    ),
    Verb(
        "status",
        "project",
        "what is tracked, live, and needs attention",
        "projects:status",
        doors=ANYWHERE,
        reads=True,
    ),
    Verb(
        "demo",
        "project",
        "run the loop end to end on real data, in a project of its own",
        "demo:demo",
        (
            Argument("--into", "folder of the project; ./mlops-demo unless given", "path"),
            Argument("--lab", "show it in JupyterLab meanwhile", "flag"),
            Argument("--port", "port of JupyterLab", "int", default=8888),
            _NO_BROWSER,
        ),
        TERMINAL,
        example="demo",
    ),
    Verb(
        "ui",
        "project",
        "open MLflow's own UI on the project's store",
        "ui:ui",
        (Argument("--port", "port", "int", default=5000), _NO_BROWSER),
        TERMINAL,
    ),
)
