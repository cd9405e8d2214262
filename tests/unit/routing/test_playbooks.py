"""Playbooks act once for each case and occasion, say what they did, and leave in a person's hands what is there."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from config.care import TemplatesSettings
from config.settings import Settings
from config.wiring import App
from domain.case import CaseState
from routing.drafts import send_draft
from routing.playbooks import CASE_KEYS, make_playbook
from routing.playing import Played, play
from storage import cases
from storage.brands import ensure_brands
from storage.database import Database
from storage.people import erase_customer, everything_of
from storage.playbooks import recent_cases, runs_of, tallies
from storage.tables import (
    CallbackRow,
    CaseEventRow,
    CaseRow,
    ConsentRow,
    ContactPointRow,
    CustomerRow,
    CustomerSegmentRow,
    MessageRow,
    NoteRow,
    NoticeRow,
    ObjectionRow,
    PlaybookRunRow,
    RuptureRow,
    SurveyRow,
)
from tests.console import factories
from tests.unit.samples import BRAND, NOW

HOUR = timedelta(hours=1)
DO = [{"note": "look"}]


def rules(*books: dict[str, Any], live: bool = True) -> Settings:
    filled = [{"name": f"book{place}", "dry_run": not live, "then": DO, **book} for place, book in enumerate(books)]
    names = sorted({name for name in ("vip", "regulars") if f"'{name}'" in str(books)})
    segments = [{"name": name, "when": {"country": "FR"}} for name in names]
    return Settings.model_validate({"playbooks": filled, "segments": segments})


def run(session: Session, *books: dict[str, Any], live: bool = True, at: Any = NOW, **options: Any) -> Played:
    session.flush()
    played = play(session, BRAND, App(rules(*books, live=live)).play_rules(BRAND), 0, 100, at, **options)
    session.flush()
    return played


def opened(session: Session, known: bool = True, **changes: Any) -> CaseRow:
    owner = factories.customer(session) if known else None
    writer = factories.author(session)
    return factories.case(session, factories.post(session, writer=writer), owner=owner, **changes)


def fires(session: Session, when: dict[str, Any], at: Any = NOW) -> int:
    return run(session, {"when": when}, live=False, at=at).would_act


def kinds(session: Session, case: CaseRow) -> list[str]:
    query = select(CaseEventRow).filter_by(case_id=case.id).order_by(CaseEventRow.id)
    return [event.kind for event in session.scalars(query)]


def done(session: Session, case: CaseRow) -> list[tuple[str, bool]]:
    return [(one["act"], one["done"]) for one in runs_of(session, case.id)[-1].actions]


def whys(session: Session, case: CaseRow) -> list[str]:
    return [one.get("why", "") for one in runs_of(session, case.id)[-1].actions]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"intent": "delivery"}, 1),
        ({"intent": ["billing", "outage"]}, 0),
        ({"severity": "high", "moment": "delivery", "network": "mastodon", "language": "fr", "team": "logistics"}, 1),
        ({"grade": "stated", "customer": True, "country": "FR", "stated_segment": "particulier"}, 1),
        ({"segment": "vip"}, 1),
        ({"segment": "regulars"}, 0),
        ({"posts_at_least": 2}, 0),
        ({"priority_at_least": 60}, 1),
        ({"assigned": True}, 0),
        ({"state": "new"}, 1),
        ({"open_hours": 3}, 1),
        ({"open_hours": 3.1}, 0),
        ({"our_silence_hours": 5}, 1),
        ({"our_silence_hours": 5.1}, 0),
        ({"silence_hours": 5}, 1),
        ({"customer_silence_hours": 0}, 0),
        ({"deadline": "first_answer_missed"}, 0),
        ({"due_within_hours": 1}, 1),
        ({"due_within_hours": 0.9}, 0),
        ({"survey_below": 3}, 0),
        ({"rupture": "promise_broken"}, 1),
        ({"rupture": "passed_on"}, 0),
        ({"brand": "hirondelle"}, 1),
    ],
)
def test_a_rule_sees_what_the_case_is(session: Session, when: dict[str, Any], expected: int) -> None:
    case = opened(session)
    key = case.customer_key
    session.add(CustomerSegmentRow(brand_id=BRAND.id, customer_key=key, segment="vip", since=NOW - HOUR))
    facts = {"kind": "promise_broken", "at": NOW - HOUR, "found_at": NOW}
    session.add(RuptureRow(brand_id=BRAND.id, customer_key=key, case_id=case.id, **facts))
    assert fires(session, when) == expected


def test_the_condition_names_every_fact_that_there_is(session: Session) -> None:
    from routing.playbook_facts import facts_at, stories

    facts = facts_at(stories(session, [opened(session)], NOW)[0], NOW)
    assert all(hasattr(facts, key.fact) for key in CASE_KEYS.values())
    kinds = {key.occasion for key in CASE_KEYS.values() if key.occasion and key.how != "has_one_of"}
    assert kinds == set(facts.occasions)


def test_a_dry_run_notes_what_it_would_do_and_does_nothing(session: Session) -> None:
    case = opened(session)
    before = kinds(session, case), case.revision, case.team
    book = {"when": {"intent": "delivery"}, "then": [{"assign": "care"}, {"note": "x"}, {"snooze_hours": 4}]}
    assert run(session, book, live=False) == Played(1, 0, 1, None)
    assert (kinds(session, case), case.revision, case.team) == before
    (told,) = runs_of(session, case.id)
    assert told.dry_run
    assert told.actions == [{"act": "assign", "to": "care"}, {"act": "note"}, {"act": "snooze", "hours": 4.0}]


def test_it_acts_once_however_often_it_is_run(session: Session) -> None:
    case = opened(session)
    book = {"when": {"intent": "delivery"}, "then": [{"assign": "care"}, {"note": "Ask the carrier."}]}
    assert [run(session, book).acted for _ in range(3)] == [1, 0, 0]
    assert case.team == "care"
    assert kinds(session, case).count("playbook") == 1
    assert [note.text for note in session.scalars(select(NoteRow))] == ["Ask the carrier."]
    assert done(session, case) == [("assign", True), ("note", True)]


def test_going_live_acts_where_the_dry_run_only_told(session: Session) -> None:
    opened(session)
    book = {"when": {"intent": "delivery"}}
    assert (run(session, book, live=False).would_act, run(session, book).acted) == (1, 1)
    told = [(one.playbook, one.dry_run, one.runs) for one in tallies(session, BRAND.id, NOW - HOUR)]
    assert told == [("book0", False, 1), ("book0", True, 1)]


def test_each_silence_is_an_occasion_of_its_own(session: Session) -> None:
    case = opened(session, first_answer_at=NOW - 2 * HOUR)
    when = {"customer_silence_hours": 48}
    assert fires(session, when) == 0
    assert fires(session, when, NOW + 47 * HOUR) == 1
    assert fires(session, when, NOW + 60 * HOUR) == 0
    factories.event(session, case, "customer_answered", NOW + 61 * HOUR)
    assert fires(session, when, NOW + 200 * HOUR) == 0
    factories.message(session, case, handed_over_at=NOW + 201 * HOUR)
    assert fires(session, when, NOW + 250 * HOUR) == 1


def test_a_missed_deadline_sets_off_once_and_an_answer_in_time_never(session: Session) -> None:
    opened(session)
    when = {"deadline": ["first_answer_missed", "resolution_missed"]}
    assert fires(session, when, NOW + HOUR) == 1
    assert fires(session, when, NOW + 2 * HOUR) == 0
    opened(session, first_answer_at=NOW)
    assert fires(session, when, NOW + 3 * HOUR) == 0
    assert fires(session, when, NOW + 72 * HOUR) == 2


def test_what_a_rule_does_not_ask_about_sets_it_off_no_second_time(session: Session) -> None:
    case = opened(session)
    first, either = {"deadline": "first_answer_missed"}, {"deadline": ["first_answer_missed", "resolution_missed"]}
    broken = {"rupture": "asked_again"}
    facts = {"brand_id": BRAND.id, "customer_key": case.customer_key, "case_id": case.id, "found_at": NOW}
    session.add(RuptureRow(kind="asked_again", at=NOW, **facts))
    for hours, expected in ((2, (1, 1, 1)), (72, (0, 1, 0))):
        assert tuple(fires_as(session, name, NOW + hours * HOUR) for name in (first, either, broken)) == expected
        session.add(RuptureRow(kind="passed_on", at=NOW + HOUR * hours, **facts))
    session.add(RuptureRow(kind="asked_again", at=NOW + 80 * HOUR, **facts))
    assert fires_as(session, broken, NOW + 81 * HOUR) == 1


def fires_as(session: Session, when: dict[str, Any], at: Any) -> int:
    """Under a name of its own, so that no other rule's run counts."""
    name = "-".join(re.findall(r"[a-z]+", str(when)))
    return run(session, {"name": name, "when": when}, live=False, at=at).would_act


