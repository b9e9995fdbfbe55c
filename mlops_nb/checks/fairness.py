"""Is the model fair? Fairlearn's gaps between groups, with the evidence for and against them.

A gap between groups is only as sure as the groups are large, so no verdict rests on the gap alone:
a metric passes if the gap is surely within its limit, fails if it surely is not, and else there is
not enough evidence. Each claim is made at the check's confidence (``evidence["bounds"]``), and
``python -m tests.benchmarks.fairness_evidence`` simulates how often it is right. A group with
fewer than `MINIMUM` rows of the kind that a rate is made from can neither make a metric fail nor
let it pass. A report passes if all its metrics do, which needs no correction for their number (the
intersection-union principle); each metric that fails does so by itself, corrected for the number
of groups, not of metrics.

The values equal Fairlearn's to the last digits (a rate without rows is 0, as there). They and the
intervals are made from one small table of counts: see `mlops_nb.stats.bootstrap.widest_gap` for
how, and for why the bootstrapped maximum itself won't do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isnan
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_nb.checks.batches import Batches, split
from mlops_nb.checks.fairness_defaults import MOST_CLASSES, Defaults, defaults, suits
from mlops_nb.checks.fairness_metrics import (
    AGGS,
    DEFAULT_METRICS,
    FAMILIES,
    KINDS,
    MEASURES,
    METHODS,
    METRICS,
    kind_of,
)
from mlops_nb.checks.fairness_over_time import in_batches
from mlops_nb.checks.fairness_reading import notes_of, read, why_empty
from mlops_nb.checks.fairness_sample import Sample
from mlops_nb.checks.fairness_table import MINIMUM, SHOWN, Asked, Table
from mlops_nb.checks.inputs import (
    check_limits,
    check_settings,
    choose_metrics,
    require_columns,
    unhashable,
)
from mlops_nb.checks.metrics_over_time import worst_sentence
from mlops_nb.checks.own_metrics import Function, Named, called, gather, require_direction
from mlops_nb.checks.standing import Standing
from mlops_nb.checks.verdicts import overall
from mlops_nb.core.errors import InputError, NotFoundError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.words import measured, percent, shortened

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.stats.groups import Grouping

__all__ = ["DEFAULT_METRICS", "METRICS", "MINIMUM", "check"]

Choice = TypeVar("Choice", bound=str)


def check(
    data: pd.DataFrame,
    *,
    label: str,
    prediction: str | None = None,
    sensitive: Sequence[str],
    score: str | None = None,
    control: Sequence[str] = (),
    weights: str | None = None,
    positive: Any = None,
    metrics: Sequence[Named] | None = None,
    difference_limit: float | None = 0.1,
    ratio_limit: float | None = 0.8,
    limits: Mapping[str, float] | None = None,
    functions: Mapping[str, Function] | None = None,
    standing: Standing | None = None,
    method: str = "between_groups",
    agg: str = "worst_case",
    confidence: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    by: str | None = None,
    every: str | int | None = None,
    name: str = "data",
) -> Report:
    """Judge the gaps between the groups that the sensitive columns make.

    Parameters
    ----------
    data : DataFrame
        One row a case, with its true and its predicted class and the sensitive columns.
    label, prediction : str
        The columns of the true and of the predicted class or amount. Of classes any two values, or
        more. With a score there need be no prediction.
    sensitive : sequence of str
        The columns that make the groups; several make their intersection, as in Fairlearn.
        Missing values are a group; many numbers or dates are cut at their quartiles, and the report
        says so.
    score : str, optional
        The column of the score or probability of the positive class, for the metrics that need it.
    control : sequence of str, optional
        Columns within each of whose values the groups are compared: one finding a metric and value
        (its `column` says which).
    weights : str, optional
        The column that says how much a row counts. Values are weighted, evidence is of rows.
    positive : object, optional
        The positive class; default 1 or True, else the larger of the two.
    metrics : sequence of str or callable, optional
        Names of `METRICS`, which are Fairlearn's; default those of the kind of problem that the
        columns hold (`mlops_nb.checks.fairness_defaults`), which `subject["task"]` and a note tell.
        A function of true and predicted values becomes the metric ``<its name>_difference``: it is
        called for each group and draw, which is slow (see `mlops_nb.checks.own_metrics`).
    difference_limit, ratio_limit : float or None
        The largest difference and the smallest ratio that are still fair; None: only to inform.
        They hold for what lies between 0 and 1, not for errors in a unit. By default, ratios of
        error rates that can't be decided with so few rows are shown without a limit; named in
        `metrics` or `limits`, they are judged always.
    limits : mapping of str to float, optional
        The limits of single metrics; those of ``_group_min`` and ``_group_max`` have no other.
    functions : mapping of str to callable, optional
        What stands behind the names in `metrics` and `limits` that are of functions.
    standing : Standing, optional
        Metrics, in the place of the default, and limits that hold where they suit the kind of
        problem, and are passed over with a note where they don't.
    method : {"between_groups", "to_overall"}
        Whether groups are compared with each other, or with all rows together.
    agg : {"worst_case", "mean"}
        How equalized odds put both rates together.
    confidence : float
        Of the intervals.
    draws, seed : int
        Of the bootstrap.
    by, every : optional
        Judge each batch of the rows, too: `batches.split` says what makes them.
    name : str
        What the data is called in the report.

    Returns
    -------
    Report
        Of kind "fairness", one finding a metric. `evidence` has `interval`, which holds with
        `confidence`, `bounds`, of which each holds with `confidence` by itself and against which
        the limit is held (both None, as the value, without any row), `sensitive`,
        `groups` (for each: `group`, `values`, `n`, `positives`,
        `negatives`, `selected` and its rates; a rate without rows is None), `extremes` (the two
        groups furthest apart, for each rate), `minimum` (`rows` needed, `of` what, and the groups
        `below`), `metric_note`, `note`, `method` (of the draws) and `correction`
        (for how many groups); of one class against the others its `class`. `misleads` says when
        the metric does. The first finding has
        `drawn`, each group's scores and errors (see `mlops_nb.checks.fairness_curves.describe`),
        and `together`, what can't be had together here. With batches each finding has `over_time`
        (see `mlops_nb.checks.metrics_over_time.with_batches`); the status stays that of all rows.
        `subject["missing"]` counts what was missing.

    Raises
    ------
    NotFoundError
        If a column or a metric doesn't exist.
    InputError
        If the classes are not two, or a setting makes no sense.

    Examples
    --------
    >>> import pandas as pd
    >>> sex = ["f"] * 400 + ["m"] * 400
    >>> data = pd.DataFrame({"y": [0, 1] * 400, "p": [0, 1] * 400, "sex": sex})
    >>> report = check(data, label="y", prediction="p", sensitive=["sex"])
    >>> finding = report.finding("equal_opportunity_difference")
    >>> finding.value, finding.status, finding.evidence["groups"][0]["positives"]
    (0.0, 'pass', 200)
    """
    sensitive = (sensitive,) if isinstance(sensitive, str) else tuple(dict.fromkeys(sensitive))
    control = (control,) if isinstance(control, str) else tuple(dict.fromkeys(control))
    functions = gather(
        functions or {},
        [*(metrics or ()), *(limits or ())],
        taken={*FAMILIES, *METRICS},
        weighted=weights is not None,
    )
    limits = {_metric(each, functions): limit for each, limit in (limits or {}).items()}
    known = [*METRICS, *(f"{name}_{kind}" for name in functions for kind in KINDS)]
    named = [_metric(each, functions) for each in metrics or ()]
    check_settings(confidence, draws)
    optional = [each for each in (prediction, score, weights) if each]
    require_columns(data, [label, *optional, *sensitive, *control])
    both = next((each for each in control if each in sensitive), None)
    if both is not None:
        raise InputError(f"{both!r} can't make both the groups and what they are compared within")
    prediction = None if prediction == score else prediction
    standing = standing or Standing()
    usual = None
    passed: Sequence[str] = ()
    if not named or standing.metrics or standing.limits:
        usual = defaults(data, label, prediction, score, positive)
        standing, passed = _suiting(standing, usual, data, [label, prediction or label])
    named, limits = named or [*standing.metrics], {**standing.limits, **limits}
    usual = None if named else usual
    _check_settings(sensitive, limits, functions, difference_limit, ratio_limit)
    default = usual.metrics if usual else ()
    chosen = choose_metrics(named or None, limits, default=default, known=known)

    batches = _batches(data, by, every, sensitive)
    asked = Asked(
        _choice("method", method, METHODS),
        _choice("agg", agg, AGGS),
        confidence,
        draws,
        seed,
        functions,
    )
    measures = list(dict.fromkeys(m for each in chosen for m in asked.family(each).measures))
    grouping, groups = _groups(data, sensitive)
    known_rows = read(
        data,
        measures,
        label=label,
        prediction=prediction,
        score=score,
        weights=weights,
        positive=positive,
        groups=groups,
        n_groups=len(grouping.groups),
    )
    sample = known_rows.sample
    empty = why_empty(known_rows.missing, len(data))
    asked = replace(asked, empty=empty, classes=known_rows.classes)
    missing: dict[str, Any] = {**known_rows.missing}
    missing["sensitive"] = {column: int(data[column].isna().sum()) for column in sensitive}
    codes = batches.codes(len(data))[known_rows.kept]
    tables, controlled = _tables(data[known_rows.kept], control, sample, grouping, asked, codes)
    general = {"difference": difference_limit, "ratio": ratio_limit}
    limited = {each: limits.get(each, general.get(_scale(asked, each))) for each in chosen}
    may_be_shown_only = {*usual.may_be_shown_only} - {*limits} if usual else set()
    binary = sample.prediction is not None and sample.n_classes == 2
    shown = list(dict.fromkeys([*(SHOWN if binary else ()), *measures]))
    findings = tuple(
        table.finding(
            metric,
            limit,
            shown,
            drawn=metric == chosen[0],
            may_be_shown_only=metric in may_be_shown_only,
        )
        for table, _ in tables
        for metric, limit in limited.items()
    )
    findings = in_batches(findings, tables, chosen, batches.each)
    if usual and usual.of_each_class:
        of_class = [
            (each, codes)
            for table, codes in tables
            for each in table.of_each_class(known_rows.classes, MOST_CLASSES)
        ]
        of_classes = tuple(
            each.finding(metric, limits.get(metric, difference_limit), SHOWN)
            for each, _ in of_class
            for metric in usual.of_each_class
        )
        findings += in_batches(of_classes, of_class, usual.of_each_class, batches.each)
    over_time = f" {worst_sentence(findings)}." if batches.each else ""
    summary = _summary(findings, sensitive) + over_time
    return Report(
        kind="fairness",
        status=overall(findings),
        findings=findings,
        summary=summary,
        subject={
            "name": name,
            "rows": len(data),
            "label": label,
            **({"prediction": prediction} if prediction else {}),
            **({"score": score} if score else {}),
            **({"task": usual.problem} if usual else {}),
            "positive": known_rows.positive,
            "sensitive": list(sensitive),
            **({"control": list(control)} if control else {}),
            **({"weights": weights} if weights else {}),
            "groups": len(grouping.groups),
            **({"batches": len(batches.each)} if batches.each else {}),
            "missing": missing,
            "notes": [
                *([usual.note] if usual and usual.note else []),
                *passed,
                *notes_of(missing),
                *grouping.notes,
                *controlled,
                *batches.notes,
                *([_by_itself(confidence)] if batches.each else ()),
            ],
            "confidence": confidence,
            "draws": draws,
            "seed": seed,
        },
    )


def _suiting(
    standing: Standing, usual: Defaults, data: pd.DataFrame, columns: Sequence[str]
) -> tuple[Standing, Sequence[str]]:
    from pandas.api.types import is_numeric_dtype

    numbers = all(is_numeric_dtype(data[column]) for column in columns)
    fit = partial(suits, problem=usual.problem, numbers=numbers)
    return standing.suiting(METRICS, fit, usual.problem)


def _batches(
    data: pd.DataFrame, by: str | None, every: str | int | None, sensitive: Sequence[str]
) -> Batches:
    if by is every is None:
        return Batches(())
    if by in sensitive:
        raise InputError(f"{by!r} can't make both the groups and the batches")
    return split(data, by, every)


def _by_itself(confidence: float) -> str:
    chance = percent(1 - confidence)
    return f"Each batch is judged by itself: if all are fair, up to {chance} may seem not to be."


def _metric(given: Named, functions: Mapping[str, object]) -> str:
    """Return what a metric is called: a function's is its difference between the groups."""
    name = called(given)
    return f"{name}_difference" if name in functions else name


