"""Where a customer's way broke: stories in French and English, and what holds for every ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.journey import RUPTURES
from routing.journey import JourneyRules, LedgerEntry, ruptures
from routing.stances import promised_until, stances

DAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NOW = DAY + timedelta(days=90)
RULES = JourneyRules()


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


def asks(hours: float, channel: str = "email", matter: str | None = "case:1") -> LedgerEntry:
    return LedgerEntry(f"in:{hours}:{channel}", at(hours), "in", channel, matter=matter, case=1)


def says(hours: float, text: str = "", channel: str = "email", hand: str | None = None) -> LedgerEntry:
    """An answer of ours, read as the ledger reads it."""
    return LedgerEntry(
        f"out:{hours}", at(hours), "out", channel, matter="case:1", case=1, hand=hand,
        stances=stances(text), promised=promised_until(text, at(hours)),
    )  # fmt: skip


def handed(hours: float, to: str) -> LedgerEntry:
    return LedgerEntry(f"hand:{hours}", at(hours), "out", kind="handed", matter="case:1", case=1, hand=to)


def settled(hours: float) -> LedgerEntry:
    return LedgerEntry(f"settled:{hours}", at(hours), "out", kind="settled", matter="case:1", case=1)


def kinds(*ledger: LedgerEntry, now: datetime = NOW, rules: JourneyRules = RULES) -> list[str]:
    return [rupture.kind for rupture in ruptures(ledger, rules, now)]


STORIES = {
    "no answer, then another channel": ([asks(0, "email"), asks(30, "mastodon")], ["channel_switched"]),
    "no answer, then the same channel": ([asks(0), asks(26)], ["asked_again"]),
    "no answer, three times": ([asks(0), asks(26), asks(60, "phone")], ["asked_again", "channel_switched"]),
    "an answer in between": ([asks(0), says(5, "Nous regardons."), asks(30, "mastodon")], []),
    "he adds something within the hour": ([asks(0), asks(1, "mastodon"), says(5)], []),
    "he asks again a month later": ([asks(0), asks(24 * 31)], []),
    "he comes back after it is settled": ([asks(0), says(2), settled(3), asks(50)], ["asked_again"]),
    "he says thanks and nothing was open": ([asks(0), says(2), asks(3)], []),
    "two hands": ([asks(0), handed(1, "lea"), handed(2, "tom")], []),
    "passed on twice": ([asks(0), handed(1, "lea"), handed(2, "tom"), handed(3, "ines")], []),
    "passed on three times": (
        [asks(0), handed(1, "lea"), handed(2, "tom"), handed(3, "ines"), handed(4, "lea")],
        ["passed_on"],
    ),
    "the same hand again is no pass": ([handed(hour, "lea") for hour in range(6)], []),
    "granted, then declined": (
        [asks(0), says(2, "Nous vous remboursons votre achat."), says(20, "Votre demande est refusée.")],
        ["contradicted"],
    ),
    "declined, then granted": (
        [asks(0), says(2, "We cannot refund this order."), says(40, "We have refunded your order.")],
        ["contradicted"],
    ),
    "delivered, then not": (
        [asks(0), says(2, "Votre colis a été livré hier."), says(9, "Le colis n'est pas livré.")],
        ["contradicted"],
    ),
    "not delivered, then delivered": (
        [asks(0), says(2, "The parcel is not delivered yet."), says(50, "Your parcel was delivered.")],
        [],
    ),
    "a conditional is no answer": (
        [asks(0), says(2, "Si le colis revient, nous vous remboursons."), says(9, "Votre demande est refusée.")],
        [],
    ),
    "a promise kept in silence": (
        [asks(0), says(2, "Nous vous rappelons sous 48 heures.")],
        ["promise_broken"],
    ),
    "a promise kept": ([asks(0), says(2, "Nous vous rappelons sous 48 heures."), says(30, channel="phone")], []),
    "a promise in English": ([asks(0), says(2, "We will call you back within 2 days.")], ["promise_broken"]),
    "a promise for a day": (
        [asks(0), says(2, "Vous serez remboursé au plus tard le 12 mars 2026.")],
        ["promise_broken"],
    ),
    "a promise kept by settling": ([says(2, "We will call you back within 2 days."), settled(20)], []),
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_breaks_where_it_breaks(story: str) -> None:
    ledger, expected = STORIES[story]
    assert kinds(*ledger) == expected


def test_a_promise_is_not_broken_before_its_day_is_over() -> None:
    promise = says(0, "We will call you back within 2 days.")
    assert kinds(promise, now=at(47)) == []
    assert kinds(promise, now=at(71)) == []
    assert kinds(promise, now=at(73)) == ["promise_broken"]


def test_a_rupture_names_what_shows_it_and_when() -> None:
    (found,) = ruptures([asks(0), asks(30, "mastodon")], RULES, NOW)
    assert (found.at, found.case, found.shown_by) == (at(30), 1, ("in:0:email", "in:30:mastodon"))


def test_two_amounts_contradict_each_other() -> None:
    first = replace(says(1), stances=frozenset({"granted", "amount:1290"}))
    assert kinds(first, replace(says(9), stances=frozenset({"amount:1500"}))) == ["contradicted"]
    assert kinds(first, replace(says(9), stances=frozenset({"granted", "amount:1290"}))) == []


def test_another_matter_is_another_matter() -> None:
    refused = replace(says(9, "Votre demande est refusée."), matter="case:2")
    assert kinds(says(2, "Nous vous remboursons."), refused) == []
    assert kinds(asks(0), asks(30, "mastodon", matter="case:2")) == []
    assert kinds(asks(0), asks(30, "mastodon", matter=None)) == ["channel_switched"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Nous vous avons remboursé.", {"granted"}),
        ("Nous ne pouvons pas vous rembourser.", {"declined"}),
        ("Your claim was rejected.", {"declined"}),
        ("Votre colis sera livré demain.", set()),
        ("Voulez-vous être remboursé ?", set()),
        ("Bonjour, merci de votre message.", set()),
    ],
)
def test_an_answer_is_read_for_what_it_states(text: str, found: set[str]) -> None:
    assert stances(text) == found


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("Nous vous rappelons demain.", datetime(2026, 3, 3, 23, 59, tzinfo=UTC)),
        ("We will get back to you today.", datetime(2026, 3, 2, 23, 59, tzinfo=UTC)),
        ("Vous recevrez le colis sous 5 jours ouvrés.", DAY + timedelta(days=7)),
        ("You will receive it by March 12.", datetime(2026, 3, 12, 23, 59, tzinfo=UTC)),
        ("Nous ne vous rappellerons pas demain.", None),
        ("Si rien ne vient, nous vous rappelons demain.", None),
        ("Merci pour votre appel de demain", None),
    ],
)
def test_a_promise_is_read_with_its_day(text: str, until: datetime | None) -> None:
    assert promised_until(text, DAY) == until


HOURS = st.integers(0, 24 * 40).map(float)
ENTRIES = st.lists(
    st.builds(
        lambda number, hours, direction, channel, kind, matter, hand, stance, due: LedgerEntry(
            f"{number}:{hours}:{direction}:{channel}:{kind}:{matter}:{hand}:{stance}:{due}",
            at(hours), "out" if kind != "said" else direction, channel, kind, matter, None,
            hand if kind == "handed" else None, frozenset({stance} if stance else ()),
            at(hours + due) if due else None,
        ),
        st.integers(0, 99), HOURS, st.sampled_from(("in", "out")), st.sampled_from(("email", "phone", "x")),
        st.sampled_from(("said", "said", "said", "handed", "settled")), st.sampled_from(("case:1", "order:2", None)),
        st.sampled_from(("lea", "tom", "ines")), st.sampled_from(("", "", "granted", "declined", "amount:100")),
        st.sampled_from((0, 0, 5, 100)),
    ),
    max_size=25,
)  # fmt: skip


@given(ledger=ENTRIES, seed=st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(ledger: list[LedgerEntry], seed) -> None:
    mixed = [*ledger, *ledger[::2]]
    seed.shuffle(mixed)
    assert ruptures(mixed, RULES, NOW) == ruptures(ledger, RULES, NOW)


@given(ledger=ENTRIES, hours=HOURS)
def test_what_was_broken_stays_broken_whatever_is_said_later(ledger: list[LedgerEntry], hours: float) -> None:
    before = ruptures([entry for entry in ledger if entry.at <= at(hours)], RULES, at(hours))
    after = ruptures(ledger, RULES, NOW)
    known = {(rupture.kind, rupture.at) for rupture in after}
    assert {(rupture.kind, rupture.at) for rupture in before} <= known


@given(ledger=ENTRIES, hours=HOURS)
def test_every_rupture_lies_in_the_past_is_of_a_kind_and_is_shown(ledger: list[LedgerEntry], hours: float) -> None:
    keys = {entry.key for entry in ledger}
    for rupture in ruptures(ledger, RULES, at(hours)):
        assert rupture.at <= at(hours)
        assert rupture.kind in RUPTURES
        assert rupture.shown_by
        assert set(rupture.shown_by) <= keys


@given(st.lists(HOURS, max_size=15, unique=True))
def test_who_is_always_answered_at_once_by_the_same_hand_never_breaks(hours: list[float]) -> None:
    ledger = [entry for hour in hours for entry in (asks(hour), says(hour + 0.5, "Voici.", hand="lea"))]
    assert kinds(*ledger) == []
