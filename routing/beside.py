"""The short word that goes out beside a message on another channel: that a message with the details is on its way.

It names the case and the other channel, nothing of what it is about. Texts: `templates/_beside.<language>.toml`.
"""

import tomllib
from functools import cache
from pathlib import Path
from string import Template

from domain.errors import Misconfigured
from routing.plain import one_line

FOLDER = Path(__file__).with_name("templates")
LONGEST = {"brand": 40, "reference": 24}


def beside(language: str, brand: str, reference: str, main_channel: str, otherwise: str = "en") -> str:
    """The text, of at most 160 characters or so; a language without one is replaced by `otherwise`, then by English."""
    for wanted in (language, otherwise, "en"):
        texts = _texts(wanted.replace("_", "-").partition("-")[0].lower())
        if texts is not None:
            values = {
                "brand": one_line(brand)[: LONGEST["brand"]] or texts["nobody"],
                "reference": one_line(reference)[: LONGEST["reference"]],
                "where": texts.get(main_channel, texts["other"]),
            }
            return one_line(Template(texts["text"]).substitute(values))
    raise Misconfigured("routing/templates/_beside.en.toml is missing")


@cache
def _texts(language: str) -> dict[str, str] | None:
    path = FOLDER / f"_beside.{language}.toml"
    if not language.isalpha() or not path.is_file():
        return None
    return {name: str(text) for name, text in tomllib.loads(path.read_text(encoding="utf-8")).items()}
