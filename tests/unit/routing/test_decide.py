"""The channel decision: each promise of the design by name. The clock is Friday 20 November 2026, 10:00 in Paris."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.case import Severity
from domain.contact import (
    CaseFacts,
    ContactAction,
    ContactPoint,
    ContactPolicy,
    PastContact,
    Preference,
    Recipient,
    Situation,
    Thread,
)
from domain.customer import Consent
from domain.evidence import Grade
from routing.decide import decide

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=200)
POLICY = ContactPolicy()


def granted(*channels: str) -> tuple[Consent, ...]:
    return tuple(Consent(channel, "service", "granted", LONG_AGO) for channel in channels)


CASE = CaseFacts("1", "delivery", Severity.NORMAL, Grade.STATED, NOW, network="mastodon", addressed_brand=True)
CUSTOMER = Recipient(
    "C1",
    country="FR",
    timezone="Europe/Paris",
    contact_points=(ContactPoint("email", "a@example.org"), ContactPoint("sms", "+33639980000")),
    consents=granted("email", "sms"),
)
SITUATION = Situation(CASE, CUSTOMER, (), NOW)


def situation(now: datetime = NOW, history: tuple[PastContact, ...] = (), **changes: object) -> Situation:
    """The plain situation with some fields of case or customer changed."""
    case = {name: value for name, value in changes.items() if name in CaseFacts.__slots__}
    customer = {name: value for name, value in changes.items() if name in Recipient.__slots__}
    return Situation(replace(CASE, **case), replace(CUSTOMER, **customer), history, now)  # type: ignore[arg-type]


def sent(days_ago: float, case: str = "other", status: str = "handed_over") -> PastContact:
    return PastContact(NOW - timedelta(days=days_ago), "email", "out", proactive=True, status=status, case=case)


def test_a_consented_verified_address_is_written_to() -> None:
    decision = decide(SITUATION, POLICY)
    assert (decision.action, decision.channel, decision.address) == (ContactAction.SEND, "email", "a@example.org")
    assert decision.order == ("email", "sms")


@pytest.mark.parametrize("grade", [Grade.SUGGESTED, Grade.NONE])
def test_resemblance_never_leads_to_a_message(grade: Grade) -> None:
    assert decide(situation(grade=grade), POLICY).action is ContactAction.ASK_PERSON


def test_an_unknown_speaker_who_addressed_the_brand_gets_a_neutral_reply_in_place() -> None:
    decision = decide(
        replace(SITUATION, case=replace(CASE, grade=Grade.NONE, public_reply_possible=True), customer=None), POLICY
    )
    assert decision.action is ContactAction.REPLY_IN_PLACE


@pytest.mark.parametrize("objection", ["all", "social_care", "linking"])
def test_an_objection_ends_it(objection: str) -> None:
    assert decide(situation(objections=frozenset({objection})), POLICY).action is ContactAction.NEVER


@pytest.mark.parametrize(
    ("status", "action"),
    [("deceased", ContactAction.NEVER), ("minor", ContactAction.ASK_PERSON), ("legal_hold", ContactAction.ASK_PERSON)],
)
def test_a_status_stops_the_automat(status: str, action: ContactAction) -> None:
    assert decide(situation(status=status), POLICY).action is action


def test_a_person_in_charge_is_not_talked_over() -> None:
    assert decide(situation(person_in_charge=True), POLICY).action is ContactAction.ASK_PERSON


@pytest.mark.parametrize("status", ["denied", "revoked"])
def test_the_latest_word_on_a_channel_holds(status: str) -> None:
    words = (*granted("email"), Consent("email", "service", status, NOW - timedelta(days=1)))
    decision = decide(situation(consents=words), POLICY)
    assert decision.action is ContactAction.ASK_PERSON
    assert ("email", f"consent_{status}") in [(r.channel, r.reason) for r in decision.rejected]


def test_marketing_consent_is_no_consent_for_service() -> None:
    words = (Consent("email", "marketing", "granted", LONG_AGO), *granted("sms"))
    assert decide(situation(consents=words), POLICY).channel == "sms"


def test_who_refused_every_channel_is_never_written_to() -> None:
    words = tuple(Consent(channel, "service", "denied", LONG_AGO) for channel in ("email", "sms"))
    assert decide(situation(consents=words), POLICY).action is ContactAction.NEVER


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        (ContactPoint("email", "a@example.org", verified=False), "unverified"),
        (ContactPoint("email", "a@example.org", suppressed="hard_bounce"), "suppressed_hard_bounce"),
        (ContactPoint("email", "a@example.org", shared_by=2), "shared_contact_point"),
        (ContactPoint("email", "a@example.org", changed_at=NOW - timedelta(hours=71)), "changed_recently"),
    ],
)
def test_an_address_that_may_be_anothers_is_left_alone(point: ContactPoint, reason: str) -> None:
    decision = decide(situation(contact_points=(point,)), POLICY)
    assert decision.action is ContactAction.ASK_PERSON
    assert decision.rejected[0].reason == reason


def test_a_second_good_address_of_a_channel_is_taken() -> None:
    points = (ContactPoint("email", "old@example.org", verified=False), ContactPoint("email", "new@example.org"))
    assert decide(situation(contact_points=points), POLICY).address == "new@example.org"


def test_the_order_is_request_thread_preference_default() -> None:
    points = tuple(ContactPoint(channel, channel) for channel in ("email", "sms", "phone", "letter"))
    changes = {
        "contact_points": points,
        "consents": granted("email", "sms", "phone", "letter"),
        "requested_channel": "phone",
        "active_thread": Thread("letter", NOW - timedelta(hours=3)),
        "preferred_channel": Preference("sms", "declared"),
    }
    assert decide(situation(**changes), POLICY).order == ("phone", "letter", "sms", "email")


def test_a_thread_grows_cold() -> None:
    cold = Thread("sms", NOW - timedelta(hours=73))
    assert decide(situation(active_thread=cold), POLICY).channel == "email"


def test_a_stated_preference_that_cannot_be_followed_is_not_replaced_by_something_louder() -> None:
    bounced = (ContactPoint("email", "a@example.org", suppressed="hard_bounce"), ContactPoint("sms", "+33639980000"))
    decision = decide(situation(contact_points=bounced, preferred_channel=Preference("email", "declared")), POLICY)
    assert decision.action is ContactAction.ASK_PERSON
    assert ("sms", "more_intrusive_than_preference") in [(r.channel, r.reason) for r in decision.rejected]


def test_a_stated_preference_that_cannot_be_followed_may_be_replaced_by_something_quieter() -> None:
    decision = decide(situation(preferred_channel=Preference("sms", "declared"), consents=granted("email")), POLICY)
    assert decision.channel == "email"
    assert "stated preference sms cannot be followed" in decision.reasons


def test_one_proactive_message_a_case() -> None:
    assert decide(situation(history=(sent(40, case="1"),)), POLICY).action is ContactAction.NEVER


def test_two_proactive_messages_a_month() -> None:
    assert decide(situation(history=(sent(20), sent(10))), POLICY).action is ContactAction.ASK_PERSON
    assert decide(situation(history=(sent(31), sent(10))), POLICY).action is ContactAction.SEND


def test_a_cap_that_frees_soon_holds() -> None:
    decision = decide(situation(history=(sent(29), sent(10))), POLICY)
    assert (decision.action, decision.send_at) == (ContactAction.HOLD, NOW + timedelta(days=1))


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_what_did_not_go_out_does_not_count(status: str) -> None:
    history = (sent(3, status=status), sent(2, status=status), sent(1, case="1", status=status))
    assert decide(situation(history=history), POLICY).action is ContactAction.SEND


def test_what_may_have_gone_out_counts() -> None:
    assert decide(situation(history=(sent(1, case="1", status="unconfirmed"),)), POLICY).action is ContactAction.NEVER


def test_a_light_complaint_that_did_not_address_the_brand_is_left_in_peace() -> None:
    assert decide(situation(addressed_brand=False, severity=Severity.LOW), POLICY).action is ContactAction.NEVER
    assert decide(situation(addressed_brand=False, severity=Severity.HIGH), POLICY).action is ContactAction.SEND


@pytest.mark.parametrize(
    ("now", "zone", "country", "opens"),
    [
        ("2026-11-20T19:30+00:00", "Europe/Paris", "FR", "2026-11-21T07:00+00:00"),  # 20:30 on Friday
        ("2026-11-21T20:00+00:00", "Europe/Paris", "FR", "2026-11-23T07:00+00:00"),  # over Sunday
        ("2026-11-20T09:00+00:00", "Pacific/Noumea", "NC", "2026-11-20T21:00+00:00"),  # 20:00 there
        ("2026-12-24T22:00+00:00", "Europe/Paris", "FR", "2026-12-26T07:00+00:00"),  # over Christmas
        ("2026-03-29T00:30+00:00", "Europe/Paris", "FR", "2026-03-30T06:00+00:00"),  # the night summer time begins
        ("2026-11-20T09:00+00:00", None, "US", "2026-11-20T18:00+00:00"),  # until Honolulu is awake
    ],
)
def test_quiet_hours_are_the_customers_own(now: str, zone: str | None, country: str, opens: str) -> None:
    decision = decide(situation(datetime.fromisoformat(now), timezone=zone, country=country), POLICY)
    assert (decision.action, decision.send_at) == (ContactAction.HOLD, datetime.fromisoformat(opens))


def test_a_letter_rings_at_no_door() -> None:
    night = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    letter = (ContactPoint("letter", "1 rue des Lilas"),)
    decision = decide(situation(night, contact_points=letter, consents=granted("letter")), POLICY)
    assert decision.action is ContactAction.SEND


def test_quiet_hours_within_one_day_work_too() -> None:
    lunch = replace(POLICY, quiet_from=time(9, 0), quiet_until=time(14, 0))
    assert decide(SITUATION, lunch).send_at == datetime(2026, 11, 20, 13, 0, tzinfo=UTC)


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.sampled_from(["Europe/Paris", "Pacific/Noumea", "America/Martinique", "Asia/Kathmandu", None, "Not/AZone"]),
    st.sampled_from(["FR", "NC", "US", "NP", "ZZ", None]),
)
def test_a_hold_always_ends_in_an_open_window(now: datetime, zone: str | None, country: str | None) -> None:
    decision = decide(situation(now, timezone=zone, country=country), POLICY)
    assert decision.send_at is not None
    assert decision.send_at >= now
    again = decide(situation(decision.send_at, timezone=zone, country=country), POLICY)
    assert again.action is ContactAction.SEND


@given(st.permutations(["email", "sms", "letter", "whatsapp", "phone"]), st.integers(0, 31))
def test_no_channel_without_consent_is_ever_taken(channels: list[str], allowed: int) -> None:
    points = tuple(ContactPoint(channel, channel) for channel in channels)
    consents = granted(*(channel for place, channel in enumerate(channels) if allowed >> place & 1))
    decision = decide(situation(contact_points=points, consents=consents), POLICY)
    assert decision.channel is None or decision.channel in {consent.channel for consent in consents}
