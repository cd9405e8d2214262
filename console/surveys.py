"""The page behind a survey's link: one question, one click, a few words if one likes.

    GET  /s/TOKEN           the question
    GET  /s/TOKEN/SCORE     the same with a score chosen; the page's own script sends it, else the button does
    POST /s/TOKEN           the answer, which may be changed for some days

Opening a link counts nothing: mail programs and their scanners open every link. The token is the whole right: it names
one survey, tells nothing of anybody, and whoever holds it was sent it.
"""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy.orm import Session

from config.wiring import App
from console.web import Web, web_of
from console.words import LANGUAGES, Words
from domain.after import SURVEY_SCALES
from domain.claim import language_of
from domain.errors import BadInput, Misconfigured
from routing.care import SurveyRules
from routing.survey import take_answer
from storage import surveys
from storage.brands import lock_brand
from storage.tables import SurveyRow
from storage.throttles import hit

router = APIRouter()
HOUR, PER_SURVEY = timedelta(hours=1), 30


@router.get("/s/{token}")
def show(request: Request, token: str) -> HTMLResponse:
    return _page(request, token)


@router.get("/s/{token}/{score}")
def chosen(request: Request, token: str, score: str) -> HTMLResponse:
    return _page(request, token, score)


@router.post("/s/{token}")
def answer(
    request: Request, token: str, score: Annotated[str, Form()] = "", comment: Annotated[str, Form()] = ""
) -> Response:
    web = web_of(request)
    with web.database.read() as session:
        survey, rules = _open(session, web, token)
        brand_id = None if survey is None else survey.brand_id
    if survey is None or rules is None or brand_id is None:
        return _closed(request)
    number = _score(score, survey.kind)
    if number is None:
        return _page(request, token, status=422)
    with web.database.begin() as session:
        within = hit(session, f"survey {survey.id}", PER_SURVEY, HOUR, web.now())
    if not within:
        return _render(request, "survey_closed.html", 429, key="too_many")
    words = comment.replace("\r\n", "\n").replace("\x00", "")
    with web.database.begin() as session:
        lock_brand(session, brand_id)
        found = surveys.find(session, token, lock=True)
        if found is None or not surveys.may_answer(session, found, rules.open_for, rules.change_for, web.now()):
            return _closed(request)
        try:
            take_answer(session, found, number, words, rules, web.now())
        except BadInput:
            return _page(request, token, status=422)
    return RedirectResponse(f"/s/{token}", 303)


def _page(request: Request, token: str, score: str = "", status: int = 200) -> HTMLResponse:
    web = web_of(request)
    with web.database.read() as session:
        survey, rules = _open(session, web, token)
        if survey is None or rules is None:
            return _closed(request)
        number = _score(score, survey.kind)
        low, high = SURVEY_SCALES[survey.kind]
        values: dict[str, Any] = {
            "here": f"/s/{token}",
            "kind": survey.kind,
            "scores": range(low, high + 1),
            "given": survey.score,
            "chosen": number if number is not None else survey.score,
            # Only who comes by a score's own link and has not answered it yet is spared the button.
            "sends": number is not None and number != survey.score,
            "comment": survey.comment or "",
            "until": None if survey.answered_at is None else survey.answered_at + rules.change_for,
            "brand": App(web.settings).brand(survey.brand_id).name or "",
            "comment_max": surveys.COMMENT_MAX,
        }
    return _render(request, "survey.html", status, **values)


def _open(session: Session, web: Web, token: str) -> tuple[SurveyRow | None, SurveyRules | None]:
    """The survey of a token and its rules; nothing where it is forged, over, or of a brand that is no more."""
    survey = surveys.find(session, token)
    if survey is None:
        return None, None
    app = App(web.settings)
    try:
        rules = app.care_rules(app.brand(survey.brand_id)).survey
    except Misconfigured:
        return None, None
    still = surveys.may_answer(session, survey, rules.open_for, rules.change_for, web.now())
    return (survey, rules) if still else (None, None)


def _score(text: str, kind: str) -> int | None:
    low, high = SURVEY_SCALES[kind]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else -1
    return number if low <= number <= high else None


def _closed(request: Request) -> HTMLResponse:
    """The same words for a forged link and one that is over."""
    return _render(request, "survey_closed.html", 404, key="closed")


def _render(request: Request, template: str, status: int, **values: Any) -> HTMLResponse:
    web = web_of(request)
    language = language_of(request.headers.get("accept-language", ""), LANGUAGES, web.settings.console.language)
    words = Words(language, web.settings.brand.timezone)
    return HTMLResponse(web.templates.get_template(template).render({"t": words, "brand": "", **values}), status)
