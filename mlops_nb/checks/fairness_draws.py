"""Bootstrap draws of the groups' measures, by the cheapest way that each allows.

What is made from counts is drawn from counts, at a cost that doesn't grow with the rows. Scores
and amounts are drawn by random weights on each group's rows (a sample of them where there are
many, see `mlops_nb.checks.rows`). A function of the user's own is called anew for each draw, see
`mlops_nb.checks.own_metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import own_metrics
from mlops_nb.checks.fairness_metrics import MEASURES, Measure
from mlops_nb.checks.fairness_sample import Sample, amounts_of, divided, scores_of
from mlops_nb.checks.metrics import of_amounts, of_scores
from mlops_nb.checks.rows import Bootstrap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BY_COUNTS = "Bayesian bootstrap of the counts by group"
BY_ROWS = "Bayesian bootstrap of the rows by group"
# As the performance check calls them.
_OF_ROWS: Mapping[str, str] = {
    "roc_auc_score": "roc_auc",
    "log_loss": "log_loss",
    "mean_absolute_error": "mae",
    "mean_squared_error": "rmse",
    "r2_score": "r2",
    "mean_prediction": "mean_prediction",
    "mean_error": "mean_error",
}


def method_of(measure: str) -> str:
    """Say how a measure is drawn."""
    return BY_ROWS if measure in _OF_ROWS else BY_COUNTS


def draw(sample: Sample, measure: str, bootstrap: Bootstrap) -> Floats:
    """Draw a measure of each group.

    Returns
    -------
    array of shape (draws, groups)
        NaN for a group that has no value.
    """
    import numpy as np

    # Each measure has a stream of its own, whichever metrics are asked for.
    rng = np.random.default_rng([bootstrap.seed, list(MEASURES).index(measure)])
    if measure in _OF_ROWS:
        return _of_rows(sample, measure, bootstrap)
    if measure == "f1_score":
        found, false, missed = (
            _cell(sample, truth, predicted, bootstrap.draws, rng)
            for truth, predicted in ((1, 1), (0, 1), (1, 0))
        )
        return 2 * found / (2 * found + false + missed)
    if measure == "balanced_accuracy_score":
        return _balanced(sample, bootstrap.draws, rng)
    return _rate(sample, MEASURES[measure], bootstrap.draws, rng)


def draw_overall(sample: Sample, measure: str, by_group: Floats, bootstrap: Bootstrap) -> Floats:
    """Draw a measure of all rows together, shape (draws,).

    A rate's are made from its groups' draws, so that they move together. Others are drawn by
    themselves, which makes the gap to them a little less sure than it is.
    """
    hits, trials = MEASURES[measure].hits, MEASURES[measure].trials
    if hits is None:
        return draw(sample.whole, measure, bootstrap)[:, 0]
    weight = trials(sample.table)
    drawn: Floats = by_group @ (weight / max(weight.sum(), 1e-300))
    return drawn


def draw_function(
    sample: Sample,
    name: str,
    function: Callable[..., Any],
    bootstrap: Bootstrap,
    classes: Sequence[Any],
) -> tuple[Floats, Floats]:
    """Call a function of the user's own on each group, and on the draws of its rows.

    Parameters
    ----------
    classes : sequence
        What the classes are called, in the order of their codes.

    Returns
    -------
    values : array of shape (groups,)
    draws : array of shape (draws, groups)
        Both are NaN where what the function returned is not finite.

    Raises
    ------
    InputError
        If the function raises, or returns what is no number.
    """
    import numpy as np

    found = own_metrics.draw(
        name,
        function,
        _values(sample, classes),
        sample.by_group,
        bootstrap.draws,
        bootstrap.seed,
        of=" for a group",
    )
    values, drawn = (np.where(np.isfinite(each), each, np.nan) for each in found)
    return values, drawn


def _values(sample: Sample, classes: Sequence[Any]) -> own_metrics.Values:
    if sample.amounts is not None:
        truth, predicted = sample.amounts.T
        return own_metrics.Values(truth, predicted, sample.weights)
    if sample.truth is None:
        raise ValueError("the sample has nothing to compare")
    if sample.prediction is None:
        return own_metrics.Values(*scores_of(sample), sample.weights)
    pair = sample.truth, sample.prediction
    if sample.n_classes > 2:
        pair = own_metrics.names_of(pair[0], classes), own_metrics.names_of(pair[1], classes)
    return own_metrics.Values(*pair, sample.weights)


def _rate(sample: Sample, measure: Measure, draws: int, rng: np.random.Generator) -> Floats:
    from mlops_nb.stats.bootstrap import rate_draws, weight_draws

    if measure.hits is None:
        raise ValueError("the measure is not a rate")
    if sample.weights is None:
        return rate_draws(measure.hits(sample.counts), measure.trials(sample.counts), draws, rng)
    hits = [measure.hits(each) for each in (sample.table, sample.squares)]
    trials = [measure.trials(each) for each in (sample.table, sample.squares)]
    found = weight_draws(hits[0], hits[1], draws, rng)
    missed = weight_draws(trials[0] - hits[0], trials[1] - hits[1], draws, rng)
    return found / (found + missed)


def _cell(
    sample: Sample, truth: int, predicted: int, draws: int, rng: np.random.Generator
) -> Floats:
    from mlops_nb.stats.bootstrap import weight_draws

    at = (slice(None), truth, predicted)
    return weight_draws(sample.table[at], sample.squares[at], draws, rng)


def _balanced(sample: Sample, draws: int, rng: np.random.Generator) -> Floats:
    """Average each group's recalls over the classes that it has."""
    import numpy as np

    from mlops_nb.stats.bootstrap import weight_draws

    total, n = np.zeros((draws, sample.n_groups)), np.zeros(sample.n_groups)
    for index in range(sample.n_classes):
        right, right2 = sample.table[:, index, index], sample.squares[:, index, index]
        all_, all2 = sample.table[:, index].sum(axis=1), sample.squares[:, index].sum(axis=1)
        found = weight_draws(right, right2, draws, rng)
        missed = weight_draws(all_ - right, all2 - right2, draws, rng)
        total += np.where(all_ > 0, found / (found + missed), 0.0)
        n += all_ > 0
    return divided(total, n)


