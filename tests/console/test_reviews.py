"""Reviews: facts before the score, two people for what is sensitive, second looks unmarked, every answer undoable."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import audits, link_events
from storage.reviews import urgency
from storage.tables import (
    CasePostRow,
    CaseRow,
    CustomerRow,
    GradeStateRow,
    LinkEventRow,
    MatchAuditRow,
    MatchRow,
    MessageRow,
    PostRow,
)
from tests.console import factories
from tests.console.harness import Console, Fill
from tests.console.test_pages import under_review


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def newest(console: Console, post_id: int | None = None) -> MatchRow:
    with console.database.read() as session:
        query = select(MatchRow).order_by(MatchRow.id.desc())
        query = query if post_id is None else query.where(MatchRow.post_id == post_id)
        found = session.scalars(query).first()
    assert found is not None
    return found


def words(console: Console) -> list[tuple[str, bool | None]]:
    with console.database.read() as session:
        return [(row.kind, row.is_customer) for row in session.scalars(select(LinkEventRow).order_by(LinkEventRow.id))]


def sensitive(session: Session) -> CaseRow:
    case = under_review(session)
    match = session.scalars(select(MatchRow).order_by(MatchRow.id.desc())).first()
    assert match is not None
    minor = factories.customer(session, name="Camille Roux", status="minor")
    match.candidates = [{**match.candidates[0], "customer_id": minor.customer_id}, match.candidates[1]]
    return case


def linked(session: Session, kind: str = "link") -> MatchRow:
    """An automatic link (or refusal) that was drawn for a second look."""
    owner, post = factories.customer(session), factories.post(session, writer=factories.author(session))
    factories.reading(session, post)
    if kind == "link":
        match: MatchRow = factories.match(session, post, linked=owner)
        factories.case(session, post, owner=owner)
    else:
        match = factories.match(session, post, owner, action="none", review=None)
        factories.case(session, post)
    audits.add_audit(session, match, owner.id, kind, 0.1, factories.NOW)
    return match


def test_grave_likely_and_old_come_first() -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert urgency("high", 0.5, hour) > urgency("normal", 0.5, hour) > urgency("low", 0.5, hour)
    assert urgency("low", 0.9, hour) > urgency("low", 0.2, hour)
    assert urgency("low", 0.0, 30 * day) > urgency("low", 0.9, hour), "nothing waits for ever"


def test_the_page_is_in_that_order_and_unsure_ones_are_last(console: Console, fill: Fill) -> None:
    low, high = (fill(lambda session, s=s: under_review(session, severity=s)) for s in ("low", "high"))
    unsure = fill(lambda session: under_review(session, severity="high"))
    with console.database.begin() as session:
        match = session.scalars(select(MatchRow).order_by(MatchRow.id.desc())).first()
        assert match is not None
        match.review, match.decided_at = "unsure", factories.NOW - timedelta(days=90)
    text = console.signed_in().get("/reviews").text
    places = [text.index(f'href="/cases/{case.id}"') for case in (high, low, unsure)]
    assert places == sorted(places)


def test_the_score_comes_after_the_facts_and_on_demand(console: Console, fill: Fill) -> None:
    fill(under_review)
    text = console.signed_in().get("/reviews").text
    shown, _, rest = text.partition("<details>")
    assert "Probabilité calculée" not in shown
    assert "Rouen" in shown
    assert "Probabilité calculée" in rest
    assert "camille." not in text, "contact data are masked"


def test_an_answer_is_a_word_that_can_be_taken_back(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    browser, match = console.signed_in(), newest(console)
    customer = match.candidates[0]["customer_id"]
    browser.send_form(f"/matches/{match.id}/confirm", customer_id=customer)
    assert words(console) == [("confirmed", True)]
    assert "Vos dernières réponses" in browser.get("/reviews").text
    assert console.signed_in(email="other@example.org").send_form("/links/1/undo").status_code == 404
    assert browser.send_form("/links/1/undo").status_code == 303
    again = newest(console)
    assert (again.review, again.action, again.customer_key, again.decided_by) == ("waiting", "review", None, "vigie")
    with console.database.read() as session:
        assert session.get_one(PostRow, match.post_id).stage == "read", "the case follows at the next routing"
    assert words(console)[-1] == ("undone", None)
    assert browser.send_form("/links/1/undo").status_code == 409
    assert case.id
    assert browser.send_form("/links/99/undo").status_code == 404


def test_who_confirms_sees_all_that_the_customer_said_of_it_in_one_case(console: Console, fill: Fill) -> None:
    asked = fill(under_review)
    match = newest(console)
    customer = match.candidates[0]["customer_id"]

    def elsewhere(session: Session) -> CaseRow:
        owner = session.scalars(select(CustomerRow).filter_by(customer_id=customer)).one()
        post = factories.post(session, "Toujours rien pour mon colis", writer=factories.author(session, "bluesky"))
        factories.reading(session, post)
        factories.match(session, post, linked=owner)
        return factories.case(session, post, owner=owner)

    other = fill(elsewhere)
    form = {"customer_id": customer, "back": f"/cases/{asked.id}"}
    answer = console.signed_in().send_form(f"/matches/{match.id}/confirm", **form)
    with console.database.read() as session:
        cases = {key: session.get_one(CaseRow, key) for key in (asked.id, other.id)}
        (kept,) = [key for key, case in cases.items() if case.state != "merged"]
        assert answer.headers["location"] == f"/cases/{kept}"
        assert {case.merged_into for case in cases.values()} == {None, kept}
        lying = session.scalars(select(CasePostRow.case_id))
        assert set(lying) == {kept}


def test_a_refusal_taken_back_is_no_refusal(console: Console, fill: Fill) -> None:
    fill(under_review)
    browser, match = console.signed_in(), newest(console)
    browser.send_form(f"/matches/{match.id}/refuse", customer_id=match.candidates[0]["customer_id"])
    assert "Écarté par" in browser.get("/reviews").text
    browser.send_form("/links/1/undo")
    assert "Écarté par" not in browser.get("/reviews").text
    assert (
        browser.send_form(f"/matches/{match.id}/refuse", customer_id=match.candidates[0]["customer_id"]).status_code
        == 303
    )
    assert "Écarté par" in browser.get("/reviews").text


def test_what_is_sensitive_takes_two_who_agree(console: Console, fill: Fill) -> None:
    fill(sensitive)
    match, one, two = newest(console), console.signed_in(), console.signed_in(email="lea@example.org")
    customer = match.candidates[0]["customer_id"]
    assert "deux personnes répondent" in one.get("/reviews").text
    before = two.get("/reviews").text
    assert one.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 303
    assert newest(console).review == "waiting"
    assert words(console) == []
    assert "Personne à identifier" in one.get("/reviews").text, "he has done his part"
    assert two.get("/reviews").text == before, "the second sees nothing of the first's answer"
    assert one.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 409
    assert two.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 303
    assert newest(console).review == "confirmed"
    assert words(console) == [("confirmed", True)]


def test_where_two_disagree_an_admin_decides(console: Console, fill: Fill) -> None:
    fill(sensitive)
    match, one, two = newest(console), console.signed_in(), console.signed_in(email="lea@example.org")
    admin = console.signed_in("admin")
    customer = match.candidates[0]["customer_id"]
    one.send_form(f"/matches/{match.id}/confirm", customer_id=customer)
    two.send_form(f"/matches/{match.id}/refuse", customer_id=customer)
    assert newest(console).review == "waiting"
    third = console.signed_in(email="third@example.org")
    assert third.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 409
    assert "Personne à identifier" in third.get("/reviews").text
    assert "un administrateur tranche" in admin.get("/reviews").text
    admin.send_form(f"/matches/{match.id}/refuse", customer_id=customer)
    assert words(console) == [("refused", False)]


def test_a_second_look_is_not_marked(console: Console, fill: Fill) -> None:
    match = fill(linked)
    text = console.signed_in().get("/reviews").text
    article = text[text.index("<article") : text.index("</article>")]
    assert f"/matches/{match.id}/confirm" in article
    assert not [word for word in ("audit", "lot", "second", "certificat") if f" {word}" in article.lower()]


def test_a_right_link_stays_and_counts(console: Console, fill: Fill) -> None:
    match = fill(linked)
    customer = match.candidates[0]["customer_id"]
    answer = console.signed_in().send_form(f"/matches/{match.id}/confirm", customer_id=customer)
    assert answer.status_code == 303
    assert (newest(console).action, newest(console).review) == ("link", None)
    assert words(console) == [("audit_right", True)]
    with console.database.read() as session:
        row = session.query(MatchAuditRow).one()
        assert (row.verdict, row.by) == ("right", "agent.hirondelle@example.org")
        assert session.query(LinkEventRow).one().detail["rate"] == 0.1


def test_one_wrong_link_suspends_its_grade_says_so_and_is_taken_back(console: Console, fill: Fill) -> None:
    match = fill(linked)
    customer, browser = match.candidates[0]["customer_id"], console.signed_in()
    browser.send_form(f"/matches/{match.id}/refuse", customer_id=customer)
    assert (newest(console).action, newest(console).customer_key, newest(console).review) == ("none", None, "refused")
    assert words(console) == [("audit_wrong", False)]
    with console.database.read() as session:
        author = session.get_one(PostRow, match.post_id).author_id
        assert link_events.refused(session, "hirondelle", author) == {match.customer_key}
        assert session.query(GradeStateRow).one().state == "suspended"
        assert session.get_one(PostRow, match.post_id).stage == "read"
    assert "sont suspendus depuis" in browser.get("/").text
    assert console.audits("grade suspended") == 1
    browser.send_form("/links/1/undo")
    assert "sont suspendus depuis" not in browser.get("/").text
    with console.database.read() as session:
        assert session.query(MatchAuditRow).one().verdict is None


@pytest.mark.parametrize(
    ("decision", "verdict", "review"), [("confirm", "wrong", "waiting"), ("refuse", "right", None)]
)
def test_a_refusal_is_looked_at_too(
    console: Console, fill: Fill, decision: str, verdict: str, review: str | None
) -> None:
    match = fill(lambda session: linked(session, "refusal"))
    console.signed_in().send_form(f"/matches/{match.id}/{decision}", customer_id=match.candidates[0]["customer_id"])
    with console.database.read() as session:
        assert session.query(MatchAuditRow).one().verdict == verdict
        assert session.query(GradeStateRow).count() == 0, "a missed link harms nobody"
    assert newest(console).review == review


def test_in_shadow_each_answer_counts_for_the_certificate(console: Console, fill: Fill) -> None:
    def would_link(session: Session) -> MatchRow:
        post = factories.post(session, writer=factories.author(session))
        owner = factories.customer(session)
        match: MatchRow = factories.match(session, post, owner, grade="stated", gates=["shadow"])
        factories.case(session, post)
        return match

    right, wrong = fill(would_link), fill(would_link)
    browser = console.signed_in()
    text = browser.get("/reviews").text
    assert "Mode d’observation" in text
    assert "Serait rapproché" not in text, "the reviewer is not told what the system thinks"
    browser.send_form(f"/matches/{right.id}/confirm", customer_id=right.candidates[0]["customer_id"])
    browser.send_form(f"/matches/{wrong.id}/refuse", customer_id=wrong.candidates[0]["customer_id"])
    with console.database.read() as session:
        assert [row.verdict for row in session.query(MatchAuditRow).order_by(MatchAuditRow.id)] == ["right", "wrong"]
        assert session.query(GradeStateRow).one().grade == "stated"


def test_asking_the_customer_is_offered(console: Console, fill: Fill) -> None:
    case = fill(under_review)
    browser = console.signed_in()
    assert f'href="/claims/new?case={case.id}"' in browser.get("/reviews").text
    assert browser.get(f"/claims/new?case={case.id}").status_code == 200


def test_an_admin_who_has_answered_does_not_end_the_dispute_himself(console: Console, fill: Fill) -> None:
    fill(sensitive)
    match, two = newest(console), console.signed_in(email="lea@example.org")
    admin, other = console.signed_in("admin"), console.signed_in("admin", email="boss@example.org")
    customer = match.candidates[0]["customer_id"]
    admin.send_form(f"/matches/{match.id}/confirm", customer_id=customer)
    two.send_form(f"/matches/{match.id}/refuse", customer_id=customer)
    assert admin.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 409
    assert "Personne à identifier" in admin.get("/reviews").text
    assert other.send_form(f"/matches/{match.id}/confirm", customer_id=customer).status_code == 303
    assert newest(console).review == "confirmed"


def test_a_wrong_link_is_taken_away_from_the_case_and_nothing_more_goes_out(console: Console, fill: Fill) -> None:
    def automatic(session: Session) -> MatchRow:
        owner, post = factories.customer(session), factories.post(session, writer=factories.author(session))
        factories.reading(session, post)
        match: MatchRow = factories.match(session, post, linked=owner)
        case = factories.case(session, post, owner=owner)
        factories.message(session, case, state="reserved", customer_key=owner.id)
        link_events.record(session, link_events.pair_of(post, owner.id), "linked", "vigie", factories.NOW)
        return match

    match = fill(automatic)
    browser = console.signed_in()
    with console.database.read() as session:
        case_id = session.scalars(select(CaseRow.id)).one()
    assert f"/matches/{match.id}/unlink" in browser.get(f"/cases/{case_id}").text
    assert f"/matches/{match.id}/unlink" not in console.signed_in("analyst").get(f"/cases/{case_id}").text
    answer = browser.send_form(f"/matches/{match.id}/unlink")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/cases/{case_id}")
    assert words(console) == [("linked", True), ("refused", False), ("undone", None)]
    assert (newest(console).action, newest(console).review) == ("none", "refused")
    with console.database.read() as session:
        assert session.query(MessageRow).one().state == "cancelled"
        assert session.query(GradeStateRow).one().state == "suspended"
        assert session.get_one(PostRow, match.post_id).stage == "read"
    assert "sont suspendus depuis" in browser.get("/").text
    assert browser.send_form(f"/matches/{match.id}/unlink").status_code == 409
    assert browser.send_form("/links/2/undo").status_code == 303
    assert "sont suspendus depuis" not in browser.get("/").text
    assert console.signed_in("admin").send_form("/links/1/undo").status_code == 404, "the program's word is no answer"
