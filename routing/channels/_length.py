"""How long a text is, as each network counts."""

import re
import unicodedata

import emoji
import regex

LINK_LENGTH = 23  # of any address, on Mastodon and on X
_LINK = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
# X makes links of what looks like a domain, too.
_BARE = re.compile(r"(?<![\w@./-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[^\s<>\"]*)?", re.IGNORECASE)
_REMOTE = re.compile(r"(?<![\w/=])@(\w+)@[\w.:-]*\w")
_END = ".,;:!?)]}'»…"
# Code points that count once; all others count twice (github.com/twitter/twitter-text, config v3).
_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


def graphemes(text: str) -> int:
    """What a reader sees as signs (UAX 29): a flag or a family is one."""
    return len(regex.findall(r"\X", text))


def utf16(text: str) -> int:
    """UTF-16 units: the strictest reading of what an API calls characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def mastodon(text: str) -> int:
    """Graphemes, an address as 23, of a mention the part before the server (StatusLengthValidator)."""
    return graphemes(_REMOTE.sub(r"@\1", _LINK.sub(lambda link: "x" * LINK_LENGTH + _rest(link[0]), text)))


def weighted(text: str) -> int:
    """X: half a sign per unit of weight, an emoji as two, an address as 23."""
    text, links = _without_links(unicodedata.normalize("NFC", text))
    signs, pictures = _without_pictures(text)
    return LINK_LENGTH * links + 2 * pictures + sum(_weight(sign) for sign in signs)


def links(text: str) -> list[tuple[int, int, str]]:
    """Addresses in a text: first and last character, as Python counts, and the address."""
    found = ((match.start(), match[0].rstrip(_END)) for match in _LINK.finditer(text))
    return [(start, start + len(link), link) for start, link in found]


def _rest(link: str) -> str:
    return link[len(link.rstrip(_END)) :]


def _without_links(text: str) -> tuple[str, int]:
    text, whole = _LINK.subn(lambda link: _rest(link[0]), text)
    short = 0

    def cut(found: re.Match[str]) -> str:
        nonlocal short
        link = found[0].rstrip(_END)
        if len(link) > LINK_LENGTH:  # no link of X's would be that long: counted as it stands
            return found[0]
        short += 1
        return _rest(found[0])

    return _BARE.sub(cut, text), whole + short


def _without_pictures(text: str) -> tuple[str, int]:
    found = emoji.emoji_list(text)
    for picture in reversed(found):
        text = text[: picture["match_start"]] + text[picture["match_end"] :]
    return text, len(found)


def _weight(sign: str) -> int:
    return 1 if any(first <= ord(sign) <= last for first, last in _LIGHT) else 2
