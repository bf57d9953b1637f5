"""Reading HTML as a person or a browser would."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = '<script>alert("x")</script>&amp;'
_VOID = {"meta", "br"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.titles: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        where = self._open[-1] if self._open else ""
        if where == "title":
            self.titles.append(data)
        elif where and where != "style":
            self.texts.append(data)

    def finish(self) -> None:
        self.close()
        assert self._open == [], "elements left open"


def read(html: str) -> _Reader:
    """Parse; fails on elements that do not nest."""
    reader = _Reader()
    reader.feed(html)
    reader.finish()
    return reader


def text(html: str) -> str:
    """What a person reads, in one line."""
    return " ".join(" ".join(read(html).texts).split())


def explanations(html: str) -> str:
    """What the parts of a picture tell when they are pointed at."""
    return " | ".join(read(html).titles)


def harmless(html: str) -> bool:
    """Whether a text with markup in it stayed a text: no script, no handler of events."""
    reader = read(html)
    handlers = [name for name, _ in reader.attributes if name.startswith("on")]
    return "<script" not in html and "script" not in reader.names and not handlers
