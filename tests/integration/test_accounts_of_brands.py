"""Several brands in one installation: each writes by the account that the settings say, or not at all."""

from collections.abc import Callable, Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from cli.check import findings
from config.load import load_settings
from config.wiring import App
from console.app import create_app
from domain.errors import Misconfigured
from routing.channels.base import find_channels
from routing.outbox import Delivered, deliver
from storage.tables import InteractionRow, MessageRow
from tests.conftest import NOW
from tests.fakes import vendors
from tests.fakes.outbox import fill
from tests.fakes.smtp import FakeSmtp

BOTH = '[[brands]]\nid = "acme"\nname = "Acmé"\n[[brands]]\nid = "bo-lt"\nname = "Bolt"\n'
ONE = '[brand]\nid = "acme"\nname = "Acmé"\n'
PUBLIC = "https://care.example.org"
OTHER_TOKEN = "another-token"
Open = Callable[..., App]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    apps: list[App] = []

    def open_(toml: str, **environ: str) -> App:
        file = tmp_path / "vigie.toml"
        file.write_text(toml, encoding="utf-8")
        apps.append(App(load_settings(file, environ), lambda: NOW))
        return apps[-1]

    yield open_
    for app in apps:
        app.close()


@pytest.fixture
def mail() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


def email(server: FakeSmtp, rest: str = "") -> str:
    return (
        f'[channels.email]\non = true\nhost = "{server.host}"\nport = {server.port}\nsecurity = "none"\n'
        f'sender = "care@acme.example"\n{rest}'
    )


def hand_over(app: App, *brands: str, channel: str = "email") -> Delivered:
    with app.database.begin() as session:
        for number, brand in enumerate(brands):
            fill(session, 1, NOW, channel, number, brand)
    return deliver(app.database, app.carriers(), lambda *_: None, lambda: NOW)


def senders(server: FakeSmtp) -> list[tuple[str, str]]:
    """Who wrote, in the envelope and to the reader's eye."""
    return sorted((taken.sender, parseaddr(str(taken.mail["From"]))[1]) for taken in server.taken)


def messages(app: App) -> dict[str, MessageRow]:
    with app.database.read() as session:
        return {row.brand_id: row for row in session.scalars(select(MessageRow))}


def checked(app: App) -> dict[str, tuple[str, str]]:
    return {found.what: (found.state, found.mend) for found in findings(app) if found.what.startswith("channel ")}


def test_each_brand_writes_by_its_own_account(opened: Open, mail: FakeSmtp):
    own = '[channels.email.brands.acme]\n[channels.email.brands.bo-lt]\nsender = "hello@bolt.example"\n'
    assert hand_over(opened(BOTH + email(mail, own)), "acme", "bo-lt").handed_over == 2
    assert senders(mail) == [("care@acme.example",) * 2, ("hello@bolt.example",) * 2]


def test_a_brand_that_no_table_names_waits_and_the_other_goes(opened: Open, mail: FakeSmtp):
    app = opened(BOTH + email(mail, "[channels.email.brands.acme]\n"))
    done = hand_over(app, "bo-lt", "acme")
    assert (done.handed_over, done.held, len(done.errors)) == (1, 1, 1)
    assert senders(mail) == [("care@acme.example",) * 2]
    waiting = messages(app)["bo-lt"]
    assert (waiting.state, waiting.attempts, waiting.via) == ("reserved", 0, None)
    assert "[channels.email.brands.bo-lt]" in str(waiting.reason)
    told = checked(app)
    assert (told["channel email (acme)"][0], told["channel email (bo-lt)"][0]) == ("ok", "broken")
    assert "[channels.email.brands.bo-lt]" in told["channel email (bo-lt)"][1]


def test_what_waited_goes_once_the_account_is_stated(opened: Open, mail: FakeSmtp):
    hand_over(opened(BOTH + email(mail)), "bo-lt")
    assert mail.taken == []
    app = opened(BOTH + email(mail, '[channels.email.brands.bo-lt]\nsender = "hello@bolt.example"\n'))
    with app.database.begin() as session:
        session.scalars(select(MessageRow)).one().send_after = NOW
    assert hand_over(app).handed_over == 1
    assert senders(mail) == [("hello@bolt.example",) * 2]


def test_a_brand_may_stay_in_shadow_mode(opened: Open, mail: FakeSmtp):
    app = opened(BOTH + email(mail, "[channels.email.brands.acme]\n[channels.email.brands.bo-lt]\non = false\n"))
    assert hand_over(app, "acme", "bo-lt").handed_over == 2
    assert messages(app)["bo-lt"].via == "folder"
    assert senders(mail) == [("care@acme.example",) * 2]


def test_an_only_brand_needs_no_table(opened: Open, mail: FakeSmtp):
    app = opened(ONE + email(mail))
    assert hand_over(app, "acme").handed_over == 1
    assert senders(mail) == [("care@acme.example",) * 2]


