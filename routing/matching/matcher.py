"""The match of one speaker: facts are looked up, weighed, graded, and held at the gates.

Grades (DESIGN, "Matching"): an account id that the customer declared is `declared`; two quoted identifiers of one
customer, or one together with his full name, are `stated`; anything less is at best `suggested` and goes to a person.
Weights rank and warn; they never make a grade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from domain.brand import Brand
from domain.contact import NetworkPolicy
from domain.evidence import Action, Candidate, Grade, MatchDecision
from routing.matching import gates
from routing.matching.candidates import Finder, Found
from routing.matching.counts import name_counts
from routing.matching.likeness import Likeness
from routing.matching.lookup import Lookup
from routing.matching.normal import Keyring, fold
from routing.matching.orders import OrderPattern
from routing.matching.score import Scorer
from routing.matching.speaker import Speaker
from routing.matching.suspects import Suspect, likelier
from routing.matching.weights import load_weights
from storage import quotes

VERSION = "proof-3"
MAX_CANDIDATES = 5
SURE, MARGIN_BITS = 0.95, 6.64  # of a stated link: its probability, and a hundred to one over the runner-up
ADULT = 18  # years
UNKNOWN = MatchDecision(Grade.NONE, Action.NONE, None, (), 1.0, (), VERSION)


@dataclass(frozen=True, slots=True)
class MatchRules:
    """What settings may change. `suggest_from`: the probability from which a resemblance is shown to a person."""

    young_account: timedelta = timedelta(days=7)
    probe_limit: int = 3
    block_limit: int = 50
    suggest_from: float = 0.05
    order_patterns: Mapping[str, tuple[OrderPattern, ...]] = field(default_factory=dict)


class Matcher:
    """Matches speakers of one brand inside one session."""

    def __init__(self, session: Session, brand: Brand, ring: Keyring, rules: MatchRules, now: datetime) -> None:
        self._session, self._brand, self._ring, self._rules, self._now = session, brand, ring, rules, now
        self._lookup = Lookup(session, brand.id, rules.block_limit, now)
        self._counts = name_counts(session, brand.id, ring)
        self._finder = Finder(
            self._lookup, self._counts, ring, rules.block_limit, rules.order_patterns.get(brand.id, ())
        )
        self._scorer = Scorer(load_weights(session, brand.id), self._counts)

    def match(self, speaker: Speaker, policy: NetworkPolicy) -> MatchDecision:
        """Who spoke, and what may follow from it under the network's policy."""
        self._session.flush()
        if self._lookup.is_unlinkable(speaker.network, speaker.account_id):
            return UNKNOWN
        found = self._finder.find(speaker, policy)
        ranked = self._weigh(speaker, found)
        candidates, none_probability = self._scorer.posterior(ranked, MAX_CANDIDATES)
        grade, chosen = _grade(ranked)
        if grade is Grade.SUGGESTED and grade not in policy.match_grades:
            grade, ranked, candidates, none_probability = Grade.NONE, [], (), 1.0
        raised = self._gates(speaker, ranked, chosen, found)
        if not raised and chosen is not None and grade is Grade.STATED and not _is_sure(chosen, ranked, candidates):
            raised = ("unsure",)
        action = self._action(chosen, raised, ranked, candidates)
        return MatchDecision(
            grade=grade,
            action=action,
            customer_id=chosen.record.customer_id if chosen is not None and action is Action.LINK else None,
            candidates=candidates,
            none_probability=none_probability,
            gates=raised,
            version=VERSION,
        )

    def _weigh(self, speaker: Speaker, found: Found) -> list[Suspect]:
        """All facts of all suspects; the likeliest first."""
        if not found.suspects:
            return []
        scorer, said, told = self._scorer, fold(" ".join(speaker.texts)), fold(speaker.location or "")
        dealings = self._lookup.dealings([one.record for one in found.suspects], speaker.posted_at)
        for suspect in found.suspects:
            record = suspect.record
            suspect.dealings = dealings[record.key]
            scorer.account(suspect)
            scorer.identifiers(suspect, found.sharers)
            scorer.name(suspect, speaker.name or "")
            scorer.mailbox(suspect, speaker.handle or "")
            scorer.city(suspect, told, said, speaker.location or "")
            scorer.dealings(suspect, speaker.moment)
            scorer.language(suspect, speaker.language)
        scorer.others_identifiers(found.suspects)
        scorer.experience(found.suspects)
        return sorted(found.suspects, key=likelier)

    def _gates(
        self, speaker: Speaker, ranked: Sequence[Suspect], chosen: Suspect | None, found: Found
    ) -> tuple[str, ...]:
        owned = chosen is not None and chosen.owner is not None
        raised = []
        names = ((one.record.first, one.record.last) for one in ranked)
        if any(gates.is_disguised(text) for text in (speaker.name, speaker.handle) if text) or gates.imitates(
            speaker.name or "", names
        ):
            raised.append("homoglyph")
        if any(gates.on_behalf(text) for text in speaker.texts):
            raised.append("on_behalf")
        if not owned and gates.not_a_customer(speaker.name, speaker.bio, self._brand.spellings):
            raised.append("not_a_customer")
        if chosen is not None:
            raised += self._gates_of(chosen, found)
        if len([suspect for suspect in ranked if suspect.identifiers or suspect.owner is not None]) > 1:
            raised.append("points_to_several")
        if found.capped_name and chosen is None:
            raised.append("common_name")
        return (*raised, *([] if owned else self._quote_gates(speaker)))

    def _gates_of(self, chosen: Suspect, found: Found) -> list[str]:
        """What the file says of the one who would be linked."""
        record, raised = chosen.record, []
        if record.status != "active":
            raised.append(record.status)
        elif record.birth_year is not None and self._now.year - record.birth_year < ADULT:
            raised.append("minor")
        if chosen.likeness.contradicts and chosen.owner is None:
            raised.append("other_name")
        if chosen.other_handle and chosen.owner is None and not chosen.has_mailbox:
            raised.append("other_handle")
        if record.key in found.in_conflict and chosen.owner is None:
            raised.append("conflicting_records")
        return raised

    def _quote_gates(self, speaker: Speaker) -> list[str]:
        if not speaker.identifiers:
            return []
        raised = []
        born = speaker.created_at
        if born is not None and speaker.posted_at - born < self._rules.young_account:
            raised.append("young_account")
        hashes = [(kind, self._ring.key(kind, value)) for kind, value in sorted(speaker.identifiers)]
        if quotes.quoted_by_others(self._session, self._brand.id, hashes, speaker.author_key):
            raised.append("quoted_by_several")
        if quotes.count_quoted(self._session, speaker.author_key) > self._rules.probe_limit:
            raised.append("probing")
        return raised

    def _action(
        self, chosen: Suspect | None, raised: Sequence[str], ranked: Sequence[Suspect], told: Sequence[Candidate]
    ) -> Action:
        """A resemblance that hardly says anything is shown to nobody; an identifier of somebody's always is."""
        if chosen is not None:
            return Action.REVIEW if raised else Action.LINK
        quoted = any(suspect.identifiers for suspect in ranked)
        likely = bool(told) and told[0].probability >= self._rules.suggest_from
        return Action.REVIEW if quoted or likely else Action.NONE


def _grade(ranked: Sequence[Suspect]) -> tuple[Grade, Suspect | None]:
    owner = next((suspect for suspect in ranked if suspect.owner is not None), None)
    if owner is not None and owner.owner is not None:
        return Grade(owner.owner.proof), owner
    for suspect in ranked:
        if len(suspect.identifiers) >= 2 or (suspect.identifiers and suspect.likeness is Likeness.FULL):
            return Grade.STATED, suspect
    return (Grade.SUGGESTED if ranked else Grade.NONE), None


def _is_sure(chosen: Suspect, ranked: Sequence[Suspect], told: Sequence[Candidate]) -> bool:
    """Whether the chosen one is likely, and far likelier than anybody else."""
    runner_up = max((suspect.bits for suspect in ranked if suspect is not chosen), default=float("-inf"))
    probability = next((one.probability for one in told if one.customer_id == chosen.record.customer_id), 0.0)
    return probability >= SURE and chosen.bits - runner_up >= MARGIN_BITS
