"""The one table of verbs, from which every door is made.

A new verb is a function in ``flows/`` and a row here.
"""

from __future__ import annotations

from mlops_nb.interfaces.drift_arguments import DRIFT
from mlops_nb.interfaces.verbs import ANYWHERE, KERNEL, TERMINAL, Argument, Verb

_LABEL = Argument("--label", "column of the true values", needed=True)
_PREDICTION = Argument("--prediction", "column of the predicted values")
_SCORE = Argument("--score", "column of the predicted score or probability")
_MODEL = Argument("--model", "model to predict with, in place of columns", "model")
_POSITIVE = Argument("--positive", "the label that counts as positive")
_METRIC = Argument("--metric", "metric to report (may be repeated)", many=True, keyword="metrics")
_LIMIT = Argument(
    "--limit", "metric and its limit (may be repeated)", many=True, values=2, keyword="limits"
)
_STRICT = Argument("--strict", "raise unless the verdict is pass", "flag")
_CONFIDENCE = Argument("--confidence", "confidence of the intervals", "float")
_RUN = Argument("run", "id of the run, a prefix of it, or `latest`", "run", needed=True)
_REGISTERED = Argument("name", "registered model", "registered", needed=True)
_HOW_MANY = Argument("--limit", "how many; 0: all", "int", default=20)
_PARAMETER = Argument(
    "-p/--parameter",
    "NAME VALUE of a parameter (may be repeated)",
    many=True,
    values=2,
    keyword="parameters",
)
_NO_BROWSER = Argument("--no-browser", "do not open a browser", "flag", keyword="quiet")
_JOB = Argument("job", "name of the job", "job", needed=True)
_CRON = Argument("--cron", "when: minute hour day month weekday, such as '0 6 1 * *'")
_TIMEZONE = Argument(
    "--tz/--timezone", "time zone of the schedule; this machine's unless given", "timezone"
)
_VERSION = Argument("version", "version or alias; the challenger unless given")

