"""The neutral reply with its claim link goes out under the post, on the network where it was written, once."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.claim import NoClaim
from routing.channels.base import Carriers
from routing.channels.folder import FolderChannel, FolderOptions
from routing.claim_asking import NotAsked, ask_in_place, issue, recheck_claim
from routing.outbox import Cancel, Delivered, deliver
from storage import messages
from storage.claims_link import by_token
from storage.database import Database
from storage.tables import AuthorRow, CaseRow, MessageRow, PostRow
from tests.console import factories
from tests.fakes.networks import NETWORKS, Bench
from tests.fakes.server import Fault
from tests.unit.routing.test_claim_asking import BRAND, NOW, RULES, case_of

LATER = NOW + timedelta(hours=1)
LINK = re.compile(r"https://care\.example\.org/c/([\w-]{24})")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture(params=["mastodon", "bluesky", "x"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with NETWORKS[request.param](tmp_path, "hunter2") as made:
        yield made


def ask(database: Database, bench: Bench) -> int:
    """A case about the bench's post, whose author is asked who he is; its number."""
    with database.begin() as session:
        factories.brand(session)
        case = case_of(session, network=bench.channel.channel, native_id=bench.reply.address)
        post = session.scalars(select(PostRow)).one()
        post.native_id, post.attributes = bench.reply.reply_to or "", bench.reply.extra["post"]["attributes"]
        session.get_one(AuthorRow, post.author_id).handle = "alice@home.example"
        assert ask_in_place(session, BRAND, RULES, 50, NOW) == 1
        return case.id


def run(database: Database, bench: Bench, shadow: Path | None = None, at: datetime = NOW) -> Delivered:
    def recheck(session: Session, message: MessageRow) -> Cancel | None:
        refused = recheck_claim(session, message, NOW)
        return Cancel(refused) if refused else None

    on = {} if shadow else {bench.channel.channel: bench.channel}
    folder = FolderChannel(FolderOptions(shadow)) if shadow else None
    return deliver(database, Carriers(on, folder), recheck, lambda: at)


def message(database: Database) -> MessageRow:
    with database.read() as session:
        return session.scalars(select(MessageRow)).one()


def test_the_reply_stands_under_the_post_with_a_link_that_opens_and_nothing_of_any_customer(
    database: Database, bench: Bench
) -> None:
    ask(database, bench)
    assert run(database, bench) == Delivered(handed_over=1)
    assert run(database, bench) == Delivered()
    [body] = bench.arrived()
    text = json.dumps(json.loads(body), ensure_ascii=False)
    link = LINK.search(text)
    assert link is not None
    with database.read() as session:
        assert by_token(session, link[1]) is not None
        case = session.scalars(select(CaseRow)).one()
    sent = message(database)
    assert (sent.state, sent.via, sent.reply_to) == ("handed_over", bench.channel.name, bench.reply.reply_to)
    assert sent.provider_id
    assert (case.state, case.first_answer_at) == ("waiting_customer", NOW)
    assert link[1] not in f"{sent.body}{sent.extra}"


def test_while_the_channel_is_off_it_goes_into_the_folder_and_says_under_which_post(
    database: Database, bench: Bench, tmp_path: Path
) -> None:
    ask(database, bench)
    assert run(database, bench, tmp_path / "out") == Delivered(handed_over=1)
    assert bench.arrived() == []
    [file] = (tmp_path / "out").glob("*.txt")
    note = file.read_text(encoding="utf-8")
    assert "Reply-To-Post: https://tilleul.example/" in note
    assert LINK.search(note)


def test_a_post_that_was_deleted_takes_the_reply_back_without_an_error(database: Database, bench: Bench) -> None:
    ask(database, bench)
    with database.begin() as session:
        post = session.scalars(select(PostRow)).one()
        post.text, post.deleted_at, post.stage = None, NOW, "gone"
    assert run(database, bench) == Delivered(cancelled=1)
    assert (message(database).state, message(database).attempts) == ("cancelled", 0)
    assert bench.server.requests == []


def test_a_post_that_only_the_network_knows_to_be_deleted_takes_it_back_too(database: Database, bench: Bench) -> None:
    number = ask(database, bench)
    name = bench.channel.name
    bench.server.delete("one" if name == "x" else (bench.reply.reply_to or "").rpartition("/")[2])
    assert run(database, bench) == Delivered(cancelled=1)
    assert message(database).state == "cancelled"
    with database.read() as session:
        assert session.get_one(CaseRow, number).contact_state == "in_place", "nobody has to look"


QUESTIONS = {"mastodon": 1, "bluesky": 2, "x": 0}  # before the step of no return


def test_an_answer_that_is_lost_after_the_last_step_never_leads_to_a_second_reply(
    database: Database, bench: Bench
) -> None:
    ask(database, bench)
    bench.server.faults = [*[Fault()] * QUESTIONS[bench.channel.name], Fault(status=502)]
    done = run(database, bench)
    assert len(bench.arrived()) == 1
    if bench.channel.name != "bluesky":
        assert (done.unconfirmed, message(database).state) == (1, "unconfirmed")
        assert run(database, bench, at=LATER) == Delivered()
        return
    # The same record is put again: there is one reply all the same.
    assert (done.retried, message(database).state) == (1, "reserved")
    assert run(database, bench, at=LATER) == Delivered(handed_over=1)
    assert len(bench.server.records) == 1


def test_who_said_stop_gets_no_reply_and_is_not_asked_again(database: Database, bench: Bench) -> None:
    number = ask(database, bench)
    with database.begin() as session:
        messages.suppress(session, BRAND.id, bench.channel.channel, bench.reply.address, "stop", NOW)
    assert run(database, bench) == Delivered(cancelled=1)
    later = NOW + timedelta(days=90)
    with pytest.raises(NotAsked) as caught, database.begin() as session:
        issue(session, BRAND, number, RULES, "lea", later)
    assert caught.value.why is NoClaim.SUPPRESSED


def test_the_neutral_reply_is_short_where_the_network_has_no_room_for_more(database: Database) -> None:
    rules = replace(
        RULES,
        base_url="https://care.example.org/a-long-way-down-to-the-page-of-customer-care-of-the-whole-company-and-more",
    )
    found = {}
    for network in ("mastodon", "bluesky", "x", "trustpilot"):
        with database.begin() as session:
            factories.brand(session)
            case = case_of(session, network=network)
            issue(session, BRAND, case.id, rules, "lea", NOW)
            found[network] = session.scalars(select(MessageRow.body).filter_by(case_id=case.id)).one() or ""
    assert found["mastodon"] == found["trustpilot"] == found["x"], "a link counts 23 there"
    assert len(found["bluesky"]) < len(found["mastodon"])
    assert all(f"{rules.base_url}/c/" in text for text in found.values())
