"""The customers of a shop that does not exist, and their orders: streamed, the same for the same seed.

Customers come in blocks that are drawn each by itself, so that a million of them needs no more memory than a block, and
any block can be drawn again. No address can belong to anybody: hosts end in `.example`, phone numbers begin with
digits that are not given out to persons.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

import numpy as np

from benchmarks._matching_world_names import COUNTRIES, NICKNAMES, Stock, stock
from domain.customer import Account, Customer, Order

NOW = datetime(2026, 11, 16, 9, 30, tzinfo=UTC)
BLOCK = 5_000
NETWORKS = ("mastodon", "bluesky", "forum")  # all three let an identifier in a post count
RELATIVES, SAME_EMAIL, SAME_PHONE, SAME_FIRST = 0.064, 0.25, 0.30, 0.04  # 12 % live in a household of two or three
DUPLICATES, CONFLICTING = 0.02, 0.4
DECLARED, AT_A_SHOP, FRENCH = 0.12, 0.01, 0.7
ORDERS_EACH, RECENT, NO_PHONE, NO_EMAIL = 1.6, 0.11, 0.2, 0.08
SHOP_SHARERS = 300
HOSTS = ("mail.example", "poste.example", "post.example", "boite.example", "inbox.example")
PRODUCTS = ("lampe", "canapé", "routeur", "kettle", "table", "vélo", "casque", "lamp")
STATUSES = (("deceased", 0.004), ("minor", 0.004), ("legal_hold", 0.002))
DELIVERY = timedelta(days=4)
_BODY = 99_999_989  # the largest prime below 10 ** 8: numbers are spread over all that an order could have
_NOT_PLAIN = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the customer file with its orders. `person` is who it is: equal for a duplicate of one person.

    `conflicting`: the person has another record, and the two do not agree on how to reach him.
    `household` is the index of the record he shares an address with.
    """

    index: int
    person: int
    customer: Customer
    orders: tuple[Order, ...]
    conflicting: bool = False
    household: int | None = None


@lru_cache(100_000)
def plain(text: str) -> str:
    """ASCII letters and digits only, small."""
    return _NOT_PLAIN.sub("", unicodedata.normalize("NFKD", text.casefold()))


def records(count: int, seed: int = 1) -> Iterator[Record]:
    """The customer file, block by block. The first `n` of `count` are not those of another `count`."""
    for first in range(0, count, BLOCK):
        yield from _Block(first, min(BLOCK, count - first), count, seed).records()


def order_number(body: int) -> str:
    """HR, eight digits, and the two check digits of ISO 7064 MOD 97-10 over them."""
    return f"HR{body:08d}{98 - body * 100 % 97:02d}"


