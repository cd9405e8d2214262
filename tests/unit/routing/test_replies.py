"""A mail that answers a message of ours comes into its case, in whatever order it is read; a No of the customer is kept."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.case import CaseState
from domain.message import MessageState
from domain.post import Author, Upsert
from insights.figures import funnel
from listeners.mailbox.mime import reduced
from listeners.mailbox.posts import mail_post
from routing.channels._mime import compose
from routing.outbox import outgoing
from routing.stop import is_stop
from storage import cases, messages
from storage.people import erase_customer
from storage.tables import CaseEventRow, CasePostRow, CaseRow, InteractionRow, MatchRow, MessageRow, PostRow, ReceiptRow
from tests.unit.routing.test_intake import (
    ORDER,
    Said,
    case,
    events,
    hear,
    know,
    links,
    living,
    match_of,
    partition,
    read,
    roles,
    route,
    says,
    take_in,
    together,
)
from tests.unit.samples import BRAND, NOW, OTHER_BRAND, customer, entity, minute

CLAIRE = "claire@example.org"
DOMAIN = "hirondelle.example"


def complaint(**facts: Any) -> Said:
    return says("1", order=ORDER, name="Claire Martin", **facts)


def write_to(session: Session, state: str = "handed_over", at: CaseRow | None = None) -> str:
    """A message of ours about the one case; the Message-ID that it has on its way."""
    opened = at or case(session)
    wanted = messages.Reservation(
        key=f"{opened.id}:service:first_answer", case_id=opened.id, customer_key=opened.customer_key, channel="email",
        address=CLAIRE, template="t", language="fr", subject="s", body="b", send_after=NOW,
    )  # fmt: skip
    row = messages.reserve(session, BRAND.id, wanted, NOW)
    assert row is not None
    if state != "reserved":
        messages.mark(session, row, MessageState.HANDING_OVER, NOW, {"handing_over_at": NOW})
    if state == "handed_over":
        messages.mark(session, row, MessageState.HANDED_OVER, NOW, {"handed_over_at": NOW})
    elif state == "unconfirmed":
        messages.mark(session, row, MessageState.UNCONFIRMED, NOW)
    opened.contact_state = "planned"
    session.flush()
    return f"{row.message_id}@{DOMAIN}"


def mails(
    id_: str, text: str, who: str = CLAIRE, *, to: str | None = None, first: str | None = None, **facts: Any
) -> Said:
    """A mail by an address, in answer to another, in a conversation that began with a third."""
    heads = {name: facts.pop(name) for name in ("unhappy", "entities") if name in facts}
    said = says(f"{id_}@example.org", "x", text, network="email", reply_to=to, at=facts.pop("at", 60), t=first, **heads)
    post = replace(said.post.post, author=Author(who, handle=who), attributes={"authenticated": True, **facts})
    return replace(said, post=replace(said.post, post=post))


def in_case(session: Session) -> set[str]:
    return set(roles(session))


def message(session: Session) -> MessageRow:
    session.flush()
    return session.scalars(select(MessageRow).execution_options(populate_existing=True)).one()


@pytest.fixture
def ours(session: Session) -> str:
    """A case of Claire's about which we have written to her; the Message-ID."""
    know(session, customer("C1", emails=(CLAIRE,)), **{ORDER: "C1"})
    take_in(session, complaint())
    return write_to(session)


