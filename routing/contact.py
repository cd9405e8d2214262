"""From an open case to a reserved message: the situation is gathered, `decide` answers, its word is kept.

Decision, caps and reservation stand in one transaction under the brand's lock, so that two workers
cannot both find room for a message. A held case is decided again when its time comes.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.case import OPEN_STATES, Severity
from domain.contact import (
    CaseFacts,
    ChannelDecision,
    ContactAction,
    ContactPolicy,
    NetworkPolicy,
    PastContact,
    Situation,
    Thread,
)
from domain.evidence import Grade
from domain.message import MessageState
from domain.reading import Intent
from routing.beside import beside
from routing.decide import PURPOSE, SAFETY, decide
from routing.joining import quoted_orders
from routing.matching.certificate import CertificateRules, may_act
from routing.recipient import recipient_of
from routing.seal import PREFERENCES
from routing.templates import LONG_FORM, Facts, render
from routing.written import written_in
from storage import cases, customers, messages, switches
from storage.assignees import in_charge
from storage.brands import lock_brand
from storage.merges import records_of
from storage.tables import (
    CasePostRow,
    CaseRow,
    CustomerRow,
    MatchRow,
    MessageRow,
    OrderRow,
    PostRow,
    ReadingRow,
)

MONTH = timedelta(days=31)
UNSURE_HEADS = frozenset({"complaint", "about_brand"})
FIRST_ANSWER, FALLBACK = "first_answer", "fallback"
BESIDE = "beside"
STATE_AFTER = {
    ContactAction.SEND: "planned",
    ContactAction.HOLD: "held",
    ContactAction.REPLY_IN_PLACE: "in_place",
    ContactAction.ASK_PERSON: "person",
    ContactAction.NEVER: "never",
}


@dataclass(frozen=True, slots=True)
class ContactRules:
    """What settings and policies say of contact.

    `expires` has spans by template, channel, or `any`; `templates` is the folder with an operator's own words.
    `preferences_url` is where customers find their own page, `app_attribute` the column of the customer file with the
    brand's name for a customer in its app; `safety_intents` need to be known at once where they are severe.
    """

    policy: ContactPolicy
    intents: Mapping[str, Intent]
    networks: Callable[[str], NetworkPolicy]
    certificate: CertificateRules
    expires: Mapping[str, timedelta] = field(default_factory=dict)
    templates: Path | None = None
    preferences_url: str = ""
    safety_intents: frozenset[str] = frozenset()
    learn_habits: bool = True
    app_attribute: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What one batch decided, by action."""

    cases: int = 0
    send: int = 0
    hold: int = 0
    reply_in_place: int = 0
    ask_person: int = 0
    never: int = 0

    def __add__(self, other: "Planned") -> "Planned":
        return Planned(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


def plan_batch(session: Session, brand: Brand, rules: ContactRules, limit: int, now: datetime) -> Planned:
    """Decide up to `limit` open cases that wait for it, the most urgent first; none while all channels are shut."""
    lock_brand(session, brand.id)
    if switches.ALL in switches.shut(session, brand.id):
        return Planned()
    rules = as_it_is_now(session, brand.id, rules, now)
    waiting = select(CaseRow).where(
        CaseRow.brand_id == brand.id,
        CaseRow.state.in_(OPEN_STATES),
        or_(
            CaseRow.contact_state == "pending",
            (CaseRow.contact_state == "held") & (CaseRow.contact_at <= now),
        ),
    )
    done = Planned()
    for case in session.scalars(waiting.order_by(CaseRow.priority.desc(), CaseRow.id).limit(limit)).all():
        decision = decision_of(session, case, rules, now)
        _apply(session, brand, case, decision, rules, now)
        done += replace(Planned(cases=1), **{decision.action.value: 1})
    return done


def decision_of(
    session: Session,
    case: CaseRow,
    rules: ContactRules,
    now: datetime,
    recall: Callable[[Situation], Situation] | None = None,
) -> ChannelDecision:
    """What to do about a case at a time; `recall` takes from the situation what was not yet so (`vigie replay`)."""
    barred = _unsure(session, case) or _held(session, case, rules, now)
    if barred is not None:
        return barred
    situation = situation_of(session, case, rules, now)
    return decide(situation if recall is None else recall(situation), rules.policy)


def recheck(session: Session, brand: Brand, message: MessageRow, rules: ContactRules, now: datetime) -> ChannelDecision:
    """Decide once more, as if the message had not been reserved: its last gate before it is handed over."""
    case = session.get_one(CaseRow, message.case_id)
    by_person = "by" in message.decision
    held = None if by_person else _held(session, case, rules, now)
    if held is not None:
        return held
    # What failed before is not the right one again.
    policy = without(rules.policy, messages.failed_before(session, message))
    situation = situation_of(session, case, rules, now)
    if by_person:
        situation = replace(situation, case=replace(situation.case, person_in_charge=False))
    others = tuple(past for past in situation.history if past.case != situation.case.id)
    return decide(replace(situation, history=others), policy)


def as_it_is_now(session: Session, brand_id: str, rules: ContactRules, now: datetime) -> ContactRules:
    """The rules, with the channels whose provider does not answer. Those shut by hand are chosen all the same: what
    goes by them waits until they are opened.
    """
    unwell = messages.unwell_channels(session, brand_id, now)
    return replace(rules, policy=replace(rules.policy, unwell_channels=unwell))


def without(policy: ContactPolicy, channels: Collection[str]) -> ContactPolicy:
    """The rules with further channels closed."""
    return replace(policy, closed_channels=policy.closed_channels | set(channels))


def situation_of(session: Session, case: CaseRow, rules: ContactRules, now: datetime) -> Situation:
    """Everything that is known for the decision about a case."""
    past = _history(session, case, now, timedelta(days=rules.policy.unanswered_days))
    network = rules.networks(case.network)
    grade = Grade(case.grade)
    facts = CaseFacts(
        id=str(case.id),
        intent=case.intent,
        severity=Severity(case.severity),
        grade=grade if case.customer_key and grade in network.contact_grades else _at_most_suggested(grade),
        opened_at=case.opened_at,
        requested_channel=case.requested_channel,
        active_thread=_running_thread(past),
        network=case.network,
        addressed_brand=case.addressed_brand,
        public_reply_possible=network.may_reply(case.addressed_brand),
        person_in_charge=in_charge(case),
        purpose=SAFETY if case.intent in rules.safety_intents and case.severity == Severity.HIGH else PURPOSE,
        written=written_in(session, case, now),
    )
    recipient = case.customer_key and recipient_of(
        session, case.brand_id, case.customer_key, now, rules.app_attribute, rules.learn_habits
    )
    return Situation(facts, recipient or None, past, now)


def _at_most_suggested(grade: Grade) -> Grade:
    """A proof that a gate holds, or that the network does not let act, is a suggestion to a person."""
    return Grade.NONE if grade is Grade.NONE else Grade.SUGGESTED


def _unsure(session: Session, case: CaseRow) -> ChannelDecision | None:
    """What the model would rather not decide, a person decides."""
    details = (
        select(ReadingRow.details)
        .join(PostRow, (PostRow.id == ReadingRow.post_id) & (PostRow.version == ReadingRow.version))
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role == "complaint")
    )
    abstained = [set(detail.get("abstain", ())) for detail in session.scalars(details)]
    if case.customer_key is None or not abstained or any(not heads & UNSURE_HEADS for heads in abstained):
        return None
    why = "the reading is unsure whether this is a complaint about the brand"
    return ChannelDecision(case=str(case.id), action=ContactAction.ASK_PERSON, reasons=(why,))