def test_a_bad_survey_opens_the_case_again_and_tells_the_team(session: Session) -> None:
    case = opened(session, state="resolved", resolved_at=NOW - HOUR)
    book = {"when": {"survey": "csat", "survey_below": 3}, "then": [{"reopen": True}, {"notify": "team"}]}
    assert run(session, book).acted == 0
    asked = {"case_id": case.id, "kind": "csat", "asked_at": NOW - HOUR, "answered_at": NOW}
    session.add(SurveyRow(brand_id=BRAND.id, score=2, **asked))
    assert run(session, book).acted == 1
    assert (case.state, case.resolved_at) == (CaseState.REOPENED, None)
    (notice,) = session.scalars(select(NoticeRow)).all()
    assert (notice.team, notice.person, notice.kind, notice.detail) == (
        "logistics", None, "playbook", {"playbook": "book0", "severity": "high"}
    )  # fmt: skip
    assert run(session, book).acted == 0


def test_a_team_is_told_once_however_often_a_rule_names_it(session: Session) -> None:
    case = opened(session)
    run(session, {"when": {"intent": "delivery"}, "then": [{"notify": "team"}, {"notify": "logistics"}]})
    assert [notice.team for notice in session.scalars(select(NoticeRow))] == ["logistics"]
    assert done(session, case) == [("notify", True), ("notify", False)]


