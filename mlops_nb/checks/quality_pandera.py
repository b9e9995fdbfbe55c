"""A pandera schema as a part of a quality check: one finding for each thing that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mlops_nb.checks.quality_columns import EXAMPLES
from mlops_nb.checks.quality_findings import finding
from mlops_nb.core.errors import InputError, UnavailableError
from mlops_nb.core.records import Finding
from mlops_nb.core.words import percent, plural, quoted, shortened

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "pandera"


def check(data: pd.DataFrame, schema: Any) -> Iterator[Finding]:
    """Validate a frame by a schema, lazily: everything that fails is told, not only the first.

    Parameters
    ----------
    data : pandas.DataFrame
    schema : pandera.DataFrameSchema or a pandera.DataFrameModel class
        Its parsers and coercions act on a copy; the data stay as they are.

    Raises
    ------
    InputError
        If it is no schema of pandera's, or itself raises.
    UnavailableError
        If pandera is not installed.
    """
    schema = _schema(schema)
    from pandera.errors import SchemaDefinitionError, SchemaError, SchemaErrors

    try:
        schema.validate(data.copy(), lazy=True)
    except SchemaErrors as errors:
        yield from _failures(data, errors.failure_cases)
    except (SchemaError, SchemaDefinitionError, TypeError, ValueError) as error:
        raise InputError(f"the schema can't be used: {shortened(str(error), 200)}") from None
    else:
        name = shortened(str(schema.name or "the schema"))
        note = f"{len(data):,} rows keep to {name} ({len(schema.columns):,} columns)"
        yield finding(PREFIX, None, 0, 0, failed=False, severity="error", note=note)


def _schema(given: Any) -> Any:
    try:
        import pandera.pandas as pandera
    except ImportError:
        raise UnavailableError(
            "pandera is not installed", hint="pip install 'mlops-nb[pandera]'"
        ) from None
    if isinstance(given, type) and issubclass(given, pandera.DataFrameModel):
        return given.to_schema()
    if not isinstance(given, pandera.DataFrameSchema):
        raise InputError(
            f"a schema must be pandera's DataFrameSchema or DataFrameModel, not "
            f"{type(given).__name__}"
        )
    return given


def _failures(data: pd.DataFrame, cases: pd.DataFrame) -> Iterator[Finding]:
    of_column = cases["schema_context"] == "Column"
    columns = cases["column"].map(str).where(of_column, "")
    for (column, asked), some in cases.groupby([columns, "check"], sort=False):
        name = str(column) or None
        # What is asked of a column as a whole has no rows that fail.
        rows = some["index"].dropna().nunique()
        share = rows / len(data) if len(data) else 0.0
        examples = dict.fromkeys(shortened(str(value)) for value in some["failure_case"])
        note = _note(name, str(asked), list(examples))
        note += f" in {plural(rows, 'row')} ({percent(share)})" if rows else ""
        yield finding(
            f"{PREFIX}: {shortened(str(asked))}", name, share if rows else 1, 0.0, failed=True,
            severity="error", note=note, count=int(rows), share=share,
            examples=list(examples)[:EXAMPLES],
        )  # fmt: skip


def _note(name: str | None, asked: str, failing: list[str]) -> str:
    """Say what is wrong; of the table's own columns, which they are."""
    listed = ", ".join(quoted(each) for each in failing[:EXAMPLES])
    match asked:
        case "column_in_dataframe":
            return f"the schema asks for {listed}, which these data don't have"
        case "column_in_schema":
            return f"the schema doesn't know {listed}"
        case "column_ordered":
            return f"the schema has another order of columns; out of their place: {listed}"
    return f"{quoted(name) if name else 'the table'} breaks {shortened(asked)}"
