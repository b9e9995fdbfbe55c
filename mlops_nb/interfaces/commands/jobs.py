"""The table of verbs: notebooks on a schedule."""

from __future__ import annotations

from mlops_nb.interfaces.commands.arguments import HOW_MANY, PARAMETER
from mlops_nb.interfaces.verbs import ANYWHERE, TERMINAL, Argument, Verb

_JOB = Argument("job", "name of the job", "job", needed=True)
_CRON = Argument("--cron", "when: minute hour day month weekday, such as '0 6 1 * *'")
_TIMEZONE = Argument(
    "--tz/--timezone", "time zone of the schedule; this machine's unless given", "timezone"
)

JOBS: tuple[Verb, ...] = (
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
            PARAMETER,
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
        (Argument("job", "only of this job", "job"), HOW_MANY),
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
)