def _held(session: Session, case: CaseRow, rules: ContactRules, now: datetime) -> ChannelDecision | None:
    """Whom the program linked by a grade that may not act by itself any more, a person writes to."""
    if case.customer_key is None or _linked_by_person(session, case):
        return None
    allowed = may_act(session, case.brand_id, Grade(case.grade), rules.certificate, now)
    if allowed.acts:
        return None
    why = f"links of grade {case.grade} do not act by themselves now ({allowed.state})"
    return ChannelDecision(case=str(case.id), action=ContactAction.ASK_PERSON, reasons=(why,))


def _linked_by_person(session: Session, case: CaseRow) -> bool:
    confirmed = (
        select(MatchRow.id)
        .join(CasePostRow, CasePostRow.post_id == MatchRow.post_id)
        .where(CasePostRow.case_id == case.id, MatchRow.customer_key == case.customer_key)
        .where(MatchRow.review == "confirmed")
    )
    return session.scalar(confirmed.limit(1)) is not None


def _history(session: Session, case: CaseRow, now: datetime, silence: timedelta) -> tuple[PastContact, ...]:
    if case.customer_key is None:
        return ()
    records = records_of(session, case.brand_id, case.customer_key)
    since = now - max(MONTH, silence)
    past = [told for key in records for told in messages.history(session, case.brand_id, key, since)]
    return tuple(sorted((contact for contact in past if contact.at <= now), key=lambda contact: contact.at))


