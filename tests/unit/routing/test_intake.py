"""One complaint of one person in one thread is one case, in whatever order it was heard, read and routed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.wiring import App
from domain.case import CaseState
from domain.customer import Account
from domain.post import Upsert
from domain.reading import Entity
from routing.batch import IntakeRules, Routed
from routing.crm import import_customers, import_orders, keyring
from routing.follow_up import end_deleted, wake_snoozed
from routing.intake import reopen_matches, route_batch
from routing.matching.quoted import quoted_hashes
from storage import cases, messages
from storage.database import Database
from storage.posts import store_events
from storage.quotes import save_quotes
from storage.readings import save_reading
from storage.tables import AuthorRow, CaseEventRow, CasePostRow, CaseRow, CustomerRow, MatchRow, MessageRow, PostRow
from tests.unit.samples import ACTING, BRAND, NOW, author, customer, entity, gone, heard, minute, order, reading, undone

RULES: IntakeRules = App(ACTING).intake_rules()
ORDER = "HR4829174637"
LONG = "Trois semaines que j'attends mon colis et personne ne répond au téléphone, c'est une honte."
CLAIRE = customer("C1", accounts=(Account("mastodon", "claire"), Account("mastodon", "claire2")))
THE_ORDER = entity("order", ORDER)

Partition = set[frozenset[str]]


@dataclass(frozen=True)
class Said:
    """A post and what a model would read in it."""

    post: Upsert
    entities: tuple[Entity, ...] = ()
    unhappy: bool = True
    about: float = 0.9
    intent: str = "delivery"

    @property
    def id(self) -> str:
        return self.post.post.id


def says(id_: str, who: str | None = "a1", text: str | None = None, *, order: str | None = None, **facts: Any) -> Said:
    """A complaint about the brand by an account; `t` is its thread, `at` the minute."""
    heads = {name: facts.pop(name) for name in ("unhappy", "about", "intent") if name in facts}
    entities = (*facts.pop("entities", ()), *((entity("order", order),) if order else ()))
    name = facts.pop("name", None)
    writer = None if who is None else author(who, name=name, handle=facts.pop("handle", f"{who}_handle"))
    at = facts.pop("at", 0)
    thread = facts.pop("t", None)
    post = heard(id_, text or f"complaint {id_}", author=writer, created_at=minute(at), conversation=thread, **facts)
    return Said(post, entities, **heads)


def hear(session: Session, *said: Said) -> None:
    store_events(session, BRAND.id, [one.post for one in said], NOW)


def read(session: Session, *said: Said) -> None:
    """What `classify` does, with readings made by hand."""
    known = {one.id: one for one in said}
    for row in session.scalars(select(PostRow).where(PostRow.stage == "heard", PostRow.native_id.in_(known))).all():
        one = known[row.native_id]
        save_reading(session, row, reading(one.intent, *one.entities, about=one.about), one.unhappy, NOW)
        save_quotes(session, row, quoted_hashes(keyring(session), one.entities))
        row.stage = "read"
    session.flush()


def route(session: Session, limit: int = 100) -> Routed:
    """What `route` does: until nothing is left."""
    total = Routed()
    for _ in range(60):
        session.expire_all()
        done = route_batch(session, BRAND, RULES, limit, NOW)
        total += done
        if not done.posts:
            return total
    raise AssertionError("routing does not come to an end")


def take_in(session: Session, *said: Said) -> Routed:
    hear(session, *said)
    read(session, *said)
    return route(session)


def know(session: Session, *customers: Any, **orders: str) -> None:
    import_customers(session, BRAND, customers or (CLAIRE,), NOW)
    import_orders(session, BRAND, [order(number, owner) for number, owner in orders.items()])


def partition(session: Session) -> Partition:
    """Which posts lie together."""
    found: dict[int, set[str]] = {}
    query = select(CaseRow, PostRow.native_id).join(CasePostRow, CasePostRow.case_id == CaseRow.id)
    for case, id_ in session.execute(query.join(PostRow, PostRow.id == CasePostRow.post_id)):
        assert case.state != CaseState.MERGED, f"post {id_} lies in a case that was merged"
        found.setdefault(case.id, set()).add(id_)
    return {frozenset(ids) for ids in found.values()}


def together(*groups: str) -> Partition:
    return {frozenset(group) for group in groups}


def roles(session: Session) -> dict[str, str]:
    query = select(PostRow.native_id, CasePostRow.role).join(CasePostRow, CasePostRow.post_id == PostRow.id)
    return dict(session.execute(query).all())


def living(session: Session) -> list[CaseRow]:
    session.flush()
    session.expire_all()
    return list(session.scalars(select(CaseRow).where(CaseRow.state != CaseState.MERGED).order_by(CaseRow.id)))


def case(session: Session) -> CaseRow:
    found = living(session)
    assert len(found) == 1, [(row.id, row.subject, row.thread) for row in found]
    return found[0]


def links(session: Session) -> dict[frozenset[str], str | None]:
    """Each case by its posts, and whose it is."""
    found: dict[int, tuple[set[str], str | None]] = {}
    query = (
        select(CaseRow.id, PostRow.native_id, CustomerRow.customer_id)
        .join(CasePostRow, CasePostRow.case_id == CaseRow.id)
        .join(PostRow, PostRow.id == CasePostRow.post_id)
        .outerjoin(CustomerRow, CustomerRow.id == CaseRow.customer_key)
    )
    for case_id, post, owner in session.execute(query):
        found.setdefault(case_id, (set(), owner))[0].add(post)
    return {frozenset(ids): owner for ids, owner in found.values()}


def match_of(session: Session, id_: str) -> MatchRow:
    return session.scalars(
        select(MatchRow).join(PostRow, PostRow.id == MatchRow.post_id).filter_by(native_id=id_)
    ).one()


def events(session: Session) -> list[str]:
    return list(session.scalars(select(CaseEventRow.kind).order_by(CaseEventRow.id)))


class TestOneCase:
    def test_a_complaint_opens_one(self, session: Session) -> None:
        done = take_in(session, says("1"))
        assert done == Routed(posts=1, opened=1)
        opened = case(session)
        assert (opened.state, opened.intent, opened.grade, opened.thread) == ("new", "delivery", "none", "1")
        assert opened.subject.startswith("author:")
        assert opened.due_first_answer_at is not None
        assert opened.due_first_answer_at > NOW

    def test_routing_again_changes_nothing(self, session: Session) -> None:
        know(session, **{ORDER: "C1"})
        said = says("1", order=ORDER, name="Claire Martin")
        take_in(session, said)
        before = [(row.revision, row.state, row.contact_state) for row in living(session)], events(session)
        decided_at = match_of(session, "1").decided_at
        session.scalars(select(PostRow)).one().stage = "read"
        session.flush()
        session.expire_all()
        route_batch(session, BRAND, RULES, 10, NOW + timedelta(days=1))
        assert ([(row.revision, row.state, row.contact_state) for row in living(session)], events(session)) == before
        assert match_of(session, "1").decided_at == decided_at

    @pytest.mark.parametrize("facts", [{"unhappy": False}, {"about": 0.2}])
    def test_what_is_no_complaint_about_the_brand_opens_none(self, session: Session, facts: dict[str, Any]) -> None:
        assert take_in(session, says("1", **facts)).opened == 0
        assert living(session) == []

    def test_what_the_same_author_says_in_the_thread_follows_up(self, session: Session) -> None:
        take_in(session, says("1", t="t"))
        done = take_in(session, says("2", t="t", at=2, unhappy=False), says("3", t="t", at=3))
        assert (done.opened, done.joined) == (0, 2)
        assert partition(session) == together("123")
        assert roles(session) == {"1": "complaint", "2": "follow_up", "3": "complaint"}

    def test_two_who_complain_in_one_thread_are_two(self, session: Session) -> None:
        take_in(session, says("1", "a1", t="t"), says("2", "a2", t="t", at=1))
        assert partition(session) == together("1", "2")

    def test_one_who_complains_in_two_threads_has_two(self, session: Session) -> None:
        take_in(session, says("1", "a1", t="t"), says("2", "a1", t="u"))
        assert partition(session) == together("1", "2")

    def test_posts_without_an_author_stand_alone(self, session: Session) -> None:
        take_in(session, says("1", None, t="t"), says("2", None, t="t", at=1))
        assert partition(session) == together("1", "2")

    def test_an_answer_in_a_thread_about_the_brand_need_not_name_it(self, session: Session) -> None:
        take_in(session, says("1", "a1"), says("2", "a2", reply_to="1", at=1, about=0.1))
        take_in(session, says("8", "a1", unhappy=False, about=0.1), says("9", "a2", reply_to="8", about=0.1))
        assert partition(session) == together("1", "2")

    def test_our_own_accounts_never_open_or_join_one(self, session: Session) -> None:
        ours = says("2", "us", LONG, t="t", at=1, handle="@Hirondelle")
        take_in(session, says("1", "a1", LONG, t="t"), ours, says("3", "us", t="u", handle="hirondelle"))
        assert partition(session) == together("1")

    def test_another_on_a_network_of_the_same_name_is_not_us(self, session: Session) -> None:
        take_in(session, says("1", "a1", handle="hirondelle", network="bluesky"))
        assert len(living(session)) == 1

    def test_the_gravest_word_counts(self, session: Session) -> None:
        take_in(session, says("1", t="t", intent="praise"))
        low = case(session).priority
        take_in(session, says("2", t="t", at=1, intent="account_security"))
        assert case(session).priority > low

    def test_a_batch_takes_no_more_than_it_may(self, session: Session) -> None:
        said = [says(str(number), f"a{number}", at=number) for number in range(5)]
        hear(session, *said)
        read(session, *said)
        assert route_batch(session, BRAND, RULES, 2, NOW).posts == 2
        assert partition(session) == together("0", "1")


class TestLinks:
    @pytest.fixture(autouse=True)
    def crm(self, session: Session) -> None:
        know(session, CLAIRE, customer("C2", "Paul", "Riou"), **{ORDER: "C1", "HR1111111111": "C2"})

    def test_proof_makes_it_the_customers(self, session: Session) -> None:
        assert take_in(session, says("1", order=ORDER, name="Claire Martin")).linked == 1
        opened = case(session)
        assert opened.subject == f"customer:{opened.customer_key}"
        assert (opened.grade, match_of(session, "1").action) == ("stated", "link")

    def test_identifiers_of_all_posts_in_the_thread_count(self, session: Session) -> None:
        take_in(session, says("1", t="t", name="Claire Martin"))
        assert case(session).customer_key is None
        done = take_in(session, says("2", t="t", at=5, order=ORDER, name="Claire Martin", unhappy=False))
        assert done.linked == 1
        assert links(session) == {frozenset("12"): "C1"}
        assert "linked" in events(session)

    def test_those_of_another_in_the_thread_do_not(self, session: Session) -> None:
        take_in(session, says("1", "a1", t="t", name="Claire Martin"), says("2", "a2", t="t", at=1, order=ORDER))
        assert links(session) == {frozenset("1"): None, frozenset("2"): None}

    def test_two_accounts_of_one_customer_are_one_case(self, session: Session) -> None:
        take_in(session, says("1", "claire", t="t"), says("2", "claire2", t="t", at=1))
        assert links(session) == {frozenset("12"): "C1"}

    def test_a_weak_match_waits_for_a_person(self, session: Session) -> None:
        assert take_in(session, says("1", order=ORDER)).reviews == 1
        assert (match_of(session, "1").review, case(session).grade) == ("waiting", "suggested")

    def test_the_answer_of_the_brand_that_repeats_the_number_casts_no_doubt(self, session: Session) -> None:
        ours = says("2", "us", reply_to="1", at=1, order=ORDER, handle="hirondelle", unhappy=False)
        take_in(session, says("1", order=ORDER, name="Claire Martin"), ours)
        assert links(session) == {frozenset("1"): "C1"}

    def test_a_number_that_another_quotes_later_casts_doubt_on_both(self, session: Session) -> None:
        take_in(session, says("1", "a1", order=ORDER, name="Claire Martin"))
        take_in(session, says("2", "a2", order=ORDER, name="Claire Martin", at=9))
        assert links(session) == {frozenset("1"): None, frozenset("2"): None}

    def test_after_a_message_has_left_doubt_takes_nothing_back(self, session: Session) -> None:
        take_in(session, says("1", "a1", order=ORDER, name="Claire Martin"))
        self.write_to(session, "handed_over")
        take_in(session, says("2", "a2", order=ORDER, name="Claire Martin", at=9))
        assert links(session)[frozenset("1")] == "C1"

    def test_before_a_message_has_left_doubt_takes_it_back(self, session: Session) -> None:
        take_in(session, says("1", "a1", order=ORDER, name="Claire Martin"))
        self.write_to(session, "reserved")
        take_in(session, says("2", "a2", order=ORDER, name="Claire Martin", at=9))
        assert session.scalars(select(MessageRow.state)).one() == "cancelled"
        assert "unlinked" in events(session)

    def test_an_edit_that_takes_the_proof_out_unlinks(self, session: Session) -> None:
        take_in(session, says("1", order=ORDER, name="Claire Martin"))
        take_in(session, says("1", text="sans numéro", name="Claire Martin", edited_at=minute(5)))
        assert links(session) == {frozenset("1"): None}

    def test_deleting_the_post_that_held_the_proof_unlinks(self, session: Session) -> None:
        take_in(
            session, says("1", t="t", order=ORDER, name="Claire Martin"), says("2", t="t", at=1, name="Claire Martin")
        )
        assert links(session) == {frozenset("12"): "C1"}
        store_events(session, BRAND.id, [gone("1")], NOW)
        route(session)
        assert links(session) == {frozenset("12"): None}

    def write_to(self, session: Session, state: str) -> None:
        opened = case(session)
        wanted = messages.Reservation(
            key=f"{opened.id}:service:first_answer", case_id=opened.id, customer_key=opened.customer_key, channel="email",
            address="claire@example.org", template="t", language="fr", subject="s", body="b", send_after=NOW,
        )  # fmt: skip
        row = messages.reserve(session, BRAND.id, wanted, NOW)
        assert row is not None
        row.state, row.handed_over_at = state, NOW
        opened.contact_state = "planned"
        session.flush()


class TestLaterCustomerFile:
    def test_an_open_match_is_decided_again_when_the_file_comes(self, session: Session) -> None:
        take_in(session, says("1", order=ORDER, name="Claire Martin"))
        assert reopen_matches(session, BRAND.id, NOW) == 0
        know(session, CLAIRE, **{ORDER: "C1"})
        assert reopen_matches(session, BRAND.id, NOW) == 1
        assert route(session).linked == 1
        assert links(session) == {frozenset("1"): "C1"}
        assert reopen_matches(session, BRAND.id, NOW) == 0

    @pytest.mark.parametrize(("state", "again"), [("open", 1), ("snoozed", 1), ("closed", 0)])
    def test_what_was_settled_long_ago_is_left_alone(self, session: Session, state: str, again: int) -> None:
        take_in(session, says("1", order=ORDER, name="Claire Martin"))
        know(session, CLAIRE, **{ORDER: "C1"})
        session.scalars(select(CaseRow)).one().state = state
        session.flush()
        assert reopen_matches(session, BRAND.id, NOW + timedelta(days=91)) == again
        assert reopen_matches(session, BRAND.id, NOW) == 1 - again

    def test_cases_of_two_accounts_become_one_when_the_file_says_so(self, session: Session) -> None:
        take_in(session, says("1", "claire", t="t"), says("2", "claire2", t="t", at=1))
        assert len(living(session)) == 2
        know(session)
        reopen_matches(session, BRAND.id, NOW)
        route(session)
        assert links(session) == {frozenset("12"): "C1"}
        assert session.scalar(select(func.count(CaseRow.id)).where(CaseRow.state == "merged")) == 1

    def test_an_open_case_that_joins_a_settled_one_opens_it_again(self, session: Session) -> None:
        take_in(session, says("1", "claire", t="t"), says("2", "claire2", t="t", at=1))
        cases.step(session, living(session)[0], CaseState.RESOLVED, NOW)
        know(session)
        reopen_matches(session, BRAND.id, NOW)
        route(session)
        assert (partition(session), case(session).state) == (together("12"), "reopened")

    def test_a_customer_who_left_the_file_leaves_the_case(self, session: Session) -> None:
        know(session)
        take_in(session, says("1", "claire"))
        know(session, replace(CLAIRE, accounts=()))
        reopen_matches(session, BRAND.id, NOW)
        route(session)
        assert links(session) == {frozenset("1"): None}


class TestPeople:
    """What a person decided stays."""

    @pytest.fixture(autouse=True)
    def crm(self, session: Session) -> None:
        know(session, customer("C1"), **{ORDER: "C1"})

    def decide(self, session: Session, id_: str, review: str) -> None:
        match = match_of(session, id_)
        match.decided_by, match.review = "anna@example.org", review
        if review == "confirmed":
            key = session.scalars(select(CustomerRow.id)).one()
            match.action, match.customer_key = "link", key
            session.flush()
            cases.link_customer(session, case(session).id, key, "anna@example.org", NOW, "suggested")
        else:
            match.action, match.customer_key = "none", None
        session.flush()

    def test_a_confirmed_link_stays_whatever_is_said_later(self, session: Session) -> None:
        take_in(session, says("1", t="t", order=ORDER))
        self.decide(session, "1", "confirmed")
        take_in(session, says("2", t="t", at=5))
        import_customers(session, BRAND, [customer("C2", "Paul", "Riou")], NOW)
        assert reopen_matches(session, BRAND.id, NOW) == 0
        assert links(session) == {frozenset("12"): "C1"}

    def test_it_stays_when_an_earlier_post_is_heard_late(self, session: Session) -> None:
        take_in(session, says("2", t="t", at=5, order=ORDER))
        self.decide(session, "2", "confirmed")
        take_in(session, says("1", t="t", at=1))
        assert links(session) == {frozenset("12"): "C1"}

    def test_a_refused_match_is_not_proposed_again(self, session: Session) -> None:
        take_in(session, says("1", t="t", order=ORDER))
        self.decide(session, "1", "refused")
        assert take_in(session, says("2", t="t", at=5, name="Claire Martin", order=ORDER)).linked == 0
        assert links(session) == {frozenset("12"): None}

    def test_a_case_that_somebody_works_on_keeps_its_team(self, session: Session) -> None:
        take_in(session, says("2", t="t", at=5))
        cases.step(session, case(session), CaseState.OPEN, NOW, "anna@example.org")
        team = case(session).team
        take_in(session, says("1", t="t", at=1, intent="account_security"))
        assert (case(session).team, case(session).intent) == (team, "delivery")


class TestAgain:
    @pytest.mark.parametrize("settled", [CaseState.RESOLVED, CaseState.CLOSED])
    def test_a_new_complaint_opens_a_settled_case_again(self, session: Session, settled: CaseState) -> None:
        take_in(session, says("1", t="t"))
        cases.step(session, case(session), CaseState.RESOLVED, NOW)
        cases.step(session, case(session), settled, NOW)
        take_in(session, says("2", t="t", at=9))
        assert (case(session).state, case(session).resolved_at) == ("reopened", None)

    def test_an_answer_of_the_customer_is_our_turn(self, session: Session) -> None:
        take_in(session, says("1", t="t"))
        cases.step(session, case(session), CaseState.WAITING_CUSTOMER, NOW)
        take_in(session, says("2", t="t", at=9, unhappy=False))
        assert case(session).state == "waiting_us"
        assert events(session).count("seen_again") == 1

    def test_a_case_whose_posts_are_all_gone_is_ended(self, session: Session) -> None:
        take_in(session, says("1", t="t"), says("2", t="t", at=1))
        store_events(session, BRAND.id, [gone("1")], NOW)
        assert end_deleted(session, BRAND.id, NOW) == 0
        store_events(session, BRAND.id, [gone("2")], NOW)
        assert end_deleted(session, BRAND.id, NOW) == 1
        assert end_deleted(session, BRAND.id, NOW) == 0
        session.flush()
        assert (case(session).state, case(session).contact_state) == ("resolved", "never")

    def test_an_ended_case_opens_again_when_its_author_speaks_again(self, session: Session) -> None:
        take_in(session, says("1", t="t"))
        store_events(session, BRAND.id, [gone("1")], NOW)
        end_deleted(session, BRAND.id, NOW)
        take_in(session, says("2", t="t", at=9))
        assert (partition(session), case(session).state) == (together("12"), "reopened")

    def test_a_sleeping_case_wakes_at_its_time(self, session: Session) -> None:
        take_in(session, says("1"))
        asleep = case(session)
        cases.step(session, asleep, CaseState.SNOOZED, NOW)
        asleep.snoozed_until = NOW + timedelta(hours=1)
        session.flush()
        assert wake_snoozed(session, BRAND.id, NOW) == 0
        assert wake_snoozed(session, BRAND.id, NOW + timedelta(hours=1)) == 1
        session.flush()
        assert (case(session).state, case(session).snoozed_until) == ("open", None)


class TestCopies:
    def test_a_repost_joins_the_case_of_its_original(self, session: Session) -> None:
        take_in(session, says("1", "a1"), says("2", "a2", "RT @a1: x", repost_of="1", at=1))
        assert (partition(session), roles(session)["2"]) == (together("12"), "copy")

    @pytest.mark.parametrize("text", [LONG, "Colis perdu"])
    def test_a_repost_that_names_no_original_is_known_by_its_words(self, session: Session, text: str) -> None:
        take_in(session, says("1", "a1", text), says("2", "a2", f"RT @a1_handle: {text}", at=1))
        assert partition(session) == together("12")

    @pytest.mark.parametrize("text", [LONG, "Colis perdu"])
    def test_one_that_was_heard_before_its_original_comes_home(self, session: Session, text: str) -> None:
        take_in(session, says("2", "a2", f"RT @a1_handle: {text}", at=1))
        take_in(session, says("3", "a3", "RT", repost_of="1", at=1))
        assert partition(session) == set()
        take_in(session, says("1", "a1", text))
        assert partition(session) == together("123")

    @pytest.mark.parametrize(("original", "copy"), [("a", "b"), ("b", "a")])
    def test_in_one_batch_it_does_not_matter_which_thread_comes_first(
        self, session: Session, original: str, copy: str
    ) -> None:
        take_in(
            session,
            says("1", "a1", LONG, t=original),
            says("2", "a2", LONG, t=copy, at=1),
            says("3", "a3", repost_of="1", t="0", at=2),
        )
        assert partition(session) == together("123")

    def test_a_repost_alone_opens_none(self, session: Session) -> None:
        take_in(session, says("2", "a2", "RT @x: perdu", repost_of="1"))
        assert living(session) == []

    def test_the_same_words_from_elsewhere_are_a_copy(self, session: Session) -> None:
        take_in(
            session,
            says("1", "a1", LONG),
            says("2", "a2", LONG.upper(), at=1),
            says("3", "a1", LONG, network="x", at=2),
        )
        assert partition(session) == together("123")
        assert roles(session) == {"1": "complaint", "2": "copy", "3": "copy"}

    def test_the_same_few_words_are_not(self, session: Session) -> None:
        take_in(session, says("1", "a1", "Colis perdu"), says("2", "a2", "Colis perdu", at=1))
        assert partition(session) == together("1", "2")

    def test_the_earlier_original_heard_later_takes_the_case_over(self, session: Session) -> None:
        take_in(session, says("2", "a2", LONG, at=5))
        take_in(session, says("1", "a1", LONG, at=1))
        assert (partition(session), roles(session)) == (together("12"), {"1": "complaint", "2": "copy"})
        owner = session.scalars(select(AuthorRow.native_id).where(AuthorRow.id == case(session).author_id)).one()
        assert owner == "a1"

    def test_the_earlier_post_of_an_author_leads_his_case(self, session: Session) -> None:
        know(session, CLAIRE, **{ORDER: "C1"})
        take_in(session, says("2", t="t", at=5, order=ORDER, name="Claire Martin"))
        take_in(session, says("1", t="t", at=1, intent="billing", name="Claire Martin"))
        assert (links(session), case(session).intent) == ({frozenset("12"): "C1"}, "billing")
        assert session.scalar(select(func.count(MatchRow.id))) == 1

    def test_words_that_were_no_complaint_elsewhere_open_a_case_here(self, session: Session) -> None:
        take_in(session, says("1", "us", LONG, handle="hirondelle"), says("2", "a2", LONG, unhappy=False, at=1))
        take_in(session, says("3", "a3", LONG, at=2))
        assert partition(session) == together("3")

    def test_who_copies_and_complains_himself_has_a_case_of_his_own(self, session: Session) -> None:
        know(session, CLAIRE, **{ORDER: "C1"})
        take_in(session, says("1", "a1", LONG))
        mine = says("3", "a2", t="t", at=3, order=ORDER, name="Claire Martin")
        take_in(session, says("2", "a2", LONG, t="t", at=2, name="Claire Martin"), mine)
        assert links(session) == {frozenset("12"): None, frozenset("3"): "C1"}

    def test_he_has_it_also_when_the_original_is_heard_last(self, session: Session) -> None:
        take_in(session, says("2", "a2", LONG, t="t", at=2), says("3", "a2", t="t", at=3))
        assert partition(session) == together("23")
        take_in(session, says("1", "a1", LONG))
        assert partition(session) == together("12", "3")

    def test_a_copier_who_speaks_later_does_not_take_the_case_of_the_original(self, session: Session) -> None:
        take_in(session, says("2", "a2", LONG, t="t", at=2), says("4", "a2", t="t", at=3, unhappy=False))
        take_in(session, says("1", "a1", LONG))
        assert partition(session) == together("124")
        take_in(session, says("3", "a2", t="t", at=4))
        assert partition(session) == together("12", "34")
        owners = {row.id: row.author_id for row in living(session)}
        assert len(set(owners.values())) == 2

    def test_the_second_complaint_of_a_case_may_be_the_original_too(self, session: Session) -> None:
        take_in(session, says("3", "a3", LONG, at=9))
        take_in(session, says("1", "a1", t="t", at=1), says("2", "a1", LONG, t="t", at=2))
        assert partition(session) == together("123")


class TestThreads:
    def test_answers_heard_before_their_root_make_one_case(self, session: Session) -> None:
        take_in(session, says("3", reply_to="2", at=3))
        take_in(session, says("2", reply_to="1", at=2))
        take_in(session, says("1", at=1))
        assert partition(session) == together("123")
        assert case(session).thread == "1"

    def test_two_authors_stay_two_when_their_threads_become_one(self, session: Session) -> None:
        take_in(session, says("3", "a1", reply_to="2", at=3), says("4", "a2", reply_to="2", at=4))
        take_in(session, says("2", "a1", reply_to="1", at=2), says("1", "a2", at=1))
        assert partition(session) == together("23", "14")


# --- in any order --------------------------------------------------------------------------------


@st.composite
def conversations(draw: st.DrawFn) -> list[Said]:
    """Posts of four accounts, two of them one customer's, in threads with copies, reposts and quoted numbers."""
    said: list[Said] = []
    for number in range(draw(st.integers(1, 6))):
        who = draw(st.sampled_from(["claire", "claire2", "a1", "a2", "us", None]))
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        kind = draw(st.sampled_from(["own", "own", "own", "long", "repost", "retweet"]))
        text = {"own": f"complaint {number}", "long": LONG, "repost": f"rt {number}", "retweet": f"RT @x: {LONG}"}[kind]
        facts: dict[str, Any] = {
            "reply_to": None if parent is None else f"p{parent}",
            "repost_of": "p0" if kind == "repost" else None,
            "order": draw(st.sampled_from([None, None, ORDER, "HR1111111111"])),
            "unhappy": draw(st.sampled_from([True, True, False])),
            "about": draw(st.sampled_from([0.9, 0.9, 0.1])),
            "intent": draw(st.sampled_from(["delivery", "delivery", "billing"])),
            "name": "Claire Martin" if who in ("claire", "a1") else None,
            "handle": "hirondelle" if who == "us" else f"{who}_handle",
            "at": draw(st.integers(0, 20)) if parent is None else number + 20,
        }
        if kind in ("long", "retweet"):
            facts |= {"order": None, "unhappy": True, "about": 0.9, "intent": "delivery"}  # one text has one reading
        if who is None:
            facts.pop("handle"), facts.pop("name")
        said.append(says(f"p{number}", who, text, **facts))
    return said


