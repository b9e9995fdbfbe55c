"""Verbs `quality`, `drift`, `fairness` and `performance`: data in, a Report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb import panels
from mlops_nb.checks import drift as drift_check
from mlops_nb.checks import (
    drift_over_time,
    drift_profile,
    drift_streamed,
    quality_files,
    quality_inference,
    quality_streamed,
)
from mlops_nb.checks import fairness as fairness_check
from mlops_nb.checks import performance as performance_check
from mlops_nb.checks import quality as quality_check
from mlops_nb.checks.drift_choices import Given, together
from mlops_nb.checks.drift_profile import Profile
from mlops_nb.core.config import DriftConfig, FairnessConfig
from mlops_nb.core.errors import InputError, VerdictError
from mlops_nb.core.records import Report
from mlops_nb.data.fingerprint import fingerprint
from mlops_nb.data.sketch import sketch
from mlops_nb.data.tables import FrameTable, ParquetTable
from mlops_nb.flows import columns, frames, full_reports, streaming, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.settings import told

if TYPE_CHECKING:
    import pandas as pd


def quality(
    context: Context,
    data: pd.DataFrame | str | Path | Named,
    *,
    against: pd.DataFrame | str | Path | Named | None = None,
    expectations: Sequence[Mapping[str, Any]] | str | Path | None = None,
    infer: str | Path | None = None,
    schema: Any = None,
    stream: str | None = None,
    lenient: bool = False,
) -> Report:
    """Check data by itself, by the project's expectations, and against a reference.

    Parameters
    ----------
    data, against : DataFrame, str or Path
        A frame, a file, or NAME@VERSION.
    expectations : sequence of mapping, str or Path, optional
        Expectations, or a file of them, in place of the project's.
    infer : str or Path, optional
        A new file, to which what the data look like is written as expectations; they are what the
        data are checked by then.
    schema : pandera schema, str, optional
        One in scope, or ``FILE.py:NAME``.
    stream : {"auto", "always", "never"}, optional
        Whether Parquet files are read batch by batch, as `checks.quality_streamed.check` says.
    lenient : bool
        Whether a failed error is only told.

    Raises
    ------
    InputError
        If there is a file `infer` already, or an expectation or the schema can't be used.
    VerdictError
        If a finding of severity error fails, unless `lenient` or the project says otherwise.
    """
    settings = context.project.config.quality
    called = frames.names_of(data, against, ("data", "reference"))
    names = dict(zip(("name", "reference_name"), called, strict=True))
    given = {"data": data, **({} if against is None else {"reference": against})}
    tables = streaming.tables(context, given, stream)
    if tables is not None:
        streaming.refuse({"--infer": infer, "--schema": schema})
        report = quality_streamed.check(
            tables["data"],
            reference=tables.get("reference"),
            expectations=_expected(context, expectations),
            **names,
            watch=context.watch,
        )
        return _strictly(
            context, report, {names["name"]: tables["data"]}, lenient or not settings.strict
        )
    found = frames.frame(context, data)
    reference = None if against is None else frames.frame(context, against, "reference")
    report = quality_check.check(
        found,
        reference=reference,
        expectations=_expectations(context, found, expectations, infer),
        schema=None if schema is None else frames.schema(context, schema),
        **names,
    )
    return _strictly(context, report, {names["name"]: found}, lenient or not settings.strict)


def _strictly(context: Context, report: Report, data: Mapping[str, Any], lenient: bool) -> Report:
    """Keep a report on quality, and raise if it fails, unless lenient."""
    _keep(context, report, data)
    if report.status == "fail" and not lenient:
        raise VerdictError(report, hint="--no-strict goes on all the same")
    return report


def _expectations(
    context: Context,
    data: pd.DataFrame,
    given: Sequence[Mapping[str, Any]] | str | Path | None,
    infer: str | Path | None,
) -> Sequence[Mapping[str, Any]]:
    if infer is not None:
        inferred = quality_inference.infer(data)
        quality_files.write(context.path(infer), inferred)
        return inferred
    return _expected(context, given)


def _expected(
    context: Context, given: Sequence[Mapping[str, Any]] | str | Path | None
) -> Sequence[Mapping[str, Any]]:
    """Return the expectations that are given, else the project's."""
    if isinstance(given, str | Path):
        return quality_files.read(context.path(given))
    if given is not None:
        return given
    settings = context.project.config.quality
    file = settings.file and quality_files.read(context.project.root / settings.file)
    return [*settings.expect, *(file or ())]


