"""Where the model is unsure a person is asked; what she says stands, and only what she may say is taken."""

import re
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.database import Database
from storage.tables import AuditRow, CaseRow, CorrectionRow, PostRow, ReadingRow
from tests.console import factories
from tests.console.harness import Browser, Console, Fill
from tests.console.test_actions import kinds


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


ME = "agent.hirondelle@example.org"


def doubted(session: Session, *heads: str, text: str = "Encore eux…", **changes: Any) -> PostRow:
    """A post of which the model leaves these heads to a person."""
    post = factories.post(session, text, factories.author(session))
    row = factories.reading(session, post)
    row.details = {**row.details, "abstain": list(heads)}
    asked = sorted(set(heads) & {"about_brand", "complaint", "intent", "sentiment"})
    for name, value in {"doubts": ",".join(asked), **changes}.items():
        setattr(row, name, value)
    session.flush()
    return post


def in_case(session: Session) -> tuple[PostRow, CaseRow]:
    post = doubted(session, "intent", "urgency")
    return post, factories.case(session, post)


def reading_of(database: Database, post: PostRow) -> ReadingRow:
    with database.read() as session:
        return session.scalars(select(ReadingRow).filter_by(post_id=post.id)).one()


def test_the_page_lists_what_concerns_the_brand_and_is_in_doubt(console: Console, fill: Fill) -> None:
    def make(session: Session) -> None:
        doubted(session, "intent", text="motif flou")
        doubted(session, "about_brand", text="marque floue", about_brand=0.4)
        doubted(session, "sentiment", text="une autre marque", about_brand=0.1)
        doubted(session, "ironic", text="ironie seule")
        doubted(session, "about_brand", text="page de la marque", about_brand=1.0)
        factories.reading(session, factories.post(session, "tout est clair", factories.author(session)))
        doubted(session, "intent", text="RT motif flou").is_repost = True

    fill(make)
    text = console.signed_in().get("/doubts").text
    shown = re.findall(r"<blockquote[^>]*><bdi>([^<]*)", text)
    assert sorted(shown) == ["marque floue", "motif flou"]
    assert 'Doutes <span class="pill">2</span>' in text


def test_a_saved_form_confirms_what_was_asked_and_leaves_the_rest(console: Console, fill: Fill) -> None:
    post, case = fill(in_case)
    browser = console.signed_in()
    told = {"version": 1, "intent": "billing", "urgency": "normal", "sentiment": "negative", "complaint": "yes"}
    answer = browser.send_form(f"/posts/{post.id}/reading", back=f"/cases/{case.id}", **told)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case.id}")
    with console.database.read() as session:
        rows = session.scalars(select(CorrectionRow).order_by(CorrectionRow.head)).all()
        said = [(row.head, row.label, row.by, row.model, row.at) for row in rows]
        audited = session.scalars(select(AuditRow).filter_by(action="reading.correct")).one()
        stage = session.get_one(PostRow, post.id).stage
    assert said == [
        (head, label, ME, "embedded-1", factories.NOW) for head, label in (("intent", "billing"), ("urgency", "normal"))
    ]
    assert audited.detail == {"version": 1, "labels": {"intent": "billing", "urgency": "normal"}}
    assert stage == "read", "it is routed again, so that its case follows"
    assert kinds(console, case.id) == ["reading_corrected"]
    now = reading_of(console.database, post)
    assert (now.intent, now.doubts) == ("billing", "")
    assert now.details["intent"]["label"] == "delivery", "what the model said is kept"
    assert "Aucun doute" in browser.get("/doubts").text


def case_text(browser: Browser, case: CaseRow) -> str:
    return browser.get(f"/cases/{case.id}").text.replace("\u202f", " ").replace("\xa0", " ")


def test_the_case_page_marks_the_doubt_and_shows_who_answered(console: Console, fill: Fill) -> None:
    post, case = fill(in_case)
    browser = console.signed_in()
    assert "incertain : motif, urgence" in case_text(browser, case)
    browser.send_form(f"/posts/{post.id}/reading", version=1, intent="billing", escalation="yes")
    text = case_text(browser, case)
    assert "Lecture : Facturation, négatif" in text
    assert f"Motif : Facturation, par {ME}" in text
    assert "Escalade : oui" in text
    assert "incertain : urgence" in text
    assert "Lecture corrigée" in text


def test_the_newest_word_holds_and_none_is_lost(console: Console, fill: Fill) -> None:
    post, _ = fill(in_case)
    browser = console.signed_in()
    for label in ("billing", "spam", "spam"):
        assert browser.send_form(f"/posts/{post.id}/reading", version=1, intent=label).status_code == 303
    with console.database.read() as session:
        assert session.scalars(select(CorrectionRow.label).order_by(CorrectionRow.id)).all() == ["billing", "spam"]
    now = reading_of(console.database, post)
    assert (now.intent, now.unhappy) == ("spam", False), "spam never complains"


def test_only_agents_of_the_brand_may_say_and_only_what_a_head_can_be(console: Console, fill: Fill) -> None:
    post, case = fill(in_case)
    path = f"/posts/{post.id}/reading"
    analyst = console.signed_in("analyst")
    assert analyst.get("/doubts").status_code == 403
    assert analyst.send_form(path, version=1, intent="billing").status_code == 403
    assert "Corriger cette lecture" not in analyst.get(f"/cases/{case.id}").text
    assert "/doubts" not in analyst.get("/").text
    assert console.signed_in("agent", "pelican").send_form(path, version=1, intent="billing").status_code == 404
    mine = console.signed_in()
    assert mine.post(path, data={"version": 1, "intent": "billing"}).status_code == 403, "no token, no act"
    for wrong in ({"intent": "love"}, {"complaint": "maybe"}, {"version": 0}, {"version": "x"}):
        assert mine.send_form(path, **{"version": 1, **wrong}).status_code == 422
    assert mine.send_form(path, version=2, intent="billing").status_code == 409, "the post is not at this version"
    assert mine.send_form("/posts/999999/reading", version=1, intent="billing").status_code == 404
    assert reading_of(console.database, post).intent == "delivery"


def test_a_view_of_the_doubts_is_audited(console: Console, fill: Fill) -> None:
    fill(in_case)
    browser = console.signed_in()
    before = console.audits("view")
    browser.get("/doubts")
    assert console.audits("view") == before + 1
