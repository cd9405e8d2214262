"""Learning: what confirmed links teach, and that nothing is promoted which would make matching worse."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy.orm import Session

from routing.matching.learning import LearningRules, estimate, experience, learn, r_precision, relearn
from routing.matching.links import Link, facts_of, score
from routing.matching.weights import DEFAULT, Weights, load_weights
from storage import link_events
from storage.database import Database
from storage.tables import MatchWeightsRow
from tests.console import factories

BRAND = "hirondelle"


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.begin() as opened:
        factories.brand(opened)
        yield opened


def links(right: int, wrong: int = 0, of_right: str = "name city", of_wrong: str = "name") -> list[Link]:
    bits = {"name": 9.0, "city": 5.1, "order": 20.0}
    made = [(True, of_right)] * right + [(False, of_wrong)] * wrong
    return [
        Link(
            f"author:{number}",
            says,
            {fact: bits[fact] for fact in facts.split()},
            DEFAULT,
            pattern=facts,
            identifiers=int("order" in facts),
        )
        for number, (says, facts) in enumerate(made)
    ]


def estimated(some: list[Link], prior: float) -> Weights:
    return replace(DEFAULT, **estimate(some, DEFAULT, prior))


def test_m_moves_from_what_was_believed_to_what_is_seen() -> None:
    few, many = estimated(links(5), 50), estimated(links(5000), 50)
    assert DEFAULT.m_city < few.m_city < 0.75
    assert many.m_city > 0.99
    assert many.m_identifier < 0.01
    assert many.m_city < 1.0
    assert estimated(links(0, 500), 50) == DEFAULT, "refused links say nothing of customers"


def test_what_was_drawn_by_lot_stands_for_those_that_were_not() -> None:
    drawn = [replace(link, stands_for=10.0, bits={"order": 20.0}) for link in links(10)]
    assert estimated([*links(100), *drawn], 1e-9).m_identifier == pytest.approx(0.5)


def test_a_score_changes_by_the_ratio_of_what_is_believed() -> None:
    link = links(1)[0]
    doubled = replace(DEFAULT, m_city=DEFAULT.m_city / 2, u_city=DEFAULT.u_city * 2)
    assert score(link, DEFAULT) == pytest.approx(14.1)
    assert score(link, doubled) == pytest.approx(12.1)


def test_facts_that_are_absent_and_second_identifiers_change_too() -> None:
    away = Link("author:1", True, {"other_city": -1.7}, DEFAULT)
    assert score(away, replace(DEFAULT, m_city=0.85)) == pytest.approx(-2.7)
    three = Link("author:1", True, {"order": 21.0, "email": 1.0, "phone": 1.0}, DEFAULT, identifiers=3)
    doubled = replace(DEFAULT, m_identifier=DEFAULT.m_identifier * 2, m_second=DEFAULT.m_second * 2)
    assert score(three, doubled) == pytest.approx(23.0 + 1 + 2)


def test_experience_corrects_what_the_new_weights_alone_leave() -> None:
    said = {"bits": {"last_name": 9.0, "city": 5.1}, "pattern": "city+last_name", "probability": 0.8}
    tried = [replace(link, **said, is_customer=n % 5 == 0) for n, link in enumerate(links(400))]
    bits = experience(tried, DEFAULT)["city+last_name"]
    assert -4.5 < bits < -3.5
    milder = replace(DEFAULT, m_city=DEFAULT.m_city / 4)
    assert experience(tried, milder)["city+last_name"] == pytest.approx(bits + 2, abs=0.1), "no correction twice"
    known = [replace(link, bits={**link.bits, "experience": -3.0}) for link in tried]
    assert experience(known, DEFAULT)["city+last_name"] == pytest.approx(bits - 3, abs=0.2)


def test_r_precision_is_of_the_first_r_and_shares_ties() -> None:
    assert r_precision(links(3, 5), DEFAULT) == 1.0
    assert r_precision(links(2, 2, "name", "name"), DEFAULT) == 0.5
    assert r_precision(links(2, 2, "name", "name city"), DEFAULT) == 0.0


def test_better_weights_are_promoted() -> None:
    learned = relearn(links(400, 100), DEFAULT, {"u_city": 0.5}, LearningRules(), "v2")
    assert learned.weights is not None
    assert (learned.promoted, learned.weights.version, learned.weights.u_city) == (True, "v2", 0.5)
    assert learned.learned_from["precision_after"] == 1.0


def test_weights_that_lower_precision_are_not() -> None:
    # Of the confirmed few show their city and many quote an order; in the trial all refused show the city.
    right = [link for link in links(3000, 0, "name city") if not link.is_held_out]
    trial = [link for link in links(3000) if link.is_held_out]
    held = [replace(link, bits={"order": 5.2}) for link in trial[:100]]
    wrong = [replace(link, is_customer=False, bits={"city": 5.1}) for link in trial[100:200]]
    learned = relearn([*right, *held, *wrong], DEFAULT, {}, LearningRules(), "v2")
    assert not learned.promoted
    assert "would fall" in learned.why


def test_without_refused_links_nothing_can_be_told() -> None:
    learned = relearn(links(1000), DEFAULT, {}, LearningRules(), "v2")
    assert not learned.promoted
    assert "0 refused links held out, 5 of each wanted" in learned.why


def test_one_account_is_never_on_both_sides() -> None:
    first, second = links(1)[0], replace(links(1)[0], bits={}, is_customer=False)
    assert first.is_held_out == second.is_held_out
    assert 0.1 < sum(link.is_held_out for link in links(2000)) / 2000 < 0.3


def said(session: Session, kind: str) -> link_events.Pair:
    owner, writer = factories.customer(session), factories.author(session)
    post = factories.post(session, writer=writer)
    match = factories.match(session, post, owner)
    if kind == "refused":
        match.candidates = [{**match.candidates[0], "evidence": [{"fact": "city", "weight": 4.2, "detail": "Rouen"}]}]
    pair = link_events.pair_of(post, owner.id)
    link_events.record(session, pair, kind, "lea", factories.NOW, detail=facts_of(session, match, owner.customer_id))
    return pair


def test_the_words_of_people_become_weights_in_force(session: Session) -> None:
    rules = LearningRules(least=60)
    for kind, number in (("confirmed", 60), ("refused", 60)):
        for _ in range(number - 1):
            said(session, kind)
    short = learn(session, BRAND, rules, factories.NOW)
    assert (short.weights, short.told) == (None, "nothing learned: 59 confirmed links, of 60 that are wanted")
    assert load_weights(session, BRAND) == DEFAULT
    said(session, "confirmed")
    learned = learn(session, BRAND, rules, factories.NOW)
    assert learned.promoted, learned.why
    assert load_weights(session, BRAND) == learned.weights != DEFAULT
    assert load_weights(session, BRAND).m_name > DEFAULT.m_name


def test_weights_that_were_not_promoted_are_kept_but_not_in_force(session: Session) -> None:
    for _ in range(60):
        said(session, "confirmed")
    learned = learn(session, BRAND, LearningRules(least=60), factories.NOW)
    assert not learned.promoted
    assert "kept aside" in learned.told
    assert session.query(MatchWeightsRow).one().promoted is False
    assert load_weights(session, BRAND) == DEFAULT


def test_a_word_keeps_names_of_facts_and_no_facts(session: Session) -> None:
    owner = factories.customer(session)
    match = factories.match(session, factories.post(session), owner)
    kept = str(facts_of(session, match, owner.customer_id))
    assert "'city'" in kept
    assert "Rouen" not in kept
    assert owner.customer_id not in kept
