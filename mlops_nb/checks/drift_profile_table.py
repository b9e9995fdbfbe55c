"""A reference's profile as a table, for current data that are read as a stream.

A profile is in memory already, its numbers sorted and its levels counted; its rows are made anew
from these, some at a time: what has a value first, then what is infinite, then what is missing. The
order of rows and the sign of infinities are lost, which no method that streams asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.drift_profile import Profile
from mlops_nb.checks.drift_samples import Levels, Numbers, StoredColumn

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Places = NDArray[np.intp]

ROWS = 1 << 18  # of a batch
SAMPLE = 1 << 18  # rows of a sample, at even ranks


class ProfileTable:
    """A profile read as a table.

    Parameters
    ----------
    profile : Profile

    Examples
    --------
    >>> import pandas as pd
    >>> from mlops_nb.checks.drift_profile import profile
    >>> table = ProfileTable(profile(pd.DataFrame({"age": [44, 31, None], "sex": ["f", "m", "f"]})))
    >>> table.rows, [batch.to_numpy().tolist() for batch in table.batches([0, 1])]
    (3, [[[44.0, 'f'], [31.0, 'f'], [nan, 'm']]])
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.rows = profile.rows
        self.columns = tuple(profile.columns)
        self._known = tuple(profile.columns.values())

    def problem(self, place: int) -> str:
        """Return why a column can't be compared; empty where it can."""
        return self._known[place].problem

    def witness(self, place: int) -> pd.Series[Any]:
        """Return some rows of a column."""
        return _series(self._known[place], _evenly(self.rows, 1000))

    def sample(self, places: Sequence[int]) -> pd.DataFrame:
        """Return rows of some columns at even ranks."""
        return self._frame(places, _evenly(self.rows, SAMPLE))

    def batches(self, places: Sequence[int]) -> Iterator[pd.DataFrame]:
        """Yield all rows of some columns."""
        import numpy as np

        for start in range(0, self.rows, ROWS):
            yield self._frame(places, np.arange(start, min(start + ROWS, self.rows)))

    def _frame(self, places: Sequence[int], rows: Places) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(
            {at: _series(self._known[place], rows) for at, place in enumerate(places)}
        )


def _evenly(rows: int, most: int) -> Places:
    import numpy as np

    return np.unique(np.linspace(0, max(rows - 1, 0), min(rows, most)).astype(np.intp))


def _series(known: StoredColumn, rows: Places) -> pd.Series[Any]:
    """Return some rows of a column: its values come first, and what is missing last."""
    if known.numbers is not None:
        return _of_numbers(known.numbers, known.levels, rows)
    if known.levels is not None:
        counts = dict(known.levels.counts)
        if known.levels.infinite:
            counts[math.inf] = known.levels.infinite
        return _of_levels(list(counts), list(counts.values()), rows)
    return _of_levels([""], [known.present], rows)  # only how many there are is asked for


def _of_levels(levels: list[Any], counts: list[int], rows: Places) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    codes = np.searchsorted(np.cumsum(counts), rows, side="right")
    codes[codes == len(levels)] = -1
    named = pd.Index(levels, dtype=object)
    return pd.Series(pd.Categorical.from_codes(codes, categories=named))


def _of_numbers(numbers: Numbers, few: Levels | None, rows: Places) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    finite, present = numbers.n, numbers.n + numbers.infinite
    held = rows[: int(np.searchsorted(rows, finite))]
    values = numbers.values[_slice(held)] if few is None else _in_order(few, numbers, held)
    if len(held) == len(rows):
        return pd.Series(values)
    if numbers.infinite or values.dtype.kind == "f":
        whole = np.full(len(rows), np.nan, dtype=np.result_type(values, np.float32))
        whole[: len(held)] = values
        whole[len(held) : int(np.searchsorted(rows, present))] = np.inf
        return pd.Series(whole)
    # Whole numbers stay whole beside what is missing.
    whole = np.zeros(len(rows), dtype=values.dtype)
    whole[: len(held)] = values
    masked = pd.arrays.BooleanArray if values.dtype.kind == "b" else pd.arrays.IntegerArray
    return pd.Series(masked(whole, np.arange(len(rows)) >= len(held)))


def _slice(rows: Places) -> Places | slice:
    """Return neighbouring rows as a slice, which is read without a copy."""
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
        return slice(int(rows[0]), int(rows[-1]) + 1)
    return rows


def _in_order(few: Levels, numbers: Numbers, rows: Places) -> NDArray[Any]:
    """Return numbers of few different values in the order in which these first came."""
    import numpy as np

    levels = list(few.counts)
    are_booleans = all(isinstance(level, bool) for level in levels)
    values = np.array(levels, dtype=bool if are_booleans else numbers.values.dtype)
    codes = np.searchsorted(np.cumsum(list(few.counts.values())), rows, side="right")
    return values[codes]
