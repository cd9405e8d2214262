"""Worlds to match in: a customer file, and posts by customers, strangers, attackers, relatives and impostors.

Of each post it is known who wrote it and what may be done at most. Three worlds differ in how many of the posters are
customers and how many strangers bear a customer's name. All people, addresses and numbers are made up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from benchmarks._matching_world_names import COUNTRIES, stock
from benchmarks._matching_world_people import NETWORKS, NOW, Record, order_number, plain, records
from benchmarks._matching_world_words import KINDS, LOOK_ALIKE, PRESS, RELATIVES, Words
from domain.evidence import Action
from domain.post import Author, Post

SPAN = timedelta(days=7)
YOUNG, YOUNG_ATTACKER = 0.03, 0.4
TELLS_CITY, TELLS_ORDER, TELLS_EMAIL, TELLS_PHONE, SIGNS = 0.42, 0.14, 0.04, 0.03, 0.15
FROM_DECLARED, RENAMED, RECENT_FIRST, ELSEWHERE = 0.75, 0.1, 0.67, 0.05
PROBED, NUMBERS_A_POST = 50, 5


@dataclass(frozen=True, slots=True)
class Mix:
    """`customers`: share of posts by customers; `namesakes`: of strangers who bear a customer's name, and of those
    the share who also live in his town; `attack`: share of the others' posts that are no plain stranger's."""

    customers: float
    namesakes: float = 0.0
    same_city: float = 0.3
    attack: float = 0.2


WORLDS = {
    "natural": Mix(0.40),
    "crowded": Mix(0.40, 0.25),
    "hard": Mix(0.10, 0.50),
    "attack": Mix(0.10, 0.25, attack=1.0),
}
# How often each kind comes among those who are neither customers nor plain strangers; a prober posts ten times.
ROLES = {
    "thief": 12, "label": 8, "label_as": 3, "guesser": 10, "prober": 1, "relative_said": 10, "relative_silent": 8,
    "impostor": 10, "impostor_look_alike": 10, "recycled": 5, "press": 5, "parody": 3, "helper": 8,
}  # fmt: skip
EXPLAINED = {
    "customer": "a customer about his own",
    "renamed": "a customer whose declared account has another handle now",
    "stranger": "no customer",
    "namesake": "no customer, with a customer's name",
    "thief": "quotes somebody else's order number",
    "label": "quotes number, name and town of a label he photographed",
    "label_as": "the same, and calls his account by that name: no public attribute tells him apart",
    "guesser": "quotes a random number with a valid check",
    "prober": f"one account that quotes {PROBED} numbers",
    "relative_said": "writes for somebody and says so",
    "relative_silent": "writes for somebody of his family and does not say so; with the very same name, not told apart",
    "impostor": "bears a customer's name and town",
    "impostor_look_alike": "the same, in letters that look alike, half of them with his order number",
    "recycled": "another account with a handle that a customer once declared",
    "press": "press or law about a customer's case",
    "parody": "a parody of the brand",
    "helper": "repeats a customer's number in an answer to him",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """Who wrote: all records of that person, none for a stranger; and the most that may follow.

    `told_apart` is False where nothing in public distinguishes the writer from the customer.
    """

    role: str
    customers: frozenset[str] = frozenset()
    at_most: Action = Action.REVIEW
    told_apart: bool = True


@dataclass(frozen=True, slots=True)
class Heard:
    """A post and the truth about it."""

    post: Post
    truth: Truth


@dataclass(frozen=True, slots=True)
class Person:
    """One person with all his records in the file."""

    records: tuple[Record, ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(record.customer.customer_id for record in self.records)

    @property
    def at_most(self) -> Action:
        """A person of whom the file is unsure, or who needs care, is not linked without a look."""
        unsure = any(record.conflicting or record.customer.status != "active" for record in self.records)
        return Action.REVIEW if unsure else Action.LINK


@dataclass(frozen=True, slots=True)
class _Poster:
    """An account as the network shows it."""

    network: str
    id: str
    handle: str
    name: str
    bio: str | None = None
    location: str | None = None
    young: float = YOUNG


class World:
    """One world, the same for the same name, size and seed.

    `records` streams the file and keeps whom the posts need; after it `posts` tells what was said, in time order.
    """

    def __init__(self, name: str, customers: int, posts: int, seed: int = 1) -> None:
        self.name, self.customers, self._count, self._seed = name, customers, posts, seed
        self._mix = WORLDS[name]
        self._random = Random(f"{name}:{seed}")
        self._words = Words(self._random)
        self._own = round(posts * self._mix.customers)
        pool = min(customers, 3 * self._own + posts - self._own)
        self._wanted = set(self._random.sample(range(customers), pool))
        self._people: list[Person] = []
        self._accounts: dict[tuple[int, str], _Poster] = {}

    def records(self) -> Iterator[Record]:
        """Every record of the file, once."""
        group: list[Record] = []
        self._people = []
        for record in records(self.customers, self._seed):
            if group and record.person != group[0].person:
                self._keep(group)
                group = []
            group.append(record)
            yield record
        self._keep(group)

    def _keep(self, group: list[Record]) -> None:
        if any(record.index in self._wanted for record in group):
            self._people.append(Person(tuple(group)))

    def posts(self) -> list[Heard]:
        """All posts of the world; `records` must have been read to its end."""
        recent = [person for person in self._people if _latest(person) < timedelta(days=30)]
        older = [person for person in self._people if _latest(person) >= timedelta(days=30)]
        heard = [self._by_customer(self._choose(recent, older)) for _ in range(self._own)]
        while len(heard) < self._count:
            heard.extend(self._by_other(self._choose(recent, older)))
        return sorted(heard[: self._count], key=lambda one: (one.post.created_at, one.post.id))

    def _choose(self, recent: list[Person], older: list[Person]) -> Person:
        few = not older or (recent and self._random.random() < RECENT_FIRST)
        return self._random.choice(recent if few else older)

    def _by_customer(self, person: Person) -> Heard:
        record = self._random.choice(person.records)
        who, random = record.customer, self._random
        poster, declared, renamed = self._account_of(record)
        language = who.language or "fr"
        facts = []
        if record.orders and random.random() < TELLS_ORDER:
            facts.append(self._words.quote("order", _newest(record), language))
        if who.emails and "shops." not in who.emails[0] and random.random() < TELLS_EMAIL:
            facts.append(self._words.quote("email", who.emails[0], language))
        if who.phones and random.random() < TELLS_PHONE:
            facts.append(self._words.quote("phone", who.phones[0], language))
        if facts and random.random() < SIGNS:
            facts.append(f"{who.name}, {who.city}.")
        if poster.location is None and random.random() < TELLS_CITY / 2:
            facts.append(self._words.in_town(who.city or "", language))
        text = self._words.complaint(language, _kind(record, random), *facts)
        most = Action.LINK if declared and who.status == "active" else person.at_most
        return self._heard(poster, text, Truth("renamed" if renamed else "customer", person.ids, most))

    def _account_of(self, record: Record) -> tuple[_Poster, bool, bool]:
        """The customer's account, the same each time; whether he declared it; whether it is called otherwise now."""
        who, random = record.customer, self._random
        declared = who.accounts[0] if who.accounts and random.random() < FROM_DECLARED else None
        network = declared.network if declared else NETWORKS[record.person * 7 % 3]
        if declared is None and random.random() < ELSEWHERE:
            network = random.choice(NETWORKS)
        renamed = declared is not None and record.person % 100 < 100 * RENAMED
        known = self._accounts.get((record.person, network))
        if known is None:
            given, family = who.first_name or "", who.last_name or ""
            handle = self._words.handle(given, family, who.emails)
            if declared is not None and not renamed:
                handle = declared.handle or handle
            location = who.city if random.random() < TELLS_CITY / 2 else None
            identity = (
                f"a{record.person}" if any(one.network == network for one in who.accounts) else f"p{record.person}"
            )
            known = _Poster(network, identity, handle, self._words.name(given, family), location=location)
            self._accounts[record.person, network] = known
        return known, known.id.startswith("a"), renamed and known.id.startswith("a")

    def _by_other(self, victim: Person) -> list[Heard]:
        if self._random.random() >= self._mix.attack:
            return [self._stranger(victim)]
        role = self._random.choices(list(ROLES), list(ROLES.values()))[0]
        if role == "prober":
            return self._prober()
        record = self._random.choice(victim.records)
        return [
            {"guesser": self._guesser, "press": self._press, "parody": self._parody}.get(role, self._towards)(
                role, record
            )
        ]

    def _stranger(self, other: Person) -> Heard:
        given, family, city, language = self._nobody()
        role, tells = "stranger", self._random.random() < TELLS_CITY
        if self._random.random() < self._mix.namesakes:
            who = other.records[0].customer
            role, given, family, language = "namesake", who.first_name or "", who.last_name or "", who.language or "fr"
            if self._random.random() < self._mix.same_city:
                city, tells = who.city or "", True
        name = f"{given} {family}" if role == "namesake" else self._words.name(given, family)
        poster = self._poster(given, family, name, location=city if tells else None)
        facts = []
        if self._random.random() < 0.05:  # another shop's number
            facts.append(self._words.quote("order", f"ZX{self._random.randrange(10**9, 10**10)}", language))
        if self._random.random() < 0.02:
            facts.append(self._words.quote("email", self._words.email(given, family), language))
        return self._heard(poster, self._words.complaint(language, self._random.choice(KINDS), *facts), Truth(role))

    def _towards(self, role: str, record: Record) -> Heard:
        """Whoever says something that belongs to a customer."""
        who, language = record.customer, record.customer.language or "fr"
        given, family, _, _ = self._nobody(who.country)
        number = self._words.quote("order", _newest(record), language) if record.orders else ""
        name, location = self._shown_by(role, record, self._words.name(given, family), given)
        handle = _declared_handle(record) if role == "recycled" else None
        if role.startswith("impostor"):
            handle = self._words.handle(who.first_name or "", who.last_name or "", ())
        poster = self._poster(given, family, name, location=location, handle=handle, attacks=role != "helper")
        said = self._said_by(role, record, number, language)
        text = self._words.complaint(language, self._random.choice(KINDS), *said)
        reply = f"t{self._random.randrange(10**6)}" if role == "helper" else None
        is_alike = bool(number) and role in ("label_as", "relative_silent") and name == record.customer.name
        return self._heard(poster, text, Truth(role, told_apart=not is_alike), reply)

    def _shown_by(self, role: str, record: Record, own: str, given: str) -> tuple[str, str | None]:
        """Display name and place: one's own, a relative's with the family name, or the customer's."""
        who = record.customer
        if role == "impostor_look_alike":
            return _look_alike(who.name), who.city
        if role in ("impostor", "label_as"):
            return who.name, who.city
        if role == "relative_silent" or (role == "relative_said" and self._random.random() < 0.6):
            return f"{given} {who.last_name}", None
        return own, None

    def _said_by(self, role: str, record: Record, number: str, language: str) -> list[str]:
        """What is told beside the complaint."""
        who = record.customer
        if role == "label":
            return [number, f"{who.name}, {who.city}."]
        if role == "relative_said":
            phrase = self._random.choice(RELATIVES[language])
            for_whom = f"C'est {phrase}." if language == "fr" else f"It was {phrase}."
            return [for_whom, number, f"{who.name}." if self._random.random() < 0.3 else ""]
        if role == "helper":
            return [f"@{plain(who.name)}", number, "Écrivez-leur." if language == "fr" else "Write to them."]
        if role in ("impostor", "recycled") or (role == "impostor_look_alike" and self._random.random() < 0.5):
            return []
        return [number]

    def _guesser(self, role: str, record: Record) -> Heard:
        given, family, _, language = self._nobody()
        number = self._words.quote("order", order_number(self._random.randrange(10**8)), language)
        poster = self._poster(given, family, f"{given} {family}", attacks=True)
        return self._heard(poster, self._words.complaint(language, "delivery", number), Truth(role))

    def _press(self, role: str, record: Record) -> Heard:
        who = record.customer
        given, family, _, language = self._nobody(who.country)
        bio = self._random.choice(PRESS[language])
        poster = self._poster(given, family, f"{given} {family}", bio=bio)
        told = f"{who.name}, {who.city}." if self._random.random() < 0.5 else ""
        return self._heard(poster, self._words.complaint(language, self._random.choice(KINDS), told), Truth(role))

    def _parody(self, role: str, record: Record) -> Heard:
        name = self._random.choice(("Hirondelle officiel", "Hirondelle (parodie)", "Hirondelle Support"))
        poster = self._poster("hirondelle", "parodie", name, bio="compte parodique", attacks=True)
        return self._heard(poster, self._words.complaint("fr", self._random.choice(KINDS)), Truth(role))

    def _prober(self) -> list[Heard]:
        """Half of the numbers exist, as far as the file has that many."""
        given, family, _, language = self._nobody()
        poster = self._poster(given, family, f"{given} {family}", attacks=True)
        known = [_newest(record) for person in self._random.sample(self._people, min(PROBED, len(self._people)))
                 for record in person.records if record.orders]  # fmt: skip
        made = [order_number(self._random.randrange(10**8)) for _ in range(PROBED)]
        numbers = (known[: PROBED // 2] + made)[:PROBED]
        self._random.shuffle(numbers)
        at = self._time()
        heard = []
        for first in range(0, PROBED, NUMBERS_A_POST):
            quoted = " ".join(numbers[first : first + NUMBERS_A_POST])
            text = self._words.complaint(language, "delivery", quoted)
            heard.append(self._heard(poster, text, Truth("prober"), at=at + timedelta(minutes=first)))
        return heard

    def _nobody(self, country: str | None = None) -> tuple[str, str, str, str]:
        """First name, last name, town and language of somebody who is in no file, drawn as the file's were."""
        country = country or self._random.choices(COUNTRIES, (0.7, 0.3))[0]
        names = stock(country)
        first, last, city = (
            min(int(up_to.searchsorted(self._random.random())), len(up_to) - 1)
            for up_to in (names.first_up_to, names.last_up_to, names.cities_up_to)
        )
        return names.first[first], names.last[last], names.cities[city].name, "fr" if country == "FR" else "en"

    def _poster(
        self,
        given: str,
        family: str,
        name: str,
        location: str | None = None,
        bio: str | None = None,
        handle: str | None = None,
        attacks: bool = False,
    ) -> _Poster:
        identity = f"s{self._random.getrandbits(60)}"
        shown = handle or self._words.handle(given, family, ())
        young = YOUNG_ATTACKER if attacks else YOUNG
        return _Poster(self._random.choice(NETWORKS), identity, shown, name, bio, location, young)

    def _heard(
        self, poster: _Poster, text: str, truth: Truth, reply_to: str | None = None, at: datetime | None = None
    ) -> Heard:
        at = at or self._time()
        seen = Random(f"{poster.network}:{poster.id}")  # an account's age does not change from post to post
        days = 1.0 if seen.random() < poster.young else 30 + 2000 * seen.random()
        author = Author(
            id=poster.id,
            handle=poster.handle,
            name=poster.name,
            bio=poster.bio,
            location=poster.location,
            created_at=NOW - SPAN - timedelta(days=days) if days > 1 else at - timedelta(days=days),
        )
        post = Post(
            network=poster.network,
            id=f"{self._random.getrandbits(62)}",
            text=text,
            created_at=at,
            author=author,
            reply_to=reply_to,
        )
        return Heard(post, truth)

    def _time(self) -> datetime:
        return NOW - SPAN + SPAN * self._random.random()


def _declared_handle(record: Record) -> str:
    who = record.customer
    declared = who.accounts[0].handle if who.accounts else None
    return declared or plain(who.name)


def _newest(record: Record) -> str:
    return max(record.orders, key=lambda order: order.placed_at).order_id


def _latest(person: Person) -> timedelta:
    """How long ago the person ordered last."""
    placed = [order.placed_at for record in person.records for order in record.orders]
    return NOW - max(placed) if placed else timedelta.max


def _kind(record: Record, random: Random) -> str:
    """What he complains about follows from where his newest order is, mostly."""
    if not record.orders or random.random() < 0.25:
        return random.choice(KINDS)
    newest = max(record.orders, key=lambda order: order.placed_at)
    if newest.delivered_at is None:
        return "delivery"
    return "defect" if NOW - newest.placed_at < timedelta(days=60) else "billing"


def _look_alike(name: str) -> str:
    """The first letter that has a twin in another script is replaced by it."""
    for at, sign in enumerate(name):
        if sign in "aeoic":
            return name[:at] + sign.translate(LOOK_ALIKE) + name[at + 1 :]
    return name + "\u200b"
