"""What tests of panels read and draw: a panel as tags and text, and reports by their kind."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from mlops_nb.core.records import (
    Finding,
    Report,
)
from tests.unit.panels import report_samples


class Page(HTMLParser):
    """A panel as tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.parts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "wbr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "tags close in the order in which they opened"

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.parts).replace("\u00a0", " ")


def report(kind: str, *findings: Finding, status: Any = "fail", **more: Any) -> Report:
    return Report(kind, status, findings, report_samples.AT, **more)
