"""The table of verbs: judgements of data and models."""

from __future__ import annotations

from mlops_nb.interfaces.commands.arguments import EVERY, STREAM, STRICT
from mlops_nb.interfaces.commands.drift import DRIFT
from mlops_nb.interfaces.verbs import Argument, Verb

_LABEL = Argument("--label", "true values: a column, or an array in scope", "values", needed=True)
_PREDICTION = Argument("--prediction", "predicted values: a column, or an array", "values")
_SCORE = Argument("--score", "predicted score or probability: a column, or an array", "values")
_ROWS = Argument("data", "a DataFrame in scope, or a file; none where all are arrays", "data")
_MODEL = Argument("--model", "model to predict with, in place of columns", "model")
_WEIGHTS = Argument("--weights", "how much each row counts: a column, or an array", "values")
_POSITIVE = Argument("--positive", "the label that counts as positive")
_METRIC = Argument(
    "--metric",
    "metric to report, also a function in scope or FILE.py:NAME (may be repeated)",
    "metric",
    many=True,
    keyword="metrics",
)
_LIMIT = Argument(
    "--limit",
    "metric and its limit (may be repeated)",
    "metric",
    many=True,
    values=2,
    keyword="limits",
)
_CONFIDENCE = Argument("--confidence", "confidence of the intervals", "float")
_BATCHES = (
    Argument("--by", "judge batches too: by this column or array of dates or values", "values"),
    EVERY,
)

CHECKS: tuple[Verb, ...] = (
    Verb(
        "quality",
        "checks",
        "is this data what it should be?",
        "checks:quality",
        (
            Argument(
                "data", "a DataFrame in scope, a file, or a folder of Parquet", "data", needed=True
            ),
            Argument("--against", "reference to compare with", "data"),
            Argument("--expect", "file of expectations", "path", keyword="expectations"),
            Argument("--infer", "write what the data look like to this new file", "path"),
            Argument("--schema", "pandera schema in scope, or FILE.py:NAME", "schema"),
            STREAM,
            Argument("--strict", "raise where an error fails", "flag"),
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
        "model_checks:fairness",
        (
            _ROWS,
            _LABEL,
            _PREDICTION,
            _SCORE,
            _MODEL,
            Argument(
                "--sensitive",
                "sensitive feature; several mean their intersection",
                "values",
                many=True,
                needed=True,
            ),
            Argument("--control", "compare within each value of this", "values", many=True),
            _WEIGHTS,
            _POSITIVE,
            _METRIC,
            _LIMIT,
            _CONFIDENCE,
            *_BATCHES,
            STRICT,
        ),
        reads=True,
        example="fairness scored.parquet --label y --prediction p --sensitive sex",
    ),
    Verb(
        "performance",
        "checks",
        "how good is the model, and how sure is that?",
        "model_checks:performance",
        (
            _ROWS,
            _LABEL,
            _PREDICTION,
            _SCORE,
            _MODEL,
            _WEIGHTS,
            _POSITIVE,
            _METRIC,
            _LIMIT,
            _CONFIDENCE,
            *_BATCHES,
            STRICT,
        ),
        reads=True,
        example="performance holdout --label y --model forest",
    ),
    Verb(
        "mitigate",
        "checks",
        "repair a model for fairness; judged before and after on unseen data",
        "mitigation:mitigate",
        (
            Argument("model", "a model in scope, or NAME@ALIAS", "model", needed=True),
            Argument("train", "data to fit on", "data", needed=True),
            Argument("test", "data to judge on", "data", needed=True),
            Argument(
                "--label",
                "true values: a column, or an array of the training rows",
                "values",
                needed=True,
            ),
            Argument(
                "--sensitive",
                "sensitive feature; several mean their intersection",
                "values",
                many=True,
                needed=True,
            ),
            Argument("--test-label", "the same of the test data, if not a column", "values"),
            Argument(
                "--test-sensitive",
                "sensitive feature of the test data, if not a column",
                "values",
                many=True,
            ),
            Argument(
                "--method",
                "how; by default what fits the model",
                choices=(
                    "threshold_optimizer",
                    "exponentiated_gradient",
                    "grid_search",
                    "correlation_remover",
                ),
            ),
            Argument(
                "--constraint",
                "what is to be equal, or of a regression bounded; by default what fits",
                choices=(
                    "demographic_parity",
                    "equalized_odds",
                    "equal_opportunity",
                    "bounded_absolute_loss",
                    "bounded_square_loss",
                ),
            ),
            Argument("--strength", "how strictly, in the method's own terms", "float"),
            Argument("--points", "strengths to fit for the curve of gap and accuracy", "int"),
            _POSITIVE,
            Argument("--register", "register the repaired model under this name", "registered"),
        ),
        example="mitigate forest train holdout --label y --sensitive sex",
    ),
)
