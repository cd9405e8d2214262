"""Replay works out both rules by the same functions, for the time of the decision, and writes nothing."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from routing.contact import plan_batch
from routing.playing import play
from routing.replay import Replayed, ReplayRules, replay
from storage.database import Database
from storage.readonly import reading_only
from storage.tables import Base, CaseRow, ConsentRow, ContactPointRow, MessageRow, PlaybookRunRow
from tests.console import factories
from tests.unit.samples import ACTING, BRAND, NOW

HOUR = timedelta(hours=1)
SINCE = NOW - timedelta(days=30)
BOOK = {"name": "late", "when": {"intent": "delivery", "open_hours": 2}, "then": [{"assign": "care"}]}


def settings(**tables: Any) -> Settings:
    return Settings.model_validate({"matching": ACTING.matching, **tables})


def rules(given: Settings) -> ReplayRules:
    app = App(given)
    return ReplayRules(
        intake=app.intake_rules(),
        contact=app.contact_rules(BRAND),
        contact_on=given.contact.enabled,
        complaint=given.reading.complaint_threshold,
        playbooks=app.play_rules(BRAND).playbooks,
        segments=app.segments(),
    )


def compare(session: Session, new: Settings, old: Settings | None = None, now: Any = NOW + 24 * HOUR) -> Replayed:
    return replay(session, BRAND.id, rules(old or settings()), rules(new), SINCE, now)


def decided_case(session: Session, **changes: Any) -> CaseRow:
    """A proven customer's case, opened three hours ago and decided now, by the flow itself."""
    owner = factories.customer(session)
    phone = select(ContactPointRow).filter_by(customer_key=owner.id, kind="phone")
    session.scalars(phone).one().value = f"+3361234{owner.id:04}"
    for channel in ("email", "sms"):
        word = {"channel": channel, "purpose": "service", "status": "granted", "at": NOW - timedelta(days=9)}
        session.add(ConsentRow(brand_id=BRAND.id, customer_key=owner.id, **word))
    post = factories.post(session, writer=factories.author(session))
    factories.reading(session, post, details={"abstain": [], "entities": []})
    case = factories.case(session, post, owner=owner, **changes)
    session.flush()
    plan_batch(session, BRAND, App(settings()).contact_rules(BRAND), 100, NOW)
    session.flush()
    return case


def test_the_same_rules_differ_in_nothing(session: Session) -> None:
    for _ in range(3):
        decided_case(session)
    found = compare(session, settings())
    assert (found.cases, found.decisions) == (3, 3)
    assert not any(found.changes.values())


def test_a_shut_channel_moves_the_decision_of_its_cases(session: Session) -> None:
    case = decided_case(session)
    assert session.scalars(select(MessageRow.channel)).all() == ["email"]
    found = compare(session, settings(contact={"default_order": ["sms", "email"], "closed_channels": ["email"]}))
    (change,) = found.changes["decision"]
    assert (change.case_id, change.before) == (case.id, "send email")
    assert change.after == "ask_person"  # a text message intrudes more than the letter that he asked for
    assert not found.changes["priority"]


def test_a_decision_is_made_for_its_own_time(session: Session) -> None:
    """Neither the message that it led to, nor a later refusal, nor a later assignment bear on it."""
    case = decided_case(session)
    word = {"channel": "email", "purpose": "service", "status": "revoked", "at": NOW + HOUR}
    session.add(ConsentRow(brand_id=BRAND.id, customer_key=case.customer_key, **word))
    factories.event(session, case, "assigned", NOW + HOUR, "lea@example.org", to="lea@example.org")
    case.assignee = "lea@example.org"
    session.scalars(select(MessageRow)).one().handed_over_at = NOW + HOUR
    session.flush()
    (change,) = compare(session, settings(contact={"quiet_from": "09:00", "quiet_until": "08:00"})).changes["decision"]
    assert (change.before, change.after) == ("send email", "hold email")


