"""Trends: how much, why, where, and whether it gets better."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import Markup

from console.web import Looking, PageError, Viewer, Web, page, web_of
from console.words import Words
from insights import charts
from insights.exports import Cell, csv_text
from insights.figures import Funnel, funnel
from insights.trends import PERIODS, Compared, Trends, period_ending, trends

router = APIRouter()
Days = Annotated[str, Query(alias="days", max_length=4)]
TABLES = ("volume", "intents", "networks", "answers")
FUNNEL_STEPS = ("heard", "about_brand", "unhappy", "linked", "contactable", "contacted", "answered", "solved")


@router.get("/trends")
def trends_page(request: Request, looking: Looking, days: Days = "14") -> HTMLResponse:
    web, words = web_of(request), web_of(request).words(looking.brand_id)
    found, whole = _figures(web, looking, words, _days(days))
    return page(
        request,
        looking,
        "trends.html",
        trends=found,
        funnel=[(step, getattr(whole, step)) for step in FUNNEL_STEPS],
        periods=PERIODS,
        chosen=_days(days),
        day_before=timedelta(days=1),
        charts=_charts(found, words),
    )


@router.get("/trends/{table}.csv")
def trends_csv(request: Request, looking: Looking, table: str, days: Days = "14") -> Response:
    if table not in TABLES:
        raise PageError(404)
    words = web_of(request).words(looking.brand_id)
    found, _ = _figures(web_of(request), looking, words, _days(days))
    header, rows = _table(table, found, words)
    name = f"vigie-{looking.brand_id}-{table}-{found.period.first}-{found.period.last}.csv"
    return Response(
        csv_text(header, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/api/v1/funnel")
def funnel_json(request: Request, looking: Looking) -> JSONResponse:
    """The figures of `vigie status` for the brand of `?brand=`."""
    web = web_of(request)
    with web.database.read() as session:
        figures = funnel(session, looking.brand_id, web.settings.reading.about_brand_threshold)
    return JSONResponse({"brand": looking.brand_id, **figures.as_dict()})


def _figures(web: Web, looking: Viewer, words: Words, days: int) -> tuple[Trends, Funnel]:
    period, threshold = period_ending(web.now(), days, words.timezone), web.settings.reading.about_brand_threshold
    with web.database.read() as session:
        return (
            trends(session, looking.brand_id, period, threshold),
            funnel(session, looking.brand_id, threshold),
        )


def _days(text: str) -> int:
    if text not in map(str, PERIODS):
        raise PageError(404)
    return int(text)


def _charts(found: Trends, words: Words) -> dict[str, list[Markup]]:
    """Each chart twice: for a desk and for a phone; the style sheet shows the one that fits."""
    days = [words.day(day.day) for day in found.days]
    labels = {kind: words(f"trends.{kind}_bar") for kind in ("unhappy", "other", "previous", "burst")}
    buckets = {name: words.label("bucket", name) for name in found.answers.buckets}
    intents = {line.name: words.label("intent", line.name) for line in found.intents}
    networks = {line.name: words.label("network", line.name) for line in found.networks}
    return {
        "volume": _both(lambda width: charts.volume(found, days, labels, width)),
        "share": _both(lambda width: charts.share(found, days, width)),
        "intents": _both(lambda width: charts.bars(found.intents, intents, width), charts.HALF),
        "networks": _both(lambda width: charts.bars(found.networks, networks, width), charts.HALF),
        "answers": _both(lambda width: charts.answer_times(found.answers, buckets, width), charts.HALF),
    }


def _both(spec: Callable[[int], charts.Spec], wide: int = charts.WIDE) -> list[Markup]:
    return [Markup(charts.svg(spec(width))) for width in (wide, charts.NARROW)]  # noqa: S704 - drawn by us


def _table(table: str, found: Trends, words: Words) -> tuple[list[str], list[list[Cell]]]:
    bounds = [found.period.first.isoformat(), found.period.last.isoformat(), found.period.timezone]
    if table == "volume":
        header = ["day", "timezone", "heard", "about_brand", "unhappy", "share", "low", "high", "burst", "previous"]
        return header, list(_volume_rows(found))
    if table == "answers":
        header = ["within", "cases", "first_day", "last_day", "timezone"]
        return header, [[name, count, *bounds] for name, count in found.answers.buckets.items()]
    lines: Iterable[Compared] = found.intents if table == "intents" else found.networks
    group = table.removesuffix("s")
    header = [group, "label", "unhappy", "previous", "first_day", "last_day", "timezone"]
    return header, [[n.name, words.label(group, n.name), n.count, n.previous, *bounds] for n in lines]


def _volume_rows(found: Trends) -> Iterable[list[Cell]]:
    for day, before in zip(found.days, found.previous, strict=True):
        low, high = day.interval or (None, None)
        shares = [None if value is None else round(value, 4) for value in (day.share, low, high)]
        row: list[Cell] = [day.day.isoformat(), found.period.timezone, day.heard, day.about, day.unhappy]
        yield [*row, *shares, int(day.burst), before.about]
