"""A person opens a claim link, proves who he is, agrees or refuses; before proof nothing is told him."""

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from httpx import Response
from sqlalchemy import select

from console.words import LANGUAGES
from storage.claims_link import is_unlinkable, open_claim, rotate_keys
from storage.customers import preference
from storage.database import Database
from storage.link_events import refused
from storage.people import erase_customer, everything_of
from storage.tables import (
    AuditRow,
    CaseEventRow,
    CaseRow,
    ClaimCodeRow,
    ClaimRow,
    CustomerRow,
    IdentityRow,
    MessageRow,
    PostRow,
    PreferenceRow,
    ReadingRow,
)
from tests.conftest import KINDS
from tests.console import factories
from tests.console.claiming import ADDRESS, Claiming, author_of, make_claiming, unknown


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def claiming(database: Database, tmp_path: Path) -> Claiming:
    return make_claiming(database, tmp_path / "outbox")


def events(claiming: Claiming) -> list[str]:
    with claiming.console.database.read() as session:
        return list(session.scalars(select(CaseEventRow.kind).order_by(CaseEventRow.id)))


# The agent


def test_the_reply_is_neutral_in_the_posts_language_and_waits_in_the_outbox_without_its_link(
    claiming: Claiming,
) -> None:
    token = claiming.link()
    assert len(token) == 24
    with claiming.console.database.read() as session:
        message = session.scalars(select(MessageRow)).one()
        claim = session.scalars(select(ClaimRow)).one()
        kept = " ".join(str(value) for row in (message, claim) for value in vars(row).values())
    assert (message.channel, message.customer_key, message.language) == ("mastodon", None, "fr")
    assert message.body is not None
    assert message.body.startswith("Bonjour")
    assert f"{ADDRESS}/c/" in message.body
    assert token not in kept
    assert "claim_asked" in events(claiming)
    assert claiming.console.audits("claim.issue") == 1


def test_a_link_that_is_open_is_not_doubled(claiming: Claiming) -> None:
    assert claiming.link() == claiming.link()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"network": "reddit"}, "Nobody may be answered"),
        ({"state": "resolved"}, "closed"),
        ({"author_id": None, "subject": "post:1"}, "nobody to ask"),
    ],
)
def test_who_may_not_be_asked_is_not_asked(claiming: Claiming, changes: dict[str, object], why: str) -> None:
    with claiming.console.database.begin() as session:
        case = session.get_one(CaseRow, claiming.case_id)
        for name, value in changes.items():
            setattr(case, name, value)
    browser = claiming.agent()
    assert browser.send_form("/claims/new", case=str(claiming.case_id)).status_code == 409
    assert 'class="notice warn"' in browser.get(f"/claims/new?case={claiming.case_id}").text
    with claiming.console.database.read() as session:
        assert session.scalars(select(ClaimRow)).all() == []


def test_an_analyst_and_another_brands_agent_cannot_ask(claiming: Claiming) -> None:
    assert claiming.console.signed_in("analyst").get(f"/claims/new?case={claiming.case_id}").status_code == 403
    assert claiming.console.signed_in("agent", "pelican").get(f"/claims/new?case={claiming.case_id}").status_code == 404


# The visitor


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_way_from_the_link_to_the_linked_account(claiming: Claiming, language: str) -> None:
    token = claiming.link()
    visitor = claiming.visitor(token, language)
    assert f'lang="{language}"' in visitor.open().text
    assert visitor.send("identify", who=f" {claiming.email.upper()} ").status_code == 303
    assert 'autocomplete="one-time-code"' in visitor.open().text
    (code,) = claiming.codes()
    assert visitor.send("code", typed=f"{code[:3]} {code[3:]}").status_code == 303
    review = visitor.open().text
    assert "plume_bleue@tilleul.example" in review
    assert "c****@example.org" in review
    assert claiming.email not in review
    assert visitor.send("agree", channel="sms").status_code == 303
    assert visitor.word() == "", "the box was not ticked"
    assert visitor.agree(channel="sms").status_code == 303
    assert claiming.identities() == [], "anybody could open the link: the account has not spoken"
    word = visitor.word()
    assert "claim_half" in events(claiming)
    claiming.hear(f"@hirondelle {word}")
    (identity,) = claiming.identities()
    assert (identity.customer_key, identity.proof) == (claiming.customer_key, "authenticated")
    assert identity.expires_at == claiming.console.clock() + timedelta(days=365)
    done = visitor.open()
    assert done.status_code == 200
    assert "c****@example.org" in done.text
    assert "claim_agreed" in events(claiming)
    with claiming.console.database.read() as session:
        assert set(session.scalars(select(PostRow.stage))) == {"read", "routed"}, "the case follows at the next routing"
    claiming.console.clock.forward(minutes=31)
    assert "c****@example.org" not in visitor.open().text, "the proof of who looks ends"