class _Block:
    """All that is random of a block is drawn at once; the loop only puts it together."""

    def __init__(self, first: int, size: int, count: int, seed: int) -> None:
        self._first, self._size, self._count = first, size, count
        self._random = np.random.default_rng((seed, first))
        self._shops = max(1, count // (100 * SHOP_SHARERS))

    def records(self) -> Iterator[Record]:
        before: Record | None = None
        kinds = self._random.random(self._size)
        orders_of = self._random.poisson(ORDERS_EACH, self._size)
        first_order = self._first * 8  # no two blocks share a number: nobody has more than 8 orders on average
        for at, kind, wanted in zip(range(self._size), kinds.tolist(), orders_of.tolist(), strict=True):
            index = self._first + at
            if before is None or kind >= DUPLICATES + RELATIVES:
                record = self._new(at, index, wanted, first_order)
            elif kind < DUPLICATES:
                record = self._again(before, at, index, wanted, first_order)
            else:
                record = self._relative(before, at, index, wanted, first_order)
            first_order += wanted
            before = record
            yield record

    @cached_property
    def _draws(self) -> list[list[float]]:
        """Twelve numbers in [0, 1) a customer."""
        drawn: list[list[float]] = self._random.random((self._size, 12)).tolist()
        return drawn

    @cached_property
    def _countries(self) -> list[str]:
        return [COUNTRIES[0] if draw < FRENCH else COUNTRIES[1] for draw in self._random.random(self._size).tolist()]

    @cached_property
    def _names(self) -> list[tuple[int, int, int]]:
        """Ranks of first name, last name and town, drawn by the country's shares."""
        draws = self._random.random((3, self._size))
        found = np.empty((self._size, 3), np.int64)
        is_french = np.array([country == "FR" for country in self._countries])
        for country, mask in (("FR", is_french), ("GB", ~is_french)):
            names = stock(country)
            shares = (names.first_up_to, names.last_up_to, names.cities_up_to)
            for column, up_to in enumerate(shares):
                ranks = np.searchsorted(up_to, draws[column, mask])
                found[mask, column] = np.minimum(ranks, len(up_to) - 1)
        return [(one, two, three) for one, two, three in found.tolist()]

    @cached_property
    def _stocks(self) -> dict[str, Stock]:
        return {country: stock(country) for country in COUNTRIES}

    @cached_property
    def _order_draws(self) -> Iterator[tuple[datetime, bool, str]]:
        """When an order was placed, whether it is still on its way, and what was ordered."""
        age, kind, state = self._random.random((3, self._size * 2 + 100))
        days = np.where(age < RECENT, 30 * age / RECENT, 30 + 700 * (age - RECENT))
        is_open = (days < 4) | ((days < 30) & (state < 0.4))
        minutes = (days * 1440).astype(np.int64).tolist()
        for late, on_its_way, what in zip(
            minutes, is_open.tolist(), (kind * len(PRODUCTS)).astype(int).tolist(), strict=True
        ):
            yield NOW - timedelta(minutes=late), on_its_way, PRODUCTS[what]

    def _new(self, at: int, index: int, wanted: int, first_order: int) -> Record:
        draws, country = self._draws[at], self._countries[at]
        names = self._stocks[country]
        first, last, city = self._names[at]
        town = names.cities[city]
        given, family = names.first[first], names.last[last]
        number = 1 + int(draws[0] * 90)
        return self._record(
            index, index, wanted, first_order, draws, country, given, family,
            (f"{number} rue {names.last[int(draws[1] * 100)]}", town.name, town.postcode),
            self._emails(given, family, draws), self._phones(index, country, draws),
        )  # fmt: skip

    def _relative(self, of: Record, at: int, index: int, wanted: int, first_order: int) -> Record:
        """Shares last name and address with the one before, some also e-mail, phone, or the first name."""
        draws, who = self._draws[at], of.customer
        country = who.country or "FR"
        names = self._stocks[country]
        first = int(np.searchsorted(names.first_up_to[:-1], draws[1]))
        given = (who.first_name or "") if draws[0] < SAME_FIRST else names.first[first]
        family = who.last_name or ""
        emails = who.emails if who.emails and draws[4] < SAME_EMAIL else self._emails(given, family, draws)
        phones = who.phones if who.phones and draws[5] < SAME_PHONE else self._phones(index, country, draws)
        place = (who.address or "", who.city or "", who.postal_code or "")
        return self._record(
            index, index, wanted, first_order, draws, country, given, family, place, emails, phones, household=of.index
        )

    def _again(self, of: Record, at: int, index: int, wanted: int, first_order: int) -> Record:
        """A second record of one person: a slip in the name, another town, another e-mail, or conflicting contacts."""
        draws, who = self._draws[at], of.customer
        country = who.country or "FR"
        given, family = who.first_name or "", who.last_name or ""
        conflicting = draws[0] < CONFLICTING or not (who.emails or who.phones)
        town = self._stocks[country].cities[self._names[at][2]] if draws[1] < 0.3 else None
        place = (
            who.address or "",
            town.name if town else who.city or "",
            town.postcode if town else who.postal_code or "",
        )
        emails, phones = who.emails, who.phones
        if conflicting:
            emails, phones = self._emails(given, family, draws), self._phones(index, country, draws)
        elif draws[1] > 0.6 and phones:
            emails = self._emails(given, family, draws)
        shown = _slip(family, int(draws[2] * 1000)) if draws[2] < 0.4 else family
        return self._record(
            index, of.person, wanted, first_order, draws, country, given, shown, place, emails, phones,
            conflicting=conflicting, household=of.household,
        )  # fmt: skip

    def _record(
        self,
        index: int,
        person: int,
        wanted: int,
        first_order: int,
        draws: list[float],
        country: str,
        given: str,
        family: str,
        place: tuple[str, str, str],
        emails: tuple[str, ...],
        phones: tuple[str, ...],
        conflicting: bool = False,
        household: int | None = None,
    ) -> Record:
        customer_id = f"C{index:08d}"
        accounts = (account(person, given, family, index, draws[9]),) if draws[8] < DECLARED else ()
        customer = Customer(
            customer_id=customer_id,
            name=f"{given} {family}",
            first_name=given,
            last_name=family,
            emails=emails,
            phones=phones,
            address=place[0],
            city=place[1],
            postal_code=place[2],
            country=country,
            language="fr" if country == "FR" else "en",
            status=_status(draws[10]),
            accounts=accounts,
        )
        orders = tuple(self._order(first_order + one, customer_id) for one in range(wanted))
        return Record(index, person, customer, orders, conflicting, household)

    def _order(self, number: int, customer_id: str) -> Order:
        placed, is_open, product = next(self._order_draws)
        promised = placed + DELIVERY
        state, delivered = ("shipped", None) if is_open else ("delivered", promised)
        return Order(order_number(number * 7_368_787 % _BODY), customer_id, placed, product, state, promised, delivered)

    def _emails(self, given: str, family: str, draws: list[float]) -> tuple[str, ...]:
        draw = draws[6]
        if draw < NO_EMAIL:
            return ()
        shop = int(draws[7] * 1e6) % self._shops
        if draw < NO_EMAIL + AT_A_SHOP:
            return (f"magasin{shop}@shops.example",)
        return (f"{local_part(given, family, draw, int(draws[7] * 9973))}@{HOSTS[int(draws[7] * len(HOSTS))]}",)

    def _phones(self, index: int, country: str, draws: list[float]) -> tuple[str, ...]:
        if draws[11] < NO_PHONE:
            return ()
        digits = index * 7919 % 1_000_003
        return (f"+3370{digits:07d}",) if country == "FR" else (f"+44690{digits:07d}",)


def local_part(given: str, family: str, draw: float, digits: int) -> str:
    """How people name a mailbox after themselves."""
    first, last = plain(given), plain(family)
    shape = int(draw * 100) % 10
    if shape < 4:
        return f"{first}.{last}{digits}" if shape else f"{first}.{last}"
    if shape < 6:
        return f"{first[:1]}{last}{digits % 1000}"
    if shape < 8:
        return f"{last}{first}{digits % 100:02d}"
    return f"{plain(NICKNAMES.get(given, given))}{digits}"


def account(person: int, given: str, family: str, salt: int, draw: float) -> Account:
    """The person's account on one network."""
    network = NETWORKS[salt % len(NETWORKS)]
    return Account(network, f"a{person}", f"{local_part(given, family, draw, person % 10_000)}")


def _status(draw: float) -> str:
    for name, share in STATUSES:
        if draw < share:
            return name
        draw -= share
    return "active"


def _slip(name: str, draw: int) -> str:
    """Two neighbouring letters change places, or one is lost."""
    if len(name) < 4:
        return name
    at = 1 + draw % (len(name) - 2)
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :] if draw % 2 else name[:at] + name[at + 1 :]
