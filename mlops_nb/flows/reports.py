"""What becomes of a report: it is kept with the open run, and raised where only a pass will do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_nb import panels
from mlops_nb.checks.drift_profile import Profile
from mlops_nb.core.errors import VerdictError
from mlops_nb.core.records import Report
from mlops_nb.data.sketch import sketch
from mlops_nb.data.tables import FrameTable, ParquetTable
from mlops_nb.flows import frames, tracking
from mlops_nb.flows.context import Context

if TYPE_CHECKING:
    import pandas as pd


def judged(context: Context, report: Report, data: Mapping[str, Any], *, strict: bool) -> Report:
    """Keep a report, and raise it if it is to be a strict one.

    Raises
    ------
    VerdictError
        If `strict` and the status is not pass.
    """
    keep(context, report, data)
    if strict and report.status != "pass":
        raise VerdictError(report)
    return report


def keep(context: Context, report: Report, data: Mapping[str, Any]) -> None:
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