def test_contact_that_is_off_decides_nothing(session: Session) -> None:
    decided_case(session)
    (change,) = compare(session, settings(contact={"enabled": False})).changes["decision"]
    assert change.after == "contact is off"


def test_thresholds_say_which_cases_would_not_be_there(session: Session) -> None:
    case = decided_case(session)
    found = compare(session, settings(reading={"complaint_threshold": 0.98}))
    assert [(one.case_id, one.before, one.after) for one in found.changes["opened"]] == [(case.id, "a case", "no case")]
    assert not compare(session, settings(reading={"about_brand_threshold": 0.9})).changes["opened"]


def test_a_new_playbook_tells_where_it_would_have_acted(session: Session) -> None:
    case, over = decided_case(session), decided_case(session)
    over.state, over.resolved_at = "resolved", NOW - 2 * HOUR
    factories.event(session, over, "state", NOW - 2 * HOUR, old="new", new="resolved")
    found = compare(session, settings(playbooks=[BOOK]))
    assert found.before == {}
    assert found.after["late"].runs.keys() == {(case.id, "case")}
    assert found.after["late"].runs[case.id, "case"] < NOW


def test_what_replay_says_is_what_the_flow_would_have_done(session: Session) -> None:
    for _ in range(2):
        decided_case(session)
    books = [
        BOOK,
        {"name": "silent", "when": {"our_silence_hours": 10, "not": {"team": "care"}}, "then": [{"note": "x"}]},
        {"name": "missed", "when": {"deadline": "first_answer_missed"}, "then": [{"note": "x"}]},
        {"name": "never", "when": {"survey_below": 3}, "then": [{"note": "x"}]},
    ]
    new = settings(playbooks=books)
    found = compare(session, new, now=NOW + 10 * HOUR)
    acted: set[tuple[str, int, str]] = set()
    for tick in range(41):
        play(session, BRAND, App(new).play_rules(BRAND), 0, 100, NOW + tick * HOUR / 4)
    for run in session.scalars(select(PlaybookRunRow)):
        acted.add((run.playbook, run.case_id, run.occasion))
    assert {(name, *key) for name, runs in found.after.items() for key in runs.runs} == acted
    assert {name for name, _, _ in acted} == {"late", "silent", "missed"}


def test_each_kind_of_rule_tells_its_segments(session: Session) -> None:
    decided_case(session)
    some = [{"name": "french", "when": {"country": "FR"}}]
    other = [{"name": "french", "when": {"country": "BE"}}, {"name": "rich", "when": {"value_at_least": 1}}]
    found = compare(session, settings(segments=other), settings(segments=some))
    assert (found.segments_before, found.segments_after) == ({"french": 1}, {"french": 0, "rich": 0})


def rows(database: Database) -> dict[str, list[Any]]:
    with database.read() as session:
        return {
            table.name: sorted(map(repr, session.execute(select(table)).all())) for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def filled(database: Database) -> Database:
    with database.begin() as session:
        factories.brand(session)
        decided_case(session)
    return database


def test_replay_leaves_every_row_as_it_is(filled: Database) -> None:
    before = rows(filled)
    with reading_only(filled) as session:
        found = compare(
            session, settings(playbooks=[{**BOOK, "dry_run": False}], contact={"closed_channels": ["email"]})
        )
    assert found.changes["decision"]
    assert rows(filled) == before


def test_replay_needs_no_secret_that_is_not_there_yet(database: Database) -> None:
    with database.begin() as session:
        factories.brand(session)
        decided_case(session)
        session.execute(text("DELETE FROM secrets"))
    with reading_only(database) as session:
        assert compare(session, settings()).decisions == 1


def test_the_database_itself_refuses_to_be_written(filled: Database) -> None:
    with reading_only(filled) as session, pytest.raises(DatabaseError):
        session.execute(text("DELETE FROM case_posts"))
    with reading_only(filled) as session, pytest.raises(RuntimeError):
        factories.brand(session, "another")
    with filled.begin() as session:  # and is writable again afterwards
        factories.brand(session, "another")