VERBS: tuple[Verb, ...] = (
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
            _HOW_MANY,
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
            _PARAMETER,
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
    Verb(
        "quality",
        "checks",
        "is this data what it should be?",
        "checks:quality",
        (
            Argument("data", "a DataFrame in scope, or a file", "data", needed=True),
            Argument("--against", "reference to compare with", "data"),
            Argument("--expect", "file of expectations", "path", keyword="expectations"),
            Argument("--infer", "write what the data look like to this new file", "path"),
            Argument("--schema", "pandera schema in scope, or FILE.py:NAME", "schema"),
            Argument("--no-strict", "do not raise when a check fails", "flag", keyword="lenient"),
        ),
        reads=True,
        example="quality new.csv --against reference.parquet",
    ),
    Verb(
        "drift",
        "checks",
        "has the data moved? column by column",
        "checks:drift",
        DRIFT,
        reads=True,
        example="drift january.parquet february.parquet",
    ),
    Verb(
        "fairness",
        "checks",
        "do the groups get the same from the model?",
        "checks:fairness",
        (
            Argument("data", "a DataFrame in scope, or a file", "data", needed=True),
            _LABEL,
            _PREDICTION,
            _SCORE,
            _MODEL,
            Argument(
                "--sensitive",
                "sensitive feature; several mean their intersection",
                many=True,
                needed=True,
            ),
            Argument("--control", "compare within each value of this column", many=True),
            Argument("--weights", "column that says how much a row counts"),
            _POSITIVE,
            _METRIC,
            _LIMIT,
            _CONFIDENCE,
            _STRICT,
        ),
        reads=True,
        example="fairness scored.parquet --label y --prediction p --sensitive sex",
    ),
    Verb(
        "performance",
        "checks",
        "how good is the model, and how sure is that?",
        "checks:performance",
        (
            Argument("data", "a DataFrame in scope, or a file", "data", needed=True),
            _LABEL,
            _PREDICTION,
            _SCORE,
            _MODEL,
            _POSITIVE,
            _METRIC,
            _LIMIT,
            _CONFIDENCE,
            _STRICT,
        ),
        reads=True,
        example="performance holdout --label y --model forest",
    ),
    Verb(
        "mitigate",
        "checks",
        "repair a model for fairness; judged before and after on unseen data",
        "checks:mitigate",
        (
            Argument("model", "a model in scope, or NAME@ALIAS", "model", needed=True),
            Argument("train", "data to fit on", "data", needed=True),
            Argument("test", "data to judge on", "data", needed=True),
            _LABEL,
            Argument("--sensitive", "sensitive feature (may be repeated)", many=True, needed=True),
            Argument(
                "--method",
                "how",
                choices=(
                    "exponentiated_gradient",
                    "grid_search",
                    "threshold_optimizer",
                    "correlation_remover",
                ),
                default="threshold_optimizer",
            ),
            Argument("--constraint", "what is to be equal", default="demographic_parity"),
            _POSITIVE,
            Argument("--register", "register the repaired model under this name", "registered"),
        ),
        example="mitigate forest train holdout --label y --sensitive sex",
    ),
    Verb(
        "register",
        "release",
        "make a version of a model, as challenger",
        "release:register",
        (
            Argument("model", "a model in scope, or an MLflow model URI", "model", needed=True),
            Argument("name", "name to register it under", "registered", needed=True),
            Argument("--example", "data whose first rows show what goes in", "data"),
            Argument("--description", "what a reviewer should know"),
        ),
        example="register forest credit-default",
    ),
    Verb(
        "models",
        "release",
        "list registered models and their versions",
        "release:models",
        (Argument("name", "only of this model", "registered"),),
        ANYWHERE,
        reads=True,
    ),
    Verb(
        "gate",
        "release",
        "may this version go live? evidence against the policy and the champion",
        "release:gate",
        (
            _REGISTERED,
            _VERSION,
            Argument("--data", "data on which challenger and champion are compared", "data"),
            Argument("--label", "column of the true values"),
            _STRICT,
        ),
        example="gate credit-default --data holdout.parquet --label y",
    ),
    Verb(
        "promote",
        "release",
        "make a version champion, if its gate passed",
        "release:promote",
        (
            _REGISTERED,
            _VERSION,
            Argument("--force", "even though its gate did not pass; needs --reason", "flag"),
            Argument("--reason", "why, for the audit trail"),
        ),
        example="promote credit-default",
    ),
    Verb(
        "data snapshot",
        "data",
        "keep a version of a DataFrame, a file or a folder",
        "datasets:snapshot",
        (
            Argument("name", "name of the dataset", "dataset", needed=True),
            Argument("source", "a DataFrame in scope, a file or a folder", "data", needed=True),
        ),
        example="data snapshot credit clients.parquet",
    ),
    Verb(
        "data list",
        "data",
        "list versions of datasets, newest first",
        "datasets:versions_of",
        (Argument("name", "only of this dataset", "dataset"),),
        ANYWHERE,
        reads=True,
    ),
    Verb(
        "data get",
        "data",
        "fetch a version: as a DataFrame, or to a path",
        "datasets:get",
        (
            Argument("version", "NAME@VERSION or NAME@latest", "dataset", needed=True),
            Argument("--to", "path to write, not there yet", "path"),
        ),
        example="data get credit@2 --to credit.parquet",
    ),
    Verb(
        "data diff",
        "data",
        "what differs between two versions: columns, rows, values, files",
        "datasets:diff",
        (
            Argument(
                "before", "NAME@VERSION, a DataFrame in scope, or a file", "data", needed=True
            ),
            Argument("after", "the same, to compare with it", "data", needed=True),
        ),
        reads=True,
        example="data diff credit@1 credit@2",
    ),
    Verb(
        "jobs add",
        "jobs",
        "schedule a notebook: a job keeps a snapshot of it and retrains by it",
        "jobs:add",
        (
            Argument("name", "name of the job", needed=True),
            Argument("notebook", "the notebook", "notebook", needed=True),
            _CRON,
            _TIMEZONE,
            _PARAMETER,
            Argument("--quality", "data whose quality must pass before the notebook runs", "data"),
            Argument("--model", "registered model that it retrains", "registered"),
            Argument("--data", "data on which its gate compares with the champion", "data"),
            Argument("--label", "column of the true values in --data"),
            Argument("--sensitive", "sensitive feature in --data (may be repeated)", many=True),
        ),
        ANYWHERE,
        example="jobs add retrain train.ipynb --cron '0 6 1 * *' --tz Europe/Berlin -p months 2",
    ),
    Verb("jobs list", "jobs", "list jobs, with next and last run", "jobs:jobs", (), ANYWHERE, True),
    Verb(
        "jobs show",
        "jobs",
        "open a job: what it runs, when next, and its last runs",
        "jobs:show",
        (_JOB,),
        ANYWHERE,
        reads=True,
        example="jobs show retrain",
    ),
    Verb(
        "jobs next",
        "jobs",
        "say when jobs are due next, or when a schedule would be",
        "jobs:upcoming",
        (
            Argument("job", "only this job", "job"),
            _CRON,
            _TIMEZONE,
            Argument("--count", "how many times", "int", default=5),
        ),
        ANYWHERE,
        reads=True,
        example="jobs next --cron '0 3 * * 1' --tz Europe/Berlin",
    ),
    Verb(
        "jobs run",
        "jobs",
        "run a job now",
        "jobs:run",
        (_JOB,),
        ANYWHERE,
        example="jobs run retrain",
        starts="jobs:start",
    ),
    Verb(
        "jobs history",
        "jobs",
        "list the runs of jobs, newest first",
        "jobs:history",
        (Argument("job", "only of this job", "job"), _HOW_MANY),
        ANYWHERE,
        reads=True,
        example="jobs history retrain",
    ),
    Verb("jobs pause", "jobs", "let a job come due no more", "jobs:pause", (_JOB,), ANYWHERE),
    Verb("jobs resume", "jobs", "let a job come due again", "jobs:resume", (_JOB,), ANYWHERE),
    Verb(
        "jobs remove",
        "jobs",
        "forget a job; the history of its runs stays",
        "jobs:remove",
        (_JOB,),
        ANYWHERE,
    ),
    Verb(
        "scheduler",
        "jobs",
        "run due jobs, in the foreground, until stopped",
        "scheduler:scheduler",
        (),
        TERMINAL,
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
