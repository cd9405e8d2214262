"""The worlds that matching is measured in are what they say: the same each time, mixed as told, with a truth that holds."""

from collections import Counter

import pytest

from benchmarks._matching_world import PROBED, ROLES, WORLDS, Heard, World
from benchmarks._matching_world_people import AT_A_SHOP, NOW, Record, order_number, records
from domain.brand import Brand
from domain.evidence import Action
from models.entities import find_entities
from routing.matching.normal import normal_email, normal_order, normal_phone
from routing.matching.quoted import quoted_identifiers

CUSTOMERS, POSTS = 3_000, 600


@pytest.fixture(scope="module")
def file() -> list[Record]:
    return list(records(CUSTOMERS, seed=3))


@pytest.fixture(scope="module")
def worlds(file: list[Record]) -> dict[str, list[Heard]]:
    made = {name: World(name, CUSTOMERS, POSTS, seed=3) for name in WORLDS}
    for world in made.values():
        assert list(world.records()) == file
    return {name: world.posts() for name, world in made.items()}


def test_the_same_seed_makes_the_same_world(worlds: dict[str, list[Heard]]) -> None:
    again = World("hard", CUSTOMERS, POSTS, seed=3)
    list(again.records())
    assert again.posts() == worlds["hard"]


def test_another_seed_makes_another_file(file: list[Record]) -> None:
    assert next(iter(records(CUSTOMERS, seed=4))).customer != file[0].customer


def test_names_have_a_long_tail(file: list[Record]) -> None:
    names = Counter(record.customer.name for record in file)
    assert names.most_common(1)[0][1] >= 3
    assert sum(count == 1 for count in names.values()) > 0.7 * len(file)


def test_the_file_is_mixed_as_it_says(file: list[Record]) -> None:
    size = len(file)
    orders = [order for record in file for order in record.orders]
    assert len(orders) / size == pytest.approx(1.6, abs=0.1)
    assert sum((NOW - order.placed_at).days < 30 for order in orders) / len(orders) == pytest.approx(0.11, abs=0.02)
    assert sum(record.person != record.index for record in file) / size == pytest.approx(0.02, abs=0.01)
    assert sum(bool(record.customer.accounts) for record in file) / size == pytest.approx(0.12, abs=0.02)
    at_shops = [record for record in file if any("shops." in email for email in record.customer.emails)]
    assert len(at_shops) / size == pytest.approx(AT_A_SHOP, abs=0.01)
    assert len(orders) == len({order.order_id for order in orders})


def test_a_household_shares_name_and_address(file: list[Record]) -> None:
    by_index = {record.index: record.customer for record in file}
    shared = [(record.customer, by_index[record.household]) for record in file if record.household is not None]
    assert len(shared) == pytest.approx(0.064 * len(file), rel=0.25)
    assert all(one.postal_code == other.postal_code for one, other in shared if one.city == other.city)
    assert sum(one.last_name == other.last_name for one, other in shared) > 0.97 * len(shared)  # but for slips


def test_order_numbers_carry_their_check() -> None:
    assert all(int(order_number(body)[2:]) % 97 == 1 for body in (0, 7, 12_345_678, 99_999_999))


@pytest.mark.parametrize("name", WORLDS)
def test_customers_and_the_others_are_mixed_as_told(name: str, worlds: dict[str, list[Heard]]) -> None:
    heard, mix = worlds[name], WORLDS[name]
    assert len(heard) == POSTS
    others = [one for one in heard if not one.truth.customers]
    assert 1 - len(others) / POSTS == pytest.approx(mix.customers, abs=0.01)
    strangers = Counter(one.truth.role for one in others if one.truth.role in ("stranger", "namesake"))
    if strangers:
        assert strangers["namesake"] / sum(strangers.values()) == pytest.approx(mix.namesakes, abs=0.08)


def test_posts_come_in_the_order_of_time(worlds: dict[str, list[Heard]]) -> None:
    times = [one.post.created_at for one in worlds["natural"]]
    assert times == sorted(times)


def test_every_attacker_comes(worlds: dict[str, list[Heard]]) -> None:
    assert set(ROLES) <= {one.truth.role for one in worlds["attack"]}


def test_who_is_no_customer_may_never_be_linked(worlds: dict[str, list[Heard]]) -> None:
    strangers = [one for heard in worlds.values() for one in heard if not one.truth.customers]
    assert not any(one.truth.at_most is Action.LINK for one in strangers)


def test_a_prober_quotes_many_numbers_from_one_account(worlds: dict[str, list[Heard]]) -> None:
    probing = [one.post for one in worlds["attack"] if one.truth.role == "prober"]
    quoted: dict[str, set[str]] = {}
    for post in probing:
        assert post.author is not None
        quoted.setdefault(post.author.id, set()).update(word for word in post.text.split() if word.startswith("HR"))
    assert max(map(len, quoted.values())) == PROBED


def test_what_customers_quote_is_read_from_their_posts(file: list[Record], worlds: dict[str, list[Heard]]) -> None:
    """Otherwise a poor figure would be the generator's, or the reader's, not the matcher's."""
    brand = Brand(name="Hirondelle")
    theirs = {record.customer.customer_id: _identifiers(record) for record in file}
    read = quoting = 0
    for one in worlds["natural"]:
        found = {value for _, value in quoted_identifiers(find_entities([one.post.text], brand)[0])}
        if one.truth.role == "customer" and any(sign.isdigit() for sign in one.post.text):
            quoting += 1
            read += bool(found & set().union(*(theirs[customer] for customer in one.truth.customers)))
    assert quoting > 20
    assert read > 0.9 * quoting


def _identifiers(record: Record) -> set[str]:
    who = record.customer
    phones = (normal_phone(phone, who.country or "FR") or "" for phone in who.phones)
    return {*map(normal_email, who.emails), *phones, *(normal_order(order.order_id) for order in record.orders)}
