"""From a decision to a match: held where its grade may not act, remembered as a word, drawn for a second look."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from domain.evidence import Action, Grade, MatchDecision
from routing.matching.certificate import CertificateRules, Permission, held, permissions
from routing.matching.lot import Lot, draw
from storage import cases, link_events, matches
from storage.audits import LINK, REFUSAL, drop_open
from storage.secrets import MATCHING_KEY, installation_secret
from storage.tables import CustomerRow, MatchRow, PostRow

NEVER = Permission(False, "never", "this grade is no proof")


@dataclass(frozen=True, slots=True)
class Linking:
    """What one batch may link by itself, and what it draws. Holds as long as the brand is locked."""

    permissions: Mapping[Grade, Permission]
    lot: Lot


def linking(session: Session, brand_id: str, rules: CertificateRules, now: datetime) -> Linking:
    """What may be linked now; the brand is locked by the caller."""
    lot = Lot(installation_secret(session, MATCHING_KEY), {LINK: rules.link_rate, REFUSAL: rules.refusal_rate})
    return Linking(permissions(session, brand_id, rules, now), lot)


def decided(session: Session, post: PostRow, decision: MatchDecision, by: Linking, now: datetime) -> MatchRow:
    """Keep the program's own decision about a post, and all that follows from it but the case."""
    allowed = by.permissions.get(decision.grade, NEVER)
    if not allowed.acts and not _has_acted(session, post, decision):
        decision = held(decision, allowed)
    row, changed = matches.save_match(session, post, decision, now)
    if changed:
        _say(session, post, row, now)
        draw(session, row, by.lot, now)
    return row


def _has_acted(session: Session, post: PostRow, decision: MatchDecision) -> bool:
    """Whether this very link has led to a message already: to ask about it now would hold nothing back."""
    row, found = matches.match_of_post(session, post.id), cases.case_of_post(session, post.id)
    if row is None or row.customer_key is None or found is None:
        return False
    customer = session.get_one(CustomerRow, row.customer_key)
    return customer.customer_id == decision.customer_id and cases.contact_engaged(session, found[0].id)


def forgotten(session: Session, post: PostRow, now: datetime) -> None:
    """The program's own decision about a post that decides nothing any more; what a person decided stays."""
    row = matches.match_of_post(session, post.id)
    if row is None or row.decided_by != matches.SYSTEM:
        return
    link_events.end_automatic_link(session, post.id, now, "decided again")
    drop_open(session, post.id)
    session.delete(row)


def _say(session: Session, post: PostRow, row: MatchRow, now: datetime) -> None:
    """An automatic link is a word, and its end another."""
    said = link_events.automatic_link(session, post.id)
    if said is not None and (said.customer_key, said.why) == (row.customer_key, row.grade):
        return
    link_events.end_automatic_link(session, post.id, now, "decided again")
    if row.action == Action.LINK and row.customer_key is not None:
        pair = link_events.pair_of(post, row.customer_key)
        detail = {"match": row.id, "rules": row.version}
        link_events.record(session, pair, link_events.LINKED, matches.SYSTEM, now, why=row.grade, detail=detail)
