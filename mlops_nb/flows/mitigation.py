"""Verb `mitigate`: a model repaired for fairness, judged before and after on unseen data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import fairness as fairness_check
from mlops_nb.checks import performance as performance_check
from mlops_nb.checks import scoring
from mlops_nb.checks.fairness_defaults import OF_AMOUNTS
from mlops_nb.checks.fairness_tradeoff import in_words, trade_off
from mlops_nb.core.errors import InputError
from mlops_nb.core.mitigation_records import Mitigation
from mlops_nb.core.records import Report
from mlops_nb.flows import columns, frames, model_checks, reports, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.release import register as register_model

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.improve.mitigate import Sweep


def mitigate(
    context: Context,
    model: Any,
    train: pd.DataFrame | str | Path | Named,
    test: pd.DataFrame | str | Path | Named,
    *,
    label: Any,
    sensitive: Any,
    test_label: Any = None,
    test_sensitive: Any = None,
    method: str | None = None,
    constraint: str | None = None,
    strength: float | None = None,
    points: int | None = None,
    positive: Any = None,
    register: str | None = None,
) -> Mitigation:
    """Repair a model for fairness on `train`, and judge it before and after on unseen `test`.

    Parameters
    ----------
    model : classifier, regressor, or str
    label, sensitive : str, array, DataFrame, or a list of these
        Columns of `train`, or values, one a row of it, as `fairness` takes them.
    test_label, test_sensitive
        Those of `test`; default the columns of the same names.
    method, constraint : str, optional
        Default those that fit the model: of two classes ``threshold_optimizer`` for
        ``demographic_parity``, of more ``correlation_remover``, of amounts
        ``exponentiated_gradient`` for ``bounded_square_loss``.

    Raises
    ------
    InputError
        If the method, the constraint, the strength or a column is unknown, or doesn't fit.
    StoppedError
        If it is cancelled.
    """
    from mlops_nb.improve.mitigate import plan
    from mlops_nb.improve.mitigation_task import require_names
    from mlops_nb.improve.unseen import refuse_seen

    original = frames.model(context, model)
    seen = columns.labelled(context, train, "train", label=label, sensitive=sensitive)
    require_names(seen.read)
    told = {
        "label": _of_test(seen, "label", test_label),
        "sensitive": _of_test(seen, "sensitive", test_sensitive),
    }
    rows = columns.labelled(context, test, "test", **told)
    _require_features(original, seen, rows)
    unseen, name = columns.called_alike(rows, seen), rows.name
    refuse_seen(seen.frame, unseen)
    label, groups = seen.column("label"), list(seen.gathered.columns["sensitive"])
    planned = plan(
        original,
        seen.frame,
        label=label,
        sensitive=groups,
        method=method,
        constraint=constraint,
        strength=strength,
        points=points,
        positive=positive,
        watch=context.watch,
    )
    # What is wrong with the unseen data is told before hours of fitting, too.
    judged = _Judged(planned.task.problem, planned.task.gap, label, groups, positive, name)
    before = _judge_model(context, original, unseen, judged)
    found = planned.fit()
    repaired = found.chosen.model
    # A metric that had a verdict before has one after, by the same limit.
    limits = {each.name: each.limit for each in before[0].findings if each.limit is not None}
    if judged.problem == "multiclass":
        limits = {}  # those of each class are the same in both; naming them asks for two classes
    after = _judge_model(context, repaired, unseen, judged, limits)
    curve = _curve(context, found, before[2], unseen, judged)
    result = Mitigation(
        method=planned.method_name,
        constraint=planned.task.constraint,
        sensitive=tuple(groups),
        fairness_before=before[0],
        fairness_after=after[0],
        performance_before=before[1],
        performance_after=after[1],
        trade_off=tuple(curve),
        model=repaired,
        summary=in_words(curve, judged.metric),
        strength=_strength(found),
        metric=judged.metric,
    )
    _record(context, result, {seen.name: seen.read, name: rows.read})
    if register is not None:
        register_model(context, result, register, example=seen.frame)
    return result


def _of_test(seen: columns.Rows, role: str, given: Any) -> Any:
    """Return what the test data has for a role: what is given, else the training data's columns.

    Raises
    ------
    InputError
        If these are arrays, of the training rows.
    """
    if given is not None:
        return given
    names = seen.gathered.columns[role]
    for name in names:
        if name not in seen.read.columns:
            raise InputError(
                f"{role} is an array of the training rows, and there is none of the test's",
                hint=f"give it with --test-{role}",
            )
    return names[0] if role == "label" else list(names)


def _require_features(model: Any, *both: columns.Rows) -> None:
    """Refuse arrays beside a model that can't tell them from its own columns."""
    added = any(rows.frame.shape[1] > rows.read.shape[1] for rows in both)
    if added and scoring.model_features(model) is None:
        raise InputError(
            f"{type(model).__name__} doesn't say which columns it was fitted on, so label and "
            "sensitive can't be arrays beside them",
            hint="fit it on a DataFrame, or name columns",
        )


