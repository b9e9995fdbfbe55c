"""What JupyterLab leaves of an output in a notebook that it doesn't trust.

The lists are from the sanitiser of JupyterLab 4.6 (`@jupyterlab/apputils`), as far as panels use
what it keeps; a value of a style is checked there by a pattern, here by what those patterns refuse.
"""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

TAGS = frozenset(
    {"a", "code", "details", "div", "img", "span", "strong", "summary", "wbr"}
    | {"caption", "table", "tbody", "td", "th", "thead", "tr"}
)
EVERYWHERE = frozenset({"class", "style", "title"})
ATTRIBUTES = {
    "a": frozenset({"href"}),
    "img": frozenset({"alt", "height", "src", "width"}),
    "td": frozenset({"colspan", "rowspan", "scope"}),
    "th": frozenset({"colspan", "rowspan", "scope"}),
    "details": frozenset({"open"}),
}
STYLES = frozenset(
    {"background", "border", "border-bottom", "border-collapse", "border-left", "border-radius"}
    | {"caption-side", "cursor", "display", "flex-wrap", "font-family", "font-size", "font-weight"}
    | {"gap", "height", "line-height", "margin", "max-width", "min-width", "opacity"}
    | {"overflow-wrap", "overflow-x", "padding", "table-layout", "text-align", "vertical-align"}
    | {"white-space", "width"}
)
REFUSED = re.compile(r"var\(|url\(|calc\(|inherit|!important|anywhere|tabular-nums")


class Sanitiser(HTMLParser):
    """Take away what JupyterLab takes away, and remember what that was."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self.removed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.removed.append(tag)
            return
        kept = [tag]
        for name, value in attrs:
            if name not in EVERYWHERE | ATTRIBUTES.get(tag, frozenset()):
                self.removed.append(f"{tag} {name}")
                continue
            text = self._style(value or "") if name == "style" else value or ""
            kept.append(f'{name}="{escape(text)}"')
        self.kept.append(f"<{' '.join(kept)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in TAGS:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.kept.append(escape(data))

    def handle_comment(self, data: str) -> None:
        self.removed.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.removed.append("declaration")

    def _style(self, style: str) -> str:
        kept = []
        for declaration in style.split(";"):
            name, _, value = declaration.partition(":")
            if name in STYLES and not REFUSED.search(value):
                kept.append(declaration)
            else:
                self.removed.append(declaration)
        return ";".join(kept)


def sanitised(panel: str) -> tuple[str, list[str]]:
    """Return what is left of a panel, and what was taken away."""
    sanitiser = Sanitiser()
    sanitiser.feed(panel)
    sanitiser.close()
    return "".join(sanitiser.kept), sanitiser.removed
