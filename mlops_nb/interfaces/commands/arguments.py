"""Arguments that verbs of several groups have."""

from __future__ import annotations

from mlops_nb.interfaces.verbs import Argument

EVERY = Argument("--every", "length of a batch: day, week, month, or a number of rows")
BATCHES = (
    Argument("--by", "judge batches too: by this column of dates, or by its values", "column"),
    EVERY,
)
STREAM = Argument(
    "--stream",
    "read Parquet batch by batch: auto is where it would not fit in memory",
    choices=("auto", "always", "never"),
)
STRICT = Argument("--strict", "raise unless the verdict is pass", "flag")
HOW_MANY = Argument("--limit", "how many; 0: all", "int", default=20)
PARAMETER = Argument(
    "-p/--parameter",
    "NAME VALUE of a parameter (may be repeated)",
    many=True,
    values=2,
    keyword="parameters",
)
