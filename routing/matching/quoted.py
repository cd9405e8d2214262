"""The identifiers that a post quotes."""

from collections.abc import Iterable

from domain.reading import Entity
from routing.matching.normal import Keyring

IDENTIFIER_KINDS = ("order", "email", "phone")


def quoted_identifiers(entities: Iterable[Entity]) -> frozenset[tuple[str, str]]:
    """(kind, normal form) of every identifier among the entities of a text."""
    return frozenset((entity.kind, entity.value) for entity in entities if entity.kind in IDENTIFIER_KINDS)


def quoted_hashes(ring: Keyring, entities: Iterable[Entity]) -> list[tuple[str, str]]:
    """The same as keyed hashes, to be remembered."""
    return [(kind, ring.key(kind, value)) for kind, value in sorted(quoted_identifiers(entities))]
