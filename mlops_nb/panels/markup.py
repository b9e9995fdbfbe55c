"""Blocks as HTML that survives everywhere: no script, no style sheet, nothing but inline style.

JupyterLab's sanitiser (an executed notebook is untrusted there) takes away `<style>`, `<svg>`,
`id`, `role`, `aria-*` and every colour that is a variable; GitHub takes away all style. So the
meaning is in the text and in the order; colour only repeats it. The colour of text is never set:
it is the theme's. Those that are set stand at least 3.7:1 off white and off JupyterLab's #111.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

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
)
from mlops_nb.panels.charts import AMBER, BLUE, GREEN, GREY, RED
from mlops_nb.panels.words import unbroken

_COLOURS = {
    "pass": GREEN,
    "fail": RED,
    "insufficient": AMBER,
    "warning": AMBER,
    "info": GREY,
    "running": BLUE,
    "alias": BLUE,
}
_HAIRLINE = "1px solid rgba(128,128,128,.25)"
_QUIET = "opacity:.7"


def draw(blocks: Iterable[Block]) -> str:
    """Return the blocks as one HTML element."""
    # font-variant-numeric is the one declaration that the sanitiser drops: digits still align
    # in every font whose digits are of one width by themselves.
    style = (
        "font-size:.95em;line-height:1.45;max-width:78em;overflow-wrap:break-word;"
        "font-variant-numeric:tabular-nums"
    )
    return f'<div style="{style}">{_all(blocks)}</div>'


def _all(blocks: Iterable[Block]) -> str:
    return "".join(_block(block) for block in blocks)


def _block(block: Block) -> str:
    match block:
        case Head():
            return _head(block)
        case Paragraph(text, quiet):
            style = f"margin:0 0 1em;max-width:52em{';' + _QUIET if quiet else ''}"
            return f'<div style="{style}">{_sentence(text)}</div>'
        case Link(text, address, place):
            shown = f'<a href="{escape(address)}">{escape(text)}</a>' if address else escape(text)
            where = f'<span style="{_QUIET}">{escape(unbroken(place))}</span>'
            return f'<div style="margin:0 0 1em">{shown}: {where}</div>'
        case Table():
            return _table(block)
        case Figure(picture, caption):
            style = f"{_QUIET};max-width:{max(picture.width, 280)}px"
            below = f'<div style="{style}">{_sentence(caption)}</div>'
            return f'<div style="margin:0 0 1.2em">{_picture(picture)}{below}</div>'
        case Beside(inner):
            items = "".join(f'<div style="max-width:100%">{_block(item)}</div>' for item in inner)
            return f'<div style="display:flex;flex-wrap:wrap;gap:0 3em">{items}</div>'
        case Fold(summary, inner):
            opener = f'<summary style="cursor:pointer;{_QUIET}">{escape(summary)}</summary>'
            inside = f'<div style="padding:.6em 0 0 1em">{_all(inner)}</div>'
            return f'<details style="margin:0 0 1em">{opener}{inside}</details>'


def _head(head: Head) -> str:
    colour = _COLOURS[head.badge.kind] if head.badge else GREY
    badge = f'{_badge(head.badge)}<span style="padding:0 .3em"> </span>' if head.badge else ""
    title = f'{badge}<strong style="font-size:1.15em">{escape(head.title)}</strong>'
    parts = [f"<div>{title}</div>"]
    if head.summary:
        parts.append(f'<div style="margin:.35em 0 0">{_sentence(head.summary)}</div>')
    if head.facts:
        facts = "".join(
            f'<span style="max-width:100%">'
            f'<span style="{_QUIET}">{escape(label)}</span> {_sentence(value)}</span>'
            for label, value in head.facts
        )
        style = "display:flex;flex-wrap:wrap;gap:.1em 1.8em;margin:.45em 0 0;font-size:.95em"
        parts.append(f'<div style="{style}">{facts}</div>')
    style = f"border-left:3px solid {colour};padding:.1em 0 .1em .9em;margin:0 0 1.2em"
    return f'<div style="{style}">{"".join(parts)}</div>'


def _table(table: Table) -> str:
    caption = (
        '<caption style="caption-side:top;text-align:left;padding:0 0 .3em;white-space:normal">'
        f"<strong>{escape(table.caption)}</strong>{_legend(table.legend)}</caption>"
    )
    rows = "".join(
        f'<tr style="background:none;border-bottom:{_HAIRLINE}">{_row(table.columns, row)}</tr>'
        for row in table.rows
    )
    more = f'<div style="margin:.4em 0 0;{_QUIET}">{_sentence(table.more)}</div>'
    return (
        '<div style="overflow-x:auto;margin:0 0 1.2em">'
        '<table style="border-collapse:collapse;border:0;margin:0;font-size:1em;'
        f'table-layout:auto">{caption}{_headings(table)}<tbody>{rows}</tbody></table>'
        f"{more if table.more else ''}</div>"
    )


def _headings(table: Table) -> str:
    if not any(column.title for column in table.columns):
        return ""
    cells = "".join(
        f'<th scope="col" style="{_cell_style(column, heading=True)};font-weight:400">'
        f'<span style="{_QUIET}">{escape(column.title)}</span></th>'
        for column in table.columns
    )
    style = f"border-bottom:{_HAIRLINE}"
    return f'<thead style="{style}"><tr style="background:none">{cells}</tr></thead>'


def _legend(legend: Sequence[tuple[str, str]]) -> str:
    if not legend:
        return ""
    swatch = "display:inline-block;width:.75em;height:.75em;margin:0 .4em 0 1em"
    return (
        f'<span style="{_QUIET}">'
        + "".join(
            f'<span style="white-space:nowrap"><span style="{swatch};background:{colour}"></span>'
            f"{escape(label)}</span>"
            if colour
            else f'<span style="margin:0 0 0 1em">{escape(label)}</span>'
            for label, colour in legend
        )
        + "</span>"
    )


def _row(columns: Sequence[Column], row: Sequence[Content]) -> str:
    return "".join(
        f'<th scope="row" style="{_cell_style(column)};font-weight:400">{_content(content)}</th>'
        if column.kind == "name"
        else f'<td style="{_cell_style(column)}">{_said(column, content)}</td>'
        for column, content in zip(columns, row, strict=True)
    )


def _said(column: Column, content: Content) -> str:
    if column.kind == "sentence" and isinstance(content, str):
        return _sentence(content)
    return _content(content)


def _cell_style(column: Column, *, heading: bool = False) -> str:
    side = "right" if column.kind == "number" else "left"
    style = f"padding:.35em 1.2em .35em 0;text-align:{side};vertical-align:top"
    if column.kind == "sentence":
        return f"{style};min-width:16em"
    # Badges and pictures can't break, but their headings can.
    tied = column.kind in ("number", "short") or (heading and column.kind != "name")
    return f"{style};white-space:nowrap" if tied else style


def _content(content: Content) -> str:
    match content:
        case Badge():
            return _badge(content)
        case Picture():
            return _picture(content)
        case Bar(text, share):
            return _bar(text, share)
        case Cell():
            return _cell(content)
        case str():
            return escape(unbroken(content))


def _cell(cell: Cell) -> str:
    text = escape(cell.text) if cell.code else _breakable(cell.text)
    hover = f' title="{escape(cell.title)}"' if cell.title else ""
    code = ' style="font-family:monospace;white-space:nowrap"' if cell.code else ""
    shown = f"<span{hover}{code}>{text}</span>" if hover or code else text
    style = f"{_QUIET};min-width:12em;max-width:30em"
    return f'{shown}<div style="{style}">{_sentence(cell.note)}</div>' if cell.note else shown


def _badge(badge: Badge) -> str:
    colour = _COLOURS[badge.kind]
    # The last two digits are the background's opacity: a tint that suits both themes.
    style = (
        f"background:{colour}2e;border:1px solid {colour};border-radius:4px;"
        "padding:0 .5em;white-space:nowrap"
    )
    return f'<span style="{style}">{escape(sign(badge))}</span>'


def _picture(picture: Picture) -> str:
    # Pulled up a little, so that the middle of a one-line picture is that of the text beside it.
    style = "max-width:none;vertical-align:top;margin:-1px 0 0"
    return (
        f'<img alt="{escape(picture.alt)}" src="{picture.source}" width="{picture.width}" '
        f'height="{picture.height}" style="{style}">'
    )


def _bar(text: str, share: float | None) -> str:
    if share is None:
        return escape(text)
    track = "display:inline-block;width:4em;height:.5em;margin:0 0 0 .7em"
    filled = f"display:block;height:.5em;width:{100 * min(max(share, 0.0), 1.0):.0f}%"
    return (
        f'{escape(text)}<span style="{track};background:rgba(128,128,128,.25)">'
        f'<span style="{filled};background:{BLUE}"></span></span>'
    )


def _breakable(text: str) -> str:
    # A long name may break after an underscore, where the window is narrow.
    return escape(text).replace("_", "_<wbr>") if len(text) > 16 else escape(text)


def _sentence(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(unbroken(text)))
