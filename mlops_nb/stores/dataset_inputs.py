"""What went into a run, as MLflow's own pages show it: dataset inputs with schema and row count."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlops_nb.core.data_records import DATA_TAG
from mlops_nb.core.strict_json import dumps

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

FILE = "file."
CONTEXT = "mlflow.data.context"
MAX_NAME, MAX_DIGEST = 500, 36
# MLflow refuses a schema that is longer than this.
MAX_SCHEMA = 1_048_575
_TYPES = (
    (r"bool(ean)?", "boolean"),
    (r"u?int(8|16|32)", "integer"),
    (r"u?int64", "long"),
    (r"float(16|32)", "float"),
    (r"float64", "double"),
    (r"(datetime64|timestamp)\b.*", "datetime"),
)


def dataset_inputs(
    tags: Mapping[str, str], sketches: Mapping[str, Mapping[str, Any]]
) -> Iterator[DatasetInput]:
    """Make MLflow's inputs of a run's data tags and, of frames, what was kept to describe them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    for tag, told in tags.items():
        if not tag.startswith(DATA_TAG):
            continue
        key = tag.removeprefix(DATA_TAG)
        name = key.removeprefix(FILE).removeprefix(":")
        label, _, content = told.rpartition(" ")
        sketch = sketches.get(key)
        dataset = Dataset(
            name=name[-MAX_NAME:],
            digest=content.rpartition(":")[2][:MAX_DIGEST] or content[:MAX_DIGEST],
            source_type="local",
            source=dumps({"uri": label or name}),
            schema=None if sketch is None else schema(sketch["schema"]),
            profile=None if sketch is None else profile(sketch),
        )
        role = "file" if key.startswith(FILE) else name
        yield DatasetInput(dataset, tags=[InputTag(CONTEXT, role[:MAX_NAME])])


def schema(types: Mapping[str, str]) -> str | None:
    """Write columns and their types as MLflow has them; None where there are too many.

    Examples
    --------
    >>> schema({"age": "int64"})
    '{"mlflow_colspec": [{"type": "long", "name": "age", "required": true}]}'
    """
    columns = [
        {"type": _type(kind), "name": name, "required": True} for name, kind in types.items()
    ]
    text = json.dumps({"mlflow_colspec": columns})
    return text if len(text) <= MAX_SCHEMA else None


def profile(sketch: Mapping[str, Any]) -> str:
    """Write a frame's size as MLflow has it."""
    rows, columns = sketch["rows"], sketch["columns"]
    return json.dumps({"num_rows": rows, "num_elements": rows * columns})


def _type(kind: str) -> str:
    found = (name for pattern, name in _TYPES if re.fullmatch(pattern, kind, re.IGNORECASE))
    return next(found, "string")
