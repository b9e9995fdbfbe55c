"""Drift of tables that are read batch by batch: the report of `drift`, in bounded memory.

Each column is read once on both sides; numbers are counted in cells, whose edges come from samples.
Scores of levels, and of numbers in Evidently's own bins, are exact; the others stand in the middle
of two rigorous bounds, and ``evidence["error"]`` is how far they may be off. Where the limit lies
between the bounds, the cells that say least are divided, and the column is read again; what is
still open then is *insufficient*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import drift_rounding
from mlops_nb.checks import drift_sketches as sketches
from mlops_nb.checks.drift import Match, concluded, matched, roles_of
from mlops_nb.checks.drift_choices import KINDS, Choices, Given, choose
from mlops_nb.checks.drift_columns import (
    column_type,
    judged,
    passed_over,
    plain,
    type_name_of,
    type_or_unknown,
    unjudged,
)
from mlops_nb.checks.drift_evidence import interval, refuse_unknown, settle
from mlops_nb.checks.drift_methods import (
    Comparison,
    Method,
    compare_samples,
    default_of_levels,
    default_of_numbers,
)
from mlops_nb.checks.drift_profile_table import ProfileTable
from mlops_nb.checks.drift_samples import FEW_VALUES, Levels, Numbers, UnjudgeableError
from mlops_nb.checks.drift_scores import MOST_ROWS_DIVIDED
from mlops_nb.checks.drift_sketches import LevelReader, NumberReader, Reader, Sketch
from mlops_nb.checks.streams import Progress, chunks, read
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.tables import Table
from mlops_nb.core.watch import Silent, Watch
from mlops_nb.core.words import number, shortened

if TYPE_CHECKING:
    import pandas as pd

    from mlops_nb.stats.cells import Bounds

ROUNDS = 3  # times that a column is read again, to decide
MORE = 16_384  # new edges of a round, about
# By how much two shares of 1,000 random re-divisions differ with a chance of less than 1e-8
# (Hoeffding 1963): so it is where a frame divides rows one by one, and here counts are divided.
RANDOM = 0.2

Add = Callable[["pd.Series[Any]"], object]


def check(
    reference: Table,
    current: Table,
    *,
    columns: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
    share: float = 0.5,
    methods: Given = None,
    thresholds: Given = None,
    types: Given = None,
    min_evidence: float = 0.0,
    correction: str = "none",
    target: str | None = None,
    prediction: str | None = None,
    names: tuple[str, str] = ("reference", "current"),
    watch: Watch | None = None,
) -> Report:
    """Compare two tables column by column, as `drift.check` does two frames.

    Parameters
    ----------
    reference : Table
        A `ProfileTable` where the reference is a stored profile.
    current : Table
    watch : Watch, optional
        Who is told of the share of cells that were read, and may stop the work.

    Returns
    -------
    Report
        As of frames. Besides, the evidence of each column with a score has its ``error``, the most
        by which the score may differ from that of a frame, and where that is not 0 its ``bounds``.
        A column whose limit lies between them has ``drifted`` None. One that can't be judged
        without having all rows at once is *insufficient* with a note that names what can.

    Raises
    ------
    InputError
        If an argument names a column that isn't there, or is out of its range.
    StoppedError
        If the watch cancels.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlops_nb.data.tables import FrameTable
    >>> old = pd.DataFrame({"age": range(100), "sex": ["f", "m"] * 50})
    >>> report = check(FrameTable(old), FrameTable(old.assign(age=old["age"] + 40)))
    >>> report.status, report.summary
    ('fail', '1 of 2 columns drifted (50 %, limit 50 %): `age`')
    """
    refuse_unknown(min_evidence, correction, share)
    matches = matched(reference.columns, current.columns, columns, exclude, names)
    known = [match.name for match in matches]
    roles = roles_of(known, target=target, prediction=prediction)
    choices = choose(methods, thresholds, types, known)
    progress = Progress(watch or Silent(), "drift")
    progress.expect(len(matches) * (reference.rows + current.rows))
    pairs = [_Pair(match, names, (reference, current), choices) for match in matches]
    findings: list[Finding] = []
    for some in chunks(range(len(pairs))):
        together = [pairs[at] for at in some]
        _read(together, progress)
        findings += [pair.finding(min_evidence) for pair in together]
        for at in some:
            pairs[at].forget()
    findings = settle(findings, min_evidence, correction)
    findings = [_left_open(found) for found in findings]
    progress.finish()
    rows = (reference.rows, current.rows)
    report = concluded(findings, roles, share, names, rows, min_evidence)
    notes = [*report.subject.get("notes", ()), *_notes(findings)]
    return replace(report, subject={**report.subject, "notes": notes})


def _notes(findings: list[Finding]) -> Iterator[str]:
    off = [found.evidence["error"] for found in findings if found.value is not None]
    if off:
        most = max(off)
        same = f"differ from those of all rows at once by at most {number(most)}"
        yield f"Read as a stream, never whole: scores {same if most else 'are exact'}."


class _Pair:
    """One column of both tables, from its reading to its finding."""

    def __init__(
        self, match: Match, names: tuple[str, str], tables: tuple[Table, Table], choices: Choices
    ) -> None:
        self.name, self.names, self.tables = match.name, names, tables
        self.problem, self.choices = match.problem, choices
        self.places = (match.reference, match.current)
        self.readers: tuple[Reader | None, Reader | None] = (None, None)
        self.limits: _Limits | None = None
        self.fault = ""

    def witnesses(self) -> list[pd.Series[Any] | None]:
        """Return some rows of both sides."""
        return [
            None if place is None else table.witness(place)
            for table, place in zip(self.tables, self.places, strict=True)
        ]

    def prepare(self, samples: list[pd.Series[Any] | None]) -> None:
        """Make the readers, by samples of both sides."""
        from mlops_nb.stats.cells import Cells, edges_of

        kinds = [_kind(series) for series in self.witnesses()]
        as_number = "num" in kinds or self.choices.types.get(self.name) == "num"
        is_number = [kind == "num" or (kind == "bool" and as_number) for kind in kinds]
        ordered = [
            sketches.ordered_numbers(series) if series is not None and numeric else None
            for series, numeric in zip(samples, is_number, strict=True)
        ]
        finer = sketches.FINER if isinstance(self.tables[0], ProfileTable) else 1
        edges = edges_of(_or_none(ordered[0]), _or_none(ordered[1]), sketches.CELLS * finer)
        center = float(edges[len(edges) // 2]) if len(edges) else 0.0

        def reader(side: int) -> Reader | None:
            table, place = self.tables[side], self.places[side]
            if place is None:
                return None
            if is_number[side]:
                return NumberReader(self.names[side], Cells(edges, center))
            problem = table.problem(place) if isinstance(table, ProfileTable) else ""
            return LevelReader(self.names[side], problem)

        self.readers = (reader(0), reader(1))

    def decide(self) -> None:
        """Choose type, method and limit, and the samples that are compared."""
        try:
            self.limits = self._decided()
        except UnjudgeableError as error:
            self.fault = str(error)
        except (TypeError, ValueError, ArithmeticError) as error:
            self.fault = _incomparable(error)

    def _decided(self) -> _Limits | None:
        old, new = self.readers
        if self.problem or old is None or new is None:
            return None
        stand_in = self.stand_in()
        kind = self.choices.types.get(self.name) or column_type(stand_in)
        read_as = kind if kind in KINDS else column_type(plain(stand_in))
        if read_as not in KINDS:
            return None
        method = self.choices.method(self.name, read_as)
        threshold = self.choices.threshold(self.name, read_as)
        if read_as == "text":
            if isinstance(new, LevelReader) and new.distinct is None:
                raise sketches.too_many_levels(new.frame)
            raise UnjudgeableError(
                "free text is compared by a classifier, which reads all rows at once; compare a "
                f"sample of the rows, or its levels by --type {self.name}=cat"
            )
        if read_as == "cat":
            samples: tuple[Any, Any] = (old.levels(), new.levels())
        else:
            samples = (_numbers(old), _numbers(new))
            if Sketch in map(type, samples) and not all(isinstance(s, Sketch) for s in samples):
                samples = (_numbers(old, sketched=True), _numbers(new, sketched=True))
        if method is None:
            method, samples = _default(old, new, *samples)
        if isinstance(samples[0], Sketch) and method.key not in sketches.STREAMED:
            raise UnjudgeableError(
                f"{method.key} needs all rows at once; numbers that are read as a stream can be "
                f"compared by {', '.join(sketches.STREAMED)}"
            )
        return _Limits(kind, read_as, method, threshold, *samples)

    def stand_in(self) -> pd.Series[Any]:
        """Return a column of the current one's type, and of as few different values as it has."""
        witness = self.witnesses()[1]
        assert witness is not None  # noqa: S101 - asked for only where both sides have the column
        return sketches.stand_in(self.readers[1], witness)

    def finding(self, confidence: float) -> Finding:
        """Judge the column."""
        old, new = (sketches.stored(reader) for reader in self.readers)
        kind = "unknown" if self.readers[1] is None else type_or_unknown(self.stand_in())
        if self.problem:
            return unjudged(self.name, self.problem, old, new, kind)
        if old is None or new is None:
            lacking = self.names[1] if new is None else self.names[0]
            return unjudged(self.name, f"{lacking} has no such column", old, new, kind)
        if self.fault:
            return unjudged(self.name, self.fault, old, new, kind)
        chosen = self.limits
        if chosen is None:
            if not new.present:
                note = f"{self.names[1]} has no value in it"
                return unjudged(self.name, note, old, new, kind)
            return passed_over(self.name, kind, type_name_of(self.stand_in()), old, new)
        try:
            found, bounds = _scored(chosen)
        except UnjudgeableError as error:
            return unjudged(self.name, str(error), old, new, kind)
        except (TypeError, ValueError, ArithmeticError) as error:
            return unjudged(self.name, _incomparable(error), old, new, kind)
        behind = interval(found, confidence) if confidence else {}
        behind["error"] = _error(found) if bounds is None else (bounds[1] - bounds[0]) / 2
        if bounds is not None:
            behind["bounds"] = list(bounds)
        return judged(self.name, chosen.kind, chosen.read_as, found, self.stand_in(), behind)

    def forget(self) -> None:
        """Give back the memory of a column that was judged."""
        self.readers, self.limits = (None, None), None


