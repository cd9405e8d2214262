"""Who gets in, what a forged request can do (nothing), and what a page may load (nothing foreign)."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from console.app import create_app
from console.mask import local_path, mask_address, mask_email, mask_phone, mask_text, web_link
from console.security import CONTENT_SECURITY_POLICY, MAX_BODY
from console.throttle import Throttle
from domain.errors import BadInput
from storage import users
from storage.database import Database
from storage.tables import CaseRow, SessionRow, UserRow
from tests.console import factories
from tests.console.harness import SETTINGS, Browser, Console, Fill
from tests.console.test_pages import under_review, whole_case

OWN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}


def sign_in(browser: Browser, email: str, password: str, **more: str) -> int:
    """Fill in the sign-in form as a browser would; the status of the answer."""
    page = browser.get("/sign-in").text
    token = page.split('name="csrf" value="')[1].split('"')[0]
    form = {"email": email, "password": password, "csrf": token, **more}
    answer = browser.post("/sign-in", data=form, headers=OWN)
    browser.last = answer  # type: ignore[attr-defined]
    return int(answer.status_code)


def state_of(console: Console, case_id: int) -> str:
    with console.database.read() as session:
        return session.get_one(CaseRow, case_id).state


# Signing in


def test_a_password_opens_a_session_and_signing_out_ends_it_for_good(console: Console, fill: Fill) -> None:
    fill(lambda session: factories.user(session, "lea@example.org"))
    browser = console.browser()
    assert browser.get("/").headers["location"] == "/sign-in"
    assert sign_in(browser, " LEA@example.org ", factories.PASSWORD) == 303
    cookie = browser.last.headers["set-cookie"].lower()  # type: ignore[attr-defined]
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    kept = browser.cookies["vigie_session"]
    text = browser.get("/").text
    browser.csrf = text.split('name="csrf" value="')[1].split('"')[0]
    assert browser.send_form("/sign-out").status_code == 303
    browser.cookies.set("vigie_session", kept)
    assert browser.get("/").status_code == 303, "the old cookie is worth nothing"
    assert console.audits("sign_in") == 1


def test_only_a_hash_of_the_secret_is_kept(console: Console) -> None:
    browser = console.signed_in()
    with console.database.read() as session:
        kept = list(session.scalars(select(SessionRow.token_hash)))
    assert browser.cookies["vigie_session"] not in kept


def test_a_planted_cookie_is_not_taken_over(console: Console, fill: Fill) -> None:
    fill(lambda session: factories.user(session, "lea@example.org"))
    browser = console.browser()
    browser.cookies.set("vigie_session", "planted")
    assert sign_in(browser, "lea@example.org", factories.PASSWORD) == 303
    assert "planted" not in browser.last.headers["set-cookie"]  # type: ignore[attr-defined]


def test_an_idle_session_ends_and_so_does_an_old_one(console: Console) -> None:
    browser = console.signed_in()
    console.clock.forward(hours=7)
    assert browser.get("/").status_code == 200
    console.clock.forward(hours=7)
    assert browser.get("/").status_code == 200, "the first page kept it alive"
    console.clock.forward(hours=9)
    assert browser.get("/").status_code == 303
    busy = console.signed_in(email="other@example.org")
    for _ in range(5):
        console.clock.forward(hours=5)
        last = busy.get("/").status_code
    assert last == 303, "after 24 hours it ends, however busy"


def test_unknown_users_wrong_passwords_and_disabled_users_look_alike(console: Console, fill: Fill) -> None:
    fill(lambda session: factories.user(session, "lea@example.org"))
    fill(lambda session: factories.user(session, "gone@example.org"))
    fill(lambda session: users.disable_user(session, "gone@example.org", factories.NOW))
    pages = []
    for email, password in (
        ("lea@example.org", "wrong password"),
        ("nobody@example.org", "wrong password"),
        ("gone@example.org", factories.PASSWORD),
    ):
        browser = console.browser()
        assert sign_in(browser, email, password) == 401
        pages.append(browser.last.text.replace(email, "").split("csrf")[0])  # type: ignore[attr-defined]
    assert len(set(pages)) == 1


def test_an_unknown_user_costs_a_password_check_too(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr(users, "password_fits", lambda password, stored: checked.append(stored) is not None)
    with console.database.read() as session:
        assert users.authenticate(session, "nobody@example.org", "x") is None
    assert len(checked) == 1


def test_failures_are_throttled(console: Console, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "password_fits", lambda password, stored: password == factories.PASSWORD)
    fill(lambda session: factories.user(session, "lea@example.org"))
    browser = console.browser()
    statuses = [sign_in(browser, "lea@example.org", f"wrong {turn}") for turn in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    assert sign_in(browser, "lea@example.org", factories.PASSWORD) == 429, "also the right one has to wait"
    console.clock.forward(minutes=16)
    assert sign_in(browser, "lea@example.org", factories.PASSWORD) == 303


def test_the_throttle_counts_addresses_and_stays_small() -> None:
    throttle, now = Throttle(), factories.NOW
    for turn in range(60):
        throttle.failed(f"user{turn}", "192.0.2.1", now)
    assert throttle.wait("new", "192.0.2.1", now) == timedelta(minutes=15)
    assert throttle.wait("new", "192.0.2.2", now) is None
    for turn in range(20_000):
        throttle.failed(f"u{turn}", f"a{turn}", now)
    assert len(throttle._failures) <= 10_000


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/cases/1?x=1", "/cases/1?x=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\nSet-Cookie: a=b", "/"),
    ],
)
def test_signing_in_leads_nowhere_else(console: Console, fill: Fill, wanted: str, reached: str) -> None:
    assert local_path(wanted) == reached


def test_the_sign_in_form_cannot_be_forged(console: Console, fill: Fill) -> None:
    fill(lambda session: factories.user(session, "lea@example.org"))
    form = {"email": "lea@example.org", "password": factories.PASSWORD, "csrf": "guess"}
    assert console.browser().post("/sign-in", data=form, headers=OWN).status_code == 403


def test_a_disabled_user_is_out_at_once(console: Console, fill: Fill) -> None:
    browser = console.signed_in(email="lea@example.org")
    assert browser.get("/").status_code == 200
    fill(lambda session: users.disable_user(session, "lea@example.org", factories.NOW))
    assert browser.get("/").status_code == 303


def test_a_new_password_ends_every_session(console: Console, fill: Fill) -> None:
    browser = console.signed_in(email="lea@example.org")
    fill(
        lambda session: users.ensure_user(
            session, "lea@example.org", "Léa", "another long phrase", "agent", ["hirondelle"], factories.NOW
        )
    )
    assert browser.get("/").status_code == 303


def test_with_https_the_cookie_is_bound_to_the_host(console: Console) -> None:
    settings = Settings.model_validate({**SETTINGS, "console": {"secure_cookie": True}})
    browser = Browser(create_app(console.database, settings, console.clock), base_url="https://testserver")
    cookie = browser.get("/sign-in").headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "secure" in cookie.lower()


# Users


@pytest.mark.parametrize(
    ("email", "password", "role", "brands"),
    [
        ("no address", "long enough it is", "agent", ["hirondelle"]),
        ("lea@example.org", "short", "agent", ["hirondelle"]),
        ("lea@example.org", "long enough it is", "king", ["hirondelle"]),
        ("lea@example.org", "long enough it is", "agent", ["unknown"]),
        ("lea@example.org", "long enough it is", "agent", []),
    ],
)
def test_impossible_users_are_refused(
    console: Console, email: str, password: str, role: str, brands: list[str]
) -> None:
    with pytest.raises(BadInput), console.database.begin() as session:
        users.ensure_user(session, email, "Léa", password, role, brands, factories.NOW)


def test_the_same_user_twice_is_one(console: Console) -> None:
    for _ in range(2):
        with console.database.begin() as session:
            users.ensure_user(
                session, "Lea@Example.org", "Léa", "a long phrase", "agent", ["hirondelle"], factories.NOW
            )
    with console.database.read() as session:
        assert list(session.scalars(select(UserRow.email))) == ["lea@example.org"]


def test_a_password_is_kept_as_scrypt() -> None:
    stored = users.hash_password("un mot de passe é")
    assert stored.startswith("scrypt$")
    assert users.password_fits("un mot de passe e\u0301", stored), "composed or not, it is the same password"
    assert not users.password_fits("un mot de passe", stored)


# Forged requests


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://testserver.evil.example"},
    ],
)
def test_a_form_from_elsewhere_changes_nothing(console: Console, fill: Fill, headers: dict[str, str]) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    form = {"csrf": browser.csrf, "revision": str(case.revision)}
    assert browser.post(f"/cases/{case.id}/resolve", data=form, headers=headers).status_code == 403
    assert state_of(console, case.id) == "new"


@pytest.mark.parametrize("token", ["", "guess", "é"])
def test_a_form_without_its_token_changes_nothing(console: Console, fill: Fill, token: str) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    assert browser.send_form(f"/cases/{case.id}/resolve", csrf=token, revision=case.revision).status_code == 403
    assert state_of(console, case.id) == "new"


def test_the_token_of_another_session_is_none(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    other = console.signed_in(email="other@example.org")
    browser = console.signed_in(email="lea@example.org")
    answer = browser.send_form(f"/cases/{case.id}/resolve", csrf=other.csrf, revision=case.revision)
    assert answer.status_code == 403


def test_reading_changes_nothing(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    browser = console.signed_in()
    for path in (f"/cases/{case.id}/resolve", f"/cases/{case.id}/assign", "/matches/1/confirm", "/messages/1/settle"):
        assert browser.get(path).status_code in (404, 405), path
    assert browser.get("/sign-out").status_code == 405
    assert browser.get("/").status_code == 200
    assert state_of(console, case.id) == "new"


def test_a_body_that_no_form_of_ours_has_is_refused(console: Console, fill: Fill) -> None:
    case = fill(whole_case)
    answer = console.signed_in().send_form(f"/cases/{case.id}/note", text="x" * (MAX_BODY + 1))
    assert answer.status_code == 413


# Rights


def test_another_brands_rows_do_not_exist(console: Console, fill: Fill) -> None:
    case, review = fill(lambda session: (whole_case(session), under_review(session)))
    stranger = console.signed_in("admin", "pelican")
    for path in (f"/cases/{case.id}", "/?brand=hirondelle", "/trends?brand=hirondelle", "/reviews?brand=hirondelle"):
        assert stranger.get(path).status_code == 404, path
    assert stranger.get("/trends/volume.csv?brand=hirondelle").status_code == 404
    assert stranger.get("/api/v1/funnel?brand=hirondelle").status_code == 404
    match, message = fill(lambda session: _ids(session, review.id, case.id))
    for path, values in (
        (f"/cases/{case.id}/resolve", {"revision": case.revision}),
        (f"/cases/{case.id}/note", {"text": "x"}),
        (f"/matches/{match}/confirm", {"customer_id": "C1"}),
        (f"/messages/{message}/settle", {"was_sent": "true"}),
    ):
        assert stranger.send_form(path, **values).status_code == 404, path
    for path in ("/", "/reviews", "/messages"):
        text = stranger.get(path).text
        assert "Camille" not in text
        assert "colis" not in text.lower()


def test_a_user_of_two_brands_switches_and_the_links_keep_the_brand(console: Console, fill: Fill) -> None:
    def make(session: Session) -> CaseRow:
        writer = factories.author(session, brand_id="pelican")
        told = factories.post(session, "Pélican en panne", writer, brand_id="pelican")
        return factories.case(session, told)

    fill(whole_case)
    other = fill(make)
    browser = console.signed_in("agent", "hirondelle", "pelican")
    assert "Pélican en panne" not in browser.get("/").text
    text = browser.get("/?brand=pelican").text
    assert "Pélican en panne" in text
    assert 'href="/reviews?brand=pelican"' in text
    assert browser.get(f"/cases/{other.id}").status_code == 200
    assert "Pélican en panne" in browser.get(f"/cases/{other.id}").text


def test_analysts_cannot_act(console: Console, fill: Fill) -> None:
    case, review = fill(lambda session: (whole_case(session), under_review(session)))
    match, message = fill(lambda session: _ids(session, review.id, case.id))
    analyst = console.signed_in("analyst")
    for path, values in (
        (f"/cases/{case.id}/assign", {"revision": case.revision}),
        (f"/cases/{case.id}/resolve", {"revision": case.revision}),
        (f"/cases/{case.id}/note", {"text": "x"}),
        (f"/matches/{match}/refuse", {"customer_id": "C1"}),
        (f"/messages/{message}/settle", {"was_sent": "true"}),
    ):
        assert analyst.send_form(path, **values).status_code == 403, path


def test_a_user_without_any_brand_sees_nothing(console: Console, fill: Fill) -> None:
    browser = console.signed_in(email="lea@example.org")

    def take_away(session: Session) -> None:
        for right in session.scalars(select(factories.UserBrandRow)):
            session.delete(right)

    fill(take_away)
    assert browser.get("/").status_code == 403


def _ids(session: Session, review_id: int, case_id: int) -> tuple[int, int]:
    match = session.scalar(
        select(factories.MatchRow.id)
        .join(factories.CasePostRow, factories.CasePostRow.post_id == factories.MatchRow.post_id)
        .where(factories.CasePostRow.case_id == review_id)
    )
    message = session.scalar(select(factories.MessageRow.id).where(factories.MessageRow.case_id == case_id))
    return int(match or 0), int(message or 0)


# What a page may do


def test_the_policy_allows_nothing_but_our_own_files() -> None:
    rules = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("frame-ancestors") == "'none'"
    assert rules.pop("base-uri") == "'none'"
    assert set(rules) == {"script-src", "style-src", "img-src", "form-action"}
    assert set(rules.values()) == {"'self'"}


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nowhere", "/healthz", "/static/console.css", "/api/v1/x"])
def test_every_answer_carries_the_policy(console: Console, path: str) -> None:
    answer = console.signed_in().get(path)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert ("immutable" if path.startswith("/static") else "no-store") in answer.headers["cache-control"]


# Masks


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("email", "alice@example.org", "a****@example.org"),
        ("sms", "+33612345678", "06 •• •• •• 78"),
        ("phone", "+442079460018", "+44 •• •• •• 18"),
        ("address", "2 bis rue du Moulin", "2 ••••"),
        ("email", "not an address", "no••••"),
    ],
)
def test_addresses_are_masked(kind: str, value: str, shown: str) -> None:
    assert mask_address(kind, value) == shown


def test_masks_leave_order_numbers_alone() -> None:
    text = mask_text("HR2079228272, écrivez à zoe.p@example.org ou au 06 39 98 97 62")
    assert text == "HR2079228272, écrivez à z****@example.org ou au 06 •• •• •• 62"
    assert mask_text("mon IBAN FR76 3000 6000 0112 3456 7890 189 !") == "mon IBAN FR76 •••• !"
    assert mask_email("") == "****"
    assert mask_phone("12") == "•• •• •• 12"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil", "http://a\nb", "ftp://x", "http://[", None]
)
def test_only_web_addresses_become_links(url: str | None) -> None:
    assert web_link(url) is None


def test_the_console_opens_nothing_before_the_first_request(database: Database) -> None:
    create_app(Database("postgresql://nobody@192.0.2.1/none"), Settings.model_validate(SETTINGS), lambda: factories.NOW)