def _scale(asked: Asked, metric: str) -> str:
    """Return "difference" or "ratio" where the general limits hold: between 0 and 1; else ""."""
    kind, measures = kind_of(metric), asked.family(metric).measures
    if any(name not in MEASURES for name in measures):
        return ""
    in_unit = kind == "ratio" or all(
        (MEASURES[name].low, MEASURES[name].high) == (0, 1) for name in measures
    )
    return kind if in_unit else ""


def _choice(setting: str, value: str, known: Sequence[Choice]) -> Choice:
    for each in known:
        if each == value:
            return each
    raise NotFoundError.among(setting, value, known)


def _check_settings(
    sensitive: Sequence[str],
    limits: Mapping[str, float],
    functions: Mapping[str, Function],
    difference_limit: float | None,
    ratio_limit: float | None,
) -> None:
    if not sensitive:
        raise InputError("no sensitive column is given", hint="name one, as in sensitive=['sex']")
    check_limits(limits)
    _require_direction(limits, functions)
    in_unit = {n: limit for n, limit in limits.items() if n in METRICS and _scale(Asked(), n)}
    given = {**in_unit, "difference_limit": difference_limit, "ratio_limit": ratio_limit}
    for setting, limit in given.items():
        if limit is not None and not 0 <= limit <= 1:
            raise InputError(f"{setting} must be between 0 and 1, not {limit!r}")