def test_the_channel_he_chose_stands_beside_the_file_and_the_newest_word_holds(claiming: Claiming) -> None:
    claiming.proven(claiming.link()).agree(channel="sms")
    with claiming.console.database.read() as session:
        query = select(PreferenceRow).filter_by(customer_key=claiming.customer_key).order_by(PreferenceRow.id)
        told = [(row.channel, row.source, row.how, row.at) for row in session.scalars(query)]
        assert told[1:] == [("sms", "declared", "claim link", claiming.console.clock())]
        assert told[0][:3] == ("email", "declared", "customer file")
        chosen = preference(session, claiming.customer_key)
        assert chosen is not None
        assert chosen.channel == "sms"
    assert claiming.console.audits("preference declared") == 1


def test_a_customer_and_an_order_number_lead_to_the_registered_address(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        from storage.tables import CustomerRow

        factories.history(session, session.get_one(CustomerRow, claiming.customer_key))
        from storage.tables import ObjectionRow, OrderRow

        for objection in session.scalars(select(ObjectionRow)):
            session.delete(objection)
        order = session.scalars(select(OrderRow.order_id)).one()
    visitor = claiming.visitor(claiming.link())
    visitor.open()
    visitor.send("identify", who=claiming.customer_id)
    visitor.send("identify", who=claiming.customer_id, order="HR999999")
    assert claiming.codes() == [], "a customer number alone, or with another order, is nobody"
    visitor.send("identify", who=claiming.customer_id, order=order.lower())
    assert len(claiming.codes()) == 1


def test_no_code_and_no_token_is_stored(claiming: Claiming) -> None:
    token = claiming.link()
    claiming.proven(token)
    (code,) = claiming.codes()
    with claiming.console.database.engine.connect() as connection:
        from storage.tables import Base

        kept = [str(row) for table in Base.metadata.sorted_tables for row in connection.execute(table.select())]
    assert not any(token in row for row in kept)
    assert not any(code in row for row in kept if "claim_code" in row)


def test_opening_a_link_changes_nothing(claiming: Claiming) -> None:
    token = claiming.link()
    before = events(claiming)
    for _ in range(5):
        assert claiming.visitor(token).open().status_code == 200
    assert events(claiming) == before
    with claiming.console.database.read() as session:
        assert open_claim(session, claiming.case_id, claiming.console.clock()) is not None
        assert session.scalars(select(ClaimCodeRow)).all() == []


def test_not_me_without_proof_is_a_hint_and_with_proof_is_remembered(claiming: Claiming) -> None:
    token = claiming.link()
    stranger = claiming.visitor(token)
    stranger.open()
    assert stranger.send("refuse", what="not_me").status_code == 200
    for _ in range(3):
        stranger.send("refuse", what="not_me")
    assert events(claiming).count("claim_not_me") == 1, "once a link, however often it is pressed"
    owner = claiming.linked(token)
    assert owner.send("refuse", what="not_me").status_code == 200
    assert claiming.identities() == []
    with claiming.console.database.read() as session:
        assert refused(session, "hirondelle", author_of(session, claiming.case_id).id) == {claiming.customer_key}
    assert owner.open().status_code == 404, "the link is used"


def account(claiming: Claiming) -> tuple[str, str, str]:
    with claiming.console.database.read() as session:
        author = author_of(session, claiming.case_id)
        return "hirondelle", author.network, author.native_id


def unlinkable(claiming: Claiming) -> bool:
    with claiming.console.database.read() as session:
        return is_unlinkable(session, *account(claiming))


def test_do_not_link_me_ends_guessing_and_leaves_a_public_link_to_whom_it_is_meant_for(claiming: Claiming) -> None:
    token = claiming.link()
    visitor = claiming.visitor(token)
    visitor.open()
    assert visitor.send("refuse", what="do_not_link").status_code == 200
    assert unlinkable(claiming)
    with claiming.console.database.read() as session:
        brand, network, native = account(claiming)
        assert not is_unlinkable(session, "pelican", network, native)
        assert not is_unlinkable(session, brand, network, native + "1")
    assert claiming.visitor(token).open().status_code == 200, "anybody could have pressed it"
    claiming.linked(token)
    assert len(claiming.identities()) == 1
    assert not unlinkable(claiming), "two proofs are more than a stranger's press"


def test_do_not_link_me_by_the_account_itself_ends_every_link(claiming: Claiming) -> None:
    owner = claiming.linked(claiming.link())
    assert owner.send("refuse", what="do_not_link").status_code == 200
    assert claiming.identities() == []
    assert unlinkable(claiming)
    assert owner.open().status_code == 404
    assert claiming.agent().send_form("/claims/new", case=str(claiming.case_id)).status_code == 409


def test_a_strangers_press_does_not_unlink_a_declared_account(claiming: Claiming) -> None:
    token = claiming.link()
    with claiming.console.database.begin() as session:
        author = author_of(session, claiming.case_id)
        session.add(IdentityRow(
            brand_id="hirondelle", customer_key=claiming.customer_key, network=author.network,
            account_id=author.native_id, proof="declared", how="customer file", at=factories.NOW,
        ))  # fmt: skip
    visitor = claiming.visitor(token)
    visitor.open()
    visitor.send("refuse", what="do_not_link")
    assert not unlinkable(claiming)


def test_a_no_can_be_lifted_by_a_person(claiming: Claiming) -> None:
    visitor = claiming.visitor(claiming.link())
    visitor.open()
    visitor.send("refuse", what="do_not_link")
    agent = claiming.agent()
    assert 'action="/claims/lift"' in agent.get(f"/claims/new?case={claiming.case_id}").text
    assert agent.send_form("/claims/lift", case=str(claiming.case_id)).status_code == 303
    assert not unlinkable(claiming)
    assert claiming.console.audits("claim.lift") == 1
    assert agent.send_form("/claims/lift", case=str(claiming.case_id)).status_code == 409


# The account's side


def settle(claiming: Claiming, answer: str) -> Response:
    agent = claiming.agent()
    shown = agent.get(f"/claims/new?case={claiming.case_id}").text
    attempt = re.search(r'name="attempt" value="(\d+)"', shown)
    assert attempt is not None
    return agent.send_form("/claims/settle", case=str(claiming.case_id), attempt=attempt[1], answer=answer)


def test_a_person_may_confirm_the_account_and_it_is_declared_then(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    visitor.agree()
    shown = claiming.agent().get(f"/claims/new?case={claiming.case_id}").text
    assert "c****@example.org" in shown
    assert claiming.email not in shown
    assert settle(claiming, "yes").status_code == 303
    (identity,) = claiming.identities()
    assert (identity.proof, identity.customer_key) == ("declared", claiming.customer_key)
    assert visitor.open().status_code == 200


def test_a_person_may_deny_it_and_he_is_not_proposed_again(claiming: Claiming) -> None:
    visitor = claiming.proven(claiming.link())
    visitor.agree()
    word = visitor.word()
    assert settle(claiming, "no").status_code == 303
    with claiming.console.database.read() as session:
        assert refused(session, "hirondelle", author_of(session, claiming.case_id).id) == {claiming.customer_key}
    claiming.hear(word)
    assert claiming.identities() == []
    assert 'name="who"' in visitor.open().text


def test_in_a_sensitive_case_only_the_accounts_own_word_counts(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        lead = session.scalars(select(PostRow)).one()
        factories.match(session, lead, session.get_one(CustomerRow, claiming.customer_key))
        session.scalars(select(ReadingRow)).one().escalation = 0.9
    visitor = claiming.proven(claiming.link())
    visitor.agree()
    assert settle(claiming, "yes").status_code == 409
    assert claiming.identities() == []
    claiming.hear(visitor.word())
    assert len(claiming.identities()) == 1


def test_a_link_that_went_to_the_account_alone_proves_both(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        case = unknown(session, network="email", native_id="plume.bleue@example.net")
    visitor = claiming.proven(claiming.link(case.id))
    claiming.deliver()
    letters = [message_from_bytes(file.read_bytes(), policy=default) for file in claiming.outbox.glob("*.eml")]
    (letter,) = [letter for letter in letters if letter["To"] == "plume.bleue@example.net"]
    assert visitor.token in letter.get_content()
    assert visitor.agree().status_code == 303
    assert [identity.proof for identity in claiming.identities()] == ["authenticated"]


def test_who_wrote_a_mail_and_says_no_needs_no_proof_of_a_customer(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        case = unknown(session, network="email", native_id="plume.bleue@example.net")
    visitor = claiming.visitor(claiming.link(case.id))
    visitor.open()
    visitor.send("refuse", what="do_not_link")
    with claiming.console.database.read() as session:
        assert is_unlinkable(session, "hirondelle", "email", "plume.bleue@example.net")
    assert visitor.open().status_code == 404


def test_an_account_of_another_customer_goes_to_a_person(claiming: Claiming) -> None:
    with claiming.console.database.begin() as session:
        other, author = factories.customer(session), author_of(session, claiming.case_id)
        session.add(
            IdentityRow(
                brand_id="hirondelle", customer_key=other.id, network=author.network, account_id=author.native_id,
                proof="declared", how="customer file", at=factories.NOW,
            )
        )  # fmt: skip
    visitor = claiming.proven(claiming.link())
    assert visitor.agree().status_code == 303
    word = visitor.word()
    assert word, "whose the account is, he is not told before it has spoken"
    claiming.hear(word)
    assert [identity.proof for identity in claiming.identities()] == ["declared"]
    assert "claim_conflict" in events(claiming)
    assert visitor.open().status_code == 404


def test_links_that_are_out_survive_one_change_of_keys_and_not_two(claiming: Claiming) -> None:
    token = claiming.link()
    for status in (200, 404):
        with claiming.console.database.begin() as session:
            rotate_keys(session)
        assert claiming.visitor(token).open().status_code == status


def test_the_access_file_tells_of_claims_and_erasure_takes_them_away(claiming: Claiming) -> None:
    visitor = claiming.linked(claiming.link())
    now = claiming.console.clock()
    with claiming.console.database.begin() as session:
        held = everything_of(session, "hirondelle", claiming.customer_id, "test", "exported", now)
        assert held is not None
        assert [claim["state"] for claim in held["claims"]] == ["agreed"]
        assert len(held["claim_codes"]) == 1
        assert not {"salt", "code_hash", "visitor"} & held["claim_codes"][0].keys()
    with claiming.console.database.begin() as session:
        receipt = erase_customer(session, "hirondelle", claiming.customer_id, "test", now)
        assert receipt is not None
        assert receipt["removed"]["claim_codes"] == 1
    with claiming.console.database.read() as session:
        assert session.scalars(select(ClaimCodeRow)).all() == []
        told = [str(line.detail) for line in session.scalars(select(AuditRow))]
    assert not any(claiming.customer_id in line or claiming.email in line for line in told)
    assert visitor.open().status_code == 404


def test_asking_does_not_count_as_having_written_to_the_customer(claiming: Claiming) -> None:
    """Else a stranger who asks for a code could keep the case from following its match."""
    from storage.cases import contact_engaged

    claiming.proven(claiming.link())
    with claiming.console.database.read() as session:
        states = {message.template: message.state for message in session.scalars(select(MessageRow))}
        assert states["claim_code"] == "handed_over"
        assert not contact_engaged(session, claiming.case_id)
        assert session.get_one(CaseRow, claiming.case_id).first_answer_at is None
