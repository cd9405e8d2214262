"""Saying what the brand does about a case: the form, the texts as every channel would carry them, the sending."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy.orm import Session

from config.wiring import App
from console.actions import Conflict
from console.case import BIGGEST_ID, conflict
from console.web import Acting, Looking, PageError, Viewer, Web, agent, go_to, note_view, page, web_of
from domain.after import WORDS_MAX, Resolution
from domain.brand import Brand
from domain.case import OUTCOMES, CaseState, may_step
from domain.contact import ChannelDecision
from domain.errors import BadInput
from routing import resolution as resolving
from routing.care import CareRules, may_go, newest_resolution
from routing.resolution import NotSent, Preview
from routing.wording import cents
from storage import audit, cases
from storage.brands import lock_brand
from storage.queue import brand_of_case
from storage.tables import CaseRow

router = APIRouter()
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "CAD")
Seen = Annotated[int, Form(ge=0, le=BIGGEST_ID)]
Text = Annotated[str, Form(max_length=400)]


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    outcome: str = ""
    amount: str = ""
    currency: str = "EUR"
    due: str = ""
    words: str = ""
    settle: bool = True

    def resolution(self) -> Resolution:
        """What it means. Raises BadInput with a key of the texts."""
        amount = self.amount.strip()
        return resolving.checked(
            Resolution(
                outcome=self.outcome,
                amount_cents=_amount(amount) if amount else None,
                currency=_currency(self.currency) if amount else None,
                due_on=_day(self.due) if self.due.strip() else None,
                words=self.words,
            )
        )


@router.get("/cases/{case_id}/resolution")
def form(request: Request, looking: Looking, case_id: int) -> HTMLResponse:
    web, here = web_of(request), _at(request, looking, case_id)
    agent(here, here.brand_id)
    note_view(web, here, f"case:{case_id}", {"resolution": True})
    with web.database.read() as session:
        row = newest_resolution(session, case_id)
    return _show(request, here, case_id, _typed(None if row is None else resolving.resolution_of(row)))


@router.post("/cases/{case_id}/resolution")
def act(
    request: Request,
    acting: Acting,
    case_id: int,
    revision: Seen,
    step: Annotated[Literal["preview", "record", "send"], Form()],
    outcome: Text = "",
    amount: Text = "",
    currency: Text = "EUR",
    due: Text = "",
    words: Annotated[str, Form(max_length=4000)] = "",
    settle: Text = "",
    last_event: Seen = 0,
) -> Response:
    web, here = web_of(request), _at(request, acting, case_id)
    agent(here, here.brand_id)
    typed = Typed(outcome, amount, currency, due, words, bool(settle))
    try:
        wanted = typed.resolution()
    except BadInput as error:
        return _show(request, here, case_id, typed, 422, wrong=str(error))
    if step == "preview":
        return _show(request, here, case_id, typed, preview=wanted)
    app = App(web.settings)
    brand = app.brand(here.brand_id)
    try:
        with web.database.begin() as session:
            _keep(session, web, here, case_id, revision, brand, app.care_rules(brand), wanted, typed, step == "send")
    except Conflict:
        return conflict(request, here, case_id, last_event)
    except NotSent as error:
        return _show(request, here, case_id, typed, 409, preview=wanted, not_sent=error.why)
    return go_to(f"/cases/{case_id}")


def _keep(
    session: Session,
    web: Web,
    who: Viewer,
    case_id: int,
    revision: int,
    brand: Brand,
    rules: CareRules,
    wanted: Resolution,
    typed: Typed,
    to_send: bool,
) -> None:
    """Record, send and settle, all or nothing."""
    lock_brand(session, brand.id)
    case = session.get_one(CaseRow, case_id, with_for_update=True, populate_existing=True)
    if case.revision != revision:
        raise Conflict
    if case.state == CaseState.MERGED:
        raise PageError(409, "error.not_allowed")
    actor, now = who.user.email, web.now()
    row = resolving.record(session, case, wanted, actor, now)
    if to_send:
        resolving.send(session, brand, case.id, rules, actor, now)
    if typed.settle and may_step(CaseState(case.state), CaseState.RESOLVED):
        cases.step(session, case, CaseState.RESOLVED, now, actor, wanted.outcome)
    detail = {"resolution": row.id, "sent": to_send}
    audit.record(session, case.brand_id, actor, "case.resolution", f"case:{case.id}", now, detail)


def _show(
    request: Request,
    here: Viewer,
    case_id: int,
    typed: Typed,
    status: int = 200,
    *,
    preview: Resolution | None = None,
    wrong: str = "",
    not_sent: tuple[str, ...] = (),
) -> HTMLResponse:
    web = web_of(request)
    app = App(web.settings)
    brand = app.brand(here.brand_id)
    decision: ChannelDecision | None = None
    texts: list[Preview] = []
    with web.database.read() as session:
        case = session.get_one(CaseRow, case_id)
        if preview is not None:
            decision, texts = resolving.previews(session, brand, case, preview, app.care_rules(brand), web.now())
    return page(
        request,
        here,
        "resolution.html",
        status,
        case=case,
        typed=typed,
        outcomes=OUTCOMES,
        currencies=CURRENCIES,
        words_max=WORDS_MAX,
        wrong=wrong,
        decision=decision,
        texts=texts,
        not_sent=not_sent,
        goes=decision is not None and may_go(decision) and not (texts and texts[0].problems),
    )


def _typed(known: Resolution | None) -> Typed:
    if known is None:
        return Typed()
    amount = "" if known.amount_cents is None else f"{known.amount_cents / 100:.2f}"
    due = "" if known.due_on is None else known.due_on.isoformat()
    return Typed(known.outcome, amount, known.currency or "EUR", due, known.words)


def _amount(text: str) -> int:
    plain = text.replace("\u202f", "").replace("\u00a0", "").replace(" ", "")
    if not plain.isascii() or not plain.replace(",", "").replace(".", "").isdigit() or len(plain) > 12:
        raise BadInput("amount_wrong")
    return cents(plain)


def _currency(text: str) -> str:
    if text not in CURRENCIES:
        raise BadInput("amount_wrong")
    return text


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput("due_wrong") from error


def _at(request: Request, looking: Viewer, case_id: int) -> Viewer:
    if not 0 < case_id <= BIGGEST_ID:
        raise PageError(404)
    with web_of(request).database.read() as session:
        return looking.at(brand_of_case(session, case_id))
