"""Telling teams and people by apprise (Slack, Teams, mail …): a case number, what is the matter, a link, nothing else.

A notice is written in the transaction of what it tells (`tell`), marked as on its way before it goes, and marked again
after. apprise says only yes or no: no is tried again, later and later; where a crash leaves it open, it is unconfirmed
and never sent again.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from domain.team import NOTICE_KINDS, Staff
from routing.outbox import Backoff
from storage import notices
from storage.database import Database
from storage.tables import CaseRow, NoticeRow

TOO_OLD = timedelta(hours=24)
TEXTS = {
    "fr": {
        "is": " : ",
        "opened": "nouveau dossier",
        "assigned": "dossier confié",
        "deadline_near": "échéance proche",
        "deadline_missed": "échéance dépassée",
        "playbook": "à regarder",
        "severity": "Gravité",
        "due": "Échéance",
        "first_answer": "première réponse",
        "resolution": "résolution",
        "high": "haute",
        "normal": "normale",
        "low": "basse",
    },
    "en": {
        "is": ": ",
        "opened": "new case",
        "assigned": "case assigned",
        "deadline_near": "deadline near",
        "deadline_missed": "deadline missed",
        "playbook": "have a look",
        "severity": "Severity",
        "due": "Deadline",
        "first_answer": "first answer",
        "resolution": "resolution",
        "high": "high",
        "normal": "normal",
        "low": "low",
    },
}

Sender = Callable[[str, str, str], bool]
"""(address, title, text) → whether the service took it."""


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """What settings say of notices. `addresses` gives the apprise addresses of an environment variable."""

    staff: Staff
    addresses: Callable[[str], Sequence[str]]
    link: Callable[[int], str]
    language: str
    zone: ZoneInfo
    max_attempts: int = 8
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the notices that were due. `errors` are lines for the operator, without addresses."""

    sent: int = 0
    retried: int = 0
    failed: int = 0
    unconfirmed: int = 0
    errors: tuple[str, ...] = ()


def tell(
    session: Session,
    staff: Staff,
    case: CaseRow,
    kind: str,
    occasion: str,
    to: str,
    now: datetime,
    which: str = "",
    due: datetime | None = None,
) -> bool:
    """Write a notice to a team or a person, once an occasion; False where they are told nowhere, or not of this."""
    team = staff.teams.get(to)
    unwanted = team is not None and kind in NOTICE_KINDS and kind not in team.notify
    if unwanted or not staff.notify_env(to):
        return False
    detail = {"which": which, "due": due.isoformat() if due else None}
    whom = {"person": to} if to in staff.people else {"team": to}
    return notices.write(session, case, notices.Notice(kind, occasion, detail=detail, **whom), now)


def words(notice: NoticeRow, rules: NoticeRules) -> tuple[str, str]:
    """Title and text: the case's number, what is the matter, severity, deadline, the link."""
    text = TEXTS.get(rules.language, TEXTS["en"])
    which = text.get(str(notice.detail.get("which")))
    title = f"Vigie V{notice.case_id}{text['is']}{text.get(notice.kind, text['playbook'])}" + (
        f" ({which})" if which else ""
    )
    lines = [f"{text['severity']}{text['is']}{text.get(str(notice.detail.get('severity')), '-')}"]
    if notice.detail.get("due"):
        due = datetime.fromisoformat(str(notice.detail["due"])).astimezone(rules.zone)
        lines.append(f"{text['due']}{text['is']}{due:%Y-%m-%d %H:%M} ({rules.zone.key})")
    return title, "\n".join([*lines, rules.link(notice.case_id)])


def deliver_notices(
    database: Database,
    rules: NoticeRules,
    now: Callable[[], datetime],
    *,
    batch: int = 50,
    lease_seconds: float = 120.0,
    send: Sender | None = None,
) -> Told:
    """Send what is due, each at most once to each address that took it."""
    return _Telling(database, rules, now, batch, lease_seconds, send or by_apprise).run()


def by_apprise(address: str, title: str, text: str) -> bool:
    """Send one notice by apprise; an address that apprise does not know takes nothing."""
    import apprise

    asset = apprise.AppriseAsset(app_id="Vigie", app_desc="Vigie", secure_logging=True)
    service = apprise.Apprise(asset=asset)
    return bool(service.add(address) and service.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))


def known_address(address: str) -> bool:
    """Whether apprise knows the service of an address."""
    import apprise

    return bool(apprise.Apprise(asset=apprise.AppriseAsset(secure_logging=True)).add(address))


@dataclass
class _Telling:
    database: Database
    rules: NoticeRules
    now: Callable[[], datetime]
    batch: int
    lease_seconds: float
    send: Sender
    counts: dict[str, int] = field(default_factory=lambda: {"sent": 0, "waiting": 0, "failed": 0})
    errors: list[str] = field(default_factory=list)

    def run(self) -> Told:
        with self.database.begin() as session:
            unconfirmed = notices.sweep(session, self.now())
        while claimed := self._claim():
            for notice in claimed:
                self._tell(notice)
        return Told(
            sent=self.counts["sent"],
            retried=self.counts["waiting"],
            failed=self.counts["failed"],
            unconfirmed=unconfirmed,
            errors=tuple(dict.fromkeys(self.errors)),
        )

    def _claim(self) -> list[NoticeRow]:
        with self.database.begin() as session:
            return notices.due(session, self.now(), self.batch, self.lease_seconds)

    def _tell(self, notice: NoticeRow) -> None:
        name = notice.team or notice.person or ""
        variable = self.rules.staff.notify_env(name)
        if self.now() - notice.send_after > TOO_OLD:
            self._finish(notice, "failed", "too old to be of use")
            return
        addresses = self.rules.addresses(variable) if variable else ()
        if not addresses:
            self.errors.append(f"notices to {name} wait: {variable or 'notify_env'} is not set")
            self._again(notice, "nowhere to send it")
            return
        with self.database.begin() as session:
            if not notices.begin(session, notice, self.now(), self.lease_seconds):
                return
        if self._sent(notice, addresses):
            self._finish(notice, "sent")
        elif notice.attempts + 1 >= self.rules.max_attempts:
            self._finish(notice, "failed", "the service did not take it")
        else:
            self.errors.append(f"a notice to {name} was not taken; it is tried again")
            self._again(notice, "the service did not take it")

    def _sent(self, notice: NoticeRow, addresses: Iterable[str]) -> bool:
        """Send it to each address that has not taken it yet; whether all have now."""
        title, text = words(notice, self.rules)
        done = list(notice.detail.get("done", ()))
        whole = True
        for address in addresses:
            place = hashlib.sha256(address.encode()).hexdigest()[:16]
            if place in done:
                continue
            if not self.send(address, title, text):
                whole = False
                continue
            done.append(place)
            with self.database.begin() as session:
                notices.note_done(session, notice, done)
        return whole

    def _again(self, notice: NoticeRow, reason: str) -> None:
        wait = self.rules.backoff.after(notice.attempts + 1, None)
        self._finish(notice, "waiting", reason, self.now() + wait)

    def _finish(self, notice: NoticeRow, state: str, reason: str = "", send_after: datetime | None = None) -> None:
        self.counts[state] += 1
        with self.database.begin() as session:
            notices.finish(session, notice, state, self.now(), reason, send_after)
