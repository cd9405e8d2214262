"""What the author says under our public reply belongs to its case, counts as an answer, and his STOP holds."""

from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.message import MessageState
from routing import in_place
from storage import cases, messages
from storage.people import erase_customer, everything_of
from storage.posts import store_events
from storage.tables import AuthorRow, CaseRow, InteractionRow, MatchRow, MessageRow, PostRow
from tests.unit.routing.test_intake import (
    ORDER,
    case,
    events,
    know,
    living,
    partition,
    roles,
    route,
    says,
    take_in,
    together,
)
from tests.unit.samples import BRAND, NOW, customer, gone

OURS = "https://home.example/users/brand/statuses/9001"
CLAIRE = "claire@example.org"


def answer_in_public(session: Session, provider_id: str = OURS, at: CaseRow | None = None) -> MessageRow:
    """A reply of ours under the first post of the one case, handed over."""
    opened = at or case(session)
    post = session.scalars(select(PostRow).order_by(PostRow.created_at).limit(1)).one()
    address, reply_to = in_place.where(post, session.get(AuthorRow, post.author_id))
    wanted = messages.Reservation(
        key=f"{opened.id}:reply:1", case_id=opened.id, customer_key=opened.customer_key, channel=post.network,
        address=address, reply_to=reply_to, template="public_reply", language="fr", subject="", body="Bonjour",
        send_after=NOW, proactive=False,
    )  # fmt: skip
    row = messages.reserve(session, BRAND.id, wanted, NOW)
    assert row is not None
    messages.mark(session, row, MessageState.HANDING_OVER, NOW, {"handing_over_at": NOW})
    messages.mark(session, row, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW, "provider_id": provider_id})
    opened.contact_state = "planned"
    session.flush()
    return row


def state_of(session: Session) -> str:
    session.flush()
    return session.scalars(select(MessageRow.state).execution_options(populate_existing=True)).one()


@pytest.fixture
def ours(session: Session) -> MessageRow:
    """An author's complaint, under which we have replied."""
    take_in(session, says("1"))
    return answer_in_public(session)


def answers(id_: str = "2", text: str = "Merci, toujours rien", **facts: Any) -> Any:
    return says(id_, **{"text": text, "reply_to": OURS, "t": "1", "at": 60, "unhappy": False, **facts})


class TestAnswers:
    def test_an_answer_counts_and_the_case_is_our_turn(self, session: Session, ours: MessageRow) -> None:
        assert case(session).state == "waiting_customer"
        take_in(session, answers())
        assert roles(session) == {"1": "complaint", "2": "follow_up"}
        assert (case(session).state, state_of(session)) == ("waiting_us", "replied")
        assert "customer_answered" in events(session)

    @pytest.mark.parametrize(
        "reply_to",
        [OURS, "home.example:9001", "HOME.example:9001"],
    )
    def test_it_is_brought_in_where_its_network_shows_it_apart_from_the_thread(
        self, session: Session, ours: MessageRow, reply_to: str
    ) -> None:
        done = take_in(session, answers(reply_to=reply_to, t=reply_to, unhappy=True))
        assert done.opened == 0
        assert partition(session) == together(("1", "2"))  # type: ignore[arg-type]
        assert state_of(session) == "replied"

    @pytest.mark.parametrize("reply_to", ["home.example:900", "other.example:9001", "https://home.example/9001"])
    def test_another_post_of_ours_or_of_anybody_is_not_it(
        self, session: Session, ours: MessageRow, reply_to: str
    ) -> None:
        take_in(session, answers(reply_to=reply_to, t=reply_to))
        assert state_of(session) == "handed_over"

    def test_routing_again_changes_nothing(self, session: Session, ours: MessageRow) -> None:
        for post in (answers(), answers("3", reply_to="home.example:9001", t="home.example:9001")):
            take_in(session, post)
        before = events(session), case(session).revision, partition(session)
        for _ in range(2):
            for row in session.scalars(select(PostRow)):
                row.stage = "read"
            session.flush()
            route(session)
        assert (events(session), case(session).revision, partition(session)) == before

    def test_what_another_account_says_there_is_his_alone(self, session: Session, ours: MessageRow) -> None:
        take_in(session, answers("2", "STOP", who="a2"), answers("3", "Moi aussi !", who="a3", unhappy=True))
        assert state_of(session) == "handed_over"
        assert partition(session) == together(("1",), ("3",))  # type: ignore[arg-type]
        assert messages.suppression(session, BRAND.id, "mastodon", "a1") is None

    def test_an_angry_answer_opens_no_second_case(self, session: Session, ours: MessageRow) -> None:
        take_in(session, answers(unhappy=True))
        assert partition(session) == together(("1", "2"))  # type: ignore[arg-type]

    def test_an_answer_opens_a_settled_case_again(self, session: Session, ours: MessageRow) -> None:
        cases.step(session, case(session), CaseState.RESOLVED, NOW)
        take_in(session, answers())
        assert case(session).state == "reopened"

    def test_an_answer_proves_that_an_unconfirmed_reply_went_out(self, session: Session, ours: MessageRow) -> None:
        ours.state = MessageState.UNCONFIRMED
        session.flush()
        take_in(session, answers())
        assert state_of(session) == "replied"

    def test_a_stop_is_taken_for_this_account_on_this_network(self, session: Session, ours: MessageRow) -> None:
        take_in(session, answers(text="Arrêtez de m'écrire"))
        assert messages.suppression(session, BRAND.id, "mastodon", "a1") == "stop"
        assert "stop_recorded" in events(session)

    def test_it_is_a_contact_in_a_known_customers_history(self, session: Session) -> None:
        know(session, customer("C1", emails=(CLAIRE,)), **{ORDER: "C1"})
        take_in(session, says("1", order=ORDER, name="Claire Martin"))
        answer_in_public(session)
        take_in(session, answers())
        told = session.scalars(select(InteractionRow)).one()
        assert (told.customer_id, told.channel, told.direction) == ("C1", "mastodon", "in")

    def test_an_order_that_he_quotes_in_his_answer_finds_him(self, session: Session, ours: MessageRow) -> None:
        know(session, customer("C1", emails=(CLAIRE,)), **{ORDER: "C1"})
        take_in(session, answers(order=ORDER, name="Claire Martin"))
        assert session.scalar(select(func.count(MatchRow.id)).where(MatchRow.customer_key.is_not(None))) == 1
        assert len(living(session)) == 1


class TestGone:
    def test_a_reply_to_a_post_that_was_deleted_is_barred(self, session: Session, ours: MessageRow) -> None:
        assert in_place.bars(session, ours) is None
        store_events(session, BRAND.id, [gone("1")], NOW)
        assert in_place.bars(session, ours) == in_place.GONE

    def test_a_message_by_another_channel_answers_no_post(self, session: Session, ours: MessageRow) -> None:
        ours.channel = "whatsapp"
        assert in_place.bars(session, ours) is None

    def test_erasure_takes_replies_to_his_accounts_and_the_export_tells_of_them(self, session: Session) -> None:
        know(session, customer("C1", emails=(CLAIRE,)), **{ORDER: "C1"})
        take_in(session, says("1", order=ORDER, name="Claire Martin"))
        row = answer_in_public(session)
        row.customer_key = None
        session.flush()
        told = everything_of(session, BRAND.id, "C1", "lea", "export", NOW)
        assert told is not None
        assert [message["address"] for message in told["messages"]] == ["a1"]
        erase_customer(session, BRAND.id, "C1", "lea", NOW)
        session.refresh(row)
        assert (row.address, row.body, row.reply_to, row.extra) == (None, None, None, {})
