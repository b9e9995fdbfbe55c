"""Sketches: what a frame held, in few kilobytes, to be kept with a run and compared later.

Rows, types, and what tells each column's content are exact, as are counts of missing values, means
and standard deviations. Quantiles and the shares of levels are those of at most `SAMPLE` rows,
evenly spaced. No row is kept, and no level of a column with more than `LEVELS` of them: names and
addresses stay where they are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlops_nb.core.data_records import DataDiff
from mlops_nb.core.words import number, percent, quoted, shortened
from mlops_nb.data.fingerprint import column_digests, fingerprint, schema

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = 10_000
LEVELS = 50
COLUMNS = 500  # columns that are described; of the others the schema alone is kept
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
TOLD, NOTES = 3, 10
LEAST = 0.005  # standard deviations, or share of rows, from which a move is told


def sketch(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what a frame holds, in plain values that JSON can write.

    Returns
    -------
    dict
        The `fingerprint` and ``{"described": {column: {"digest", "missing", …}}}``: of numbers
        ``mean``, ``std`` (of the population, as pandas' ``std(ddof=0)``) and ``quantiles``; of
        instants ``first`` and ``last``; of others ``distinct`` in the sample and, where they are
        few, ``levels`` with their shares.

    Examples
    --------
    >>> import pandas as pd
    >>> told = sketch(pd.DataFrame({"age": [20, 30, None], "sex": ["f", "m", "f"]}))
    >>> told["rows"], told["described"]["age"]["mean"], told["described"]["sex"]["levels"]["m"]
    (3, 25.0, 0.3333)
    """
    digests = column_digests(frame)
    sampled = frame.iloc[:: max(1, -(-len(frame) // SAMPLE))]
    described = {
        name: {
            "digest": digests[place].hex()[-32:],
            **_described(frame.iloc[:, place], sampled.iloc[:, place]),
        }
        for place, name in enumerate(list(schema(frame))[:COLUMNS])
    }
    return {**fingerprint(frame, digests), "described": described}


def _described(column: pd.Series[Any], sample: pd.Series[Any]) -> dict[str, Any]:
    import pandas as pd

    told: dict[str, Any] = {"missing": int(column.isna().sum())}
    kind = column.dtype
    if pd.api.types.is_datetime64_any_dtype(kind):
        return told | {"first": str(column.min()), "last": str(column.max())}
    if pd.api.types.is_bool_dtype(kind) or not pd.api.types.is_numeric_dtype(kind):
        return told | _levels(sample)
    return told if pd.api.types.is_complex_dtype(kind) else told | _moments(column, sample)


def _moments(column: pd.Series[Any], sample: pd.Series[Any]) -> dict[str, Any]:
    import numpy as np

    # Infinite and huge values come to a NaN, which is what is known of them.
    with np.errstate(all="ignore"):
        told: dict[str, Any] = {"mean": float(column.mean()), "std": float(column.std(ddof=0))}
        few = sample.to_numpy(dtype=np.float64, na_value=np.nan)
        few = few[np.isfinite(few)]
        if len(few):
            told["quantiles"] = [float(q) for q in np.quantile(few, QUANTILES)]
    return told


def _levels(sample: pd.Series[Any]) -> dict[str, Any]:
    try:
        counted = sample.value_counts()
    except TypeError:  # lists and the like, which can't be counted
        return {}
    counted = counted[counted > 0]
    told: dict[str, Any] = {"distinct": len(counted)}
    if 0 < len(counted) <= LEVELS:
        whole = int(counted.sum())
        told["levels"] = {shortened(str(k)): round(n / whole, 4) for k, n in counted.items()}
    return told


def compare(old: Mapping[str, Any], new: Mapping[str, Any], names: tuple[str, str]) -> DataDiff:
    """Compare two sketches of frames called `names`; the columns that moved farthest come first.

    Examples
    --------
    >>> import pandas as pd
    >>> before = pd.DataFrame({"age": [20, 30, 40], "sex": list("fmf")})
    >>> found = compare(sketch(before), sketch(before.assign(age=before.age + 5)), ("old", "new"))
    >>> found.changed, found.notes
    (('age',), ('`age` moved up by 5, 0.61 standard deviations',))
    """
    types = old["schema"], new["schema"]
    common = [name for name in types[0] if name in types[1]]
    kept = [name for name in common if types[0][name] == types[1][name]]
    moved = _moved(old, new, kept)
    notes = [f"{quoted(name)} {how}" for _, name, how in moved if how][:NOTES]
    if common != [name for name in types[1] if name in types[0]]:
        notes.append("the columns are in another order")
    return DataDiff(
        *names,
        same=old["hash"] == new["hash"],
        rows=(old["rows"], new["rows"]),
        added={name: kind for name, kind in types[1].items() if name not in types[0]},
        removed={name: kind for name, kind in types[0].items() if name not in types[1]},
        retyped={n: (types[0][n], types[1][n]) for n in common if n not in kept},
        # With other rows, other content says nothing by itself.
        changed=tuple(name for _, name, how in moved if how or old["rows"] == new["rows"]),
        notes=tuple(notes),
    )


def words(diff: DataDiff) -> str:
    """Say in a sentence how two frames differ; "" where all that is known is that they do.

    Examples
    --------
    >>> words(DataDiff("a", "b", False, rows=(10, 12), added={"x": "int64"}, changed=("y",)))
    '10 rows became 12; with `x`; other values in `y`'
    """
    return "; ".join(_differences(diff))


def _differences(diff: DataDiff) -> Iterator[str]:
    if diff.rows and diff.rows[0] != diff.rows[1]:
        yield f"{diff.rows[0]:,} rows became {diff.rows[1]:,}"
    if diff.added:
        yield f"with {_names(diff.added)}"
    if diff.removed:
        yield f"without {_names(diff.removed)}"
    if diff.retyped:
        yield f"another type of {_names(diff.retyped)}"
    if diff.notes:
        yield "; ".join(diff.notes[:TOLD])
    elif diff.changed:
        yield f"other values in {_names(diff.changed)}"


def _names(names: Collection[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return ", ".join(quoted(name) for name in list(names)[:TOLD]) + more


def _moved(
    old: Mapping[str, Any], new: Mapping[str, Any], names: list[str]
) -> list[tuple[float, str, str]]:
    """Return how far each column with other values has moved, the farthest first."""
    found = []
    for name in names:
        before, after = old["described"].get(name), new["described"].get(name)
        if before and after and before["digest"] != after["digest"]:
            ways = [_how_far(before, after), _missing(old, new, name)]
            far = max(distance for distance, _ in ways)
            found.append((far, name, " and ".join(how for _, how in ways if how)))
    return sorted(found, key=lambda item: -item[0])


def _missing(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> tuple[float, str]:
    shares = [
        told["described"][name]["missing"] / told["rows"] if told["rows"] else 0.0
        for told in (old, new)
    ]
    far = abs(shares[1] - shares[0])
    told = f"is missing in {percent(shares[1])} of rows instead of {percent(shares[0])}"
    return far, told if far >= LEAST else ""


def _how_far(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[float, str]:
    """Return how far a column has moved, in standard deviations or shares, and its words."""
    if _is_finite(old.get("mean")) and _is_finite(new.get("mean")):
        difference = new["mean"] - old["mean"]
        spread = old.get("std") or 0.0
        far = abs(difference) / spread if spread else (math.inf if difference else 0.0)
        direction = "up" if difference > 0 else "down"
        scaled = f", {far:.2g} standard deviations" if math.isfinite(far) else ""
        told = f"moved {direction} by {number(abs(difference))}{scaled}"
        return far, told if far >= LEAST else ""
    if old.get("levels") and new.get("levels"):
        return _share_moved(old["levels"], new["levels"])
    if "first" in old and "first" in new:
        ends = new["first"], new["last"]
        return 0.0, "" if ends == (
            old["first"],
            old["last"],
        ) else f"is now from {' to '.join(ends)}"
    return 0.0, ""


def _share_moved(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[float, str]:
    changes = {level: new.get(level, 0.0) - old.get(level, 0.0) for level in {**old, **new}}
    level = max(changes, key=lambda name: abs(changes[name]))
    if abs(changes[level]) < LEAST:
        return abs(changes[level]), ""
    shares = (percent(levels.get(level, 0.0)) for levels in (old, new))
    return abs(changes[level]), f"{level} went from {' to '.join(shares)} of rows"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
