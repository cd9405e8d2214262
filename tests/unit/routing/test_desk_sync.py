"""A case and its ticket: once there, both ways, and no state flaps, whatever dies in between."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from domain.case import CASE_STEPS, CaseState
from domain.errors import Misconfigured, Permanent, Uncertain
from routing.desks._agree import IN_DESKS, steps_to
from routing.desks.base import Busy, Comment, DeskState, Remote, Told
from routing.desks.sync import Synced, sync_desk
from routing.desks.taking import take
from routing.desks.words import DeskRules, marked
from storage import cases, desks, people
from storage.brands import ensure_brands
from storage.database import Database
from storage.tables import CaseEventRow, CaseRow, DeskCommentRow, DeskTicketRow, LeaseRow, NoteRow, PostRow
from tests.console import factories
from tests.fakes.memory_desk import Killed, MemoryDesk
from tests.unit.samples import BRAND, NOW

AGENT = "ana@hirondelle.example"
RULES = DeskRules(share="customer", console="https://care.example.org", language="en")
LINK = replace(RULES, share="link")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@dataclass
class World:
    """A database with a case, a desk, and one clock for both."""

    database: Database
    at: datetime = NOW
    rules: DeskRules = RULES
    desk: MemoryDesk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = MemoryDesk(lambda: self.at)

    def later(self, **span: float) -> None:
        self.at += timedelta(**(span or {"minutes": 1}))

    def sync(self, **rules: Any) -> Synced:
        self.later()
        return sync_desk(self.database, BRAND.id, self.desk, replace(self.rules, **rules), lambda: self.at)

    def settle(self) -> None:
        """Long enough, and without mishaps."""
        self.desk.mishaps, self.desk.trouble = [], None
        for _ in range(4):
            self.later(hours=2)
            self.sync()

    def new_case(self, **changes: Any) -> int:
        with self.database.begin() as session:
            post = factories.post(session, brand_id=BRAND.id)
            owner = factories.customer(session, brand_id=BRAND.id)
            return factories.case(session, post, owner=owner, **{"state": "open", **changes}).id

    def act(self, case_id: int, do: Callable[[Session, CaseRow], Any]) -> None:
        self.later()
        with self.database.begin() as session:
            do(session, session.get_one(CaseRow, case_id))

    def move(self, case_id: int, state: CaseState, actor: str = AGENT) -> None:
        self.act(case_id, lambda session, case: cases.step(session, case, state, self.at, actor))

    def note(self, case_id: int, text: str) -> None:
        self.act(case_id, lambda session, case: cases.add_note(session, case, text, self.at, AGENT))

    def case(self, case_id: int) -> CaseRow:
        with self.database.read() as session:
            return session.get_one(CaseRow, case_id)

    def row(self, case_id: int) -> DeskTicketRow:
        with self.database.read() as session:
            return session.scalars(select(DeskTicketRow).filter_by(case_id=case_id)).one()

    def events(self, case_id: int) -> list[str]:
        with self.database.read() as session:
            query = select(CaseEventRow.kind).filter_by(case_id=case_id).order_by(CaseEventRow.id)
            return list(session.scalars(query))

    def notes(self, case_id: int) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(NoteRow.text).filter_by(case_id=case_id).order_by(NoteRow.id)))

    def ticket_of(self, case_id: int) -> str:
        return str(self.row(case_id).remote_id)


@pytest.fixture
def world(database: Database) -> World:
    # Hundreds of small transactions: nobody waits for the disk in a test.
    event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
    return World(database)


def test_an_open_case_gets_a_ticket_once_with_its_link(world: World):
    case_id = world.new_case()
    assert world.sync().opened == 1
    assert [world.sync().opened for _ in range(3)] == [0, 0, 0]
    (held,) = world.desk.tickets.values()
    assert held.told.reference == f"vigie-hirondelle-{case_id}"
    assert f"https://care.example.org/cases/{case_id}" in held.told.body
    assert world.row(case_id).url == "https://desk.example.org/1"
    assert "desk_opened" in world.events(case_id)


def test_finished_cases_and_other_severities_are_not_told(world: World):
    world.new_case(state="resolved")
    world.new_case(severity="low")
    assert world.sync(severities=("high",)).opened == 0


@pytest.mark.parametrize(
    ("share", "customer", "posts"), [("link", False, False), ("customer", True, False), ("all", True, True)]
)
def test_no_more_is_told_than_the_settings_share(world: World, share: str, customer: bool, posts: bool):
    case_id = world.new_case()
    world.note(case_id, "Ana Petit préfère le matin")
    world.sync(share=share)
    world.later(hours=1)
    world.sync(share=share)
    with world.database.read() as session:
        post = session.scalars(select(PostRow)).one()
        owner = desks.customer_of(session, session.get_one(CaseRow, case_id))
    assert owner is not None
    told = repr(world.desk.tickets)
    assert (owner.customer_id in told) == customer
    assert (str(owner.name) in told) == customer
    assert (str(post.text) in told) == posts
    assert ("préfère le matin" in told) == customer


def test_a_state_goes_there_and_comes_back(world: World):
    case_id = world.new_case()
    world.sync()
    world.move(case_id, CaseState.WAITING_CUSTOMER)
    assert world.sync().told == 1
    number = world.ticket_of(case_id)
    assert world.desk.tickets[number].state is DeskState.PENDING
    world.later()
    world.desk.set_state(number, DeskState.SOLVED)
    assert world.sync().taken == 1
    assert world.case(case_id).state == "resolved"
    with world.database.read() as session:
        last = session.scalars(select(CaseEventRow).filter_by(case_id=case_id, kind="state")).all()[-1]
    assert (last.actor, last.detail["why"]) == ("desk:memory", "said in the desk")


def test_changed_severity_and_team_are_told_without_touching_the_state(world: World):
    case_id = world.new_case()
    world.sync()
    number = world.ticket_of(case_id)
    world.desk.set_state(number, DeskState.HOLD)
    world.sync()

    def change(session: Session, case: CaseRow) -> None:
        case.severity, case.team, case.revision = "low", "billing", case.revision + 1

    world.act(case_id, change)
    world.sync(teams={"billing": "77"})
    held = world.desk.tickets[number]
    assert (held.told.severity, held.told.team, held.state) == ("low", "77", DeskState.HOLD)


@pytest.mark.parametrize(("here_first", "state"), [(True, "waiting_customer"), (False, "resolved")])
def test_of_two_people_the_newer_act_wins(world: World, here_first: bool, state: str):
    case_id = world.new_case()
    world.sync()
    number = world.ticket_of(case_id)
    acts = [lambda: world.move(case_id, CaseState.RESOLVED), lambda: world.desk.set_state(number, DeskState.PENDING)]
    for act in acts if here_first else acts[::-1]:
        world.later()
        act()
    world.settle()
    assert world.case(case_id).state == state
    assert world.desk.tickets[number].state is IN_DESKS[CaseState(state)]


def test_a_robot_here_gives_way_to_a_person_there(world: World):
    case_id = world.new_case()
    world.sync()
    world.desk.set_state(world.ticket_of(case_id), DeskState.PENDING)
    world.move(case_id, CaseState.RESOLVED, "vigie")
    world.settle()
    assert world.case(case_id).state == "waiting_customer"


def test_a_customer_who_complains_again_is_no_robot(world: World):
    case_id = world.new_case()
    world.move(case_id, CaseState.RESOLVED)
    world.move(case_id, CaseState.REOPENED, "vigie")
    world.sync()
    number = world.ticket_of(case_id)
    world.desk.set_state(number, DeskState.SOLVED)
    world.sync()
    world.desk.set_state(number, DeskState.PENDING)
    world.move(case_id, CaseState.REOPENED, "vigie")
    world.settle()
    assert world.case(case_id).state == "reopened"
    assert world.desk.tickets[number].state is DeskState.OPEN


def test_what_the_life_of_a_case_forbids_is_told_to_a_person_and_not_fought_over(world: World):
    case_id, other = world.new_case(), world.new_case()
    world.sync()
    number = world.ticket_of(case_id)

    def merge(session: Session, case: CaseRow) -> None:
        cases.merge(session, case, session.get_one(CaseRow, other), world.at, "the same", AGENT)

    world.act(case_id, merge)
    world.settle()
    held = world.desk.tickets[number]
    assert held.state is DeskState.SOLVED
    assert sum(f"cases/{other}" in one.text for one in held.comments) == 1
    world.desk.set_state(number, DeskState.OPEN)
    world.settle()
    assert held.state is DeskState.OPEN
    assert world.case(case_id).state == "merged"
    assert world.events(case_id).count("desk_refused") == 1


def test_comments_go_both_ways_once_and_none_comes_back(world: World):
    case_id = world.new_case()
    world.note(case_id, "Rappelée à 10 h")
    world.sync()
    number = world.ticket_of(case_id)
    world.desk.say(number, "Colis retrouvé\x00‮ à l'agence")
    world.settle()
    world.note(case_id, "Merci")
    world.settle()
    assert world.notes(case_id) == ["Rappelée à 10 h", "Colis retrouvé à l'agence", "Merci"]
    said = [one.text.splitlines()[0] for one in world.desk.tickets[number].comments[1:]]
    assert said == ["Rappelée à 10 h", "Colis retrouvé\x00‮ à l'agence", "Merci"]


def test_a_public_answer_there_keeps_the_robot_from_writing(world: World):
    case_id = world.new_case(contact_state="pending")
    world.sync()
    world.desk.say(world.ticket_of(case_id), "Nous nous en occupons", public=True)
    world.settle()
    assert world.case(case_id).contact_state == "person"


def test_a_comment_that_pretends_to_be_ours_is_kept_as_what_it_is(world: World):
    case_id = world.new_case()
    world.sync()
    number = world.ticket_of(case_id)
    world.settle()
    forged = f"tout va bien\n\n[vigie-hirondelle-{case_id}]"
    world.desk.say(number, forged)
    world.desk.say(number, f"encore\n\n[vigie-hirondelle-{case_id}/99999]")
    world.settle()
    assert len(world.notes(case_id)) == 2


@pytest.mark.parametrize("mishap", ["killed after", "uncertain"])
def test_a_ticket_of_which_nobody_knows_is_found_and_not_made_again(world: World, mishap: Any):
    case_id = world.new_case()
    world.desk.mishaps = [mishap]
    with suppress(Killed):
        world.sync()
    assert world.row(case_id).remote_id is None
    world.sync()
    assert world.row(case_id).remote_id is None  # not before the desk has had time to finish
    world.settle()
    assert len(world.desk.tickets) == 1
    assert world.row(case_id).remote_id == "1"
    assert world.row(case_id).problem is None


def test_where_the_desk_cannot_tell_a_person_is_asked_and_no_second_ticket_is_made(world: World, monkeypatch):
    def unsure(reference: str) -> Remote | None:
        raise Uncertain("no index")

    case_id = world.new_case()
    world.desk.mishaps = ["uncertain"]
    world.sync()
    monkeypatch.setattr(world.desk, "find", unsure)
    world.settle()
    assert len(world.desk.tickets) == 1
    assert "nobody knows" in str(world.row(case_id).problem)
    assert world.events(case_id).count("desk_problem") == 1
    with world.database.begin() as session:
        row = session.scalars(select(DeskTicketRow)).one()
        desks.adopt(session, row, "1", None, AGENT, world.at)
    world.settle()
    assert (len(world.desk.tickets), world.row(case_id).problem) == (1, None)


def test_a_ticket_that_is_gone_is_a_problem_of_its_own(world: World):
    gone, other = world.new_case(), world.new_case()
    world.sync()
    world.desk.tickets[world.ticket_of(gone)].gone = True
    world.move(gone, CaseState.RESOLVED)
    world.move(other, CaseState.RESOLVED)
    done = world.sync()
    assert (done.problems, done.told) == (1, 1)
    assert world.row(gone).problem == "the ticket is gone in the desk"


@pytest.mark.parametrize(
    ("trouble", "waits"), [(Busy("wait", 93), timedelta(seconds=93)), (Misconfigured("token"), timedelta(hours=1))]
)
def test_a_desk_that_asks_to_wait_is_left_alone_until_then(world: World, trouble: Exception, waits: timedelta):
    world.new_case()
    world.desk.trouble = trouble
    done = world.sync()
    assert done.retry_at == world.at + waits
    world.desk.trouble = None
    assert world.sync().opened == 0
    world.later(hours=2)
    assert world.sync().opened == 1


def test_one_bad_ticket_does_not_hold_up_the_others(world: World):
    ids = [world.new_case() for _ in range(3)]
    world.desk.mishaps = ["refused"]
    assert world.sync().opened == 2
    world.settle()
    assert all(world.row(case_id).remote_id for case_id in ids)


def test_a_desk_through_which_nothing_comes_is_given_up_after_three(world: World):
    for _ in range(9):
        world.new_case()
    world.desk.mishaps = ["refused"] * 9
    done = world.sync()
    assert (done.opened, len(world.desk.mishaps)) == (0, 6)


def test_the_ticket_of_another_case_is_not_taken_for_ours(world: World, monkeypatch):
    first, second = world.new_case(), world.new_case()
    monkeypatch.setattr(world.desk, "open", lambda ticket: Remote("9", DeskState.OPEN, world.at))
    done = world.sync()
    assert (done.opened, done.problems) == (1, 1)
    assert {world.row(first).remote_id, world.row(second).remote_id} == {"9", None}


def test_a_refused_update_is_a_problem_that_ends_when_it_is_mended(world: World, monkeypatch):
    case_id = world.new_case()
    world.sync()
    update = world.desk.update

    def refuse(*_: Any) -> None:
        raise Permanent("closed for good")

    monkeypatch.setattr(world.desk, "update", refuse)
    world.move(case_id, CaseState.RESOLVED)
    for _ in range(3):
        world.later(hours=2)
        world.sync()
    assert world.row(case_id).problem == "closed for good"
    assert world.events(case_id).count("desk_problem") == 1
    monkeypatch.setattr(world.desk, "update", update)
    world.settle()
    assert world.row(case_id).problem is None


def test_of_an_erased_customer_nothing_more_is_told_and_a_person_removes_the_rest(world: World):
    case_id = world.new_case()
    world.sync()
    number = world.ticket_of(case_id)
    with world.database.begin() as session:
        owner = desks.customer_of(session, session.get_one(CaseRow, case_id))
        assert owner is not None
        told = people.everything_of(session, BRAND.id, owner.customer_id, AGENT, "exported", world.at)
        assert told is not None
        assert [ticket["remote_id"] for ticket in told["desk_tickets"]] == [number]
        people.erase_customer(session, BRAND.id, owner.customer_id, AGENT, world.at)
    before = world.desk.writes
    world.note(case_id, "un mot de plus")
    world.desk.say(number, "Ana Petit a rappelé")
    world.settle()
    assert world.desk.writes == before
    assert "Ana Petit a rappelé" not in world.notes(case_id)
    assert "erased" in str(world.row(case_id).problem)


def test_no_event_holds_a_word_of_a_person(world: World):
    case_id = world.new_case()
    world.note(case_id, "Ana Petit")
    world.sync(share="all")
    world.desk.say(world.ticket_of(case_id), "Ana Petit répond")
    world.settle()
    with world.database.read() as session:
        told = repr([event.detail for event in session.scalars(select(CaseEventRow))])
        owner = desks.customer_of(session, session.get_one(CaseRow, case_id))
    assert "Petit" not in told
    assert str(owner.name if owner else "") not in told


def test_a_second_process_keeps_off(world: World):
    world.new_case()
    with world.database.begin() as session:
        lease = LeaseRow(name=f"desk:{BRAND.id}:memory", owner="elsewhere:1:1.0", until=world.at + timedelta(hours=1))
        session.add(lease)
    done = world.sync()
    assert (done.opened, done.left) == (0, 1)


class Telling(MemoryDesk):
    """A desk that cannot be read: it only delivers."""

    readable = False
    repeatable = True


def test_deliveries_of_a_desk_that_cannot_be_read_are_taken_once_and_in_order(world: World):
    world.desk = Telling(lambda: world.at)
    case_id = world.new_case()
    world.sync()
    number = world.ticket_of(case_id)

    def deliver(state: DeskState, at: datetime, *comments: Comment) -> None:
        with world.database.begin() as session:
            take(session, world.desk, Told(number, Remote(number, state, at), comments), RULES, world.at)

    world.later(hours=1)
    newest, said = world.at, Comment("c1", "on s'en occupe")
    deliver(DeskState.SOLVED, newest, said)
    deliver(DeskState.SOLVED, newest, said)
    deliver(DeskState.PENDING, newest - timedelta(minutes=9))
    assert world.case(case_id).state == "resolved"
    assert world.notes(case_id) == ["on s'en occupe"]
    before = world.desk.writes
    world.settle()
    assert world.desk.writes == before
    world.move(case_id, CaseState.REOPENED)
    world.settle()
    assert world.desk.tickets[number].state is DeskState.OPEN


HERE = st.tuples(st.just("here"), st.integers(0, 20))
THERE = st.tuples(st.just("there"), st.sampled_from(list(DeskState)))
SYNC = st.tuples(
    st.just("sync"),
    st.lists(st.sampled_from([None, "killed before", "killed after", "uncertain", "refused"]), max_size=3),
)
ACTS = st.lists(
    st.one_of(
        HERE, THERE, SYNC, st.just(("note", 0)), st.just(("say", 0)), st.just(("robot", 0)), st.just(("wait", 0))
    ),
    max_size=14,
)


# Each example is a small history in a database: one that fails is short enough without being shrunk for minutes.
@settings(
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=ACTS)
def test_whatever_happens_both_sides_agree_in_the_end_and_nothing_flaps(world: World, acts: list[tuple[str, Any]]):
    world.desk = MemoryDesk(lambda: world.at)
    with world.database.begin() as session:
        session.execute(DeskCommentRow.__table__.delete())  # type: ignore[attr-defined]
        session.execute(DeskTicketRow.__table__.delete())  # type: ignore[attr-defined]
        session.execute(CaseRow.__table__.update().values(state="closed"))  # type: ignore[attr-defined]
    case_id = world.new_case()
    newest, said, noted = None, 0, 0
    for kind, what in acts:
        world.later(minutes=7)
        held = next(iter(world.desk.tickets), None)
        if kind == "sync":
            world.desk.mishaps = list(what)
            with suppress(Killed):
                world.sync()
        elif kind == "wait":
            world.later(hours=2)
        elif kind == "note":
            noted += 1
            world.note(case_id, f"note {noted}")
        elif kind in ("here", "robot"):
            steps = sorted(CASE_STEPS[CaseState(world.case(case_id).state)] - {CaseState.MERGED})
            world.move(case_id, steps[what % len(steps)], AGENT if kind == "here" else "vigie")
            newest = ("here", CaseState(world.case(case_id).state)) if kind == "here" else None
        elif held is not None and kind == "say":
            said += 1
            world.desk.say(held, f"réponse {said}")
        elif held is not None and world.desk.tickets[held].state is not what:
            world.desk.set_state(held, what)
            newest = ("there", what)
    world.settle()
    state = CaseState(world.case(case_id).state)
    if not world.desk.tickets:
        assert state not in CASE_STEPS or state in (CaseState.RESOLVED, CaseState.CLOSED)
        return
    (number,) = world.desk.tickets
    held_now = world.desk.tickets[number]
    own = world.desk.shown(IN_DESKS[state])
    assert own is held_now.state or steps_to(state, held_now.state) == ()
    if newest is not None and newest[0] == "there":
        assert held_now.state is newest[1]
    if newest is not None and newest[0] == "here":
        assert state is newest[1]
    ours = [marked(one.text, world.case(case_id), RULES) for one in held_now.comments]
    assert sum(number is not None and number > 0 for number in ours) == noted
    assert sorted(text for text in world.notes(case_id) if text.startswith("réponse")) == sorted(
        f"réponse {number + 1}" for number in range(said)
    )
    events, writes = world.events(case_id), world.desk.writes
    world.settle()
    assert (world.events(case_id), world.desk.writes) == (events, writes)
