"""An HTML page in, its elements and texts out; a page that is not well-formed is an AssertionError."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

VOID = frozenset({"meta", "br", "hr", "img", "link", "input", "source", "wbr"})
SVG_CLOSED = frozenset({"path", "circle", "rect"})  # written <path ... />


class Page(HTMLParser):
    """Elements, attributes and texts of a page whose every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []  # element, name, value
        self.values: list[str] = []  # of <data value>
        self.texts: list[tuple[str, str]] = []  # (class of the innermost element, text)
        self._open: list[tuple[str, str]] = []
        assert html.startswith("<!DOCTYPE html>")
        self.feed(html)
        self.close()
        assert self._open == [], self._open
        ids = [value for _, name, value in self.attributes if name == "id"]
        assert len(ids) == len(set(ids)), ids

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count the element; remember what it opens."""
        self._count(tag, attrs)
        if tag not in VOID:
            self._open.append((tag, dict(attrs).get("class") or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Only SVG shapes may close themselves."""
        assert tag in SVG_CLOSED, tag
        self._count(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """It must close the innermost element."""
        assert self._open and self._open[-1][0] == tag, (tag, self._open[-3:], self.getpos())
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Text, with the class it is shown in."""
        self.texts.append((self._open[-1][1] if self._open else "", data))

    def _count(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "data":
            self.values.append(dict(attrs)["value"] or "")

    @property
    def text(self) -> str:
        """All text."""
        return "".join(text for _, text in self.texts)

    def shown_as(self, style: str) -> list[str]:
        """The texts directly inside elements that have this class."""
        return [text for classes, text in self.texts if style in classes.split()]
