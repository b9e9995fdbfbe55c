"""Quality of tables that are read batch by batch: the report of `quality`, in bounded memory.

The reference is read once, then the data. What is asked of each row is asked of each batch, and
counted. Whether rows, or values that look like identifiers, occur twice is told by hashes that are
kept on disk meanwhile (`quality_hashes`); how far that may be wrong is in the evidence.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import quality_findings as say
from mlops_nb.checks.quality import concluded
from mlops_nb.checks.quality_columns import (
    EXAMPLES,
    FREE_TEXT,
    duplicate_names,
    number_changed,
)
from mlops_nb.checks.quality_expectations import Expectation, no_column, read
from mlops_nb.checks.quality_hashes import HashFiles, hashes_of
from mlops_nb.checks.quality_readers import (
    ColumnReader,
    ExpectationReader,
    Known,
    KnownReader,
    chance,
)
from mlops_nb.checks.streams import Progress
from mlops_nb.checks.streams import read as read_table
from mlops_nb.core.records import Finding, Report
from mlops_nb.core.tables import Table
from mlops_nb.core.watch import Silent, Watch

if TYPE_CHECKING:
    import pandas as pd


def check(
    data: Table,
    *,
    reference: Table | None = None,
    expectations: Iterable[Mapping[str, Any]] = (),
    name: str = "data",
    reference_name: str = "reference",
    watch: Watch | None = None,
) -> Report:
    """Look at a table, hold it against a reference and against what is expected of it.

    Parameters
    ----------
    data, reference : Table
    expectations, name, reference_name
        As of `quality.check`.
    watch : Watch, optional
        Who is told of the share of cells that were read, and may stop the work.

    Returns
    -------
    Report
        As of frames. Where it rests on hashes, the evidence has ``chance_of_error``, the most that
        the chance is that its count is too high.

    Raises
    ------
    InputError
        If an expectation has an unknown check or setting.
    UnavailableError
        If the temporary folder can't hold eight bytes a row.
    StoppedError
        If the watch cancels.

    Examples
    --------
    >>> import pandas as pd
    >>> from mlops_nb.data.tables import FrameTable
    >>> adults = {"column": "age", "check": "range", "min": 18}
    >>> table = FrameTable(pd.DataFrame({"age": [31, 17, 44]}))
    >>> report = check(table, expectations=[adults])
    >>> report.status, report.finding("range", "age").evidence["examples"]
    ('fail', ['17'])
    """
    expected = [read(expectation) for expectation in expectations]
    progress = Progress(watch or Silent(), "quality")
    tables = [data] if reference is None else [reference, data]
    progress.expect(sum(table.rows * len(table.columns) for table in tables))
    known = {} if reference is None else _known(reference, progress, reference_name)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlops-")))
        reading = _Reading(data, known, reference_name, expected, folder, stack)
        reading.read(progress, f"reading {name}")
        findings = list(reading.look())
        if reference is not None:
            findings += reading.compare(reference)
        findings += reading.judge()
    progress.finish()
    subjects = {"data": _subject(name, data)}
    if reference is not None:
        subjects["reference"] = _subject(reference_name, reference)
    notes = ["Read as a stream, never whole; repeated rows were told by hashes."]
    return concluded(findings, {**subjects, "notes": notes}, (data.rows, len(data.columns)))


def _subject(name: str, table: Table) -> dict[str, Any]:
    return {"name": name, "rows": table.rows, "columns": len(table.columns)}


def _known(reference: Table, progress: Progress, name: str) -> dict[str, Known]:
    """Read what the reference's columns hold."""
    readers = {
        place: KnownReader(reference.witness(place)) for place in range(len(reference.columns))
    }
    read_table(
        reference,
        {place: reader.add for place, reader in readers.items()},
        progress,
        f"reading {name}",
    )
    return {reference.columns[place]: reader.known() for place, reader in readers.items()}


