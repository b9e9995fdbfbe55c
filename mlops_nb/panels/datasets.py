"""Panels of datasets: a version, a list of versions, and what differs between two."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_nb.core.data_records import DataDiff, DataVersion
from mlops_nb.panels import words
from mlops_nb.panels.blocks import (
    Badge,
    Block,
    Cell,
    Column,
    Content,
    Fold,
    Head,
    Table,
    without_empty_columns,
)
from mlops_nb.panels.reports import beyond, drift, named, run_id

_HASH_SHOWN = 19  # of "sha256:" and what follows


def version(record: DataVersion, rows: int) -> list[Block]:
    """Draw one version of a dataset: its size, origin and columns."""
    facts = [("kind", record.kind), ("size", words.size(record.bytes))]
    if record.rows is not None:
        table = (words.plural(record.rows, "row"), words.plural(len(record.schema), "column"))
        facts.append(("table", " × ".join(table)))
    facts += [
        ("hash", f"`{words.shorten(record.hash, 80)}`"),
        ("source", words.shorten(record.source)),
        ("kept", words.instant(record.created_at)),
    ]
    if record.run_id:
        facts.append(("run", f"`{words.name(record.run_id)}`"))
    if record.blob is None:
        facts.append(("bytes", "kept by DVC"))
    badge = Badge("info", "known already") if record.known else None
    summary = "Nothing new was kept: the content is that of this version." if record.known else ""
    blocks: list[Block] = [Head(words.name(record.label), badge, summary, facts)]
    if record.schema:
        columns = [Column("column", "name"), Column("type")]
        pairs = list(record.schema.items())
        lines: list[list[Content]] = [[named(key), words.name(kind)] for key, kind in pairs[:rows]]
        listed = Table("Columns", columns, lines, beyond(len(pairs), rows, "column"))
        blocks.append(Fold(words.plural(len(pairs), "column"), [listed]))
    return blocks


def versions(records: Sequence[DataVersion], rows: int) -> list[Block]:
    """Draw a list of versions, in the order given."""
    columns = [
        Column("dataset", "name"),
        Column("kind"),
        Column("rows", "number"),
        Column("columns", "number"),
        Column("size", "number"),
        Column("kept (UTC)", "short"),
        Column("hash", "short"),
        Column("run", "short"),
    ]
    lines: list[list[Content]] = [
        [
            named(record.label, words.shorten(record.source, 120)),
            words.name(record.kind),
            words.number(record.rows),
            words.number(len(record.schema) or None),
            words.size(record.bytes),
            words.utc(record.created_at),
            Cell(
                words.shorten(record.hash, _HASH_SHOWN),
                title=words.shorten(record.hash, 80),
                code=True,
            ),
            run_id(record.run_id),
        ]
        for record in records[:rows]
    ]
    more = beyond(len(records), rows, "version")
    return [without_empty_columns(Table("Datasets", columns, lines, more))]


def difference(record: DataDiff, rows: int) -> list[Block]:
    """Draw what differs between two datasets: columns first, then how far values have moved."""
    badge = Badge("pass", "the same") if record.same else Badge("info", "different")
    facts = [("rows", _rows(record.rows))] if record.rows else []
    title = f"{words.name(record.before)} → {words.name(record.after)}"
    blocks: list[Block] = [Head(title, badge, _summary(record), facts)]
    blocks += _columns(record, rows)
    if record.files:
        pairs = list(record.files.items())
        lines: list[list[Content]] = [
            [named(path), words.name(what)] for path, what in pairs[:rows]
        ]
        columns = [Column("file", "name"), Column("")]
        blocks.append(Table("Files", columns, lines, beyond(len(pairs), rows, "file")))
    if record.drift is not None:
        blocks += drift(record.drift, rows)
    return blocks


def _rows(pair: tuple[int, int]) -> str:
    before, after = pair
    return words.number(before) if before == after else f"{before:,} → {after:,}"


def _summary(record: DataDiff) -> str:
    if record.same:
        return "Both hold the same."
    counted = [
        (len(record.added), "column", "added"),
        (len(record.removed), "column", "removed"),
        (len(record.retyped), "column", "of another type"),
        (len(record.changed), "column", "with other values"),
        (len(record.files), "file", "different"),
    ]
    told = [f"{words.plural(count, noun)} {what}" for count, noun, what in counted if count]
    if record.rows and record.rows[0] != record.rows[1]:
        more = record.rows[1] - record.rows[0]
        told.append(f"{words.plural(abs(more), 'row')} {'more' if more > 0 else 'fewer'}")
    parts = [", ".join(told), *(words.shorten(note) for note in record.notes)]
    sentence = "; ".join(part for part in parts if part) or "they differ, and are no tables"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _columns(record: DataDiff, rows: int) -> list[Block]:
    told = [(name, "added", "", kind) for name, kind in record.added.items()]
    told += [(name, "removed", kind, "") for name, kind in record.removed.items()]
    told += [(name, "retyped", *kinds) for name, kinds in record.retyped.items()]
    told += [(name, "other values", "", "") for name in record.changed]
    lines: list[list[Content]] = [
        [named(name), what, words.name(before), words.name(after)]
        for name, what, before, after in told
    ]
    if not lines:
        return []
    columns = [Column("column", "name"), Column(""), Column("type before"), Column("type after")]
    more = beyond(len(lines), rows, "column")
    return [without_empty_columns(Table("Schema and values", columns, lines[:rows], more))]
