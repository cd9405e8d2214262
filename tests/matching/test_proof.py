"""What a link may do by itself: held in shadow, certified by second looks, stopped by one error, mended by undoing."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.settings import Settings
from config.wiring import App
from console import verdicts
from console.verdicts import Reviewer
from domain.evidence import Grade
from domain.message import MessageState
from domain.post import Author, Post
from routing.matching import certificate
from routing.matching.bound import needed
from routing.outbox import Cancel
from storage import link_events
from storage.matches import forget_candidates
from storage.people import erase_customer
from storage.tables import CaseRow, LinkEventRow, MatchAuditRow, MatchRow, MessageRow, PostRow
from tests.matching.world import EMAIL, NOW, ORDER, OTHER_ORDER, World, account, claire, crowd, gone, person, who

CLAIRE = who("Claire Martin")
PAUL = who("Paul Durand", "a2")
YEAR = timedelta(days=365)


@pytest.fixture(autouse=True)
def file(world: World) -> None:
    world.know(claire(), person("C2", "Paul", "Durand", emails=("paul@example.org",), city="Nantes"), *crowd())
    world.order(ORDER, "C1")
    world.order(OTHER_ORDER, "C2")


def ruled(world: World, **matching: object) -> None:
    """The same brand under other rules of matching."""
    brand = world.app.settings.brand.model_dump()
    world.app = App(Settings.model_validate({"brand": brand, "matching": matching}))


def acting(world: World, **audit: float) -> None:
    ruled(world, start="acting", start_reason="rehearsed", audit=audit)


def reviewer(world: World, email: str = "lea@example.org", is_admin: bool = False) -> Reviewer:
    return Reviewer(email, is_admin, world.app.certificate_rules(), world.now)


def complains(world: World, order: str = ORDER, by: Author = CLAIRE) -> Post:
    post = world.post(f"{order} ?", by)  # too short to be taken for a copy
    world.route(post)
    return post


def words(session: Session) -> list[tuple[str, str]]:
    return [(word.kind, word.by) for word in session.scalars(select(LinkEventRow).order_by(LinkEventRow.id))]


def held(world: World, post: Post) -> bool:
    match = world.match_of(post)
    return (match.action, match.customer_key, match.review) == ("review", None, "waiting")


def case_of(world: World) -> CaseRow:
    world.session.expire_all()
    (case,) = world.cases()
    return case


def test_in_shadow_nothing_is_linked_and_nobody_is_written_to(world: World, session: Session) -> None:
    ruled(world)
    post = complains(world)
    match = world.match_of(post)
    assert (match.grade, match.gates) == ("stated", ["shadow"])
    assert held(world, post)
    world.plan()
    assert (case_of(world).customer_key, world.messages(), words(session)) == (None, [], [])


def test_the_first_certificate_ends_the_shadow(world: World, session: Session) -> None:
    ruled(world, audit={"target_stated": 0.7})
    posts = [complains(world) for _ in range(needed(0.7))]
    for post in posts[1:]:
        verdicts.answer(session, world.match_of(post).id, "confirm", "C1", reviewer(world))
    rules = world.app.certificate_rules()
    assert certificate.release(session, world.brand.id, rules, world.now) == 0, "one short"
    later = complains(world, OTHER_ORDER, PAUL)
    assert held(world, later)
    verdicts.answer(session, world.match_of(posts[0]).id, "confirm", "C1", reviewer(world))
    assert certificate.release(session, world.brand.id, rules, world.now) == 1
    world.route()
    assert (world.match_of(later).action, world.match_of(later).gates) == ("link", [])
    assert words(session)[-1] == ("linked", "vigie")


def test_a_wrong_link_is_taken_away_its_grade_stops_and_the_pair_is_not_proposed_again(
    world: World, session: Session
) -> None:
    acting(world)
    post = complains(world)
    world.plan()
    (message,) = world.messages()
    assert (message.address, words(session)) == (EMAIL, [("linked", "vigie")])
    verdicts.unlink(session, world.match_of(post).id, reviewer(world))
    assert world.messages() == [], "nothing more goes out to her, before the next routing already"
    assert words(session) == [("linked", "vigie"), ("refused", "lea@example.org"), ("undone", "lea@example.org")]
    world.plan()
    assert world.messages() == []
    world.route()
    assert case_of(world).customer_key is None
    assert "C1" not in [told["customer_id"] for told in world.match_of(complains(world)).candidates]
    assert held(world, complains(world, OTHER_ORDER, PAUL)), "one error is enough"


def test_what_was_no_error_is_undone_and_all_is_as_before(world: World, session: Session) -> None:
    acting(world)
    post = complains(world)
    verdicts.unlink(session, world.match_of(post).id, reviewer(world))
    world.route()
    word = session.scalars(select(LinkEventRow).filter_by(kind="refused")).one()
    verdicts.take_back(session, word.id, world.brand.id, reviewer(world))
    world.route()
    assert world.owner(case_of(world)) == "C1"
    assert not held(world, complains(world, OTHER_ORDER, PAUL))


def test_the_customer_is_taken_out_of_a_case_even_after_a_letter_and_a_person_goes_on(
    world: World, session: Session
) -> None:
    acting(world)
    post = complains(world)
    world.plan()
    (message,) = world.messages()
    message.state, message.handed_over_at = MessageState.HANDED_OVER, world.now
    session.flush()
    verdicts.unlink(session, world.match_of(post).id, reviewer(world))
    world.route()
    assert (case_of(world).customer_key, case_of(world).contact_state) == (None, "person")
    world.plan()
    assert [one.id for one in world.messages()] == [message.id]


def test_a_suspended_grade_sends_nothing_that_was_reserved_or_planned_before(world: World, session: Session) -> None:
    acting(world)
    complains(world)
    world.plan()
    (message,) = world.messages()
    certificate.decide_grade(
        session, world.brand.id, Grade.STATED, "suspended", "a complaint came in", "lea", world.now
    )
    told = world.app.recheck(session, message)
    assert isinstance(told, Cancel)
    assert "grade stated" in told.reason
    case = case_of(world)
    case.contact_state = "pending"
    assert world.plan().ask_person == 1


@pytest.mark.parametrize("has_left", [True, False])
def test_what_has_led_to_a_letter_is_not_asked_about_again_what_has_not_is(
    world: World, session: Session, has_left: bool
) -> None:
    acting(world)
    post = complains(world)
    world.plan()
    if has_left:
        (message,) = world.messages()
        message.state, message.handed_over_at = MessageState.HANDED_OVER, world.now
    certificate.decide_grade(session, world.brand.id, Grade.STATED, "suspended", "a wrong letter", "lea", world.now)
    world.know(person("C3", "Anne", "Petit"))
    world.route()
    assert held(world, post) is not has_left
    assert (case_of(world).customer_key is not None) is has_left


def test_what_a_person_confirmed_goes_on_while_its_grade_is_suspended(world: World, session: Session) -> None:
    ruled(world)
    post = complains(world)
    verdicts.answer(session, world.match_of(post).id, "confirm", "C1", reviewer(world))
    world.plan()
    assert [one.address for one in world.messages()] == [EMAIL]


def test_links_and_refusals_are_drawn_and_a_wrong_one_suspends(world: World, session: Session) -> None:
    acting(world, link_rate=1.0, refusal_rate=1.0)
    post = complains(world)
    audit = session.scalars(select(MatchAuditRow)).one()
    assert (audit.kind, audit.grade, audit.rate) == ("link", "stated", 1.0)
    verdicts.answer(session, world.match_of(post).id, "refuse", "C1", reviewer(world))
    assert (audit.verdict, held(world, complains(world, OTHER_ORDER, PAUL))) == ("wrong", True)


def test_a_declared_account_is_believed_for_a_year(world: World, session: Session) -> None:
    acting(world)
    world.know(claire(accounts=(account(),)))
    assert world.says("toujours rien").grade == "declared"
    assert link_events.date_accounts(session, world.brand.id, YEAR) == 1
    world.now = NOW + YEAR + timedelta(days=1)
    assert world.says("toujours rien").grade != "declared"


def test_a_declared_account_that_is_refused_is_not_linked_again(world: World, session: Session) -> None:
    acting(world)
    world.know(claire(accounts=(account(),)))
    post = world.post("toujours rien")
    world.route(post)
    assert world.match_of(post).grade == "declared"
    verdicts.unlink(session, world.match_of(post).id, reviewer(world))
    world.route()
    again = complains(world)
    assert session.scalars(select(MatchRow).filter_by(action="link")).all() == []
    assert world.match_of(again).customer_key is None


def test_a_deleted_post_ends_its_link_and_is_asked_about_no_more(world: World, session: Session) -> None:
    acting(world, link_rate=1.0)
    post = complains(world)
    world.route(gone(post, world.now))
    assert words(session) == [("linked", "vigie"), ("undone", "vigie")]
    assert session.scalars(select(MatchAuditRow)).all() == []


def test_erasing_a_customer_ends_what_was_said_of_him(world: World, session: Session) -> None:
    acting(world, link_rate=1.0)
    complains(world)
    assert erase_customer(session, world.brand.id, "C1", "dpo", world.now) is not None
    assert [kind for kind, _ in words(session)] == ["linked", "undone"]
    assert session.scalars(select(MatchAuditRow.customer_key)).all() in ([None], [])
    assert session.scalars(select(MessageRow.customer_key)).all() in ([None], [])


def test_whom_a_post_was_compared_with_in_vain_is_let_go_of_after_a_week(world: World, session: Session) -> None:
    acting(world, link_rate=0.0, refusal_rate=0.0)
    world.know(*(person(f"N{number}", "Claire", "Martin", city="Brest") for number in range(30)))
    posts = [complains(world), complains(world, "Lyon"), complains(world, "Bonjour", who("C. Martin", "a9"))]
    linked, waiting, nobody = (world.match_of(post) for post in posts)
    assert [(one.action, one.review) for one in (linked, waiting, nobody)] == [
        ("link", None),
        ("review", "waiting"),
        ("none", None),
    ]
    assert all(len(one.candidates) > 1 for one in (linked, waiting, nobody))
    of_her, asked = linked.candidates[:1], waiting.candidates

    def let_go(after: timedelta) -> int:
        done = forget_candidates(session, world.brand.id, NOW + after, 100)
        session.flush()
        session.expire_all()
        return done

    assert let_go(timedelta()) == 0
    assert let_go(timedelta(seconds=1)) == 2
    assert let_go(timedelta(seconds=1)) == 0
    assert (linked.candidates, waiting.candidates, nobody.candidates) == (of_her, asked, [])
    said = nobody.decided_at
    world.now += timedelta(days=8)
    world.route(world.post("autre", PAUL))
    session.get_one(PostRow, nobody.post_id).stage = "read"
    world.route()
    assert (nobody.candidates, nobody.decided_at) == ([], said), "saying it again brings nobody back"
