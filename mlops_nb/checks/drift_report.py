"""Evidently's own drift report, rendered by Evidently, with the scores that are known already.

Evidently spends its minutes on the scores. Here each of its tests is a look into what our engine
has found, and its pictures are drawn from a sample of the rows, so that it takes seconds at a
million rows. Scores, thresholds, verdicts and their share are those of all rows.
"""

from __future__ import annotations

import html
import warnings
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift import SHARE, columns_of
from mlops_nb.checks.drift_choices import KINDS
from mlops_nb.checks.drift_columns import plain
from mlops_nb.checks.drift_methods import METHODS
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.words import quoted, shortened
from mlops_nb.stores.disk import write_whole

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".html"
SAMPLE = 20_000  # rows from which pictures are drawn: bands and tails have settled by then
LEVELS = 100  # of a column that are drawn: Evidently's time is quadratic in them
NAMED = 5  # columns that a note names
PREFIX = "mlops_nb "  # of our tests among Evidently's, which stay as they are
MARK = '<meta name="generator" content="mlops_nb">'  # by which a page of ours is known
MARKED = 4096  # bytes from a page's beginning within which its mark stands

# Evidently's scripts run, and fetch or send nothing.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)

# Where it is narrow, as beside a sidebar, Evidently's cards cut its table off: so that it scrolls.
_STYLE = ".MuiGrid-root { min-width: 0; max-width: 100% }"

_FOUND: ContextVar[Mapping[str, tuple[float, bool]]] = ContextVar("found")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Evidently's report.

    Parameters
    ----------
    snapshot : evidently.core.report.Snapshot
        What Evidently holds of it.
    html : str
        The page, of several megabytes, with Evidently's scripts in it.
    notes : tuple of str
        What a reader has to know: what is a sample, and which columns were left out.
    """

    snapshot: Any
    html: str
    notes: tuple[str, ...]


def refuse_name(path: Path) -> None:
    """Refuse a path that can't be the page's.

    Raises
    ------
    InputError
        If it does not end in ``.html``, is a folder, or its folder isn't there.

    Examples
    --------
    >>> refuse_name(Path("drift.htm"))
    Traceback (most recent call last):
    mlops_nb.core.errors.InputError: 'drift.htm' is no name for a report; drift.html is
    """
    if path.suffix != SUFFIX:
        raise InputError(f"{path.name!r} is no name for a report", hint=f"{path.stem}{SUFFIX} is")
    if path.is_dir():
        raise InputError(f"{path} is a folder")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}")


def save(page: bytes, path: Path) -> None:
    """Write the page; the file appears whole.

    Raises
    ------
    UnavailableError
        If it can't be written.
    """
    try:
        write_whole(path, page)
    except OSError as error:
        raise UnavailableError(f"{path} can't be written: {error.strerror}") from None


def draw(
    report: Report,
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    rows: int = SAMPLE,
    run_id: str | None = None,
) -> Drawn:
    """Have Evidently's ``DataDriftPreset`` rendered from what a drift report has found.

    Parameters
    ----------
    report : Report
        What `drift.check` found in these frames.
    reference, current : pandas.DataFrame
    rows : int
        How many rows of a frame the pictures are drawn from at most: every k-th, in their order.
    run_id : str, optional
        The run that it belongs to, for Evidently to know.

    Raises
    ------
    InputError
        If there is no column that Evidently can draw.
    UnavailableError
        If Evidently refuses the data all the same.
    """
    steps = [-(-len(frame) // rows) for frame in (reference, current)]
    drawable, left_out = _drawable(report, reference, current, steps)
    if not drawable:
        raise InputError("there is no column that Evidently can draw")
    notes = tuple(_notes(report, drawable, left_out, steps))
    names = [report.subject[side]["name"] for side in ("reference", "current")]
    title = f"Drift, {shortened(' → '.join(names), 200)}".encode(errors="replace").decode()
    about = {"mlops_nb": _in_words(notes)} | ({"run": run_id} if run_id else {})
    snapshot, page = _rendered(report, drawable, title, about)
    return Drawn(snapshot, _told(page, title, about["mlops_nb"]), notes)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as Evidently is given it: its name, what was found, and a sample of its values."""

    name: str
    found: Finding
    reference: pd.Series[Any]
    current: pd.Series[Any]
    cut: bool

    @property
    def kind(self) -> str:
        return str(self.found.evidence["type"])


