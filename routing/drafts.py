"""A draft that an agent sends: by the same checks as any message, on the channel that they choose.

What is sent is the template again, in the form of the channel; the draft showed it. A person who sends is in charge, so
that alone holds nothing back; consent, objections, caps, quiet hours and addresses do as always.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES
from domain.contact import ChannelDecision, ContactAction
from routing.contact import ContactRules, as_it_is_now, facts_of, own_page, situation_of
from routing.decide import decide
from routing.templates import render
from storage import cases, messages
from storage.brands import lock_brand
from storage.tables import CaseEventRow, CaseRow, CustomerRow, MessageRow


def draft_of(session: Session, case_id: int, event_id: int) -> CaseEventRow | None:
    """The draft of a case, None if there is no such one, or the case is over or nobody's."""
    event = session.get(CaseEventRow, event_id)
    case = session.get(CaseRow, case_id)
    if event is None or case is None or (event.case_id, event.kind) != (case_id, "draft"):
        return None
    return event if case.state in OPEN_STATES and case.customer_key is not None else None


def send_draft(
    session: Session, brand: Brand, event: CaseEventRow, rules: ContactRules, actor: str, now: datetime
) -> ChannelDecision | None:
    """Reserve the message of a draft; None where that was done before. The decision says what became of it.

    Whatever it is, it stands in the case's history: `draft_sent` with the message, or `draft_held` with the reasons.
    """
    lock_brand(session, brand.id)
    case = session.get_one(CaseRow, event.case_id, with_for_update=True, populate_existing=True)
    if messages.find(session, brand.id, _key(event)) is not None:
        return None
    rules = as_it_is_now(session, brand.id, rules, now)
    situation = situation_of(session, case, rules, now)
    decision = decide(replace(situation, case=replace(situation.case, person_in_charge=False)), rules.policy)
    if decision.action not in (ContactAction.SEND, ContactAction.HOLD) or decision.address is None:
        cases.add_event(session, case, "draft_held", now, actor, draft=event.id, why="; ".join(decision.reasons))
        return decision
    message = _reserve(session, brand, case, event, decision, rules, actor, now)
    cases.add_event(session, case, "draft_sent", now, actor, draft=event.id, message=message.message_id)
    case.contact_state, case.contact_at = "planned", None
    case.revision += 1
    return decision


def sent_drafts(session: Session, brand_id: str, events: list[CaseEventRow]) -> set[int]:
    """Which of these drafts have a message."""
    return {event.id for event in events if messages.find(session, brand_id, _key(event)) is not None}


def _key(event: CaseEventRow) -> str:
    return f"{event.case_id}:service:draft:{event.id}"


def _reserve(
    session: Session,
    brand: Brand,
    case: CaseRow,
    event: CaseEventRow,
    decision: ChannelDecision,
    rules: ContactRules,
    actor: str,
    now: datetime,
) -> MessageRow:
    customer = session.get_one(CustomerRow, case.customer_key)
    facts = replace(facts_of(session, brand, case, customer), discreet=decision.discreet)
    channel, template, language = str(decision.channel), str(event.detail["template"]), str(event.detail["language"])
    subject, body = render(template, language, facts, channel, folder=rules.templates)
    kept = {**decision.as_dict(), "address": None, "policy": rules.policy.version, "by": actor}
    wanted = messages.Reservation(
        key=_key(event),
        case_id=case.id,
        customer_key=customer.id,
        channel=channel,
        address=str(decision.address),
        template=template,
        language=language,
        subject=subject,
        body=body,
        send_after=decision.send_at or now,
        decision=kept,
        extra=own_page(rules, channel),
    )
    message = messages.reserve(session, brand.id, wanted, now)
    assert message is not None  # noqa: S101 - its key was free under the brand's lock
    return message
