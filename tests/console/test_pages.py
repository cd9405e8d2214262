"""What the pages show, to whom, and that foreign words stay words."""

import csv
import io
import re
import tomllib
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from console.words import LANGUAGES, TEXTS, Words
from domain.errors import Transient
from storage import cases
from storage.tables import CaseRow
from tests.console import factories
from tests.console.harness import Console, Fill, make_console

HOSTILE = '<script>alert(1)</script> =HYPERLINK("http://evil.example") \u202egnp.exe <img src=x onerror=alert(2)>'
PAGES = (
    "/",
    "/reviews",
    "/doubts",
    "/messages",
    "/trends",
    "/trends?days=90",
    "/listening",
    "/quality",
    "/team",
    "/?view=resolved",
    "/?view=team",
    "/?view=review&q=colis",
)


def whole_case(session: Session, **changes: Any) -> CaseRow:
    """A case with one of everything in it."""
    owner = factories.customer(session)
    factories.history(session, owner)
    writer = factories.author(session)
    first = factories.post(session, "Mon colis HR123 est perdu", writer, version=2, edited_at=factories.NOW)
    factories.version(session, first, 1, "Mon colis est perdu")
    factories.version(session, first, 2, "Mon colis HR123 est perdu")
    factories.reading(session, first)
    factories.match(session, first, linked=owner)
    gone = factories.post(session, None, writer)
    found = factories.case(session, first, gone, owner=owner, **changes)
    factories.decision(session, found)
    factories.message(session, found, "unconfirmed")
    cases.add_note(session, found, "Rappelé le relais.", factories.NOW, "lea@example.org")
    return found


