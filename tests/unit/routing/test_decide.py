"""The channel decision: each promise of the design by name. The clock is Friday 20 November 2026, 10:00 in Paris."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.case import Severity
from domain.contact import (
    Also,
    CaseFacts,
    ChannelDecision,
    ChannelLimits,
    ContactAction,
    ContactPoint,
    ContactPolicy,
    Learned,
    PastContact,
    Preference,
    QuietTime,
    Recipient,
    Situation,
    Thread,
    Written,
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


def test_one_proactive_message_a_week() -> None:
    decision = decide(situation(history=(sent(5),)), POLICY)
    assert (decision.action, decision.send_at) == (ContactAction.HOLD, NOW + timedelta(days=2))
    assert decision.reasons == ("1 proactive messages in 7 days",)
    assert decide(situation(history=(sent(7),)), POLICY).action is ContactAction.SEND


def test_marketing_does_not_use_up_what_is_reserved_for_service() -> None:
    pushed = tuple(replace(sent(days), purpose="marketing") for days in (1, 2, 3, 4))
    assert decide(situation(history=pushed), POLICY).action is ContactAction.SEND
    assert decide(situation(history=(*pushed, sent(5))), POLICY).action is not ContactAction.SEND
    nothing_reserved = replace(POLICY, service_reserve=0)
    assert decide(situation(history=pushed), nothing_reserved).action is not ContactAction.SEND


def test_messages_that_went_out_together_count_once() -> None:
    both = (replace(sent(10), group="m"), replace(sent(10), group="m", channel="sms"))
    assert decide(situation(history=both), POLICY).action is ContactAction.SEND
    apart = (replace(sent(10), group="m"), replace(sent(10), group="n", channel="sms"))
    assert decide(situation(history=apart), POLICY).action is ContactAction.ASK_PERSON


@pytest.mark.parametrize("limit", ["proactive_per_7_days", "proactive_per_30_days"])
def test_a_cap_of_nothing_is_a_person(limit: str) -> None:
    assert decide(SITUATION, replace(POLICY, **{limit: 0})).action is ContactAction.ASK_PERSON  # type: ignore[arg-type]


UNASKED = {"addressed_brand": False, "severity": Severity.HIGH}


def test_who_left_two_messages_without_an_answer_is_left_in_peace() -> None:
    silence = (sent(60), sent(35))
    decision = decide(situation(history=silence, **UNASKED), POLICY)
    assert (decision.action, decision.reasons) == (
        ContactAction.ASK_PERSON,
        ("2 messages were left without an answer",),
    )
    assert decide(situation(history=(sent(100), sent(35)), **UNASKED), POLICY).action is ContactAction.SEND


@pytest.mark.parametrize(
    "word",
    [
        PastContact(NOW - timedelta(days=34), "phone", "in"),  # on another channel
        sent(34, status="replied"),
    ],
)
def test_a_word_of_his_ends_the_silence(word: PastContact) -> None:
    assert decide(situation(history=(sent(60), sent(35), word), **UNASKED), POLICY).action is ContactAction.SEND


def test_who_speaks_to_the_brand_in_public_is_not_silent() -> None:
    assert decide(situation(history=(sent(60), sent(35))), POLICY).action is ContactAction.SEND


class TestProviders:
    """What the provider of a channel allows."""

    WHATSAPP: ClassVar[dict[str, Any]] = {
        "contact_points": (ContactPoint("whatsapp", "+33639980000"),),
        "consents": granted("whatsapp"),
    }
    LIMITS = replace(POLICY, limits={"whatsapp": ChannelLimits(True, 24, needs_template=True)})

    def reasons(self, decision: ChannelDecision) -> list[str]:
        return [rejection.reason for rejection in decision.rejected if rejection.channel == "whatsapp"]

    def test_outside_the_window_a_template_is_needed(self) -> None:
        decision = decide(situation(**self.WHATSAPP), self.LIMITS)
        assert (decision.action, self.reasons(decision)) == (ContactAction.ASK_PERSON, ["no_approved_template"])
        ready = replace(self.LIMITS, limits={"whatsapp": ChannelLimits(True, 24, True, has_template=True)})
        assert decide(situation(**self.WHATSAPP), ready).channel == "whatsapp"

    @pytest.mark.parametrize(("hours", "open_"), [(23.9, True), (24.0, False)])
    def test_within_the_window_none_is(self, hours: float, open_: bool) -> None:
        word = PastContact(NOW - timedelta(hours=hours), "whatsapp", "in")
        decision = decide(situation(history=(word,), **self.WHATSAPP), self.LIMITS)
        assert (decision.channel == "whatsapp") is open_

    def test_who_must_write_first_has_to(self) -> None:
        rules = replace(POLICY, limits={"whatsapp": ChannelLimits(may_write_first=False)})
        assert self.reasons(decide(situation(**self.WHATSAPP), rules)) == ["customer_must_write_first"]
        word = PastContact(NOW - timedelta(days=400), "whatsapp", "in")
        assert decide(situation(history=(word,), **self.WHATSAPP), rules).channel == "whatsapp"

    def test_a_provider_that_does_not_answer_is_waited_for_rather_than_a_louder_channel_taken(self) -> None:
        sick = replace(POLICY, unwell_channels=frozenset({"email"}))
        decision = decide(situation(preferred_channel=Preference("email", "declared")), sick)
        assert (decision.action, decision.send_at) == (ContactAction.HOLD, NOW + timedelta(hours=1))
        assert decide(situation(), sick).channel == "sms"

    def test_a_closed_channel_is_closed(self) -> None:
        closed = replace(POLICY, closed_channels=frozenset({"email", "sms"}))
        assert decide(SITUATION, closed).action is ContactAction.ASK_PERSON


class TestSensitivity:
    """What must not be read by others."""

    def test_a_delicate_matter_does_not_go_by_a_channel_that_others_see(self) -> None:
        rules = replace(POLICY, sensitive_intents=frozenset({"account_security"}))
        told = situation(intent="account_security", preferred_channel=Preference("sms", "declared"))
        decision = decide(told, rules)
        assert decision.channel == "email"
        assert ("sms", "too_sensitive_for_channel") in [(r.channel, r.reason) for r in decision.rejected]

    def test_a_shared_address_may_get_what_tells_nothing_where_the_brand_says_so(self) -> None:
        shared = (ContactPoint("email", "a@example.org", shared_by=2),)
        rules = replace(POLICY, shared_points="discreet")
        decision = decide(situation(contact_points=shared), rules)
        assert (decision.action, decision.discreet) == (ContactAction.SEND, True)
        delicate = replace(rules, sensitive_intents=frozenset({"delivery"}))
        assert decide(situation(contact_points=shared), delicate).action is ContactAction.ASK_PERSON

    def test_his_own_address_comes_before_a_shared_one(self) -> None:
        points = (ContactPoint("email", "both@example.org", shared_by=2), ContactPoint("email", "his@example.org"))
        decision = decide(situation(contact_points=points), replace(POLICY, shared_points="discreet"))
        assert (decision.address, decision.discreet) == ("his@example.org", False)

    def test_an_account_of_two_customers_is_neithers(self) -> None:
        points = (ContactPoint("mastodon", "ana@social.example", shared_by=2),)
        decision = decide(situation(contact_points=points), POLICY)
        assert ("mastodon", "shared_contact_point") in [(r.channel, r.reason) for r in decision.rejected]


class TestStopThenANewRequest:
    """Who said STOP and then writes himself gets his answer there, and nowhere else."""

    POINT = ContactPoint("email", "A@example.org", suppressed="stop", suppressed_at=NOW - timedelta(hours=5))

    def asked(self, hours_ago: float = 1, address: str = "a@example.org", **changes: object) -> ChannelDecision:
        word = Written("email", address, NOW - timedelta(hours=hours_ago))
        facts = {"contact_points": (self.POINT,), "written": (word,), **changes}
        return decide(situation(**facts), POLICY)

    def test_he_is_answered_where_he_wrote(self) -> None:
        decision = self.asked()
        assert (decision.action, decision.address) == (ContactAction.SEND, "A@example.org")
        assert "the customer wrote again after his STOP" in decision.reasons

    def test_not_before_his_stop_not_from_elsewhere_not_days_later(self) -> None:
        for decision in (self.asked(6), self.asked(address="b@example.org"), self.asked(100)):
            assert decision.action is ContactAction.ASK_PERSON

    def test_a_bounced_address_stays_closed(self) -> None:
        bounced = replace(self.POINT, suppressed="hard_bounce")
        assert self.asked(contact_points=(bounced,)).action is ContactAction.ASK_PERSON

    def test_other_addresses_stay_closed(self) -> None:
        other = replace(self.POINT, channel="sms", address="+33639980000")
        assert self.asked(contact_points=(other,)).action is ContactAction.ASK_PERSON


class TestNetworks:
    """Accounts on networks are addresses too."""

    HERE: ClassVar[dict[str, Any]] = {
        "contact_points": (ContactPoint("mastodon", "ana@social.example"),),
        "consents": (),
    }

    def test_who_speaks_to_the_brand_there_may_be_answered_there(self) -> None:
        decision = decide(situation(**self.HERE), POLICY)
        assert (decision.channel, decision.reasons[0]) == ("mastodon", "network of origin")

    def test_who_does_not_needs_to_have_allowed_it(self) -> None:
        assert decide(situation(**self.HERE, **UNASKED), POLICY).action is ContactAction.ASK_PERSON
        allowed = self.HERE | {"consents": granted("mastodon")}
        assert decide(situation(**allowed, **UNASKED), POLICY).channel == "mastodon"

    def test_a_refusal_is_heeded_there_too(self) -> None:
        refused = self.HERE | {"consents": (Consent("mastodon", "service", "denied", LONG_AGO),)}
        assert decide(situation(**refused), POLICY).action is ContactAction.NEVER


class TestLearned:
    """What was learned stands between what he said and where he posted."""

    POINTS = tuple(ContactPoint(channel, channel) for channel in ("email", "sms", "letter", "mastodon"))
    KNOWN: ClassVar[dict[str, Any]] = {
        "contact_points": POINTS,
        "consents": granted("email", "sms", "letter", "mastodon"),
    }
    LEARNED = (Learned("letter", 0.9, "learned: letter"), Learned("email", 0.2, "learned: email"))

    def test_it_comes_after_a_stated_preference_and_before_the_network_of_origin(self) -> None:
        stated = Preference("sms", "declared")
        told = situation(**self.KNOWN, learned=self.LEARNED, preferred_channel=stated)
        assert decide(told, POLICY).order == ("sms", "letter", "email", "mastodon")

    def test_a_louder_channel_must_be_worth_it(self) -> None:
        close = (Learned("sms", 0.55), Learned("email", 0.50))
        assert decide(situation(**self.KNOWN, learned=close), POLICY).channel == "email"
        clear = (Learned("sms", 0.60), Learned("email", 0.50))
        assert decide(situation(**self.KNOWN, learned=clear), POLICY).channel == "sms"

    def test_who_does_not_want_it_is_not_learned_from(self) -> None:
        told = situation(**self.KNOWN, learned=self.LEARNED, objections=frozenset({"profiling"}))
        assert decide(told, POLICY).channel == "mastodon"


class TestAlso:
    """A short word beside the message, where a rule asks for it."""

    RULES = replace(POLICY, also=(Also("email", "sms", frozenset({"delivery"})),))

    def test_it_goes_to_the_other_channel(self) -> None:
        decision = decide(SITUATION, self.RULES)
        assert (decision.channel, decision.also, decision.also_addresses) == ("email", ("sms",), ("+33639980000",))
        assert decision.as_dict()["also"] == ["sms"]

    def test_only_where_it_may(self) -> None:
        assert decide(situation(consents=granted("email")), self.RULES).also == ()
        assert decide(situation(intent="billing"), self.RULES).also == ()

    def test_both_wait_for_the_morning(self) -> None:
        rules = replace(POLICY, also=(Also("letter", "sms"),), default_order=("letter", "sms"))
        points = (ContactPoint("letter", "1 rue des Lilas"), ContactPoint("sms", "+33639980000"))
        night = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
        told = situation(night, contact_points=points, consents=granted("letter", "sms"))
        decision = decide(told, rules)
        assert (decision.action, decision.also) == (ContactAction.HOLD, ("sms",))


def test_safety_waits_for_no_morning_and_no_cap_but_for_his_will() -> None:
    night = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
    full = (sent(1), sent(2), sent(3))
    assert decide(situation(night, full, purpose="safety"), POLICY).action is ContactAction.SEND
    assert decide(situation(night, full, purpose="safety", consents=()), POLICY).action is ContactAction.ASK_PERSON
    objected = situation(night, purpose="safety", objections=frozenset({"all"}))
    assert decide(objected, POLICY).action is ContactAction.NEVER


def test_his_own_quiet_times_come_on_top() -> None:
    lunch = QuietTime(time(9, 0), time(14, 0), frozenset({5}))
    assert decide(situation(quiet=lunch), POLICY).send_at == datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
    saturday = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    assert decide(situation(saturday, quiet=lunch), POLICY).send_at == datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def test_who_leaves_no_hour_open_is_a_persons() -> None:
    decision = decide(situation(quiet=QuietTime(time(7, 0), time(21, 0))), POLICY)
    assert (decision.action, decision.reasons) == (ContactAction.ASK_PERSON, ("no hour is open to this customer",))


@pytest.mark.parametrize(("region", "quiet"), [("57", True), ("6AE", True), (None, False), ("nowhere", False)])
def test_alsace_and_moselle_have_holidays_of_their_own(region: str | None, quiet: bool) -> None:
    saint_stephen = datetime(2026, 12, 26, 10, 0, tzinfo=UTC)
    decision = decide(situation(saint_stephen, region=region), POLICY)
    assert (decision.action is ContactAction.HOLD) is quiet


def test_an_unknown_zone_overseas_is_the_regions() -> None:
    decision = decide(situation(timezone=None, region="974"), POLICY)
    assert decision.action is ContactAction.SEND  # 13:00 on La Réunion
    evening = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
    assert decide(situation(evening, timezone=None, region="974"), POLICY).action is ContactAction.HOLD
    assert decide(situation(evening, timezone=None), POLICY).action is ContactAction.SEND


def test_a_zone_that_does_not_exist_is_unknown() -> None:
    told = situation(NOW, timezone="Not/AZone", country="US")
    assert decide(told, POLICY).send_at == datetime(2026, 11, 20, 18, 0, tzinfo=UTC)


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
