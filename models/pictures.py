"""Emoji by their names in Unicode CLDR, as the library `emoji` knows them."""

import re
from collections.abc import Iterator

from domain.reading import Entity

MOST = 50  # in a text; who paints a page with them says no more
_PICTURES = re.compile(
    "[\u203c-\u3299\U0001f000-\U0001faff][\u200d\ufe0f\u20e3\u203c-\u3299\U0001f000-\U0001faff\U000e0020-\U000e007f]{0,200}"
)
_MANY = re.compile("[\u203c-\u3299\U0001f000-\U0001faff]")
_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")


def pictures(text: str) -> Iterator[Entity]:
    """One a kind and run: 😡😡😡 is one angry face. The tone of the skin is left out of the name."""
    if text.isascii() or not _MANY.search(text):
        return
    import emoji  # 80 ms, for texts that have one

    count = 0
    for run in _PICTURES.finditer(text):
        before = ""
        start = run.start()
        for one in emoji.emoji_list(run[0]):
            name = emoji.demojize(_TONE.sub("", one["emoji"]), delimiters=("", ""))
            if name != before:
                count += 1
                yield Entity("emoji", one["emoji"], start + one["match_start"], start + one["match_end"], name)
            before = name
            if count == MOST:
                return
