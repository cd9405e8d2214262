"""Nothing of the customer file reaches an unproven visitor or the public: not in words, not in a status, not in time."""

import asyncio
import re
import statistics
import time
import tomllib
from pathlib import Path
from urllib.parse import urlencode

import pytest
from httpx import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, meta
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from routing.templates import FOLDER
from storage.database import Database
from storage.tables import ContactPointRow, CustomerRow, IdentityRow, MessageRow, ThrottleRow
from tests.conftest import KINDS
from tests.console import factories
from tests.console.claiming import Claiming, author_of, email_of, make_claiming
from tests.console.test_browser import served

WORDS = st.text("bcdfghjklmnpqrstvwxz", min_size=7, max_size=12)
PEOPLE = st.fixed_dictionaries(
    {
        "first": WORDS,
        "last": WORDS,
        "city": WORDS,
        "mail": WORDS,
        "number": st.integers(10**6, 10**8 - 1),
        "product": WORDS,
    }
)
RUNS, FOLLOWED = 400, 20
PAGES = Path(__file__).parents[2] / "console" / "templates"


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def claiming(database: Database, tmp_path: Path) -> Claiming:
    return make_claiming(database, tmp_path / "outbox")


def test_a_public_text_can_name_nothing_of_a_customer() -> None:
    """Whatever is put into it: the templates know no such value."""
    for file in sorted(FOLDER.glob("_claim.*.toml")):
        for part, text in tomllib.loads(file.read_text(encoding="utf-8")).items():
            allowed = {"brand", "link", "hours"} if part.startswith("reply") else {"brand", "code", "minutes"}
            assert named(text) <= allowed, f"{file.name} {part}"


@pytest.mark.parametrize("page", ["base", "start", "code", "word", "refuse", "notice"])
def test_a_page_before_proof_can_name_nothing_of_a_customer(page: str) -> None:
    frame = {
        "t",
        "static",
        "csrf",
        "here",
        "brand",
        "network",
        "direct",
        "minutes",
        "digits",
        "wrong",
        "notice",
        "again",
    }
    own = {"handle", "word", "until"} if page == "word" else set()
    assert named((PAGES / f"claim_{page}.html").read_text(encoding="utf-8")) <= frame | own


def named(template: str) -> set[str]:
    return meta.find_undeclared_variables(Environment(autoescape=True).parse(template))


def test_no_public_text_and_no_page_before_proof_holds_data_of_the_customer_file(claiming: Claiming) -> None:
    token = claiming.link()

    @settings(max_examples=12, deadline=None)
    @given(PEOPLE)
    def check(person: dict[str, str | int]) -> None:
        secrets = [str(value) for value in person.values()] + [claiming.email, claiming.customer_id, "+33639987278"]
        mail = add_customer(claiming, person)
        visitor = claiming.visitor(token)
        seen = [visitor.open().text, visitor.send("identify", who=mail, order=str(person["number"])).text]
        visitor.send("identify", who=mail)
        seen += [visitor.open().text, visitor.send("code", typed="1").text, visitor.agree().text, visitor.open().text]
        seen += [visitor.send("refuse", what="not_me").text, claiming.visitor("A" * 24).open().text]
        with claiming.console.database.read() as session:
            public = session.scalars(select(MessageRow).where(MessageRow.template == "claim_reply"))
            seen += [f"{row.subject} {row.body} {row.address}" for row in public]
        assert not [secret for secret in secrets for text in seen if secret in text]

    check()
    assert len(claiming.codes()) > 0, "codes did go out: the pages were those of customers who exist"


def test_who_proved_to_be_one_customer_sees_nothing_of_the_one_whose_account_it_is(claiming: Claiming) -> None:
    """Anybody may open a public link as himself: neither its page nor its answers tell that the account is known."""
    token = claiming.link()

    @settings(max_examples=6, deadline=None)
    @given(PEOPLE, st.booleans())
    def check(person: dict[str, str | int], is_known: bool) -> None:
        mail = add_customer(claiming, person)
        with claiming.console.database.begin() as session:
            own_mail = email_of(factories.customer(session, name="Zoé Petit"))
            session.execute(delete(IdentityRow))
            if is_known:
                add_identity(session, claiming, mail)
        visitor = claiming.visitor(token)
        visitor.open()
        visitor.send("identify", who=own_mail)
        steps = [visitor.send("code", typed=claiming.codes()[-1]), visitor.open(), visitor.agree(), visitor.open()]
        assert [step.status_code for step in steps] == [303, 200, 303, 200]
        assert "Z. P." in steps[1].text
        assert 'id="word"' in steps[3].text
        told = [mail, *(str(value) for value in person.values())]
        assert not [secret for secret in told for step in steps if secret in step.text]

    check()


def add_customer(claiming: Claiming, person: dict[str, str | int]) -> str:
    """A customer more, with tries counted anew; his e-mail address."""
    with claiming.console.database.begin() as session:
        session.execute(delete(ThrottleRow))
        row = factories.customer(session, name=f"{person['first']} {person['last']}", city=str(person["city"]))
        mail = f"{person['mail']}{row.id}@example.org"
        told = {"brand_id": row.brand_id, "customer_key": row.id, "kind": "email", "value": mail}
        session.add(ContactPointRow(**told, position=5))
    return mail


