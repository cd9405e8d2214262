"""Hides the name of the brand behind a mark, so that what was learned holds for brands never seen."""

import re
from collections.abc import Iterable, Sequence

from models.text import BRAND, BRAND_LOWER


def mask(text: str, surfaces: Sequence[str]) -> str:
    """The text with every one of these spellings, wherever it stands as a word, behind a mark."""
    for surface in sorted(filter(None, (s.strip() for s in surfaces)), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(surface)}(?!\w)", lambda found: mark(found[0]), text, flags=re.IGNORECASE)
    return text


def mask_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with these spans behind a mark."""
    parts, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            parts += [text[at:start], mark(text[start:end])]
            at = end
    return "".join((*parts, text[at:]))


def mark(surface: str) -> str:
    """Capital or not is a clue to a homonym, and stays; so do the signs of a hashtag and of a handle."""
    name = surface.lstrip("@#")
    sign = surface[: len(surface) - len(name)].replace("@", "")
    return f" {sign}{BRAND_LOWER if name[:1].islower() and not surface.startswith('@') else BRAND} "
