"""The certificate of precision: exact bounds, one error suspends, shadow holds, a shifted base rate is noticed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.evidence import Action, Candidate, Grade, MatchDecision
from routing.linking import decided, forgotten, linking
from routing.matching import certificate as proof
from routing.matching import shift
from routing.matching.bound import lower_bound, needed
from routing.matching.certificate import CertificateRules
from routing.matching.lot import Lot, draw
from storage import grades, link_events
from storage.audits import Counts
from storage.database import Database
from storage.matches import Rates, match_of_post
from storage.tables import GradeStateRow, LinkEventRow, MatchAuditRow, MatchRow, PostRow
from tests.console import factories

RULES = CertificateRules()
BRAND = "hirondelle"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.begin() as opened:
        factories.brand(opened)
        yield opened


@pytest.mark.parametrize(("judged", "bound"), [(300, 0.990), (600, 0.995), (3000, 0.999)])
def test_the_bound_is_the_known_one_without_errors(judged: int, bound: float) -> None:
    assert lower_bound(0, judged) == pytest.approx(bound, abs=1e-4)
    assert lower_bound(0, judged) == pytest.approx(0.05 ** (1 / judged), abs=1e-12)


@pytest.mark.parametrize(
    ("wrong", "judged", "confidence", "bound"),
    # The exact interval of 90 of 100 is .8238 to .9510 at 95 % (two-sided), so .8238 at 97.5 % one-sided.
    [(10, 100, 0.975, 0.8238), (1, 10, 0.95, 0.6058), (5, 10, 0.95, 0.2224), (0, 1, 0.95, 0.05)],
)
def test_the_bound_is_the_published_one(wrong: int, judged: int, confidence: float, bound: float) -> None:
    assert lower_bound(wrong, judged, confidence) == pytest.approx(bound, abs=1e-4)


def test_nothing_known_proves_nothing() -> None:
    assert lower_bound(0, 0) == 0.0
    assert lower_bound(7, 7) == 0.0
    with pytest.raises(ValueError, match="8 wrong of 7"):
        lower_bound(8, 7)


@settings(deadline=None)  # a busy machine is slow
@given(st.integers(0, 40), st.integers(1, 400))
def test_an_error_more_lowers_the_bound_and_a_right_one_raises_it(wrong: int, right: int) -> None:
    judged = wrong + right
    assert lower_bound(wrong, judged) < right / judged
    assert lower_bound(wrong + 1, judged + 1) < lower_bound(wrong, judged)
    assert lower_bound(wrong, judged + 1) > lower_bound(wrong, judged)


def test_as_many_as_needed_certify_and_one_fewer_does_not() -> None:
    for target in (0.9, 0.99, 0.999):
        number = needed(target)
        assert lower_bound(0, number) >= target > lower_bound(0, number - 1)


def linked(session: Session, **changes: Any) -> tuple[MatchRow, PostRow]:
    owner = factories.customer(session)
    post = factories.post(session, writer=factories.author(session))
    return factories.match(session, post, linked=owner, **changes), post


def judged(session: Session, number: int, now: datetime, grade: str = "stated", verdict: str = "right") -> None:
    post = factories.post(session, writer=factories.author(session))
    told = {"brand_id": BRAND, "post_id": post.id, "kind": "link", "grade": grade, "version": "t", "rate": 1.0}
    first = session.query(MatchAuditRow).count()
    session.add_all(
        MatchAuditRow(**told, customer_key=first + n, sampled_at=now, verdict=verdict, by="lea", at=now)
        for n in range(number)
    )
    session.flush()


def may(session: Session, grade: Grade = Grade.STATED, rules: CertificateRules = RULES) -> proof.Permission:
    return proof.may_act(session, BRAND, grade, rules, factories.NOW)


def test_a_new_installation_is_in_shadow_until_the_first_certificate(session: Session) -> None:
    assert (may(session).acts, may(session).state) == (False, "shadow")
    judged(session, needed(0.99) - 1, factories.NOW)
    assert not may(session).acts
    judged(session, 1, factories.NOW)
    assert (may(session).acts, may(session).state) == (True, "certified")
    assert not may(session, Grade.DECLARED).acts, "each grade has a certificate of its own"


def test_an_operator_may_let_it_act_with_a_reason_and_stop_it(session: Session) -> None:
    rules = replace(RULES, start="acting", start_reason="rehearsed on last year's posts")
    assert may(session, rules=rules).acts
    assert "rehearsed on last year's posts" in may(session, rules=rules).why
    proof.decide_grade(session, BRAND, Grade.STATED, "shadow", "new shop system", "lea", factories.NOW)
    assert not may(session, rules=rules).acts
    proof.decide_grade(session, BRAND, Grade.STATED, "acting", "checked by hand", "lea", factories.NOW)
    assert may(session).acts


@pytest.mark.parametrize("grade", [Grade.SUGGESTED, Grade.NONE])
def test_resemblance_never_acts(session: Session, grade: Grade) -> None:
    proof.decide_grade(session, BRAND, grade, "acting", "in a hurry", "lea", factories.NOW)
    judged(session, 400, factories.NOW, grade)
    assert not may(session, grade).acts


def test_what_the_customer_proved_himself_needs_no_audit_but_can_be_stopped(session: Session) -> None:
    assert may(session, Grade.AUTHENTICATED).acts
    for state, acts in (("shadow", False), ("acting", True), ("suspended", False)):
        proof.decide_grade(session, BRAND, Grade.AUTHENTICATED, state, "links were shared", "lea", factories.NOW)
        assert may(session, Grade.AUTHENTICATED).acts is acts, state


def wrong_link(session: Session) -> tuple[Any, PostRow]:
    match, post = linked(session)
    assert match.customer_key is not None
    pair = link_events.pair_of(post, match.customer_key)
    return link_events.record(session, pair, "audit_wrong", "lea", factories.NOW, is_customer=False), post


def test_one_error_suspends_a_certified_grade_until_an_operator_has_looked(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    judged(session, 3000, factories.NOW)
    assert may(session).acts
    event, post = wrong_link(session)
    with caplog.at_level("WARNING"):
        proof.found_wrong(session, event, Grade.STATED, "lea", factories.NOW)
    assert "grade stated are suspended" in caplog.text
    assert (may(session).acts, may(session).state) == (False, "suspended")
    assert f"post {post.id}" in may(session).why
    assert may(session, Grade.DECLARED, replace(RULES, start="acting", start_reason="x")).acts
    proof.decide_grade(session, BRAND, Grade.STATED, "shadow", "the matcher is mended", "lea", factories.NOW)
    assert (may(session).state, may(session).found) == ("shadow", Counts()), "the count begins anew"


def undone(session: Session, event: LinkEventRow) -> None:
    link_events.undo(session, event, "lea", factories.NOW)
    proof.restore(session, BRAND, event, RULES, "lea", factories.NOW)


def test_an_error_that_was_none_restores_what_was(session: Session) -> None:
    judged(session, 300, factories.NOW)
    event, _ = wrong_link(session)
    proof.found_wrong(session, event, Grade.STATED, "lea", factories.NOW)
    undone(session, wrong_link(session)[0])
    assert not may(session).acts, "what had suspended nothing restores nothing"
    undone(session, event)
    assert may(session).state == "certified"


@pytest.mark.parametrize("first_back", [0, 1])
def test_of_two_errors_one_that_was_none_restores_nothing(session: Session, first_back: int) -> None:
    judged(session, 300, factories.NOW)
    errors = [wrong_link(session)[0] for _ in range(2)]
    for event in errors:
        proof.found_wrong(session, event, Grade.STATED, "lea", factories.NOW)
    undone(session, errors[first_back])
    assert may(session).state == "suspended"
    undone(session, errors[1 - first_back])
    assert may(session).state == "certified"


def test_an_operators_word_outlives_the_undoing_of_an_error(session: Session) -> None:
    event, _ = wrong_link(session)
    proof.found_wrong(session, event, Grade.STATED, "lea", factories.NOW)
    proof.decide_grade(session, BRAND, Grade.STATED, "suspended", "the shop moved", "lea", factories.NOW)
    undone(session, event)
    assert (may(session).state, may(session).why) == ("suspended", "the shop moved")


def test_a_certificate_grows_old(session: Session) -> None:
    judged(session, 300, factories.NOW - timedelta(days=366))
    assert not may(session).acts


DECISION = MatchDecision(Grade.STATED, Action.LINK, "C1", (Candidate("C1", 0.99, ()),), 0.001, (), "t")


def test_without_permission_a_link_becomes_a_review_that_says_so() -> None:
    for state, gate in (("shadow", "shadow"), ("suspended", "suspended")):
        done = proof.held(DECISION, proof.Permission(False, state, ""))
        assert (done.action, done.customer_id, done.gates) == (Action.REVIEW, None, (gate,))
    assert proof.held(DECISION, proof.Permission(True, "certified", "")) == DECISION
    review = replace(DECISION, action=Action.REVIEW, customer_id=None)
    assert proof.held(review, proof.Permission(False, "shadow", "")) == review


def test_the_lot_is_fair_and_keyed(session: Session) -> None:
    made = [linked(session)[0] for _ in range(200)]
    rates = {"link": 0.25, "refusal": 0.0}
    first = {match.id for match in made if Lot(b"secret", rates).draws("link", match)}
    assert 25 <= len(first) <= 80
    assert first == {match.id for match in made if Lot(b"secret", rates).draws("link", match)}
    assert first != {match.id for match in made if Lot(b"another", rates).draws("link", match)}
    assert not any(Lot(b"secret", rates).draws("refusal", match) for match in made)


EVERYTHING = Lot(b"s", {"link": 1.0, "refusal": 1.0})


def drawn(session: Session) -> list[tuple[int, str]]:
    rows = session.scalars(select(MatchAuditRow).order_by(MatchAuditRow.id))
    return [(row.post_id, row.kind) for row in rows]


def test_links_and_refusals_are_drawn_and_what_waits_for_a_person_is_not(session: Session) -> None:
    link, _ = linked(session)
    refusal, waiting = (
        factories.match(
            session, factories.post(session, writer=factories.author(session)), factories.customer(session), **told
        )
        for told in ({"action": "none", "review": None}, {})
    )
    for match in (link, refusal, waiting):
        draw(session, match, EVERYTHING, factories.NOW)
    assert drawn(session) == [(link.post_id, "link"), (refusal.post_id, "refusal")]


def test_what_was_drawn_is_asked_no_more_once_it_is_decided_otherwise(session: Session) -> None:
    match, _ = linked(session)
    assert draw(session, match, EVERYTHING, factories.NOW)
    match.action, match.customer_key, match.review = "review", None, "waiting"
    assert not draw(session, match, EVERYTHING, factories.NOW)
    assert drawn(session) == []


def test_what_was_judged_is_not_drawn_again(session: Session) -> None:
    match, _ = linked(session)
    draw(session, match, EVERYTHING, factories.NOW)
    session.query(MatchAuditRow).update({"verdict": "right", "by": "lea", "at": factories.NOW})
    assert not draw(session, match, EVERYTHING, factories.NOW)
    assert len(drawn(session)) == 1


def keep(session: Session, post: PostRow, decision: MatchDecision, rules: CertificateRules) -> MatchRow:
    return decided(session, post, decision, linking(session, BRAND, rules, factories.NOW), factories.NOW)


def words(session: Session) -> list[tuple[str, str]]:
    return [(word.kind, word.by) for word in session.scalars(select(LinkEventRow).order_by(LinkEventRow.id))]


def test_an_automatic_link_is_a_word_and_its_end_another(session: Session) -> None:
    acting = replace(RULES, start="acting", start_reason="x", link_rate=1.0)
    owner, other = factories.customer(session), factories.customer(session)
    post = factories.post(session, writer=factories.author(session))
    to_owner = replace(DECISION, customer_id=owner.customer_id, candidates=(Candidate(owner.customer_id, 0.99, ()),))
    to_other = replace(DECISION, customer_id=other.customer_id, candidates=(Candidate(other.customer_id, 0.98, ()),))
    assert keep(session, post, to_owner, acting).customer_key == owner.id
    keep(session, post, to_owner, acting)
    assert words(session) == [("linked", "vigie")], "said once"
    assert drawn(session) == [(post.id, "link")]
    assert keep(session, post, to_other, acting).customer_key == other.id
    assert words(session) == [("linked", "vigie"), ("undone", "vigie"), ("linked", "vigie")]
    held = keep(session, post, to_other, RULES)
    assert (held.action, held.customer_key, held.review, held.gates) == ("review", None, "waiting", ["shadow"])
    assert words(session)[3:] == [("undone", "vigie")]
    assert drawn(session) == []
    keep(session, post, to_other, acting)
    forgotten(session, post, factories.NOW)
    session.flush()
    assert match_of_post(session, post.id) is None
    assert link_events.automatic_link(session, post.id) is None


@pytest.mark.parametrize(
    ("recent", "is_shift"),
    [
        (Rates(500, 150, 60.0), True),  # three times the links, and the others look like strangers
        (Rates(500, 30, 60.0), False),  # a viral thread as it should be: fewer links
        (Rates(500, 150, 250.0), False),  # a true wave of customers
        (Rates(40, 20, 2.0), False),  # too little to tell
    ],
)
def test_links_may_not_rise_while_customers_get_rarer(recent: Rates, is_shift: bool) -> None:
    assert shift.shifted(Rates(2000, 200, 800.0), recent) is is_shift


def test_case_40_a_base_rate_shift_suspends(session: Session) -> None:
    now = factories.NOW
    for days, links, others, none in ((20, 10, 90, 0.5), (2, 60, 60, 0.98)):
        at = now - timedelta(days=days)
        for _ in range(links):
            linked(session, decided_at=at)
        for _ in range(others):
            post = factories.post(session, writer=factories.author(session))
            factories.match(
                session, post, grade="none", action="none", review=None, none_probability=none, decided_at=at
            )
    acting = replace(RULES, start="acting", start_reason="x")
    assert shift.watch(session, BRAND, acting, now) == [Grade.STATED]
    assert may(session, rules=acting).state == "suspended"
    assert session.query(GradeStateRow).count() == 1
    assert shift.watch(session, BRAND, acting, now) == [], "said once"


def test_what_was_held_is_decided_again_once_its_grade_may_act(session: Session) -> None:
    post, gated = (factories.post(session, writer=factories.author(session)) for _ in range(2))
    factories.match(session, post, factories.customer(session), grade="stated", gates=["shadow"])
    factories.match(session, gated, factories.customer(session), grade="stated", gates=["homoglyph"])
    assert proof.release(session, BRAND, RULES, factories.NOW) == 0
    acting = replace(RULES, start="acting", start_reason="x")
    assert proof.release(session, BRAND, acting, factories.NOW) == 1
    session.expire_all()
    assert (post.stage, gated.stage) == ("read", "routed")


def test_a_grade_can_be_read_in_the_audit(session: Session) -> None:
    proof.decide_grade(session, BRAND, Grade.STATED, "acting", "checked by hand", "lea", factories.NOW)
    assert grades.grade_state(session, BRAND, "stated") is not None
