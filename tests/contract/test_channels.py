"""Every channel keeps the same contract. A new channel adds its line to WORLDS, nothing else."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import routing.channels
from domain.errors import Misconfigured, Permanent, Transient, Uncertain
from domain.message import OutgoingMessage
from routing.channels.base import AddressRefused, Carriers, Channel, Handed, Surroundings, find_channels
from routing.channels.email import EmailChannel, EmailOptions
from routing.channels.folder import FolderChannel, FolderOptions
from routing.channels.in_app import InAppChannel, InAppSettings
from routing.channels.letter import LetterChannel, Letterhead
from routing.channels.notify import NotifyChannel, NotifySettings
from routing.channels.phone import PhoneChannel, PhoneSettings
from routing.channels.twilio import TwilioChannel, TwilioSettings
from routing.channels.vonage import VonageChannel, VonageSettings
from routing.channels.whatsapp import WhatsAppChannel, WhatsAppSettings
from storage.database import Database
from storage.tables import Base, CallbackRow
from tests.conftest import NOW
from tests.fakes import pdf, vendors
from tests.fakes.networks import NETWORKS
from tests.fakes.outbox import fill
from tests.fakes.smtp import DROP, FakeSmtp

SECRET = "hunter2-secret"
MESSAGE = OutgoingMessage(
    id="0b5f0f0e-1111-5222-8333-444455556666",
    brand_id="acme",
    case_id="1",
    channel="email",
    address="ana@example.org",
    language="fr",
    subject="Votre livraison",
    body="Bonjour Ana,\n\nOù en êtes-vous ?\n",
    sender_name="Acmé",
    headers=(("Date", "Mon, 16 Nov 2026 09:30:00 +0000"),),
)
HOSTILE = "x\r\nBcc: eve@example.org\r\n\r\nboo \x00\u202e\ud800 {{7*7}} %s"


@dataclass(frozen=True)
class World:
    """A channel, what has arrived at the other side (as bytes), and the same channel where nothing answers.

    `message` is one that it takes, `bad_addresses` are refused for good; `readable` makes text of what arrived.
    """

    channel: Channel
    arrived: Callable[[], list[bytes]]
    broken: Channel
    message: OutgoingMessage = MESSAGE
    bad_addresses: tuple[str, ...] = ("", "ana", "a@b@example.org", "ana@example.org, eve@example.org", HOSTILE)
    readable: Callable[[bytes], bytes] = bytes


@contextmanager
def folder_world(tmp_path: Path) -> Iterator[World]:
    out, file = tmp_path / "out", tmp_path / "file"
    file.write_text("")
    yield World(
        FolderChannel(FolderOptions(out, "care@acme.example")),
        lambda: [path.read_bytes() for path in out.glob("*") if not path.name.startswith(".")],
        FolderChannel(FolderOptions(file / "below")),
    )


@contextmanager
def email_world(tmp_path: Path) -> Iterator[World]:
    with FakeSmtp(login=("vigie", SECRET)) as server, FakeSmtp({"ehlo": [DROP] * 9}) as broken:
        options = EmailOptions(server.host, "care@acme.example", server.port, "none", "vigie", SECRET)
        yield World(
            EmailChannel(options),
            lambda: [mail.content for mail in server.taken],
            EmailChannel(replace(options, port=broken.port, timeout_seconds=5)),
        )


NUMBER = "+33612345678"
NO_NUMBERS = ("", "ana", "0612345678", "+33612345678, +33687654321", "+336123456781234567", "ana@example.org", HOSTILE)
SHORT = replace(MESSAGE, channel="sms", address=NUMBER, subject="", headers=())


def around(now: datetime = NOW, **more: Any) -> Surroundings:
    return Surroundings(lambda: now, Path, "https://care.example.org", **more)


@contextmanager
def http_world(
    fake: vendors.Vendor,
    make: Callable[[str], Channel],
    message: OutgoingMessage,
    bad: tuple[str, ...] = NO_NUMBERS,
) -> Iterator[World]:
    """A provider on a socket; broken is one that nobody listens at."""
    with socket.socket() as nobody, fake as server:
        nobody.bind(("127.0.0.1", 0))
        yield World(
            make(server.base_url),
            lambda: list(fake.taken),
            make(f"http://127.0.0.1:{nobody.getsockname()[1]}"),
            message,
            bad,
        )


@contextmanager
def twilio_world(tmp_path: Path) -> Iterator[World]:
    def make(base_url: str) -> Channel:
        table = TwilioSettings(account_sid=vendors.ACCOUNT, auth_token=SECRET, sender="+33700000000", base_url=base_url)
        return TwilioChannel.make(table, around())

    with http_world(vendors.Twilio(), make, SHORT) as world:
        yield world


@contextmanager
def vonage_world(tmp_path: Path) -> Iterator[World]:
    def make(base_url: str) -> Channel:
        table = VonageSettings(api_key="abcd1234", api_secret=SECRET, sender="Acme", base_url=base_url)
        return VonageChannel.make(table, around())

    with http_world(vendors.Vonage(), make, SHORT) as world:
        yield world


@contextmanager
def whatsapp_world(tmp_path: Path) -> Iterator[World]:
    def make(base_url: str) -> Channel:
        number, templates = vendors.PHONE_ID, {"delivery": "order_news"}
        table = WhatsAppSettings(
            phone_number_id=number,
            access_token=SECRET,
            templates=templates,
            base_url=base_url,
            parameters=("brand", "text"),
        )
        return WhatsAppChannel.make(table, around())

    message = replace(SHORT, channel="whatsapp", extra={"template": "delivery", "window_open": False})
    with http_world(vendors.WhatsApp(), make, message) as world:
        yield world


@contextmanager
def in_app_world(tmp_path: Path) -> Iterator[World]:
    def make(url: str) -> Channel:
        real = datetime.now(UTC)  # the library that proves the signature has no other clock
        return InAppChannel.make(InAppSettings(url=url, secret=vendors.WEBHOOK_SECRET), around(real))

    message = replace(MESSAGE, channel="in_app", address="C0001")
    with http_world(vendors.Application(), make, message, ("", "nobody", "a\nb", HOSTILE)) as world:
        yield world


@contextmanager
def notify_world(tmp_path: Path) -> Iterator[World]:
    def make(url: str) -> Channel:
        return NotifyChannel.make(NotifySettings(url=url), around())

    with vendors.Gotify() as server:
        url = server.base_url.replace("http://", "gotify://") + "/{address}"
        message = replace(MESSAGE, channel="push", address="AbCdEfGh1234567")
        broken = make(f"nosuchservice://{SECRET}/{{address}}")
        yield World(make(url), lambda: list(server.taken), broken, message, ("", "a b", HOSTILE))


@contextmanager
def letter_world(tmp_path: Path) -> Iterator[World]:
    out, file = tmp_path / "out", tmp_path / "file"
    file.write_text("")
    message = replace(MESSAGE, channel="letter", address="Mme Ana Dœrr\n12 bis, rue de l'Église\n35000 Saint-Étienne")
    bad = ("", "ana", "Ana Dœrr\nRennes", "Ana\nrue des Lilas\nRennes", "Ana\n\n35000 Rennes", HOSTILE)
    yield World(
        LetterChannel(out, Letterhead(("Acmé",), "Paris")),
        lambda: [path.read_bytes() for path in out.glob("[a-z]*")],
        LetterChannel(file / "below", Letterhead()),
        message,
        bad,
        lambda content: b"\r\n\r\n" + pdf.text(content),
    )


@contextmanager
def phone_world(tmp_path: Path) -> Iterator[World]:
    database, nowhere = Database(f"sqlite:///{tmp_path / 'calls.db'}"), Database(f"sqlite:///{tmp_path / 'empty.db'}")
    Base.metadata.create_all(database.engine.execution_options(writes=True))
    with database.begin() as session:
        (row,) = fill(session, 1, NOW, "phone")
        row.message_id = MESSAGE.id

    def arrived() -> list[bytes]:
        with database.read() as session:
            return [f"{row.starts_at}\r\n\r\n{row.script}".encode() for row in session.scalars(select(CallbackRow))]

    yield World(
        PhoneChannel.make(PhoneSettings(), around(database=lambda: database)),
        arrived,
        PhoneChannel.make(PhoneSettings(), around(database=lambda: nowhere)),
        replace(SHORT, channel="phone"),
        NO_NUMBERS,
    )
    database.close()
    nowhere.close()


WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "folder": folder_world,
    "email": email_world,
    "twilio": twilio_world,
    "vonage": vonage_world,
    "whatsapp": whatsapp_world,
    "in_app": in_app_world,
    "notify": notify_world,
    "letter": letter_world,
    "phone": phone_world,
}


def network_world(name: str) -> Callable[[Path], AbstractContextManager[World]]:
    """A network's own channel, by which a public reply goes out: its address is the post."""

    @contextmanager
    def made(tmp_path: Path) -> Iterator[World]:
        with NETWORKS[name](tmp_path, SECRET) as bench:
            yield World(bench.channel, bench.arrived, bench.broken, bench.reply, bad_addresses=())

    return made


