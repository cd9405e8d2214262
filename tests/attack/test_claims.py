"""What somebody who means ill can do with a claim link: nothing that the link's author did not agree to."""

import os
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.claim import MAX_TRIES, TOKEN_LENGTH
from storage.database import Database
from storage.merges import merge_customers
from storage.people import erase_customer
from storage.tables import (
    ClaimCodeRow,
    ClaimRow,
    CustomerRow,
    IdentityRow,
    MatchRow,
    MessageRow,
    PostRow,
    UnlinkableRow,
)
from storage.throttles import hit
from tests.console import factories
from tests.console.claiming import Claiming, Visitor, author_of, email_of, make_claiming, unknown

ROOT = Path(__file__).parents[2]


@pytest.fixture
def claiming(database: Database, tmp_path: Path) -> Claiming:
    return make_claiming(database, tmp_path / "outbox")


def stripped(visitor: Visitor, text: str) -> str:
    """A page without what differs by visitor and link: the token of its forms, the token of the link."""
    text = re.sub(r'value="[0-9a-f]{64}"', "", text)
    return text.replace(visitor.token, "") if len(visitor.token) == TOKEN_LENGTH else text


# Tokens


def test_forged_tokens_open_nothing_and_all_look_the_same(claiming: Claiming) -> None:
    token = claiming.link()
    flipped = ("A" if token[0] != "A" else "B") + token[1:]
    forged = [flipped, token[:-1] + ("A" if token[-1] != "A" else "B"), "A" * TOKEN_LENGTH, token[:-1], token + "A"]
    forged += ["x", "%00", token.swapcase(), "é" * TOKEN_LENGTH, "A" * 5000]
    pages = set()
    for each in forged:
        visitor = claiming.visitor(each)
        answer = visitor.open()
        assert answer.status_code == 404
        pages.add(stripped(visitor, answer.text))
    assert len(pages) == 1


def test_expired_used_and_forged_links_give_one_and_the_same_page(claiming: Claiming) -> None:
    token = claiming.link()
    claiming.linked(token)
    used, forged = claiming.visitor(token), claiming.visitor("A" * TOKEN_LENGTH)
    pages = {stripped(used, used.open().text), stripped(forged, forged.open().text)}
    with claiming.console.database.begin() as session:
        other = unknown(session).id
    late = claiming.visitor(claiming.link(other))
    assert late.open().status_code == 200
    claiming.console.clock.forward(hours=73)
    answer = late.open()
    assert answer.status_code == 404
    assert pages == {stripped(late, answer.text)}


def test_a_used_link_cannot_be_replayed_from_another_browser(claiming: Claiming) -> None:
    token = claiming.link()
    with claiming.console.database.begin() as session:
        another = email_of(factories.customer(session))
    first = claiming.proven(token)
    second = claiming.visitor(token)
    second.open()
    second.send("identify", who=another)
    second.send("code", typed=claiming.codes()[-1])
    assert "plume_bleue" in second.open().text, "two may be proven at once"
    first.agree()
    second.agree()
    word, other = first.word(), second.word()
    assert word != other
    claiming.hear(word)
    claiming.hear(other)
    assert second.agree().status_code == 404
    assert second.send("refuse", what="not_me").status_code == 404
    assert len(claiming.identities()) == 1
    assert claiming.visitor(token).open().status_code == 404


# The account


def test_a_stranger_who_claims_somebody_elses_post_links_nothing_and_uses_nothing_up(claiming: Claiming) -> None:
    """Anybody can open a public link and prove to be himself; the account is not his for that."""
    token = claiming.link()
    with claiming.console.database.begin() as session:
        stranger, account = factories.customer(session), factories.author(session)
        mail, account_id = email_of(stranger), account.id
    thief = claiming.visitor(token)
    thief.open()
    thief.send("identify", who=mail)
    thief.send("code", typed=claiming.codes()[-1])
    thief.agree()
    word = thief.word()
    claiming.hear(word, account_id)
    assert claiming.identities() == [], "said by another account"
    claiming.hear(f"@hirondelle why does somebody want me to post {word} here, is that you?")
    assert claiming.identities() == [], "who asks confirms nothing"
    thief.send("refuse", what="not_me")
    thief.send("refuse", what="do_not_link")
    claiming.linked(token)
    assert [identity.customer_key for identity in claiming.identities()] == [claiming.customer_key]
    claiming.hear(word)
    assert len(claiming.identities()) == 1


