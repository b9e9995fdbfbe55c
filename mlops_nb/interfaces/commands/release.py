"""The table of verbs: models, registered, gated and promoted."""

from __future__ import annotations

from mlops_nb.interfaces.commands.arguments import STRICT
from mlops_nb.interfaces.verbs import ANYWHERE, Argument, Verb

_REGISTERED = Argument("name", "registered model", "registered", needed=True)
_VERSION = Argument("version", "version or alias; the challenger unless given")

RELEASE: tuple[Verb, ...] = (
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
            STRICT,
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
)
