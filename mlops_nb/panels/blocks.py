"""The few things that a panel is made of, and nothing about how they are drawn.

A record becomes a tuple of these blocks once; `markup` draws them as HTML and `lines` as plain
text. So the two can't say different things.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias


class Badge(NamedTuple):
    """A status in a word; the sign and the colour come from the word's kind."""

    kind: str
    word: str = ""


class Picture(NamedTuple):
    """A small drawing as a data URI, what it says in words, and a line of letters like it."""

    source: str
    alt: str
    width: int
    height: int
    letters: str = ""


class Cell(NamedTuple):
    """A text in a table; `note` stands quietly below it, `title` shows when pointed at."""

    text: str
    note: str = ""
    title: str = ""
    code: bool = False


class Bar(NamedTuple):
    """A number with a bar as long as its share (0 to 1; None draws no bar)."""

    text: str
    share: float | None


Content: TypeAlias = "str | Cell | Badge | Picture | Bar"


class Column(NamedTuple):
    """A table's column: its heading, and how its cells are set.

    A *name* heads its row, words in backticks are code in a *sentence*, and *short* texts (dates,
    ids) are never broken.
    """

    title: str
    kind: Literal["name", "text", "sentence", "short", "number", "badge", "picture"] = "text"


class Head(NamedTuple):
    """What a panel opens with: title, verdict, the sentence to say, and the quiet facts."""

    title: str
    badge: Badge | None = None
    summary: str = ""
    facts: Sequence[tuple[str, str]] = ()


class Paragraph(NamedTuple):
    """A sentence or two. Words in backticks are set as code."""

    text: str
    quiet: bool = False


class Link(NamedTuple):
    """A link, or only its words where there is no address, and quietly behind it where it leads."""

    text: str
    address: str
    place: str


class Table(NamedTuple):
    """Rows under headings; `more` says what was left out.

    `legend` explains the pictures: words, each with a colour or "".
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Content]]
    more: str = ""
    legend: Sequence[tuple[str, str]] = ()


class Figure(NamedTuple):
    """A picture that stands for itself, with its caption; as text, its `alt` says it all."""

    picture: Picture
    caption: str


class Beside(NamedTuple):
    """Blocks next to each other, and below each other where it is narrow."""

    blocks: Sequence[Block]


class Fold(NamedTuple):
    """Blocks that open when asked for; plain text always shows them, under their own captions."""

    summary: str
    blocks: Sequence[Block]


Block: TypeAlias = "Head | Paragraph | Link | Table | Figure | Beside | Fold"

SIGNS = {
    "pass": "✓",
    "fail": "✗",
    "insufficient": "?",
    "warning": "!",
    "info": "·",
    "running": "▸",
    "alias": "",
}


def sign(badge: Badge) -> str:
    """Return a badge as text: its sign and its word.

    Examples
    --------
    >>> sign(Badge("fail")), sign(Badge("pass", "finished"))
    ('✗ fail', '✓ finished')
    """
    return f"{SIGNS[badge.kind]} {badge.word or badge.kind}".strip()


def without_empty_columns(table: Table) -> Table:
    """Leave out the columns in which no row says anything; those that name the rows stay.

    Examples
    --------
    >>> table = Table("", [Column("a"), Column("b")], [("1", "–"), ("2", "")])
    >>> [column.title for column in without_empty_columns(table).columns]
    ['a']
    """
    kept = [
        place
        for place, column in enumerate(table.columns)
        if column.kind == "name" or any(_says_something(row[place]) for row in table.rows)
    ]
    return table._replace(
        columns=[table.columns[place] for place in kept],
        rows=[[row[place] for place in kept] for row in table.rows],
    )


def _says_something(content: Content) -> bool:
    if isinstance(content, Badge | Picture):
        return True
    text = content if isinstance(content, str) else content.text
    return text not in ("", "–")