def outcome(session: Session) -> tuple[dict[frozenset[str], str | None], dict[str, str], set[tuple[str, str, str]]]:
    session.expire_all()
    partition(session)
    told = select(PostRow.native_id, MatchRow.grade, MatchRow.action).join(MatchRow, MatchRow.post_id == PostRow.id)
    return links(session), roles(session), {(id_, grade, action) for id_, grade, action in session.execute(told)}


def run(session: Session, said: Sequence[Said], steps: Sequence[int], limit: int) -> None:
    """Hear, read and route so many posts at a time; what is heard may be read and routed much later."""
    crm = [customer("C1", accounts=CLAIRE.accounts), customer("C2", "Paul", "Riou")]
    know(session, *crm, **{ORDER: "C1", "HR1111111111": "C2"})
    waiting = list(said)
    unread: list[Said] = []
    for step in steps:
        part, waiting = waiting[: step % 4], waiting[step % 4 :]
        hear(session, *part)
        unread += part
        if step >= 4:
            read(session, *unread[: step - 3])
            unread = unread[step - 3 :]
        if step % 2:
            session.expire_all()
            route_batch(session, BRAND, RULES, limit, NOW)
    hear(session, *waiting)
    read(session, *said)
    route(session, limit)


@pytest.mark.parametrize("shared_database", ["sqlite"], indirect=True)
@given(said=conversations(), data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_of_posts_and_steps_gives_the_same_cases_and_links(
    shared_database: Database, said: list[Said], data: Any
) -> None:
    same_in_any_order(shared_database, said, data)


@pytest.mark.parametrize("shared_database", ["postgresql"], indirect=True)
@given(said=conversations(), data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_gives_the_same_cases_and_links_on_the_other_kind(
    shared_database: Database, said: list[Said], data: Any
) -> None:
    same_in_any_order(shared_database, said, data)


def same_in_any_order(shared_database: Database, said: list[Said], data: Any) -> None:
    with undone(shared_database) as session:
        run(session, said, [], 100)
        in_order = outcome(session)
    shuffled = data.draw(st.permutations(said))
    steps = data.draw(st.lists(st.integers(0, 9), max_size=8))
    with undone(shared_database) as session:
        run(session, shuffled, steps, data.draw(st.sampled_from([1, 2, 100])))
        assert outcome(session) == in_order
