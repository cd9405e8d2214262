"""The match of one speaker: facts are looked up, weighed, graded, and held at the gates.

Grades (DESIGN, "Matching"): an account id that the customer declared is `declared`; two quoted
identifiers of one customer, or one together with his full name, are `stated`; anything less is at best
`suggested` and goes to a person. Weights are log2 likelihood ratios (Fellegi and Sunter 1969); the
posterior is over all candidates, "no customer" and "a customer who was not found" (open world).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from domain.contact import NetworkPolicy
from domain.evidence import Action, Candidate, Evidence, Grade, MatchDecision
from routing.matching import gates
from routing.matching.normal import Keyring, fold, name_key, name_words, without_particles
from storage import customers as crm
from storage import quotes
from storage.tables import AuthorRow, CustomerRow, PostRow

VERSION = "tiers-1"
MAX_CANDIDATES = 5
_SENTENCE_END = re.compile(r"[.!?]+")

# m: how often the fact agrees when it is the customer; the rest of each weight comes from the CRM's counts.
CUSTOMER_SHARE = 0.3  # prior: three in ten who complain in public are found in the file
M_IDENTIFIER, U_STRANGER_QUOTES = 0.14, 1e-4  # how many quote their own; how many somebody's, out of the whole file
M_NAME, COMMON_NAME, M_CITY, U_CITY = 0.6, 1e-3, 0.7, 0.02
BITS_DECLARED = 20.0
BITS_OTHER_NAME = -6.0


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who posted, as the network shows him, and what he quoted in this thread.

    `identifiers` are (kind, normal form) of kinds order, email, phone; `texts` all his posts in the thread.
    """

    network: str
    account_id: str | None
    author_key: int | None
    handle: str | None
    name: str | None
    bio: str | None
    location: str | None
    created_at: datetime | None
    texts: tuple[str, ...]
    identifiers: frozenset[tuple[str, str]]
    posted_at: datetime


def speaker_of(
    posts: Sequence[PostRow], lead: PostRow, author: AuthorRow | None, quoted: frozenset[tuple[str, str]]
) -> Speaker:
    """The speaker of a thread's posts; `lead` is the one that complains first, `quoted` what all of them quote."""
    return Speaker(
        network=lead.network,
        account_id=author.native_id if author else None,
        author_key=lead.author_id,
        handle=author.handle if author else None,
        name=author.name if author else None,
        bio=author.bio if author else None,
        location=author.location if author else None,
        created_at=author.created_at if author else None,
        texts=tuple(post.text or "" for post in posts),
        identifiers=quoted,
        posted_at=lead.created_at or lead.heard_at,
    )


@dataclass(frozen=True, slots=True)
class MatchRules:
    """What settings may change of the gates."""

    young_account: timedelta = timedelta(days=7)
    probe_limit: int = 3
    block_limit: int = 50


@dataclass(slots=True)
class _Suspect:
    """A candidate while facts are gathered."""

    row: CustomerRow
    evidence: list[Evidence] = field(default_factory=list)
    identifiers: set[tuple[str, str]] = field(default_factory=set)
    full_name: bool = False
    other_name: bool = False
    declared: bool = False

    def bits(self) -> float:
        return sum(fact.weight for fact in self.evidence)


