"""A post is stored once, however and in whatever order it is heard; what is deleted is gone everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.post import AuthorChanged, AuthorGone, Batch, Delete, Event, Rejected, Upsert
from storage.database import Database
from storage.fresh import content_hash
from storage.listening import load_cursor, pause_cursor, store_batch
from storage.posts import Stored, store_events
from storage.quotes import save_quotes
from storage.readings import save_reading
from storage.tables import (
    AuthorRow,
    MatchRow,
    PostRow,
    PostVersionRow,
    QuarantineRow,
    QuoteRow,
    ReadingRow,
)
from tests.unit.samples import BRAND, NOW, OTHER_BRAND, author, gone, heard, minute, reading, undone

SECRET_WORDS = "je m'appelle Claire Martin, commande HR4829174637"


def store(session: Session, *events: Event, now: datetime = NOW) -> Stored:
    done = store_events(session, BRAND.id, events, now)
    session.expire_all()
    return done


def row_of(session: Session, id_: str = "1", network: str = "mastodon") -> PostRow:
    return session.scalars(select(PostRow).filter_by(network=network, native_id=id_, brand_id=BRAND.id)).one()


def versions(session: Session, id_: str = "1") -> list[str | None]:
    query = select(PostVersionRow.text).filter_by(post_id=row_of(session, id_).id).order_by(PostVersionRow.version)
    return list(session.scalars(query))


def count(session: Session, table: type[Any]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def route(session: Session, *ids: str) -> None:
    for id_ in ids:
        row_of(session, id_).stage = "routed"
    session.flush()


class TestOnce:
    def test_a_post_heard_again_changes_nothing(self, session: Session) -> None:
        assert store(session, heard()) == Stored(new=1)
        before = snapshot(session)
        assert store(session, heard(), heard()) == Stored(same=2)
        assert snapshot(session) == before
        assert versions(session) == ["Mon colis n'est pas arrivé"]

    def test_a_post_twice_in_its_first_batch_is_one(self, session: Session) -> None:
        assert store(session, heard(), heard()) == Stored(new=1, same=1)
        assert count(session, PostRow) == 1

    def test_the_same_id_on_two_networks_is_two_posts(self, session: Session) -> None:
        assert store(session, heard(), heard(network="x")).new == 2

    def test_each_brand_hears_for_itself(self, session: Session) -> None:
        store(session, heard())
        assert store_events(session, OTHER_BRAND.id, [heard()], NOW) == Stored(new=1)
        store(session, gone())
        theirs = session.scalars(select(PostRow).filter_by(brand_id=OTHER_BRAND.id)).one()
        assert theirs.text is not None

    def test_counts_follow_what_was_heard_last(self, session: Session) -> None:
        store(session, heard(likes=1, replies=4))
        store(session, heard(likes=7))
        row = row_of(session)
        assert (row.likes, row.replies, row.version, row.stage) == (7, 4, 1, "heard")

    def test_an_account_is_one_author_whose_facts_add_up(self, session: Session) -> None:
        store(session, heard("1", author=author("a1", name="Claire")), heard("2", author=author("a1", bio="Lyon")))
        store(session, AuthorChanged("mastodon", replace(author("a1"), handle="new_handle")))
        row = session.scalars(select(AuthorRow)).one()
        assert (row.native_id, row.name, row.bio, row.handle) == ("a1", "Claire", "Lyon", "new_handle")

    def test_an_older_post_heard_late_does_not_bring_an_old_name_back(self, session: Session) -> None:
        new = heard("2", created_at=minute(9), author=author("a1", name="Claire Martin", handle="claire"))
        old = heard("1", created_at=minute(1), author=author("a1", name="Claire Petit", handle="cp", bio="Lyon"))
        store(session, new)
        store(session, old)
        row = session.scalars(select(AuthorRow)).one()
        assert (row.name, row.handle, row.bio) == ("Claire Martin", "claire", "Lyon")


class TestEdits:
    def test_an_edit_is_a_new_version_that_is_read_again(self, session: Session) -> None:
        store(session, heard(text="un"))
        route(session, "1")
        assert store(session, heard(text="deux", edited_at=minute(5))) == Stored(edited=1)
        row = row_of(session)
        assert (row.text, row.version, row.stage, row.edited_at) == ("deux", 2, "heard", minute(5))
        assert row.content_hash == content_hash("deux")
        assert versions(session) == ["un", "deux"]

    def test_an_older_version_heard_late_is_kept_and_changes_nothing(self, session: Session) -> None:
        store(session, heard(text="trois", edited_at=minute(9)))
        route(session, "1")
        assert store(session, heard(text="deux", edited_at=minute(5))) == Stored(late=1)
        assert store(session, heard(text="un"), heard(text="deux", edited_at=minute(5))) == Stored(late=1, same=1)
        row = row_of(session)
        assert (row.text, row.version, row.stage) == ("trois", 1, "routed")
        assert sorted(map(str, versions(session))) == ["deux", "trois", "un"]

    def test_an_edit_after_a_late_version_gets_a_number_of_its_own(self, session: Session) -> None:
        store(session, heard(text="b", edited_at=minute(5)), heard(text="a"), heard(text="c", edited_at=minute(6)))
        row = row_of(session)
        current = session.scalars(select(PostVersionRow).filter_by(post_id=row.id, version=row.version)).one()
        assert (row.text, current.text) == ("c", "c")

    def test_an_edit_back_to_the_first_words_holds_in_any_order(self, session: Session) -> None:
        events = [heard(text="a"), heard(text="b", edited_at=minute(1)), heard(text="a", edited_at=minute(2))]
        store(session, events[0], events[2])
        store(session, events[1])
        assert row_of(session).text == "a"

    def test_two_edits_of_the_same_second_come_to_rest(self, session: Session) -> None:
        events = [heard(text="a", edited_at=minute(1)), heard(text="b", edited_at=minute(1))]
        store(session, *events)
        before = snapshot(session)
        store(session, *events)
        store(session, *reversed(events))
        assert snapshot(session) == before

    def test_edits_without_a_time_follow_each_other(self, session: Session) -> None:
        for text in ("un", "deux", "trois"):
            store(session, heard(text=text))
        assert row_of(session).text == "trois"
        before = snapshot(session)
        store(session, heard(text="un"), heard(text="deux"), heard(text="trois"))
        assert snapshot(session) == before

    def test_the_same_words_edited_again_need_no_new_reading(self, session: Session) -> None:
        store(session, heard(text="un"))
        route(session, "1")
        assert store(session, heard(text="un", edited_at=minute(3))) == Stored(same=1)
        assert row_of(session).stage == "routed"


class TestDeletion:
    @pytest.fixture
    def understood(self, session: Session) -> PostRow:
        store(
            session, heard(text="un", author=author()), heard(text=SECRET_WORDS, edited_at=minute(2), url="https://m/1")
        )
        row = row_of(session)
        save_reading(session, row, reading(), True, NOW)
        save_quotes(session, row, [("order", "f00")])
        session.add(
            MatchRow(
                brand_id=BRAND.id, post_id=row.id, grade="none", action="none", none_probability=1.0,
                version="v", decided_at=NOW,
            )
        )  # fmt: skip
        session.flush()
        return row

    def test_it_takes_the_words_out_of_all_that_was_drawn_from_them(
        self, session: Session, understood: PostRow
    ) -> None:
        assert store(session, gone()) == Stored(deleted=1)
        row = row_of(session)
        assert (row.text, row.url, row.content_hash, row.attributes, row.stage) == (None, None, None, {}, "gone")
        assert versions(session) == [None, None]
        assert [count(session, table) for table in (ReadingRow, MatchRow, QuoteRow)] == [0, 0, 0]
        assert "Claire Martin" not in everything_written(session, PostRow, PostVersionRow)

    def test_once_is_enough_and_nothing_brings_it_back(self, session: Session, understood: PostRow) -> None:
        store(session, gone())
        assert store(session, gone(at=minute(7))) == Stored(same=1)
        assert store(session, heard(text="trois", edited_at=minute(9))) == Stored(late=1)
        assert row_of(session).text is None

    def test_before_its_post_it_leaves_a_tombstone(self, session: Session) -> None:
        assert store(session, gone("9")) == Stored(deleted=1)
        assert store(session, heard("9", SECRET_WORDS, author=author(name="Claire Martin"))) == Stored(late=1)
        assert row_of(session, "9").text is None
        assert "Claire" not in everything_written(session, PostRow, PostVersionRow, AuthorRow)

    def test_created_edited_and_deleted_in_one_batch(self, session: Session) -> None:
        done = store(session, heard(text="un"), heard(text="deux", edited_at=minute(1)), gone(), heard(text="un"))
        assert done == Stored(new=1, edited=1, deleted=1, late=1)
        assert versions(session) == [None, None]

    def test_what_the_author_also_said_there_is_routed_again(self, session: Session) -> None:
        store(session, heard("1", conversation="t", author=author()), heard("2", conversation="t", author=author()))
        store(session, heard("3", conversation="other", author=author()))
        route(session, "1", "2", "3")
        store(session, gone("1"))
        assert [row_of(session, id_).stage for id_ in ("2", "3")] == ["read", "routed"]


class TestAuthorGone:
    def test_all_posts_go_and_the_person_too(self, session: Session) -> None:
        him = author(name="Claire Martin", bio="Lyon", location="Lyon", links=("https://claire.example",))
        store(session, heard("1", SECRET_WORDS, author=him), heard("2", author=him), heard("3", author=author("a2")))
        assert store(session, AuthorGone("mastodon", "a1", NOW)) == Stored(deleted=2)
        assert [row_of(session, id_).stage for id_ in "123"] == ["gone", "gone", "heard"]
        assert "claire" not in everything_written(session, PostRow, PostVersionRow, AuthorRow).lower()

    def test_twice_is_as_good_as_once(self, session: Session) -> None:
        store(session, heard(author=author()), AuthorGone("mastodon", "a1", NOW))
        before = snapshot(session)
        assert store(session, AuthorGone("mastodon", "a1", NOW)) == Stored()
        assert snapshot(session) == before

    def test_his_posts_heard_afterwards_do_not_come_in(self, session: Session) -> None:
        store(session, AuthorGone("mastodon", "a1", NOW))
        assert store(session, heard("1", SECRET_WORDS, author=author(name="Claire Martin"))).new == 0
        assert row_of(session).stage == "gone"
        assert "Claire" not in everything_written(session, PostRow, PostVersionRow, AuthorRow)

    def test_an_account_that_comes_back_is_heard_again(self, session: Session) -> None:
        store(session, heard("1", author=author()), AuthorGone("mastodon", "a1", minute(5)))
        assert store(session, heard("2", created_at=minute(6), author=author(name="Claire"))) == Stored(new=1)
        store(session, AuthorGone("mastodon", "a1", minute(5)))
        assert (row_of(session, "1").stage, row_of(session, "2").stage) == ("gone", "heard")
        assert session.scalars(select(AuthorRow.name)).one() == "Claire"


class TestThreads:
    def test_an_answer_joins_the_thread_of_its_parent(self, session: Session) -> None:
        store(session, heard("1"), heard("2", reply_to="1"), heard("3", reply_to="2"))
        store(session, heard("4", reply_to="3"))
        assert {row_of(session, id_).thread for id_ in "1234"} == {"1"}

    def test_what_the_network_calls_the_conversation_holds(self, session: Session) -> None:
        store(session, heard("2", reply_to="1"), heard("1", conversation="c77"), heard("3", reply_to="1"))
        assert {row_of(session, id_).thread for id_ in "123"} == {"c77"}

    @pytest.mark.parametrize("order", ["4321", "3142", "2413", "1234", "1432", "4213"])
    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_a_chain_is_one_thread_in_any_order(self, session: Session, order: str, size: int) -> None:
        chain = {"1": heard("1"), **{id_: heard(id_, reply_to=str(int(id_) - 1)) for id_ in "234"}}
        for start in range(0, 4, size):
            store(session, *(chain[id_] for id_ in order[start : start + size]))
        assert {row_of(session, id_).thread for id_ in "1234"} == {"1"}

    def test_answers_that_move_are_routed_again(self, session: Session) -> None:
        store(session, heard("3", reply_to="2"), heard("8"))
        route(session, "3", "8")
        store(session, heard("2", reply_to="1"))
        assert (row_of(session, "3").stage, row_of(session, "3").thread) == ("read", "1")
        assert row_of(session, "8").stage == "routed"

    def test_answers_that_are_not_read_yet_are_not_taken_for_read(self, session: Session) -> None:
        store(session, heard("3", reply_to="2"))
        store(session, heard("2", reply_to="1"))
        assert row_of(session, "3").stage == "heard"

    def test_a_deleted_post_still_ties_its_answers_to_the_thread(self, session: Session) -> None:
        store(session, gone("2"), heard("3", reply_to="2"), heard("1"))
        store(session, heard("2", reply_to="1"))
        assert {row_of(session, id_).thread for id_ in "123"} == {"1"}

    def test_posts_that_answer_each_other_come_to_an_end(self, session: Session) -> None:
        store(session, heard("1", reply_to="2"), heard("2", reply_to="1"), heard("3", reply_to="3"))
        assert row_of(session, "3").thread == "3"

    def test_the_same_ids_on_another_network_are_another_thread(self, session: Session) -> None:
        store(session, heard("2", reply_to="1", network="x"), heard("1", reply_to="0"))
        assert row_of(session, "2", "x").thread == "1"


class TestReposts:
    def test_one_that_waited_for_its_original_is_routed_again(self, session: Session) -> None:
        store(session, heard("r", "RT @a: mon colis", repost_of="1"), heard("s", repost_of="2"))
        route(session, "r", "s")
        store(session, heard("1"))
        assert (row_of(session, "r").stage, row_of(session, "s").stage) == ("read", "routed")
        assert row_of(session, "r").is_repost

    def test_the_prefix_of_a_repost_does_not_make_another_text(self) -> None:
        assert content_hash("RT @paul: Mon  COLIS\nest perdu") == content_hash("mon colis est perdu")
        assert content_hash("mon colis est perdu !") != content_hash("mon colis est perdu")


class TestBatch:
    def test_the_cursor_moves_with_what_was_heard(self, session: Session) -> None:
        bad = Rejected("mastodon", "no id", '{"text": "\\u0000\x00"}')
        batch = Batch([heard()], [bad], cursor_after={"since": "1"}, complete=True)
        assert store_batch(session, BRAND.id, batch, NOW, "mastodon", "#colis") == Stored(new=1, rejected=1)
        assert store_batch(session, BRAND.id, batch, NOW, "mastodon", "#colis") == Stored(same=1, rejected=1)
        row = load_cursor(session, BRAND.id, "mastodon", "#colis")
        assert row is not None
        assert row.cursor == {"since": "1"}
        assert count(session, QuarantineRow) == 1

    def test_an_incomplete_run_leaves_the_cursor_and_a_pause_ends_with_the_next(self, session: Session) -> None:
        pause_cursor(session, BRAND.id, "mastodon", "#colis", "busy", minute(9), NOW)
        store_batch(session, BRAND.id, Batch([heard()]), NOW, "mastodon", "#colis")
        row = load_cursor(session, BRAND.id, "mastodon", "#colis")
        assert row is not None
        assert (row.cursor, row.paused) == ({}, "busy")
        store_batch(session, BRAND.id, Batch([], cursor_after={"since": "1"}), NOW, "mastodon", "#colis")
        assert (row.paused, row.retry_at) == (None, None)


# --- in any order and in any batches -------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What may be compared of a post."""

    text: str | None
    thread: str
    stage: str
    author: str | None
    is_repost: bool
    version: int = 0


