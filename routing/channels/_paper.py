"""A letter as a sheet of A4 for French window envelopes (DL and C5/6, folded in three).

The address stands in the frame that the window shows wherever the sheet slides: 110 mm from the left, 55 mm from the
top, 85 mm wide, 33 mm high. Lines as NF Z10-011 wants them: six at most (a seventh for the country), 38 signs each,
flush left, the last three (street, town, country) in capitals without accents and punctuation.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib import resources

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from domain.errors import Permanent
from domain.message import OutgoingMessage
from routing.channels._mime import safe_id
from routing.channels.base import AddressRefused
from routing.channels.letter import LONGEST, Letterhead
from routing.plain import one_line, plain_text

WINDOW_LEFT, WINDOW_TOP, WINDOW_WIDTH, WINDOW_HEIGHT = 110.0, 55.0, 85.0, 33.0
MARGIN, BODY_TOP, FOLDS = 20.0, 100.0, (99.0, 198.0)
LINE_SIGNS, MOST_LINES, FEWEST_LINES = 38, 7, 3
SIZE, LINE, ADDRESS_LINE = 10.0, 4.7, 4.5  # points, mm
UNKNOWN = "\ufffd"
MONTHS = {
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
    "en": "January February March April May June July August September October November December".split(),
}
_FONT = resources.files("routing.channels").joinpath("fonts/DejaVuSans.ttf")


def address_lines(address: str) -> tuple[str, ...]:
    """The lines of a postal address as they are printed. Raises AddressRefused, Permanent for one that is too long."""
    lines = address.split("\n")
    if not len(lines) >= FEWEST_LINES or any(one_line(line) != line or not line for line in lines):
        raise AddressRefused("the address has not the lines of a postal address")
    if not any(re.search(r"\d", line) for line in lines[1:]):
        raise AddressRefused("the address has neither a number nor a postal code")
    printed = [line for place, line in enumerate(lines) for line in _wrapped(_printed(line, place))]
    if len(printed) > MOST_LINES:
        raise Permanent(f"the address takes more than {MOST_LINES} lines of {LINE_SIGNS} signs")
    return tuple(printed)


def sheet(message: OutgoingMessage, head: Letterhead, at: datetime | None) -> bytes:
    """The PDF; the same message gives the same bytes."""
    lines, text = address_lines(message.address), plain_text(message.body).strip()
    if not 0 < len(text) <= LONGEST:
        raise Permanent(f"the text of the letter is empty or longer than {LONGEST} signs")
    paper = _Paper(format="A4", unit="mm")
    paper.set_creation_date(at or datetime(2000, 1, 1))  # noqa: DTZ001  a PDF without a date is not the same twice
    paper.set_margins(MARGIN, MARGIN, MARGIN)
    paper.set_auto_page_break(True, MARGIN)
    paper.add_font("letter", fname=str(_FONT))
    paper.set_font("letter", size=SIZE)
    paper.set_title(f"Letter {safe_id(message.id)}")
    paper.add_page()
    _block(paper, MARGIN, MARGIN, head.lines or (one_line(message.sender_name),))
    _block(paper, WINDOW_LEFT, WINDOW_TOP + 1, lines, ADDRESS_LINE)
    _fold_marks(paper)
    _body(paper, message, head.place, at, text)
    return bytes(paper.output())


class _Paper(FPDF):
    def footer(self) -> None:
        """The number of the page, from the second on."""
        if self.page_no() > 1:
            self.set_y(-15)
            self.cell(0, LINE, str(self.page_no()), align="R")


def _block(paper: FPDF, left: float, top: float, lines: Sequence[str], step: float = LINE) -> None:
    for place, line in enumerate(lines):
        paper.set_xy(left, top + place * step)
        paper.cell(WINDOW_WIDTH, step, _shown(line))


def _fold_marks(paper: FPDF) -> None:
    for height in FOLDS:
        paper.line(4, height, 8, height)


def _body(paper: FPDF, message: OutgoingMessage, place: str, at: datetime | None, text: str) -> None:
    paper.set_y(BODY_TOP)
    if at is not None:
        paper.cell(0, LINE, _shown(_dated(message.language, place, at)), align="R")
        paper.ln(2 * LINE)
    subject = one_line(message.subject)[:300]
    for part in (subject, text):
        if part:
            paper.multi_cell(0, LINE, _shown(part), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            paper.ln(LINE)


def _dated(language: str, place: str, at: datetime) -> str:
    months = MONTHS.get(language[:2].lower(), MONTHS["en"])
    day = "1er" if at.day == 1 and months is MONTHS["fr"] else str(at.day)
    date = f"{day} {months[at.month - 1]} {at.year}"
    lead = f"{one_line(place)}, " if place else ""
    return lead + (f"le {date}" if months is MONTHS["fr"] else date)


def _printed(line: str, place: int) -> str:
    """The name as it is written; below it capitals without accents and punctuation, so that machines can read it."""
    if place == 0:
        return line
    bare = unicodedata.normalize("NFKD", line.replace("œ", "oe").replace("Œ", "OE"))
    capitals = "".join(sign for sign in bare if not unicodedata.combining(sign)).upper()
    return re.sub(r"\s+", " ", re.sub(r"[^\w/ ]+|_", " ", capitals)).strip()


def _wrapped(line: str) -> list[str]:
    """The line cut at words to 38 signs; a longer word is cut itself."""
    found: list[str] = []
    for word in line.split():
        while len(word) > LINE_SIGNS:
            found.append(word[:LINE_SIGNS])
            word = word[LINE_SIGNS:]
        if found and len(found[-1]) + 1 + len(word) <= LINE_SIGNS:
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def _shown(text: str) -> str:
    """What the font cannot show is shown as a sign that says so."""
    known = _known()
    return "".join(sign if ord(sign) in known or sign == "\n" else " " if sign == "\t" else UNKNOWN for sign in text)


@cache
def _known() -> frozenset[int]:
    with resources.as_file(_FONT) as path, TTFont(path, lazy=True) as font:
        return frozenset(font.getBestCmap())
