"""Every desk keeps the same contract. A new desk adds its line to `desk_worlds.py`, nothing else."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

import routing.desks
from domain.errors import Misconfigured, Permanent, Transient, Uncertain, VigieError
from routing.desks.base import PARTS, Busy, DeskState, find_desks
from tests.contract.desk_worlds import ACCESS, DELIVERY_SECRET, KEY, TICKET, WORLDS, World, settings, world_of
from tests.fakes.desks import LOST, TOKEN
from tests.fakes.server import Fault, Request

FACTS = tomllib.loads((Path(__file__).parents[1] / "data" / "desk_apis.toml").read_text(encoding="utf-8"))
NOTE = "Rappelé <b>Ana</b>\n\n[vigie-hirondelle-12/7]"


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as made:
        yield made


@pytest.fixture(params=[name for name in WORLDS if find_desks()[name].readable])
def readable(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as made:
        yield made


def writes(world: World) -> list[Request]:
    """What was asked that changes something, signing in aside."""
    return [one for one in world.server.requests if one.method != "GET" and "oauth2" not in one.path]


def test_the_registry_knows_every_file_and_every_file_has_a_world():
    files = {path.stem for path in Path(routing.desks.__path__[0]).glob("[a-z]*.py")} - set(PARTS)
    assert files == set(find_desks()) == set(WORLDS)


def test_a_broken_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pigeon.py").write_text("import nosuchmodule")
    monkeypatch.setattr(routing.desks, "__path__", [*routing.desks.__path__, str(tmp_path)])
    with pytest.raises(Misconfigured, match=r"routing/desks/pigeon\.py"):
        find_desks()


@pytest.mark.parametrize("name", WORLDS)
def test_what_is_missing_is_named_with_what_to_do(name: str):
    table = find_desks()[name].Settings(on=True)
    with pytest.raises(Misconfigured, match=rf"desks\.{name} is on but has no base_url"):
        find_desks()[name].make(table, lambda: None)


def test_credentials_never_go_in_the_open(world: World):
    with pytest.raises(ValueError, match="https"):
        settings(world.desk.name, "http://desk.example.org")


def test_every_state_has_a_word_that_has_a_meaning(world: World):
    assert set(world.desk.words) == set(DeskState)
    for state in DeskState:
        assert world.desk.shown(world.desk.shown(state)) is world.desk.shown(state)
    for state in (DeskState.OPEN, DeskState.PENDING, DeskState.SOLVED):
        assert world.desk.shown(state) is state


def test_a_ticket_is_made_with_its_text_and_its_state(world: World):
    made = world.desk.open(TICKET)
    (ticket,) = world.server.tickets.values()
    assert (ticket.reference, ticket.id, made.state) == (TICKET.reference, made.remote_id, DeskState.OPEN)
    assert made.url.startswith(world.server.base_url) or world.desk.name == "webhook"


def test_what_is_told_holds_no_markup(readable: World):
    made = readable.desk.open(TICKET)
    text = json.dumps(readable.server.tickets[made.remote_id].facts)
    assert "<script>" not in text or readable.desk.name in ("zendesk", "zammad", "salesforce")  # those take plain text


def test_a_made_ticket_is_found_at_once_and_another_one_is_not(readable: World):
    assert readable.desk.find(TICKET.reference) is None
    made = readable.desk.open(TICKET)
    found = readable.desk.find(TICKET.reference)
    assert found is not None
    assert found.remote_id == made.remote_id
    assert readable.desk.find(TICKET.reference[:-1]) is None


def test_opening_again_makes_no_second_ticket_where_the_desk_promises_so(world: World):
    world.desk.open(TICKET)
    if not world.desk.repeatable:
        pytest.skip("it is looked for first")
    world.desk.open(TICKET)
    assert len(world.server.tickets) == 1


def test_an_answer_that_is_lost_after_receipt_is_uncertain_and_the_ticket_is_found(world: World):
    if world.desk.name == "salesforce":
        world.desk.find(TICKET.reference)  # signs in
    lost_at = {"chatwoot": 2}.get(world.desk.name, 0)
    world.server.faults = [Fault()] * lost_at + [LOST]
    with pytest.raises(Uncertain):
        world.desk.open(TICKET)
    again = world.desk.open(TICKET) if world.desk.repeatable else world.desk.find(TICKET.reference)
    assert again is not None
    assert [again.remote_id] == list(world.server.tickets)


@pytest.mark.parametrize("state", [DeskState.PENDING, DeskState.SOLVED, None])
def test_state_severity_and_team_are_told_and_telling_twice_changes_nothing_more(world: World, state: DeskState | None):
    made = world.desk.open(TICKET)
    changed = replace(TICKET, severity="low", team="42", state=state or DeskState.OPEN)
    for _ in range(2):
        world.desk.update(made.remote_id, changed, state)
    ticket = world.server.tickets[made.remote_id]
    assert ticket.state == world.word(state or DeskState.OPEN)
    sent = json.dumps([ticket.facts, [one.body.decode() for one in writes(world)]]).lower()
    assert "low" in sent or '"priority": 1' in sent
    assert len(world.server.tickets) == 1


def test_a_note_is_internal_and_comes_back_as_it_was_said(readable: World):
    made = readable.desk.open(TICKET)
    number = readable.desk.comment(made.remote_id, NOTE, "vigie-hirondelle-12/7")
    found = {one.remote_id: one for one in readable.desk.comments(made.remote_id)}
    assert found[number].public is False
    assert found[number].text.splitlines()[-1] == "[vigie-hirondelle-12/7]"
    assert "Rappelé" in found[number].text


def test_every_comment_is_read_oldest_first_over_all_pages(readable: World):
    made = readable.desk.open(TICKET)
    said = [readable.server.say(made.remote_id, f"réponse {number}", public=number % 2 == 0) for number in range(45)]
    found = [one for one in readable.desk.comments(made.remote_id) if one.text.startswith("réponse")]
    assert [one.remote_id for one in found] == said
    assert [one.public for one in found] == [number % 2 == 0 for number in range(45)]


def test_a_ticket_is_read_as_it_is_now_and_a_missing_one_is_gone(readable: World):
    made = readable.desk.open(TICKET)
    readable.server.set_state(made.remote_id, readable.word(DeskState.SOLVED))
    read = readable.desk.read(made.remote_id)
    assert read is not None
    assert read.state is DeskState.SOLVED
    assert read.changed_at == readable.clock()
    readable.server.tickets[made.remote_id].gone = True
    assert readable.desk.read(made.remote_id) is None


def test_a_word_that_nobody_mapped_is_no_state(readable: World):
    made = readable.desk.open(TICKET)
    readable.server.set_state(made.remote_id, "99")
    read = readable.desk.read(made.remote_id)
    assert read is not None
    assert read.state is None


def test_own_words_of_the_settings_count_in_both_directions(readable: World):
    own = settings(readable.desk.name, readable.server.base_url, states={"pending": "77"})
    desk = type(readable.desk).make(own, readable.clock)
    made = desk.open(TICKET)
    desk.update(made.remote_id, TICKET, DeskState.PENDING)
    assert readable.server.tickets[made.remote_id].state == "77"
    read = desk.read(made.remote_id)
    assert read is not None
    assert read.state is DeskState.PENDING
    desk.close()


def test_what_changed_since_is_listed_over_all_pages(readable: World):
    ids = {readable.desk.open(replace(TICKET, reference=f"vigie-hirondelle-{number}")).remote_id for number in range(5)}
    since = readable.clock.at - timedelta(minutes=5)
    assert {one.remote_id for one in readable.desk.changed(since)} >= ids
    readable.clock.at += timedelta(hours=2)
    last = min(ids)
    readable.server.set_state(last, readable.word(DeskState.SOLVED))
    later = {one.remote_id for one in readable.desk.changed(readable.clock.at - timedelta(minutes=5))}
    assert later & ids == {last}


def test_check_passes_where_all_is_well_and_changes_nothing(world: World):
    assert world.desk.check()
    assert writes(world) == []


def test_wrong_credentials_are_named_and_nothing_is_made(world: World):
    with pytest.raises(Misconfigured) as caught:
        world.stranger.open(TICKET)
    assert TOKEN not in str(caught.value)
    assert world.server.tickets == {}
    if world.desk.readable:
        with pytest.raises(Misconfigured):
            world.stranger.check()


def test_too_many_requests_wait_as_long_as_the_desk_asks(world: World):
    made = world.desk.open(TICKET)
    world.server.every = Fault(status=429, headers={"Retry-After": "93"}, body=b"{}")
    with pytest.raises(Busy) as caught:
        world.desk.update(made.remote_id, TICKET, None)
    assert caught.value.retry_after == 93


@pytest.mark.parametrize("fault", [Fault(status=502, body=b"<html>"), Fault(body=b"{half"), LOST])
def test_trouble_while_reading_is_transient(readable: World, fault: Fault):
    made = readable.desk.open(TICKET)
    readable.server.faults = [fault]
    with pytest.raises(Transient) as caught:
        readable.desk.read(made.remote_id)
    assert not isinstance(caught.value, Busy)
    read = readable.desk.read(made.remote_id)
    assert read is not None


@pytest.mark.parametrize("fault", [Fault(status=502, body=b"<html>"), Fault(body=b"{half")])
def test_trouble_while_writing_is_uncertain(world: World, fault: Fault):
    made = world.desk.open(TICKET)
    world.server.faults = [fault]
    with pytest.raises(Uncertain):
        world.desk.comment(made.remote_id, NOTE, "vigie-hirondelle-12/7")


def test_a_refusal_is_permanent_and_tells_nothing_of_the_ticket(world: World):
    body = json.dumps({"error": "RecordInvalid", "description": TICKET.subject}).encode()
    world.desk.check()
    made = world.desk.open(TICKET)
    world.server.faults = [Fault(status=422, body=body)]
    with pytest.raises(Permanent) as caught:
        world.desk.update(made.remote_id, TICKET, None)
    assert "Vigie case" not in str(caught.value)


def test_a_desk_that_moved_is_misconfigured(world: World):
    made = world.desk.open(TICKET)
    world.server.every = Fault(status=301, headers={"Location": "https://elsewhere.example"}, body=b"")
    with pytest.raises(VigieError, match="has moved"):
        world.desk.update(made.remote_id, TICKET, None)


def test_requests_are_those_that_the_vendor_describes(world: World):
    """Facts of the published descriptions: address, method, what must be in the body."""
    made = world.desk.open(replace(TICKET, team="42"))
    world.desk.update(made.remote_id, TICKET, DeskState.PENDING)
    world.desk.comment(made.remote_id, NOTE, "vigie-hirondelle-12/7")
    if world.desk.readable:
        world.desk.find(TICKET.reference)
        world.desk.read(made.remote_id)
        list(world.desk.comments(made.remote_id))
        list(world.desk.changed(world.clock.at - timedelta(minutes=5)))
    world.desk.check()
    for request in world.server.requests:
        assert_described(world.desk.name, request)


def assert_described(desk: str, request: Request) -> None:
    facts = [one for one in FACTS[desk] if matches(one["path"], request.path) and one["method"] == request.method]
    assert facts, f"{request.method} {request.path} stands in no description of {desk}"
    for needed in facts[0].get("body", []):
        told = json.loads(request.body)
        for part in needed.split("."):
            assert part in told, f"{request.path} needs {needed}"
            told = told[part]
    for name in facts[0].get("query", []):
        assert name in request.query
    for name in request.query:
        assert any(
            name == known or name.startswith(known + "[")
            for known in facts[0].get("may", []) + facts[0].get("query", [])
        )


def matches(pattern: str, path: str) -> bool:
    """Whether an address is one of a described kind, `{id}` standing for one part."""
    parts, given = pattern.split("/"), path.split("/")
    return len(parts) == len(given) and all(
        one == other or (one.startswith("{") and other) for one, other in zip(parts, given, strict=True)
    )


def test_only_desks_with_a_secret_have_a_door():
    for name, (_, access, _) in ACCESS.items():
        assert find_desks()[name].delivers == ("delivery_secret" in access or "secret" in access)
    assert DELIVERY_SECRET != KEY
