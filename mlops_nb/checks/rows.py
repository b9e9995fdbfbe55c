"""The rows of a performance check: read, measured, and redrawn for intervals.

Metrics made from counts (accuracy, F1, …) are bootstrapped from the table of counts, those that
need the rows (AUC, errors) by random weights on the rows; of more than `MAX_ROWS` rows a sample
is weighted, and the spread scaled by the square root of the share (an m-out-of-n bootstrap).

Where rows have weights of their own, a draw multiplies them, so that a row keeps its weight (the
Bayesian bootstrap of a weighted mean, Rubin 1981). Tables are drawn cell by cell from the sums of
the weights and of their squares, see `mlops_nb.stats.bootstrap.weight_draws`. All rows are drawn
where a sample could miss those few that weigh most. Only the weights' proportions matter.

In 1,000 simulations of 95 % intervals, by weights that go with label and score, 93 to 96 % covered
with 2,000 rows that tell as much as 1,300 equal ones (`Rows.effective_rows`), 91 to 95 % where they
tell as much as 700. With 100 to 400 rows it was 87 to 97 % and 85 to 95 %; without weights 90 to
95 %. Tables whose rows were drawn one by one covered less, by up to 39 points: they leave cells in
which no row was seen empty.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.fairness_sample import Sample
from mlops_nb.checks.inputs import check_weights, read_classes, read_numbers
from mlops_nb.checks.metrics import (
    METRICS,
    TASKS,
    Task,
    metrics_of,
    of_amounts,
    of_counts,
    of_scores,
)
from mlops_nb.checks.own_metrics import Values, names_of
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.words import plural

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Measure = Callable[[Any, Floats | None], Mapping[str, Floats]]

MAX_ROWS = 20_000
# By how much the sum of the squared weights may vary from sample to sample, relative to itself:
# the width of an interval varies by half of it.
SAMPLED_SPREAD = 0.1
NUMBERS_THAT_ARE_CLASSES = 20


@dataclass(frozen=True)
class Bootstrap:
    """The seeded draws behind the intervals of one check."""

    confidence: float
    draws: int
    seed: int

    def stream(self, number: int) -> Bootstrap:
        """Return the same with draws of its own: rows apart from each other are drawn apart."""
        import numpy as np

        seed = np.random.SeedSequence([self.seed, number]).generate_state(1)[0]
        return replace(self, seed=int(seed))

    def of_counts(self, counts: Floats, *, prior: float, squares: Floats | None = None) -> Floats:
        """Return tables of shares, of shape (draws, *counts.shape).

        `squares` are the sums of the squared weights, where the counts are weights.
        """
        import numpy as np

        from mlops_nb.stats.bootstrap import share_draws

        rng = np.random.default_rng(self.seed)
        return share_draws(counts, self.draws, rng, prior=prior, squares=squares)

    def of_rows(
        self,
        rows: int,
        prepare: Callable[[NDArray[np.intp]], Measure],
        own: Floats | None = None,
    ) -> dict[str, tuple[float, Floats]]:
        """Return the value and the draws of each statistic of the rows.

        `prepare` takes the indices of some rows and returns the function that measures them by
        weights. `own`, of shape (rows,), are weights that the rows have by themselves.
        """
        import numpy as np

        from mlops_nb.stats.bootstrap import weighted_draws

        rng = np.random.default_rng(self.seed)
        own = None if own is None else scaled(own)

        def weighing(chosen: NDArray[np.intp]) -> Measure:
            measured = prepare(chosen)
            if own is None:
                return measured
            kept = own[chosen]
            return lambda weights, ends: measured(weights * kept, ends)

        def statistics(weights: NDArray[np.float32]) -> Floats:
            # Half a row of each class at each end, as Jeffreys' prior has for counts.
            ends = rng.standard_gamma(0.5, size=(len(weights), 4))
            return np.stack(list(weighed(weights, ends).values()), axis=1)

        # Infinities in the data run through to the values, without a warning.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            weighed, n = weighing(np.arange(rows)), rows
            values = centre = _unweighted(weighed, rows)
            if rows > MAX_ROWS and (own is None or _can_be_sampled(own, MAX_ROWS)):
                n = MAX_ROWS
                weighed = weighing(np.sort(rng.choice(rows, n, replace=False)))
                centre = _unweighted(weighed, n)
            drawn = weighted_draws(statistics, n, self.draws, rng).T
            shrink = (n / rows) ** 0.5
            return {
                name: (value, value + (each - centre[name]) * shrink)
                for (name, value), each in zip(values.items(), drawn, strict=True)
            }

    def interval(
        self, drawn: Floats, value: float, low: float = -float("inf"), high: float = float("inf")
    ) -> tuple[float, float]:
        """Return the interval of the draws around the value, within the metric's range."""
        import numpy as np

        from mlops_nb.stats.bootstrap import percentile_interval

        if not np.isfinite(value):
            return value, value
        return percentile_interval(drawn, self.confidence, value=value, low=low, high=high)