def _of_rows(sample: Sample, measure: str, bootstrap: Bootstrap) -> Floats:
    import numpy as np

    drawn = np.full((bootstrap.draws, sample.n_groups), np.nan)
    for group, rows in enumerate(sample.by_group):
        if len(rows):
            own = None if sample.weights is None else sample.weights[rows]
            prepare = _prepare(sample, rows, measure)
            found = bootstrap.stream(group).of_rows(len(rows), prepare, own)
            drawn[:, group] = found[_OF_ROWS[measure]][1]
    return drawn**2 if measure == "mean_squared_error" else drawn


def _prepare(sample: Sample, rows: NDArray[np.intp], measure: str) -> Callable[..., Any]:
    """Return what makes the function that measures some of a group's rows by weights."""
    name, own = _OF_ROWS[measure], sample.weights
    by_amounts = MEASURES[measure].needs == "amounts"

    def prepare(chosen: NDArray[np.intp]) -> Any:
        kept = rows[chosen]
        if by_amounts:
            truth, predicted = amounts_of(sample)
            pair = truth[kept], predicted[kept]
            means = {"mean_prediction": pair[1], "mean_error": pair[1] - pair[0]}
            if name in means:
                return _mean(name, means[name])
            measured = of_amounts(*pair, None if own is None else own[kept])
        else:
            classes, score = scores_of(sample)
            measured = of_scores(classes[kept], score[kept], [name])
        return lambda weights, ends: {name: measured(weights, ends)[name]}

    return prepare


def _mean(name: str, values: Floats) -> Callable[..., Mapping[str, Floats]]:
    def measured(weights: Any, ends: Any) -> Mapping[str, Floats]:  # noqa: ARG001
        return {name: (weights @ values) / weights.sum(axis=1)}

    return measured
