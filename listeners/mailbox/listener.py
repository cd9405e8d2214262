"""The brand's mailbox, by IMAP: what customers write, and what they answer to messages of ours.

    cursor = {"version": 1, "validity": "1700000000", "uid": 4711, "at": "2026-11-02T10:00:00+00:00"}

A server numbers the mails of a folder upwards, as long as its UIDVALIDITY stays the same. When it has changed,
that is told as a gap and the folder is read again; a mail is stored once by its Message-ID. Nothing is marked
as read, moved or deleted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from domain.errors import BadInput, Misconfigured, Transient
from domain.post import Batch, Cursor, Delete, Event, Gap, Post, Rejected, Upsert
from listeners.api import utc_now
from listeners.base import Around, Budget, Known, ListenerSettings, Meter, Source
from listeners.mailbox.mime import reduced
from listeners.mailbox.posts import NETWORK, mail_post
from listeners.mailbox.session import LOCAL_HOSTS, Access, Session
from listeners.values import BadRow

PAGE_SIZE = 20
CURSOR_VERSION = 1
RAW_LIMIT = 10_000
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
OVERLAP = timedelta(days=1)  # SINCE knows days only, of no time zone


class MailboxSettings(ListenerSettings):
    """One mailbox; off without a host. The password comes from the environment variable named here.

    `trusted_authserv` is the name by which the operator's own mail server signs its `Authentication-Results`.
    `brand` says whose mailbox it is, where an installation has several brands.
    """

    host: str = ""
    port: int = Field(993, ge=1, le=65535)
    security: Literal["tls", "starttls", "none"] = "tls"
    username: str = ""
    password_env: str = ""
    folder: str = "INBOX"
    trusted_authserv: str = ""
    brand: str = ""
    first_run_days: float = Field(30.0, gt=0, le=36500)
    timeout_seconds: float = Field(30.0, gt=0, le=300)
    max_mails: int = Field(2000, ge=1)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a folder was read up to."""

    validity: str | None = None
    uid: int = 0
    at: datetime | None = None

    @classmethod
    def read(cls, cursor: Cursor | None) -> "_Place":
        """Raises `BadInput`."""
        if not cursor:
            return cls()
        try:
            return cls(str(cursor["validity"]), int(cursor["uid"]), datetime.fromisoformat(cursor["at"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(f"the stored cursor of a listener is broken ({error!r}); remove it") from error

    def cursor(self, now: datetime) -> dict[str, Any]:
        return {"version": CURSOR_VERSION, "validity": self.validity, "uid": self.uid, "at": now.isoformat()}


class MailboxListener:
    """One account on one server; the query is the folder. `clock` says how far back a first run goes."""

    network: ClassVar[str] = NETWORK
    section: ClassVar[str] = "mailbox"
    Settings: ClassVar[type[ListenerSettings]] = MailboxSettings

    def __init__(
        self,
        access: Access,
        *,
        folder: str = "INBOX",
        trusted: str = "",
        first_run_days: float = 30.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        if access.security == "none" and access.host not in LOCAL_HOSTS:
            raise Misconfigured("listeners.mailbox.security: no password goes over a connection without TLS")
        if access.security == "starttls" and access.port == 993:
            raise Misconfigured("listeners.mailbox: port 993 speaks TLS at once; STARTTLS is for port 143")
        if not all(text.isprintable() for text in (access.host, access.username, access.password, folder)):
            raise Misconfigured("listeners.mailbox: host, username, password or folder holds a control character")
        self.name = f"mailbox {access.host}"
        self._access, self._folder, self._trusted = access, folder, trusted
        self._first_run = timedelta(days=first_run_days)
        self._clock = clock

    @classmethod
    def sources(cls, settings: MailboxSettings, around: Around) -> Iterator[Source]:
        """The one folder. Raises `Misconfigured` without a user or a password."""
        if not settings.host or settings.brand not in ("", around.brand.id):
            return
        password = around.secret(settings.password_env) if settings.password_env else None
        if not settings.username or not password:
            raise Misconfigured("listeners.mailbox: set username, and password_env to a variable with the password")
        access = Access(
            settings.host, settings.username, password, settings.port, settings.security, settings.timeout_seconds
        )
        listener = cls(
            access,
            folder=settings.folder,
            trusted=settings.trusted_authserv,
            first_run_days=settings.first_run_days,
            clock=around.now,
        )
        budget = Budget(max_requests=settings.max_mails, max_posts=settings.max_mails)
        yield Source(listener.name, settings.folder, listener, budget, verifies=False)

    def check(self) -> str:
        """How many mails the folder holds."""
        with closing(Session(self._access, self._folder, self._access.timeout_seconds)) as session:
            return f"{session.count} mails in {self._folder}"

    def close(self) -> None:
        """Nothing stays open."""

    def pull(self, query: str, cursor: Cursor | None, budget: Budget) -> Iterator[Batch]:
        """Mails in the order of their numbers. Raises `Transient`, `Permanent`."""
        place, meter = _Place.read(cursor), Meter(budget)
        with closing(Session(self._access, query, meter.seconds_left)) as session:
            validity = session.validity.decode("ascii", "replace")
            lost = self._gap(place, validity)
            place = _Place(validity, 0, place.at) if lost else replace(place, validity=validity)
            waiting = [uid for uid in session.uids(self._criteria(place), meter.seconds_left) if uid > place.uid]
            yield from self._batches(session, place, waiting, lost, meter)

    def verify(self, ids: Iterable[Known]) -> Iterator[Delete]:
        """Nothing: a mail that was received was said, also when somebody tidies the mailbox."""
        return iter(())

    @staticmethod
    def remap(raw: Mapping[str, Any]) -> Post:
        """The post of a stored mail. Raises `BadRow`."""
        return mail_post(raw)

    def _gap(self, place: _Place, validity: str) -> list[Event]:
        if place.validity in (None, validity):
            return []
        now = self._clock()
        return [Gap(NETWORK, min(place.at or now, now), now, "the server has numbered its mails anew (UIDVALIDITY)")]

    def _criteria(self, place: _Place) -> str:
        """All after the last one; where no number is known, all that came since a day."""
        if place.uid:
            return f"UID {place.uid + 1}:*"  # the last mail of all fits always, whatever its number
        first = self._clock() - self._first_run
        since = min(first, place.at or first) - OVERLAP
        return f"SINCE {since.day:02}-{MONTHS[since.month - 1]}-{since.year}"

    def _batches(
        self, session: Session, place: _Place, waiting: Sequence[int], lost: list[Event], meter: Meter
    ) -> Iterator[Batch]:
        told = False
        while not meter.spent:
            page = waiting[: min(PAGE_SIZE, meter.posts_left)]
            meter.requests += 1
            meter.posts += len(page)
            try:
                events, rejected = self._page(session, page, meter)
            except Transient:
                if told and meter.seconds_left <= 0:
                    return  # it is the budget's deadline that cut this page off; the next pull begins with it
                raise
            waiting, place = waiting[len(page) :], replace(place, uid=max(page, default=place.uid))
            cursor = place.cursor(self._clock())
            yield Batch([*lost, *events], rejected, cursor, complete=not waiting, cost=float(len(page) or 1))
            lost, told = [], True
            if not waiting:
                return

    def _page(self, session: Session, page: Sequence[int], meter: Meter) -> tuple[list[Upsert], list[Rejected]]:
        events: list[Upsert] = []
        rejected: list[Rejected] = []
        for uid in page:
            mail = session.mail(uid, meter.seconds_left)
            if mail is None:
                continue
            try:
                raw = reduced(mail.content, mail.received or self._clock(), self._trusted)
                events.append(Upsert(mail_post(raw), raw))
            except BadRow as error:
                rejected.append(Rejected(NETWORK, str(error), mail.content[:RAW_LIMIT].decode("latin-1")))
        return events, rejected


LISTENER = MailboxListener
