"""Answers of the claim pages leave at whole multiples of a span, whatever was done for them."""

import asyncio
import time

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.pace import Paced

SPAN = 0.2


def app_that_takes(seconds: float) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await PlainTextResponse("done")(scope, receive, send)

    return app


def seconds_of(app: ASGIApp, path: str) -> float:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    begun = time.perf_counter()
    asyncio.run(app({"type": "http", "path": path, "method": "GET", "headers": []}, receive, send))
    return time.perf_counter() - begun


@pytest.mark.parametrize("work", [0.0, 0.05, 0.15])
def test_what_is_done_does_not_show_in_the_time(work: float) -> None:
    took = seconds_of(Paced(app_that_takes(work), "/c/", SPAN), "/c/token")
    assert SPAN <= took < 2 * SPAN


def test_what_takes_longer_takes_the_next_multiple() -> None:
    assert 2 * SPAN <= seconds_of(Paced(app_that_takes(SPAN * 1.3), "/c/", SPAN), "/c/token/code") < 3 * SPAN


@pytest.mark.parametrize(("path", "seconds"), [("/cases/1", SPAN), ("/c/token", 0.0)])
def test_other_pages_and_a_pace_of_nothing_are_not_held_back(path: str, seconds: float) -> None:
    assert seconds_of(Paced(app_that_takes(0), "/c/", seconds), path) < SPAN