def _drawable(
    report: Report, reference: pd.DataFrame, current: pd.DataFrame, steps: list[int]
) -> tuple[list[_Column], dict[str, str]]:
    """Return the columns to draw, and why each of the others is left out, by its name."""
    places = [{str(label): at for at, label in enumerate(f.columns)} for f in (reference, current)]
    drawable: dict[str, _Column] = {}
    left_out: dict[str, str] = {}
    for found in columns_of(report):
        reason = _refused(found)
        if not reason:
            name = _harmless(shortened(found.name)) or "(no name)"
            while name in drawable:
                name += "'"
            samples = [
                frame.iloc[::step, held[found.name]]
                for frame, held, step in zip((reference, current), places, steps, strict=True)
            ]
            try:
                drawable[name] = _column(name, found, *samples)
            except ValueError as error:
                reason = str(error)
        if reason:
            left_out[found.name] = reason
    return list(drawable.values()), left_out


def _refused(found: Finding) -> str:
    if found.value is None:
        return "not judged"
    return "" if found.evidence["counted"] else "of a type that Evidently passes over"


def _column(name: str, found: Finding, old: pd.Series[Any], new: pd.Series[Any]) -> _Column:
    """Return a column as Evidently can draw it.

    Raises
    ------
    ValueError
        If it can't.
    """
    both = [plain(series.reset_index(drop=True)) for series in (old, new)]
    cut = False
    if found.evidence["type"] == "num":
        both = [_numbers(series) for series in both]
    elif found.evidence["type"] == "cat":
        both, cut = _levels(both)
    else:
        both = [series.astype(object).map(_harmless, na_action="ignore") for series in both]
    if any(series.isna().all() for series in both):
        raise ValueError("without a value in the sample")
    return _Column(name, found, both[0], both[1], cut)


