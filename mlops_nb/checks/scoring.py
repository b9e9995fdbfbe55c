"""What a model says about data: its predictions, and its scores where it has them, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.inputs import require_columns
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.words import shortened, written

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

PREDICTION = "prediction"
SCORE = "score"


def score(
    model: Any,
    data: pd.DataFrame,
    *,
    label: str | None = None,
    features: Sequence[str] | None = None,
    positive: Any = None,
    prediction_column: str = PREDICTION,
    score_column: str = SCORE,
) -> pd.DataFrame:
    """Return a copy of the data with the model's prediction and score for every row.

    Parameters
    ----------
    model : object with ``predict``
        A fitted classifier or regressor that takes a DataFrame.
    data : DataFrame
    label : str, optional
        The column of the truth, which is not a feature.
    features : sequence of str, optional
        The columns the model was fitted on; default its ``feature_names_in_`` (or that of the
        first step of a pipeline that has them), else all columns but the label.
    positive : object, optional
        The class that the score speaks for; default the larger of the model's two.
    prediction_column, score_column : str
        What the new columns are called. Columns of these names that are already there, as from an
        earlier scoring, are replaced, unless they are the label or features.

    Returns
    -------
    DataFrame
        The score is ``predict_proba`` of the positive class, else ``decision_function``; models
        with neither, and those with other than two classes, have no score column.

    Raises
    ------
    NotFoundError
        If a feature isn't among the columns, or `positive` not among the classes.
    InputError
        If a new column would replace the label or a feature.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LogisticRegression
    >>> data = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": ["no", "no", "yes", "yes"]})
    >>> model = LogisticRegression().fit(data[["x"]], data["y"])
    >>> score(model, data, label="y")["prediction"].tolist()
    ['no', 'no', 'yes', 'yes']
    """
    names = _feature_names(model, data, label, features, (prediction_column, score_column))
    for column in (prediction_column, score_column):
        if column == label or column in names:
            raise InputError(
                f"the column {column!r} of the data is needed and would be replaced",
                hint="choose another name with prediction_column=... or score_column=...",
            )
    inputs = data[names]
    new_columns = {prediction_column: _predicted(model, inputs)}
    scores = _scores(model, inputs, positive)
    if scores is not None:
        new_columns[score_column] = scores
    rest = data.drop(columns=[prediction_column, score_column], errors="ignore")
    return rest.assign(**new_columns)


def predictions(model: Any, data: pd.DataFrame, *, label: str | None = None) -> Any:
    """Return what `score` has in its column of predictions, without the scores.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> data = pd.DataFrame({"x": [0, 1, 2], "y": ["no", "no", "yes"]})
    >>> model = DummyClassifier().fit(data[["x"]], data["y"])
    >>> predictions(model, data, label="y").tolist()
    ['no', 'no', 'no']
    """
    names = _feature_names(model, data, label, None, (PREDICTION, SCORE))
    return _predicted(model, data[names])


def _feature_names(
    model: Any,
    data: pd.DataFrame,
    label: str | None,
    given: Sequence[str] | None,
    new: Sequence[str],
) -> list[str]:
    """Return the columns that go into the model; they are all there."""
    if label is not None:
        require_columns(data, [label])
    names = list(given) if given is not None else model_features(model)
    if names is None:
        names = [column for column in data.columns if column not in (label, *new)]
    require_columns(data, names)
    return names


def model_features(model: Any) -> list[str] | None:
    """Return the names of the columns that a model was fitted on, None if it doesn't know them.

    Examples
    --------
    >>> model_features(object()) is None
    True
    """
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return [str(name) for name in names]
    steps = getattr(model, "steps", None)
    if steps:
        return model_features(steps[0][1])
    inner = getattr(model, "best_estimator_", None)
    return None if inner is None else model_features(inner)


def _scores(model: Any, inputs: pd.DataFrame, positive: Any) -> NDArray[np.float64] | None:
    import numpy as np

    classes = getattr(model, "classes_", None)
    if classes is None or len(classes) != 2:
        return None
    index = _class_index(list(classes), positive)
    # Asking is trying: some models have the method only for some settings.
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(inputs), dtype=np.float64)[:, index]
    if hasattr(model, "decision_function"):
        distance = np.asarray(model.decision_function(inputs), dtype=np.float64)
        return distance if index == 1 else -distance
    return None


def _class_index(classes: Sequence[Any], positive: Any) -> int:
    if positive is None:
        return 1
    texts = [str(name) for name in classes]
    if positive not in classes and str(positive) not in texts:
        raise NotFoundError.among("positive class", str(positive), texts)
    return list(classes).index(positive) if positive in classes else texts.index(str(positive))


def _predicted(model: Any, inputs: pd.DataFrame) -> Any:
    if not len(inputs):
        raise InputError("the data have no rows to predict")
    try:
        return _one_column(model.predict(inputs))
    except ValueError as error:
        from sklearn.exceptions import NotFittedError

        if isinstance(error, NotFittedError):
            name = type(model).__name__
            raise InputError(f"{name} is not fitted", hint="fit it before it is judged") from error
        said = shortened(written(error), 200)
        raise InputError(f"{type(model).__name__} can't predict these data: {said}") from error


def _one_column(predictions: Any) -> Any:
    """Return predictions as one column: some regressors give them a second axis of length one."""
    shape = tuple(getattr(predictions, "shape", ()))
    return predictions.reshape(-1) if shape[1:] == (1,) else predictions
