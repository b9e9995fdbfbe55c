"""One pass over some columns of a table, batch by batch, watched and cancellable."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_nb.core.errors import StoppedError
from mlops_nb.core.tables import Table
from mlops_nb.core.watch import Watch

if TYPE_CHECKING:
    import pandas as pd

TOGETHER = 8  # columns that are read in one pass: more would make batches short


class Progress:
    """How many cells have been read of those that are to be read.

    Examples
    --------
    >>> from mlops_nb.core.watch import Silent
    >>> progress = Progress(Silent(), "drift")
    >>> progress.expect(10)
    >>> progress.advance(4, "ages")
    >>> progress.done, progress.total
    (4, 10)
    """

    def __init__(self, watch: Watch, noun: str) -> None:
        self.watch, self.noun = watch, noun
        self.done = self.total = 0

    def expect(self, cells: int) -> None:
        """Say that so many more cells will be read."""
        self.total += cells

    def advance(self, cells: int, text: str) -> None:
        """Say that so many cells were read, and stop if that is wished.

        Raises
        ------
        StoppedError
            If who watches has cancelled the work.
        """
        if self.watch.cancelled():
            raise StoppedError(f"{self.noun} was cancelled")
        self.done += cells
        share = round(100 * self.done / self.total) if self.total else 100
        # The last step, which takes the bar away, is told when all is judged.
        self.watch.progress(min(share, 99), 100, text)

    def finish(self) -> None:
        """Say that all is done."""
        self.watch.progress(100, 100, self.noun)


def read(
    table: Table,
    columns: Mapping[int, Callable[[pd.Series[Any]], object]],
    progress: Progress,
    text: str,
) -> None:
    """Read columns of a table once, each batch given to what its column's place is mapped to."""
    from concurrent.futures import ThreadPoolExecutor

    places = list(columns)
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        for some in chunks(places):
            for batch in table.batches(some):
                tasks = [
                    pool.submit(columns[place], batch.iloc[:, at]) for at, place in enumerate(some)
                ]
                for task in tasks:
                    task.result()
                progress.advance(len(batch) * len(some), text)


def chunks(places: Sequence[int]) -> list[list[int]]:
    """Divide columns into those that are read together.

    Examples
    --------
    >>> [len(some) for some in chunks(range(10))]
    [8, 2]
    """
    return [list(places[at : at + TOGETHER]) for at in range(0, len(places), TOGETHER)]
