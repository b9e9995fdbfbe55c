"""Blocks as plain text of at most a hundred columns: for terminals, screen readers and GitHub.

Paths alone may be longer: one that is broken can't be copied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mlops_nb.panels.blocks import (
    Badge,
    Bar,
    Beside,
    Block,
    Cell,
    Column,
    Content,
    Figure,
    Fold,
    Head,
    Link,
    Paragraph,
    Picture,
    Table,
    sign,
    without_empty_columns,
)
from mlops_nb.panels.words import unbroken, width

WIDTH = 100
_GAP = "  "
_LEAST, _LEAST_TEXT, _WORD = 6, 10, 20
_TIE = "\u00a0"


def draw(blocks: Iterable[Block]) -> str:
    """Return the blocks as text, without a line end at the end."""
    return "\n\n".join(part for part in map(_block, blocks) if part)


def _block(block: Block) -> str:
    match block:
        case Head():
            return _head(block)
        case Paragraph(text):
            return "\n".join(wrap(text, WIDTH))
        case Link(text, _, place):
            return f"{text}: {place}"
        case Table():
            return _table(block)
        case Figure(picture):
            return "\n".join(wrap(picture.alt, WIDTH))
        case Beside(inner):
            return draw(inner)
        case Fold(summary, inner):
            return draw(inner) if isinstance(inner[0], Table) else f"{summary}\n\n{draw(inner)}"


def _head(head: Head) -> str:
    badge = f"{sign(head.badge)}  " if head.badge else ""
    first, *rest = wrap(head.title, WIDTH - width(badge)) or [""]
    lines = [f"{badge}{first}", *rest]
    if head.summary:
        lines += wrap(head.summary, WIDTH)
    broad = max((width(label) for label, _ in head.facts), default=0)
    for label, value in head.facts:
        first, *rest = _fact(value, WIDTH - broad - 4) or [""]
        lines.append(f"  {_padded(label, broad)}  {first}".rstrip())
        lines += [" " * (broad + 4) + line for line in rest]
    return "\n".join(lines)


def _fact(value: str, broad: int) -> list[str]:
    # A path or an id is for copying: it stays in one piece, however long, and without marks.
    if value.startswith(("/", "sqlite:", "file:/")):
        return [value]
    return wrap(re.sub(r"^`([^`]*)`$", r"\1", value), broad)


def _table(table: Table) -> str:
    seen = [
        place
        for place, column in enumerate(table.columns)
        if column.kind != "picture" or any(_letters(row[place]) for row in table.rows)
    ]
    told = without_empty_columns(
        table._replace(
            columns=[table.columns[place] for place in seen],
            rows=[[_flat(row[place]) for place in seen] for row in table.rows],
        )
    )
    columns, rows = told.columns, told.rows
    widths = _widths(columns, rows)
    lines = wrap(table.caption, WIDTH)
    if any(column.title for column in columns):
        lines += _row(columns, [column.title for column in columns], widths)
        lines.append(_GAP.join("─" * broad for broad in widths))
    for row in rows:
        lines += _row(columns, row, widths)
    return "\n".join(lines + wrap(table.more, WIDTH))


def _row(columns: Sequence[Column], row: Sequence[Content], widths: Sequence[int]) -> list[str]:
    cells = zip(row, widths, strict=True)
    parts = [wrap(_text(content), broad) or [""] for content, broad in cells]
    tall = max(map(len, parts))
    lines = [
        _line(columns, [part[line] if line < len(part) else "" for part in parts], widths)
        for line in range(tall)
    ]
    # A note hangs below its own column, and has all the room to the right of it.
    left = 0
    for content, broad in zip(row, widths, strict=True):
        if isinstance(content, Cell) and content.note:
            lines += [f"{' ' * (left + 2)}{line}" for line in wrap(content.note, WIDTH - left - 2)]
        left += broad + len(_GAP)
    return lines


def _line(columns: Sequence[Column], texts: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(
        _padded(text, broad, right=column.kind == "number")
        for column, text, broad in zip(columns, texts, widths, strict=True)
    ).rstrip()


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Content]]) -> list[int]:
    """Give every column what it needs; too wide together, the widest gives way.

    At first texts break between their words, then the headings of numbers do, then long words in
    a text, long headings, and at last everything.
    """
    told = [[_text(row[i]) for row in rows] for i in range(len(columns))]
    cells = [max([0, *map(width, texts)]) for texts in told]
    titled = [max(width(c.title), cell) for c, cell in zip(columns, cells, strict=True)]
    headed = [max(_word(c.title), cell) for c, cell in zip(columns, cells, strict=True)]
    worded = [max(_LEAST_TEXT, min(_WORD, max(map(_word, texts), default=0))) for texts in told]
    least = [_LEAST_TEXT] * len(columns)

    def floors(texts: list[int], others: list[int]) -> list[int]:
        both = zip(columns, texts, others, strict=True)
        return [
            text if c.kind in ("name", "text", "sentence") else other for c, text, other in both
        ]

    widths = titled
    for lowest in (
        floors(worded, titled),
        floors(worded, headed),
        floors(least, headed),
        floors(least, cells),
        [0] * len(columns),
    ):
        while sum(widths) + len(_GAP) * (len(widths) - 1) > WIDTH:
            giving = [i for i, broad in enumerate(widths) if broad > max(lowest[i], _LEAST)]
            if not giving:
                break
            widths[max(giving, key=widths.__getitem__)] -= 1
    return widths


def _word(text: str) -> int:
    """Return how broad the longest word of a text is."""
    return max(map(width, re.split(r"(?<=_)| ", text)))


def _flat(content: Content) -> Content:
    return _letters(content) if isinstance(content, Picture) else content


def _letters(content: Content) -> str:
    return content.letters if isinstance(content, Picture) else ""


def _text(content: Content) -> str:
    match content:
        case Badge():
            return sign(content)
        case Picture() | str():
            return content if isinstance(content, str) else content.letters
        case Cell(text=text) | Bar(text=text):
            return text


def _padded(text: str, broad: int, *, right: bool = False) -> str:
    space = " " * (broad - width(text))
    return space + text if right else text + space


def wrap(text: str, broad: int) -> list[str]:
    """Break `text` into lines of at most `broad` terminal columns, between words where it can.

    Examples
    --------
    >>> wrap("a long sentence", 8)
    ['a long', 'sentence']
    >>> wrap("unbreakable", 6)
    ['unbrea', 'kable']
    """
    lines = [""]
    for word in _words(text):
        for piece in _pieces(word, broad):
            joined = f"{lines[-1]} {piece}" if lines[-1] else piece
            if width(joined) <= broad:
                lines[-1] = joined
            else:
                lines.append(piece)
    return [line.replace(_TIE, " ") for line in lines] if lines[0] else []


def _words(text: str) -> list[str]:
    return [word for word in unbroken(text).split(" ") if word]


def _pieces(word: str, broad: int) -> list[str]:
    """Break a word that is too long: after `_` and `-` where there are some, else anywhere."""
    if width(word) <= broad:
        return [word]
    pieces = [""]
    parts = [part for part in re.split(r"(?<=[_-])", word) if part]
    for part in parts if max(map(width, parts)) <= broad else word:
        if pieces[-1] and width(pieces[-1] + part) > broad:
            pieces.append("")
        pieces[-1] += part
    return pieces
