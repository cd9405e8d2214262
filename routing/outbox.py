"""Delivering the outbox: each message handed over at most once, whatever dies in between.

claim ─▶ recheck ─▶ stage at the provider ─▶ recheck, commit "handing over" ─▶ hand over ─▶ commit the answer
No transaction is open while a provider is spoken to. A process that dies before "handing over" is
committed leaves a reserved message; one that dies after it leaves an unconfirmed one (`sweep`), which is
never sent again unless the channel can prove that it did not go out, or a person says so.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from email.utils import format_datetime

from sqlalchemy.orm import Session

from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import MessageState, OutgoingMessage
from routing import in_place
from routing.channels.base import (
    AddressRefused,
    Carriers,
    Channel,
    Gone,
    Handed,
    OptedOut,
    Staged,
    Unanswered,
    Unavailable,
)
from routing.seal import unsealed
from storage import messages, outages, receipts, switches
from storage.database import Database
from storage.tables import BrandRow, MessageRow

Trouble = Transient | Permanent | Uncertain | Misconfigured
ROBOT = "vigie"
NOT_CARRIED = timedelta(hours=1)  # how long a message waits before it is asked again who carries it
WINDOW_MARGIN = timedelta(minutes=5)  # a window that closes on the way is closed


@dataclass(frozen=True, slots=True)
class Cancel:
    """This message must not go out any more. `then` is what its case waits for: `pending` is decided again, `person`
    and `never` say what they say, "" leaves it as it is.
    """

    reason: str
    then: str = "never"


@dataclass(frozen=True, slots=True)
class Hold:
    """This message must wait and be looked at again; `until` is aware."""

    reason: str
    until: datetime


Recheck = Callable[[Session, MessageRow], Cancel | Hold | None]


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after each failed attempt: doubling, at least what the provider asks, a day at most."""

    first_seconds: float = 60.0
    cap_seconds: float = 86_400.0

    def after(self, attempts: int, retry_after: float | None) -> timedelta:
        """The wait after that many failed attempts (1 or more)."""
        doubled = self.first_seconds * 2.0 ** min(attempts - 1, 30)
        return timedelta(seconds=min(max(doubled, retry_after or 0.0), self.cap_seconds))


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the messages that were due. `lost` ones were taken over by another process.

    `errors` names channels that cannot work now, one line each; their messages stay reserved.
    """

    handed_over: int = 0
    retried: int = 0
    failed: int = 0
    unconfirmed: int = 0
    cancelled: int = 0
    held: int = 0
    lost: int = 0
    errors: tuple[str, ...] = ()

    def __add__(self, other: "Delivered") -> "Delivered":
        sums = {name.name: getattr(self, name.name) + getattr(other, name.name) for name in fields(self)}
        return Delivered(**{**sums, "errors": tuple(dict.fromkeys(sums["errors"]))})


def deliver(
    database: Database,
    carriers: Carriers,
    recheck: Recheck,
    now: Callable[[], datetime],
    *,
    batch: int = 50,
    lease_seconds: float = 120.0,
    max_attempts: int = 8,
    backoff: Backoff | None = None,
    template: str | None = None,
) -> Delivered:
    """Hand over everything that is due, claiming `batch` messages at a time, until nothing is left.

    With `template` only messages of that template.

    `recheck` is asked before the provider is engaged and again in the transaction that commits "handing
    over": consent, objection, suppression, quiet hours. Run `storage.claims.release_dead` and `sweep`
    before, so that what a dead process held is not waited for.
    """
    backoff = backoff or Backoff()
    return _Outbox(database, carriers, recheck, now, batch, lease_seconds, max_attempts, backoff, template).run()


def sweep(database: Database, carriers: Carriers, now: Callable[[], datetime]) -> list[str]:
    """Mark what dead processes were handing over as unconfirmed; returns the ids that a person must look at.

    Where the channel can prove that a message arrived, it counts as handed over; where it can prove that
    it did not and would not deliver it twice, it is reserved again.
    """
    with database.begin() as session:
        for message in messages.unconfirmed_sweep(session, now()):
            receipts.settle(session, message.id, now())
        open_ends = messages.unconfirmed(session)
    return [message.message_id for message in open_ends if not _resolved(database, carriers, message, now)]


def _resolved(database: Database, carriers: Carriers, message: MessageRow, now: Callable[[], datetime]) -> bool:
    carrier = carriers.of_brand(message.brand_id).named(message.via)
    found = None if carrier is None else _look_up(carrier, message.message_id)
    if carrier is None or found is None or not (found or carrier.idempotent):
        return False
    with database.begin() as session:
        return messages.resolve_unconfirmed(session, message.message_id, found, f"{ROBOT}:{carrier.name}", now())


def _look_up(carrier: Channel, message_id: str) -> bool | None:
    try:
        return carrier.lookup(message_id)
    except (Transient, Misconfigured):
        return None  # no proof today; the message stays in a person's sight


@dataclass
class _Outbox:
    database: Database
    carriers: Carriers
    recheck: Recheck
    now: Callable[[], datetime]
    batch: int
    lease_seconds: float
    max_attempts: int
    backoff: Backoff
    template: str | None = None
    stopped: dict[str, str] = field(default_factory=dict)

    def run(self) -> Delivered:
        total = Delivered()
        while claimed := self._claim():
            for place, message in enumerate(claimed):
                try:
                    total += self._deliver(message)
                except BaseException:
                    self._leave(*claimed[place + 1 :])
                    raise
        return total + Delivered(errors=tuple(self.stopped.values()))

    def _claim(self) -> list[MessageRow]:
        with self.database.begin() as session:
            return messages.due(session, self.now(), self.batch, self.lease_seconds, self.stopped, self.template)

    def _leave(self, *claimed: MessageRow) -> Delivered:
        """What was claimed and not begun is free for others at once."""
        with self.database.begin() as session:
            for message in claimed:
                messages.give_back(session, message)
        return Delivered()

    def _deliver(self, message: MessageRow) -> Delivered:
        if message.channel in self.stopped:
            return self._leave(message)
        try:
            carrier = self.carriers.of_brand(message.brand_id).of(message.channel)
        except Misconfigured as error:
            return self._hold(message, error)
        letter = self._prepare(message, carrier)
        if isinstance(letter, Delivered):
            return letter
        with ExitStack() as engaged:
            staged = self._stage(message, carrier, letter, engaged)
            if isinstance(staged, Delivered):
                return staged
            refused = self._commit_handing_over(message, carrier)
            return refused or self._hand_over(message, staged)

    def _hold(self, message: MessageRow, error: Misconfigured) -> Delivered:
        """Nobody carries this brand's messages here: they wait, those of other brands go on."""
        with self.database.begin() as session:
            done = messages.put_back(session, message, self.now() + NOT_CARRIED, str(error), self.now(), tried=False)
        return Delivered(held=1, errors=(f"{message.channel}: {error}",)) if done else Delivered(lost=1)

    def _prepare(self, message: MessageRow, carrier: Channel) -> OutgoingMessage | Delivered:
        with self.database.begin() as session:
            refused = self._refused(session, message, self.lease_seconds)
            if refused is not None:
                return refused
            letter = outgoing(message, session.get_one(BrandRow, message.brand_id).name or "")
            letter = self._with_window(session, message, carrier, letter)
            return in_place.placed(session, message, unsealed(session, message, letter))

    def _with_window(
        self, session: Session, message: MessageRow, carrier: Channel, letter: OutgoingMessage
    ) -> OutgoingMessage:
        """With the word whether the provider's window is open, for channels that have one."""
        if carrier.window_hours is None or message.customer_key is None:
            return letter
        heard = messages.last_heard(session, message.brand_id, message.customer_key, message.channel)
        closes = None if heard is None else heard + timedelta(hours=carrier.window_hours) - WINDOW_MARGIN
        return replace(letter, extra={**letter.extra, "window_open": closes is not None and self.now() < closes})

    def _stage(
        self, message: MessageRow, carrier: Channel, letter: OutgoingMessage, engaged: ExitStack
    ) -> Staged | Delivered:
        try:
            return engaged.enter_context(carrier.stage(letter))
        except (Misconfigured, Unavailable) as error:
            return self._stop(message, error)
        except (Transient, Permanent) as error:
            return self._settle(message, error)
        except Exception as error:
            self._settle(message, Transient(f"unexpected {type(error).__name__} before handing over"))
            raise

    def _commit_handing_over(self, message: MessageRow, carrier: Channel) -> Delivered | None:
        """The commit after which this message is never sent again without proof or a person."""
        with self.database.begin() as session:
            refused = self._refused(session, message, max(self.lease_seconds, 2 * carrier.hand_over_seconds))
            if refused is None:
                at = self.now()
                kept = {"lease_owner": message.lease_owner, "lease_until": message.lease_until}
                begun = {"handing_over_at": at, "via": carrier.name, **kept}
                messages.mark(session, message, MessageState.HANDING_OVER, at, begun)
            return refused

    def _hand_over(self, message: MessageRow, staged: Staged) -> Delivered:
        try:
            answer: Handed | Trouble = staged.hand_over()
        except (Misconfigured, Unavailable) as error:
            return self._stop(message, error)
        except (Transient, Permanent, Uncertain) as error:
            answer = error
        except Exception as error:
            self._settle(message, Uncertain(f"unexpected {type(error).__name__} while handing over"))
            raise
        return self._settle(message, answer)

    def _settle(self, message: MessageRow, answer: Handed | Trouble) -> Delivered:
        """Commit what the provider said."""
        with self.database.begin() as session:
            match answer:
                case Handed(provider_id):
                    return self._handed_over(session, message, provider_id)
                case Uncertain():
                    done = self._mark(session, message, MessageState.UNCONFIRMED, str(answer))
                    return Delivered(unconfirmed=1) if done else Delivered(lost=1)
                case Transient() if message.attempts + 1 < self.max_attempts:
                    return self._try_later(session, message, answer)
                case Gone():
                    done = messages.mark(session, message, MessageState.CANCELLED, self.now(), reason=str(answer))
                    return Delivered(cancelled=1) if done else Delivered(lost=1)
                case Unanswered():
                    done = self._mark(session, message, MessageState.UNCONFIRMED, str(answer))
                    return Delivered(unconfirmed=1) if done else Delivered(lost=1)
                case _:
                    return self._fail(session, message, answer)

    def _handed_over(self, session: Session, message: MessageRow, provider_id: str) -> Delivered:
        at = self.now()
        told = {"handed_over_at": at, "provider_id": provider_id[:300] or None, "attempts": message.attempts + 1}
        if not messages.mark(session, message, MessageState.HANDED_OVER, at, told):
            messages.came_through(session, message.id, at, provider_id[:300] or None)
        receipts.settle(session, message.id, at)  # its provider may have been quicker than this commit
        return Delivered(handed_over=1)

    def _try_later(self, session: Session, message: MessageRow, answer: Transient) -> Delivered:
        wait = self.backoff.after(message.attempts + 1, answer.retry_after)
        at = self.now()
        done = messages.put_back(session, message, at + wait, str(answer), at, tried=True)
        return Delivered(retried=1) if done else Delivered(lost=1)

    def _fail(self, session: Session, message: MessageRow, answer: Trouble) -> Delivered:
        if isinstance(answer, AddressRefused) and message.address:
            why = "stop" if isinstance(answer, OptedOut) else "hard_bounce"
            messages.suppress(session, message.brand_id, message.channel, message.address, why, self.now())
        done = self._mark(session, message, MessageState.FAILED, str(answer))
        return Delivered(failed=1) if done else Delivered(lost=1)

    def _mark(self, session: Session, message: MessageRow, state: MessageState, reason: str) -> bool:
        tried = {"attempts": message.attempts + 1}
        return messages.mark(session, message, state, self.now(), tried, reason=reason)

    def _stop(self, message: MessageRow, error: Misconfigured | Unavailable) -> Delivered:
        """Leave this channel alone for the rest of the run; its messages lose no attempt."""
        self.stopped[message.channel] = f"{message.channel}: {error}"
        if isinstance(error, Misconfigured) and message.state == MessageState.RESERVED:
            return self._leave(message)
        retry_after = error.retry_after if isinstance(error, Unavailable) else None
        at = self.now()
        wait = self.backoff.after(1, retry_after)
        with self.database.begin() as session:
            messages.put_back(session, message, at + wait, str(error), at, tried=False)
            if isinstance(error, Unavailable):
                outages.note_outage(session, message.brand_id, message.channel, at)
        return Delivered(retried=1)

    def _refused(self, session: Session, message: MessageRow, lease_seconds: float) -> Delivered | None:
        """Whether this process may still let this message go, asked in the transaction that would do so."""
        at = self.now()
        if not messages.renew(session, message, at + timedelta(seconds=lease_seconds)):
            return Delivered(lost=1)
        if switches.why_shut(session, message.brand_id, message.channel) is not None:
            messages.give_back(session, message)
            return Delivered(held=1)
        if message.expires_at is not None and message.expires_at <= at:
            messages.expire_one(session, message, at)
            return Delivered(cancelled=1)
        erased = None if message.address and message.body else Cancel("its address or text was erased")
        gone = in_place.bars(session, message)
        match erased or (Cancel(gone) if gone else None) or self.recheck(session, message):
            case Cancel(reason, then):
                messages.cancel(session, message, reason, then, at)
                return Delivered(cancelled=1)
            case Hold(reason, until):
                later = max(until, at + timedelta(seconds=1))
                messages.put_back(session, message, later, reason, at, tried=False)
                return Delivered(held=1)
        return None


def outgoing(row: MessageRow, brand_name: str) -> OutgoingMessage:
    """What the channel gets to see. The date is when the message was due, so that a rerun writes the same."""
    return OutgoingMessage(
        id=row.message_id,
        brand_id=row.brand_id,
        case_id=str(row.case_id),
        channel=row.channel,
        address=row.address or "",
        language=row.language,
        subject=row.subject or "",
        body=row.body or "",
        sender_name=brand_name,
        headers=(("Date", format_datetime(row.send_after)),),
        reply_to=row.reply_to,
        extra={**row.extra, "template": row.template},
    )
