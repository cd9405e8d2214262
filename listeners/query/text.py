"""Texts as queries see them: folded, cut into words, with hashtags and mentions."""

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import methodcaller

from listeners.query.tree import Term

MANY = 12  # from so many strings on, an automaton finds them faster than one search after another

_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\U0001f3fb-\U0001f3ff"  # accents, points, skin tones
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]+"  # what has no width
)
_LETTERS = dict(
    zip("œŒæÆøØłŁđĐðÐþÞħĦıŧŦßẞ", "oe Oe ae Ae o O l L d D d D th Th h H i t T ss SS".split(), strict=True)
)  # what Unicode does not take apart
_LETTER = re.compile(f"[{''.join(_LETTERS)}]")


def plain(text: str) -> str:
    """The text without accents, invisible signs and compatibility forms (NFKC), in the case it was written in."""
    if text.isascii():
        return text
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    if bare.isascii():
        return bare
    return unicodedata.normalize("NFC", _LETTER.sub(lambda found: _LETTERS[found[0]], bare))


def folded(text: str) -> str:
    """The text as it is compared: `plain`, and without case."""
    return text.lower() if text.isascii() else plain(text).casefold()


# --- words ---------------------------------------------------------------------------------------

# Written without spaces (Thai to Khmer, Chinese, Japanese): every sign is a word, a word is a phrase.
_UNSPACED = "\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_UNSPACED += "\U00020000-\U0003ffff"
_SYMBOLS = "\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"
_VOWELS = "\u0900-\u0963\u0966-\u0dff"  # of Indian scripts; \w holds their letters alone
_WORD = re.compile(rf"[{_UNSPACED}{_SYMBOLS}]|(?:(?![{_UNSPACED}])(?:[^\W_]|[{_VOWELS}]))+")
_ASCII_WORDS = "".join(chr(code) if chr(code).isalnum() else " " for code in range(128))


def words(text: str) -> str:
    """The words of a folded text with one space between them."""
    if text.isascii():
        return " ".join(text.translate(_ASCII_WORDS).split())
    return " ".join(_WORD.findall(text))


# --- hashtags and mentions -----------------------------------------------------------------------

_TAG_OR_MENTION = re.compile(r"(?<![\w&/=])#(?P<tag>\w+)|(?<![\w/=@])@(?P<handle>\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?)")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^\W\d_A-Z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_TAG = re.compile(r"#\w+")
_HANDLE = re.compile(r"@\w+(?:[.-]\w+)*(?:@\w+(?:[.-]\w+)*)?")


def haystack(text: str) -> str:
    """The text in lines of words, each word between spaces, for `literals` to be found in.

    The first line has hashtags cut into their words (`#MonColis`: mon colis) and mentions without their server.
    Where there are hashtags or mentions, a line with hashtags in one word and one with `#tag` and `@handle` follow.
    """
    bare = plain(text)
    if "#" not in bare and "@" not in bare:
        return f" {words(bare.casefold())} "
    cut, whole, marked = [], [], []
    end = 0
    for found in _TAG_OR_MENTION.finditer(bare):
        between = words(bare[end : found.start()].casefold())
        end = found.end()
        tag, handle = found["tag"], found["handle"]
        if tag is not None:
            cut += [between, words(_CAMEL.sub(" ", tag).casefold())]
            whole += [between, words(tag.casefold())]
        else:
            name = words(handle.casefold().partition("@")[0].removesuffix(".bsky.social"))
            cut += [between, name]
            whole += [between, name]
        marked += [between, found[0].casefold()]
    rest = words(bare[end:].casefold())
    lines = [" ".join([*filter(None, line), rest]) for line in (cut, whole, marked)]
    return "\n".join(f" {line.strip()} " for line in dict.fromkeys(lines))


@lru_cache(maxsize=4096)
def term_words(term: Term) -> tuple[str, ...]:
    """What a term looks for: words in a row, or alone a `#tag` or an `@handle`; empty where it holds no word."""
    text = folded(term.text).strip()
    if _TAG.fullmatch(text) or _HANDLE.fullmatch(text):
        return (text,)
    return tuple(words(text).split())


def literals(term: Term) -> tuple[str, ...]:
    """The strings of which one is in the `haystack` of every text that holds the term, and in no other."""
    row = term_words(term)
    if not row:
        return ()
    end = "" if term.prefix else " "
    if row[0].startswith("@"):
        return tuple(f" {handle}" for handle in _handles(row[0], end))
    found = [f" {' '.join(row)}{end}"]
    if len(row) > 1:
        found.append(f" #{''.join(row)}{end}")
    return tuple(found)


def _handles(handle: str, end: str) -> tuple[str, ...]:
    """The forms of a mention: a name stands for that name on any server; a server may be left unsaid."""
    name, server = handle[1:].partition("@")[::2]
    if not end:
        return (handle,)
    if server:
        return (f"{handle} ", f"@{name} ")
    return (f"@{name} ", f"@{name}@", f"@{name}.")


def finder(strings: Iterable[str]) -> Callable[[str], bool]:
    """Whether one of the strings is in a text: many are looked for in one go (Aho-Corasick)."""
    told = tuple(dict.fromkeys(strings))
    if len(told) == 1:
        return methodcaller("__contains__", told[0])
    if len(told) < MANY:
        return lambda text: any(string in text for string in told)
    from ahocorasick import Automaton

    automaton = Automaton()
    for string in told:
        automaton.add_word(string, True)
    automaton.make_automaton()
    find = automaton.iter
    return lambda text: next(find(text), None) is not None


def same_account(wanted: str, told: str) -> bool:
    """Whether an account's handle is the wanted one, by the same rule as for mentions. Both folded, without @."""
    return wanted == told or told.startswith((f"{wanted}@", f"{wanted}.")) or wanted.startswith(f"{told}@")