def drift(
    context: Context,
    reference: pd.DataFrame | Profile | str | Path | Named,
    current: pd.DataFrame | str | Path | Named,
    *,
    columns: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    share: float | None = None,
    methods: Given = None,
    thresholds: Given = None,
    types: Given = None,
    min_evidence: float | None = None,
    correction: str | None = None,
    target: str | None = None,
    prediction: str | None = None,
    multivariate: bool | None = None,
    auc_threshold: float | None = None,
    save_profile: str | Path | None = None,
    report: str | Path | bool | None = None,
    open: bool = False,  # noqa: A002 - as on the command line
    workspace: str | Path | None = None,
    by: str | None = None,
    every: str | int | None = None,
    stream: str | None = None,
    strict: bool = False,
) -> Report:
    """Compare the distributions of two frames, column by column, with Evidently's methods.

    The reference may be a profile that was saved before.

    Parameters
    ----------
    report : str, Path or bool, optional
        A file ``*.html`` for Evidently's own full report, rendered from the scores found here. In
        an open run it is kept there too, and True is enough.
    open : bool
        Open that report: in a tab of JupyterLab from a notebook, else in a browser.
    workspace : str or Path, optional
        An Evidently workspace to add that report to, in place of the project's.
    by, every : str, or int of rows, optional
        Compare each batch of the current data too, as `checks.drift_over_time.check` says. Other
        arguments are told by `checks.drift.check`; what is None is as the project has it.
    stream : {"auto", "always", "never"}, optional
        Whether Parquet files are read batch by batch, as `checks.drift_streamed.check` says.

    Raises
    ------
    InputError
        If there is nowhere to keep Evidently's report, or the reference is but a profile.
    VerdictError
        If `strict` and the dataset has drifted.
    """
    settings = context.project.config.drift
    options: dict[str, Any] = {
        "columns": list(columns or settings.columns) or None,
        "exclude": list(exclude or settings.exclude),
        "share": settings.share if share is None else share,
        "methods": together(settings.methods, methods),
        "thresholds": together(settings.thresholds, thresholds),
        "types": together(settings.types, types),
        "min_evidence": settings.min_evidence if min_evidence is None else min_evidence,
        "correction": settings.correction if correction is None else correction,
        "target": target,
        "prediction": prediction,
        "names": frames.names_of(reference, current, ("reference", "current")),
    }
    batches = _batches(settings, by, every)
    asked = {
        "columns": columns or None,
        "exclude": exclude or None,
        "auc_threshold": auc_threshold,
        "methods": None,
        "thresholds": None,
        "types": None,  # those of both are taken
        "by": by,
        "every": every if by is None else by,
        "multivariate": multivariate,
    }
    multivariate = settings.multivariate if multivariate is None else multivariate
    with told("drift", settings, asked):
        tables = streaming.tables(context, {"reference": reference, "current": current}, stream)
        if tables is not None:
            whole = {
                "--report": report,
                "--open": open,
                "--workspace": workspace,
                "--save-profile": save_profile,
                "--multivariate": multivariate,
                **{f"--{name}": value for name, value in batches.items()},
            }
            streaming.refuse(whole)
            found = drift_streamed.check(
                tables["reference"], tables["current"], **options, watch=context.watch
            )
            return _judged(context, found, _as_read(found, **tables), strict=strict)
        full = full_reports.wanted(context, report, workspace=workspace, show=open)
        before = _reference(context, reference)
        after = frames.frame(context, current, "current")
        if full and isinstance(before, Profile):
            raise InputError("a profile has no rows to draw a report from", hint="give the data")
        if save_profile is not None:
            _save_profile(before, context.path(save_profile))
        compare: Callable[..., Report] = drift_over_time.check if batches else drift_check.check
        found = compare(
            before,
            after,
            **batches,
            **options,
            multivariate=multivariate,
            auc_threshold=settings.auc_threshold if auc_threshold is None else auc_threshold,
        )
    if full and not isinstance(before, Profile):
        found = full_reports.drawn(context, found, before, after, full)
    return _judged(context, found, _as_read(found, reference=before, current=after), strict=strict)


def _as_read(report: Report, **data: Any) -> dict[str, Any]:
    """Return the data by what the report calls them."""
    return {report.subject[noun]["name"]: value for noun, value in data.items()}


def _batches(
    settings: DriftConfig | FairnessConfig, by: Any, every: str | int | None
) -> dict[str, Any]:
    """Return what makes batches; nothing where there are none. A column has its own length."""
    if by is None:
        by = settings.by
        every = settings.every if every is None else every
    if isinstance(by, int | float):
        by = str(by)  # a column that is called by a number
    by = None if isinstance(by, str) and not by else by
    every = None if every == "" else every
    return {} if by is None and every is None else {"by": by, "every": every}


def _require_batches(settings: FairnessConfig, rows: columns.Rows, by: Any) -> None:
    """Refuse a setting that doesn't fit the data, by its name: nobody typed its column."""
    if by is not None or not settings.by:
        return
    hint = "--by COLUMN names another, and --by '' makes no batches"
    if settings.by not in rows.frame.columns:
        raise InputError(f"fairness.by is {settings.by!r}, and there is no such column", hint=hint)
    if settings.by in rows.gathered.columns["sensitive"]:
        raise InputError(f"fairness.by is {settings.by!r}, which makes the groups", hint=hint)


def _reference(context: Context, given: Any) -> pd.DataFrame | Profile:
    """Return the profile that a path names; else the data."""
    value = given.value if isinstance(given, Named) else given
    if isinstance(value, Profile):
        return value
    if drift_profile.names(value):
        return drift_profile.load(context.path(value))
    return frames.frame(context, given, "reference")


