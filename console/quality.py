"""The customer file: how good it is, where it comes from, and which records a person says are one."""

import re
from functools import partial
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from console.case import BIGGEST_ID
from console.web import Acting, Looking, PageError, agent, go_to, note_view, page, web_of
from console.words import Words
from domain.errors import BadInput
from insights.quality import last_report
from routing.reach import Reach
from storage.duplicates import decide_duplicate, waiting_duplicates
from storage.sources import gone_count, source_states

router = APIRouter()
PAIRS = 20
NUMBER = re.compile(r"[\d.]+")


@router.get("/quality")
def quality_page(request: Request, looking: Looking) -> HTMLResponse:
    """Counts for everybody; the records of a pair for who may act on them."""
    web, brand_id = web_of(request), looking.brand_id
    with web.database.read() as session:
        pairs = waiting_duplicates(session, brand_id, PAIRS) if looking.may_act else []
        states = source_states(session, brand_id)
        gone = {state.id: gone_count(session, state.id) for state in states}
        kept = last_report(session, brand_id)
    if pairs:
        note_view(web, looking, "quality", {"pairs": [pair.id for pair, _, _ in pairs]})
    report = None if kept is None else kept.report
    at = None if kept is None else kept.at
    about = {} if report is None else _about(report["reach"])
    told: dict[str, Any] = {"report": report, "at": at, "about": about, "pairs": pairs, "states": states, "gone": gone}
    told["reason"] = partial(_reason, web.words(brand_id))
    return page(request, looking, "quality.html", **told)


def _about(reach: dict[str, Any]) -> dict[str, int]:
    """What each defect costs, in customers of the whole file."""
    told = Reach(**reach)
    return {defect: told.about(count) for defect, count in told.costs.items()}


def _reason(words: Words, told: str) -> str:
    """Why two records may be one person; the numbers in a reason are parted from its words."""
    return words.label("pair_reason", NUMBER.sub("N", told)).replace("N", "".join(NUMBER.findall(told)))


@router.post("/duplicates/{number}/{word}")
def decide(request: Request, acting: Acting, number: int, word: Literal["same", "different"]) -> Response:
    """Somebody's word on a pair; one person means merged, which `vigie customer split` undoes."""
    if not 0 < number <= BIGGEST_ID:
        raise PageError(404)
    web, who = web_of(request), agent(acting, acting.brand_id)
    try:
        with web.database.begin() as session:
            decide_duplicate(session, who.brand_id, number, word == "same", who.user.email, web.now())
    except BadInput:
        raise PageError(409, "quality.decided") from None
    return go_to("/quality", **({"brand": who.brand_id} if len(who.user.rights) > 1 else {}))