WORLDS |= {name: network_world(name) for name in NETWORKS}


@pytest.fixture(params=sorted(find_channels()))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with WORLDS[request.param](tmp_path) as made:
        yield made


def hand_over(channel: Channel, message: OutgoingMessage) -> Handed:
    with channel.stage(message) as staged:
        return staged.hand_over()


def test_the_registry_knows_every_file_and_the_docs_tell_of_each():
    files = {path.stem for path in Path(routing.channels.__path__[0]).glob("[a-z]*.py")} - {"base"}
    assert files == set(find_channels()) == set(WORLDS)
    told = (Path(__file__).parents[2] / "docs" / "channels.md").read_text(encoding="utf-8")
    for name in files:
        assert f"## {name}" in told


def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pigeon.py").write_text("import nothing_of_this_name")
    monkeypatch.setattr(routing.channels, "__path__", [*routing.channels.__path__, str(tmp_path)])
    with pytest.raises(Misconfigured, match=r"routing/channels/pigeon\.py"):
        find_channels()


def test_two_channels_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "second.py").write_text("from routing.channels.folder import CHANNEL")
    monkeypatch.setattr(routing.channels, "__path__", [*routing.channels.__path__, str(tmp_path)])
    with pytest.raises(Misconfigured, match="already"):
        find_channels()