@dataclass(frozen=True, slots=True)
class _Limits:
    """How a column is compared: its type, as what it is read, by what method, and the samples."""

    kind: str
    read_as: str
    method: Method
    threshold: float | None
    old: Numbers | Levels
    new: Numbers | Levels

    @property
    def limit(self) -> float:
        return self.method.threshold if self.threshold is None else self.threshold

    def is_open(self, bounds: Bounds) -> bool:
        """Tell whether the limit lies between the bounds."""
        low, high = (self.method.alarms(bound, self.limit) for bound in bounds)
        return bool(low) != bool(high)


def _read(pairs: list[_Pair], progress: Progress) -> None:
    """Read some columns of both tables, and what is not decided by that again."""
    tables = pairs[0].tables
    samples = [_samples(table, pairs, side) for side, table in enumerate(tables)]
    for pair in pairs:
        pair.prepare([found.get(id(pair)) for found in samples])
    _pass(tables, pairs, lambda pair, side: _adder(pair.readers[side]), progress, "counting")
    for pair in pairs:
        pair.decide()
    _count_bins(tables, pairs, progress)
    for _ in range(ROUNDS):
        again = [pair for pair in pairs if _divide(pair)]
        if not again:
            return
        progress.expect(len(again) * sum(table.rows for table in tables))
        _pass(tables, again, _adder_of_finer, progress, "deciding")
        for pair in again:
            pair.decide()


