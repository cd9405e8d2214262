"""The question after a case: asked once, of who was in contact, by a link that counts only what a person sends."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.after import BAD_SCORES, SURVEY_SCALES
from domain.case import CaseState
from domain.errors import BadInput
from insights.after import after
from routing.care import CareRules, recheck_care
from routing.outbox import Cancel, outgoing
from routing.seal import unsealed
from routing.survey import ask_due, take_answer, words_for
from routing.templates import Facts
from routing.wording import Allowed, problems
from storage import cases, surveys
from storage.people import erase_customer, everything_of
from storage.tables import (
    CaseEventRow,
    CaseRow,
    ConsentRow,
    CustomerRow,
    InteractionRow,
    MessageRow,
    ObjectionRow,
    PreferenceRow,
    SurveyRow,
)
from tests.console import factories
from tests.unit.routing.care import BASE, BRAND, NOW, case_of, on, rules

RULES = rules()
LATER = NOW + timedelta(days=2)


def resolved(session: Session, replied: bool = True, **changes: Any) -> tuple[CaseRow, CustomerRow]:
    """A case in which the customer answered us, settled now."""
    case, owner = case_of(session, **changes)
    if replied:
        factories.message(session, case, "replied")
    cases.step(session, case, CaseState.RESOLVED, NOW, "lea")
    session.flush()
    return case, owner


def asked(session: Session, with_rules: CareRules = RULES) -> SurveyRow | None:
    ask_due(session, BRAND, with_rules, 50, LATER)
    return session.scalars(select(SurveyRow)).one_or_none()


def events(session: Session) -> list[str]:
    return list(session.scalars(select(CaseEventRow.kind).order_by(CaseEventRow.id)))


def test_it_is_asked_once_on_the_channel_used_and_its_link_lies_in_no_table(session: Session) -> None:
    case, owner = resolved(session)
    survey = asked(session)
    assert survey is not None
    assert asked(session) is survey
    message = session.scalars(select(MessageRow).where(MessageRow.template == "survey_csat")).one()
    assert (message.key, message.channel, message.proactive) == (f"{case.id}:service:survey", "email", False)
    token = surveys.token_of(session, survey.id)
    assert token not in (message.body or "")
    letter = unsealed(session, message, outgoing(message, "Hirondelle"))
    assert f"{BASE}/s/{token}/5" in letter.body
    assert surveys.find(session, token) is survey
    assert owner.name not in letter.body
    assert recheck_care(session, message, RULES, LATER) is None


@pytest.mark.parametrize("why", ["no contact", "objection", "not yet", "too late", "off", "no address"])
def test_nobody_is_asked_who_should_not_be(session: Session, why: str) -> None:
    _, owner = resolved(session, replied=why != "no contact")
    with_rules, now = RULES, LATER
    if why == "objection":
        session.add(ObjectionRow(brand_id="hirondelle", customer_key=owner.id, topic="all", at=NOW))
    now = {"not yet": NOW + timedelta(hours=23), "too late": NOW + timedelta(days=40)}.get(why, now)
    with_rules = on(RULES, kind="none") if why == "off" else with_rules
    with_rules = rules(claims={"base_url": ""}) if why == "no address" else with_rules
    session.flush()
    ask_due(session, BRAND, with_rules, 50, now)
    assert session.scalars(select(SurveyRow)).all() == []
    assert events(session).count("survey_not_asked") == (why in ("no contact", "objection"))
    ask_due(session, BRAND, with_rules, 50, now)
    assert events(session).count("survey_not_asked") == (why in ("no contact", "objection"))


def test_a_contact_that_another_system_tells_of_counts(session: Session) -> None:
    case, owner = resolved(session, replied=False)
    told = InteractionRow(
        brand_id="hirondelle", interaction_id="t1", customer_id=owner.customer_id, channel="email", direction="in",
        at=NOW - timedelta(hours=1), case_ref=f"V{case.id}", row_hash="t1",
    )  # fmt: skip
    session.add(told)
    session.flush()
    assert asked(session) is not None


def test_who_was_asked_not_long_ago_is_left_alone(session: Session) -> None:
    _, owner = resolved(session)
    asked(session)
    other = factories.case(session, factories.post(session, writer=factories.author(session)), owner=owner)
    factories.message(session, other, "replied")
    cases.step(session, other, CaseState.RESOLVED, NOW, "lea")
    session.flush()
    assert ask_due(session, BRAND, RULES, 50, LATER).asked == 0
    assert ask_due(session, BRAND, on(RULES, per_customer=timedelta(0)), 50, LATER).asked == 0, "looked at once"


def test_a_case_that_was_opened_again_is_not_asked_about(session: Session) -> None:
    case, _ = resolved(session)
    asked(session)
    message = session.scalars(select(MessageRow).where(MessageRow.template == "survey_csat")).one()
    cases.step(session, case, CaseState.REOPENED, LATER)
    assert isinstance(recheck_care(session, message, RULES, LATER), Cancel)


def answered(session: Session, survey: SurveyRow, score: int, comment: str = "", days: float = 0) -> Any:
    return take_answer(session, survey, score, comment, RULES.survey, LATER + timedelta(days=days))


def test_an_answer_may_be_changed_for_some_days_and_each_change_is_an_event(session: Session) -> None:
    resolved(session)
    survey = asked(session)
    assert survey is not None
    assert answered(session, survey, 4).first
    assert answered(session, survey, 4) is None
    assert not answered(session, survey, 5, "merci").first
    assert (survey.score, survey.comment, survey.answered_at) == (5, "merci", LATER)
    assert events(session).count("survey_answered") == events(session).count("survey_changed") == 1
    assert "merci" not in str(list(session.scalars(select(CaseEventRow.detail))))
    for days, open_ in ((6.9, True), (7.1, False)):
        at = LATER + timedelta(days=days)
        assert surveys.may_answer(session, survey, RULES.survey.open_for, RULES.survey.change_for, at) is open_


@pytest.mark.parametrize(
    ("score", "reopens", "state"), [(2, True, "reopened"), (3, True, "resolved"), (1, False, "resolved")]
)
def test_a_bad_score_opens_the_case_again_where_the_settings_say_so(
    session: Session, score: int, reopens: bool, state: str
) -> None:
    case, _ = resolved(session)
    survey = asked(session)
    assert survey is not None
    take_answer(session, survey, score, "", on(RULES, reopens=reopens).survey, LATER)
    assert case.state == state


@pytest.mark.parametrize("score", [-1, 0, 6, 99])
def test_a_score_off_the_scale_is_refused(session: Session, score: int) -> None:
    resolved(session)
    survey = asked(session)
    assert survey is not None
    with pytest.raises(BadInput):
        answered(session, survey, score)


def test_a_forged_link_opens_nothing(session: Session) -> None:
    resolved(session)
    survey = asked(session)
    assert survey is not None
    token = surveys.token_of(session, survey.id)
    for forged in ("", "x", token[:-1], token + "a", "MQ." + token.rpartition(".")[2] + "x", "é" * 500):
        assert surveys.find(session, forged) is None, forged


def test_the_words_of_every_kind_keep_the_rules() -> None:
    for kind in SURVEY_SCALES:
        for language in ("fr", "en"):
            for channel in ("email", "sms", "letter", "whatsapp"):
                facts = Facts("Hirondelle", "V42", "Élodie", "HR4829174637")
                subject, body = words_for(kind, language, facts, channel, RULES)
                allowed = Allowed(RULES.hosts, ("HR4829174637",), discreet=True, promises=False)
                assert problems(channel, subject, body, allowed) == []
                assert f"{BASE}/s/" in body


def test_a_bad_score_lies_on_its_scale() -> None:
    assert all(low <= BAD_SCORES[kind] < high for kind, (low, high) in SURVEY_SCALES.items())


def test_what_is_held_is_told_and_its_words_are_erased(session: Session) -> None:
    _, owner = resolved(session)
    survey = asked(session)
    assert survey is not None
    answered(session, survey, 1, "un mot de trop")
    told = everything_of(session, "hirondelle", owner.customer_id, "t", "shown", LATER)
    assert told is not None
    assert told["surveys"][0]["comment"] == "un mot de trop"
    erase_customer(session, "hirondelle", owner.customer_id, "t", LATER)
    session.refresh(survey)
    assert (survey.score, survey.comment) == (1, None)


def test_a_question_that_never_went_out_asked_nobody_and_may_be_asked_again(session: Session) -> None:
    case, _ = resolved(session)
    first = asked(session)
    message = session.scalars(select(MessageRow).where(MessageRow.template == "survey_csat")).one()
    message.state = "cancelled"
    cases.step(session, case, CaseState.REOPENED, LATER)
    cases.step(session, case, CaseState.RESOLVED, LATER)
    session.flush()
    assert after(session, "hirondelle")["surveys"] == {}
    assert ask_due(session, BRAND, RULES, 50, LATER + timedelta(days=2)).asked == 1
    assert session.scalars(select(SurveyRow)).one() is first
    keys = session.scalars(select(MessageRow.key).where(MessageRow.template == "survey_csat").order_by(MessageRow.id))
    assert list(keys) == [f"{case.id}:service:survey", f"{case.id}:service:survey:2"]


def test_no_word_is_taken_of_a_case_that_is_nobodys_any_more(session: Session) -> None:
    _, owner = resolved(session)
    survey = asked(session)
    assert survey is not None
    erase_customer(session, "hirondelle", owner.customer_id, "t", LATER)
    assert not surveys.may_answer(session, survey, RULES.survey.open_for, RULES.survey.change_for, LATER)


def test_who_was_spoken_to_by_telephone_is_asked_by_text_message_if_he_allowed_it(session: Session) -> None:
    case, owner = resolved(session, replied=False)
    factories.message(session, case, "replied", channel="phone")
    session.flush()
    assert asked(session) is None
    consent = ConsentRow(
        brand_id="hirondelle", customer_key=owner.id, channel="sms", purpose="service", status="granted", at=NOW
    )
    session.add(consent)
    session.query(PreferenceRow).filter_by(customer_key=owner.id).update({"channel": "sms"})
    cases.step(session, case, CaseState.REOPENED, LATER + timedelta(hours=1))
    cases.step(session, case, CaseState.RESOLVED, LATER + timedelta(hours=2))
    session.flush()
    ask_due(session, BRAND, RULES, 50, LATER + timedelta(days=2))
    assert session.scalars(select(MessageRow.channel).where(MessageRow.template == "survey_csat")).all() == ["sms"]


def test_the_figures_of_each_kind(session: Session) -> None:
    for kind, scores in {"csat": (5, 2, 4), "nps": (10, 9, 7, 3), "effort": (7, None)}.items():
        for score in scores:
            case, _ = case_of(session)
            row = SurveyRow(brand_id="hirondelle", case_id=case.id, kind=kind, asked_at=NOW, score=score)
            row.answered_at = None if score is None else NOW
            session.add(row)
    session.flush()
    assert after(session, "hirondelle")["surveys"] == {
        "csat": {"asked": 3, "answered": 3, "bad": 1, "score": 3.67},
        "nps": {"asked": 4, "answered": 4, "bad": 1, "score": 25.0},
        "effort": {"asked": 2, "answered": 1, "bad": 0, "score": 7.0},
    }
