"""Asking the customer: the claim link of a case, the neutral reply that carries it, and who has answered so far.

Where a customer has proven who he is on a link that everybody could open, and the account has not yet spoken, a person
may say whether the account is his.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from config.wiring import App
from console.case import BIGGEST_ID
from console.mask import mask_address
from console.web import Acting, Looking, PageError, Viewer, agent, go_to, note_view, page, web_of
from domain.claim import REPLY_TEMPLATE
from routing import claim_accounts, claim_asking
from storage import cases, claim_codes, messages
from storage.claims_link import open_claim
from storage.customers import current_points
from storage.queue import brand_of_case
from storage.tables import CaseRow, ClaimRow, CustomerRow, MessageRow

router = APIRouter()
PAGE = "/claims/new"
CaseForm = Annotated[int, Form(alias="case", ge=1, le=BIGGEST_ID)]
Number = Annotated[int, Form(ge=1, le=BIGGEST_ID)]


@dataclass(frozen=True, slots=True)
class Half:
    """A customer who proved who he is, and says that the account is his. `points` are masked."""

    attempt_id: int
    agreed_at: datetime | None
    customer: CustomerRow
    points: list[str]


@router.get(PAGE)
def ask_page(
    request: Request, looking: Looking, case_id: Annotated[int, Query(alias="case", ge=1, le=BIGGEST_ID)]
) -> HTMLResponse:
    web, here = web_of(request), _at_case(request, looking, case_id)
    app = App(web.settings)
    brand = app.brand(here.brand_id)
    rules = app.claim_rules(brand)
    with web.database.read() as session:
        case = cases.living(session, session.get_one(CaseRow, case_id))
        why, claim = claim_asking.why_not(session, case, rules), open_claim(session, case.id, web.now())
        text = None if claim is None or why is not None else claim_asking.reply_text(session, brand, claim, rules)
        message = None if claim is None else _message_of(session, claim)
        halves = _halves(session, claim, web.now())
        needs_word = claim is not None and bool(halves) and claim_accounts.needs_word(session, claim)
    note_view(web, here, f"case:{case_id}", {"claim": claim is not None, "customers": [h.customer.id for h in halves]})
    return page(
        request,
        here,
        "ask.html",
        case=case,
        why=why,
        claim=claim,
        text=text,
        message=message,
        halves=halves,
        needs_word=needs_word,
        goes_out=app.is_switched_on(case.network, case.brand_id),
    )


@router.post(PAGE)
def ask(request: Request, acting: Acting, case_id: CaseForm) -> Response:
    web, here = web_of(request), _at_case(request, acting, case_id)
    app = App(web.settings)
    brand = app.brand(here.brand_id)
    try:
        with web.database.begin() as session:
            claim_asking.issue(session, brand, case_id, app.claim_rules(brand), here.user.email, web.now())
    except claim_asking.NotAsked as error:
        raise PageError(409, f"ask.why_{error.why}") from None
    return go_to(PAGE, case=case_id)


@router.post("/claims/settle")
def settle(
    request: Request,
    acting: Acting,
    case_id: CaseForm,
    attempt: Number,
    answer: Annotated[Literal["yes", "no"], Form()],
) -> Response:
    """Whether the account is the customer's who proved himself on the link of this case."""
    web, here = web_of(request), _at_case(request, acting, case_id)
    app = App(web.settings)
    rules = app.claim_rules(app.brand(here.brand_id))
    with web.database.begin() as session:
        case = cases.living(session, session.get_one(CaseRow, case_id))
        claim = open_claim(session, case.id, web.now())
        is_his, who = answer == "yes", here.user.email
        if claim is None or not claim_accounts.settle_by_person(
            session, claim.id, attempt, is_his, rules, who, web.now()
        ):
            raise PageError(409, "ask.gone")
    return go_to(f"/cases/{case_id}" if is_his else PAGE, **({} if is_his else {"case": case_id}))


@router.post("/claims/lift")
def lift(request: Request, acting: Acting, case_id: CaseForm) -> Response:
    """The owner of the account told us that he may be linked after all."""
    web, here = web_of(request), _at_case(request, acting, case_id)
    with web.database.begin() as session:
        case = cases.living(session, session.get_one(CaseRow, case_id))
        if not claim_asking.lift(session, case, here.user.email, web.now()):
            raise PageError(409, "ask.gone")
    return go_to(PAGE, case=case_id)


def _halves(session: Session, claim: ClaimRow | None, now: datetime) -> list[Half]:
    if claim is None:
        return []
    found = []
    for of, attempt in claim_codes.half_proven(session, claim.brand_id, now):
        customer = claim_accounts.linkable(session, claim.brand_id, attempt.customer_key) if of.id == claim.id else None
        if customer is not None:
            points = [mask_address(point.kind, point.value) for point in current_points(session, customer.id)]
            found.append(Half(attempt.id, attempt.agreed_at, customer, points))
    return found


def _message_of(session: Session, claim: ClaimRow) -> MessageRow | None:
    return messages.find(session, claim.brand_id, f"{claim.case_id}:{REPLY_TEMPLATE}:{claim.id}")


def _at_case(request: Request, looking: Viewer, case_id: int) -> Viewer:
    with web_of(request).database.read() as session:
        brand_id = brand_of_case(session, case_id)
    return agent(looking, brand_id)