def _samples(table: Table, pairs: list[_Pair], side: int) -> dict[int, pd.Series[Any]]:
    held = [(pair, pair.places[side]) for pair in pairs]
    wanted = [(pair, place) for pair, place in held if place is not None]
    if not wanted:
        return {}
    sample = table.sample([place for _, place in wanted])
    return {id(pair): sample.iloc[:, at] for at, (pair, _) in enumerate(wanted)}


def _pass(
    tables: tuple[Table, Table],
    pairs: list[_Pair],
    adder: Callable[[_Pair, int], Add | None],
    progress: Progress,
    verb: str,
) -> None:
    for side, table in enumerate(tables):
        adders = {
            place: add
            for pair in pairs
            if (place := pair.places[side]) is not None and (add := adder(pair, side)) is not None
        }
        text = f"{verb} {len(adders):,} columns of {pairs[0].names[side]}"
        read(table, adders, progress, shortened(text))


def _adder(reader: Reader | None) -> Add | None:
    return None if reader is None else reader.add


def _adder_of_finer(pair: _Pair, side: int) -> Add | None:
    reader = pair.readers[side]
    return reader.add_finer if isinstance(reader, NumberReader) else None


def _count_bins(tables: tuple[Table, Table], pairs: list[_Pair], progress: Progress) -> None:
    """Count those numbers in Evidently's bins whose method asks for it, which is one pass more."""
    binned: dict[int, tuple[Add, Add]] = {}
    for pair in pairs:
        chosen = pair.limits
        if chosen is None or not isinstance(chosen.old, Sketch):
            continue
        if chosen.method.key not in sketches.BINNED or not isinstance(chosen.new, Sketch):
            continue
        try:
            edges = sketches.bin_edges(chosen.old, chosen.new)
        except UnjudgeableError as error:
            pair.fault = str(error)
            continue
        if edges is None:
            old, new = sketches.by_value(chosen.old, chosen.new)
            pair.limits = replace(chosen, old=old, new=new)
        else:
            one, other = pair.readers
            if isinstance(one, NumberReader) and isinstance(other, NumberReader):
                binned[id(pair)] = (one.bin_by(edges), other.bin_by(edges))
    again = [pair for pair in pairs if id(pair) in binned]
    if again:
        progress.expect(len(again) * sum(table.rows for table in tables))
        _pass(tables, again, lambda pair, side: binned[id(pair)][side], progress, "binning")
        for pair in again:
            pair.decide()