def snapshot(session: Session, with_versions: bool = True) -> dict[tuple[str, str], Told]:
    session.expire_all()
    query = select(PostRow, AuthorRow.native_id).outerjoin(AuthorRow, AuthorRow.id == PostRow.author_id)
    return {
        (row.network, row.native_id): Told(
            row.text, row.thread, row.stage, native, row.is_repost, row.version if with_versions else 0
        )
        for row, native in session.execute(query)
    }


def everything_written(session: Session, *tables: type[Any]) -> str:
    return "\n".join(str(vars(row)) for table in tables for row in session.scalars(select(table)))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """What happened on a network: posts of three accounts that answer each other, edits, deletions, farewells."""
    events: list[Event] = []
    size = draw(st.integers(1, 7))
    for number in range(size):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        writer = draw(st.none() | st.sampled_from(["a1", "a2", "a3"]))
        facts: dict[str, Any] = {
            "created_at": minute(number),
            "reply_to": None if parent is None else f"p{parent}",
            "author": None if writer is None else author(writer),
            "conversation": draw(st.none() | st.just("p0"))
            if parent is not None and _leads_to_first(events, parent)
            else None,
            "repost_of": draw(st.none() | st.just("p0")) if parent is None and number else None,
        }
        events.append(heard(f"p{number}", f"text {number}", **facts))
        times = draw(st.lists(st.integers(100, 105), unique=True, max_size=2))
        events += [heard(f"p{number}", f"text {number} at {at % 2}", edited_at=minute(at), **facts) for at in times]
    events += [gone(f"p{number}") for number in draw(st.lists(st.integers(0, size), max_size=2))]
    farewell = draw(st.none() | st.tuples(st.sampled_from(["a1", "a2"]), st.integers(0, size)))
    if farewell is not None:
        events.append(AuthorGone("mastodon", farewell[0], minute(farewell[1] - 0.5)))
    return events


