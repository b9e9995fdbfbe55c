"""Verbs `quality` and `drift`: data in, a Report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift as drift_check
from mlops_nb.checks import (
    drift_over_time,
    drift_profile,
    drift_streamed,
    quality_files,
    quality_inference,
    quality_streamed,
)
from mlops_nb.checks import quality as quality_check
from mlops_nb.checks.drift_choices import Given, together
from mlops_nb.checks.drift_profile import Profile
from mlops_nb.checks.drift_profile_table import ProfileTable
from mlops_nb.core.errors import InputError, VerdictError
from mlops_nb.core.records import Report
from mlops_nb.data.fingerprint import fingerprint
from mlops_nb.flows import frames, full_reports, reports, streaming
from mlops_nb.flows.context import Context, Named
from mlops_nb.flows.settings import batches, listed, told

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
    strict: bool | None = None,
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
    strict : bool, optional
        Whether a failed error is raised, or only told; in place of the project's setting.

    Raises
    ------
    InputError
        If there is a file `infer` already, or an expectation or the schema can't be used.
    VerdictError
        If it is strict and a finding of severity error fails.
    """
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
        return _strictly(context, report, {names["name"]: tables["data"]}, strict)
    found = frames.frame(context, data)
    reference = None if against is None else frames.frame(context, against, "reference")
    report = quality_check.check(
        found,
        reference=reference,
        expectations=_expectations(context, found, expectations, infer),
        schema=None if schema is None else frames.schema(context, schema),
        **names,
    )
    return _strictly(context, report, {names["name"]: found}, strict)


def _strictly(
    context: Context, report: Report, data: Mapping[str, Any], strict: bool | None
) -> Report:
    """Keep a report on quality, and raise if it fails and is to be strict, as it is by default."""
    reports.keep(context, report, data)
    strict = context.project.config.quality.strict if strict is None else strict
    if report.status == "fail" and strict:
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
        "columns": listed(columns) or list(settings.columns) or None,
        "exclude": listed(exclude) or list(settings.exclude),
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
    made = batches(settings, by, every)
    asked = {
        "columns": listed(columns) or None,
        "exclude": listed(exclude) or None,
        "auc_threshold": auc_threshold,
        "methods": None,
        "thresholds": None,
        "types": None,  # those of both are taken
        "by": by,
        "every": every if by is None else by,
        "multivariate": multivariate,
    }
    with told("drift", settings, asked):
        kept = _profile(context, reference)
        given = {
            "reference": reference if kept is None else ProfileTable(kept),
            "current": current,
        }
        tables = streaming.tables(context, given, stream)
        if tables is not None:
            typed = {
                "--report": report,
                "--open": open,
                "--workspace": workspace,
                "--save-profile": save_profile,
                "--multivariate": multivariate,
                "--by": None if by == "" else by,
                "--every": None if every == "" else every,
            }
            streaming.refuse(typed)
            found = drift_streamed.check(
                tables["reference"], tables["current"], **options, watch=context.watch
            )
            found = streaming.without_settings(found, settings, asked)
            read = tables if kept is None else {**tables, "reference": kept}
            return reports.judged(context, found, _as_read(found, **read), strict=strict)
        full = full_reports.wanted(context, report, workspace=workspace, show=open)
        before = frames.frame(context, reference, "reference") if kept is None else kept
        after = frames.frame(context, current, "current")
        if full and isinstance(before, Profile):
            raise InputError("a profile has no rows to draw a report from", hint="give the data")
        if save_profile is not None:
            _save_profile(before, context.path(save_profile))
        compare: Callable[..., Report] = drift_over_time.check if made else drift_check.check
        found = compare(
            before,
            after,
            **made,
            **options,
            multivariate=settings.multivariate if multivariate is None else multivariate,
            auc_threshold=settings.auc_threshold if auc_threshold is None else auc_threshold,
        )
    if full and not isinstance(before, Profile):
        found = full_reports.drawn(context, found, before, after, full)
    return reports.judged(
        context, found, _as_read(found, reference=before, current=after), strict=strict
    )


def _as_read(report: Report, **data: Any) -> dict[str, Any]:
    """Return the data by what the report calls them."""
    return {report.subject[noun]["name"]: value for noun, value in data.items()}


def _profile(context: Context, given: Any) -> Profile | None:
    """Return the profile that is given, or that a path names; None for data."""
    value = given.value if isinstance(given, Named) else given
    if isinstance(value, Profile):
        return value
    return drift_profile.load(context.path(value)) if drift_profile.names(value) else None


def _save_profile(reference: pd.DataFrame | Profile, path: Path) -> None:
    if isinstance(reference, Profile):
        raise InputError("the reference is a profile already", hint="leave out --save-profile")
    made = drift_profile.profile(reference, fingerprint(reference)["hash"])
    drift_profile.save(made, path)
