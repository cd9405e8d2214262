"""The exchange with one outside desk: every case there once, states and comments both ways.

    new case    ─▶ row ─▶ "opening" committed ─▶ open ─▶ its number committed
    each ticket ─▶ read it ─▶ comments in ─▶ agree on the state (one transaction) ─▶ tell what is new ─▶ comments out
No transaction is open while the desk is spoken to. A process that dies after "opening" leaves a ticket that may be
there: the next run looks for it by its reference before it opens another, and where the desk cannot tell, a person is
asked. One process at a time exchanges with a desk, for one brand; what it last knew lies in the ticket's row.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from domain.errors import Misconfigured, Permanent, Transient, Uncertain, VigieError
from routing.desks import words
from routing.desks.base import Busy, Comment, Desk, DeskState, Remote, Ticket
from routing.desks.taking import settle, take_comment
from routing.desks.words import DeskRules
from storage import cases, desks
from storage.brands import lock_brand
from storage.claims import hold, let_go
from storage.database import Database
from storage.listening import load_cursor, pause_cursor, save_cursor
from storage.tables import CaseRow, DeskCommentRow, DeskTicketRow

OVERLAP = timedelta(minutes=5)
SETTLED = timedelta(minutes=5)
LATER, MUCH_LATER = timedelta(minutes=5), timedelta(hours=1)
GIVE_UP = 3
GONE = "the ticket is gone in the desk"
UNKNOWN = "nobody knows whether the ticket was made: it is looked for again"
TAKEN = "the desk gave us the ticket of another case: is the prefix used by another installation?"


@dataclass(frozen=True, slots=True)
class Synced:
    """What an exchange did. `problems` need a person; `errors` stopped it, one line each."""

    opened: int = 0
    told: int = 0
    taken: int = 0
    comments_in: int = 0
    comments_out: int = 0
    left: int = 0
    problems: int = 0
    errors: tuple[str, ...] = ()
    retry_at: datetime | None = None

    def __add__(self, other: "Synced") -> "Synced":
        sums = {one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)[:-1]}
        return Synced(**sums, retry_at=other.retry_at or self.retry_at)


def sync_desk(
    database: Database,
    brand_id: str,
    desk: Desk,
    rules: DeskRules,
    now: Callable[[], datetime],
    *,
    batch: int = 200,
    lease_seconds: float = 120.0,
) -> Synced:
    """Exchange everything once: what changed there, what is new here, `batch` new cases and tickets at most."""
    sync = _Sync(database, brand_id, desk, rules, now, batch, lease_seconds)
    with sync.held() as mine:
        return sync.run() if mine else Synced(left=1, errors=(f"{desk.name}: another process is at it",))


@dataclass(frozen=True, slots=True)
class _Place:
    """A ticket and its case as they stood when they were last read."""

    key: int
    remote_id: str | None
    opening: bool
    looks: bool
    troubled: bool
    erased: bool
    case_open: bool
    ticket: Ticket
    revision: int


@dataclass(frozen=True, slots=True)
class _News:
    """What the desk is to be told: the case as it was when both sides agreed; `state` is None where it holds."""

    ticket: Ticket
    state: DeskState | None
    revision: int


@dataclass
class _Sync:
    database: Database
    brand_id: str
    desk: Desk
    rules: DeskRules
    now: Callable[[], datetime]
    batch: int
    lease_seconds: float
    failed_in_a_row: int = 0
    done: set[int] = field(default_factory=set)

    @contextmanager
    def held(self) -> Iterator[bool]:
        with self.database.begin() as session:
            mine = self._hold(session)
        try:
            yield mine
        finally:
            if mine:
                with self.database.begin() as session:
                    let_go(session, self._lease)

    @property
    def _lease(self) -> str:
        return f"desk:{self.brand_id}:{self.desk.name}"

    @property
    def _cursor(self) -> str:
        return f"desk {self.desk.name}"

    @property
    def _kinds(self) -> tuple[str, ...]:
        apart = (desks.OPENED,) if self.desk.body_apart else ()
        return (desks.MERGED, *apart, *((desks.NOTE,) if self.rules.tells_notes else ()))

    def _hold(self, session: Session) -> bool:
        return hold(session, self._lease, self.now(), self.lease_seconds)

    def run(self) -> Synced:
        waits = self._waits_until()
        if waits is not None:
            return Synced(left=1, retry_at=waits, errors=(f"{self.desk.name} waits until {waits:%Y-%m-%d %H:%M} UTC",))
        total = Synced()
        try:
            self._look_for_changes()
            self._begin_new()
            while len(self.done) < self.batch and (keys := self._waiting()):
                for key in keys:
                    self.done.add(key)
                    total += self._one(key)
        except (Busy, Misconfigured, _Trouble) as error:
            return total + self._stop(error)
        return total

    def _waits_until(self) -> datetime | None:
        with self.database.read() as session:
            row = load_cursor(session, self.brand_id, self._cursor, "")
        return row.retry_at if row is not None and row.retry_at is not None and row.retry_at > self.now() else None

    def _stop(self, error: VigieError) -> Synced:
        """The whole desk waits: as long as it asks, an hour where a person has to mend something."""
        wait = MUCH_LATER if isinstance(error, Misconfigured) else LATER
        if isinstance(error, Transient) and error.retry_after is not None:
            wait = timedelta(seconds=min(error.retry_after, 86_400.0))
        now = self.now()
        with self.database.begin() as session:
            pause_cursor(session, self.brand_id, self._cursor, "", str(error), now + wait, now)
        return Synced(left=1, errors=(f"{self.desk.name}: {error}",), retry_at=now + wait)

    def _look_for_changes(self) -> None:
        began = self.now()
        with self.database.read() as session:
            row = load_cursor(session, self.brand_id, self._cursor, "")
            since = row.cursor.get("since") if row is not None else None
        if since is not None and self.desk.readable:
            try:
                found = list(
                    {remote.remote_id for remote in self.desk.changed(datetime.fromisoformat(since) - OVERLAP)}
                )
            except (Permanent, Transient) as error:
                raise error if isinstance(error, Busy) else _Trouble(str(error)) from error
            for start in range(0, len(found), 500):
                with self.database.begin() as session:
                    desks.nudge(session, self.desk.name, found[start : start + 500], self.brand_id)
        with self.database.begin() as session:
            save_cursor(session, self.brand_id, self._cursor, "", {"since": began.isoformat()}, began)

    def _begin_new(self) -> None:
        with self.database.begin() as session:
            lock_brand(session, self.brand_id)
            for case in desks.unopened(session, self.brand_id, self.desk.name, self.rules.severities, self.batch):
                desks.begin(session, case, self.desk.name, self.now())

    def _waiting(self) -> list[int]:
        with self.database.begin() as session:
            if not self._hold(session):
                return []
            left = min(self.batch - len(self.done), 50)
            return desks.waiting(session, self.brand_id, self.desk.name, self.now(), self._kinds, self.done, left)

    def _one(self, key: int) -> Synced:
        try:
            place = self._place(key)
            done = Synced() if place is None else self._exchange(place)
            self.failed_in_a_row = 0
            return done
        except (Busy, Misconfigured):
            raise
        except (Transient, Uncertain) as error:
            self._later(key, str(error), LATER, problem=False)
            self.failed_in_a_row += 1
            if self.failed_in_a_row >= GIVE_UP:
                raise _Trouble(str(error)) from error
            return Synced(left=1)
        except Permanent as error:
            self._later(key, str(error), MUCH_LATER, problem=True)
            return Synced(problems=1)

    def _later(self, key: int, why: str, wait: timedelta, *, problem: bool) -> None:
        now = self.now()
        with self.database.begin() as session:
            row = session.get_one(DeskTicketRow, key)
            row.retry_at = now + wait
            if problem and row.problem != why:
                row.problem = why
                case = session.get_one(CaseRow, row.case_id)
                cases.add_event(session, case, "desk_problem", now, f"desk:{self.desk.name}", desk=self.desk.name)

    def _place(self, key: int) -> _Place | None:
        with self.database.begin() as session:
            if not self._hold(session):
                return None
            row = session.get_one(DeskTicketRow, key)
            case = session.get_one(CaseRow, row.case_id)
            return _Place(
                key=key,
                remote_id=row.remote_id,
                opening=row.pushed_at is not None,
                looks=row.pulled_at is None,
                troubled=row.retry_at is not None or row.problem is not None,
                erased=desks.is_erased(case),
                case_open=desks.is_open(case),
                ticket=words.ticket(session, case, self.rules),
                revision=case.revision,
            )

    def _exchange(self, place: _Place) -> Synced:
        if place.remote_id is None:
            return self._open(place)
        done, news, stamp = (
            self._look(place, place.remote_id) if self.desk.readable else (Synced(), self._own_news(place), "")
        )
        if not place.erased:
            done += self._tell(place, news, stamp) + self._say(place)
        if place.troubled:
            self._clear(place)
        return done

    def _look(self, place: _Place, remote_id: str) -> tuple[Synced, _News | None, str]:
        remote = self.desk.read(remote_id)
        if remote is None:
            raise Permanent(GONE)
        found = list(self.desk.comments(remote_id)) if place.looks else []
        done, news = self._take(place, remote, found)
        return done, news, remote.stamp

    def _clear(self, place: _Place) -> None:
        """All is well again; that a customer was erased stays told until a person has seen to it."""
        with self.database.begin() as session:
            row = session.get_one(DeskTicketRow, place.key)
            row.retry_at = None
            row.problem = row.problem if row.problem == desks.ERASED_HERE else None

    # --- a new ticket

    def _open(self, place: _Place) -> Synced:
        found = None
        if place.opening and not self.desk.repeatable:
            try:
                found = self.desk.find(place.ticket.reference)
            except Uncertain as error:
                raise Permanent(f"{UNKNOWN} ({error})") from error
        if found is None and (place.erased or not place.case_open):
            return self._forget(place)
        return self._made(place, found or self._make(place))

    def _forget(self, place: _Place) -> Synced:
        """The case ended before it had a ticket: it needs none."""
        with self.database.begin() as session:
            session.delete(session.get_one(DeskTicketRow, place.key))
        return Synced()

    def _make(self, place: _Place) -> Remote:
        now = self.now()
        with self.database.begin() as session:
            row = session.get_one(DeskTicketRow, place.key)
            row.pushed_at, row.retry_at = now, now + SETTLED
            row.remote_state = self.desk.shown(place.ticket.state).value
            row.pushed_revision = place.revision
        try:
            return self.desk.open(place.ticket)
        except Uncertain:
            with self.database.begin() as session:
                session.get_one(DeskTicketRow, place.key).problem = UNKNOWN
            raise
        except (Transient, Permanent, Misconfigured):
            with self.database.begin() as session:
                session.get_one(DeskTicketRow, place.key).pushed_at = None
            raise

    def _made(self, place: _Place, remote: Remote) -> Synced:
        now, actor = self.now(), f"desk:{self.desk.name}"
        try:
            with self.database.begin() as session:
                row = session.get_one(DeskTicketRow, place.key)
                row.remote_id, row.url = remote.remote_id, remote.url or None
                # Of a desk that only delivers, its clock may be behind ours: its first words must not count as old.
                row.pushed_at, row.pulled_at = now, now if self.desk.readable else now - OVERLAP
                row.retry_at, row.problem = None, desks.ERASED_HERE if place.erased else None
                case = session.get_one(CaseRow, row.case_id)
                cases.add_event(session, case, desks.OPENED, now, actor, desk=self.desk.name, ticket=remote.remote_id)
        except IntegrityError:
            raise Permanent(TAKEN) from None
        return Synced(opened=1) + (Synced() if place.erased else self._say(place, remote.remote_id))

    # --- a ticket that is there

    def _take(self, place: _Place, remote: Remote, found: list[Comment]) -> tuple[Synced, _News | None]:
        now, kept = self.now(), 0
        with self.database.begin() as session:
            lock_brand(session, self.brand_id)
            row = session.get_one(DeskTicketRow, place.key)
            case = session.get_one(CaseRow, row.case_id)
            for comment in found:
                kept += take_comment(session, row, case, self.desk, self.rules, comment, now)
            before = case.state
            state = settle(session, row, case, self.desk, remote, now)
            row.pulled_at = now
            return Synced(taken=int(case.state != before), comments_in=kept), self._news(session, row, case, state)

    def _own_news(self, place: _Place) -> _News | None:
        """Nothing can be read: what was last known is compared with the case alone."""
        with self.database.begin() as session:
            row = session.get_one(DeskTicketRow, place.key)
            case = session.get_one(CaseRow, row.case_id)
            row.pulled_at = row.pulled_at or self.now()
            return self._news(session, row, case, settle(session, row, case, self.desk, Remote("", None), self.now()))

    def _news(self, session: Session, row: DeskTicketRow, case: CaseRow, state: DeskState | None) -> _News | None:
        if case.revision <= row.pushed_revision:
            return None  # nothing was done here since: what was refused is not fought over
        return _News(words.ticket(session, case, self.rules), state, case.revision)

    def _tell(self, place: _Place, news: _News | None, stamp: str) -> Synced:
        if news is None:
            return Synced()
        try:
            self.desk.update(str(place.remote_id), news.ticket, news.state, stamp)
        except Uncertain as error:
            raise Transient(str(error)) from error  # told twice is told once
        now = self.now()
        with self.database.begin() as session:
            row = session.get_one(DeskTicketRow, place.key)
            row.pushed_revision, row.pushed_at = news.revision, now
            if news.state is not None:
                row.remote_state = news.state.value
                case, actor = session.get_one(CaseRow, row.case_id), f"desk:{self.desk.name}"
                cases.add_event(session, case, "desk_told", now, actor, desk=self.desk.name, state=news.state.value)
        return Synced(told=1)

    def _say(self, place: _Place, remote_id: str | None = None) -> Synced:
        """Notes and what else is told as a comment, each once."""
        with self.database.read() as session:
            row = session.get_one(DeskTicketRow, place.key)
            case = session.get_one(CaseRow, row.case_id)
            told = [
                (
                    word,
                    words.said(word, case, self.rules, place.ticket.body),
                    words.mark(case, self.rules, word.event_id),
                )
                for word in desks.words(session, row, self._kinds)
            ]
        number = str(remote_id or place.remote_id)
        for word, text, mark in told:
            self._say_one(place.key, number, word.event_id, text, mark)
        return Synced(comments_out=len(told))

    def _say_one(self, key: int, remote_id: str, event_id: int, text: str, mark: str) -> None:
        begun = self._begin_comment(key, event_id)
        found = self._said_before(remote_id, text) if begun else None
        told = found or self.desk.comment(remote_id, text, mark.strip("[]"))
        with self.database.begin() as session:
            for row in desks.comments_of(session, key):
                if row.event_id == event_id:
                    row.remote_id = told

    def _begin_comment(self, key: int, event_id: int) -> bool:
        """Whether it was begun before, by a run that did not come to its end."""
        with self.database.begin() as session:
            if any(row.event_id == event_id for row in desks.comments_of(session, key)):
                return True
            entry = DeskCommentRow(
                brand_id=self.brand_id, ticket_key=key, event_id=event_id, direction="out", at=self.now()
            )
            session.add(entry)
        return False

    def _said_before(self, remote_id: str, text: str) -> str | None:
        last = text.rpartition("\n")[2]
        told = self.desk.comments(remote_id)
        return next((one.remote_id for one in told if one.text.rstrip().rpartition("\n")[2].strip() == last), None)


class _Trouble(Transient):
    """Nothing comes through any more: the rest of the run is left."""
