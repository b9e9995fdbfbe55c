"""Is the model good? The usual metrics with intervals, alone or against another model.

A limit is a floor for scores and a cap for errors. A metric passes if its whole interval keeps to
the limit, fails if none of it does, and else there is not enough evidence.

Over time each batch is measured by its own rows, with the task, classes and limits of all rows; the
verdict stays that of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.batches import Batches, split
from mlops_nb.checks.inputs import (
    check_limits,
    check_settings,
    choose_metrics,
    read_classes,
    require_columns,
)
from mlops_nb.checks.metrics import METRICS, Task, metrics_of, of_counts
from mlops_nb.checks.metrics_over_time import worst_sentence
from mlops_nb.checks.own_metrics import Function, Named, called, gather, require_direction
from mlops_nb.checks.performance_findings import Asked, drawn, judged, notes_of, over_time
from mlops_nb.checks.rows import Bootstrap, Rows, find_task, read_rows
from mlops_nb.checks.standing import Standing
from mlops_nb.checks.verdicts import overall
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.words import measured, percent, plural, shortened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["METRICS", "check", "compare"]


def check(
    data: pd.DataFrame,
    *,
    label: str,
    prediction: str | None = None,
    score: str | None = None,
    weights: str | None = None,
    task: str | None = None,
    metrics: Sequence[Named] | None = None,
    limits: Mapping[str, float] | None = None,
    functions: Mapping[str, Function] | None = None,
    standing: Standing | None = None,
    positive: Any = None,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    by: str | None = None,
    every: str | int | None = None,
    name: str = "data",
) -> Report:
    """Measure how well predictions meet the truth.

    Parameters
    ----------
    data : DataFrame
        One row a case.
    label, prediction : str
        The columns of the truth and of the prediction: classes, or amounts for a regression. With a
        score there need be no prediction.
    score : str, optional
        The column of the score or probability of the positive class.
    weights : str, optional
        The column that says how much a row counts. Values are weighted as by sklearn's
        ``sample_weight``, and so are the intervals and what is drawn; evidence is of rows.
    task : {"binary", "multiclass", "regression"}, optional
        Default: binary with a score or two values, regression for numbers that have fractions or
        more than twenty values, else multiclass.
    metrics : sequence of str or callable, optional
        Names of `mlops_nb.checks.metrics.METRICS`; default all of the task that can be computed.
        A function of true and predicted values is called for each draw of the rows, which is slow
        (see `mlops_nb.checks.own_metrics`).
    limits : mapping of str to float, optional
        Metric to limit: a floor where higher is better, else a cap. The others only inform.
        A function must say which, see `mlops_nb.checks.own_metrics`.
    functions : mapping of str to callable, optional
        What stands behind the names in `metrics` and `limits` that are of functions.
    standing : Standing, optional
        Metrics, in the place of the default, and limits that hold where they suit the task, and are
        passed over with a note where they don't.
    positive : object, optional
        The positive class; default 1 or True, else the larger of the two.
    confidence, draws, seed
        Of the bootstrap intervals.
    by, every : optional
        Measure each batch of the rows, too: `batches.split` says what makes them.
    name : str
        What the data is called in the report.

    Returns
    -------
    Report
        Of kind "performance", one finding a metric. `evidence` has `interval`, `confidence`, `n`,
        `higher_is_better` and `metric_note`; that of `roc_auc` has `roc` (`fpr`, `tpr`), that of
        `brier` `calibration` (`predicted`, `observed`, `n`), that of `accuracy` `confusion`
        (`classes`, and `counts` by truth and prediction; with weights also `weights`, in
        proportion, while all counts are of rows). `subject["missing"]` counts what was missing. Of
        a function there are `method` and `note`, too. With batches each finding has `over_time`
        (see `mlops_nb.checks.metrics_over_time.with_batches`).

    Raises
    ------
    NotFoundError
        If a column, metric or task doesn't exist.
    InputError
        If the columns don't fit the task.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"y": [0, 1] * 50, "p": [0, 1] * 45 + [1, 0] * 5})
    >>> report = check(data, label="y", prediction="p", limits={"accuracy": 0.7})
    >>> report.finding("accuracy").value, report.status
    (0.9, 'pass')
    """
    functions = gather(
        functions or {},
        [*(metrics or ()), *(limits or ())],
        taken=METRICS,
        weighted=weights is not None,
    )
    named = [called(each) for each in metrics or ()]
    limits = {called(each): limit for each, limit in (limits or {}).items()}
    check_settings(confidence, draws)
    check_limits(limits)
    for metric in limits.keys() & functions.keys():
        require_direction(metric, functions[metric])
    require_columns(data, [label, *(each for each in (prediction, score, weights) if each)])
    if prediction is None and score is None:
        raise InputError("nothing says what was predicted", hint="name the prediction or a score")
    told = prediction or label
    kind = find_task(data, label, told, score, task)
    standing, passed = _suiting(standing or Standing(), kind, by_score_only=prediction is None)
    named, limits = named or [*standing.metrics], {**standing.limits, **limits}
    rows = read_rows(
        data,
        kind,
        label=label,
        prediction=told,
        score=score,
        positive=positive,
        weights=weights,
    )
    possible = [each for each in rows.possible if prediction or METRICS[each].needs != "counts"]
    known = [*metrics_of(kind), *functions]
    chosen = choose_metrics(named, limits, default=possible, known=known)
    for metric in chosen:
        if metric in functions:
            continue
        if metric not in rows.possible:
            raise _unfit(metric, rows, score)
        if metric not in possible:
            raise InputError(f"{metric} needs a prediction", hint="name it with prediction=...")
    batches = Batches(()) if by is every is None else split(data, by, every)
    limited = {metric: limits.get(metric) for metric in chosen}
    asked = Asked(
        limited,
        Bootstrap(confidence, draws, seed),
        {name: functions[name] for name in chosen if name in functions},
        by_score=prediction is None,
    )
    findings = drawn(judged(rows, asked), rows)
    summary = _summary(findings, rows)
    if batches.each:
        findings = over_time(findings, rows, asked, batches)
        summary = f"{summary} {worst_sentence(findings)}."
    is_judged = batches.each and any(limit is not None for limit in limited.values())
    alone = [_by_itself(confidence)] if is_judged else []
    return Report(
        kind="performance",
        status=overall(findings),
        findings=tuple(findings),
        summary=summary,
        subject={
            "name": name,
            "rows": len(data),
            "label": label,
            "prediction": prediction,
            "score": score,
            "task": kind,
            "positive": rows.positive,
            **({"weights": weights} if weights else {}),
            "missing": {k: n for k, n in rows.missing.items() if prediction or k != "prediction"},
            **({"batches": len(batches.each)} if batches.each else {}),
            "notes": [*passed, *rows.notes, *notes_of(asked), *batches.notes, *alone],
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
    )


def compare(
    data: pd.DataFrame,
    *,
    label: str,
    metric: str,
    challenger: str | tuple[str, str | None],
    champion: str | tuple[str, str | None],
    positive: Any = None,
    min_gain: float = 0.0,
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> Finding:
    """Measure what a challenger gains over the champion on the same rows.

    Both are measured in each bootstrap draw, so that what is hard for both cancels out.

    Parameters
    ----------
    data : DataFrame
        One row a case, with the truth and what both models say about it.
    label : str
        The column of the truth.
    metric : str
        A name of `mlops_nb.checks.metrics.METRICS`.
    challenger, champion : str or (str, str or None)
        The column of each one's prediction, or of its prediction and of its score. A single
        column is taken for whatever the metric needs.
    positive : object, optional
        The positive class; default 1 or True, else the larger of the two.
    min_gain : float
        The gain that must be certain.
    confidence, draws, seed
        Of the paired bootstrap interval.

    Returns
    -------
    Finding
        Named ``<metric>_gain``: the gain is positive if the challenger is better, whichever way
        the metric goes. *pass* if the whole interval is at least `min_gain`, *fail* if all of it
        is less, else *insufficient*. `evidence` has `interval`, `challenger` and `champion` (their
        values), `n`, `excluded`, `confidence`, `higher_is_better`, `metric_note` and `note`.

    Raises
    ------
    NotFoundError
        If a column or the metric doesn't exist.
    InputError
        If the columns don't fit the metric.

    Examples
    --------
    >>> import pandas as pd
    >>> data = pd.DataFrame({"y": [0, 1] * 50, "new": [0, 1] * 50, "old": [0] * 100})
    >>> found = compare(data, label="y", metric="accuracy", challenger="new", champion="old")
    >>> found.value, found.status
    (0.5, 'pass')
    """
    check_settings(confidence, draws)
    if metric not in METRICS:
        raise NotFoundError.among("metric", metric, METRICS)
    facts = METRICS[metric]
    by_score = facts.needs in ("scores", "probabilities")
    pair = []
    for role, each in (("challenger", challenger), ("champion", champion)):
        column = each if isinstance(each, str) else each[1 if by_score else 0]
        if column is None:
            raise InputError(f"{metric} needs a score, and the {role} has none")
        pair.append(column)
    require_columns(data, [label, *pair])
    complete = data[list(dict.fromkeys([label, *pair]))].dropna()
    if complete.empty:
        raise InputError(f"no row has all of {label!r}, {pair[0]!r} and {pair[1]!r}")
    bootstrap = Bootstrap(confidence, draws, seed)
    compared = _compare_counts if facts.needs == "counts" else _compare_rows
    new, old, drawn = compared(complete, (label, *pair), metric, positive, bootstrap)
    sign = 1 if facts.higher_is_better else -1
    gain = sign * (new - old) or 0.0  # never -0.0
    low, high = bootstrap.interval(sign * drawn + 0.0, gain)
    return Finding(
        name=f"{metric}_gain",
        value=gain,
        limit=min_gain,
        status="pass" if low >= min_gain else "fail" if high < min_gain else "insufficient",
        evidence={
            "interval": [low, high],
            "confidence": confidence,
            "n": len(complete),
            "excluded": len(data) - len(complete),
            "challenger": new,
            "champion": old,
            "higher_is_better": facts.higher_is_better,
            "metric_note": facts.note,
            "note": f"{metric} is {new:.4f} for the challenger and {old:.4f} for the champion on "
            f"the same {len(complete):,} rows: a gain of {gain:+.4f} ({low:+.4f} to {high:+.4f}).",
        },
    )


def _suiting(
    standing: Standing, task: Task, *, by_score_only: bool
) -> tuple[Standing, Sequence[str]]:
    def fit(name: str) -> bool:
        ranked = METRICS[name].needs in ("scores", "probabilities")
        return task in METRICS[name].tasks and (ranked or not by_score_only)

    return standing.suiting(METRICS, fit, "scores" if by_score_only else task)


def _unfit(metric: str, rows: Rows, score: str | None) -> InputError:
    if rows.score is None:
        return InputError(f"{metric} needs a score", hint="name its column with score=...")
    odd = rows.score[~((rows.score >= 0) & (rows.score <= 1))][0]
    return InputError(f"{metric} needs probabilities from 0 to 1, but {score!r} has {odd:g}")


def _by_itself(confidence: float) -> str:
    chance = percent((1 - confidence) / 2)
    return (
        f"Each batch is judged by itself: of those at a limit up to {chance} may seem to miss it."
    )


def _summary(findings: Sequence[Finding], rows: Rows) -> str:
    if rows.are_without_weight:
        lacks = "has both the truth and a prediction"
        lacks = "with the truth and a prediction has a weight" if len(rows.truth) else lacks
        return f"No row {lacks}: there is nothing to measure."
    words = {
        "fail": "The model misses its limit:",
        "insufficient": "There is not enough evidence that the model keeps to its limit:",
        "pass": "The model keeps to its limits:",
    }
    status = overall(findings)
    limited = [finding for finding in findings if finding.limit is not None]
    told = [finding for finding in limited if finding.status == status] or list(findings[:2])
    numbers = ", ".join(_number(finding) for finding in told[:3])
    start = f"{words[status]} " if limited else ""
    weighted = "" if rows.weights is None else " by their weights"
    return f"{start}{numbers}, on {plural(len(rows.truth), 'row')}{weighted}."


def _number(finding: Finding) -> str:
    low, high = finding.evidence["interval"]
    limit = "" if finding.limit is None else f"; limit {finding.limit:,.12g}"
    name = shortened(finding.name)
    if isnan(finding.value or 0.0):
        return f"{name} can't be computed of these rows{limit.replace(';', ',')}"
    value, low, high = (measured(each) for each in (finding.value, low, high))
    return f"{name} {value} ({low} to {high}{limit})"


def _compare_counts(
    data: pd.DataFrame,
    columns: Sequence[str],
    metric: str,
    positive: Any,
    bootstrap: Bootstrap,
) -> tuple[float, float, Floats]:
    """Return both values, and draws of their difference, from the joint table of counts."""
    import numpy as np

    from mlops_nb.stats.groups import confusion_counts

    read = read_classes(data, columns)
    size, (truth, new, old) = len(read.names), read.codes
    if "multiclass" not in METRICS[metric].tasks or size == 2:
        described = ", ".join(repr(column) for column in columns)
        size, (_, (truth, new, old)) = 2, read.binary(positive, described)
    # Shape (champion, truth, challenger): one table for each, by summing the other away.
    counts = confusion_counts(old, truth, new, n_groups=size, n_classes=size).astype(float)
    present = np.flatnonzero(counts.sum(axis=(0, 2)))

    def both(tables: Floats) -> tuple[Floats, Floats]:
        of_new = of_counts(tables.sum(axis=-3), present)[metric]
        of_old = of_counts(np.moveaxis(tables.sum(axis=-1), -1, -2), present)[metric]
        return of_new, of_old

    values = [float(each) for each in both(counts)]
    if (new == old).all():
        return values[0], values[1], np.zeros(bootstrap.draws)
    # Half a row more in each cell of two classes: one win and one loss more than were seen, as in
    # the exact sign test.
    of_new, of_old = both(bootstrap.of_counts(counts, prior=4.0))
    return values[0], values[1], of_new - of_old


def _compare_rows(
    data: pd.DataFrame,
    columns: Sequence[str],
    metric: str,
    positive: Any,
    bootstrap: Bootstrap,
) -> tuple[float, float, Floats]:
    """Return both values, and draws of their difference, each draw weighting the rows alike."""
    label, *pair = columns
    task = METRICS[metric].tasks[0]
    by_score = task == "binary"
    models = [
        read_rows(
            data,
            task,
            label=label,
            prediction=label if by_score else column,
            score=column if by_score else None,
            positive=positive,
        )
        for column in pair
    ]
    for rows, column in zip(models, pair, strict=True):
        if metric not in rows.possible:
            raise _unfit(metric, rows, column)

    order = models[0].best_order()

    def prepare(chosen: NDArray[np.intp]) -> Any:
        new, old = (rows.prepare(order[chosen], [metric]) for rows in models)

        def measured(weights: Any, ends: Floats | None) -> dict[str, Floats]:
            of_new, of_old = new(weights, ends)[metric], old(weights, ends)[metric]
            return {"new": of_new, "old": of_old, "difference": of_new - of_old}

        return measured

    found = bootstrap.of_rows(len(data), prepare)
    return found["new"][0], found["old"][0], found["difference"][1]
