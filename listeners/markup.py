"""Posts that come as HTML, as the plain text that a reader sees."""

import re
from html import unescape as html_unescape
from html.parser import HTMLParser

_BLOCKS = frozenset({"p", "div", "ul", "ol", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "table"})
_LINES = frozenset({"br", "li", "tr", "hr"})
_HIDDEN = frozenset({"script", "style", "head", "title", "template"})
MOST_TAGS = 2000
_ANY_TAG = re.compile(r"<[^<>]*>?")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_MANY_BREAKS = re.compile(r"\n{3,}")
_BREAK_SPACE = re.compile(r" *\n *")


def plain_text(html: str) -> str:
    """Paragraphs parted by an empty line; links and mentions as they are written, whole.

    The address of a link that is written in other words follows it in brackets. Pictures give their
    alternative text, which is how some servers send custom emoji.
    """
    if html.count("<") > MOST_TAGS:  # the parser's time grows with the square of unclosed tags
        return html_unescape(_ANY_TAG.sub(" ", html)).strip()
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return _MANY_BREAKS.sub("\n\n", _BREAK_SPACE.sub("\n", "".join(reader.parts))).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0
        self._href: str | None = None
        self._link_start = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "a":
            self._href, self._link_start = self._address(given), len(self.parts)
        elif tag == "img":
            self.handle_data(given.get("alt") or "")
        elif tag in _LINES:
            self.parts.append("\n- " if tag == "li" else "\n")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a":
            self._end_link()
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data:
            self.parts.append(_SPACE.sub(" ", data))

    @staticmethod
    def _address(given: dict[str, str | None]) -> str | None:
        """Where the link leads, if that is worth telling: mentions and hashtags speak for themselves."""
        href = given.get("href") or ""
        social = {"mention", "hashtag"} & set((given.get("class") or "").split())
        return None if social or not href.startswith(("http://", "https://")) else href

    def _end_link(self) -> None:
        written = "".join(self.parts[self._link_start :]).strip()
        if self._href and not written.startswith(("@", "#")) and _bare(written) not in _bare(self._href):
            self.parts.append(f" ({self._href})")
        self._href = None


def _bare(address: str) -> str:
    return address.lower().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/…")
