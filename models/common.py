"""French and English words that people write every day: no slip of the finger for a brand, no sure name of a town."""

from functools import lru_cache
from pathlib import Path

_FILE = Path(__file__).with_name("common_words.txt")
_LONGEST = 24  # letters of a part of a hashtag
_LEAST = 4  # letters, apart from these:
_SHORT = frozenset(
    "je tu on il ma mon mes la le les un une de du en et no my so we the and not pas bad out off ras".split()
)
_OF_HASHTAGS = frozenset("boycott boycotter fail fails scam team care arnaque arnaqueur balance lebol honte".split())


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Folded, in lower case; what stands before the empty line says where they were counted."""
    return frozenset(_FILE.read_text(encoding="ascii").partition("\n\n")[2].split())


def made_of_common_words(text: str) -> bool:
    """Whether lower-case letters run together, as in a hashtag, fall apart into common words."""
    ends = {0}
    for at in range(2, len(text) + 1):
        if any(at - size in ends and _is_part(text[at - size : at]) for size in range(2, min(at, _LONGEST) + 1)):
            ends.add(at)
    return len(text) in ends


def _is_part(word: str) -> bool:
    return word in _SHORT or word in _OF_HASHTAGS or (len(word) >= _LEAST and word in common_words())
