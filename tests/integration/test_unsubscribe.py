"""The way out of our mail in one click: from the header of a mail that arrived to a customer who gets no more (RFC 8058)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from config.load import load_settings
from config.wiring import App
from console.app import create_app
from routing.contact import plan_batch
from routing.outbox import deliver
from storage.tables import AuditRow, CaseRow, ConsentRow, InteractionRow, PostRow, PreferenceRow
from tests.console import factories
from tests.fakes.smtp import FakeSmtp

SETTINGS = """
[brand]
id = "hirondelle"
name = "Hirondelle"
[claims]
base_url = "{public}"
[matching]
start = "acting"
start_reason = "a test"
[channels.email]
on = true
host = "{host}"
port = {port}
security = "none"
sender = "care@hirondelle.example"
"""
HTTPS = "https://care.example.org"
CLICK = {"List-Unsubscribe": "One-Click"}
Open = Callable[..., App]


@pytest.fixture
def mail() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


@pytest.fixture
def opened(tmp_path: Path, mail: FakeSmtp) -> Iterator[Open]:
    apps: list[App] = []

    def open_(public: str = HTTPS) -> App:
        file = tmp_path / "vigie.toml"
        file.write_text(SETTINGS.format(public=public, host=mail.host, port=mail.port), encoding="utf-8")
        apps.append(App(load_settings(file, {}), lambda: factories.NOW))
        return apps[-1]

    yield open_
    for app in apps:
        app.close()


def complain(app: App, name: str = "Camille Durand") -> int:
    """A customer who complains somewhere in public, and whose case waits for its answer; its number."""
    with app.database.begin() as session:
        who = factories.customer(session, name=name)
        for row in session.scalars(select(PreferenceRow)):
            row.channel = "email"
        case = factories.case(
            session, factories.post(session, writer=factories.author(session)), owner=who, grade="declared"
        )
        case.contact_state, case.addressed_brand = "pending", True
        session.flush()
        return case.id


def contact(app: App) -> None:
    brand = app.brand()
    with app.database.begin() as session:
        plan_batch(session, brand, app.contact_rules(brand), 10, app.now())
    deliver(app.database, app.carriers(), app.recheck, app.now)


def way_out(mail: FakeSmtp) -> str | None:
    """The address in the header of the only mail, as it stands there byte for byte."""
    (taken,) = mail.taken
    head = taken.content.partition(b"\r\n\r\n")[0].decode("ascii")
    found = re.search(r"^List-Unsubscribe: <(\S+)>\r?$", head, re.MULTILINE)
    assert ("List-Unsubscribe-Post: List-Unsubscribe=One-Click" in head) is (found is not None)
    assert ("List-Unsubscribe" in head) is (found is not None)
    return found[1] if found else None


def words(app: App) -> list[str]:
    with app.database.read() as session:
        query = select(ConsentRow.status).filter_by(channel="email", purpose="service").order_by(ConsentRow.id)
        return list(session.scalars(query))


def audits(app: App) -> int:
    with app.database.read() as session:
        return len(session.scalars(select(AuditRow).filter_by(action="preferences declared")).all())


def provider(app: App) -> TestClient:
    """A mail provider: it sends no cookie, no origin, and follows nothing."""
    return TestClient(create_app(app.database, app.settings, app.now), base_url=HTTPS, follow_redirects=False)


def test_one_click_ends_the_mail_and_a_second_one_changes_nothing(opened: Open, mail: FakeSmtp):
    app = opened()
    complain(app)
    contact(app)
    address = way_out(mail)
    assert address is not None
    assert address.startswith(f"{HTTPS}/p/")
    client = provider(app)
    assert client.get(address).headers["location"] == address.removeprefix(HTTPS).removesuffix("/unsubscribe")
    assert words(app) == ["granted"]
    for _ in range(2):
        answer = client.post(address, data=CLICK)
        assert (answer.status_code, answer.text, "set-cookie" in answer.headers) == (200, "", False)
    assert client.post(address, files={name: (None, value) for name, value in CLICK.items()}).status_code == 200
    assert words(app) == ["granted", "revoked"]
    assert audits(app) == 1
    with app.database.begin() as session:
        session.scalars(select(CaseRow)).one().contact_state = "pending"
    contact(app)
    assert len(mail.taken) == 1


def test_without_https_nothing_is_offered(opened: Open, mail: FakeSmtp):
    app = opened("http://care.example.org")
    complain(app)
    contact(app)
    assert way_out(mail) is None
    assert "http://care.example.org/p/" in mail.taken[0].mail.get_content()


@pytest.mark.parametrize("how", ["by mail", "in answer"])
def test_an_answer_to_what_he_wrote_to_the_brand_is_no_mailing(opened: Open, mail: FakeSmtp, how: str):
    app = opened()
    number = complain(app)
    with app.database.begin() as session:
        if how == "by mail":
            session.scalars(select(PostRow)).one().network = "email"
        else:
            told = {
                "channel": "email",
                "direction": "in",
                "at": factories.NOW,
                "row_hash": "",
                "case_ref": f"V{number}",
            }
            session.add(InteractionRow(brand_id="hirondelle", interaction_id="1", customer_id="another", **told))
    contact(app)
    assert way_out(mail) is None


def test_a_forged_link_or_another_word_changes_nothing(opened: Open, mail: FakeSmtp):
    app = opened()
    complain(app)
    contact(app)
    address, client = str(way_out(mail)), provider(app)
    forged = f"{HTTPS}/p/{'x' * 40}/unsubscribe"
    codes = [client.post(forged, data=CLICK).status_code for _ in range(42)]
    assert (set(codes[:40]), codes[41]) == ({404}, 429)
    assert client.post(address).status_code == 400
    assert client.post(address, data={"List-Unsubscribe": "Yes"}).status_code == 400
    assert client.post(address.removesuffix("/unsubscribe") + "/stop", data={"what": "stop"}).status_code == 403
    assert words(app) == ["granted"]
    assert client.post(address, data=CLICK).status_code == 200  # from the same address as the forger
    assert words(app) == ["granted", "revoked"]