def add_identity(session: Session, claiming: Claiming, mail: str) -> None:
    author = author_of(session, claiming.case_id)
    key = session.scalars(select(ContactPointRow.customer_key).filter_by(value=mail)).one()
    account = {"network": author.network, "account_id": author.native_id}
    told = {"proof": "declared", "how": "customer file", "at": factories.NOW}
    session.add(IdentityRow(brand_id="hirondelle", customer_key=key, **account, **told))


async def seconds_until_answered(claiming: Claiming, token: str, cookie: str, csrf: str, who: str) -> float:
    """From the request to the last byte of its answer; what is done afterwards does not count."""
    body = urlencode({"who": who, "csrf": csrf}).encode()
    headers = {
        "host": "testserver", "origin": "http://testserver", "sec-fetch-site": "same-origin",
        "content-type": "application/x-www-form-urlencoded", "content-length": str(len(body)),
        "cookie": f"vigie_claim={cookie}",
    }  # fmt: skip
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": f"/c/{token}/identify", "raw_path": f"/c/{token}/identify".encode(), "query_string": b"",
        "root_path": "", "client": ("127.0.0.1", 5), "server": ("testserver", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    begun, ended = time.perf_counter(), 0.0

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            assert message["status"] == 303
        elif not message.get("more_body"):
            ended = time.perf_counter()

    await claiming.console.app(scope, receive, send)  # type: ignore[arg-type]
    return ended - begun


@pytest.mark.long
def test_the_time_of_the_answer_does_not_tell_who_exists(claiming: Claiming) -> None:
    """The two kinds take turns; the difference of their medians stays within what two halves of one kind differ by."""
    token = claiming.link()
    visitor = claiming.visitor(token)
    visitor.open()
    cookie = visitor.browser.cookies["vigie_claim"]
    with claiming.console.database.begin() as session:
        known = [factories.customer(session) for _ in range(RUNS)]
        mails = [f"camille.{row.customer_id.lower()}@example.org" for row in known]
        assert session.get(CustomerRow, known[0].id) is not None

    async def measure() -> tuple[list[float], list[float]]:
        times: tuple[list[float], list[float]] = ([], [])
        for number, mail in enumerate(mails):
            for kind, who in enumerate((mail, f"nobody{number}@example.org")):
                with claiming.console.database.begin() as session:
                    session.execute(delete(ThrottleRow))
                times[kind].append(await seconds_until_answered(claiming, token, cookie, visitor.browser.csrf, who))
        return times

    existing, missing = (times[20:] for times in asyncio.run(measure()))
    noise = max(abs(statistics.median(half[::2]) - statistics.median(half[1::2])) for half in (existing, missing))
    apart = abs(statistics.median(existing) - statistics.median(missing))
    assert apart < max(3 * noise, 0.0005), f"{apart * 1e3:.2f} ms apart, noise {noise * 1e3:.2f} ms"


@pytest.mark.long
def test_the_time_of_the_next_form_does_not_tell_whether_a_code_is_being_sent(
    database: Database, tmp_path: Path
) -> None:
    """Over a real port, at once after the answer, while the code is written and handed over in the background."""
    claiming = make_claiming(database, tmp_path / "outbox", pace=1.0)
    token = claiming.link()
    with claiming.console.database.begin() as session:
        mails = [email_of(factories.customer(session)) for _ in range(FOLLOWED)]
    times: dict[bool, list[float]] = {True: [], False: []}
    with served(claiming.console) as address:
        for number, mail in enumerate(mails):
            for exists in (True, False) if number % 2 else (False, True):
                with claiming.console.database.begin() as session:
                    session.execute(delete(ThrottleRow))
                who = mail if exists else f"nobody{number}@example.org"
                times[exists].append(seconds_of_next_form(address, token, who))
                time.sleep(0.5)
    halves = [half[place::2] for half in times.values() for place in (0, 1)]
    noise = max(abs(statistics.median(halves[at]) - statistics.median(halves[at + 1])) for at in (0, 2))
    apart = abs(statistics.median(times[True]) - statistics.median(times[False]))
    assert apart < max(3 * noise, 0.02), f"{apart * 1e3:.1f} ms apart, noise {noise * 1e3:.1f} ms"


def seconds_of_next_form(address: str, token: str, who: str) -> float:
    origin = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
    with Client(base_url=address, headers=origin, timeout=30) as visitor:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', visitor.get(f"/c/{token}").text)
        assert found is not None
        assert visitor.post(f"/c/{token}/identify", data={"csrf": found[1], "who": who}).status_code == 303
        begun = time.perf_counter()
        assert visitor.post(f"/c/{token}/code", data={"csrf": found[1], "typed": "00000000"}).status_code == 422
        return time.perf_counter() - begun