def _divide(pair: _Pair) -> bool:
    """Make the cells finer of a column that is not decided yet; say whether that was done."""
    from mlops_nb.stats import cells

    chosen = pair.limits
    if pair.fault or chosen is None or not isinstance(chosen.old, Sketch):
        return False
    if chosen.method.key not in sketches.BOUNDED or not isinstance(chosen.new, Sketch):
        return False
    if not chosen.is_open(sketches.bounds_of(chosen.method.key, chosen.old, chosen.new)):
        return False
    sides = cells.pair(chosen.old.cells, chosen.new.cells)
    before = chosen.old.cells.edges
    edges = cells.finer(before, sides, sketches.errors(chosen.method.key, sides), MORE)
    if len(edges) == len(before):
        return False
    for reader in pair.readers:
        if isinstance(reader, NumberReader):
            reader.cells = cells.Cells(edges, reader.cells.center)
    return True


def _scored(chosen: _Limits) -> tuple[Comparison, Bounds | None]:
    """Return the score and its bounds; None where it is exact.

    Raises
    ------
    UnjudgeableError
        If it is not a number.
    """
    method, old, new = chosen.method, chosen.old, chosen.new
    bounds: Bounds | None = None
    if not isinstance(old, Sketch) or not isinstance(new, Sketch):
        bounds = drift_rounding.bounds_of(method, old, new)
    elif method.key not in sketches.BINNED:
        bounds = sketches.bounds_of(method.key, old, new)
    if bounds is None:
        return compare_samples(method, old, new, chosen.threshold), None
    low, high = bounds
    middle = (low + high) / 2
    # The score is known; what remains is what every score gets: its limit, notes and verdict.
    known = replace(method, score=lambda _old, _new: middle)
    found = compare_samples(known, old, new, chosen.threshold)
    found = replace(found, method=method)
    if middle != found.score:  # not a number, and yet a verdict: one value with itself
        return found, None
    return found, (low, high)


def _incomparable(error: Exception) -> str:
    """Say why values can't be compared: they are of a type of their own, or too large."""
    return f"its values can't be compared: {shortened(str(error))}"


def _error(found: Comparison) -> float:
    """Return the error of a score that rests on exact counts: none, unless it is random."""
    rows = found.reference.n + found.current.n
    return RANDOM if found.method.key == "TVD" and rows <= MOST_ROWS_DIVIDED else 0.0


def _left_open(found: Finding) -> Finding:
    """Have a finding say that it can't decide, where its limit lies between its bounds."""
    if found.value is None or found.limit is None or "bounds" not in found.evidence:
        return found
    from mlops_nb.checks.drift_methods import METHODS

    method, (low, high) = METHODS[found.evidence["method"]], found.evidence["bounds"]
    if method.alarms(low, found.limit) == method.alarms(high, found.limit):
        return found
    note = (
        f"too close to the limit to say: read as a stream, its score is known to lie between "
        f"{number(low)} and {number(high)}"
    )
    before = [found.evidence["note"]] if found.evidence.get("note") else []
    evidence = {**found.evidence, "drifted": None, "note": "; ".join([*before, note])}
    return replace(found, status="insufficient", evidence=evidence)


def _default(
    old: Reader, new: Reader, before: Any, after: Any
) -> tuple[Method, tuple[Numbers | Levels, Numbers | Levels]]:
    """Return Evidently's choice: numbers of few different values are compared level by level."""
    if isinstance(before, Levels):
        return default_of_levels(before, after), (before, after)
    tallies = [reader.tally for reader in (old, new) if isinstance(reader, NumberReader)]
    if all(tally.whole for tally in tallies):
        values = {value for tally in tallies for value in tally.values[: FEW_VALUES + 1].tolist()}
        if len(values) <= FEW_VALUES:
            levels = [sketches.sorted_levels(reader) for reader in (old, new)]
            return default_of_levels(*levels), (levels[0], levels[1])
    return default_of_numbers(before), (before, after)


def _numbers(reader: Reader, *, sketched: bool = False) -> Numbers:
    """Return a column's numbers.

    Raises
    ------
    UnjudgeableError
        If it holds something else.
    """
    if isinstance(reader, NumberReader):
        return reader.sketch() if sketched else reader.numbers()
    problem = reader.problem or "has values in it that are not numbers"
    raise UnjudgeableError(f"{reader.frame} {problem}")


def _kind(series: pd.Series[Any] | None) -> str:
    """Return how a column is read: as numbers ("num"), booleans ("bool"), or level by level."""
    if series is None:
        return ""
    kind = plain(series).dtype.kind
    return {"b": "bool", "i": "num", "u": "num", "f": "num"}.get(kind, "cat")


def _or_none(ordered: Any) -> Any:
    import numpy as np

    return np.empty(0) if ordered is None else ordered
