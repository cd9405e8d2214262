"""What a situation says is taken by the letter; what it cannot mean is told, and never read as consent."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.contact import ContactAction, ContactPolicy
from domain.errors import BadInput
from routing.decide import decide
from routing.situations import parse_situation

GOOD: dict[str, Any] = {
    "case": {
        "id": 1, "intent": "delivery", "severity": "high", "grade": "stated", "opened_at": "2026-11-20T08:00:00Z",
        "active_thread": {"channel": "email", "last_at": "2026-11-20T07:30:00Z"}, "network": "mastodon",
    },
    "customer": {
        "customer_id": "C1", "country": "FR", "timezone": "Europe/Paris", "preferred_channel": "sms",
        "contact_points": [{"channel": "sms", "address": "+33612345678", "verified": True, "shared_by": 1}],
        "consents": [{"channel": "sms", "purpose": "service", "status": "granted", "at": "2026-03-01T10:00:00Z"}],
        "objections": [],
    },
    "history": [{"at": "2026-10-01T10:00:00Z", "channel": "sms", "direction": "out", "proactive": True, "status": "delivered"}],
    "now": "2026-11-20T09:00:00Z",
}  # fmt: skip
PLACES = (
    ["case"], ["customer"], ["history"], ["now"], *(["case", key] for key in GOOD["case"]),
    *(["customer", key] for key in GOOD["customer"]), ["history", 0], *(["history", 0, key] for key in GOOD["history"][0]),
    ["customer", "contact_points", 0], *(["customer", "contact_points", 0, key] for key in GOOD["customer"]["contact_points"][0]),
    ["customer", "consents", 0], *(["customer", "consents", 0, key] for key in GOOD["customer"]["consents"][0]),
    ["case", "active_thread", "channel"], ["case", "active_thread", "last_at"],
)  # fmt: skip


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    row = copy.deepcopy(GOOD)
    place: Any = row
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return row


def test_a_good_one_is_decided() -> None:
    decision = decide(parse_situation(GOOD), ContactPolicy())
    assert (decision.action, decision.channel, decision.case) == (ContactAction.SEND, "sms", "1")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (["now"], "2026-11-20T09:00:00", "no time zone"),
        (["now"], "yesterday", "no ISO 8601 time"),
        (["now"], None, "no ISO 8601 time"),
        (["case"], None, "not a situation"),
        (["case"], [], "not a situation"),
        (["case", "severity"], "huge", "none of high, normal, low"),
        (["case", "grade"], "sure", "grade: 'sure'"),
        (["case", "grade"], [], "grade: []"),
        (["case", "requested_channel"], 5, "requested_channel"),
        (["customer", "timezone"], 2, "timezone"),
        (["customer", "country"], 33, "country"),
        (["customer", "objections"], "all", "objections"),
        (["customer", "objections"], ["al"], "objections"),
        (["customer", "objections"], {"all": True}, "objections"),
        (["customer", "consents"], {"sms": "granted"}, "consents"),
        (["customer", "consents", 0, "status"], "yes", "consent status 'yes'"),
        (["customer", "consents", 0, "channel"], 7, "channel"),
        (["customer", "contact_points"], {"sms": "+33612345678"}, "contact_points"),
        (["customer", "contact_points", 0, "shared_by"], "many", "shared_by"),
        (["customer", "contact_points", 0, "shared_by"], -1, "shared_by"),
        (["customer", "contact_points", 0, "verified"], "no", "verified"),
        (["customer", "contact_points", 0, "channel"], None, "channel"),
        (["history"], "none", "history"),
        (["history", 0, "direction"], "up", "direction"),
        (["history", 0, "proactive"], "false", "proactive"),
    ],
    ids=str,
)  # fmt: skip
def test_what_it_cannot_mean_is_told(path: list[Any], value: Any, told: str) -> None:
    with pytest.raises(BadInput, match=told.replace("[", r"\[").replace("]", r"\]")):
        parse_situation(changed(path, value))


def test_a_missing_value_is_named() -> None:
    row = changed(["now"], None)
    del row["now"]
    with pytest.raises(BadInput, match="now is missing"):
        parse_situation(row)


@given(path=st.sampled_from(PLACES), value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(["all", "sms", "2026-11-20T09:00:00Z"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2), max_leaves=4,
))  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_nothing_that_json_can_hold_breaks_it(path: list[Any], value: Any) -> None:
    told = ""
    try:
        decide(parse_situation(changed(path, value)), ContactPolicy()).as_dict()
    except BadInput as error:
        told = str(error)
    assert "\n" not in told
