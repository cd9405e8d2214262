"""An agent replies in public: sees it as it will stand there, sends it once, and gives nothing of the customer away."""

import re
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from routing.outbox import Cancel
from routing.public_reply import TEMPLATE
from storage import messages
from storage.tables import AuthorRow, CaseEventRow, CasePostRow, CaseRow, CustomerRow, MessageRow, OrderRow, PostRow
from tests.console import factories
from tests.console.harness import SETTINGS, Console, Fill

TEXT = "Bonjour, nous regardons ce qui s'est passé et revenons vers vous."


def known(session: Session, network: str = "mastodon", **changes: Any) -> CaseRow:
    """A case of a known customer who wrote under another name."""
    owner = factories.customer(session, name="Camille Roux", first_name="Camille", last_name="Roux")
    factories.history(session, owner)
    writer = factories.author(session, network=network, handle="plume@tilleul.example", name="Plume")
    told = factories.post(session, "Mon colis HR123 est perdu", writer, **changes)
    entity = {"kind": "order", "text": "HR123", "value": "HR123", "start": 10, "end": 15}
    factories.reading(session, told, details={"entities": [entity]})
    return factories.case(session, told, owner=owner)


def unknown(session: Session, network: str = "mastodon", **changes: Any) -> CaseRow:
    """A case of an author whom nobody knows."""
    told = factories.post(session, writer=factories.author(session, network=network), **changes)
    factories.reading(session, told)
    return factories.case(session, told, addressed_brand=True)


def post_of(console: Console, case: CaseRow) -> PostRow:
    with console.database.read() as session:
        query = select(PostRow).join(CasePostRow, CasePostRow.post_id == PostRow.id)
        return session.scalars(query.where(CasePostRow.case_id == case.id)).one()


def replies(console: Console) -> list[MessageRow]:
    with console.database.read() as session:
        return list(session.scalars(select(MessageRow).where(MessageRow.template == TEMPLATE).order_by(MessageRow.id)))


def form(console: Console, case: CaseRow, act: str, text: str = TEXT, number: int = 1) -> dict[str, Any]:
    return {"post": str(post_of(console, case).id), "number": str(number), "act": act, "text": text}


def test_it_is_shown_as_it_will_stand_there_and_looking_sends_nothing(console: Console, fill: Fill) -> None:
    case = fill(known)
    browser = console.signed_in()
    assert f"/cases/{case.id}/reply" in browser.get(f"/cases/{case.id}").text
    assert browser.get(f"/cases/{case.id}/reply").status_code == 200
    seen = browser.send_form(f"/cases/{case.id}/reply", **form(console, case, "look"))
    assert seen.status_code == 200
    assert "@plume@tilleul.example Bonjour" in seen.text
    # Mastodon counts a mention without its server: @plume, a space, the text.
    assert f"{len(TEXT) + 7} caractères sur 500" in seen.text
    assert "dossier local" in seen.text, "the channel is off"
    assert replies(console) == []


def test_it_is_sent_once_however_often_the_form_comes(console: Console, fill: Fill) -> None:
    case = fill(known)
    browser = console.signed_in()
    for _ in range(2):
        answer = browser.send_form(f"/cases/{case.id}/reply", **form(console, case, "send"))
        assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case.id}")
    [message] = replies(console)
    post = post_of(console, case)
    assert message.key == f"{case.id}:reply:1"
    assert (message.channel, message.reply_to, message.body) == ("mastodon", post.native_id, TEXT)
    with console.database.read() as session:
        assert message.address == session.get_one(AuthorRow, post.author_id).native_id
        event = session.scalars(select(CaseEventRow).where(CaseEventRow.kind == "replied_in_public")).one()
        assert session.get_one(CaseRow, case.id).contact_state == "planned"
    assert event.actor == "agent.hirondelle@example.org"
    assert TEXT not in str(event.detail)
    assert console.audits("case.reply") == 1
    assert 'name="number" value="2"' in browser.get(f"/cases/{case.id}/reply").text


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour Camille, c'est en route.",
        "Bonjour Mme ROUX !",
        "Votre commande {order} part demain.",
        "Votre colis hr123 part demain.",
        "Nous vous appelons au 06 39 98 72 78.",
        "Nous écrivons à {email}.",
        "Dossier {customer}.",
    ],
)
def test_nothing_of_the_customer_can_be_sent(console: Console, fill: Fill, text: str) -> None:
    case = fill(known)
    with console.database.read() as session:
        owner = session.scalars(select(CustomerRow)).one()
        order = session.scalars(select(OrderRow.order_id)).one()
        email = f"camille.{owner.customer_id.lower()}@example.org"
    text = text.format(order=order, email=email, customer=owner.customer_id)
    answer = console.signed_in().send_form(f"/cases/{case.id}/reply", **form(console, case, "send", text))
    assert answer.status_code == 422
    assert "révèle quelque chose" in answer.text
    assert replies(console) == []