class Matcher:
    """Matches speakers of one brand inside one session."""

    def __init__(self, session: Session, brand_id: str, ring: Keyring, rules: MatchRules, now: datetime) -> None:
        self._session, self._brand_id, self._ring, self._rules, self._now = session, brand_id, ring, rules, now
        self._customers = max(crm.count_customers(session, brand_id), 1)

    def match(self, speaker: Speaker, policy: NetworkPolicy) -> MatchDecision:
        """Who spoke, and what may follow from it under the network's policy."""
        suspects: dict[int, _Suspect] = {}
        if Grade.DECLARED in policy.match_grades:
            self._by_account(speaker, suspects)
        capped = False
        if Grade.STATED in policy.match_grades:
            self._by_identifiers(speaker, suspects)
            capped = self._by_name(speaker, suspects)
            self._compare_names(speaker, suspects.values())
        ranked = sorted(suspects.values(), key=lambda s: (-s.bits(), s.row.customer_id))
        candidates, none_probability = self._posterior(ranked)
        grade, chosen = _grade(ranked)
        if grade is Grade.SUGGESTED and grade not in policy.match_grades:
            grade, ranked, candidates, none_probability = Grade.NONE, [], (), 1.0
        found = self._gates(speaker, ranked, chosen, grade, capped)
        action = _action(grade, chosen, found, bool(ranked))
        linked = chosen if action is Action.LINK else None
        return MatchDecision(
            grade=grade,
            action=action,
            customer_id=linked.row.customer_id if linked else None,
            candidates=candidates,
            none_probability=none_probability,
            gates=found,
            version=VERSION,
        )

    def _by_account(self, speaker: Speaker, suspects: dict[int, _Suspect]) -> None:
        if not speaker.account_id:
            return
        owners = crm.customers_by_account(self._session, self._brand_id, speaker.network, speaker.account_id, self._now)
        for identity, row in owners:
            suspect = suspects.setdefault(row.id, _Suspect(row))
            suspect.declared = True
            suspect.evidence.append(Evidence("account", BITS_DECLARED, f"{identity.proof}: {identity.how}"))

    def _by_identifiers(self, speaker: Speaker, suspects: dict[int, _Suspect]) -> None:
        for kind, value in sorted(speaker.identifiers):
            rows = self._owners(kind, value)
            bits = self._identifier_bits(len(rows))
            for row in rows:
                suspect = suspects.setdefault(row.id, _Suspect(row))
                suspect.evidence.append(Evidence(kind, bits, value))
                if len(rows) == 1:
                    suspect.identifiers.add((kind, value))

    def _owners(self, kind: str, value: str) -> list[CustomerRow]:
        if kind == "order":
            return crm.customers_by_order(self._session, self._brand_id, value)
        key = self._ring.key(kind, value)
        return crm.customers_by_key(self._session, self._brand_id, kind, key, self._rules.block_limit)

    def _identifier_bits(self, sharers: int) -> float:
        """A stranger rarely quotes an identifier of the file, and then anybody's; a shared one proves less."""
        if not sharers:
            return 0.0
        chance = U_STRANGER_QUOTES / self._customers
        return round(math.log2(M_IDENTIFIER / sharers / chance), 2)

    def _by_name(self, speaker: Speaker, suspects: dict[int, _Suspect]) -> bool:
        """Namesakes as candidates; True if there were more than may be looked at."""
        words = name_words(speaker.name or "")
        if not 2 <= len(words) <= 5:
            return False
        key = self._ring.key("name", name_key(words))
        rows = crm.customers_by_key(self._session, self._brand_id, "name", key, self._rules.block_limit)
        capped = len(rows) > self._rules.block_limit
        for row in () if capped else rows:
            suspects.setdefault(row.id, _Suspect(row))
        return capped

    def _compare_names(self, speaker: Speaker, suspects: Iterable[_Suspect]) -> None:
        shown = name_words(speaker.name or "")
        said = [name_words(sentence) for text in speaker.texts for sentence in _SENTENCE_END.split(text)]
        for suspect in suspects:
            first, last = _name_of(suspect.row)
            if not first or not last:
                continue
            if self._contradicts(first, last, shown):
                suspect.other_name = True
                suspect.evidence.append(Evidence("other_name", BITS_OTHER_NAME, speaker.name or ""))
            elif _together(first, last, shown) or any(_adjacent(first, last, words) for words in said):
                suspect.full_name = True
                suspect.evidence.append(Evidence("name", self._name_bits(first, last), " ".join(first + last)))
            self._compare_city(speaker, suspect)

    def _name_bits(self, first: Sequence[str], last: Sequence[str]) -> float:
        """Leave one out: how many others of the file bear the name; of a lone bearer, half a one counts.

        A small file cannot tell how rare a name is: a lone bearer's counts as no commoner than COMMON_NAME.
        """
        key = self._ring.key("name", name_key((*first, *last)))
        bearers = crm.customers_by_key(self._session, self._brand_id, "name", key, self._rules.block_limit)
        alone = min(0.5 / self._customers, COMMON_NAME)
        chance = min(max((len(bearers) - 1) / self._customers, alone), M_NAME)
        return round(math.log2(M_NAME / chance), 2)

    def _compare_city(self, speaker: Speaker, suspect: _Suspect) -> None:
        city = fold(suspect.row.city or "")
        if city and city in fold(speaker.location or ""):
            bits = round(math.log2(M_CITY / U_CITY), 2)
            suspect.evidence.append(Evidence("city", bits, suspect.row.city or ""))

    def _contradicts(self, first: Sequence[str], last: Sequence[str], shown: Sequence[str]) -> bool:
        """Whether the shown name is a person's and another's: beside the last name, a first name of the file."""
        if len(shown) < 2 or set(shown) & set(first):
            return False
        others = [word for word in shown if word not in last]
        keys = {self._ring.key("first", name) for name in (" ".join(others[:1]), " ".join(others[:2])) if name}
        return any(crm.has_key(self._session, self._brand_id, "first", key) for key in keys)

    def _posterior(self, ranked: Sequence[_Suspect]) -> tuple[tuple[Candidate, ...], float]:
        """Open world: every candidate, "not in the file", and "in the file but not among these".

        The likeliest are told; the rest still have their share. Cut to four digits, so that no sum passes 1.
        """
        prior = CUSTOMER_SHARE / self._customers
        masses = [prior * 2 ** min(suspect.bits(), 200.0) for suspect in ranked]
        rest = (1 - CUSTOMER_SHARE) + prior * (self._customers - len(ranked))
        total = sum(masses) + rest
        candidates = tuple(
            Candidate(suspect.row.customer_id, _cut(mass / total), tuple(suspect.evidence))
            for suspect, mass in zip(ranked[:MAX_CANDIDATES], masses, strict=False)
        )
        return candidates, _cut(rest / total)

    def _gates(
        self, speaker: Speaker, ranked: Sequence[_Suspect], chosen: _Suspect | None, grade: Grade, capped: bool
    ) -> tuple[str, ...]:
        found = []
        names = [text for text in (speaker.name, speaker.handle) if text]
        if any(gates.looks_alike(text) for text in names):
            found.append("homoglyph")
        if any(gates.on_behalf(text) for text in speaker.texts):
            found.append("on_behalf")
        if grade is not Grade.DECLARED and gates.not_a_customer(speaker.name, speaker.bio):
            found.append("not_a_customer")
        if chosen is not None and chosen.row.status != "active":
            found.append(chosen.row.status)
        if chosen is not None and chosen.other_name and grade is not Grade.DECLARED:
            found.append("other_name")
        if len([suspect for suspect in ranked if suspect.identifiers or suspect.declared]) > 1:
            found.append("points_to_several")
        if capped and chosen is None:
            found.append("common_name")
        return tuple(found + self._quote_gates(speaker, grade))

    def _quote_gates(self, speaker: Speaker, grade: Grade) -> list[str]:
        if grade is Grade.DECLARED or not speaker.identifiers:
            return []
        found = []
        born = speaker.created_at
        if born is not None and speaker.posted_at - born < self._rules.young_account:
            found.append("young_account")
        hashes = [(kind, self._ring.key(kind, value)) for kind, value in sorted(speaker.identifiers)]
        if quotes.quoted_by_others(self._session, self._brand_id, hashes, speaker.author_key):
            found.append("quoted_by_several")
        if quotes.count_quoted(self._session, self._brand_id, speaker.author_key) > self._rules.probe_limit:
            found.append("probing")
        return found


