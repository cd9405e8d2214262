"""Whom a speaker may be: customers found by keyed hashes of all that he shows and quotes, one a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from domain.contact import NetworkPolicy
from domain.evidence import Grade
from routing.matching.counts import NameCounts
from routing.matching.handles import bare_handle
from routing.matching.likeness import NO_NAME, ShownName, is_anothers_handle, likeness, read_name
from routing.matching.lookup import Blocks, Key, Lookup, Record
from routing.matching.nicknames import is_first_name
from routing.matching.normal import SHORTEST_MAILBOX, Keyring, initial_key, name_key
from routing.matching.orders import OrderPattern, checked
from routing.matching.speaker import Identifier, Speaker
from routing.matching.suspects import Suspect, in_conflict, pooled


@dataclass(frozen=True, slots=True)
class Found:
    """The suspects, how many customers share each quoted identifier, and how many bear each name (by its keyed hash).

    `capped_name`: more bear the name than may be looked at. `in_conflict`: records that may be one person, whose
    addresses differ.
    """

    suspects: list[Suspect]
    sharers: Mapping[Identifier, int]
    bearers: Mapping[str, int]
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
        blocks = self.lookup.blocks({*contacts, *self._name_keys(shown), *filter(None, [mailbox])})
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
        return self._pooled(suspects, self.lookup.refused(speaker.author_key), by_fact, blocks, shown)

    def _pooled(
        self,
        suspects: dict[int, Suspect],
        refused: frozenset[int],
        by_fact: Mapping[Identifier, tuple[int, ...]],
        blocks: Blocks,
        shown: ShownName,
    ) -> Found:
        """One suspect a person, how many share each identifier, and what the account may not be."""
        everybody = list(suspects.values())
        points = self._points_of_namesakes(everybody)
        persons = pooled(sorted(everybody, key=_most_quoted), points) if points else everybody
        gone = suspects.keys() - {one.record.key for one in persons}
        sharers = {fact: len([key for key in some if key not in gone]) for fact, some in by_fact.items()}
        for one in persons:
            one.identifiers = {fact for fact in one.quoted if sharers[fact] == 1}
            names = (one.record.first, one.record.last, self.counts.known_first)
            one.likeness, one.other_handle = likeness(shown, *names), is_anothers_handle(shown, *names)
        conflict = _in_conflict(everybody, points) if points else frozenset()
        kept = [one for one in persons if one.record.key not in refused]
        bearers = {hash_: len(some) for (kind, hash_), some in blocks.found.items() if kind == "name"}
        bearers |= {hash_: self.block_limit + 1 for kind, hash_ in blocks.capped if kind == "name"}
        capped = any(kind == "name" for kind, _ in blocks.capped)
        return Found(kept, sharers, bearers, capped, conflict)

    def _points_of_namesakes(self, suspects: Sequence[Suspect]) -> dict[int, set[Identifier]]:
        """The addresses of those who bear one name, where there are two of them."""
        names = [(one.record.first, one.record.last) for one in suspects]
        if len(set(names)) == len(names):
            return {}
        return self.lookup.points([one.record.key for one in suspects])

    def _name_keys(self, shown: ShownName) -> set[Key]:
        """Under which keys the customers of every reading of a name are found."""
        keys = set()
        for one in shown.readings:
            if not one.first or not one.last:
                continue
            if one.kind != "initial":
                keys.add(self._key("name", name_key(one.first + one.last)))
            elif len(one.first[0]) == 1 and len("".join(one.last)) > 1:
                keys.add(self._key("initial", initial_key(one.first, one.last)))
        return keys

    def _mailbox_key(self, handle: str | None) -> Key | None:
        """A handle that is but a first name is many people's mailbox."""
        bare = bare_handle(handle or "")
        plain = len(bare) < SHORTEST_MAILBOX or is_first_name((bare,)) or self.counts.known_first(bare)
        return None if plain else self._key("mailbox", bare)

    def _key(self, kind: str, value: str) -> Key:
        return kind, self.ring.key(kind, value)


def _in_conflict(suspects: Sequence[Suspect], points: Mapping[int, set[Identifier]]) -> frozenset[int]:
    """The records that may be one person with another of them; only namesakes may."""
    by_name: dict[object, list[Record]] = {}
    for one in suspects:
        by_name.setdefault((one.record.first, one.record.last), []).append(one.record)
    pairs = (pair for namesakes in by_name.values() for pair in combinations(namesakes, 2))
    return frozenset(record.key for pair in pairs if in_conflict(*pair, points) for record in pair)


def _most_quoted(suspect: Suspect) -> int:
    """For sorting: of records of one person, that of which most was quoted speaks for the others."""
    return -len(suspect.quoted)
