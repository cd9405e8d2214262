"""One resolution says the same on every channel, promises nothing that the case does not hold, and goes out once."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.after import CAN_BE_DUE, CAN_HAVE_AMOUNT, NEEDS_WORDS, Resolution
from domain.case import OUTCOMES, CaseState
from domain.contact import CHANNELS
from domain.errors import BadInput
from routing import resolution as resolving
from routing.care import recheck_care
from routing.outbox import Cancel, Hold
from routing.resolution import NotSent, amount_text, checked, day_text, preview, record, send, statement
from routing.templates import Facts
from routing.wording import gsm
from storage import cases, messages
from storage.tables import CaseEventRow, CaseRow, ConsentRow, MessageRow, ObjectionRow, ResolutionRow
from tests.console import factories
from tests.unit.routing.care import BRAND, NOW, case_of, rules

RULES = rules()
FACTS = Facts("Hirondelle", "V42", "Élodie", "HR4829174637")
REFUND = Resolution("refunded", 1290, "EUR")
WORDS = st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz éàèêçœ'’"), max_size=120)


@st.composite
def resolutions(draw: st.DrawFn) -> Resolution:
    outcome = draw(st.sampled_from(OUTCOMES))
    amount = draw(st.none() | st.integers(1, 10_000_000)) if outcome in CAN_HAVE_AMOUNT else None
    due = draw(st.none() | st.dates(date(2026, 1, 1), date(2030, 1, 1))) if outcome in CAN_BE_DUE else None
    words = draw(WORDS) or ("x" if outcome in NEEDS_WORDS else "")
    return Resolution(outcome, amount, "EUR" if amount else None, due, words)


@given(told=resolutions(), language=st.sampled_from(("fr", "en")))
def test_every_channel_says_the_very_same(told: Resolution, language: str) -> None:
    said = " ".join(statement(told, language).split())
    for channel in (*CHANNELS, "mastodon", "x"):
        _, body = resolving.words_for(told, language, FACTS, channel)
        text = " ".join(body.split())
        assert (gsm(said) if channel == "sms" else said) in text
        if told.amount_cents is not None:
            assert amount_text(told.amount_cents, "EUR", language) in text
        if told.due_on is not None:
            assert day_text(told.due_on, language) in text


@given(told=resolutions(), language=st.sampled_from(("fr", "en")))
def test_what_the_resolution_holds_is_never_taken_for_an_empty_promise(told: Resolution, language: str) -> None:
    plain = Resolution(told.outcome, told.amount_cents, told.currency, told.due_on, "x" if told.words else "")
    for channel in ("email", "sms", "letter", "whatsapp"):
        assert preview(plain, language, FACTS, channel, RULES).problems == ()


def test_an_agents_words_may_not_promise_more() -> None:
    for words in ("Vous recevrez aussi 50 €.", "Cela arrivera demain.", "Le 14 mars au plus tard."):
        told = Resolution("apologised", words=words)
        assert [problem.kind for problem in preview(told, "fr", FACTS, "email", RULES).problems] == ["promise"]


HOSTILE = ("{{config}}", "{{''.__class__}}", "{% raw %}", "{{ 7*7 }}", "${7*7}", "%(x)s", "<b>x</b>", "раураl")


@pytest.mark.parametrize("channel", ["email", "sms", "letter"])
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_words_stay_text(value: str, channel: str) -> None:
    told = checked(Resolution("explained", words=value))
    _, body = resolving.words_for(told, "fr", Facts("Hirondelle", "V42", None, value), channel)
    assert body.count(value) == 2


def test_words_break_no_line_and_turn_nothing_round() -> None:
    told = checked(Resolution("explained", words="a\r\nBcc: eve@evil.example\u202eb\x00"))
    subject, body = resolving.words_for(told, "fr", FACTS, "email")
    assert "\nBcc" not in body
    assert not set("\r\x00\u202e") & set(subject + body)
    assert "personal" in {problem.kind for problem in preview(told, "fr", FACTS, "email", RULES).problems}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (Resolution("given"), "outcome_unknown"),
        (Resolution("replaced", 100, "EUR"), "amount_not_here"),
        (Resolution("refunded", 0, "EUR"), "amount_wrong"),
        (Resolution("refunded", 100), "amount_wrong"),
        (Resolution("refunded", 10**10, "EUR"), "amount_wrong"),
        (Resolution("declined", due_on=date(2026, 3, 12)), "due_not_here"),
        (Resolution("other"), "words_needed"),
        (Resolution("explained", words="x" * 161), "words_too_long"),
    ],
)
def test_what_cannot_be_meant_is_refused(told: Resolution, why: str) -> None:
    with pytest.raises(BadInput, match=f"^{why}$"):
        checked(told)


def test_amounts_and_days_are_written_one_way() -> None:
    assert amount_text(123450, "EUR", "fr") == "1 234,50 €"
    assert amount_text(123450, "EUR", "en") == "€1,234.50"
    assert amount_text(5, "CHF", "en") == "CHF 0.05"
    assert day_text(date(2026, 3, 2), "fr") == "02/03/2026"
    assert day_text(date(2026, 3, 2), "en") == "2 March 2026"


def mine(session: Session) -> list[MessageRow]:
    return list(session.scalars(select(MessageRow).order_by(MessageRow.id)))


def sent(session: Session, told: Resolution = REFUND, **changes: Any) -> MessageRow:
    case, _ = case_of(session, **changes)
    record(session, case, told, "lea", NOW)
    return send(session, BRAND, case.id, RULES, "lea", NOW)


def test_it_goes_out_once_though_an_agent_is_in_charge_and_a_first_message_went(session: Session) -> None:
    case, _ = case_of(session, assignee="lea@example.org")
    factories.message(session, case, "handed_over")
    record(session, case, REFUND, "lea", NOW)
    first = send(session, BRAND, case.id, RULES, "lea", NOW)
    assert send(session, BRAND, case.id, RULES, "tom", NOW) is first
    assert (first.channel, first.purpose, first.proactive) == ("email", "service", False)
    assert first.key == f"{case.id}:resolution:{first.extra['resolution']}"
    assert "12,90 €" in (first.body or "")
    assert recheck_care(session, first, RULES, NOW) is None


def test_the_same_resolution_is_recorded_once_and_its_event_holds_no_words(session: Session) -> None:
    case, _ = case_of(session)
    told = Resolution("explained", words="Le colis est chez Madame Roux.")
    assert record(session, case, told, "lea", NOW) is record(session, case, told, "lea", NOW)
    session.flush()
    assert len(session.scalars(select(ResolutionRow)).all()) == 1
    details = session.scalars(select(CaseEventRow.detail).where(CaseEventRow.kind == "resolution_recorded")).all()
    assert len(details) == 1
    assert "Roux" not in str(details)


def test_what_was_to_go_by_itself_is_taken_back(session: Session) -> None:
    case, _ = case_of(session)
    waiting = factories.message(session, case, "reserved")
    record(session, case, REFUND, "lea", NOW)
    send(session, BRAND, case.id, RULES, "lea", NOW)
    session.refresh(waiting)
    assert waiting.state == "cancelled"
    assert case.contact_state == "person"


@pytest.mark.parametrize("no", ["objection", "consent", "suppression", "nobody"])
def test_it_goes_to_nobody_who_may_not_be_written_to(session: Session, no: str) -> None:
    case, owner = case_of(session)
    keyed = {"brand_id": "hirondelle", "customer_key": owner.id}
    if no == "objection":
        session.add(ObjectionRow(**keyed, topic="all", at=NOW))
    elif no == "consent":
        session.add(ConsentRow(**keyed, channel="email", purpose="service", status="revoked", at=NOW))
    elif no == "suppression":
        messages.suppress(
            session, "hirondelle", "email", f"camille.{owner.customer_id.lower()}@example.org", "stop", NOW
        )
    else:
        case.subject, case.customer_key, case.grade = f"author:{case.author_id}", None, "none"
    session.flush()
    record(session, case, REFUND, "lea", NOW)
    with pytest.raises(NotSent) as refused:
        send(session, BRAND, case.id, RULES, "lea", NOW)
    assert refused.value.why
    assert mine(session) == []


def test_words_with_a_problem_are_not_sent(session: Session) -> None:
    case, _ = case_of(session)
    record(session, case, Resolution("apologised", words="Vous aurez 20 € demain."), "lea", NOW)
    with pytest.raises(NotSent, match="promise: 20 €"):
        send(session, BRAND, case.id, RULES, "lea", NOW)


def test_in_quiet_hours_it_waits_and_is_looked_at_again(session: Session) -> None:
    night = NOW.replace(hour=22)
    case, owner = case_of(session)
    record(session, case, REFUND, "lea", night)
    message = send(session, BRAND, case.id, RULES, "lea", night)
    assert message.send_after > night + timedelta(hours=6)
    assert isinstance(recheck_care(session, message, RULES, night), Hold)
    assert recheck_care(session, message, RULES, message.send_after) is None
    session.add(ObjectionRow(brand_id="hirondelle", customer_key=owner.id, topic="all", at=NOW))
    session.flush()
    assert isinstance(recheck_care(session, message, RULES, message.send_after), Cancel)


def test_an_outdated_resolution_stays_and_the_new_one_goes(session: Session) -> None:
    case, _ = case_of(session)
    record(session, case, REFUND, "lea", NOW)
    old = send(session, BRAND, case.id, RULES, "lea", NOW)
    record(session, case, Resolution("refunded", 1500, "EUR"), "lea", NOW)
    assert isinstance(recheck_care(session, old, RULES, NOW), Cancel)
    new = send(session, BRAND, case.id, RULES, "lea", NOW)
    assert new.message_id != old.message_id
    session.refresh(old)
    assert old.state == "cancelled"


def test_what_failed_may_be_sent_again_under_a_key_of_its_own(session: Session) -> None:
    message = sent(session)
    message.state = "failed"
    session.flush()
    again = send(session, BRAND, message.case_id, RULES, "lea", NOW)
    assert again.key == f"{message.key}:2"


def test_a_resolved_case_stays_resolved_when_its_resolution_is_handed_over(session: Session) -> None:
    message = sent(session)
    case = session.get_one(CaseRow, message.case_id)
    cases.step(session, case, CaseState.RESOLVED, NOW, "lea")
    messages.mark(session, message, messages.MessageState.HANDING_OVER, NOW, {"handing_over_at": NOW})
    messages.mark(session, message, messages.MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW})
    assert case.state == CaseState.RESOLVED
    assert case.first_answer_at == NOW


def test_a_resolution_that_did_not_arrive_opens_its_case_again(session: Session) -> None:
    message = sent(session)
    case = session.get_one(CaseRow, message.case_id)
    cases.step(session, case, CaseState.RESOLVED, NOW, "lea")
    messages.mark(session, message, messages.MessageState.FAILED, NOW, reason="550")
    assert (case.state, case.contact_state) == (CaseState.REOPENED, "person")