@dataclass(frozen=True)
class _Judged:
    """What models are judged by: the columns of the unseen data, and the gap that is narrowed."""

    problem: str
    metric: str
    label: str
    sensitive: Sequence[str]
    positive: Any
    name: str


def _curve(
    context: Context, found: Sweep, before: Any, data: pd.DataFrame, judged: _Judged
) -> list[dict[str, Any]]:
    """Judge every model along the strength on the unseen data."""
    from mlops_nb.improve.fair_model import UnknownGroupWarning

    settings = context.project.config.fairness
    with warnings.catch_warnings():
        # It was told once, when the chosen model was judged on these rows.
        warnings.simplefilter("ignore", UnknownGroupWarning)
        after = [
            {
                "strength": each.strength,
                "chosen": each.chosen,
                "predictions": scoring.predictions(each.model, data, label=judged.label),
            }
            for each in found.fitted
        ]
    return trade_off(
        data,
        label=judged.label,
        sensitive=judged.sensitive,
        before=before,
        after=after,
        metric=judged.metric,
        positive=judged.positive,
        several_classes=judged.problem == "multiclass",
        confidence=settings.confidence,
        draws=settings.draws,
        seed=settings.seed,
    )


def _strength(found: Sweep) -> dict[str, Any]:
    if found.strength is None:
        return {}
    known = found.strength
    return {"name": known.name, "value": found.chosen.strength, "meaning": known.meaning}


def _record(context: Context, result: Mitigation, data: dict[str, pd.DataFrame]) -> None:
    """Say to the open run, if one is, how its model was repaired, and on which data."""
    if context.run_id is None:
        return
    strength = result.strength
    tags = {
        "mitigation_method": result.method,
        "mitigation_constraint": result.constraint,
        "mitigation_sensitive": ", ".join(result.sensitive),
        "mitigation_strength": f"{strength['name']}={strength['value']:g}" if strength else "whole",
    }
    tracking.log(context, tags, kind="tag")
    reports.keep_data(context, data)


def _judge_model(
    context: Context,
    model: Any,
    data: pd.DataFrame,
    judged: _Judged,
    limits: Mapping[str, float] | None = None,
) -> tuple[Report, Report, Any]:
    """Return a model's fairness, by some limits of its own, its performance and predictions."""
    label, positive, name = judged.label, judged.positive, judged.name
    scored, predicted, probability = columns.predictions(context, data, label, model, positive)
    settings = model_checks.fairness_settings(context, None, limits, None)
    amounts = judged.problem == "regression"
    if amounts:
        # Predictions that happen to be few whole numbers are amounts still.
        known = settings["metrics"] or OF_AMOUNTS
        settings["metrics"] = list(dict.fromkeys([*known, judged.metric]))
    fair = fairness_check.check(
        scored,
        label=label,
        prediction=predicted,
        sensitive=judged.sensitive,
        positive=positive,
        name=name,
        **settings,
    )
    good = performance_check.check(
        scored,
        label=label,
        prediction=predicted,
        score=probability,
        task="regression" if amounts else None,
        positive=positive,
        name=name,
        **model_checks.performance_settings(context, None, None, None),
    )
    return fair, good, scored[predicted]
