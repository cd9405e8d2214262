"""A server that speaks the JSON of a Discourse forum.

with DiscourseServer() as server:
    server.post(1, "<p>the parcel is lost</p>")
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import FakeServer, Reply, Request

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
NOT_SHOWN = {"errors": ["The requested URL or resource could not be found."], "error_type": "not_found"}


class DiscourseServer(FakeServer):
    """Posts live in `posts`, newest last. `is_old`: `before` counts itself in and looks at 50 numbers only."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[dict[str, Any]] = []
        self.deleted: set[int] = set()
        self.ignores_paging = False
        self.is_old = False
        self.keys: set[str] | None = None
        self.finds_a_page = 50

    def post(self, number: int, cooked: str = "", **changes: Any) -> dict[str, Any]:
        """A new post, half a minute after the last one; unknown fields of later versions included."""
        at = (START + timedelta(seconds=30 * len(self.posts))).isoformat().replace("+00:00", "Z")
        post = {
            "id": number,
            "user_id": 7,
            "username": "alice",
            "name": "Alice A.",
            "avatar_template": "/a/{size}.png",
            "created_at": at,
            "updated_at": at,
            "version": 1,
            "cooked": cooked or f"<p>post {number} about the parcel</p>",
            "raw": cooked or f"post {number} about the parcel",
            "post_number": 2,
            "post_type": 1,
            "reply_count": 1,
            "reply_to_post_number": None,
            "topic_id": 50,
            "topic_slug": "parcels",
            "topic_title": "Parcels",
            "category_id": 3,
            "actions_summary": [{"id": 2, "count": 4}, {"id": 3, "can_act": True}],
            "hidden": False,
            "deleted_at": None,
            "user_deleted": False,
            "trust_level": 1,
            "a_field_of_tomorrow": [{"deep": {"er": None}}],
            **changes,
        }
        self.posts.append(post)
        return post

    def edit(self, number: int, cooked: str, at: datetime) -> None:
        post = next(post for post in self.posts if post["id"] == number)
        post.update(cooked=cooked, version=2, updated_at=at.isoformat())

    def delete(self, number: int) -> None:
        self.posts = [post for post in self.posts if post["id"] != number]
        self.deleted.add(number)

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if self.keys is not None and request.headers.get("api-key") not in self.keys:
            return Reply({"errors": ["You are not permitted to view the requested resource."]}, 403)
        if request.path == "/posts.json":
            return Reply({"latest_posts": self._newest(request.query.get("before"))})
        if request.path == "/search.json":
            return self._search(request.query)
        if request.path.startswith("/posts/"):
            number = int(request.path.rpartition("/")[2].removesuffix(".json"))
            found = [post for post in self.posts if post["id"] == number]
            return Reply(found[0]) if found else Reply(NOT_SHOWN, 404)
        return Reply(NOT_SHOWN, 404)

    def _newest(self, before: str | None) -> list[dict[str, Any]]:
        newest_first = list(reversed(self.posts))
        if before is None or self.ignores_paging:
            return newest_first[:50]
        if self.is_old:
            return [post for post in newest_first if int(before) - 50 < post["id"] <= int(before)]
        return [post for post in newest_first if post["id"] < int(before)][:50]

    def _search(self, query: dict[str, str]) -> Reply:
        words = [word.strip('"').lower() for word in query["q"].split() if ":" not in word]
        found = [post for post in reversed(self.posts) if all(word in f"{post['cooked']}".lower() for word in words)]
        page = 1 if self.ignores_paging else int(query["page"])
        if page > 10:
            return Reply({"errors": ["page parameter must not be greater than 10"]}, 400)
        shown = found[(page - 1) * self.finds_a_page : page * self.finds_a_page]
        names = ("id", "name", "username", "created_at", "post_number", "topic_id")
        finds = [{name: post[name] for name in names} | {"blurb": "…parcel…", "like_count": 4} for post in shown]
        more = self.ignores_paging or len(found) > page * self.finds_a_page
        result = {"term": query["q"], "more_full_page_results": more or None, "error": None}
        return Reply({"posts": finds, "topics": [{"id": 50, "title": "Parcels"}], "grouped_search_result": result})