@dataclass(frozen=True)
class Rows:
    """The rows that have everything, in the form that their task needs.

    `truth` and `prediction` are class codes (1 is the positive of two), or amounts; `kept` says of
    each row that was given whether it is one of them; `weights` how much each of them counts.
    """

    task: Task
    truth: NDArray[Any]
    prediction: NDArray[Any]
    score: Floats | None
    classes: tuple[Any, ...]
    positive: Any
    missing: Mapping[str, int]
    kept: NDArray[np.bool_]
    weights: Floats | None = None

    @property
    def effective_rows(self) -> float:
        """How many rows of equal weight would tell as much: Kish's effective sample size (1965)."""
        if self.weights is None or self.are_without_weight:
            return float(len(self.truth))
        # One row of the mean weight counts one, by which they sum up to this.
        return float(scaled(self.weights).sum())

    @property
    def are_without_weight(self) -> bool:
        """Whether there is no row that counts."""
        return not len(self.truth) or (self.weights is not None and not self.weights.any())

    def take(self, chosen: NDArray[np.intp]) -> Rows:
        """Return some of the rows, read as they are among all."""
        return replace(
            self,
            truth=self.truth[chosen],
            prediction=self.prediction[chosen],
            score=None if self.score is None else self.score[chosen],
            weights=None if self.weights is None else self.weights[chosen],
        )

    @cached_property
    def classified(self) -> Sample:
        """The rows by truth and prediction: their counts, and what these weigh."""
        return Sample(
            self.truth * 0,
            1,
            self.truth,
            self.prediction,
            n_classes=len(self.classes),
            weights=None if self.weights is None else scaled(self.weights),
        )

    def prepare(self, chosen: NDArray[np.intp], wanted: Collection[str]) -> Measure:
        """Return the function that measures the chosen rows by weights."""
        truth = self.truth[chosen]
        if self.score is None:
            own = None if self.weights is None else self.weights[chosen]
            return of_amounts(truth, self.prediction[chosen], own)
        return of_scores(truth, self.score[chosen], wanted)

    def values(self, *, by_score: bool) -> Values:
        """Return what a function of the user's own is called with.

        Parameters
        ----------
        by_score : bool
            Whether there is a score and no prediction.
        """
        if by_score and self.score is not None:
            return Values(self.truth, self.score, self.weights)
        if self.task == "multiclass" and self.classes:
            truth, told = (names_of(codes, self.classes) for codes in (self.truth, self.prediction))
            return Values(truth, told, self.weights)
        return Values(self.truth, self.prediction, self.weights)

    @property
    def possible(self) -> list[str]:
        """The metrics that can be computed from what the rows have."""
        has = {
            "counts": True,
            "amounts": True,
            "scores": self.score is not None,
            "probabilities": self.has_probabilities,
        }
        return [name for name in metrics_of(self.task) if has[METRICS[name].needs]]

    def best_order(self) -> NDArray[np.intp]:
        """Return the order of the rows in which weighting them is fastest."""
        import numpy as np

        if self.score is None:
            return np.arange(len(self.truth))
        return np.lexsort((-self.score, -self.truth))

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores are probabilities."""
        return self.score is not None and bool(((self.score >= 0) & (self.score <= 1)).all())

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know about the rows."""
        said = []
        if self.missing["excluded"]:
            rows = f"{self.missing['excluded']:,} rows"
            needed = "a label or a prediction"
            needed = needed if self.weights is None else "a label, a prediction or a weight"
            said.append(f"{rows} lack {needed} and were left out.")
        if round(self.effective_rows) < len(self.truth):
            said.append(
                f"By their weights the {len(self.truth):,} rows tell as much as "
                f"{plural(max(round(self.effective_rows), 1), 'equal one')} (Kish's effective "
                "sample size)."
            )
        if self.score is not None and not self.has_probabilities:
            said.append("The scores are not probabilities: log_loss and brier don't apply.")
        return tuple(said)


def find_task(
    data: pd.DataFrame, label: str, prediction: str, score: str | None, task: str | None
) -> Task:
    """Return the task that was asked for, else the one that the columns look like."""
    import numpy as np
    import pandas as pd

    if task is not None:
        for known in TASKS:
            if known == task:
                if score and known != "binary":
                    raise InputError(f"a score is for two classes, and the task is {task!r}")
                return known
        raise NotFoundError.among("task", task, TASKS)
    if score:
        return "binary"
    columns = [data[label], data[prediction]]
    types = pd.api.types
    _refuse_probabilities(data, label, prediction)
    if all(types.is_numeric_dtype(each) and not types.is_bool_dtype(each) for each in columns):
        numbers = np.unique(np.concatenate([each.dropna().unique() for each in columns]))
        whole = np.isfinite(numbers) & (np.floor(numbers) == numbers)
        if len(numbers) > NUMBERS_THAT_ARE_CLASSES or not whole.all():
            return "regression"
    read = read_classes(data, (label, prediction))
    if len(read.names) <= 2:
        return "binary"
    true, told = (np.unique(codes[codes >= 0]) for codes in read.codes)
    if len(true) and len(told) and not np.isin(told, true).any():
        some = [repr(read.names[codes[0]]) for codes in (true, told)]
        raise InputError(
            f"no class of {prediction!r} (such as {some[1]}) is one of {label!r} (such as "
            f"{some[0]})",
            hint="both must name the classes alike",
        )
    return "multiclass"


