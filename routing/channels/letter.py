"""Letters: a PDF each in a print folder, for French window envelopes.

12,000 signs · no attachments · may write first · no window, no template · receipts: no · idempotent: the same message
is the same file, `letter-<message id>.pdf`; who prints must copy it and leave it there, for it is the proof that it
was handed over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import StringConstraints

from domain.message import OutgoingMessage
from routing.channels._files import Draft, check_folder, draft, named_errors
from routing.channels._mime import safe_id
from routing.channels.base import Channel, ChannelSettings, ChannelTable, Surroundings

LONGEST = 12_000
SETTING = "channels.letter.path"
Line = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]


class LetterSettings(ChannelSettings):
    """Letters to be printed. `sender` has the lines of the letterhead, `place` stands before the date."""

    path: str = ".vigie/letters"
    sender: tuple[Line, ...] = ()
    place: str = ""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes: lines above, on the left; `place` stands before the date."""

    lines: tuple[str, ...] = ()
    place: str = ""


class LetterChannel(Channel):
    """Carries `letter`; the address has a line for each of its own, the name first."""

    name: ClassVar[str] = "letter"
    channel: ClassVar[str] = "letter"
    Settings: ClassVar[type[ChannelTable]] = LetterSettings
    max_length: ClassVar[int | None] = LONGEST
    carries_subject: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True

    def __init__(self, path: Path, head: Letterhead) -> None:
        self._path, self._head = path, head

    @classmethod
    def make(cls, settings: LetterSettings, around: Surroundings) -> Self:
        """Into the folder of the settings."""
        return cls(around.path(settings.path), Letterhead(settings.sender, settings.place))

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Draft]:
        """Write everything but the name."""
        from routing.channels._paper import sheet  # what makes PDFs takes a second to load

        target = self._path / f"letter-{safe_id(message.id)}.pdf"
        content = sheet(message, self._head, _date(message))
        with draft(target, content, SETTING) as written:
            yield written

    def lookup(self, message_id: str) -> bool | None:
        """Whether the file is there; without the folder nothing is proven."""
        if not self._path.is_dir():
            return None
        with named_errors(self._path, SETTING):
            return (self._path / f"letter-{safe_id(message_id)}.pdf").exists()

    def check(self) -> None:
        """Write and remove a file."""
        check_folder(self._path, SETTING)


CHANNEL = LetterChannel


def _date(message: OutgoingMessage) -> datetime | None:
    written = dict(message.headers).get("Date")
    return None if written is None else parsedate_to_datetime(written).astimezone(UTC)
