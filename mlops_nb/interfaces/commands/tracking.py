"""The table of verbs: runs, opened, filled, listed, compared and replayed."""

from __future__ import annotations

from mlops_nb.interfaces.commands.arguments import HOW_MANY, PARAMETER
from mlops_nb.interfaces.verbs import ANYWHERE, KERNEL, Argument, Verb

_RUN = Argument("run", "id of the run, a prefix of it, or `latest`", "run", needed=True)

TRACKING: tuple[Verb, ...] = (
    Verb(
        "track",
        "tracking",
        "track this notebook from here on; `track stop` ends the run",
        "tracking:track",
        (
            Argument("name", "name of the run, or `stop`"),
            Argument("--experiment", "MLflow experiment", "experiment"),
        ),
        KERNEL,
        example='track "wider trees"',
    ),
    Verb(
        "log",
        "tracking",
        "log metrics, parameters, figures and tables: name=value ...",
        "tracking:log",
        (
            Argument(
                "values",
                "name=value; value is JSON, a name in scope, or text",
                "pairs",
                many=True,
                needed=True,
            ),
            Argument(
                "--as",
                "take them as this; numbers are metrics unless given",
                choices=("metric", "param", "tag"),
                keyword="kind",
            ),
            Argument("--step", "step of the metrics", "int"),
        ),
        KERNEL,
        example="log auc={auc} depth=4",
    ),
    Verb(
        "runs",
        "tracking",
        "list runs, newest first",
        "runs:runs",
        (
            Argument("--experiment", "only of this experiment", "experiment"),
            Argument(
                "--status",
                "only with this status",
                choices=("RUNNING", "FINISHED", "FAILED", "KILLED", "LOST"),
            ),
            Argument("--children", "child runs too", "flag"),
            Argument(
                "--where",
                "only where a metric, parameter or tag is so, as in 'auc > 0.8' (may be repeated)",
                many=True,
            ),
            Argument(
                "--sort",
                "started (newest first), duration, name, or a metric (highest first)",
            ),
            Argument("--reverse", "the other way round", "flag"),
            HOW_MANY,
            Argument("--offset", "how many to pass over first", "int"),
        ),
        doors=ANYWHERE,
        reads=True,
        example="runs --where 'auc > 0.8' --sort auc",
    ),
    Verb(
        "show",
        "tracking",
        "open a run: cells, metrics, checks, provenance",
        "runs:show",
        (_RUN,),
        ANYWHERE,
        reads=True,
        example="show latest",
    ),
    Verb(
        "replay",
        "tracking",
        "execute a run again from what was recorded, and say what differs",
        "replay:replay",
        (
            _RUN,
            Argument(
                "--data", "files as they were, or as they are", choices=("recorded", "current")
            ),
            Argument("--env", "packages: the present, or the run's", choices=("same", "fresh")),
            Argument("--tolerance", "by which numbers may differ, relative", "float"),
        ),
        example="replay latest",
    ),
    Verb(
        "diff",
        "tracking",
        "what differs between two runs, likely causes first",
        "comparison:diff",
        (
            Argument("before", "id of a run, a prefix of it, or `latest`", "run", needed=True),
            Argument("after", "the same, to compare with it", "run", needed=True),
        ),
        ANYWHERE,
        reads=True,
        example="diff 6b03f3f0 latest",
    ),
    Verb(
        "run",
        "tracking",
        "execute a notebook headless, tracked and parameterised",
        "execution:run",
        (
            Argument("notebook", "the notebook", "notebook", needed=True),
            PARAMETER,
            Argument("--name", "name of the run"),
            Argument("--experiment", "MLflow experiment", "experiment"),
            Argument("--cwd", "working folder; the notebook's own unless given", "path"),
            Argument("--kernel", "kernel; the notebook's own unless given"),
            Argument(
                "--timeout",
                "limit for the whole notebook, in seconds",
                "float",
                keyword="timeout_s",
            ),
            Argument(
                "--cell-timeout",
                "limit for one cell, in seconds",
                "float",
                keyword="cell_timeout_s",
            ),
        ),
        example="run train.ipynb -p months 2",
    ),
)
