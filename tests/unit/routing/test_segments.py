"""A segment holds exactly those customers of whom its rule is true, since they first were."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from routing.conditions import parse_when
from routing.segments import CUSTOMER_KEYS, Segment, forget_others, keep_up, members
from storage.merges import merge_customers
from storage.playbooks import memberships_of, segment_sizes
from storage.tables import (
    ConsentRow,
    CustomerRow,
    CustomerSegmentRow,
    IdentityRow,
    InteractionRow,
    ObjectionRow,
    OrderRow,
    PreferenceRow,
)
from tests.console import factories
from tests.unit.samples import BRAND, NOW, OTHER_BRAND

DAY = timedelta(days=1)


def put(session: Session, id_: str, brand_id: str = BRAND.id, **facts: Any) -> CustomerRow:
    row = CustomerRow(brand_id=brand_id, customer_id=id_, name=id_, row_hash=id_, changed_at=NOW, **facts)
    session.add(row)
    session.flush()
    return row


def bought(session: Session, id_: str, *days: float, brand_id: str = BRAND.id) -> None:
    for day in days:
        number = factories._next("O")
        facts = {"order_id": number, "normal_id": number, "row_hash": number, "placed_at": NOW - day * DAY}
        session.add(OrderRow(brand_id=brand_id, customer_id=id_, **facts))


def called(session: Session, id_: str, *days: float, direction: str = "in") -> None:
    for day in days:
        number = factories._next("I")
        facts = {"interaction_id": number, "row_hash": number, "channel": "phone", "direction": direction}
        session.add(InteractionRow(brand_id=BRAND.id, customer_id=id_, at=NOW - day * DAY, **facts))


def prefers(session: Session, customer: CustomerRow, channel: str, source: str, at: datetime | None = NOW) -> None:
    row = PreferenceRow(brand_id=BRAND.id, customer_key=customer.id, channel=channel, source=source, how=channel, at=at)
    session.add(row)


def complained(session: Session, customer: CustomerRow, *unhappy: bool, days: float = 1) -> None:
    """A case of his account's first post, and what else the account said."""
    writer = factories.author(session, brand_id=BRAND.id)
    said = [factories.post(session, writer=writer, created_at=NOW - days * DAY) for _ in unhappy]
    for post, bad in zip(said, unhappy, strict=True):
        factories.reading(session, post, unhappy=bad)
    factories.case(session, said[0], owner=customer, opened_at=NOW - days * DAY)