def test_a_rule_that_says_nothing_of_closed_cases_means_open_ones(session: Session) -> None:
    opened(session, state="resolved", resolved_at=NOW)
    assert fires(session, {"intent": "delivery"}) == 0
    assert fires(session, {"intent": "delivery", "state": "resolved"}) == 1


def test_it_takes_no_case_out_of_a_persons_hands(session: Session) -> None:
    factories.user(session, "lea@example.org")
    factories.user(session, "reader@example.org", "analyst")
    taken, free = opened(session, assignee="nora@example.org", state="open"), opened(session)
    book = {"when": {"intent": "delivery"}, "then": [{"assign": "lea@example.org"}]}
    run(session, book)
    assert (taken.assignee, whys(session, taken)) == ("nora@example.org", ["somebody has it"])
    assert (free.assignee, free.state) == ("lea@example.org", "open")
    another = opened(session)
    run(session, {"when": {"intent": "delivery"}, "name": "b", "then": [{"assign": "reader@example.org"}]})
    assert (another.assignee, whys(session, another)) == (None, ["nobody of that address works here"])


def test_of_two_playbooks_the_first_has_its_way(session: Session) -> None:
    case = opened(session)
    when = {"intent": "delivery"}
    books = [{"when": when, "then": [{"assign": team}, {"note": team}]} for team in ("care", "retention")]
    assert run(session, *books).acted == 2
    assert case.team == "care"
    assert done(session, case) == [("assign", False), ("note", True)]


def test_putting_off_has_an_end_and_follows_the_life_of_a_case(session: Session) -> None:
    case, over = opened(session), opened(session, state="resolved", resolved_at=NOW)
    run(session, {"when": {"state": ["new", "resolved"]}, "then": [{"snooze_hours": 24}]})
    assert (case.state, case.snoozed_until) == ("snoozed", NOW + 24 * HOUR)
    assert (over.state, done(session, over)) == ("resolved", [("snooze", False)])


