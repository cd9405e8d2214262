"""What one speaker complains of comes into its case: the one that is there, or a new one."""

from collections.abc import Sequence

from domain.case import CaseState
from domain.evidence import Action
from routing.attribution import follow_alone, is_his, speak, subject_of
from routing.batch import Batch, Routed
from routing.copies import call_copies
from routing.joining import matter_of, settled_at, strands_of
from routing.linking import decided
from routing.matching.quoted import IDENTIFIER_KINDS
from routing.matching.speaker import speaker_of
from routing.priority import severity_of
from routing.weighing import read_as, weigh_case
from storage import cases, matches
from storage.readings import Read
from storage.tables import AuthorRow, CaseRow, MatchRow, PostRow, ReadingRow


def bring_in_complaint(
    batch: Batch,
    own: Sequence[Read],
    said: Sequence[Read],
    complaints: Sequence[Read],
    author: AuthorRow | None,
    kept: CaseRow | None = None,
) -> Routed:
    """Bring what one speaker complains of into its case; `kept` is the one that a person put it into.

    `own` are the posts that go there, `complaints` those of them that complain, the first one leading; `said` is all
    that proves who speaks.
    """
    lead, reading = complaints[0]
    known = matches.match_of_post(batch.session, lead.id)
    before = None if known is None else (known.action, known.customer_key)
    match = _match(batch, own, said, lead, author)
    batch.customers |= {key for key in (before and before[1], match.customer_key) if key}
    if kept is None:
        case, opened = _find_or_open(batch, own, lead, reading, author, match)
    else:
        case, opened = kept, False
    joined = join_posts(batch, case, own, complaints)
    if kept is not None:
        speak(batch, case, match)
    if joined:
        call_copies(batch, case, own, complaints)
    if joined and not opened:
        seen_again(batch, case, lead)
    weigh_case(batch, case)
    changed = before != (match.action, match.customer_key)
    return Routed(
        opened=int(opened),
        joined=joined - int(opened),
        linked=int(changed and match.action == Action.LINK),
        reviews=int(changed and match.action == Action.REVIEW),
    )


def open_case(batch: Batch, lead: PostRow, reading: ReadingRow, author: AuthorRow | None, match: MatchRow) -> CaseRow:
    """A new case, with its deadlines; what it is about is what its first complaint is about."""
    intent = batch.rules.intents[reading.intent]
    severity = severity_of(intent, reading.urgency, reading.escalation)
    case = CaseRow(
        brand_id=lead.brand_id,
        subject=subject_of(match, lead),
        network=lead.network,
        thread=lead.thread,
        customer_key=match.customer_key,
        author_id=author.id if author else None,
        grade=match.grade,
        severity=severity,
        priority=0,
        priority_reasons=[],
        opened_at=batch.now,
        state_since=batch.now,
        last_post_at=lead.created_at or batch.now,
        due_first_answer_at=batch.rules.deadlines.first_answer_at(batch.now, severity, intent.team),
        due_resolution_at=batch.rules.deadlines.resolution_at(batch.now, severity, intent.team),
    )
    read_as(case, reading, batch.rules.intents)
    batch.session.add(case)
    batch.session.flush()
    cases.add_event(
        batch.session,
        case,
        "opened",
        batch.now,
        post=lead.id,
        intent=case.intent,
        grade=match.grade,
        model=reading.model,
    )
    return case


def join_posts(batch: Batch, case: CaseRow, own: Sequence[Read], complaints: Sequence[Read]) -> int:
    """Put posts into a case; returns how many were not there."""
    grievances = {post.id for post, _ in complaints}
    joined = 0
    for post, _ in own:
        role = "complaint" if post.id in grievances else "follow_up"
        joined += cases.add_post(batch.session, case, post, role, batch.now)
    return joined


def seen_again(batch: Batch, case: CaseRow, post: PostRow) -> None:
    """The person spoke again: what was settled is open again, unless the rule says that it goes on as it is."""
    if settled_at(case) is not None and batch.rules.joining.seen_again != "continue":
        cases.step(batch.session, case, CaseState.REOPENED, batch.now, why="a new post in the thread")
    elif case.state == CaseState.WAITING_CUSTOMER:
        cases.step(batch.session, case, CaseState.WAITING_US, batch.now, why="a new post in the thread")
    cases.add_event(batch.session, case, "seen_again", batch.now, post=post.id, network=post.network)


def _match(
    batch: Batch, own: Sequence[Read], said: Sequence[Read], lead: PostRow, author: AuthorRow | None
) -> MatchRow:
    """The match of the lead post, drawn from all that its author said here. What a person decided holds."""
    ids = {post.id for post, _ in own}
    for post, _ in said:
        known = matches.match_of_post(batch.session, post.id)
        if known is not None and known.decided_by != cases.SYSTEM:
            return known
        if post.id in ids and post.id != lead.id:
            batch.forget_match(post)
    quoted = frozenset(
        (entity["kind"], entity["value"])
        for _, reading in said
        for entity in reading.details.get("entities", ())
        if entity["kind"] in IDENTIFIER_KINDS
    )
    moment = next(batch.rules.intents[reading.intent].moment for post, reading in own if post.id == lead.id)
    speaker = speaker_of([post for post, _ in said], lead, author, quoted, moment)
    decision = batch.matcher.match(speaker, batch.rules.networks(lead.network))
    return decided(batch.session, lead, decision, batch.linking, batch.now)


def _find_or_open(
    batch: Batch, own: Sequence[Read], lead: PostRow, reading: ReadingRow, author: AuthorRow | None, match: MatchRow
) -> tuple[CaseRow, bool]:
    target = cases.find_case(batch.session, lead.brand_id, subject_of(match, lead), lead.network, lead.thread)
    found = (cases.case_of_post(batch.session, post.id) for post, _ in own)
    lying = {case.id: case for case, place in filter(None, found) if place.role != "copy"}
    for case in lying.values():
        batch.note_customer(case)
    held = [case for case in lying.values() if is_his(batch, case, lead, match)]
    if target is None and held:
        target = held[0]
    if target is None and match.customer_key:
        target = _about_the_same(batch, match.customer_key, lead)
    if target is None:
        return open_case(batch, lead, reading, author, match), True
    if target.customer_key is None or target.customer_key != match.customer_key or target in held:
        follow_alone(batch, target, lead, match)
    for other in held:
        if other.id != target.id:
            batch.merge(other, target, "same person and thread")
    return target, False


def _about_the_same(batch: Batch, customer_key: int, lead: PostRow) -> CaseRow | None:
    """The case that a customer has about the same matter in another thread, if the rules let this post join it."""
    strands = strands_of(batch.session, lead.brand_id, customer_key)
    matter = matter_of(strands, lead.id, batch.rules.joining)
    return None if matter is None or matter.case is None else batch.session.get_one(CaseRow, matter.case)
