"""Teams and people of the settings: every mistake is one line, and what is left out is lent."""

from datetime import timedelta
from pathlib import Path

import pytest

from config.load import load_settings
from config.wiring import App
from domain.case import Severity
from domain.errors import Misconfigured

GOOD = """
[brand]
timezone = "Europe/Paris"
[priority]
missed_deadline = 4
repair = { delivery = 12 }
[[teams]]
name = "logistics"
hours = ["mon-fri 09:00-18:00", "sat 09:00-12:00"]
first_answer_high_hours = 2
overflow = "care"
escalate_to = "Lead@example.org"
notify_env = "VIGIE_NOTIFY_LOGISTICS"
[[teams]]
name = "care"
timezone = "America/New_York"
country = "US"
region = "NY"
hours = ["mon-fri 08:00-16:00"]
[[people]]
email = "Lead@example.org"
teams = ["logistics", "care"]
skills = ["delivery"]
languages = ["FR", "en"]
capacity = 5
hours = ["mon-thu 09:00-17:00"]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str) -> App:
    Path("vigie.toml").write_text(text, encoding="utf-8")
    return App(load_settings(environ={"VIGIE_NOTIFY_LOGISTICS": "json://localhost"}))


def test_teams_and_people() -> None:
    app = load(GOOD)
    staff, deadlines = app.staff(), app.deadlines()
    logistics, care = staff.teams["logistics"], staff.teams["care"]
    assert logistics.hours is not None
    assert (logistics.hours.zone.key, logistics.hours.country) == ("Europe/Paris", "FR")
    assert care.hours is not None
    assert (care.hours.zone.key, care.hours.country, care.hours.region) == ("America/New_York", "US", "NY")
    lead = staff.people[logistics.escalate_to]
    assert (lead.languages, lead.capacity) == ({"fr", "en"}, 5)
    assert deadlines.clock("logistics").first_answer[Severity.HIGH] == timedelta(hours=2)
    assert deadlines.clock("logistics").first_answer[Severity.LOW] == timedelta(hours=72)
    assert deadlines.clock("billing").hours is None
    assert list(staff.chain("logistics")) == ["logistics", "care"]


def test_weights_of_priority() -> None:
    weights = load(GOOD).settings.priority.weights()
    assert (weights.missed_deadline, weights.repair) == (4, {"delivery": 12})


def test_addresses_of_notices_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = load(GOOD).notice_rules()
    monkeypatch.setenv("VIGIE_NOTIFY_LOGISTICS", "json://localhost/a  json://localhost/b")
    assert list(rules.addresses("VIGIE_NOTIFY_LOGISTICS")) == ["json://localhost/a", "json://localhost/b"]
    assert list(rules.addresses("VIGIE_NOTIFY_NOBODY")) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[teams]]\nname = 'care'\nhours = ['always']", "teams.0.hours"),
        ("[[teams]]\nname = 'care'\nhours = ['mon 09:00-10:00']", "less than four hours"),
        ("[[teams]]\nname = 'care'\ntimezone = 'Paris'", "no time zone"),
        ("[brand]\ntimezone = 'Paris'", "no time zone"),
        ("[[teams]]\nname = 'care'\ncountry = 'XX'", "not known"),
        ("[[teams]]\nname = 'care'\nregion = '57'", "needs the country"),
        ("[[teams]]\nname = 'care'\noverflow = 'nobody'", "'nobody' is no team"),
        ("[[teams]]\nname = 'care'\noverflow = 'care'", "'care' is no team"),
        ("[[teams]]\nname = 'care'\nescalate_to = 'x@example.org'", "no team or person"),
        ("[[teams]]\nname = 'care'\nnotify_env = 'https://hooks.example/secret'", "notify_env"),
        ("[[teams]]\nname = 'care'\n[[teams]]\nname = 'care'", "named twice"),
        ("[[teams]]\nname = 'care'\ntimzone = 'UTC'", "did you mean teams.0.timezone?"),
        ("[[people]]\nemail = 'anna'\nteams = ['care']", "email"),
        ("[[people]]\nemail = 'a@b.c'\nteams = []", "teams"),
        ("[[people]]\nemail = 'a@b.c'\nteams = ['nowhere']", "'nowhere' is no team"),
        ("[[people]]\nemail = 'a@b.c'\nteams = ['care']\nskills = ['dancing']", "'dancing' is no intent"),
        ("[priority]\nrepair = { dancing = 3 }", "'dancing' is no intent"),
        ("[priority]\nseverity_high = 101", "priority.severity_high"),
        ("[cases]\nwarn_before = 1.0", "cases.warn_before"),
    ],
)
def test_mistakes_are_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(Misconfigured, match=told) as caught:
        load(text)
    assert "\n" not in str(caught.value)