def under_review(session: Session, **changes: Any) -> CaseRow:
    """A case whose author is not proven yet, with two candidates."""
    one, two = factories.customer(session), factories.customer(session, name="Camille Leroux")
    told = factories.post(session, writer=factories.author(session))
    factories.reading(session, told)
    factories.match(session, told, one, two)
    return factories.case(session, told, **changes)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_answers_in_each_language_without_a_foreign_address(
    console: Console, fill: Fill, language: str
) -> None:
    case = fill(lambda session: (whole_case(session), under_review(session))[0])
    browser = make_console(console.database, language=language).signed_in("admin")
    for path in (*PAGES, f"/cases/{case.id}", f"/cases/{case.id + 1}"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert f'<html lang="{language}">' in answer.text
        foreign = [
            url for url in re.findall(r'(?:href|src|action)="(https?:[^"]*)"', answer.text) if "tilleul" not in url
        ]
        assert foreign == []
        assert not re.search(r"<[^>]+\sstyle=", answer.text), "inline styles are against the policy"
        assert not re.search(r"<script(?! src=)", answer.text)


def test_the_languages_have_the_same_texts() -> None:
    tables = [tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8")) for language in LANGUAGES]
    keys = [{(group, key) for group in table for key in table[group]} for table in tables]
    assert keys[0] == keys[1]
    holes = [
        (group, key)
        for group, key in keys[0]
        if set(re.findall(r"{(\w+)}", tables[0][group][key])) != set(re.findall(r"{(\w+)}", tables[1][group][key]))
    ]
    assert holes == []


def test_hostile_posts_stay_text(console: Console, fill: Fill) -> None:
    def make(session: Session) -> CaseRow:
        writer = factories.author(session, name=HOSTILE, handle="ev\u202ee")
        told = factories.post(session, HOSTILE, writer, url="javascript:alert(3)")
        factories.reading(session, told, doubts="intent")
        factories.match(session, told, factories.customer(session, name=HOSTILE))
        return factories.case(session, told)

    case = fill(make)
    browser = console.signed_in()
    for path in ("/", f"/cases/{case.id}", "/reviews", "/doubts"):
        text = browser.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "javascript:" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "caractères de direction" in text


def test_the_case_page_tells_the_whole_story_in_order(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    text = console.signed_in().get(f"/cases/{case.id}").text
    for words in (
        "Mon colis HR123 est perdu",
        "Mon colis est perdu",
        "Publication supprimée par son auteur",
        "Lecture",
        "Modèle embedded-1",
        "Nom affiché",
        "Canaux écartés",
        "pas de consentement",
        "Non confirmé",
        "Rappelé le relais.",
        "Suivi de colis",
        "Colis Hirondelle 24 h",
        "Lien avec ses comptes",
        "@camroux",
    ):
        assert words in text, words
    assert text.index("Avant ce dossier") < text.index("Mon colis HR123") < text.index("Rappelé le relais.")


def test_contact_points_are_masked(console: Console, fill: Fill) -> None:
    case, review = fill(lambda session: (whole_case(session), under_review(session)))
    browser = console.signed_in()
    pages = [browser.get(path).text for path in (f"/cases/{case.id}", f"/cases/{review.id}", "/reviews", "/messages")]
    assert all("camille.roux@example.org" not in page and "+33639987278" not in page for page in pages)
    assert not any(re.search(r"camille\.c\d+@", page) for page in pages)
    assert "c****@example.org" in pages[0]
    assert "06 •• •• •• 78" in pages[0]


def test_analysts_see_posts_and_figures_but_no_customers(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in("analyst")
    assert browser.get("/trends").status_code == 200
    assert browser.get("/reviews").status_code == 403
    assert browser.get("/messages").status_code == 403
    text = browser.get(f"/cases/{case.id}").text
    assert "Mon colis HR123 est perdu" in text
    for hidden in ("C****", "c****@", "Votre colis", "Suivi de colis", 'method="post"', "Me l’attribuer"):
        assert hidden not in text.split('<div class="body">')[1]


def test_analysts_find_no_customer_by_name(console: Console, fill: Fill) -> None:
    def make(session: Session) -> CaseRow:
        told = factories.post(session, writer=factories.author(session, name="tulipe", handle="tulipe"))
        return factories.case(session, told, owner=factories.customer(session, name="Zoé Pasquet"))

    case = fill(make)
    assert f'"/cases/{case.id}"' in console.signed_in("agent").get("/?q=pasquet").text
    assert f'"/cases/{case.id}"' not in console.signed_in("analyst").get("/?q=pasquet").text


@pytest.mark.parametrize("page", ["-1", "0", "1e9", "999999", "x", "%00", "9" * 19])
def test_odd_page_numbers_do_no_harm(console: Console, fill: Fill, page: str) -> None:
    fill(whole_case)
    assert console.signed_in().get(f"/?page={page}").status_code == 200


@pytest.mark.parametrize("query", ["q=%00", "q=%27%22;--", "intent=%00", "q=" + "a" * 200, "q=%F0%9F%98%80", "q=%ff"])
def test_odd_searches_do_no_harm(console: Console, fill: Fill, query: str) -> None:
    fill(whole_case)
    assert console.signed_in().get(f"/?{query}").status_code == 200


def test_every_view_of_personal_data_is_audited(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    for path in ("/", f"/cases/{case.id}", "/reviews", "/messages"):
        before = console.audits("view")
        browser.get(path)
        assert console.audits("view") == before + 1, path


def test_errors_are_pages_for_people_and_problems_for_programs(console: Console) -> None:
    browser = console.signed_in()
    page = browser.get("/nowhere")
    assert page.status_code == 404
    assert "Introuvable" in page.text
    for path in ("/cases/abc", "/cases/-1", "/cases/99999999999999999999", "/cases/0", "/trends/passwords.csv"):
        assert browser.get(path).status_code == 404, path
    problem = browser.get("/api/v1/nowhere")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404
    assert console.browser().get("/api/v1/funnel").status_code == 401


def test_a_busy_database_is_said_and_no_trace_is_shown(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = console.signed_in()

    def busy(*_: object, **__: object) -> None:
        raise Transient("the database is busy: database is locked", retry_after=5)

    monkeypatch.setattr(console.database, "read", busy)
    answer = browser.get("/")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Traceback" not in answer.text
    assert "locked" not in answer.text


def test_something_unforeseen_shows_no_trace(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = console.signed_in()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("camille@example.org")

    monkeypatch.setattr(console.database, "read", broken)
    answer = browser.get("/")
    assert answer.status_code == 500
    assert "camille" not in answer.text


def test_health_readiness_and_metrics(console: Console, fill: Fill) -> None:
    fill(whole_case)
    browser = console.browser()
    assert browser.get("/healthz").status_code == 200
    ready = browser.get("/readyz")
    assert ready.json()["checks"]["database"] == "ok"
    text = browser.get("/metrics").text
    assert 'vigie_posts{brand="hirondelle",stage="routed"} 1' in text
    assert 'vigie_cases{brand="hirondelle",state="new"} 1' in text
    assert 'vigie_messages{brand="hirondelle",channel="email",state="unconfirmed"} 1' in text
    assert "amille" not in text


def test_the_words_know_their_language() -> None:
    french, english = Words("fr"), Words("en")
    assert french.count("cases", 0) == "0 dossier"
    assert english.count("cases", 0) == "0 cases"
    assert french.percent(0.1234, 1) == "12,3\u202f%"
    assert english.number(1234.5, 1) == "1,234.5"
    assert french.due(factories.NOW, factories.NOW + timedelta(hours=3)) == "en retard de 3 h"
    assert french.due(factories.NOW + timedelta(days=3), factories.NOW) == "dans 3 j"
    assert french.reason("status minor: a person decides") == "statut « mineur » : une personne décide"
    assert french.label("intent", "something_new") == "something new"


def test_a_csv_says_what_the_page_says_and_runs_nothing(console: Console, fill: Fill) -> None:
    def make(session: Session) -> None:
        whole_case(session)
        factories.reading(session, factories.post(session, "encore", network="=cmd"), intent="outage")

    fill(make)
    browser = console.signed_in("analyst")
    answer = browser.get("/trends/networks.csv?days=7")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert rows[1:] == [
        ["'=cmd", "'=cmd", "1", "0", "2026-11-10", "2026-11-16", "Europe/Paris"],
        ["mastodon", "Mastodon", "1", "0", "2026-11-10", "2026-11-16", "Europe/Paris"],
    ]
    for table in ("volume", "intents", "answers"):
        assert browser.get(f"/trends/{table}.csv").status_code == 200
    assert browser.get("/trends?days=1000").status_code == 404
    figures = browser.get("/api/v1/funnel").json()
    assert (figures["brand"], figures["unhappy"]) == ("hirondelle", 2)
