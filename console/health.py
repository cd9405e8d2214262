"""For machines: is the process there, can it work, and how much lies where. No personal data."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from config.settings import Settings
from console.web import Web, web_of
from domain.errors import VigieError
from insights.figures import Funnel, funnel, posts_by_stage
from storage.database import head_revision

router = APIRouter()
SHIPPED_WEIGHTS = Path(__file__).parent.parent / "models" / "weights"


@router.get("/healthz")
def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """200 if the database is there with the present schema and the model's folder exists, 503 if not."""
    web = web_of(request)
    checks = {"database": _database(web), "models": "ok" if weights(web.settings).is_dir() else "missing"}
    ready = all(result == "ok" for result in checks.values())
    return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)


@router.get("/metrics")
def metrics(request: Request) -> PlainTextResponse:
    """Prometheus text format 0.0.4."""
    web = web_of(request)
    lines: list[str] = []
    for brand in web.settings.all_brands():
        with web.database.read() as session:
            lines += _lines(brand.id, posts_by_stage(session, brand.id), funnel(session, brand.id, _threshold(web)))
    return PlainTextResponse(_HELP + "\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


def weights(settings: Settings) -> Path:
    """The folder of the reading model in force."""
    return settings.path(settings.reading.model) if settings.reading.model else SHIPPED_WEIGHTS


def _threshold(web: Web) -> float:
    return web.settings.reading.about_brand_threshold


def _database(web: Web) -> str:
    try:
        with web.database.read():
            found = web.database.revision()
    except VigieError:
        return "unreachable"
    return "ok" if found == head_revision() else "schema is not current"


_HELP = """\
# HELP vigie_posts Posts by stage.
# TYPE vigie_posts gauge
# HELP vigie_cases Cases by state.
# TYPE vigie_cases gauge
# HELP vigie_messages Messages by channel and state.
# TYPE vigie_messages gauge
# HELP vigie_reviews_waiting Matches that wait for a person.
# TYPE vigie_reviews_waiting gauge
# HELP vigie_waiting What lies before a stage.
# TYPE vigie_waiting gauge
# HELP vigie_waiting_since_seconds Unix time since which the first one waits.
# TYPE vigie_waiting_since_seconds gauge
# HELP vigie_failed Posts that a stage could not work.
# TYPE vigie_failed gauge
"""


def _lines(brand: str, posts: dict[str, int], figures: Funnel) -> list[str]:
    found = [_line("posts", count, brand=brand, stage=stage) for stage, count in sorted(posts.items())]
    found += [_line("cases", count, brand=brand, state=state) for state, count in figures.cases.items()]
    for channel, states in figures.messages.items():
        found += [_line("messages", count, brand=brand, channel=channel, state=s) for s, count in states.items()]
    found.append(_line("reviews_waiting", figures.reviews_waiting, brand=brand))
    found.append(_line("failed", figures.failed, brand=brand))
    for stage, waiting in figures.waiting.items():
        found.append(_line("waiting", waiting.count, brand=brand, stage=stage))
        if waiting.oldest is not None:
            found.append(_line("waiting_since_seconds", waiting.oldest.timestamp(), brand=brand, stage=stage))
    return found


def _line(name: str, value: float, **labels: str) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"vigie_{name}{{{pairs}}} {value:g}" if value < 1e6 else f"vigie_{name}{{{pairs}}} {value:.0f}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
