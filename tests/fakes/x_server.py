"""A server that speaks X's API v2 over a real socket, in the names of before 2026-08 and those of since.

with XServer() as server:
    server.post("one", "le colis est perdu")
    server.say({"data": …})   # to whoever hears the stream
"""

import json
import queue
import re
import select
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs

from oauthlib.oauth1 import Client

from tests.fakes.server import FakeServer, Fault, Reply, Request, _Handler

__all__ = ["NOW", "Fault", "XServer", "snowflake"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
NOW = datetime(2026, 11, 4, tzinfo=UTC)
WINDOW = timedelta(days=7)
PROBLEMS = "https://api.x.com/2/problems"
NAMES = {"tweet": ("referenced_tweets", "note_tweet", "edit_history_tweet_ids", "retweet_count", "tweets")}
NAMES["post"] = ("referenced_posts", "note_post", "edit_history_post_ids", "repost_count", "posts")
SEARCH_PARAMETERS = {"query", "max_results", "next_token", "since_id", "start_time", "expansions", "user.fields"}
MENTION_PARAMETERS = {"max_results", "pagination_token", "since_id", "start_time", "expansions", "user.fields"}


def snowflake(moment: datetime, number: int = 0) -> str:
    """An id of X's that was given out then."""
    return str(((int(moment.timestamp() * 1000) - 1_288_834_974_657) << 22) + number)


def told_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class XServer(FakeServer):
    """Posts live in `posts`, oldest first; each version of an edited one is a post. `ids` are by the test's names.

    `speaks` are the generations of names that it knows; it drops the others without a word, or with `refuses_names`
    says what is wrong. `charged` counts the posts and users that were given out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []
        self.ids: dict[str, str] = {}
        self.users = {"77": self.user("77", "alice"), "900": self.user("900", "hirondelle")}
        self.gone: set[str] = set()
        self.hidden: set[str] = set()
        self.speaks = {"tweet", "post"}
        self.refuses_names = False
        self.ignores_paging = False
        self.tokens: dict[str, tuple[tuple[str | None, ...], int]] = {}
        self.charged = {"posts": 0, "users": 0}
        self.errors: list[dict[str, Any]] = []
        self.rules: list[dict[str, str]] = []
        self.says: queue.Queue[bytes | None] = queue.Queue()
        self.connected = 0
        self.now = NOW
        self.keys = ("app-key", "app-secret", "900-token", "token-secret")
        self.refuses_copies = False
        self.messages: list[tuple[str, str]] = []
        self._posted = 0

    def __enter__(self) -> Self:
        super().__enter__()
        self._server.RequestHandlerClass = type("Handler", (_StreamingHandler,), {"fake": self})
        return self

    # --- what is there ---------------------------------------------------------------------------

    @staticmethod
    def user(id_: str, handle: str, **changes: Any) -> dict[str, Any]:
        return {
            "id": id_,
            "username": handle,
            "name": handle.title(),
            "description": "Rennes &amp; pain",
            "location": "Rennes",
            "url": "https://t.co/home",
            "entities": {"url": {"urls": [{"url": "https://t.co/home", "expanded_url": f"https://{handle}.example"}]}},
            "public_metrics": {"followers_count": 12, "following_count": 3},
            "created_at": "2019-03-01T00:00:00.000Z",
            "verified_type": "none",
            "a_field_of_tomorrow": {"deep": [None]},
            **changes,
        }

    def post(self, name: str, text: str = "", at: datetime | None = None, **changes: Any) -> dict[str, Any]:
        """A new post, a minute after the last one. Named in the words of before 2026-08."""
        self._posted += 1
        at = at or START + timedelta(minutes=self._posted)
        id_ = snowflake(at, self._posted)
        post: dict[str, Any] = {
            "id": id_,
            "text": text or f"post {name} about #colis",
            "created_at": told_time(at),
            "author_id": "77",
            "conversation_id": id_,
            "edit_history_tweet_ids": [id_],
            "lang": "fr",
            "possibly_sensitive": False,
            "public_metrics": {"like_count": 3, "retweet_count": 2, "reply_count": 1, "quote_count": 0},
            **changes,
        }
        self.ids[name] = id_
        self.posts.append(post)
        return post

    def edit(self, name: str, text: str, at: datetime) -> dict[str, Any]:
        """A new version with an id of its own; every version tells the whole chain."""
        old = next(post for post in self.posts if self.ids[name] in post["edit_history_tweet_ids"])
        chain = [*old["edit_history_tweet_ids"], snowflake(at)]
        new = {**old, "id": chain[-1], "text": text, "created_at": told_time(at)}
        self.posts.append(new)
        for post in self.posts:
            if post["id"] in chain:
                post["edit_history_tweet_ids"] = chain
        return new

    def delete(self, name: str) -> None:
        """Any version, and the chain is gone."""
        self.gone |= set(self._chain(self.ids[name]))

    def hide(self, name: str) -> None:
        """Its author's posts are for followers only from now on."""
        self.hidden |= set(self._chain(self.ids[name]))

    def _chain(self, id_: str) -> list[str]:
        return next(p["edit_history_tweet_ids"] for p in self.posts if id_ in p["edit_history_tweet_ids"])

    # --- answers ---------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if (request.token or "").startswith("OAuth "):
            return self._as_account(request)
        if not (request.token or "").startswith("Bearer "):
            return Reply({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}, 401)
        path = request.path
        if path == "/2/tweets/search/recent":
            return self._listing(request, SEARCH_PARAMETERS, "next_token", 10, WINDOW)
        if path.startswith("/2/users/") and path.endswith("/mentions"):
            return self._listing(request, MENTION_PARAMETERS, "pagination_token", 5, None)
        if path.startswith("/2/users/by/username/"):
            return self._user(path.rpartition("/")[2])
        if path == "/2/tweets":
            return self._lookup(request)
        if path == "/2/tweets/search/stream/rules":
            return self._rules(request)
        return Reply({"title": "Not Found", "type": "about:blank"}, 404)

    def _as_account(self, request: Request) -> Reply:
        """What the brand's account does, once its signature (RFC 5849) was looked at."""
        if not self._is_signed(request):
            return Reply({"title": "Unauthorized", "type": "about:blank", "status": 401}, 401)
        if request.path == "/2/users/me":
            return Reply({"data": {"id": "900", "username": "hirondelle", "name": "Hirondelle"}})
        told = json.loads(request.body)
        if request.path == "/2/tweets":
            return self._write(told)
        if request.path.startswith("/2/dm_conversations/with/"):
            return self._message(request.path.split("/")[4], told)
        return Reply({"title": "Not Found", "type": "about:blank"}, 404)

    def _is_signed(self, request: Request) -> bool:
        said = dict(re.findall(r'(\w+)="([^"]*)"', request.token or ""))
        same = {"nonce": said.get("oauth_nonce"), "timestamp": said.get("oauth_timestamp")}
        _, headers, _ = Client(*self.keys, **same).sign(f"{self.base_url}{request.path}", request.method)
        return bool(headers["Authorization"] == request.token)

    def _write(self, told: dict[str, Any]) -> Reply:
        parent = told["reply"]["in_reply_to_tweet_id"]
        if parent in self.gone | self.hidden or parent not in {post["id"] for post in self.posts}:
            return self._forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
        if self.refuses_copies and told["text"] in {post["text"] for post in self.posts}:
            return self._forbidden("You are not allowed to create a Tweet with duplicate content.")
        if "@hirondelle" not in next(post["text"] for post in self.posts if post["id"] == parent):
            return self._forbidden("Reply to this conversation is not allowed because you have not been mentioned")
        new = self.post(f"reply{self._posted}", told["text"], author_id="900", conversation_id=parent)
        return Reply({"data": {"id": new["id"], "text": told["text"]}}, 201)

    def _message(self, whom: str, told: dict[str, Any]) -> Reply:
        if whom not in self.users:
            return self._forbidden("You cannot send messages to this user.")
        self.messages.append((whom, told["text"]))
        return Reply({"data": {"dm_conversation_id": f"900-{whom}", "dm_event_id": f"12{len(self.messages)}"}}, 201)

    @staticmethod
    def _forbidden(detail: str) -> Reply:
        return Reply({"title": "Forbidden", "type": "about:blank", "status": 403, "detail": detail}, 403)

    def _listing(
        self, request: Request, known: set[str], token_name: str, fewest: int, window: timedelta | None
    ) -> Reply:
        query = request.query
        problem = self._wrong(query, known, fewest, window)
        if problem is not None:
            return problem
        key = (request.path, query.get("query"), query.get("since_id"), query.get("start_time"))
        token = query.get(token_name)
        if token is not None and not self.ignores_paging and self.tokens.get(token, (None, 0))[0] != key:
            return self._invalid({token_name: [token]}, f"Invalid '{token_name}':'{token}'.")
        listed = self._newest_first(query, window)
        start = self.tokens[token][1] if token is not None and not self.ignores_paging else 0
        if start:
            listed = [post for post in listed if int(post["id"]) < start]
        page = listed[: int(query.get("max_results", 10))]
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0]["id"], "oldest_id": page[-1]["id"]}
        if len(listed) > len(page):
            meta["next_token"] = f"b26v89c19zqg8o3f{len(self.tokens)}"
            self.tokens[meta["next_token"]] = (key, int(page[-1]["id"]))
        return Reply({**self._page(page, query), "meta": meta})

    def _wrong(self, query: dict[str, str], known: set[str], fewest: int, window: timedelta | None) -> Reply | None:
        fields = {f"{generation}.fields" for generation in ("tweet", "post")}
        spoken = {f"{generation}.fields" for generation in self.speaks}
        for name in query:
            if name not in known and (name not in fields or (self.refuses_names and name not in spoken)):
                return self._invalid({name: [query[name]]}, f"The query parameter [{name}] is not one of [id]")
        if not fewest <= int(query.get("max_results", 10)) <= 100:
            return self._invalid({"max_results": [query["max_results"]]}, "The `max_results` is not valid")
        if "query" in known and (not query.get("query") or len(query["query"]) > 512):
            return self._invalid({"query": [query.get("query", "")]}, "Rules must be 1 to 512 characters")
        if window is None or self.ignores_paging:
            return None
        oldest = self.now - window
        if "since_id" in query and int(query["since_id"]) < int(snowflake(oldest)):
            message = f"'since_id' must be a tweet id created after {oldest:%Y-%m-%dT%H:%MZ}. Please use a larger one"
            return self._invalid({"since_id": [query["since_id"]]}, message)
        if "start_time" in query and datetime.fromisoformat(query["start_time"]) < oldest:
            return self._invalid({"start_time": [query["start_time"]]}, "'start_time' must be on or after")
        return None

    def unknown_names(self) -> Any:
        """What X says where it does not know the parameter for fields."""
        return self._invalid({"tweet.fields": []}, "The query parameter [tweet.fields] is not one of [id]").body

    @staticmethod
    def _invalid(parameters: dict[str, list[str]], message: str) -> Reply:
        body = {
            "errors": [{"parameters": parameters, "message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": f"{PROBLEMS}/invalid-request",
        }
        return Reply(body, 400)

    def _newest_first(self, query: dict[str, str], window: timedelta | None) -> list[dict[str, Any]]:
        shown = [
            post
            for post in self.posts
            if post["id"] == post["edit_history_tweet_ids"][-1] and post["id"] not in self.gone | self.hidden
        ]
        if not self.ignores_paging:
            since, start = int(query.get("since_id", 0)), query.get("start_time")
            first = max(since, int(snowflake(datetime.fromisoformat(start))) - 1 if start else 0)
            first = max(first, int(snowflake(self.now - window)) if window else 0)
            shown = [post for post in shown if int(post["id"]) > first]
        return sorted(shown, key=lambda post: int(post["id"]), reverse=True)

    def _page(self, posts: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
        """`data` and `includes`, with what was asked for and is known."""
        generation = "post" if "post.fields" in query else "tweet"
        fields = query.get(f"{generation}.fields", "").split(",") if generation in self.speaks else []
        expansions = query.get("expansions", "").split(",")
        body: dict[str, Any] = {"data": [self.told(post, generation, fields, expansions) for post in posts]}
        self.charged["posts"] += len(posts)
        includes: dict[str, Any] = {}
        if "author_id" in expansions:
            wanted = {str(post.get("author_id")) for post in posts}
            users = [user for id_, user in self.users.items() if id_ in wanted]
            wanted_fields = {"id", "username", "name", *query.get("user.fields", "").split(",")}
            includes["users"] = [{k: v for k, v in user.items() if k in wanted_fields} for user in users]
            self.charged["users"] += len(users)
        older = [old for post in posts for old in self._older(post)] if NAMES["post"][2] in expansions else []
        if older:
            includes[NAMES[generation][4]] = [self.told(post, generation, fields, []) for post in older]
            self.charged["posts"] += len(older)
        if includes:
            body["includes"] = includes
        if self.errors:
            body["errors"] = self.errors
        return {key: value for key, value in body.items() if value}

    def _older(self, post: dict[str, Any]) -> list[dict[str, Any]]:
        chain = post["edit_history_tweet_ids"]
        return [other for other in self.posts if other["id"] in chain and other["id"] != post["id"]]

    def told(self, post: dict[str, Any], generation: str, fields: list[str], expansions: list[str]) -> dict[str, Any]:
        """The post in the words of a generation: its default fields, and those that were asked for."""
        before, words = NAMES["tweet"], NAMES[generation]
        named = {words[before.index(key)] if key in before else key: value for key, value in post.items()}
        named["public_metrics"] = {
            words[3] if key == before[3] else key: value for key, value in post["public_metrics"].items()
        }
        expanded = {"author_id", words[0], words[2]} if generation == "post" else set()
        shown = {"id", "text", *(set(fields) - expanded), *(set(expansions) & expanded)}
        shown |= {words[2]} if generation == "tweet" else set()
        return {key: value for key, value in named.items() if key in shown}

    def _user(self, handle: str) -> Reply:
        for user in self.users.values():
            if user["username"].lower() == handle.lower():
                self.charged["users"] += 1
                return Reply({"data": {key: user[key] for key in ("id", "name", "username")}})
        error = {"value": handle, "parameter": "username", "resource_type": "user", "resource_id": handle}
        error |= {"title": "Not Found Error", "type": f"{PROBLEMS}/resource-not-found", "detail": "Could not find user"}
        return Reply({"errors": [error]})

    def _lookup(self, request: Request) -> Reply:
        ids = request.query["ids"].split(",")
        if not 1 <= len(ids) <= 100:
            return self._invalid({"ids": ids}, "The number of values must be between 1 and 100")
        shown = [p for p in self.posts if p["id"] in ids and p["id"] not in self.gone | self.hidden]
        body = self._page(shown, request.query)
        known = {post["id"] for post in shown}
        errors = [self._missing(id_) for id_ in ids if id_ not in known]
        return Reply({**body, **({"errors": errors} if errors else {})})

    def _missing(self, id_: str) -> dict[str, str]:
        kind = "not-authorized-for-resource" if id_ in self.hidden else "resource-not-found"
        return {
            "value": id_,
            "detail": f"Could not find tweet with ids: [{id_}].",
            "title": "Not Found Error",
            "resource_type": "tweet",
            "parameter": "ids",
            "resource_id": id_,
            "type": f"{PROBLEMS}/{kind}",
        }

    # --- the stream ------------------------------------------------------------------------------

    def _rules(self, request: Request) -> Reply:
        meta = {"sent": told_time(self.now), "result_count": len(self.rules)}
        if request.method == "GET":
            return Reply({**({"data": self.rules} if self.rules else {}), "meta": meta})
        asked = json.loads(request.body)
        gone = asked.get("delete", {}).get("ids", [])
        self.rules = [rule for rule in self.rules if rule["id"] not in gone]
        added, errors = [], []
        for rule in asked.get("add", []):
            same = [known for known in self.rules if known["value"] == rule["value"]]
            if same:
                errors.append({**same[0], "title": "DuplicateRule", "type": f"{PROBLEMS}/duplicate-rules"})
            elif "forbidden" in rule["value"] or len(rule["value"]) > 1024:
                error = {"value": rule["value"], "details": ["no viable alternative"], "title": "UnprocessableEntity"}
                errors.append({**error, "type": f"{PROBLEMS}/invalid-rules"})
            else:
                added.append({"id": snowflake(self.now, len(self.rules) + len(added) + 1), **rule})
        self.rules += added
        body = {"data": added, "errors": errors, "meta": meta}
        return Reply({key: value for key, value in body.items() if value}, 201)

    def say(self, *messages: dict[str, Any] | bytes) -> None:
        """Lines of the stream; an empty one is a sign of life."""
        for message in messages:
            line = message if isinstance(message, bytes) else json.dumps(message).encode()
            self.says.put(line + b"\r\n")

    def until_alone(self) -> None:
        """Wait until whoever heard the stream is gone."""
        for _ in range(400):
            if not self.connected:
                return
            self._stop.wait(0.005)

    def cut(self) -> None:
        """End the stream."""
        self.says.put(None)

    def message(self, post: dict[str, Any], *rules: str, generation: str = "tweet") -> dict[str, Any]:
        """A post as the stream tells it to who asked for everything."""
        fields, expansions = list(post), ["author_id", NAMES[generation][0], NAMES[generation][2]]
        words, before = NAMES[generation], NAMES["tweet"]
        fields = [words[before.index(name)] if name in before else name for name in fields]
        data = self.told(post, generation, fields, expansions)
        matching = [{"id": rule, "tag": "some tag"} for rule in rules or [rule["id"] for rule in self.rules]]
        return {"data": data, "includes": {"users": [self.users["77"]]}, "matching_rules": matching}


class _StreamingHandler(_Handler):
    """A chunked answer that goes on until it is cut."""

    fake: XServer

    def do_GET(self) -> None:  # noqa: N802  the name is http.server's
        path, _, query = self.path.partition("?")
        if path != "/2/tweets/search/stream" or self.fake.faults or self.fake.every:
            super().do_GET()
            return
        asked = {name: values[-1] for name, values in parse_qs(query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.fake.requests.append(Request("GET", path, asked, headers))
        if self.fake.refuses_names and any(f"{name}.fields" in asked for name in {"tweet", "post"} - self.fake.speaks):
            self._send(Fault(), 400, json.dumps(self.fake.unknown_names()).encode(), {})
            return
        if self.fake.connected:
            self._refuse()
            return
        self.fake.connected += 1
        try:
            self._tell()
        except OSError:
            pass
        finally:
            self.fake.connected -= 1
            self.close_connection = True

    do_POST = do_GET  # noqa: N815

    def _tell(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not self.fake._stop.is_set():
            try:
                line = self.fake.says.get(timeout=0.01)
            except queue.Empty:
                if select.select([self.connection], [], [], 0)[0]:
                    return  # a client that says something here has left
                continue
            if line is None:
                self.wfile.write(b"0\r\n\r\n")
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(line), line))

    def _refuse(self) -> None:
        body = json.dumps(
            {
                "title": "ConnectionException",
                "detail": "This stream is currently at the maximum allowed connection limit.",
                "connection_issue": "TooManyConnections",
                "type": f"{PROBLEMS}/streaming-connection",
            }
        ).encode()
        self._send(Fault(), 429, body, {})