def _numbers(series: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np

    values = series.astype("float64").replace([np.inf, -np.inf], np.nan)
    # Squares of such numbers, which its bands need, are no longer numbers.
    if values.abs().max() > 1e150:
        raise ValueError("with numbers too large to draw")
    spread, largest = values.max() - values.min(), values.abs().max()
    if 0 < spread < largest * 1e-12:
        raise ValueError("with numbers too close to each other to draw")
    return values


def _levels(both: list[pd.Series[Any]]) -> tuple[list[pd.Series[Any]], bool]:
    """Return levels as texts that a page can hold, rare ones together; whether there were any."""
    import pandas as pd

    texts = [
        series.astype(object).map(lambda level: _harmless(shortened(str(level))), "ignore")
        for series in both
    ]
    counted = pd.concat(texts).value_counts()
    if len(counted) <= LEVELS:
        return texts, False
    kept = counted.index[: LEVELS - 1]
    other = f"{len(counted) - len(kept):,} other levels"
    return [text.where(text.isin(kept) | text.isna(), other) for text in texts], True


def _harmless(text: str) -> str:
    """Return a text that ends no script: Evidently puts it into one as it is."""
    return str(text).encode(errors="replace").decode().replace("<", "＜")


def _known_score(
    reference: pd.Series[Any],
    _current: pd.Series[Any],
    _kind: Any,
    _threshold: float,
) -> tuple[float, bool]:
    return _FOUND.get()[str(reference.name)]


def _register() -> None:
    """Make our tests known to Evidently, each under the name that it displays for the method."""
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    for method in METHODS.values():
        test = StatTest(
            name=PREFIX + method.key,
            display_name=method.name,
            # All: of few distinct numbers Evidently's own choice is a test of levels.
            allowed_feature_types=[ColumnType(kind) for kind in KINDS],
            default_threshold=method.threshold,
        )
        register_stattest(test, _known_score)


def _rendered(
    report: Report, drawable: list[_Column], title: str, about: Mapping[str, str]
) -> tuple[Any, str]:
    known = {c.name: (c.found.value, bool(c.found.evidence["drifted"])) for c in drawable}
    token = _FOUND.set(known)
    try:
        # Its dependencies are deprecated in places, and its pictures divide by zero.
        with warnings.catch_warnings(action="ignore"):
            snapshot = _run(report, drawable, title, about)
            return snapshot, snapshot.get_html_str(as_iframe=False)
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise UnavailableError(f"Evidently can't draw this: {shortened(str(error), 200)}") from (
            error
        )
    finally:
        _FOUND.reset(token)


def _run(report: Report, drawable: list[_Column], title: str, about: Mapping[str, str]) -> Any:
    import pandas as pd
    from evidently import DataDefinition, Dataset
    from evidently import Report as EvidentlyReport
    from evidently.presets import DataDriftPreset

    _register()
    names = {kind: [c.name for c in drawable if c.kind == kind] for kind in KINDS}
    # All of them, also empty ones: what is not given is inferred, and from a sample otherwise.
    definition = DataDefinition(
        numerical_columns=names["num"],
        categorical_columns=names["cat"],
        text_columns=names["text"],
        datetime_columns=[],
        unknown_columns=[],
        list_columns=[],
    )
    preset = DataDriftPreset(
        columns=[c.name for c in drawable],
        drift_share=report.finding(SHARE).limit,
        per_column_method={
            c.name: PREFIX + METHODS[c.found.evidence["method"]].key for c in drawable
        },
        per_column_threshold={c.name: c.found.limit for c in drawable},
    )
    reference, current = (
        Dataset.from_pandas(pd.DataFrame(columns), definition)
        for columns in (
            {c.name: c.reference for c in drawable},
            {c.name: c.current for c in drawable},
        )
    )
    whole = EvidentlyReport([preset], include_tests=True)
    return whole.run(current, reference, name=title, metadata=dict(about))


def _notes(
    report: Report, drawable: list[_Column], left_out: dict[str, str], steps: list[int]
) -> list[str]:
    notes = []
    if max(steps) > 1:
        told = " and ".join(
            f"one row in {step:,} of {report.subject[side]['name']}"
            for side, step in zip(("reference", "current"), steps, strict=True)
            if step > 1
        )
        notes.append(
            "scores, thresholds and verdicts are of all rows; pictures, counts and examples are "
            f"of a sample, {told}"
        )
    if any(column.cut for column in drawable):
        notes.append(f"of columns with many levels the {LEVELS - 1} most frequent are drawn")
    if left_out:
        named = [f"{quoted(name)} ({reason})" for name, reason in list(left_out.items())[:NAMED]]
        more = f" and {len(left_out) - NAMED:,} more" if len(left_out) > NAMED else ""
        notes.append(f"left out, also of the share: {', '.join(named)}{more}")
    if any(c.found.status != ("fail" if c.found.evidence["drifted"] else "pass") for c in drawable):
        notes.append("verdicts are those of the bare scores, without intervals and correction")
    return notes


def _in_words(notes: tuple[str, ...]) -> str:
    lines = [f"{note[:1].upper()}{note[1:]}." for note in ("scores are by mlops_nb", *notes)]
    return " ".join(lines).encode(errors="replace").decode()


def _told(page: str, title: str, notes: str) -> str:
    """Put mark, policy and title into a page, and the notes before what Evidently shows."""
    said = html.escape(title)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    parts = ("<head>", MARK, policy, f"<title>{said}</title>", f"<style>{_STYLE}</style>")
    top = "\n        ".join(parts)
    # Nothing in the data holds a `<`, so that the first of each is the page's own.
    page = page.replace("<head>", top, 1)
    # No colour of text: Evidently's page is light or dark.
    style = "margin: 0; padding: 8px 24px; font: 14px/1.5 sans-serif; "
    ground = "background: rgba(128, 128, 128, .14)"
    front = f'<p style="{style}{ground}"><b>{said}.</b> {html.escape(notes)}</p>'
    return page.replace("<body>", f"<body>\n    {front}", 1)
