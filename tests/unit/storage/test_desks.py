"""What waits for a desk, on both kinds of database."""

from sqlalchemy.orm import Session

from domain.case import CaseState
from storage import cases, desks
from storage.tables import DeskCommentRow
from tests.console import factories
from tests.unit.samples import BRAND, NOW

KINDS = ("note", "desk_opened", "merged")


def test_each_thing_to_do_waits_until_it_is_done(session: Session):
    case = factories.case(session, factories.post(session, brand_id=BRAND.id), state="open")
    assert [row.id for row in desks.unopened(session, BRAND.id, "zendesk", ("high",), 9)] == [case.id]
    ticket = desks.begin(session, case, "zendesk", NOW)
    assert desks.unopened(session, BRAND.id, "zendesk", ("high",), 9) == []

    def waits() -> bool:
        session.flush()
        return desks.waiting(session, BRAND.id, "zendesk", NOW, KINDS, (), 9) == [ticket.id]

    assert waits()
    ticket.remote_id, ticket.pulled_at, ticket.pushed_revision = "7", NOW, case.revision
    assert not waits()
    assert desks.nudge(session, "zendesk", ["7", "8"]) == 1
    session.refresh(ticket)
    assert waits()
    ticket.pulled_at = NOW
    cases.step(session, case, CaseState.WAITING_US, NOW, "ana@example.org")
    assert waits()
    assert desks.standing(session, case).actor == "ana@example.org"
    ticket.pushed_revision = case.revision
    assert not waits()


def test_words_wait_for_the_desk_that_they_are_for_and_only_once(session: Session):
    case = factories.case(session, factories.post(session, brand_id=BRAND.id), state="open")
    ticket = desks.begin(session, case, "chatwoot", NOW)
    ticket.remote_id, ticket.pulled_at, ticket.pushed_revision = "7", NOW, case.revision
    note = cases.add_note(session, case, "Rappelé", NOW, "ana@example.org")
    opened = cases.add_event(session, case, "desk_opened", NOW, desk="chatwoot")
    cases.add_event(session, case, "desk_opened", NOW, desk="zendesk")
    session.flush()
    assert [(word.event_id, word.text) for word in desks.words(session, ticket, KINDS)] == [
        (note.id, "Rappelé"),
        (opened.id, ""),
    ]
    assert desks.words(session, ticket, ("merged",)) == []
    for event in (note, opened):
        assert desks.waiting(session, BRAND.id, "chatwoot", NOW, KINDS, (), 9) == [ticket.id]
        told = {"event_id": event.id, "remote_id": str(event.id), "direction": "out", "at": NOW}
        session.add(DeskCommentRow(brand_id=BRAND.id, ticket_key=ticket.id, **told))
        session.flush()
    assert desks.waiting(session, BRAND.id, "chatwoot", NOW, KINDS, (), 9) == []
    case.subject = f"erased:{case.id}"
    cases.add_note(session, case, "après", NOW, "ana@example.org")
    session.flush()
    assert desks.waiting(session, BRAND.id, "chatwoot", NOW, KINDS, (), 9) == []
