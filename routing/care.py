"""Messages of a case that runs or ran: a resolution that an agent sends, a survey afterwards.

They are no first words: the customer speaks with us, or a person decided to write to him. So `decide` is asked the
same questions but two: who is in charge, and how many proactive messages there were. Consent, objections, verified
addresses, suppression, quiet hours and the kill switches hold as for every message.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.after import RESOLUTION_TEMPLATE, SURVEY_TEMPLATES
from domain.case import CaseState
from domain.claim import CLAIM_TEMPLATES
from domain.contact import ChannelDecision, ContactAction, ContactPolicy
from domain.evidence import Grade
from domain.message import SENT_STATES, MessageState
from routing.contact import ContactRules, situation_of
from routing.decide import decide
from routing.outbox import Cancel, Hold
from storage import cases
from storage.tables import CaseRow, InteractionRow, MessageRow, ResolutionRow

VOID = (MessageState.CANCELLED, MessageState.FAILED)
GOES = (ContactAction.SEND, ContactAction.HOLD)


@dataclass(frozen=True, slots=True)
class SurveyRules:
    """What settings say of surveys. `bad` is the highest score that counts as bad; spans are lengths of time."""

    kind: str
    delay: timedelta
    per_customer: timedelta
    open_for: timedelta
    change_for: timedelta
    bad: int
    reopens: bool


@dataclass(frozen=True, slots=True)
class CareRules:
    """What settings say of messages in and after a case.

    `base_url` is the public address of the console, "" if there is none; `hosts` those that may stand in a message.
    """

    contact: ContactRules
    survey: SurveyRules
    base_url: str = ""
    hosts: frozenset[str] = frozenset()

    @property
    def templates(self) -> Path | None:
        """The folder with an operator's own words."""
        return self.contact.templates


def decide_care(
    session: Session, case: CaseRow, rules: CareRules, now: datetime, only: str | None = None
) -> ChannelDecision:
    """Where the customer of a case may be answered now; with `only` on this channel or not at all."""
    situation = situation_of(session, case, rules.contact, now)
    facts = replace(situation.case, grade=Grade(case.grade), person_in_charge=False, addressed_brand=True)
    history = tuple(replace(past, proactive=False) for past in situation.history)
    policy = rules.contact.policy
    if only is not None and situation.customer is not None:
        others = {point.channel for point in situation.customer.contact_points} | set(policy.default_order)
        others |= {name for name in (facts.requested_channel, facts.network) if name}
        others |= {facts.active_thread.channel} if facts.active_thread else set()
        policy = _closed(policy, others - {only})
    if case.customer_key is None:
        facts = replace(facts, public_reply_possible=False)
    return decide(replace(situation, case=facts, history=history), policy)


def may_go(decision: ChannelDecision) -> bool:
    """Whether a message may be reserved: now, or for when the quiet hours are over."""
    return decision.action in GOES and decision.channel is not None and decision.address is not None


def recheck_care(session: Session, message: MessageRow, rules: CareRules, now: datetime) -> Cancel | Hold | None:
    """The last gate of such a message before it is handed over."""
    case = cases.living(session, session.get_one(CaseRow, message.case_id))
    stale = _stale(session, case, message)
    if stale:
        return Cancel(stale)
    decision = decide_care(session, case, rules, now, only=message.channel)
    why = "; ".join(decision.reasons)
    if not may_go(decision) or decision.address != message.address:
        return Cancel(why if not may_go(decision) else "another address is the right one now")
    if decision.action is ContactAction.HOLD and decision.send_at is not None:
        return Hold(why, decision.send_at)
    return None


def key_of(session: Session, case: CaseRow, step: str) -> str:
    """case:step; counted on where an earlier message of this step was taken back or failed."""
    first = MessageRow.key.startswith(f"{case.id}:{step}", autoescape=True)
    query = select(func.count(MessageRow.id)).where(MessageRow.case_id == case.id, MessageRow.state.in_(VOID), first)
    earlier = session.scalar(query) or 0
    return f"{case.id}:{step}" + (f":{earlier + 1}" if earlier else "")


def channel_used(session: Session, case: CaseRow) -> str | None:
    """The channel on which the customer and we last spoke in this case; None where he never answered us and no person
    of ours wrote to him.

    An interaction counts where another system says that it belongs to this case.
    """
    written = select(MessageRow.channel, MessageRow.handed_over_at).where(
        MessageRow.case_id == case.id,
        MessageRow.template.not_in(CLAIM_TEMPLATES | SURVEY_TEMPLATES),
        (MessageRow.state == MessageState.REPLIED)
        | ((MessageRow.template == RESOLUTION_TEMPLATE) & MessageRow.state.in_(SENT_STATES)),
    )
    said = select(InteractionRow.channel, InteractionRow.at).where(
        InteractionRow.brand_id == case.brand_id,
        InteractionRow.direction == "in",
        InteractionRow.case_ref.in_([str(case.id), f"V{case.id}"]),
    )
    found = [(at, channel) for query in (written, said) for channel, at in session.execute(query) if at is not None]
    return max(found)[1] if found else None


def newest_resolution(session: Session, case_id: int) -> ResolutionRow | None:
    """What holds of what the brand does about a case."""
    query = select(ResolutionRow).where(ResolutionRow.case_id == case_id)
    return session.scalars(query.order_by(ResolutionRow.id.desc()).limit(1)).one_or_none()


def _stale(session: Session, case: CaseRow, message: MessageRow) -> str | None:
    """Why this message says what is no longer so."""
    if message.template in SURVEY_TEMPLATES:
        return None if case.state in (CaseState.RESOLVED, CaseState.CLOSED) else "the case is open again"
    newest = newest_resolution(session, case.id)
    if newest is None or message.extra.get("resolution") != newest.id:
        return "another resolution holds now"
    return None


def _closed(policy: ContactPolicy, channels: set[str]) -> ContactPolicy:
    return replace(policy, closed_channels=policy.closed_channels | channels)
