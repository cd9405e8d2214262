"""What listeners leave behind: raw items, spending, gaps, second looks, and what is let go."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.post import AuthorGone, Batch, Delete, Gap, Upsert
from storage.fresh import packer, unpacked
from storage.listening import gaps_since, known_posts, recent_posts, spend, spent_today, store_batch
from storage.posts import Stored
from storage.redraw import listeners_with_raw, raw_posts, redraw
from storage.sweep import due_for_a_look, forget_unshown, looked_at
from storage.tables import AuthorRow, PostRow, PostVersionRow, RawPostRow
from tests.unit.samples import BRAND, NOW, author, gone, heard, minute, post

HOUR = timedelta(hours=1)


def told(id_: str = "1", text: str = "Mon colis n'est pas arrivé", **facts: object) -> Upsert:
    event = heard(id_, text, **facts)
    return replace(event, raw={"id": id_, "body": text})


def store(session: Session, *events: object, keep_raw: bool = True) -> Stored:
    batch = Batch(list(events), cursor_after={"at": 1})  # type: ignore[arg-type]
    done = store_batch(session, BRAND.id, batch, NOW, "mastodon a", "#colis", keep_raw=keep_raw)
    session.expire_all()
    return done


def raw_of(session: Session) -> list[dict[str, object]]:
    return [unpacked(row.payload) for row in session.scalars(select(RawPostRow).order_by(RawPostRow.post_id))]


class TestRawItems:
    def test_what_the_network_told_is_kept_and_replaced_by_an_edit(self, session: Session) -> None:
        store(session, told("1"), told("2", "été 🐦"))
        store(session, told("1", "autre chose", edited_at=minute(9)))
        assert raw_of(session) == [{"id": "1", "body": "autre chose"}, {"id": "2", "body": "été 🐦"}]
        assert session.scalars(select(PostRow.listener)).all() == ["mastodon a", "mastodon a"]

    def test_it_goes_with_the_post(self, session: Session) -> None:
        store(session, told("1"), told("2", author=author("a")), told("3"), gone("3"))
        store(session, gone("1"), AuthorGone("mastodon", "a", NOW))
        assert raw_of(session) == []

    def test_where_it_is_not_wanted_it_is_not_kept(self, session: Session) -> None:
        store(session, told("1"), keep_raw=False)
        assert raw_of(session) == []

    def test_a_mended_mapper_draws_posts_again_and_changed_ones_are_read_again(self, session: Session) -> None:
        store(session, told("1", likes=3), told("2"))
        session.scalars(select(PostRow)).all()[0].stage = "routed"
        [(first, payload), (second, _)] = raw_posts(session, BRAND.id, "mastodon a", 0, 10)
        assert unpacked(payload)["id"] == "1"
        drawn = {first: post("1", "Mon colis &amp; moi", lang="fr", likes=0, author=author("b")), second: post("2")}
        assert redraw(session, BRAND.id, drawn, NOW) == 1
        session.expire_all()
        row = session.get_one(PostRow, first)
        assert (row.text, row.lang, row.stage, row.likes, row.version) == ("Mon colis &amp; moi", "fr", "heard", 3, 1)
        assert session.scalar(select(PostVersionRow.text).filter_by(post_id=first)) == "Mon colis &amp; moi"
        assert redraw(session, BRAND.id, drawn, NOW) == 0
        assert listeners_with_raw(session, BRAND.id) == ["mastodon a"]

    def test_a_later_edit_is_not_undone_by_drawing_again(self, session: Session) -> None:
        store(session, told("1"))
        store(session, heard("1", "dit mieux", edited_at=minute(9)))
        [(id_, _)] = raw_posts(session, BRAND.id, "mastodon a", 0, 10)
        assert redraw(session, BRAND.id, {id_: post("1", "Mon colis")}, NOW) == 0
        assert session.get_one(PostRow, id_).text == "dit mieux"


class TestStreamsTellOfEverything:
    def test_news_of_what_was_never_stored_leaves_no_trace(self, session: Session) -> None:
        done = store(
            session,
            Delete("mastodon", "1", NOW, only_known=True),
            AuthorGone("mastodon", "a", NOW, only_known=True),
        )
        assert done == Stored()
        assert session.scalar(select(func.count()).select_from(PostRow)) == 0
        assert session.scalar(select(func.count()).select_from(AuthorRow)) == 0

    def test_news_of_what_is_stored_is_followed(self, session: Session) -> None:
        store(session, told("1"), told("2", author=author("a")))
        done = store(
            session,
            Delete("mastodon", "1", NOW, only_known=True),
            AuthorGone("mastodon", "a", NOW, only_known=True),
        )
        assert done.deleted == 2

    def test_a_post_that_is_written_and_deleted_in_one_batch_is_gone(self, session: Session) -> None:
        done = store(session, told("1"), Delete("mastodon", "1", NOW, only_known=True), told("2"))
        assert (done.new, done.deleted) == (2, 1)
        assert session.scalars(select(PostRow.text).order_by(PostRow.native_id)).all() == [None, told("2").post.text]


class TestSpending:
    def test_an_account_takes_from_its_day(self, session: Session) -> None:
        spend(session, "x:KEY", NOW, 2, 0.5)
        spend(session, "x:KEY", NOW, 1, 0.25)
        assert spent_today(session, "x:KEY", NOW) == (3, 0.75)
        assert spent_today(session, "other", NOW) == (0, 0.0)
        assert spent_today(session, "x:KEY", NOW + timedelta(days=1)) == (0, 0.0)
        spend(session, "x:KEY", NOW, 0, 1.0)
        assert spent_today(session, "x:KEY", NOW) == (3, 1.75)


class TestGaps:
    def test_a_gap_is_noted_once(self, session: Session) -> None:
        gap = Gap("mastodon", minute(0), minute(60), "older than the server keeps")
        store(session, gap)
        store(session, gap, told("1"))
        [row] = gaps_since(session, BRAND.id, NOW - HOUR)
        assert (row.listener, row.query, row.since, row.until) == ("mastodon a", "#colis", minute(0), minute(60))


class TestSecondLooks:
    def test_the_longest_unseen_are_asked_for_first_and_noted(self, session: Session) -> None:
        store(session, told("1"), told("2"), told("3"))
        rows = {row.native_id: row for row in session.scalars(select(PostRow))}
        rows["1"].verified_at, rows["2"].verified_at = NOW - 30 * HOUR, NOW - 40 * HOUR
        due = due_for_a_look(session, BRAND.id, "mastodon a", NOW - 24 * HOUR, 10)
        assert [row.native_id for row in due] == ["2", "1"]
        done = looked_at(session, BRAND.id, [row.id for row in due], [gone("2")], NOW)
        session.expire_all()
        assert done.deleted == 1
        assert due_for_a_look(session, BRAND.id, "mastodon a", NOW - 24 * HOUR, 10) == []
        assert due_for_a_look(session, BRAND.id, "mastodon b", NOW + HOUR, 10) == []

    def test_hearing_a_post_again_counts_as_a_look(self, session: Session) -> None:
        store(session, told("1"))
        [row] = session.scalars(select(PostRow))
        row.verified_at = NOW - 30 * HOUR
        store(session, told("1"))
        assert due_for_a_look(session, BRAND.id, "mastodon a", NOW - HOUR, 10) == []

    def test_what_may_not_be_kept_longer_is_let_go(self, session: Session) -> None:
        store(session, told("1"), told("2", network="forum"), told("3"))
        rows = {row.native_id: row for row in session.scalars(select(PostRow))}
        rows["1"].verified_at = rows["2"].verified_at = NOW - 40 * HOUR
        assert forget_unshown(session, BRAND.id, {"mastodon": NOW - 30 * HOUR}, 10, NOW) == 1
        session.expire_all()
        left = session.scalars(select(PostRow.native_id).where(PostRow.deleted_at.is_(None)).order_by(PostRow.id))
        assert left.all() == ["2", "3"]
        assert len(raw_of(session)) == 2


def test_a_sample_of_what_is_stored_is_posts_again(session: Session) -> None:
    store(session, told("1", author=author("a", followers=9)), told("2", created_at=minute(60 * 24 * 2)), gone("3"))
    sample = recent_posts(session, BRAND.id, NOW - timedelta(days=9), 10)
    assert [found.id for found in sample.posts] == ["2", "1"]
    assert sample.days == pytest.approx(2)
    assert sample.posts[1].author is not None
    assert sample.posts[1].author.followers == 9
    assert known_posts(session, BRAND.id, {("mastodon", "1"), ("mastodon", "9")}) == {("mastodon", "1")}


def test_a_raw_item_comes_back_letter_by_letter() -> None:
    raw = {"id": "1", "half": "\ud83d", "deep": [{"é": None}]}
    assert unpacked(packer()(raw)) == raw
