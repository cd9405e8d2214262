"""What the brand does about a case: kept as facts, said the same on every channel, never more than the case holds.

The words are put together once (`statement`); each channel's text carries that very sentence, a text message in the
alphabet that it has (`ê` is written `e` there). Amounts and days are
written one way in a language: `12,90 €` and `12/03/2026` in French, `€12.90` and `12 March 2026` in English.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from domain.after import (
    CAN_BE_DUE,
    CAN_HAVE_AMOUNT,
    NEEDS_WORDS,
    RESOLUTION_TEMPLATE,
    WORDS_MAX,
    Resolution,
)
from domain.brand import Brand
from domain.case import OUTCOMES
from domain.contact import ChannelDecision
from domain.errors import BadInput, Permanent
from routing.care import VOID, CareRules, decide_care, key_of, may_go, newest_resolution
from routing.contact import facts_of
from routing.plain import one_line
from routing.templates import Facts, phrase, render_whole, spoken_language
from routing.wording import Allowed, Problem, gsm, problems
from storage import cases, messages
from storage.brands import lock_brand
from storage.tables import CaseRow, CustomerRow, MessageRow, ResolutionRow

PHRASES = frozenset({*OUTCOMES, *(f"{outcome}_by" for outcome in CAN_BE_DUE)})
SHORT_MAX = 459  # three parts of a text message
AMOUNT_MAX = 100_000_00
# What a resolution is shown on before it goes, whatever the customer has.
SHOWN = ("email", "sms", "letter")
SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
MONTHS = "January February March April May June July August September October November December".split()


class NotSent(Permanent):
    """The resolution cannot go out; `why` are reasons of the decision or problems of its words."""

    def __init__(self, why: tuple[str, ...]) -> None:
        super().__init__("; ".join(why))
        self.why = why


@dataclass(frozen=True, slots=True)
class Preview:
    """One channel's text as it would go out, and what stands against it."""

    channel: str
    subject: str
    body: str
    problems: tuple[Problem, ...] = field(default=())


def checked(resolution: Resolution) -> Resolution:
    """The resolution, if it can be meant. Raises BadInput; the message is a key of the console's texts."""
    words = one_line(resolution.words)
    if resolution.outcome not in OUTCOMES:
        raise BadInput("outcome_unknown")
    if resolution.amount_cents is not None and not 0 < resolution.amount_cents <= AMOUNT_MAX:
        raise BadInput("amount_wrong")
    if resolution.amount_cents is not None and resolution.outcome not in CAN_HAVE_AMOUNT:
        raise BadInput("amount_not_here")
    if (resolution.amount_cents is None) != (resolution.currency is None):
        raise BadInput("amount_wrong")
    if resolution.due_on is not None and resolution.outcome not in CAN_BE_DUE:
        raise BadInput("due_not_here")
    if resolution.outcome in NEEDS_WORDS and not words:
        raise BadInput("words_needed")
    if len(words) > WORDS_MAX:
        raise BadInput("words_too_long")
    return Resolution(resolution.outcome, resolution.amount_cents, resolution.currency, resolution.due_on, words)


def resolution_of(row: ResolutionRow) -> Resolution:
    """The noun of a row."""
    return Resolution(row.outcome, row.amount_cents, row.currency, row.due_on, row.detail or "")


def record(session: Session, case: CaseRow, resolution: Resolution, actor: str, now: datetime) -> ResolutionRow:
    """Keep what the brand does; the same facts again change nothing. Runs in the caller's transaction.

    The event names outcome, amount and day; an agent's words stay in the row, from where they can be erased.
    """
    wanted = checked(resolution)
    newest = newest_resolution(session, case.id)
    if newest is not None and resolution_of(newest) == wanted:
        return newest
    row = ResolutionRow(
        brand_id=case.brand_id,
        case_id=case.id,
        outcome=wanted.outcome,
        amount_cents=wanted.amount_cents,
        currency=wanted.currency,
        due_on=wanted.due_on,
        detail=wanted.words or None,
        by=actor,
        at=now,
    )
    session.add(row)
    session.flush()
    case.revision += 1
    told = {"resolution": row.id, "outcome": row.outcome, "amount_cents": row.amount_cents, "currency": row.currency}
    due = None if row.due_on is None else row.due_on.isoformat()
    cases.add_event(session, case, "resolution_recorded", now, actor, **told, due_on=due)
    return row


def amount_text(amount_cents: int, currency: str, language: str) -> str:
    """`1 234,50 €` in French, `€1,234.50` in English; other currencies by their code."""
    figure = f"{amount_cents / 100:,.2f}"
    sign = SIGNS.get(currency, currency)
    if language == "fr":
        return f"{figure.replace(',', ' ').replace('.', ',')} {sign}"
    return f"{sign}{figure}" if currency in SIGNS else f"{sign} {figure}"


