"""What quality remembers of a column, or of an expectation, as batch after batch goes by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks import quality_expectations as expectations
from mlops_nb.checks import quality_findings as say
from mlops_nb.checks.quality_columns import (
    EXAMPLES,
    FEW_ROWS,
    HEAD,
    IDENTIFIER,
    failing_rows,
    finite_or_nan,
    hashable,
    kind,
)
from mlops_nb.checks.quality_expectations import Expectation, Verdict
from mlops_nb.checks.quality_hashes import HashFiles, Repeats, hashes_of
from mlops_nb.core.records import Finding
from mlops_nb.core.tables import Table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MOST_LEVELS = 100_000  # of a reference's column that are remembered


class Failing:
    """How many rows fail, and some of their values."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: dict[str, None] = {}

    def add(self, evidence: Mapping[str, Any]) -> None:
        """Add what was found in a batch."""
        self.count += evidence["count"]
        if len(self.examples) < EXAMPLES:
            self.examples.update(dict.fromkeys(evidence["examples"]))

    def add_rows(self, column: pd.Series[Any], failing: np.ndarray[Any, Any]) -> None:
        """Add the rows of a batch that fail."""
        if failing.any():
            self.add(failing_rows(column, failing))

    def evidence(self, rows: int) -> dict[str, Any]:
        """Return the evidence of so many rows."""
        return {
            "count": self.count,
            "share": self.count / rows if rows else 0.0,
            "examples": list(self.examples)[:EXAMPLES],
        }


@dataclass(frozen=True, slots=True)
class Known:
    """What a reference's column holds: its kind, range and levels (None: too many)."""

    kind: str
    rows: int
    present: int
    low: float | None
    high: float | None
    levels: frozenset[Any] | None

    @property
    def missing_share(self) -> float:
        """The share of rows without a value."""
        return 1 - self.present / self.rows if self.rows else 0.0


class KnownReader:
    """Reads a reference's column."""

    def __init__(self, witness: pd.Series[Any]) -> None:
        self.witness = witness
        self.rows = self.present = 0
        self.low: float | None = None
        self.high: float | None = None
        self.levels: set[Any] | None = set()
        self.has_range = True

    def add(self, column: pd.Series[Any]) -> None:
        """Read a batch."""
        self.rows += len(column)
        values = column.dropna()
        self.present += len(values)
        if not len(values):
            return
        word = kind(values)
        if word == "number":
            self._add_range(values)
        elif word in ("text", "boolean") and self.levels is not None:
            self.levels.update(values.unique().tolist())
            if len(self.levels) > MOST_LEVELS:
                self.levels = None

    def _add_range(self, values: pd.Series[Any]) -> None:
        import numpy as np

        try:
            numbers = finite_or_nan(values)
        except OverflowError:  # whole numbers beyond any float have no range that we could tell
            self.has_range = False
            return
        if not np.isnan(numbers).all():
            low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)

    def known(self) -> Known:
        """Return what was read."""
        ends = (self.low, self.high) if self.has_range else (None, None)
        levels = None if self.levels is None else frozenset(self.levels)
        word = kind_of(self.witness, self.present)
        return Known(word, self.rows, self.present, *ends, levels)


class ColumnReader:
    """Reads a column, on its own and against what is known of the reference's."""

    def __init__(
        self, witness: pd.Series[Any], known: Known | None, folder: Path, stack: ExitStack
    ) -> None:
        self.witness, self.known = witness, known
        self.rows = self.present = 0
        self.infinite, self.beyond = Failing(), Failing()
        self.first: Any = None
        self.is_constant = True
        self.types: Counter[str] = Counter()
        self._folder, self._stack = folder, stack
        self._hashes: HashFiles | None = None
        self._looked = False

    @property
    def kind(self) -> str:
        """What the column holds."""
        return kind_of(self.witness, self.present)

    @property
    def missing_share(self) -> float:
        """The share of rows without a value."""
        return 1 - self.present / self.rows if self.rows else 0.0

    def add(self, column: pd.Series[Any]) -> None:
        """Read a batch."""
        import numpy as np

        self.rows += len(column)
        missing = column.isna().to_numpy()
        values = column[~missing] if missing.any() else column
        if not len(values):
            return
        word = kind(values)
        counted = values if word in ("number", "text") else hashable(values)
        if counted.dtype.name == "object" and word.startswith("mixed"):
            self.types.update(counted.map(lambda value: type(value).__name__))
        self._add_constant(counted)
        self._add_hashes(counted, word)
        self.present += len(values)
        if _is_float(column):
            floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
            self.infinite.add_rows(column, np.isinf(floats))
        if self.known is not None and word == self.known.kind:
            self._add_beyond(column, word, self.known)

    def _add_constant(self, values: pd.Series[Any]) -> None:
        if not self.is_constant:
            return
        first = values.iloc[0]
        if not self.present:
            self.first = first
        alone = values.head(HEAD).nunique() == 1 and values.nunique() == 1
        self.is_constant = alone and bool(first == self.first)

    def _add_hashes(self, values: pd.Series[Any], word: str) -> None:
        if not self._looked:
            self._looked = True
            head = values.head(HEAD)
            # Measurements and instants differ in every row and are no identifiers.
            may_be = word in ("number", "text") and not _is_float(values)
            if may_be and head.nunique() >= IDENTIFIER * len(head):
                self._hashes = self._stack.enter_context(HashFiles(self._folder))
        if self._hashes is not None:
            self._hashes.add(hashes_of(values.to_frame()))

    def _add_beyond(self, column: pd.Series[Any], word: str, known: Known) -> None:
        if word == "number" and known.low is not None and known.high is not None:
            values = finite_or_nan(column)
            self.beyond.add_rows(column, (values < known.low) | (values > known.high))
        elif word in ("text", "boolean") and known.levels is not None:
            unseen = ~column.isin(list(known.levels)) & column.notna()
            self.beyond.add_rows(column, unseen.to_numpy(dtype=bool))

    def findings(self, name: str) -> Iterator[Finding]:
        """Yield what is found in the column on its own."""
        count = self.rows - self.present
        yield say.missing(name, count, count / self.rows)
        if not self.present:
            yield say.all_missing(name)
            return
        if self.is_constant and self.present > 1:
            yield say.constant(name, say.shown(self.first))
        if self.types:
            yield say.mixed_types(name, dict(self.types.most_common()))
        if self.infinite.count:
            yield say.infinite(name, self.infinite.evidence(self.rows))
        if self._hashes is not None and self.present >= FEW_ROWS:
            found = self._hashes.repeats()
            share = found.distinct / self.present
            if share >= IDENTIFIER:
                yield say.near_unique(name, share, **chance(found))


