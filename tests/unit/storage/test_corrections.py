"""What people say of readings stands from then on, moves cases as readings do, and comes back as training rows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from config.wiring import App
from domain.reading import Reading
from routing.intake import route_batch
from storage.corrections import Outdated, correct, doubts_waiting, put_all_in_force, training_rows
from storage.posts import store_events
from storage.readings import save_reading
from storage.tables import CaseRow, CorrectionRow, PostRow, ReadingRow
from tests.unit.samples import ACTING, BRAND, NOW, author, entity, gone, heard, minute, reading

ANNA = "anna@example.org"


def read(session: Session, said: Reading, words: str = "Mon colis Hirondelle est en retard") -> PostRow:
    """One post, read and routed."""
    store_events(session, BRAND.id, [heard("1", words, author=author())], NOW)
    post = session.scalars(select(PostRow)).one()
    save_reading(session, post, said, said.flags["complaint"] >= 0.5, NOW)
    post.stage = "read"
    session.flush()
    route(session)
    return post


def route(session: Session) -> None:
    route_batch(session, BRAND, App(ACTING).intake_rules(), 100, NOW)
    session.flush()
    session.expire_all()


def say(session: Session, post: PostRow, **labels: str) -> dict[str, str]:
    said = correct(session, post.id, post.version, labels, ANNA, NOW, 0.5)
    session.flush()
    session.expire_all()
    return dict(said)


def row_of(session: Session, post: PostRow) -> ReadingRow:
    return session.scalars(select(ReadingRow).filter_by(post_id=post.id, version=post.version)).one()


def test_the_severity_of_the_case_follows(session: Session) -> None:
    post = read(session, reading("defect"))
    assert session.scalars(select(CaseRow.severity)).one() == "normal"
    say(session, post, escalation="yes", intent="billing")
    route(session)
    assert session.execute(select(CaseRow.severity, CaseRow.intent, CaseRow.team)).one() == (
        "high",
        "billing",
        "billing",
    )


def test_what_the_model_took_for_no_complaint_opens_a_case(session: Session) -> None:
    post = read(session, reading("delivery", complaint=0.2, about=0.2))
    assert session.scalars(select(CaseRow)).all() == []
    say(session, post, complaint="yes", about_brand="yes")
    route(session)
    assert len(session.scalars(select(CaseRow)).all()) == 1


def test_what_was_said_holds_when_the_post_is_read_again(session: Session) -> None:
    unsure = replace(reading("delivery"), abstain=("intent", "complaint"))
    post = read(session, unsure)
    assert row_of(session, post).doubts == "complaint,intent"
    say(session, post, complaint="no", intent="delivery")
    again = save_reading(session, post, unsure, True, NOW)
    assert (again.complaint, again.unhappy) == (0.9, True)
    put_all_in_force(session, [again], 0.5)
    assert (again.complaint, again.unhappy, again.doubts) == (0.0, False, "")
    assert again.details["flags"]["complaint"] == 0.9


def test_an_edit_is_other_words(session: Session) -> None:
    post = read(session, reading("delivery"))
    say(session, post, intent="billing")
    store_events(session, BRAND.id, [heard("1", "Réglé, merci Hirondelle", author=author(), edited_at=minute(5))], NOW)
    session.expire_all()
    with pytest.raises(Outdated):
        correct(session, post.id, 1, {"intent": "praise"}, ANNA, NOW, 0.5)
    fresh = save_reading(session, post, reading("praise"), False, NOW)
    put_all_in_force(session, [fresh], 0.5)
    assert fresh.intent == "praise"


def test_only_what_is_new_is_kept(session: Session) -> None:
    post = read(session, replace(reading("delivery"), abstain=("intent",)))
    assert say(session, post, intent="delivery", sentiment="negative", ironic="no") == {"intent": "delivery"}
    assert say(session, post, intent="delivery") == {}


@pytest.mark.parametrize("statement", ["UPDATE corrections SET label = 'spam'", "DELETE FROM corrections"])
def test_corrections_are_never_changed(session: Session, statement: str) -> None:
    say(session, read(session, reading("delivery")), intent="billing")
    with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
        session.execute(text(statement))


def test_of_the_brands_own_words_nobody_is_asked(session: Session) -> None:
    read(session, replace(reading("delivery"), abstain=("intent",)))
    assert doubts_waiting(session, BRAND.id, 0.5, ()) == 1
    assert doubts_waiting(session, BRAND.id, 0.5, ("mastodon:@A1_handle",)) == 0


def rows(session: Session, **options: Any) -> list[dict[str, Any]]:
    return list(training_rows(session, BRAND.id, options.get("since"), options.get("keep_after", {})))


class TestTrainingRows:
    def test_they_hold_the_newest_word_of_each_head_and_how_the_brand_is_called(self, session: Session) -> None:
        post = read(session, reading("delivery", entity("brand", "Hirondelle", "hirondelle")))
        for intent in ("spam", "billing"):
            say(session, post, intent=intent, complaint="no")
        words = "Mon colis Hirondelle est en retard"
        assert rows(session) == [
            {"text": words, "lang": "fr", "intent": "billing", "complaint": 0, "brand": "hirondelle"}
        ]
        assert rows(session, since=NOW) == rows(session)
        assert rows(session, since=NOW + timedelta(seconds=1)) == []

    def test_of_an_edited_post_the_words_that_were_judged(self, session: Session) -> None:
        post = read(session, reading("delivery"))
        say(session, post, intent="billing")
        store_events(session, BRAND.id, [heard("1", "Réglé", author=author(), edited_at=minute(5))], NOW)
        assert [row["text"] for row in rows(session)] == ["Mon colis Hirondelle est en retard"]

    def test_a_deleted_post_gives_none_and_leaves_no_word(self, session: Session) -> None:
        say(session, read(session, reading("delivery")), intent="billing")
        store_events(session, BRAND.id, [gone("1")], NOW)
        assert rows(session) == []
        assert not any("text" in column.name for column in CorrectionRow.__table__.columns)

    def test_what_may_no_longer_be_kept_is_left_out(self, session: Session) -> None:
        say(session, read(session, reading("delivery")), intent="billing")
        assert len(rows(session, keep_after={"mastodon": NOW})) == 1
        assert rows(session, keep_after={"mastodon": NOW + timedelta(seconds=1)}) == []