def _save_profile(reference: pd.DataFrame | Profile, path: Path) -> None:
    if isinstance(reference, Profile):
        raise InputError("the reference is a profile already", hint="leave out --save-profile")
    made = drift_profile.profile(reference, fingerprint(reference)["hash"])
    drift_profile.save(made, path)


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
    metrics: Sequence[str | Callable[..., Any]] | None = None,
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
    batches = _batches(context.project.config.fairness, by, every)
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
            "by": None if isinstance(by, str) and not by else by,
        },
        several={"sensitive": sensitive, "control": control},
    )
    _require_batches(context.project.config.fairness, rows, by)
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
        by=rows.gathered.one("by") or batches.get("by"),
        every=batches.get("every"),
        **fairness_settings(context, metrics, limits, confidence),
    )
    return _judged(context, _about(report, rows, model), {rows.name: rows.read}, strict=strict)


def performance(
    context: Context,
    data: Any = None,
    *,
    label: Any,
    prediction: Any = None,
    score: Any = None,
    model: Any = None,
    positive: Any = None,
    metrics: Sequence[str] | None = None,
    limits: Mapping[str, float] | None = None,
    confidence: float | None = None,
    strict: bool = False,
) -> Report:
    """Measure a model, with intervals; in a run, the values are logged as its metrics.

    Parameters
    ----------
    data, label, prediction, score, model
        As `fairness` takes them.

    Raises
    ------
    InputError
        If what is given doesn't go together.
    VerdictError
        If `strict` and a limit is not met, or there is not enough evidence.
    """
    rows = columns.rows(
        context,
        data,
        model=model,
        positive=positive,
        one={"label": label, "prediction": prediction, "score": score},
    )
    report = performance_check.check(
        rows.frame,
        label=rows.column("label"),
        prediction=rows.gathered.one("prediction"),
        score=rows.gathered.one("score"),
        positive=positive,
        name=rows.name,
        **performance_settings(context, metrics, limits, confidence),
    )
    if context.run_id is not None:
        tracking.log(context, {f.name: f.value for f in report.findings}, kind="metric")
    return _judged(context, _about(report, rows, model), {rows.name: rows.read}, strict=strict)


def fairness_settings(
    context: Context,
    metrics: Sequence[str | Callable[..., Any]] | None,
    limits: Mapping[str, float] | None,
    confidence: float | None,
) -> dict[str, Any]:
    """Return what `fairness` is judged by: what is given, and else the project's settings."""
    settings = context.project.config.fairness
    return {
        "metrics": list(metrics or settings.metrics) or None,
        "difference_limit": settings.difference_limit,
        "ratio_limit": settings.ratio_limit,
        "limits": {**settings.limits, **(limits or {})},
        "method": settings.method,
        "agg": settings.agg,
        "confidence": settings.confidence if confidence is None else confidence,
        "draws": settings.draws,
        "seed": settings.seed,
    }


def performance_settings(
    context: Context,
    metrics: Sequence[str] | None,
    limits: Mapping[str, float] | None,
    confidence: float | None,
) -> dict[str, Any]:
    """Return what `performance` is judged by: what is given, and else the project's settings."""
    settings = context.project.config.performance
    return {
        "metrics": list(metrics or settings.metrics) or None,
        "limits": {**settings.limits, **(limits or {})},
        "confidence": settings.confidence if confidence is None else confidence,
        "draws": settings.draws,
        "seed": settings.seed,
    }


def _about(report: Report, rows: columns.Rows, model: Any) -> Report:
    """Say in a report how its rows came together, and which model it is about if one was named."""
    notes = [*rows.gathered.notes, *report.subject.get("notes", ())]
    name = frames.name_of(model, "")
    named = {"model": name} if name else {}
    return replace(report, subject={**report.subject, "notes": notes, **named})


def _judged(context: Context, report: Report, data: Mapping[str, Any], *, strict: bool) -> Report:
    _keep(context, report, data)
    if strict and report.status != "pass":
        raise VerdictError(report)
    return report


def _keep(context: Context, report: Report, data: Mapping[str, Any]) -> None:
    """Keep the report with the open run, and say which data it was about."""
    if context.run_id is None:
        return
    tracking.record_report(context, report, panels.page(report, title=f"{report.kind} report"))
    keep_data(context, data)


def keep_data(context: Context, data: Mapping[str, Any]) -> None:
    """Say to the open run, if one is, which data went in."""
    if context.run_id is None:
        return
    for name, value in data.items():
        if isinstance(value, Profile):
            tracking.record_data(context, name, value.source)
        elif isinstance(value, ParquetTable):
            tracking.record_data(context, name, value.identity()["hash"])
        elif isinstance(value, FrameTable):
            _keep_frame(context, name, value.frame)
        else:
            _keep_frame(context, name, value)


def _keep_frame(context: Context, name: str, frame: pd.DataFrame) -> None:
    if frames.VERSION not in frame.attrs:  # a version was recorded as it was read
        held = sketch(frame)
        tracking.record_data(context, name, held["hash"], held)
