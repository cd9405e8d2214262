"""A brief holds facts only, each with the row that tells it, and what the customer told need not be asked again."""

import json
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.around import of_case
from console.words import LANGUAGES, Words
from routing.brief import TOLD_KINDS
from storage.queue import dossier
from storage.tables import CasePostRow, InteractionRow, OrderRow, ResolutionRow, RuptureRow
from tests.console import factories
from tests.unit.routing.care import NOW, case_of

ORDER = "HR4829174637"


def told(session: Session, with_people: bool = True):
    case = session.scalars(select(factories.CaseRow)).one()
    found = dossier(session, "hirondelle", case.id)
    assert found is not None
    return of_case(session, found, with_people, NOW)


def story(session: Session) -> None:
    """Bought, asked by telephone with the number, posted with the number, was answered, and was refunded."""
    case, owner = case_of(session)
    post = session.scalars(select(factories.PostRow)).one()
    entities = [{"kind": "order", "value": ORDER}, {"kind": "email", "value": "claire@example.org"}]
    factories.reading(session, post, details={"entities": entities})
    mine = {"brand_id": "hirondelle", "customer_id": owner.customer_id}
    session.add(
        OrderRow(**mine, order_id=ORDER, normal_id=ORDER, placed_at=NOW - timedelta(days=9), product="Box",
                 promised_at=NOW - timedelta(days=4), row_hash="o")
    )  # fmt: skip
    session.add(
        InteractionRow(**mine, interaction_id="i1", channel="phone", direction="in", at=NOW - timedelta(days=3),
                       text=f"Ma commande {ORDER}", outcome="remboursé 12.90", row_hash="i")
    )  # fmt: skip
    factories.message(session, case, "handed_over")
    session.add(
        ResolutionRow(brand_id="hirondelle", case_id=case.id, outcome="refunded", amount_cents=1290, currency="EUR",
                      due_on=date(2026, 11, 20), by="lea", at=NOW)
    )  # fmt: skip
    session.add(
        RuptureRow(brand_id="hirondelle", customer_key=owner.id, case_id=case.id, kind="channel_switched", at=NOW,
                   found_at=NOW)
    )  # fmt: skip
    session.flush()


def test_three_lines_tell_what_it_is_about_what_came_before_and_where_it_stands(session: Session) -> None:
    story(session)
    words = Words("fr")
    matter, history, stand = [" · ".join(said for said, _ in line) for line in told(session).lines(words)]
    assert f"commande {ORDER}" in matter
    assert "promise pour le" in matter
    assert "remboursé 12.90" in history
    assert "A changé de canal faute de réponse" in history
    assert "répondu par E-mail" in stand or "répondu par e-mail" in stand.lower()
    assert "Remboursé · 12,90 € · au plus tard le 20/11/2026" in stand


def test_what_he_told_first_is_what_need_not_be_asked_and_is_masked(session: Session) -> None:
    story(session)
    beside = told(session)
    first = beside.brief.told[0]
    assert (first.values["kind"], first.values["value"], first.values["channel"]) == ("order", ORDER, "phone")
    assert first.source == f"interaction:{session.scalars(select(InteractionRow.id)).one()}"
    said = " ".join(text for text, _ in beside.known(Words("en")))
    assert "claire@example.org" not in said
    assert "c****@example.org" in said


def test_every_fact_points_to_a_row_that_is_there_and_has_words_in_every_language(session: Session) -> None:
    story(session)
    brief = told(session).brief
    tables = {"post": factories.PostRow, "interaction": InteractionRow, "order": OrderRow, "case": factories.CaseRow,
              "message": factories.MessageRow, "resolution": ResolutionRow, "rupture": RuptureRow}  # fmt: skip
    facts = [*brief.matter, *brief.history, *brief.stand, *brief.told]
    assert len(facts) >= 9
    for fact in facts:
        kind, number = fact.source.split(":")
        assert session.get(tables[kind], int(number)) is not None
        for language in LANGUAGES:
            assert fact.key in Words(language)._table["brief"]
    assert {fact.values["kind"] for fact in brief.told} <= set(TOLD_KINDS)
    json.dumps(brief.as_dict())


def test_without_an_answer_it_says_so_and_analysts_see_no_customer(session: Session) -> None:
    case_of(session)
    stand = told(session).lines(Words("en"))[2]
    assert stand[0][0].startswith("no answer from us since")
    story_facts = told(session, with_people=False)
    assert story_facts.brief.told == story_facts.brief.history == ()


def test_a_deleted_post_tells_nothing_any_more(session: Session) -> None:
    story(session)
    post = session.scalars(select(factories.PostRow)).one()
    post.text, post.deleted_at, post.stage, post.content_hash = None, NOW, "gone", None
    session.flush()
    assert all(not fact.source.startswith("post") for fact in told(session).brief.told)
    assert session.scalars(select(CasePostRow)).one()
