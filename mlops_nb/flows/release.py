"""Verbs `register`, `models`, `gate`, `promote`: from a fitted model to the one in production."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb import panels
from mlops_nb.checks import performance as performance_check
from mlops_nb.checks import scoring
from mlops_nb.core.errors import InputError, NotFoundError, VerdictError
from mlops_nb.core.latest import groups_of
from mlops_nb.core.records import Finding, ModelVersion, Notice, Promotion, Report
from mlops_nb.flows import delivery, frames, tracking
from mlops_nb.flows.context import Context, Named
from mlops_nb.project import Project
from mlops_nb.release import registry
from mlops_nb.release.judge import judge
from mlops_nb.tracking.provenance import FoundNotebook, user

if TYPE_CHECKING:
    import pandas as pd

REPLAY = "MLOPS_REPLAY"
_URI = ("runs:/", "models:/", "file:", "s3:", "gs:", "abfss:", "dbfs:")


def is_replay() -> bool:
    """Tell whether this process replays a run: then the registry stays as it is."""
    return os.environ.get(REPLAY) == "1"


def register(
    context: Context,
    model: Any,
    name: str,
    *,
    example: pd.DataFrame | str | Path | Named | None = None,
    description: str = "",
) -> ModelVersion:
    """Make a version of a model, with its run's provenance, and call it the challenger.

    Raises
    ------
    InputError
        If it is no model, or the name is one that MLflow refuses.
    UnavailableError
        If MLflow can't be used.
    """
    # What is wrong with them is told before a run is opened.
    if not (isinstance(model, str) and model.startswith(_URI)):
        model = frames.model(context, model)
    if example is not None:
        example = _inputs(model, frames.frame(context, example, "example")).head(5)
    if is_replay():
        context.watch.log(f"a replay registers nothing: {name} stays as it is")
        return ModelVersion(name, 0, run_id=context.run_id, description="a replay: not registered")
    if context.run_id is None:
        return _register_in_own_run(context, model, name, example, description)
    project = context.project
    version = project.models.register(
        model,
        name,
        mlflow_run_id=delivery.deliver_open(project, context.run_id),
        example=example,
        tags={"mlops.run_id": context.run_id},
        description=description,
    )
    alias = project.config.gate.challenger_alias
    project.models.set_alias(name, alias, version.version)
    project.database.add_audit(
        "register", f"{name}/{version.version}", user(), {"run_id": context.run_id}
    )
    tracking.log(context, {"mlops.model": f"{name}/{version.version}"}, kind="tag")
    return replace(version, aliases=(*version.aliases, alias))


def _inputs(model: Any, data: pd.DataFrame) -> pd.DataFrame:
    """Keep the columns that go into the model: the label is no input."""
    features = list(getattr(model, "feature_names_in_", ()))
    return data[features] if features and set(features) <= set(data.columns) else data


def models(context: Context, name: str | None = None) -> list[ModelVersion]:
    """List versions of registered models, newest first.

    Raises
    ------
    NotFoundError
        If there is no model of that name.
    """
    versions = context.project.models.versions()
    names = {version.name for version in versions}
    if name is not None and name not in names:
        raise NotFoundError.among(
            "model", name, names, hint="there are none yet: `register` makes one"
        )
    return [version for version in versions if name in (None, version.name)]


def gate(
    context: Context,
    name: str,
    version: str | int | None = None,
    *,
    data: pd.DataFrame | str | Path | Named | None = None,
    label: str | None = None,
    strict: bool = False,
) -> Report:
    """Judge whether a version may go live: its checks, and its gain over the champion on `data`.

    Raises
    ------
    VerdictError
        If `strict` and the verdict is not pass.
    """
    if is_replay():
        # Its version was not registered: there is none to judge.
        return Report("gate", "insufficient", summary="A replay judges nothing.")
    project = context.project
    policy = project.config.gate
    challenger = _challenger(project, name, version)
    champion = _champion(project, name)
    if champion is not None and champion.version == challenger.version:
        raise InputError(f"{name} version {challenger.version} is the champion already")
    comparison = None
    if champion is not None and data is not None:
        comparison = _compare(context, challenger, champion, data, label)
    report = judge(
        policy,
        reports=evidence(project, challenger),
        comparison=comparison,
        champion=champion,
        model=name,
    )
    subject = {
        **report.subject,
        "model": name,
        "version": challenger.version,
        "champion": None if champion is None else champion.version,
    }
    report = replace(report, subject=subject)
    if context.run_id is not None:
        tracking.record_report(context, report, panels.page(report, title=f"gate of {name}"))
    else:
        project.database.add_report(report, challenger.run_id)
    if strict and report.status != "pass":
        raise VerdictError(report)
    return report


def promote(
    context: Context,
    name: str,
    version: str | int | None = None,
    *,
    force: bool = False,
    reason: str = "",
) -> Promotion | Notice:
    """Make a version champion, if its gate passed and the champion has not moved since.

    In a replay nothing is done; the notice says so.

    Raises
    ------
    InputError
        If there is no verdict of the gate, or `force` comes without a reason.
    VerdictError
        If the gate did not pass.
    """
    if is_replay():
        return Notice(f"a replay promotes nothing: {name} stays as it is")
    project = context.project
    challenger = _challenger(project, name, version)
    verdict = newest_gate(project, challenger)
    if force and not reason.strip():
        raise InputError("--force needs --reason, for the audit trail")
    if verdict is None and not force:
        raise InputError(
            f"{name} version {challenger.version} has not been judged",
            hint=f"run `gate {name} {challenger.version}` first",
        )
    champion = _champion(project, name)
    if verdict is None or force:
        expected = champion.version if champion else None
    else:
        expected = verdict.subject.get("champion")
    unjudged = Report("gate", "insufficient", summary=f"{name} was not judged")
    promotion = registry.promote(
        project.models,
        project.database,
        name,
        challenger.version,
        alias=project.config.gate.champion_alias,
        challenger_alias=project.config.gate.challenger_alias,
        expected=expected,
        gate=verdict or unjudged,
        actor=user(),
        reason=reason or (verdict.summary if verdict else ""),
        force=force,
    )
    if context.run_id is not None:
        tracking.log(
            context,
            {"mlops.promoted": f"{name}/{challenger.version}@{promotion.alias}"},
            kind="tag",
        )
    return promotion


def _register_in_own_run(
    context: Context, model: Any, name: str, example: Any, description: str
) -> ModelVersion:
    run = tracking.open_run(
        context, name=f"register {name}", notebook=FoundNotebook(None, "unknown")
    )
    inside = replace(context, run_id=run.run_id)
    try:
        version = register(inside, model, name, example=example, description=description)
    except BaseException as error:
        tracking.close_run(inside, run.run_id, "FAILED", f"{type(error).__name__}: {error}"[:300])
        raise
    else:
        tracking.close_run(inside, run.run_id, "FINISHED")
        return version
    finally:
        delivery.start_writer(context.project)


def _challenger(project: Project, name: str, version: str | int | None) -> ModelVersion:
    if version is not None:
        return project.models.get(name, version)
    try:
        return project.models.get(name, project.config.gate.challenger_alias)
    except NotFoundError:
        return project.models.get(name, None)


def _champion(project: Project, name: str) -> ModelVersion | None:
    alias = project.config.gate.champion_alias
    for version in project.models.versions(name):
        if alias in version.aliases:
            return version
    return None


def _compare(
    context: Context,
    challenger: ModelVersion,
    champion: ModelVersion,
    data: Any,
    label: str | None,
) -> Finding:
    """Score both models on the same rows, and measure the gain with its interval."""
    if label is None:
        raise InputError("--data needs --label, to compare challenger and champion")
    found = frames.frame(context, data)
    store, policy = context.project.models, context.project.config.gate
    columns = {}
    scored = found
    for role, version in (("challenger", challenger), ("champion", champion)):
        own = scoring.score(store.load(version), found, label=label)
        columns[role] = (f"{role} prediction", f"{role} score" if "score" in own else None)
        renamed = {"prediction": f"{role} prediction", "score": f"{role} score"}
        new = own.rename(columns=renamed)
        scored = scored.join(new[[c for c in renamed.values() if c in new.columns]])
    performance = context.project.config.performance
    return performance_check.compare(
        scored,
        label=label,
        metric=policy.metric,
        challenger=columns["challenger"],
        champion=columns["champion"],
        min_gain=policy.min_gain,
        confidence=performance.confidence,
        draws=performance.draws,
        seed=performance.seed,
    )


def evidence(project: Project, version: ModelVersion) -> list[Report]:
    """Return the newest report of each kind, and for each of the groups that it is about.

    It is of the version's run; where that has none, of the run around it.
    """
    newest: dict[tuple[str, tuple[str, ...]], Report] = {}
    run_id = version.run_id
    while run_id is not None:
        for report in project.database.reports(run_id=run_id):
            newest.setdefault(groups_of(report), report)
        try:
            run_id = project.runs.get(run_id).parent_id
        except NotFoundError:
            run_id = None
    return [report for report in newest.values() if report.kind != "gate"]


def newest_gate(project: Project, version: ModelVersion) -> Report | None:
    """Return the gate's last verdict on a version; None where it was not judged."""
    reports: Sequence[Report] = project.database.reports(kind="gate")
    for report in reports:
        subject = report.subject
        if subject.get("model") == version.name and subject.get("version") == version.version:
            return report
    return None