def _require_direction(limits: Mapping[str, float], functions: Mapping[str, Function]) -> None:
    """Refuse a limit of what a group gets where nothing says if that should be high or low."""
    for metric in limits:
        kind = kind_of(metric)
        name = metric.removesuffix(f"_{kind}")
        if name in functions and kind.startswith("group"):
            require_direction(name, functions[name])


def _tables(
    data: pd.DataFrame,
    control: Sequence[str],
    sample: Sample,
    grouping: Grouping,
    asked: Asked,
    batches: NDArray[np.intp],
) -> tuple[list[tuple[Table, NDArray[np.intp]]], Sequence[str]]:
    """Return one table of groups, or one for each value of the control features.

    Each with the batch of each of its rows.
    """
    if not control or not len(data):
        return [(Table(sample, grouping, asked), batches)], ()
    levels, codes = _groups(data, control)
    tables = []
    for index, key in enumerate(levels.groups):
        rows = (codes == index).nonzero()[0]
        within = sample.take(rows, n_groups=sample.n_groups, groups=sample.groups[rows])
        said = ", ".join(f"{name} = {value}" for name, value in zip(control, key, strict=True))
        table = Table(within, grouping, asked, column=said, comparisons=len(levels.groups))
        tables.append((table, batches[rows]))
    return tables, levels.notes


