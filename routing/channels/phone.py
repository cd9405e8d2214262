"""Telephone: a person of the team calls back. Handing over is putting the call on the list (`/callbacks`).

4,000 signs of script · no attachments · may write first · no window, no template · receipts: no, the caller says
whether the customer was reached · idempotent: a message has one call, however often it is handed over.
The slot lies inside the team's hours, in the brand's zone, and inside the customer's own window of contact.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import ClassVar, Self

from pydantic import Field, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.contact import Recipient
from domain.errors import Misconfigured, Permanent
from domain.message import OutgoingMessage
from routing.channels._mime import safe_id
from routing.channels._sms import number
from routing.channels.base import Channel, ChannelSettings, ChannelTable, Handed, Surroundings
from routing.plain import plain_text
from routing.recipient import recipient_of
from routing.slots import CallHours, next_slot
from storage import callbacks
from storage.brands import lock_brand
from storage.database import Database
from storage.tables import MessageRow

LONGEST = 4000
_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


class PhoneSettings(ChannelSettings):
    """Calls back by the team: when (in the brand's zone), how long a slot is, how many at once, how often tried."""

    hours: tuple[str, ...] = ("10:00-13:00", "14:00-18:00")
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    slot_minutes: int = Field(60, ge=5, le=480)
    lead_minutes: int = Field(30, ge=0, le=10_080)
    per_slot: int = Field(4, ge=1, le=1000)
    tries: int = Field(3, ge=1, le=10)

    @field_validator("hours")
    @classmethod
    def _spans(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for span in value:
            opens, _, closes = span.partition("-")
            if not _SPAN.fullmatch(span) or opens >= closes:
                raise ValueError(f"{span!r} is no span of a day; write it as 10:00-13:00")
        return value

    @field_validator("weekdays")
    @classmethod
    def _days(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(day not in range(7) for day in value):
            raise ValueError("weekdays are 0 (Monday) to 6 (Sunday), one at least")
        return value

    def call_hours(self) -> CallHours:
        """The same as the noun of `routing.slots`."""
        spans = tuple((time.fromisoformat(span[:5]), time.fromisoformat(span[6:])) for span in self.hours)
        length, lead = timedelta(minutes=self.slot_minutes), timedelta(minutes=self.lead_minutes)
        return CallHours(spans, frozenset(self.weekdays), length, lead, self.per_slot)


@dataclass(frozen=True, slots=True)
class _Ready:
    channel: "PhoneChannel"
    message_id: str
    script: str

    def hand_over(self) -> Handed:
        """Commit the call."""
        return self.channel.book(self.message_id, self.script)


class PhoneChannel(Channel):
    """Carries `phone`."""

    name: ClassVar[str] = "phone"
    channel: ClassVar[str] = "phone"
    Settings: ClassVar[type[ChannelTable]] = PhoneSettings
    max_length: ClassVar[int | None] = LONGEST
    has_sender: ClassVar[bool] = False
    idempotent: ClassVar[bool] = True

    def __init__(self, settings: PhoneSettings, around: Surroundings, database: Database) -> None:
        self._settings, self._around, self._database = settings, around, database

    @classmethod
    def make(cls, settings: PhoneSettings, around: Surroundings) -> Self:
        """Needs hours, and the database that the list stands in."""
        if not settings.hours or around.database is None:
            raise Misconfigured("channels.phone is on but has no hours in which calls are made")
        return cls(settings, around, around.database())

    @contextmanager
    def stage(self, message: OutgoingMessage) -> Iterator[_Ready]:
        """Look at the number, the script and the list."""
        number(message.address)
        script = plain_text(message.body).strip()
        if not 0 < len(script) <= LONGEST:
            raise Permanent(f"the script is empty or longer than {LONGEST} signs")
        self.lookup(safe_id(message.id))
        yield _Ready(self, message.id, script)

    def lookup(self, message_id: str) -> bool | None:
        """Whether the call is on the list."""
        with self._database.read() as session:
            row = session.scalars(select(MessageRow).filter_by(message_id=message_id)).one_or_none()
            return row is not None and callbacks.of_message(session, row.id) is not None

    def check(self) -> None:
        """Read the list."""
        self.lookup("check")

    def book(self, message_id: str, script: str) -> Handed:
        """Put the call on the list, in the first slot that is free; the call that is there already stays."""
        with self._database.begin() as session:
            row = session.scalars(select(MessageRow).filter_by(message_id=message_id)).one_or_none()
            if row is None:
                raise Permanent("the message of this call is gone")
            lock_brand(session, row.brand_id)
            if callbacks.of_message(session, row.id) is None:
                slot = self.slot(session, row)
                if slot is None:
                    raise Permanent("no slot for a call is free within 30 days")
                callbacks.plan(session, row, slot, script, self._around.now())
            return Handed(f"call of {message_id}"[:300])

    def slot(self, session: Session, row: MessageRow) -> tuple[datetime, datetime] | None:
        """The next time at which this customer can be called, in the caller's transaction."""
        now, policy = self._around.now(), self._around.policy(row.brand_id)
        who = Recipient("") if row.customer_key is None else recipient_of(session, row.brand_id, row.customer_key)
        booked = callbacks.booked(session, row.brand_id, now)
        return next_slot(now, self._settings.call_hours(), who, policy, booked)

    @property
    def tries(self) -> int:
        """How often a customer is called."""
        return self._settings.tries


CHANNEL = PhoneChannel
