"""Which values or rows occur more than once, in a table larger than memory: hashes on disk.

A hash of 64 bits stands for each row. Hashes are divided by their first bits among files, each of
which fits in memory and is sorted there. Equal rows have equal hashes, so "none repeats" is
certain; of n rows, different ones have equal hashes with a chance of at most n²/2⁶⁵.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.quality_columns import countable
from mlops_nb.stores.disk import disk_errors

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

BITS = 6  # first ones of a hash that say in which file it is kept
KEPT = 100_000  # hashes that occur more than once that are kept, to find examples by


@dataclass(frozen=True, slots=True)
class Repeats:
    """What was found: how many hashes there are, differ, and are not alone, and some of the latter.

    `shared` is how many rows share their hash with another.
    """

    rows: int
    distinct: int
    shared: int
    repeated: Hashes

    @property
    def again(self) -> int:
        """How many rows repeat an earlier one."""
        return self.rows - self.distinct

    @property
    def chance(self) -> float:
        """The most that the chance is that a count is wrong."""
        return min(1.0, self.rows**2 / 2**65)


class HashFiles:
    """Hashes kept in a folder, to be counted when all are there.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> with tempfile.TemporaryDirectory() as folder, HashFiles(Path(folder) / "a") as files:
    ...     files.add(hashes_of(pd.DataFrame({"x": [1, 2, 1]})))
    ...     found = files.repeats()
    >>> found.rows, found.distinct, found.shared
    (3, 2, 2)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open = ExitStack()
        with disk_errors(folder):
            folder.mkdir(parents=True)
            self._files = [
                self._open.enter_context((folder / str(at)).open("w+b")) for at in range(1 << BITS)
            ]

    def __enter__(self) -> HashFiles:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, hashes: Hashes) -> None:
        """Keep the hashes of a batch.

        Raises
        ------
        UnavailableError
            If the disk is full, or can't be written.
        """
        import numpy as np

        ordered = np.sort(hashes)
        firsts = np.arange(1, 1 << BITS, dtype=np.uint64) << np.uint64(64 - BITS)
        ends = [0, *ordered.searchsorted(firsts).tolist(), len(ordered)]
        with disk_errors(self._folder):
            for file, start, end in zip(self._files, ends, ends[1:], strict=False):
                file.write(ordered[start:end].tobytes())

    def repeats(self) -> Repeats:
        """Count what is kept, one file after the other."""
        import numpy as np

        rows = distinct = shared = 0
        kept: list[Hashes] = []
        for hashes in self._each():
            starts = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1]))
            sizes = np.diff(starts, append=len(hashes))
            rows, distinct = rows + len(hashes), distinct + len(starts)
            shared += int(sizes[sizes > 1].sum())
            if sum(map(len, kept)) < KEPT:
                kept.append(hashes[starts[sizes > 1]][:KEPT])
        repeated = np.sort(np.concatenate([np.empty(0, np.uint64), *kept]))
        return Repeats(rows, distinct, shared, repeated)

    def _each(self) -> Iterator[Hashes]:
        import numpy as np

        for file in self._files:
            with disk_errors(self._folder):
                file.flush()
                file.seek(0)
                hashes = np.fromfile(file, dtype=np.uint64)
            if len(hashes):
                hashes.sort()
                yield hashes


def hashes_of(rows: pd.DataFrame) -> Hashes:
    """Return a hash of each row, over all columns."""
    import numpy as np
    import pandas as pd

    hashes: Any = np.zeros(len(rows), dtype=np.uint64)
    for at in range(rows.shape[1]):
        own: Any = pd.util.hash_pandas_object(countable(rows.iloc[:, at]), index=False).to_numpy()
        # Mixed well, as the first bits say where a hash is kept: by the constants of SplitMix64.
        hashes = (hashes ^ own) * np.uint64(0xBF58476D1CE4E5B9)
        hashes ^= hashes >> np.uint64(31)
        hashes *= np.uint64(0x94D049BB133111EB)
    return np.asarray(hashes ^ (hashes >> np.uint64(29)), dtype=np.uint64)
