"""A table that is read batch by batch, as it may be larger than memory: one protocol for rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Table(Protocol):
    """Rows that can be read again and again, in the same order, some columns at a time."""

    @property
    def rows(self) -> int:
        """How many rows there are."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, in order."""

    def witness(self, place: int) -> pd.Series[Any]:
        """Return some rows of a column, of the type that the whole column has in a frame."""

    def sample(self, places: Sequence[int]) -> pd.DataFrame:
        """Return rows of some columns from all over the table, a few hundred thousand at most."""

    def batches(self, places: Sequence[int]) -> Iterator[pd.DataFrame]:
        """Yield all rows of some columns; texts may come as categories, types are the same."""
