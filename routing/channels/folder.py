"""Shadow mode: messages are written into a folder instead of being sent; the default of every channel.

E-mail becomes `email-<message id>.eml`, everything else `<channel>-<message id>.txt`. A file is there
whole or not at all, and the same message always gives the same file; so the folder can prove what it
took, as long as the files stay where they are.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from domain.errors import Permanent
from domain.message import OutgoingMessage
from routing.channels._files import Draft, check_folder, draft, named_errors
from routing.channels._mime import compose, safe_id
from routing.channels.base import SHADOW, Channel, ChannelTable, Surroundings
from routing.plain import one_line, plain_text

SETTING = "channels.folder.path"
_CHANNEL = re.compile(r"[a-z][a-z0-9_]{0,39}")


class FolderSettings(ChannelTable):
    """Where messages are written while their channel is off (shadow mode)."""

    path: str = ".vigie/outbox"


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """`path` is made if it is missing; `sender` and `sender_name` stand in the From line of e-mails."""

    path: Path
    sender: str = ""
    sender_name: str = ""


class FolderChannel(Channel):
    """Writes files for a person to read."""

    name: ClassVar[str] = SHADOW
    channel: ClassVar[str] = SHADOW
    Settings: ClassVar[type[ChannelTable]] = FolderSettings
    carries_subject: ClassVar[bool] = True
    has_sender: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True

    def __init__(self, options: FolderOptions) -> None:
        self._options = options

    @classmethod
    def make(cls, settings: FolderSettings, around: Surroundings) -> Self:
        """Into the folder of the settings; From stays to be filled in."""
        return cls(FolderOptions(around.path(settings.path)))

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[Draft]:
        """Write everything but the name."""
        target = self._options.path / _file_name(message)
        content = self._content(message)
        with draft(target, content, SETTING) as written:
            yield written

    def lookup(self, message_id: str) -> bool | None:
        """Whether the file is there; without the folder nothing is proven."""
        name = safe_id(message_id)
        if not self._options.path.is_dir():
            return None
        with named_errors(self._options.path, SETTING):
            return any(True for _ in self._options.path.glob(f"[a-z]*-{name}.[et][mx][lt]"))

    def check(self) -> None:
        """Write and remove a file."""
        check_folder(self._options.path, SETTING)

    def _content(self, message: OutgoingMessage) -> bytes:
        if message.channel == "email":
            return compose(message, self._options.sender, self._options.sender_name)
        return _note(message, self._options.sender_name).encode("utf-8")


CHANNEL = FolderChannel


def _file_name(message: OutgoingMessage) -> str:
    if not _CHANNEL.fullmatch(message.channel):
        raise Permanent("the name of the channel cannot stand in a file name")
    return f"{message.channel}-{safe_id(message.id)}.{'eml' if message.channel == 'email' else 'txt'}"


def _note(message: OutgoingMessage, sender_name: str) -> str:
    told = {
        "Channel": message.channel,
        "From": sender_name or message.sender_name,
        "To": message.address,
        "Reply-To-Post": _post(message),
        "Language": message.language,
        "Date": dict(message.headers).get("Date", ""),
        "Subject": message.subject,
    }
    head = "".join(f"{name}: {one_line(value)}\n" for name, value in told.items() if value)
    return f"{head}\n{plain_text(message.body).rstrip()}\n"


def _post(message: OutgoingMessage) -> str:
    """Where the post is that a public reply answers: a person may post it there by hand."""
    post = message.extra.get("post")
    return str(post.get("url") or message.reply_to or "") if isinstance(post, Mapping) else ""
