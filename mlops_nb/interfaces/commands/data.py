"""The table of verbs: versions of datasets."""

from __future__ import annotations

from mlops_nb.interfaces.verbs import ANYWHERE, Argument, Verb

DATA: tuple[Verb, ...] = (
    Verb(
        "data snapshot",
        "data",
        "keep a version of a DataFrame, a file or a folder",
        "datasets:snapshot",
        (
            Argument("name", "name of the dataset", "dataset", needed=True),
            Argument("source", "a DataFrame in scope, a file or a folder", "data", needed=True),
        ),
        example="data snapshot credit clients.parquet",
    ),
    Verb(
        "data list",
        "data",
        "list versions of datasets, newest first",
        "datasets:versions_of",
        (Argument("name", "only of this dataset", "dataset"),),
        ANYWHERE,
        reads=True,
    ),
    Verb(
        "data get",
        "data",
        "fetch a version: as a DataFrame, or to a path",
        "datasets:get",
        (
            Argument("version", "NAME@VERSION or NAME@latest", "dataset", needed=True),
            Argument("--to", "path to write, not there yet", "path"),
        ),
        example="data get credit@2 --to credit.parquet",
    ),
    Verb(
        "data diff",
        "data",
        "what differs between two versions: columns, rows, values, files",
        "datasets:diff",
        (
            Argument(
                "before", "NAME@VERSION, a DataFrame in scope, or a file", "data", needed=True
            ),
            Argument("after", "the same, to compare with it", "data", needed=True),
        ),
        reads=True,
        example="data diff credit@1 credit@2",
    ),
)
