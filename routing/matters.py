"""The threads of one customer: what is one matter is one case, by the rules of `routing.joining`."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.brand import Brand
from routing.attribution import speak_first
from routing.batch import Batch, IntakeRules
from routing.copies import call_copies
from routing.joining import Matter, Strand, plan, strands_of
from routing.opening import open_case
from routing.weighing import weigh_case
from storage import cases, matches
from storage.tables import CasePostRow, CaseRow, PostRow


def put_together(batch: Batch) -> None:
    """What each customer of this batch said in several threads: one matter, one case."""
    for customer_key in sorted(batch.customers):
        strands = strands_of(batch.session, batch.brand.id, customer_key)
        for matter in plan([strand for strand in strands if strand.case is not None], batch.rules.joining):
            _one_case(batch, matter, customer_key)


def join_matters(session: Session, brand: Brand, rules: IntakeRules, customer_key: int, now: datetime) -> None:
    """What one customer said in several threads, put together at once: a person has said whose words they are.

    In the caller's transaction, under the brand's lock. Copies come home with the next routing.
    """
    batch = Batch(session, brand, rules, now)
    batch.customers.add(customer_key)
    put_together(batch)
    batch.leave()


def _one_case(batch: Batch, matter: Matter, customer_key: int) -> None:
    lead = batch.session.get_one(PostRow, matter.strands[0].post)
    match = matches.match_of_post(batch.session, lead.id)
    if match is None or match.customer_key != customer_key:
        return
    if matter.case is None:
        case = open_case(batch, lead, batch.reading(lead), batch.author(lead), match)
    else:
        case = batch.session.get_one(CaseRow, matter.case)
    for other in matter.others:
        batch.merge(batch.session.get_one(CaseRow, other), case, "same customer and matter")
    moved = [post for strand in matter.strands for post in _bring(batch, strand, case)]
    if len(matter.strands) > 1 or moved or matter.others:
        speak_first(batch, case, lead, match)
        weigh_case(batch, case)


def _bring(batch: Batch, strand: Strand, case: CaseRow) -> list[int]:
    """Take what was said in a thread out of the case in which it lies, into that of its matter."""
    query = select(CasePostRow).where(
        CasePostRow.post_id.in_(strand.posts), CasePostRow.case_id == strand.case, CasePostRow.case_id != case.id
    )
    places = list(batch.session.scalars(query.where(CasePostRow.pinned.is_(False), CasePostRow.role != "copy")))
    for place in places:
        place.case_id = case.id
    if places:
        moved = [batch.session.get_one(PostRow, place.post_id) for place in places]
        case.last_post_at = max([case.last_post_at, *(post.created_at for post in moved if post.created_at)])
        batch.session.flush()
        cases.add_event(batch.session, case, "posts_moved", batch.now, posts=len(places), left=strand.case)
        read = [(post, batch.reading(post)) for post in moved]
        call_copies(batch, case, read, [found for found in read if batch.is_complaint(*found)])
    return [place.post_id for place in places]
