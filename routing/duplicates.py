"""Records of the customer file that may be one person, by weights learned from the file itself."""

from collections.abc import Collection, Iterator
from functools import partial
from itertools import combinations, product
from random import Random

from rapidfuzz import utils
from rapidfuzz.distance import JaroWinkler
from sqlalchemy import select
from sqlalchemy.orm import Session

from routing.matching.linkage import Field, Like, Pattern, Row, alike, learned, pattern, slipped
from routing.matching.normal import fold, full_name
from storage.bulk import among
from storage.duplicates import Duplicates, Proposal, blocks, capped_blocks, customers_of, decided_pairs
from storage.merges import kept_of
from storage.tables import ContactPointRow, CustomerRow

BLOCK_LIMIT = 50
PAIR_LIMIT = 200_000
SURE_ENOUGH = 0.9
SAME_FIRST = 0.84
SAMPLE, STRANGERS = 4_000, 50_000  # records drawn by lot, and pairs of them
PART = 2_000  # pairs whose records are in memory together
NAMES = ("first name", "last name")
HOW_ALIKE = ("other", "nearly the same", "nearly the same", "same")  # by level of likeness
Pair = tuple[int, int]


def find_duplicates(session: Session, brand_id: str, seed: int = 1) -> Duplicates:
    """Compare records that share an e-mail address, a phone number, a name, or a part of it and where they live.

    At most `BLOCK_LIMIT` records of one key and `PAIR_LIMIT` pairs in all are compared. Those that are one person with
    a probability of `SURE_ENOUGH` are told; not those whose first names or years of birth contradict each other.
    """
    pairs, cut_off = _pairs(session, brand_id)
    shown = dict(_shown(session, brand_id, pairs - decided_pairs(session, brand_id)))
    keys = list(
        session.scalars(select(CustomerRow.id).where(CustomerRow.brand_id == brand_id).order_by(CustomerRow.id))
    )
    strangers = _strangers(session, Random(seed), keys, pairs)
    chances = learned(list(shown.values()), strangers, len(keys) * (len(keys) - 1) // 2, len(keys))
    found = [Proposal(*pair, round(chances[told], 4), _reasons(told)) for pair, told in shown.items()]
    best = sorted(
        (one for one in found if one.score >= SURE_ENOUGH), key=lambda one: (-one.score, one.first, one.second)
    )
    return Duplicates(tuple(best), len(pairs), capped_blocks(session, brand_id, BLOCK_LIMIT), cut_off)


def other_first_name(one: str | None, other: str | None) -> bool:
    """Whether both first names are known, and not two spellings of one; initials contradict other initials only."""
    short, long = sorted((utils.default_process(name or "") for name in (one, other)), key=len)
    if len(short) < 2 or long.startswith(short):
        return bool(short) and short[0] != long[0]
    return bool(JaroWinkler.normalized_similarity(short, long) < SAME_FIRST)


def _given(one: str, other: str) -> int:
    """First names: initials and short forms are like what they stand for."""
    return 0 if other_first_name(one, other) else max(1, alike(one, other))


def _equal(one: str, other: str) -> int:
    """Mailboxes are named after people: namesakes have them nearly the same, which says nothing more."""
    return 3 if one == other else 0


def _likest(like: Like, one: str, other: str) -> int:
    """Of values with spaces between them."""
    return max(like(*both) for both in product(one.split(), other.split()))


FIELDS = (
    Field("first name", _given),
    Field("last name"),
    Field("email", partial(_likest, _equal)),
    Field("phone", partial(_likest, slipped)),
    Field("address"),
    Field("postal code", slipped),
    Field("year of birth", slipped),
)


def _pairs(session: Session, brand_id: str) -> tuple[set[Pair], bool]:
    """Pairs that share a key, the lower one first, and whether there are more of them than are compared."""
    pairs = set[Pair]()
    for members in blocks(session, brand_id, BLOCK_LIMIT):
        if len(pairs) >= PAIR_LIMIT:
            return pairs, True
        pairs.update(combinations(members, 2))
    return pairs, False


def _shown(session: Session, brand_id: str, pairs: Collection[Pair]) -> Iterator[tuple[Pair, Pattern]]:
    """How alike the records of each pair are; not of pairs that are one person by now or contradict each other."""
    ordered = sorted(pairs)
    for part in (ordered[start : start + PART] for start in range(0, len(ordered), PART)):
        keys = {key for pair in part for key in pair}
        kept, rows = kept_of(session, brand_id, keys), _rows(session, keys)
        for first, second in part:
            if kept.get(first, first) != kept.get(second, second) and not _contradict(rows[first], rows[second]):
                yield (first, second), _compared(rows[first], rows[second])


def _strangers(session: Session, drawn: Random, keys: list[int], pairs: Collection[Pair]) -> list[Pattern]:
    """How alike records drawn by lot are, that share no key."""
    rows = _rows(session, drawn.sample(keys, min(len(keys), SAMPLE)))
    members = sorted(rows)
    if len(members) < 2:
        return []
    lots = {(min(lot), max(lot)) for lot in (drawn.sample(members, 2) for _ in range(STRANGERS))}
    return [_compared(rows[one], rows[other]) for one, other in sorted(lots.difference(pairs))]


def _compared(one: Row, other: Row) -> Pattern:
    """The same words in another order are the same name."""
    if one["name"] == other["name"]:
        other = {**other, **{name: one[name] for name in NAMES}}
    return pattern(one, other, FIELDS)


def _contradict(one: Row, other: Row) -> bool:
    """A household agrees on all but this, which would mislead whoever takes all that agrees for independent."""
    years = {one["year of birth"], other["year of birth"]} - {""}
    return len(years) > 1 or (one["name"] != other["name"] and other_first_name(one["first name"], other["first name"]))


def _reasons(told: Pattern) -> tuple[str, ...]:
    fields = zip(told, FIELDS, strict=True)
    return tuple(f"{HOW_ALIKE[level]} {field.name}" for level, field in fields if level >= 0)


def _rows(session: Session, keys: Collection[int]) -> dict[int, Row]:
    """What is compared of these records, by our keys; what is missing is empty."""
    held: dict[tuple[int, str], list[str]] = {}
    query = select(ContactPointRow.customer_key, ContactPointRow.kind, ContactPointRow.value).where(
        among(session, ContactPointRow.customer_key, sorted(keys)), ContactPointRow.until.is_(None)
    )
    for key, kind, value in session.execute(query):
        held.setdefault((key, kind), []).append(value)
    rows = {key: _row(customer, held) for key, customer in customers_of(session, keys).items()}
    session.expunge_all()
    return rows


def _row(row: CustomerRow, held: dict[tuple[int, str], list[str]]) -> Row:
    first, last = full_name(row)
    if not last:
        first, last = (), first
    return {
        "first name": " ".join(first),
        "last name": " ".join(last),
        "name": " ".join(sorted(first + last)),
        "email": " ".join(held.get((row.id, "email"), ())),
        "phone": " ".join(held.get((row.id, "phone"), ())),
        "address": fold(row.address or ""),
        "postal code": fold(row.postal_code or ""),
        "year of birth": str(row.birth_year or ""),
    }