def _refuse_probabilities(data: pd.DataFrame, label: str, prediction: str) -> None:
    """Refuse scores in the place of predicted classes, which would pass for a regression."""
    import numpy as np
    import pandas as pd

    if not pd.api.types.is_float_dtype(data[prediction]):
        return
    told = data[prediction].dropna().to_numpy(dtype=np.float64)
    true = data[label].dropna().unique()
    if len(true) == 2 and set(true) <= {0, 1} and ((told > 0) & (told < 1)).any():
        raise InputError(
            f"{label!r} holds two classes, and {prediction!r} fractions between them",
            hint="probabilities are a score: give them as --score, and classes as --prediction",
        )


def read_rows(
    data: pd.DataFrame,
    task: Task,
    *,
    label: str,
    prediction: str,
    score: str | None,
    positive: Any,
    weights: str | None = None,
) -> Rows:
    """Read the columns that the task needs, and leave out rows that lack one."""
    import numpy as np

    classes: tuple[Any, ...] = ()
    truth: NDArray[Any]
    predicted: NDArray[Any]
    if task == "regression":
        truth, predicted = read_numbers(data, label), read_numbers(data, prediction)
        has_truth, has_prediction = ~np.isnan(truth), ~np.isnan(predicted)
        positive = None
    else:
        read = read_classes(data, (label, prediction))
        classes, (truth, predicted) = read.names, read.codes
        if task == "binary" and classes:
            positive, (truth, predicted) = read.binary(positive, f"{label!r} and {prediction!r}")
            others = [name for name in classes if name != positive]
            classes = (others[0] if others else f"not {positive}", positive)
        has_truth, has_prediction = truth >= 0, predicted >= 0
    scores = read_numbers(data, score) if score else None
    has_score = np.ones(len(data), dtype=bool) if scores is None else ~np.isnan(scores)
    own = None if weights is None else check_weights(data[weights])
    has_weight = np.ones(len(data), dtype=bool) if own is None else ~np.isnan(own)
    kept = has_truth & has_prediction & has_score & has_weight
    missing = {
        "label": int((~has_truth).sum()),
        "prediction": int((~has_prediction).sum()),
        **({"score": int((~has_score).sum())} if score else {}),
        **({"weights": int((~has_weight).sum())} if weights else {}),
        "excluded": int((~kept).sum()),
    }
    return Rows(
        task=task,
        truth=truth[kept],
        prediction=predicted[kept],
        score=None if scores is None else scores[kept],
        classes=classes,
        positive=positive if task == "binary" else None,
        missing=missing,
        kept=kept,
        weights=None if own is None else own[kept],
    )


def measure(
    rows: Rows, bootstrap: Bootstrap, wanted: Collection[str]
) -> dict[str, tuple[float, Floats]]:
    """Return the value and the draws of some metrics that the rows allow, others maybe among them.

    What is made from counts comes all at once; what needs the rows takes its time.
    """
    import numpy as np

    n, order = len(rows.truth), rows.best_order()
    if rows.are_without_weight:
        return dict.fromkeys(metrics_of(rows.task), (np.nan, np.full(bootstrap.draws, np.nan)))
    measured = {}
    if rows.task != "regression":
        table, squares = rows.classified.table[0], rows.classified.squares[0]
        present = np.flatnonzero(table.sum(axis=1))
        drawn = of_counts(bootstrap.of_counts(table, prior=2.0, squares=squares), present)
        values = of_counts(table, present)
        measured = {name: (float(value), drawn[name]) for name, value in values.items()}
    by_row = [name for name in wanted if METRICS[name].needs != "counts"]
    if by_row:
        own = None if rows.weights is None else rows.weights[order]
        measured |= bootstrap.of_rows(n, lambda chosen: rows.prepare(order[chosen], by_row), own)
    return measured


def scaled(weights: Floats) -> Floats:
    """Return weights in proportion, so that a row of the mean weight counts one; equal ones are 1.

    Examples
    --------
    >>> import numpy as np
    >>> scaled(np.array([0.1, 0.1])), scaled(np.array([0.0, 1e300]))
    (array([1., 1.]), array([0., 1.]))
    """
    highest = weights.max(initial=0.0)
    if not highest:
        return weights
    own: Floats = weights / highest
    own *= own.sum() / (own @ own)
    return own


def _can_be_sampled(own: Floats, n: int) -> bool:
    """Tell whether n of the rows show the spread of all, which a few heavy ones could make."""
    squares = own**2
    variance = len(own) * (squares @ squares) / squares.sum() ** 2 / n
    return bool(variance <= SAMPLED_SPREAD**2)


def _unweighted(measure: Measure, rows: int) -> dict[str, float]:
    import numpy as np

    return {name: float(each[0]) for name, each in measure(np.ones((1, rows)), None).items()}