def day_text(day: date, language: str) -> str:
    """`12/03/2026` in French, `12 March 2026` in English: no letter that a text message could not carry."""
    return f"{day:%d/%m/%Y}" if language == "fr" else f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def statement(resolution: Resolution, language: str, folder: Path | None = None) -> str:
    """What the brand does, in one or two sentences: the same on every channel."""
    spoken = spoken_language(language)
    values = {"amount": "", "due": ""}
    if resolution.amount_cents is not None:
        values["amount"] = amount_text(resolution.amount_cents, str(resolution.currency), spoken)
    if resolution.due_on is not None:
        values["due"] = day_text(resolution.due_on, spoken)
    key = resolution.outcome + ("_by" if resolution.due_on is not None else "")
    said = phrase(RESOLUTION_TEMPLATE, PHRASES, key, spoken, values, folder=folder)
    return " ".join(part for part in (said, _sentence(resolution.words)) if part)


def _sentence(words: str) -> str:
    line = one_line(words)
    return line if not line or line[-1] in ".!?" else f"{line}."


def words_for(
    resolution: Resolution, language: str, facts: Facts, channel: str, folder: Path | None = None
) -> tuple[str, str]:
    """Subject and body of the resolution for a channel."""
    values: Mapping[str, str] = {"statement": statement(resolution, language, folder)}
    subject, body = render_whole(
        RESOLUTION_TEMPLATE, PHRASES, language, facts, values, channel, longest=SHORT_MAX, folder=folder
    )
    return subject, gsm(body) if channel == "sms" else body


def preview(
    resolution: Resolution, language: str, facts: Facts, channel: str, rules: CareRules, max_length: int | None = None
) -> Preview:
    """One channel's text with everything that stands against it."""
    subject, body = words_for(resolution, language, facts, channel, rules.templates)
    allowed = Allowed(
        hosts=rules.hosts,
        private=tuple(value for value in (facts.first_name, facts.order, facts.product) if value),
        discreet=facts.discreet,
        resolution=resolution,
    )
    return Preview(channel, subject, body, tuple(problems(channel, subject, body, allowed, max_length)))


def previews(
    session: Session, brand: Brand, case: CaseRow, resolution: Resolution, rules: CareRules, now: datetime
) -> tuple[ChannelDecision, list[Preview]]:
    """Where it would go, and its text there first, then on the channels that are usual."""
    decision = decide_care(session, case, rules, now)
    facts, language = facts_in(session, brand, case)
    shown = dict.fromkeys([*([decision.channel] if decision.channel else []), *SHOWN])
    return decision, [preview(resolution, language, facts, channel, rules) for channel in shown]


def facts_in(session: Session, brand: Brand, case: CaseRow) -> tuple[Facts, str]:
    """What a message in this case may say, and in which language."""
    customer = None if case.customer_key is None else session.get(CustomerRow, case.customer_key)
    if customer is None:
        return Facts(brand.name or "", f"V{case.id}"), case.language or brand.language
    return facts_of(session, brand, case, customer), customer.language or case.language or brand.language


def send(
    session: Session, brand: Brand, case_id: int, rules: CareRules, actor: str, now: datetime, only: str | None = None
) -> MessageRow:
    """Reserve the newest resolution of a case for its customer, once. Raises NotSent.

    What was to go out by itself is taken back: the resolution goes instead.
    """
    lock_brand(session, brand.id)
    case = cases.living(session, session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True))
    row = newest_resolution(session, case.id)
    if row is None:
        raise NotSent(("no resolution is recorded",))
    sent = on_its_way(session, case, row)
    if sent is not None:
        return sent
    decision = decide_care(session, case, rules, now, only)
    if case.customer_key is None or not may_go(decision):
        raise NotSent(decision.reasons)
    return _reserve(session, brand, case, row, decision, rules, actor, now)


def on_its_way(session: Session, case: CaseRow, row: ResolutionRow) -> MessageRow | None:
    """The message that carries this resolution, unless it was taken back or failed."""
    query = session.query(MessageRow).filter(
        MessageRow.case_id == case.id, MessageRow.template == RESOLUTION_TEMPLATE, MessageRow.state.not_in(VOID)
    )
    return next((message for message in query if message.extra.get("resolution") == row.id), None)


def _reserve(
    session: Session,
    brand: Brand,
    case: CaseRow,
    row: ResolutionRow,
    decision: ChannelDecision,
    rules: CareRules,
    actor: str,
    now: datetime,
) -> MessageRow:
    facts, language = facts_in(session, brand, case)
    channel = str(decision.channel)
    found = preview(resolution_of(row), language, facts, channel, rules)
    if found.problems:
        raise NotSent(tuple(f"{problem.kind}: {problem.detail}" for problem in found.problems))
    cases.hold_contact(session, case, "the resolution goes instead")
    wanted = messages.Reservation(
        key=key_of(session, case, f"resolution:{row.id}"),
        case_id=case.id,
        customer_key=case.customer_key,
        channel=channel,
        address=str(decision.address),
        template=RESOLUTION_TEMPLATE,
        language=language,
        subject=found.subject,
        body=found.body,
        send_after=decision.send_at or now,
        decision={**decision.as_dict(), "address": None, "by": actor},
        proactive=False,
    )
    message = messages.reserve(session, brand.id, wanted, now)
    if message is None:
        raise NotSent(("it was reserved before",))
    message.extra = {"resolution": row.id}
    cases.add_event(
        session, case, "resolution_sent", now, actor, resolution=row.id, channel=channel, message=message.message_id
    )
    session.flush()
    return message
