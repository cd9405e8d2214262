"""Whom a speaker may be: customers found by keyed hashes of all that he shows and quotes, one a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from domain.contact import NetworkPolicy
from domain.evidence import Grade
from routing.matching.counts import NameCounts
from routing.matching.handles import bare_handle
from routing.matching.likeness import NO_NAME, Likeness, ShownName, Words, is_anothers_handle, likeness, read_name
from routing.matching.lookup import Blocks, Key, Lookup, Record
from routing.matching.names import NameHypothesis
from routing.matching.nicknames import is_first_name
from routing.matching.normal import SHORTEST_MAILBOX, Keyring, initial_key, name_key
from routing.matching.orders import OrderPattern, checked
from routing.matching.speaker import Identifier, Speaker
from routing.matching.suspects import Suspect, in_conflict, pooled


@dataclass(frozen=True, slots=True)
class Found:
    """The suspects, and how many customers share each quoted identifier.

    `capped_name`: more bear the name than may be looked at. `in_conflict`: records that may be one person, whose
    addresses differ.
    """

    suspects: list[Suspect]
    sharers: Mapping[Identifier, int]
    capped_name: bool
    in_conflict: frozenset[int]


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds suspects in one transaction. `block_limit`: customers of one key that may be looked at.

    An order number must have one of the brand's `order_patterns` and a right check digit, where there are any.
    """

    lookup: Lookup
    counts: NameCounts
    ring: Keyring
    block_limit: int
    order_patterns: tuple[OrderPattern, ...]

    def find(self, speaker: Speaker, policy: NetworkPolicy) -> Found:
        """Everybody of whom something speaks, as far as the network's policy lets look."""
        read, quoted = Grade.STATED in policy.match_grades, sorted(speaker.identifiers)
        known = self.lookup.owners(speaker.network, speaker.account_id) if speaker.account_id else []
        owners = [owner for owner in known if Grade(owner.proof) in policy.match_grades]
        shown = read_name(speaker.name, speaker.handle, speaker.texts, self.counts.known_first) if read else NO_NAME
        mailbox = self._mailbox_key(speaker.handle) if read else None
        contacts = {self._key(kind, value): (kind, value) for kind, value in quoted if read and kind != "order"}
        names = self._name_keys(shown)
        blocks = self.lookup.blocks({*contacts, *names.values(), *filter(None, [mailbox])})
        by_fact = {fact: blocks.found.get(key, ()) for key, fact in contacts.items()}
        numbers = [value for kind, value in quoted if read and kind == "order"]
        orders = [number for number in numbers if checked(number, self.order_patterns).valid]
        by_number = self.lookup.by_numbers(numbers, orders)
        by_fact |= {("order", number): found for number, found in by_number.items()}
        keys = {key for some in (*blocks.found.values(), *by_fact.values()) for key in some}
        records = self.lookup.records(keys | {owner.key for owner in owners})
        suspects = {key: Suspect(record) for key, record in sorted(records.items())}
        for owner in owners:
            if (suspect := suspects.get(owner.key)) is not None:
                suspect.owner = owner
        for key, suspect in suspects.items():
            suspect.quoted = {fact for fact, some in by_fact.items() if key in some}
            suspect.has_mailbox = mailbox is not None and key in blocks.found.get(mailbox, ())
        self._compare(suspects.values(), shown, names, blocks)
        return self._pooled(suspects, self.lookup.refused(speaker.author_key), by_fact, blocks)

    def _compare(
        self, suspects: Iterable[Suspect], shown: ShownName, names: Mapping[tuple[str, str], Key], blocks: Blocks
    ) -> None:
        """How the shown name is like theirs, and how many bear theirs; namesakes are compared once."""
        alike: dict[tuple[Words, Words], tuple[Likeness, bool, int]] = {}
        for one in suspects:
            name = one.record.first, one.record.last
            if name not in alike:
                key = names.get(("name", name_key(name[0] + name[1])))
                asked = (shown, *name, self.counts.known_first)
                alike[name] = likeness(*asked), is_anothers_handle(*asked), self._bearers(key, blocks)
            one.likeness, one.other_handle, one.bearers = alike[name]

    def _bearers(self, key: Key | None, blocks: Blocks) -> int:
        """How many customers were found under the key of a name; one more than may be looked at, where it is capped."""
        if key is None:
            return 0
        return self.block_limit + 1 if key in blocks.capped else len(blocks.found.get(key, ()))

    def _pooled(
        self,
        suspects: dict[int, Suspect],
        refused: frozenset[int],
        by_fact: Mapping[Identifier, tuple[int, ...]],
        blocks: Blocks,
    ) -> Found:
        """One suspect a person, how many share each identifier, and what the account may not be."""
        everybody = list(suspects.values())
        points = self._points_of_namesakes([one.record for one in everybody])
        persons = pooled(sorted(everybody, key=_most_quoted), points) if points else everybody
        gone = suspects.keys() - {one.record.key for one in persons}
        sharers = {fact: len([key for key in some if key not in gone]) for fact, some in by_fact.items()}
        for one in persons:
            one.identifiers = {fact for fact in one.quoted if sharers[fact] == 1}
        conflict = _in_conflict([one.record for one in everybody if one.record.key in points], points)
        kept = [one for one in persons if one.record.key not in refused]
        capped = any(kind == "name" for kind, _ in blocks.capped)
        return Found(kept, sharers, capped, conflict)

    def _points_of_namesakes(self, records: Sequence[Record]) -> dict[int, set[Identifier]]:
        """The addresses of those who may be one person: one name, and one year of birth or one house."""
        alike: dict[object, list[int]] = {}
        for record in records:
            for sign in (record.birth_year, record.address):
                if sign is not None:
                    alike.setdefault((record.first, record.last, sign), []).append(record.key)
        keys = {key for some in alike.values() if len(some) > 1 for key in some}
        return self.lookup.points(keys) if keys else {}

    def _name_keys(self, shown: ShownName) -> dict[tuple[str, str], Key]:
        """Under which keys the customers of every reading of a name are found; by kind and name."""
        plain = dict.fromkeys(_plain_keys(shown.readings))
        return {(kind, name): self._key(kind, name) for kind, name in plain}

    def _mailbox_key(self, handle: str | None) -> Key | None:
        """A handle that is but a first name is many people's mailbox."""
        bare = bare_handle(handle or "")
        plain = len(bare) < SHORTEST_MAILBOX or is_first_name((bare,)) or self.counts.known_first(bare)
        return None if plain else self._key("mailbox", bare)

    def _key(self, kind: str, value: str) -> Key:
        return kind, self.ring.key(kind, value)


def _plain_keys(readings: Iterable[NameHypothesis]) -> Iterator[tuple[str, str]]:
    for one in readings:
        if not one.first or not one.last:
            continue
        if one.kind != "initial":
            yield "name", name_key(one.first + one.last)
        elif len(one.first[0]) == 1 and len("".join(one.last)) > 1:
            yield "initial", initial_key(one.first, one.last)


def _in_conflict(records: Sequence[Record], points: Mapping[int, set[Identifier]]) -> frozenset[int]:
    """The records that may be one person with another of them."""
    pairs = (pair for pair in combinations(records, 2) if in_conflict(*pair, points))
    return frozenset(record.key for pair in pairs for record in pair)


def _most_quoted(suspect: Suspect) -> int:
    """For sorting: of records of one person, that of which most was quoted speaks for the others."""
    return -len(suspect.quoted)