CALL = {"when": {"intent": "delivery"}, "then": [{"callback": True, "within_hours": 4}]}


def test_a_call_is_asked_for_within_waking_hours(session: Session) -> None:
    case = opened(session)
    run(session, CALL, at=NOW.replace(hour=22))
    (call,) = session.scalars(select(CallbackRow)).all()
    opens = (NOW + 24 * HOUR).replace(hour=7, minute=0)
    assert (call.case_id, call.state, call.starts_at, call.ends_at) == (case.id, "open", opens, opens + 4 * HOUR)


def test_nobody_is_called_who_has_no_number_or_wants_no_call(session: Session) -> None:
    reasons = {}
    for name in ("nobody", "objected", "denied", "shared", "dead", "resembles"):
        case = opened(session, known=name != "nobody", **({"grade": "suggested"} if name == "resembles" else {}))
        key = case.customer_key
        if name == "objected":
            session.add(ObjectionRow(brand_id=BRAND.id, customer_key=key, topic="social_care", at=NOW))
        elif name == "denied":
            own = select(ContactPointRow).filter_by(customer_key=key, kind="phone")
            session.scalars(own).one().value = "+33612345678"
            word = {"channel": "phone", "purpose": "service", "status": "revoked", "at": NOW}
            session.add(ConsentRow(brand_id=BRAND.id, customer_key=key, **word))
        elif name == "dead":
            session.get_one(CustomerRow, key).status = "deceased"
        reasons[name] = case
    run(session, CALL)
    assert {name: whys(session, case) for name, case in reasons.items()} == {
        "nobody": ["no customer is proven"],
        "resembles": ["no customer is proven"],
        "objected": ["the customer is not to be contacted"],
        "dead": ["the customer is not to be contacted"],
        "denied": ["the customer wants no calls"],
        "shared": ["no number of his own is on file"],
    }
    assert session.scalars(select(CallbackRow)).all() == []


def test_a_draft_is_the_brands_words_and_can_be_erased(session: Session) -> None:
    case = opened(session)
    customer = session.get_one(CustomerRow, case.customer_key)
    customer.first_name = "Camille"
    run(session, {"when": {"intent": "delivery"}, "then": [{"template": "intent"}]})
    draft = session.scalars(select(CaseEventRow).filter_by(kind="draft")).one()
    assert draft.detail == {"template": "delivery", "language": "fr"}
    text = cases.notes_of(session, case.id)[draft.id]
    assert "Camille" in text
    assert f"V{case.id}" in text
    erase_customer(session, BRAND.id, customer.customer_id, "nora@example.org", NOW)
    assert cases.notes_of(session, case.id) == {}


def test_what_a_draft_shows_is_what_is_sent(session: Session, tmp_path: Path) -> None:
    (tmp_path / "delivery.fr.toml").write_text('concern = "Racontez-nous tout."', encoding="utf-8")
    book = {"when": {"intent": "delivery"}, "then": [{"template": "intent"}]}
    own = TemplatesSettings(folder=str(tmp_path))
    app = App(rules(book).model_copy(update={"templates": own}))
    case = opened(session)
    session.flush()
    play(session, BRAND, app.play_rules(BRAND), 0, 100, NOW)
    draft = session.scalars(select(CaseEventRow).filter_by(kind="draft")).one()
    send_draft(session, BRAND, draft, app.contact_rules(BRAND), "nora@example.org", NOW)
    message = session.scalars(select(MessageRow)).one()
    assert cases.notes_of(session, case.id)[draft.id] == f"{message.subject}\n\n{message.body}"
    assert "Racontez-nous tout." in str(message.body)