def test_what_is_handed_over_arrives_once(world: World):
    assert isinstance(hand_over(world.channel, world.message), Handed)
    assert len(world.arrived()) == 1


def test_what_is_only_staged_leaves_nothing(world: World):
    with world.channel.stage(world.message):
        assert world.arrived() == []
    assert world.arrived() == []


def test_an_error_of_the_caller_between_the_two_steps_leaves_nothing(world: World):
    with pytest.raises(ZeroDivisionError), world.channel.stage(world.message):
        raise ZeroDivisionError
    assert world.arrived() == []


def test_handing_over_again_gives_the_same_bytes_and_only_once_where_it_is_idempotent(world: World):
    hand_over(world.channel, world.message)
    hand_over(world.channel, world.message)
    arrived = world.arrived()
    assert len(arrived) == (1 if world.channel.idempotent else 2)
    assert len(set(arrived)) == 1


def test_lookup_proves_or_says_that_it_cannot(world: World):
    before = world.channel.lookup(world.message.id)
    hand_over(world.channel, world.message)
    after = world.channel.lookup(world.message.id)
    assert (before, after) in ((None, None), (False, True), (None, True))


def test_check_passes_where_all_is_well_and_sends_nothing(world: World):
    world.channel.check()
    assert world.arrived() == []


def test_a_provider_that_does_not_work_is_a_named_error(world: World):
    for use in (world.broken.check, lambda: hand_over(world.broken, world.message)):
        with pytest.raises((Transient, Misconfigured)) as caught:
            use()
        assert not isinstance(caught.value, Uncertain)
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(world.broken.__dict__)


def test_what_is_no_address_is_refused_for_good(world: World):
    for address in world.bad_addresses:
        with pytest.raises(AddressRefused) as caught:
            hand_over(world.channel, replace(world.message, address=address))
        assert world.arrived() == []
        assert address == "" or address not in str(caught.value)


@pytest.mark.parametrize("field", ["subject", "body", "sender_name", "language"])
def test_hostile_text_stays_text(world: World, field: str):
    hand_over(world.channel, replace(world.message, **{field: HOSTILE}))
    (content,) = world.arrived()
    text = world.readable(content)
    head = text.partition(b"\r\n\r\n")[0].lower()
    assert b"\nbcc:" not in head
    assert b"\x00" not in text


@pytest.mark.parametrize("message_id", ["", "../../etc/passwd", "a/b", "a\r\nb", ".hidden", "é"])
def test_a_message_id_that_is_none_is_refused(world: World, message_id: str):
    with pytest.raises(Permanent):
        hand_over(world.channel, replace(world.message, id=message_id))
    assert world.arrived() == []


def test_limits_are_told(world: World):
    channel = world.channel
    assert channel.name in find_channels()
    assert channel.max_length is None or channel.max_length > 0
    assert 0 < channel.hand_over_seconds < 3600


def test_what_is_not_switched_on_goes_to_the_shadow_or_nowhere(world: World, tmp_path: Path):
    shadow = FolderChannel(FolderOptions(tmp_path))
    carriers = Carriers({"email": world.channel}, shadow)
    assert carriers.of("email") is world.channel
    assert carriers.of("sms") is shadow
    assert carriers.named("folder") in (shadow, world.channel)
    assert carriers.named("pigeon") is None
    assert carriers.named(None) is None
    with pytest.raises(Misconfigured, match="sms"):
        Carriers({"email": world.channel}).of("sms")
