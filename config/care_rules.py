"""The rules of messages in and after a case, put together from the settings."""

from datetime import timedelta
from urllib.parse import urlsplit

from config.settings import Settings
from domain.brand import Brand
from routing.care import CareRules, SurveyRules
from routing.contact import ContactRules
from routing.journey import JourneyRules


def care_rules(settings: Settings, contact: ContactRules, brand: Brand) -> CareRules:
    """What decides resolutions and surveys of a brand."""
    survey = settings.survey
    return CareRules(
        contact=contact,
        survey=SurveyRules(
            kind=survey.kind,
            delay=timedelta(hours=survey.delay_hours),
            per_customer=timedelta(days=survey.per_customer_days),
            open_for=timedelta(days=survey.open_days),
            change_for=timedelta(days=survey.change_days),
            bad=survey.bad,
            reopens=survey.reopens,
        ),
        base_url=settings.claims.base_url,
        hosts=hosts(settings, brand),
    )


def hosts(settings: Settings, brand: Brand) -> frozenset[str]:
    """The hosts that a link in a message may have: the console's, the brand's, and those that the settings name."""
    found = {*settings.templates.hosts, *map(_host, (settings.claims.base_url, brand.website or ""))}
    return frozenset(host.casefold() for host in found if host)


def journey_rules(settings: Settings) -> JourneyRules:
    """When a customer's way counts as broken."""
    journeys = settings.journeys
    return JourneyRules(
        answer=timedelta(hours=journeys.answer_hours),
        again=timedelta(days=journeys.again_days),
        passes=journeys.passes,
        promise=timedelta(days=journeys.promise_days),
        grace=timedelta(hours=journeys.grace_hours),
        history=timedelta(days=journeys.history_days),
    )


def _host(address: str) -> str:
    found = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    return found.removeprefix("www.")
