"""Verb `mitigate`: a model repaired for fairness, judged before and after on unseen data."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import fairness as fairness_check
from mlops_nb.checks import performance as performance_check
from mlops_nb.checks import scoring
from mlops_nb.checks.fairness_tradeoff import in_words, trade_off
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
    label: str,
    sensitive: str | Sequence[str],
    method: str = "threshold_optimizer",
    constraint: str = "demographic_parity",
    strength: float | None = None,
    points: int | None = None,
    positive: Any = None,
    register: str | None = None,
) -> Mitigation:
    """Repair a model for fairness on `train`, and judge it before and after on unseen `test`.

    Raises
    ------
    InputError
        If the method, the constraint, the strength or a column is unknown.
    StoppedError
        If it is cancelled.
    """
    from mlops_nb.improve.mitigate import plan

    original = frames.model(context, model)
    seen = frames.frame(context, train, "train")
    unseen = frames.frame(context, test, "test")
    groups = [sensitive] if isinstance(sensitive, str) else list(sensitive)
    name = frames.name_of(test, "test")
    planned = plan(
        original,
        seen,
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
    before = _judge_model(context, original, unseen, label, groups, positive, name)
    found = planned.fit()
    repaired = found.chosen.model
    # A metric that had a verdict before has one after, by the same limit.
    limits = {each.name: each.limit for each in before[0].findings if each.limit is not None}
    after = _judge_model(context, repaired, unseen, label, groups, positive, name, limits)
    metric = f"{constraint}_difference"
    curve = _curve(context, found, before[2], unseen, label, groups, positive, metric)
    result = Mitigation(
        method=method,
        constraint=constraint,
        sensitive=tuple(groups),
        fairness_before=before[0],
        fairness_after=after[0],
        performance_before=before[1],
        performance_after=after[1],
        trade_off=tuple(curve),
        model=repaired,
        summary=in_words(curve, metric),
        strength=_strength(found),
    )
    _record(context, result, {frames.name_of(train, "train"): seen, name: unseen})
    if register is not None:
        register_model(context, result, register, example=train)
    return result


def _curve(
    context: Context,
    found: Sweep,
    before: Any,
    data: pd.DataFrame,
    label: str,
    sensitive: Sequence[str],
    positive: Any,
    metric: str,
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
                "predictions": scoring.predictions(each.model, data, label=label),
            }
            for each in found.fitted
        ]
    return trade_off(
        data,
        label=label,
        sensitive=sensitive,
        before=before,
        after=after,
        metric=metric,
        positive=positive,
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
    label: str,
    sensitive: Sequence[str],
    positive: Any,
    name: str,
    limits: Mapping[str, float] | None = None,
) -> tuple[Report, Report, Any]:
    """Return a model's fairness, by some limits of its own, its performance and predictions."""
    scored, predicted, probability = columns.predictions(context, data, label, model, positive)
    fair = fairness_check.check(
        scored,
        label=label,
        prediction=predicted,
        sensitive=sensitive,
        positive=positive,
        name=name,
        **model_checks.fairness_settings(context, None, limits, None),
    )
    good = performance_check.check(
        scored,
        label=label,
        prediction=predicted,
        score=probability,
        positive=positive,
        name=name,
        **model_checks.performance_settings(context, None, None, None),
    )
    return fair, good, scored[predicted]