def _groups(data: pd.DataFrame, columns: Sequence[str]) -> tuple[Grouping, NDArray[np.intp]]:
    """Return the groups that columns make, and each row's."""
    from mlops_nb.stats.groups import Grouping

    try:
        return Grouping.learn(data, columns)
    except TypeError as error:
        raise unhashable(data, columns) or error from None


def _summary(findings: Sequence[Finding], sensitive: Sequence[str]) -> str:
    status = overall(findings)
    limited = [finding for finding in findings if finding.limit is not None]
    deciding = [f for f in limited if f.status == status]
    worst = max(deciding or [f for f in findings if f.status == status], key=_badness)
    limit = "no limit" if worst.limit is None else f"limit {worst.limit:,.12g}"
    where = f" ({worst.column})" if worst.column else ""
    named = f"{shortened(worst.name)}{where}"
    if worst.value is None:
        number = f"{named} has no value ({limit})."
    else:
        value = "0 / 0" if isnan(worst.value) else measured(worst.value)
        low, high = worst.evidence["bounds"]
        number = f"{named} is {value} ({measured(low)} to {measured(high)}; {limit})."
    by = " × ".join(sensitive)
    words = {
        "pass": f"By {by}, no gap is wider than its limit; the nearest to it:",
        "fail": f"By {by}, the model is not fair:",
        "insufficient": f"By {by}, there is not enough evidence to call the model fair or unfair:",
    }
    start = words[status] if limited else f"By {by}, nothing has a limit to be judged by:"
    return f"{start} {number} {worst.evidence['note']}"


def _badness(finding: Finding) -> float:
    """Order findings by how much of what the limit allows the gap uses up."""
    value = 1.0 if finding.value is None or isnan(finding.value) else finding.value
    gap, limit = value, finding.limit if finding.limit is not None else 1.0
    if kind_of(finding.name).startswith("group"):
        return 0.0
    if kind_of(finding.name) == "ratio":
        gap, limit = 1 - value, 1 - (finding.limit if finding.limit is not None else 0.0)
    return float(gap / limit) if limit else float("inf") if gap else 0.0