def inside(session: Session, **table: Any) -> set[str]:
    """The customers (ids of the file) of whom a rule is true."""
    session.flush()
    keys = members(BRAND.id, parse_when(table, CUSTOMER_KEYS), NOW)
    return set(session.scalars(select(CustomerRow.customer_id).where(CustomerRow.id.in_(keys))))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"country": "fr"}, {"A", "B"}),
        ({"postal_code": ["75", "1"]}, {"A", "C"}),
        ({"stated_segment": "VIP"}, {"A"}),
        ({"value_at_least": 100}, {"A", "B"}),
        ({"value_below": 500}, {"B"}),
        ({"not": {"value_at_least": 100}}, {"C"}),
        ({"purchases_at_least": 2}, {"A", "B"}),
        ({"purchases_at_least": 2, "purchases_within_days": 30}, {"A"}),
        ({"purchases_within_days": 30}, {"A"}),
        ({"purchases_below": 1}, {"C"}),
        ({"not": {"purchases_within_days": 30}}, {"B", "C"}),
        ({"purchases_at_least": 1, "not": {"purchases_within_days": 30}}, {"B"}),
        ({"contacts_at_least": 2}, {"B"}),
        ({"cases_at_least": 1}, {"A", "C"}),
        ({"cases_at_least": 1, "cases_within_days": 10}, {"A"}),
        ({"channel": "sms"}, {"A"}),
        ({"channel": "email"}, {"B"}),
        ({"learned_channel": "email"}, {"A", "B"}),
        ({"stated_channel": "email"}, set()),
        ({"refused_channel": "email"}, {"C"}),
        ({"unhappy_at_least": 0.6}, {"C"}),
        ({"unhappy_below": 0.6}, {"A"}),
        ({"posts_at_least": 3}, {"A"}),
        ({"unhappy_at_least": 0.1, "posts_within_days": 10}, {"A"}),
        ({"any": [{"country": "BE"}, {"stated_segment": "vip"}]}, {"A", "C"}),
        ({"any": [{"country": "BE"}, {"country": "FR"}], "not": [{"value_at_least": 500}, {"purchases_below": 1}]}, {"B"}),
    ],
)  # fmt: skip
def test_a_rule_is_true_of_whom_it_says(session: Session, table: dict[str, Any], expected: set[str]) -> None:
    a = put(session, "A", country="FR", postal_code="75011", segment="vip", value=900.0)
    b = put(session, "B", country="FR", postal_code="59000", value=120.0)
    c = put(session, "C", country="BE", postal_code="1000")
    put(session, "Z", OTHER_BRAND.id, country="FR", postal_code="75011", segment="vip", value=900.0)
    bought(session, "Z", 1, 2, brand_id=OTHER_BRAND.id)
    bought(session, "A", 1, 2, 300)
    bought(session, "B", 200, 300)
    called(session, "B", 1, 2)
    called(session, "A", 1, 2, 3, direction="out")
    complained(session, a, True, False, False)
    complained(session, c, True, days=100)
    prefers(session, a, "sms", "declared")
    prefers(session, a, "email", "observed")
    prefers(session, b, "phone", "inferred", NOW - DAY)
    prefers(session, b, "email", "inferred")
    for day, status in ((3, "granted"), (1, "revoked")):
        session.add(
            ConsentRow(
                brand_id=BRAND.id, customer_key=c.id, channel="email", purpose="service", status=status, at=NOW - day * DAY
            )
        )  # fmt: skip
    assert inside(session, **table) == expected


def test_records_of_one_person_count_together_under_the_kept_one(session: Session) -> None:
    for id_ in "ABC":
        put(session, id_, country="FR")
        bought(session, id_, 1)
    session.flush()
    assert inside(session, purchases_at_least=2) == set()
    merge_customers(session, BRAND.id, "B", "A", "nora@example.org", NOW)
    merge_customers(session, BRAND.id, "C", "B", "nora@example.org", NOW)
    assert inside(session, purchases_at_least=3) == {"C"}
    assert inside(session, country="FR") == {"C"}


@pytest.mark.parametrize(("topic", "expected"), [("profiling", set()), ("all", set()), ("social_care", {"A"})])
def test_who_wants_no_profile_has_none(session: Session, topic: str, expected: set[str]) -> None:
    a = put(session, "A", country="FR")
    session.add(ObjectionRow(brand_id=BRAND.id, customer_key=a.id, topic=topic, at=NOW))
    assert inside(session, country="FR") == expected


def test_an_account_that_is_proven_tells_the_mood_without_a_case(session: Session) -> None:
    a = put(session, "A")
    writer = factories.author(session, brand_id=BRAND.id)
    factories.reading(session, factories.post(session, writer=writer), unhappy=True)
    own = {"brand_id": BRAND.id, "customer_key": a.id, "network": writer.network, "account_id": writer.native_id}
    session.add(IdentityRow(**own, proof="declared", how="file", at=NOW, expires_at=NOW + DAY))
    assert inside(session, unhappy_at_least=1) == {"A"}
    session.scalars(select(IdentityRow)).one().expires_at = NOW
    assert inside(session, unhappy_at_least=1) == set()


def test_who_stays_keeps_his_date_and_who_no_longer_fits_leaves(session: Session) -> None:
    regulars = Segment("regulars", parse_when({"purchases_at_least": 2}, CUSTOMER_KEYS))
    a, b = put(session, "A"), put(session, "B")
    bought(session, "A", 1, 2)
    session.flush()
    first = keep_up(session, BRAND.id, regulars, NOW)
    assert (first.joined, first.left) == (1, 0)
    again = keep_up(session, BRAND.id, regulars, NOW + DAY)
    assert (again.joined, again.left) == (0, 0)
    for order in session.scalars(select(OrderRow)):
        order.customer_id = "B"
    session.flush()
    moved = keep_up(session, BRAND.id, regulars, NOW + 2 * DAY)
    assert (moved.joined, moved.left) == (1, 1)
    assert [row.segment for row in memberships_of(session, a.id)] == []
    assert [(row.segment, row.since) for row in memberships_of(session, b.id)] == [("regulars", NOW + 2 * DAY)]