def test_a_strangers_no_does_not_take_back_what_a_person_decided(claiming: Claiming) -> None:
    token = claiming.link()
    with claiming.console.database.begin() as session:
        stranger = factories.customer(session)
        mail = email_of(stranger)
        lead = session.scalars(select(PostRow)).one()
        factories.match(session, lead, stranger, review="refused", action="none", decided_by="lea@example.org")
    thief = claiming.visitor(token)
    thief.open()
    thief.send("identify", who=mail)
    thief.send("code", typed=claiming.codes()[-1])
    thief.send("refuse", what="not_me")
    with claiming.console.database.read() as session:
        assert session.scalars(select(MatchRow.decided_by)).all() == ["lea@example.org"]
        assert session.scalars(select(PostRow.stage)).all() == ["routed"]


def test_a_word_that_comes_too_late_links_nothing(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    visitor.agree()
    word = visitor.word()
    claiming.console.clock.forward(hours=73)
    claiming.hear(word)
    assert claiming.identities() == []


def test_a_link_whose_post_or_author_is_gone_opens_nothing(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    with claiming.console.database.begin() as session:
        post = session.scalars(select(PostRow)).one()
        post.deleted_at, post.text, post.stage = claiming.console.clock(), None, "gone"
    assert visitor.open().status_code == 404
    assert visitor.agree().status_code == 404


def test_crawlers_and_previews_use_nothing_up(claiming: Claiming) -> None:
    token = claiming.link()
    for method in ("GET", "HEAD", "OPTIONS"):
        claiming.console.browser().request(method, f"/c/{token}", headers={"user-agent": "Mastodon/4.5 (+bot)"})
        claiming.console.browser().request(method, f"/c/{token}/agree")
        claiming.console.browser().request(method, f"/c/{token}/refuse?what=do_not_link")
    with claiming.console.database.read() as session:
        assert session.scalars(select(ClaimRow.state)).all() == ["issued"]
        assert session.scalars(select(UnlinkableRow.id)).all() == []
    assert claiming.visitor(token).open().status_code == 200


def test_an_agent_of_another_brand_settles_and_lifts_nothing(claiming: Claiming) -> None:
    claiming.proven(claiming.link()).agree()
    foreign = claiming.console.signed_in("agent", "pelican", email="p@example.org")
    with claiming.console.database.read() as session:
        attempt = session.scalars(select(ClaimCodeRow.id)).one()
    case = str(claiming.case_id)
    assert foreign.send_form("/claims/settle", case=case, attempt=str(attempt), answer="yes").status_code == 404
    assert foreign.send_form("/claims/lift", case=case).status_code == 404
    analyst = claiming.console.signed_in("analyst", email="a@example.org")
    assert analyst.send_form("/claims/settle", case=case, attempt=str(attempt), answer="yes").status_code == 403
    assert claiming.agent().send_form("/claims/settle", case=case, attempt="999", answer="yes").status_code == 409
    assert claiming.identities() == []


def test_another_brands_link_finds_none_of_this_brands_customers(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        case_id = unknown(session, brand_id="pelican").id
    agent = claiming.console.signed_in("agent", "pelican", email="paul@example.org")
    claiming._agent, kept = agent, claiming._agent
    token = claiming.link(case_id)
    claiming._agent = kept
    visitor = claiming.visitor(token)
    visitor.open()
    visitor.send("identify", who=claiming.email)
    assert claiming.codes() == []


def test_proof_at_one_link_is_none_at_another(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        other = unknown(session).id
    first, second = claiming.link(), claiming.link(other)
    visitor = claiming.proven(first)
    there = Visitor(visitor.browser, second)
    assert 'name="who"' in there.open().text
    there.agree()
    assert there.word() == ""


def test_two_tabs_of_one_browser_agree_once(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    tab = Visitor(visitor.browser, visitor.token)
    assert visitor.agree().status_code == 303
    assert tab.agree().status_code == 303, "the second tab sees the same word"
    assert visitor.word() == tab.word()
    claiming.hear(visitor.word())
    assert claiming.route() == 0
    assert tab.agree().status_code == 303
    assert len(claiming.identities()) == 1
    with claiming.console.database.read() as session:
        assert session.scalars(select(ClaimRow.state)).all() == ["agreed"]


# Codes


def test_codes_cannot_be_guessed(claiming: Claiming) -> None:
    visitor = claiming.visitor(claiming.link())
    visitor.open()
    visitor.send("identify", who=claiming.email)
    (code,) = claiming.codes()
    for number in range(MAX_TRIES):
        assert visitor.send("code", typed=f"{(int(code) + number + 1) % 10**8:08d}").status_code == 422
    assert visitor.send("code", typed=code).status_code == 422, "the right one comes too late"


def test_a_code_expires_and_a_newer_one_voids_it(claiming: Claiming) -> None:
    visitor = claiming.visitor(claiming.link())
    visitor.open()
    visitor.send("identify", who=claiming.email)
    claiming.console.clock.forward(minutes=11)
    assert visitor.send("code", typed=claiming.codes()[0]).status_code == 422
    visitor.send("identify", who=claiming.email)
    visitor.send("identify", who=claiming.email)
    older, newer = claiming.codes()[-2:]
    assert older == newer or visitor.send("code", typed=older).status_code == 422
    assert visitor.send("code", typed=newer).status_code == 303


def test_a_code_is_worth_nothing_in_another_browser(claiming: Claiming) -> None:
    token = claiming.link()
    visitor, thief = claiming.visitor(token), claiming.visitor(token)
    visitor.open()
    thief.open()
    visitor.send("identify", who=claiming.email)
    assert thief.send("code", typed=claiming.codes()[0]).status_code == 422
    thief.send("identify", who="nobody@example.org")
    assert thief.send("code", typed=claiming.codes()[0]).status_code == 422


def test_nobody_is_flooded_with_codes_whatever_the_link_and_the_browser(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        other = unknown(session).id
    for token in (claiming.link(), claiming.link(other)):
        for _ in range(3):
            visitor = claiming.visitor(token)
            visitor.open()
            assert visitor.send("identify", who=claiming.email).status_code == 303
    assert len(claiming.codes()) == 3


def test_requests_are_limited_by_link_and_by_address_over_all_processes(claiming: Claiming) -> None:
    token = claiming.link()
    statuses = []
    for _ in range(14):
        visitor = claiming.visitor(token)
        visitor.open()
        statuses.append(visitor.send("identify", who="nobody@example.org").status_code)
    assert statuses == [303] * 12 + [429] * 2


def test_who_exhausts_a_link_locks_nobody_else_out(claiming: Claiming) -> None:
    token = claiming.link()
    with claiming.console.database.begin() as session:
        for _ in range(12):
            hit(session, f"claim token {token} 10.0.0.9", 12, timedelta(hours=1), claiming.console.clock())
            hit(session, f"claim token {token}", 60, timedelta(hours=1), claiming.console.clock())
    visitor = claiming.visitor(token)
    visitor.open()
    assert visitor.send("identify", who=claiming.email).status_code == 303


# Enumeration


@pytest.mark.parametrize("known", ["email", "customer", "phone"])
def test_existing_and_missing_identifiers_get_the_same_answers(claiming: Claiming, known: str) -> None:
    with claiming.console.database.begin() as session:
        alone = factories.customer(session, name="Awa Diop")
        session.flush()
        customer_id = alone.customer_id
    told = {"email": claiming.email, "customer": customer_id, "phone": "+33639987278"}[known]
    missing = {"email": "nobody@example.org", "customer": "C99999999", "phone": "+33639980000"}[known]
    seen = []
    for who in (told, missing):
        visitor = claiming.visitor(claiming.link())
        visitor.open()
        steps = [
            visitor.send("identify", who=who),
            visitor.open(),
            visitor.send("code", typed="000000"),
            visitor.open(),
        ]
        told_back = [(step.status_code, sorted(step.headers), stripped(visitor, step.text)) for step in steps]
        assert steps[0].headers["location"] == f"/c/{visitor.token}"
        seen.append(told_back)
    assert seen[0] == seen[1]


# Forms and referrers


def test_a_form_of_another_site_or_without_the_cookie_does_nothing(claiming: Claiming) -> None:
    token = claiming.link()
    visitor = claiming.visitor(token)
    visitor.open()
    form = {"csrf": visitor.browser.csrf, "what": "do_not_link"}
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert visitor.browser.post(f"/c/{token}/refuse", data=form, headers=foreign).status_code == 403
    visitor.browser.cookies.clear()
    assert visitor.send("refuse", what="do_not_link").status_code == 403
    assert claiming.visitor(token).open().status_code == 200


def test_the_page_leaks_its_address_to_nobody(claiming: Claiming) -> None:
    answer = claiming.visitor(claiming.link()).open()
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)
    assert addresses
    assert all(address.startswith(("/static/", "/c/")) for address in addresses)


# What happens meanwhile


def test_a_customer_erased_meanwhile_is_linked_to_nothing(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    with claiming.console.database.begin() as session:
        erase_customer(session, "hirondelle", claiming.customer_id, "test", claiming.console.clock())
    visitor.agree()
    assert claiming.identities() == []
    assert 'name="who"' in visitor.open().text


def test_a_customer_merged_meanwhile_is_linked_as_the_kept_one(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    with claiming.console.database.begin() as session:
        kept = factories.customer(session)
        merge_customers(session, "hirondelle", kept.customer_id, claiming.customer_id, "lea", claiming.console.clock())
        key = kept.id
    visitor.agree()
    claiming.hear(visitor.word())
    assert [identity.customer_key for identity in claiming.identities()] == [key]


def test_a_customer_who_objects_or_dies_meanwhile_is_not_linked(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    with claiming.console.database.begin() as session:
        session.get_one(CustomerRow, claiming.customer_key).status = "deceased"
    visitor.agree()
    assert visitor.word() == ""


def test_a_customer_who_is_erased_or_dies_before_the_word_is_not_linked(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    visitor.agree()
    word = visitor.word()
    with claiming.console.database.begin() as session:
        session.get_one(CustomerRow, claiming.customer_key).status = "deceased"
    claiming.hear(word)
    assert claiming.identities() == []
    with claiming.console.database.begin() as session:
        erase_customer(session, "hirondelle", claiming.customer_id, "test", claiming.console.clock())
    assert claiming.route() == 0
    assert claiming.identities() == []


def test_an_address_shared_changed_or_refused_gets_no_code(claiming: Claiming) -> None:
    """The phone of the factories is everybody's; who knows it knows nobody."""
    with claiming.console.database.begin() as session:
        factories.customer(session)
    visitor = claiming.visitor(claiming.link())
    visitor.open()
    visitor.send("identify", who="06 39 98 72 78")
    assert claiming.codes() == []
    assert list(claiming.outbox.glob("sms-*")) == []


KILLED = """
import os, signal, sys
from datetime import datetime
from config.settings import Settings
from config.wiring import App
from routing.claim_accounts import take_word, words_heard
from storage.database import Database
url, at = sys.argv[1:]
database, now = Database(url), datetime.fromisoformat(at)
app = App(Settings.model_validate({"brands": [{"id": "hirondelle", "name": "Hirondelle"}]}))
with database.read() as session:
    ((claim, attempt),) = words_heard(session, "hirondelle", now)
with database.begin() as session:
    assert take_word(session, claim, attempt, app.claim_rules(app.brand()), now)
    session.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_between_word_and_link_leaves_all_or_nothing(claiming: Claiming, database_url: str) -> None:
    visitor = claiming.proven(claiming.link())
    visitor.agree()
    word = visitor.word()
    with claiming.console.database.begin() as session:
        factories.post(session, word, author_of(session, claiming.case_id))
    command = [sys.executable, "-c", KILLED, database_url, claiming.console.clock().isoformat()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    died = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert claiming.identities() == []
    with claiming.console.database.read() as session:
        assert session.scalars(select(ClaimRow.state)).all() == ["issued"]
        assert set(session.scalars(select(PostRow.stage))) == {"routed"}
    assert claiming.route() == 1, "the next run goes on where it was"
    assert len(claiming.identities()) == 1


def test_hostile_input_is_data(claiming: Claiming) -> None:
    visitor = claiming.visitor(claiming.link())
    visitor.open()
    hostile = [
        "' OR 1=1 --",
        "{{secret}}",
        "\x00",
        "@",
        "a@" * 5000,
        "٠٦٣٩٩٨٧٢٧٨",
        "\ud7ff" * 300,
        "<script>",
        "+" * 4000,
    ]
    for number, text in enumerate(hostile):
        answer = visitor.send("identify" if number % 2 else "code", who=text, typed=text, order=text)
        assert answer.status_code in (303, 422)
        assert text == "@" or text not in answer.text or not text.startswith("<")
    with claiming.console.database.read() as session:
        assert (
            session.scalars(select(ClaimCodeRow.customer_key).where(ClaimCodeRow.customer_key.is_not(None))).all() == []
        )
        assert session.scalars(select(IdentityRow)).all() == []
        assert len(session.scalars(select(MessageRow)).all()) == 1