def test_two_brands_may_each_have_another_provider(opened: Open, mail: FakeSmtp):
    with vendors.Twilio() as twilio, vendors.Vonage() as vonage:
        app = opened(
            f"""{BOTH}[channels.twilio]
            on = true
            account_sid = "{vendors.ACCOUNT}"
            sender = "+33700000000"
            base_url = "{twilio.base_url}"
            [channels.twilio.brands.acme]
            [channels.vonage]
            on = true
            base_url = "{vonage.base_url}"
            [channels.vonage.brands.bo-lt]
            api_key = "abcd1234"
            sender = "Bolt"
            """,
            VIGIE_CHANNELS__TWILIO__AUTH_TOKEN=vendors.TOKEN,
            VIGIE_CHANNELS__VONAGE__BRANDS__BO_LT__API_SECRET=vendors.TOKEN,
        )
        assert hand_over(app, "acme", "bo-lt", channel="sms").handed_over == 2
        assert (len(twilio.taken), len(vonage.taken)) == (1, 1)


def test_every_channel_that_writes_in_a_name_asks_whose(opened: Open):
    kinds = find_channels()
    on = [name for name, kind in kinds.items() if "on" in kind.Settings.model_fields]
    settings = opened(BOTH + "".join(f"[channels.{name}]\non = true\n" for name in on)).settings
    assert settings.channels_of("acme").unstated == {name for name in kinds if kinds[name].has_sender}
    assert set(on) - settings.channels_of("acme").unstated == {"phone"}
    alone = opened(ONE + "".join(f"[channels.{name}]\non = true\n" for name in on)).settings
    assert alone.channels_of("acme").on() == on


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[channels.email.brands.bolt]\n", "'bolt' is no brand; there is acme, bo-lt"),
        ('[channels.email.brands.bo-lt]\npassword = "x"\n', "set VIGIE_CHANNELS__EMAIL__BRANDS__BO_LT__PASSWORD"),
        ('[channels.email.brands.acme]\nsendr = "x"\n', "unknown key channels.email.brands.acme.sendr"),
        ("[channels.phone.brands.acme]\n", "unknown key channels.phone.brands"),
    ],
)
def test_a_wrong_table_is_one_clear_line(opened: Open, table: str, words: str):
    with pytest.raises(Misconfigured) as caught:
        opened(BOTH + table)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


class TestAnswers:
    """What customers write back goes to the brand whose account they wrote to."""

    NUMBER = "+33612340000"

    def app(self, opened: Open, bolt: str = "") -> App:
        app = opened(
            f"""{BOTH}[claims]
            base_url = "{PUBLIC}"
            [channels.twilio]
            on = true
            account_sid = "{vendors.ACCOUNT}"
            sender = "+33700000000"
            [channels.twilio.brands.acme]
            [channels.twilio.brands.bo-lt]
            sender = "+33711111111"
            """,
            VIGIE_CHANNELS__TWILIO__AUTH_TOKEN=vendors.TOKEN,
            **({"VIGIE_CHANNELS__TWILIO__BRANDS__BO_LT__AUTH_TOKEN": bolt} if bolt else {}),
        )
        with app.database.begin() as session:
            for brand in ("bo-lt", "acme"):  # Acme wrote last
                (row,) = fill(session, 1, NOW, "sms", 0, brand)
                row.state, row.via, row.address = "handed_over", "twilio", self.NUMBER
                row.handing_over_at = row.handed_over_at = NOW
                session.flush()
        return app

    def say(self, app: App, to: str, token: str) -> int:
        form = {"MessageSid": "SM9", "From": self.NUMBER, "To": to, "Body": "Toujours rien"}
        signed: Any = vendors.twilio_signature(f"{PUBLIC}/receipts/twilio", form, token)
        door = TestClient(create_app(app.database, app.settings, app.now))
        return door.post("/receipts/twilio", data=form, headers={"X-Twilio-Signature": signed}).status_code

    @pytest.mark.parametrize("token", ["", OTHER_TOKEN], ids=["one account, two numbers", "two accounts"])
    def test_the_number_or_the_signature_says_which(self, opened: Open, token: str):
        app = self.app(opened, token)
        for _ in range(2):
            assert self.say(app, "+33711111111", token or vendors.TOKEN) == 200
        with app.database.read() as session:
            assert session.scalars(select(InteractionRow.brand_id)).all() == ["bo-lt"]
        assert {brand: row.state for brand, row in messages(app).items()} == {"acme": "handed_over", "bo-lt": "replied"}

    def test_what_no_account_signed_is_refused(self, opened: Open):
        assert self.say(self.app(opened, OTHER_TOKEN), "+33711111111", "a-third-token") == 401
