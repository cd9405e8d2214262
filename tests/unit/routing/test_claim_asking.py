"""Who is asked without a person, and who is left in peace."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.policies import network_policy
from domain.brand import Brand
from domain.claim import NoClaim
from domain.contact import ContactPolicy
from routing.claim_asking import ask_in_place, recheck_claim, why_not
from routing.claim_rules import ClaimRules
from routing.templates import FOLDER
from storage import messages
from storage.claims_link import BY_VISITOR, set_unlinkable
from storage.tables import AuthorRow, CaseRow, ClaimRow, MessageRow
from tests.console import factories

NOW = factories.NOW
BRAND = Brand(id="hirondelle", name="Hirondelle")
RULES = ClaimRules(
    base_url="https://care.example.org",
    lifetime=timedelta(hours=72),
    code_lifetime=timedelta(minutes=10),
    identity_lifetime=timedelta(days=365),
    networks=network_policy,
    contact=ContactPolicy(),
    ask_by_itself=True,
)


@pytest.fixture
def brand(session: Session) -> Session:
    factories.brand(session)
    return session


def case_of(session: Session, **changes: Any) -> CaseRow:
    """A case of an unknown author for whom a reply in place was decided."""
    author = {name: changes.pop(name) for name in ("network", "native_id") if name in changes}
    writer = changes.pop("writer", None) or factories.author(session, **author)
    told = factories.post(session, writer=writer)
    factories.reading(session, told)
    wanted = {"grade": "none", "contact_state": "in_place", "contact_at": None, "addressed_brand": True}
    return factories.case(session, told, **{**wanted, **changes})


def asked(session: Session, rules: ClaimRules = RULES, now: datetime = NOW) -> int:
    return ask_in_place(session, BRAND, rules, 50, now)


def test_without_the_setting_nobody_is_asked_by_itself(brand: Session) -> None:
    case_of(brand)
    assert asked(brand, replace(RULES, ask_by_itself=False)) == 0


def test_the_author_is_asked_in_the_operators_own_words(brand: Session, tmp_path: Path) -> None:
    own = (FOLDER / "_claim.fr.toml").read_text(encoding="utf-8")
    (tmp_path / "_claim.fr.toml").write_text(own.replace('reply = "', 'reply = "Coucou ! '), encoding="utf-8")
    case_of(brand, language="fr")
    assert asked(brand, replace(RULES, templates=tmp_path)) == 1
    body = brand.scalars(select(MessageRow.body)).one()
    assert body is not None
    assert body.startswith("Coucou ! ")


def test_where_a_reply_in_place_was_decided_the_author_is_asked_once(brand: Session) -> None:
    case = case_of(brand)
    assert asked(brand) == 1
    assert asked(brand) == 0
    assert asked(brand, now=NOW + timedelta(days=90)) == 0, "one question a case"
    message = brand.scalars(select(MessageRow).filter_by(case_id=case.id)).one()
    assert (message.template, message.state, message.customer_key) == ("claim_reply", "reserved", None)


def test_an_author_who_was_asked_is_left_in_peace_for_a_while(brand: Session) -> None:
    writer = factories.author(brand)
    case_of(brand, writer=writer)
    case_of(brand, writer=writer)
    assert asked(brand) == 1, "two cases of one author"
    assert asked(brand, now=NOW + timedelta(days=31)) == 1


@pytest.mark.parametrize(
    "changes",
    [{"network": "reddit"}, {"contact_state": "person"}, {"state": "resolved"}, {"network": "x", "addressed_brand": False}],
)  # fmt: skip
def test_who_may_not_be_asked_is_not_asked_by_itself(brand: Session, changes: dict[str, Any]) -> None:
    case_of(brand, **changes)
    assert asked(brand) == 0
    assert brand.scalars(select(ClaimRow)).all() == []


def test_a_suppressed_address_and_a_no_are_heeded(brand: Session) -> None:
    mail = case_of(brand, network="email", native_id="plume@example.net")
    assert why_not(brand, mail, RULES) is None
    messages.suppress(brand, BRAND.id, "email", "plume@example.net", "stop", NOW)
    assert why_not(brand, mail, RULES) is NoClaim.SUPPRESSED
    other = case_of(brand)
    set_unlinkable(brand, brand.get_one(AuthorRow, other.author_id), BY_VISITOR, NOW)
    assert why_not(brand, other, RULES) is NoClaim.UNLINKABLE
    assert asked(brand) == 0


def test_a_reply_is_not_posted_where_the_customer_became_known_meanwhile(brand: Session) -> None:
    case = case_of(brand)
    asked(brand)
    message = brand.scalars(select(MessageRow).filter_by(case_id=case.id)).one()
    assert recheck_claim(brand, message, NOW) is None
    customer = factories.customer(brand)
    case.subject, case.customer_key, case.grade = f"customer:{customer.id}", customer.id, "stated"
    brand.flush()
    assert recheck_claim(brand, message, NOW) == "there is nothing left to answer"
