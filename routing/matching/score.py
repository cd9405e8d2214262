"""Weights of evidence (Fellegi and Sunter 1969) and the open-world posterior.

A fact weighs log2(m / u): m, how often it agrees where it is the customer; u, how often for somebody else, counted in
the customer file without the customer himself. What is shown of a name weighs once, by its best view; a second
identifier weighs little, for whoever holds one label holds all that is on it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from domain.evidence import Candidate
from routing.matching.counts import NameCounts
from routing.matching.handles import residue
from routing.matching.likeness import Likeness
from routing.matching.lookup import Record
from routing.matching.normal import fold
from routing.matching.suspects import Suspect, pattern
from routing.matching.weights import M_OF_FACT, Weights

MOST_BITS = 200.0
INITIALS = 15.0  # letters that names begin with, by their shares
PLAIN_HANDLE, MOST_HANDLE = 0.8, 9.0  # bits of a mailbox that is the handle: a bare name; a rich rest beside it
RARE_MAILBOX = 1e-4
_folded = lru_cache(maxsize=4096)(fold)  # towns are met again and again


@dataclass(frozen=True, slots=True)
class Scorer:
    """Weighs suspects of one speaker."""

    weights: Weights
    counts: NameCounts

    def account(self, suspect: Suspect) -> None:
        """The account is declared or proven to be his."""
        if suspect.owner is not None:
            suspect.add("account", self.weights.bits_declared, f"{suspect.owner.proof}: {suspect.owner.how}")

    def identifiers(self, suspect: Suspect, sharers: Mapping[tuple[str, str], int]) -> None:
        """Each quoted identifier, divided by how many customers share it; after the first, what is left to tell."""
        if not suspect.quoted:
            return
        weights = self.weights
        first = math.log2(weights.m_identifier / (weights.u_stranger_quotes / self.counts.customers))
        again = math.log2(weights.m_second / weights.u_second)
        told = sorted(suspect.quoted, key=lambda one: (sharers[one], one))
        for at, (kind, value) in enumerate(told):
            shared = sharers[kind, value]
            suspect.add(kind, again if at and shared == 1 else 0.0 if at else first - math.log2(shared), value)

    def others_identifiers(self, suspects: Sequence[Suspect]) -> None:
        """What was quoted and is another's alone speaks against everybody else."""
        owned = {fact for suspect in suspects for fact in suspect.identifiers}
        for suspect in suspects:
            for kind, _ in sorted(owned - suspect.quoted):
                suspect.add("other_identifier", self.weights.bits_other_identifier, kind)

    def name(self, suspect: Suspect, shown: str) -> None:
        """The name view."""
        view = suspect.likeness
        if view is Likeness.NONE:
            return
        if view.contradicts:
            bits = self.weights.bits_other_first_name if view is Likeness.OTHER_FIRST else self.weights.bits_other_name
            suspect.add(view.value, bits, shown)
            return
        m = getattr(self.weights, M_OF_FACT[view])
        chance = min(self._chance(view, suspect.record, suspect.bearers), m)
        suspect.add(view.value, math.log2(m / chance), " ".join(suspect.record.first + suspect.record.last))

    def _chance(self, view: Likeness, record: Record, bearers: int) -> float:
        """That somebody else shows this of the name: counted without the customer himself, with a floor.

        A small file cannot tell how rare a name is: a lone bearer's counts as no rarer than `common_name`, nor than its
        first and its last name together.
        """
        everybody = self.counts.customers
        alone = min(0.5 / everybody, self.weights.common_name)
        match view:
            case Likeness.FIRST:
                chance = self._first(record)
            case Likeness.FIRST_AND_INITIAL:
                chance = self._first(record) / INITIALS
            case Likeness.LAST:
                chance = self._last(record)
            case Likeness.INITIAL:
                chance = self._last(record) / INITIALS
            case _:
                chance = max((bearers - 1) / everybody, self._first(record) * self._last(record))
        return max(chance, alone)

    def _first(self, record: Record) -> float:
        """How many others have this first name, as a share."""
        return max(self.counts.first_names(record.first) - 1, 0) / self.counts.customers

    def _last(self, record: Record) -> float:
        return max(self.counts.last_names(record.last) - 1, 0) / self.counts.customers

    def mailbox(self, suspect: Suspect, handle: str) -> None:
        """The handle is what stands before the @ of his e-mail; beside a name, only what is left of it counts."""
        record = suspect.record
        if not suspect.has_mailbox:
            return
        if suspect.likeness in (Likeness.NONE, Likeness.SIGNED):
            bits = math.log2(self.weights.m_mailbox / RARE_MAILBOX)
        else:
            left = residue(handle, record.first, record.last)
            digits = left.isdecimal() or not left
            bits = min(PLAIN_HANDLE + (2.6 if digits else 4.0) * len(left), MOST_HANDLE)
        suspect.add("mailbox", bits, handle)

    def city(self, suspect: Suspect, told: str, said: str, location: str) -> None:
        """His town or postcode, in what the account tells of its place or in what was written; else another place.

        `told` is the `location` of the account, folded; `said` all that was written, folded.
        """
        places = [_folded(place) for place in (suspect.record.city, suspect.record.postal_code) if place]
        weights = self.weights
        if any(_names(place, told) or _names(place, said) for place in places):
            suspect.add("city", math.log2(weights.m_city / weights.u_city), suspect.record.city or "")
        elif told and places:
            against = math.log2((1 - weights.m_city) / (1 - weights.u_city))
            suspect.add("other_city", against, location)

    def dealings(self, suspect: Suspect, moment: str | None) -> None:
        """An order or a contact of the kind complained about, lately; that there is none speaks against him."""
        weights, told = self.weights, suspect.dealings
        if told.recent_contact:
            suspect.add("contact", math.log2(weights.m_contact / weights.u_contact), "within 30 days")
        agrees = {"delivery": told.open_order, "use": told.recent_delivery, "after_sales": told.recent_delivery}
        if agrees.get(moment or "", told.recent_order or told.open_order):
            suspect.add("recent_order", math.log2(weights.m_order / weights.u_order), moment or "within 30 days")
        else:
            suspect.add("no_recent_order", math.log2((1 - weights.m_order) / (1 - weights.u_order)), moment or "")

    def language(self, suspect: Suspect, spoken: str | None) -> None:
        """Another language than the file has for him speaks against him; the same says little."""
        known = (suspect.record.language or "")[:2].lower()
        if spoken and known and spoken != known:
            suspect.add("other_language", self.weights.bits_other_language, spoken)

    def experience(self, suspects: Iterable[Suspect]) -> None:
        """What second looks have shown of such evidence."""
        if not self.weights.experience:
            return
        for suspect in suspects:
            learned = self.weights.experience.get(pattern(suspect.evidence))
            if learned:
                suspect.add("experience", learned, "second looks at such evidence")

    def posterior(self, ranked: Sequence[Suspect], most: int) -> tuple[tuple[Candidate, ...], float]:
        """Open world: every candidate, "not in the file", and "in the file but not among these".

        The likeliest are told; the rest still have their share. Cut to four digits, so that no sum passes 1.
        """
        share, everybody = self.weights.customer_share, self.counts.customers
        prior = share / everybody
        masses = [prior * 2 ** min(suspect.bits, MOST_BITS) for suspect in ranked]
        rest = (1 - share) + prior * max(everybody - len(ranked), 0)
        total = math.fsum(masses) + rest
        candidates = tuple(
            Candidate(suspect.record.customer_id, _cut(mass / total), tuple(suspect.evidence))
            for suspect, mass in zip(ranked[:most], masses, strict=False)
        )
        return candidates, _cut(rest / total)


def _cut(probability: float) -> float:
    return math.floor(probability * 10_000) / 10_000


def _names(city: str, text: str) -> bool:
    """Whether a folded text names this city, as a word of its own."""
    at = text.find(city)
    while at >= 0:
        before, behind = text[at - 1 : at], text[at + len(city) : at + len(city) + 1]
        if not (before.isalnum() or behind.isalnum()):
            return True
        at = text.find(city, at + 1)
    return False
