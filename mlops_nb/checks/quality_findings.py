"""What each thing that is looked at in any data is called, and the sentence that says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlops_nb.core.nearest import nearest
from mlops_nb.core.records import Finding, Status
from mlops_nb.core.words import number, percent, plural, quoted, shortened, written

OUT_OF_RANGE = 0.01  # share beyond the reference's range that is bound to occur
MORE_MISSING = 0.05  # by which the share of missing values may exceed the reference's


def finding(
    name: str,
    column: str | None,
    value: Any,
    limit: Any,
    *,
    failed: bool,
    note: str,
    severity: str = "warning",
    **evidence: Any,
) -> Finding:
    """Return a finding of quality, with its severity and a sentence."""
    status: Status = "fail" if failed else "pass"
    return Finding(
        name, column, value, limit, status, {"severity": severity, "note": note, **evidence}
    )


def size(rows: int, columns: int) -> Finding:
    """Say how many rows there are."""
    are = "is" if rows == 1 else "are"
    note = f"there {are} {plural(rows, 'row')} and {plural(columns, 'column')}"
    failed = rows * columns == 0
    return finding("rows", None, rows, 1, failed=failed, severity="error", note=note)


def duplicate_rows(count: int, rows: int, examples: list[str], **evidence: Any) -> Finding:
    """Say how many rows repeat an earlier one."""
    share = count / rows
    repeat = "repeats" if count == 1 else "repeat"
    note = f"{plural(count, 'row')} ({percent(share)}) {repeat} an earlier one"
    note = note if count else "no row repeats"
    return finding(
        "duplicate_rows", None, share, 0.0, failed=count > 0, note=note,
        count=count, share=share, examples=examples, **evidence,
    )  # fmt: skip


def missing(name: str, count: int, share: float) -> Finding:
    """Say how many values are missing."""
    note = f"{quoted(name)} has {plural(count, 'missing value')} ({percent(share)})"
    return finding("missing", name, share, None, failed=False, note=note, count=count, share=share)


def all_missing(name: str) -> Finding:
    """Say that there is no value."""
    note = f"{quoted(name)} has no value at all"
    return finding("all_missing", name, 1.0, 0.0, failed=True, note=note)


def constant(name: str, always: str) -> Finding:
    """Say that all values are one."""
    note = f"{quoted(name)} says nothing: it is always {always}"
    return finding("constant", name, 1, 2, failed=True, note=note, examples=[always])


def mixed_types(name: str, types: Mapping[str, int]) -> Finding:
    """Say of how many types the values are."""
    told = ", ".join(f"{word} ({n:,})" for word, n in types.items())
    note = f"{quoted(name)} mixes values of different types: {told}"
    failed = len(types) > 1
    return finding("mixed_types", name, len(types), 1, failed=failed, note=note, types=types)


def infinite(name: str, evidence: Mapping[str, Any]) -> Finding:
    """Say how many values are infinite."""
    note = f"{quoted(name)} has {plural(evidence['count'], 'infinite value')}"
    return finding("infinite", name, evidence["share"], 0.0, failed=True, note=note, **evidence)


def near_unique(name: str, share: float, **evidence: Any) -> Finding:
    """Say that a column looks like an identifier."""
    note = f"{quoted(name)} looks like an identifier: {percent(share)} of its values differ"
    return finding("near_unique", name, share, None, failed=False, note=note, **evidence)


def columns_changed(
    present: Mapping[str, Any], known: Mapping[str, Any], reference: str
) -> Iterator[Finding]:
    """Say which of the reference's columns are missing."""
    for name in known:
        if name not in present:
            new = nearest(name, [other for other in present if other not in known])
            hint = f"; {quoted(new)} may be it" if new else ""
            note = f"{reference} has {quoted(name)}, these data don't{hint}"
            yield finding(
                "missing_column", name, "absent", "present",
                failed=True, severity="error", note=note,
            )  # fmt: skip


def no_rows(reference: str) -> Finding:
    """Say that the reference is empty, so that values can't be held against it."""
    note = f"{reference} has no row: nothing but names of columns was compared with it"
    return finding("reference_rows", None, 0, 1, failed=True, note=note)


def zones_changed(
    name: str, aware: tuple[bool, bool], types: tuple[str, str], reference: str
) -> Iterator[Finding]:
    """Say that dates have got, or lost, their time zone."""
    if aware[0] != aware[1]:
        with_zone, without = "dates with a time zone", "dates without one"
        words = (with_zone, without) if aware[0] else (without, with_zone)
        yield type_changed(name, words, types, reference, "warning")


def extra_column(name: str, reference: str) -> Finding:
    """Say that the reference lacks a column."""
    note = f"{quoted(name)} is not in {reference}"
    return finding("extra_column", name, "present", "absent", failed=True, note=note)


def more_missing(name: str, more: float, before: float, reference: str) -> Iterator[Finding]:
    """Say that more values are missing than in the reference."""
    if more > before + MORE_MISSING:
        note = f"{quoted(name)} misses {percent(more)} of its values, in {reference} "
        note += percent(before)
        yield finding("more_missing", name, more, before + MORE_MISSING, failed=True, note=note)


def type_changed(
    name: str, words: tuple[str, str], types: tuple[str, str], reference: str, severity: str
) -> Finding:
    """Say that a column holds values of another kind than in the reference."""
    note = f"{quoted(name)} holds {words[0]}, in {reference} {words[1]}"
    return finding("type_changed", name, *types, failed=True, severity=severity, note=note)


def out_of_range(
    name: str, evidence: Mapping[str, Any], low: float, high: float, reference: str
) -> Finding:
    """Say how many values lie beyond the reference's."""
    share = evidence["share"]
    note = f"{evidence['count']:,} values of {quoted(name)} ({percent(share)}) lie outside "
    note += f"{number(low)} to {number(high)}, the range in {reference}"
    return finding(
        "out_of_range", name, share, OUT_OF_RANGE, failed=share > OUT_OF_RANGE, note=note,
        low=low, high=high, **evidence,
    )  # fmt: skip


def unseen_values(name: str, evidence: Mapping[str, Any], reference: str) -> Finding:
    """Say how many values do not occur in the reference."""
    count, share = f"{evidence['count']:,}", percent(evidence["share"])
    note = f"{count} values of {quoted(name)} ({share}) do not occur in {reference}"
    return finding(
        "unseen_values", name, evidence["share"], 0.0, failed=True, note=note, **evidence
    )


def shown(value: Any) -> str:
    """Return a value as an example of its kind."""
    return shortened(written(value))


def too_many_levels(name: str, reference: str) -> Finding:
    """Say that a column has too many levels to be remembered as data go by."""
    note = (
        f"{quoted(name)} has too many different values in {reference} to be remembered in a "
        "stream: unseen ones were not looked for"
    )
    return finding("unseen_values", name, None, None, failed=False, note=note)