def _cut(probability: float) -> float:
    return math.floor(probability * 10_000) / 10_000


def _name_of(row: CustomerRow) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if row.first_name and row.last_name:
        return name_words(row.first_name), name_words(row.last_name)
    words = name_words(row.name)
    return words[:1], words[1:]


def _together(first: tuple[str, ...], last: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a shown name holds the whole first and the whole last name, in any order."""
    return {*without_particles(first), *without_particles(last)} <= set(words)


def _adjacent(first: tuple[str, ...], last: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Whether a sentence says the full name in one go, in either order."""
    first, last, words = without_particles(first), without_particles(last), without_particles(words)
    wanted = ((*first, *last), (*last, *first))
    size = len(first) + len(last)
    return any(words[at : at + size] in wanted for at in range(len(words) - size + 1))


def _grade(ranked: Sequence[_Suspect]) -> tuple[Grade, _Suspect | None]:
    declared = [suspect for suspect in ranked if suspect.declared]
    if declared:
        return Grade.DECLARED, declared[0]
    for suspect in ranked:
        if len(suspect.identifiers) >= 2 or (suspect.identifiers and suspect.full_name):
            return Grade.STATED, suspect
    if ranked:
        return Grade.SUGGESTED, None
    return Grade.NONE, None


def _action(grade: Grade, chosen: _Suspect | None, found: Sequence[str], any_candidate: bool) -> Action:
    if chosen is not None and not found:
        return Action.LINK
    return Action.REVIEW if any_candidate and grade is not Grade.NONE else Action.NONE