def test_what_rules_know_of_a_person_is_shown_and_erased(session: Session) -> None:
    case = opened(session)
    customer = session.get_one(CustomerRow, case.customer_key)
    session.add(CustomerSegmentRow(brand_id=BRAND.id, customer_key=customer.id, segment="vip", since=NOW))
    run(session, {"when": {"segment": "vip"}})
    told = everything_of(session, BRAND.id, customer.customer_id, "nora@example.org", "shown", NOW)
    assert told is not None
    assert [row["segment"] for row in told["segments"]] == ["vip"]
    assert [row["playbook"] for row in told["playbook_runs"]] == ["book0"]
    receipt = erase_customer(session, BRAND.id, customer.customer_id, "nora@example.org", NOW)
    assert receipt is not None
    assert receipt["removed"]["customer_segments"] == 1
    assert session.scalars(select(CustomerSegmentRow)).all() == []


def test_a_whole_brand_is_gone_through_in_batches(session: Session) -> None:
    made = [opened(session).id for _ in range(5)]
    session.flush()
    play_rules = App(rules({"when": {"intent": "delivery"}})).play_rules(BRAND)
    after, acted = 0, 0
    while True:
        played = play(session, BRAND, play_rules, after, 2, NOW)
        acted += played.acted
        if played.last is None:
            break
        after = played.last
    assert acted == 5
    assert recent_cases(session, BRAND.id, "book0", False, 3) == sorted(made, reverse=True)[:3]


def test_after_routing_only_cases_of_the_day_are_looked_at(session: Session) -> None:
    opened(session)
    old = opened(session, opened_at=NOW - 30 * HOUR)
    old.last_post_at = NOW - 30 * HOUR
    book = {"when": {"intent": "delivery"}}
    assert run(session, book, fresh=True).acted == 1
    assert run(session, book).acted == 1


def test_the_mark_of_a_playbook_changes_with_what_it_says() -> None:
    one, same, other = (
        make_playbook("a", "1", {"intent": "delivery"}, then, dry_run=dry).mark
        for then, dry in ((DO, True), (DO, False), ([{"note": "other"}], True))
    )
    assert one == same != other
    assert one.startswith("1#")


@pytest.mark.parametrize(
    ("then", "words"),
    [
        ([], "at least one action"),
        ([{}], "each table is one action"),
        ([{"note": "a", "assign": "b"}], "each table is one action"),
        ([{"nte": "a"}], "unknown action nte, did you mean note?"),
        ([{"note": "  "}], "note is a text"),
        ([{"snooze_hours": 0}], "snooze_hours is a number of hours above 0"),
        ([{"snooze_hours": "1"}], "snooze_hours is a number of hours above 0"),
        ([{"callback": False}], "callback is true, with within_hours"),
        ([{"note": "a", "within_hours": 3}], "within_hours goes with callback"),
        ([{"reopen": 1}], "reopen is true"),
        ([{"snooze_hours": 1}, {"snooze_hours": 2}], "each kind once"),
    ],
)
def test_an_action_that_cannot_be_read_is_named(then: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as error:
        make_playbook("a", "1", {"intent": "delivery"}, then, dry_run=True)
    assert words in str(error.value)


def test_a_run_that_dies_leaves_neither_the_run_nor_its_deeds(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = opened(session)
    session.flush()
    book = {"when": {"intent": "delivery"}, "then": [{"assign": "care"}, {"note": "x"}]}
    monkeypatch.setattr("routing.playbook_acts.cases.add_note", lambda *_: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError), session.begin_nested():
        run(session, book)
    session.refresh(case)
    assert case.team == "logistics"
    assert session.scalars(select(PlaybookRunRow)).all() == []


def test_two_workers_at_once_do_what_one_does(database: Database) -> None:
    with database.begin() as session:
        ensure_brands(session, [BRAND], NOW)
        for _ in range(4):
            opened(session)
    book = {"when": {"intent": "delivery"}, "then": [{"assign": "care"}, {"note": "x"}]}
    play_rules = App(rules(book)).play_rules(BRAND)

    def work(_: int) -> int:
        with database.begin() as session:
            return play(session, BRAND, play_rules, 0, 100, NOW).acted

    with ThreadPoolExecutor(2) as workers:
        assert sorted(workers.map(work, range(2))) == [0, 4]
    with database.read() as session:
        assert len(session.scalars(select(NoteRow)).all()) == 4
        assert len(session.scalars(select(PlaybookRunRow)).all()) == 4
