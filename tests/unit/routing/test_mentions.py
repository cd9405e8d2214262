"""What a customer answers to a direct message on Mastodon: heard from the notifications of our account, taken once."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from domain.message import MessageState
from routing.channels.base import Channel
from routing.receipts import Taken, collect
from storage import messages
from storage.database import Database
from storage.tables import CaseRow, InteractionRow, MessageRow
from tests.fakes.mastodon_server import START, MastodonServer
from tests.fakes.networks import channel
from tests.fakes.outbox import BRAND, fill
from tests.fakes.server import Fault

ALICE = "https://home.example/users/alice"


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as opened:
        yield opened


@pytest.fixture
def mastodon(server: MastodonServer, tmp_path: Path) -> Channel:
    return channel("mastodon", tmp_path, {"TOKEN": "secret"}, base_url=server.base_url, token_env="TOKEN")


@pytest.fixture
def written(database: Database) -> Database:
    """A direct message of ours went to Alice."""
    with database.begin() as session:
        (row,) = fill(session, 1, START, "mastodon")
        row.address = ALICE
        messages.mark(session, row, MessageState.HANDING_OVER, START, {"handing_over_at": START})
        messages.mark(session, row, MessageState.HANDED_OVER, START, {"handed_over_at": START, "via": "mastodon"})
    return database


def says(server: MastodonServer, id_: str, text: str, visibility: str = "direct", **changes: Any) -> None:
    server.mention(server.post(id_, f"<p>@brand {text}</p>", visibility=visibility), **changes)


def ask(database: Database, mastodon: Channel, hours: float = 1) -> tuple[Taken, list[str]]:
    return collect(database, [(mastodon, [BRAND])], lambda: START + timedelta(hours=hours))


def kept(database: Database) -> list[tuple[str, str | None]]:
    with database.read() as session:
        return [(row.channel, row.text) for row in session.scalars(select(InteractionRow))]


def test_only_direct_messages_are_answers(server: MastodonServer, mastodon: Channel) -> None:
    says(server, "1", "en public", "public")
    says(server, "2", "en privé")
    says(server, "3", "aimé", type="favourite")
    server.notifications += [{"type": "mention", "id": "6"}, {"type": "mention", "id": "7", "status": {"uri": 7}}]
    (reply,) = mastodon.collect().replies
    assert (reply.text, reply.address, reply.at) == ("en privé", ALICE, START + timedelta(minutes=2))


def test_pages_are_followed_to_what_is_old(server: MastodonServer, mastodon: Channel) -> None:
    server.page_limit = 2
    for number in range(7):
        says(server, str(number), f"message {number}")
    assert len(mastodon.collect().replies) == 7
    for one in server.notifications[:4]:
        one["created_at"] = (START - timedelta(days=30)).isoformat()
    assert len(mastodon.collect().replies) == 4, "the page on which it grows old is the last"


def test_an_answer_comes_into_the_case_of_its_message_once(
    server: MastodonServer, mastodon: Channel, written: Database
) -> None:
    says(server, "1", "Merci, mais toujours rien reçu")
    assert ask(written, mastodon) == (Taken(replies=1), [])
    assert ask(written, mastodon) == (Taken(repeated=1), [])
    assert kept(written) == [("mastodon", "Merci, mais toujours rien reçu")]
    with written.read() as session:
        assert session.scalars(select(MessageRow.state)).one() == "replied"
        assert session.scalars(select(CaseRow.state)).one() == "waiting_us"


def test_a_stop_in_it_holds_for_the_account(server: MastodonServer, mastodon: Channel, written: Database) -> None:
    says(server, "1", "STOP")
    ask(written, mastodon)
    with written.read() as session:
        assert messages.suppression(session, BRAND, "mastodon", ALICE) == "stop"


def test_nobody_is_asked_where_nothing_was_sent_of_late(
    server: MastodonServer, mastodon: Channel, database: Database, written: Database
) -> None:
    assert ask(written, mastodon, hours=24 * 31) == (Taken(), [])
    assert server.requests == []


@pytest.mark.parametrize("status", [403, 500])
def test_a_server_that_does_not_answer_is_told_and_changes_nothing(
    server: MastodonServer, mastodon: Channel, written: Database, status: int
) -> None:
    server.every = Fault(status=status)
    done, (why,) = ask(written, mastodon)
    assert done == Taken()
    assert why.startswith("mastodon: ")
    assert kept(written) == []
