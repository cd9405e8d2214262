"""A server that speaks Reddit's API and gives its tokens, over a real socket, with faults to switch on.

with RedditServer() as server:
    server.submit("a1", "Colis perdu", "…")
    RedditListener(App("id", "secret", "server:test:1 (by /u/test)"), base_url=server.base_url, reddit_url=server.base_url)
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from tests.fakes.server import FakeServer, Fault, Reply, Request

__all__ = ["Fault", "RedditServer"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
CLIENT = ("client-id", "a-secret")
LONGEST_LISTING = 1000


class RedditServer(FakeServer):
    """Things live in `things`, newest last. `tokens` are those in force; `client` the application that gets one.

    `limits` are the headers of its rate limit.
    """

    spared = ("/api/v1/access_token",)

    def __init__(self) -> None:
        super().__init__()
        self.things: list[dict[str, Any]] = []
        self.unlisted: set[str] = set()
        self.client = CLIENT
        self.refresh_tokens = {"a-refresh-token"}
        self.tokens: set[str] = set()
        self.ignores_paging = False
        self.limits: dict[str, str] = {}
        self.token_reply: Reply | None = None
        self._written = 0

    def submit(self, id_: str, title: str = "", selftext: str = "", **changes: Any) -> dict[str, Any]:
        """A new submission, a minute after the last thing."""
        data = self._data(f"t3_{id_}") | {
            "title": title or f"post {id_} about colis",
            "selftext": selftext,
            "selftext_html": "<p>HTML</p>",
            "is_self": True,
            "url": f"https://www.reddit.com/r/acme/comments/{id_}/colis/",
            "permalink": f"/r/acme/comments/{id_}/colis/",
            "num_comments": 2,
            "link_flair_text": "Question",
            "removed_by_category": None,
            "preview": {"images": [{"source": {"url": "https://preview.redd.it/x.png"}}]},
        }
        return self._keep("t3", data | changes)

    def comment(self, id_: str, body: str = "", **changes: Any) -> dict[str, Any]:
        """A new comment on the submission t3_top."""
        data = self._data(f"t1_{id_}") | {
            "body": body or f"comment {id_} about colis",
            "body_html": "<p>HTML</p>",
            "link_id": "t3_top",
            "link_title": "Où est mon colis ?",
            "parent_id": "t3_top",
            "permalink": f"/r/acme/comments/top/colis/{id_}/",
            "replies": "",
        }
        return self._keep("t1", data | changes)

    def edit(self, name: str, text: str) -> None:
        data = self._named(name)
        data["body" if name.startswith("t1_") else "selftext"] = text
        data["edited"] = datetime(2026, 11, 3, 10, tzinfo=UTC).timestamp()

    def delete(self, name: str, words: str = "[deleted]") -> None:
        """As Reddit does it: the thing keeps its name and its place in a thread, and leaves the listings."""
        data = self._named(name)
        data |= {"author": "[deleted]", "body" if name.startswith("t1_") else "selftext": words}
        data.pop("author_fullname", None)
        self.unlisted.add(name)

    def revoke(self) -> None:
        """All tokens that it gave."""
        self.tokens.clear()

    def _data(self, name: str) -> dict[str, Any]:
        self._written += 1
        return {
            "name": name,
            "id": name[3:],
            "author": "lea",
            "author_fullname": "t2_77",
            "subreddit": "acme",
            "created_utc": (START + timedelta(minutes=self._written)).timestamp(),
            "edited": False,
            "score": 3,
            "over_18": False,
            "a_field_of_tomorrow": [{"deep": {"er": None}}],
        }

    def _keep(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        thing = {"kind": kind, "data": data}
        self.things.append(thing)
        return thing

    def _named(self, name: str) -> dict[str, Any]:
        data: dict[str, Any] = next(thing["data"] for thing in self.things if thing["data"]["name"] == name)
        return data

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if request.path == "/api/v1/access_token":
            return self.token_reply or self._give_token(request)
        if (request.token or "").removeprefix("bearer ") not in self.tokens:
            return Reply({"message": "Unauthorized", "error": 401}, 401)
        reply = self._listing(request)
        reply.headers |= self.limits
        return reply

    def _give_token(self, request: Request) -> Reply:
        wanted = "Basic " + base64.b64encode(":".join(self.client).encode()).decode()
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        if request.method != "POST" or request.token != wanted:
            return Reply({"message": "Unauthorized", "error": 401}, 401)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] not in self.refresh_tokens:
            return Reply({"error": "invalid_grant"}, 400)
        token = f"token-{len(self.requests)}"
        self.tokens.add(token)
        return Reply({"access_token": token, "token_type": "bearer", "expires_in": 86400, "scope": "*"})

    def _listing(self, request: Request) -> Reply:
        path = request.path
        if path == "/api/info":
            names = request.query["id"].split(",")
            return self._page([thing for thing in self.things if thing["data"]["name"] in names], len(names))
        if path == "/search":
            word = request.query["q"].strip('()"').casefold()
            found = [thing for thing in self._newest("t3") if word in str(thing["data"]).casefold()]
        elif path in ("/r/acme/new", "/r/all/new"):
            found = self._newest("t3")
        elif path == "/r/acme/comments":
            found = self._newest("t1")
        else:
            return Reply(b"", 302, {"Location": "https://www.reddit.com/subreddits/search?q=x"})
        after = "" if self.ignores_paging else request.query.get("after", "")
        names = [thing["data"]["name"] for thing in found]
        if after:
            found = found[names.index(after) + 1 :] if after in names else []
        return self._page(found, int(request.query.get("limit", 25)))

    def _newest(self, kind: str) -> list[dict[str, Any]]:
        shown = [t for t in self.things if t["kind"] == kind and t["data"]["name"] not in self.unlisted]
        return list(reversed(shown))[:LONGEST_LISTING]

    def _page(self, found: list[dict[str, Any]], limit: int) -> Reply:
        page = found[: min(limit, 100)]
        after = page[-1]["data"]["name"] if len(found) > len(page) else None
        data = {"after": after, "before": None, "dist": len(page), "modhash": None, "children": page}
        return Reply({"kind": "Listing", "data": data})
