"""Verbs `fairness` and `performance`: what a model predicts in, a Report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlops_nb.checks import fairness as fairness_check
from mlops_nb.checks import performance as performance_check
from mlops_nb.checks.own_metrics import called
from mlops_nb.checks.standing import Standing
from mlops_nb.core.config import FairnessConfig, PerformanceConfig
from mlops_nb.core.records import Report
from mlops_nb.flows import columns, frames, reports, tracking
from mlops_nb.flows.context import Context
from mlops_nb.flows.settings import batches, listed, source, told


def fairness(
    context: Context,
    data: Any = None,
    *,
    label: Any,
    sensitive: Any,
    prediction: Any = None,
    score: Any = None,
    model: Any = None,
    control: Any = None,
    weights: Any = None,
    positive: Any = None,
    metrics: Sequence[str | Callable[..., Any]] | Callable[..., Any] | None = None,
    limits: Mapping[str, float] | None = None,
    confidence: float | None = None,
    by: Any = None,
    every: str | int | None = None,
    strict: bool = False,
) -> Report:
    """Compare what a model gives to the groups of one or several sensitive features.

    Parameters
    ----------
    data : DataFrame, array with two axes, str or Path, optional
        A frame, a file, or NAME@VERSION; without it, everything is given as arrays.
    label, prediction, score, weights : str or array
        A column of the data, or the values themselves, one a row.
    sensitive, control : str, array, DataFrame, or a list of these
    model : object with ``predict``, or str, optional
        Predicts from the data, in the place of `prediction` and `score`.
    metrics : sequence of str or callable, optional
        A text ``FILE.py:NAME`` is a function of that file; so are the names in `limits`.
    by : str or array, optional
    every : str, or int of rows, optional
        Judge each batch of the data too, as `checks.batches.split` makes them.

    Raises
    ------
    InputError
        If what is given doesn't go together.
    VerdictError
        If `strict` and a gap is too wide, or there is not enough evidence.
    """
    settings = context.project.config.fairness
    made = batches(settings, by, every)
    metrics, limits, functions = frames.functions(context, metrics, limits, fairness_check.METRICS)
    rows = columns.rows(
        context,
        data,
        model=model,
        positive=positive,
        one={
            "label": label,
            "prediction": prediction,
            "score": score,
            "weights": weights,
            "by": _or_none(by),
        },
        several={"sensitive": sensitive, "control": control},
    )
    with told("fairness", settings, _typed(metrics, by, every)):
        report = fairness_check.check(
            rows.frame,
            label=rows.column("label"),
            prediction=rows.gathered.one("prediction"),
            sensitive=rows.gathered.columns["sensitive"],
            score=rows.gathered.one("score"),
            control=rows.gathered.columns["control"],
            weights=rows.gathered.one("weights"),
            positive=positive,
            name=rows.name,
            by=rows.gathered.one("by") or made.get("by"),
            every=made.get("every"),
            functions=functions,
            **fairness_settings(context, metrics, limits, confidence),
        )
    return reports.judged(
        context, _about(report, rows, model), {rows.name: rows.read}, strict=strict
    )


def performance(
    context: Context,
    data: Any = None,
    *,
    label: Any,
    prediction: Any = None,
    score: Any = None,
    model: Any = None,
    weights: Any = None,
    positive: Any = None,
    metrics: Sequence[str | Callable[..., Any]] | Callable[..., Any] | None = None,
    limits: Mapping[str, float] | None = None,
    confidence: float | None = None,
    by: Any = None,
    every: str | int | None = None,
    strict: bool = False,
) -> Report:
    """Measure a model, with intervals; in a run, the values are logged as its metrics.

    Parameters
    ----------
    data, label, prediction, score, weights, model, metrics, limits, by, every
        As `fairness` takes them.

    Raises
    ------
    InputError
        If what is given doesn't go together.
    VerdictError
        If `strict` and a limit is not met, or there is not enough evidence.
    """
    settings = context.project.config.performance
    made = batches(settings, by, every)
    known = performance_check.METRICS
    metrics, limits, functions = frames.functions(context, metrics, limits, known)
    own = [called(each) for each in (*metrics, *limits) if callable(each)]
    tracking.require_loggable(context, [*functions, *own])
    rows = columns.rows(
        context,
        data,
        model=model,
        positive=positive,
        one={
            "label": label,
            "prediction": prediction,
            "score": score,
            "weights": weights,
            "by": _or_none(by),
        },
    )
    with told("performance", settings, _typed(metrics, by, every)):
        report = performance_check.check(
            rows.frame,
            label=rows.column("label"),
            prediction=rows.gathered.one("prediction"),
            score=rows.gathered.one("score"),
            weights=rows.gathered.one("weights"),
            positive=positive,
            name=rows.name,
            by=rows.gathered.one("by") or made.get("by"),
            every=made.get("every"),
            functions=functions,
            **performance_settings(context, metrics, limits, confidence),
        )
    if context.run_id is not None:
        tracking.log(context, {f.name: f.value for f in report.findings}, kind="metric")
    return reports.judged(
        context, _about(report, rows, model), {rows.name: rows.read}, strict=strict
    )


def fairness_settings(
    context: Context,
    metrics: Sequence[str | Callable[..., Any]] | Callable[..., Any] | None,
    limits: Mapping[str, float] | None,
    confidence: float | None,
) -> dict[str, Any]:
    """Return what `fairness` is judged by: what is given, and else the project's settings."""
    settings = context.project.config.fairness
    return {
        "metrics": listed(metrics) or None,
        "difference_limit": settings.difference_limit,
        "ratio_limit": settings.ratio_limit,
        "limits": limits,
        "standing": _standing("fairness", settings, metrics),
        "method": settings.method,
        "agg": settings.agg,
        "confidence": settings.confidence if confidence is None else confidence,
        "draws": settings.draws,
        "seed": settings.seed,
    }


def performance_settings(
    context: Context,
    metrics: Sequence[str | Callable[..., Any]] | Callable[..., Any] | None,
    limits: Mapping[str, float] | None,
    confidence: float | None,
) -> dict[str, Any]:
    """Return what `performance` is judged by: what is given, and else the project's settings."""
    settings = context.project.config.performance
    return {
        "metrics": listed(metrics) or None,
        "limits": limits,
        "standing": _standing("performance", settings, metrics),
        "confidence": settings.confidence if confidence is None else confidence,
        "draws": settings.draws,
        "seed": settings.seed,
    }


def _typed(metrics: object, by: Any, every: object) -> dict[str, Any]:
    """Return the settings that arguments go before; limits that are given leave the others."""
    return {
        "by": by,
        "every": every if by is None else by,
        "metrics": metrics or None,
        "limits": None,
    }


def _or_none(by: Any) -> Any:
    """Return what batches go by; None where an empty text says that there are none."""
    return None if isinstance(by, str) and not by else by


def _standing(
    section: str, settings: FairnessConfig | PerformanceConfig, metrics: object
) -> Standing:
    """Return what the settings say for all models; metrics that are given go before theirs."""
    sources = (source(section, "metrics"), source(section, "limits"))
    return Standing(() if metrics else settings.metrics, settings.limits, sources)


def _about(report: Report, rows: columns.Rows, model: Any) -> Report:
    """Say in a report how its rows came together, and which model it is about if one was named."""
    notes = [*rows.gathered.notes, *report.subject.get("notes", ())]
    name = frames.name_of(model, "")
    named = {"model": name} if name else {}
    return replace(report, subject={**report.subject, "notes": notes, **named})
