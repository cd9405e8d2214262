"""The page of the customer file: the newest report, the sources' lag, and somebody's word on pairs of records."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from console.words import table
from insights.quality import quality, save_report
from listeners.crm.base import SourceBatch
from routing.duplicates import FIELDS, HOW_ALIKE
from routing.reach import reach
from routing.syncing import sync_source
from storage.database import Database
from storage.duplicates import Duplicates, Proposal, propose
from storage.merges import kept_key
from storage.sources import pause_source, source_place
from storage.tables import DuplicateRow
from tests.console import factories
from tests.console.harness import SETTINGS, Console, Fill
from tests.unit.samples import BRAND

NOW = factories.NOW
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pair(session: Session, brand_id: str = "hirondelle") -> tuple[int, int, int]:
    """A proposal: its number and the keys of both records."""
    one, other = sorted(
        factories.customer(session, brand_id=brand_id, name=name).id for name in (HOSTILE, "Anna Petit")
    )
    propose(
        session,
        brand_id,
        [Proposal(one, other, 0.91, ("same email", "nearly the same last name", "Splink: 0.91"))],
        "vigie",
        NOW,
    )
    return session.scalars(select(DuplicateRow.id).filter_by(first=one)).one(), one, other


def report(session: Session) -> None:
    told = quality(session, "hirondelle", Duplicates((), 0, 0, False), NOW)
    rules = App(Settings.model_validate(SETTINGS)).contact_rules(BRAND)
    save_report(session, "hirondelle", {**told, "reach": asdict(reach(session, BRAND, rules, 10, NOW))}, NOW)


def test_nothing_yet_is_said_kindly(console: Console) -> None:
    text = console.signed_in("agent").get("/quality").text
    assert "vigie quality l'établit" in text.replace("&#39;", "'")
    assert "Rien n" in text


def test_the_newest_report_with_what_each_defect_costs(console: Console, fill: Fill) -> None:
    def put(session: Session) -> None:
        factories.customer(session)
        report(session)

    fill(put)
    text = console.signed_in("analyst").get("/quality").text
    assert "Sans adresse e-mail" in text
    assert "Ce que cela coûte" in text
    assert "(environ " in text


def test_the_lag_of_every_source(console: Console, database: Database, fill: Fill) -> None:
    class Told:
        kind = "sql"

        def changed_since(self, cursor: object) -> Iterable[SourceBatch]:
            return [SourceBatch({}, whole=True, first=True, last=True)]

    sync_source(database, BRAND, "erp", Told(), lambda: NOW - timedelta(hours=3))  # type: ignore[arg-type]

    def put(session: Session) -> None:
        place = source_place(session, "hirondelle", "crm", "hubspot")
        pause_source(session, place, f"refuses the token {HOSTILE}", NOW + timedelta(hours=1))

    fill(put)
    text = console.signed_in("analyst").get("/quality").text
    assert "il y a 3" in text
    assert "fonctionne" in text
    assert "refuses the token" in text
    assert "jamais" in text
    assert HOSTILE not in text


def test_one_person_is_merged_by_a_word(console: Console, database: Database, fill: Fill) -> None:
    number, one, other = fill(pair)
    browser = console.signed_in("agent")
    text = browser.get("/quality").text
    assert HOSTILE not in text
    assert "Anna Petit" in text
    assert browser.send_form(f"/duplicates/{number}/same").status_code == 303
    with database.read() as session:
        assert kept_key(session, "hirondelle", other) == one
    assert "Anna Petit" not in browser.get("/quality").text
    assert browser.send_form(f"/duplicates/{number}/same").status_code == 409


def test_two_people_stay_two(console: Console, database: Database, fill: Fill) -> None:
    number, _, other = fill(pair)
    browser = console.signed_in("agent")
    assert browser.send_form(f"/duplicates/{number}/different").status_code == 303
    with database.read() as session:
        assert kept_key(session, "hirondelle", other) == other


def test_an_analyst_looks_and_does_not_decide(console: Console, fill: Fill) -> None:
    number, _, _ = fill(pair)
    analyst = console.signed_in("analyst")
    assert "Anna Petit" not in analyst.get("/quality").text
    assert analyst.send_form(f"/duplicates/{number}/same").status_code == 403


def test_nobody_sees_or_decides_another_brands_pairs(console: Console, database: Database, fill: Fill) -> None:
    number, _, other = fill(lambda session: pair(session, "pelican"))
    browser = console.signed_in("agent")
    assert "Anna Petit" not in browser.get("/quality").text
    assert browser.send_form(f"/duplicates/{number}/same").status_code == 409
    with database.read() as session:
        assert kept_key(session, "pelican", other) == other


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_reason_has_words(language: str) -> None:
    never = {"other first name", "nearly the same email", "nearly the same year of birth", "other year of birth"}
    reasons = {f"{how} {field.name}" for how in HOW_ALIKE for field in FIELDS} - never
    assert reasons | {"Splink: N"} == table(language)["pair_reason"].keys()


@pytest.mark.parametrize("path", ["/duplicates/0/same", "/duplicates/99999999999999999999/same", "/duplicates/1/maybe"])
def test_what_is_no_pair_is_not_found(console: Console, path: str) -> None:
    assert console.signed_in("agent").send_form(path).status_code in (404, 422)
