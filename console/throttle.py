"""Failed sign-ins are counted, so that nobody can try passwords by the thousand.

Counts live in this process: several console processes each keep their own.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

WINDOW = timedelta(minutes=15)
PER_USER_AND_ADDRESS, PER_USER, PER_ADDRESS = 5, 30, 60
KEPT = 10_000


class Throttle:
    """Failures of the last 15 minutes per user and address, per user, and per address."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[str, ...], list[datetime]] = OrderedDict()
        self._lock = Lock()

    def wait(self, user: str, address: str, now: datetime) -> timedelta | None:
        """How long this one must wait before the next try, None if not at all."""
        with self._lock:
            waits = [self._wait(key, limit, now) for key, limit in _keys(user, address)]
        return max((wait for wait in waits if wait is not None), default=None)

    def failed(self, user: str, address: str, now: datetime) -> None:
        """Count one failure."""
        with self._lock:
            for key, _ in _keys(user, address):
                self._failures.setdefault(key, []).append(now)
                self._failures[key] = self._recent(key, now)
                self._failures.move_to_end(key)
            while len(self._failures) > KEPT:
                self._failures.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures of this user at this address."""
        with self._lock:
            self._failures.pop(("both", user, address), None)

    def _wait(self, key: tuple[str, ...], limit: int, now: datetime) -> timedelta | None:
        recent = self._recent(key, now)
        return None if len(recent) < limit else recent[-limit] + WINDOW - now

    def _recent(self, key: tuple[str, ...], now: datetime) -> list[datetime]:
        return [at for at in self._failures.get(key, ()) if now - at < WINDOW][-PER_ADDRESS:]


def _keys(user: str, address: str) -> tuple[tuple[tuple[str, ...], int], ...]:
    return (
        (("both", user, address), PER_USER_AND_ADDRESS),
        (("user", user), PER_USER),
        (("address", address), PER_ADDRESS),
    )
