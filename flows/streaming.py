"""Streams: heard until the process ends, taken up again after every break."""

import time
from collections.abc import Callable

from config.wiring import App
from domain.brand import Brand
from domain.errors import Transient, VigieError
from flows.hearing import Busy, listen, pause
from listeners.base import Source
from storage.posts import Stored

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0


class Ear:
    """One stream. `listen` never returns; what it stored is told by `said`."""

    def __init__(
        self,
        app: App,
        brand: Brand,
        source: Source,
        tell: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source = source
        self._app, self._brand, self._tell, self._sleep = app, brand, tell, sleep
        self._total = Stored()

    def said(self) -> str:
        """What was stored since the start, in a few words."""
        total = self._total
        return f"{total.new} new, {total.edited} edited, {total.deleted} deleted, {total.rejected} refused"

    def listen(self) -> None:
        """Hear without end; every break is told, and waited out ever longer while nothing comes between."""
        wait = FIRST_WAIT_SECONDS
        while True:
            wait = self._once(wait)

    def _once(self, wait: float) -> float:
        """From one break to the next; returns how long to wait after a further one."""
        before = self._total
        try:
            for stored in listen(self._app, self._brand, self.source):
                self._total += stored
            raise Transient("the stream ended")
        except Busy as busy:
            seconds = wait if busy.retry_at is None else (busy.retry_at - self._app.now()).total_seconds()
            self._tell(f"{self.source.name}: {busy}")
        except VigieError as error:
            wait = FIRST_WAIT_SECONDS if self._total != before else wait
            if isinstance(error, Transient) and error.retry_after is None:
                error = Transient(str(error), wait)
            retry_at = pause(self._app, self._brand, self.source, error).retry_at
            seconds = wait if retry_at is None else (retry_at - self._app.now()).total_seconds()
            self._tell(f"{self.source.name}: {error}; again in {seconds:.0f} s")
        self._sleep(max(seconds, 0.0))
        return min(wait * 2, LONGEST_WAIT_SECONDS)
