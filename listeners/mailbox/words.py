"""What the writer of a mail said himself: without the mail that he answers and without his signature.

Own short rules instead of a parser library: those of the index match nested patterns over the whole text, and a
mail is written by anybody. Here each rule looks at one line, or at three. Where a rule would leave nothing,
the mail stays whole.
"""

import re
from collections.abc import Sequence

LONGEST_RULE_LINE = 400
_FROM_LINES = 4  # the lines in which Outlook's block of De, Envoyé, À, Objet must begin

_ATTRIBUTION = re.compile(r"(?:le|on|am)\s.{4,300}\s(?:a écrit|à écrit|wrote|schrieb)\s*:", re.IGNORECASE)
_SEPARATOR = re.compile(
    r"-{2,}\s*(?:message d['’]origine|message original|mail original|original message|ursprüngliche nachricht)\s*-{2,}",
    re.IGNORECASE,
)
_FROM = re.compile(r"\*?(?:de|from|von)\s*:\*?\s*\S", re.IGNORECASE)
_SENT = re.compile(r"\*?(?:envoyé|envoyé le|date|sent|gesendet)\s*:", re.IGNORECASE)
_DEVICE = re.compile(
    r"(?:envoyé (?:de|depuis|à partir de) (?:mon|ma|outlook|yahoo|l['’])|sent from (?:my|outlook|yahoo|mail)"
    r"|télécharge[rz] outlook|get outlook for|obtenez outlook)",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_DECLARATION = re.compile(r"<[!?][^<>]*>")
_LONE = re.compile(r"<(?![a-zA-Z/][^<>]*>)")
_HTML_QUOTE = re.compile(
    r"""<(?:blockquote[^>]{0,300}type=["']?cite|div[^>]{0,300}(?:class=["']?(?:gmail_quote|yahoo_quoted|moz-cite-prefix)"""
    r"""|id=["']?(?:divRplyFwdMsg|appendonsend|mail-editor-reference-message-container)))""",
    re.IGNORECASE,
)


def own_words(text: str) -> str:
    """The words above, between and below the quoted lines."""
    lines = [line.rstrip() for line in text.split("\n")]
    kept = _without_signature(_without_quotes(_above_block(lines)))
    return "\n".join(kept).strip() or text.strip()


def own_html(html: str) -> str:
    """The part of an HTML mail before what the writer's program marked as the mail that he answers.

    Comments go, and what only looks like a tag is text: the parser takes quadratic time over tags without an end.
    """
    sound = _LONE.sub("&lt;", _DECLARATION.sub("", _COMMENT.sub("", html)))
    found = _HTML_QUOTE.search(sound)
    before = sound[: found.start()] if found else sound
    return before if re.search(r">[^<]*\w", f">{before}") else sound


def _above_block(lines: Sequence[str]) -> Sequence[str]:
    """What stands above a line that says "what follows is the mail that I answer"."""
    for number, line in enumerate(lines):
        if _begins_block(line, lines[number : number + _FROM_LINES]):
            return lines[:number]
    return lines


def _begins_block(line: str, following: Sequence[str]) -> bool:
    short = line.strip()[:LONGEST_RULE_LINE]
    if _SEPARATOR.fullmatch(short):
        return True
    if re.fullmatch(r"_{10,}", short):
        return any(_FROM.match(other.strip()) for other in following[1:])
    return bool(_FROM.match(short)) and any(_SENT.match(other.strip()) for other in following[1:])


def _without_quotes(lines: Sequence[str]) -> list[str]:
    """Without lines that begin with >, and without the line that names who wrote them."""
    kept: list[str] = []
    number = 0
    while number < len(lines):
        length = _attribution(lines[number : number + 3])
        if length:
            if not _is_quoted(lines[number + length :]):
                return kept
            number += length
            continue
        if not lines[number].lstrip().startswith(">"):
            kept.append(lines[number])
        number += 1
    return kept


def _attribution(lines: Sequence[str]) -> int:
    """How many of these lines say who wrote when; mail programs break that line where it is long."""
    for length in range(1, len(lines) + 1):
        joined = " ".join(line.strip() for line in lines[:length])
        if len(joined) > LONGEST_RULE_LINE or not lines[length - 1].strip():
            return 0
        if _ATTRIBUTION.fullmatch(joined):
            return length
    return 0


def _is_quoted(lines: Sequence[str]) -> bool:
    """Whether the first line that says something is marked as quoted; else all the rest is the quoted mail."""
    first = next((line for line in lines if line.strip()), ">")
    return first.lstrip().startswith(">")


def _without_signature(lines: Sequence[str]) -> Sequence[str]:
    """What stands above the signature's mark (RFC 3676, 4.3), and without the mark of a telephone at the end."""
    mark = next((number for number, line in enumerate(lines) if line in ("--", "-- ")), len(lines))
    above = list(lines[:mark])
    while above and (not above[-1].strip() or _DEVICE.match(above[-1].strip())):
        above.pop()
    return above