class ExpectationReader:
    """Asks each batch what is expected, and puts the answers together."""

    def __init__(
        self, expectation: Expectation, data: Table, folder: Path, stack: ExitStack
    ) -> None:
        self.expectation, self.data = expectation, data
        self.rows = self.not_judged = 0
        self.failing = Failing()
        self.what = ""
        self.newest: Any = None
        self.error: Exception | None = None
        self._hashes = stack.enter_context(HashFiles(folder)) if self._is("unique") else None
        self._missing = 0

    def _is(self, name: str) -> bool:
        return self.expectation.name == name

    def add(self, batch: pd.DataFrame) -> None:
        """Ask a batch."""
        self.rows += len(batch)
        if self.error is not None or self._is("type") or self._is("row_count"):
            return
        try:
            if self._hashes is not None:
                self._add_hashes(batch[self.expectation.column], self._hashes)
            else:
                self._add_verdict(batch)
        except Exception as error:  # noqa: BLE001 - values compare by their own code
            if not (self._is("freshness") and str(error) == expectations.NO_DATE):
                self.error = error

    def _add_hashes(self, column: pd.Series[Any], files: HashFiles) -> None:
        files.add(hashes_of(column.dropna().to_frame()))

    def _add_verdict(self, batch: pd.DataFrame) -> None:
        import pandas as pd

        check = self.expectation.check
        subject: Any = batch if check.of_frame else batch[self.expectation.column]
        if not check.of_frame and self._is("freshness") and subject.isna().all():
            return
        verdict = check.judge(subject, self.expectation.settings)
        if self._is("freshness"):
            newest = pd.Timestamp(verdict.evidence["newest"])
            self.newest = newest if self.newest is None else max(self.newest, newest)
            return
        self.what = verdict.what
        self.not_judged += verdict.evidence.get("not_judged", 0)
        self.failing.add(verdict.evidence)

    def finding(self, witness: list[pd.Series[Any]]) -> Finding:
        """Return what all batches say together."""
        if self.error is not None:
            verdict = expectations.not_checked(self.expectation, self.error)
        else:
            try:
                verdict = self._verdict(witness)
            except Exception as error:  # noqa: BLE001 - values compare by their own code
                verdict = expectations.not_checked(self.expectation, error)
        return expectations.found(self.expectation, verdict)

    def _verdict(self, witness: list[pd.Series[Any]]) -> Verdict:
        expected, settings = self.expectation, self.expectation.settings
        name = str(expected.column)
        if self._is("row_count"):
            return expected.check.judge(range(self.data.rows), settings)
        if self._is("type"):
            return expected.check.judge(witness[self.data.columns.index(name)], settings)
        if self._is("freshness"):
            if self.newest is None:
                raise ValueError(expectations.NO_DATE)
            return expectations.of_newest(name, self.newest, settings)
        if self._is("expression"):
            evidence = {**self.failing.evidence(self.rows), "not_judged": self.not_judged}
            return expectations.of_breaking(self.rows, evidence, settings)
        evidence = self.failing.evidence(self.rows)
        if self._hashes is not None:
            evidence, self.what = self._of_repeats(name, self._hashes), expectations.REPEATED
        return expectations.of_rows(name, self.rows, evidence, settings, self.what)

    def _of_repeats(self, name: str, files: HashFiles) -> dict[str, Any]:
        found = files.repeats()
        failing = Failing()
        place = self.data.columns.index(name)
        for batch in self.data.batches([place]) if found.shared else ():
            column = batch.iloc[:, 0].dropna()
            failing.add_rows(column, _among(column, found))
            if len(failing.examples) >= EXAMPLES:
                break
        told = failing.evidence(self.rows)
        return {
            "count": found.shared,
            "share": found.shared / self.rows if self.rows else 0.0,
            "examples": told["examples"],
            **chance(found),
        }


def chance(found: Repeats) -> dict[str, Any]:
    """Return the evidence of how far a count by hashes may be wrong: none is certain."""
    return {"chance_of_error": found.chance} if found.again else {}


def kind_of(witness: pd.Series[Any], present: int) -> str:
    """Return what a column holds, by some of its rows and how many of all have a value."""
    import pandas as pd

    if not present:
        return ""
    if witness.notna().any():
        return kind(witness)
    # None of the rows that were looked at has a value, and others have.
    filled = {"b": [True], "M": [pd.Timestamp(0)], "O": ["text"]}.get(witness.dtype.kind, [0])
    return kind(pd.Series(filled))


def _is_float(column: pd.Series[Any]) -> bool:
    from pandas.api import types

    return column.dtype.name != "object" and types.is_float_dtype(column.dtype)


def _among(column: pd.Series[Any], found: Repeats) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.isin(hashes_of(column.to_frame()), found.repeated)
