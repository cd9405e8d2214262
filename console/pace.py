"""Answers that take the same time whatever was done for them: each leaves at a whole multiple of a span.

A visitor who asks for a code and sends the next form at once could else measure whether his code is just being sent.
"""

import asyncio
import math
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Paced:
    """Holds back the answers of every page below `prefix` until the next multiple of `seconds` after the request."""

    def __init__(self, app: ASGIApp, prefix: str, seconds: float) -> None:
        self._app, self._prefix, self._seconds = app, prefix, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix) or not self._seconds:
            await self._app(scope, receive, send)
            return
        begun = time.monotonic()

        async def paced(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._wait(time.monotonic() - begun))
            await send(message)

        await self._app(scope, receive, paced)

    def _wait(self, passed: float) -> float:
        return math.ceil(passed / self._seconds) * self._seconds - passed
