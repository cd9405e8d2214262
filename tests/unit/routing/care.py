"""A case with a customer who may be written to, and the rules of messages in it."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from config.care_rules import care_rules
from config.settings import Settings
from config.wiring import App
from domain.brand import Brand
from routing.care import CareRules
from storage.tables import CaseRow, CustomerRow
from tests.console import factories

NOW = factories.NOW
BRAND = Brand(id="hirondelle", name="Hirondelle", website="https://www.hirondelle.example", timezone="Europe/Paris")
BASE = "https://care.hirondelle.example"


def rules(**changes: Any) -> CareRules:
    """The default rules with an address for surveys; `changes` are sections of the settings."""
    settings = Settings.model_validate({"brand": {"id": "hirondelle"}, "claims": {"base_url": BASE}, **changes})
    app = App(settings)
    return care_rules(settings, app.contact_rules(BRAND), BRAND)


def case_of(session: Session, **changes: Any) -> tuple[CaseRow, CustomerRow]:
    """A case of a customer with a consented address, who wrote on Mastodon and was answered by nobody yet."""
    factories.brand(session)
    owner = factories.customer(session)
    writer = factories.author(session)
    case = factories.case(session, factories.post(session, writer=writer), owner=owner, **changes)
    return case, owner


def on(survey: CareRules, **changes: Any) -> CareRules:
    """The same rules with another survey."""
    return replace(survey, survey=replace(survey.survey, **changes))
