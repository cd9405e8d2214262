"""A server that speaks the part of the YouTube Data API that is listened to, with faults to switch on.

with YouTubeServer() as server:
    video = server.video("dQw4w9WgXcQ")
    thread = server.comment(video, "hello")
    server.reply(thread, "world")
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.server import FakeServer, Fault, Reply, Request

__all__ = ["Fault", "YouTubeServer"]

START = datetime(2026, 11, 2, 10, tzinfo=UTC)
SHOWN_REPLIES = 5
DESCRIPTION_IN_A_SEARCH = 100


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


class YouTubeServer(FakeServer):
    """Videos and threads are kept oldest first. `keys` are the API keys that are good."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = {"a-token"}
        self.videos: dict[str, dict[str, Any]] = {}
        self.threads: list[dict[str, Any]] = []
        self.replies: dict[str, list[dict[str, Any]]] = {}
        self.closed: dict[str, str] = {}
        self.stale_tokens = False
        self.ignores_paging = False
        self.replies_newest_first = True
        self.spoiled_by_one = False
        self._told = 0

    def _now(self) -> str:
        self._told += 1
        return written(START + timedelta(seconds=20 * self._told))

    def video(self, id_: str, title: str = "Hirondelle, my opinion", **changes: Any) -> str:
        """A new video, later than all before."""
        snippet = {
            "publishedAt": self._now(),
            "channelId": "UCchannel",
            "channelTitle": "Bricoleur & co",
            "title": title,
            "description": "All about parcels.\nAnd more.",
            "defaultAudioLanguage": "fr",
            "liveBroadcastContent": "none",
            "a_field_of_tomorrow": {"deep": [None]},
            **changes,
        }
        statistics = {"viewCount": "1200", "likeCount": "30", "commentCount": "4"}
        self.videos[id_] = {"kind": "youtube#video", "id": id_, "snippet": snippet, "statistics": statistics}
        return id_

    def _comment(self, id_: str, video: str, text: str, **changes: Any) -> dict[str, Any]:
        now = self._now()
        snippet = {
            "channelId": "UCchannel",
            "videoId": video,
            "textDisplay": text or f"comment {id_}",
            "authorDisplayName": "@alice",
            "authorProfileImageUrl": "https://yt.example/alice.jpg",
            "authorChannelId": {"value": "UCalice"},
            "canRate": True,
            "viewerRating": "none",
            "likeCount": 2,
            "publishedAt": now,
            "updatedAt": now,
            "mood_of_tomorrow": "blue",
            **changes,
        }
        return {"kind": "youtube#comment", "etag": "x", "id": id_, "snippet": snippet}

    def comment(self, video: str, id_: str, text: str = "", **changes: Any) -> str:
        """A new top-level comment."""
        top = self._comment(id_, video, text, **changes)
        snippet = {"channelId": "UCchannel", "videoId": video, "topLevelComment": top, "canReply": True}
        self.threads.append({"kind": "youtube#commentThread", "id": id_, "snippet": snippet})
        self.replies[id_] = []
        return id_

    def reply(self, thread: str, text: str = "", **changes: Any) -> str:
        video = next(item["snippet"]["videoId"] for item in self.threads if item["id"] == thread)
        id_ = f"{thread}.r{self._told}"
        self.replies[thread].append(self._comment(id_, video, text, parentId=thread, **changes))
        return id_

    def said(self) -> dict[str, dict[str, Any]]:
        """Every comment and reply by its id."""
        tops = [thread["snippet"]["topLevelComment"] for thread in self.threads]
        return {item["id"]: item for item in [*tops, *(reply for some in self.replies.values() for reply in some)]}

    def edit(self, id_: str, text: str) -> None:
        self.said()[id_]["snippet"] |= {"textDisplay": text, "updatedAt": "2026-11-03T10:00:00Z"}

    def delete(self, id_: str) -> None:
        self.videos.pop(id_, None)
        self.threads = [thread for thread in self.threads if thread["id"] != id_]
        self.replies.pop(id_, None)
        for thread in self.replies:
            self.replies[thread] = [reply for reply in self.replies[thread] if reply["id"] != id_]

    # --- answers -------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        if request.headers.get("x-goog-api-key") not in self.keys or "key" in request.query:
            return error(400, "badRequest", "API_KEY_INVALID")
        questions = {
            "commentThreads": self._threads,
            "comments": self._comments,
            "search": self._search,
            "videos": self._videos,
        }
        question = questions.get(request.path.removeprefix("/youtube/v3/"))
        return question(request.query) if question else error(404, "notFound")

    def _threads(self, query: dict[str, str]) -> Reply:
        video = query.get("videoId")
        if video in self.closed:
            reason = self.closed[video]
            return error(404 if reason.endswith("NotFound") else 403, reason)
        threads = [item for item in self.threads if video in (None, item["snippet"]["videoId"])]
        return self._page("commentThread", [self._shown(item) for item in reversed(threads)], query)

    def _shown(self, thread: dict[str, Any]) -> dict[str, Any]:
        replies = self.replies[thread["id"]]
        shown = {"comments": replies[::-1][:SHOWN_REPLIES]} if replies else None
        snippet = {**thread["snippet"], "totalReplyCount": len(replies)}
        return {**thread, "snippet": snippet} | ({"replies": shown} if shown else {})

    def _comments(self, query: dict[str, str]) -> Reply:
        if "parentId" in query:
            if query["parentId"] not in self.replies:
                return error(404, "commentNotFound")
            replies = self.replies[query["parentId"]]
            return self._page("comment", replies[::-1] if self.replies_newest_first else replies, query)
        said, asked = self.said(), query["id"].split(",")
        if self.spoiled_by_one and not said.keys() >= set(asked):
            return error(404, "commentNotFound")
        return listed("comment", [said[id_] for id_ in asked if id_ in said])

    def _search(self, query: dict[str, str]) -> Reply:
        """Words are not looked at: YouTube finds what it deems alike."""
        after = query["publishedAfter"]
        found = [item for item in self.videos.values() if str(item["snippet"]["publishedAt"]) >= after]
        return self._page("searchResult", [self._found(item) for item in reversed(found)], query)

    @staticmethod
    def _found(video: dict[str, Any]) -> dict[str, Any]:
        snippet = video["snippet"]
        short = {**snippet, "description": snippet["description"][:DESCRIPTION_IN_A_SEARCH]}
        return {"id": {"kind": "youtube#video", "videoId": video["id"]}, "snippet": short}

    def _videos(self, query: dict[str, str]) -> Reply:
        return listed("video", [self.videos[id_] for id_ in query["id"].split(",") if id_ in self.videos])

    def _page(self, kind: str, items: list[dict[str, Any]], query: dict[str, str]) -> Reply:
        token = query.get("pageToken", "at0")
        if "pageToken" in query and self.stale_tokens:
            return error(400, "invalidPageToken")
        start, size = int(token.removeprefix("at")), int(query["maxResults"])
        shown = items[:size] if self.ignores_paging else items[start : start + size]
        following = {"nextPageToken": f"at{start + size}"} if start + size < len(items) else {}
        return listed(kind, shown, **following)


def listed(kind: str, items: list[dict[str, Any]], **more: Any) -> Reply:
    info = {"totalResults": len(items), "resultsPerPage": len(items)}
    return Reply({"kind": f"youtube#{kind}ListResponse", "etag": "x", "pageInfo": info, "items": items, **more})


def error(status: int, reason: str, detail: str = "") -> Reply:
    """An error as Google writes it."""
    told = {"code": status, "message": "said in words", "errors": [{"domain": "youtube", "reason": reason}]}
    if detail:
        told["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": detail}]
    return Reply({"error": told}, status)