def test_a_segment_that_the_settings_dropped_is_forgotten_and_others_stay(session: Session) -> None:
    put(session, "A", country="FR")
    put(session, "Z", OTHER_BRAND.id, country="FR")
    french = parse_when({"country": "FR"}, CUSTOMER_KEYS)
    for name, brand_id in (("old", BRAND.id), ("new", BRAND.id), ("old", OTHER_BRAND.id)):
        keep_up(session, brand_id, Segment(name, french), NOW)
    assert forget_others(session, BRAND.id, ["new"]) == 1
    assert segment_sizes(session, BRAND.id) == {"new": 1}
    assert segment_sizes(session, OTHER_BRAND.id) == {"old": 1}


SIMPLE = st.one_of(
    st.fixed_dictionaries({"country": st.sampled_from(["FR", "BE"])}),
    st.fixed_dictionaries({"value_at_least": st.integers(0, 3)}),
    st.fixed_dictionaries({"value_below": st.integers(0, 3)}),
    st.fixed_dictionaries({"purchases_at_least": st.integers(-1, 3)}),
    st.fixed_dictionaries({"purchases_below": st.integers(-1, 3)}),
    st.fixed_dictionaries({"purchases_within_days": st.integers(1, 5)}),
)
RULES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"not": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}),
        st.tuples(SIMPLE, st.fixed_dictionaries({"not": inner})).map(lambda pair: {**pair[0], **pair[1]}),
    ),
    max_leaves=4,
)
PEOPLE: list[tuple[str | None, float | None, list[float]]] = [
    ("FR", 2.0, []), ("BE", None, [1.5]), (None, 0.0, [0.5, 3.5]), ("FR", 1.0, [4.5, 4.6, 9]), ("BE", 3.0, [0.1]),
]  # fmt: skip


def by_hand(rule: dict[str, Any], country: str | None, value: float | None, days: list[float]) -> bool:
    """The same rule, as one would read it aloud."""
    window = rule.get("purchases_within_days")
    count = len([day for day in days if window is None or day < window])
    checks: dict[str, Callable[[Any], bool]] = {
        "country": lambda wanted: country == wanted,
        "value_at_least": lambda wanted: value is not None and value >= wanted,
        "value_below": lambda wanted: value is not None and value < wanted,
        "purchases_at_least": lambda wanted: count >= wanted,
        "purchases_below": lambda wanted: count < wanted,
        "purchases_within_days": lambda _: count >= 1,
        "not": lambda inner: not any(by_hand(one, country, value, days) for one in ([inner] if isinstance(inner, dict) else inner)),
        "any": lambda inner: any(by_hand(one, country, value, days) for one in inner),
    }  # fmt: skip
    return all(checks[name](wanted) for name, wanted in rule.items())


@given(rule=RULES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sets_in_sql_are_the_rule_read_aloud(session: Session, rule: dict[str, Any]) -> None:
    if session.scalar(select(CustomerRow.id).limit(1)) is None:
        for place, (country, value, days) in enumerate(PEOPLE):
            put(session, str(place), country=country, value=value)
            bought(session, str(place), *days)
        put(session, "elsewhere", OTHER_BRAND.id, country="FR", value=2.0)
    expected = {str(place) for place, person in enumerate(PEOPLE) if by_hand(rule, *person)}
    assert inside(session, **rule) == expected


def test_memberships_are_unique(session: Session) -> None:
    put(session, "A", country="FR")
    rule = parse_when({"any": [{"country": "FR"}, {"purchases_below": 1}]}, CUSTOMER_KEYS)
    keep_up(session, BRAND.id, Segment("twice", rule), NOW)
    assert len(session.scalars(select(CustomerSegmentRow)).all()) == 1