def _running_thread(past: tuple[PastContact, ...]) -> Thread | None:
    """The last channel on which the customer himself wrote or called."""
    came_in = [contact for contact in past if contact.direction == "in"]
    return Thread(came_in[-1].channel, came_in[-1].at) if came_in else None


def _apply(
    session: Session, brand: Brand, case: CaseRow, decision: ChannelDecision, rules: ContactRules, now: datetime
) -> None:
    before = case.contact_decision or {}
    case.contact_state = STATE_AFTER[decision.action]
    case.contact_action = decision.action
    case.contact_at = decision.send_at if decision.action is ContactAction.HOLD else None
    # The address stays where it is held; a decision that outlives an erasure must not carry it.
    case.contact_decision = {**decision.as_dict(), "address": None, "policy": rules.policy.version}
    case.revision += 1
    told: dict[str, Any] = {
        "action": decision.action.value,
        "channel": decision.channel,
        "reasons": list(decision.reasons),
    }
    if decision.action is not ContactAction.HOLD or any(before.get(name) != value for name, value in told.items()):
        cases.add_event(session, case, "decided", now, **told)
    if decision.action is ContactAction.SEND:
        reserve_answer(session, brand, case, decision, rules, now)


def reserve_answer(
    session: Session,
    brand: Brand,
    case: CaseRow,
    decision: ChannelDecision,
    rules: ContactRules,
    now: datetime,
    instead_of: MessageRow | None = None,
) -> MessageRow | None:
    """Reserve the first answer on the channel that was decided, or the same `instead_of` one that did not arrive."""
    customer = session.get_one(CustomerRow, case.customer_key)
    language = customer.language or case.language or brand.language
    template = rules.intents[case.intent].template
    channel = str(decision.channel)
    facts = replace(facts_of(session, brand, case, customer), discreet=decision.discreet)
    subject, body = render(template, language, facts, channel, folder=rules.templates)
    wanted = messages.Reservation(
        key=_key(session, case) if instead_of is None else f"{case.id}:service:{FALLBACK}:{instead_of.id}",
        case_id=case.id,
        customer_key=customer.id,
        channel=channel,
        address=str(decision.address),
        template=template,
        language=language,
        subject=subject,
        body=body,
        send_after=decision.send_at or now,
        decision=case.contact_decision or {},
        expires_at=_expires_at(rules, template, channel, decision.send_at or now),
        fallback_of=None if instead_of is None else instead_of.message_id,
        extra={"values": _values(facts), **own_page(rules, channel)},
    )
    main = messages.reserve(session, brand.id, wanted, now)
    if main is None or instead_of is not None:
        return main
    for place, (name, address) in enumerate(zip(decision.also, decision.also_addresses, strict=True), 1):
        _reserve_beside(session, brand, wanted, main, facts, f"{place}:{name}", name, address, now)
    return main


