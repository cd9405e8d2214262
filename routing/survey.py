"""The question after a case: asked once, on the channel used, only of who was in contact with us about it.

Opening its link counts nothing: programs that look through mail open every link. What counts is the form of its page.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from domain.after import SURVEY_SCALES
from domain.brand import Brand
from domain.case import CaseState
from domain.claim import PLACE
from routing.care import CareRules, SurveyRules, channel_used, decide_care, key_of, may_go
from routing.resolution import facts_in
from routing.templates import LONG_FORM, Facts, phrase, render_whole
from routing.wording import gsm
from storage import cases, messages, surveys
from storage.brands import lock_brand
from storage.tables import CaseEventRow, CaseRow, SurveyRow

PHRASES = frozenset(f"{kind}{end}" for kind in SURVEY_SCALES for end in ("", "_low", "_high"))
BY_LINK = {"phone": "sms"}  # who was spoken to by telephone gets the link as a text message
LATEST = timedelta(days=14)  # a question that comes later than this after its time is not asked any more
MANY_CHOICES = 7  # a longer scale has one link in a letter instead of one a score


@dataclass(frozen=True, slots=True)
class Asked:
    """What one batch did with resolved cases."""

    asked: int = 0
    left: int = 0

    def __add__(self, other: "Asked") -> "Asked":
        return Asked(self.asked + other.asked, self.left + other.left)


def ask_due(session: Session, brand: Brand, rules: CareRules, limit: int, now: datetime) -> Asked:
    """Ask about cases that were resolved long enough ago; each is looked at once per resolution."""
    survey = rules.survey
    if survey.kind == "none" or not rules.base_url:
        return Asked()
    lock_brand(session, brand.id)
    looked = select(CaseEventRow.id).where(
        CaseEventRow.case_id == CaseRow.id,
        CaseEventRow.kind == "survey_not_asked",
        CaseEventRow.at >= CaseRow.resolved_at,
    )
    due = select(CaseRow).where(
        CaseRow.brand_id == brand.id,
        CaseRow.state.in_((CaseState.RESOLVED, CaseState.CLOSED)),
        CaseRow.customer_key.is_not(None),
        CaseRow.resolved_at <= now - survey.delay,
        CaseRow.resolved_at > now - survey.delay - LATEST,
        ~exists(select(SurveyRow.id).where(SurveyRow.case_id == CaseRow.id, surveys.went_out())),
        ~exists(looked),
    )
    done = Asked()
    for case in session.scalars(due.order_by(CaseRow.resolved_at, CaseRow.id).limit(limit)).all():
        why = _ask(session, brand, case, rules, now)
        if why is None:
            done += Asked(asked=1)
        else:
            cases.add_event(session, case, "survey_not_asked", now, why=why)
            done += Asked(left=1)
    return done


def _ask(session: Session, brand: Brand, case: CaseRow, rules: CareRules, now: datetime) -> str | None:
    """Ask, or say why not."""
    used = channel_used(session, case)
    if used is None:
        return "the customer was not in contact with us in this case"
    channel = BY_LINK.get(used, used)
    if channel == "letter":
        return "no link can be opened from a letter"
    if surveys.asked_since(session, case, now - rules.survey.per_customer):
        return "the customer was asked not long ago"
    decision = decide_care(session, case, rules, now, only=channel)
    if not may_go(decision):
        return "; ".join(decision.reasons)
    facts, language = facts_in(session, brand, case)
    subject, body = words_for(rules.survey.kind, language, facts, channel, rules)
    wanted = messages.Reservation(
        key=key_of(session, case, "service:survey"),
        case_id=case.id,
        customer_key=case.customer_key,
        channel=channel,
        address=str(decision.address),
        template=f"survey_{rules.survey.kind}",
        language=language,
        subject=subject,
        body=body,
        send_after=decision.send_at or now,
        decision={**decision.as_dict(), "address": None},
        proactive=False,
    )
    message = messages.reserve(session, brand.id, wanted, now)
    if message is None:
        return "it was asked before"
    surveys.ask(session, case, message, rules.survey.kind, now)
    return None


def words_for(
    kind: str, language: str, facts: Facts, channel: str, rules: CareRules, secret: str = PLACE, base_url: str = ""
) -> tuple[str, str]:
    """Subject and body of the question, with a place where the link's token is put at the last moment."""
    link = f"{base_url or rules.base_url}/s/{secret}"
    ends = {end: _phrase(f"{kind}_{end}", language, rules) for end in ("low", "high")}
    values = {
        "question": _phrase(kind, language, rules),
        "link": link,
        "days": f"{rules.survey.change_for / timedelta(days=1):.0f}",
        "choices": _choices(kind, link, ends) if channel in LONG_FORM else "",
    }
    told = Facts(brand=facts.brand, reference=facts.reference, first_name=facts.first_name, discreet=facts.discreet)
    subject, body = render_whole(
        "survey", PHRASES, language, told, values, channel, longest=459, folder=rules.templates
    )
    return subject, gsm(body) if channel == "sms" else body


def _phrase(key: str, language: str, rules: CareRules) -> str:
    return phrase("survey", PHRASES, key, language, {}, folder=rules.templates)


def _choices(kind: str, link: str, ends: dict[str, str]) -> str:
    """A line a score, the best one first; one link alone where the scale is long."""
    low, high = SURVEY_SCALES[kind]
    if high - low + 1 > MANY_CHOICES:
        return link
    named = {low: f" ({ends['low']})", high: f" ({ends['high']})"}
    return "\n".join(f"{score}{named.get(score, '')}  {link}/{score}" for score in range(high, low - 1, -1))


def take_answer(
    session: Session, survey: SurveyRow, score: int, comment: str, rules: SurveyRules, now: datetime
) -> surveys.Answered | None:
    """Take an answer; a bad one opens the case again where the settings say so. Raises BadInput off the scale.

    Runs in the caller's transaction, under the brand's lock.
    """
    done = surveys.answer(session, survey, score, comment, now)
    if done is None or not rules.reopens or score > rules.bad or survey.kind != rules.kind:
        return done
    if done.case.state in (CaseState.RESOLVED, CaseState.CLOSED):
        cases.step(session, done.case, CaseState.REOPENED, now, surveys.CUSTOMER, "a bad score in the survey")
    return done
