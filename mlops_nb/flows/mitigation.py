"""Verb `mitigate`: a model repaired for fairness, judged before and after on unseen data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import fairness as fairness_check
from mlops_nb.checks import performance as performance_check
from mlops_nb.checks.fairness_tradeoff import trade_off
from mlops_nb.core.records import Mitigation, Report
from mlops_nb.flows import checks, columns, frames, tracking
from mlops_nb.flows.context import Context, Named

if TYPE_CHECKING:
    import pandas as pd


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
    positive: Any = None,
    register: str | None = None,
) -> Mitigation:
    """Repair a model for fairness on `train`, and judge it before and after on unseen `test`.

    Raises
    ------
    InputError
        If the method, the constraint, or a column is unknown.
    ExecutionError
        If the method finds no model.
    """
    from mlops_nb.improve.mitigate import fit

    original = frames.model(context, model)
    seen = frames.frame(context, train, "train")
    unseen = frames.frame(context, test, "test")
    groups = [sensitive] if isinstance(sensitive, str) else list(sensitive)
    repaired = fit(
        original,
        seen,
        label=label,
        sensitive=groups,
        method=method,
        constraint=constraint,
        positive=positive,
        watch=context.watch,
    )
    name = frames.name_of(test, "test")
    before = _judge_model(context, original, unseen, label, groups, positive, name)
    after = _judge_model(context, repaired, unseen, label, groups, positive, name)
    settings = context.project.config.fairness
    curve = trade_off(
        unseen,
        label=label,
        sensitive=groups,
        before=before[2],
        after=after[2],
        metric=f"{constraint}_difference",
        positive=positive,
        confidence=settings.confidence,
        draws=settings.draws,
        seed=settings.seed,
    )
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
    )
    if context.run_id is not None:
        choice = {"mitigation_method": method, "mitigation_constraint": constraint}
        tracking.log(context, choice, kind="tag")
    if register is not None:
        from mlops_nb.flows.release import register as register_model

        register_model(context, result, register, example=train)
    return result


def _judge_model(
    context: Context,
    model: Any,
    data: pd.DataFrame,
    label: str,
    sensitive: Sequence[str],
    positive: Any,
    name: str,
) -> tuple[Report, Report, Any]:
    """Return a model's fairness, its performance, and its predictions."""
    scored, predicted, probability = columns.predictions(context, data, label, model, positive)
    fair = fairness_check.check(
        scored,
        label=label,
        prediction=predicted,
        sensitive=sensitive,
        positive=positive,
        name=name,
        **checks.fairness_settings(context, None, None, None),
    )
    good = performance_check.check(
        scored,
        label=label,
        prediction=predicted,
        score=probability,
        positive=positive,
        name=name,
        **checks.performance_settings(context, None, None, None),
    )
    return fair, good, scored[predicted]