class _Reading:
    """One pass over the data, and what is found by it."""

    def __init__(
        self,
        data: Table,
        known: Mapping[str, Known],
        reference: str,
        expected: list[Expectation],
        folder: Path,
        stack: ExitStack,
    ) -> None:
        self.data, self.known, self.reference = data, known, reference
        names = list(data.columns)
        self.witness = [data.witness(place) for place in range(len(names))]
        self.rows_seen = stack.enter_context(HashFiles(folder / "rows"))
        self.columns = [
            ColumnReader(series, known.get(name), folder / f"column{place}", stack)
            for place, (name, series) in enumerate(zip(names, self.witness, strict=True))
        ]
        self.expected = [
            no_column(names, expectation)
            or ExpectationReader(expectation, data, folder / f"expected{at}", stack)
            for at, expectation in enumerate(expected)
        ]

    def read(self, progress: Progress, text: str) -> None:
        """Read all columns together, since rows are compared whole."""
        from concurrent.futures import ThreadPoolExecutor

        places = range(len(self.data.columns))
        with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
            for batch in self.data.batches(places) if places else ():
                tasks = [pool.submit(self._add_rows, batch)]
                tasks += [
                    pool.submit(reader.add, batch.iloc[:, at])
                    for at, reader in enumerate(self.columns)
                ]
                tasks += [
                    pool.submit(expectation.add, batch)
                    for expectation in self.expected
                    if isinstance(expectation, ExpectationReader)
                ]
                for task in tasks:
                    task.result()
                progress.advance(batch.size, text)

    def _add_rows(self, batch: pd.DataFrame) -> None:
        self.rows_seen.add(hashes_of(batch))

    def look(self) -> Iterator[Finding]:
        """Yield what is found in the data on their own."""
        rows, names = self.data.rows, list(self.data.columns)
        yield say.size(rows, len(names))
        yield from duplicate_names(names)
        if not rows or not names:
            return
        found = self.rows_seen.repeats()
        examples = _positions(self.data, found.repeated) if found.again else []
        yield say.duplicate_rows(found.again, rows, examples, **chance(found))
        for name, reader in zip(names, self.columns, strict=True):
            yield from reader.findings(name)

    def compare(self, reference: Table) -> Iterator[Finding]:
        """Yield what is different from the reference."""
        present = dict(zip(self.data.columns, self.columns, strict=True))
        yield from say.columns_changed(present, self.known, self.reference)
        if self.data.rows and not reference.rows:
            yield say.no_rows(self.reference)
        for at, (name, reader) in enumerate(present.items()):
            if name not in self.known:
                yield say.extra_column(name, self.reference)
            elif self.data.rows and reference.rows:
                place = reference.columns.index(name)
                yield from self._against(name, reader, self.witness[at], reference.witness(place))

    def _against(
        self, name: str, reader: ColumnReader, column: pd.Series[Any], known: pd.Series[Any]
    ) -> Iterator[Finding]:
        before = self.known[name]
        shares = (reader.missing_share, before.missing_share)
        yield from say.more_missing(name, *shares, self.reference)
        found, expected = reader.kind, before.kind
        if not found or not expected:
            return
        types = (str(column.dtype), str(known.dtype))
        if found != expected:
            words = (f"{found} values", expected)
            yield say.type_changed(name, words, types, self.reference, "error")
        elif found == "number":
            yield from number_changed(name, column, known, self.reference)
            if reader.beyond.count and before.low is not None and before.high is not None:
                evidence = reader.beyond.evidence(reader.rows)
                yield say.out_of_range(name, evidence, before.low, before.high, self.reference)
        elif found in ("text", "boolean"):
            yield from self._unseen(name, reader, before)

    def _unseen(self, name: str, reader: ColumnReader, before: Known) -> Iterator[Finding]:
        if before.levels is None:
            yield say.too_many_levels(name, self.reference)
        elif len(before.levels) <= FREE_TEXT * before.present and reader.beyond.count:
            evidence = reader.beyond.evidence(reader.rows)
            yield say.unseen_values(name, evidence, self.reference)

    def judge(self) -> list[Finding]:
        """Return what is expected, and whether it is so."""
        return [
            one if isinstance(one, Finding) else one.finding(self.witness) for one in self.expected
        ]


def _positions(data: Table, repeated: Any) -> list[str]:
    """Return where the first rows are that repeat an earlier one."""
    import numpy as np

    found: list[str] = []
    seen: set[int] = set()
    start = 0
    for batch in data.batches(range(len(data.columns))):
        hashes = hashes_of(batch)
        for at in np.flatnonzero(np.isin(hashes, repeated)).tolist():
            one = int(hashes[at])
            if one in seen:
                found.append(f"row {start + at}")
                if len(found) == EXAMPLES:
                    return found
            seen.add(one)
        start += len(batch)
    return found
