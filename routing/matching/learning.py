"""Learning the weights: m from confirmed links, u from the brand's own counts; promoted only if nothing gets worse.

Links come as words (storage/link_events): confirmed and refused by reviewers, found by second looks. A word drawn by
lot stands for as many as were not drawn (1 / rate). A fifth of the accounts is held out: the new weights rank those
links, and are promoted only if their R-precision (the precision of the first R, R being the number of right ones) does
not fall below that of the weights in force.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from routing.matching.experience import Look, learn_experience
from routing.matching.links import Link, link_of, score
from routing.matching.lookup import RECENT_CONTACT, RECENT_ORDER
from routing.matching.weights import M_OF_FACT, Weights, load_weights
from storage import match_weights
from storage.link_events import standing_words

LEAST_HELD_OUT = 5  # of each kind: with fewer nothing can be told
LOWEST, HIGHEST = 1e-4, 1 - 1e-4
FACTS_OF = {name: frozenset(fact for fact, m in M_OF_FACT.items() if m == name) for name in set(M_OF_FACT.values())}


@dataclass(frozen=True, slots=True)
class LearningRules:
    """`least`: confirmed links before anything is learned; `prior`: how many links the weights in force count for."""

    least: int = 200
    prior: float = 50.0


@dataclass(frozen=True, slots=True)
class Learned:
    """New weights (None where there were too few links), whether they are promoted, why, and what they come from."""

    weights: Weights | None
    promoted: bool
    why: str
    learned_from: Mapping[str, float]

    @property
    def told(self) -> str:
        """One line for the operator."""
        if self.weights is None:
            return f"nothing learned: {self.why}"
        return f"weights {self.weights.version} {'promoted' if self.promoted else 'kept aside'}: {self.why}"

    @property
    def links(self) -> int:
        """How many links it was learned from."""
        return int(self.learned_from.get("links", 0))


def learn(session: Session, brand_id: str, rules: LearningRules, now: datetime) -> Learned:
    """Make new weights from every standing word, and keep them, promoted or not."""
    links = [link for word in standing_words(session, brand_id) if (link := link_of(word)) is not None]
    confirmed = sum(link.is_customer for link in links)
    if confirmed < rules.least:
        why = f"{confirmed} confirmed links, of {rules.least} that are wanted"
        return Learned(None, False, why, {"links": len(links)})
    counted = counts_of(session, brand_id, now)
    learned = relearn(links, load_weights(session, brand_id), counted, rules, f"learned-{now:%Y%m%dT%H%M%SZ}")
    if learned.weights is not None:
        kept = learned.weights.as_dict(), learned.learned_from, learned.promoted, learned.why, now
        match_weights.keep_weights(session, brand_id, *kept)
    return learned


def counts_of(session: Session, brand_id: str, now: datetime) -> dict[str, float]:
    """The u that the customer file itself tells: how likely it is that a fact agrees for anybody."""
    shares = match_weights.shares(session, brand_id, now - RECENT_ORDER, now - RECENT_CONTACT)
    return {f"u_{name}": _share(share) for name, share in shares.items() if share}


def relearn(
    links: Sequence[Link], present: Weights, counted: Mapping[str, float], rules: LearningRules, version: str
) -> Learned:
    """New weights from links, and their trial on those held out."""
    fit, held_out = [link for link in links if not link.is_held_out], [link for link in links if link.is_held_out]
    new: dict[str, Any] = {"version": version, **counted, **estimate(fit, present, rules.prior)}
    weights = replace(present, **new)
    weights = replace(weights, experience=experience(fit, replace(weights, experience={})))
    right = sum(link.is_customer for link in held_out)
    told: dict[str, float] = {"links": len(links), "held_out": len(held_out), "held_out_right": right}
    if min(right, len(held_out) - right) < LEAST_HELD_OUT:
        why = f"{right} confirmed and {len(held_out) - right} refused links held out, {LEAST_HELD_OUT} of each wanted"
        return Learned(weights, False, why, told)
    before, after = r_precision(held_out, present), r_precision(held_out, weights)
    told |= {"precision_before": round(before, 4), "precision_after": round(after, 4)}
    if after < before:
        return Learned(weights, False, f"precision on held-out links would fall: {before:.3f} to {after:.3f}", told)
    return Learned(weights, True, f"precision on held-out links: {before:.3f} to {after:.3f}", told)


def estimate(links: Iterable[Link], present: Weights, prior: float) -> dict[str, float]:
    """How often each fact agrees among confirmed links, with the weights in force counting for `prior` links (Beta)."""
    confirmed = [link for link in links if link.is_customer]
    whole = sum(link.stands_for for link in confirmed)
    agree = {
        name: sum(link.stands_for for link in confirmed if facts & link.bits.keys()) for name, facts in FACTS_OF.items()
    }
    found = {name: _share((seen + prior * getattr(present, name)) / (whole + prior)) for name, seen in agree.items()}
    quoting = agree["m_identifier"]
    second = sum(link.stands_for for link in confirmed if link.identifiers > 1)
    found["m_second"] = _share((second + prior * present.m_second) / (quoting + prior))
    return found


def experience(links: Iterable[Link], plain: Weights) -> Mapping[str, float]:
    """What is left to correct, by pattern of evidence, where these weights alone were too sure, or too shy."""
    return learn_experience(
        Look(link.pattern, link.believed(plain), link.is_customer, stands_for=link.stands_for) for link in links
    )


def r_precision(links: Sequence[Link], weights: Weights) -> float:
    """The share of right ones among the first R of the ranking, R being how many right ones there are; ties are shared.

    Manning, Raghavan, Schütze: Introduction to Information Retrieval, 8.4.
    """
    wanted = sum(link.is_customer for link in links)
    groups: dict[float, list[bool]] = {}
    for link in links:
        groups.setdefault(round(score(link, weights), 9), []).append(link.is_customer)
    right, left = 0.0, wanted
    for bits in sorted(groups, reverse=True):
        taken = min(left, len(groups[bits]))
        right += taken * sum(groups[bits]) / len(groups[bits])
        left -= taken
    return right / wanted if wanted else 0.0


def _share(share: float) -> float:
    return min(max(share, LOWEST), HIGHEST)
