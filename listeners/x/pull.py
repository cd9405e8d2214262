"""Reading X page by page, newest first, for no more money than there is.

The cursor is that of `listeners/walk.py` and three more: `began`, when the run that is not at its end began; `whole`,
when the last whole one did; `user`, the id of the account whose mentions are read. Every post is paid for, so that a
run asks for nothing older than the newest post of the last one. Where an exhausted answer was asked so, it has arrived.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from domain.errors import BadInput, Permanent, Transient
from domain.post import Batch, Cursor, Event, Gap
from listeners.base import Budget, Meter
from listeners.walk import Mark, NewestFirst, Page, Place
from listeners.x.api import Refused, XApi
from listeners.x.names import asked_for
from listeners.x.posts import ID, NETWORK, Told, told_by
from listeners.x.prices import Prices

if TYPE_CHECKING:
    from tweepy import Client

WINDOW = timedelta(days=7)  # what recent search shows
WINDOW_MARGIN = timedelta(minutes=30)
OVERLAP = timedelta(minutes=5)  # search shows a post some 30 s after it was written
EPSILON = 1e-9

_BOUNDS = frozenset({"since_id", "start_time", "next_token", "pagination_token"})


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked page by page: a search, or where `account` is set the posts that mention that id."""

    query: str
    account: str | None = None

    @property
    def fewest(self) -> int:
        """The smallest page that X gives."""
        return 10 if self.account is None else 5

    def price(self, prices: Prices) -> float:
        return prices.post if self.account is None else prices.mention

    def ask(self, client: "Client", params: Mapping[str, Any]) -> None:
        if self.account is None:
            client.search_recent_tweets(self.query, **params)
        else:
            token = {"pagination_token" if name == "next_token" else name: value for name, value in params.items()}
            client.get_users_mentions(self.account, **token)


class Purse(Meter):
    """A meter that also ends where the smallest page could cost more than is left."""

    def __init__(self, budget: Budget, fewest: int, page_size: int, worst: Callable[[], float]) -> None:
        super().__init__(budget)
        self._fewest, self._most, self._worst = fewest, max(page_size, fewest), worst

    @property
    def page_size(self) -> int:
        """How many posts the next page may hold, whoever wrote them."""
        worst = self._worst()
        affordable = inf if worst <= 0 or self.cost_left == inf else self.cost_left / worst + EPSILON
        return int(min(self._most, self.posts_left, affordable))

    @property
    def spent(self) -> bool:
        return super().spent or self.page_size < self._fewest


