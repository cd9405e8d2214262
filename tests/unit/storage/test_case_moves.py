"""What people put together or take apart: it holds, it can be undone, and nothing that was sent is sent again."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.case import OPEN_STATES, CaseState
from routing.intake import reopen_matches
from storage import case_moves, cases, messages
from storage.case_moves import CannotMove
from storage.database import Database
from storage.people import erase_customer, everything_of
from storage.posts import store_events
from storage.tables import CaseEventRow, CaseMoveRow, CasePostRow, CaseRow, MessageRow, NoteRow, PostRow, ReadingRow
from tests.unit.routing.test_intake import know, links, living, partition, route, says, take_in, together
from tests.unit.samples import BRAND, NOW, gone, undone

ANNA = "anna@example.org"
LATER = NOW + timedelta(hours=1)


def case_of(session: Session, id_: str) -> CaseRow:
    query = select(CasePostRow.case_id).join(PostRow, PostRow.id == CasePostRow.post_id)
    return session.get_one(CaseRow, session.scalars(query.where(PostRow.native_id == id_)).one())


def ids(session: Session, *names: str) -> list[int]:
    return list(session.scalars(select(PostRow.id).where(PostRow.native_id.in_(names))))


def merge(session: Session, source: str, target: str, words: str = "") -> CaseMoveRow:
    pair = case_of(session, source), case_of(session, target)
    move = case_moves.put_together(session, *pair, ANNA, NOW, words)
    route(session)
    return move


def split(session: Session, *names: str) -> CaseMoveRow:
    case_moves.split_off(session, case_of(session, names[0]), ids(session, *names), ANNA, NOW)
    route(session)
    return newest(session)


def undo(session: Session, move: CaseMoveRow) -> None:
    case_moves.undo(session, move, ANNA, LATER)
    route(session)


def newest(session: Session) -> CaseMoveRow:
    return session.scalars(select(CaseMoveRow).order_by(CaseMoveRow.id.desc())).first() or pytest.fail("no move")


def told(session: Session) -> dict[str, tuple[Any, ...]]:
    """What undoing has to bring back, by post."""
    session.flush()
    session.expire_all()
    found = {}
    for post in session.scalars(select(PostRow)):
        in_case = cases.case_of_post(session, post.id)
        if in_case is not None:
            row, place = in_case
            names = ("id", "subject", "network", "thread", "state", "customer_key", "author_id", "grade", "resolved_at")
            contact = (row.contact_state, row.contact_at, row.merged_into, row.reopened)
            found[post.native_id] = (place.role, *contact, *(getattr(row, name) for name in names))
    return found


def write_to(session: Session, row: CaseRow, state: str, at: Any = NOW) -> MessageRow:
    wanted = messages.Reservation(
        key=f"{row.id}:service:first_answer", case_id=row.id, customer_key=row.customer_key, channel="email",
        address="claire@example.org", template="t", language="fr", subject="s", body="b", send_after=at,
    )  # fmt: skip
    message = messages.reserve(session, BRAND.id, wanted, at)
    assert message is not None
    message.state, message.handed_over_at = state, None if state == "reserved" else at
    row.contact_state = "planned"
    session.flush()
    return message


@pytest.fixture
def two(session: Session) -> Session:
    """Two complaints of two strangers."""
    take_in(session, says("1", "a1", t="t"), says("2", "a2", t="u", at=1))
    return session


class TestMerge:
    def test_posts_go_over_and_the_rest_stays_readable(self, two: Session) -> None:
        source, target = case_of(two, "1"), case_of(two, "2")
        move = merge(two, "1", "2", "Même colis")
        assert partition(two) == together("12")
        assert (source.state, source.merged_into) == ("merged", target.id)
        assert (move.kind, move.by, move.at) == ("merge", ANNA, NOW)
        kinds = set(two.execute(select(CaseEventRow.case_id, CaseEventRow.kind, CaseEventRow.actor)).all())
        assert {(source.id, "merged", ANNA), (target.id, "absorbed", ANNA)} <= kinds
        assert two.scalars(select(NoteRow.text)).all() == ["Même colis"]

    def test_it_holds_when_both_speak_again(self, two: Session) -> None:
        merge(two, "1", "2")
        take_in(two, says("3", "a1", t="t", at=5), says("4", "a2", t="u", at=6))
        assert partition(two) == together("1234")

    def test_a_stranger_s_case_that_joins_a_customer_s_stays_his(self, session: Session) -> None:
        know(session)
        take_in(session, says("1", "claire", t="t"), says("2", "a2", t="u", at=1))
        merge(session, "2", "1")
        take_in(session, says("3", "a2", t="u", at=5), says("4", "claire", t="t", at=6))
        assert links(session) == {frozenset("1234"): "C1"}

    def test_whoever_is_known_speaks_for_a_case_put_together(self, session: Session) -> None:
        take_in(session, says("1", "a1", t="t"), says("2", "claire", t="u", at=1))
        merge(session, "2", "1")
        know(session)
        reopen_matches(session, BRAND.id, NOW)
        route(session)
        assert links(session) == {frozenset("12"): "C1"}

    def test_it_takes_two_living_cases(self, two: Session) -> None:
        source, target = case_of(two, "1"), case_of(two, "2")
        with pytest.raises(CannotMove, match="not_two_cases"):
            case_moves.put_together(two, source, source, ANNA, NOW)
        case_moves.put_together(two, source, target, ANNA, NOW)
        with pytest.raises(CannotMove, match="merged"):
            case_moves.put_together(two, source, target, ANNA, NOW)


class TestUndoMerge:
    def test_everything_is_as_it_was(self, two: Session) -> None:
        before = told(two)
        undo(two, merge(two, "1", "2"))
        assert told(two) == before
        assert newest(two).undone_by == ANNA

    @pytest.mark.parametrize("state", [CaseState.RESOLVED, CaseState.SNOOZED, CaseState.WAITING_CUSTOMER])
    def test_states_come_back_on_both_sides(self, two: Session, state: CaseState) -> None:
        cases.step(two, case_of(two, "2"), state, NOW, until=LATER)
        before = told(two)
        move = merge(two, "1", "2")
        if state is CaseState.RESOLVED:
            assert case_of(two, "2").state == "reopened"
        undo(two, move)
        assert told(two) == before

    def test_what_others_did_since_stays(self, two: Session) -> None:
        cases.step(two, case_of(two, "2"), CaseState.RESOLVED, NOW)
        move = merge(two, "1", "2")
        cases.step(two, case_of(two, "2"), CaseState.WAITING_CUSTOMER, NOW, ANNA)
        undo(two, move)
        assert case_of(two, "2").state == "waiting_customer"

    def test_what_was_said_since_goes_back_with_its_speaker(self, two: Session) -> None:
        move = merge(two, "1", "2")
        take_in(two, says("3", "a1", t="t", at=5), says("4", "a2", t="u", at=6))
        undo(two, move)
        assert partition(two) == together("13", "24")

    def test_customers_come_back(self, session: Session) -> None:
        know(session)
        take_in(session, says("1", "claire", t="t"), says("2", "a2", t="u", at=1))
        before = told(session)
        undo(session, merge(session, "1", "2"))
        assert told(session) == before
        assert links(session) == {frozenset("1"): "C1", frozenset("2"): None}

    def test_a_reserved_message_is_not_brought_back_but_decided_anew(self, two: Session) -> None:
        message = write_to(two, case_of(two, "1"), "reserved")
        move = merge(two, "1", "2")
        undo(two, move)
        two.refresh(message)
        assert (message.state, case_of(two, "1").contact_state) == ("cancelled", "pending")

    def test_who_was_written_to_meanwhile_is_not_written_to_again(self, two: Session) -> None:
        move = merge(two, "1", "2")
        write_to(two, case_of(two, "2"), "handed_over", LATER)
        undo(two, move)
        assert case_of(two, "1").contact_state == "person"

    def test_what_was_sent_before_stays_sent(self, two: Session) -> None:
        write_to(two, case_of(two, "1"), "handed_over")
        move = merge(two, "1", "2")
        assert case_of(two, "2").contact_state == "planned", "the other is not written to about it again"
        undo(two, move)
        assert (case_of(two, "1").contact_state, case_of(two, "2").contact_state) == ("planned", "pending")

    def test_it_is_undone_once(self, two: Session) -> None:
        move = merge(two, "1", "2")
        undo(two, move)
        with pytest.raises(CannotMove, match="undone_before"):
            undo(two, move)

    def test_not_before_the_case_that_it_went_up_in_since_is_apart(self, two: Session) -> None:
        take_in(two, says("3", "a3", t="v", at=2))
        first = merge(two, "1", "2")
        case_moves.put_together(two, case_of(two, "2"), case_of(two, "3"), ANNA, NOW)
        with pytest.raises(CannotMove, match="merged_since") as refused:
            undo(two, first)
        assert refused.value.case == case_of(two, "3").id
        undo(two, newest(two))
        undo(two, first)
        assert partition(two) == together("1", "2", "3")

    def test_not_while_its_posts_lie_elsewhere(self, two: Session) -> None:
        first = merge(two, "1", "2")
        apart = split(two, "1")
        with pytest.raises(CannotMove, match="moved_since"):
            undo(two, first)
        undo(two, apart)
        undo(two, first)
        assert partition(two) == together("1", "2")

    def test_a_later_merge_is_left_alone(self, two: Session) -> None:
        take_in(two, says("3", "a3", t="v", at=2))
        cases.step(two, case_of(two, "2"), CaseState.RESOLVED, NOW)
        first = merge(two, "1", "2")
        merge(two, "3", "2")
        undo(two, first)
        assert partition(two) == together("1", "23")
        assert case_of(two, "2").state == "reopened", "what came later is open work"

    def test_deleted_posts_go_back_as_tombstones(self, two: Session) -> None:
        move = merge(two, "1", "2")
        store_events(two, BRAND.id, [gone("1")], NOW)
        undo(two, move)
        assert partition(two) == together("1", "2")


class TestTheProgramsMerges:
    def both(self, session: Session) -> CaseMoveRow:
        take_in(session, says("1", "claire", t="t"), says("2", "claire2", t="u", at=1))
        assert partition(session) == together("1", "2")
        know(session)
        reopen_matches(session, BRAND.id, NOW)
        route(session)
        assert links(session) == {frozenset("12"): "C1"}
        return newest(session)

    def test_they_can_be_undone_and_are_not_done_again(self, session: Session) -> None:
        move = self.both(session)
        assert move.by == cases.SYSTEM
        undo(session, move)
        take_in(session, says("3", "claire", t="t", at=5), says("4", "claire2", t="u", at=6))
        assert links(session) == {frozenset("13"): "C1", frozenset("24"): "C1"}

    def test_two_cases_of_one_customer_in_one_thread_can_be_kept_apart(self, session: Session) -> None:
        take_in(session, says("1", "claire", t="t"), says("2", "claire2", t="t", at=1))
        know(session)
        reopen_matches(session, BRAND.id, NOW)
        route(session)
        undo(session, newest(session))
        take_in(session, says("3", "claire", t="t", at=5), says("4", "claire2", t="t", at=6))
        assert links(session) == {frozenset("13"): "C1", frozenset("24"): "C1"}

    def test_what_joined_without_a_case_of_its_own_can_be_split_off(self, session: Session) -> None:
        know(session)
        take_in(session, says("1", "claire", t="t"), says("2", "claire2", t="u", at=1))
        assert partition(session) == together("12")
        split(session, "2")
        take_in(session, says("3", "claire2", t="u", at=5), says("4", "claire", t="t", at=6))
        assert links(session) == {frozenset("14"): "C1", frozenset("23"): "C1"}


def test_the_thread_of_a_case_put_together_is_the_same_when_it_is_routed_again(session: Session) -> None:
    know(session)
    take_in(session, says("1", "claire", t="t"), says("2", "a1", t="u", at=1, intent="billing"))
    merge(session, "1", "2")
    take_in(session, says("3", "claire", t="t", at=2))
    settled = told(session)
    session.execute(update(PostRow).where(PostRow.stage == "routed").values(stage="read"))
    route(session)
    assert told(session) == settled


def test_words_that_came_along_into_a_case_put_together_stay_there(session: Session) -> None:
    know(session)
    take_in(session, says("1", "a2", t="t"), says("2", "claire", t="u", at=1))
    merge(session, "2", "1")
    take_in(session, says("3", "a2", t="u", at=2))
    merge(session, "1", "3")
    take_in(session, says("4", "a2", t="u", at=3))
    assert partition(session) == together("1234")
    session.execute(update(PostRow).where(PostRow.stage == "routed").values(stage="read"))
    route(session)
    assert partition(session) == together("1234")


class TestSplit:
    @pytest.fixture
    def one(self, session: Session) -> Session:
        """A complaint in three posts, one of them copied by somebody."""
        copied = says("9", "a9", "RT", repost_of="2", at=9)
        take_in(session, says("1", t="t"), says("2", t="t", at=1), says("3", t="t", at=2, intent="billing"), copied)
        assert partition(session) == together("1239")
        return session

    def test_the_posts_go_with_their_copies_and_the_case_is_read_anew(self, one: Session) -> None:
        split(one, "2")
        assert partition(one) == together("13", "29")
        split(one, "3")
        assert partition(one) == together("1", "29", "3")
        assert case_of(one, "3").intent == "billing"

    def test_it_holds_when_the_author_goes_on(self, one: Session) -> None:
        split(one, "3")
        take_in(one, says("4", t="t", at=5))
        assert case_of(one, "3").id != case_of(one, "1").id
        assert len(living(one)) == 2

    def test_something_goes_and_something_stays(self, one: Session) -> None:
        with pytest.raises(CannotMove, match="nothing_chosen"):
            split(one, "9")
        with pytest.raises(CannotMove, match="nothing_left"):
            split(one, "1", "2", "3")

    def test_it_can_be_undone(self, one: Session) -> None:
        before = told(one)
        undo(one, split(one, "2", "3"))
        assert told(one) == before

    def test_what_joined_since_comes_back_too(self, one: Session) -> None:
        move = split(one, "1", "2")
        undo(one, move)
        take_in(one, says("4", t="t", at=5))
        assert partition(one) == together("12349")

    def test_a_customer_who_was_written_to_is_not_written_to_about_the_rest(self, session: Session) -> None:
        know(session)
        take_in(session, says("1", "claire", t="t"), says("2", "claire", t="t", at=1, intent="billing"))
        write_to(session, case_of(session, "1"), "handed_over")
        split(session, "2")
        assert links(session) == {frozenset("1"): "C1", frozenset("2"): "C1"}
        assert case_of(session, "2").contact_state == "person"

    def test_posts_of_another_are_nobody_s_until_he_is_known(self, session: Session) -> None:
        know(session)
        take_in(session, says("1", "claire", t="t"), says("2", "a2", t="u", at=1))
        merge(session, "2", "1")
        split(session, "2")
        assert links(session) == {frozenset("1"): "C1", frozenset("2"): None}


class TestErasure:
    @pytest.mark.parametrize("source", ["1", "2"])
    def test_undoing_brings_no_erased_customer_back(self, session: Session, source: str) -> None:
        know(session)
        take_in(session, says("1", "claire", t="t"), says("2", "a2", t="u", at=1))
        move = merge(session, source, "12".replace(source, ""), "Claire Martin a appelé")
        told_of_him = everything_of(session, BRAND.id, "C1", "dpo", "export", NOW)
        assert told_of_him is not None
        assert len(told_of_him["case_moves"]) == 1
        receipt = erase_customer(session, BRAND.id, "C1", "dpo@example.org", NOW)
        assert receipt is not None
        assert receipt["removed"]["case_moves_emptied"] == 1
        session.expire_all()
        assert "customer_key': 1" not in str(move.before)
        assert session.scalars(select(NoteRow)).all() == []
        undo(session, move)
        assert {row.customer_key for row in session.scalars(select(CaseRow))} == {None}


# --- any sequence ---------------------------------------------------------------------------------

Step = tuple[str, int, int]
KINDS = ["post", "post", "post", "merge", "merge", "split", "undo", "resolve", "write"]
steps = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=10)


class Sequence:
    """A customer with two accounts and two strangers, in four threads; what they say and what an agent does."""

    def __init__(self, session: Session) -> None:
        self.session, self.said = session, 0
        know(session)

    def take(self, step: Step) -> None:
        kind, first, second = step
        getattr(self, kind)(first, second)
        self.session.flush()

    def post(self, who: int, thread: int) -> None:
        self.said += 1
        name = ("claire", "claire2", "a1", "a2")[who % 4]
        intent = ("delivery", "delivery", "billing")[thread % 3]
        told = says(f"p{self.said}", name, t=f"t{thread % 4}", at=self.said, intent=intent, unhappy=thread != 9)
        take_in(self.session, told)

    def merge(self, first: int, second: int) -> None:
        found = living(self.session)
        if len(found) > 1:
            source, target = found[first % len(found)], found[second % len(found)]
            if source.id != target.id:
                before = told(self.session)
                move = case_moves.put_together(self.session, source, target, ANNA, NOW)
                engaged = contacted(self.session)
                with self.session.begin_nested() as tried:
                    case_moves.undo(self.session, move, ANNA, LATER)
                    assert without_contact(told(self.session)) == without_contact(before)
                    assert contacted(self.session) == engaged
                    tried.rollback()
                self.session.expire_all()
        route(self.session)

    def split(self, first: int, second: int) -> None:
        found = living(self.session)
        posts = list(self.session.scalars(select(PostRow.id).order_by(PostRow.id)))
        if found:
            with suppress(CannotMove):
                case_moves.split_off(
                    self.session, found[first % len(found)], posts[second % len(posts) :: 2], ANNA, NOW
                )
        route(self.session)

    def undo(self, first: int, _second: int) -> None:
        moves = list(self.session.scalars(select(CaseMoveRow).order_by(CaseMoveRow.id.desc())))
        if moves:
            with suppress(CannotMove):
                case_moves.undo(self.session, moves[first % len(moves)], ANNA, LATER)
        route(self.session)

    def resolve(self, first: int, _second: int) -> None:
        found = [row for row in living(self.session) if row.state in OPEN_STATES]
        if found:
            cases.step(self.session, found[first % len(found)], CaseState.RESOLVED, NOW, ANNA)

    def write(self, first: int, _second: int) -> None:
        found = [row for row in living(self.session) if row.state in OPEN_STATES]
        if found and not cases.contact_engaged(self.session, found[first % len(found)].id):
            row = found[first % len(found)]
            if messages.find(self.session, BRAND.id, f"{row.id}:service:first_answer") is None:
                write_to(self.session, row, "handed_over")


def without_contact(found: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {name: (values[0], *values[3:]) for name, values in found.items()}


def contacted(session: Session) -> list[tuple[str, str]]:
    return sorted((row.key, row.state) for row in session.scalars(select(MessageRow)))


def history(session: Session) -> list[tuple[Any, ...]]:
    query = select(CaseEventRow).order_by(CaseEventRow.id)
    return [(row.id, row.case_id, row.at, row.actor, row.kind, str(row.detail)) for row in session.scalars(query)]


@given(taken=steps)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_people_do_no_post_is_lost_and_no_history_is_rewritten(
    shared_database: Database, taken: list[Step]
) -> None:
    with undone(shared_database) as session:
        world, before = Sequence(session), history(session)
        for step in taken:
            world.take(step)
            after = history(session)
            assert after[: len(before)] == before
            before = after
            placed = told(session)
            complaints = select(PostRow.native_id).join(ReadingRow, ReadingRow.post_id == PostRow.id)
            assert set(session.scalars(complaints.where(ReadingRow.unhappy))) <= set(placed)
            partition(session)  # none lies in a case that was merged
            settled = [(row.id, row.revision, row.subject) for row in living(session)]
            session.execute(update(PostRow).where(PostRow.stage == "routed").values(stage="read"))
            route(session)
            assert [(row.id, row.revision, row.subject) for row in living(session)] == settled, "routing again"
