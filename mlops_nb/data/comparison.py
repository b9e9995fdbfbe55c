"""What differs between two frames, column by column, told exactly: by content, not by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.data.fingerprint import column_digests, index_digests, schema

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `compare` finds.

    `added`, `removed` and `retyped` are as in `DataDiff`. `common` are the columns of both, of one
    type; `changed` those of them whose values differ, where the frames have as many rows.
    `notes` say what else does.
    """

    same: bool
    added: dict[str, str]
    removed: dict[str, str]
    retyped: dict[str, tuple[str, str]]
    common: tuple[str, ...]
    changed: tuple[str, ...]
    notes: tuple[str, ...]


def compare(before: pd.DataFrame, after: pd.DataFrame) -> Comparison:
    """Compare two frames. A second column of one name is called ``name#2``.

    Examples
    --------
    >>> import pandas as pd
    >>> old = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    >>> found = compare(old, old.assign(a=[1, 3], c=0.5).drop(columns="b"))
    >>> found.changed, found.added, found.removed
    (('a',), {'c': 'float64'}, {'b': 'object'})
    """
    old, new = schema(before), schema(after)
    common = tuple(name for name in old if new.get(name) == old[name])
    digests = [
        dict(zip(types, column_digests(frame), strict=True))
        for types, frame in ((old, before), (new, after))
    ]
    as_many = len(before) == len(after)
    changed = tuple(name for name in common if digests[0][name] != digests[1][name])
    notes = []
    if [name for name in old if name in new] != [name for name in new if name in old]:
        notes.append("the columns are in another order")
    if as_many and index_digests(before.index) != index_digests(after.index):
        notes.append("the index is another one")
    return Comparison(
        same=old == new and not changed and not notes,
        added={name: kind for name, kind in new.items() if name not in old},
        removed={name: kind for name, kind in old.items() if name not in new},
        retyped={
            name: (kind, new[name]) for name, kind in old.items() if new.get(name, kind) != kind
        },
        common=common,
        changed=changed if as_many else (),
        notes=tuple(notes),
    )