class TestAnswers:
    def test_an_answer_comes_into_the_case_of_its_message(self, session: Session, ours: str) -> None:
        done = take_in(session, mails("m", "Merci, je l'attends toujours", to=ours, unhappy=False))
        assert (done.opened, done.joined) == (0, 1)
        assert roles(session) == {"1": "complaint", "m@example.org": "follow_up"}
        assert (case(session).state, message(session).state) == ("waiting_us", "replied")
        assert funnel(session, BRAND.id).answered == 1

    def test_an_angry_answer_opens_no_second_case(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "C'est une honte", to=ours))
        assert partition(session) == together(("1", "m@example.org"))  # type: ignore[arg-type]
        assert session.scalar(select(func.count(MatchRow.id))) == 1

    def test_it_is_a_contact_in_the_customers_history(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Merci", to=ours, title="Re: Votre colis"))
        told = session.scalars(select(InteractionRow)).one()
        assert (told.customer_id, told.channel, told.direction, told.subject) == (
            "C1",
            "email",
            "in",
            "Re: Votre colis",
        )
        assert told.at == minute(60)
        opened = case(session)
        assert opened.customer_key is not None
        assert messages.history(session, BRAND.id, opened.customer_key, NOW - timedelta(days=9))[0].direction == "in"

    def test_routing_again_changes_nothing(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Merci", to=ours))
        before = events(session), case(session).revision
        for row in session.scalars(select(PostRow)):
            row.stage = "read"
        session.flush()
        route(session)
        assert (events(session), case(session).revision) == before
        assert session.scalar(select(func.count(InteractionRow.id))) == 1

    @pytest.mark.parametrize("settled", [CaseState.RESOLVED, CaseState.CLOSED])
    def test_an_answer_opens_a_settled_case_again(self, session: Session, ours: str, settled: CaseState) -> None:
        cases.step(session, case(session), CaseState.RESOLVED, NOW)
        cases.step(session, case(session), settled, NOW)
        take_in(session, mails("m", "Rien reçu", to=ours, unhappy=False))
        assert (case(session).state, case(session).resolved_at) == ("reopened", None)

    def test_an_answer_wakes_a_sleeping_case(self, session: Session, ours: str) -> None:
        asleep = case(session)
        cases.step(session, asleep, CaseState.SNOOZED, NOW)
        asleep.snoozed_until = NOW + timedelta(days=3)
        take_in(session, mails("m", "Rien reçu", to=ours))
        assert (case(session).state, case(session).snoozed_until) == ("waiting_us", None)

    def test_an_answer_proves_that_an_unconfirmed_message_arrived(self, session: Session) -> None:
        know(session, customer("C1", emails=(CLAIRE,)), **{ORDER: "C1"})
        take_in(session, complaint())
        sent = write_to(session, "unconfirmed")
        take_in(session, mails("m", "Merci", to=sent))
        row = message(session)
        assert (row.state, row.handed_over_at) == ("replied", NOW)

    @pytest.mark.parametrize("name", ["conversation", "references"])
    def test_it_is_known_by_any_mail_that_it_names(self, session: Session, ours: str, name: str) -> None:
        if name == "conversation":
            take_in(session, mails("m", "Merci", to="another@example.org", first=ours))
        else:
            back = ["first@example.org", ours, "another@example.org"]
            take_in(session, mails("m", "Merci", to="another@example.org", first="first@example.org", references=back))
        assert "m@example.org" in in_case(session)

    def test_the_answer_to_a_merged_case_comes_into_what_it_was_merged_with(self, session: Session, ours: str) -> None:
        old = case(session)
        take_in(session, says("2", "a9", at=5))
        new = next(row for row in living(session) if row.id != old.id)
        cases.merge(session, old, new, NOW, "by hand")
        take_in(session, mails("m", "Merci", to=ours))
        assert in_case(session) == {"1", "2", "m@example.org"}
        assert case(session).id == new.id

    def test_the_order_number_that_the_customer_repeats_casts_no_doubt_on_him(
        self, session: Session, ours: str
    ) -> None:
        take_in(session, mails("m", f"Commande {ORDER}", to=ours, entities=(entity("order", ORDER),)))
        assert (match_of(session, "1").action, match_of(session, "1").review) == ("link", None)
        assert set(links(session).values()) == {"C1"}

    def test_the_case_stays_one_when_the_proof_is_taken_back(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Merci", to=ours))
        take_in(session, says("2", "a2", order=ORDER, name="Claire Martin", at=90))
        assert sorted(map(len, partition(session))) == [1, 2]

    def test_erasing_the_customer_takes_his_answers_along(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Merci", to=ours))
        erase_customer(session, BRAND.id, "C1", "anna@example.org", NOW)
        session.expire_all()
        assert set(session.scalars(select(PostRow.text))) == {None}
        assert session.scalar(select(func.count(InteractionRow.id))) == 0


class TestOrder:
    CHAIN = (("m1", None), ("m2", "m1"), ("m3", "m2"))

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_chain_of_mails_comes_into_the_case_in_whatever_order_it_is_heard(
        self, session: Session, ours: str, order: Sequence[int], at_once: bool
    ) -> None:
        said = [
            mails(id_, f"Toujours rien, message {id_}", to=f"{before}@example.org" if before else ours, at=60 + place)
            for place, (id_, before) in enumerate(self.CHAIN)
        ]
        if at_once:
            take_in(session, *(said[place] for place in order))
        else:
            for place in order:
                take_in(session, said[place])
        assert in_case(session) == {"1", *(one.id for one in said)}
        assert case(session).state in ("waiting_us", "reopened")
        assert message(session).state == "replied"
        assert events(session).count("customer_answered") == 3

    def test_the_mail_may_be_read_before_the_post_is_routed_again(self, session: Session, ours: str) -> None:
        answer = mails("m", "Toujours rien", to=ours)
        hear(session, answer, says("2", t="1", at=70))
        read(session, answer)
        route(session)
        read(session, says("2", t="1", at=70))
        route(session)
        assert in_case(session) == {"1", "2", "m@example.org"}


class TestStrangers:
    def test_an_answer_from_another_address_is_shown_and_counts_for_nothing(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "STOP", "eve@evil.example", to=ours))
        assert in_case(session) == {"1", "m@example.org"}
        assert message(session).state == "handed_over"
        assert case(session).state == "waiting_us"
        assert {"answered_from_elsewhere", "stop_to_check"} <= set(events(session))
        assert messages.suppression(session, BRAND.id, "email", CLAIRE) is None
        assert messages.suppression(session, BRAND.id, "email", "eve@evil.example") is None
        assert session.scalar(select(func.count(InteractionRow.id))) == 0

    @pytest.mark.parametrize("named", ["nobody@hirondelle.example", "no-at-sign", "@", f"{'x' * 200}@y", "a b@c"])
    def test_a_mail_that_names_no_message_of_ours_is_a_mail_like_any_other(
        self, session: Session, ours: str, named: str
    ) -> None:
        take_in(session, mails("m", "Colis perdu", to=named))
        assert sorted(map(len, partition(session))) == [1, 1]

    @pytest.mark.parametrize("state", ["reserved", "cancelled"])
    def test_what_was_never_sent_cannot_be_answered(self, session: Session, state: str) -> None:
        take_in(session, complaint())
        sent = write_to(session, "reserved")
        if state == "cancelled":
            cases.cancel_reserved(session, case(session).id, "x")
        take_in(session, mails("m", "Colis perdu", to=sent))
        assert sorted(map(len, partition(session))) == [1, 1]

    def test_another_brands_message_is_none_of_ours(self, session: Session, ours: str) -> None:
        message(session).brand_id = OTHER_BRAND.id
        session.flush()
        take_in(session, mails("m", "Colis perdu", to=ours))
        assert sorted(map(len, partition(session))) == [1, 1]

    def test_a_post_on_another_network_names_no_mail(self, session: Session, ours: str) -> None:
        take_in(session, says("9", "a5", reply_to=ours, at=70))
        assert sorted(map(len, partition(session))) == [1, 1]

    @pytest.mark.parametrize(
        "odd",
        [
            {"references": "x"},
            {"references": [1, None]},
            {"bounce": "x"},
            {"bounce": {"status": 5}},
            {"automatic": "x"},
        ],
    )
    def test_odd_attributes_break_nothing(self, session: Session, ours: str, odd: dict[str, Any]) -> None:
        take_in(session, mails("m", "Merci", to=ours, **odd))
        assert "m@example.org" in in_case(session)


class TestStop:
    @pytest.mark.parametrize("text", ["STOP", "stop.", "  Arrêt !", "ARRÊTEZ", "Désabonner", "Se désinscrire", "Unsubscribe", "unsubscribe me", "Ne m'écrivez plus", "\nStop\n\nClaire"])  # fmt: skip
    def test_a_no_is_a_no(self, text: str) -> None:
        assert is_stop(text)

    @pytest.mark.parametrize("text", ["", "Stop, c'est trop long", "Arrêtez de me dire que le colis arrive", "Le car\nSTOP", "Je veux me désabonner de votre offre", "non stop"])  # fmt: skip
    def test_other_words_are_none(self, text: str) -> None:
        assert not is_stop(text)

    def test_the_no_of_the_recipient_closes_this_address(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "STOP\n\nClaire", to=ours))
        assert messages.suppression(session, BRAND.id, "email", CLAIRE.upper()) == "stop"
        assert messages.suppression(session, BRAND.id, "sms", CLAIRE) is None
        assert "stop_recorded" in events(session)

    def test_a_program_says_no_no(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "STOP", to=ours, automatic=True))
        assert messages.suppression(session, BRAND.id, "email", CLAIRE) is None


class TestPrograms:
    def test_an_absence_note_is_kept_and_changes_nothing(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Je suis absente, c'est une honte", to=ours, automatic=True))
        assert in_case(session) == {"1", "m@example.org"}
        assert (case(session).state, message(session).state) == ("waiting_customer", "handed_over")
        assert "automatic_answer" in events(session)

    def test_a_program_of_somebody_else_is_no_part_of_it(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Non remis", "mailer-daemon@mx.example", to=ours, automatic=True))
        assert in_case(session) == {"1"}

    def test_no_automatic_mail_opens_a_case(self, session: Session) -> None:
        take_in(session, mails("m", "Colis perdu, une honte", automatic=True))
        assert living(session) == []


class TestBounces:
    def bounced(
        self, session: Session, ours: str, status: str, recipient: str = CLAIRE, times: int = 1, **facts: Any
    ) -> None:
        told = {"message_id": ours, "status": status, "recipient": recipient}
        for number in range(times):
            daemon = "mailer-daemon@mx.example"
            take_in(
                session, mails("b", f"Non remis {number}", daemon, automatic=True, kind="bounce", bounce=told, **facts)
            )

    def test_a_hard_bounce_ends_the_message_and_closes_the_address(self, session: Session, ours: str) -> None:
        self.bounced(session, ours, "5.1.1", recipient="Claire@Example.org")
        assert (message(session).state, message(session).reason) == ("failed", "came back: 5.1.1")
        assert messages.suppression(session, BRAND.id, "email", CLAIRE) == "hard_bounce"
        assert (case(session).state, case(session).contact_state) == ("waiting_us", "person")
        assert in_case(session) == {"1"}
        receipt = session.scalars(select(ReceiptRow)).one()
        assert (receipt.state, receipt.raw) == ("failed", {"status": "5.1.1"})

    def test_a_full_mailbox_ends_the_message_and_not_the_address(self, session: Session, ours: str) -> None:
        self.bounced(session, ours, "5.2.2")
        assert message(session).state == "failed"
        assert messages.suppression(session, BRAND.id, "email", CLAIRE) is None

    def test_a_delay_is_no_end(self, session: Session, ours: str) -> None:
        self.bounced(session, ours, "4.4.1")
        assert message(session).state == "handed_over"
        assert session.scalar(select(func.count(ReceiptRow.id))) == 0

    def test_a_report_about_somebody_else_is_not_believed(self, session: Session, ours: str) -> None:
        self.bounced(session, ours, "5.1.1", recipient="eve@evil.example")
        self.bounced(session, f"guessed-id@{DOMAIN}", "5.1.1")
        assert message(session).state == "handed_over"
        assert messages.suppression(session, BRAND.id, "email", CLAIRE) is None

    def test_it_is_taken_once(self, session: Session, ours: str) -> None:
        self.bounced(session, ours, "5.1.1", times=3)
        assert session.scalar(select(func.count(ReceiptRow.id))) == 1
        assert session.scalar(select(func.count(CaseEventRow.id)).filter_by(kind="message_failed")) == 1

    def test_a_message_that_was_answered_stays_answered(self, session: Session, ours: str) -> None:
        take_in(session, mails("m", "Merci", to=ours))
        self.bounced(session, ours, "5.1.1")
        assert message(session).state == "replied"


def test_the_place_of_an_answer_is_no_copy(session: Session, ours: str) -> None:
    take_in(session, mails("m", "Merci", to=ours))
    assert set(session.scalars(select(CasePostRow.role))) == {"complaint", "follow_up"}


def test_what_a_mail_program_answers_to_our_mail_is_recognised(session: Session, ours: str) -> None:
    sent = message_from_bytes(
        compose(outgoing(message(session), "Hirondelle"), f"care@{DOMAIN}", ""), policy=policy.default
    )
    assert sent["Message-ID"] == f"<{ours}>"
    answer = EmailMessage()
    answer["From"], answer["Message-ID"], answer["Subject"] = f"Claire <{CLAIRE.upper()}>", "<m@example.org>", "RE: s"
    answer["In-Reply-To"] = answer["References"] = sent["Message-ID"]
    answer.set_content("Stop\n\nLe 16 nov. 2026 à 09:30, Hirondelle <care@hirondelle.example> a écrit :\n> b\n")
    raw = reduced(answer.as_bytes(), NOW)
    take_in(session, Said(Upsert(mail_post(raw), raw), unhappy=False))
    assert in_case(session) == {"1", "m@example.org"}
    assert message(session).state == "replied"
    assert messages.suppression(session, BRAND.id, "email", CLAIRE) == "stop"
