"""What a playbook does to a case, one function a verb. All take an open transaction under the brand's lock.

Each says what it did, or why not: a rule never takes a case out of a person's hands, never forces a step that the life
of a case forbids, and asks nobody to call a customer who has no number, or who wants no contact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import CaseState, may_step
from domain.contact import ContactPolicy, Recipient
from domain.reading import Intent
from routing.calendar import next_open
from routing.contact import facts_of
from routing.decide import PROVEN
from routing.playbooks import Act
from routing.recipient import recipient_of
from routing.templates import render
from storage import cases
from storage.assignees import give, hand_to_team
from storage.notices import Notice, write
from storage.staff import may_act
from storage.tables import CallbackRow, CaseRow, CustomerRow, PlaybookRunRow

OF_INTENT = "intent"
OWN_TEAM = "team"
NO_STEP = "the state of the case does not allow it"
NO_CALLS = frozenset({"all", "social_care"})


class NotDone(Exception):
    """This action does not fit this case; the words say why."""


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts by which run, on which case, when. `templates` is the folder with an operator's own words."""

    session: Session
    brand: Brand
    case: CaseRow
    run: PlaybookRunRow
    now: datetime
    policy: ContactPolicy
    intents: Mapping[str, Intent]
    templates: Path | None

    @property
    def actor(self) -> str:
        return f"playbook {self.run.playbook}"


def act(acting: Acting, wanted: Act, taken: set[str]) -> dict[str, Any]:
    """Do one action and tell of it. `taken` are what earlier playbooks of this pass settled: the first has its way."""
    told = wanted.as_dict()
    kind = _kind(wanted)
    if kind in taken:
        return told | {"done": False, "why": "an earlier playbook has settled it"}
    try:
        ACTS[wanted.verb](acting, wanted)
    except NotDone as refused:
        return told | {"done": False, "why": str(refused)}
    if kind in ("assign person", "assign team", "snooze", "reopen", "callback"):
        taken.add(kind)
    return told | {"done": True}


def _kind(wanted: Act) -> str:
    if wanted.verb != "assign":
        return wanted.verb
    return "assign person" if "@" in wanted.value else "assign team"


def _assign(acting: Acting, wanted: Act) -> None:
    case = acting.case
    if "@" not in wanted.value:
        if not hand_to_team(acting.session, case, wanted.value, cases.SYSTEM, acting.now, acting.actor):
            raise NotDone("is there already")
        return
    if case.assignee is not None:
        raise NotDone("somebody has it")
    if wanted.value not in may_act(acting.session, case.brand_id):
        raise NotDone("nobody of that address works here")
    give(acting.session, case, wanted.value, cases.SYSTEM, acting.now, acting.actor)
    if case.state == CaseState.NEW:
        cases.step(acting.session, case, CaseState.OPEN, acting.now, acting.actor)


def _note(acting: Acting, wanted: Act) -> None:
    cases.add_note(acting.session, acting.case, wanted.value, acting.now, acting.actor)


def _draft(acting: Acting, wanted: Act) -> None:
    """A text that an agent may send. It names the customer, so it is kept like a note: it can be erased."""
    case = acting.case
    if case.customer_key is None:
        raise NotDone("no customer is known")
    template = acting.intents[case.intent].template if wanted.value == OF_INTENT else wanted.value
    customer = acting.session.get_one(CustomerRow, case.customer_key)
    language = customer.language or case.language or acting.brand.language
    facts = facts_of(acting.session, acting.brand, case, customer)
    subject, body = render(template, language, facts, folder=acting.templates)
    event = cases.add_event(
        acting.session, case, "draft", acting.now, acting.actor, template=template, language=language
    )
    cases.say(acting.session, event, f"{subject}\n\n{body}")


def _snooze(acting: Acting, wanted: Act) -> None:
    case = acting.case
    if not may_step(CaseState(case.state), CaseState.SNOOZED):
        raise NotDone(NO_STEP)
    until = acting.now + timedelta(hours=wanted.hours)
    cases.step(acting.session, case, CaseState.SNOOZED, acting.now, acting.actor, "put off by a playbook", until=until)


def _reopen(acting: Acting, _wanted: Act) -> None:
    if not may_step(CaseState(acting.case.state), CaseState.REOPENED):
        raise NotDone(NO_STEP)
    cases.step(acting.session, acting.case, CaseState.REOPENED, acting.now, acting.actor, "reopened by a playbook")


def _notify(acting: Acting, wanted: Act) -> None:
    person = wanted.value if "@" in wanted.value else None
    team = None if person else (acting.case.team if wanted.value == OWN_TEAM else wanted.value)
    occasion, detail = f"playbook:{acting.run.id}", {"playbook": acting.run.playbook}
    notice = Notice("playbook", occasion, team, person, detail)
    if not write(acting.session, acting.case, notice, acting.now):
        raise NotDone("has been told already")


def _callback(acting: Acting, wanted: Act) -> None:
    case = acting.case
    recipient = _who_may_be_called(acting)
    opened = select(CallbackRow.id).filter_by(case_id=case.id).where(CallbackRow.state.in_(("open", "taken")))
    if acting.session.scalar(opened.limit(1)) is not None:
        raise NotDone("a call is waiting already")
    starts_at = next_open(recipient, acting.now, acting.policy)
    call = CallbackRow(
        brand_id=case.brand_id,
        case_id=case.id,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=wanted.hours),
        assignee=case.assignee,
    )
    acting.session.add(call)
    cases.add_event(acting.session, case, "callback_opened", acting.now, acting.actor, hours=wanted.hours)


def _who_may_be_called(acting: Acting) -> Recipient:
    case = acting.case
    if case.customer_key is None or case.grade not in PROVEN:
        raise NotDone("no customer is proven")
    recipient = recipient_of(acting.session, case.brand_id, case.customer_key)
    if recipient.status != "active" or recipient.objections & NO_CALLS:
        raise NotDone("the customer is not to be contacted")
    phones = [point for point in recipient.contact_points if point.channel == "phone"]
    if not any(point.verified and not point.suppressed and point.shared_by <= 1 for point in phones):
        raise NotDone("no number of his own is on file")
    words = [word for word in recipient.consents if (word.channel, word.purpose) == ("phone", "service")]
    last = max(words, key=lambda word: (word.at, word.status != "granted"), default=None)
    if last is not None and last.status != "granted":
        raise NotDone("the customer wants no calls")
    return recipient


ACTS: dict[str, Callable[[Acting, Act], None]] = {
    "assign": _assign,
    "note": _note,
    "draft": _draft,
    "snooze": _snooze,
    "notify": _notify,
    "callback": _callback,
    "reopen": _reopen,
}