def _leads_to_first(events: Sequence[Event], number: int) -> bool:
    parents = {event.post.id: event.post.reply_to for event in events if isinstance(event, Upsert)}
    id_: str | None = f"p{number}"
    while id_ is not None and parents[id_] is not None:
        id_ = parents[id_]
    return id_ == "p0"


@given(history=histories(), data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_order_in_any_batches_gives_the_same_posts(
    shared_database: Database, history: list[Event], data: Any
) -> None:
    with undone(shared_database) as session:
        store(session, *history)
        in_order = snapshot(session, with_versions=False)
    shuffled = data.draw(st.permutations(history + data.draw(st.lists(st.sampled_from(history), max_size=3))))
    with undone(shared_database) as session:
        while shuffled:
            size = data.draw(st.integers(1, len(shuffled)))
            store(session, *shuffled[:size])
            shuffled = shuffled[size:]
        assert snapshot(session, with_versions=False) == in_order
        for row in session.scalars(select(PostRow).where(PostRow.deleted_at.is_(None))):
            assert (
                session.scalars(select(PostVersionRow.text).filter_by(post_id=row.id, version=row.version)).one()
                == row.text
            )
        buried = (
            select(PostVersionRow.text)
            .join(PostRow, PostRow.id == PostVersionRow.post_id)
            .where(PostRow.stage == "gone")
        )
        assert not [text for text in session.scalars(buried) if text is not None]


def test_a_deletion_of_nothing_that_is_known_needs_no_network_policy(session: Session) -> None:
    assert store(session, Delete("gemini", "42", NOW)) == Stored(deleted=1)