def _values(facts: Facts) -> dict[str, Any]:
    """For a provider's own templates; where others may read along, nothing of the matter."""
    return asdict(replace(facts, order=None, product=None) if facts.discreet else facts)


def own_page(rules: ContactRules, channel: str) -> dict[str, str]:
    """For the link to the customer's own page below a long text."""
    return {PREFERENCES: rules.preferences_url} if rules.preferences_url and channel in LONG_FORM else {}


def _reserve_beside(
    session: Session,
    brand: Brand,
    wanted: messages.Reservation,
    main: MessageRow,
    facts: Facts,
    step: str,
    channel: str,
    address: str,
    now: datetime,
) -> None:
    """The short word on another channel, in the same transaction: both count once, and neither goes without the
    other.
    """
    body = beside(wanted.language, facts.brand, facts.reference, wanted.channel, brand.language)
    short = replace(
        wanted,
        key=f"{wanted.key}:also:{step}",
        channel=channel,
        address=address,
        template=BESIDE,
        subject="",
        body=body,
        paired_with=main.message_id,
        extra={},
    )
    messages.reserve(session, brand.id, short, now)


def _expires_at(rules: ContactRules, template: str, channel: str, since: datetime) -> datetime | None:
    """Until when the message makes sense: its template's span goes before its channel's, that before any."""
    spans = [rules.expires[name] for name in (template, channel, "any") if name in rules.expires]
    return since + spans[0] if spans else None


def _key(session: Session, case: CaseRow) -> str:
    """case:purpose:step; counted on where an earlier message was taken back before it went out."""
    void = (MessageState.CANCELLED, MessageState.FAILED)
    first = MessageRow.key.startswith(f"{case.id}:service:{FIRST_ANSWER}", autoescape=True)
    query = select(func.count(MessageRow.id)).where(
        MessageRow.case_id == case.id, MessageRow.state.in_(void), MessageRow.paired_with.is_(None), first
    )
    earlier = session.scalar(query) or 0
    return f"{case.id}:service:{FIRST_ANSWER}" + (f":{earlier + 1}" if earlier else "")


def facts_of(session: Session, brand: Brand, case: CaseRow, customer: CustomerRow) -> Facts:
    """What a message may say: the brand's own records only, nothing from the post."""
    order = _order_in_question(session, case, customer)
    return Facts(
        brand=brand.name or "",
        reference=f"V{case.id}",
        first_name=customer.first_name,
        order=order.order_id if order else None,
        product=order.product if order else None,
    )


def _order_in_question(session: Session, case: CaseRow, customer: CustomerRow) -> OrderRow | None:
    """The order that the customer quoted, else his only open one; none rather than a wrong one."""
    orders = customers.open_orders(session, case.brand_id, customer.customer_id)
    quoted = quoted_orders(_said(session, case))
    named = [order for order in orders if order.normal_id in quoted]
    if quoted:
        return named[0] if len(named) == 1 else None
    waiting = [order for order in orders if order.delivered_at is None and order.promised_at is not None]
    return waiting[0] if len(waiting) == 1 and case.moment == "delivery" else None


def _said(session: Session, case: CaseRow) -> Iterable[ReadingRow]:
    """What the words in a case mean, copies aside."""
    query = (
        select(ReadingRow)
        .join(PostRow, (PostRow.id == ReadingRow.post_id) & (PostRow.version == ReadingRow.version))
        .join(CasePostRow, CasePostRow.post_id == PostRow.id)
        .where(CasePostRow.case_id == case.id, CasePostRow.role != "copy")
    )
    return session.scalars(query)
