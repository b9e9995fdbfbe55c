"""What a fairness check reads of its columns: classes, amounts, scores, weights; and what lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_frame import positive_last
from mlops_nb.checks.fairness_metrics import MEASURES
from mlops_nb.checks.fairness_sample import Sample
from mlops_nb.checks.fairness_words import NOTHING
from mlops_nb.checks.inputs import check_weights, read_classes, read_numbers
from mlops_nb.checks.rows import find_task
from mlops_nb.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_READ = ("label", "prediction", "score", "weights")
_SCORED = ("score", "probability")


@dataclass(frozen=True)
class Reading:
    """The rows that have everything, and what was read of them.

    Parameters
    ----------
    sample : Sample
    kept : array of bool, shape (rows,)
        Which rows these are.
    positive : object
        The positive class of two.
    classes : tuple
        What the classes are called, in the order of their codes.
    missing : mapping of str to int
        How many rows lack each column, and how many were `excluded`.
    """

    sample: Sample
    kept: NDArray[np.bool_]
    positive: Any
    classes: tuple[Any, ...]
    missing: Mapping[str, int]


def read(
    data: pd.DataFrame,
    measures: Sequence[str],
    *,
    label: str,
    prediction: str | None,
    score: str | None,
    weights: str | None,
    positive: Any,
    groups: NDArray[np.intp],
    n_groups: int,
) -> Reading:
    """Read what the measures need of the rows that have it all, and count what was missing.

    Raises
    ------
    InputError
        If a column doesn't hold what a measure needs.
    """
    import numpy as np

    needs = {MEASURES[name].needs for name in measures if name in MEASURES}
    own = any(name not in MEASURES for name in measures)
    parts: dict[str, Any] = {}
    lacking: dict[str, NDArray[np.bool_]] = {}
    classes: tuple[Any, ...] = ()
    if needs & {"binary", "classes", "score", "probability"} or not (
        needs or _amounts(data, label, prediction)
    ):
        if needs & {"binary", "classes"} or (own and score is None):
            prediction = _prediction(prediction, measures)
        columns = [label] if prediction is None else [label, prediction]
        binary = bool(needs - {"classes"}) or prediction is None
        positive, classes, codes = _classes(data, columns, positive, binary=binary)
        parts = {"truth": codes[0], "n_classes": max(len(classes), 2)}
        lacking = {"label": codes[0] < 0}
        if len(codes) > 1:
            parts["prediction"] = codes[1]
            lacking["prediction"] = codes[1] < 0
    if "amounts" in needs or (own and not parts):
        pair = [_finite(data, column) for column in (label, _prediction(prediction, measures))]
        parts["amounts"] = np.stack(pair, axis=1)
        odd = {key: np.isnan(each) for key, each in zip(("label", "prediction"), pair, strict=True)}
        lacking = {key: odd[key] | lacking.get(key, odd[key]) for key in odd}
    if needs & set(_SCORED) or (score is not None and "truth" in parts):
        parts["score"] = _scores(data, score, measures)
        lacking["score"] = np.isnan(parts["score"])
    if weights is not None:
        parts["weights"] = check_weights(data[weights])
        lacking["weights"] = np.isnan(parts["weights"])
    excluded = np.any(list(lacking.values()), axis=0) if len(data) else np.zeros(0, dtype=bool)
    missing = {key: int(each.sum()) for key, each in lacking.items()}
    missing["excluded"] = int(excluded.sum())
    sample = Sample(groups, n_groups, **parts)
    if missing["excluded"]:
        kept = (~excluded).nonzero()[0]
        sample = sample.take(kept, n_groups=n_groups, groups=groups[kept])
    return Reading(sample, ~excluded, positive, classes, missing)


def notes_of(missing: Mapping[str, Any]) -> list[str]:
    """Say what was missing, and what became of those rows."""
    said = []
    if missing["excluded"]:
        lacking = [f"the {key} ({n:,})" for key, n in missing.items() if key in _READ and n]
        listed = f"{', '.join(lacking[:-1])} or {lacking[-1]}" if lacking[1:] else lacking[0]
        said.append(f"{missing['excluded']:,} rows lack {listed} and were left out.")
    said += [
        f"{n:,} rows lack {column}: they are the group (missing)."
        for column, n in missing["sensitive"].items()
        if n
    ]
    return said


def why_empty(missing: Mapping[str, Any], rows: int) -> str:
    """Say why no row is left."""
    absent = next((key for key in _READ if rows and missing.get(key) == rows), "")
    return f"No row has a {absent.removesuffix('s')}." if absent else NOTHING


def _prediction(prediction: str | None, measures: Sequence[str]) -> str:
    if prediction is None:
        needy = next((n for n in measures if not _by_score(n)), "the metric")
        raise InputError(f"{needy} needs a prediction", hint="name it with prediction=...")
    return prediction


def _by_score(measure: str) -> bool:
    return measure in MEASURES and MEASURES[measure].needs in _SCORED


def _classes(
    data: pd.DataFrame, columns: Sequence[str], positive: Any, *, binary: bool
) -> tuple[Any, tuple[Any, ...], Sequence[NDArray[np.intp]]]:
    """Return the positive class, the classes, and each column's as codes, the positive last."""
    found = read_classes(data, columns)
    if found.names and (binary or len(found.names) <= 2):
        described = " and ".join(repr(column) for column in columns)
        positive, codes = found.binary(positive, described)
        return positive, found.names, codes
    if not found.names:
        return positive, (), found.codes
    names, codes = positive_last(found.names, found.codes, positive)
    return positive, names, codes


def _finite(data: pd.DataFrame, column: str) -> NDArray[np.float64]:
    import numpy as np

    numbers = read_numbers(data, column)
    if np.isinf(numbers).any():
        raise InputError(f"{column!r} must hold finite numbers, but has an infinite one")
    return numbers


def _scores(data: pd.DataFrame, score: str | None, measures: Sequence[str]) -> NDArray[np.float64]:
    if score is None:
        needy = next(name for name in measures if _by_score(name))
        raise InputError(f"{needy} needs a score", hint="name its column with score=...")
    scores = read_numbers(data, score)
    odd = scores[(scores < 0) | (scores > 1)]
    if len(odd) and any(n in MEASURES and MEASURES[n].needs == "probability" for n in measures):
        raise InputError(f"log_loss needs probabilities from 0 to 1, but {score!r} has {odd[0]:g}")
    return scores


def _amounts(data: pd.DataFrame, label: str, prediction: str | None) -> bool:
    """Tell whether a function of the user's own is given amounts, and not classes."""
    from pandas.api.types import is_float_dtype, is_numeric_dtype

    if prediction is None or not all(is_numeric_dtype(data[each]) for each in (label, prediction)):
        return False
    if is_float_dtype(data[label]):
        return True
    return find_task(data, label, prediction, None, None) == "regression"