class Pull:
    """One pull of one question. `own` are the brand's handles in lower case."""

    def __init__(
        self,
        api: XApi,
        question: Question,
        prices: Prices,
        budget: Budget,
        page_size: int,
        first_run: timedelta,
        own: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        self._api, self._question, self._prices, self._own, self._now = api, question, prices, own, now
        self._first_run = min(first_run, WINDOW)
        self.purse = Purse(budget, question.fewest, page_size, self._worst)
        self._newest: Mark | None = None
        self._began: datetime | None = None
        self._whole: datetime | None = None

    def run(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Raises `Transient`, `Permanent`; what was yielded before may be stored all the same."""
        self._newest = Place.read(cursor).since
        self._began, self._whole = (_moment((cursor or {}).get(name)) for name in ("began", "whole"))
        user = {"user": self._question.account} if self._question.account else {}
        walk = NewestFirst(NETWORK, self._page, self.purse, self._now, 2 * WINDOW)  # each question has its bounds
        for batch in walk.run(cursor):
            after = batch.cursor_after or {}
            self._newest = Mark.read(after.get("since"))
            if after.get("walk") is None:
                self._whole, self._began = self._began, None
            times = {"began": _iso(self._began), "whole": _iso(self._whole)}
            yield replace(batch, cursor_after={**after, **times, **user})

    # --- one page ----------------------------------------------------------------------------------

    def _page(self, below: str | None, since: datetime) -> Page:
        if below is None:
            self._began = self._now()
        try:
            return self._read(*((dict(parse_qsl(below)), []) if below else self._bounds()), since)
        except Refused as error:
            if error.parameters.isdisjoint(_BOUNDS):
                raise
        if below is not None:
            return Page((), cost=0.0)  # that page is not shown any more: the walk ends, and tells of a gap
        return self._read(*self._bounds(since_id=False), since)

    def _bounds(self, since_id: bool = True) -> tuple[dict[str, str], list[Event]]:
        """The oldest that a new run asks for; what is older than X shows is told as a gap."""
        newest, mentions = self._newest, self._question.account is not None
        oldest = self._now() - WINDOW + WINDOW_MARGIN
        ids = [id_ for id_ in newest.ids if ID.fullmatch(id_)] if newest is not None else []
        if since_id and newest is not None and ids and (mentions or newest.at > oldest):
            return {"since_id": max(ids, key=int)}, []
        known = [moment for moment in (newest.at if newest else None, self._whole) if moment is not None]
        start = max(known) - OVERLAP if known else self._now() - self._first_run
        if mentions or start > oldest:
            return {"start_time": _iso(start)}, []
        return {}, [Gap(NETWORK, start, oldest, "X shows no posts older than 7 days")] if known else []

    def _read(self, bounds: dict[str, str], gaps: list[Event], since: datetime) -> Page:
        answer, told = self._told(bounds)
        cost = self._pay(told)
        if not told.understood and self._api.use_other_names() and self.purse.page_size >= self._question.fewest:
            answer, told = self._told(bounds)
            cost += self._pay(told)
        token = answer["meta"].get("next_token")
        below = urlencode({**bounds, "next_token": token}) if isinstance(token, str) and token else None
        # A run that asked for nothing older has arrived when there is no more, also where its last page is empty.
        is_bounded = below is None and not bounds.keys().isdisjoint({"since_id", "start_time"})
        times = [since - timedelta(seconds=1)] if is_bounded and not told.ids else told.times
        return Page([*told.events, *gaps], told.rejected, told.ids, times, below, cost)

    def _told(self, bounds: Mapping[str, str]) -> tuple[Mapping[str, Any], Told]:
        params = {**asked_for(self._prices.authors), **bounds, "max_results": self.purse.page_size}
        what = f"the query {self._question.query!r}"
        answer = self._api.read(lambda client: self._question.ask(client, params), what, self.purse)
        meta, data = answer.get("meta"), answer.get("data")
        if not isinstance(meta, Mapping) or not isinstance(data, list | None) or (data is None and _count(meta)):
            raise Transient(f"{self._api.host} answered something that is no list of posts")
        return answer, told_by(answer, self._own)

    def _worst(self) -> float:
        return self._prices.worst(self._question.price(self._prices), self._api.generation)

    def _pay(self, told: Told) -> float:
        cost = self._prices.of(told, self._question.price(self._prices))
        self.purse.cost += cost
        return cost


def find_account(api: XApi, handle: str, meter: Meter) -> str:
    """The id of an account. Raises `Permanent` when X has no such account."""
    answer = api.read(lambda client: client.get_user(username=handle), f"the account @{handle}", meter)
    data = answer.get("data")
    if isinstance(data, Mapping) and isinstance(data.get("id"), str) and ID.fullmatch(data["id"]):
        return str(data["id"])
    if isinstance(answer.get("errors"), list):
        raise Permanent(f"{api.host} has no account @{handle}: mend the brand's accounts")
    raise Transient(f"{api.host} answered something that is no account")


def _count(meta: Mapping[str, Any]) -> bool:
    return meta.get("result_count") != 0


def _iso(moment: datetime | None) -> Any:
    """To the second, as X wants it."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(value: Any) -> datetime | None:
    try:
        return None if value is None else datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"the stored cursor of a listener is broken ({error!r}); remove it") from error