def test_a_name_that_the_author_shows_himself_may_be_said(console: Console, fill: Fill) -> None:
    def shown(session: Session) -> CaseRow:
        case = known(session)
        author = session.scalars(select(AuthorRow)).one()
        author.name = "Camille de Rouen"
        return case

    case = fill(shown)
    browser = console.signed_in()
    said = form(console, case, "send", "Bonjour Camille, nous regardons.")
    assert browser.send_form(f"/cases/{case.id}/reply", **said).status_code == 303
    too_much = form(console, case, "send", "Bonjour Camille Roux, nous regardons.", 2)
    assert browser.send_form(f"/cases/{case.id}/reply", **too_much).status_code == 422


@pytest.mark.parametrize(("text", "words"), [(" \n ", "pas de texte"), ("é" * 301, "trop long")])
def test_a_text_that_cannot_stand_there_is_refused(console: Console, fill: Fill, text: str, words: str) -> None:
    case = fill(lambda session: unknown(session, "bluesky"))
    browser = console.signed_in()
    for act in ("look", "send"):
        answer = browser.send_form(f"/cases/{case.id}/reply", **form(console, case, act, text))
        assert words in answer.text
    assert replies(console) == []
    fits = form(console, case, "send", "👨‍👩‍👧‍👦" * 300)
    assert browser.send_form(f"/cases/{case.id}/reply", **fits).status_code == 303, "a family is one sign there"


@pytest.mark.parametrize(
    ("network", "changes", "words"),
    [
        ("reddit", {}, "Les règles de ce réseau"),
        ("x", {"attributes": {"reply_allowed": False}}, "nommé ou cité"),
        ("mastodon", {"text": None}, "Aucun message"),
    ],
)
def test_where_nobody_may_be_answered_the_page_says_why(
    console: Console, fill: Fill, network: str, changes: dict[str, Any], words: str
) -> None:
    case = fill(lambda session: unknown(session, network, **changes))
    browser = console.signed_in()
    page = browser.get(f"/cases/{case.id}/reply").text
    assert words in page
    assert "<textarea" not in page
    answer = browser.send_form(f"/cases/{case.id}/reply", **form(console, case, "send"))
    assert answer.status_code == 409
    assert replies(console) == []


def test_who_said_stop_is_not_answered_and_a_reply_that_waits_is_taken_back(console: Console, fill: Fill) -> None:
    case = fill(known)
    browser = console.signed_in()
    browser.send_form(f"/cases/{case.id}/reply", **form(console, case, "send"))
    [message] = replies(console)
    app = App(Settings.model_validate(SETTINGS))
    with console.database.begin() as session:
        assert app.recheck(session, session.merge(message)) is None
        messages.suppress(session, "hirondelle", "mastodon", message.address or "", "stop", factories.NOW)
        assert app.recheck(session, session.merge(message)) == Cancel("stop")
    assert "demandé" in browser.get(f"/cases/{case.id}/reply").text


def test_only_an_agent_of_the_brand_may(console: Console, fill: Fill) -> None:
    case = fill(known)
    for browser in (console.signed_in("analyst"), console.signed_in("agent", "pelican")):
        assert browser.get(f"/cases/{case.id}/reply").status_code in (403, 404)
        answer = browser.send_form(f"/cases/{case.id}/reply", **form(console, case, "send"))
        assert answer.status_code in (403, 404)
    assert console.browser().get(f"/cases/{case.id}/reply").status_code == 303
    assert replies(console) == []


def test_hostile_words_stay_words(console: Console, fill: Fill) -> None:
    case = fill(known)
    hostile = "<script>alert(1)</script> {{7*7}} \u202egnp"
    seen = console.signed_in().send_form(f"/cases/{case.id}/reply", **form(console, case, "look", hostile)).text
    assert "<script>alert" not in seen
    assert "{{7*7}}" in seen
    assert not re.search("49", re.sub(r'value="[^"]*"', "", seen).partition("Telle")[2][:200])


def test_that_the_channel_is_on_is_said(console: Console, fill: Fill) -> None:
    told = {**SETTINGS, "channels": {"mastodon": {"on": True, "base_url": "https://home.example", "token_env": "T"}}}
    app = App(Settings.model_validate(told))
    assert app.is_switched_on("mastodon", "hirondelle")
    assert not app.is_switched_on("bluesky", "hirondelle")
